//! The shape of a suggestion on the wire: the only one that is right in every editor we know.

use serde_json::Value;

use crate::mirror::{Encoding, Mirror};

type Problem = (&'static str, String);

/// A completion request and its place.
pub(super) struct Place<'a> {
    pub(super) method: &'a str,
    pub(super) params: &'a Value,
    /// The document it was asked for, where it was open.
    pub(super) text: Option<&'a Mirror>,
    pub(super) encoding: Encoding,
}

/// What is wrong with the result of a completion request.
pub(super) fn problems(place: &Place<'_>, result: &Value) -> Vec<Problem> {
    let Place {
        method,
        params,
        text,
        encoding,
    } = *place;
    let Some(items) = result["items"].as_array() else {
        return vec![("R12", "an answer is an object with items".to_owned())];
    };
    let inline = method == "textDocument/inlineCompletion";
    let most = if inline && params["context"]["triggerKind"] == 1 {
        3
    } else {
        1
    };
    let mut found = Vec::new();
    if items.len() > most {
        found.push(("R13", format!("{} items, at most {most}", items.len())));
    }
    if !inline && result["isIncomplete"] != true {
        found.push(("R19", "the menu's list is incomplete".to_owned()));
    }
    let cursor = text.and_then(|t| t.byte(&params["position"], encoding));
    for item in items {
        if inline {
            inline_item(item, params, &mut found)
        } else {
            menu_item(item, place, cursor, &mut found)
        }
        if let Some((text, cursor)) = text.zip(cursor)
            && inline
        {
            doubled(
                item["insertText"].as_str().unwrap_or_default(),
                text.rest_of_line(cursor),
                &mut found,
            );
        }
    }
    found
}

fn inline_item(item: &Value, params: &Value, found: &mut Vec<Problem>) {
    let Some(text) = item["insertText"].as_str() else {
        return found.push(("R9", "insertText is plain text, never a snippet".to_owned()));
    };
    blank(text, found);
    let range = &item["range"];
    let selected = &params["context"]["selectedCompletionInfo"];
    let at_cursor = range["start"] == params["position"] && range["end"] == params["position"];
    let at_selected = !selected.is_null() && *range == selected["range"];
    if !at_cursor && !at_selected {
        found.push((
            "R9",
            "the range is explicit, empty and at the cursor".to_owned(),
        ));
    }
    if at_selected && !text.starts_with(selected["text"].as_str().unwrap_or_default()) {
        found.push(("R10", "the text starts with the selected item's".to_owned()));
    }
}

fn menu_item(item: &Value, place: &Place<'_>, cursor: Option<usize>, found: &mut Vec<Problem>) {
    let Place {
        params,
        text: document,
        encoding,
        ..
    } = *place;
    let edit = &item["textEdit"];
    let text = edit["newText"].as_str().unwrap_or_default();
    blank(text, found);
    if edit["range"]["end"] != params["position"]
        || edit["range"]["start"]["line"] != params["position"]["line"]
    {
        found.push((
            "R19",
            "the edit runs from the fragment's start to the cursor".to_owned(),
        ));
    }
    if !item["command"].is_null() {
        found.push(("R19", "no command".to_owned()));
    }
    if !item["insertTextFormat"].is_null() && item["insertTextFormat"] != 1 {
        found.push(("R19", "plain text, never a snippet".to_owned()));
    }
    if item["preselect"] != true || item["detail"] != "Foretoken" {
        found.push(("R19", "preselected and signed".to_owned()));
    }
    let Some((document, cursor)) = document.zip(cursor) else {
        return;
    };
    let Some(start) = document
        .byte(&edit["range"]["start"], encoding)
        .filter(|s| *s <= cursor)
    else {
        return;
    };
    let fragment = &document.text[start..cursor];
    if !text.starts_with(fragment)
        || item["filterText"]
            .as_str()
            .is_some_and(|f| f != fragment && !fragment.is_empty())
    {
        found.push((
            "R19",
            format!("filterText and newText begin with the fragment {fragment:?}"),
        ));
    }
    doubled(
        text.strip_prefix(fragment).unwrap_or(text),
        document.rest_of_line(cursor),
        found,
    );
}

fn blank(text: &str, found: &mut Vec<Problem>) {
    if text.trim().is_empty() {
        found.push(("R11", format!("only white space: {text:?}")));
    }
}

fn doubled(text: &str, rest: &str, found: &mut Vec<Problem>) {
    if !rest.trim().is_empty() && text.starts_with(rest) {
        found.push((
            "R11",
            format!("{text:?} begins with what follows the cursor"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(result: Value) -> Vec<&'static str> {
        let params =
            json!({"position": {"line": 0, "character": 2}, "context": {"triggerKind": 2}});
        let text = Mirror::new("f()\n", 1);
        let place = Place {
            method: "textDocument/inlineCompletion",
            params: &params,
            text: Some(&text),
            encoding: Encoding::Utf8,
        };
        let found = problems(&place, &result);
        found.into_iter().map(|(rule, _)| rule).collect()
    }

    fn item(text: Value, from: u32, to: u32) -> Value {
        json!({"insertText": text, "range": {"start": {"line": 0, "character": from}, "end": {"line": 0, "character": to}}})
    }

    #[test]
    fn good_answers_pass() {
        assert!(check(json!({"items": []})).is_empty());
        assert!(check(json!({"items": [item(json!("x, y"), 2, 2)]})).is_empty());
    }

    #[test]
    fn each_bad_shape_is_named() {
        assert_eq!(check(json!(null)), ["R12"]);
        assert_eq!(check(json!([])), ["R12"]);
        assert_eq!(
            check(json!({"items": [item(json!({"value": "x"}), 2, 2)]})),
            ["R9"]
        );
        assert_eq!(check(json!({"items": [item(json!("x"), 1, 2)]})), ["R9"]);
        assert_eq!(check(json!({"items": [{"insertText": "x"}]})), ["R9"]);
        assert_eq!(check(json!({"items": [item(json!("  "), 2, 2)]})), ["R11"]);
        assert_eq!(
            check(json!({"items": [item(json!(") + x"), 2, 2)]})),
            ["R11"]
        );
        let two = json!({"items": [item(json!("x"), 2, 2), item(json!("y"), 2, 2)]});
        assert_eq!(check(two), ["R13"]);
    }
}
