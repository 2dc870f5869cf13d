//! The loop that owns everything: `Event` lists what can wake the server, `run` is the one place
//! that changes `State`. A tick takes one event, drains what else is ready, applies what changes
//! something in the order of arrival and then answers requests.
//! Do not wait for anything here but the next event or the earliest deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use foretoken_engine::context::Facts;
use foretoken_engine::document::{Change, Document};
use foretoken_engine::lookup::Lookup;
use foretoken_engine::position::Position;
use foretoken_engine::prompt::Window;
use foretoken_infer as infer;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tower_lsp::gen_lsp_types::{CompletionList, InitializeResult, InlineCompletionList};

use crate::ahead::Gone;
use crate::assist::Report;
use crate::flight::{self, Answer};
use crate::models::Chosen;
use crate::outbox;
use crate::pipeline::reindex;
use crate::power::Supply;
use crate::proto::action::CodeActionAsk;
use crate::proto::from::{CommandAsk, CompletionAsk, SearchAsk};
use crate::serve::{Fault, TICK};
use crate::state::{Item, State};

/// Most events of one tick, so that a flood of edits cannot hold back answers for ever.
const DRAIN: usize = 256;

/// A tick longer than this is counted: a frame at 50 Hz, the shortest delay that an eye can see.
const SLOW_TICK: Duration = Duration::from_millis(20);

/// A tick longer than this is logged as a fault.
const STUCK_TICK: Duration = Duration::from_secs(1);

/// All that can wake the server.
#[derive(Debug)]
pub(crate) enum Event {
    /// The client has read our answer to `initialize`.
    Initialized,
    /// A notification in the order of the wire. `wire` is its number there.
    Notification {
        wire: u64,
        notification: Notification,
    },
    /// A request; its number may be lower than that of notifications that came before it here.
    Request { wire: u64, request: Request },
    /// A notification outside the session, counted and otherwise ignored.
    Dropped,
    /// Something panicked and was caught.
    Panicked { place: String },
    /// A parse off the loop ended; the snapshot carries the new tree. `opening` is that of the document.
    Parsed {
        uri: String,
        opening: u64,
        snapshot: Document,
    },
    /// The look-up of a document was built off the loop.
    Learned { uri: String, lookup: Lookup },
    /// What the choice of pieces has to know of a document was made off the loop.
    Facts {
        uri: String,
        opening: u64,
        facts: Arc<Facts>,
    },
    /// A flight has something to say.
    Flight {
        uri: String,
        id: u64,
        report: flight::Report,
    },
    /// What comes behind a text that is shown was computed.
    Ahead(Box<Gone>),
    /// The prompt for a resting place was made anew and is in the model's cache.
    Prepared {
        uri: String,
        opening: u64,
        version: i32,
        window: Window,
    },
    /// A model stands otherwise than before.
    Model { seat: u64, state: infer::State },
    /// The user has chosen other models.
    Chose(Chosen),
    /// The client answered for its settings.
    Settings(Value),
    /// A workspace's own file is another one than that which was read.
    Rules(Option<Waiting>),
    /// What the index has to say.
    Index(reindex::Report),
    /// What an answer to a question about code has to say.
    Assist { id: u64, report: Report },
    /// The user chose a button of a question of ours.
    Chosen(outbox::Chosen),
    /// The client changed a text as it was asked to, or did not.
    Applied { id: u64, applied: bool },
    /// Where the machine's power comes from now.
    Power(Supply),
    /// The editor's process has ended without a word.
    ParentEnded,
    /// The notification `exit`.
    Exit,
    /// The client closed our input without a word.
    InputClosed,
    /// The transport has ended: nobody can be answered any more.
    Stop,
}

/// A search that waits until the workspaces' files are read anew.
pub(crate) type Waiting = (SearchAsk, Reply<Value>);

/// What a client tells us without asking anything.
#[derive(Debug)]
pub(crate) enum Notification {
    Opened {
        uri: String,
        language_id: String,
        version: i32,
        text: String,
    },
    Changed {
        uri: String,
        version: Option<i32>,
        changes: Vec<Change>,
    },
    Closed {
        uri: String,
    },
    /// A document message of a shape that cannot be read.
    Unreadable {
        uri: Option<String>,
    },
    /// Files of these paths were written, made or removed.
    Saved {
        paths: Vec<PathBuf>,
    },
    Focused {
        uri: String,
    },
    Cursor {
        uri: String,
        position: Position,
    },
    /// The user ended an answer by its progress bar.
    AnswerCancelled {
        id: u64,
    },
    /// The `settings` of `workspace/didChangeConfiguration`.
    Configuration(Value),
    Shown {
        id: String,
    },
    PartlyAccepted {
        id: String,
        length: usize,
    },
    Dismissed {
        id: String,
    },
}

