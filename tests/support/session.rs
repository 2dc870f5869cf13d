//! A client that behaves: it frames, numbers, records, answers as its persona does, and at the end
//! holds the whole conversation against the [`rules`](crate::rules).
//!
//! Every wait has a limit, so that a server that hangs fails a test and never stops it.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::frames;
use crate::mirror::{Encoding, Mirror};
use crate::persona::Persona;
use crate::rules::{self, Tolerance};
use crate::schema;
use crate::trace::{From, Trace};

mod foreign;
mod reply;
mod status;
mod wire;

pub use reply::{Failure, Pending, Reply};
use wire::Shared;

/// The longest wait for anything. Generous, because the machine that runs the tests may be busy.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What the server's end yields: the exit code it wants.
pub type Ending = Pin<Box<dyn Future<Output = i32> + Send>>;

/// One client and one server.
pub struct Session {
    shared: Arc<Shared>,
    /// The editor that is played.
    pub persona: Persona,
    /// What positions count.
    pub encoding: Encoding,
    /// The client's documents by URI.
    pub documents: HashMap<String, Mirror>,
    /// What the test does on purpose.
    pub tolerance: Tolerance,
    /// The server's process, where it is one.
    pub process: Option<u32>,
    next_id: i64,
    changes: usize,
    reader: JoinHandle<()>,
    ending: Option<Ending>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("persona", &self.persona.name)
            .field("messages", &self.shared.trace.len())
            .finish()
    }
}

