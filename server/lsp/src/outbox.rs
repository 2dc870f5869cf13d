//! What the server says to the client unasked. Every message goes through one queue and is sent by
//! a task of its own, so that neither the loop nor a handler ever waits for the client; each request
//! to it has a limit, and the server works if none is ever answered.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::{Notify, mpsc};
use tower_lsp::gen_lsp_types::{
    ConfigurationItem, LspAny, MessageType, ProgressNotification, ProgressParams, ProgressToken,
    Registration,
};
use tower_lsp::jsonrpc::Request;
use tower_lsp::{Client, ClientSocket, Loopback};

use crate::main_loop::{Event, Events, Reply};
use crate::proto::ext::{
    AssistNote, AssistNotification, FENCE, FenceNotification, Status, StatusNotification,
};
use crate::proto::to;

mod asks;
pub(crate) use asks::{Change, Chosen, Question, Unopened};

/// How long the client may take to answer for its settings.
const SETTINGS_LIMIT: Duration = Duration::from_secs(2);

/// How long it may take to register something or to make room for progress.
const REGISTER_LIMIT: Duration = Duration::from_secs(5);

/// How long the reply to `shutdown` waits for a progress that the client has not made room for, and
/// for a client that does not read what was said before.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// The queue's sending end.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    sender: mpsc::UnboundedSender<Outgoing>,
    /// Taken by the task that `start` spawns.
    receiver: Arc<Mutex<Option<mpsc::UnboundedReceiver<Outgoing>>>>,
    events: Events,
    /// Told when the transport has taken all that was sent before the fence.
    fence: Arc<Notify>,
}

/// One message.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A line for the client's log; only for what is wrong.
    Log(String),
    /// A sentence on the user's screen; once per problem.
    Show(String),
    Status(Status),
    /// Asks for the settings; the answer comes back as an event.
    AskSettings,
    /// Asks to be told when the settings change.
    WatchSettings,
    /// Asks to be told when files change.
    WatchFiles,
    Progress(Progress),
    /// How an answer comes along, for a plugin of ours.
    Assist(AssistNote),
    /// The progress of one answer, in a bar of its own. A step for one that was never begun is dropped.
    Answering {
        id: u64,
        step: Progress,
    },
    /// Asks the user something; the choice comes back as an event.
    Ask(Question),
    /// Puts a document of ours before the user; in words where the client cannot.
    Open {
        path: PathBuf,
        otherwise: String,
    },
    /// Changes a text; whether it was done comes back as an event.
    Apply(Change),
    /// The last one: nothing is said after the reply to `shutdown`.
    Close(Reply<()>),
}

/// One step of a visible progress. It begins once and ends once, which `State` sees to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Begin {
        title: String,
        /// The user may end the work by it.
        cancellable: bool,
    },
    /// A sentence without a share of the whole.
    Say {
        message: String,
    },
    /// 0 to 100.
    Report {
        message: String,
        percent: u32,
    },
    End {
        message: String,
    },
}

impl Outbox {
    pub(crate) fn new(events: Events) -> Outbox {
        let (sender, receiver) = mpsc::unbounded_channel();
        Outbox {
            sender,
            receiver: Arc::new(Mutex::new(Some(receiver))),
            events,
            fence: Arc::default(),
        }
    }

    /// Queues a message.
    pub(crate) fn send(&self, outgoing: Outgoing) {
        let _ = self.sender.send(outgoing);
    }

    /// Begins to send, by a task on the current runtime. The first call counts.
    pub(crate) fn start(&self, client: Client) {
        let receiver = self
            .receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(receiver) = receiver {
            let fence = Arc::clone(&self.fence);
            tokio::spawn(deliver(client, receiver, self.events.clone(), fence));
        }
    }

    /// The framework's client end as the transport may use it.
    pub(crate) fn loopback(&self, socket: ClientSocket) -> Fenced {
        Fenced {
            socket,
            fence: Arc::clone(&self.fence),
        }
    }
}

