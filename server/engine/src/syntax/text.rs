//! What can be said of a place without a tree: by quotes and comment markers on its line, and by
//! indentation.

use std::ops::Range;

use foretoken_grammars::{Language, Syntax};
use ropey::RopeSlice;

use super::Region;
use crate::document::Document;
use crate::place::indent_columns;
use crate::position::{floor_boundary, without_end};

/// Bytes of a line that are looked at, nearest to the place: beyond the longest line on which a
/// suggestion is made.
const LINE_SEEN: usize = 16 * 1024;

/// Lines that are searched for the end of a block.
const LINES_SEEN: usize = 2_000;

/// Reads a stretch of one line, knowing what it begins inside of: what it ends inside of.
pub(super) fn region(doc: &Document, stretch: Range<usize>, begins: Region) -> Region {
    let rope = doc.rope();
    let start = stretch.start.max(stretch.end.saturating_sub(LINE_SEEN));
    let head = rope
        .byte_slice(floor_boundary(rope, start)..stretch.end)
        .to_string();
    read(&head, doc.language(), begins)
}

/// The state at the end of `head`.
fn read(head: &str, language: Language, begins: Region) -> Region {
    let syntax = language.syntax();
    let mut state = match begins {
        Region::Code => State::Code,
        Region::Comment => State::Comment { closer: None },
        Region::String => State::String { quote: None },
    };
    let mut rest = head;
    while let Some(c) = rest.chars().next() {
        let (next, length) = step(state, rest, c, (syntax, language));
        state = next;
        rest = &rest[length..];
    }
    match state {
        State::Code => Region::Code,
        State::Comment { .. } => Region::Comment,
        State::String { .. } => Region::String,
    }
}

/// What the reader is inside of; an unknown opener is closed by any closer of the language.
#[derive(Clone, Copy)]
enum State {
    Code,
    Comment { closer: Option<&'static str> },
    String { quote: Option<char> },
}

/// Reads one step at the start of `rest`, which begins with `c`: the next state and the bytes read.
fn step(state: State, rest: &str, c: char, of: (&'static Syntax, Language)) -> (State, usize) {
    let (syntax, language) = of;
    let one = c.len_utf8();
    match state {
        State::Code => {
            if syntax
                .line_comment
                .is_some_and(|marker| rest.starts_with(marker))
            {
                // To the line's end, and `rest` holds no other line.
                return (State::Comment { closer: Some("\n") }, rest.len());
            }
            if let Some((open, close)) = syntax
                .block_comments
                .iter()
                .find(|(open, _)| rest.starts_with(open))
            {
                return (
                    State::Comment {
                        closer: Some(close),
                    },
                    open.len(),
                );
            }
            if language == Language::Rust && c == '\'' {
                return (State::Code, rust_tick(rest));
            }
            if syntax.quotes.contains(&c) {
                return (State::String { quote: Some(c) }, one);
            }
            (State::Code, one)
        }
        State::Comment { closer } => {
            let closers = syntax.block_comments.iter().map(|(_, close)| *close);
            let found = match closer {
                Some(close) => rest.starts_with(close).then_some(close),
                None => closers.into_iter().find(|close| rest.starts_with(close)),
            };
            match found {
                Some(close) => (State::Code, close.len()),
                None => (state, one),
            }
        }
        State::String { quote } => {
            if c == '\\' {
                // The escaped character is read along; a `\` at the very end waits for it.
                let escaped = rest[one..].chars().next().map_or(0, char::len_utf8);
                return (state, one + escaped);
            }
            let closes = match quote {
                Some(quote) => c == quote,
                None => syntax.multiline_quotes.contains(&c) || triple(rest, syntax),
            };
            let length = if closes && quote.is_none() && triple(rest, syntax) {
                3
            } else {
                one
            };
            (if closes { State::Code } else { state }, length)
        }
    }
}

/// Python's strings over several lines end with three quotes.
fn triple(rest: &str, syntax: &Syntax) -> bool {
    let mut chars = rest.chars();
    let first = chars.next();
    first.is_some_and(|c| syntax.quotes.contains(&c))
        && chars.next() == first
        && chars.next() == first
}

/// Rust's `'` begins a character or names a lifetime. Returns the bytes of a whole character
/// literal, so that the quote in `'"'` opens no string, else those of the `'` alone.
fn rust_tick(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let behind = at + escaped.len_utf8();
            rest[behind..]
                .find('\'')
                .filter(|gap| *gap <= 8)
                .map_or(1, |gap| behind + gap + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// The end of the last line that belongs to the block at `byte` by its indentation: the block ends
/// before the first line below that is not blank and is indented less. `None` for a place that is
/// not indented, or where the end is not near.
pub(super) fn indented_end(doc: &Document, byte: usize) -> Option<usize> {
    let rope = doc.rope();
    let line = rope.byte_to_line(byte);
    let seen = |line: RopeSlice<'_>| {
        let text = without_end(line);
        let end = text.len_bytes().min(256);
        let end = text.char_to_byte(text.byte_to_char(end));
        text.byte_slice(..end).to_string()
    };
    let own = seen(rope.line(line));
    let indent = if own.trim().is_empty() {
        let above = rope.lines_at(line).reversed().take(LINES_SEEN).map(seen);
        let above = above.into_iter().find(|text| !text.trim().is_empty())?;
        indent_columns(&above).max(indent_columns(&own))
    } else {
        indent_columns(&own)
    };
    if indent == 0 {
        return None;
    }
    let end_of = |line: usize| rope.line_to_byte(line) + without_end(rope.line(line)).len_bytes();
    let mut last = line;
    for (below, text) in rope
        .lines_at(line + 1)
        .take(LINES_SEEN)
        .map(seen)
        .enumerate()
    {
        if text.trim().is_empty() {
            continue;
        }
        if indent_columns(&text) < indent {
            return Some(end_of(last));
        }
        last = line + 1 + below;
    }
    let reached_end = rope.len_lines() - 1 <= line + LINES_SEEN;
    reached_end.then(|| end_of(last))
}
