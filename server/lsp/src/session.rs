//! One session from `initialize` to its end: settings, the model's loading, problems that are told
//! once, the wait before a request, the editor's process. The documents are not its business.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foretoken_engine::document::Document;
use foretoken_grammars::Language;
use foretoken_infer as infer;
use foretoken_infer::Infer;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tower_lsp::gen_lsp_types::InitializeResult;

use crate::ahead::Standing;
use crate::capabilities;
use crate::client::Facts;
use crate::config::layers::Stamps;
use crate::config::{Layers, Settings};
use crate::counts::Counts;
use crate::flight::{Answer, Waiter};
use crate::index;
use crate::main_loop::{Events, Reply};
use crate::model::Awaited;
use crate::models::Chosen;
use crate::outbox::{Outbox, Outgoing};
use crate::parent::{self, Polled};
use crate::paths::Paths;
use crate::proto::facts;
use crate::seats::{self, Seats};
use crate::speculation::Off;
use crate::state::State;

/// How long the end waits for a model that is just being loaded and for the books' last rows; with the
/// rest of the end it stays under the second that an editor allows.
const END_LIMIT: Duration = Duration::from_millis(800);

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

/// See the module's header.
pub(crate) struct Session {
    layers: Layers,
    /// How to start the model; `None` makes it from the settings.
    pub(crate) options: Option<infer::Options>,
    /// Where the models of this user lie; without it the settings alone say which is used.
    pub(crate) paths: Option<Paths>,
    /// A model that was handed in, until the session begins.
    given: Option<Infer>,
    /// The models that answer.
    pub(crate) seats: Seats,
    /// What the user had chosen when that was looked at last; `None` where no choice is followed.
    pub(crate) chosen: Option<Chosen>,
    /// Sentences that the user has seen.
    pub(crate) told: HashSet<String>,
    pub(crate) initialized: bool,
    /// A progress was begun and not ended.
    pub(crate) in_progress: bool,
    shutdown_asked: bool,
    /// At most one for each document and method.
    pending: Vec<Pending>,
    /// When the pause that began with the last key or cursor hint is long enough.
    rest: Option<Instant>,
    pub(crate) moves: Moves,
    /// A text that the user looks at, until they type or go elsewhere.
    pub(crate) standing: Option<Standing>,
    /// Switched off for a measurement.
    pub(crate) off: Off,
    /// The editor's process, where it has to be looked for.
    parent: Option<Polled>,
    /// When the workspaces' files were looked at last, beside other work.
    pub(crate) looked: Option<Instant>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("seats", &self.seats)
            .field("initialized", &self.initialized)
            .finish_non_exhaustive()
    }
}

/// How often the user typed or went elsewhere, for work that is of use only at one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moves(Arc<AtomicU64>);

impl Moves {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Says later whether the user has moved on since this call.
    pub(crate) fn since_now(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let (moves, now) = (Arc::clone(&self.0), self.0.load(Ordering::Relaxed));
        move || moves.load(Ordering::Relaxed) != now
    }
}

/// A request that waits for the end of the debounce.
#[derive(Debug)]
struct Pending {
    uri: String,
    due: Instant,
    document: Document,
    waiter: Waiter,
}

impl Session {
    pub(crate) fn new(
        layers: Layers,
        options: Option<infer::Options>,
        infer: Option<Infer>,
        paths: Option<Paths>,
    ) -> Session {
        Session {
            layers,
            options,
            paths,
            given: infer,
            seats: Seats::default(),
            chosen: None,
            told: HashSet::new(),
            initialized: false,
            in_progress: false,
            shutdown_asked: false,
            pending: Vec::new(),
            rest: None,
            moves: Moves::default(),
            standing: None,
            off: Off::of_environment(),
            parent: None,
            looked: None,
        }
    }

    /// Reads the workspaces' files; none of a workspace that the user does not trust, where nothing but what
    /// the editor shows is read and they have nothing left to forbid.
    pub(crate) fn read_workspaces(&mut self, facts: &Facts) {
        let folders = match facts.untrusted {
            true => &[],
            false => facts.folders.as_slice(),
        };
        self.layers.set_workspaces(folders);
    }

