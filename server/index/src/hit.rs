//! What a question to an index is answered with.

use std::ops::Range;
use std::time::Duration;

use foretoken_engine::chunk::Kind;
use foretoken_engine::rank::Candidate;
use foretoken_engine::source::Source;
use foretoken_engine::terms::{self, TermKind};

/// A chunk that answers a question.
#[derive(Clone, Debug)]
pub struct Hit {
    /// From the workspace's root, with slashes. It is data of a stranger: escape it before it is shown.
    pub path: String,
    /// Its lines, from 0.
    pub lines: Range<u32>,
    /// Its name with those of what encloses it; empty for what has none.
    pub qualified: String,
    /// What it is.
    pub kind: Kind,
    /// What it can be used for.
    pub source: Source,
    /// Its text, read again and found unchanged.
    pub text: String,
    /// Lines of the text that stand above the definition itself: comments, attributes.
    pub head: u32,
    /// How much of the question it holds, its words by their weight and rarity, 0 to 1.
    pub share: f32,
    /// Whether one of the words that it holds is rare in the workspace.
    pub has_rare: bool,
    /// BM25 over the fields, 0 or more; 0 of what was found by its vector alone.
    pub words: f32,
    /// The cosine with the question, where vectors are used and this chunk has one.
    pub vector: Option<f32>,
    /// Both together, 0 to 1.
    pub fused: f32,
    /// What it was ranked by; comparable within one answer.
    pub score: f32,
    /// The factors that lie between `fused` and `score`.
    pub why: Vec<(&'static str, f32)>,
}

/// Why an answer has no hits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Empty {
    /// The question holds stop words only, or nothing.
    NoTerms,
    /// No chunk holds its words.
    NotFound,
    /// Chunks hold one of its words, which says too little of several.
    TooWeak,
}

impl Empty {
    /// A sentence for the user.
    pub fn sentence(self) -> &'static str {
        match self {
            Empty::NoTerms => "The question has no word that could be searched for.",
            Empty::NotFound => "No file holds these words.",
            Empty::TooWeak => "No chunk holds more than one of these words.",
        }
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Set where there are none.
    pub empty: Option<Empty>,
    /// From the question to the last hit's text.
    pub took: Duration,
}

/// Which terms of the question a chunk holds, in its text or in its place.
pub(crate) fn held(query: &terms::Query, candidate: &Candidate, text: &str) -> Vec<bool> {
    let mut held = vec![false; query.terms.len()];
    for part in [candidate.path, candidate.name, text] {
        terms::each_term(part, &mut |term, kind| {
            let at = query.terms.iter().position(|wanted| wanted.text == term);
            if let Some(at) = at {
                held[at] |= query.terms[at].whole == (kind == TermKind::Whole);
            }
        });
    }
    held
}
