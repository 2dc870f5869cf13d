//! Questions about code on the wire: the request for actions, the actions, and what a command carries
//! back. A command's argument is our own object, made here and read here; a client may have changed it.

use foretoken_engine::position::Range;
use serde::Deserialize;
use serde_json::{Value, json};

use super::from::{Versioned, WireRange, clamp, or_default};
use super::to;
use crate::handlers::code_action::{Action, ActionAsk, Place};

/// Most diagnostics that are taken from one request: what more there is, repeats.
const MOST: usize = 10;

/// The parameters of `textDocument/codeAction`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CodeActionAsk {
    text_document: Versioned,
    range: WireRange,
    #[serde(default, deserialize_with = "or_default")]
    context: Context,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Context {
    #[serde(deserialize_with = "or_default")]
    diagnostics: Vec<Value>,
    #[serde(deserialize_with = "or_default")]
    only: Vec<String>,
}

impl From<CodeActionAsk> for ActionAsk {
    fn from(ask: CodeActionAsk) -> ActionAsk {
        let mut diagnostics = ask.context.diagnostics;
        diagnostics.truncate(MOST);
        ActionAsk {
            uri: ask.text_document.uri,
            range: ask.range.into(),
            diagnostics,
            only: ask.context.only,
        }
    }
}

/// What a command is about, as an action put it there or as a plugin or a key binding wrote it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct About {
    pub(crate) uri: String,
    /// Of the text that the range was made for; `None` means the text as it is now.
    pub(crate) version: Option<i32>,
    /// `None` is the cursor as far as it is known, else the first line.
    pub(crate) range: Option<Range>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// In the user's own words.
    pub(crate) question: Option<String>,
}

/// What a checker said, as much as is used of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Diagnostic {
    pub(crate) range: Range,
    pub(crate) message: String,
    pub(crate) source: Option<String>,
    pub(crate) code: Option<String>,
    /// URIs of the places that it also speaks of.
    pub(crate) related: Vec<Related>,
}

/// A further place of a diagnostic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Related {
    pub(crate) uri: String,
    pub(crate) line: u32,
    pub(crate) message: String,
}

impl About {
    /// Reads a command's first argument; the error says what is wrong with it.
    pub(crate) fn read(argument: Option<&Value>) -> Result<About, String> {
        #[derive(Deserialize)]
        struct Wire {
            uri: String,
            #[serde(default)]
            version: Option<i64>,
            #[serde(default)]
            range: Option<WireRange>,
            #[serde(default, deserialize_with = "or_default")]
            diagnostics: Vec<Value>,
            #[serde(default)]
            question: Option<String>,
        }
        let argument = argument.ok_or("the first argument must be an object with `uri`")?;
        let wire: Wire = serde_json::from_value(argument.clone())
            .map_err(|error| format!("the first argument cannot be read ({error})"))?;
        let mut diagnostics: Vec<Diagnostic> =
            wire.diagnostics.iter().filter_map(diagnostic).collect();
        diagnostics.truncate(MOST);
        Ok(About {
            uri: wire.uri,
            version: wire.version.map(clamp),
            range: wire.range.map(Range::from),
            diagnostics,
            question: wire.question.filter(|text| !text.trim().is_empty()),
        })
    }
}

/// A diagnostic in any client's form; what has no readable range or message is none.
fn diagnostic(value: &Value) -> Option<Diagnostic> {
    let range: WireRange = serde_json::from_value(value.get("range")?.clone()).ok()?;
    let message = value.get("message")?;
    let message = message
        .as_str()
        .or_else(|| message.get("value")?.as_str())?;
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let related = value.get("relatedInformation").and_then(Value::as_array);
    let related = related.into_iter().flatten().filter_map(|related| {
        let location = related.get("location")?;
        let line = location.pointer("/range/start/line")?.as_u64()?;
        Some(Related {
            uri: location.get("uri")?.as_str()?.to_owned(),
            line: u32::try_from(line).ok()?,
            message: related.get("message")?.as_str()?.to_owned(),
        })
    });
    Some(Diagnostic {
        range: range.into(),
        message: message.to_owned(),
        source: value.get("source").and_then(text),
        code: value.get("code").and_then(text),
        related: related.take(MOST).collect(),
    })
}

