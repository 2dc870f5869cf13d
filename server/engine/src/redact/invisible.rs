//! Characters that nobody sees and a model reads: they could say one thing to a reviewer and another to it.

use std::borrow::Cow;

/// Tags, the marks that turn the direction of writing, characters without width, and the selectors of variants that can
/// carry hidden bytes (Unicode 16, general category Cf and the block of U+E0100).
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{e0000}'..='\u{e007f}'
            | '\u{e0100}'..='\u{e01ef}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2060}'..='\u{2065}'
            | '\u{061c}'
            | '\u{180e}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

/// The text without these, and how many there were.
pub fn without_invisible(text: &str) -> (Cow<'_, str>, usize) {
    // All of them have three bytes or more but the Arabic letter mark, which begins with 0xd8.
    let may = text.bytes().any(|b| b >= 0xd8);
    let count = match may {
        true => text.chars().filter(|c| is_invisible(*c)).count(),
        false => 0,
    };
    match count {
        0 => (Cow::Borrowed(text), 0),
        _ => (
            Cow::Owned(text.chars().filter(|c| !is_invisible(*c)).collect()),
            count,
        ),
    }
}
