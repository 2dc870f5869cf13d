//! The protocol's published types judge every message that the server sends in these tests: each session does
//! so at its end. Here is shown that the judge is there, catches what is wrong, and leaves what is right.

use std::collections::BTreeSet;
use std::io::Write as _;

use foretoken_tests::persona::Persona;
use foretoken_tests::{editors, schema, server};
use serde_json::{Value, json};

/// The judgement, or `None` after saying that there is no judge.
fn judged(checks: &[(&str, Value)]) -> Option<Vec<String>> {
    let checks: Vec<(String, Value)> = checks
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let judged = schema::judge(&checks);
    if judged.is_none() {
        let why = schema::folder()
            .err()
            .unwrap_or_else(|| "Node does not start".to_owned());
        assert!(!editors::required("schema"), "{why}");
        let _ = writeln!(std::io::stderr(), "SKIP schema: {why}");
    }
    judged
}

#[test]
fn what_is_wrong_is_caught() {
    for (name, value) in [
        (
            "result initialize",
            json!({"capabilities": {"inlineCompletionProvder": true}}),
        ),
        ("result initialize", json!({})),
        (
            "result textDocument/inlineCompletion",
            json!({"items": [{"insertText": "x", "rang": {}}]}),
        ),
        (
            "result textDocument/inlineCompletion",
            json!({"items": [{}]}),
        ),
        (
            "result textDocument/completion",
            json!({"isIncomplete": true, "items": [{"label": "x", "kind": 99}]}),
        ),
        (
            "result textDocument/codeAction",
            json!([{"title": "x", "kindd": "quickfix"}]),
        ),
        ("result shutdown", json!({})),
        (
            "params $/progress",
            json!({"token": "a", "value": {"kind": "begin"}}),
        ),
        ("params window/showDocument", json!({"takeFocus": false})),
        (
            "params didChangeStatus",
            json!({"busy": false, "kind": "Fine", "message": ""}),
        ),
        ("params foretoken/assist", json!({"kind": "block", "id": 1})),
        ("params window/invented", json!({})),
        ("error", json!({"message": "no code"})),
    ] {
        let Some(problems) = judged(&[(name, value.clone())]) else {
            return;
        };
        assert_eq!(problems.len(), 1, "{name} {value}: {problems:?}");
    }
}

#[test]
fn what_is_right_passes() {
    let right = [
        (
            "result initialize",
            json!({"capabilities": {"inlineCompletionProvider": true}, "serverInfo": {"name": "x"}}),
        ),
        ("result textDocument/inlineCompletion", json!({"items": []})),
        ("result textDocument/inlineCompletion", Value::Null),
        (
            "result textDocument/codeAction",
            json!([{"title": "x", "command": "y"}, {"title": "x", "kind": "quickfix"}]),
        ),
        ("result workspace/executeCommand", json!({"any": [1, null]})),
        ("result shutdown", Value::Null),
        (
            "params $/progress",
            json!({"token": 1, "value": {"kind": "end", "message": "done"}}),
        ),
        (
            "params foretoken/assist",
            json!({"kind": "done", "id": 1, "document": null, "cut": "no"}),
        ),
        ("error", json!({"code": -32800, "message": "cancelled"})),
    ];
    let Some(problems) = judged(&right) else {
        return;
    };
    assert_eq!(problems, Vec::<String>::new());
}

/// Every editor's whole session, message by message; what was seen is what the list of names is for.
#[tokio::test]
async fn every_editor_gets_messages_of_the_published_types() {
    if judged(&[]).is_none() {
        return;
    }
    let mut seen = BTreeSet::new();
    for persona in Persona::all() {
        let inline = persona.inline;
        let mut session = server::start(persona, server::without_model());
        session.initialize().await;
        let uri = "file:///project/a.py";
        let line = "    registry.register_worker(\"alpha\", alpha);\n";
        session
            .open(
                uri,
                "python",
                &format!("{line}{line}{line}    registry.reg\n"),
            )
            .await;
        let method = if inline {
            "textDocument/inlineCompletion"
        } else {
            "textDocument/completion"
        };
        let at = session.documents[uri].text.len() - 1;
        let params = session.ask_params(uri, at, 1);
        session.request(method, params).await.result().await;
        // Refused: such a command there is not.
        let refused = session
            .request("workspace/executeCommand", json!({"command": "none"}))
            .await;
        assert!(refused.reply().await.is_err());
        let status = json!({"command": "foretoken.status"});
        session
            .request("workspace/executeCommand", status)
            .await
            .result()
            .await;
        seen.extend(
            schema::checks(&session.trace().entries())
                .into_iter()
                .map(|(name, _)| name),
        );
        // Here the session holds all of it against the types.
        session.finish().await;
    }
    for name in [
        "result initialize",
        "result textDocument/inlineCompletion",
        "result textDocument/completion",
        "result workspace/executeCommand",
        "params didChangeStatus",
        "params workspace/configuration",
        "error",
    ] {
        assert!(seen.contains(name), "{name} was never sent: {seen:?}");
    }
}
