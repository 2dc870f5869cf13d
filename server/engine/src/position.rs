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
    Position {
        line: narrow(line),
        character: narrow(units),
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENCODINGS: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    /// What a plain reading of the specification says: split into lines, walk the units.
    fn model(text: &str, position: Position, encoding: Encoding) -> Option<usize> {
        let mut starts = vec![0];
        let mut chars = text.char_indices().peekable();
        while let Some((byte, c)) = chars.next() {
            let pair = c == '\r' && matches!(chars.peek(), Some((_, '\n')));
            if (c == '\n' || c == '\r') && !pair {
                starts.push(byte + 1);
            }
        }
        let line = position.line as usize;
        if line == starts.len() && position.character == 0 {
            return Some(text.len());
        }
        let start = *starts.get(line)?;
        let end = starts.get(line + 1).copied().unwrap_or(text.len());
        let body = text[start..end].trim_end_matches(['\r', '\n']);
        let mut left = position.character as usize;
        for (byte, c) in body.char_indices() {
            let units = match encoding {
                Encoding::Utf8 => c.len_utf8(),
                Encoding::Utf16 => c.len_utf16(),
                Encoding::Utf32 => 1,
            };
            if left < units {
                return Some(start + byte);
            }
            left -= units;
        }
        Some(start + body.len())
    }

    #[test]
    fn units_differ_by_encoding() {
        let rope = Rope::from_str("é😀x\n");
        for (character, byte) in [
            (0, 0),
            (1, 0),
            (2, 2),
            (3, 2),
            (5, 2),
            (6, 6),
            (7, 7),
            (99, 7),
        ] {
            assert_eq!(
                to_byte(&rope, at(0, character), Encoding::Utf8),
                Some(byte),
                "{character}"
            );
        }
        for (character, byte) in [(0, 0), (1, 2), (2, 2), (3, 6), (4, 7), (99, 7)] {
            let found = to_byte(&rope, at(0, character), Encoding::Utf16);
            assert_eq!(found, Some(byte), "{character}");
        }
        for (character, byte) in [(0, 0), (1, 2), (2, 6), (3, 7), (99, 7)] {
            let found = to_byte(&rope, at(0, character), Encoding::Utf32);
            assert_eq!(found, Some(byte), "{character}");
        }
    }

    #[test]
    fn past_the_end() {
        for encoding in ENCODINGS {
            for text in ["", "a", "a\nb", "a\r\nb\r\n"] {
                let rope = Rope::from_str(text);
                let lines = rope.len_lines() as u32;
                assert_eq!(to_byte(&rope, at(lines, 0), encoding), Some(text.len()));
                assert_eq!(to_byte(&rope, at(lines, 1), encoding), None);
                assert_eq!(to_byte(&rope, at(lines + 1, 0), encoding), None);
                assert_eq!(to_byte(&rope, at(u32::MAX, u32::MAX), encoding), None);
                let last = to_byte(&rope, at(lines - 1, u32::MAX), encoding);
                assert_eq!(last, Some(text.len()));
            }
        }
    }

    #[test]
    fn a_character_past_the_end_stays_before_the_line_break() {
        for text in ["ab\ncd", "ab\r\ncd", "ab\rcd"] {
            for encoding in ENCODINGS {
                let rope = Rope::from_str(text);
                assert_eq!(to_byte(&rope, at(0, 9), encoding), Some(2), "{text:?}");
                assert_eq!(
                    to_byte(&rope, at(1, 0), encoding),
                    Some(text.len() - 2),
                    "{text:?}"
                );
            }
        }
        // Other separators end no line.
        for text in ["a\u{2028}b", "a\u{85}b", "a\u{b}b", "a\u{c}b"] {
            assert_eq!(Rope::from_str(text).len_lines(), 1, "{text:?}");
        }
    }

    fn text() -> impl Strategy<Value = String> {
        const PIECES: &[&str] = &[
            "a", "é", "漢", "😀", "\n", "\r", "\r\n", "\t", "\0", "\u{2028}",
        ];
        let pieces = prop::sample::select(PIECES);
        prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn every_offset_comes_back(text in text()) {
            let rope = Rope::from_str(&text);
            for encoding in ENCODINGS {
                for byte in 0..=text.len() + 1 {
                    let mut expected = byte.min(text.len());
                    while !text.is_char_boundary(expected) {
                        expected -= 1;
                    }
                    if text[..expected].ends_with('\r') && text[expected..].starts_with('\n') {
                        expected -= 1;
                    }
                    let position = from_byte(&rope, byte, encoding);
                    prop_assert_eq!(to_byte(&rope, position, encoding), Some(expected));
                }
            }
        }

        #[test]
        fn agrees_with_a_plain_reading(text in text(), line in 0u32..20, character in 0u32..20) {
            let rope = Rope::from_str(&text);
            for encoding in ENCODINGS {
                let position = at(line, character);
                let found = to_byte(&rope, position, encoding);
                prop_assert_eq!(found, model(&text, position, encoding));
            }
        }
    }
}
