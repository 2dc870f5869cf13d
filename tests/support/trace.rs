//! What went over the wire in one session, in the order in which the client saw it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The editor.
    Client,
    /// The program under test.
    Server,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Who sent it.
    pub from: From,
    /// When it was written or read, counted from the start of the session.
    pub at: Duration,
    /// The message itself.
    pub message: Value,
}

impl Entry {
    /// The method of a request or notification.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.message["method"].as_str()
    }

    /// The id as text, so that `1` and `"1"` stay apart.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.message
            .get("id")
            .filter(|id| !id.is_null())
            .map(Value::to_string)
    }

    /// It asks for a reply.
    #[must_use]
    pub fn is_request(&self) -> bool {
        self.method().is_some() && self.id().is_some()
    }

    /// It is a reply.
    #[must_use]
    pub fn is_reply(&self) -> bool {
        self.method().is_none()
    }
}

/// The record of a session.
#[derive(Debug)]
pub struct Trace {
    start: Instant,
    entries: Mutex<Vec<Entry>>,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            entries: Mutex::default(),
        }
    }
}

impl Trace {
    /// Adds a message.
    pub fn add(&self, from: From, message: Value) {
        let entry = Entry {
            from,
            at: self.start.elapsed(),
            message,
        };
        self.entries
            .lock()
            .expect("nobody panics while holding the trace")
            .push(entry);
    }

    /// All of it so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.entries
            .lock()
            .expect("nobody panics while holding the trace")
            .clone()
    }

    /// The first message of the server at or after the `from`-th entry that `wanted` accepts.
    pub fn find(&self, from: usize, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let entries = self
            .entries
            .lock()
            .expect("nobody panics while holding the trace");
        entries
            .iter()
            .skip(from)
            .find(|e| e.from == From::Server && wanted(&e.message))
            .map(|e| e.message.clone())
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
            .lock()
            .expect("nobody panics while holding the trace")
            .len()
    }

    /// Nothing was said yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