/// The actions as the client shows them.
pub(crate) fn to_wire(ask: &ActionAsk, place: Place, actions: Vec<Action>) -> Value {
    let action = |action: Action| {
        let argument = json!({
            "uri": ask.uri,
            "version": place.version,
            "range": to::range(ask.range),
            "diagnostics": action.diagnostics,
        });
        json!({
            "title": action.title,
            "kind": action.kind,
            "diagnostics": action.diagnostics,
            "command": {
                "title": action.title,
                "command": format!("foretoken.{}", action.task.code()),
                "arguments": [argument],
            },
        })
    };
    actions.into_iter().map(action).collect()
}

/// How an answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// It broke off.
    pub(crate) cut: bool,
    /// The user said what it was worth.
    pub(crate) rated: bool,
}

/// What can be done with an answer in its own document; with one that broke off, first of all to go on.
pub(crate) fn of_answer(ask: &ActionAsk, (id, state): (u64, Given)) -> Value {
    let action = |title: &str, command: &str, argument: Value| {
        json!({
            "title": title,
            "kind": "refactor.foretoken.ask",
            "command": {"title": title, "command": command, "arguments": [argument]},
        })
    };
    let mut actions = Vec::new();
    if state.cut {
        let argument = json!(id.to_string());
        actions.push(action(
            "Continue the answer",
            "foretoken.continue",
            argument,
        ));
    }
    actions.extend([
        action("Send follow-up", "foretoken.ask", json!({"uri": ask.uri})),
        action(
            "Ask a better model",
            "foretoken.deeper",
            json!(id.to_string()),
        ),
        action(
            "Forget this conversation",
            "foretoken.forget",
            json!({"uri": ask.uri}),
        ),
    ]);
    if !state.rated {
        let rate = |title, command| action(title, command, json!(id.to_string()));
        actions.extend([
            rate("This answer was useful", "foretoken.useful"),
            rate("This answer was not useful", "foretoken.notUseful"),
        ]);
    }
    Value::Array(actions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_action_carries_is_read_back() {
        let range =
            json!({"start": {"line": 1, "character": 2}, "end": {"line": 3, "character": 0}});
        let diagnostic = json!({
            "range": range,
            "message": "mismatched types",
            "code": 308,
            "source": "rustc",
            "relatedInformation": [
                {"location": {"uri": "file:///b.rs", "range": range}, "message": "expected here"},
                {"location": null},
            ],
        });
        let ask: CodeActionAsk = serde_json::from_value(json!({
            "textDocument": {"uri": "file:///a.rs"},
            "range": range,
            "context": {"diagnostics": [diagnostic, {"message": "no range"}], "only": null, "triggerKind": 1},
        }))
        .unwrap();
        let ask = ActionAsk::from(ask);
        let place = Place {
            version: 7,
            has_text: true,
            can_edit: true,
        };
        let actions = crate::handlers::code_action::actions(&ask, place);
        let wire = to_wire(&ask, place, actions);
        assert_eq!(wire[0]["command"]["command"], "foretoken.fix");
        let about = About::read(wire[0].pointer("/command/arguments/0")).unwrap();
        assert_eq!((about.version, about.diagnostics.len()), (Some(7), 1));
        assert_eq!(about.diagnostics[0].code.as_deref(), Some("308"));
        assert_eq!(about.diagnostics[0].related.len(), 1);
        assert_eq!(about.range, Some(ask.range));
    }

    #[test]
    fn a_command_by_hand_may_be_short_and_a_bad_one_has_a_reason() {
        let about = About::read(Some(&json!({"uri": "file:///a"}))).unwrap();
        assert_eq!((about.version, about.range), (None, None));
        for bad in [
            json!(3),
            json!({}),
            json!({"uri": 1}),
            json!({"uri": "a", "range": {}}),
        ] {
            assert!(About::read(Some(&bad)).is_err(), "{bad}");
        }
        assert!(About::read(None).is_err());
    }
}
