//! The server's text is the client's text, whatever is typed, in any encoding, whoever waits.

use std::time::Duration;

use foretoken_tests::mirror::Encoding;
use foretoken_tests::persona::Persona;
use foretoken_tests::random::Random;
use foretoken_tests::server::{self, sha256};
use foretoken_tests::session::{Failure, Session};
use serde_json::{Value, json};

const URI: &str = "file:///project/src/burst.rs";
const START: &str = "fn main() {\r\n    let grüße = \"😀 中文\";\n\tprintln!(\"{grüße}\");\r}\n";
const PIECES: &[&str] = &[
    "a",
    "é",
    "😀",
    "中文",
    "\n",
    "\r\n",
    "\r",
    "let x = 1;",
    "👩‍👩‍👧",
    "\t",
    "\"",
    "}",
    "{",
    " ",
    "",
];
const EDITS: usize = 10_000;

/// One to three random edits in one notification, as Neovim joins them.
fn random_edit(session: &mut Session, random: &mut Random) -> Value {
    let mut message = one_edit(session, random);
    for _ in 0..random.below(3) {
        let mut next = one_edit(session, random);
        let change = next["params"]["contentChanges"][0].take();
        message["params"]["contentChanges"]
            .as_array_mut()
            .unwrap()
            .push(change);
        message["params"]["textDocument"] = next["params"]["textDocument"].take();
    }
    message
}

fn one_edit(session: &mut Session, random: &mut Random) -> Value {
    let document = &session.documents[URI];
    let length = document.text.len();
    // A position cannot name the gap between CR and LF, so what it does name is what is edited.
    let addressable = |byte| {
        let byte = document.boundary(byte);
        document
            .byte(&document.position(byte, session.encoding), session.encoding)
            .unwrap()
    };
    let from = addressable(random.below(length + 1));
    let most = if length > 4_000 { 600 } else { 6 };
    let to = addressable((from + random.below(most)).min(length)).max(from);
    let piece: &&str = random.pick(PIECES);
    session.edit(URI, from, to, piece)
}

async fn assert_equal(session: &mut Session, uri: &str) {
    let document = session.document(uri).await;
    let mirror = &session.documents[uri];
    assert_eq!(document["outOfStep"], false, "{document}");
    assert_eq!(document["version"], mirror.version, "{document}");
    assert_eq!(document["bytes"], mirror.text.len());
    assert_eq!(
        document["sha256"],
        sha256(&mirror.text),
        "the server's text is another one"
    );
}

async fn burst(editor: Persona, encoding: Encoding, seed: u64) {
    assert_eq!(editor.expected_encoding(), encoding);
    let mut session = server::start(editor, server::without_model());
    session.initialize().await;
    session.open(URI, "rust", START).await;
    write_burst(&mut session, seed).await;
    assert_equal(&mut session, URI).await;
    session.finish().await;
}

