//! The ids of one run: the prompt without what its last text must spell again, then what was generated.

use foretoken_engine::prompt::Section;

use crate::heal;
use crate::tokenizer::Tokens;

/// What a run feeds to the model.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Prompt and generated tokens.
    pub(super) ids: Vec<u32>,
    /// How many of them are the prompt.
    pub(super) prompt: usize,
    /// The end of it that generated tokens must spell again.
    pub(super) owed: String,
    /// Bytes generated, owed ones included.
    pub(super) bytes: Vec<u8>,
    /// Text and first id of the piece in which the prompt ends, without what is owed.
    pub(super) piece: String,
    pub(super) piece_at: usize,
    /// Whether a slot was taken before.
    pub(super) begun: bool,
}

impl Plan {
    /// Assembles the ids of a prompt; the part of the last text that must be spelled again is left out.
    pub(super) fn new(tokens: &Tokens, sections: &[Section]) -> Plan {
        let last = sections.split_last();
        let text = last.and_then(|(last, head)| Some((head, tokens.text_of(last)?)));
        let (head, before) = text.unwrap_or((sections, "".into()));
        let mut ids: Vec<u32> = tokens.front(sections).into_iter().collect();
        ids.extend(tokens.assemble(head));
        let split = heal::split(tokens, &before);
        tokens.encode_into(split.before, &mut ids);
        let piece_at = ids.len();
        ids.extend(split.ids);
        Plan {
            prompt: ids.len(),
            ids,
            owed: split.owed.into(),
            bytes: Vec::new(),
            piece: split.piece.into(),
            piece_at,
            begun: false,
        }
    }

    /// Bytes that generated tokens must still spell.
    pub(super) fn still_owed(&self) -> &[u8] {
        self.owed
            .as_bytes()
            .get(self.bytes.len()..)
            .unwrap_or_default()
    }

    pub(super) fn push(&mut self, id: u32, bytes: &[u8]) {
        self.ids.push(id);
        self.bytes.extend_from_slice(bytes);
    }
}
