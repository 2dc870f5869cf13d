//! No text of a user's becomes a control token, in any family's vocabulary; and what is encoded in pieces
//! is what is encoded whole.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::{ALL, folder};
use crate::package;
use crate::tokenizer::{self, Speech, Tokens};

/// The tokenizer of each package.
static TOKENS: LazyLock<Vec<(&str, Tokens)>> = LazyLock::new(|| {
    let read = |name: &'static str| {
        let inspection = package::inspect(&folder(name)).expect("a package");
        let json = std::fs::read(folder(name).join("tokenizer.json")).expect("there");
        let inner = tokenizer::open(&json).expect("readable");
        let speech = Speech::of(&inspection.manifest.fim, &inner).expect("known");
        (name, Tokens::new(inner, &speech).expect("known"))
    };
    ALL.into_iter().map(read).collect()
});

/// Texts that spell control tokens whole, in part and within each other, with what vocabularies treat in
/// their own ways between them.
fn text() -> impl Strategy<Value = String> {
    let controls: Vec<&str> = foretoken_engine::prompt::dialect::all_controls().collect();
    let spelled = proptest::sample::select(controls);
    let part = prop_oneof![
        3 => spelled.clone().prop_map(str::to_owned),
        1 => spelled.clone().prop_map(|control| control.replace('\u{2581}', " ")),
        1 => spelled.clone().prop_map(|control| control.chars().take(1).collect::<String>() + control),
        1 => spelled.prop_map(|control| control.chars().rev().collect()),
        2 => "[a-zA-Z_]{1,9}",
        1 => "[0-9]{1,5}",
        2 => r"[ \t]{1,6}",
        2 => r"(\n|\r\n|\r){1,3}",
        1 => r"[;:.,(){}\[\]<>|=+*/'#-]{1,4}",
        1 => "[\u{2581}\u{85}\u{a0}\u{3000}]",
        1 => "\\PC{1,3}",
    ];
    proptest::collection::vec(part, 0..16).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_text_becomes_a_control_token(text in text()) {
        for (name, tokens) in TOKENS.iter() {
            let ids = tokens.encode(&text);
            prop_assert!(ids.iter().all(|&id| tokens.bytes(id).is_some()), "{name}: {text:?}");
            prop_assert_eq!(ids.len(), tokens.count(&text));
            let bytes: Vec<u8> = ids.iter().flat_map(|&id| tokens.bytes(id).unwrap_or_default()).copied().collect();
            // The sign for a blank is the one character that SentencePiece cannot tell from a blank.
            let spelled = String::from_utf8(bytes).expect("whole characters").replace('\u{2581}', " ");
            prop_assert_eq!(spelled, text.replace('\u{2581}', " "), "{}", name);
        }
    }
}
