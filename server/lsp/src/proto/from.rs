//! From the wire to our values, leniently: unknown keys are ignored at any depth, null equals
//! absent, and what cannot be read becomes a value that says so instead of an error.
//! The generated types are not used here: they refuse null and lose the document version that
//! some clients send along with a request.

use std::path::PathBuf;

use foretoken_engine::document::Change;
use foretoken_engine::position::{Position, Range};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::uri::path_of;
use crate::main_loop::Notification;

/// Parameters that never fail to be read: `None` where they have another shape. The completion
/// paths may answer an empty list or a cancel and nothing else, so the framework must not refuse.
#[derive(Debug)]
pub(crate) struct Lenient<T>(Option<T>);

impl<T> Lenient<T> {
    pub(crate) fn into_inner(self) -> Option<T> {
        self.0
    }
}

impl<'de, T: for<'any> Deserialize<'any>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(Lenient(serde_json::from_value(value).ok()))
    }
}

/// The parameters of both completion requests.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompletionAsk {
    text_document: Versioned,
    position: WirePosition,
    #[serde(default, deserialize_with = "or_default")]
    context: CompletionContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CompletionContext {
    trigger_kind: Option<u32>,
    selected_completion_info: Option<Selected>,
}

/// What the user has selected in the editor's own menu.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Selected {
    range: WireRange,
    /// The text that the menu would put in place of the range.
    pub(crate) text: String,
}

impl Selected {
    /// What the text stands for.
    pub(crate) fn range(&self) -> Range {
        self.range.into()
    }
}

impl CompletionAsk {
    /// The document as the client names it; only ever compared.
    pub(crate) fn uri(&self) -> &str {
        &self.text_document.uri
    }

    /// The document version that some clients send; the specification has none.
    pub(crate) fn version(&self) -> Option<i32> {
        self.text_document.version.map(clamp)
    }

    pub(crate) fn position(&self) -> Position {
        self.position.into()
    }

    /// Whether the user asked by a key (`InlineCompletionTriggerKind.Invoked` = 1).
    pub(crate) fn invoked(&self) -> bool {
        self.context.trigger_kind == Some(1)
    }

    pub(crate) fn selected(&self) -> Option<&Selected> {
        self.context.selected_completion_info.as_ref()
    }
}

/// The parameters of `foretoken/search`.
#[derive(Debug, Deserialize)]
pub(crate) struct SearchAsk {
    /// The question.
    pub(crate) query: String,
    /// Most hits.
    #[serde(default)]
    pub(crate) limit: Option<u16>,
    /// A document of the folder that is meant, where there are several.
    #[serde(default)]
    uri: Option<String>,
}

impl SearchAsk {
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.uri.as_deref().map(|uri| PathBuf::from(path_of(uri)))
    }
}

/// The parameters of `workspace/executeCommand`.
#[derive(Debug, Deserialize)]
pub(crate) struct CommandAsk {
    pub(crate) command: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) arguments: Vec<Value>,
}

