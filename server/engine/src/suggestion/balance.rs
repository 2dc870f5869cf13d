//! Closers that nothing opened: kept where they close what the user opened, cut where the document closes it already.

use super::brackets::{self, Bracket, Start};
use super::lines;
use crate::document::Document;
use crate::place::{Place, SYNTAX_LINES};
use crate::syntax;

/// How far from the cursor brackets are counted where no tree decides, in bytes to each side.
const WINDOW: usize = 32 * 1024;

/// Byte up to which the brackets of `text` fit the document: it closes nothing that is not open, and nothing that is
/// closed below.
pub(super) fn balance(doc: &Document, place: &Place, text: &str) -> usize {
    let end = closes_too_much(doc, place, text);
    closed_below(doc, place, &text[..end])
}

/// Byte at which `text` closes something that is not open at `place`.
///
/// Syntax errors are compared before brackets are counted, since a parser knows strings, comments and generics.
fn closes_too_much(doc: &Document, place: &Place, text: &str) -> usize {
    let syntax = place.language.syntax();
    let found = brackets::scan(text, syntax, Start::at(place));
    let closers: Vec<Bracket> = found
        .unmatched
        .into_iter()
        .filter(|closer| brackets::is_closer(closer.closer))
        .collect();
    // What stands open on the cursor's own line was weighed against the line's rest before.
    let on_line = brackets::scan(&place.head, syntax, Start::Code).open;
    let on_line = on_line
        .iter()
        .rev()
        .filter(|open| brackets::is_closer(open.closer));
    let own = closers
        .iter()
        .zip(on_line)
        .take_while(|(closer, open)| closer.closer == open.closer)
        .count();
    if own == closers.len() {
        return text.len();
    }
    let window = window(doc, place);
    let errors = |text: &str| window.as_ref()?.errors_with(text.trim_end());
    let before = window.as_ref().map_or(0, syntax::ErrorWindow::errors);
    if let Some(whole) = errors(text) {
        // A text such as `} else {` closes one bracket for another, so it can only be judged as a whole.
        let even = closers.len() - own == found.open.len();
        // Better than nothing is not enough where a part of it is better still.
        let best = || {
            let cuts = closers[own..].iter().map(|closer| &text[..closer.at]);
            cuts.filter_map(errors).all(|cut| cut >= whole)
        };
        // Without any error it is text in which brackets mean nothing, or all of them are right.
        if whole == 0 || ((whole < before || (whole == before && even)) && best()) {
            return text.len();
        }
    }
    for (number, closer) in closers.iter().enumerate().skip(own) {
        let after = closer.at + closer.closer.len_utf8();
        let belongs = match (errors(&text[..after]), errors(&text[..closer.at])) {
            (Some(with), Some(without)) if with < without => true,
            // Where nothing is wrong nothing is missing. Where something is, the parser may have put it elsewhere.
            (Some(with), Some(without)) if with > without && before == 0 => false,
            _ => is_open(doc, place, number, closer.closer),
        };
        if !belongs {
            return closer.at;
        }
    }
    text.len()
}

/// What is parsed around the place. In a very long document the tree lags behind the text, so brackets alone decide.
fn window(doc: &Document, place: &Place) -> Option<syntax::ErrorWindow> {
    let parsed = doc.rope().len_lines() < SYNTAX_LINES;
    parsed
        .then(|| syntax::ErrorWindow::around(doc, place.offset))
        .flatten()
}

/// Byte at which `text` begins to say closers that stand below it already, though it opened what they close. That is so
/// where the document has fewer errors without them: those below close it.
fn closed_below(doc: &Document, place: &Place, text: &str) -> usize {
    let (whole, text) = (text.len(), text.trim_end());
    let own: Vec<(usize, &str)> = lines::lines(text)
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    let below: Vec<&str> = place
        .below
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    let says = |start: &usize| {
        let said = own[*start..].iter().map(|(_, line)| line.trim());
        said.zip(&below).all(|(said, below)| said == *below)
    };
    // The first line of a text goes on one that the user began.
    let mut starts = (1..own.len())
        .rev()
        .take(below.len())
        .take_while(|start| is_closers(own[*start].1))
        .filter(says)
        .map(|start| own[start].0)
        .peekable();
    if starts.peek().is_none() {
        return whole;
    }
    let Some(window) = window(doc, place) else {
        return whole;
    };
    let errors = |end: usize| window.errors_with(text[..end].trim_end());
    let (mut best, Some(mut least)) = (whole, errors(text.len())) else {
        return whole;
    };
    for start in starts {
        if let Some(count) = errors(start).filter(|count| *count < least) {
            (best, least) = (start, count);
        }
    }
    best
}

fn is_closers(line: &str) -> bool {
    line.trim_start().starts_with(brackets::is_closer) && lines::is_weak(line)
}

/// Whether the bracket `number` levels out from the cursor is of the kind of `closer`, and nothing below closes it.
fn is_open(doc: &Document, place: &Place, number: usize, closer: char) -> bool {
    let rope = doc.rope();
    let syntax = place.language.syntax();
    let floor = |byte: usize| rope.char_to_byte(rope.byte_to_char(byte));
    let from = rope.line_to_byte(rope.byte_to_line(floor(place.offset.saturating_sub(WINDOW))));
    let to = floor((place.offset + WINDOW).min(rope.len_bytes()));
    let before = rope.byte_slice(from..place.offset).to_string();
    let after = rope.byte_slice(place.offset..to).to_string();
    let open: Vec<Bracket> = brackets::scan(&before, syntax, Start::Code).open;
    let open: Vec<Bracket> = open
        .into_iter()
        .filter(|open| brackets::is_closer(open.closer))
        .collect();
    let closed = brackets::scan(&after, syntax, Start::at(place)).unmatched;
    let closed = closed
        .iter()
        .filter(|closed| brackets::is_closer(closed.closer))
        .count();
    let missing = open.len().saturating_sub(closed);
    open.iter()
        .rev()
        .nth(number)
        .is_some_and(|open| open.closer == closer)
        && number < missing
}