impl Session {
    /// A client on any pair of streams. `ending` resolves when the server is gone.
    pub fn over<R, W>(input: R, output: W, persona: Persona, ending: Ending) -> Session
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (queue, queued) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            output: Mutex::new(Some(queue)),
            queued: watch::Sender::new(0),
            pending: Mutex::default(),
            trace: Trace::default(),
            read: watch::Sender::new(0),
            reading: watch::Sender::new(true),
        });
        tokio::spawn(wire::write_all(
            Box::new(output),
            queued,
            Arc::clone(&shared),
        ));
        let reader = tokio::spawn(wire::read_all(
            input,
            Arc::clone(&shared),
            persona.answers.clone(),
        ));
        Session {
            encoding: persona.expected_encoding(),
            shared,
            persona,
            documents: HashMap::new(),
            tolerance: Tolerance::default(),
            process: None,
            next_id: 0,
            changes: 0,
            reader,
            ending: Some(ending),
        }
    }

    /// The handshake; returns the result of `initialize`.
    pub async fn initialize(&mut self) -> Value {
        let params = self.persona.initialize.clone();
        let result = self.request("initialize", params).await.result().await;
        self.notify("initialized", json!({})).await;
        result
    }

    /// Writes a request.
    pub async fn request(&mut self, method: &str, params: Value) -> Pending {
        let (message, pending) = self.prepare(method, params);
        self.send_all(&[message]).await;
        pending
    }

    /// A request that is not written yet, for batches.
    pub fn prepare(&mut self, method: &str, params: Value) -> (Value, Pending) {
        self.next_id += 1;
        let id = self.next_id;
        let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        if method == "shutdown" && !self.persona.null_shutdown_params {
            message
                .as_object_mut()
                .expect("it was just made")
                .remove("params");
        }
        let (sender, receiver) = oneshot::channel();
        self.shared
            .pending
            .lock()
            .expect("no panic while holding it")
            .insert(id, sender);
        (
            message,
            Pending {
                id,
                sent: Instant::now(),
                method: method.to_owned(),
                receiver,
            },
        )
    }

    /// Writes a notification.
    pub async fn notify(&mut self, method: &str, params: Value) {
        self.send_all(&[json!({"jsonrpc": "2.0", "method": method, "params": params})])
            .await;
    }

    /// Writes several messages in one write.
    pub async fn send_all(&self, messages: &[Value]) {
        let bytes: Vec<u8> = messages.iter().flat_map(frames::encode).collect();
        for message in messages {
            self.shared.trace.add(From::Client, message.clone());
        }
        self.shared.write(bytes);
    }

    /// True once the server has taken all that was written, false when it does not within `limit`.
    pub async fn flushed(&self, limit: Duration) -> bool {
        let mut queued = self.shared.queued.subscribe();
        tokio::time::timeout(limit, queued.wait_for(|queued| *queued == 0))
            .await
            .is_ok()
    }

    /// Writes bytes as they are; the record does not hold them.
    pub async fn send_bytes(&self, bytes: &[u8]) {
        self.shared.write(bytes.to_vec());
    }

    /// Takes a request back.
    pub async fn cancel(&mut self, id: i64) {
        self.notify("$/cancelRequest", json!({"id": id})).await;
    }

    /// Opens a document.
    pub async fn open(&mut self, uri: &str, language: &str, text: &str) {
        let version = self.persona.first_version;
        self.documents
            .insert(uri.to_owned(), Mirror::new(text, version));
        let document =
            json!({"uri": uri, "languageId": language, "version": version, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}))
            .await;
    }

    /// Closes a document.
    pub async fn close(&mut self, uri: &str) {
        self.documents.remove(uri);
        self.notify(
            "textDocument/didClose",
            json!({"textDocument": {"uri": uri}}),
        )
        .await;
    }

    /// Edits the client's copy and returns the notification that says so, not yet written.
    ///
    /// # Panics
    /// For a document that is not open: that is a mistake in the test.
    pub fn edit(&mut self, uri: &str, from: usize, to: usize, text: &str) -> Value {
        let steps = &self.persona.version_steps;
        let step = steps[self.changes % steps.len()];
        self.changes += 1;
        let document = self
            .documents
            .get_mut(uri)
            .unwrap_or_else(|| panic!("{uri} is not open"));
        let range = document.range(from, to, self.encoding);
        document.replace(from, to, text);
        document.version += step;
        json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {
            "textDocument": {"uri": uri, "version": document.version},
            "contentChanges": [{"range": range, "text": text}]}})
    }

    /// Edits and tells the server.
    pub async fn change(&mut self, uri: &str, from: usize, to: usize, text: &str) {
        let message = self.edit(uri, from, to, text);
        self.send_all(&[message]).await;
    }

    /// The client's text of an open document.
    #[must_use]
    pub fn text(&self, uri: &str) -> &str {
        &self.documents[uri].text
    }

    /// The parameters of a completion request at a byte, as this editor sends them.
    #[must_use]
    pub fn ask_params(&self, uri: &str, byte: usize, trigger_kind: u8) -> Value {
        let position = self.documents[uri].position(byte, self.encoding);
        json!({"textDocument": {"uri": uri}, "position": position, "context": {"triggerKind": trigger_kind}})
    }

    /// Asks for ghost text at a byte, unasked by the user.
    pub async fn inline(&mut self, uri: &str, byte: usize) -> Pending {
        let params = self.ask_params(uri, byte, self.persona.trigger_kind);
        self.request("textDocument/inlineCompletion", params).await
    }

    /// Asks for ghost text at a byte because the user pressed the key for it.
    pub async fn invoke(&mut self, uri: &str, byte: usize) -> Pending {
        let params = self.ask_params(uri, byte, 1);
        self.request("textDocument/inlineCompletion", params).await
    }

    /// Types one string character by character with a request after each key, as the persona does it,
    /// cancelling the older request where it would. Returns the answers.
    pub async fn type_keys(&mut self, uri: &str, at: usize, keys: &str) -> Vec<Reply> {
        let mut answers = Vec::new();
        let mut open: Option<Pending> = None;
        let mut at = at;
        for key in keys.chars() {
            if let Some(before) = open.take() {
                if self.persona.cancels {
                    self.cancel(before.id).await;
                }
                answers.push(before.reply().await);
            }
            self.change(uri, at, at, key.encode_utf8(&mut [0; 4])).await;
            at += key.len_utf8();
            open = Some(self.inline(uri, at).await);
        }
        if let Some(last) = open {
            answers.push(last.reply().await);
        }
        answers
    }

    /// The first message of the server at or after `from` that `wanted` accepts, waiting for it.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn wait_for(
        &self,
        from: usize,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut read = self.shared.read.subscribe();
        let search = async {
            loop {
                if let Some(found) = self.shared.trace.find(from, &wanted) {
                    return Some(found);
                }
                if read.changed().await.is_err() {
                    return None;
                }
            }
        };
        match tokio::time::timeout(LIMIT, search).await {
            Ok(Some(found)) => found,
            _ => panic!("the server never said: {what}"),
        }
    }

    /// Everything said so far.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.shared.trace
    }

    /// Stops (false) or resumes (true) looking at what the server writes.
    pub fn set_reading(&self, reading: bool) {
        self.shared.reading.send_replace(reading);
    }

    /// Closes the server's input, behind what was written.
    pub fn hang_up(&mut self) {
        self.shared
            .output
            .lock()
            .expect("no panic while holding it")
            .take();
    }

    /// Waits for the server's own end and returns the exit code.
    ///
    /// # Panics
    /// When it goes on living.
    pub async fn ended(&mut self, limit: Duration) -> i32 {
        let ending = self.ending.take().expect("a session ends once");
        match tokio::time::timeout(limit, ending).await {
            Ok(code) => code,
            Err(_) => panic!("the server still lives after {limit:?}"),
        }
    }

    /// The polite end: `shutdown`, `exit`, exit code 0; then the rules.
    ///
    /// # Panics
    /// When the end is not clean or a rule was broken.
    pub async fn finish(mut self) {
        let reply = self.request("shutdown", Value::Null).await.reply().await;
        assert_eq!(reply, Ok(Value::Null), "shutdown is answered by null");
        self.send_all(&[json!({"jsonrpc": "2.0", "method": "exit"})])
            .await;
        let code = self.ended(LIMIT).await;
        assert_eq!(code, 0, "exit after shutdown is a success");
        self.judge().await;
    }

    /// Holds what was recorded against the rules, after an end that the test brought about itself.
    ///
    /// # Panics
    /// When a rule was broken.
    pub async fn judge(mut self) {
        self.set_reading(true);
        self.hang_up();
        let reader = std::mem::replace(&mut self.reader, tokio::spawn(async {}));
        tokio::time::timeout(LIMIT, reader)
            .await
            .expect("the server closes its output")
            .expect("the reader lives");
        self.ending = None;
        let entries = self.shared.trace.entries();
        let mut found = rules::violations(&entries, &self.persona, &self.tolerance);
        found.extend(schema::violations(&entries));
        assert!(
            found.is_empty(),
            "{} rules broken by {}:\n{}",
            found.len(),
            self.persona.name,
            found.join("\n")
        );
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let forgotten = self.ending.is_some() && !std::thread::panicking();
        assert!(
            !forgotten,
            "a session ends by finish() or judge(), else its rules are not checked"
        );
    }
}