    /// What the workspaces' files were when they were read.
    pub(crate) fn rules(&self) -> Stamps {
        self.layers.stamps()
    }

    /// A workspace's settings file that cannot be read might forbid more than we know.
    pub(crate) fn is_workspace_file_broken(&self) -> bool {
        index::is_broken(&self.layers.resolve().problems)
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Settings {
        self.layers.resolve().settings
    }

    /// What a task needs to ask the model of this language.
    pub(crate) fn model(&self, language: Language) -> Awaited {
        self.seats.model(language)
    }

    /// How the model stands that answers wherever no language has its own.
    pub(crate) fn model_state(&self) -> infer::State {
        self.seats.state(None)
    }

    /// Whether the language's model is there, so that beginning something unasked makes sense.
    pub(crate) fn model_answers(&self, language: Language) -> bool {
        matches!(self.seats.state(Some(language)), infer::State::Ready(_))
    }

    /// Lets a request wait for the end of the debounce.
    pub(crate) fn put_pending(
        &mut self,
        uri: &str,
        wait: Duration,
        document: Document,
        waiter: Waiter,
    ) {
        self.pending.push(Pending {
            uri: uri.to_owned(),
            due: Instant::now() + wait,
            document,
            waiter,
        });
    }

    pub(crate) fn is_pending(&self, uri: &str) -> bool {
        self.pending.iter().any(|pending| pending.uri == uri)
    }

    /// Answers the waiting requests of a document as superseded.
    pub(crate) fn drop_pending(&mut self, uri: &str, counts: &mut Counts) {
        for pending in self.pending.extract_if(.., |pending| pending.uri == uri) {
            counts.superseded += 1;
            pending.waiter.answer.supersede();
        }
    }

    /// The same for the one of the method that `answer` belongs to.
    pub(crate) fn drop_pending_like(&mut self, uri: &str, answer: &Answer, counts: &mut Counts) {
        let like =
            |pending: &mut Pending| pending.uri == uri && pending.waiter.answer.is_like(answer);
        for pending in self.pending.extract_if(.., like) {
            counts.superseded += 1;
            pending.waiter.answer.supersede();
        }
    }

    /// Begins to wait for a pause of this length: the user typed or went elsewhere.
    pub(crate) fn rest_for(&mut self, pause: Duration) {
        self.moves.count();
        self.standing = None;
        self.rest = Some(Instant::now() + pause);
    }

    /// Takes the pause up again at this time, unless somebody types before.
    pub(crate) fn look_again(&mut self, at: Instant) {
        self.rest.get_or_insert(at);
    }
}

impl State {
    pub(crate) fn initialize(&mut self, params: &Value) -> InitializeResult {
        self.facts = facts::facts(params);
        self.session.layers.set_initialization(&self.facts.options);
        self.session.read_workspaces(&self.facts);
        self.resolve_settings();
        match self.session.given.take() {
            Some(given) => self.watch_given(given),
            None => self.start_models(),
        }
        let watched = self.facts.process_id;
        self.session.parent = watched.and_then(|pid| parent::watch(pid, &self.seams.events));
        capabilities::initialize_result(&self.facts, self.settings.completion.menu)
    }

    pub(crate) fn initialized(&mut self) {
        self.session.initialized = true;
        if self.facts.configuration {
            self.seams.outbox.send(Outgoing::AskSettings);
        }
        if self.facts.settings_watch {
            self.seams.outbox.send(Outgoing::WatchSettings);
        }
        // What could not be said before.
        self.resolve_settings();
        self.tell_model();
    }

    /// `workspace/didChangeConfiguration`: some clients send what changed, others only that
    /// something did.
    pub(crate) fn configure(&mut self, settings: &Value) {
        let nothing = settings.is_null() || settings.as_object().is_some_and(|map| map.is_empty());
        if nothing && self.facts.configuration {
            self.seams.outbox.send(Outgoing::AskSettings);
        } else {
            self.take_settings(settings);
        }
    }

    /// The client's settings in any of their forms, pushed or answered.
    pub(crate) fn take_settings(&mut self, settings: &Value) {
        self.session.layers.set_editor(settings);
        self.resolve_settings();
    }

