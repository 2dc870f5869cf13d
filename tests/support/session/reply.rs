//! A request on its way, and what comes back.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::oneshot;

use super::LIMIT;

/// An error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code of JSON-RPC or LSP.
    pub code: i64,
    /// The sentence.
    pub message: String,
}

/// A reply, as it came.
pub type Reply = Result<Value, Failure>;

/// A request on its way.
#[derive(Debug)]
pub struct Pending {
    /// What cancels it.
    pub id: i64,
    /// When it was written.
    pub sent: Instant,
    pub(super) method: String,
    pub(super) receiver: oneshot::Receiver<(Instant, Reply)>,
}

impl Pending {
    /// The reply and the time from writing the request to having parsed it.
    ///
    /// # Panics
    /// When none comes.
    pub async fn timed(self) -> (Duration, Reply) {
        match tokio::time::timeout(LIMIT, self.receiver).await {
            Ok(Ok((at, reply))) => (at.saturating_duration_since(self.sent), reply),
            Ok(Err(_)) => panic!(
                "the server closed its output and left {} (id {}) open",
                self.method, self.id
            ),
            Err(_) => panic!(
                "no reply to {} (id {}) within {LIMIT:?}",
                self.method, self.id
            ),
        }
    }

    /// The reply.
    pub async fn reply(self) -> Reply {
        self.timed().await.1
    }

    /// The result.
    ///
    /// # Panics
    /// When the reply is an error.
    pub async fn result(self) -> Value {
        let method = self.method.clone();
        self.reply()
            .await
            .unwrap_or_else(|e| panic!("{method} failed: {} {}", e.code, e.message))
    }
}
