//! What can be said of a place without a tree: by quotes and comment markers before it, and by
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

/// Bytes above a line in which an unclosed comment or string is searched: a long doc comment.
pub(super) const ABOVE_SEEN: usize = 4 * 1024;

/// Lines that are searched for the end of a block.
const LINES_SEEN: usize = 2_000;

/// Reads a stretch of one line, knowing what it begins inside of: what it ends inside of.
pub(super) fn region(doc: &Document, stretch: Range<usize>, begins: Region) -> Region {
    let rope = doc.rope();
    let start = stretch.start.max(stretch.end.saturating_sub(LINE_SEEN));
    let head = rope
        .byte_slice(floor_boundary(rope, start)..stretch.end)
        .to_string();
    Reader::new(doc.language(), begins).read(&head)
}

/// Reads the lines above, knowing what the first of them begins inside of: what the next begins
/// inside of. Only openers of what may span lines matter, and without one nothing is read.
pub(super) fn region_below(doc: &Document, lines: Range<usize>, begins: Region) -> Region {
    let text = doc.rope().byte_slice(lines).to_string();
    let syntax = doc.language().syntax();
    let comments = syntax.block_comments.iter().map(|(open, _)| *open);
    let opens = |opener: &str| text.contains(opener);
    let spans = comments
        .chain(syntax.long_quotes.iter().copied())
        .any(opens)
        || syntax
            .multiline_quotes
            .iter()
            .any(|quote| *quote == '`' && text.contains(*quote));
    if begins == Region::Code && !spans {
        return Region::Code;
    }
    Reader::new(doc.language(), begins).read(&text)
}

/// What the reader is inside of. An unknown opener, from above the text, is closed by any closer of
/// the language.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    Comment(Option<&'static str>),
    Quoted(char),
    LongQuoted(Option<&'static str>),
}

struct Reader {
    syntax: &'static Syntax,
    language: Language,
    state: State,
}

impl Reader {
    fn new(language: Language, begins: Region) -> Self {
        let state = match begins {
            Region::Code => State::Code,
            Region::Comment => State::Comment(None),
            Region::String => State::LongQuoted(None),
        };
        Reader {
            syntax: language.syntax(),
            language,
            state,
        }
    }

    /// Reads `text` and says what its end lies in.
    fn read(mut self, text: &str) -> Region {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let read = match self.state {
                State::Code => self.code(rest, c),
                State::LineComment | State::Comment(_) => self.comment(rest, c),
                State::Quoted(_) | State::LongQuoted(_) => self.string(rest, c),
            };
            rest = rest.get(read..).unwrap_or_default();
        }
        match self.state {
            State::Code => Region::Code,
            State::LineComment | State::Comment(_) => Region::Comment,
            State::Quoted(_) | State::LongQuoted(_) => Region::String,
        }
    }

    // Each of these reads one step at the start of `rest`, which begins with `c`, takes on the next
    // state and returns the bytes read.

    fn code(&mut self, rest: &str, c: char) -> usize {
        let starts = |marker: &&str| rest.starts_with(*marker);
        if let Some(marker) = self.syntax.line_comment.filter(starts) {
            self.state = State::LineComment;
            return marker.len();
        }
        let mut comments = self.syntax.block_comments.iter();
        if let Some((open, close)) = comments.find(|(open, _)| rest.starts_with(open)) {
            self.state = State::Comment(Some(close));
            return open.len();
        }
        if let Some(quotes) = self.syntax.long_quotes.iter().copied().find(starts) {
            self.state = State::LongQuoted(Some(quotes));
            return quotes.len();
        }
        if self.language == Language::Rust && c == '\'' {
            return rust_tick(rest);
        }
        if self.syntax.quotes.contains(&c) {
            self.state = State::Quoted(c);
        }
        c.len_utf8()
    }

    fn comment(&mut self, rest: &str, c: char) -> usize {
        let starts = |close: &&str| rest.starts_with(*close);
        let closed = match self.state {
            State::Comment(Some(close)) => Some(close).filter(starts),
            State::Comment(None) => self
                .syntax
                .block_comments
                .iter()
                .map(|(_, close)| *close)
                .find(starts),
            _ => Some("\n").filter(|_| c == '\n'),
        };
        if let Some(close) = closed {
            self.state = State::Code;
            return close.len();
        }
        c.len_utf8()
    }

    fn string(&mut self, rest: &str, c: char) -> usize {
        if c == '\\' {
            // The escaped character is read along; a `\` at the very end waits for it.
            return 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
        }
        let starts = |close: &&str| rest.starts_with(*close);
        let closed = match self.state {
            State::Quoted(quote) if c == quote => Some(1),
            // Rust's strings may span lines too, but an odd quote above, say in a raw string, would
            // then turn everything below inside out.
            State::Quoted(quote) if c == '\n' && quote != '`' => Some(1),
            State::LongQuoted(Some(close)) => Some(close).filter(starts).map(str::len),
            State::LongQuoted(None) => {
                let long = self
                    .syntax
                    .long_quotes
                    .iter()
                    .copied()
                    .find(starts)
                    .map(str::len);
                let short = self.syntax.multiline_quotes.contains(&c).then_some(1);
                long.or(short)
            }
            _ => None,
        };
        if closed.is_some() {
            self.state = State::Code;
        }
        closed.unwrap_or(c.len_utf8())
    }
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
