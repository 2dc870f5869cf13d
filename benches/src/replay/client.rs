//! The editor's end of the wire to any language server: it frames, numbers, counts, and answers the
//! server's own requests as its persona does. It judges nothing, since a foreign server may do as it
//! likes; the tests' `session` is the one that judges.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use foretoken_tests::frames;
use foretoken_tests::mirror::{Encoding, Mirror};
use foretoken_tests::persona::Persona;
use foretoken_tests::process::{self, Home};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot};

/// The longest wait for an answer that the replay needs: `initialize`, the status, `shutdown`.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A reply and when it was parsed. The error is the server's code.
pub type Reply = (Instant, Result<Value, i64>);

/// What went over the wire, by numbers.
#[derive(Debug, Default)]
pub struct Tally {
    requests: AtomicU64,
    replies: AtomicU64,
    strays: AtomicU64,
    late_texts: AtomicU64,
}

/// A reading of the tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Requests written.
    pub requests: u64,
    /// Replies to them.
    pub replies: u64,
    /// Replies to nothing that was open.
    pub strays: u64,
    /// Texts that came when the next key was typed already.
    pub late_texts: u64,
}

/// A server and the editor that drives it.
#[derive(Debug)]
pub struct Client {
    /// The editor that is played.
    pub persona: Persona,
    /// What positions count.
    pub encoding: Encoding,
    /// What the server said to `initialize`.
    pub capabilities: Value,
    /// The editor's documents by URI.
    pub documents: HashMap<String, Mirror>,
    writer: mpsc::UnboundedSender<Vec<u8>>,
    shared: Arc<Shared>,
    child: Child,
    /// Where the server has its files; gone with it.
    home: Home,
    next_id: i64,
    changes: usize,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<HashMap<i64, oneshot::Sender<Reply>>>,
    tally: Tally,
}

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Start {
    /// A shell's command line; `None` for the built program with a home of its own.
    pub command: Option<String>,
    /// Added to its environment.
    pub environment: Vec<(String, String)>,
}

