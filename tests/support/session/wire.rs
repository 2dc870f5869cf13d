//! The two ends of the stream: bytes out, messages in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot, watch};

use super::reply::{Failure, Reply};
use crate::frames;
use crate::trace::{From, Trace};

pub(super) type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// What the writing side and the reading task share.
pub(super) struct Shared {
    /// `None` once the client has hung up.
    pub(super) output: Mutex<Option<mpsc::UnboundedSender<Vec<u8>>>>,
    pub(super) pending: Mutex<HashMap<i64, oneshot::Sender<(Instant, Reply)>>>,
    pub(super) trace: Trace,
    /// Raised with every message read.
    pub(super) read: watch::Sender<usize>,
    /// False while the client does not look at its input.
    pub(super) reading: watch::Sender<bool>,
    /// Bytes that the server has not taken yet.
    pub(super) queued: watch::Sender<usize>,
}

impl Shared {
    /// Puts bytes into the queue of the writing task: an editor never waits for its server.
    pub(super) fn write(&self, bytes: Vec<u8>) {
        let output = self.output.lock().expect("no panic while holding it");
        let Some(output) = output.as_ref() else {
            return;
        };
        self.queued.send_modify(|queued| *queued += bytes.len());
        // A server that ended takes nothing; what it owes is judged by the rules, not here.
        let _ = output.send(bytes);
    }
}

/// Writes what is queued until the client hangs up or the server is gone, then closes the stream.
pub(super) async fn write_all(
    mut output: Output,
    mut queue: mpsc::UnboundedReceiver<Vec<u8>>,
    shared: Arc<Shared>,
) {
    while let Some(bytes) = queue.recv().await {
        if output.write_all(&bytes).await.is_err() || output.flush().await.is_err() {
            break;
        }
        shared.queued.send_modify(|queued| *queued -= bytes.len());
    }
    let _ = output.shutdown().await;
}

/// Reads until the server closes its output. What is no protocol panics, which fails the session's end.
pub(super) async fn read_all<R: AsyncRead + Unpin>(input: R, shared: Arc<Shared>, answers: Value) {
    let mut input = BufReader::new(input);
    let mut reading = shared.reading.subscribe();
    loop {
        if reading.wait_for(|r| *r).await.is_err() {
            return;
        }
        let message = match frames::read(&mut input).await {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(e) if e.kind() == std::io::ErrorKind::InvalidData => {
                panic!("the server's output is not protocol: {e}")
            }
            Err(_) => break,
        };
        let at = Instant::now();
        shared.trace.add(From::Server, message.clone());
        take(&shared, &answers, at, message);
        shared.read.send_modify(|count| *count += 1);
    }
    // Whoever still waits learns that nothing will come.
    shared
        .pending
        .lock()
        .expect("no panic while holding it")
        .clear();
}

fn take(shared: &Shared, answers: &Value, at: Instant, message: Value) {
    let Some(method) = message["method"].as_str() else {
        let waiting = message["id"].as_i64().and_then(|id| {
            shared
                .pending
                .lock()
                .expect("no panic while holding it")
                .remove(&id)
        });
        let reply = match message.get("error") {
            Some(error) => Err(Failure {
                code: error["code"].as_i64().unwrap_or_default(),
                message: error["message"].as_str().unwrap_or_default().to_owned(),
            }),
            None => Ok(message["result"].clone()),
        };
        if let Some(waiting) = waiting {
            // The test may have dropped its interest; the record still holds the reply.
            let _ = waiting.send((at, reply));
        }
        return;
    };
    let (Some(id), Some(answer)) = (message.get("id"), answers.get(method)) else {
        return;
    };
    let reply = json!({"jsonrpc": "2.0", "id": id, "result": answer});
    shared.trace.add(From::Client, reply.clone());
    shared.write(frames::encode(&reply));
}
