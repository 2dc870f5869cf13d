//! A question to a lasting index: rows of disk and memory in one order, then only those whose text is
//! still what was indexed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use foretoken_engine::chunk::Chunk;
use foretoken_engine::rank::{self, Candidate, Weights};
use foretoken_engine::source::Source;
use foretoken_engine::terms;

use super::{Seen, Workspace};
use crate::disk::Row;
use crate::error::Error;
use crate::hit::{Answer, Empty, Hit, held};
use crate::meaning::Meaning;
use crate::overlay::{self, Layer, Statistics};
use crate::record::Record;
use crate::walk;
use crate::words::{CANDIDATES, MOST_TERMS};

/// A term is rare from this idf on: about one chunk in three hundred holds it.
const RARE: f32 = 5.7;
/// Rows, best by words first, whose vectors are asked for: each costs the reading of its file.
const LAZY: usize = 50;

impl Workspace {
    /// The chunks that answer a question best, at most `limit`; `wanted` says which paths may appear.
    /// Waits for no writing.
    ///
    /// # Errors
    /// A failure of the search library.
    pub fn search(
        &self,
        question: &str,
        limit: usize,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Answer, Error> {
        let mut answer = self.search_by(&Weights::default(), question, limit, wanted)?;
        if let Some(order) = self.reranker() {
            // The scores stay with the places, so that they fall from the first to the last.
            let scores: Vec<f32> = answer.hits.iter().map(|hit| hit.score).collect();
            order(question, &mut answer.hits);
            for (hit, score) in answer.hits.iter_mut().zip(scores) {
                hit.score = score;
            }
        }
        Ok(answer)
    }

    /// The same by words alone, for whoever has no time for a model: no vector is asked, and no reranker.
    ///
    /// # Errors
    /// A failure of the search library.
    pub fn search_words(
        &self,
        question: &str,
        limit: usize,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Answer, Error> {
        let words = Weights {
            vectors: [0.0; 3],
            ..Weights::default()
        };
        self.search_by(&words, question, limit, wanted)
    }

    /// The same with other weights than those that were chosen: for whoever chooses them.
    ///
    /// # Errors
    /// A failure of the search library.
    pub fn search_by(
        &self,
        weights: &Weights,
        question: &str,
        limit: usize,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Answer, Error> {
        let from = Instant::now();
        let seen = self.seen();
        let none = |empty| Answer {
            hits: Vec::new(),
            empty: Some(empty),
            took: from.elapsed(),
        };
        let mut query = terms::query(question);
        if query.terms.is_empty() {
            return Ok(none(Empty::NoTerms));
        }
        let Rows { rows, rarity } = rows(&seen, &mut query, weights, wanted)?;
        if rows.is_empty() {
            return Ok(none(Empty::NotFound));
        }
        let asked = Asked {
            question,
            query: &query,
            rarity: &rarity,
            weights,
            limit,
        };
        let hits = self.hits(&seen, &asked, &rows);
        let empty = hits.is_empty().then_some(Empty::TooWeak);
        Ok(Answer {
            hits,
            empty,
            took: from.elapsed(),
        })
    }

    fn hits(&self, seen: &Seen, asked: &Asked, rows: &[Row]) -> Vec<Hit> {
        let query = asked.query;
        let rules = self.rules();
        let mut texts: HashMap<Arc<str>, Option<Arc<str>>> = HashMap::new();
        let mut read = |record: &Record| {
            let file = || {
                let allowed = !rules(&self.root.join(&*record.path));
                allowed.then(|| self.text(seen, record)).flatten()
            };
            let text = texts.entry(Arc::clone(&record.path)).or_insert_with(file);
            text.clone()
        };
        let meaning = self.meaning();
        let near = match &meaning {
            Some(meaning) => nearness(meaning, asked, rows, &mut read),
            None => Vec::new(),
        };
        let vectors = near.iter().copied().chain(std::iter::repeat(None));
        let candidates: Vec<Candidate> = rows
            .iter()
            .zip(vectors)
            .map(|(row, vector)| candidate(row, vector))
            .collect();
        let mut hits = Vec::new();
        for ranked in rank::rank(query, &candidates, asked.weights) {
            if hits.len() == asked.limit {
                break;
            }
            let (row, candidate) = (&rows[ranked.at], &candidates[ranked.at]);
            let chunk = &row.record.chunks[row.ordinal];
            let text = read(&row.record);
            let Some(text) = text.and_then(|text| chunk.text(&text)) else {
                continue;
            };
            let floor = meaning.as_ref().map(|meaning| meaning.floor());
            let near = candidate.vector.zip(floor);
            let held = held(query, candidate, &text);
            let speaks = ranked.exact
                || near.is_some_and(|(cosine, floor)| cosine >= floor)
                || held.iter().filter(|held| **held).count() >= query.terms.len().min(2);
            if !speaks {
                continue;
            }
            hits.push(Hit {
                path: candidate.path.to_owned(),
                lines: candidate.lines.clone(),
                qualified: chunk.qualified.clone(),
                kind: candidate.kind,
                source: Source::of(candidate.path),
                head: head(&text, chunk),
                text,
                share: asked.share(&held),
                has_rare: asked
                    .rarity
                    .iter()
                    .zip(&held)
                    .any(|(idf, held)| *held && *idf >= RARE),
                words: candidate.words,
                vector: candidate.vector,
                fused: ranked.fused,
                score: ranked.score,
                why: ranked.why,
            });
        }
        hits
    }

    /// The text of a file if it is the one that its rows were made of: an open document's, or the
    /// disk's as it is now.
    pub(super) fn text(&self, seen: &Seen, record: &Record) -> Option<Arc<str>> {
        if let Some(Layer::Rows(buffer)) = seen.overlay.get(&record.path).map(|layer| &**layer)
            && let Some(text) = &buffer.text
        {
            return Some(Arc::clone(text));
        }
        let text = walk::read(&self.root, Path::new(&*record.path)).ok()?;
        let same = *blake3::hash(text.as_bytes()).as_bytes() == record.hash;
        same.then(|| Arc::from(text))
    }
}

/// How many lines of a chunk's text stand above its head: comments and attributes.
pub(super) fn head(text: &str, chunk: &Chunk) -> u32 {
    let above = chunk.signature.start.checked_sub(chunk.bytes.start);
    let above = above.and_then(|above| text.get(..above));
    above.map_or(0, |above| above.matches('\n').count() as u32)
}

/// A question as it is looked for.
struct Asked<'a> {
    question: &'a str,
    query: &'a terms::Query,
    /// The idf of each of its terms.
    rarity: &'a [f32],
    weights: &'a Weights,
    limit: usize,
}

impl Asked<'_> {
    /// How much of the question lies in the terms that are held, by weight and rarity.
    fn share(&self, held: &[bool]) -> f32 {
        let worth = self.query.terms.iter().zip(self.rarity);
        let worth = worth.map(|(term, idf)| term.weight * idf);
        let (mut all, mut there) = (0.0, 0.0);
        for (worth, held) in worth.zip(held) {
            all += worth;
            there += if *held { worth } else { 0.0 };
        }
        if all > 0.0 { there / all } else { 0.0 }
    }
}

/// The cosines of the best rows, as far as vectors are asked at all.
fn nearness(
    meaning: &Meaning,
    asked: &Asked,
    rows: &[Row],
    read: &mut dyn FnMut(&Record) -> Option<Arc<str>>,
) -> Vec<Option<f32>> {
    let wanted = asked.weights.vectors.iter().any(|part| *part > 0.0);
    let question = wanted.then(|| meaning.question(asked.question, asked.query));
    let Some(question) = question.flatten() else {
        return Vec::new();
    };
    let deadline = meaning.deadline();
    let cosine = |row: &Row| {
        let text = read(&row.record)?;
        meaning.cosine(
            &question,
            (&text, &row.record.chunks[row.ordinal]),
            deadline,
        )
    };
    rows.iter().take(LAZY).map(cosine).collect()
}

/// The rows of disk and memory that hold words of a question, best first.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// The idf of each term of the question, after it was pruned.
    rarity: Vec<f32>,
}

