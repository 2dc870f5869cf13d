//! What a user writes stays in the editor: no log, no file and no line on stderr holds a piece of it.

use std::ffi::OsStr;
use std::path::Path;

use foretoken_tests::persona::Persona;
use foretoken_tests::process::Home;
use serde_json::{Value, json};

/// A word that stands in every text here, and nowhere else.
const CANARY: &str = "kanarienvogel";
const URI: &str = "file:///project/src/lib.rs";

/// All files below a folder, as text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((
                path.display().to_string(),
                String::from_utf8_lossy(&bytes).into_owned(),
            ));
        }
    }
    found
}

/// ONNX Runtime brings a reporter of its own, which keeps a device id and its events in the cache folder
/// and sends them: with it forbidden, nobody but us has written there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runtime_keeps_no_reports() {
    let home = Home::default();
    let mut session = home.serve(Persona::named("silent"), &[]);
    session.initialize().await;
    session.model_settled().await;
    let text = "fn main() {\n    let a = 1;\n    let b = ";
    session.open(URI, "rust", text).await;
    session.invoke(URI, text.len()).await.result().await;
    session.finish().await;
    for (name, _) in files(home.path()) {
        let theirs = name.contains("Microsoft") || name.contains(".onnxruntime");
        assert!(!theirs, "{name}");
    }
}

/// A session with all that could make a server talk of a text: suggestions, settings and commands that
/// make no sense, messages that cannot be read, changes that do not fit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_of_the_user_reaches_a_log() {
    let home = Home::default();
    let everything = [("FORETOKEN_LOG", OsStr::new("trace"))];
    let mut session = home.serve(Persona::named("silent"), &everything);
    session.initialize().await;
    session.model_settled().await;
    let line = format!("    registry.{CANARY}(name, handler);\n");
    let text = format!("fn main() {{\n{}    registry.kana", line.repeat(8));
    session.open(URI, "rust", &text).await;
    let answer = session.invoke(URI, text.len()).await.result().await;
    let offered = answer["items"][0]["insertText"].as_str();
    assert_eq!(offered, Some("rienvogel(name, handler);"), "{answer}");

    session.tolerance.codes.push(-32602);
    let body = format!("{{\"{CANARY}\"");
    let broken = format!("Content-Length: {}\r\n\r\n{body}", body.len());
    session.send_bytes(broken.as_bytes()).await;
    let settings = json!({"settings": {"completion": {"enabled": true, "nonsense": CANARY}}});
    session
        .notify("workspace/didChangeConfiguration", settings)
        .await;
    for (method, params) in [
        ("workspace/executeCommand", json!({"command": CANARY})),
        (
            "textDocument/inlineCompletion",
            json!({"position": CANARY, "textDocument": {"uri": URI}}),
        ),
    ] {
        let _ = session.request(method, params).await.reply().await;
    }
    let nowhere =
        json!({"start": {"line": 900, "character": 0}, "end": {"line": 901, "character": 4}});
    for range in [nowhere, json!({"start": CANARY}), json!(CANARY)] {
        let change: Value = json!({"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"range": range, "text": CANARY}]});
        session.notify("textDocument/didChange", change).await;
    }
    let _ = session.status(false).await;
    session.finish().await;

    let sinks = files(home.path());
    for kind in [".log", "stderr"] {
        let said = |(name, text): &(String, String)| name.ends_with(kind) && !text.is_empty();
        assert!(sinks.iter().any(said), "{kind} is there to look into");
    }
    for (name, text) in sinks {
        for line in text.lines() {
            let found = line.contains(CANARY) || line.contains("registry");
            assert!(!found, "{name}: {line}");
        }
    }
}
