//! From candidates to the pieces of a prompt: what is held, what leaves, what comes, and how long
//! each may be.

use super::{Candidate, Chosen, MOST};
use crate::prompt::budget::first_lines;
use crate::prompt::{Count, Piece};

/// A piece is worth its control token and path from here on, as in training.
const LEAST_TOKENS: usize = 8;
/// How much better a candidate must be than the piece whose place it takes.
const BETTER: f32 = 1.2;
/// Share of the tokens left that one piece may take while others want some too.
const SHARE: usize = 60;

/// The pieces to go on with: those of `held` that stay, in their order, then the new ones, best first,
/// within `budget` tokens. `candidates` are sorted, best first; a held piece that is not among them is
/// no longer so and leaves.
///
/// A held piece leaves only for a candidate that is a fifth better, so that a change of its score by
/// some typed words changes nothing.
pub fn choose(
    candidates: &[Candidate],
    held: &[Chosen],
    budget: usize,
    count: Count<'_>,
) -> Vec<Chosen> {
    let mut kept: Vec<(&Chosen, f32)> = held
        .iter()
        .filter_map(|chosen| {
            let now = candidates
                .iter()
                .find(|candidate| is_same(candidate, chosen))?;
            Some((chosen, now.score))
        })
        .collect();
    let mut fresh: Vec<Chosen> = Vec::new();
    for candidate in candidates.iter().filter(|candidate| candidate.score > 0.0) {
        let known = kept.iter().any(|(chosen, _)| is_same(candidate, chosen));
        let shown = kept.iter().map(|(chosen, _)| *chosen).chain(&fresh);
        if known || shown.into_iter().any(|chosen| overlaps(candidate, chosen)) {
            continue;
        }
        if let Some(piece) = fit(candidate, &kept, &fresh, budget, count) {
            fresh.push(piece);
        } else if let Some(weakest) = weakest(&kept)
            && candidate.score >= BETTER * kept[weakest].1
        {
            let left = kept.remove(weakest);
            match fit(candidate, &kept, &fresh, budget, count) {
                Some(piece) => fresh.push(piece),
                None => kept.insert(weakest, left),
            }
        }
    }
    let kept = kept.into_iter().map(|(chosen, _)| chosen.clone());
    kept.chain(fresh).collect()
}

/// The candidate as a piece behind those, if there is room.
fn fit(
    candidate: &Candidate,
    kept: &[(&Chosen, f32)],
    fresh: &[Chosen],
    budget: usize,
    count: Count<'_>,
) -> Option<Chosen> {
    let number = kept.len() + fresh.len();
    let taken: usize = kept.iter().map(|(chosen, _)| chosen.tokens).sum::<usize>()
        + fresh.iter().map(|chosen| chosen.tokens).sum::<usize>();
    let left = budget.checked_sub(taken)?;
    if number >= MOST || left < 2 * LEAST_TOKENS {
        return None;
    }
    let share = if number + 1 < MOST {
        left * SHARE / 100
    } else {
        left
    };
    let whole = format!("{}\n{}", candidate.path, candidate.text);
    let limit = if count(&whole) < share {
        left - 1
    } else {
        share.max(2 * LEAST_TOKENS) - 1
    };
    let (fits, tokens) = first_lines(&whole, limit, count);
    let text = fits.get(candidate.path.len() + 1..)?;
    // A path alone tells nothing, and neither does half a line.
    let is_whole_lines = text.ends_with('\n') || text.len() == candidate.text.len();
    (tokens >= LEAST_TOKENS && !text.trim().is_empty() && is_whole_lines).then(|| Chosen {
        piece: Piece {
            path: candidate.path.clone(),
            text: text.to_owned(),
        },
        name: candidate.name.clone(),
        lines: candidate.lines.start..candidate.lines.start + text.lines().count(),
        why: candidate.why,
        tokens: tokens + 1,
    })
}

fn weakest(kept: &[(&Chosen, f32)]) -> Option<usize> {
    // The last of equal ones: what stands before it stays in the model's cache.
    (0..kept.len()).min_by(|&a, &b| kept[a].1.total_cmp(&kept[b].1).then(b.cmp(&a)))
}

fn is_same(candidate: &Candidate, chosen: &Chosen) -> bool {
    candidate.path == chosen.piece.path
        && candidate.name == chosen.name
        && candidate.text.starts_with(&chosen.piece.text)
}

/// Whether the model would be shown the same lines twice.
fn overlaps(candidate: &Candidate, chosen: &Chosen) -> bool {
    candidate.path == chosen.piece.path
        && candidate.lines.start < chosen.lines.end
        && chosen.lines.start < candidate.lines.end
}
