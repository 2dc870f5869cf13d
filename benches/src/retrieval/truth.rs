//! The committed truth: which commit of which repository changes which files. Ids and paths only; the
//! subject that is asked with, and every text, is read from the repository.

/// Which of the two sets a repository belongs to. Weights are chosen on the one and reported on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// Weights may be fitted to it.
    Tune,
    /// Nothing is ever fitted to it.
    Report,
}

impl Set {
    /// The word of the command line and of the tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Set::Tune => "tune",
            Set::Report => "report",
        }
    }

    /// The committed list of the set.
    #[must_use]
    pub fn committed(self) -> &'static str {
        match self {
            Set::Tune => include_str!("../../retrieval/tune.csv"),
            Set::Report => include_str!("../../retrieval/report.csv"),
        }
    }
}

/// A commit as a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// `owner/name`.
    pub repository: String,
    /// The commit whose tree is searched; older than every commit that is asked about.
    pub base: String,
    /// The commit whose subject is the question.
    pub commit: String,
    /// Source files that it changes and that exist in the tree, sorted; at least one.
    pub gold: Vec<String>,
}

/// The first line of a list.
pub const HEADER: &str = "repository,base,commit,gold";

/// Reads a list.
///
/// # Errors
/// The first line that is not understood, as a sentence.
pub fn parse(text: &str) -> Result<Vec<Query>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("its first line is not `{HEADER}`"));
    }
    lines
        .enumerate()
        .map(|(number, line)| row(line).ok_or(format!("line {} is no row: {line}", number + 2)))
        .collect()
}

fn row(line: &str) -> Option<Query> {
    let [repository, base, commit, gold] =
        line.splitn(4, ',').collect::<Vec<_>>().try_into().ok()?;
    let id = |word: &str| word.len() == 40 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let (owner, name) = repository.split_once('/')?;
    // A name becomes part of a path.
    let plain = |word: &str| !word.is_empty() && !word.contains(['/', '\\']) && word != "..";
    let good = id(base) && id(commit) && plain(owner) && plain(name) && !gold.is_empty();
    good.then(|| Query {
        repository: repository.to_owned(),
        base: base.to_owned(),
        commit: commit.to_owned(),
        gold: gold.split(';').map(str::to_owned).collect(),
    })
}

/// Writes a list that [`parse`] reads.
#[must_use]
pub fn text(queries: &[Query]) -> String {
    let mut text = format!("{HEADER}\n");
    for query in queries {
        let gold = query.gold.join(";");
        text += &format!(
            "{},{},{},{gold}\n",
            query.repository, query.base, query.commit
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_they_are_written() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let query = Query {
            repository: "o/n".to_owned(),
            base: id.to_owned(),
            commit: id.replace('0', "f"),
            gold: vec!["a/b.rs".to_owned(), "c, d.rs".to_owned()],
        };
        assert_eq!(parse(&text(std::slice::from_ref(&query))), Ok(vec![query]));
        for bad in ["o/n,12,34,a.rs", "../..,ID,ID,a.rs", "o/n,ID,ID,", "o/n"] {
            let list = format!("{HEADER}\n{}\n", bad.replace("ID", id));
            assert!(parse(&list).unwrap_err().contains("line 2"), "{bad}");
        }
    }

    #[test]
    fn the_committed_lists_are_read_and_share_no_repository() {
        let tune = parse(Set::Tune.committed()).unwrap();
        let report = parse(Set::Report.committed()).unwrap();
        let shared = tune.iter().find(|query| {
            report
                .iter()
                .any(|other| other.repository == query.repository)
        });
        assert_eq!(shared, None);
    }
}
