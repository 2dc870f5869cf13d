//! From our values to the wire, strictly: every shape here is one that all known editors show
//! right. An inline item has an explicit range and only the new text; nothing is ever a snippet.

use foretoken_engine::position::{Position, Range};
use serde_json::{Value, json};
use tower_lsp::gen_lsp_types as lsp;
use tower_lsp::jsonrpc::Error;

use crate::handlers::execute_command::ACCEPTED;
use crate::main_loop::Refusal;
use crate::outbox::{Change, Progress};

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
        "textDocument/completion" => Some(json!({"isIncomplete": true, "items": []})),
        _ => None,
    }
}

/// A menu with nothing in it, to be asked again at the next character: a complete list would be kept
/// by the editor while the word grows.
pub(crate) fn empty_menu() -> lsp::CompletionList {
    lsp::CompletionList {
        is_incomplete: true,
        ..lsp::CompletionList::default()
    }
}

/// One inline item: `text` in place of `range`, with the command that reports its acceptance.
pub(crate) fn inline_list(range: Range, text: String, id: String) -> lsp::InlineCompletionList {
    lsp::InlineCompletionList {
        items: vec![lsp::InlineCompletionItem {
            insert_text: lsp::InsertText::String(text),
            filter_text: None,
            range: Some(self::range(range)),
            command: Some(lsp::Command {
                title: "Accepted".to_owned(),
                tooltip: None,
                command: ACCEPTED.to_owned(),
                arguments: Some(vec![Value::String(id)]),
            }),
        }],
    }
}

/// What the one item of the completion menu is made of.
#[derive(Debug)]
pub(crate) struct MenuItem {
    /// From the start of the word before the cursor to the cursor.
    pub(crate) range: Range,
    /// The word before the cursor, as far as it is typed.
    pub(crate) fragment: String,
    /// The new text.
    pub(crate) text: String,
    /// Of the document, for the fenced block.
    pub(crate) language_id: &'static str,
    /// The client knows `insertTextMode` 1, "as it is".
    pub(crate) as_is: bool,
}

/// One completion item, first in the menu and chosen, though never inserted unasked. It carries no
/// command: Helix and LSP4IJ would not run it.
pub(crate) fn completion_list(item: MenuItem) -> lsp::CompletionList {
    let whole = format!("{}{}", item.fragment, item.text);
    let mut lines = whole.lines();
    let first = lines.next().unwrap_or_default().trim();
    let label = match lines.next() {
        Some(_) => format!("{first} …"),
        None => first.to_owned(),
    };
    let fence = fence(&whole);
    let documentation = format!("{fence}{}\n{whole}\n{fence}", item.language_id);
    lsp::CompletionList {
        // The next character makes another item.
        is_incomplete: true,
        items: vec![lsp::CompletionItem {
            label,
            kind: Some(lsp::CompletionItemKind::Snippet),
            detail: Some("Foretoken".to_owned()),
            documentation: Some(lsp::Documentation::MarkupContent(lsp::MarkupContent {
                kind: lsp::MarkupKind::Markdown,
                value: documentation,
            })),
            preselect: Some(true),
            // Sorts before all that a language server sends.
            sort_text: Some("\u{1}".to_owned()),
            filter_text: Some(item.fragment),
            insert_text_format: Some(lsp::InsertTextFormat::PlainText),
            insert_text_mode: item.as_is.then_some(lsp::InsertTextMode::AsIs),
            text_edit: Some(lsp::CompletionItemTextEdit::TextEdit(lsp::TextEdit {
                range: range(item.range),
                new_text: whole,
            })),
            ..lsp::CompletionItem::default()
        }],
        ..lsp::CompletionList::default()
    }
}

/// More backticks than any run of them in the text, at least three (CommonMark 0.31, 4.5).
fn fence(text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    "`".repeat(runs.max().unwrap_or(0).max(2) + 1)
}

