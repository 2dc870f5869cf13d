//! What the server knows, owned by the loop: documents, settings, facts about the client, counts.
//! Everybody else gets a snapshot. Methods here change state and send values away; they never wait.

use std::collections::HashMap;
use std::sync::Arc;

use foretoken_engine::document::{Document, OutOfStep};
use foretoken_engine::position::Position;
use foretoken_grammars::Language;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tower_lsp::gen_lsp_types::{CompletionList, InitializeResult, InlineCompletionList};

use crate::capabilities;
use crate::client::Facts;
use crate::config::Settings;
use crate::main_loop::{Event, Events, Refusal, Reply};
use crate::outbox::Outbox;
use crate::proto::from::{self, CommandAsk, CompletionAsk};

/// How long a parse may hold up the loop; the rest of it runs on the blocking pool. Start value.
const PARSE_LIMIT: std::time::Duration = std::time::Duration::from_millis(2);

/// The ways out of the loop.
#[derive(Debug)]
pub(crate) struct Seams {
    pub(crate) events: Events,
    pub(crate) outbox: Outbox,
    /// Set to true when the session is over, so that the transport gets its last grace.
    pub(crate) closing: watch::Sender<bool>,
    /// Where pipelines and long parses run.
    pub(crate) runtime: tokio::runtime::Handle,
}

/// The loop's own.
#[derive(Debug)]
pub(crate) struct State {
    seams: Seams,
    settings: Arc<Settings>,
    facts: Facts,
    documents: HashMap<String, Open>,
    shutdown_asked: bool,
    dropped: u64,
    slow_ticks: u64,
    panics: u64,
}

/// One open document.
#[derive(Debug)]
pub(crate) struct Open {
    document: Document,
    /// Wire number of the last message that changed it: a request with a lower one was written for
    /// an older text.
    wire: u64,
    /// Our text may differ from the editor's.
    out_of_step: bool,
    /// A parse runs on the blocking pool.
    parsing: bool,
}

impl State {
    pub(crate) fn new(settings: Settings, seams: Seams) -> State {
        State {
            seams,
            settings: Arc::new(settings),
            facts: Facts::default(),
            documents: HashMap::new(),
            shutdown_asked: false,
            dropped: 0,
            slow_ticks: 0,
            panics: 0,
        }
    }

    pub(crate) fn initialize(&mut self, params: &Value) -> InitializeResult {
        self.facts = from::facts(params);
        capabilities::initialize_result(&self.facts, self.settings.completion.menu)
    }

    pub(crate) fn initialized(&mut self) {}

    pub(crate) fn shutdown_asked(&mut self) {
        self.shutdown_asked = true;
    }

    /// Nobody asks any more: ends all work and lets the transport run out.
    pub(crate) fn close_session(&mut self) {
        let _ = self.seams.closing.send(true);
    }

    /// The last act; true when the client asked for it first.
    pub(crate) fn shut_down(&mut self) -> bool {
        self.shutdown_asked
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        None
    }

    pub(crate) fn run_due(&mut self) {}

    pub(crate) fn count_slow_tick(&mut self) {
        self.slow_ticks += 1;
    }

    pub(crate) fn count_dropped(&mut self) {
        self.dropped += 1;
    }

    pub(crate) fn panicked(&mut self, place: &str) {
        self.panics += 1;
        tracing::error!(place, "a panic was caught");
    }

    pub(crate) fn open(&mut self, uri: String, language_id: &str, version: i32, text: &str) {
        let path = from::path_of(&uri);
        let language = Language::detect(language_id, &path);
        let document = Document::open(&path, language, version, text);
        let open = Open {
            document,
            wire: 0,
            out_of_step: false,
            parsing: false,
        };
        self.documents.insert(uri.clone(), open);
        self.parse_elsewhere(&uri);
    }

    /// Applies one notification's changes. A change that does not fit leaves the document as it was
    /// and out of step: offering something for another text would be worse than offering nothing.
    pub(crate) fn change(
        &mut self,
        uri: &str,
        wire: u64,
        version: Option<i32>,
        changes: &[foretoken_engine::document::Change],
    ) {
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
        let limit = std::time::Instant::now() + PARSE_LIMIT;
        let mut stop = || std::time::Instant::now() >= limit;
        match open.document.apply(version, changes, encoding, &mut stop) {
            Ok(_applied) => open.out_of_step = false,
            Err(OutOfStep::RangeOutside { .. }) => open.out_of_step = true,
        }
        self.parse_elsewhere(uri);
    }

    pub(crate) fn close(&mut self, uri: &str) {
        self.documents.remove(uri);
    }

    pub(crate) fn unreadable(&mut self, uri: Option<&str>) {
        if let Some(open) = uri.and_then(|uri| self.documents.get_mut(uri)) {
            open.out_of_step = true;
        }
    }

    /// Takes up a parse that was given up, on the blocking pool, one at a time for each document.
    fn parse_elsewhere(&mut self, uri: &str) {
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        if open.parsing || !open.document.parse_pending() {
            return;
        }
        open.parsing = true;
        let mut snapshot = open.document.clone();
        let events = self.seams.events.clone();
        let uri = uri.to_owned();
        self.seams.runtime.spawn_blocking(move || {
            snapshot.reparse(&mut || false);
            events.send(Event::Parsed { uri, snapshot });
        });
    }

    pub(crate) fn parsed(&mut self, uri: &str, snapshot: &Document) {
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        open.parsing = false;
        if let Some(tree) = snapshot.tree() {
            open.document.adopt_tree(snapshot.version(), tree.clone());
        }
        self.parse_elsewhere(uri);
    }

    pub(crate) fn focus(&mut self, _uri: &str) {}

    pub(crate) fn cursor(&mut self, _uri: &str, _position: Position) {}

    pub(crate) fn configure(&mut self, _settings: &Value) {}

    pub(crate) fn shown(&mut self, _id: &str) {}

    pub(crate) fn partly_accepted(&mut self, _id: &str, _length: usize) {}

    pub(crate) fn dismissed(&mut self, _id: &str) {}

    pub(crate) fn inline(
        &mut self,
        _wire: u64,
        _ask: Option<CompletionAsk>,
        reply: Reply<InlineCompletionList>,
    ) {
        reply.send(InlineCompletionList::default());
    }

    pub(crate) fn completion(
        &mut self,
        _wire: u64,
        _ask: Option<CompletionAsk>,
        reply: Reply<CompletionList>,
    ) {
        reply.send(CompletionList::default());
    }

    pub(crate) fn command(&mut self, _ask: Option<CommandAsk>) -> Result<Value, Refusal> {
        Ok(Value::Null)
    }
}
