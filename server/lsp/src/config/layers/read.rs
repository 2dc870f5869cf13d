//! Each layer in its own form, a TOML file, variables, or what an editor sends, becomes `Options`.
//! What cannot be read becomes a problem. No right and no range is checked here; `merge` does that.

use std::path::Path;

use serde_json::{Map, Value};

use super::hint::{hint, nearest};
use super::{Layer, Problem, SECTIONS};
use crate::config::keys::{KEYS, Key, Shape};
use crate::config::options::Options;

/// Longest configuration file that is read, bytes. A longer one is no configuration.
const MAX_FILE: u64 = 256 * 1024;

/// Keys of `initializationOptions` that say who the editor is; `client.rs` reads them.
const EDITOR_FACTS: &[&str] = &[
    "editor",
    "editorInfo",
    "editorPluginInfo",
    "status",
    "trusted",
    "settings",
];

/// One layer as it was read.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) layer: Layer,
    pub(super) options: Options,
    pub(super) problems: Vec<Problem>,
}

/// A TOML file as a layer; `None` where there is none.
pub(super) fn file(path: &Path, layer: Layer) -> Option<Read> {
    let text = match read_text(path) {
        Ok(text) => text?,
        Err(reason) => return Some(broken(layer, &reason)),
    };
    Some(match toml::from_str::<Options>(&text) {
        Ok(options) => Read {
            layer,
            options,
            problems: Vec::new(),
        },
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            broken(layer, &format!("line {line}: {}", error.message()))
        }
    })
}

/// The text of a configuration file, `None` where there is no file, or why it cannot be read.
fn read_text(path: &Path) -> Result<Option<String>, String> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    // Opening a pipe or a device could block for ever.
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.len() > MAX_FILE {
        return Err(format!("it is longer than {} kB", MAX_FILE / 1024));
    }
    std::fs::read_to_string(path)
        .map(Some)
        .map_err(|error| error.to_string())
}

fn broken(layer: Layer, reason: &str) -> Read {
    let reason = reason.trim_end_matches('.');
    let remedy = match layer {
        // It is read again when it has changed.
        Layer::Workspace(_) => "Correct the file",
        _ => "Correct the file and restart the server",
    };
    let sentence = format!("{layer} is ignored: {reason}. {remedy}.");
    let problem = Problem {
        layer: layer.clone(),
        key: String::new(),
        sentence,
    };
    Read {
        layer,
        options: Options::default(),
        problems: vec![problem],
    }
}

/// The variables of known settings as a layer. A variable that begins like a setting but is none is
/// reported; other `FORETOKEN_` variables belong to builds and tests.
pub(super) fn environment(variables: impl IntoIterator<Item = (String, String)>) -> Read {
    let layer = Layer::Environment;
    let (mut root, mut problems) = (Map::new(), Vec::new());
    for (name, text) in variables {
        if let Some(key) = KEYS.iter().find(|key| key.variable == name) {
            // An empty variable is the shell's way to unset one.
            if !text.is_empty() {
                insert(&mut root, key.path, parse(key, &text));
            }
            continue;
        }
        let section = ["COMPLETION_", "MODEL_", "RUNTIME_", "REMOTE_", "REPORTS_"];
        let Some(rest) = name.strip_prefix("FORETOKEN_") else {
            continue;
        };
        if section.iter().any(|section| rest.starts_with(section)) {
            let hint = hint(&name, KEYS.iter().map(|key| key.variable));
            let sentence = format!("The environment variable {name} is no setting{hint}");
            problems.push(Problem {
                layer: layer.clone(),
                key: name,
                sentence,
            });
        }
    }
    Read {
        layer,
        options: from_map(root),
        problems,
    }
}

pub(super) fn parse(key: &Key, text: &str) -> Value {
    let flag = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    };
    let parsed = match key.shape {
        Shape::Flag => flag(text.trim()).map(Value::Bool),
        Shape::Number => serde_json::from_str::<serde_json::Number>(text.trim())
            .ok()
            .map(Value::Number),
        Shape::List => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Some(items.map(Value::from).collect())
        }
        Shape::Json => serde_json::from_str(text).ok(),
        Shape::Text => None,
    };
    // What does not parse stays text, and is reported as a bad value where it is not wanted.
    parsed.unwrap_or_else(|| Value::from(text))
}

/// Editor settings in any of their forms as a layer.
pub(super) fn editor(value: &Value, layer: Layer) -> Read {
    let wrapped = value.get("foretoken");
    let value = wrapped.unwrap_or(value);
    let mut root = match value {
        Value::Object(map) => spread(map),
        _ => Map::new(),
    };
    root.retain(|key, _| !EDITOR_FACTS.contains(&key.as_str()));
    if wrapped.is_none() {
        // Bare settings may be those of the whole editor: a key that looks like none of ours is
        // another program's.
        root.retain(|key, _| nearest(key, SECTIONS.iter().copied()).is_some());
    }
    let mut problems = Vec::new();
    if !matches!(value, Value::Object(_) | Value::Null) {
        let sentence = format!("{layer} are ignored: they must be an object of settings.");
        problems.push(Problem {
            layer: layer.clone(),
            key: String::new(),
            sentence,
        });
    }
    Read {
        layer,
        options: from_map(root),
        problems,
    }
}

/// Dotted keys as nested objects, with or without `foretoken.` in front.
fn spread(map: &Map<String, Value>) -> Map<String, Value> {
    let mut root = Map::new();
    for (key, value) in map {
        let key = key.strip_prefix("foretoken.").unwrap_or(key);
        insert(&mut root, key, value.clone());
    }
    root
}

/// Puts a value at a dotted path. A path through something that is no object replaces it.
fn insert(root: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((section, rest)) = path.split_once('.') else {
        match (root.get_mut(path), value) {
            // Both forms of one section in one object are joined.
            (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
            (_, value) => drop(root.insert(path.to_owned(), value)),
        }
        return;
    };
    let inner = root
        .entry(section)
        .or_insert_with(|| Value::Object(Map::new()));
    if !inner.is_object() {
        *inner = Value::Object(Map::new());
    }
    if let Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}

fn from_map(map: Map<String, Value>) -> Options {
    // Every field accepts every value, so an object always becomes options.
    serde_json::from_value(Value::Object(map)).unwrap_or_default()
}
