//! The file as it is written; unknown keys are left to later versions.

use std::collections::BTreeMap;

use foretoken_engine::prompt::Budget;
use foretoken_engine::prompt::dialect::Order;
use foretoken_engine::suggestion::{Gate, Logistic};
use serde::{Deserialize, Serialize};

use super::{Fim, Kind, Manifest};
use crate::graph::{Names, Shape};
use crate::package::{GRAPH, MANIFEST, PackageError};

/// Expected results on one hand-written text.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Golden {
    /// Token ids of a prompt.
    pub ids: Vec<u32>,
    /// The most probable next id at each position.
    pub top1: Vec<u32>,
    /// The first logits of the last position.
    pub logits: Vec<f32>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Raw {
    pub(super) package: RawPackage,
    pub(super) files: BTreeMap<String, String>,
    pub(super) graph: RawGraph,
    pub(super) fim: RawFim,
    pub(super) budget: RawBudget,
    #[serde(default)]
    pub(super) gate: RawGate,
    #[serde(default)]
    pub(super) golden: Golden,
}

#[derive(Deserialize, Serialize)]
pub(super) struct RawPackage {
    pub(super) format: u32,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) licence: String,
}

#[derive(Deserialize, Serialize)]
pub(super) struct RawGraph {
    #[serde(default = "graph")]
    pub(super) file: String,
    #[serde(default)]
    pub(super) layout: String,
    pub(super) max_positions: usize,
    #[serde(default)]
    pub(super) exact_reuse: bool,
    #[serde(default = "two")]
    pub(super) rerun: usize,
    pub(super) accuracy_level: Option<u8>,
    pub(super) heads: Option<usize>,
    pub(super) head_size: Option<usize>,
    pub(super) vocabulary: Option<usize>,
    pub(super) names: Option<RawNames>,
}

/// See [`Names`].
#[derive(Deserialize, Serialize)]
pub(super) struct RawNames {
    pub(super) ids: String,
    pub(super) mask: String,
    pub(super) positions: String,
    pub(super) logits: String,
    pub(super) pasts: Vec<(String, String)>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct RawFim {
    #[serde(default)]
    pub(super) dialect: String,
    pub(super) order: Option<String>,
    pub(super) template: Option<String>,
    #[serde(default)]
    pub(super) stop: Vec<String>,
    pub(super) bos: Option<String>,
    #[serde(default)]
    pub(super) eos: Vec<u32>,
    #[serde(default = "yes")]
    pub(super) pieces: bool,
}

fn graph() -> String {
    GRAPH.into()
}

fn two() -> usize {
    crate::kv::LEFT
}

/// A model that was trained with pieces is taken to be helped by them until somebody measured.
fn yes() -> bool {
    true
}

#[derive(Deserialize, Serialize)]
pub(super) struct RawBudget {
    pub(super) file: usize,
    pub(super) context: usize,
    pub(super) suffix: usize,
    pub(super) prefix: usize,
    pub(super) tail: usize,
    pub(super) generate: usize,
}

/// Either one curve, or one for line ends and one for word ends.
#[derive(Default, Deserialize, Serialize)]
pub(super) struct RawGate {
    a: Option<f32>,
    b: Option<f32>,
    c: Option<f32>,
    line: Option<RawLogistic>,
    word: Option<RawLogistic>,
    show: Option<f32>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
struct RawLogistic {
    a: f32,
    b: f32,
    c: f32,
}

/// Reads the text of a manifest.
pub(super) fn parse(text: &str) -> Result<Manifest, PackageError> {
    let raw: Raw = toml::from_str(text)
        .map_err(|error| PackageError::unreadable(MANIFEST, error.message()))?;
    if raw.package.format != 1 {
        return Err(PackageError::unsupported(&format!(
            "its manifest has format {}, and this version reads format 1",
            raw.package.format
        )));
    }
    let order = raw.fim.order.as_deref().map(|name| {
        Order::from_name(name).ok_or_else(|| {
            PackageError::unreadable(MANIFEST, &format!("it knows no order {name:?}"))
        })
    });
    Ok(Manifest {
        name: raw.package.name,
        version: raw.package.version,
        kind: match raw.package.kind.as_str() {
            "generate" => Kind::Generate,
            _ => Kind::Other(raw.package.kind),
        },
        licence: raw.package.licence,
        files: raw.files,
        names: raw.graph.names.map_or_else(Names::default, RawNames::names),
        shape: Shape {
            heads: raw.graph.heads,
            head_size: raw.graph.head_size,
            vocabulary: raw.graph.vocabulary,
        },
        graph: raw.graph.file,
        layout: raw.graph.layout,
        fim: Fim {
            dialect: raw.fim.dialect,
            order: order.transpose()?,
            template: raw.fim.template,
            stop: raw.fim.stop,
            bos: raw.fim.bos,
            eos: raw.fim.eos,
        },
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
        rerun: raw.graph.rerun.clamp(1, crate::kv::LEFT),
        accuracy_level: raw.graph.accuracy_level,
        golden: raw.golden,
    })
}

impl RawNames {
    fn names(self) -> Names {
        Names {
            ids: self.ids,
            mask: self.mask,
            positions: self.positions,
            logits: self.logits,
            pasts: self.pasts,
        }
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

    pub(super) fn of(gate: &Gate) -> RawGate {
        let raw = |curve: Logistic| RawLogistic {
            a: curve.a,
            b: curve.b,
            c: curve.c,
        };
        RawGate {
            line: Some(raw(gate.line)),
            word: Some(raw(gate.word)),
            show: Some(gate.show),
            ..RawGate::default()
        }
    }
}
