//! The client: asks the endpoints of a plan one after the other and turns the first answer into events.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use foretoken_remote::client::{Candidate, Event, Question, Remote};
//! # use foretoken_remote::{Limits, egress::Gate, endpoint::Endpoint, keys::Keys, wire::{ChatRequest, Message}};
//! # async fn ask(endpoint: Endpoint) {
//! let remote = Remote::new(Keys::new("keys.toml".into()), None);
//! let question = Question {
//!     id: "7f3a".to_owned(),
//!     task: "explain".to_owned(),
//!     plan: vec![Candidate { endpoint: Arc::new(endpoint), model: "m".to_owned(), first_text: None, reserved: 0 }],
//!     request: ChatRequest { system: "…".to_owned(), messages: vec![Message::default()], max_tokens: 600, ..ChatRequest::default() },
//!     input_tokens: 1_200,
//!     limits: Limits::deep(),
//!     retries: 1,
//!     // Consent and level by endpoint and origin; the last look for secrets.
//!     gate: Gate { allow: Arc::new(|_, _| Ok(())), secret: Arc::new(|_| None) },
//! };
//! let mut events = remote.stream(question);
//! while let Some(event) = events.recv().await {
//!     match event {
//!         Event::Started { endpoint, model } => drop((endpoint, model)), // before the first text
//!         Event::Text(text) => drop(text),                               // as it comes
//!         Event::Note(note) => drop(note.sentence()),                    // progress
//!         Event::Tool(call) => drop(call),                               // a part of a tool call
//!         Event::Done(done) => drop((done.end, done.cost)),              // the last event
//!     }
//! }
//! // Dropping `events` cancels: the connection closes and the cost so far is booked.
//! # }
//! ```
//!
//! Another endpoint is asked only before the first text; after it the text stays and the end says what cut
//! it. Nothing is asked twice at the same time.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Semaphore, mpsc};

use crate::attempt::Limits;
use crate::egress::{Egress, Gate};
use crate::endpoint::Endpoint;
use crate::failure::{Failure, Refusal};
use crate::health::{Health, Now, Standing};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::retry;
use crate::wire::{ChatRequest, Delta, Finish, Usage};

mod answer;
mod course;
mod outgoing;

/// How many questions are answered at once, and how many may wait.
const AT_ONCE: usize = 2;
const WAITING: usize = 4;
/// Events between the network and a reader that is slow.
const EVENTS: usize = 64;

/// Everything that one question needs.
#[derive(Debug, Clone)]
pub struct Question {
    /// Names it in the ledger, the audit and the trace.
    pub id: String,
    /// The task's name, from a closed set.
    pub task: String,
    /// Whom to ask, in this order.
    pub plan: Vec<Candidate>,
    /// What to ask; the model's name comes from the candidate.
    pub request: ChatRequest,
    /// How long the prompt is, as far as we can count, in tokens.
    pub input_tokens: u64,
    /// How long and how much.
    pub limits: Limits,
    /// How often the last candidate is asked again.
    pub retries: u32,
    /// What may leave.
    pub gate: Gate,
}

/// A model at an endpoint.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where.
    pub endpoint: Arc<Endpoint>,
    /// Which.
    pub model: String,
    /// Until the first text, instead of the limits' own; the last candidate waits until the total limit.
    pub first_text: Option<Duration>,
    /// What it costs at most, in nano-USD.
    pub reserved: u64,
}

/// What happens while a question is answered. [`Event::Done`] is the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first text is about to come.
    Started {
        /// The endpoint's name.
        endpoint: String,
        /// The model, as the endpoint says; else as it was asked for.
        model: String,
    },
    /// More text.
    Text(String),
    /// A part of a tool call.
    Tool(Delta),
    /// Something to show while waiting.
    Note(Note),
    /// It is over.
    Done(Box<Done>),
}

/// Something to show while waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Others are asked first.
    Queued,
    /// The last candidate takes its time.
    StillWaiting(String),
    /// An endpoint failed and the next is asked.
    Failed(String, Failure),
    /// The same endpoint is asked again.
    Again(String, Failure),
    /// Money runs low.
    Budget(String),
}

impl Note {
    /// As a user may read it.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Note::Queued => "waiting for another question's answer".to_owned(),
            Note::StillWaiting(name) => format!("still waiting for {name}"),
            Note::Failed(name, failure) => {
                format!("{}; asking the next model", failure.sentence(name))
            }
            Note::Again(name, failure) => format!("{}; asking again", failure.sentence(name)),
            Note::Budget(sentence) => sentence.clone(),
        }
    }
}