impl CommandAsk {
    /// The first argument as a suggestion's id: a string, or a number as some clients make of it.
    pub(crate) fn id(&self) -> Option<String> {
        id_of(self.arguments.first()?)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Versioned {
    pub(super) uri: String,
    #[serde(default)]
    version: Option<i64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct WirePosition {
    line: u32,
    character: u32,
}

impl From<WirePosition> for Position {
    fn from(position: WirePosition) -> Position {
        Position {
            line: position.line,
            character: position.character,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct WireRange {
    start: WirePosition,
    end: WirePosition,
}

impl From<WireRange> for Range {
    fn from(range: WireRange) -> Range {
        Range {
            start: range.start.into(),
            end: range.end.into(),
        }
    }
}

/// Reads one notification; `None` for those that mean nothing to us. A document message that cannot
/// be read is one too: its document is out of step from then on.
pub(crate) fn notification(method: &str, params: Option<Value>) -> Option<Notification> {
    let params = params.unwrap_or_default();
    Some(match method {
        "textDocument/didOpen" => opened(params),
        "textDocument/didChange" => changed(params),
        "textDocument/didClose" => closed(params),
        "textDocument/didSave" => Notification::Saved {
            paths: file_path(&uri_of(&params)?).into_iter().collect(),
        },
        "workspace/didChangeWatchedFiles" => Notification::Saved {
            paths: watched(&params),
        },
        "textDocument/didFocus" => Notification::Focused {
            uri: uri_of(&params)?,
        },
        "workspace/didChangeConfiguration" => {
            Notification::Configuration(params.get("settings").cloned().unwrap_or_default())
        }
        "textDocument/didShowCompletion" => Notification::Shown {
            id: item_id(&params)?,
        },
        "textDocument/didPartiallyAcceptCompletion" => Notification::PartlyAccepted {
            id: item_id(&params)?,
            // UTF-16 units from the start of the inserted text.
            length: usize::try_from(params.get("acceptedLength")?.as_u64()?).ok()?,
        },
        super::ext::DISMISSED => Notification::Dismissed {
            id: params
                .get("id")
                .and_then(id_of)
                .or_else(|| item_id(&params))?,
        },
        "window/workDoneProgress/cancel" => Notification::AnswerCancelled {
            id: super::to::answer_of_token(params.get("token")?.as_str()?)?,
        },
        super::ext::CURSOR => {
            let at: CursorParams = serde_json::from_value(params).ok()?;
            Notification::Cursor {
                uri: at.text_document.uri,
                position: at.position.into(),
            }
        }
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CursorParams {
    text_document: Versioned,
    position: WirePosition,
}

/// `textDocument/didOpen`. Language and version may be missing; without a text there is no document.
fn opened(params: Value) -> Notification {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params {
        text_document: Item,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Item {
        uri: String,
        #[serde(default)]
        language_id: Option<String>,
        #[serde(default)]
        version: Option<i64>,
        text: String,
    }
    let uri = uri_of(&params);
    match serde_json::from_value::<Params>(params) {
        Ok(Params { text_document }) => Notification::Opened {
            uri: text_document.uri,
            language_id: text_document.language_id.unwrap_or_default(),
            version: text_document.version.map(clamp).unwrap_or_default(),
            text: text_document.text,
        },
        Err(_) => Notification::Unreadable { uri },
    }
}

/// `textDocument/didChange`. One change that cannot be read spoils the whole notification: what comes
/// after it counts from a text that we would not have.
fn changed(params: Value) -> Notification {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params {
        text_document: Versioned,
        content_changes: Vec<WireChange>,
    }
    #[derive(Deserialize)]
    struct WireChange {
        #[serde(default)]
        range: Option<WireRange>,
        text: String,
    }
    let uri = uri_of(&params);
    match serde_json::from_value::<Params>(params) {
        Ok(params) => Notification::Changed {
            uri: params.text_document.uri,
            version: params.text_document.version.map(clamp),
            changes: params
                .content_changes
                .into_iter()
                .map(|change| Change {
                    range: change.range.map(Range::from),
                    text: change.text,
                })
                .collect(),
        },
        Err(_) => Notification::Unreadable { uri },
    }
}

fn closed(params: Value) -> Notification {
    match uri_of(&params) {
        Some(uri) => Notification::Closed { uri },
        None => Notification::Unreadable { uri: None },
    }
}

/// The files of `workspace/didChangeWatchedFiles`; what happened to each is seen on the disk.
fn watched(params: &Value) -> Vec<PathBuf> {
    let changes = params.get("changes").and_then(Value::as_array);
    let uris = changes.into_iter().flatten();
    uris.filter_map(|change| file_path(change.get("uri")?.as_str()?))
        .collect()
}

fn file_path(uri: &str) -> Option<PathBuf> {
    uri.starts_with("file:")
        .then(|| PathBuf::from(path_of(uri)))
}

/// Read apart from the rest, so that a misshapen message still names its document.
fn uri_of(params: &Value) -> Option<String> {
    let uri = params.get("textDocument")?.get("uri")?.as_str()?;
    Some(uri.to_owned())
}

/// The id that an inline completion item carries as the argument of its command.
fn item_id(params: &Value) -> Option<String> {
    let command = params.get("item")?.get("command")?;
    id_of(command.get("arguments")?.get(0)?)
}

/// Ids are ours and texts, but some clients hand a numeral back as a number.
fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// LSP versions are 32 bit; a larger number is kept at the end of the range instead of refused.
pub(super) fn clamp(version: i64) -> i32 {
    i32::try_from(version).unwrap_or(if version < 0 { i32::MIN } else { i32::MAX })
}

/// Null equals absent.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_that_cannot_be_read_names_its_document() {
        let params = json!({
            "textDocument": {"uri": "file:///a", "version": 2},
            "contentChanges": [{"range": {"start": {"line": -1, "character": 0}, "end": {"line": 0, "character": 0}}, "text": ""}],
        });
        let read = notification("textDocument/didChange", Some(params));
        assert!(
            matches!(&read, Some(Notification::Unreadable { uri: Some(uri) }) if uri == "file:///a"),
            "{read:?}"
        );
        let read = notification("textDocument/didOpen", None);
        assert!(
            matches!(read, Some(Notification::Unreadable { uri: None })),
            "{read:?}"
        );
    }

    #[test]
    fn foreign_keys_and_nulls_are_read_past() {
        let ask: Lenient<CompletionAsk> = serde_json::from_value(json!({
            "textDocument": {"uri": "file:///a", "odd": [1]},
            "position": {"line": 1, "character": 2, "sticky": true},
            "context": null,
            "formattingOptions": {"tabSize": 4},
        }))
        .unwrap();
        let ask = ask.into_inner().unwrap();
        assert_eq!(
            (ask.uri(), ask.version(), ask.invoked()),
            ("file:///a", None, false)
        );
        let broken: Lenient<CompletionAsk> = serde_json::from_value(json!(7)).unwrap();
        assert!(broken.into_inner().is_none());
    }
}
