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
use crate::overlay::{self, Layer, Statistics};
use crate::record::Record;
use crate::walk;
use crate::words::{CANDIDATES, MOST_TERMS};

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
        let rows = rows(&seen, &mut query, wanted)?;
        if rows.is_empty() {
            return Ok(none(Empty::NotFound));
        }
        let hits = self.hits(&seen, &query, &rows, limit);
        let empty = hits.is_empty().then_some(Empty::TooWeak);
        Ok(Answer {
            hits,
            empty,
            took: from.elapsed(),
        })
    }

    fn hits(&self, seen: &Seen, query: &terms::Query, rows: &[Row], limit: usize) -> Vec<Hit> {
        let candidates: Vec<Candidate> = rows.iter().map(candidate).collect();
        let rules = self.rules();
        let mut texts: HashMap<Arc<str>, Option<Arc<str>>> = HashMap::new();
        let mut hits = Vec::new();
        for ranked in rank::rank(query, &candidates, &Weights::default()) {
            if hits.len() == limit {
                break;
            }
            let (row, candidate) = (&rows[ranked.at], &candidates[ranked.at]);
            let chunk = &row.record.chunks[row.ordinal];
            let read = || {
                let allowed = !rules(&self.root.join(candidate.path));
                allowed.then(|| self.text(seen, &row.record)).flatten()
            };
            let text = texts
                .entry(Arc::clone(&row.record.path))
                .or_insert_with(read)
                .as_deref();
            let Some(text) = text.and_then(|text| text.get(chunk.bytes.clone())) else {
                continue;
            };
            if !ranked.exact && matched(query, candidate, text) < query.terms.len().min(2) {
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

/// The rows of disk and memory that hold words of the question, best first.
fn rows(
    seen: &Seen,
    query: &mut terms::Query,
    wanted: &dyn Fn(&str) -> bool,
) -> tantivy::Result<Vec<Row>> {
    let statistics = Statistics::of(&seen.view, &seen.overlay);
    let idf = |term: &str| {
        let (holding, all) = statistics.rarity(term);
        (1.0 + (all - holding + 0.5).max(0.0) / (holding + 0.5)).ln()
    };
    query.prune(MOST_TERMS, &idf);
    let below = |path: &str| !seen.overlay.contains_key(path) && wanted(path);
    let weights = Weights::default();
    let mut rows = seen.view.search(query, &weights, &statistics, &below)?;
    rows.extend(overlay::search(query, &weights, &statistics, wanted)?);
    rows.sort_by(|a, b| {
        let place = |row: &Row| (Arc::clone(&row.record.path), row.ordinal);
        b.score
            .total_cmp(&a.score)
            .then_with(|| place(a).cmp(&place(b)))
    });
    rows.truncate(CANDIDATES);
    Ok(rows)
}

fn candidate(row: &Row) -> Candidate<'_> {
    let chunk = &row.record.chunks[row.ordinal];
    Candidate {
        path: &row.record.path,
        name: &chunk.name,
        names: &chunk.names,
        kind: chunk.kind,
        lines: &chunk.lines,
        words: row.score,
        vector: None,
    }
}
