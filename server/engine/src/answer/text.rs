//! Text that a terminal or an editor can show without obeying it.

use crate::redact::is_invisible;

/// The text without control sequences and control characters, line ends as `\n`, and how many of these there were.
///
/// Sequences are those of ECMA-48: CSI to its final byte, strings (OSC, DCS, SOS, PM, APC) to their end, or to the end of
/// the line where they have none. What nobody sees is left out as well.
pub fn without_controls(text: &str) -> (String, usize) {
    let mut clean = String::with_capacity(text.len());
    let mut removed = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\x1b' => escape(rest),
            '\u{9b}' => c.len_utf8() + csi(&rest[c.len_utf8()..]),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => {
                c.len_utf8() + string(&rest[c.len_utf8()..])
            }
            '\r' => {
                clean.push('\n');
                rest = rest.strip_prefix("\r\n").unwrap_or(&rest[1..]);
                continue;
            }
            c if (c.is_control() && c != '\n' && c != '\t') || is_invisible(c) => c.len_utf8(),
            // Line and paragraph separators end a line in some renderers only.
            '\u{2028}' | '\u{2029}' => {
                clean.push('\n');
                rest = &rest[3..];
                continue;
            }
            c => {
                clean.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        removed += 1;
        rest = &rest[length..];
    }
    (clean, removed)
}

/// Bytes of the sequence that begins with an escape character.
fn escape(rest: &str) -> usize {
    match rest[1..].chars().next() {
        Some('[') => 2 + csi(&rest[2..]),
        Some(']' | 'P' | 'X' | '^' | '_') => 2 + string(&rest[2..]),
        _ => 1,
    }
}

/// Parameters, intermediate bytes, the final byte.
fn csi(rest: &str) -> usize {
    let body = rest
        .bytes()
        .take_while(|b| (0x20..=0x3f).contains(b))
        .count();
    let last = rest.as_bytes().get(body);
    body + usize::from(last.is_some_and(|b| (0x40..=0x7e).contains(b)))
}

/// To the string terminator or the bell, both counted in.
fn string(rest: &str) -> usize {
    let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
    let end = line.char_indices().find_map(|(at, c)| match c {
        '\x07' => Some(at + 1),
        '\u{9c}' => Some(at + 2),
        '\x1b' if line[at + 1..].starts_with('\\') => Some(at + 2),
        _ => None,
    });
    end.unwrap_or(line.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(text: &str) -> String {
        without_controls(text).0
    }

    #[test]
    fn a11_terminal_sequences_are_stripped() {
        assert_eq!(clean("a\x1b[31;1mred\x1b[0m b"), "ared b");
        // A hidden link and the clipboard.
        assert_eq!(
            clean("\x1b]8;;https://evil.example/?q=1\x1b\\here\x1b]8;;\x1b\\"),
            "here"
        );
        assert_eq!(clean("x\x1b]52;c;cm0gLXJmIH4=\x07y"), "xy");
        assert_eq!(clean("x\x1b]52;c;no end\nnext"), "x\nnext");
        assert_eq!(
            clean("\x1bP1$r\x1b\\\u{9b}2J\u{9d}0;title\u{9c}done"),
            "done"
        );
        assert_eq!(
            clean("bell\x07 back\x08 null\0 del\x7f\u{202e}"),
            "bell back null del"
        );
    }

    #[test]
    fn ordinary_text_stays() {
        for good in [
            "tab\there\n\nnext",
            "größe [31m not a sequence",
            "🦀 名前 é",
            "",
        ] {
            assert_eq!(without_controls(good), (good.to_owned(), 0));
        }
        assert_eq!(without_controls("a\r\nb\rc"), ("a\nb\nc".to_owned(), 0));
    }

    proptest! {
        #[test]
        fn nothing_that_controls_is_left(text in "(\x1b|\\[|\\]|[0-9;mJ]|\u{9b}|\u{9d}|\x07|\\\\|\u{9c}|[a-z\n]|\u{202e}|é){0,40}") {
            let once = clean(&text);
            prop_assert!(!once.chars().any(|c| c.is_control() && c != '\n'));
            prop_assert_eq!(clean(&once), once.clone());
        }
    }
}
