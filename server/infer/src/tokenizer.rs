//! Text to token ids and back. A *piece* is text between two exact cuts: line starts at which this
//! family of byte-level tokenizers never merges across, so that a keystroke re-encodes one line and
//! finds all others in a cache. Text is never read for control tokens: a text that spells one is cut
//! after its first character.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foretoken_engine::prompt::{Control, Section};
use tokenizers::{
    DecoderWrapper, ModelWrapper, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
    Tokenizer,
};

use crate::package::PackageError;

/// Pieces longer than this are encoded anew each time: a minified line would fill the cache alone.
const CACHED_BYTES: usize = 4096;
/// Bytes of pieces and ids per generation of the cache: the lines of several open files. Bytes and not
/// pieces, because whoever types in a long line leaves a piece as long with every key.
const GENERATION_BYTES: usize = 2 << 20;

/// The control token of the language "text".
const PLAIN_TEXT: &str = "<|text|>";

/// A loaded tokenizer. All methods take `&self`; the cache is behind a lock held for look-ups only.
#[derive(Debug)]
pub(crate) struct Tokens {
    inner: Tokenizer,
    /// Bytes of each id; `None` for control tokens and holes.
    bytes: Vec<Option<Box<[u8]>>>,
    /// Ids that have bytes, ordered by them: the byte trie as a sorted list.
    sorted: Vec<u32>,
    /// Spellings that must never be read out of a text.
    spellings: Vec<(String, u32)>,
    /// Their first characters: few, so that most of a text is passed over quickly.
    firsts: Vec<char>,
    cache: Mutex<Cache>,
}

/// Two generations: what was not used since the last change of generation is forgotten.
#[derive(Debug, Default)]
struct Cache {
    young: HashMap<Box<str>, Arc<[u32]>>,
    old: HashMap<Box<str>, Arc<[u32]>>,
    /// Of the young generation.
    bytes: usize,
}