/// What a client asks, with where to answer. `ask` is `None` where it could not be read.
#[derive(Debug)]
pub(crate) enum Request {
    Initialize {
        params: Value,
        reply: Reply<InitializeResult>,
    },
    Shutdown {
        reply: Reply<()>,
    },
    Inline {
        ask: Option<CompletionAsk>,
        reply: Reply<InlineCompletionList>,
    },
    Completion {
        ask: Option<CompletionAsk>,
        reply: Reply<CompletionList>,
    },
    Search {
        ask: Option<SearchAsk>,
        reply: Reply<Value>,
    },
    Actions {
        ask: Option<CodeActionAsk>,
        reply: Reply<Value>,
    },
    Command {
        ask: Option<CommandAsk>,
        reply: Reply<Value>,
    },
}

/// An answer or the reason why there is none.
pub(crate) type Asked<T> = Result<T, Refusal>;

/// Why a request gets an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A newer request or change made the answer useless.
    Superseded,
    /// The parameters cannot be used; the sentence says which.
    BadParameters(String),
    Internal,
}

/// Where one request is answered, exactly once: sending takes the value, and dropping it unsent is
/// the answer "it died", which the completion paths turn into an empty list.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    sender: oneshot::Sender<Asked<T>>,
    interest: Weak<()>,
}

impl<T> Reply<T> {
    /// The reply, and what the handler holds as long as it waits.
    pub(crate) fn new(sender: oneshot::Sender<Asked<T>>) -> (Reply<T>, Arc<()>) {
        let interest = Arc::new(());
        let reply = Reply {
            sender,
            interest: Arc::downgrade(&interest),
        };
        (reply, interest)
    }

    pub(crate) fn send(self, answer: T) {
        let _ = self.sender.send(Ok(answer));
    }

    pub(crate) fn refuse(self, refusal: Refusal) {
        let _ = self.sender.send(Err(refusal));
    }

    /// A token that is dead as soon as the client cancelled: the framework drops the handler, and
    /// with it the other end. Work elsewhere asks it without having the reply.
    pub(crate) fn interest(&self) -> Weak<()> {
        self.interest.clone()
    }
}

/// The sending end of the loop's channel. Unbounded: the transport must never wait for the loop,
/// and what lies here is bounded by what the client has written.
#[derive(Clone, Debug)]
pub(crate) struct Events(mpsc::UnboundedSender<Event>);

impl Events {
    pub(crate) fn channel() -> (Events, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Events(sender), receiver)
    }

    /// Sends; without a loop the event has no meaning any more and is dropped.
    pub(crate) fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }
}

/// Runs until the transport has ended. True when the session ended by the rules: `shutdown` first.
/// A test holds the loop up by `stall`.
pub(crate) async fn run(
    mut state: State,
    mut events: mpsc::UnboundedReceiver<Event>,
    stall: Option<Fault>,
) -> bool {
    let mut batch = Vec::with_capacity(DRAIN);
    loop {
        let woken = match state.next_deadline() {
            Some(deadline) => tokio::time::timeout_at(deadline, events.recv()).await.ok(),
            None => Some(events.recv().await),
        };
        match woken {
            Some(Some(event)) => batch.push(event),
            Some(None) => return state.shut_down().await,
            None => {}
        }
        while batch.len() < DRAIN
            && let Ok(event) = events.try_recv()
        {
            batch.push(event);
        }
        if let Some(stall) = &stall {
            stall(TICK);
        }
        let started = Instant::now();
        let count = batch.len();
        let stop = tick(&mut state, &mut batch);
        let took = started.elapsed();
        if took > SLOW_TICK {
            state.counts.slow_ticks += 1;
        }
        if took > STUCK_TICK {
            tracing::error!(
                ms = took.as_millis(),
                events = count,
                "a tick took too long"
            );
        }
        if stop {
            return state.shut_down().await;
        }
    }
}

/// One tick: what changes something first, in order of arrival, then the requests, then the trees that none of them
/// needed, then what is due.
/// True when the transport has ended.
fn tick(state: &mut State, batch: &mut Vec<Event>) -> bool {
    let mut requests = Vec::new();
    let mut stop = false;
    for event in batch.drain(..) {
        match event {
            Event::Request { wire, request } => requests.push((wire, request)),
            Event::Stop => stop = true,
            event => guarded(state, "a change", |state| write(state, event)),
        }
    }
    guarded(state, "settling changes", State::settle);
    for (wire, request) in requests {
        guarded(state, "a request", |state| serve(state, wire, request));
    }
    guarded(state, "bringing trees up to date", State::settle_rest);
    guarded(state, "a deadline", State::run_due);
    stop
}

