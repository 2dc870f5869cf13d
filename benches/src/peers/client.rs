//! The client that all servers are measured with: one editor's habits, each server's own protocol.
//!
//! A server may die, hang or answer nonsense; then an answer is missing, and the measurement goes on.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use foretoken_tests::mirror::{Encoding, Mirror};
use foretoken_tests::persona::Persona;
use foretoken_tests::session::{Pending, Session};
use foretoken_tests::trace;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::endpoint::Endpoint;
use super::peer::{Kind, Offer, Peer};

/// A server that has not answered `initialize` by then, or has no text in twice that time, is left out.
const START_LIMIT: Duration = Duration::from_secs(15);

/// Longest wait for one answer at rest.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// Longest wait for the end of a server that was asked to go.
const END_LIMIT: Duration = Duration::from_secs(3);

/// What positions count: the one encoding that every server has to know.
const ENCODING: Encoding = Encoding::Utf16;

/// A running server with its client.
#[derive(Debug)]
pub struct Client {
    /// The wire.
    pub session: Session,
    /// The process, as long as it lives.
    pub pid: u32,
    /// What the server says of itself in `serverInfo`, else an empty text.
    pub version: String,
    peer: Peer,
    url: String,
    /// Home and workspace; documents lie here as they were opened, since not every server reads the
    /// text that it is sent.
    folder: TempDir,
}

/// An answer at a place.
#[derive(Debug, Clone)]
pub struct Answer {
    /// When it had been read.
    pub at: Instant,
    /// The text that appears at the cursor, if there is any.
    pub ghost: Option<String>,
    /// The whole document once it is accepted.
    pub accepted: String,
}

/// A question on its way.
#[derive(Debug)]
pub struct Question {
    pending: Pending,
    uri: String,
    byte: usize,
    /// Its id, to take it back.
    pub id: i64,
}

impl Client {
    /// Starts the server and waits until it has given a text.
    ///
    /// # Errors
    /// A sentence: it does not start, does not answer, or never gives a text.
    pub async fn start(peer: &Peer, endpoint: &Endpoint) -> Result<Client, String> {
        let folder = TempDir::new().map_err(|error| format!("no folder: {error}"))?;
        let mut command = peer
            .command(folder.path(), &endpoint.url)
            .map_err(|error| format!("its home cannot be written: {error}"))?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("it does not start ({error})"))?;
        let pid = child.id().ok_or("it ended at once")?;
        let pipes = (child.stdout.take(), child.stdin.take());
        let (Some(input), Some(output)) = pipes else {
            return Err("it has no pipes".to_owned());
        };
        let ending = Box::pin(async move {
            let status = child.wait().await.ok();
            status.and_then(|status| status.code()).unwrap_or(-1)
        });
        let editor = editor(peer, folder.path(), &endpoint.url);
        let mut client = Client {
            session: Session::over(input, output, editor, ending),
            pid,
            version: String::new(),
            peer: peer.clone(),
            url: endpoint.url.clone(),
            folder,
        };
        match client.greet(endpoint).await {
            Ok(()) => Ok(client),
            Err(sentence) => {
                client.leave().await;
                Err(sentence)
            }
        }
    }

    async fn greet(&mut self, endpoint: &Endpoint) -> Result<(), String> {
        let params = self.session.persona.initialize.clone();
        let asked = self.session.request("initialize", params).await;
        let reply = asked.within(START_LIMIT).await;
        let (_, reply) = reply.ok_or("it does not answer `initialize`")?;
        let result =
            reply.map_err(|failure| format!("it refuses to start: {}", failure.message))?;
        if let Some(version) = result["serverInfo"]["version"].as_str() {
            version.clone_into(&mut self.version);
        }
        self.session.notify("initialized", json!({})).await;
        if self.peer.kind == Kind::Shipped {
            return self.model_ready().await;
        }
        let text = "fn warm_up() {\n    let ready = ";
        endpoint.set("    let ready = ", "true;");
        let begun = Instant::now();
        for number in 0.. {
            if begun.elapsed() > 2 * START_LIMIT {
                break;
            }
            let uri = self.open(&format!("ready{number}.rs"), "rust", text).await;
            let question = self.ask(&uri, text.len()).await;
            let answer = self.answer(question, ANSWER_LIMIT).await;
            self.session.close(&uri).await;
            if answer.is_some_and(|answer| answer.ghost.is_some()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Err("it starts and then gives no text".to_owned())
    }

    /// Ours as it is shipped may rightly have no text for the warm-up, but it tells how its model stands.
    async fn model_ready(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            let status = json!({"command": "foretoken.status", "arguments": [{}]});
            let asked = self.session.request("workspace/executeCommand", status);
            let reply = asked.await.within(START_LIMIT).await;
            let status = reply.and_then(|(_, reply)| reply.ok()).unwrap_or_default();
            match status["model"]["state"].as_str() {
                Some("ready") => return Ok(()),
                Some("loading") => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => return Err(format!("its model is not there: {}", status["model"])),
            }
        }
        Err("its model is not ready".to_owned())
    }

    /// Opens a document that lies on disk with the same text; its URI.
    pub async fn open(&mut self, name: &str, language: &str, text: &str) -> String {
        self.open_over(name, language, text, text).await
    }

    /// Opens a document whose file holds another text.
    pub async fn open_over(
        &mut self,
        name: &str,
        language: &str,
        disk: &str,
        text: &str,
    ) -> String {
        let path = self.folder.path().join("work").join(name);
        let folder = path.parent().unwrap_or(self.folder.path());
        // A server that finds no file there gives no text, which is seen.
        let _ = std::fs::create_dir_all(folder);
        let _ = std::fs::write(&path, disk);
        let uri = format!("file://{}", path.display());
        self.session.open(&uri, language, text).await;
        uri
    }

    /// Asks for a text at a byte of an open document.
    pub async fn ask(&mut self, uri: &str, byte: usize) -> Question {
        let position = self.session.documents[uri].position(byte, ENCODING);
        let params = self.peer.params(uri, &position, &self.url);
        let pending = self.session.request(self.peer.method(), params).await;
        Question {
            id: pending.id,
            pending,
            uri: uri.to_owned(),
            byte,
        }
    }

    /// The answer, if it comes within `limit`. An error is an answer without a text.
    pub async fn answer(&self, question: Question, limit: Duration) -> Option<Answer> {
        let Question {
            pending, uri, byte, ..
        } = question;
        let sent = pending.sent;
        let (took, reply) = pending.within(limit).await?;
        let document = &self.session.documents[&uri];
        let position = document.position(byte, ENCODING);
        let offer = reply.ok().and_then(|r| self.peer.offer(&r, &position));
        let (ghost, accepted) = match offer {
            Some(offer) => applied(document, byte, &offer),
            None => (None, document.text.clone()),
        };
        Some(Answer {
            at: sent + took,
            ghost,
            accepted,
        })
    }

    /// Requests for a text that were sent since the `from`-th message, and how many of them were
    /// answered.
    #[must_use]
    pub fn replies(&self, from: usize) -> (usize, usize) {
        let entries = self.session.trace().entries();
        let method = Some(self.peer.method());
        let asked: Vec<String> = entries[from..]
            .iter()
            .filter(|entry| entry.from == trace::From::Client && entry.method() == method)
            .filter_map(trace::Entry::id)
            .collect();
        let answered = entries[from..]
            .iter()
            .filter(|entry| entry.from == trace::From::Server && entry.is_reply())
            .filter(|entry| entry.id().is_some_and(|id| asked.contains(&id)))
            .count();
        (asked.len(), answered)
    }

    /// Ends the server, by force where it does not end by itself.
    pub async fn leave(self) {
        self.session.leave(END_LIMIT).await;
    }
}

