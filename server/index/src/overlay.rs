//! The rows of files that the disk does not have yet: open documents with their unsaved text, and files
//! that have just changed. Kept in memory, one value for each file, and scored as the rows on the disk
//! are, with the statistics of both, so that their scores compare.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use foretoken_engine::rank::Weights;
use foretoken_engine::terms::{self, Query};
use tantivy::Term;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::query::{Bm25StatisticsProvider, Bm25Weight};
use tantivy::schema::Field;

use crate::disk::{self, Row, View};
use crate::record::Record;

/// What stands in place of a file's rows on the disk.
#[derive(Debug)]
pub(crate) enum Layer {
    /// The file is gone, or must not be found any more.
    Gone,
    /// These rows.
    Rows(Buffer),
}

/// One file's rows.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(crate) record: Arc<Record>,
    /// The text of an open document, which no disk has; else the file is read again for a hit.
    pub(crate) text: Option<Arc<str>>,
    /// Sorted by term, then by field, then by chunk.
    postings: Vec<Posting>,
    /// What each chunk has of them, so that a chunk that stays as it was is not read again.
    chunks: Vec<Arc<Words>>,
    /// Terms in each field of all chunks.
    tokens: [u64; 4],
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Posting {
    term: u64,
    field: u8,
    chunk: u32,
    count: u32,
}

/// The terms of one chunk.
#[derive(Debug)]
struct Words {
    /// By what they were made of.
    key: [u8; 32],
    /// Terms in each field.
    lengths: [u32; 4],
    /// Terms with their fields and how often they are there.
    terms: Vec<(u64, u8, u32)>,
}

/// By path. Whoever changes it makes another one; who searches keeps theirs.
pub(crate) type Overlay = HashMap<Arc<str>, Arc<Layer>>;

/// A term as layers know it. Two terms of one number would count as one another, in memory and until the
/// file is on the disk: with 64 bits nobody will see that.
fn number(term: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    term.hash(&mut hasher);
    hasher.finish()
}

impl Words {
    fn key(parts: &[String; 4]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    fn of(key: [u8; 32], parts: &[String; 4]) -> Words {
        let mut lengths = [0; 4];
        let mut all: Vec<(u64, u8)> = Vec::new();
        for (field, part) in parts.iter().enumerate() {
            terms::each_term(part, &mut |term, _| {
                lengths[field] += 1;
                all.push((number(term), field as u8));
            });
        }
        all.sort_unstable();
        let counted = all.chunk_by(|a, b| a == b);
        let terms = counted.map(|same| (same[0].0, same[0].1, same.len() as u32));
        Words {
            key,
            lengths,
            terms: terms.collect(),
        }
    }
}

impl Buffer {
    /// The rows of a text; chunks that `before` has too keep their words.
    pub(crate) fn new(
        record: Arc<Record>,
        text: Arc<str>,
        open: bool,
        before: Option<&Buffer>,
    ) -> Buffer {
        let known = before.into_iter().flat_map(|buffer| &buffer.chunks);
        let known: HashMap<&[u8; 32], &Arc<Words>> =
            known.map(|words| (&words.key, words)).collect();
        let words = |chunk: usize| {
            let parts = disk::parts(&record, &text, chunk);
            let key = Words::key(&parts);
            match known.get(&key) {
                Some(words) => Arc::clone(words),
                None => Arc::new(Words::of(key, &parts)),
            }
        };
        let chunks: Vec<Arc<Words>> = (0..record.chunks.len()).map(words).collect();
        let mut tokens = [0; 4];
        let mut postings = Vec::with_capacity(chunks.iter().map(|words| words.terms.len()).sum());
        for (chunk, words) in chunks.iter().enumerate() {
            for (sum, one) in tokens.iter_mut().zip(words.lengths) {
                *sum += u64::from(one);
            }
            postings.extend(words.terms.iter().map(|(term, field, count)| Posting {
                term: *term,
                field: *field,
                chunk: chunk as u32,
                count: *count,
            }));
        }
        postings.sort_unstable();
        Buffer {
            record,
            text: open.then_some(text),
            postings,
            chunks,
            tokens,
        }
    }

