//! How much each definition of the open files helps at one cursor.
//!
//! The words around the cursor are the query, nearer ones weighing more, rarer ones (among the
//! definitions that there are) too. What an import binds and what was just edited gets more on top.
//! Only the words of the query are looked up, so the time does not grow with the files' length.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::facts::{Chunk, Facts, words};
use super::{Candidate, Chosen, Why};
use crate::document::Document;
use crate::position::floor_boundary;
use crate::prompt::Budget;
use crate::syntax;

/// Bytes before and behind the cursor whose words count; training looks as far back.
pub(super) const BEFORE: usize = 1_500;
pub(super) const BEHIND: usize = 400;
/// Lines away at which a word counts half.
const HALF: f32 = 6.0;
/// Words looked up at most, the weightiest.
const MOST_WORDS: usize = 96;
/// Candidates given back at most.
const MOST_CANDIDATES: usize = 16;
/// Bytes per token that a part of the prompt surely has fewer of, to know what the prompt shows of
/// the file itself.
const VISIBLE_BYTES: usize = 6;

/// What is added to the share of the query's words that a definition has. Start values.
pub(super) mod bonus {
    /// It defines a word of the query that is imported from there; less where the word is far.
    pub(in super::super) const IMPORTED: f32 = 1.0;
    /// It defines an imported name that is not near the cursor.
    pub(in super::super) const IMPORTED_FAR: f32 = 0.15;
    /// It is the only one to define a word of the query.
    pub(super) const NAMED: f32 = 0.3;
    /// It was edited last; each place before that gets 0.7 times as much.
    pub(super) const EDITED: f32 = 0.4;
    pub(super) const EDITED_BEFORE: f32 = 0.7;
    /// Factor for a file in the same folder.
    pub(super) const BESIDE: f32 = 1.15;
}

/// A neighbour below this share of the query's words is as good as any text. Start value.
const LEAST: f32 = 0.06;
/// Words that a neighbour must share, one of them rare.
const LEAST_SHARED: u32 = 2;
/// A word is rare that is in two definitions, or in one of so many.
const RARE: usize = 10;

/// For which place candidates are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The facts of all files that may be shown to the model.
    pub files: &'a [Arc<Facts>],
    /// Which of them somebody types in.
    pub this: usize,
    /// Its text as it is now; the facts may be of a somewhat older one.
    pub document: &'a Document,
    /// The cursor, in bytes of that text.
    pub byte: usize,
    /// Where somebody edited lately, newest first.
    pub edited: &'a [Edited],
    /// Tokens of each part of the prompt.
    pub budget: &'a Budget,
}

/// A place that was edited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edited {
    /// Which of the files.
    pub file: usize,
    /// Where, in bytes.
    pub byte: usize,
}

/// The best candidates, best first, and behind them those of what is `held` that are still so.
pub fn candidates(ask: &Ask<'_>, held: &[Chosen]) -> Vec<Candidate> {
    let Some(this) = ask.files.get(ask.this) else {
        return Vec::new();
    };
    let query = query(ask.document, ask.byte, this);
    let mut scores = Scores::new(ask.files);
    scores.words(&query, ask);
    scores.names(&query, this, ask);
    scores.edits(ask);
    scores.leave_out_visible(ask);

    let mut best: Vec<(usize, usize)> = scores.above_least();
    let order = |&(file, chunk): &(usize, usize)| {
        let score = scores.files[file][chunk].sum();
        // Equal scores go by path and place, never by the order in which files were opened.
        (
            std::cmp::Reverse(ordered(score)),
            ask.files[file].document().path(),
            chunk,
        )
    };
    best.sort_by(|a, b| order(a).cmp(&order(b)));
    best.truncate(MOST_CANDIDATES);
    for chosen in held {
        let still = ask.files.iter().enumerate().find_map(|(file, facts)| {
            let chunk = facts.still_shows(chosen)?;
            Some((file, chunk)).filter(|(file, _)| *file != ask.this || scores.is_far(*file, chunk))
        });
        best.extend(still.filter(|at| !best.contains(at)));
    }
    best.into_iter()
        .map(|(file, number)| {
            let (facts, score) = (&ask.files[file], scores.files[file][number]);
            let chunk = &facts.chunks()[number];
            Candidate {
                path: facts.document().path().to_owned(),
                name: chunk.name.clone(),
                lines: chunk.lines.clone(),
                text: facts.text(chunk),
                why: score.why(),
                score: score.sum(),
            }
        })
        .collect()
}

