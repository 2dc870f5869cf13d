//! Trying a model once, when it is added: does it run, is reuse exact, which order of its dialect and
//! which accuracy serve it best, how fast is it here. The results go into the manifest; nothing of it is
//! repeated at a start.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use foretoken_engine::prompt::dialect::Order;

use crate::load::{Loading, Model};
use crate::package::{self, Inspection, Manifest, Package};
use crate::session::Running;
use crate::state::{Options, Unavailable};

mod accuracy;
mod exact;
mod order;
mod text;

pub use exact::Reuse;
pub use order::Score;

/// Wall time that reading a whole prompt anew may take; a slower model gets smaller prompts. Start value.
const COLD: Duration = Duration::from_millis(2_500);
/// Positions below which a prompt holds too little to be of use.
const LEAST_POSITIONS: usize = 256;

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Whether a run behind a reused prefix gives what a whole run gives.
    pub reuse: Reuse,
    /// `accuracy_level` that must be lowered to 0, with the share of equal best tokens that says so.
    pub accuracy: Option<f32>,
    /// Mean log-probability of known middles under each format, the chosen one first.
    pub scores: Vec<Score>,
    /// How fast it is here.
    pub speed: Speed,
}

/// Measured once, on an unknown load: good for choosing sizes, not for comparing machines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Speed {
    /// Per token of a prompt of 64 and of 256 tokens; the same where 256 do not fit.
    pub prefill: [Duration; 2],
    /// Per token generated.
    pub decode: Duration,
    /// Chunks of 16, 32 and 64 tokens behind a short, a middle and a long past.
    pub chunks: [[Duration; 3]; 3],
}

/// Tries the model of a folder that was inspected.
///
/// # Errors
/// That it does not load, or does not run eight tokens, with a sentence.
pub fn trial(
    folder: &Path,
    inspection: &Inspection,
    options: &Options,
) -> Result<Trial, Unavailable> {
    let mut package = package::open_as(folder, inspection.manifest.clone())?;
    let mut model = load(options, &package)?;
    let each = runs(&mut model).map_err(broken)?;
    if each > SLOWEST {
        return Err(Unavailable {
            code: "unsupported-model",
            sentence: format!(
                "This model takes {:.1} s for a token on this machine; use a smaller one, or one with weights \
                 of four bits.",
                each.as_secs_f32()
            ),
        });
    }
    let accuracy = accuracy::disagreement(options, &mut package, &mut model)?;
    if accuracy.is_some() {
        model = load(options, &package)?;
    }
    let reuse = exact::reuse(&mut model).map_err(broken)?;
    let candidates = match inspection.is_told {
        // What somebody wrote down is not for us to judge.
        true => &[],
        false => &inspection.detected.candidates[..],
    };
    let scores = order::scores(&mut model, &package, candidates)?;
    let speed = speed(&mut model).map_err(broken)?;
    Ok(Trial {
        reuse,
        accuracy,
        scores,
        speed,
    })
}

impl Trial {
    /// The manifest with what was found.
    pub fn apply(&self, manifest: &Manifest) -> Manifest {
        let mut manifest = manifest.clone();
        (manifest.exact_reuse, manifest.rerun) = match self.reuse {
            Reuse::Exact { rerun } => (true, rerun),
            Reuse::Near { .. } | Reuse::Not { .. } => (false, 1),
        };
        if self.accuracy.is_some() {
            manifest.accuracy_level = Some(0);
        }
        if let Some(best) = self.scores.first() {
            manifest.fim.dialect.clone_from(&best.dialect);
            manifest.fim.order = Some(best.order);
        }
        let each = self.speed.prefill[1].max(Duration::from_micros(1));
        let quick = COLD.as_micros() / each.as_micros().max(1);
        let quick = usize::try_from(quick).unwrap_or(usize::MAX);
        if quick < manifest.max_positions {
            let positions = quick.max(LEAST_POSITIONS.min(manifest.max_positions));
            manifest.budget = package::budget(positions, manifest.fim.dialect == "foretoken");
        }
        manifest
    }
}

