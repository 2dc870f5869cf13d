//! `textDocument/codeAction`: which questions can be asked about a place. Pure and quick, since VS Code
//! asks at every move of the cursor: nothing is searched, read or sent to make the offer. The command
//! stands in the action from the start, because LSP4IJ resolves nothing but edits.

use foretoken_engine::assist::Task;
use foretoken_engine::position::{Range, to_byte};
use foretoken_engine::target::is_cursor;
use serde_json::Value;

use crate::proto::action::{self, CodeActionAsk};
use crate::state::State;

/// Longest message of a diagnostic in a title, characters.
const TITLE: usize = 60;
/// Lines of a selection that are looked at for anything but blanks.
pub(crate) const LOOK: usize = 200;
/// Most diagnostics of one place that get actions of their own.
const MOST: usize = 3;

/// What is asked for, read from the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ActionAsk {
    pub(crate) uri: String,
    /// The selection; empty for a cursor.
    pub(crate) range: Range,
    /// The diagnostics there as the client sent them, to be handed back as they are.
    pub(crate) diagnostics: Vec<Value>,
    /// Kinds that the client wants; empty for all.
    pub(crate) only: Vec<String>,
}

/// What the server knows of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Of the text.
    pub(crate) version: i32,
    /// The lines of the range hold more than blanks.
    pub(crate) has_text: bool,
    /// Somebody is configured who could write an edit.
    pub(crate) can_edit: bool,
}

/// One entry of the editor's menu.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Action {
    pub(crate) task: Task,
    pub(crate) title: String,
    pub(crate) kind: &'static str,
    /// The diagnostics that it is about, as they came.
    pub(crate) diagnostics: Vec<Value>,
}

/// The actions for a place in the order of the menu.
pub(crate) fn actions(ask: &ActionAsk, place: Place) -> Vec<Action> {
    let mut actions = Vec::new();
    if !place.has_text {
        return actions;
    }
    for diagnostic in ask.diagnostics.iter().take(MOST) {
        let Some(message) = message(diagnostic) else {
            continue;
        };
        let mut add = |task: Task, verb: &str| {
            if let Some(kind) = task.action_kind(true) {
                actions.push(Action {
                    task,
                    title: format!("{verb}: {}", shortened(message)),
                    kind,
                    diagnostics: vec![diagnostic.clone()],
                });
            }
        };
        if place.can_edit {
            add(Task::Fix, "Fix with Foretoken");
        }
        add(Task::Debug, "Debug with Foretoken");
    }
    let what = if ask.range.start == ask.range.end {
        "this"
    } else {
        "selection"
    };
    let general = [
        (Task::Explain, format!("Explain {what}"), true),
        (Task::Document, format!("Document {what}"), place.can_edit),
        (
            Task::Test,
            format!("Write tests for {what}"),
            place.can_edit,
        ),
        (Task::Summarise, "Summarise this file".to_owned(), true),
    ];
    for (task, title, offered) in general {
        if let Some(kind) = task.action_kind(false).filter(|_| offered) {
            actions.push(Action {
                task,
                title: format!("Foretoken: {title}"),
                kind,
                diagnostics: ask.diagnostics.clone(),
            });
        }
    }
    actions.retain(|action| ask.wants(action.kind));
    actions
}

