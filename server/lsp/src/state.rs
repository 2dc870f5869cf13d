//! What the server knows, owned by the loop: documents, settings, facts about the client, totals.
//! Everybody else gets a snapshot. Methods here change state and send values away; they never wait.
//! Requests for suggestions are in `attempts.rs`, the model and the settings in `session.rs`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use foretoken_engine::context::Recent;
use foretoken_engine::document::{Change, Document, Edit, OutOfStep};
use foretoken_engine::lookup::Lookup;
use foretoken_engine::place::Place;
use foretoken_engine::position::{Position, to_byte};
use foretoken_engine::prompt::Window;
use foretoken_engine::rejected::Rejected;
use foretoken_engine::suggestion::{Reject, Source};
use foretoken_grammars::Language;
use tokio::time::Instant;

use crate::assist::Assists;
use crate::client::Facts;
use crate::config::Settings;
use crate::context::Context;
use crate::counts::Counts;
use crate::effort::Effort;
use crate::flight::Flight;
use crate::index::Index;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::offers::{Dismissed, Offers, Origin};
use crate::pipeline::cache::Cache;
use crate::pipeline::report::{Report, source_name};
use crate::proto::uri;
use crate::session::{Seams, Session};
use crate::speculation::Written;

/// How long a parse may hold up the loop; the rest of it runs on the blocking pool. Start value.
const PARSE_LIMIT: Duration = Duration::from_millis(2);

/// A pause in typing of this length lets suffix and window be looked at anew.
const TYPING_REST: Duration = Duration::from_millis(400);

/// A cursor that was put somewhere and rests this long makes its place worth preparing. Value of
/// Cody's preload.
const POINTED_REST: Duration = Duration::from_millis(150);

/// A document that was changed in this tick.
#[derive(Debug)]
struct Dirty {
    uri: String,
    /// Its flight knows of the change.
    carried: bool,
}

/// The loop's own.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) seams: Seams,
    pub(crate) session: Session,
    pub(crate) settings: Arc<Settings>,
    pub(crate) facts: Facts,
    pub(crate) documents: HashMap<String, Open>,
    /// The document that was changed, asked about or focused last: only there is anything begun
    /// before it is asked for.
    pub(crate) active: Option<String>,
    /// The documents that were changed in this tick.
    dirty: Vec<Dirty>,
    /// Whether the active document was changed in this tick.
    pub(crate) touched: bool,
    pub(crate) cache: Cache,
    pub(crate) offers: Offers,
    pub(crate) counts: Counts,
    pub(crate) effort: Effort,
    /// What was put away, for a while.
    pub(crate) rejected: Rejected,
    /// Numbers flights, and what runs behind them.
    pub(crate) flights: u64,
    /// What the model wrote last, for the drafts of what it writes next.
    pub(crate) written: Written,
    /// The place behind a shown text that was computed last.
    pub(crate) ahead_done: Option<u64>,
    /// Documents opened so far.
    opened: u64,
    pub(crate) index: Index,
    /// Questions about code and their answers.
    pub(crate) assists: Assists,
    /// Where was edited lately, by the documents' openings.
    pub(crate) recent: Recent,
    /// What is kept of the counts when the session has ended.
    pub(crate) metrics: Metrics,
    /// What is learned of the user's style.
    pub(crate) memory: Memory,
}

/// One open document.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) document: Document,
    /// Absolute, for the rules of exclusion; what a prompt shows is the document's own.
    pub(crate) path: PathBuf,
    /// `State::opened` when it was opened: two openings may have the same version of different texts.
    pub(crate) opening: u64,
    /// Wire number of the last message that changed it: a request with a lower one was written for
    /// an older text.
    pub(crate) wire: u64,
    /// Our text may differ from the editor's.
    pub(crate) out_of_step: bool,
    /// A parse runs on the blocking pool.
    pub(crate) parsing: bool,
    /// What the last change did, for the trigger.
    pub(crate) last: LastChange,
    /// Where the cursor is, as far as changes and hints tell; in bytes.
    pub(crate) cursor: Option<usize>,
    /// Carried from prompt to prompt.
    pub(crate) window: Window,
    pub(crate) context: Context,
    pub(crate) lookup: Option<Lookup>,
    /// `State::opened` when `lookup` was built last.
    learned: u64,
    pub(crate) flight: Option<Flight>,
    /// Where the last flight ended without a text, and why. The request that it was made for may come
    /// after its end, and need not run the model once more.
    pub(crate) nothing: Option<(Place, Reject)>,
    /// How the last completion went.
    pub(crate) report: Option<Report>,
}

