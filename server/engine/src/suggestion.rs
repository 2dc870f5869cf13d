//! From the model's text to what is shown: stop, trim, judge. The result is a [`Suggestion`] or a [`Reject`] with its reason.
//!
//! All filters but the last only narrow a span of the raw text, so the tokens keep their meaning for the gate.
//! Nothing here may change the middle of a text: what is shown is what the model said, or less.

mod balance;
pub(crate) mod brackets;
mod filters;
mod gate;
mod lexemes;
pub(crate) mod lines;
mod overlap;
mod reject;
mod watch;

pub use gate::{Cut, CutKind, Gate, Logistic, cuts};
pub use reject::Reject;
pub use watch::{Flow, StopReason, Watch};

use std::ops::Range;

use crate::document::Document;
use crate::place::{Eol, Mode, Place};

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
    doc: &Document,
    place: &Place,
    mode: Mode,
    gate: Option<&Gate>,
) -> Result<Suggestion, Reject> {
    let narrowed = narrow(raw, doc, place, mode)?;
    let (end, probability) = choose(raw, place, &narrowed, gate)?;
    let text = filters::trimmed(place, &raw.text[narrowed.span.start..end]);
    if text.trim().is_empty()
        || follows(place).is_some_and(|next| text.trim_start().starts_with(next))
    {
        return Err(Reject::RepeatsSuffix);
    }
    Ok(Suggestion {
        text: with_line_ends(text, place.eol),
        probability,
        source: Source::Model,
    })
}

/// What the filters leave of a raw text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// The part of the raw text, in bytes.
    pub span: Range<usize>,
    /// It ends where the model or a rule ended it; otherwise a budget broke it off.
    pub complete: bool,
}

/// Runs all filters that come before the gate. Fitting a gate uses it too, so that it sees what serving sees.
///
/// # Errors
/// The [`Reject`] of the filter that left nothing but blanks.
pub fn narrow(
    raw: &Raw<'_>,
    doc: &Document,
    place: &Place,
    mode: Mode,
) -> Result<Narrowed, Reject> {
    if raw.text.trim().is_empty() {
        return Err(if raw.text.is_empty() {
            Reject::Empty
        } else {
            Reject::OnlyWhitespace
        });
    }
    let mut left = Left {
        text: raw.text,
        start: 0,
        end: raw.text.len(),
    };
    left.cut(filters::control(left.text()), Reject::ControlText)?;
    left.start += overlap::typed(place, left.text());
    left.cut(left.text().len(), Reject::RepeatsTyped)?;
    left.cut(overlap::rest(place, left.text()), Reject::RepeatsSuffix)?;
    let mut watch = Watch::new(place, mode);
    watch.push(left.text());
    let stopped = watch.stopped();
    left.cut(
        watch.cut(),
        stopped.map_or(Reject::Empty, StopReason::reject),
    )?;
    let complete = |left: &Left<'_>| {
        let broken_off =
            matches!(stopped, Some(StopReason::Budget)) && left.end == left.start + watch.cut();
        (raw.ended || left.end < raw.text.len()) && !broken_off
    };
    left.cut(
        filters::below(place, left.text(), complete(&left)),
        Reject::RepeatsBelow,
    )?;
    left.cut(
        filters::repetition(place, left.text()),
        Reject::RepeatsAbove,
    )?;
    left.cut(
        balance::balance(doc, place, left.text()),
        Reject::Unbalanced,
    )?;
    left.cut(
        filters::indentation(place, left.text()),
        Reject::Indentation,
    )?;
    let complete = complete(&left);
    if !complete {
        left.end -= partial_word(left.text());
    }
    Ok(Narrowed {
        span: left.start..left.end,
        complete,
    })
}

/// The part of the raw text that is left.
struct Left<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Left<'a> {
    fn text(&self) -> &'a str {
        &self.text[self.start..self.end]
    }

    /// Ends the text at `at` bytes from its start; `reason` applies if only blanks are left.
    fn cut(&mut self, at: usize, reason: Reject) -> Result<(), Reject> {
        self.end = self.start + at;
        if self.text().trim().is_empty() {
            Err(reason)
        } else {
            Ok(())
        }
    }
}

/// The longest cut that passes, with its probability.
fn choose(
    raw: &Raw<'_>,
    place: &Place,
    narrowed: &Narrowed,
    gate: Option<&Gate>,
) -> Result<(usize, f32), Reject> {
    let cuts = cuts(raw, place, narrowed);
    let Some(gate) = gate else {
        // The model's own opinion, since nothing better is known.
        let longest = cuts.first().ok_or(Reject::Empty)?;
        return Ok((longest.end, longest.sum.exp().clamp(0.0, 1.0)));
    };
    let mut best = 0.0_f32;
    for cut in cuts {
        // Without log-probabilities there is no gate value, and without one nothing is shown.
        let probability = if cut.count == 0 {
            0.0
        } else {
            cut.probability(gate)
        };
        let shown = &raw.text[narrowed.span.start..cut.end];
        if probability >= gate.show && !shown.trim().is_empty() {
            return Ok((cut.end, probability));
        }
        best = best.max(probability);
    }
    Err(Reject::BelowGate { best })
}

/// Bytes of the word or number at the end of a text that was broken off: half of one is worse than none. 0 if nothing
/// else would be left.
fn partial_word(text: &str) -> usize {
    let mut rest = text.trim_end_matches(lines::is_word);
    if let Some(whole) = rest.strip_suffix('.') {
        let before = whole.trim_end_matches(lines::is_word);
        if whole[before.len()..].starts_with(|c: char| c.is_ascii_digit()) {
            rest = before;
        }
    }
    if rest.trim().is_empty() {
        0
    } else {
        text.len() - rest.len()
    }
}

/// What a suggestion must never begin with: the rest of the line. The lines below were compared before.
fn follows(place: &Place) -> Option<&str> {
    let tail = place.tail.trim();
    (!tail.is_empty()).then_some(tail)
}

fn with_line_ends(text: &str, eol: Eol) -> String {
    let mut lines = lines::lines(text).map(|(_, line)| line);
    let mut whole = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        whole.push_str(eol.as_str());
        whole.push_str(line);
    }
    whole
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
pub(crate) mod tests;
