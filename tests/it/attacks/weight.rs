//! Weight: what is too much for a machine, or would be for a program that takes it all. Memory stays bounded,
//! and whoever types in another file is answered meanwhile.

use std::time::{Duration, Instant};

use foretoken_tests::persona::Persona;
use foretoken_tests::process::{Home, peak_kb};
use foretoken_tests::server;
use foretoken_tests::session::Session;
use serde_json::{Value, json};

const URI: &str = "file:///project/src/lib.rs";
const LINE: &str = "    registry.register_handler(name, handler);\n";

async fn session(home: &Home, environment: &[(&str, &std::ffi::OsStr)]) -> Session {
    let nowhere = [("FORETOKEN_MODEL_FOLDER", "/nowhere".as_ref())];
    let environment = [&nowhere, environment].concat();
    let mut session = home.serve(Persona::named("silent"), &environment);
    session.initialize().await;
    let text = format!("fn main() {{\n{}    registry.reg", LINE.repeat(8));
    session.open(URI, "rust", &text).await;
    assert!(serves(&mut session).await.as_millis() > 0);
    session
}

/// How long a suggestion in an ordinary file takes.
async fn serves(session: &mut Session) -> Duration {
    let begun = Instant::now();
    let at = session.text(URI).len();
    let answer = session.invoke(URI, at).await.result().await;
    let text = &answer["items"][0]["insertText"];
    assert_eq!(text, "ister_handler(name, handler);", "{answer}");
    begun.elapsed()
}

fn slow() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some()
}

/// A message of a gigabyte is read past and answered as unreadable; none of it is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a24_a_message_of_a_gigabyte_is_passed_over() {
    let home = Home::default();
    let mut session = session(&home, &[]).await;
    let process = session.process.unwrap();
    let before = peak_kb(process);
    let length: usize = 1 << 30;
    session
        .send_bytes(format!("Content-Length: {length}\r\n\r\n").as_bytes())
        .await;
    let piece = vec![b' '; 1 << 24];
    for _ in 0..length / piece.len() {
        session.send_bytes(&piece).await;
        assert!(session.flushed(foretoken_tests::session::LIMIT).await);
    }
    serves(&mut session).await;
    if let (Some(before), Some(after)) = (before, peak_kb(process)) {
        let grown = after.saturating_sub(before);
        assert!(grown < 32 << 10, "{grown} kB");
    }
    session.finish().await;
}

/// Changes come faster than anybody could type: the text stays the client's, and a request behind them is
/// answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a24_two_hundred_thousand_changes_at_once() {
    let home = Home::default();
    let mut session = session(&home, &[]).await;
    let uri = "file:///project/other.rs";
    session.open(uri, "rust", "fn other() {}\n").await;
    let process = session.process.unwrap();
    let before = peak_kb(process);
    // All of them take a while in a build without optimisation.
    let messages = if slow() { 200 } else { 40 };
    let at = json!({"line": 0, "character": 0});
    let end = json!({"line": 0, "character": 1});
    let key = json!({"range": {"start": at, "end": at}, "text": "x"});
    let back = json!({"range": {"start": at, "end": end}, "text": ""});
    let changes: Vec<Value> = (0..1_000)
        .map(|n: usize| [&key, &back][n % 2].clone())
        .collect();
    for number in 0..messages {
        let document = json!({"uri": uri, "version": number + 2});
        let params = json!({"textDocument": document, "contentChanges": changes});
        session.notify("textDocument/didChange", params).await;
    }
    let took = serves(&mut session).await;
    assert!(took < Duration::from_secs(30), "{took:?}");
    let document = session.document(uri).await;
    assert_eq!(document["sha256"], server::sha256("fn other() {}\n"));
    assert_eq!(document["version"], messages + 1);
    if let (Some(before), Some(after)) = (before, peak_kb(process)) {
        let grown = after.saturating_sub(before);
        assert!(grown < 200 << 10, "{grown} kB");
    }
    session.finish().await;
}

