//! The rows of files that the disk does not have yet: open documents with their unsaved text, and files
//! that have just changed. Kept in memory, one value for each file, and scored as the rows on the disk
//! are, with the statistics of both, so that their scores compare.

use std::collections::HashMap;
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
    terms: HashMap<Box<str>, Vec<Posting>>,
    /// Terms in each field of each chunk.
    lengths: Vec<[u32; 4]>,
}

#[derive(Clone, Copy, Debug)]
struct Posting {
    chunk: u32,
    field: u8,
    count: u32,
}

/// By path. Whoever changes it makes another one; who searches keeps theirs.
pub(crate) type Overlay = HashMap<Arc<str>, Arc<Layer>>;

impl Buffer {
    pub(crate) fn new(record: Arc<Record>, text: Arc<str>, open: bool) -> Buffer {
        let mut terms: HashMap<Box<str>, Vec<Posting>> = HashMap::new();
        let mut lengths = Vec::with_capacity(record.chunks.len());
        for chunk in 0..record.chunks.len() {
            let mut length = [0; 4];
            for (field, part) in disk::parts(&record, &text, chunk).iter().enumerate() {
                terms::each_term(part, &mut |term, _| {
                    length[field] += 1;
                    let one = Posting {
                        chunk: chunk as u32,
                        field: field as u8,
                        count: 1,
                    };
                    match terms.get_mut(term) {
                        None => drop(terms.insert(term.into(), vec![one])),
                        Some(postings) => match postings.last_mut() {
                            Some(last) if (last.chunk, last.field) == (one.chunk, one.field) => {
                                last.count += 1;
                            }
                            _ => postings.push(one),
                        },
                    }
                });
            }
            lengths.push(length);
        }
        Buffer {
            record,
            text: open.then_some(text),
            terms,
            lengths,
        }
    }

    fn postings(&self, term: &str, field: usize) -> impl Iterator<Item = &Posting> {
        let postings = self.terms.get(term).into_iter().flatten();
        postings.filter(move |posting| usize::from(posting.field) == field)
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
        for length in buffers.iter().flat_map(|buffer| &buffer.lengths) {
            for (sum, one) in tokens.iter_mut().zip(length) {
                *sum += u64::from(*one);
            }
        }
        Statistics {
            view,
            fields: view.fields().searched,
            tokens,
            chunks: buffers
                .iter()
                .map(|buffer| buffer.lengths.len() as u64)
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
            (Some(field), Some(text)) => self
                .buffers
                .iter()
                .map(|buffer| buffer.postings(text, field).count())
                .sum(),
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
        for (at, field) in statistics.fields.into_iter().enumerate() {
            if !buffers
                .iter()
                .any(|b| b.postings(&term.text, at).next().is_some())
            {
                continue;
            }
            let value = Term::from_field_text(field, &term.text);
            let weight = Bm25Weight::for_terms(statistics, &[value])?;
            let weight = weight.boost_by(weights.fields[at] * term.weight);
            for (number, buffer) in buffers.iter().enumerate() {
                for posting in buffer.postings(&term.text, at) {
                    let length = buffer.lengths[posting.chunk as usize][at];
                    let norm = FieldNormReader::fieldnorm_to_id(length);
                    *scores.entry((number, posting.chunk)).or_default() +=
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
