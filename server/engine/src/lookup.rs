//! The n-gram and file-cache model as a pure value: it proposes the rest of a line from text seen before.
//!
//! It counts *lexemes* (a word, one punctuation character, a run of blanks, a line end) in the current document, open
//! buffers and pieces, by contexts of one to twelve of them, nearer text weighing more. A file and project cache took a
//! published n-gram model from 5.5 to 3.4 bits per token (Hellendoorn and Devanbu, ESEC/FSE 2017). It needs no
//! weights, so it answers where no model can be loaded, and drafts where one is.

mod draft;
mod index;
pub(crate) mod lexer;
mod predict;
mod source;

pub use draft::{Match, draft_length, longest_match};

use crate::document::Document;
use crate::place::{Mode, Place};
use crate::suggestion::{self, Gate, Logistic, Raw, Reject, Suggestion, Token};
use index::CONTEXT;
use lexer::Class;
use predict::{Predictor, Query};
use source::Source;

/// The gate of [`Lookup::propose`].
///
/// Fitted by `quality VALIDATION --fit` on 1,800 places (to the end of a line, of a block, of an argument) of validation
/// repositories in Rust, Python, TypeScript and JavaScript: of the cuts with P ≥ 0.5, 72 % of the whole lines and 73 %
/// of the words were right (November 2026).
pub const LOOKUP_GATE: Gate = Gate {
    line: Logistic {
        a: 1.3551,
        b: 1.6252,
        c: -0.0621,
    },
    word: Logistic {
        a: -0.0280,
        b: 1.7307,
        c: 0.0272,
    },
    show: 0.5,
};

/// Most lexemes of one line.
const LINE_LEXEMES: usize = 48;
/// Lines proposed where a block is asked for.
const BLOCK_LINES: usize = 4;
/// Sum of log-probabilities at which a proposal is given up: it would be right once in fifty times.
const FLOOR: f32 = -4.0;
/// Bytes before the cursor that are cut into lexemes; more than [`CONTEXT`] of them, blank lines aside, fit in here.
const QUERY_BYTES: usize = 1_024;

/// How far a proposal may go, and where it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalLimits {
    /// Byte of the cursor in the first text.
    pub at: usize,
    /// Byte of the end of the cursor's line in it. What stands in between is never a source: a line that predicts
    /// itself would look certain.
    pub line_end: usize,
    /// Most lexemes to propose.
    pub lexemes: usize,
    /// Most lines to propose; 1 is the rest of the cursor's line.
    pub lines: usize,
}

impl ProposalLimits {
    /// The limits for a suggestion at `place`.
    pub fn at(place: &Place, mode: Mode) -> ProposalLimits {
        let lines = if mode == Mode::Line { 1 } else { BLOCK_LINES };
        ProposalLimits {
            at: place.offset,
            line_end: place.offset + place.tail.len(),
            lexemes: LINE_LEXEMES * lines,
            lines,
        }
    }
}

/// A proposed text.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// What follows the cursor, without the line end it ends at; never empty. Line ends inside are `\n`.
    pub text: String,
    /// Its lexemes with their log-probabilities. The last one carries that of the line's end too.
    pub lexemes: Vec<Token>,
    /// Lexemes before the cursor that matched at the start, up to twelve.
    pub matched: usize,
    /// The proposal reached the line end that it stops at.
    pub ended: bool,
}

/// The model over the current text and its neighbours. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    sources: Vec<Source>,
}

impl Lookup {
    /// Builds the model; the first of `texts` is the current document, the others are open buffers and pieces.
    pub fn build(texts: &[&str]) -> Lookup {
        Lookup {
            sources: texts.iter().map(|text| Source::new(text)).collect(),
        }
    }

    /// The same model with another text of the current document, at the cost of what changed since it was built.
    /// Where much changed it is built anew, so keep the result for the next update.
    #[must_use]
    pub fn update(&self, text: &str) -> Lookup {
        let Some((current, others)) = self.sources.split_first() else {
            return Lookup::build(&[text]);
        };
        let mut sources = Vec::with_capacity(self.sources.len());
        sources.push(current.update(text));
        sources.extend_from_slice(others);
        Lookup { sources }
    }