/// How it ended and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// How.
    pub end: End,
    /// Who answered: the endpoint's name and the model; `None` when nobody did.
    pub by: Option<(String, String)>,
    /// Tokens of the endpoint that answered.
    pub usage: Usage,
    /// The tokens are our estimate: the provider did not count, or the answer was cut.
    pub estimated: bool,
    /// In nano-USD; `None` without a price.
    pub cost: Option<u64>,
    /// Every request that was made or refused, in order.
    pub tries: Vec<Try>,
}

impl Done {
    /// Whether the text is only the beginning of an answer.
    #[must_use]
    pub fn cut(&self) -> bool {
        matches!(self.end, End::Cut(_) | End::Length | End::Filtered)
    }
}

/// The end of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The model had said all.
    Finished,
    /// The stream said that it was over, without the model's reason.
    Unclean,
    /// The output cap.
    Length,
    /// The provider's filter stopped it.
    Filtered,
    /// The model waits for a tool.
    Tool,
    /// It broke off behind some text, which stays.
    Cut(Failure),
    /// Nobody answered; the last failure.
    Failed(Failure),
}

/// One request to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// The endpoint's name.
    pub endpoint: String,
    /// The model that was asked for.
    pub model: String,
    /// `None` when it answered.
    pub failure: Option<Failure>,
    /// Until the first text.
    pub first_text: Option<Duration>,
    /// In all.
    pub took: Duration,
}

/// The handle; clones share everything. Needs a tokio runtime with time and I/O where it is used.
#[derive(Clone)]
pub struct Remote {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    egress: Egress,
    keys: Keys,
    ledger: Option<Ledger>,
    /// See [`Ledger::installation`].
    installation: Option<[u8; 32]>,
    health: Mutex<Health>,
    retries: Mutex<retry::Budget>,
    /// Places for questions, running and waiting.
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    connections: AtomicU64,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}

impl Remote {
    /// With these keys, and a ledger to book in, which is asked here once.
    #[must_use]
    pub fn new(keys: Keys, ledger: Option<Ledger>) -> Remote {
        let installation = ledger
            .as_ref()
            .and_then(|ledger| ledger.installation().ok());
        Remote {
            shared: Arc::new(Shared {
                egress: Egress::default(),
                keys,
                ledger,
                installation,
                health: Mutex::default(),
                retries: Mutex::default(),
                places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
                running: Arc::new(Semaphore::new(AT_ONCE)),
                connections: AtomicU64::new(0),
            }),
        }
    }

    /// Answers a question; see the module's header. Drop the receiver to cancel: the connection closes at once
    /// and what came is booked.
    #[must_use]
    pub fn stream(&self, question: Question) -> mpsc::Receiver<Event> {
        let (events, receiver) = mpsc::channel(EVENTS);
        let shared = Arc::clone(&self.shared);
        let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() else {
            // The channel is empty, so this cannot fail.
            let _ = events.try_send(Event::Done(Box::new(Done::failed(Failure::refused(
                Refusal::Busy,
                "",
            )))));
            return receiver;
        };
        tokio::spawn(async move {
            let _place = place;
            shared.answer(question, events).await;
        });
        receiver
    }

    /// How the endpoints have been doing, for the router and the status.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        self.shared.health().standings(now())
    }

    /// The user wants an endpoint to be asked again, whatever it said before.
    pub fn resume(&self, endpoint: &str) {
        self.shared.health().resume(endpoint);
    }

    /// How many requests were sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Done {
    fn failed(failure: Failure) -> Done {
        Done {
            end: End::Failed(failure),
            by: None,
            usage: Usage::default(),
            estimated: false,
            cost: None,
            tries: Vec::new(),
        }
    }
}

impl From<crate::attempt::End> for End {
    fn from(end: crate::attempt::End) -> End {
        match end.finish {
            _ if !end.clean => End::Unclean,
            Some(Finish::Length) => End::Length,
            Some(Finish::Filter) => End::Filtered,
            Some(Finish::Tool) => End::Tool,
            _ => End::Finished,
        }
    }
}

/// Both clocks: tokio's, which tests can pause, and the calendar.
fn now() -> Now {
    Now {
        instant: tokio::time::Instant::now().into_std(),
        day: seconds() / 86_400,
    }
}

/// Since 1970.
fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
