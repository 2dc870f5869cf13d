//! Text to token ids and back. A *piece* is text between two exact cuts, so that a keystroke re-encodes
//! one line and finds all others in a cache. Text is never read for control tokens: a text that spells
//! one is cut after its first character.

use std::sync::{Arc, Mutex, PoisonError};

use foretoken_engine::prompt::{Control, Format, Section, dialect};
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer};

use crate::package::{Fim, PackageError};

mod cache;
mod controls;
mod patterns;
mod pieces;
mod vocabulary;

use cache::{CACHED_BYTES, Cache};
pub(crate) use pieces::Cuts;
use vocabulary::Family;

/// The control token of the language "text".
const PLAIN_TEXT: &str = "<|text|>";

/// How the model of a package wants to be spoken to, beyond what its tokenizer says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Speech {
    /// The prompt format.
    pub(crate) format: Format,
    /// Ids that end an answer, besides the format's.
    pub(crate) eos: Vec<u32>,
    /// The token that begins every prompt: `Some("")` for none, `None` for what the tokenizer puts there.
    pub(crate) bos: Option<String>,
}

impl Speech {
    /// What a manifest says, for the vocabulary that it is about.
    ///
    /// # Errors
    /// `Unsupported` for a format that is not known, or a template that cannot be used.
    pub(crate) fn of(fim: &Fim, inner: &Tokenizer) -> Result<Speech, PackageError> {
        let added = inner.get_added_tokens_decoder();
        let named = dialect::all_controls().filter(|token| inner.token_to_id(token).is_some());
        let added = added.values().map(|token| token.content.clone());
        let controls: Vec<String> = added.chain(named.map(str::to_owned)).collect();
        let controls: Vec<&str> = controls.iter().map(String::as_str).collect();
        Ok(Speech {
            format: fim.format(&controls)?,
            eos: fim.eos.clone(),
            bos: fim.bos.clone(),
        })
    }
}

/// Reads a `tokenizer.json`.
///
/// # Errors
/// `Unreadable` when it is none, `Forbidden` for a pattern that could take for ever.
pub(crate) fn open(json: &[u8]) -> Result<Tokenizer, PackageError> {
    patterns::check(json)?;
    Tokenizer::from_bytes(json)
        .map_err(|error| PackageError::unreadable("tokenizer.json", &error.to_string()))
}

/// A loaded tokenizer. All methods take `&self`; the cache is behind a lock held for look-ups only.
#[derive(Debug)]
pub(crate) struct Tokens {
    inner: Tokenizer,
    format: Arc<Format>,
    family: Family,
    cuts: Cuts,
    /// Begins every prompt of another family's format.
    bos: Option<u32>,
    /// Whether a document begins with a blank that is not in its text.
    opens: bool,
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

impl Tokens {
    /// Makes a tokenizer ready for one way to speak.
    ///
    /// # Errors
    /// `Unsupported` for a family that is not known or that lacks a control token of its format.
    pub(crate) fn new(mut inner: Tokenizer, speech: &Speech) -> Result<Tokens, PackageError> {
        let family = vocabulary::family(&inner)?;
        let begins = controls::begins(&inner);
        inner.set_encode_special_tokens(true);
        let opens = vocabulary::bare(&mut inner, family)?;
        let (spellings, controls) = controls::of(&inner, speech);
        let mut firsts: Vec<char> = spellings
            .iter()
            .filter_map(|(s, _)| s.chars().next())
            .collect();
        firsts.dedup();
        let bos = match speech.bos.as_deref() {
            Some("") => None,
            Some(spelling) => Some(inner.token_to_id(spelling).ok_or_else(|| {
                PackageError::unsupported(&format!("its tokenizer has no token {spelling}"))
            })?),
            None => begins,
        };
        let mut tokens = Tokens {
            bytes: vocabulary::byte_table(&inner, family, &controls)?,
            sorted: Vec::new(),
            format: Arc::new(speech.format.clone()),
            family,
            cuts: Cuts::default(),
            bos,
            opens,
            spellings,
            firsts,
            cache: Mutex::default(),
            inner,
        };
        tokens.sort();
        tokens.cuts = match speech.format.is_own() {
            // Held to whole encoding by a property test.
            true => Cuts::BehindBreaks,
            false => Cuts::find(&|text| Some(tokens.encode_piece(text))),
        };
        tokens.check_controls(&speech.format)?;
        Ok(tokens)
    }

    /// Orders ids by their bytes. Of two with the same bytes the one that is no stand-in for a byte comes
    /// first: it is the one that the model knows.
    fn sort(&mut self) {
        let mut sorted: Vec<u32> = (0..)
            .zip(&self.bytes)
            .filter_map(|(id, bytes)| bytes.as_ref().map(|_| id))
            .collect();
        let is_byte = |id: u32| {
            let single = self.bytes(id).is_some_and(|bytes| bytes.len() == 1);
            let token = || self.inner.id_to_token(id);
            single && token().is_some_and(|token| vocabulary::byte_of(&token).is_some())
        };
        sorted.sort_by_cached_key(|&id| (self.spelled(id).to_vec(), is_byte(id)));
        self.sorted = sorted;
    }

