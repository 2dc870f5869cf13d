//! `manifest.toml`: what a package says of itself. It states hashes, budgets, the prompt format and the
//! gate, which the graph cannot; where it contradicts the graph, the graph is believed.

use std::collections::BTreeMap;

use foretoken_engine::prompt::dialect::{Order, TemplateError};
use foretoken_engine::prompt::{Budget, Format};
use foretoken_engine::suggestion::Gate;

use super::PackageError;
use crate::graph::{Names, Shape};

mod raw;
mod write;

pub use raw::Golden;

/// Positions beyond which a number in a manifest is a mistake: a slot would take gigabytes.
const MOST_POSITIONS: usize = 1 << 17;

/// A parsed manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// For people.
    pub name: String,
    /// For people.
    pub version: String,
    /// What the package is for.
    pub kind: Kind,
    /// SPDX expression of the weights.
    pub licence: String,
    /// SHA-256 of each file, 64 lower-case hexadecimal digits.
    pub files: BTreeMap<String, String>,
    /// The graph's file, relative to the folder.
    pub graph: String,
    /// Where the graph came from, for people: one of [`super::Layout`]'s names.
    pub layout: String,
    /// How the graph names its inputs and outputs.
    pub names: Names,
    /// What the graph leaves open.
    pub shape: Shape,
    /// The prompt format.
    pub fim: Fim,
    /// Tokens each part of a prompt may take.
    pub budget: Budget,
    /// When a text is worth showing.
    pub gate: Gate,
    /// Positions a prompt and its answer may take together.
    pub max_positions: usize,
    /// Whether pieces of other files helped it when that was measured.
    pub pieces: bool,
    /// Whether a run after a reused prefix equals a whole run bit for bit.
    pub exact_reuse: bool,
    /// Ids that every run computes anew at least, 1 or 2.
    pub rerun: usize,
    /// `accuracy_level` that every `MatMulNBits` gets; `None` leaves the graph's own.
    pub accuracy_level: Option<u8>,
    /// A known text with its answers, to tell that graph, tokenizer and runtime agree.
    pub golden: Golden,
}

/// How a package wants to be asked for the middle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fim {
    /// A dialect's name; `custom` where there is a template.
    pub dialect: String,
    /// `spm`, `psm`, `psm-head` or `plain`; `None` takes the dialect's first.
    pub order: Option<Order>,
    /// A prompt of control tokens with `{prefix}` and `{suffix}`; wins over the dialect.
    pub template: Option<String>,
    /// Further control tokens that end an answer.
    pub stop: Vec<String>,
    /// What begins every prompt: `Some("")` for nothing, `None` for what the tokenizer puts there.
    pub bos: Option<String>,
    /// Ids that end an answer.
    pub eos: Vec<u32>,
}

/// What a package is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Completion.
    Generate,
    /// Anything else, by its name.
    Other(String),
}

impl Kind {
    /// As the manifest spells it.
    pub fn name(&self) -> &str {
        match self {
            Kind::Generate => "generate",
            Kind::Other(name) => name,
        }
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// `Unreadable` with the parser's words.
    pub fn parse(text: &str) -> Result<Manifest, PackageError> {
        raw::parse(text)
    }

    /// The manifest as the text of its file, which [`Manifest::parse`] reads to the same value.
    pub fn to_toml(&self) -> String {
        write::to_toml(self)
    }

    /// The expected hash of a file.
    ///
    /// # Errors
    /// `Unreadable` when the manifest has none.
    pub fn hash_of(&self, file: &str) -> Result<&str, PackageError> {
        self.files.get(file).map(String::as_str).ok_or_else(|| {
            PackageError::unreadable(super::MANIFEST, &format!("it states no hash of {file}"))
        })
    }

    /// The hash of the graph's file, empty where the manifest has none.
    pub fn graph_hash(&self) -> &str {
        self.hash_of(&self.graph).unwrap_or_default()
    }

    /// Whether this version can serve such a package.
    pub(super) fn check_supported(&self) -> Result<(), PackageError> {
        let fim = &self.fim;
        if fim.template.is_none() && Format::named(&fim.dialect, fim.order).is_none() {
            let order = fim
                .order
                .map(|order| format!(" in the order {}", order.name()));
            return Err(PackageError::unsupported(&format!(
                "its manifest names the prompt format \"{}\"{}, which this version does not know",
                fim.dialect,
                order.unwrap_or_default()
            )));
        }
        let budget = &self.budget;
        let parts = [
            budget.file,
            budget.context,
            budget.suffix,
            budget.prefix,
            budget.tail,
            budget.generate,
        ];
        let sum = parts
            .iter()
            .fold(0, |sum: usize, part| sum.saturating_add(*part));
        if self.max_positions > MOST_POSITIONS || sum > self.max_positions {
            return Err(PackageError::unsupported(&format!(
                "its budget of {sum} tokens does not fit {} positions",
                self.max_positions
            )));
        }
        Ok(())
    }
}

impl Fim {
    /// The format, for a vocabulary with these control tokens.
    ///
    /// # Errors
    /// `Unsupported` for a dialect that is not known, or a template that cannot be used.
    pub(crate) fn format(&self, controls: &[&str]) -> Result<Format, PackageError> {
        let mut format = match &self.template {
            Some(template) => Format::from_template(template, &self.stop, controls)
                .map_err(|error: TemplateError| PackageError::unsupported(&error.to_string()))?,
            None => Format::named(&self.dialect, self.order).ok_or_else(|| {
                PackageError::unsupported(&format!(
                    "the prompt format \"{}\" is not known",
                    self.dialect
                ))
            })?,
        };
        let further = self.stop.iter().cloned().map(std::borrow::Cow::Owned);
        format.controls.extend(further);
        Ok(format)
    }
}
