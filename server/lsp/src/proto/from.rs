//! From the wire to our values, leniently: unknown keys are ignored at any depth, null equals
//! absent, and what cannot be read becomes a value that says so instead of an error.
//! The generated types are not used here: they refuse null and lose the document version that
//! some clients send along with a request.

use std::path::PathBuf;
use std::time::Duration;

use foretoken_engine::document::Change;
use foretoken_engine::position::{Encoding, Position, Range};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tower_lsp::gen_lsp_types::InitializeParams;

use crate::client::{Editor, Facts};
use crate::config::Menu;
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
struct Versioned {
    uri: String,
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
struct WireRange {
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

fn uri_of(params: &Value) -> Option<String> {
    let uri = params.get("textDocument")?.get("uri")?.as_str()?;
    Some(uri.to_owned())
}

/// The id that an inline completion item carries as the argument of its command.
fn item_id(params: &Value) -> Option<String> {
    let command = params.get("item")?.get("command")?;
    id_of(command.get("arguments")?.get(0)?)
}

fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// Hides the parameters of `initialize` from the framework's strict type: they travel whole as its
/// `initializationOptions`.
pub(crate) fn wrap_initialize(params: Option<Value>) -> Value {
    serde_json::json!({
        "processId": null,
        "rootUri": null,
        "capabilities": {},
        "initializationOptions": params,
    })
}

/// Takes back what `wrap_initialize` hid.
pub(crate) fn unwrap_initialize(params: InitializeParams) -> Value {
    params.initialization_options.unwrap_or_default()
}

/// What `initialize` says about the client. Every part is optional; nothing here can fail.
pub(crate) fn facts(params: &Value) -> Facts {
    let options = params.get("initializationOptions").unwrap_or(&Value::Null);
    let name = [
        options.get("editor"),
        options.get("editorInfo").and_then(|info| info.get("name")),
        params.get("clientInfo").and_then(|info| info.get("name")),
    ]
    .into_iter()
    .flatten()
    .find_map(Value::as_str)
    .unwrap_or_default();
    let capability = |path: &str| params.pointer(&format!("/capabilities{path}"));
    let flag = |path: &str| capability(path).and_then(Value::as_bool) == Some(true);
    Facts {
        editor: Editor::named(name),
        encoding: encoding(capability("/general/positionEncodings")),
        inline: capability("/textDocument/inlineCompletion").is_some_and(Value::is_object),
        work_done_progress: flag("/window/workDoneProgress"),
        configuration: flag("/workspace/configuration"),
        settings_watch: flag("/workspace/didChangeConfiguration/dynamicRegistration"),
        insert_as_is: capability(
            "/textDocument/completion/completionItem/insertTextModeSupport/valueSet",
        )
        .and_then(Value::as_array)
        .is_some_and(|modes| modes.iter().any(|mode| mode.as_u64() == Some(1))),
        status: options.get("status").and_then(Value::as_bool) == Some(true)
            || options.get("editorInfo").is_some_and(Value::is_object),
        menu: menu(options.get("completionMenu")),
        debounce: options
            .get("debounceMs")
            .and_then(Value::as_u64)
            .map(Duration::from_millis),
        process_id: params
            .get("processId")
            .and_then(Value::as_u64)
            .and_then(|pid| u32::try_from(pid).ok()),
        folders: folders(params),
        options: options.clone(),
    }
}

/// utf-8 where it is offered, because the buffer is UTF-8; else utf-16, which is always allowed,
/// unless the client offers utf-32 and does not name utf-16.
fn encoding(offered: Option<&Value>) -> Encoding {
    let offered = offered.and_then(Value::as_array);
    let names = |word| offered.is_some_and(|list| list.iter().any(|kind| kind == word));
    if names("utf-8") {
        Encoding::Utf8
    } else if names("utf-32") && !names("utf-16") {
        Encoding::Utf32
    } else {
        Encoding::Utf16
    }
}

fn menu(value: Option<&Value>) -> Option<Menu> {
    match value?.as_str()? {
        "auto" => Some(Menu::Auto),
        "always" => Some(Menu::Always),
        "never" => Some(Menu::Never),
        _ => None,
    }
}

/// The workspace folders, else the root, as paths; empty for a client without a project.
fn folders(params: &Value) -> Vec<PathBuf> {
    let listed: Vec<&str> = params
        .get("workspaceFolders")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|folder| folder.get("uri")?.as_str())
        .collect();
    let root = params.get("rootUri").and_then(Value::as_str);
    let uris = if listed.is_empty() {
        root.into_iter().collect()
    } else {
        listed
    };
    uris.into_iter()
        .filter(|uri| uri.starts_with("file:"))
        .map(|uri| PathBuf::from(path_of(uri)))
        .collect()
}

/// The path in a `file:` URI with its percent codes resolved; the part after the scheme of any
/// other URI, which still names the language by its ending.
pub(crate) fn path_of(uri: &str) -> String {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let path = match rest.strip_prefix("//") {
        // An authority stands before the first slash.
        Some(after) => after.find('/').map_or("", |slash| &after[slash..]),
        None => rest,
    };
    let decoded = percent_decoded(path);
    // `/C:/x` is how a drive is written in a URI.
    match decoded.as_bytes() {
        [b'/', drive, b':', ..] if drive.is_ascii_alphabetic() => decoded[1..].to_owned(),
        _ => decoded,
    }
}

fn percent_decoded(text: &str) -> String {
    let hex = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = match bytes[at..] {
            [b'%', high, low, ..] => hex(high).zip(hex(low)),
            _ => None,
        };
        match code {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// LSP versions are 32 bit; a larger number is kept at the end of the range instead of refused.
fn clamp(version: i64) -> i32 {
    i32::try_from(version).unwrap_or(if version < 0 { i32::MIN } else { i32::MAX })
}

/// Null equals absent.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
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
    fn paths_lose_scheme_and_percent_codes() {
        assert_eq!(path_of("file:///home/a%20b/%C3%A4.rs"), "/home/a b/ä.rs");
        assert_eq!(path_of("file:///c%3A/x/y.py"), "c:/x/y.py");
        assert_eq!(path_of("untitled:Untitled-1"), "Untitled-1");
        assert_eq!(path_of("vscode-remote://host/w/a.go"), "/w/a.go");
        assert_eq!(path_of("file:///50%"), "/50%");
        assert_eq!(path_of(""), "");
    }

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

    #[test]
    fn facts_of_odd_clients() {
        let silent = facts(&Value::Null);
        assert_eq!(silent.encoding, Encoding::Utf16);
        assert!(!silent.inline && !silent.configuration && silent.folders.is_empty());
        let odd = facts(&json!({
            "processId": "text",
            "initializationOptions": {"editor": "helix", "completionMenu": 3, "debounceMs": "no"},
            "clientInfo": {"name": "Neovim"},
            "capabilities": {"general": {"positionEncodings": ["utf-32", "utf-8"]}, "textDocument": {"inlineCompletion": {}}},
            "rootUri": "file:///",
        }));
        assert_eq!(odd.encoding, Encoding::Utf8);
        assert_eq!(odd.editor, Editor::Helix);
        assert!(odd.inline && odd.menu.is_none() && odd.debounce.is_none());
        assert_eq!(odd.folders, [PathBuf::from("/")]);
    }
}
