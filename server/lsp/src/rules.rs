//! The workspace's own file in mid-session: it may appear or grow stricter at any time. An editor that tells
//! of it is answered in the order of the wire; for all others the disk is asked before anything leaves the
//! machine and before the index is searched, and beside the requests of somebody who types. The typing path
//! itself asks no disk.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::layers::WORKSPACE_FILE;
use crate::main_loop::{Event, Waiting};
use crate::state::State;

/// How often it is looked at beside the requests of somebody who types. A look costs microseconds, on a
/// thread of the pool.
const LOOK: Duration = Duration::from_millis(500);

impl State {
    /// Reads the files of all workspaces anew and puts them in force.
    pub(crate) fn read_rules(&mut self) {
        self.session.read_workspaces(&self.facts);
        self.resolve_settings();
    }

    /// They are other files than those that were read; `waiting` is served under them.
    pub(crate) fn rules_changed(&mut self, waiting: Option<Waiting>) {
        self.read_rules();
        if let Some((ask, reply)) = waiting {
            self.index_search(Some(ask), reply);
        }
    }

    /// The editor tells that these files were written, made or removed.
    pub(crate) fn rules_saved(&mut self, paths: &[PathBuf]) {
        let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name == WORKSPACE_FILE);
        if paths.iter().any(ours) {
            self.read_rules();
        }
    }

    /// Looks on the pool, unless that was done a moment ago.
    pub(crate) fn look_at_rules(&mut self) {
        let now = Instant::now();
        if self.session.looked.is_some_and(|at| now - at < LOOK) {
            return;
        }
        self.session.looked = Some(now);
        let (rules, events) = (self.session.rules(), self.seams.events.clone());
        let choice = self.look_at_choice();
        self.seams.runtime.spawn_blocking(move || {
            if rules.are_old() {
                events.send(Event::Rules(None));
            }
            if let Some(look) = choice {
                look();
            }
        });
    }
}
