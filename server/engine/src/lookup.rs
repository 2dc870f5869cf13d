//! The n-gram and file-cache model as a pure value: it proposes the rest of a line from text seen before.
//!
//! A *lexeme* is a word, one punctuation character, a run of blanks, or a line end.

mod draft;

pub use draft::{Match, draft_length, longest_match};

use crate::place::{Mode, Place};
use crate::suggestion::{Gate, Logistic, Token};

/// The gate of [`Lookup::propose`]. Start values until the quality bench has fitted them.
pub const LOOKUP_GATE: Gate = Gate {
    line: Logistic {
        a: 0.0,
        b: 1.0,
        c: 0.0,
    },
    word: Logistic {
        a: 0.0,
        b: 1.0,
        c: 0.0,
    },
    show: 0.5,
};

/// How far a proposal may go, and where it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalLimits {
    /// Bytes of the cursor's line in the first text, without its line end. They are never a source,
    /// since a line that predicts itself would look certain.
    pub line: std::ops::Range<usize>,
    /// Most lexemes to propose.
    pub lexemes: usize,
    /// Most lines to propose; 1 is the rest of the cursor's line.
    pub lines: usize,
}

impl ProposalLimits {
    /// The limits for a suggestion at `place`.
    pub fn at(place: &Place, mode: Mode) -> ProposalLimits {
        let start = place.offset.saturating_sub(place.head.len());
        let lines = if mode == Mode::Line { 1 } else { 4 };
        ProposalLimits {
            line: start..place.offset + place.tail.len(),
            lexemes: 48 * lines,
            lines,
        }
    }
}

/// A proposed text.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// What follows the cursor, without the line end it ends at.
    pub text: String,
    /// Its lexemes with their log-probabilities.
    pub lexemes: Vec<Token>,
    /// Lexemes before the cursor that matched at the start.
    pub matched: usize,
    /// The proposal reached the line end that it stops at.
    pub ended: bool,
}

/// The model over the current text and its neighbours. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Lookup {}

impl Lookup {
    /// Builds the model; the first of `texts` is the current document, the others are open buffers and pieces.
    pub fn build(_texts: &[&str]) -> Lookup {
        Lookup {}
    }

    /// The same model with another current document, at the cost of what changed in it.
    pub fn update(&self, _text: &str) -> Lookup {
        self.clone()
    }

    /// Proposes what follows `before`, the text up to the cursor (its last lines are enough).
    pub fn propose(&self, _before: &str, _limits: &ProposalLimits) -> Option<Proposal> {
        None
    }
}
