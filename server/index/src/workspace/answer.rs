//! A question to a lasting index: rows of disk and memory in one order, then only those whose text is
//! still what was indexed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use foretoken_engine::rank::{self, Candidate, Weights};
use foretoken_engine::terms;

use super::{Seen, Workspace};
use crate::disk::Row;
use crate::index::{Answer, Empty, Error, Hit, matched};
use crate::meaning::Meaning;
use crate::overlay::{self, Layer, Statistics};
use crate::record::Record;
use crate::walk;
use crate::words::{CANDIDATES, MOST_TERMS};

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
        self.search_by(&Weights::default(), question, limit, wanted)
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
        let rows = rows(&seen, &mut query, weights, wanted)?;
        if rows.is_empty() {
            return Ok(none(Empty::NotFound));
        }
        let asked = Asked {
            query: &query,
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
            let Some(text) = text.as_deref().and_then(|t| t.get(chunk.bytes.clone())) else {
                continue;
            };
            let floor = meaning.as_ref().map(|meaning| meaning.floor());
            let near = candidate.vector.zip(floor);
            let speaks = ranked.exact
                || near.is_some_and(|(cosine, floor)| cosine >= floor)
                || matched(query, candidate, text) >= query.terms.len().min(2);
            if !speaks {
                continue;
            }
            hits.push(Hit {
                path: candidate.path.to_owned(),
                lines: candidate.lines.clone(),
                qualified: chunk.qualified.clone(),
                kind: candidate.kind,
                text: text.to_owned(),
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

/// A question as it is looked for.
struct Asked<'a> {
    query: &'a terms::Query,
    weights: &'a Weights,
    limit: usize,
}

/// The cosines of the best rows, as far as vectors are asked at all.
fn nearness(
    meaning: &Meaning,
    asked: &Asked,
    rows: &[Row],
    read: &mut dyn FnMut(&Record) -> Option<Arc<str>>,
) -> Vec<Option<f32>> {
    let wanted = asked.weights.vectors.iter().any(|part| *part > 0.0);
    let Some(question) = meaning.question(asked.query).filter(|_| wanted) else {
        return Vec::new();
    };
    let cosine = |row: &Row| {
        let text = read(&row.record)?;
        meaning.cosine(&question, &text, &row.record.chunks[row.ordinal])
    };
    rows.iter().take(LAZY).map(cosine).collect()
}

/// The rows of disk and memory that hold words of the question, best first.
fn rows(
    seen: &Seen,
    query: &mut terms::Query,
    weights: &Weights,
    wanted: &dyn Fn(&str) -> bool,
) -> tantivy::Result<Vec<Row>> {
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
    Ok(rows)
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
