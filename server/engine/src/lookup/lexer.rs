//! Cuts text into lexemes: words, single punctuation, runs of blanks, line ends.
//!
//! It works on bytes. Everything outside ASCII counts as part of a word, which keeps every cut on a
//! character boundary without decoding.

/// What a lexeme is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Word,
    Punctuation,
    Blank,
    /// `\n`, `\r\n` or `\r`, all the same to the model.
    Newline,
}

/// The class of the lexeme that begins at `at`, and the byte behind it. `at` must lie inside `text`.
pub(crate) fn next(text: &[u8], at: usize) -> (Class, usize) {
    let run = |belongs: fn(u8) -> bool| {
        let length = text[at..].iter().take_while(|byte| belongs(**byte)).count();
        at + length
    };
    match text[at] {
        b'\n' => (Class::Newline, at + 1),
        b'\r' if text.get(at + 1) == Some(&b'\n') => (Class::Newline, at + 2),
        b'\r' => (Class::Newline, at + 1),
        byte if is_word(byte) => (Class::Word, run(is_word)),
        byte if is_blank(byte) => (Class::Blank, run(is_blank)),
        _ => (Class::Punctuation, at + 1),
    }
}

/// Whether a byte is part of a word.
pub(crate) fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The id of a line end, whatever its bytes.
pub(crate) const NEWLINE: u32 = 1;

/// The id of a lexeme: a hash of its bytes. Two different lexemes share one with a chance of 2⁻³²; that would cost
/// a wrong match, never wrong text, since text is always copied from where it was seen.
pub(crate) fn id(class: Class, bytes: &[u8]) -> u32 {
    if class == Class::Newline {
        return NEWLINE;
    }
    // Eight bytes at a time, each mixed in by a multiplication with a large odd number (2^64 / golden ratio).
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = bytes.len() as u64;
    for part in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(MIX);
        hash ^= hash >> 29;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half of the mixed hash is the id"
    )]
    let id = (hash >> 32) as u32;
    id
}