/// A folder with more files than anybody's project has: the walk ends, says so, and nothing waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a24_a_million_files_end_the_walk() {
    let home = Home::default();
    let many: usize = if slow() { 1_000_000 } else { 200_100 };
    for folder in 0..many / 1_000 + 1 {
        let path = home.path().join(format!("project/d{folder}"));
        std::fs::create_dir_all(&path).unwrap();
        for file in 0..1_000.min(many - folder * 1_000) {
            std::fs::File::create(path.join(format!("f{file}.txt"))).unwrap();
        }
    }
    let mut persona = Persona::named("silent");
    let project = format!("file://{}", home.path().join("project").display());
    persona.initialize["rootUri"] = project.clone().into();
    persona.initialize["workspaceFolders"] = json!([{"uri": project, "name": "project"}]);
    let mut session = home.serve(persona, &[("FORETOKEN_MODEL_FOLDER", "/nowhere".as_ref())]);
    session.initialize().await;
    let text = format!("fn main() {{\n{}    registry.reg", LINE.repeat(8));
    session.open(URI, "rust", &text).await;
    let begun = Instant::now();
    let state = loop {
        let took = serves(&mut session).await;
        assert!(took < Duration::from_secs(5), "typing waited {took:?}");
        let state = session.status(false).await["index"].take();
        if state["state"] == "failed" {
            break state;
        }
        assert!(begun.elapsed() < Duration::from_secs(180), "{state}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let message = state["message"].as_str().unwrap();
    assert!(message.contains("more than 200000 files"), "{message}");
    if let Some(peak) = peak_kb(session.process.unwrap()) {
        assert!(peak < 400 << 10, "{peak} kB");
    }
    session.finish().await;
}

/// Texts that make parsers look again and again: each is opened, changed and asked about, and an ordinary file
/// is served meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a25_texts_that_are_slow_to_parse_hold_nobody_up() {
    let home = Home::default();
    let mut session = session(&home, &[]).await;
    let many = 40_000;
    let texts = [
        ("cpp", "a<".repeat(many)),
        ("cpp", "template<".repeat(many / 4)),
        ("rust", "Vec<".repeat(many)),
        ("rust", "|".repeat(many)),
        ("typescript", "<a>(".repeat(many / 2)),
        ("typescriptreact", "<a>{".repeat(many / 2)),
        ("javascript", "`${".repeat(many / 2)),
        ("javascript", "a?b:".repeat(many / 2)),
        ("python", "f\"{".repeat(many / 2)),
        ("python", "[".repeat(many)),
        ("ruby", "\"#{".repeat(many / 2)),
        ("shellscript", "$(".repeat(many / 2)),
        ("php", format!("<?php {}", "\"{$a[".repeat(many / 4))),
        ("go", "func(".repeat(many / 4)),
        ("java", "(a)->".repeat(many / 4)),
        ("json", "[{\"a\":".repeat(many / 4)),
        ("markdown", "> - [".repeat(many / 4)),
        ("kotlin", "{a->".repeat(many / 4)),
    ];
    for (number, (language, text)) in texts.iter().enumerate() {
        let uri = format!("file:///project/slow{number}");
        session.open(&uri, language, text).await;
        let end = session.text(&uri).len();
        session.change(&uri, end, end, "x").await;
        let begun = Instant::now();
        let reply = session.invoke(&uri, end + 1).await.reply().await;
        assert!(reply.is_ok(), "{language}: {reply:?}");
        let took = begun.elapsed().max(serves(&mut session).await);
        assert!(
            took < Duration::from_secs(10),
            "{language} {number}: {took:?}"
        );
        session.close(&uri).await;
    }
    session.finish().await;
}

/// Patterns that would make a backtracking matcher try every split of a name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a25_patterns_that_are_slow_to_match_hold_nobody_up() {
    let home = Home::default();
    let stars = format!("{}b", "*a".repeat(60));
    let patterns = format!("{stars},**/{stars}/**,{{a,aa}}{stars},[!b]{stars}");
    let environment = [("FORETOKEN_COMPLETION_EXCLUDE", patterns.as_ref())];
    let mut session = session(&home, &environment).await;
    let uri = format!("file:///project/{}.rs", "a".repeat(200));
    session.open(&uri, "rust", "fn main() {\n    ").await;
    let begun = Instant::now();
    assert!(session.invoke(&uri, 16).await.reply().await.is_ok());
    let took = begun.elapsed().max(serves(&mut session).await);
    assert!(took < Duration::from_secs(5), "{took:?}");
    session.finish().await;
}
