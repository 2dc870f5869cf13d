//! `textDocument/inlineCompletion`: from the request to the place that it asks about, and from a
//! suggestion to the one item of the answer.

use foretoken_engine::document::{Change, Document};
use foretoken_engine::place::Place;
use foretoken_engine::position::{Encoding, Range, from_byte, to_byte};
use tower_lsp::gen_lsp_types::InlineCompletionList;

use crate::pipeline::report::Reason;
use crate::proto::from::CompletionAsk;
use crate::proto::to;

/// Where a suggestion is asked for.
#[derive(Debug)]
pub(crate) struct Point {
    /// The snapshot; with the menu's selection put in, if there is one.
    pub(crate) document: Document,
    pub(crate) place: Place,
    /// What the editor's menu has selected: the range in the real text and its replacement.
    pub(crate) selected: Option<(Range, String)>,
}

/// Reads the place out of a request on this document.
pub(crate) fn read(
    document: &Document,
    ask: &CompletionAsk,
    encoding: Encoding,
) -> Result<Point, Reason> {
    let byte = to_byte(document.rope(), ask.position(), encoding).ok_or(Reason::PositionOutside)?;
    let selected = ask
        .selected()
        .map(|selected| (selected.range(), selected.text.clone()));
    let Some((range, text)) = selected else {
        return Ok(Point {
            place: Place::at(document, byte),
            document: document.clone(),
            selected: None,
        });
    };
    // The editor replaces the range by the selected text and shows ours behind it, so the
    // suggestion is made for the document as it would be then.
    let start = to_byte(document.rope(), range.start, encoding).ok_or(Reason::PositionOutside)?;
    let one_line = range.start.line == range.end.line;
    if !one_line || text.contains(['\n', '\r']) || start > byte {
        return Err(Reason::MenuSelection);
    }
    let mut chosen = document.clone();
    let change = Change {
        range: Some(range),
        text: text.clone(),
    };
    chosen
        .apply(document.version(), &[change], encoding, &mut || true)
        .map_err(|_| Reason::MenuSelection)?;
    Ok(Point {
        place: Place::at(&chosen, start + text.len()),
        document: chosen,
        selected: Some((range, text)),
    })
}

/// The answer that offers `text` at `place`. The range is empty at the cursor and the text only
/// what is new, or with a selection in the menu its range and a text that begins with it.
pub(crate) fn render(
    document: &Document,
    place: &Place,
    encoding: Encoding,
    offered: Offered,
) -> InlineCompletionList {
    match offered.selected {
        Some((range, chosen)) => to::inline_list(range, chosen + &offered.text, offered.id),
        None => {
            let cursor = from_byte(document.rope(), place.offset, encoding);
            let range = Range {
                start: cursor,
                end: cursor,
            };
            to::inline_list(range, offered.text, offered.id)
        }
    }
}

/// A text with what goes along with it.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) text: String,
    pub(crate) id: String,
    pub(crate) selected: Option<(Range, String)>,
}

#[cfg(test)]
mod tests {
    use foretoken_grammars::Language;
    use serde_json::json;

    use super::*;

    fn ask(character: u32, selected: serde_json::Value) -> CompletionAsk {
        serde_json::from_value(json!({
            "textDocument": {"uri": "u"},
            "position": {"line": 0, "character": character},
            "context": {"triggerKind": 2, "selectedCompletionInfo": selected},
        }))
        .unwrap()
    }

    #[test]
    fn the_cursor_is_counted_in_the_agreed_units() {
        let document = Document::open("a.rs", Language::Rust, 1, "/*🦀*/ x");
        let point = read(&document, &ask(7, json!(null)), Encoding::Utf16).unwrap();
        assert_eq!(point.place.head, "/*🦀*/ ");
        let point = read(&document, &ask(9, json!(null)), Encoding::Utf8).unwrap();
        assert_eq!(point.place.head, "/*🦀*/ ");
        let offered = Offered {
            text: "y".to_owned(),
            id: "1".to_owned(),
            selected: None,
        };
        let list = render(&point.document, &point.place, Encoding::Utf16, offered);
        let range = list.items[0].range.unwrap();
        assert_eq!((range.start.character, range.end.character), (7, 7));
    }

    #[test]
    fn a_selection_in_the_menu_is_part_of_the_place() {
        let document = Document::open("a.rs", Language::Rust, 1, "v.pus");
        let range =
            json!({"start": {"line": 0, "character": 2}, "end": {"line": 0, "character": 5}});
        let asked = ask(5, json!({"range": range, "text": "push"}));
        let point = read(&document, &asked, Encoding::Utf16).unwrap();
        assert_eq!(point.place.head, "v.push");
        let offered = Offered {
            text: "(1)".to_owned(),
            id: "1".to_owned(),
            selected: point.selected.clone(),
        };
        let list = render(&document, &point.place, Encoding::Utf16, offered);
        let item = serde_json::to_value(&list.items[0]).unwrap();
        assert_eq!(
            (&item["insertText"], &item["range"]),
            (&json!("push(1)"), &range)
        );
    }

    #[test]
    fn a_selection_over_several_lines_is_refused() {
        let document = Document::open("a.rs", Language::Rust, 1, "a\nb");
        let range =
            json!({"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 1}});
        let refused = read(
            &document,
            &ask(1, json!({"range": range, "text": "x"})),
            Encoding::Utf16,
        );
        assert_eq!(refused.unwrap_err(), Reason::MenuSelection);
        let range =
            json!({"start": {"line": 9, "character": 0}, "end": {"line": 9, "character": 1}});
        let refused = read(
            &document,
            &ask(1, json!({"range": range, "text": "x"})),
            Encoding::Utf16,
        );
        assert_eq!(refused.unwrap_err(), Reason::PositionOutside);
    }
}
