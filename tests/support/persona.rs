//! Editors as data: what each one says in `initialize`, how it behaves, what it answers.
//!
//! The files lie in `tests/personas/`, one for each editor, recorded from the real programs with paths
//! and process ids replaced. A *persona* plays the parts of an editor that a server can see.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::mirror::Encoding;

/// One editor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Persona {
    /// Name of the file.
    pub name: String,
    /// Where the facts come from.
    pub about: String,
    /// The parameters of `initialize`.
    pub initialize: Value,
    /// The number of a document just opened.
    pub first_version: i64,
    /// The numbers are raised by these steps, in turn: real editors leave gaps.
    pub version_steps: Vec<i64>,
    /// What the editor waits before it asks, in milliseconds.
    pub wait_ms: u64,
    /// It cancels the older request when it asks anew.
    pub cancels: bool,
    /// It shows inline completions, advertised or not.
    pub inline: bool,
    /// `context.triggerKind` of a request nobody asked for.
    pub trigger_kind: u8,
    /// `shutdown` carries `params: null`.
    pub null_shutdown_params: bool,
    /// Answers to requests of the server, by method; a method that is missing gets no answer at all.
    pub answers: Value,
}

const FILES: &[&str] = &[
    include_str!("../personas/vscode.json"),
    include_str!("../personas/neovim.json"),
    include_str!("../personas/neovim-0.11.json"),
    include_str!("../personas/helix.json"),
    include_str!("../personas/lsp-mode.json"),
    include_str!("../personas/lsp4ij.json"),
    include_str!("../personas/silent.json"),
];

impl Persona {
    /// Every editor that we know.
    #[must_use]
    pub fn all() -> Vec<Persona> {
        FILES
            .iter()
            .map(|text| {
                serde_json::from_str(text).unwrap_or_else(|e| panic!("a persona: {e}\n{text}"))
            })
            .collect()
    }

    /// The editor of that name.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn named(name: &str) -> Persona {
        Self::all()
            .into_iter()
            .find(|p| p.name == name)
            .unwrap_or_else(|| panic!("no persona {name}"))
    }

    /// The same editor, offering only this position encoding.
    #[must_use]
    pub fn offering(mut self, encoding: &str) -> Persona {
        self.initialize["capabilities"]["general"]["positionEncodings"] = json!([encoding]);
        self
    }

    /// The same editor with these `initializationOptions`.
    #[must_use]
    pub fn with_options(mut self, options: Value) -> Persona {
        self.initialize["initializationOptions"] = options;
        self
    }

    /// A capability by JSON pointer below `/capabilities`, where it is set and not false.
    #[must_use]
    pub fn can(&self, pointer: &str) -> bool {
        !matches!(
            self.capability(pointer),
            None | Some(Value::Null | Value::Bool(false))
        )
    }

    /// A capability by JSON pointer below `/capabilities`.
    #[must_use]
    pub fn capability(&self, pointer: &str) -> Option<&Value> {
        self.initialize["capabilities"].pointer(pointer)
    }

    /// The encoding that the server has to choose: utf-8 when listed, else utf-16, and an editor that
    /// offers utf-32 alone gets it.
    #[must_use]
    pub fn expected_encoding(&self) -> Encoding {
        let offered: Vec<&str> = self
            .capability("/general/positionEncodings")
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        match offered.as_slice() {
            list if list.contains(&"utf-8") => Encoding::Utf8,
            ["utf-32"] => Encoding::Utf32,
            _ => Encoding::Utf16,
        }
    }
}
