//! What the client is asked for an answer to a question: room for its progress, the user's choice, a
//! place on the screen, a change of a text. Each has a limit, and a way on where the client cannot.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use foretoken_engine::position::Range;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_lsp::Client;
use tower_lsp::gen_lsp_types::{
    LspRequestMethod, MessageActionItem, MessageDirection, MessageType, Position as WirePosition,
    ProgressToken, Range as WireRange, Request, ShowDocumentParams, Uri,
};

use super::{Progress, REGISTER_LIMIT, limited, send_progress};
use crate::main_loop::{Event, Events};
use crate::proto::{to, uri};

/// A user may be away from the desk; a question older than this is answered with "no".
const CHOICE_LIMIT: Duration = Duration::from_secs(10 * 60);

/// How long a client may take to show a document before it is told in words.
const OPEN_LIMIT: Duration = Duration::from_secs(2);

/// A question with buttons. `id` and `about` say what the answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) id: u64,
    pub(crate) text: String,
    pub(crate) choices: Vec<&'static str>,
}

/// What the user chose; `None` where they closed it, or the client cannot ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) id: u64,
    pub(crate) choice: Option<String>,
}

/// A change of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) id: u64,
    pub(crate) uri: String,
    /// Of the text that the edits were made for; `None` for one that the client has not opened.
    pub(crate) version: Option<i32>,
    /// What the disk must still hold then.
    pub(crate) unopened: Option<Unopened>,
    /// What stands on the undo list and in the preview.
    pub(crate) label: String,
    /// Ranges that do not overlap, each with its new text.
    pub(crate) edits: Vec<(Range, String)>,
    /// The client can be told the version.
    pub(crate) versions: bool,
    /// The client asks the user itself.
    pub(crate) confirm: bool,
}

/// A file that the client has not opened, as it was when an edit was made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unopened {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Unopened {
    /// Whether the disk holds it still.
    async fn is_as_it_was(&self) -> bool {
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let text = std::fs::read_to_string(&this.path);
            text.is_ok_and(|text| this.text == text)
        });
        read.await.unwrap_or(false)
    }
}

/// The progress bars of running answers.
#[derive(Debug, Default)]
pub(super) struct Bars {
    running: HashMap<u64, mpsc::UnboundedSender<Progress>>,
    /// What shows them, until their last step is sent.
    showing: JoinSet<()>,
}

impl Bars {
    /// Queues a step behind those before it; a bar is made at its first one.
    pub(super) fn step(&mut self, client: &Client, id: u64, step: Progress) {
        if matches!(step, Progress::Begin { .. }) {
            let (sender, steps) = mpsc::unbounded_channel();
            self.running.insert(id, sender);
            while self.showing.try_join_next().is_some() {}
            self.showing.spawn(show(client.clone(), id, steps));
        }
        let last = matches!(step, Progress::End { .. });
        if let Some(bar) = self.running.get(&id) {
            let _ = bar.send(step);
        }
        if last {
            self.running.remove(&id);
        }
    }

    /// Waits until all steps are sent; dropped before that, what is left is not shown.
    pub(super) async fn close(mut self) {
        self.running.clear();
        while self.showing.join_next().await.is_some() {}
    }
}

async fn show(client: Client, id: u64, mut steps: mpsc::UnboundedReceiver<Progress>) {
    let token = ProgressToken::String(to::answer_token(id));
    let created = client.create_work_done_progress(token.clone());
    if limited(REGISTER_LIMIT, created).await.is_none() {
        return;
    }
    while let Some(step) = steps.recv().await {
        send_progress(&client, &token, step).await;
    }
}

/// Shows the question and hands the choice to the loop.
pub(super) async fn ask(client: Client, events: Events, question: Question) {
    let item = |title: &&'static str| MessageActionItem {
        title: (*title).to_owned(),
        properties: HashMap::new(),
    };
    let items = question.choices.iter().map(item).collect();
    let shown = client.show_message_request(MessageType::Info, question.text, Some(items));
    let choice = limited(CHOICE_LIMIT, shown).await.flatten();
    events.send(Event::Chosen(Chosen {
        id: question.id,
        choice: choice.map(|item| item.title),
    }));
}

/// Shows a document, or says where it lies.
pub(super) async fn open(client: Client, path: PathBuf, otherwise: String) {
    let place = WirePosition {
        line: 0,
        character: 0,
    };
    let params = ShowDocumentParams {
        uri: Uri(uri::of_path(&path)),
        external: None,
        take_focus: Some(false),
        // LSP4IJ never replies without one.
        selection: Some(WireRange {
            start: place,
            end: place,
        }),
    };
    let shown = limited(OPEN_LIMIT, client.show_document(params)).await;
    // An error in reply to it is usual (Neovim), and so the words follow where it was not done.
    if shown != Some(true) {
        client.show_message(MessageType::Info, otherwise).await;
    }
}

/// `workspace/applyEdit` with our own parameters: the generated ones have no place for an edit that
/// names both a version and an annotation in every release.
#[derive(Debug)]
enum ApplyRequest {}

impl Request for ApplyRequest {
    type Params = Value;
    type Result = Value;
    const METHOD: LspRequestMethod<'static> = LspRequestMethod::WorkspaceApplyEdit;
    const MESSAGE_DIRECTION: MessageDirection = MessageDirection::ServerToClient;
}

/// Has a text changed and tells the loop whether it was.
pub(super) async fn apply(client: Client, events: Events, change: Change) {
    let (id, applied) = (change.id, false);
    if let Some(file) = &change.unopened
        && !file.is_as_it_was().await
    {
        let sentence =
            "Foretoken: the file has changed since, so the edit was not made; ask again.";
        client.show_message(MessageType::Warning, sentence).await;
        return events.send(Event::Applied { id, applied });
    }
    let params = json!({"label": change.label, "edit": to::workspace_edit(&change)});
    let answer = limited(CHOICE_LIMIT, client.send_request::<ApplyRequest>(params)).await;
    let applied = answer
        .as_ref()
        .and_then(|answer| answer.get("applied"))
        .and_then(Value::as_bool);
    events.send(Event::Applied {
        id: change.id,
        applied: applied == Some(true),
    });
}
