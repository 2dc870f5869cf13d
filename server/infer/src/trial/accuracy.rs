//! `accuracy_level` 4 of `MatMulNBits` rounds activations to int8. That is its speed, and on models with
//! a few very large activations it picks other tokens (microsoft/onnxruntime #29849). So both levels are
//! asked for the best token at each place of a text; where they differ too often, level 0 serves.

use super::{last_row, load, text};
use crate::load::Model;
use crate::package::{self, Package};
use crate::state::{Options, Unavailable};

/// Places that are compared.
const PLACES: usize = 64;
/// Share of equal best tokens from which on the quicker level serves.
const ENOUGH: f32 = 0.98;
/// The level that rounds.
const ROUNDS: u8 = 4;

/// The share of equal best tokens, where it is too low; `package` then has the other level. `None` where
/// the graph does not round, or rounding changes next to nothing.
pub(super) fn disagreement(
    options: &Options,
    package: &mut Package,
    model: &mut Model,
) -> Result<Option<f32>, Unavailable> {
    let rounds = package
        .facts
        .accuracy
        .iter()
        .any(|(_, level)| *level == ROUNDS);
    if !rounds || package.manifest.accuracy_level == Some(0) {
        return Ok(None);
    }
    let quick = tops(model).map_err(super::broken)?;
    let mut exact = package.clone();
    package::set_accuracy(&mut exact, 0);
    let mut other = load(options, &exact)?;
    let slow = tops(&mut other).map_err(super::broken)?;
    let equal = quick.iter().zip(&slow).filter(|(a, b)| a == b).count();
    // Both counts are at most 64.
    let share = equal as f32 / quick.len().max(1) as f32;
    Ok((share < ENOUGH).then(|| {
        *package = exact;
        share
    }))
}

/// The best token behind each of the last ids of a text.
fn tops(model: &mut Model) -> ort::Result<Vec<u32>> {
    let length = (PLACES + 16).min(model.info.max_positions.saturating_sub(8));
    let ids = text::ids(model, length);
    model.slots.forget();
    let from = length.saturating_sub(PLACES).max(1);
    (from..=length)
        .map(|end| {
            let row = last_row(model, &ids[..end])?;
            Ok(crate::sample::pick(&row, None).map_or(u32::MAX, |(id, _)| id))
        })
        .collect()
}
