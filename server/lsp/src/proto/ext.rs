//! The messages that are ours or borrowed and not in the specification: the status notification in
//! Copilot's words, and two hints that our own plugins send. No server or client needs them.

use serde::{Deserialize, Serialize};
use tower_lsp::gen_lsp_types::{LspNotificationMethod, MessageDirection, Notification};

/// From our plugins: where the cursor rests, at most one per 100 ms.
pub(crate) const CURSOR: &str = "$/foretoken/cursor";

/// From our plugins: the user dismissed the suggestion with this id (`{id}`, or the item itself).
pub(crate) const DISMISSED: &str = "$/foretoken/dismissed";

/// `didChangeStatus`, sent only to clients that asked for it.
#[derive(Debug)]
pub(crate) enum StatusNotification {}

impl Notification for StatusNotification {
    type Params = Status;
    const METHOD: LspNotificationMethod<'static> = LspNotificationMethod::Custom("didChangeStatus");
    const MESSAGE_DIRECTION: MessageDirection = MessageDirection::ServerToClient;
}

/// What the server is about, for a status bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) busy: bool,
    pub(crate) kind: Kind,
    /// One sentence; empty when there is nothing to say.
    pub(crate) message: String,
}

/// Copilot's words, so that existing clients know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Normal,
    Warning,
    Error,
    Inactive,
}

/// `foretoken/assist`: how an answer of the remote model comes along, for clients that said
/// `experimental.foretoken.assist = 1`. The same in words stands in CONTRIBUTING.md.
#[derive(Debug)]
pub(crate) enum AssistNotification {}

impl Notification for AssistNotification {
    type Params = AssistNote;
    const METHOD: LspNotificationMethod<'static> =
        LspNotificationMethod::Custom("foretoken/assist");
    const MESSAGE_DIRECTION: MessageDirection = MessageDirection::ServerToClient;
}

/// One step of an answer. Text comes by whole Markdown blocks, each checked before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub(crate) enum AssistNote {
    /// The question was taken; nothing is known of the answer yet.
    #[serde(rename_all = "camelCase")]
    Started {
        id: u64,
        title: String,
        task: String,
        /// The document that was asked about.
        uri: String,
    },
    /// A further piece of the answer, to be put behind those before it.
    Block { id: u64, markdown: String },
    /// A sentence beside the answer: which model writes, what was left out.
    Note { id: u64, text: String },
    /// The last one. `document` holds the whole answer with its sources.
    #[serde(rename_all = "camelCase")]
    Done {
        id: u64,
        document: Option<String>,
        /// It did not come to its end; the sentence says why.
        cut: Option<String>,
    },
}

/// Marks a point in the queue of outgoing messages; it never leaves the server.
pub(crate) const FENCE: &str = "$/foretoken/fence";

/// The message that carries the mark.
#[derive(Debug)]
pub(crate) enum FenceNotification {}

impl Notification for FenceNotification {
    type Params = ();
    const METHOD: LspNotificationMethod<'static> = LspNotificationMethod::Custom(FENCE);
    const MESSAGE_DIRECTION: MessageDirection = MessageDirection::ServerToClient;
}
