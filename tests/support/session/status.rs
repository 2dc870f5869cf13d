//! What the server says of itself, by the command that users have.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{LIMIT, Session};

impl Session {
    /// What the server knows, by the command that editors offer to users; `documents` adds the hashes.
    pub async fn status(&mut self, documents: bool) -> Value {
        let params =
            json!({"command": "foretoken.status", "arguments": [{"documents": documents}]});
        self.request("workspace/executeCommand", params)
            .await
            .result()
            .await
    }

    /// What the server knows of one document, with the hash of its text.
    ///
    /// # Panics
    /// For a document that the server does not have open.
    pub async fn document(&mut self, uri: &str) -> Value {
        let status = self.status(true).await;
        let documents = status["documents"].as_array().into_iter().flatten();
        let found = documents.clone().find(|document| document["uri"] == uri);
        found
            .unwrap_or_else(|| panic!("{uri} is not open: {status}"))
            .clone()
    }

    /// The report of the last attempt at a document, once no attempt runs there: an early answer leaves
    /// before its attempt has ended.
    ///
    /// # Panics
    /// When an attempt runs for ever.
    pub async fn report(&mut self, uri: &str) -> Value {
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            let mut document = self.document(uri).await;
            if document["running"] == false {
                return document["last"].take();
            }
            // Only the pace of asking; the answer decides.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("an attempt still runs at {uri} after {LIMIT:?}");
    }

    /// How the model stands once it is no longer loading.
    ///
    /// # Panics
    /// When it loads for ever.
    pub async fn model_settled(&mut self) -> Value {
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            let model = self.status(false).await["model"].take();
            if model["state"] != "loading" {
                return model;
            }
            // Only the pace of asking; the answer decides.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the model still loads after {LIMIT:?}");
    }
}