    /// Proposes what follows `before`, the text up to the cursor (its last lines are enough), lexeme by lexeme.
    ///
    /// `None` if nothing like it was seen, or if the line seems to end here.
    pub fn propose(&self, before: &str, limits: &ProposalLimits) -> Option<Proposal> {
        let mut query = query(before, limits);
        let typed = query.partial.len();
        let mut predictor = Predictor::default();
        let mut proposal = Proposal {
            text: String::new(),
            lexemes: Vec::new(),
            matched: 0,
            ended: false,
        };
        // What is certain about no text of its own (a finished word, the line's end) is booked on a neighbour.
        let (mut carried, mut total, mut lines) = (0.0, 0.0, 0);
        for number in 0..limits.lexemes {
            let Some(guess) = predictor.guess(&self.sources, &query) else {
                break;
            };
            if number == 0 {
                proposal.matched = guess.matched;
            }
            total += guess.logp;
            if total < FLOOR {
                break;
            }
            if guess.is_newline() {
                lines += 1;
                if lines == limits.lines {
                    proposal.ended = true;
                    if let Some(last) = proposal.lexemes.last_mut() {
                        last.logp += guess.logp;
                    }
                    break;
                }
            }
            let from = if number == 0 {
                typed.min(guess.text.len())
            } else {
                0
            };
            proposal.text.push_str(if guess.is_newline() {
                "\n"
            } else {
                &guess.text[from..]
            });
            query.advance(guess.id);
            if from == guess.text.len() {
                carried = guess.logp;
                continue;
            }
            proposal.lexemes.push(Token {
                end: proposal.text.len(),
                logp: guess.logp + carried,
            });
            carried = 0.0;
        }
        (!proposal.text.trim().is_empty()).then_some(proposal)
    }
}

/// A suggestion from `lookup` alone, by the same filters as a model's and by [`LOOKUP_GATE`].
///
/// # Errors
/// [`Reject::Empty`] if nothing was proposed, else the reason of the filter that left nothing.
pub fn suggest(
    lookup: &Lookup,
    doc: &Document,
    place: &Place,
    mode: Mode,
) -> Result<Suggestion, Reject> {
    let proposal = lookup
        .propose(&place.before, &ProposalLimits::at(place, mode))
        .ok_or(Reject::Empty)?;
    let raw = Raw {
        text: &proposal.text,
        tokens: &proposal.lexemes,
        ended: proposal.ended,
    };
    let suggestion = suggestion::finish(&raw, doc, place, mode, Some(&LOOKUP_GATE))?;
    Ok(Suggestion {
        source: suggestion::Source::Lookup,
        ..suggestion
    })
}

/// Cuts the end of `before` into a context and the word that is not finished.
fn query(before: &str, limits: &ProposalLimits) -> Query {
    let from = suggestion::lines::floor(before, before.len().saturating_sub(QUERY_BYTES));
    let bytes = &before.as_bytes()[from..];
    let mut context = Vec::new();
    let mut partial = String::new();
    let (mut at, mut open) = (0, 0);
    while at < bytes.len() {
        let lexeme = lexer::next(bytes, at);
        let last = lexeme.end == bytes.len();
        if last && matches!(lexeme.class, Class::Word | Class::Blank) {
            open = lexeme.end - at;
        }
        if last && lexeme.class == Class::Word {
            before[from + at..].clone_into(&mut partial);
        } else {
            context.push(lexeme.id);
        }
        at = lexeme.end;
    }
    context.drain(..context.len().saturating_sub(CONTEXT));
    // A word or run of blanks at the cursor goes on behind it in the document, so it is no evidence either.
    let hidden = limits.at.saturating_sub(open)..=limits.line_end;
    Query {
        context,
        partial,
        at: limits.at,
        hidden,
    }
}

#[cfg(test)]
mod tests;
