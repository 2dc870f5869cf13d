//! The committed list of public histories: which commits, and where their checkouts are looked for.
//! The list names commits, never text; fetching them is the reader's business.

use std::path::Path;

use super::history::Repository;

/// One row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `owner/name`.
    pub repository: String,
    /// Full hexadecimal id of the newest commit that is looked at.
    pub commit: String,
    /// How many commits from there are looked at.
    pub commits: usize,
    /// The language of which most of it is written; for the reader of the list.
    pub language: String,
}

/// The first line of the list.
const HEADER: &str = "repository,commit,commits,language";

/// Reads a list.
///
/// # Errors
/// The first line that is not understood, as a sentence.
pub fn parse(text: &str) -> Result<Vec<Row>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("its first line is not `{HEADER}`"));
    }
    let numbered = lines
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    numbered
        .map(|(number, line)| row(line).ok_or(format!("line {} is no row: {line}", number + 2)))
        .collect()
}

fn row(line: &str) -> Option<Row> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [repository, commit, commits, language] = fields.as_slice() else {
        return None;
    };
    let (owner, name) = repository.split_once('/')?;
    // A name becomes part of a path below.
    let plain = |word: &str| !word.is_empty() && !word.contains(['/', '\\']) && word != "..";
    let whole = commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
    (whole && plain(owner) && plain(name)).then_some(())?;
    Some(Row {
        repository: (*repository).to_owned(),
        commit: (*commit).to_owned(),
        commits: commits.parse().ok()?,
        language: (*language).to_owned(),
    })
}

impl Row {
    /// The checkout of this row below a folder, as `owner/name`, `owner+name` or `name`, each of them a
    /// work tree, a bare repository or a folder with one called `repo`; `None` where there is none.
    #[must_use]
    pub fn checkout(&self, checkouts: &Path) -> Option<Repository> {
        let name = self.repository.rsplit('/').next().unwrap_or_default();
        let joined = self.repository.replace('/', "+");
        let candidates = [self.repository.as_str(), &joined, name].map(|n| checkouts.join(n));
        let folder = candidates
            .iter()
            .flat_map(|folder| [folder.clone(), folder.join("repo")])
            .find(|folder| is_repository(folder))?;
        Some(Repository {
            name: self.repository.clone(),
            folder,
            head: self.commit.clone(),
            commits: self.commits,
        })
    }
}

fn is_repository(folder: &Path) -> bool {
    folder.join(".git").exists()
        || (folder.join("HEAD").exists() && folder.join("objects").exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_bad_ones_named() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let rows = parse(&format!("{HEADER}\no/n,{id},300,rust\n\n")).unwrap();
        assert_eq!(rows[0].repository, "o/n");
        assert_eq!(rows[0].commits, 300);
        for bad in ["o/n,123,300,rust", "o/n", "../..,0,1,c", "n,0,1,c"] {
            let text = format!("{HEADER}\n{}", bad.replace(",0,", &format!(",{id},")));
            assert!(parse(&text).unwrap_err().contains("line 2"), "{bad}");
        }
        assert!(parse("").is_err());
    }

    #[test]
    fn the_committed_list_is_read() {
        let rows = parse(include_str!("../../replay.csv")).unwrap();
        let mut languages: Vec<&str> = rows.iter().map(|row| row.language.as_str()).collect();
        languages.sort_unstable();
        languages.dedup();
        assert_eq!(
            languages,
            ["c", "go", "java", "python", "rust", "typescript"]
        );
    }
}
