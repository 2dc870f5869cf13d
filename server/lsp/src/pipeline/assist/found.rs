//! What the index of a project is asked for a question about code, and what it gives: chunks by words,
//! definitions of what the code uses, places that use it, and commits that speak of it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretoken_engine::source::Source;
use foretoken_index::{Commit, Defined, Definition, Hit, Reference, Workspace};

use crate::calendar::day;

/// Looking for the uses of a name parses files; the most time that it takes, after which it gives what it has.
const USES: Duration = Duration::from_millis(250);
/// Paths of a commit that are told.
const PATHS: usize = 12;

/// What is looked for.
#[derive(Clone, Debug)]
pub enum Sought {
    /// Chunks that answer this question.
    Hits(String),
    /// Commits that answer it.
    Commits(String),
    /// Definitions of what these bytes of a text use.
    Definitions {
        /// The text of the file that is asked about, saved or not.
        text: Arc<str>,
        /// Which part of it.
        bytes: Range<usize>,
    },
    /// Places that use this definition of the file that is asked about.
    References {
        /// Its own name.
        name: String,
        /// Its lines, from 0, the end exclusive.
        lines: Range<u32>,
    },
}

/// A chunk, or a commit, that the index found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// From the project's folder, with slashes; `None` of a commit.
    pub path: Option<String>,
    /// From 0, the end exclusive.
    pub lines: Range<u32>,
    /// What it can be used for.
    pub source: Source,
    /// The day of its last change, `YYYY-MM-DD`, where the history tells it.
    pub updated: Option<String>,
    /// Read again from the file.
    pub text: String,
}

/// Asks the index of the project: what for, and the most that is wanted; best first. It may block.
pub type Search = Arc<dyn Fn(&Sought, usize) -> Vec<Found> + Send + Sync>;

impl Found {
    /// Asks a workspace about a file, whose absolute path this is.
    pub fn all(index: &Workspace, file: &Path, sought: &Sought, most: usize) -> Vec<Found> {
        let mut found: Vec<Found> = match sought {
            Sought::Hits(question) => {
                let answer = index.search(question, most, &|_| true);
                let hits = answer.map(|answer| answer.hits).unwrap_or_else(|error| {
                    tracing::warn!(%error, "a search failed");
                    Vec::new()
                });
                hits.into_iter().map(Found::from).collect()
            }
            Sought::Commits(question) => {
                let found = index.commits(question, most);
                found.into_iter().map(Found::from).collect()
            }
            Sought::Definitions { text, bytes } => {
                let Some(path) = index.relative(file) else {
                    return Vec::new();
                };
                let found = index.definitions(&path, text, bytes.clone(), most);
                found.into_iter().map(Found::from).collect()
            }
            Sought::References { name, lines } => {
                let Some(path) = index.relative(file) else {
                    return Vec::new();
                };
                let of = Defined {
                    name,
                    path: &path,
                    lines,
                };
                let begun = Instant::now();
                let found = index.references(of, most, &|| begun.elapsed() > USES);
                found.into_iter().map(Found::from).collect()
            }
        };
        for one in &mut found {
            let change = one.path.as_deref().and_then(|path| index.last_change(path));
            one.updated = one.updated.take().or(change.map(|commit| day(commit.time)));
        }
        found
    }
}

impl From<Hit> for Found {
    fn from(hit: Hit) -> Found {
        Found {
            path: Some(hit.path),
            lines: hit.lines,
            source: hit.source,
            updated: None,
            text: hit.text,
        }
    }
}

impl From<Definition> for Found {
    fn from(one: Definition) -> Found {
        Found {
            source: Source::of(&one.path),
            path: Some(one.path),
            lines: one.lines,
            updated: None,
            text: one.text,
        }
    }
}

impl From<Reference> for Found {
    fn from(one: Reference) -> Found {
        Found {
            source: if one.is_test {
                Source::Test
            } else {
                Source::Code
            },
            path: Some(one.path),
            lines: one.lines,
            updated: None,
            text: one.text,
        }
    }
}

/// Who wrote a commit is nobody's business but the user's: the text says what and where.
impl From<Commit> for Found {
    fn from(commit: Commit) -> Found {
        let id = &commit.id[..commit.id.floor_char_boundary(12)];
        let mut text = format!("Commit {id}: {}", commit.message);
        if !commit.paths.is_empty() {
            let paths: Vec<&str> = commit
                .paths
                .iter()
                .map(|path| &**path)
                .take(PATHS)
                .collect();
            text += &format!("\n\nIt changed {}.", paths.join(", "));
        }
        Found {
            path: None,
            lines: 0..0,
            source: Source::Commit,
            updated: Some(day(commit.time)),
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_tells_what_and_where_and_not_who() {
        let found = Found::from(Commit {
            id: "0123456789abcdef0123".to_owned(),
            message: "Keep the walrus\n\nIt swims.".to_owned(),
            author: "Somebody".into(),
            time: 0,
            paths: vec!["src/a.rs".into()],
        });
        assert_eq!(
            found.text,
            "Commit 0123456789ab: Keep the walrus\n\nIt swims.\n\nIt changed src/a.rs."
        );
        assert_eq!(found.updated.as_deref(), Some("1970-01-01"));
    }
}
