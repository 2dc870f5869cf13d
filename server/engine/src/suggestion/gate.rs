//! The confidence gate: from log-probabilities to the probability that a text is exactly right.

use foretoken_grammars::Blocks;

use super::brackets::{self, Start};
use super::lines::is_word;
use super::{Narrowed, Raw, Token};
use crate::place::Place;

/// Tokens before which no end of a word is a cut: shorter beginnings of a line are not worth a glance.
const WORD_END_FROM: usize = 8;

/// P = 1 / (1 + e^-(a + b · sum of log-probabilities + c · count)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logistic {
    /// Constant.
    pub a: f32,
    /// Weight of the sum of natural log-probabilities.
    pub b: f32,
    /// Weight of the number of tokens.
    pub c: f32,
}

impl Logistic {
    /// Probability that the text of `tokens` is exactly right, 0 to 1.
    pub fn probability(&self, tokens: &[Token]) -> f32 {
        self.of(sum(tokens), tokens.len())
    }

    fn of(&self, sum: f32, count: usize) -> f32 {
        // A generation has a few hundred tokens at most.
        let count = count as f32;
        1.0 / (1.0 + (-(self.a + self.b * sum + self.c * count)).exp())
    }
}

/// The fitted gate of one model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// For line ends and for the whole.
    pub line: Logistic,
    /// For word ends inside a line.
    pub word: Logistic,
    /// Least probability that is shown.
    pub show: f32,
}

impl Gate {
    /// Whether no text that goes on behind `tokens`, to at most `most` of them, can still pass: even if all that
    /// follows were certain.
    pub fn is_hopeless(&self, tokens: &[Token], most: usize) -> bool {
        let sum = sum(tokens);
        let curves = [self.line, self.word];
        // P is monotone in the count, so its greatest value lies at one of both ends.
        let best = curves.iter().flat_map(|curve| {
            [
                curve.of(sum, tokens.len()),
                curve.of(sum, most.max(tokens.len())),
            ]
        });
        !tokens.is_empty() && best.fold(0.0, f32::max) < self.show
    }
}

/// What kind of boundary a cut stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutKind {
    /// A line's end inside the text.
    Line,
    /// The end of a word inside a line, or of a text that a budget broke off.
    Word,
    /// The end of a text that is complete.
    Whole,
}

/// A beginning of a text that could be shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// Byte in the raw text.
    pub end: usize,
    /// Its boundary.
    pub kind: CutKind,
    /// Sum of the log-probabilities of the tokens that hold its text.
    pub sum: f32,
    /// Number of these tokens.
    pub count: usize,
}

impl Cut {
    /// Probability that the text up to this cut is exactly right.
    pub fn probability(&self, gate: &Gate) -> f32 {
        let curve = if self.kind == CutKind::Word {
            gate.word
        } else {
            gate.line
        };
        curve.of(self.sum, self.count)
    }
}

/// All cuts of what the filters left of `raw`, longest first.
///
/// A cut's tokens are those that hold at least one byte of its text, so fitting and serving count alike.
pub fn cuts(raw: &Raw<'_>, place: &Place, narrowed: &Narrowed) -> Vec<Cut> {
    let Narrowed { span, complete } = narrowed;
    let shown = &raw.text[span.clone()];
    let first = raw
        .tokens
        .iter()
        .take_while(|token| token.end <= span.start)
        .count();
    let mut cuts: Vec<Cut> = Vec::new();
    let (mut sum, mut count) = (0.0, 0);
    for (at, kind) in boundaries(shown, *complete) {
        let end = span.start + at;
        while let Some(token) = raw.tokens.get(first + count)
            && (count == 0 || raw.tokens[first + count - 1].end < end)
        {
            sum += token.logp;
            count += 1;
        }
        // A text that was broken off early is judged at its last boundary, however few tokens it has.
        let early =
            kind == CutKind::Word && count < WORD_END_FROM && (*complete || at < shown.len());
        let torn = kind != CutKind::Whole && is_torn(place, &shown[..at], &raw.text[end..]);
        if !early && !torn {
            cuts.push(Cut {
                end,
                kind,
                sum,
                count,
            });
        }
    }
    cuts.reverse();
    cuts
}

/// Whether a text that wanted to go on with `rest` would stand there torn: several lines of which the last is not
/// whole, or that stop within an expression whose bracket they opened. A block may lack its last lines, and one line
/// its end, since the next keys bring them.
fn is_torn(place: &Place, shown: &str, rest: &str) -> bool {
    if !shown.trim().contains(['\n', '\r']) {
        return false;
    }
    if !rest.starts_with(['\n', '\r']) {
        return true;
    }
    let syntax = place.language.syntax();
    let open = brackets::scan(shown, syntax, Start::at(place)).open;
    open.last()
        .is_some_and(|open| open.closer != '}' || matches!(syntax.blocks, Blocks::Indent))
}

/// Every boundary of `shown` in order, the end included.
fn boundaries(shown: &str, complete: bool) -> Vec<(usize, CutKind)> {
    let mut found = Vec::new();
    let mut previous = ' ';
    for (at, c) in shown.char_indices() {
        if matches!(c, '\n' | '\r') && !matches!(previous, '\n' | '\r') && at > 0 {
            found.push((at, CutKind::Line));
        } else if is_word(previous) && !is_word(c) && !within_number(&shown[..at], &shown[at..]) {
            found.push((at, CutKind::Word));
        }
        previous = c;
    }
    if !shown.is_empty() {
        found.push((
            shown.len(),
            if complete {
                CutKind::Whole
            } else {
                CutKind::Word
            },
        ));
    }
    found
}

/// Whether a number's point stands between the two, or may: `2` of `2.0` is another number.
fn within_number(before: &str, after: &str) -> bool {
    let word = before.rsplit(|c| !is_word(c)).next().unwrap_or_default();
    let mut rest = after.chars();
    word.starts_with(|c: char| c.is_ascii_digit())
        && rest.next() == Some('.')
        && rest.next().is_none_or(|c| c.is_ascii_digit())
}

fn sum(tokens: &[Token]) -> f32 {
    tokens.iter().map(|token| token.logp).sum()
}
