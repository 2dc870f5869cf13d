//! One question about code from the gathering to the last word of the answer. The editor and the command
//! line run it on the same values, so that the same question gives the same prompt, byte for byte.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretoken_engine::assist::Task;
use foretoken_engine::document::Document;
use foretoken_engine::privacy::Level;

use crate::config::Settings;
use crate::config::layers::Stamps;

mod answer;
mod assemble;
pub(crate) mod canary;
mod checked;
mod digest;
mod edit;
mod example;
mod found;
pub mod gather;
mod lookups;
mod measured;
mod place;
mod prepare;
mod record;
mod rounds;
mod style;
mod tools;

pub use answer::{Edited, Outcome, Told, answer};
pub(crate) use checked::escaped;
pub use found::{Found, Search, Sought};
pub use measured::Measured;
pub use prepare::{EXCLUDED, Prepared, prepare};
pub use tools::{Tools, UNREADABLE, UNTRUSTED, Unasked};

/// Why a question goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It is refused, with a sentence for the user.
    Refused(String),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What for.
    pub task: Task,
    /// The selection in bytes of the document, empty for a cursor; `None` for a question about nothing
    /// in particular.
    pub selection: Option<Range<usize>>,
    /// What checkers say there.
    pub diagnostics: Vec<Diagnostic>,
    /// In the user's own words.
    pub words: Option<String>,
    /// Earlier questions of the same conversation, oldest first.
    pub history: Vec<Said>,
    /// The user wants a better answer than the last.
    pub deeper: bool,
    /// The last answer to this question was of no use to the user.
    pub rejected: bool,
}

/// An earlier question with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The question.
    pub asked: String,
    /// The answer, which may quote what it was made from.
    pub answered: String,
    /// The files that it was made from, absolute: it may travel as far as the strictest of them.
    pub files: Vec<PathBuf>,
}

/// What a checker said about a line of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// From 0.
    pub line: u32,
    /// Its text.
    pub message: String,
    /// Who says it.
    pub source: Option<String>,
    /// Its code.
    pub code: Option<String>,
    /// Further places that it speaks of.
    pub related: Vec<Related>,
}

/// A further place of a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Absolute.
    pub file: PathBuf,
    /// As a prompt shows it.
    pub shown: String,
    /// From 0.
    pub line: u32,
    /// What is said about it.
    pub message: String,
}

/// How far a text of the file at this absolute path may travel.
pub type LevelOf = Arc<dyn Fn(&Path) -> Level + Send + Sync>;

/// Whether the files that say what may be used have changed since. Asks the disk, on a thread that may wait.
pub(crate) async fn are_old(rules: &Stamps) -> bool {
    let rules = rules.clone();
    let look = tokio::task::spawn_blocking(move || rules.are_old());
    // Who cannot look knows nothing newer.
    look.await.unwrap_or(false)
}

/// How far a text may travel by the settings. What is excluded, and what lies outside of the project, goes
/// nowhere; the asked file counts as inside. A link counts as the name and as what it leads to, whichever is
/// stricter. Asks the disk where links lead.
pub fn level(settings: &Settings, path: &Path, (asked, project): (&Path, &Path)) -> Level {
    if !path.starts_with(project) && path != asked {
        return Level::Never;
    }
    let named = by_name(settings, path);
    // A buffer may have no file yet.
    let Ok(real) = std::fs::canonicalize(path) else {
        return named;
    };
    let root = std::fs::canonicalize(project).unwrap_or_else(|_| project.to_owned());
    match real.strip_prefix(&root) {
        // As the user writes the project's folder, so that their patterns fit.
        Ok(below) => named.tightened(by_name(settings, &project.join(below))),
        Err(_) if path == asked => named.tightened(by_name(settings, &real)),
        Err(_) => Level::Never,
    }
}

fn by_name(settings: &Settings, path: &Path) -> Level {
    if settings.completion.exclude.withholds(path) {
        Level::Never
    } else if settings.remote.local_only.matches(path) {
        Level::Local
    } else {
        settings.remote.level
    }
}

/// The project at one moment.
#[derive(Clone)]
pub struct Snapshot {
    /// The document that is asked about.
    pub document: Document,
    /// Where it lies, absolute.
    pub path: PathBuf,
    /// The project's folder, absolute.
    pub project: PathBuf,
    /// All open documents with their absolute paths.
    pub open: Vec<(PathBuf, Document)>,
    /// Where was edited lately, newest first: an index into `open` and a byte.
    pub edited: Vec<(usize, usize)>,
    /// `None` where the project has no index.
    pub search: Option<Search>,
    /// The exclusions and levels in force.
    pub level: LevelOf,
    /// The workspace's own file as it was when they were put in force.
    pub rules: Stamps,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("path", &self.path)
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}
