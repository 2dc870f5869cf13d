//! Positions as editors count them, and byte offsets as the engine counts them.
//!
//! A *code unit* is what `character` counts: a byte in UTF-8, half a surrogate pair in UTF-16, a
//! code point in UTF-32. Lines end at `\n`, `\r\n` or a lone `\r`, and nowhere else (LSP 3.18,
//! "Text Documents"). Inside the engine only byte offsets travel: never store a [`Position`].

use ropey::{Rope, RopeSlice};

/// What one unit of [`Position::character`] is, as agreed with the editor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// Two-byte units, the protocol's default: a character beyond the first plane counts twice.
    #[default]
    Utf16,
    /// Code points.
    Utf32,
}

/// A place between two characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Default)]
pub struct Position {
    /// Line number, from zero.
    pub line: u32,
    /// Code units of the agreed [`Encoding`] from the line's start.
    pub character: u32,
}

/// A half-open stretch of text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Range {
    /// Where it begins.
    pub start: Position,
    /// The first position behind it.
    pub end: Position,
}

/// The byte offset of a position.
///
/// - A character past the line's end means the line's end, before its line break (LSP 3.18,
///   `Position`).
/// - Inside a code point: its start.
/// - The start of the line right below the last one means the document's end, because some editors
///   end a deletion of the last line there. Any other line past the end is `None`: whoever names it
///   holds another text.
pub fn to_byte(rope: &Rope, position: Position, encoding: Encoding) -> Option<usize> {
    let line = position.line as usize;
    if line >= rope.len_lines() {
        let just_below = line == rope.len_lines() && position.character == 0;
        return just_below.then(|| rope.len_bytes());
    }
    let start = rope.line_to_byte(line);
    let text = without_end(rope.line(line));
    let units = position.character as usize;
    let within = match encoding {
        Encoding::Utf8 if units >= text.len_bytes() => text.len_bytes(),
        Encoding::Utf8 => text.char_to_byte(text.byte_to_char(units)),
        Encoding::Utf16 if units >= text.len_utf16_cu() => text.len_bytes(),
        Encoding::Utf16 => text.char_to_byte(text.utf16_cu_to_char(units)),
        Encoding::Utf32 if units >= text.len_chars() => text.len_bytes(),
        Encoding::Utf32 => text.char_to_byte(units),
    };
    Some(start + within)
}

/// The position of a byte offset. An offset past the end means the end, one inside a code point the
/// code point's start, one between `\r` and `\n` the line's end: every result is a position that
/// [`to_byte`] reads back.
pub fn from_byte(rope: &Rope, byte: usize, encoding: Encoding) -> Position {
    let byte = byte.min(rope.len_bytes());
    let line = rope.byte_to_line(byte);
    let text = without_end(rope.line(line));
    let within = (byte - rope.line_to_byte(line)).min(text.len_bytes());
    let chars = text.byte_to_char(within);
    let units = match encoding {
        Encoding::Utf8 => text.char_to_byte(chars),
        Encoding::Utf16 => text.char_to_utf16_cu(chars),
        Encoding::Utf32 => chars,
    };
    Position { line: narrow(line), character: narrow(units) }
}

/// A line without its `\n`, `\r\n` or `\r`.
pub fn without_end(line: RopeSlice<'_>) -> RopeSlice<'_> {
    let bytes = line.len_bytes();
    let ends_in = |back: usize, byte: u8| bytes >= back && line.byte(bytes - back) == byte;
    let end = match () {
        () if ends_in(1, b'\n') && ends_in(2, b'\r') => 2,
        () if ends_in(1, b'\n') || ends_in(1, b'\r') => 1,
        () => 0,
    };
    line.byte_slice(..bytes - end)
}

/// The nearest character boundary at or below `byte`; the end for an offset past it.
pub fn floor_boundary(rope: &Rope, byte: usize) -> usize {
    let byte = byte.min(rope.len_bytes());
    rope.char_to_byte(rope.byte_to_char(byte))
}

// The protocol counts in 32 bits; a document that long is refused long before.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
