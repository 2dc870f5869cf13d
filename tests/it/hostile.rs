//! Input that nobody should send and somebody will: each gets a calm refusal, the session goes on, and
//! the next request is served.

use std::time::{Duration, Instant};

use foretoken_tests::persona::Persona;
use foretoken_tests::server::{self, sha256};
use foretoken_tests::session::{Reply, Session};
use serde_json::{Value, json};

const URI: &str = "file:///project/src/lib.rs";
const TEXT: &str = "fn main() {\n    let total = 0;\n    let ";
const NOTHING: fn() -> Reply = || Ok(json!({"items": []}));

async fn session() -> Session {
    let mut session = server::start(Persona::named("vscode"), server::without_model());
    session.initialize().await;
    session.open(URI, "rust", TEXT).await;
    session
}

/// The session still serves: a request with an answer, and a text that is still the client's.
async fn still_serves(mut session: Session) {
    let at = session.text(URI).len();
    assert!(session.invoke(URI, at).await.reply().await.is_ok());
    let own = session.document(URI).await;
    assert_eq!(own["sha256"], sha256(session.text(URI)));
    session.finish().await;
}

#[tokio::test]
async fn an_unknown_language_is_plain_text() {
    let mut session = session().await;
    let uri = "file:///project/poem.xyzzy";
    let line = "shall I compare thee to a summer's day\n";
    session.open(uri, "klingon", &line.repeat(8)).await;
    let end = session.text(uri).len();
    session
        .change(uri, end, end, "shall I compare thee to")
        .await;
    let end = session.text(uri).len();
    let answer = session.inline(uri, end).await.result().await;
    assert_eq!(
        answer["items"][0]["insertText"], " a summer's day",
        "eight equal lines are enough for the look-up model: {answer}"
    );
    still_serves(session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_fifty_megabytes_gets_nothing_and_delays_nobody() {
    let mut session = session().await;
    let uri = "file:///project/huge.rs";
    let line = "static TABLE: &[u8] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];\n";
    let huge = line.repeat(50_000_000 / line.len() + 1);
    session.open(uri, "rust", &huge).await;
    session.change(uri, 10, 10, "x").await;
    assert_eq!(session.invoke(uri, 11).await.reply().await, NOTHING());
    let begun = Instant::now();
    assert!(session.invoke(URI, TEXT.len()).await.reply().await.is_ok());
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "another document waited {:?} for the huge one",
        begun.elapsed()
    );
    let own = session.document(uri).await;
    assert_eq!(own["bytes"], session.text(uri).len());
    session.close(uri).await;
    still_serves(session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_ten_megabytes_gets_nothing() {
    let mut session = session().await;
    let uri = "file:///project/min.js";
    let line = format!("let a = [{}];\n", "0,".repeat(5_000_000));
    session.open(uri, "javascript", &line).await;
    session.change(uri, 8, 8, "/* */").await;
    assert_eq!(session.invoke(uri, 13).await.reply().await, NOTHING());
    still_serves(session).await;
}

#[tokio::test]
async fn a_hundred_thousand_levels_of_nesting_are_text_like_any_other() {
    let mut session = session().await;
    let uri = "file:///project/deep.c";
    session.open(uri, "c", &"{(".repeat(50_000)).await;
    session.change(uri, 100_000, 100_000, "x").await;
    assert!(session.invoke(uri, 100_001).await.reply().await.is_ok());
    still_serves(session).await;
}

#[tokio::test]
async fn positions_outside_the_text_get_nothing() {
    let mut session = session().await;
    for position in [
        json!({"line": 4_000_000_000u32, "character": 0}),
        json!({"line": u32::MAX, "character": u32::MAX}),
    ] {
        let params = json!({"textDocument": {"uri": URI}, "position": position, "context": {"triggerKind": 1}});
        let reply = session
            .request("textDocument/inlineCompletion", params)
            .await
            .reply()
            .await;
        assert_eq!(reply, NOTHING(), "{position}");
    }
    // Past the end of a line is its end, as the protocol says.
    let params = json!({"textDocument": {"uri": URI}, "position": {"line": 1, "character": 4_000_000}, "context": {"triggerKind": 1}});
    session.tolerance.codes.push(-32602);
    assert!(
        session
            .request("textDocument/inlineCompletion", params)
            .await
            .reply()
            .await
            .is_ok()
    );
    still_serves(session).await;
}

/// A position in the middle of a surrogate pair is the start of that character.
#[tokio::test]
async fn a_position_inside_a_surrogate_pair_is_the_start_of_the_character() {
    let mut session = session().await;
    let uri = "file:///project/smile.py";
    session.open(uri, "python", "a = '😀'\n").await;
    let inside = json!({"line": 0, "character": 6});
    let change = json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"range": {"start": inside, "end": inside}, "text": "x"}]});
    session.notify("textDocument/didChange", change).await;
    let own = session.document(uri).await;
    assert_eq!(own["sha256"], sha256("a = 'x😀'\n"), "{own}");
    still_serves(session).await;
}