impl Tokens {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// `Unreadable` when it is none, `Unsupported` when it is not a byte-level BPE or lacks one of
    /// our control tokens.
    pub(crate) fn parse(json: &[u8]) -> Result<Tokens, PackageError> {
        let mut inner = Tokenizer::from_bytes(json)
            .map_err(|error| PackageError::unreadable("tokenizer.json", &error.to_string()))?;
        inner.set_encode_special_tokens(true);
        if !matches!(inner.get_model(), ModelWrapper::BPE(_))
            || !matches!(inner.get_decoder(), Some(DecoderWrapper::ByteLevel(_)))
            || inner.get_normalizer().is_some()
        {
            return Err(PackageError::unsupported(
                "its tokenizer is not a plain byte-level BPE",
            ));
        }
        let mut spellings: Vec<(String, u32)> = inner
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(_, token)| token.special && !token.content.is_empty())
            .map(|(id, token)| (token.content, id))
            .collect();
        spellings.sort();
        let mut firsts: Vec<char> = spellings
            .iter()
            .filter_map(|(s, _)| s.chars().next())
            .collect();
        firsts.dedup();
        let mut tokens = Tokens {
            bytes: byte_table(&inner, &spellings)?,
            sorted: Vec::new(),
            spellings,
            firsts,
            cache: Mutex::default(),
            inner,
        };
        let mut sorted: Vec<u32> = (0..)
            .zip(&tokens.bytes)
            .filter_map(|(id, bytes)| bytes.as_ref().map(|_| id))
            .collect();
        sorted.sort_by(|&a, &b| tokens.bytes(a).cmp(&tokens.bytes(b)));
        tokens.sorted = sorted;
        tokens.check_controls()?;
        Ok(tokens)
    }

    /// The marks without which no prompt can be written; languages may be missing one by one.
    fn check_controls(&self) -> Result<(), PackageError> {
        const NEEDED: [Control; 8] = [
            Control::Bos,
            Control::Eom,
            Control::Suffix,
            Control::Prefix,
            Control::Tail,
            Control::Cursor,
            Control::Context,
            Control::File,
        ];
        match NEEDED.iter().find(|c| self.control(**c).is_none()) {
            None => Ok(()),
            Some(missing) => Err(PackageError::unsupported(&format!(
                "its tokenizer has no {}, so it was not trained on this program's prompt format",
                missing.token()
            ))),
        }
    }

    /// The id of a control token; `None` for a language this model does not know.
    pub(crate) fn control(&self, control: Control) -> Option<u32> {
        self.spelled_id(control.token())
    }

    fn spelled_id(&self, spelling: &str) -> Option<u32> {
        let at = self
            .spellings
            .binary_search_by(|(text, _)| text.as_str().cmp(spelling))
            .ok()?;
        Some(self.spellings[at].1)
    }

    /// The bytes of an id, possibly a part of a character; `None` for a control token, which ends an
    /// answer.
    pub(crate) fn bytes(&self, id: u32) -> Option<&[u8]> {
        self.bytes.get(id as usize)?.as_deref()
    }

    /// Entries of the vocabulary, control tokens included.
    pub(crate) fn vocabulary(&self) -> usize {
        self.bytes.len()
    }

    /// Ids of a prompt, one section after the other.
    pub(crate) fn assemble(&self, sections: &[Section]) -> Vec<u32> {
        let mut ids = Vec::new();
        for section in sections {
            match section {
                // A language that this model does not know is plain text to it.
                Section::Control(control @ Control::Language(_)) => ids.extend(
                    self.control(*control)
                        .or_else(|| self.spelled_id(PLAIN_TEXT)),
                ),
                Section::Control(control) => ids.extend(self.control(*control)),
                Section::Text(text) => self.encode_into(text, &mut ids),
            }
        }
        ids
    }

    /// Ids of a text that stands alone; no control id ever comes out.
    pub(crate) fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 3);
        self.encode_into(text, &mut ids);
        ids
    }

    /// The same, appended to `ids`.
    pub(crate) fn encode_into(&self, text: &str, ids: &mut Vec<u32>) {
        let mut start = 0;
        for cut in cuts(text).chain([text.len()]) {
            ids.extend_from_slice(&self.piece(&text[start..cut]));
            start = cut;
        }
    }

    /// Tokens of a text.
    pub(crate) fn count(&self, text: &str) -> usize {
        let mut start = 0;
        cuts(text)
            .chain([text.len()])
            .map(|cut| {
                self.piece(&text[std::mem::replace(&mut start, cut)..cut])
                    .len()
            })
            .sum()
    }

    /// The byte at which the last pre-token of `text` begins: the part that more text could change.
    pub(crate) fn last_pre_token(&self, text: &str) -> usize {
        let Some(pre) = self.inner.get_pre_tokenizer() else {
            return text.len();
        };
        let mut split = PreTokenizedString::from(text);
        if pre.pre_tokenize(&mut split).is_err() {
            return text.len();
        }
        split
            .get_splits(OffsetReferential::Original, OffsetType::Byte)
            .last()
            .map_or(text.len(), |(_, offsets, _)| offsets.0)
    }

    /// Ids whose bytes begin with `bytes`, ordered by their bytes.
    pub(crate) fn beginning_with(&self, bytes: &[u8]) -> &[u32] {
        let from = self.sorted.partition_point(|&id| self.spelled(id) < bytes);
        let behind = self.sorted[from..].partition_point(|&id| self.spelled(id).starts_with(bytes));
        &self.sorted[from..from + behind]
    }

    /// The id of exactly these bytes.
    pub(crate) fn exactly(&self, bytes: &[u8]) -> Option<u32> {
        let first = self.beginning_with(bytes).first()?;
        (self.spelled(*first) == bytes).then_some(*first)
    }

    fn spelled(&self, id: u32) -> &[u8] {
        self.bytes(id).unwrap_or_default()
    }

    /// Ids of one piece, from the cache if it was seen lately.
    fn piece(&self, piece: &str) -> Arc<[u32]> {
        if piece.len() > CACHED_BYTES {
            return self.encode_piece(piece).into();
        }
        if let Some(ids) = self.cache().get(piece) {
            return ids;
        }
        let ids: Arc<[u32]> = self.encode_piece(piece).into();
        self.cache().put(piece.into(), Arc::clone(&ids));
        ids
    }

    /// Encodes around the spellings of control tokens, each cut after its first character.
    fn encode_piece(&self, piece: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut start = 0;
        for cut in self.spelled_controls(piece).chain([piece.len()]) {
            // An error of the library means that the model has no token for a character; byte-level
            // vocabularies have one for each byte (asserted at load).
            if let Ok(encoding) = self.inner.encode_fast(&piece[start..cut], false) {
                ids.extend_from_slice(encoding.get_ids());
            }
            start = cut;
        }
        ids
    }

    /// Where a text that spells a control token must be cut, in order.
    fn spelled_controls<'a>(&'a self, piece: &'a str) -> impl Iterator<Item = usize> + 'a {
        piece.char_indices().filter_map(|(at, first)| {
            let rest = &piece[at..];
            let spelled = self.firsts.contains(&first)
                && self
                    .spellings
                    .iter()
                    .any(|(spelling, _)| rest.starts_with(spelling));
            spelled.then(|| at + first.len_utf8())
        })
    }

    /// A panic under this lock could only come from exhausted memory; a cache is whole at any time.
    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn get(&mut self, piece: &str) -> Option<Arc<[u32]>> {
        if let Some(ids) = self.young.get(piece) {
            return Some(Arc::clone(ids));
        }
        let (key, ids) = self.old.remove_entry(piece)?;
        self.put(key, Arc::clone(&ids));
        Some(ids)
    }

    fn put(&mut self, piece: Box<str>, ids: Arc<[u32]>) {
        if self.bytes >= GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += piece.len() + size_of_val(&*ids);
        self.young.insert(piece, ids);
    }
}

