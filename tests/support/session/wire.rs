//! The two ends of the stream: bytes out, messages in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{oneshot, watch};

use super::LIMIT;
use super::reply::{Failure, Reply};
use crate::frames;
use crate::trace::{From, Trace};

pub(super) type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// What the writing side and the reading task share.
pub(super) struct Shared {
    pub(super) output: tokio::sync::Mutex<Option<Output>>,
    pub(super) pending: Mutex<HashMap<i64, oneshot::Sender<(Instant, Reply)>>>,
    pub(super) trace: Trace,
    /// Raised with every message read.
    pub(super) read: watch::Sender<usize>,
    /// False while the client does not look at its input.
    pub(super) reading: watch::Sender<bool>,
}

impl Shared {
    pub(super) async fn write(&self, bytes: &[u8]) {
        let mut output = self.output.lock().await;
        let Some(output) = output.as_mut() else {
            return;
        };
        // A server that ended closes its input; what it owes is judged by the rules, not here.
        let write = async {
            let _ = output.write_all(bytes).await;
            let _ = output.flush().await;
        };
        tokio::time::timeout(LIMIT, write)
            .await
            .unwrap_or_else(|_| panic!("the server does not take {} bytes", bytes.len()));
    }
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
        take(&shared, &answers, at, message).await;
        shared.read.send_modify(|count| *count += 1);
    }
    // Whoever still waits learns that nothing will come.
    shared
        .pending
        .lock()
        .expect("no panic while holding it")
        .clear();
}

async fn take(shared: &Shared, answers: &Value, at: Instant, message: Value) {
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
    shared.write(&frames::encode(&reply)).await;
}
