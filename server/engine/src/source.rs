//! Where a text of a workspace comes from, which says what it can be used for: code is quoted, documentation
//! and commit messages are read.

use crate::rank;

/// What a text is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Source {
    /// The project's own code, and whatever is nothing else.
    Code,
    /// A test.
    Test,
    /// Written for people: prose, and all that lies in a folder of documentation.
    Docs,
    /// The message of a commit.
    Commit,
}

/// Folders of documentation, lowercased.
const FOLDERS: [&str; 6] = ["doc", "docs", "documentation", "man", "rfcs", "wiki"];
/// Endings of prose.
const PROSE: [&str; 6] = [".md", ".mdx", ".rst", ".txt", ".adoc", ".org"];

impl Source {
    /// Of what stands in the file at this path from the workspace's root, with slashes.
    pub fn of(path: &str) -> Source {
        let path = path.to_lowercase();
        let is_prose = PROSE.iter().any(|ending| path.ends_with(ending));
        if is_prose || rank::is_below(&path, &FOLDERS) {
            Source::Docs
        } else if rank::is_test(&path) {
            Source::Test
        } else {
            Source::Code
        }
    }

    /// A word for people and for JSON.
    pub fn word(self) -> &'static str {
        match self {
            Source::Code => "code",
            Source::Test => "test",
            Source::Docs => "docs",
            Source::Commit => "commit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_known_by_its_place() {
        for (path, expected) in [
            ("src/a.rs", Source::Code),
            ("src/docs.rs", Source::Code),
            ("src/document/a.rs", Source::Code),
            ("README.md", Source::Docs),
            ("CHANGES.TXT", Source::Docs),
            ("docs/conf.py", Source::Docs),
            ("web/Docs/a.ts", Source::Docs),
            ("tests/a.rs", Source::Test),
            ("tests/cases.md", Source::Docs),
            ("Makefile", Source::Code),
        ] {
            assert_eq!(Source::of(path), expected, "{path}");
        }
    }
}