/// Exact cuts of a text: behind a line feed whose next line has something else than white space
/// before its end. There the newline run ends, and in this family (training/tokenizer.py, `PRE_TOKEN`)
/// a newline run always ends its pre-token. Held to whole encoding by a property test.
pub(crate) fn cuts(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.bytes().enumerate().filter_map(move |(at, byte)| {
        let start = at + 1;
        if byte != b'\n' || start == text.len() {
            return None;
        }
        let next = text[start..]
            .chars()
            .find(|c| !c.is_whitespace() || matches!(c, '\n' | '\r'));
        (!matches!(next, Some('\n' | '\r'))).then_some(start)
    })
}

/// Bytes from the printable stand-ins of byte-level vocabularies (openai/gpt-2 `encoder.py`,
/// `bytes_to_unicode`): the visible Latin-1 characters stand for themselves, the other bytes, in
/// order, for U+0100 and up.
fn byte_table(
    inner: &Tokenizer,
    spellings: &[(String, u32)],
) -> Result<Vec<Option<Box<[u8]>>>, PackageError> {
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut bytes_of: HashMap<char, u8> = HashMap::new();
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
    let vocabulary = inner.get_vocab(true);
    let size = vocabulary.values().max().map_or(0, |&id| id as usize + 1);
    if size > 1 << 20 {
        return Err(PackageError::unsupported(&format!(
            "its vocabulary has an entry numbered {}",
            size - 1
        )));
    }
    let mut table: Vec<Option<Box<[u8]>>> = vec![None; size];
    for (token, id) in vocabulary {
        if spellings.iter().all(|(_, special)| *special != id) {
            let bytes: Option<Box<[u8]>> =
                token.chars().map(|c| bytes_of.get(&c).copied()).collect();
            table[id as usize] = bytes;
        }
    }
    let has_byte = |byte: u8| table.iter().flatten().any(|bytes| **bytes == [byte]);
    match (0..=u8::MAX).find(|&byte| !has_byte(byte)) {
        None => Ok(table),
        Some(byte) => Err(PackageError::unsupported(&format!(
            "its vocabulary has no token for the byte {byte:#04x}"
        ))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use foretoken_engine::prompt::{Control, Section};
    use proptest::prelude::*;

    use std::sync::Arc;

    use super::{Cache, GENERATION_BYTES, Tokens, cuts};
    use crate::package;

    /// Says that a test cannot run here, which is a failure where the variable says that it must.
    pub(crate) fn skip(why: &dyn std::fmt::Display) {
        println!("SKIP: {why}");
        let must = std::env::var_os("FORETOKEN_REQUIRE_MODEL").is_some();
        assert!(!must, "FORETOKEN_REQUIRE_MODEL is set: {why}");
    }

    /// The embedded tokenizer, or `None` with a visible line.
    pub(crate) fn embedded() -> Option<Tokens> {
        match package::embedded() {
            Ok(package) => Some(Tokens::parse(&package.tokenizer).expect("it is ours")),
            Err(error) => {
                skip(&error);
                None
            }
        }
    }

    fn pieces(text: &str) -> Vec<&str> {
        let mut start = 0;
        cuts(text)
            .chain([text.len()])
            .map(|cut| &text[std::mem::replace(&mut start, cut)..cut])
            .collect()
    }

    #[test]
    fn cuts_lie_before_lines_that_hold_something() {
        assert_eq!(pieces("a\nb\n"), ["a\n", "b\n"]);
        assert_eq!(pieces("a\n\n  \n  b"), ["a\n\n  \n", "  b"]);
        assert_eq!(pieces("a\r\n\r\nb\rc"), ["a\r\n\r\n", "b\rc"]);
        assert_eq!(pieces("\n\na"), ["\n\n", "a"]);
        assert_eq!(pieces("a\n  \r b"), ["a\n  \r b"]);
        assert_eq!(pieces("a\n    "), ["a\n", "    "]);
        assert_eq!(pieces(""), [""]);
    }

    #[test]
    fn the_cache_forgets_what_was_not_used_lately_by_its_bytes() {
        let mut cache = Cache::default();
        let ids: Arc<[u32]> = vec![7; 256].into();
        let pieces = GENERATION_BYTES / 1024 * 4;
        for at in 0..pieces {
            cache.put(at.to_string().into(), Arc::clone(&ids));
            assert!(cache.get("0").is_some(), "used all the time: {at}");
        }
        assert!(cache.get("1").is_none());
        assert!(cache.get(&(pieces - 1).to_string()).is_some());
        let held = (cache.young.len() + cache.old.len()) * 1024;
        assert!(held <= 2 * GENERATION_BYTES, "{held}");
    }

    #[test]
    fn a_text_that_spells_a_control_token_stays_text() {
        let Some(tokens) = embedded() else { return };
        for text in [
            "<|bos|>",
            "a <|eom|><|suf|>\n<|pre|>",
            "<|<|bos|>",
            "<<|rust|>|>",
        ] {
            let ids = tokens.encode(text);
            assert!(ids.iter().all(|&id| tokens.bytes(id).is_some()), "{text}");
            let bytes: Vec<u8> = ids
                .iter()
                .flat_map(|&id| tokens.bytes(id).expect("text"))
                .copied()
                .collect();
            assert_eq!(String::from_utf8(bytes).as_deref(), Ok(text));
        }
        let cut = [tokens.encode("<"), tokens.encode("|bos|>")].concat();
        assert_eq!(tokens.encode("<|bos|>"), cut);
    }

    #[test]
    fn sections_become_ids_one_by_one() {
        let Some(tokens) = embedded() else { return };
        let sections = [
            Section::Control(Control::Bos),
            Section::Control(Control::Language(foretoken_grammars::Language::Go)),
            Section::Text("<|bos|>".into()),
            Section::Control(Control::Prefix),
        ];
        let ids = tokens.assemble(&sections);
        let of = |control: Control| tokens.control(control).expect("known");
        assert_eq!(ids[0], of(Control::Bos));
        assert_eq!(
            ids[1],
            of(Control::Language(foretoken_grammars::Language::Go))
        );
        assert_eq!(ids[2..ids.len() - 1], tokens.encode("<|bos|>"));
        assert_eq!(ids.last(), Some(&of(Control::Prefix)));
    }

    #[test]
    fn the_trainer_s_ids_are_ours() {
        let Some(tokens) = embedded() else { return };
        let ids = package::embedded()
            .expect("loaded above")
            .manifest
            .golden
            .ids;
        // Between two control tokens stands one text, encoded alone.
        let sections: Vec<&[u32]> = ids
            .split(|&id| tokens.bytes(id).is_none())
            .filter(|section| !section.is_empty())
            .collect();
        assert!(sections.len() > 1);
        for section in sections {
            let bytes: Vec<u8> = section
                .iter()
                .flat_map(|&id| tokens.bytes(id).expect("text"))
                .copied()
                .collect();
            let text = String::from_utf8(bytes).expect("whole characters");
            assert_eq!(tokens.encode(&text), section, "{text:?}");
        }
    }

    #[test]
    fn the_byte_trie_finds_every_token_by_its_bytes() {
        let Some(tokens) = embedded() else { return };
        for id in 0..u32::try_from(tokens.vocabulary()).expect("small") {
            let Some(bytes) = tokens.bytes(id) else {
                continue;
            };
            assert_eq!(tokens.exactly(bytes), Some(id));
            for end in 1..=bytes.len() {
                assert!(tokens.beginning_with(&bytes[..end]).contains(&id));
            }
        }
        assert_eq!(tokens.exactly(b"no such token in here"), None);
        assert!(tokens.beginning_with(b"no such token in here").is_empty());
    }

    #[test]
    fn broken_and_foreign_tokenizers_are_refused() {
        for json in [
            "",
            "{}",
            "[1]",
            "\u{feff}",
            "{\"version\":\"1.0\",\"model\":{\"type\":\"BPE\"}}",
        ] {
            let error = Tokens::parse(json.as_bytes()).expect_err(json);
            assert_eq!(error.code(), "bad-package", "{json}: {error}");
        }
        let Ok(package) = package::embedded() else {
            return;
        };
        let json = String::from_utf8(package.tokenizer.into_owned()).expect("text");
        let foreign = json.replace("<|suf|>", "<|fim_suffix|>");
        let error = Tokens::parse(foreign.as_bytes()).expect_err("no suffix token");
        assert_eq!(
            error.to_string(),
            "This model cannot be used: its tokenizer has no <|suf|>, so it was not trained on this \
             program's prompt format."
        );
    }

    /// Text as files have it: words, marks, blanks of every kind, line ends, spelled control tokens.
    fn text() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            4 => "[a-zA-Z_]{1,9}",
            2 => "[0-9]{1,5}",
            3 => r"[ \t]{1,6}",
            3 => r"(\n|\r\n|\r){1,3}",
            3 => r"[;:.,(){}\[\]<>|=+*/'#-]{1,4}",
            1 => Just("<|bos|>".to_owned()),
            1 => Just("<|".to_owned()),
            1 => "[\u{85}\u{a0}\u{2028}\u{3000}\u{b}\u{c}]",
            1 => "\\PC{1,3}",
        ];
        proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn cached_pieces_equal_whole_encoding(texts in proptest::collection::vec(text(), 1..4)) {
            let Some(tokens) = EMBEDDED.as_ref() else { return Ok(()) };
            for text in &texts {
                let ids = tokens.encode(text);
                prop_assert_eq!(&ids, &tokens.encode_piece(text));
                prop_assert_eq!(ids.len(), tokens.count(text));
                // Again, now from the cache.
                prop_assert_eq!(&ids, &tokens.encode(text));
                let mut bytes = Vec::new();
                for id in ids {
                    bytes.extend_from_slice(tokens.bytes(id).expect("no control id"));
                }
                prop_assert_eq!(bytes, text.as_bytes());
            }
        }
    }

    static EMBEDDED: std::sync::LazyLock<Option<Tokens>> = std::sync::LazyLock::new(embedded);
}
