//! What `initialize` says about the client. Its parameters are read from the raw JSON, because one
//! foreign value among a client's capabilities must not end the session before it began.

use std::path::PathBuf;
use std::time::Duration;

use foretoken_engine::position::Encoding;
use serde_json::Value;
use tower_lsp::gen_lsp_types::InitializeParams;

use super::uri::path_of;
use crate::client::{Answers, Editor, Facts};
use crate::config::Menu;

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
        file_watch: flag("/workspace/didChangeWatchedFiles/dynamicRegistration"),
        insert_as_is: capability(
            "/textDocument/completion/completionItem/insertTextModeSupport/valueSet",
        )
        .and_then(Value::as_array)
        .is_some_and(|modes| modes.iter().any(|mode| mode.as_u64() == Some(1))),
        status: options.get("status").and_then(Value::as_bool) == Some(true)
            || options.get("editorInfo").is_some_and(Value::is_object),
        answers: Answers {
            stream: capability("/experimental/foretoken/assist").and_then(Value::as_u64) == Some(1),
            document: flag("/window/showDocument/support"),
            edit: flag("/workspace/applyEdit"),
            versions: flag("/workspace/workspaceEdit/documentChanges"),
            confirm: capability("/workspace/workspaceEdit/changeAnnotationSupport")
                .is_some_and(Value::is_object),
        },
        untrusted: options.get("trusted").and_then(Value::as_bool) == Some(false),
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

/// The client's own word about the menu; anything else leaves it to the settings.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
