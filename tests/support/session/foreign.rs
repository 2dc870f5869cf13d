//! Sessions with servers that are not ours, for measurements: they may leave a request open, end when
//! they like and break every rule, and the client only notes it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Pending, Reply, Session};

impl Pending {
    /// The reply and the time that it took, if it comes within `limit`; `None` also where the server
    /// closed its output.
    pub async fn within(self, limit: Duration) -> Option<(Duration, Reply)> {
        let (at, reply) = tokio::time::timeout(limit, self.receiver)
            .await
            .ok()?
            .ok()?;
        Some((at.saturating_duration_since(self.sent), reply))
    }
}

impl Session {
    /// Asks the server to go, closes its input and waits no longer than `limit` for its end. Nothing
    /// of what it did is judged. The exit code, if it ended.
    pub async fn leave(mut self, limit: Duration) -> Option<i32> {
        let asked = self.request("shutdown", Value::Null).await;
        let _ = asked.within(limit).await;
        self.send_all(&[json!({"jsonrpc": "2.0", "method": "exit"})])
            .await;
        self.hang_up();
        let ending = self.ending.take()?;
        let code = tokio::time::timeout(limit, ending).await.ok();
        self.reader.abort();
        code
    }
}
