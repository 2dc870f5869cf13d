//! Whether state can be reused: the same ids by different ways must give the same bits, or drafts and
//! rewinding would change what is suggested.

use super::text;
use crate::job::Class;
use crate::load::Model;

/// What reuse changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reuse {
    /// Nothing, where every run computes at least `rerun` ids anew.
    Exact {
        /// 1 or 2.
        rerun: usize,
    },
    /// The last digits; the best token stays the same.
    Near {
        /// The largest difference of two logits.
        difference: f32,
    },
    /// The best token, too.
    Not {
        /// The largest difference of two logits.
        difference: f32,
    },
}

/// Ids of the text that is run by different ways.
const LENGTH: usize = 90;
/// Where the text is split: what is run at once, in order. The last number repeats. Those of the first
/// group run single ids, which take other kernels.
const SINGLE: [&[usize]; 2] = [&[60, 1], &[1, 30, 1, 1, 40, 1]];
const SEVERAL: [&[usize]; 3] = [&[32, 31, 2], &[17, 5, 60], &[64, 2]];

/// Runs one text whole, in pieces, and behind a rewind.
pub(super) fn reuse(model: &mut Model) -> ort::Result<Reuse> {
    let length = LENGTH.min(model.info.max_positions.saturating_sub(8));
    let ids = text::ids(model, length);
    let whole = by(model, &ids, &[ids.len()])?;
    let mut worst = Worst::default();
    for sizes in SEVERAL {
        let found = by(model, &ids, sizes)?;
        worst.note(&whole, &found);
    }
    let rewound = rewound(model, &ids)?;
    worst.note(&whole, &rewound);
    let several = worst;
    for sizes in SINGLE {
        let found = by(model, &ids, sizes)?;
        worst.note(&whole, &found);
    }
    Ok(match (worst, several) {
        (
            Worst {
                difference: 0.0, ..
            },
            _,
        ) => Reuse::Exact { rerun: 1 },
        (
            _,
            Worst {
                difference: 0.0, ..
            },
        ) => Reuse::Exact { rerun: 2 },
        (
            Worst {
                difference,
                top: true,
            },
            _,
        ) => Reuse::Near { difference },
        (Worst { difference, .. }, _) => Reuse::Not { difference },
    })
}

#[derive(Clone, Copy)]
struct Worst {
    difference: f32,
    top: bool,
}

impl Default for Worst {
    fn default() -> Worst {
        Worst {
            difference: 0.0,
            top: true,
        }
    }
}

impl Worst {
    fn note(&mut self, expected: &[f32], found: &[f32]) {
        let differences = expected.iter().zip(found).map(|(a, b)| (a - b).abs());
        let difference = differences.fold(0.0, f32::max);
        // A value that is no number in only one of them is as far as can be.
        let broken = expected
            .iter()
            .zip(found)
            .any(|(a, b)| a.is_nan() != b.is_nan());
        self.difference = self
            .difference
            .max(if broken { f32::INFINITY } else { difference });
        let top = |row: &[f32]| crate::sample::pick(row, None).map(|(id, _)| id);
        self.top &= top(expected) == top(found);
    }
}

/// The last logits of `ids`, run in stretches of these sizes from an empty slot.
fn by(model: &mut Model, ids: &[u32], sizes: &[usize]) -> ort::Result<Vec<f32>> {
    model.slots.forget();
    let most = model.session.most_new();
    let slot = model.slots.slot(0);
    let mut sizes = sizes.iter().copied();
    let mut size = 1;
    let mut last = Vec::new();
    while slot.ids.len() < ids.len() {
        size = sizes.next().unwrap_or(size);
        let past = slot.ids.len();
        let mut count = size.min(ids.len() - past).min(most);
        // One id left over would be run alone.
        if size > 1 && ids.len() - past - count == 1 && most > 1 {
            count -= 1;
        }
        last = model
            .session
            .run(slot, &ids[past..past + count.max(1)], 1)?
            .to_vec();
    }
    Ok(last)
}

/// The same behind other ids that are taken back, and in a copy of the slot.
fn rewound(model: &mut Model, ids: &[u32]) -> ort::Result<Vec<f32>> {
    let half = ids.len() * 2 / 3;
    let mut other = ids[..half].to_vec();
    other.extend(ids[..ids.len() - half].iter().rev());
    model.slots.forget();
    super::last_row(model, &other)?;
    let at = model.slots.acquire(ids, Class::Request);
    let held = model.slots.slot(at).ids.len();
    let new = ids[held..].to_vec();
    let mut last = Vec::new();
    let most = model.session.most_new();
    for new in new.chunks(most.min(new.len()).max(1)) {
        last = model.session.run(model.slots.slot(at), new, 1)?.to_vec();
    }
    Ok(last)
}