impl Open {
    /// Where a suggestion of this writer for this document is counted.
    pub(crate) fn origin(&self, source: Source) -> Origin {
        Origin {
            language: self.document.language().id(),
            by: source_name(source),
        }
    }
}

/// What one change did.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastChange {
    /// It took text away and put none in its place.
    pub(crate) deleted: bool,
    /// Separate places that it touched.
    pub(crate) places: usize,
    /// Where each of its edits ended, in bytes of the text after all of them: what it did matters to a
    /// cursor that is still there, and of several cursors any may be the one that asks.
    pub(crate) ends: Vec<usize>,
    /// When it was applied; `None` before the first.
    pub(crate) at: Option<Instant>,
}

impl State {
    pub(crate) fn new(seams: Seams, session: Session, index: Index) -> State {
        State {
            settings: Arc::new(session.settings()),
            seams,
            session,
            facts: Facts::default(),
            documents: HashMap::new(),
            active: None,
            dirty: Vec::new(),
            touched: false,
            cache: Cache::default(),
            offers: Offers::default(),
            counts: Counts::default(),
            effort: Effort::default(),
            rejected: Rejected::default(),
            flights: 0,
            written: Written::default(),
            ahead_done: None,
            opened: 0,
            index,
            assists: Assists::default(),
            recent: Recent::default(),
            metrics: Metrics::default(),
            memory: Memory::default(),
        }
    }

    pub(crate) fn open(&mut self, uri: String, wire: u64, language_id: &str, item: Item<'_>) {
        // A second `didOpen` replaces the first; whoever waits on the old text is answered.
        self.forget(&uri);
        self.opened += 1;
        let path = uri::path_of(&uri);
        let language = Language::detect(language_id, &path);
        let shown = shown_path(Path::new(&path), &self.facts.folders);
        let document = Document::open(&shown, language, item.version, item.text);
        let open = Open {
            document,
            path: PathBuf::from(path),
            opening: self.opened,
            wire,
            out_of_step: false,
            parsing: false,
            last: LastChange::default(),
            cursor: None,
            window: Window::default(),
            context: Context::default(),
            lookup: None,
            learned: self.opened,
            flight: None,
            nothing: None,
            report: None,
        };
        self.documents.insert(uri.clone(), open);
        self.language_opened(language);
        self.parse_elsewhere(&uri);
        self.learn_elsewhere(&uri);
        self.index_changed(&uri);
        self.active = Some(uri);
    }

    /// Applies one notification's changes. A change that does not fit leaves the document as it was
    /// and out of step: offering something for another text would be worse than offering nothing.
    pub(crate) fn change(
        &mut self,
        uri: &str,
        wire: u64,
        version: Option<i32>,
        changes: &[Change],
    ) {
        self.counts.changes += 1;
        let encoding = self.facts.encoding;
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        open.wire = wire;
        let version = version.unwrap_or_else(|| open.document.version().saturating_add(1));
        let whole = changes.iter().rposition(|change| change.range.is_none());
        let changes = match whole {
            // What came before a replacement of the whole text does not matter any more, and may
            // be what could not be applied.
            Some(whole) => &changes[whole..],
            None if open.out_of_step => return,
            None => changes,
        };
        // The parse is left to `settle`: of many changes in one tick only the last one's matters.
        match open
            .document
            .apply(version, changes, encoding, &mut || true)
        {
            Ok(applied) => {
                open.out_of_step = false;
                if applied.version_fell {
                    self.counts.versions_fell += 1;
                    tracing::warn!(version, "a document's version did not grow");
                }
                self.changed(uri, &applied.edits);
            }
            Err(OutOfStep::RangeOutside { change }) => {
                tracing::warn!(version, change, "a change lies outside its document");
                self.lost_step(uri);
            }
        }
        match self.dirty.iter_mut().find(|dirty| dirty.uri == uri) {
            Some(dirty) => dirty.carried = false,
            None => self.dirty.push(Dirty {
                uri: uri.to_owned(),
                carried: false,
            }),
        }
    }

    /// After the writes of a tick: says what the changes mean for the running flights. The trees stay behind until
    /// [`State::settle_first`] or [`State::settle_rest`], since a text at hand is given without them.
    pub(crate) fn settle(&mut self) {
        let fresh = |dirty: &mut Dirty| {
            let fresh = !std::mem::replace(&mut dirty.carried, true);
            fresh.then(|| dirty.uri.clone())
        };
        let uris: Vec<String> = self.dirty.iter_mut().filter_map(fresh).collect();
        for uri in uris {
            self.carry_flight(&uri);
        }
    }

