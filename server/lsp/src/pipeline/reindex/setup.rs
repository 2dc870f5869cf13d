//! What an indexer is started with, and what it tells.

use std::fmt;
use std::path::PathBuf;

use foretoken_index::Rules;
use foretoken_infer::library::Places;

use crate::config::Encoders as Chosen;

/// What an index of the session has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Files are read; so many of so many.
    Reading {
        /// Done.
        done: usize,
        /// In all.
        of: usize,
    },
    /// All files were looked at.
    Ready,
    /// A folder has no index, or not the whole of one; a sentence.
    Failed(String),
    /// The user's embedder and reranker were read; a sentence for each that is not used.
    Encoders(Vec<String>),
}

/// What an indexer is started with.
pub struct Setup {
    /// The folders of the session.
    pub folders: Vec<PathBuf>,
    /// The program's cache.
    pub cache: PathBuf,
    /// Never taken for a folder of a session.
    pub home: PathBuf,
    /// What must not be read.
    pub rules: Rules,
    /// What orders hits beyond their words, and where its library may lie.
    pub encoders: (Chosen, Places),
    /// Hears of what happens, from the indexer's threads.
    pub told: Box<dyn Fn(Report) + Send + Sync>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("folders", &self.folders)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
