//! How an editor asks: at once or after its own wait, in which words, taking the older request back or
//! not, and what it shows of the answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::writing::Writing;
use crate::replay::client::{Client, Reply, note, texts};
use crate::replay::log::Answer;
use crate::replay::pace::Pace;

/// Neovim sends changes at most this often, unless a request wants them. Measured.
const HELD: Duration = Duration::from_millis(150);

/// Helix asks once this many characters of a word stand before the cursor.
const WORD: usize = 2;

/// Longest wait for an answer where the pace does not say: that of [`Pace::Quick`].
const LONGEST: Duration = Duration::from_secs(5);

/// One editor's way; see the module's header.
#[derive(Debug)]
pub(super) struct Asking {
    /// `textDocument/completion`, for an editor or a server without ghost text.
    menu: bool,
    /// What the editor waits after a key; zero for one that asks at once.
    wait: Duration,
    /// For one that asks at once: from the change to the request.
    delay: Duration,
    /// Changes are held back until a request or for [`HELD`].
    holds: bool,
    /// At a quick pace the longest wait for an answer.
    pub(super) within: Duration,
    /// The request that is open.
    open: Option<i64>,
    held: Vec<Value>,
    sent: Option<Instant>,
}

/// What came of one key.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) answer: Answer,
    pub(super) ms: f64,
    /// The command of the item that is shown.
    pub(super) command: Value,
}

impl Asked {
    fn without(answer: Answer) -> Asked {
        Asked {
            answer,
            ms: f64::INFINITY,
            command: Value::Null,
        }
    }
}

impl Asking {
    pub(super) fn of(client: &Client, delay: Duration, pace: &Pace) -> Asking {
        let persona = &client.persona;
        let offers = |name: &str| {
            let offered = &client.capabilities[name];
            !matches!(offered, Value::Null | Value::Bool(false))
        };
        let inline = persona.inline && offers("inlineCompletionProvider");
        Asking {
            menu: !inline,
            wait: Duration::from_millis(persona.wait_ms),
            delay,
            holds: persona.name.starts_with("neovim"),
            within: match pace {
                Pace::Quick { within } => *within,
                Pace::Real { .. } => LONGEST,
            },
            open: None,
            held: Vec::new(),
            sent: None,
        }
    }

    /// Tells the change and asks, as far as the gap lets the editor; without a gap until an answer came.
    pub(super) async fn ask(
        &mut self,
        client: &mut Client,
        writing: &Writing<'_>,
        change: Option<Value>,
        gap: Option<Duration>,
    ) -> Result<Asked, String> {
        let pressed = Instant::now();
        let Some(change) = change else {
            // Only the cursor moved.
            return Ok(Asked::without(Answer::NotAsked));
        };
        self.held.push(change);
        let wait = if self.wait.is_zero() {
            self.delay
        } else {
            self.wait
        };
        let wants = !self.menu || client.persona.inline || word_before(client, writing) >= WORD;
        let deadline = match gap {
            Some(gap) => pressed + gap,
            None => pressed + wait + self.within,
        };
        if !wants || pressed + wait > deadline {
            self.tell_when_due(client, writing, deadline).await;
            return Ok(Asked::without(Answer::NotAsked));
        }
        if !wait.is_zero() {
            self.tell_when_due(client, writing, pressed + wait).await;
            tokio::time::sleep((pressed + wait).saturating_duration_since(Instant::now())).await;
        }
        let (id, ask, receiver) = self.prepare(client, writing);
        let mut messages: Vec<Value> = Vec::new();
        if let Some(older) = self.open.replace(id)
            && client.persona.cancels
        {
            messages.push(note("$/cancelRequest", json!({"id": older})));
        }
        messages.extend(self.held(client, writing));
        messages.push(ask);
        let asked = Instant::now();
        client.send(&messages);
        self.receive(client, writing, (asked, deadline), receiver)
            .await
    }

    /// Until a moment: sends what is held when the editor would. One that holds nothing sends at once.
    async fn tell_when_due(&mut self, client: &Client, writing: &Writing<'_>, until: Instant) {
        if self.held.is_empty() {
            return;
        }
        let now = Instant::now();
        let due = match self.sent {
            Some(sent) if self.holds => (sent + HELD).max(now),
            None if self.holds => now + HELD,
            _ => now,
        };
        if due > until {
            return;
        }
        tokio::time::sleep(due.saturating_duration_since(now)).await;
        let messages: Vec<Value> = self.held(client, writing).into_iter().collect();
        client.send(&messages);
    }

