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

mod answer;
mod assemble;
mod checked;
mod digest;
mod edit;
mod found;
pub mod gather;
mod lookups;
mod place;
mod prepare;
mod record;
mod rounds;
mod tools;

pub use answer::{Edited, Outcome, Told, answer};
pub(crate) use checked::escaped;
pub use found::{Found, Search, Sought};
pub use prepare::{Prepared, prepare};
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
    /// Earlier questions of the same conversation with their answers, oldest first.
    pub history: Vec<(String, String)>,
    /// The user wants a better answer than the last.
    pub deeper: bool,
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

/// How far a text may travel by the settings. What is excluded, and what lies outside of the project, goes
/// nowhere; the asked file counts as inside.
pub fn level(settings: &Settings, path: &Path, (asked, project): (&Path, &Path)) -> Level {
    let outside = !path.starts_with(project) && path != asked;
    if outside || settings.completion.exclude.withholds(path) {
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
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("path", &self.path)
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}