    fn postings(&self, term: u64, field: usize) -> &[Posting] {
        let at = (term, field as u8);
        let from = self
            .postings
            .partition_point(|one| (one.term, one.field) < at);
        let rest = &self.postings[from..];
        &rest[..rest
            .iter()
            .take_while(|one| (one.term, one.field) == at)
            .count()]
    }
}

/// Of disk and memory together. The rows that a layer hides are counted still, as are dead ones.
pub(crate) struct Statistics<'a> {
    view: &'a View,
    buffers: Vec<&'a Buffer>,
    fields: [Field; 4],
    /// Terms in each field, and chunks, of the memory alone.
    tokens: [u64; 4],
    chunks: u64,
}

impl<'a> Statistics<'a> {
    pub(crate) fn of(view: &'a View, overlay: &'a Overlay) -> Statistics<'a> {
        let buffers: Vec<&Buffer> = overlay
            .values()
            .filter_map(|layer| match &**layer {
                Layer::Rows(buffer) => Some(buffer),
                Layer::Gone => None,
            })
            .collect();
        let mut tokens = [0; 4];
        for buffer in &buffers {
            for (sum, one) in tokens.iter_mut().zip(buffer.tokens) {
                *sum += one;
            }
        }
        Statistics {
            view,
            fields: view.fields().searched,
            tokens,
            chunks: buffers
                .iter()
                .map(|buffer| buffer.chunks.len() as u64)
                .sum(),
            buffers,
        }
    }

    /// In how many chunks' text a term is, and how many chunks there are.
    pub(crate) fn rarity(&self, term: &str) -> (f32, f32) {
        let holding = self.doc_freq(&Term::from_field_text(self.fields[0], term));
        let all = self.total_num_docs();
        (holding.unwrap_or(0) as f32, all.unwrap_or(0) as f32)
    }
}

impl Bm25StatisticsProvider for Statistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        let at = self.fields.iter().position(|known| *known == field);
        Ok(self.view.total_num_tokens(field)? + at.map_or(0, |at| self.tokens[at]))
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.view.total_num_docs()? + self.chunks)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        let value = term.value();
        let field = self.fields.iter().position(|known| *known == term.field());
        let here = match (field, value.as_str()) {
            (Some(field), Some(text)) => {
                let term = number(text);
                let of = |buffer: &&Buffer| buffer.postings(term, field).len();
                self.buffers.iter().map(of).sum()
            }
            _ => 0,
        };
        Ok(self.view.doc_freq(term)? + here as u64)
    }
}

/// The rows in memory that hold words of the question, in no order.
pub(crate) fn search(
    query: &Query,
    weights: &Weights,
    statistics: &Statistics,
    wanted: &dyn Fn(&str) -> bool,
) -> tantivy::Result<Vec<Row>> {
    let buffers = statistics.buffers.iter().copied();
    let buffers: Vec<&Buffer> = buffers.filter(|b| wanted(&b.record.path)).collect();
    let mut scores: HashMap<(usize, u32), f32> = HashMap::new();
    for term in &query.terms {
        let number = number(&term.text);
        for (at, field) in statistics.fields.into_iter().enumerate() {
            let is_there = |buffer: &&Buffer| !buffer.postings(number, at).is_empty();
            if !buffers.iter().any(is_there) {
                continue;
            }
            let value = Term::from_field_text(field, &term.text);
            let weight = Bm25Weight::for_terms(statistics, &[value])?;
            let weight = weight.boost_by(weights.fields[at] * term.weight);
            for (file, buffer) in buffers.iter().enumerate() {
                for posting in buffer.postings(number, at) {
                    let length = buffer.chunks[posting.chunk as usize].lengths[at];
                    let norm = FieldNormReader::fieldnorm_to_id(length);
                    *scores.entry((file, posting.chunk)).or_default() +=
                        weight.score(norm, posting.count);
                }
            }
        }
    }
    let row = |((number, chunk), score): ((usize, u32), f32)| Row {
        record: Arc::clone(&buffers[number].record),
        ordinal: chunk as usize,
        score,
    };
    Ok(scores.into_iter().map(row).collect())
}