    /// Puts the settings of all layers in force. A problem is told once, and only when the client can
    /// show it.
    pub(crate) fn resolve_settings(&mut self) {
        let resolved = self.session.layers.resolve();
        let before = Arc::clone(&self.settings);
        if *self.settings != resolved.settings {
            self.forget_results();
            self.settings = Arc::new(resolved.settings);
            self.effort.switch(self.settings.completion.governor);
            self.tell_status();
        }
        if self.session.initialized {
            for problem in resolved.problems {
                self.tell(&problem.sentence);
            }
            self.index_settle(Some(&before));
        }
    }

    /// What was found under other settings or by another model may not be wanted any more.
    pub(crate) fn forget_results(&mut self) {
        self.cache.clear();
        self.forget_pieces();
        for open in self.documents.values_mut() {
            open.nothing = None;
        }
    }

    /// Ends all work; the reply goes out behind everything that was said before it.
    pub(crate) fn shutdown_asked(&mut self, reply: Reply<()>) {
        self.session.shutdown_asked = true;
        self.end_work();
        self.assists_cancel();
        self.progress_end("the session ends".to_owned());
        self.seams.outbox.send(Outgoing::Close(reply));
    }

    /// The editor has gone without a word.
    pub(crate) fn parent_ended(&mut self) {
        tracing::info!("the editor's process has ended");
        self.session.parent = None;
        self.close_session();
    }

    /// Nobody asks any more: ends all work and lets the transport run out.
    pub(crate) fn close_session(&mut self) {
        self.end_work();
        self.assists_cancel();
        let _ = self.seams.closing.send(true);
    }

    /// Ends every attempt and answers whoever waits. True if anything was under way.
    pub(crate) fn end_work(&mut self) -> bool {
        let uris: Vec<String> = self.documents.keys().cloned().collect();
        let before = self.counts.superseded;
        let mut flying = false;
        self.session.standing = None;
        for uri in uris {
            self.session.drop_pending(&uri, &mut self.counts);
            flying |= self
                .documents
                .get(&uri)
                .is_some_and(|open| open.flight.is_some());
            self.supersede_flight(&uri);
        }
        flying || self.counts.superseded > before
    }

    /// The last act; true when the client asked for it first.
    pub(crate) async fn shut_down(mut self) -> bool {
        self.end_work();
        self.metrics_end();
        self.index_stop("the session has ended");
        let limit = Instant::now() + END_LIMIT;
        let _ = tokio::time::timeout_at(limit, self.assists_settled()).await;
        let _ = tokio::time::timeout_at(limit, self.memory.settled()).await;
        // The process ends next. ONNX Runtime must not be at work then: its global objects are
        // taken down by the exit handlers (seen: a crash in one of 80 ends while it loaded).
        let own = self.session.seats.take_own();
        while own.iter().any(seats::is_loading) && Instant::now() < limit {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for infer in own {
            infer.shutdown();
        }
        self.session.shutdown_asked
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let pending = self.session.pending.iter().map(|pending| pending.due).min();
        let parent = self.session.parent.as_ref().map(Polled::due);
        let standing = self.session.standing.as_ref().map(Standing::due);
        [
            pending,
            parent,
            standing,
            self.session.rest,
            self.metrics.due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due by now.
    pub(crate) fn run_due(&mut self) {
        let now = Instant::now();
        let due =
            |pending: &mut Pending| pending.due <= now || pending.waiter.answer.is_cancelled();
        let due: Vec<Pending> = self.session.pending.extract_if(.., due).collect();
        for pending in due {
            if pending.waiter.answer.is_cancelled() {
                self.counts.cancelled += 1;
                continue;
            }
            self.join_or_start(&pending.uri, pending.document, pending.waiter);
        }
        if self.session.rest.take_if(|at| *at <= now).is_some() {
            self.prepare();
        }
        let stood = |standing: &mut Standing| standing.due() <= now;
        if let Some(standing) = self.session.standing.take_if(stood) {
            self.begin_behind(standing);
        }
        self.metrics_due(now);
        let parent = self.session.parent.as_mut();
        if parent.is_some_and(|parent| parent.has_ended(now)) {
            self.parent_ended();
        }
        self.speculate();
    }
}