impl Client {
    /// Starts a server and shakes hands.
    ///
    /// # Errors
    /// A server that does not start or does not answer, as a sentence.
    pub async fn start(start: &Start, persona: Persona) -> Result<Client, String> {
        let home = Home::default();
        let mut command = match &start.command {
            // `exec`, so that the process that is measured is the server and not the shell.
            Some(line) => {
                let mut shell = process::program("sh");
                shell.arg("-c").arg(format!("exec {line}"));
                shell
            }
            None => home.command(&["--stdio"]),
        };
        command.envs(start.environment.iter().map(|(name, value)| (name, value)));
        let stderr = std::fs::File::create(home.path().join("stderr"));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr.map_err(|e| format!("no file for the server's messages: {e}"))?);
        // A group of its own: Ctrl-C ends the replay, which still wants the server's figures.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("the server cannot be started: {e}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the server has no pipes".to_owned());
        };
        let (writer, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::default());
        tokio::spawn(write_all(input, queue));
        let answers = persona.answers.clone();
        tokio::spawn(read_all(
            output,
            Arc::clone(&shared),
            writer.clone(),
            answers,
        ));
        let mut client = Client {
            encoding: persona.expected_encoding(),
            persona,
            capabilities: Value::Null,
            documents: HashMap::new(),
            writer,
            shared,
            child,
            home,
            next_id: 0,
            changes: 0,
        };
        client.initialize().await?;
        Ok(client)
    }

    async fn initialize(&mut self) -> Result<(), String> {
        let mut params = self.persona.initialize.clone();
        // A server that watches its editor's process watches ours.
        params["processId"] = std::process::id().into();
        let result = self.request("initialize", params).await?;
        self.capabilities = result["capabilities"].clone();
        // Without a word of the server it is UTF-16.
        let word = self.capabilities["positionEncoding"].as_str();
        self.encoding = Encoding::from_word(word.unwrap_or("utf-16")).unwrap_or(Encoding::Utf16);
        self.send(&[note("initialized", json!({}))]);
        Ok(())
    }

    /// The server has this command.
    #[must_use]
    pub fn has_command(&self, name: &str) -> bool {
        let commands = self.capabilities["executeCommandProvider"]["commands"].as_array();
        commands.is_some_and(|commands| commands.iter().any(|command| command == name))
    }

    /// The server's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Writes messages in one go. An editor never waits for its server.
    pub fn send(&self, messages: &[Value]) {
        let bytes = messages.iter().flat_map(frames::encode).collect();
        // A server that ended takes nothing; whoever waits for it learns that.
        let _ = self.writer.send(bytes);
    }

    /// A request that is not written yet, with what its reply comes through.
    pub fn prepare(
        &mut self,
        method: &str,
        params: &Value,
    ) -> (i64, Value, oneshot::Receiver<Reply>) {
        self.next_id += 1;
        let id = self.next_id;
        let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method});
        if !params.is_null() || self.persona.null_shutdown_params {
            message["params"] = params.clone();
        }
        let (sender, receiver) = oneshot::channel();
        lock(&self.shared.pending).insert(id, sender);
        self.shared.tally.requests.fetch_add(1, Ordering::Relaxed);
        (id, message, receiver)
    }

    /// Asks and waits.
    ///
    /// # Errors
    /// No reply, or one that is an error, as a sentence.
    pub async fn request(&mut self, method: &str, params: Value) -> Result<Value, String> {
        let (_, message, receiver) = self.prepare(method, &params);
        self.send(&[message]);
        match tokio::time::timeout(LIMIT, receiver).await {
            Ok(Ok((_, Ok(result)))) => Ok(result),
            Ok(Ok((_, Err(code)))) => Err(format!("the server answers {method} by error {code}")),
            Ok(Err(_)) => Err(self.gone(method)),
            Err(_) => Err(format!(
                "the server does not answer {method} within a minute"
            )),
        }
    }

    /// The sentence about a server that has closed its output.
    pub(super) fn gone(&self, method: &str) -> String {
        let said = std::fs::read_to_string(self.home.path().join("stderr")).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        let last = last.map_or_else(String::new, |line| format!("; its last words: {line}"));
        format!("the server ended at {method}{last}")
    }

    /// Opens a document.
    pub fn open(&mut self, uri: &str, language: &str, text: &str) {
        let version = self.persona.first_version;
        self.documents
            .insert(uri.to_owned(), Mirror::new(text, version));
        let document =
            json!({"uri": uri, "languageId": language, "version": version, "text": text});
        let params = json!({"textDocument": document});
        self.send(&[note("textDocument/didOpen", params)]);
    }

    /// Closes a document.
    pub fn close(&mut self, uri: &str) {
        self.documents.remove(uri);
        let params = json!({"textDocument": {"uri": uri}});
        self.send(&[note("textDocument/didClose", params)]);
    }

    /// Edits the editor's copy and returns what `contentChanges` holds of it. The document is open.
    pub fn edit(&mut self, uri: &str, range: std::ops::Range<usize>, text: &str) -> Value {
        let encoding = self.encoding;
        let steps = &self.persona.version_steps;
        let step = steps[self.changes % steps.len()];
        self.changes += 1;
        let Some(document) = self.documents.get_mut(uri) else {
            return Value::Null;
        };
        let place = document.range(range.start, range.end, encoding);
        document.replace(range.start, range.end, text);
        document.version += step;
        json!({"range": place, "text": text})
    }

    /// The notification about changes of a document.
    #[must_use]
    pub fn did_change(&self, uri: &str, changes: &[Value]) -> Value {
        let version = self
            .documents
            .get(uri)
            .map_or(0, |document| document.version);
        let params =
            json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": changes});
        note("textDocument/didChange", params)
    }

    /// What went over the wire so far.
    #[must_use]
    pub fn counted(&self) -> Counted {
        let tally = &self.shared.tally;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            requests: read(&tally.requests),
            replies: read(&tally.replies),
            strays: read(&tally.strays),
            late_texts: read(&tally.late_texts),
        }
    }

    /// Waits until no reply is owed; false where that takes longer than `limit`.
    pub async fn settled(&self, limit: Duration) -> bool {
        let begun = Instant::now();
        while !lock(&self.shared.pending).is_empty() {
            if begun.elapsed() > limit {
                return false;
            }
            // Only the pace of looking.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }

    /// The polite end, and after a while the other one. Returns whether it was the polite one.
    pub async fn stop(mut self) -> bool {
        let polite = self.request("shutdown", Value::Null).await.is_ok();
        self.send(&[json!({"jsonrpc": "2.0", "method": "exit"})]);
        let ended = tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await;
        polite && ended.is_ok_and(|status| status.is_ok_and(|status| status.success()))
    }
}

/// A notification.
#[must_use]
pub fn note(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

async fn write_all(mut input: ChildStdin, mut queue: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = queue.recv().await {
        if input.write_all(&bytes).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
}

async fn read_all(
    output: ChildStdout,
    shared: Arc<Shared>,
    writer: mpsc::UnboundedSender<Vec<u8>>,
    answers: Value,
) {
    let mut output = BufReader::new(output);
    // What is no protocol ends the session like an end of the stream.
    while let Ok(Some(message)) = frames::read(&mut output).await {
        let at = Instant::now();
        let Some(method) = message["method"].as_str() else {
            shared.take(at, &message);
            continue;
        };
        if let (Some(id), Some(answer)) = (message.get("id"), answers.get(method)) {
            let reply = json!({"jsonrpc": "2.0", "id": id, "result": answer});
            let _ = writer.send(frames::encode(&reply));
        }
    }
    // Whoever still waits learns that nothing will come.
    lock(&shared.pending).clear();
}

impl Shared {
    fn take(&self, at: Instant, message: &Value) {
        let waiting = message["id"]
            .as_i64()
            .and_then(|id| lock(&self.pending).remove(&id));
        let Some(waiting) = waiting else {
            self.tally.strays.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.tally.replies.fetch_add(1, Ordering::Relaxed);
        let reply = match message.get("error") {
            Some(error) => Err(error["code"].as_i64().unwrap_or_default()),
            None => Ok(message["result"].clone()),
        };
        // The editor has typed on and does not look at it.
        if let Err((_, Ok(result))) = waiting.send((at, reply))
            && !texts(&result).is_empty()
        {
            self.tally.late_texts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The items of a completion's result, whichever of its three forms it has.
#[must_use]
pub fn texts(result: &Value) -> &[Value] {
    let list = result.as_array().or_else(|| result["items"].as_array());
    list.map_or(&[], Vec::as_slice)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
