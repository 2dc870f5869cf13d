//! From our values to the wire, strictly: every shape here is one that all known editors show
//! right. An inline item has an explicit, empty range at the cursor and only the new text.

use serde_json::{Value, json};
use tower_lsp::jsonrpc::Error;

use crate::main_loop::Refusal;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        match refusal {
            Refusal::Superseded => Error::request_cancelled(),
            Refusal::BadParameters(sentence) => Error::invalid_params(sentence),
            Refusal::Internal => Error::internal_error(),
        }
    }
}

/// The reply "nothing to offer" of a completion method; `None` for any other method. Never null:
/// Neovim then keeps its old ghost text.
pub(crate) fn empty_list(method: &str) -> Option<Value> {
    match method {
        "textDocument/inlineCompletion" => Some(json!({"items": []})),
        "textDocument/completion" => Some(json!({"isIncomplete": false, "items": []})),
        _ => None,
    }
}