/// Words with what they weigh, each once, weightiest first.
pub(super) fn query(document: &Document, byte: usize, facts: &Facts) -> Vec<(u32, f32)> {
    let rope = document.rope();
    // That a name is imported near the cursor does not mean that it is used there.
    let imports: HashSet<usize> = facts.import_lines().collect();
    let byte = floor_boundary(rope, byte);
    let line = rope.byte_to_line(byte);
    let from = floor_boundary(rope, byte.saturating_sub(BEFORE));
    let to = floor_boundary(rope, byte + BEHIND);
    let mut weights: HashMap<u32, f32> = HashMap::new();
    let mut add = |text: &str, weight: f32| {
        for word in words(text) {
            let known = weights.entry(word).or_default();
            *known = known.max(weight);
        }
    };
    let first = rope.byte_to_line(from);
    for (number, text) in rope
        .byte_slice(from..to)
        .to_string()
        .split('\n')
        .enumerate()
    {
        let away = (first + number).abs_diff(line) as f32;
        if !imports.contains(&(first + number)) {
            add(text, 1.0 / (1.0 + away / HALF));
        }
    }
    if let Some(scope) = syntax::enclosing_scope(document, byte) {
        let signature = rope.line(rope.byte_to_line(scope.start)).to_string();
        add(&signature, 0.5);
    }
    let mut words: Vec<(u32, f32)> = weights.into_iter().collect();
    words.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    words.truncate(MOST_WORDS);
    words
}

/// What speaks for one definition.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    /// Share of the query's words.
    shared: f32,
    count: u32,
    has_rare: bool,
    imported: f32,
    named: f32,
    edited: f32,
    /// The prompt shows it anyway.
    visible: bool,
}

impl Score {
    fn sum(&self) -> f32 {
        self.shared + self.imported + self.named + self.edited
    }

    fn why(&self) -> Why {
        match () {
            () if self.imported > 0.0 && self.imported >= self.edited => Why::Imported,
            () if self.edited > 0.0 => Why::Edited,
            () => Why::Neighbour,
        }
    }

    fn is_enough(&self) -> bool {
        let tells = self.has_rare && self.count >= LEAST_SHARED && self.shared >= LEAST;
        let wanted = self.imported + self.named + self.edited > 0.0;
        !self.visible && (tells || wanted)
    }
}

/// The scores of all definitions of all files.
struct Scores {
    files: Vec<Vec<Score>>,
}

impl Scores {
    fn new(files: &[Arc<Facts>]) -> Scores {
        let files: Vec<Vec<Score>> = files
            .iter()
            .map(|facts| vec![Score::default(); facts.chunks().len()])
            .collect();
        Scores { files }
    }

    /// The share of the query that each definition has, by weight and rarity.
    fn words(&mut self, query: &[(u32, f32)], ask: &Ask<'_>) {
        let mut whole = 0.0;
        let own = self.files[ask.this].len();
        let all = self.files.iter().map(Vec::len).sum::<usize>() - own;
        for (word, weight) in query {
            // What is typed in has the words anyway.
            let others = ask.files.iter().enumerate();
            let found = others.filter(|(file, _)| *file != ask.this);
            let found = found
                .flat_map(|(file, facts)| facts.showing(*word).map(move |chunk| (file, chunk)));
            let found: Vec<(usize, usize)> = found.collect();
            let with = found.len() as f32;
            let value = weight * (1.0 + (all as f32 - with + 0.5) / (with + 0.5)).ln();
            whole += value;
            let is_rare = found.len() <= (all / RARE).max(2);
            for (file, chunk) in found {
                let score = &mut self.files[file][chunk];
                score.shared += value;
                score.count += 1;
                score.has_rare |= is_rare;
            }
        }
        let place = &ask.files[ask.this].place;
        for (facts, scores) in ask.files.iter().zip(&mut self.files) {
            let beside = if place.is_beside(&facts.place) {
                bonus::BESIDE
            } else {
                1.0
            };
            for (chunk, score) in facts.chunks().iter().zip(scores) {
                // Long definitions share much by chance.
                let length = (40.0 / (40.0 + chunk.words as f32)).sqrt();
                score.shared *= beside * length / f32::max(whole, f32::MIN_POSITIVE);
            }
        }
    }

