//! The bytes behind each id. Two families of vocabularies are read: byte-level ones, in which each byte
//! has a printable stand-in, and those of SentencePiece, in which a blank is written as U+2581 and a
//! byte without a token of its own as `<0x0A>`.

use std::collections::{HashMap, HashSet};

use tokenizers::normalizers::replace::Replace;
use tokenizers::pre_tokenizers::metaspace::PrependScheme;
use tokenizers::{DecoderWrapper, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use crate::package::PackageError;

/// SentencePiece's sign for a blank.
const BLANK: char = '\u{2581}';
/// Entries beyond which a number in a vocabulary is a mistake.
const MOST_ENTRIES: usize = 1 << 20;

/// How ids spell bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    ByteLevel,
    SentencePiece,
}

/// Which family a tokenizer is of.
///
/// # Errors
/// `Unsupported` for any other.
pub(super) fn family(inner: &Tokenizer) -> Result<Family, PackageError> {
    fn parts(decoder: &DecoderWrapper) -> &[DecoderWrapper] {
        match decoder {
            DecoderWrapper::Sequence(sequence) => sequence.get_decoders(),
            other => std::slice::from_ref(other),
        }
    }
    let model = inner.get_model();
    let known = matches!(model, ModelWrapper::BPE(_) | ModelWrapper::Unigram(_));
    let decoders = inner.get_decoder().map(parts).unwrap_or_default();
    let has = |kind: fn(&DecoderWrapper) -> bool| decoders.iter().any(kind);
    if known && has(|decoder| matches!(decoder, DecoderWrapper::ByteLevel(_))) {
        return Ok(Family::ByteLevel);
    }
    let blanks = |decoder: &DecoderWrapper| {
        matches!(
            decoder,
            DecoderWrapper::Metaspace(_) | DecoderWrapper::Replace(_)
        )
    };
    match known && has(blanks) {
        true => Ok(Family::SentencePiece),
        false => Err(PackageError::unsupported(
            "its tokenizer is neither a byte-level BPE nor one of SentencePiece",
        )),
    }
}

/// Takes away what a tokenizer does to a text before it looks at it: a normal form of Unicode, which
/// would change the user's text, and the blank in front of every text, which stands once in a prompt
/// and not in front of each part. True where there was such a blank.
///
/// # Errors
/// `Unsupported` for changes that leave less than the text, such as lower case.
pub(super) fn bare(inner: &mut Tokenizer, family: Family) -> Result<bool, PackageError> {
    let opens = inner
        .encode_fast("a", false)
        .ok()
        .and_then(|encoding| inner.id_to_token(*encoding.get_ids().first()?))
        .is_some_and(|token| token.starts_with([BLANK, '\u{120}']));
    if let Some(normalizer) = inner.get_normalizer() {
        check_normalizer(normalizer)?;
    }
    let replace = match family {
        Family::ByteLevel => None,
        Family::SentencePiece => Some(NormalizerWrapper::from(
            Replace::new(" ", BLANK.to_string())
                .map_err(|error| PackageError::unreadable("tokenizer.json", &error.to_string()))?,
        )),
    };
    inner.with_normalizer(replace);
    let splitter = inner.get_pre_tokenizer().cloned();
    inner.with_pre_tokenizer(splitter.and_then(|splitter| bare_splitter(splitter, family)));
    // Both would change the length of what is encoded.
    inner.with_padding(None);
    inner
        .with_truncation(None)
        .map_err(|error| PackageError::unreadable("tokenizer.json", &error.to_string()))?;
    Ok(opens)
}

fn check_normalizer(normalizer: &NormalizerWrapper) -> Result<(), PackageError> {
    match normalizer {
        NormalizerWrapper::Sequence(sequence) => {
            sequence.as_ref().iter().try_for_each(check_normalizer)
        }
        NormalizerWrapper::NFC(_)
        | NormalizerWrapper::NFKC(_)
        | NormalizerWrapper::NFD(_)
        | NormalizerWrapper::NFKD(_)
        | NormalizerWrapper::Prepend(_)
        | NormalizerWrapper::Replace(_)
        | NormalizerWrapper::Precompiled(_) => Ok(()),
        _ => Err(PackageError::unsupported(
            "its tokenizer changes the text that it reads, such as to lower case",
        )),
    }
}