/// A panic in one event costs that event: its reply is dropped unsent, which is an answer.
fn guarded(state: &mut State, what: &str, work: impl FnOnce(&mut State)) {
    let outcome = catch_unwind(AssertUnwindSafe(|| work(state)));
    if outcome.is_err() {
        state.panicked(what);
    }
}

fn write(state: &mut State, event: Event) {
    match event {
        Event::Initialized => state.initialized(),
        Event::Notification { wire, notification } => notify(state, wire, notification),
        Event::Dropped => state.counts.dropped += 1,
        Event::Panicked { place } => state.panicked(&place),
        Event::Parsed {
            uri,
            opening,
            snapshot,
        } => state.parsed(&uri, opening, &snapshot),
        Event::Learned { uri, lookup } => state.learned(&uri, lookup),
        Event::Facts {
            uri,
            opening,
            facts,
        } => state.take_facts(&uri, opening, facts),
        Event::Flight { uri, id, report } => state.flight_report(&uri, id, report),
        Event::Ahead(gone) => state.gone_ahead(&gone),
        Event::Prepared {
            uri,
            opening,
            version,
            window,
        } => state.prepared(&uri, (opening, version), window),
        Event::Model { seat, state: model } => state.model_changed(seat, model),
        Event::Chose(chosen) => state.models_chosen(chosen),
        Event::Settings(settings) => state.take_settings(&settings),
        Event::Rules(waiting) => state.rules_changed(waiting),
        Event::Index(report) => state.index_report(report),
        Event::Assist { id, report } => state.assist_report(id, report),
        Event::Chosen(chosen) => state.assist_chosen(&chosen),
        Event::Applied { id, applied } => state.assist_applied(id, applied),
        Event::Power(supply) => state.power(supply),
        Event::ParentEnded => state.parent_ended(),
        Event::Exit | Event::InputClosed => state.close_session(),
        // The caller has taken these out.
        Event::Request { .. } | Event::Stop => {}
    }
}

fn notify(state: &mut State, wire: u64, notification: Notification) {
    match notification {
        Notification::Opened {
            uri,
            language_id,
            version,
            text,
        } => {
            let item = Item {
                version,
                text: &text,
            };
            state.open(uri, wire, &language_id, item);
        }
        Notification::Changed {
            uri,
            version,
            changes,
        } => state.change(&uri, wire, version, &changes),
        Notification::Closed { uri } => state.close(&uri),
        Notification::Unreadable { uri } => state.unreadable(uri.as_deref()),
        Notification::Saved { paths } => {
            state.rules_saved(&paths);
            state.index_saved(paths);
        }
        Notification::Focused { uri } => state.activate(&uri),
        Notification::Cursor { uri, position } => state.cursor(uri, position),
        Notification::AnswerCancelled { id } => state.assist_cancel(id),
        Notification::Configuration(settings) => state.configure(&settings),
        Notification::Shown { id } => state.offers.shown(&id),
        Notification::PartlyAccepted { id, length } => state.offers.partly_accepted(&id, length),
        Notification::Dismissed { id } => state.dismissed(&id),
    }
}

fn serve(state: &mut State, wire: u64, request: Request) {
    // Nobody waits for these looks, and a shutdown is not held up by one.
    if !matches!(
        request,
        Request::Initialize { .. } | Request::Shutdown { .. } | Request::Search { .. }
    ) {
        state.look_at_rules();
    }
    // A completion says for itself whether it needs a tree.
    if let Request::Actions { .. } | Request::Command { .. } = request {
        state.settle_rest();
    }
    match request {
        Request::Initialize { params, reply } => reply.send(state.initialize(&params)),
        Request::Shutdown { reply } => {
            state.shutdown_asked(reply);
        }
        Request::Inline { ask, reply } => state.ask(wire, ask, Answer::Inline(reply)),
        Request::Completion { ask, reply } => state.ask(wire, ask, Answer::Menu(reply)),
        Request::Search { ask, reply } => state.index_search(ask, reply),
        Request::Actions { ask, reply } => reply.send(state.actions(ask)),
        Request::Command { ask, reply } => match state.command(ask) {
            Ok(answer) => reply.send(answer),
            Err(refusal) => reply.refuse(refusal),
        },
    }
}