    /// Brings the tree of one document up to date, if it was changed in this tick, as far as there is time: before
    /// something that depends on it.
    pub(crate) fn settle_first(&mut self, uri: &str) {
        let Some(at) = self.dirty.iter().position(|dirty| dirty.uri == uri) else {
            return;
        };
        let dirty = self.dirty.swap_remove(at);
        if let Some(open) = self.documents.get_mut(uri) {
            let limit = Clock::now() + PARSE_LIMIT;
            open.document.reparse(&mut || Clock::now() >= limit);
            if !dirty.carried {
                self.carry_flight(uri);
            }
            self.parse_elsewhere(uri);
            self.index_changed(uri);
        }
    }

    /// After the requests of a tick: the same for all others.
    pub(crate) fn settle_rest(&mut self) {
        while let Some(uri) = self.dirty.last().map(|dirty| dirty.uri.clone()) {
            self.settle_first(&uri);
        }
    }

    /// After an applied change: what it means for the offer on the screen and for the flight.
    fn changed(&mut self, uri: &str, edits: &[Edit]) {
        if edits.is_empty() {
            return;
        }
        self.metrics.survival.edited(uri, edits);
        if let Some(accepted) = self.offers.edited(uri, edits)
            && (self.metrics.keeps() || self.learns())
        {
            self.metrics.survival.follow(uri, accepted);
        }
        self.key_typed();
        self.metrics.typed();
        let ends = ends(edits);
        let end = ends.last().copied().unwrap_or_default();
        if let Some(open) = self.documents.get_mut(uri) {
            open.last = LastChange {
                deleted: edits.iter().all(|edit| edit.inserted.is_empty()),
                places: places(edits),
                ends,
                at: Some(Instant::now()),
            };
            open.cursor = Some(end);
            self.recent.edited(open.opening, edits);
        }
        self.activate(uri);
        self.touched = true;
        self.session.rest_for(TYPING_REST);
    }

    /// The user is in this document now. What was opened since it was learned from is taken in.
    pub(crate) fn activate(&mut self, uri: &str) {
        if self.active.as_deref() == Some(uri) {
            return;
        }
        if let Some(open) = self.documents.get_mut(uri) {
            let older = std::mem::replace(&mut open.learned, self.opened) < self.opened;
            self.active = Some(uri.to_owned());
            if older {
                self.learn_elsewhere(uri);
            }
        }
    }

    /// A plugin's hint where the cursor rests.
    pub(crate) fn cursor(&mut self, uri: String, position: Position) {
        if let Some(open) = self.documents.get_mut(&uri) {
            open.cursor = to_byte(open.document.rope(), position, self.facts.encoding);
            self.session.rest_for(POINTED_REST);
            self.activate(&uri);
        }
    }

    /// A plugin's word that the user turned an offer down.
    pub(crate) fn dismissed(&mut self, id: &str) {
        if let Some(dismissed) = self.offers.dismissed(id) {
            let Dismissed {
                uri,
                place,
                text,
                used,
            } = dismissed;
            self.cache.dismiss(&uri, &place, used);
            let now = self.effort.now();
            self.rejected.put_away(&uri, &place, (&text, used), now);
            self.effort.dismissed(self.offers.totals.accepted);
        }
    }

    /// Nothing of a closed document is kept but its suggestions, for the case that it is opened again.
    pub(crate) fn close(&mut self, uri: &str) {
        if let Some(open) = self.documents.get(uri) {
            self.index_closed(&open.path);
        }
        self.forget(uri);
        if self.active.as_deref() == Some(uri) {
            self.active = None;
        }
    }

    /// Lets a document go and answers whoever waits on it.
    fn forget(&mut self, uri: &str) {
        self.session.drop_pending(uri, &mut self.counts);
        self.offers.clear(uri);
        self.metrics.survival.closed(uri);
        self.rejected.forget(uri);
        let open = self.documents.remove(uri);
        if let Some(open) = &open {
            self.recent.forget(open.opening);
        }
        if let Some(flight) = open.and_then(|open| open.flight) {
            self.counts.superseded += flight.waiters.len() as u64;
            flight.supersede();
        }
    }

    /// A document message of a shape that cannot be read.
    pub(crate) fn unreadable(&mut self, uri: Option<&str>) {
        tracing::warn!("a document notification cannot be read");
        if let Some(uri) = uri {
            self.lost_step(uri);
        }
    }

    /// From here on nothing is offered in this document until its text is known again.
    fn lost_step(&mut self, uri: &str) {
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        if !std::mem::replace(&mut open.out_of_step, true) {
            self.counts.out_of_step += 1;
        }
        self.offers.clear(uri);
        self.supersede_flight(uri);
    }

    /// Whether text of this document may serve suggestions in others.
    pub(crate) fn lends(&self, open: &Open) -> bool {
        self.allows(open) && !self.settings.completion.exclude.withholds(&open.path)
    }

