//! `textDocument/completion` for clients that cannot show ghost text: the same suggestion as one
//! item of their menu, which replaces the word before the cursor by itself and what follows.

use foretoken_engine::document::Document;
use foretoken_engine::place::Place;
use foretoken_engine::position::{Range, from_byte};
use tower_lsp::gen_lsp_types::CompletionList;

use crate::client::Facts;
use crate::proto::to::{self, MenuItem};

/// The answer that offers `text` at `place`.
pub(crate) fn render(
    document: &Document,
    place: &Place,
    facts: &Facts,
    text: String,
) -> CompletionList {
    let fragment = fragment(&place.head);
    let start = place.offset - fragment.len();
    let rope = document.rope();
    to::completion_list(MenuItem {
        range: Range {
            start: from_byte(rope, start, facts.encoding),
            end: from_byte(rope, place.offset, facts.encoding),
        },
        fragment: fragment.to_owned(),
        text,
        language_id: document.language().id(),
        as_is: facts.insert_as_is,
    })
}

/// The word that ends at the end of `head`, by which editors filter their menu.
fn fragment(head: &str) -> &str {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let start = head
        .char_indices()
        .rev()
        .take_while(|(_, c)| word(*c))
        .last();
    start.map_or("", |(at, _)| &head[at..])
}

#[cfg(test)]
mod tests {
    use foretoken_grammars::Language;

    use super::*;

    #[test]
    fn the_item_replaces_the_word_before_the_cursor() {
        let document = Document::open("a.py", Language::Python, 1, "# 🦀\nx = größ");
        let place = Place::at(&document, document.len_bytes());
        let list = render(&document, &place, &Facts::default(), "e + 1".to_owned());
        let item = &list.items[0];
        assert_eq!(item.filter_text.as_deref(), Some("größ"));
        assert_eq!(item.label, "größe + 1");
        let edit = serde_json::to_value(item.text_edit.as_ref().unwrap()).unwrap();
        assert_eq!(edit["range"]["start"]["character"], 4);
        assert_eq!(edit["range"]["end"]["character"], 8);
        assert_eq!(edit["newText"], "größe + 1");
    }

    #[test]
    fn without_a_word_the_range_is_empty() {
        assert_eq!(fragment("a = "), "");
        assert_eq!(fragment("a.b_1"), "b_1");
        assert_eq!(fragment(""), "");
    }
}
