//! Pieces of other files for the prompts of the one that is typed in, open ones and those that the index
//! finds: from which files they may come, when they are chosen anew, and when a new set takes the place
//! of the old.
//!
//! A set is looked at in a pause or after a jump only, off the loop, and changes at most once in
//! `SWAP_PAUSE`. The prompt with the new set is run in a spare slot of the model at the lowest rank
//! (`background.rs`); until it is there, and for ever if somebody types before, the old one serves. No
//! key waits for any of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::context::{self, Ask, Candidate, Chosen, Edited, Facts};
use foretoken_engine::document::Document;
use foretoken_engine::prompt::Window;
use foretoken_grammars::Language;
use foretoken_index::Workspace;
use tokio::time::Instant;

use crate::config::settings::Context as Setting;
use crate::main_loop::{Event, Events};
use crate::pipeline::complete::Model;
use crate::pipeline::nearby;
use crate::pipeline::reindex::Indexer;
use crate::state::{Open, State};

/// A new set makes the model read the whole prompt again, so it stays at least this long. llama.vim
/// waits as long before it changes its context.
const SWAP_PAUSE: Duration = Duration::from_secs(3);

/// Files looked at, those opened last.
const MOST_FILES: usize = 24;

/// Longest file looked at, bytes: real source is shorter, and facts of more would take long.
const LONGEST: usize = 256 * 1024;

/// What a document carries for it.
#[derive(Debug, Default)]
pub(crate) struct Context {
    /// Of this text or an older one.
    facts: Option<Arc<Facts>>,
    /// When its pieces were last exchanged.
    swapped: Option<Instant>,
}

/// All that a choice needs, taken from the state at once.
#[derive(Debug)]
pub(crate) struct Asked {
    setting: Setting,
    /// The document that is typed in comes first.
    sources: Vec<Source>,
    byte: usize,
    edited: Vec<Edited>,
    held: Arc<[Chosen]>,
    /// What knows the files that are not open, and where the document lies.
    index: Option<(Indexer, PathBuf)>,
}

/// One open file that may be shown to the model.
#[derive(Debug)]
struct Source {
    uri: String,
    opening: u64,
    document: Document,
    facts: Option<Arc<Facts>>,
}

impl State {
    /// What the choice of pieces for this place needs. `None` where the pieces stay as they are:
    /// switched off, or exchanged a moment ago; then it is looked at again when that is over.
    pub(crate) fn ask_context(&mut self, uri: &str, byte: usize) -> Option<Asked> {
        let open = self.documents.get(uri)?;
        let setting = self.settings.completion.context;
        if setting == Setting::Off {
            return None;
        }
        let again = open.context.swapped.map(|at| at + SWAP_PAUSE);
        if let Some(again) = again.filter(|again| *again > Instant::now()) {
            self.session.look_again(again);
            return None;
        }
        let mut others: Vec<(&String, &Open)> = self
            .documents
            .iter()
            .filter(|(other, other_open)| {
                other.as_str() != uri
                    && self.are_one_project(open, other_open)
                    && other_open.is_source()
                    && self.lends(other_open)
            })
            .collect();
        others.sort_by_key(|(_, open)| std::cmp::Reverse(open.opening));
        let this = self.documents.get_key_value(uri)?;
        let used = std::iter::once(this).chain(others).take(MOST_FILES);
        let sources: Vec<Source> = used.map(|(uri, open)| open.as_source(uri)).collect();
        let places = self.recent.places().filter_map(|place| {
            let is_it = |source: &Source| source.opening == place.document;
            Some(Edited {
                file: sources.iter().position(is_it)?,
                byte: place.byte,
            })
        });
        let edited = places.collect();
        Some(Asked {
            setting,
            byte,
            edited,
            held: Arc::clone(open.window.offered()),
            index: self.index.handle().map(|index| (index, open.path.clone())),
            sources,
        })
    }

    /// Whether text of one may be shown to the model for the other: both lie in one folder that the
    /// editor has open, or outside of all of them side by side.
    pub(crate) fn are_one_project(&self, one: &Open, other: &Open) -> bool {
        let folders = &self.facts.folders;
        match (project(&one.path, folders), project(&other.path, folders)) {
            (None, None) => one.path.parent() == other.path.parent(),
            (one, other) => one == other,
        }
    }

    /// Facts that were made off the loop.
    pub(crate) fn take_facts(&mut self, uri: &str, opening: u64, facts: Arc<Facts>) {
        if let Some(open) = self.documents.get_mut(uri)
            && open.opening == opening
        {
            open.context.facts = Some(facts);
        }
    }

