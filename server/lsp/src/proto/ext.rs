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