/// Looks for the words of a question, which loses those that say little.
pub(super) fn rows(
    seen: &Seen,
    query: &mut terms::Query,
    weights: &Weights,
    wanted: &dyn Fn(&str) -> bool,
) -> tantivy::Result<Rows> {
    let statistics = Statistics::of(&seen.view, &seen.overlay);
    let idf = |term: &str| {
        let (holding, all) = statistics.rarity(term);
        (1.0 + (all - holding + 0.5).max(0.0) / (holding + 0.5)).ln()
    };
    query.prune(MOST_TERMS, &idf);
    let below = |path: &str| !seen.overlay.contains_key(path) && wanted(path);
    let mut rows = seen.view.search(query, weights, &statistics, &below)?;
    rows.extend(overlay::search(query, weights, &statistics, wanted)?);
    rows.sort_by(|a, b| {
        let place = |row: &Row| (Arc::clone(&row.record.path), row.ordinal);
        b.score
            .total_cmp(&a.score)
            .then_with(|| place(a).cmp(&place(b)))
    });
    rows.truncate(CANDIDATES);
    let rarity = query.terms.iter().map(|term| idf(&term.text)).collect();
    Ok(Rows { rows, rarity })
}

fn candidate(row: &Row, vector: Option<f32>) -> Candidate<'_> {
    let chunk = &row.record.chunks[row.ordinal];
    Candidate {
        path: &row.record.path,
        name: &chunk.name,
        names: &chunk.names,
        kind: chunk.kind,
        lines: &chunk.lines,
        words: row.score,
        vector,
    }
}