    /// Takes the window of a prepared prompt, unless its pieces may not be shown any more: while it was
    /// prepared a setting may have changed or a file have been closed.
    pub(crate) fn exchange_window(&mut self, uri: &str, window: Window) {
        let Some(open) = self.documents.get(uri) else {
            return;
        };
        let others = window.offered() != open.window.offered();
        if others
            && !window
                .offered()
                .iter()
                .all(|chosen| self.may_show(open, chosen))
        {
            return;
        }
        if let Some(open) = self.documents.get_mut(uri) {
            open.window = window;
            if others {
                open.context.swapped = Some(Instant::now());
                self.counts.exchanges += 1;
            }
        }
    }

    fn may_show(&self, open: &Open, chosen: &Chosen) -> bool {
        let path = chosen.piece.path.as_str();
        let is_source = |other: &Open| {
            other.document.path() == path && self.are_one_project(open, other) && self.lends(other)
        };
        self.settings.completion.context != Setting::Off
            && (self.documents.values().any(is_source) || self.index_lends(open, path))
    }

    /// Whether text of a file that is not open may be shown, as the index lends it: below the document's
    /// own folder only, and never what no suggestion may see.
    fn index_lends(&self, open: &Open, path: &str) -> bool {
        let Some(folder) = project(&open.path, &self.facts.folders) else {
            return false;
        };
        let (file, language) = (folder.join(path), Language::from_path(path));
        let completion = &self.settings.completion;
        self.index.handle().is_some()
            && language.is_some_and(|language| completion.allows(&file, language))
            && !completion.exclude.withholds(&file)
    }

    /// Nothing of other files stays in any prompt: what may be shown has changed.
    pub(crate) fn forget_pieces(&mut self) {
        for open in self.documents.values_mut() {
            if !open.window.offered().is_empty() {
                open.window = Window::default();
            }
        }
    }
}

impl Open {
    fn is_source(&self) -> bool {
        !self.out_of_step
            && self.document.len_bytes() <= LONGEST
            && self.document.language().has_scopes()
    }

    fn as_source(&self, uri: &str) -> Source {
        Source {
            uri: uri.to_owned(),
            opening: self.opening,
            document: self.document.clone(),
            facts: self.context.facts.clone(),
        }
    }
}

impl Asked {
    /// Chooses, on the blocking pool. Facts made on the way go to the loop. `None` when `stop` says
    /// that somebody types again.
    pub(crate) async fn choose(
        self,
        model: &Model,
        stop: impl Fn() -> bool + Send + 'static,
        events: Events,
    ) -> Option<Arc<[Chosen]>> {
        let model = model.clone();
        let work = move || self.choose_now(&model, &stop, &events);
        tokio::task::spawn_blocking(work).await.ok()?
    }

    fn choose_now(
        mut self,
        model: &Model,
        stop: &dyn Fn() -> bool,
        events: &Events,
    ) -> Option<Arc<[Chosen]>> {
        if !self.setting.shows(model.info.pieces) || model.info.budget.context == 0 {
            return Some(Arc::default());
        }
        let mut files: Vec<Arc<Facts>> = Vec::new();
        for source in &mut self.sources {
            if stop() {
                return None;
            }
            files.push(source.facts(stop, events));
        }
        let this = files.first()?;
        // What is in no related language keeps its number, so that edited places find their files.
        let unlike: Vec<usize> = (0..files.len())
            .filter(|&at| !this.is_akin(&files[at]))
            .collect();
        let nothing = Document::open("", foretoken_grammars::Language::Text, 0, "");
        let nothing = Arc::new(Facts::of(&nothing));
        for at in unlike {
            files[at] = Arc::clone(&nothing);
        }
        let ask = Ask {
            files: &files,
            this: 0,
            document: files[0].document(),
            byte: self.byte,
            edited: &self.edited,
            budget: &model.info.budget,
        };
        let mut candidates = context::candidates(&ask, &self.held);
        if let Some(index) = &self.index {
            candidates.extend(self.indexed(index, &files));
            candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        }
        let count = |text: &str| model.infer.count(text);
        let chosen = context::choose(&candidates, &self.held, ask.budget.context, &count);
        Some(chosen.into())
    }

    /// What the index has, all open files left out.
    fn indexed(
        &self,
        (indexer, file): &(Indexer, PathBuf),
        files: &[Arc<Facts>],
    ) -> Vec<Candidate> {
        let workspaces = indexer.workspaces();
        let holds = |index: &&Arc<Workspace>| file.starts_with(index.root());
        let nearest = workspaces.iter().filter(holds);
        let nearest = nearest.max_by_key(|index| index.root().as_os_str().len());
        // A root that the editor reaches through a link holds the file all the same.
        let only = match workspaces.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        let Some(index) = nearest.or(only) else {
            return Vec::new();
        };
        let is_known = |path: &str| self.sources.iter().any(|s| s.document.path() == path);
        let asked = nearby::Asked {
            index,
            file,
            document: files[0].document(),
            facts: &files[0],
            byte: self.byte,
            is_known: &is_known,
        };
        nearby::candidates(asked, &self.held)
    }
}