/// The same splitter without a blank in front. Of SentencePiece's only what splits at blanks is left.
fn bare_splitter(splitter: PreTokenizerWrapper, family: Family) -> Option<PreTokenizerWrapper> {
    Some(match splitter {
        PreTokenizerWrapper::ByteLevel(mut bytes) => {
            bytes.add_prefix_space = false;
            PreTokenizerWrapper::ByteLevel(bytes)
        }
        PreTokenizerWrapper::Metaspace(mut blanks) => {
            blanks.prepend_scheme = PrependScheme::Never;
            // Without splitting it only replaces blanks, which the normalizer does already.
            (family == Family::ByteLevel || blanks.split)
                .then_some(PreTokenizerWrapper::Metaspace(blanks))?
        }
        PreTokenizerWrapper::Sequence(sequence) => {
            let parts = sequence.into_iter();
            let bare: Vec<_> = parts
                .filter_map(|part| bare_splitter(part, family))
                .collect();
            PreTokenizerWrapper::Sequence(tokenizers::pre_tokenizers::sequence::Sequence::new(bare))
        }
        other => other,
    })
}

/// The bytes of each id; `None` for control tokens and holes. Added tokens stand for themselves.
///
/// # Errors
/// `Unsupported` where a byte has no token, so that some text could not be written, or where the
/// vocabulary is too large.
pub(super) fn byte_table(
    inner: &Tokenizer,
    family: Family,
    controls: &HashSet<u32>,
) -> Result<Vec<Option<Box<[u8]>>>, PackageError> {
    let vocabulary = inner.get_vocab(true);
    let size = vocabulary.values().max().map_or(0, |&id| id as usize + 1);
    if size > MOST_ENTRIES {
        return Err(PackageError::unsupported(&format!(
            "its vocabulary has an entry numbered {}",
            size - 1
        )));
    }
    let stand_ins = stand_ins();
    let added = inner.get_added_tokens_decoder();
    let mut table: Vec<Option<Box<[u8]>>> = vec![None; size];
    for (token, id) in vocabulary {
        if controls.contains(&id) {
            continue;
        }
        table[id as usize] = match family {
            Family::SentencePiece => Some(spelled(&token)),
            Family::ByteLevel if added.contains_key(&id) => Some(token.into_bytes().into()),
            Family::ByteLevel => token.chars().map(|c| stand_ins.get(&c).copied()).collect(),
        };
    }
    let mut single = [false; 256];
    for bytes in table.iter().flatten() {
        if let [byte] = **bytes {
            single[usize::from(byte)] = true;
        }
    }
    match (0..=u8::MAX).find(|&byte| !single[usize::from(byte)]) {
        None => Ok(table),
        Some(byte) => Err(PackageError::unsupported(&format!(
            "its vocabulary has no token for the byte {byte:#04x}"
        ))),
    }
}

/// The bytes of a SentencePiece token.
fn spelled(token: &str) -> Box<[u8]> {
    match byte_of(token) {
        Some(byte) => [byte].into(),
        None => token.replace(BLANK, " ").into_bytes().into(),
    }
}

/// `<0x0A>` -> 10.
pub(super) fn byte_of(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2)
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

/// Bytes from the printable stand-ins of byte-level vocabularies (openai/gpt-2 `encoder.py`,
/// `bytes_to_unicode`): the visible Latin-1 characters stand for themselves, the other bytes, in
/// order, for U+0100 and up.
fn stand_ins() -> HashMap<char, u8> {
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut bytes_of = HashMap::new();
    let mut hidden = 0x100_u32;
    for byte in 0..=u8::MAX {
        let stand_in = match visible(byte) {
            true => char::from(byte),
            false => {
                hidden += 1;
                char::from_u32(hidden - 1).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
        };
        bytes_of.insert(stand_in, byte);
    }
    bytes_of
}
