//! Which sections fit, and what is given up first when they do not.
//!
//! Tokens are counted by a closure. For a remote model it is an estimate, so the cap leaves room: see [`Allowance`].

use super::section::{Kind, Section};
use super::task::{Class, Task};
use crate::prompt::budget::{Count, beginning, first_lines};

/// Tokens that the frame of a section takes: two marks of 32 hexadecimal digits, by two digits a token as byte-pair
/// vocabularies cut random ones, and some 25 for what the section is.
pub const FRAME: usize = 60;

/// How much a prompt may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Tokens of all sections with their frames.
    pub sections: usize,
}

/// What is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fitted {
    /// In the order in which they came.
    pub sections: Vec<Section>,
    /// Estimated tokens of these, frames counted in.
    pub tokens: usize,
    /// What was left out or cut, in the order in which it happened.
    pub cuts: Vec<Cut>,
}

/// One thing that did not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// Of which kind.
    pub kind: Kind,
    /// Of which rank.
    pub rank: u32,
    /// What was done.
    pub how: How,
}

/// How something was made to fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// More of this kind than are ever shown.
    TooMany,
    /// Cut after a line.
    Shortened,
    /// The middle replaced by a visible mark: the user is told, and an edit of it is refused.
    Elided,
    /// An old turn of the conversation beyond its quarter: a summary of these may take their place.
    Conversation,
    /// Dropped for the whole.
    OverBudget,
}

/// Most tokens of all sections: by class, and more for a conversation.
const CAPS: [(Class, usize); 3] = [
    (Class::Brief, 3_000),
    (Class::Deep, 8_000),
    (Class::Batch, 8_000),
];
/// Of a question that follows up.
const CAP_OF_CONVERSATION: usize = 12_000;
/// The least room that is left for what the estimate misses.
const LEAST_MARGIN: usize = 256;
/// A definition shows at most so many tokens.
const OF_DEFINITION: usize = 400;
/// And the project's facts so many.
const OF_FACTS: usize = 150;
/// What is told of the user's style: 200 of what was counted, and the longest notes by the estimate for remote models.
const OF_STYLE: usize = 600;
/// A pasted trace.
const OF_TRACE: usize = 1_500;
/// The best hits are worth more than an old turn of the conversation.
const BEST_HITS: u32 = 3;

impl Allowance {
    /// What a request may hold: the cap of its class, within the model's `window` less the answer, less 5 % and at
    /// least 256 tokens, less `fixed` tokens of system text.
    pub fn of(task: Task, class: Class, room: Room) -> Allowance {
        let cap = match task {
            Task::Ask => CAP_OF_CONVERSATION,
            _ => CAPS
                .iter()
                .find(|(of, _)| *of == class)
                .map_or(0, |(_, cap)| *cap),
        };
        let margin = (room.window / 20).max(LEAST_MARGIN);
        let free = room
            .window
            .saturating_sub(room.output)
            .saturating_sub(margin)
            .saturating_sub(room.fixed);
        Allowance {
            sections: cap.min(free),
        }
    }
}

/// What the model has room for, in tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Its window.
    pub window: usize,
    /// Kept free for the answer.
    pub output: usize,
    /// Taken by what is no section.
    pub fixed: usize,
}

/// The most sections of a kind.
fn most(kind: Kind) -> usize {
    match kind {
        Kind::Target | Kind::Question | Kind::Facts | Kind::Style | Kind::Trace => 1,
        Kind::Imports | Kind::Place => 1,
        Kind::Scope | Kind::Definition => 8,
        Kind::Diagnostic | Kind::Hit => 10,
        // Callers and tests share their four.
        Kind::Caller | Kind::Test => 4,
        Kind::Edit => 6,
        Kind::Docs => 3,
        Kind::Conversation => usize::MAX,
    }
}

/// The rungs by which sections go, the first to go first. A rung is a kind and the lowest rank that goes there.
const RUNGS: [(Kind, u32); 18] = [
    (Kind::Facts, 0),
    (Kind::Style, 0),
    (Kind::Docs, 0),
    (Kind::Edit, 0),
    (Kind::Test, 0),
    (Kind::Caller, 0),
    (Kind::Hit, BEST_HITS),
    (Kind::Conversation, 0),
    (Kind::Diagnostic, 1),
    (Kind::Definition, 0),
    (Kind::Scope, 1),
    (Kind::Hit, 0),
    (Kind::Imports, 0),
    (Kind::Place, 0),
    (Kind::Scope, 0),
    (Kind::Trace, 0),
    (Kind::Diagnostic, 0),
    (Kind::Target, 0),
];

