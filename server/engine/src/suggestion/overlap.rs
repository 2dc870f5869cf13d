//! What a generated text says that stands in the document already: left of the cursor, or right of it on the line.

use foretoken_grammars::{Blocks, Language, Syntax};

use super::brackets::{self, Start};
use super::lines::{self, is_word, is_word_start};
use crate::place::{IndentUnit, Place, TAB_COLUMNS, indent_columns};

/// Fewest characters that count as said again; shorter ones are equal by chance (`a + ` after `f(a`).
const MINIMUM: usize = 3;
/// How far left of the cursor an overlap may begin, in bytes.
const REACH: usize = 200;
/// Fewest bytes of a typed line that counts as said again as a whole, when it does not end in a word:
/// `Some(` is often followed by another `Some(`, `let x = ` never by itself.
const WHOLE_LINE: usize = 8;

/// Bytes at the start of `text` that repeat what was just typed.
pub(super) fn typed(place: &Place, text: &str) -> usize {
    let head = place.head.as_str();
    let line = head.trim_start();
    if line.is_empty() {
        return Indent::at(place).repeated(text);
    }
    if line.len() >= WHOLE_LINE && line.trim_end().contains(' ') && text.starts_with(line) {
        return line.len();
    }
    // Between two words an overlap may be meant (`0, ` after `0, `). A text that goes on a word by saying the same word
    // again is not.
    if !head.ends_with(is_word) {
        return 0;
    }
    let from = lines::floor(head, head.len().saturating_sub(REACH));
    let starts = head[from..]
        .char_indices()
        .map(|(at, _)| from + at)
        .filter(|at| is_word_start(head, *at));
    let mut overlaps = starts.map(|at| &head[at..]);
    overlaps
        .find(|said| said.chars().count() >= MINIMUM && text.starts_with(said))
        .map_or(0, str::len)
}

/// How the cursor's line is indented, for a text that may bring its own indentation along.
#[derive(Clone, Debug)]
pub(super) struct Indent {
    /// The blanks left of the cursor; empty if anything else stands there.
    blanks: String,
    /// Columns that the line above lets expect.
    expected: usize,
    columns: usize,
}

impl Indent {
    pub(super) fn at(place: &Place) -> Indent {
        let blank = place.head.trim().is_empty();
        let expected = place.above.first().map_or(0, |above| {
            let step = match place.indent_unit {
                IndentUnit::Tab => TAB_COLUMNS,
                IndentUnit::Spaces(spaces) => spaces,
            };
            let colon =
                place.language.syntax().blocks == Blocks::Indent && above.trim_end().ends_with(':');
            let opens = colon || above.trim_end().ends_with(['{', '(', '[']);
            indent_columns(above) + if opens { step } else { 0 }
        });
        Indent {
            blanks: if blank {
                place.head.clone()
            } else {
                String::new()
            },
            expected,
            columns: place.indent,
        }
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes of blanks at the start of `text` that stand left of the cursor already: a model that was shown the
    /// line without its indentation gives it back. Blanks that only complete the indentation are new text.
    pub(super) fn repeated(&self, text: &str) -> usize {
        let blanks = &text[..text.len() - text.trim_start_matches([' ', '\t']).len()];
        let has_text = !matches!(
            text[blanks.len()..].chars().next(),
            None | Some('\n' | '\r')
        );
        let repeats = !self.blanks.is_empty() && has_text && blanks.starts_with(&self.blanks);
        let too_deep = indent_columns(&format!("{}{blanks}", self.blanks)) > self.expected;
        if repeats && too_deep {
            self.blanks.len()
        } else {
            0
        }
    }

    /// Columns of the cursor's line with `line`, the first of a text, behind it.
    pub(super) fn of_first(&self, line: &str) -> usize {
        indent_columns(&format!("{}{}", self.blanks, &line[self.repeated(line)..]))
    }
}

/// Byte up to which `text` says something that the rest of the cursor's line does not.
pub(super) fn rest(place: &Place, text: &str) -> usize {
    let tail = place.tail.trim();
    if tail.is_empty() {
        return text.len();
    }
    if text.trim_start().starts_with(tail) {
        return 0;
    }
    let text = &text[..lines::first_end(text)];
    let text = &text[..closed_by_rest(place, text)];
    // Closers alone were weighed just now.
    if !tail.contains(|c: char| !c.is_whitespace() && !brackets::is_closer(c)) {
        return text.len();
    }
    let said = text.trim_end();
    if said.ends_with(tail) && may_cut(place, said, said.len() - tail.len(), tail) {
        return said.len() - tail.len();
    }
    beginning_of_rest(place, said, tail).unwrap_or(text.len())
}

/// Byte of the first closer in `text` that the rest of the line brings along.
///
/// What the line's head opened may be closed by the text, but not what the rest closes.
fn closed_by_rest(place: &Place, text: &str) -> usize {
    let start = Start::at(place);
    let end = closed_within(place, text, place.language.syntax(), start);
    if start == Start::Code {
        return end;
    }
    // In a comment or a string brackets are paired too, by those who write there.
    end.min(closed_within(
        place,
        text,
        Language::Text.syntax(),
        Start::Code,
    ))
}

fn closed_within(place: &Place, text: &str, syntax: &Syntax, start: Start) -> usize {
    let after = brackets::scan(&place.tail, syntax, start).unmatched;
    let Some(first) = after.first() else {
        return text.len();
    };
    let open = brackets::scan(&place.head, syntax, Start::Code).open;
    let free = open.len().saturating_sub(after.len());
    let closers = brackets::scan(text, syntax, start).unmatched;
    match closers.get(free) {
        Some(closer) if closer.closer == first.closer => closer.at,
        _ => text.len(),
    }
}

/// Whether `text` may end at `at` in favour of `tail`: neither a word nor a pair of brackets goes across.
fn may_cut(place: &Place, text: &str, at: usize, tail: &str) -> bool {
    let splits_word = tail.starts_with(is_word) && text[..at].ends_with(is_word);
    let syntax = place.language.syntax();
    let start = Start::at(place);
    let (kept, whole) = (
        brackets::scan(&text[..at], syntax, start),
        brackets::scan(text, syntax, start),
    );
    let still_open = whole.open.iter().filter(|open| open.at < at).count();
    !splits_word && kept.open.len() == still_open
}

/// Where an end of `text` begins that is a beginning of `tail`, as in `x, bar` before `bar, y`.
fn beginning_of_rest(place: &Place, text: &str, tail: &str) -> Option<usize> {
    let from = lines::floor(text, text.len().saturating_sub(tail.len()));
    let starts = text[from..]
        .char_indices()
        .map(|(at, _)| from + at)
        .filter(|at| is_word_start(text, *at));
    let mut overlaps = starts
        .filter(|at| text[*at..].chars().count() >= MINIMUM && tail.starts_with(&text[*at..]));
    overlaps.find(|at| may_cut(place, text, *at, &text[*at..]))
}