#[tokio::test]
async fn requests_that_cannot_be_typed_are_refused_by_name() {
    let mut session = session().await;
    session.tolerance.codes.push(-32602);
    for params in [
        Value::Null,
        json!({}),
        json!([]),
        json!({"textDocument": {"uri": URI}, "position": {"line": -1, "character": 0}, "context": {"triggerKind": 1}}),
        json!({"textDocument": {"uri": URI}, "position": {"line": 1.5, "character": "x"}, "context": {"triggerKind": 1}}),
        json!({"textDocument": 7, "position": null, "context": null}),
    ] {
        let reply = session
            .request("textDocument/inlineCompletion", params.clone())
            .await
            .reply()
            .await;
        let calm = reply == NOTHING() || reply.as_ref().is_err_and(|e| e.code == -32602);
        assert!(calm, "{params}: {reply:?}");
    }
    for method in [
        "textDocument/unheardOf",
        "$/unheardOf",
        "$/foretoken/unreadable",
    ] {
        let reply = session.request(method, json!({})).await.reply().await;
        assert_eq!(reply.map_err(|e| e.code), Err(-32601), "{method}");
    }
    for command in [
        json!({"command": "rm -rf"}),
        json!({"command": "foretoken.accepted", "arguments": [{"x": []}]}),
    ] {
        let reply = session
            .request("workspace/executeCommand", command.clone())
            .await
            .reply()
            .await;
        assert!(
            reply.as_ref().is_ok() || reply.as_ref().is_err_and(|e| e.code == -32602),
            "{command}: {reply:?}"
        );
    }
    still_serves(session).await;
}

#[tokio::test]
async fn notifications_about_nothing_are_ignored() {
    let mut session = session().await;
    for (method, params) in [
        ("$/unheardOf", json!({})),
        ("textDocument/unheardOf", json!({"a": 1})),
        ("$/cancelRequest", json!({"id": 99_999})),
        ("$/cancelRequest", json!({"id": "never"})),
        (
            "textDocument/didClose",
            json!({"textDocument": {"uri": "file:///never/opened"}}),
        ),
        (
            "textDocument/didSave",
            json!({"textDocument": {"uri": "file:///never/opened"}}),
        ),
        (
            "textDocument/didChange",
            json!({"textDocument": {"uri": "file:///never/opened", "version": 3}, "contentChanges": [{"text": "x"}]}),
        ),
        (
            "workspace/didChangeConfiguration",
            json!({"settings": null}),
        ),
        (
            "window/workDoneProgress/cancel",
            json!({"token": "unknown"}),
        ),
        ("$/setTrace", json!({"value": "off"})),
    ] {
        session.notify(method, params).await;
    }
    let unopened = json!({"textDocument": {"uri": "file:///never/opened"}, "position": {"line": 0, "character": 0}, "context": {"triggerKind": 1}});
    assert_eq!(
        session
            .request("textDocument/inlineCompletion", unopened)
            .await
            .reply()
            .await,
        NOTHING()
    );
    still_serves(session).await;
}

/// A change that cannot be typed must not leave the server with another text that it believes in.
#[tokio::test]
async fn a_change_that_cannot_be_typed_puts_its_document_out_of_step() {
    let mut session = session().await;
    let uri = "file:///project/other.rs";
    session.open(uri, "rust", TEXT).await;
    let broken = json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"range": {"start": -1}, "text": "x"}]});
    session.notify("textDocument/didChange", broken).await;
    assert_eq!(
        session.invoke(uri, TEXT.len()).await.reply().await,
        NOTHING()
    );
    let own = session.document(uri).await;
    assert_eq!(own["outOfStep"], true, "{own}");
    still_serves(session).await;
}

#[tokio::test]
async fn nul_bytes_and_control_characters_are_text() {
    let mut session = session().await;
    let uri = "file:///project/nul.py";
    let line = "value\0one = call(\u{1b}[0m\u{202e})\n";
    session.open(uri, "python", &line.repeat(4)).await;
    let end = session.text(uri).len();
    session.change(uri, end, end, "value\0").await;
    let end = session.text(uri).len();
    let answer = session.invoke(uri, end).await.result().await;
    for item in answer["items"].as_array().unwrap() {
        let text = item["insertText"].as_str().unwrap();
        assert!(
            !text.contains(['\0', '\u{1b}', '\u{202e}']),
            "control characters are never offered: {text:?}"
        );
    }
    still_serves(session).await;
}

#[tokio::test]
async fn a_body_that_is_no_json_gets_an_error_and_the_next_message_is_read() {
    let session = session().await;
    session
        .send_bytes(b"Content-Length: 9\r\n\r\n{\"broken\"")
        .await;
    session.send_bytes(b"Content-Length: 2\r\n\r\n[]").await;
    session.send_bytes(b"Content-Length: 4\r\n\r\nnull").await;
    still_serves(session).await;
}

/// Opening twice means that the client's second text counts.
#[tokio::test]
async fn a_document_opened_twice_has_its_second_text() {
    let mut session = session().await;
    session.open(URI, "rust", "fn second() {}\n").await;
    still_serves(session).await;
}

/// Editors whose strings are UTF-16 can send half a surrogate pair; JSON has no character for it. It
/// becomes U+FFFD, or the document is out of step; never a text that only the server believes in.
#[tokio::test]
async fn half_a_surrogate_pair_does_not_part_the_texts_silently() {
    let session = session().await;
    let uri = "file:///project/half.js";
    let open = format!(
        r#"{{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{{"textDocument":{{"uri":"{uri}","languageId":"javascript","version":1,"text":"let a = \"\ud83d\";\n"}}}}}}"#
    );
    session
        .send_bytes(format!("Content-Length: {}\r\n\r\n{open}", open.len()).as_bytes())
        .await;
    let mut session = session;
    let own = session.document(uri).await;
    assert!(
        own["sha256"] == sha256("let a = \"\u{fffd}\";\n") || own["outOfStep"] == true,
        "{own}"
    );
    still_serves(session).await;
}
