//! The five layers, later over earlier, and the only conversion of them to `Settings`.
//! The workspace layer is restrict-only: it can forbid or shrink, never add. A bad value, an unknown
//! key or a broken file becomes a `Problem`, a sentence to show once; it never stops the program.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

use super::settings::Settings;
use crate::paths::Paths;
pub use stamps::Stamps;

use merge::Of;
use read::Read;

mod hint;
mod merge;
mod read;
mod remote;
mod stamps;
#[cfg(test)]
mod tests;

/// Name of the restrict-only file in a workspace folder.
pub const WORKSPACE_FILE: &str = ".foretoken.toml";

/// The sections of a file.
const SECTIONS: &[&str] = &[
    "completion",
    "model",
    "runtime",
    "index",
    "remote",
    "metrics",
    "memory",
    "audit",
    "reports",
    "log",
];

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// `Settings::default()`.
    BuiltIn,
    /// The user's `config.toml`, by its path.
    User(PathBuf),
    /// `FORETOKEN_*`.
    Environment,
    /// `initializationOptions`.
    Initialization,
    /// What the editor pushed or answered last.
    Editor,
    /// The arms of experiments that this installation has.
    Experiments,
    /// A `.foretoken.toml`, by its path; it can only forbid.
    Workspace(PathBuf),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::BuiltIn => f.write_str("the defaults"),
            Layer::User(path) | Layer::Workspace(path) => write!(f, "{}", path.display()),
            Layer::Environment => f.write_str("the environment"),
            Layer::Initialization => f.write_str("the initialization options"),
            Layer::Experiments => f.write_str("an experiment"),
            Layer::Editor => f.write_str("the editor's settings"),
        }
    }
}

/// Something in a layer that has no effect, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// Where it stands.
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
    // `None` is a layer that was never read; an empty one says nothing either.
    user: Option<Read>,
    environment: Option<Read>,
    initialization: Option<Read>,
    editor: Option<Read>,
    workspaces: Vec<Read>,
    /// Of the workspaces' files, from before they were read.
    stamps: Stamps,
    /// For `~` in paths.
    home: Option<PathBuf>,
    /// Random bits of this installation; none where no experiment asks for them.
    installation: Vec<u8>,
}

/// The settings in force with all that is to be said about them.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Complete and checked.
    pub settings: Settings,
    /// What had no effect, layer by layer.
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
            layers.user = read::file(&path, Layer::User(path.clone()));
        }
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        layers.set_environment(variables);
        if let Some(paths) = paths.filter(|_| layers.has_experiments()) {
            layers.installation = paths.installation();
        }
        layers
    }

    /// Whether a layer that may declares experiments.
    fn has_experiments(&self) -> bool {
        [&self.user, &self.environment]
            .into_iter()
            .flatten()
            .filter_map(|read| read.options.metrics.value.as_ref())
            .any(|metrics| metrics.experiments.value.is_some())
    }

    /// Replaces the environment layer; names that do not begin with `FORETOKEN_` are passed over.
    pub fn set_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        self.environment = Some(read::environment(variables));
    }

    /// Replaces the `initializationOptions` layer. Wrapped in `foretoken` or bare, null and `{}` are
    /// all fine.
    pub fn set_initialization(&mut self, value: &Value) {
        self.initialization = Some(read::editor(value, Layer::Initialization));
    }

    /// Replaces what the editor pushed or answered last. A bad value keeps the good one before it.
    pub fn set_editor(&mut self, value: &Value) {
        let mut read = read::editor(value, Layer::Editor);
        if let Some(older) = &self.editor {
            read.options.inherit(&older.options);
        }
        self.editor = Some(read);
    }

    /// Reads the restrict-only file of each workspace folder anew.
    pub fn set_workspaces(&mut self, folders: &[PathBuf]) {
        let files = folders.iter().map(|folder| folder.join(WORKSPACE_FILE));
        self.stamps = Stamps::of(files);
        self.workspaces = folders
            .iter()
            .filter_map(|folder| {
                let path = folder.join(WORKSPACE_FILE);
                read::file(&path, Layer::Workspace(path.clone()))
            })
            .collect();
    }

    /// What the workspaces' files were when they were read.
    pub fn stamps(&self) -> Stamps {
        self.stamps.clone()
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
        let of = Of {
            home: self.home.as_deref(),
            installation: &self.installation,
        };
        let mut lay = |read: &Read| {
            resolved.problems.extend(read.problems.iter().cloned());
            merge::apply(&read.layer, &read.options, of, &mut resolved);
            resolved.settings.metrics.experiments.as_layer()
        };
        let mut arms = Value::Null;
        for read in single.into_iter().flatten() {
            arms = lay(read);
        }
        // Over what the user prefers, under what a workspace forbids.
        if arms.as_object().is_some_and(|arms| !arms.is_empty()) {
            lay(&read::editor(&arms, Layer::Experiments));
        }
        for read in &self.workspaces {
            lay(read);
        }
        resolved
    }
}
