//! Token healing: the last pre-token before the cursor is usually half a word, and the model has
//! never seen half a word end a prompt. So it leaves the prompt, and the first generated tokens must
//! spell it again. *Owed* bytes are those that are still to be spelled. Blanks at the head of the
//! cursor's line are owed too: the model has seen them only together with what follows.

use crate::tokenizer::{Tokens, cuts};

/// Owed bytes are spelled by decoding, so a very long pre-token (a rule of dashes, a base64 line)
/// stays in the prompt but for the tokens within this many bytes of its end.
const OWED_BYTES: usize = 32;

/// The last section of a prompt, split into what is run and what is spelled again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split<'a> {
    /// Run as it is.
    pub(crate) kept: &'a str,
    /// Owed by the generated tokens; possibly empty.
    pub(crate) owed: &'a str,
}

/// Splits the text before the cursor.
pub(crate) fn split<'a>(tokens: &Tokens, text: &'a str) -> Split<'a> {
    let at = |cut: usize| Split {
        kept: &text[..cut],
        owed: &text[cut..],
    };
    let line = text.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    if text[line..].chars().all(char::is_whitespace) {
        // A newline run is complete: what could still join it is another blank line, and nobody wants
        // that from a suggestion.
        return match text.len() - line <= OWED_BYTES {
            true => at(line),
            false => at(text.len()),
        };
    }
    let piece = cuts(text).last().unwrap_or(0);
    let start = piece + tokens.last_pre_token(&text[piece..]);
    if text.len() - start <= OWED_BYTES {
        return at(start);
    }
    // Token borders of the long pre-token, from its end.
    let mut cut = text.len();
    for id in tokens.encode(&text[start..]).iter().rev() {
        let before = cut - tokens.bytes(*id).map_or(0, <[u8]>::len).min(cut);
        if text.len() - before > OWED_BYTES || !text.is_char_boundary(before) {
            break;
        }
        cut = before;
    }
    at(cut)
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
