//! `manifest.toml`: what a package says of itself. It states hashes, budgets and the gate, which the
//! graph cannot; where it contradicts the graph, the graph is believed.

use std::collections::BTreeMap;

use foretoken_engine::prompt::Budget;
use foretoken_engine::suggestion::{Gate, Logistic};
use serde::Deserialize;

use super::PackageError;

/// The one dialect this version writes prompts in.
const DIALECT: &str = "foretoken";
/// Positions beyond which a number in a manifest is a mistake: a slot would take gigabytes.
const MOST_POSITIONS: usize = 1 << 17;

/// A parsed manifest.
#[derive(Clone, Debug)]
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
    /// The prompt format.
    pub dialect: String,
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
    /// A known text with its answers, to tell that graph, tokenizer and runtime agree.
    pub golden: Golden,
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

/// Expected results on one hand-written text.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Golden {
    /// Token ids of a prompt.
    pub ids: Vec<u32>,
    /// The most probable next id at each position.
    pub top1: Vec<u32>,
    /// The first logits of the last position.
    pub logits: Vec<f32>,
}

/// The file as it is written; unknown keys are left to later versions.
#[derive(Deserialize)]
struct Raw {
    package: RawPackage,
    files: BTreeMap<String, String>,
    graph: RawGraph,
    fim: RawFim,
    budget: RawBudget,
    #[serde(default)]
    gate: RawGate,
    #[serde(default)]
    golden: Golden,
}

#[derive(Deserialize)]
struct RawPackage {
    format: u32,
    name: String,
    version: String,
    kind: String,
    #[serde(default)]
    licence: String,
}

#[derive(Deserialize)]
struct RawGraph {
    max_positions: usize,
    #[serde(default)]
    exact_reuse: bool,
}

#[derive(Deserialize)]
struct RawFim {
    dialect: String,
    #[serde(default = "yes")]
    pieces: bool,
}

/// A model that was trained with pieces is taken to be helped by them until somebody measured.
fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct RawBudget {
    file: usize,
    context: usize,
    suffix: usize,
    prefix: usize,
    tail: usize,
    generate: usize,
}

/// Either one curve, or one for line ends and one for word ends.
#[derive(Default, Deserialize)]
struct RawGate {
    a: Option<f32>,
    b: Option<f32>,
    c: Option<f32>,
    line: Option<RawLogistic>,
    word: Option<RawLogistic>,
    show: Option<f32>,
}

#[derive(Clone, Copy, Deserialize)]
struct RawLogistic {
    a: f32,
    b: f32,
    c: f32,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// `Unreadable` with the parser's words.
    pub fn parse(text: &str) -> Result<Manifest, PackageError> {
        let raw: Raw = toml::from_str(text)
            .map_err(|error| PackageError::unreadable(super::MANIFEST, error.message()))?;
        if raw.package.format != 1 {
            return Err(PackageError::unsupported(&format!(
                "its manifest has format {}, and this version reads format 1",
                raw.package.format
            )));
        }
        Ok(Manifest {
            name: raw.package.name,
            version: raw.package.version,
            kind: match raw.package.kind.as_str() {
                "generate" => Kind::Generate,
                _ => Kind::Other(raw.package.kind),
            },
            licence: raw.package.licence,
            files: raw.files,
            dialect: raw.fim.dialect,
            budget: Budget {
                file: raw.budget.file,
                context: raw.budget.context,
                suffix: raw.budget.suffix,
                prefix: raw.budget.prefix,
                tail: raw.budget.tail,
                generate: raw.budget.generate,
            },
            gate: raw.gate.gate(),
            max_positions: raw.graph.max_positions,
            pieces: raw.fim.pieces,
            exact_reuse: raw.graph.exact_reuse,
            golden: raw.golden,
        })
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

    /// Whether this version can serve such a package.
    pub(super) fn check_supported(&self) -> Result<(), PackageError> {
        if self.dialect != DIALECT {
            return Err(PackageError::unsupported(&format!(
                "it was trained on the prompt format \"{}\", and this version knows \"{DIALECT}\" only",
                self.dialect
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

impl RawGate {
    /// Without any figures the probability of the text itself is the gate: a 0, b 1, c 0, half shown.
    fn gate(self) -> Gate {
        let one = Logistic {
            a: self.a.unwrap_or(0.0),
            b: self.b.unwrap_or(1.0),
            c: self.c.unwrap_or(0.0),
        };
        let of = |raw: Option<RawLogistic>| {
            raw.map_or(one, |raw| Logistic {
                a: raw.a,
                b: raw.b,
                c: raw.c,
            })
        };
        Gate {
            line: of(self.line),
            word: of(self.word.or(self.line)),
            show: self.show.unwrap_or(0.5),
        }
    }
}
