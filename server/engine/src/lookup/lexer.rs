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

/// A lexeme's class, the byte behind it, and its id.
///
/// The id is a hash of its bytes. Two different lexemes share one with a chance of 2⁻³²; that would cost a wrong
/// match, never wrong text, since text is always copied from where it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lexeme {
    pub(crate) class: Class,
    pub(crate) end: usize,
    pub(crate) id: u32,
}

/// The id of a line end, whatever its bytes.
pub(crate) const NEWLINE: u32 = 1;

/// The lexeme that begins at `at`, which must lie inside `text`.
pub(crate) fn next(text: &[u8], at: usize) -> Lexeme {
    let class = CLASSES[text[at] as usize];
    let mut hash = mix(OFFSET, text[at]);
    let mut end = at + 1;
    match class {
        Class::Newline => {
            let pair = text[at] == b'\r' && text.get(end) == Some(&b'\n');
            return Lexeme {
                class,
                end: end + usize::from(pair),
                id: NEWLINE,
            };
        }
        Class::Punctuation => {}
        Class::Word | Class::Blank => {
            while let Some(byte) = text.get(end)
                && CLASSES[*byte as usize] == class
            {
                hash = mix(hash, *byte);
                end += 1;
            }
        }
    }
    Lexeme {
        class,
        end,
        id: finish(hash),
    }
}

/// Whether a byte is part of a word.
pub(crate) fn is_word(byte: u8) -> bool {
    CLASSES[byte as usize] == Class::Word
}

/// One table look-up per byte keeps the lexing of 200 kB under a millisecond.
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Punctuation; 256];
    let mut at = 0;
    while at < 256 {
        // In range by the loop's condition.
        let byte = at as u8;
        if byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80 {
            classes[at] = Class::Word;
        } else if byte == b' ' || byte == b'\t' {
            classes[at] = Class::Blank;
        } else if byte == b'\n' || byte == b'\r' {
            classes[at] = Class::Newline;
        }
        at += 1;
    }
    classes
};

/// FNV-1a, 64 bits (Fowler, Noll, Vo): start value and prime.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

fn mix(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(PRIME)
}

/// Folds the hash to an id; the upper half is the better mixed one.
fn finish(hash: u64) -> u32 {
    ((hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}
