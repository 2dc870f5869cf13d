//! A repository as a source of hunks and of files at a commit: everything goes through `git`, which is
//! asked and never told to change anything, so a bare mirror serves as well as a checkout.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use foretoken_tests::process;

use super::hunks::{self, Hunk};

/// A repository and the part of its history that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// What the report calls it.
    pub name: String,
    /// Work tree or bare repository.
    pub folder: PathBuf,
    /// The newest commit that is looked at.
    pub head: String,
    /// How many commits from there are looked at, merges not counted.
    pub commits: usize,
}

/// File endings that are typed, the editor's word for the language, and the group that it is reported
/// under: the six languages of the protocol.
const LANGUAGES: &[(&str, &str, &str)] = &[
    ("rs", "rust", "rust"),
    ("py", "python", "python"),
    ("ts", "typescript", "typescript"),
    ("mts", "typescript", "typescript"),
    ("tsx", "typescriptreact", "typescript"),
    ("js", "javascript", "typescript"),
    ("mjs", "javascript", "typescript"),
    ("go", "go", "go"),
    ("java", "java", "java"),
    ("c", "c", "c"),
    ("h", "c", "c"),
    ("cc", "cpp", "c"),
    ("cpp", "cpp", "c"),
    ("hpp", "cpp", "c"),
];

/// Folders whose files nobody of the project typed.
const FOREIGN: &[&str] = &["vendor", "node_modules", "third_party", "dist", "generated"];

/// The editor's word for a file's language and its group; `None` for what is not typed here.
#[must_use]
pub fn language(path: &str) -> Option<(&'static str, &'static str)> {
    let (_, ending) = path.rsplit_once('.')?;
    let foreign = path.split('/').any(|part| FOREIGN.contains(&part));
    let found = LANGUAGES.iter().find(|(known, ..)| *known == ending);
    found
        .filter(|_| !foreign && !path.contains(".min."))
        .map(|(_, id, group)| (*id, *group))
}

impl Repository {
    /// A repository by its folder, from its present commit on.
    #[must_use]
    pub fn at(folder: &Path, commits: usize) -> Repository {
        let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = full.file_name().map(|name| name.to_string_lossy());
        Repository {
            name: name.map_or_else(|| folder.display().to_string(), |name| name.into_owned()),
            folder: folder.to_owned(),
            head: "HEAD".to_owned(),
            commits,
        }
    }

    /// The hunks of the history, newest first.
    ///
    /// # Errors
    /// What git says, as a sentence.
    pub fn hunks(&self) -> Result<Vec<Hunk>, String> {
        let commits = self.commits.to_string();
        let mut words = vec![
            "log",
            "--no-merges",
            "--max-count",
            &commits,
            "--format=%x00%H",
            "--patch",
            "--unified=0",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
            "--diff-filter=AM",
            &self.head,
            "--",
        ];
        let patterns: Vec<String> = LANGUAGES.iter().map(|(e, ..)| format!("*.{e}")).collect();
        words.extend(patterns.iter().map(String::as_str));
        let log = self.git(&words)?;
        let found = hunks::parse(&String::from_utf8_lossy(&log));
        Ok(found
            .into_iter()
            .filter(|hunk| language(&hunk.path).is_some())
            .collect())
    }

    /// A file as a commit has it; `None` where that is no UTF-8.
    ///
    /// # Errors
    /// What git says, as a sentence.
    pub fn text(&self, commit: &str, path: &str) -> Result<Option<String>, String> {
        let bytes = self.git(&["cat-file", "blob", &format!("{commit}:{path}")])?;
        Ok(String::from_utf8(bytes).ok())
    }

    fn git(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let output = process::program("git")
            .args(["-c", "core.quotePath=false", "-C"])
            .arg(&self.folder)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("git cannot be started: {e}"))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("it says nothing");
        Err(format!("{}: git: {said}", self.folder.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_known_by_their_endings() {
        assert_eq!(language("src/a.rs"), Some(("rust", "rust")));
        assert_eq!(
            language("web/App.tsx"),
            Some(("typescriptreact", "typescript"))
        );
        for none in ["README.md", "vendor/a.go", "lib/x.min.js", "Makefile"] {
            assert_eq!(language(none), None, "{none}");
        }
    }
}