/// The value of a `$/progress` notification.
pub(crate) fn progress(step: Progress) -> Value {
    match step {
        Progress::Begin {
            title,
            cancellable: true,
        } => json!({"kind": "begin", "title": title, "cancellable": true}),
        Progress::Begin { title, .. } => {
            json!({"kind": "begin", "title": title, "cancellable": false, "percentage": 0})
        }
        Progress::Say { message } => json!({"kind": "report", "message": message}),
        Progress::Report { message, percent } => {
            json!({"kind": "report", "message": message, "percentage": percent})
        }
        Progress::End { message } => json!({"kind": "end", "message": message}),
    }
}

/// The token of an answer's progress, by the answer's number.
pub(crate) fn answer_token(id: u64) -> String {
    format!("{ANSWER_TOKEN}{id}")
}

/// The answer's number in a token; `None` for other tokens.
pub(crate) fn answer_of_token(token: &str) -> Option<u64> {
    token.strip_prefix(ANSWER_TOKEN)?.parse().ok()
}

const ANSWER_TOKEN: &str = "foretoken-answer-";

/// A change of one document, lines replaced, as the client can take it.
pub(crate) fn workspace_edit(change: &Change) -> Value {
    let edits: Vec<Value> = change
        .edits
        .iter()
        .map(|(at, text)| {
            let mut edit = json!({"range": range(*at), "newText": text});
            if change.confirm {
                edit["annotationId"] = ANNOTATION.into();
            }
            edit
        })
        .collect();
    if !change.versions {
        return json!({"changes": {change.uri.as_str(): edits}});
    }
    let document = json!({"uri": change.uri, "version": change.version});
    let mut edit = json!({"documentChanges": [{"textDocument": document, "edits": edits}]});
    if change.confirm {
        edit["changeAnnotations"] =
            json!({ANNOTATION: {"label": change.label, "needsConfirmation": true}});
    }
    edit
}

const ANNOTATION: &str = "foretoken";

pub(crate) fn range(range: Range) -> lsp::Range {
    lsp::Range {
        start: position(range.start),
        end: position(range.end),
    }
}

fn position(position: Position) -> lsp::Position {
    lsp::Position {
        line: position.line,
        character: position.character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range_at(line: u32, from: u32, to: u32) -> Range {
        let at = |character| Position { line, character };
        Range {
            start: at(from),
            end: at(to),
        }
    }

    #[test]
    fn an_inline_item_on_the_wire() {
        let list = inline_list(range_at(3, 4, 4), "x + 1".to_owned(), "7".to_owned());
        assert_eq!(
            serde_json::to_value(list).unwrap(),
            json!({"items": [{
                "insertText": "x + 1",
                "range": {"start": {"line": 3, "character": 4}, "end": {"line": 3, "character": 4}},
                "command": {"title": "Accepted", "command": "foretoken.accepted", "arguments": ["7"]},
            }]})
        );
    }

    #[test]
    fn a_menu_item_on_the_wire() {
        let list = completion_list(MenuItem {
            range: range_at(0, 0, 3),
            fragment: "def".to_owned(),
            text: " add(a, b):\n    return a".to_owned(),
            language_id: "python",
            as_is: false,
        });
        assert_eq!(
            serde_json::to_value(list).unwrap(),
            json!({"isIncomplete": true, "items": [{
                "label": "def add(a, b): …",
                "kind": 15,
                "detail": "Foretoken",
                "documentation": {"kind": "markdown", "value": "```python\ndef add(a, b):\n    return a\n```"},
                "preselect": true,
                "sortText": "\u{1}",
                "filterText": "def",
                "insertTextFormat": 1,
                "textEdit": {
                    "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}},
                    "newText": "def add(a, b):\n    return a",
                },
            }]})
        );
    }

    #[test]
    fn a_fence_is_longer_than_any_in_the_text() {
        assert_eq!(fence("a"), "```");
        assert_eq!(fence("a ```` b `"), "`````");
    }
}
