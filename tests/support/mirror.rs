//! The client's own copy of a document: a plain `String`, edited the slow and obvious way.
//!
//! It is the oracle for the server's rope, so it shares no code with the engine.

use serde_json::{Value, json};

/// What a position's `character` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units.
    Utf16,
    /// Code points.
    Utf32,
}

impl Encoding {
    /// The word of the protocol ("utf-16") for this encoding and back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "utf-8" => Some(Self::Utf8),
            "utf-16" => Some(Self::Utf16),
            "utf-32" => Some(Self::Utf32),
            _ => None,
        }
    }

    fn width(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// A document as an editor sees it.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// The whole text.
    pub text: String,
    /// The number sent with the last change.
    pub version: i64,
}

impl Mirror {
    /// A document just opened.
    #[must_use]
    pub fn new(text: &str, version: i64) -> Self {
        Self {
            text: text.to_owned(),
            version,
        }
    }

    /// The LSP position of a byte, which must be a character boundary.
    #[must_use]
    pub fn position(&self, byte: usize, encoding: Encoding) -> Value {
        let (line, start) = self
            .lines()
            .take_while(|(_, start)| *start <= byte)
            .last()
            .unwrap_or((0, 0));
        let character: usize = self.text[start..byte]
            .chars()
            .map(|c| encoding.width(c))
            .sum();
        json!({"line": line, "character": character})
    }

    /// The range between two bytes.
    #[must_use]
    pub fn range(&self, from: usize, to: usize, encoding: Encoding) -> Value {
        json!({"start": self.position(from, encoding), "end": self.position(to, encoding)})
    }

    /// The byte of a position, or `None` where no such line exists. Past the end of a line is its end.
    #[must_use]
    pub fn byte(&self, position: &Value, encoding: Encoding) -> Option<usize> {
        let wanted = position["line"].as_u64()? as usize;
        let character = position["character"].as_u64()? as usize;
        let (_, start) = self.lines().find(|(line, _)| *line == wanted)?;
        let mut counted = 0;
        for (at, c) in self.text[start..].char_indices() {
            if counted + encoding.width(c) > character || c == '\n' || c == '\r' {
                return Some(start + at);
            }
            counted += encoding.width(c);
        }
        Some(self.text.len())
    }

    /// Replaces the bytes from `from` to `to`.
    pub fn replace(&mut self, from: usize, to: usize, text: &str) {
        self.text.replace_range(from..to, text);
    }

    /// The text right of a byte, up to the line's end.
    #[must_use]
    pub fn rest_of_line(&self, byte: usize) -> &str {
        let rest = &self.text[byte..];
        &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())]
    }

    /// The nearest character boundary at or before `byte`.
    #[must_use]
    pub fn boundary(&self, byte: usize) -> usize {
        let byte = byte.min(self.text.len());
        (0..=byte)
            .rev()
            .find(|b| self.text.is_char_boundary(*b))
            .unwrap_or(0)
    }

    /// Numbers and first bytes of the lines; LSP knows `\n`, `\r\n` and `\r`.
    fn lines(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let bytes = self.text.as_bytes();
        let ends = bytes
            .iter()
            .enumerate()
            .filter_map(|(at, byte)| match byte {
                b'\n' => Some(at + 1),
                b'\r' if bytes.get(at + 1) != Some(&b'\n') => Some(at + 1),
                _ => None,
            });
        std::iter::once(0).chain(ends).enumerate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_in_the_agreed_unit() {
        let mirror = Mirror::new("a😀b\r\nc\rd\n", 1);
        let after = mirror.text.find('b').unwrap();
        for (encoding, units) in [
            (Encoding::Utf8, 5),
            (Encoding::Utf16, 3),
            (Encoding::Utf32, 2),
        ] {
            let position = mirror.position(after, encoding);
            assert_eq!(position, json!({"line": 0, "character": units}));
            assert_eq!(mirror.byte(&position, encoding), Some(after));
        }
        let d = mirror.text.find('d').unwrap();
        assert_eq!(
            mirror.position(d, Encoding::Utf8),
            json!({"line": 2, "character": 0})
        );
        assert_eq!(
            mirror.byte(&json!({"line": 0, "character": 99}), Encoding::Utf8),
            Some(6)
        );
        assert_eq!(
            mirror.byte(&json!({"line": 9, "character": 0}), Encoding::Utf8),
            None
        );
    }
}