impl ActionAsk {
    /// A kind stands for itself and all below it: `refactor` for `refactor.foretoken.explain`.
    fn wants(&self, kind: &str) -> bool {
        let covers = |only: &String| {
            only.is_empty()
                || kind == only
                || kind
                    .strip_prefix(only.as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
        };
        self.only.is_empty() || self.only.iter().any(covers)
    }
}

fn message(diagnostic: &Value) -> Option<&str> {
    let message = diagnostic.get("message")?;
    // 3.18 also knows markup.
    message.as_str().or_else(|| message.get("value")?.as_str())
}

/// The first line of a message, cut with an ellipsis where it is long.
fn shortened(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim();
    match line.char_indices().nth(TITLE) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}

impl State {
    /// The actions for a place. One of our answers has its own.
    pub(crate) fn actions(&self, ask: Option<CodeActionAsk>) -> Value {
        let Some(mut ask) = ask.map(ActionAsk::from) else {
            return Value::Array(Vec::new());
        };
        let Some(open) = self.documents.get(&ask.uri) else {
            return Value::Array(Vec::new());
        };
        if let Some(answer) = self.answer_at(&open.path) {
            return action::of_answer(&ask, answer);
        }
        if open.out_of_step || self.settings.completion.exclude.matches(&open.path) {
            return Value::Array(Vec::new());
        }
        let rope = open.document.rope();
        let byte = |position| to_byte(rope, position, self.facts.encoding);
        if let (Some(from), Some(to)) = (byte(ask.range.start), byte(ask.range.end))
            && is_cursor(&open.document, from..to)
        {
            ask.range.end = ask.range.start;
        }
        let lines = ask.range.start.line as usize..=ask.range.end.line as usize;
        let has_text = lines
            .take(LOOK)
            .map_while(|line| rope.get_line(line))
            .any(|line| line.chars().any(|c| !c.is_whitespace()));
        let place = Place {
            version: open.document.version(),
            has_text,
            can_edit: self.settings.remote.enabled && !self.settings.remote.endpoints.is_empty(),
        };
        action::to_wire(&ask, place, actions(&ask, place))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use foretoken_engine::position::Position;
    use serde_json::json;

    use super::*;

    fn ask(selected: bool, diagnostics: &[Value], only: &[&str]) -> ActionAsk {
        let at = |line| Position { line, character: 0 };
        ActionAsk {
            uri: "file:///a.rs".to_owned(),
            range: Range {
                start: at(1),
                end: at(if selected { 3 } else { 1 }),
            },
            diagnostics: diagnostics.to_vec(),
            only: only.iter().map(|&kind| kind.to_owned()).collect(),
        }
    }

    fn check(ask: &ActionAsk, can_edit: bool, expected: Expect) {
        let place = Place {
            version: 1,
            has_text: true,
            can_edit,
        };
        let shown: Vec<String> = actions(ask, place)
            .iter()
            .map(|action| format!("{} [{}]\n", action.title, action.kind))
            .collect();
        expected.assert_eq(&shown.concat());
    }

    #[test]
    fn a_diagnostic_has_fix_and_debug_of_its_own() {
        let long = json!({"message": format!("mismatched types\nexpected u8{}", "x".repeat(100))});
        let one = json!({"message": {"kind": "markdown", "value": "a".repeat(70)}});
        check(
            &ask(false, &[long, one, json!({"message": 3})], &[]),
            true,
            expect![[r#"
                Fix with Foretoken: mismatched types [quickfix]
                Debug with Foretoken: mismatched types [quickfix]
                Fix with Foretoken: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… [quickfix]
                Debug with Foretoken: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… [quickfix]
                Foretoken: Explain this [refactor.foretoken.explain]
                Foretoken: Document this [refactor.foretoken.document]
                Foretoken: Write tests for this [refactor.foretoken.test]
                Foretoken: Summarise this file [source.foretoken.summarise]
            "#]],
        );
    }

    #[test]
    fn without_a_model_that_writes_edits_there_are_answers_only() {
        let diagnostic = json!({"message": "unused"});
        check(
            &ask(true, &[diagnostic], &[]),
            false,
            expect![[r#"
                Debug with Foretoken: unused [quickfix]
                Foretoken: Explain selection [refactor.foretoken.explain]
                Foretoken: Summarise this file [source.foretoken.summarise]
            "#]],
        );
    }

    #[test]
    fn only_the_wanted_kinds_are_offered() {
        check(
            &ask(true, &[], &["refactor"]),
            true,
            expect![[r#"
                Foretoken: Explain selection [refactor.foretoken.explain]
                Foretoken: Document selection [refactor.foretoken.document]
                Foretoken: Write tests for selection [refactor.foretoken.test]
            "#]],
        );
        check(
            &ask(true, &[], &["refactor.extract", "refact"]),
            true,
            expect![""],
        );
        check(
            &ask(true, &[], &["source.foretoken.summarise"]),
            true,
            expect![[r#"
                Foretoken: Summarise this file [source.foretoken.summarise]
            "#]],
        );
    }

    #[test]
    fn a_blank_place_has_none() {
        let place = Place {
            version: 1,
            has_text: false,
            can_edit: true,
        };
        assert_eq!(actions(&ask(false, &[], &[]), place), []);
    }
}
