//! The five layers, later over earlier, and the only conversion of them to `Settings`.
//! The workspace layer is restrict-only: it can forbid or shrink, never add. A bad value, an unknown
//! key or a broken file becomes a `Problem`, a sentence to show once; it never stops the program.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::options::{KEYS, Key, Options, Shape};
use super::settings::Settings;
use crate::paths::Paths;

mod merge;
#[cfg(test)]
mod tests;

/// Name of the restrict-only file in a workspace folder.
pub const WORKSPACE_FILE: &str = ".foretoken.toml";

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

/// The sections of a file.
const SECTIONS: &[&str] = &["completion", "model", "runtime", "log"];

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    BuiltIn,
    User(PathBuf),
    Environment,
    /// `initializationOptions`.
    Initialization,
    /// What the editor pushed or answered last.
    Editor,
    Workspace(PathBuf),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::BuiltIn => f.write_str("the defaults"),
            Layer::User(path) | Layer::Workspace(path) => write!(f, "{}", path.display()),
            Layer::Environment => f.write_str("the environment"),
            Layer::Initialization => f.write_str("the initialization options"),
            Layer::Editor => f.write_str("the editor's settings"),
        }
    }
}

/// Something in a layer that has no effect, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    pub layer: Layer,
    /// The key as a path, or empty when it is about the layer as a whole.
    pub key: String,
    /// Complete sentences that name the layer and the key.
    pub sentence: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// The layers above the built-in one, as they were last read.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    user: Option<Read>,
    environment: Option<Read>,
    initialization: Option<Read>,
    editor: Option<Read>,
    workspaces: Vec<Read>,
    /// For `~` in paths.
    home: Option<PathBuf>,
}

/// One layer as it was read.
#[derive(Clone, Debug)]
struct Read {
    layer: Layer,
    options: Options,
    problems: Vec<Problem>,
}

/// The settings in force with all that is to be said about them.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub settings: Settings,
    pub problems: Vec<Problem>,
    /// By key path, the last layer that had a say. Keys left alone are absent.
    pub origins: BTreeMap<&'static str, Layer>,
}

impl Settings {
    /// The settings in force, and all that had no effect.
    pub fn from_layers(layers: &Layers) -> (Settings, Vec<Problem>) {
        let resolved = layers.resolve();
        (resolved.settings, resolved.problems)
    }
}

impl Layers {
    /// The user file and the process's environment. A missing file is an empty layer.
    pub fn load(paths: Option<&Paths>) -> Layers {
        let mut layers = Layers {
            home: paths.map(|paths| paths.home.clone()),
            ..Layers::default()
        };
        if let Some(paths) = paths {
            let path = paths.config_file();
            layers.user = read_file(&path, Layer::User(path.clone()));
        }
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        layers.set_environment(variables);
        layers
    }

    /// Replaces the environment layer; names that do not begin with `FORETOKEN_` are passed over.
    pub fn set_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        self.environment = Some(read_environment(variables));
    }

    /// Replaces the `initializationOptions` layer. Wrapped in `foretoken` or bare, null and `{}` are
    /// all fine.
    pub fn set_initialization(&mut self, value: &Value) {
        self.initialization = Some(read_editor(value, Layer::Initialization));
    }

    /// Replaces what the editor pushed or answered last. A bad value keeps the good one before it.
    pub fn set_editor(&mut self, value: &Value) {
        let mut read = read_editor(value, Layer::Editor);
        if let Some(older) = &self.editor {
            read.options.inherit(&older.options);
        }
        self.editor = Some(read);
    }

    /// Reads the restrict-only file of each workspace folder anew.
    pub fn set_workspaces(&mut self, folders: &[PathBuf]) {
        self.workspaces = folders
            .iter()
            .filter_map(|folder| {
                let path = folder.join(WORKSPACE_FILE);
                read_file(&path, Layer::Workspace(path.clone()))
            })
            .collect();
    }

    /// All layers applied in order.
    pub fn resolve(&self) -> Resolved {
        let mut resolved = Resolved {
            settings: Settings::default(),
            problems: Vec::new(),
            origins: BTreeMap::new(),
        };
        let single = [
            &self.user,
            &self.environment,
            &self.initialization,
            &self.editor,
        ];
        for read in single.into_iter().flatten().chain(&self.workspaces) {
            resolved.problems.extend(read.problems.iter().cloned());
            merge::apply(
                &read.layer,
                &read.options,
                self.home.as_deref(),
                &mut resolved,
            );
        }
        resolved
    }
}

/// A TOML file as a layer; `None` where there is none.
fn read_file(path: &Path, layer: Layer) -> Option<Read> {
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
    let sentence =
        format!("{layer} is ignored: {reason}. Correct the file and restart the server.");
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
fn read_environment(variables: impl IntoIterator<Item = (String, String)>) -> Read {
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
        let section = ["COMPLETION_", "MODEL_", "RUNTIME_"];
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

fn parse(key: &Key, text: &str) -> Value {
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
        Shape::Text => None,
    };
    // What does not parse stays text, and is reported as a bad value where it is not wanted.
    parsed.unwrap_or_else(|| Value::from(text))
}

/// Editor settings in any of their forms as a layer.
fn read_editor(value: &Value, layer: Layer) -> Read {
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

/// `; did you mean X?` or a full stop, to end a sentence about an unknown word.
fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or(".".to_owned(), |near| format!("; did you mean {near}?"))
}

/// The candidate that is most like a word, where one is like it at all: by its whole path or by the
/// name at its end.
fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let scored = candidates.into_iter().map(|candidate| {
        let whole = candidate.to_lowercase();
        let name = whole.rsplit('.').next().unwrap_or(&whole);
        (
            distance(&lower, &whole).min(distance(&lower, name)),
            candidate,
        )
    });
    let (edits, candidate) = scored.min()?;
    // Two slips, or one in five characters of a long word.
    (edits <= 2.max(word.len() / 5).min(word.len() / 2)).then_some(candidate)
}

/// Edits (insert, delete, replace) between two short words; Wagner and Fischer 1974 in one row.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