/// Keeps what fits. The question is never touched; of a target that is too big alone, the middle is elided. Where not
/// even the question fits, it is kept, and the caller sees more tokens than it allowed.
pub fn fit(sections: Vec<Section>, allowance: Allowance, count: Count<'_>) -> Fitted {
    let mut cuts = Vec::new();
    let mut kept = limited(sections, &mut cuts);
    for section in &mut kept {
        shorten(section, count, &mut cuts);
    }
    let mut costs: Vec<usize> = kept
        .iter()
        .map(|section| count(&section.text) + FRAME)
        .collect();
    quarter(&mut kept, &mut costs, allowance, &mut cuts);
    let mut total: usize = costs.iter().sum();
    for (kind, from) in RUNGS {
        while total > allowance.sections && !kind.is_required() {
            let last = (0..kept.len())
                .filter(|&at| kept[at].kind == kind && kept[at].rank >= from)
                .max_by_key(|&at| (kept[at].rank, at));
            let Some(at) = last else { break };
            let section = kept.remove(at);
            total -= costs.remove(at);
            cuts.push(cut(&section, How::OverBudget));
        }
    }
    if total > allowance.sections
        && let Some(at) = kept.iter().position(|s| s.kind == Kind::Target)
    {
        let free = (allowance.sections + costs[at]).saturating_sub(total + FRAME);
        elide(&mut kept[at], free, count, &mut cuts);
        total = total - costs[at] + count(&kept[at].text) + FRAME;
    }
    Fitted {
        sections: kept,
        tokens: total,
        cuts,
    }
}

fn cut(section: &Section, how: How) -> Cut {
    Cut {
        kind: section.kind,
        rank: section.rank,
        how,
    }
}

/// At most so many of each kind, those of the lowest ranks.
fn limited(mut sections: Vec<Section>, cuts: &mut Vec<Cut>) -> Vec<Section> {
    let group = |kind| match kind {
        Kind::Test => Kind::Caller,
        other => other,
    };
    let before = |sections: &[Section], at: usize| {
        let this = (sections[at].rank, at);
        let same = |other: &usize| group(sections[*other].kind) == group(sections[at].kind);
        (0..sections.len())
            .filter(same)
            .filter(|&other| (sections[other].rank, other) < this)
            .count()
    };
    let keep: Vec<bool> = (0..sections.len())
        .map(|at| before(&sections, at) < most(sections[at].kind))
        .collect();
    let mut at = 0;
    sections.retain(|section| {
        let kept = keep[at];
        at += 1;
        if !kept {
            cuts.push(cut(section, How::TooMany));
        }
        kept
    });
    sections
}

/// The limits of single sections, cut behind a line.
fn shorten(section: &mut Section, count: Count<'_>, cuts: &mut Vec<Cut>) {
    let limit = match section.kind {
        Kind::Definition => OF_DEFINITION,
        Kind::Facts => OF_FACTS,
        Kind::Style => OF_STYLE,
        Kind::Trace => return elide(section, OF_TRACE, count, cuts),
        _ => return,
    };
    let kept = first_lines(&section.text, limit, count).0.len();
    if kept < section.text.len() {
        section.text.truncate(kept);
        cuts.push(cut(section, How::Shortened));
    }
}

/// The conversation may take a quarter of the whole, its newest turns first.
fn quarter(
    kept: &mut Vec<Section>,
    costs: &mut Vec<usize>,
    allowance: Allowance,
    cuts: &mut Vec<Cut>,
) {
    let mut turns: Vec<usize> = (0..kept.len())
        .filter(|&at| kept[at].kind == Kind::Conversation)
        .collect();
    turns.sort_by_key(|&at| (kept[at].rank, at));
    let mut free = allowance.sections / 4;
    let mut gone = Vec::new();
    for at in turns {
        // An older turn without the newer one between would mislead.
        if gone.is_empty() && costs[at] <= free {
            free -= costs[at];
        } else {
            gone.push(at);
        }
    }
    gone.sort_unstable();
    for at in gone.into_iter().rev() {
        costs.remove(at);
        cuts.push(cut(&kept.remove(at), How::Conversation));
    }
}

/// Replaces lines of the middle by a mark that says how many they were, so that the rest has at most `limit` tokens.
fn elide(section: &mut Section, limit: usize, count: Count<'_>, cuts: &mut Vec<Cut>) {
    if count(&section.text) <= limit {
        return;
    }
    let lines: Vec<&str> = section.text.split_inclusive('\n').collect();
    let joined = |ends: usize| {
        let head = lines[..ends].concat();
        let left_out = lines.len() - 2 * ends;
        let unit = if left_out == 1 { "line" } else { "lines" };
        let tail = lines[lines.len() - ends..].concat();
        let gap = match head.is_empty() || head.ends_with('\n') {
            true => "",
            false => "\n",
        };
        format!("{head}{gap}… {left_out} {unit} left out here …\n{tail}")
    };
    // How many lines of each end fit: more lines have more tokens.
    let (mut fits, mut above) = (0, lines.len() / 2 + 1);
    while above - fits > 1 {
        let middle = fits.midpoint(above);
        if 2 * middle < lines.len() && count(&joined(middle)) <= limit {
            fits = middle;
        } else {
            above = middle;
        }
    }
    section.text = match fits {
        // Not even its first and last line: a single long one, most likely.
        0 => {
            let mark = joined(0);
            let head = beginning(&section.text, limit.saturating_sub(count(&mark)), count);
            let gap = if head.is_empty() { "" } else { "\n" };
            format!("{head}{gap}{mark}")
        }
        _ => joined(fits),
    };
    cuts.push(cut(section, How::Elided));
}

#[cfg(test)]
mod tests;