    /// The one notification about all changes that are held.
    fn held(&mut self, client: &Client, writing: &Writing<'_>) -> Option<Value> {
        if self.held.is_empty() {
            return None;
        }
        self.sent = Some(Instant::now());
        let changes = std::mem::take(&mut self.held);
        Some(client.did_change(writing.uri(), &changes))
    }

    fn prepare(
        &self,
        client: &mut Client,
        writing: &Writing<'_>,
    ) -> (i64, Value, oneshot::Receiver<Reply>) {
        let document = &client.documents[writing.uri()];
        let position = document.position(writing.cursor(), client.encoding);
        let method = if self.menu {
            "textDocument/completion"
        } else {
            "textDocument/inlineCompletion"
        };
        let params = json!({
            "textDocument": {"uri": writing.uri()},
            "position": position,
            "context": {"triggerKind": client.persona.trigger_kind},
        });
        client.prepare(method, &params)
    }

    async fn receive(
        &mut self,
        client: &Client,
        writing: &Writing<'_>,
        (asked, deadline): (Instant, Instant),
        receiver: oneshot::Receiver<Reply>,
    ) -> Result<Asked, String> {
        let left = deadline.saturating_duration_since(Instant::now());
        let (at, reply) = match tokio::time::timeout(left, receiver).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => return Err(client.gone("a completion")),
            Err(_) => return Ok(Asked::without(Answer::None)),
        };
        self.open = None;
        let Ok(result) = reply else {
            return Ok(Asked::without(Answer::None));
        };
        let item = texts(&result).first();
        let text = item.and_then(|item| item_text(client, writing, item));
        Ok(Asked {
            answer: text.map_or(Answer::Empty, Answer::Text),
            ms: at.saturating_duration_since(asked).as_secs_f64() * 1000.0,
            command: item.map_or(Value::Null, |item| item["command"].clone()),
        })
    }

    /// The item was accepted as a whole, and the editor runs its command.
    pub(super) fn accepted(&self, client: &mut Client, command: &Value) {
        let Some(name) = command["command"]
            .as_str()
            .filter(|name| client.has_command(name))
        else {
            return;
        };
        let params = json!({"command": name, "arguments": command["arguments"]});
        // Nobody looks at what it answers.
        let (_, message, _) = client.prepare("workspace/executeCommand", &params);
        client.send(&[message]);
    }

    /// The cursor went elsewhere: changes are told, the open request is of no more use, and an editor
    /// that asks for code actions at every place does.
    pub(super) fn moved(&mut self, client: &mut Client, writing: &Writing<'_>) {
        if client.persona.name != "vscode" || client.capabilities["codeActionProvider"].is_null() {
            return;
        }
        let document = &client.documents[writing.uri()];
        let position = document.position(writing.cursor(), client.encoding);
        let params = json!({
            "textDocument": {"uri": writing.uri()},
            "range": {"start": position, "end": position},
            "context": {"diagnostics": [], "triggerKind": 2},
        });
        let (_, message, _) = client.prepare("textDocument/codeAction", &params);
        client.send(&[message]);
    }

    /// The end of a trace, or of the work at one place: all is told, and what is open is taken back.
    pub(super) fn finish(&mut self, client: &Client, writing: &Writing<'_>) {
        let mut messages: Vec<Value> = self.held(client, writing).into_iter().collect();
        if let Some(open) = self.open.take() {
            messages.push(note("$/cancelRequest", json!({"id": open})));
        }
        client.send(&messages);
    }
}

/// Characters of a word that end at the cursor.
fn word_before(client: &Client, writing: &Writing<'_>) -> usize {
    let text = &client.documents[writing.uri()].text[..writing.cursor()];
    let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
    text.chars().rev().take_while(is_word).count()
}

/// What an item shows behind the cursor; nothing where that is nothing.
fn item_text(client: &Client, writing: &Writing<'_>, item: &Value) -> Option<String> {
    let edit = &item["textEdit"];
    let text = [
        &edit["newText"],
        &item["insertText"],
        &item["insertText"]["value"],
        &item["label"],
    ];
    let text = text.into_iter().find_map(Value::as_str)?;
    let ranges = [&edit["range"], &edit["insert"], &item["range"]];
    let start = ranges.into_iter().find(|range| range.is_object());
    let document = &client.documents[writing.uri()];
    let start = start.and_then(|range| document.byte(&range["start"], client.encoding));
    // What stands between the start of the item's range and the cursor is there already.
    let there = start.and_then(|start| document.text.get(start..writing.cursor()));
    let text = text.strip_prefix(there.unwrap_or_default()).unwrap_or(text);
    (!text.is_empty()).then(|| text.to_owned())
}
