//! The files of the JetBrains template that follow from the server's own tables. Only tests make them; the
//! program carries the committed ones.

use foretoken_grammars::Language;
use serde_json::{Value, json};

/// `template.json`: the command, and file names for every language with rules for suggestions, since the names of file types differ
/// from IDE to IDE.
pub(super) fn template() -> Value {
    let mappings: Vec<Value> = Language::ALL
        .iter()
        .filter(|language| language.has_scopes())
        .map(|language| {
            // The IDE compares without regard to case, where `*.C` would be a second `*.c`.
            let small = |ending: &&&str| !ending.chars().any(char::is_uppercase);
            let endings = language.extensions().iter().filter(small);
            json!({
                "fileType": {"patterns": endings.map(|ending| format!("*.{ending}")).collect::<Vec<_>>()},
                "languageId": language.lsp_ids()[0],
            })
        })
        .collect();
    json!({
        "id": "foretoken",
        "name": "Foretoken",
        "programArgs": {"default": "foretoken", "windows": "foretoken.exe"},
        "fileTypeMappings": mappings,
    })
}

/// `settings.schema.json`: what `settings.json` may hold, from the schema of the settings file. Keys that
/// an editor may not set are left out.
pub(super) fn schema() -> Value {
    let mut schema: Value =
        serde_json::from_str(&crate::config::schema::text()).unwrap_or_default();
    let mut definitions = schema["$defs"].take();
    let mut sections = schema["properties"].take();
    for key in crate::config::keys::KEYS.iter().filter(|key| !key.editor) {
        let Some((section, name)) = key.path.split_once('.') else {
            continue;
        };
        let reference = sections[section]["$ref"].as_str().map(str::to_owned);
        let definition = reference
            .as_deref()
            .and_then(|path| path.strip_prefix("#/$defs/"));
        if let Some(properties) =
            definition.and_then(|definition| definitions[definition]["properties"].as_object_mut())
        {
            properties.remove(name);
        }
    }
    // A section that an editor has no say in.
    if let Some(sections) = sections.as_object_mut() {
        sections.retain(|_, section| {
            let definition = section["$ref"]
                .as_str()
                .and_then(|path| path.strip_prefix("#/$defs/"));
            definition.is_none_or(|definition| {
                definitions[definition]["properties"]
                    .as_object()
                    .is_none_or(|left| !left.is_empty())
            })
        });
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Settings of Foretoken",
        "type": "object",
        "properties": {"foretoken": {"type": "object", "properties": sections, "additionalProperties": false}},
        "$defs": definitions,
    })
}
