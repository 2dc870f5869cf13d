//! Token healing: the last pre-token before the cursor is usually half a word, and the model has
//! never seen half a word end a prompt. So it leaves the prompt, and the first generated tokens must
//! spell it again. *Owed* bytes are those that are still to be spelled. Blanks at the head of the
//! cursor's line are owed too: the model has seen them only together with what follows.

use crate::tokenizer::Tokens;

/// Owed bytes are spelled by decoding, so a very long pre-token (a rule of dashes, a base64 line)
/// stays in the prompt but for the tokens within this many bytes of its end.
const OWED_BYTES: usize = 32;
/// Blanks cost little: a single token spells many of them.
const OWED_BLANKS: usize = 128;

/// The last text of a prompt, split into what is run and what is spelled again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split<'a> {
    /// Whole pieces, run as they are.
    pub(crate) before: &'a str,
    /// What is kept of the last piece.
    pub(crate) piece: &'a str,
    /// Its ids as they are in front of the owed text, which may differ from those it has alone.
    pub(crate) ids: Vec<u32>,
    /// Owed by the generated tokens; possibly empty.
    pub(crate) owed: &'a str,
}

/// Splits the text before the cursor.
pub(crate) fn split<'a>(tokens: &Tokens, text: &'a str) -> Split<'a> {
    let at = tokens.cuts(text).last().unwrap_or(0);
    let (before, piece) = text.split_at(at);
    let mut ids = tokens.encode(piece);
    let wanted = owed_from(tokens, piece);
    // Only whole tokens can be left out, and what is left out must be whole characters.
    let (mut count, mut kept) = (ids.len(), piece.len());
    let mut end = piece.len();
    for (left, id) in ids.iter().enumerate().rev() {
        end -= tokens.bytes(*id).map_or(0, <[u8]>::len).min(end);
        if end < wanted {
            break;
        }
        if piece.is_char_boundary(end) {
            (count, kept) = (left, end);
        }
    }
    ids.truncate(count);
    let (piece, owed) = piece.split_at(kept);
    Split {
        before,
        piece,
        ids,
        owed,
    }
}

/// The byte of the last piece from which on it should be spelled again.
fn owed_from(tokens: &Tokens, piece: &str) -> usize {
    let line = piece.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    if piece[line..].chars().all(char::is_whitespace) {
        // A newline run in front of the cursor is complete: what could still join it is another blank
        // line, and nobody wants that from a suggestion. Where the line end is one token with the blanks
        // behind it, it is owed with them.
        let from = match tokens.joins_line_ends() {
            true => piece.trim_end().len(),
            false => line,
        };
        return match piece.len() - from <= OWED_BLANKS {
            true => from,
            false => piece.len(),
        };
    }
    tokens
        .last_pre_token(piece)
        .max(piece.len().saturating_sub(OWED_BYTES))
}

/// Ids that may come next while `owed` bytes are to be spelled: those that spell a part of them from
/// the front, and those that spell all of them and more. `None` when nothing is owed: all may come.
pub(crate) fn allowed(tokens: &Tokens, owed: &[u8]) -> Option<Vec<u32>> {
    if owed.is_empty() {
        return None;
    }
    let parts = (1..owed.len()).filter_map(|end| tokens.exactly(&owed[..end]));
    let wholes = tokens.beginning_with(owed).iter().copied();
    Some(parts.chain(wholes).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{OWED_BYTES, allowed, split};
    use crate::tokenizer::Tokens;
    use crate::tokenizer::tests::embedded;

    #[test]
    fn the_last_pre_token_is_owed() {
        let Some(tokens) = embedded() else { return };
        let check = |text: &str, owed: &str| {
            let found = split(&tokens, text);
            assert_eq!(found.owed, owed, "{text:?}");
            assert_eq!([found.before, found.piece, found.owed].concat(), text);
            let bytes: usize = found
                .ids
                .iter()
                .filter_map(|&id| Some(tokens.bytes(id)?.len()))
                .sum();
            assert_eq!(bytes, found.piece.len());
        };
        check("", "");
        check("fn main() {\n", "");
        check("fn main() {\n    ", "    ");
        check("fn main() {\n\t", "\t");
        check("fn main() {\n\n    ", "    ");
        check("    ", "    ");
        check("a\n    retu", " retu");
        check("self.fie", ".fie");
        check("let x = ", " ");
        check("let x =", " =");
        check("f(", "(");
        check("x = 123", "3");
        check("x = 12", "12");
        check("a\r\n", "");
        check("a\r\n  b", " b");
        check("caf\u{e9}", "caf\u{e9}");
        check("// \u{1F980}", " \u{1F980}");
        check(&" ".repeat(60), &" ".repeat(60));
        check(&" ".repeat(600), "");
    }

    #[test]
    fn a_long_pre_token_is_cut_at_a_token_near_its_end() {
        let Some(tokens) = embedded() else { return };
        for text in ["-".repeat(200), "y".repeat(200), "\u{e9}".repeat(90)] {
            let found = split(&tokens, &text);
            assert!(found.owed.len() <= OWED_BYTES, "{found:?}");
            assert_eq!([found.before, found.piece, found.owed].concat(), text);
        }
    }

    #[test]
    fn owed_bytes_bind_the_next_tokens() {
        let Some(tokens) = embedded() else { return };
        assert_eq!(allowed(&tokens, b""), None);
        let ids = allowed(&tokens, b" retu").expect("bound");
        let spelled: Vec<&[u8]> = ids.iter().filter_map(|&id| tokens.bytes(id)).collect();
        assert!(spelled.contains(&&b" return"[..]) && spelled.contains(&&b" "[..]));
        assert!(
            spelled
                .iter()
                .all(|bytes| bytes.starts_with(b" retu") || b" retu".starts_with(bytes))
        );
        assert_eq!(spelled.len(), ids.len(), "no control token may come");
    }

    proptest! {
        /// Whatever a person goes on to type, the kept text is encoded as the beginning of the whole.
        #[test]
        fn kept_text_is_a_beginning_of_any_continuation(
            text in "[a-z ]{0,8}(\n {0,4})?[a-z_.(=;\"0-9 ]{0,12}",
            more in "[a-zA-Z0-9 _.;=()]{1,8}\n",
        ) {
            let Some(tokens) = EMBEDDED.as_ref() else { return Ok(()) };
            let found = split(tokens, &text);
            let mut ids = tokens.encode(found.before);
            ids.extend(found.ids);
            let whole = tokens.encode(&format!("{text}{more}"));
            prop_assert!(whole.starts_with(&ids), "{:?} + {:?}", text, more);
        }
    }

    static EMBEDDED: std::sync::LazyLock<Option<Tokens>> = std::sync::LazyLock::new(embedded);
}