/// A model that is asked directly: no worker, one slot more than one so that copying is tried, too.
fn load(options: &Options, package: &Package) -> Result<Model, Unavailable> {
    let options = Options {
        slots: 2,
        ..options.clone()
    };
    let loading = Loading {
        running: Running::default(),
        tokens: &OnceLock::new(),
        report: &|_, _| {},
    };
    Model::of_package(&options, package, &loading)
}

fn broken(error: ort::Error) -> Unavailable {
    Unavailable {
        code: "session-failed",
        sentence: format!(
            "The model was loaded but does not run ({}). Export it again, or use another one.",
            error.message()
        ),
    }
}

/// Eight tokens, each of which must be a number, and how long one takes.
fn runs(model: &mut Model) -> ort::Result<Duration> {
    let mut ids = text::ids(model, 24);
    let (first, _) = best(model, &ids)?;
    ids.push(first);
    let begun = Instant::now();
    for _ in 0..RUN {
        let (best, _) = best(model, &ids)?;
        ids.push(best);
    }
    Ok(begun.elapsed() / RUN)
}

/// Tokens that a model must give to be tried further.
const RUN: u32 = 8;
/// Nobody waits for a model that takes longer than this for one token. Start value.
const SLOWEST: Duration = Duration::from_millis(500);

/// The best token behind `ids` with its log-probability; what a slot holds of them is used.
fn best(model: &mut Model, ids: &[u32]) -> ort::Result<(u32, f32)> {
    let row = last_row(model, ids)?;
    let best = crate::sample::pick(&row, None);
    best.ok_or_else(|| ort::Error::new("it gives no numbers"))
}

/// The logits behind `ids`; what a slot holds of them is used.
fn last_row(model: &mut Model, ids: &[u32]) -> ort::Result<Vec<f32>> {
    let at = model.slots.acquire(ids, crate::job::Class::Request);
    loop {
        let past = model.slots.slot(at).ids.len();
        let most = model.session.most_new().min(32);
        let count = (ids.len() - past).min(most);
        let new = &ids[past..past + count];
        let logits = model.session.run(model.slots.slot(at), new, 1)?;
        if past + count == ids.len() {
            return Ok(logits.to_vec());
        }
    }
}

fn speed(model: &mut Model) -> ort::Result<Speed> {
    let most = model.info.max_positions.saturating_sub(72).max(1);
    let mut prefill = [Duration::ZERO; 2];
    for (took, count) in prefill.iter_mut().zip([64, 256]) {
        let ids = text::ids(model, count.min(most));
        model.slots.forget();
        let begun = Instant::now();
        last_row(model, &ids)?;
        *took = begun.elapsed() / u32::try_from(ids.len()).unwrap_or(1).max(1);
    }
    let mut ids = text::ids(model, 64.min(most));
    let begun = Instant::now();
    for _ in 0..8 {
        let (next, _) = best(model, &ids)?;
        ids.push(next);
    }
    let decode = begun.elapsed() / 8;
    let mut chunks = [[Duration::ZERO; 3]; 3];
    for (row, past) in chunks.iter_mut().zip([0, most / 2, most]) {
        let ids = text::ids(model, past + 64);
        for (took, count) in row.iter_mut().zip([16, 32, 64]) {
            let at = model
                .slots
                .acquire(&ids[..past + 1], crate::job::Class::Request);
            let slot = model.slots.slot(at);
            let held = slot.ids.len();
            if held < past && past > 0 {
                last_row(model, &ids[..past])?;
            }
            let at = model
                .slots
                .acquire(&ids[..past + 1], crate::job::Class::Request);
            let held = model.slots.slot(at).ids.len();
            let count = count.min(model.session.most_new());
            let new = ids.get(held..held + count).unwrap_or_default().to_vec();
            if new.is_empty() {
                continue;
            }
            let begun = Instant::now();
            model.session.run(model.slots.slot(at), &new, 1)?;
            *took = begun.elapsed();
        }
    }
    Ok(Speed {
        prefill,
        decode,
        chunks,
    })
}

/// The order that serves best: the likeliest, unless one that costs less per key is as good.
fn cheaper_first(order: Order) -> usize {
    match order {
        Order::Spm => 0,
        Order::PsmHead => 1,
        Order::Psm => 2,
        Order::Plain => 3,
    }
}

#[cfg(test)]
mod tests;
