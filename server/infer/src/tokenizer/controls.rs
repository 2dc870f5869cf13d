//! Which tokens of a vocabulary control a model, how they are spelled, and where the last word of a text
//! begins for vocabularies that do not say so themselves.

use std::collections::HashSet;

use foretoken_engine::prompt::dialect;
use tokenizers::Tokenizer;

use super::Speech;

/// SentencePiece's sign for a blank.
const BLANK: &str = "\u{2581}";

/// What the post-processor puts in front of a text; what it puts behind is ignored.
pub(super) fn begins(inner: &Tokenizer) -> Option<u32> {
    let whole = inner.encode_fast("a", true).ok()?;
    let bare = inner.encode_fast("a", false).ok()?;
    let (whole, bare) = (whole.get_ids(), bare.get_ids());
    let at = (0..whole.len()).find(|&at| whole[at..].starts_with(bare))?;
    whole[..at].first().copied()
}

/// The control tokens of a vocabulary, spelled in order, and their ids: what is flagged special, what any
/// known dialect calls one, and what the package says that ends an answer. The last have no spelling that
/// a text could have, or one that is flagged anyway.
pub(super) fn of(inner: &Tokenizer, speech: &Speech) -> (Vec<(String, u32)>, HashSet<u32>) {
    let flagged = inner.get_added_tokens_decoder();
    let flagged = flagged
        .into_iter()
        .filter(|(_, token)| token.special && !token.content.is_empty())
        .map(|(id, token)| (token.content, id));
    let own = speech.format.controls.iter();
    let named = dialect::all_controls()
        .map(str::to_owned)
        .chain(own.map(|control| control.clone().into_owned()))
        .filter_map(|spelling| inner.token_to_id(&spelling).map(|id| (spelling, id)));
    let ended = speech
        .eos
        .iter()
        .filter_map(|&id| Some((inner.id_to_token(id)?, id)));
    let mut spellings: Vec<(String, u32)> = flagged.chain(named).chain(ended).collect();
    // In a text the sign for a blank is a blank.
    let blanks: Vec<(String, u32)> = spellings
        .iter()
        .filter(|(spelling, _)| spelling.contains(BLANK))
        .map(|(spelling, id)| (spelling.replace(BLANK, " "), *id))
        .collect();
    spellings.extend(blanks);
    spellings.sort();
    spellings.dedup();
    let ids = spellings.iter().map(|(_, id)| *id).collect();
    (spellings, ids)
}

/// Where the last word, number or run of marks begins, with the blank before it: SentencePiece merges
/// across no blank but the one in front.
pub(super) fn last_word(text: &str) -> usize {
    let kind = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        c if c.is_whitespace() => 1,
        _ => 2,
    };
    let mut chars = text.char_indices().rev();
    let Some((mut at, last)) = chars.next() else {
        return 0;
    };
    for (before, c) in chars {
        let blank = c == ' ' && kind(last) != 1;
        if kind(c) != kind(last) && !blank {
            break;
        }
        at = before;
        if blank {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::last_word;

    #[test]
    fn the_last_word_has_the_blank_before_it() {
        let last = |text: &'static str| &text[last_word(text)..];
        assert_eq!(last("let total"), " total");
        assert_eq!(last("let  total"), " total");
        assert_eq!(last("self.item"), "item");
        assert_eq!(last("a = b("), "(");
        assert_eq!(last("x +="), " +=");
        assert_eq!(last("word"), "word");
        assert_eq!(last("a  "), "  ");
        assert_eq!(last(""), "");
    }
}