/// All edits, written a hundred at a time.
async fn write_burst(session: &mut Session, seed: u64) {
    let mut random = Random::new(seed);
    let mut left = EDITS;
    while left > 0 {
        let batch: Vec<Value> = (0..left.min(100))
            .map(|_| random_edit(session, &mut random))
            .collect();
        left -= batch.len();
        session.send_all(&batch).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_edits_in_utf_8() {
    burst(Persona::named("neovim"), Encoding::Utf8, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_edits_in_utf_16() {
    burst(Persona::named("vscode"), Encoding::Utf16, 16).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_edits_in_utf_32() {
    burst(
        Persona::named("helix").offering("utf-32"),
        Encoding::Utf32,
        32,
    )
    .await;
}

/// A hundred requests on a hundred documents wait, and the edits of another one do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_edits_while_a_hundred_completions_are_pending() {
    // They wait in the loop, not in a model, so that none is answered before the burst is over.
    let editor =
        Persona::named("vscode").with_options(json!({"editor": "vscode", "debounceMs": 600_000}));
    let mut session = server::start(editor, server::without_model());
    session.initialize().await;
    session.open(URI, "rust", START).await;
    let mut waiting = Vec::new();
    for number in 0..100 {
        let uri = format!("file:///project/src/waiting{number}.rs");
        let text = "fn main() {\n    let total = 0;\n    let ";
        session.open(&uri, "rust", text).await;
        session.change(&uri, text.len(), text.len(), "t").await;
        waiting.push(session.inline(&uri, text.len() + 1).await);
    }
    write_burst(&mut session, 100).await;
    assert_equal(&mut session, URI).await;

    let mut times = Vec::new();
    for mut request in waiting {
        session.cancel(request.id).await;
        request.sent = std::time::Instant::now();
        let (took, reply) = request.timed().await;
        assert_eq!(
            reply.map_err(|e| e.code),
            Err(-32800),
            "it was pending until it was cancelled"
        );
        times.push(took);
    }
    times.sort();
    assert!(
        times[50] <= Duration::from_millis(50) && times[99] <= Duration::from_secs(5),
        "cancels took {times:?}"
    );
    session.finish().await;
}

/// A thousand requests wait at once; a cancel, an edit and a question are still served at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_is_answered_while_a_thousand_requests_wait() {
    let editor =
        Persona::named("vscode").with_options(json!({"editor": "vscode", "debounceMs": 600_000}));
    let mut session = server::start(editor, server::without_model());
    session.initialize().await;
    let text = "def total(values):\n    result = 0\n    ";
    let mut waiting = Vec::new();
    for number in 0..1000 {
        let uri = format!("file:///project/src/{number}.py");
        session.open(&uri, "python", text).await;
        session.change(&uri, text.len(), text.len(), "r").await;
        waiting.push(session.inline(&uri, text.len() + 1).await);
    }
    session.open(URI, "rust", START).await;
    assert_equal(&mut session, URI).await;
    let mut last = waiting.pop().unwrap();
    session.cancel(last.id).await;
    last.sent = std::time::Instant::now();
    session.change(URI, 0, 0, "x").await;
    let (took, reply) = last.timed().await;
    assert_eq!(reply.map_err(|e| e.code), Err(-32800));
    assert!(took <= Duration::from_millis(500), "a cancel took {took:?}");
    assert_equal(&mut session, URI).await;
    for request in &waiting {
        session.cancel(request.id).await;
    }
    for request in waiting {
        assert_eq!(request.reply().await.map_err(|e| e.code), Err(-32800));
    }
    session.finish().await;
}

/// A change and a request in one write, many times: whatever is answered with text was asked for the
/// version that was then current, so only the last may be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pairs_in_one_write_get_no_answer_for_a_foreign_version() {
    let mut session = server::start(Persona::named("vscode"), server::without_model());
    session.initialize().await;
    let text = "fn main() {\n    let total_of_all = 1;\n    let x = ";
    session.open(URI, "rust", text).await;
    let mut batch = Vec::new();
    let mut asked = Vec::new();
    for (number, key) in "total_of_all + total_of_all + total_of_all"
        .repeat(10)
        .chars()
        .enumerate()
    {
        let at = text.len() + number;
        batch.push(session.edit(URI, at, at, key.encode_utf8(&mut [0; 4])));
        let params = session.ask_params(URI, at + 1, 2);
        let (message, pending) = session.prepare("textDocument/inlineCompletion", params);
        batch.push(message);
        asked.push(pending);
    }
    session.send_all(&batch).await;
    let last = asked.pop().unwrap();
    for request in asked {
        let reply = request.reply().await;
        assert_eq!(
            reply.map_err(|e| e.code),
            Err(-32800),
            "superseded before it was served"
        );
    }
    assert!(last.reply().await.is_ok());
    assert_equal(&mut session, URI).await;
    session.finish().await;
}

/// Full replacement, closing and opening anew, versions with gaps, an empty change list.
#[tokio::test]
async fn whole_texts_and_reopened_documents_are_followed() {
    let mut session = server::start(Persona::named("neovim"), server::without_model());
    session.initialize().await;
    session.open(URI, "rust", START).await;
    session.documents.get_mut(URI).unwrap().text = "fn other() {}\n".to_owned();
    session.documents.get_mut(URI).unwrap().version = 90;
    let whole = json!({"textDocument": {"uri": URI, "version": 90}, "contentChanges": [{"text": "fn other() {}\n"}]});
    session.notify("textDocument/didChange", whole).await;
    session.change(URI, 3, 8, "ganz_anders").await;
    assert_equal(&mut session, URI).await;

    session.close(URI).await;
    session.open(URI, "rust", "struct Neu;\n").await;
    let version = session.documents[URI].version;
    let nothing = json!({"textDocument": {"uri": URI, "version": version}, "contentChanges": []});
    session.notify("textDocument/didChange", nothing).await;
    assert_equal(&mut session, URI).await;
    session.finish().await;
}

/// What cannot be applied marks the document out of step: nothing is suggested there, the rest lives,
/// and opening it anew heals it.
#[tokio::test]
async fn a_change_outside_the_text_puts_the_document_out_of_step() {
    let mut session = server::start(Persona::named("vscode"), server::without_model());
    session.initialize().await;
    session.open(URI, "rust", START).await;
    let nowhere =
        json!({"start": {"line": 900, "character": 0}, "end": {"line": 901, "character": 4}});
    let change = json!({"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"range": nowhere, "text": "x"}]});
    session.notify("textDocument/didChange", change).await;
    let status = session.status(true).await;
    assert_eq!(status["documents"][0]["outOfStep"], true, "{status}");
    let reply: Result<Value, Failure> = session.invoke(URI, 0).await.reply().await;
    assert_eq!(reply, Ok(json!({"items": []})));

    session.close(URI).await;
    session.open(URI, "rust", START).await;
    assert_equal(&mut session, URI).await;
    session.finish().await;
}
