//! The text of a manifest for a package that was looked at and tried.

use foretoken_engine::prompt::dialect::Order;

use super::Manifest;
use super::raw::{Raw, RawBudget, RawFim, RawGate, RawGraph, RawNames, RawPackage};
use crate::graph::Names;

/// See [`Manifest::to_toml`].
pub(super) fn to_toml(manifest: &Manifest) -> String {
    let names = &manifest.names;
    let raw = Raw {
        package: RawPackage {
            format: 1,
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            kind: manifest.kind.name().into(),
            licence: manifest.licence.clone(),
        },
        files: manifest.files.clone(),
        graph: RawGraph {
            file: manifest.graph.clone(),
            layout: manifest.layout.clone(),
            max_positions: manifest.max_positions,
            exact_reuse: manifest.exact_reuse,
            rerun: manifest.rerun,
            accuracy_level: manifest.accuracy_level,
            heads: manifest.shape.heads,
            head_size: manifest.shape.head_size,
            vocabulary: manifest.shape.vocabulary,
            names: (*names != Names::default()).then(|| RawNames {
                ids: names.ids.clone(),
                mask: names.mask.clone(),
                positions: names.positions.clone(),
                logits: names.logits.clone(),
                pasts: names.pasts.clone(),
            }),
        },
        fim: RawFim {
            dialect: manifest.fim.dialect.clone(),
            order: manifest.fim.order.map(Order::name).map(str::to_owned),
            template: manifest.fim.template.clone(),
            stop: manifest.fim.stop.clone(),
            bos: manifest.fim.bos.clone(),
            eos: manifest.fim.eos.clone(),
            pieces: manifest.pieces,
        },
        budget: RawBudget {
            file: manifest.budget.file,
            context: manifest.budget.context,
            suffix: manifest.budget.suffix,
            prefix: manifest.budget.prefix,
            tail: manifest.budget.tail,
            generate: manifest.budget.generate,
        },
        gate: RawGate::of(&manifest.gate),
        golden: manifest.golden.clone(),
    };
    // Only maps with keys that are no text, or numbers beyond i64, could fail; there are none.
    toml::to_string(&raw).unwrap_or_default()
}