    /// What defines a name of the query, or one that is imported.
    fn names(&mut self, query: &[(u32, f32)], this: &Facts, ask: &Ask<'_>) {
        let near: HashMap<u32, f32> = query.iter().copied().collect();
        let own: HashSet<u32> = query
            .iter()
            .map(|(word, _)| *word)
            .filter(|word| this.defining(*word).next().is_some())
            .collect();
        let others = || (0..ask.files.len()).filter(|file| *file != ask.this);
        for import in &this.imports {
            let fits = |file: &usize| import.fit(&this.place, &ask.files[*file].place);
            let Some(best) = others()
                .map(|file| fits(&file))
                .max()
                .filter(|best| *best > 0)
            else {
                continue;
            };
            for file in others().filter(|file| fits(file) == best) {
                let facts = &ask.files[file];
                if let (Some(there), Some(here)) = (import.there, import.here) {
                    let weight = near.get(&here).map(|weight| 0.5 + 0.5 * weight);
                    let weight = weight.map_or(bonus::IMPORTED_FAR, |w| w * bonus::IMPORTED);
                    for chunk in facts.defining(there) {
                        raise(&mut self.files[file][chunk].imported, weight);
                    }
                }
                if import.takes_all(&facts.place) {
                    self.names_of(file, facts, query, &own);
                }
            }
        }
        for file in others() {
            if this.place.shares_names_with(&ask.files[file].place) {
                self.names_of(file, &ask.files[file], query, &own);
            }
        }
        for (word, weight) in query.iter().filter(|(word, _)| !own.contains(word)) {
            let mut definitions = others().flat_map(|file| {
                ask.files[file]
                    .defining(*word)
                    .map(move |chunk| (file, chunk))
            });
            if let (Some((file, chunk)), None) = (definitions.next(), definitions.next()) {
                raise(&mut self.files[file][chunk].named, weight * bonus::NAMED);
            }
        }
    }

    /// Words of the query that a file defines all of whose names are seen.
    fn names_of(&mut self, file: usize, facts: &Facts, query: &[(u32, f32)], own: &HashSet<u32>) {
        for (word, weight) in query.iter().filter(|(word, _)| !own.contains(word)) {
            for chunk in facts.defining(*word) {
                let weight = (0.5 + 0.5 * weight) * bonus::IMPORTED;
                raise(&mut self.files[file][chunk].imported, weight);
            }
        }
    }

    /// What was edited lately.
    fn edits(&mut self, ask: &Ask<'_>) {
        let mut worth = bonus::EDITED;
        for edited in ask.edited {
            let Some(facts) = ask.files.get(edited.file) else {
                continue;
            };
            if let Some(chunk) = facts.enclosing(edited.byte)
                && (edited.file != ask.this || !is_visible(&facts.chunks()[chunk], ask))
            {
                raise(&mut self.files[edited.file][chunk].edited, worth);
                worth *= bonus::EDITED_BEFORE;
            }
        }
    }

    fn leave_out_visible(&mut self, ask: &Ask<'_>) {
        let chunks = ask.files[ask.this].chunks();
        for (chunk, score) in chunks.iter().zip(&mut self.files[ask.this]) {
            score.visible = is_visible(chunk, ask);
        }
    }

    fn is_far(&self, file: usize, chunk: usize) -> bool {
        !self.files[file][chunk].visible
    }

    fn above_least(&self) -> Vec<(usize, usize)> {
        let files = self.files.iter().enumerate();
        files
            .flat_map(|(file, scores)| {
                let chunks = scores.iter().enumerate();
                chunks
                    .filter(|(_, score)| score.is_enough())
                    .map(move |(chunk, _)| (file, chunk))
            })
            .collect()
    }
}

/// Whether the prompt shows a definition of the file itself: it is near the cursor.
fn is_visible(chunk: &Chunk, ask: &Ask<'_>) -> bool {
    let above = ask.byte.saturating_sub(ask.budget.prefix * VISIBLE_BYTES);
    let below = ask.byte + ask.budget.suffix * VISIBLE_BYTES;
    chunk.bytes.start < below && above < chunk.bytes.end
}

fn raise(value: &mut f32, to: f32) {
    *value = value.max(to);
}

/// Scores are finite and not negative, so their bits order them.
fn ordered(score: f32) -> u32 {
    score.to_bits()
}

impl Facts {
    /// The definition that a held piece shows the beginning of, if its text is still so.
    fn still_shows(&self, chosen: &Chosen) -> Option<usize> {
        if self.document().path() != chosen.piece.path {
            return None;
        }
        let is_so = |chunk: &Chunk| {
            chunk.name == chosen.name && self.text(chunk).starts_with(&chosen.piece.text)
        };
        (0..self.chunks().len()).find(|&at| is_so(&self.chunks()[at]))
    }
}