/// What is seen at the cursor and what the document becomes; an offer that cannot be applied is no text.
fn applied(document: &Mirror, cursor: usize, offer: &Offer) -> (Option<String>, String) {
    let from = document.byte(&offer.range.0, ENCODING);
    let to = document.byte(&offer.range.1, ENCODING);
    let (Some(from), Some(to)) = (from, to) else {
        return (None, document.text.clone());
    };
    if from > cursor || to < cursor {
        return (None, document.text.clone());
    }
    let mut accepted = document.clone();
    accepted.replace(from, to, &offer.text);
    // Servers that answer for a menu give the word before the cursor once more.
    let ghost = offer.text.strip_prefix(&document.text[from..cursor]);
    let ghost = ghost.unwrap_or(&offer.text).to_owned();
    (Some(ghost).filter(|ghost| !ghost.is_empty()), accepted.text)
}

/// VS Code, with a workspace that exists and the one position encoding that all servers know.
fn editor(peer: &Peer, folder: &Path, url: &str) -> Persona {
    let mut persona = Persona::named("vscode").offering("utf-16");
    persona.initialize["initializationOptions"] = peer.options(url);
    let work = folder.join("work");
    let uri = format!("file://{}", work.display());
    let path = Value::from(work.display().to_string());
    persona.initialize["rootPath"] = path;
    persona.initialize["rootUri"] = json!(uri);
    persona.initialize["workspaceFolders"] = json!([{"uri": uri, "name": "work"}]);
    persona
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(from: u32, to: u32, text: &str) -> Offer {
        let position = |column: u32| json!({"line": 0, "character": column});
        Offer {
            range: (position(from), position(to)),
            text: text.to_owned(),
        }
    }

    #[test]
    fn an_offer_is_applied_where_its_range_says() {
        let document = Mirror::new("let 😀x = (a);", 1);
        let cursor = document.text.find(" =").unwrap();
        // The emoji is two units, so the cursor is at column 7.
        let seen = |from, to, text| applied(&document, cursor, &offer(from, to, text));
        assert_eq!(
            seen(7, 7, "yz"),
            (Some("yz".into()), "let 😀xyz = (a);".into())
        );
        assert_eq!(
            seen(6, 7, "xyz"),
            (Some("yz".into()), "let 😀xyz = (a);".into())
        );
        assert_eq!(
            seen(7, 9, " += b"),
            (Some(" += b".into()), "let 😀x += b (a);".into())
        );
        assert_eq!(seen(8, 9, "q").0, None, "not at the cursor");
        assert_eq!(seen(7, 7, "").0, None);
    }
}
