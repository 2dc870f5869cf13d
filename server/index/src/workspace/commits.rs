//! The commits of a workspace beside its files: which of them answer a question, and when a file was changed
//! last and by whom.

use std::sync::Arc;

use super::{Workspace, lock};
use crate::history::{Commit, History};

/// Commits whose files a first walk reads before all others.
const RECENT: usize = 200;

impl Workspace {
    /// Reads the newest commits, unless those of this very HEAD are known. Reads the repository's objects: not
    /// for a thread that somebody waits for.
    pub fn read_history(&self, stop: &dyn Fn() -> bool) {
        self.read_newest(usize::MAX, stop);
    }

    /// Those commits whose files are likely asked for first.
    pub(super) fn read_recent(&self, stop: &dyn Fn() -> bool) {
        self.read_newest(RECENT, stop);
    }

    fn read_newest(&self, limit: usize, stop: &dyn Fn() -> bool) {
        let known = self.history();
        if !known.is_of(&self.root, limit) {
            let history = History::read(&self.root, limit, stop);
            *lock(&self.history) = Arc::new(history);
        }
    }

    pub(super) fn history(&self) -> Arc<History> {
        Arc::clone(&lock(&self.history))
    }

    /// The commits that answer a question best, at most `limit`, as far as they were read: none of files alone
    /// that must not be found, and of the others no path of such a file.
    pub fn commits(&self, question: &str, limit: usize) -> Vec<Commit> {
        let rules = self.rules();
        let history = self.history();
        let shown = |commit: &Commit| {
            let paths = commit.paths.iter();
            let paths = paths.filter(|path| !rules(&self.root.join(&***path)));
            let paths: Vec<Arc<str>> = paths.cloned().collect();
            let withheld = paths.is_empty() && !commit.paths.is_empty();
            (!withheld).then(|| Commit {
                paths,
                ..commit.clone()
            })
        };
        let found = history.search(question, usize::MAX).into_iter();
        found
            .filter_map(|(commit, _)| shown(commit))
            .take(limit)
            .collect()
    }

    /// The newest commit that changed a file, as far as they were read: its path from the root, with slashes.
    pub fn last_change(&self, path: &str) -> Option<Commit> {
        self.history().last(path).cloned()
    }

    /// Puts first what is open, then what the newest commits changed, so that an index is of use before it is
    /// complete.
    pub(super) fn likely_first(&self, paths: &mut [&String]) {
        let (open, history) = (self.seen().overlay, self.history());
        paths.sort_by_key(|path| (!open.contains_key(path.as_str()), history.age(path)));
    }
}
