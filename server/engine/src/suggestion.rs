//! From the model's text to what is shown: stop, trim, judge. The result is a [`Suggestion`] or a [`Reject`] with its reason.
//!
//! All filters but the last only narrow a span of the raw text, so the tokens keep their meaning for the gate.
//! Nothing here may change the middle of a text: what is shown is what the model said, or less.

mod gate;
mod reject;
mod watch;

pub use gate::{Gate, Logistic};
pub use reject::Reject;
pub use watch::{Flow, StopReason, Watch};

use crate::document::Document;
use crate::place::{Mode, Place};

/// One step of the model, or one lexeme of the look-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token {
    /// Byte in the text at which this token ends.
    pub end: usize,
    /// Natural logarithm of its probability, at most 0.
    pub logp: f32,
}

/// Who wrote a suggestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A neural model.
    Model,
    /// The n-gram and file-cache model of [`crate::lookup`].
    Lookup,
}

/// A text as it was generated.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    /// Everything generated after the cursor.
    pub text: &'a str,
    /// Its tokens in order; empty when probabilities are not known.
    pub tokens: &'a [Token],
    /// The model said that it is done, or [`Watch`] stopped it at a boundary; otherwise a budget ran out mid-way.
    pub ended: bool,
}

/// What is offered to the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// Only new text, to insert at the cursor, with the document's own line ends. Never blank.
    pub text: String,
    /// Estimated probability that the text is exactly right, 0 to 1.
    pub probability: f32,
    /// Who wrote it.
    pub source: Source,
}

/// Filters `raw` and cuts it to the longest beginning that passes the gate; without a gate all that is left is shown.
///
/// # Errors
/// The [`Reject`] of the stage that left nothing to show.
pub fn finish(
    raw: &Raw<'_>,
    _doc: &Document,
    place: &Place,
    mode: Mode,
    gate: Option<&Gate>,
) -> Result<Suggestion, Reject> {
    let mut watch = Watch::new(place, mode);
    watch.push(raw.text);
    let text = raw.text[..watch.cut()].trim_end();
    if text.is_empty() {
        return Err(Reject::Empty);
    }
    let probability = gate.map_or(1.0, |gate| gate.line.probability(&[]));
    Ok(Suggestion {
        text: text.to_owned(),
        probability,
        source: Source::Model,
    })
}