    /// Whether suggestions are wanted in this document.
    pub(crate) fn allows(&self, open: &Open) -> bool {
        self.settings
            .completion
            .allows(&open.path, open.document.language())
    }
}

/// What `didOpen` says about a text.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub(crate) version: i32,
    pub(crate) text: &'a str,
}

/// The path that a prompt shows: below the innermost of the folders that contain it, else the name
/// alone. The same file in the same project is shown alike to the model wherever the project lies.
pub fn shown_path(path: &Path, folders: &[PathBuf]) -> String {
    let below = folders
        .iter()
        .filter_map(|folder| path.strip_prefix(folder).ok())
        .filter(|rest| !rest.as_os_str().is_empty())
        .min_by_key(|rest| rest.as_os_str().len());
    let shown = below.or_else(|| path.file_name().map(Path::new));
    // One spelling on every system.
    shown.map_or(String::new(), |shown| {
        shown.to_string_lossy().replace('\\', "/")
    })
}

/// Where each of these edits ends in the text after all of them; of very many only the last.
fn ends(edits: &[Edit]) -> Vec<usize> {
    const MOST: usize = 64;
    let mut ends: Vec<usize> = Vec::new();
    for edit in &edits[edits.len().saturating_sub(MOST)..] {
        for end in &mut ends {
            // What lies behind an edit moves with it.
            if *end >= edit.start + edit.removed_len {
                *end = *end - edit.removed_len + edit.inserted.len();
            }
        }
        ends.push(edit.start + edit.inserted.len());
    }
    ends
}

/// How many separate places these edits touch. Characters typed one after the other, and a deletion
/// with what is put in its place, are one.
fn places(edits: &[Edit]) -> usize {
    let mut count = 0;
    let mut last: Option<std::ops::RangeInclusive<usize>> = None;
    for edit in edits {
        let end = edit.start + edit.inserted.len();
        let next_to = last.as_ref().is_some_and(|last| {
            last.contains(&edit.start) || last.contains(&(edit.start + edit.removed_len))
        });
        last = match last.filter(|_| next_to) {
            Some(last) => Some(*last.start().min(&edit.start)..=end.max(edit.start)),
            None => {
                count += 1;
                Some(edit.start..=end)
            }
        };
    }
    count
}

#[cfg(test)]
pub(crate) mod tests {
    use tokio::sync::{mpsc, watch};

    use super::*;
    use crate::config::Layers;
    use crate::main_loop::{Event, Events};
    use crate::outbox::Outbox;

    pub(crate) const URI: &str = "file:///a.rs";

    /// A session without a model, so that the words of the file answer, with one document; and what
    /// its tasks report.
    pub(crate) fn session(text: &str) -> (State, mpsc::UnboundedReceiver<Event>) {
        let (events, received) = Events::channel();
        let seams = Seams {
            outbox: Outbox::new(events.clone()),
            events,
            closing: watch::channel(false).0,
            runtime: tokio::runtime::Handle::current(),
        };
        let session = Session::new(Layers::default(), None, None, None);
        let mut state = State::new(seams, session, Index::default());
        state.open(URI.to_owned(), 1, "rust", Item { version: 1, text });
        (state, received)
    }

    fn edit(start: usize, removed_len: usize, inserted: &str) -> Edit {
        Edit {
            start,
            removed: "x".repeat(removed_len),
            removed_len,
            inserted: inserted.to_owned(),
        }
    }

    #[test]
    fn typing_is_one_place_and_cursors_are_several() {
        assert_eq!(places(&[]), 0);
        assert_eq!(
            places(&[edit(5, 0, "a"), edit(6, 0, "b"), edit(7, 0, "c")]),
            1
        );
        assert_eq!(places(&[edit(5, 3, ""), edit(5, 0, "abc")]), 1);
        assert_eq!(places(&[edit(8, 1, ""), edit(7, 1, ""), edit(6, 1, "")]), 1);
        assert_eq!(places(&[edit(50, 0, "a"), edit(5, 0, "a")]), 2);
    }

    #[test]
    fn paths_are_shown_below_their_folder() {
        let folders = [PathBuf::from("/w/a"), PathBuf::from("/w/a/sub")];
        let shown = |path: &str| shown_path(Path::new(path), &folders);
        assert_eq!(shown("/w/a/src/x.rs"), "src/x.rs");
        assert_eq!(shown("/w/a/sub/src/x.rs"), "src/x.rs");
        assert_eq!(shown("/elsewhere/src/x.rs"), "x.rs");
        assert_eq!(shown("Untitled-1"), "Untitled-1");
        assert_eq!(shown(""), "");
    }
}