    /// The marks without which no prompt can be written; languages may be missing one by one.
    fn check_controls(&self, format: &Format) -> Result<(), PackageError> {
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
        if format.is_own() {
            return match NEEDED.iter().find(|c| self.control(**c).is_none()) {
                None => Ok(()),
                Some(missing) => Err(PackageError::unsupported(&format!(
                    "its tokenizer has no {}, so it was not trained on this program's prompt format",
                    missing.token()
                ))),
            };
        }
        let tokens = format.parts.iter().filter_map(|part| match part {
            dialect::Part::Token(spelling) => Some(spelling),
            _ => None,
        });
        match tokens
            .into_iter()
            .find(|token| self.spelled_id(token).is_none())
        {
            None => Ok(()),
            Some(missing) => Err(PackageError::unsupported(&format!(
                "its tokenizer has no {missing}, which the prompt format \"{}\" needs",
                format.name
            ))),
        }
    }

    /// The id of a control token; `None` for a language this model does not know.
    pub(crate) fn control(&self, control: Control) -> Option<u32> {
        self.spelled_id(control.token())
    }

    /// The prompt format.
    pub(crate) fn format(&self) -> &Arc<Format> {
        &self.format
    }

    /// What begins every prompt, for the state that is kept of it.
    pub(crate) fn begin(&self) -> Option<u32> {
        self.control(Control::Bos).or(self.bos)
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

    /// Exact cuts of a text.
    pub(crate) fn cuts<'a>(&self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.cuts.of(text)
    }

    /// Whether blanks before the cursor belong to one token with the line end before them.
    pub(crate) fn joins_line_ends(&self) -> bool {
        self.cuts == Cuts::BeforeBlanks
    }

    /// The text of a section as it is encoded.
    pub(crate) fn text_of<'a>(&self, section: &'a Section) -> Option<std::borrow::Cow<'a, str>> {
        match section {
            Section::Opening(text) if self.opens => Some(format!(" {text}").into()),
            Section::Text(text) | Section::Opening(text) => Some(text.as_str().into()),
            Section::Control(_) | Section::Token(_) => None,
        }
    }

    /// What stands in front of the sections of a prompt in another family's format.
    pub(crate) fn front(&self, sections: &[Section]) -> Option<u32> {
        let own = sections
            .iter()
            .any(|section| matches!(section, Section::Control(_)));
        self.bos.filter(|_| !own)
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
                Section::Token(spelling) => ids.extend(self.spelled_id(spelling)),
                Section::Text(_) | Section::Opening(_) => {
                    let text = self.text_of(section).unwrap_or_default();
                    self.encode_into(&text, &mut ids);
                }
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
        for cut in self.cuts(text).chain([text.len()]) {
            ids.extend_from_slice(&self.piece(&text[start..cut]));
            start = cut;
        }
    }

    /// Tokens of a text.
    pub(crate) fn count(&self, text: &str) -> usize {
        let mut start = 0;
        self.cuts(text)
            .chain([text.len()])
            .map(|cut| {
                self.piece(&text[std::mem::replace(&mut start, cut)..cut])
                    .len()
            })
            .sum()
    }

    /// The byte at which the last pre-token of `text` begins: the part that more text could change.
    pub(crate) fn last_pre_token(&self, text: &str) -> usize {
        if self.family == Family::SentencePiece {
            return controls::last_word(text);
        }
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
            self.encode_part(&piece[start..cut], &mut ids);
            start = cut;
        }
        ids
    }

    fn encode_part(&self, part: &str, ids: &mut Vec<u32>) {
        // An error of the library means that the model has no token for a character; every vocabulary that
        // is read has one for each byte (asserted at load).
        let Ok(encoding) = self.inner.encode_fast(part, false) else {
            return self.spell(part, ids);
        };
        // What a merge made of harmless halves is no control token either.
        match encoding
            .get_ids()
            .iter()
            .all(|&id| self.bytes(id).is_some())
        {
            true => ids.extend_from_slice(encoding.get_ids()),
            false => self.spell(part, ids),
        }
    }

    /// Byte by byte: the last resort, which no vocabulary can misread.
    fn spell(&self, part: &str, ids: &mut Vec<u32>) {
        ids.extend(part.bytes().filter_map(|byte| self.exactly(&[byte])));
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

#[cfg(test)]
pub(crate) mod tests {
    use foretoken_engine::prompt::{Control, Section};
    use proptest::prelude::*;

    use super::{Speech, Tokens, open};
    use crate::package::{self, PackageError};

    /// Says that a test cannot run here, which is a failure where the variable says that it must.
    pub(crate) fn skip(why: &dyn std::fmt::Display) {
        println!("SKIP: {why}");
        let must = std::env::var_os("FORETOKEN_REQUIRE_MODEL").is_some();
        assert!(!must, "FORETOKEN_REQUIRE_MODEL is set: {why}");
    }

    fn parse(json: &[u8]) -> Result<Tokens, PackageError> {
        Tokens::new(open(json)?, &Speech::default())
    }

    /// The embedded tokenizer, or `None` with a visible line.
    pub(crate) fn embedded() -> Option<Tokens> {
        match package::embedded() {
            Ok(package) => Some(parse(&package.tokenizer).expect("it is ours")),
            Err(error) => {
                skip(&error);
                None
            }
        }
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
            let error = parse(json.as_bytes()).expect_err(json);
            assert_eq!(error.code(), "bad-package", "{json}: {error}");
        }
        let Ok(package) = package::embedded() else {
            return;
        };
        let json = String::from_utf8(package.tokenizer.into_owned()).expect("text");
        let foreign = json.replace("<|suf|>", "<|fim_suffix|>");
        let error = parse(foreign.as_bytes()).expect_err("no suffix token");
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