async fn deliver(
    client: Client,
    mut receiver: mpsc::UnboundedReceiver<Outgoing>,
    events: Events,
    fence: Arc<Notify>,
) {
    // Progress waits for the client's word; meanwhile its steps lie here.
    let (progress, steps) = mpsc::unbounded_channel();
    let mut steps = Some(steps);
    let mut showing = None;
    let mut bars = asks::Bars::default();
    while let Some(outgoing) = receiver.recv().await {
        match outgoing {
            Outgoing::Log(line) => client.log_message(MessageType::Warning, line).await,
            Outgoing::Show(text) => client.show_message(MessageType::Warning, text).await,
            Outgoing::Status(status) => {
                client.send_notification::<StatusNotification>(status).await;
            }
            Outgoing::AskSettings => {
                tokio::spawn(ask_settings(client.clone(), events.clone()));
            }
            Outgoing::WatchSettings => {
                tokio::spawn(watch_settings(client.clone()));
            }
            Outgoing::WatchFiles => {
                tokio::spawn(watch_files(client.clone()));
            }
            Outgoing::Progress(step) => {
                let _ = progress.send(step);
                if let Some(steps) = steps.take() {
                    showing = Some(tokio::spawn(show_progress(client.clone(), steps)));
                }
            }
            Outgoing::Assist(note) => {
                client.send_notification::<AssistNotification>(note).await;
            }
            Outgoing::Answering { id, step } => bars.step(&client, id, step),
            Outgoing::Ask(question) => {
                tokio::spawn(asks::ask(client.clone(), events.clone(), question));
            }
            Outgoing::Open { path, otherwise } => {
                tokio::spawn(asks::open(client.clone(), path, otherwise));
            }
            Outgoing::Apply(change) => {
                tokio::spawn(asks::apply(client.clone(), events.clone(), change));
            }
            Outgoing::Close(reply) => {
                drop(progress);
                let abort = showing.as_ref().map(|showing| showing.abort_handle());
                let shown = async {
                    if let Some(showing) = showing {
                        let _ = showing.await;
                    }
                    bars.close().await;
                };
                if tokio::time::timeout(CLOSE_LIMIT, shown).await.is_err()
                    && let Some(abort) = abort
                {
                    abort.abort();
                }
                let passed = async {
                    client.send_notification::<FenceNotification>(()).await;
                    fence.notified().await;
                };
                let _ = tokio::time::timeout(CLOSE_LIMIT, passed).await;
                return reply.send(());
            }
        }
    }
}

/// `None` where the client does not answer in time or with an error.
async fn limited<T>(
    limit: Duration,
    request: impl Future<Output = tower_lsp::jsonrpc::Result<T>>,
) -> Option<T> {
    tokio::time::timeout(limit, request).await.ok()?.ok()
}

async fn ask_settings(client: Client, events: Events) {
    let item = ConfigurationItem {
        scope_uri: None,
        section: Some("foretoken".to_owned()),
    };
    let answer = limited(SETTINGS_LIMIT, client.configuration(vec![item])).await;
    // One item was asked for; lsp-mode answers `[{}]`, others null for a section that is not set.
    if let Some(settings) = answer.and_then(|items| items.into_iter().next()) {
        events.send(Event::Settings(settings));
    }
}

async fn watch_settings(client: Client) {
    let registration = Registration {
        id: "foretoken-settings".to_owned(),
        method: "workspace/didChangeConfiguration".to_owned(),
        register_options: Some(serde_json::json!({"section": "foretoken"})),
    };
    // Without it the settings of the start stay in force.
    let _ = limited(
        REGISTER_LIMIT,
        client.register_capability(vec![registration]),
    )
    .await;
}

/// All files: which of them matter, ignore files say, and those may change.
async fn watch_files(client: Client) {
    let registration = Registration {
        id: "foretoken-files".to_owned(),
        method: "workspace/didChangeWatchedFiles".to_owned(),
        register_options: Some(serde_json::json!({"watchers": [{"globPattern": "**/*"}]})),
    };
    // Without it files that change beside the editor are found at the next start.
    let _ = limited(
        REGISTER_LIMIT,
        client.register_capability(vec![registration]),
    )
    .await;
}

/// Shows one progress after the other, each only where the client made room for it.
async fn show_progress(client: Client, mut steps: mpsc::UnboundedReceiver<Progress>) {
    let mut number = 0;
    let mut token = None;
    while let Some(step) = steps.recv().await {
        if matches!(step, Progress::Begin { .. }) {
            number += 1;
            let new = ProgressToken::String(format!("foretoken-{number}"));
            let created = client.create_work_done_progress(new.clone());
            token = limited(REGISTER_LIMIT, created).await.map(|()| new);
        }
        let Some(token) = &token else { continue };
        send_progress(&client, token, step).await;
    }
}

async fn send_progress(client: &Client, token: &ProgressToken, step: Progress) {
    let value: LspAny = to::progress(step);
    let params = ProgressParams {
        token: token.clone(),
        value,
    };
    client
        .send_notification::<ProgressNotification>(params)
        .await;
}

/// The framework's client end with a fence in it. Replies and our own messages reach the transport by
/// two ways, so a reply may overtake a message that was sent before it; behind the fence it cannot.
#[derive(Debug)]
pub(crate) struct Fenced {
    socket: ClientSocket,
    fence: Arc<Notify>,
}

impl Loopback for Fenced {
    type RequestStream = FencedStream<<ClientSocket as Loopback>::RequestStream>;
    type ResponseSink = <ClientSocket as Loopback>::ResponseSink;

    fn split(self) -> (Self::RequestStream, Self::ResponseSink) {
        let (inner, sink) = Loopback::split(self.socket);
        let stream = FencedStream {
            inner,
            fence: self.fence,
        };
        (stream, sink)
    }
}

/// Our messages on their way to the transport, which asks for one after it has written the other.
#[derive(Debug)]
pub(crate) struct FencedStream<S> {
    inner: S,
    fence: Arc<Notify>,
}

impl<S: Stream<Item = Request> + Unpin> Stream for FencedStream<S> {
    type Item = Request;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Request>> {
        loop {
            match ready!(Pin::new(&mut self.inner).poll_next(context)) {
                Some(message) if message.method() == FENCE => self.fence.notify_one(),
                message => return Poll::Ready(message),
            }
        }
    }
}
