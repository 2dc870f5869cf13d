//! What the server says to the client unasked. Every message goes through one queue and is sent by
//! a task of its own, so that neither the loop nor a handler ever waits for the client; each request
//! to it has a limit, and the server works if none is ever answered.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tower_lsp::Client;
use tower_lsp::gen_lsp_types::MessageType;

use crate::main_loop::Events;

/// The queue's sending end.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    sender: mpsc::UnboundedSender<Outgoing>,
    /// Taken by the task that `start` spawns.
    receiver: Arc<Mutex<Option<mpsc::UnboundedReceiver<Outgoing>>>>,
    events: Events,
}

/// One message.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A line for the client's log; only for what is wrong.
    Log(String),
    /// A sentence on the user's screen; once per problem.
    Show(Severity, String),
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Error,
    Warning,
    Info,
}

impl From<Severity> for MessageType {
    fn from(severity: Severity) -> MessageType {
        match severity {
            Severity::Error => MessageType::Error,
            Severity::Warning => MessageType::Warning,
            Severity::Info => MessageType::Info,
        }
    }
}

impl Outbox {
    pub(crate) fn new(events: Events) -> Outbox {
        let (sender, receiver) = mpsc::unbounded_channel();
        Outbox {
            sender,
            receiver: Arc::new(Mutex::new(Some(receiver))),
            events,
        }
    }

    /// Queues a message.
    pub(crate) fn send(&self, outgoing: Outgoing) {
        let _ = self.sender.send(outgoing);
    }

    /// Begins to send, by a task on the current runtime.
    pub(crate) fn start(&self, client: Client) {
        let receiver = self
            .receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(receiver) = receiver {
            tokio::spawn(deliver(client, receiver));
        }
    }
}

async fn deliver(client: Client, mut receiver: mpsc::UnboundedReceiver<Outgoing>) {
    while let Some(outgoing) = receiver.recv().await {
        match outgoing {
            Outgoing::Log(line) => client.log_message(MessageType::Warning, line).await,
            Outgoing::Show(severity, text) => client.show_message(severity.into(), text).await,
        }
    }
}