impl Source {
    /// Its facts; made anew where its text has changed since.
    fn facts(&mut self, stop: &dyn Fn() -> bool, events: &Events) -> Arc<Facts> {
        let is_of_this = |facts: &&Arc<Facts>| {
            let older = facts.document();
            older.version() == self.document.version() && !older.parse_pending()
        };
        if let Some(facts) = self.facts.as_ref().filter(is_of_this) {
            return Arc::clone(facts);
        }
        self.document.reparse(&mut || stop());
        let facts = Arc::new(Facts::of(&self.document));
        events.send(Event::Facts {
            uri: self.uri.clone(),
            opening: self.opening,
            facts: Arc::clone(&facts),
        });
        facts
    }
}

/// The innermost of the editor's folders that a file lies in.
fn project<'a>(path: &Path, folders: &'a [PathBuf]) -> Option<&'a PathBuf> {
    let around = folders.iter().filter(|folder| path.starts_with(folder));
    around.max_by_key(|folder| folder.as_os_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Item;
    use crate::state::tests::{URI, session};

    fn open(state: &mut State, uri: &str, text: &str) {
        let item = Item { version: 1, text };
        state.open(uri.to_owned(), 2, "rust", item);
    }

    fn paths(state: &mut State, uri: &str) -> Option<Vec<String>> {
        let asked = state.ask_context(uri, 0)?;
        let mut uris: Vec<String> = asked.sources.into_iter().map(|s| s.uri).collect();
        uris[1..].sort();
        Some(uris)
    }

    #[tokio::test]
    async fn pieces_come_from_one_project_only() {
        let (mut state, _events) = session("fn a() {}");
        for uri in [
            "file:///w/one/a.rs",
            "file:///w/one/b.rs",
            "file:///w/one/deep/c.rs",
            "file:///w/two/d.rs",
            "file:///w/one/sub/e.rs",
            "file:///elsewhere/f.rs",
            "file:///elsewhere/deep/g.rs",
            "file:///elsewhere/h.rs",
        ] {
            open(&mut state, uri, "fn x() {}");
        }
        state.facts.folders = ["/w/one", "/w/two", "/w/one/sub"].map(PathBuf::from).into();
        let mut of = |uri: &str| paths(&mut state, uri).unwrap();
        assert_eq!(
            of("file:///w/one/a.rs"),
            [
                "file:///w/one/a.rs",
                "file:///w/one/b.rs",
                "file:///w/one/deep/c.rs"
            ]
        );
        assert_eq!(of("file:///w/two/d.rs"), ["file:///w/two/d.rs"]);
        assert_eq!(of("file:///w/one/sub/e.rs"), ["file:///w/one/sub/e.rs"]);
        assert_eq!(
            of("file:///elsewhere/f.rs"),
            ["file:///elsewhere/f.rs", "file:///elsewhere/h.rs"]
        );
        assert_eq!(of(URI), [URI]);
    }

    #[tokio::test]
    async fn what_may_not_be_suggested_in_is_no_source() {
        let (mut state, _events) = session("fn a() {}");
        open(&mut state, "file:///b.rs", "fn x() {}");
        open(&mut state, "file:///server.pem", "secret");
        open(
            &mut state,
            "file:///large.rs",
            &"fn x() {}\n".repeat(30_000),
        );
        open(&mut state, "file:///lost.rs", "fn x() {}");
        state.unreadable(Some("file:///lost.rs"));
        assert_eq!(paths(&mut state, URI).unwrap(), [URI, "file:///b.rs"]);
    }

    #[tokio::test]
    async fn after_an_exchange_the_set_stays_for_a_while() {
        let (mut state, _events) = session("fn a() {}");
        open(&mut state, "file:///b.rs", "fn b() {}");
        assert!(state.ask_context(URI, 0).is_some());
        let window = |path: &str| {
            let chosen = Chosen {
                piece: foretoken_engine::prompt::Piece {
                    path: path.to_owned(),
                    text: "fn b() {}\n".to_owned(),
                },
                name: "b".to_owned(),
                lines: 0..1,
                why: context::Why::Edited,
                tokens: 9,
            };
            Window::default().offering([chosen].into())
        };
        state.exchange_window(URI, Window::default());
        // A file that was closed or excluded in the meantime.
        state.exchange_window(URI, window("closed.rs"));
        assert_eq!(state.counts.exchanges, 0);
        for _ in 0..2 {
            state.exchange_window(URI, window("b.rs"));
            assert_eq!(state.counts.exchanges, 1);
        }
        assert!(state.ask_context(URI, 0).is_none());
        // It is looked at again by itself when the time has come.
        assert!(
            state
                .next_deadline()
                .is_some_and(|at| at <= Instant::now() + SWAP_PAUSE)
        );
        let open = state.documents.get_mut(URI).unwrap();
        open.context.swapped = Instant::now().checked_sub(SWAP_PAUSE);
        assert!(state.ask_context(URI, 0).is_some());
        state.forget_pieces();
        assert!(state.documents[URI].window.offered().is_empty());
    }
}
