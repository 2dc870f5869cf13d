//! The workspace index of a running server: when there is one, what it is told, what it answers.

use std::time::{Duration, Instant};

use foretoken::ServeOptions;
use foretoken::paths::Paths;
use foretoken_tests::persona::Persona;
use foretoken_tests::process::{Home, library, root, skip};
use foretoken_tests::server;
use foretoken_tests::session::Session;
use serde_json::{Value, json};

/// A busy machine may take its time.
const LIMIT: Duration = Duration::from_secs(30);

fn uri(home: &Home, path: &str) -> String {
    let root = std::fs::canonicalize(home.path()).unwrap();
    format!("file://{}", root.join(path).display())
}

fn project() -> Home {
    let home = Home::default();
    home.write(
        "project/src/walrus.rs",
        "fn walrus_count() -> u32 {\n    7\n}\n",
    );
    home.write(
        "project/src/main.rs",
        "fn main() {\n    walrus_count();\n}\n",
    );
    home.write("project/.env", "WALRUS_COUNT=canary\n");
    home
}

/// A server of its own cache whose editor has this folder open.
fn start(home: &Home, persona: &str, folder: &str, more: &Value) -> Session {
    let mut persona = Persona::named(persona);
    let folder = uri(home, folder);
    persona.initialize["workspaceFolders"] = json!([{"uri": folder, "name": "project"}]);
    persona.initialize["rootUri"] = folder.into();
    if let Some(more) = more.as_object() {
        let options = &mut persona.initialize["initializationOptions"];
        if !options.is_object() {
            *options = json!({});
        }
        for (key, value) in more {
            options[key] = value.clone();
        }
    }
    let options = ServeOptions {
        paths: Some(Paths::under(&home.path().join("home"))),
        ..server::without_model()
    };
    server::start(persona, options)
}

async fn state(session: &mut Session) -> Value {
    session.status(false).await["index"].clone()
}

async fn settled(session: &mut Session, wanted: &str) -> Value {
    let begun = Instant::now();
    loop {
        let state = state(session).await;
        if state["state"] == wanted {
            return state;
        }
        assert!(begun.elapsed() < LIMIT, "{state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn search(session: &mut Session, query: &str) -> Vec<String> {
    let params = json!({"query": query, "limit": 5});
    let answer = session
        .request("foretoken/search", params)
        .await
        .result()
        .await;
    let hits = answer["hits"].as_array().unwrap();
    assert!(!answer.to_string().contains("canary"), "{answer}");
    let path = |hit: &Value| hit["path"].as_str().unwrap().to_owned();
    hits.iter().map(path).collect()
}

/// Asks until the answer is this one: the index follows behind the editor's back.
async fn until(session: &mut Session, query: &str, wanted: &[&str]) {
    let begun = Instant::now();
    loop {
        let found = search(session, query).await;
        if found == wanted {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "{query}: {found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_folder_is_indexed_and_follows_what_the_editor_does() {
    let home = project();
    let mut session = start(&home, "vscode", "project", &Value::Null);
    let result = session.initialize().await;
    assert_eq!(result["capabilities"]["textDocumentSync"]["save"], true);
    let ready = settled(&mut session, "ready").await;
    assert_eq!((&ready["files"], &ready["chunks"]), (&2.into(), &2.into()));
    assert_eq!(
        search(&mut session, "walrus_count").await[0],
        "src/walrus.rs"
    );

    // Typed, not saved.
    let main = uri(&home, "project/src/main.rs");
    let text = "fn main() {\n    walrus_count();\n}\n";
    session.open(&main, "rust", text).await;
    session
        .change(&main, text.len(), text.len(), "fn narwhal() {}\n")
        .await;
    until(&mut session, "narwhal", &["src/main.rs"]).await;
    session.close(&main).await;
    until(&mut session, "narwhal", &[]).await;

    // Saved here, made and removed elsewhere.
    home.write("project/src/main.rs", "fn narwhal() {}\n");
    home.write("project/src/beluga.rs", "fn beluga() {}\n");
    session.open(&main, "rust", "fn narwhal() {}\n").await;
    let saved = json!({"textDocument": {"uri": main}});
    session.notify("textDocument/didSave", saved).await;
    std::fs::remove_file(home.path().join("project/src/walrus.rs")).unwrap();
    let changes = ["project/src/beluga.rs", "project/src/walrus.rs"];
    let changes = changes.map(|path| json!({"uri": uri(&home, path), "type": 1}));
    session
        .notify(
            "workspace/didChangeWatchedFiles",
            json!({"changes": changes}),
        )
        .await;
    until(&mut session, "beluga", &["src/beluga.rs"]).await;
    until(&mut session, "walrus_count", &[]).await;
    until(&mut session, "narwhal", &["src/main.rs"]).await;

    // Forbidden in the middle of the session.
    let settings = json!({"settings": {"foretoken": {"completion": {"exclude": ["beluga.rs"]}}}});
    session
        .notify("workspace/didChangeConfiguration", settings)
        .await;
    until(&mut session, "beluga", &[]).await;
    let settings = json!({"settings": {"foretoken": {"index": {"enabled": false}}}});
    session
        .notify("workspace/didChangeConfiguration", settings)
        .await;
    settled(&mut session, "off").await;
    assert!(search(&mut session, "narwhal").await.is_empty());
    session.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_index_without_trust_without_a_project_and_where_it_may_be_forbidden() {
    let home = project();
    std::fs::create_dir(home.path().join("home")).unwrap();
    let cases = [
        ("project", json!({"trusted": false}), "off", "not trusted"),
        ("home", Value::Null, "failed", "is no workspace"),
        ("broken", Value::Null, "off", ".foretoken.toml"),
    ];
    home.write("broken/.foretoken.toml", "[index\nenabled = false\n");
    home.write("broken/a.rs", "fn walrus_count() {}\n");
    for (folder, more, wanted, why) in cases {
        let mut session = start(&home, "vscode", folder, &more);
        session.initialize().await;
        let state = settled(&mut session, wanted).await;
        let message = state["message"].as_str().unwrap();
        assert!(message.contains(why), "{message}");
        assert!(search(&mut session, "walrus_count").await.is_empty());
        session.finish().await;
    }
    assert!(!home.path().join("home/cache").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_answers_from_what_the_first_wrote() {
    let home = project();
    let mut first = start(&home, "vscode", "project", &Value::Null);
    first.initialize().await;
    settled(&mut first, "ready").await;
    let mut second = start(&home, "silent", "project", &Value::Null);
    second.initialize().await;
    settled(&mut second, "ready").await;
    assert_eq!(
        search(&mut second, "walrus_count").await[0],
        "src/walrus.rs"
    );
    first.finish().await;
    second.finish().await;
}

/// The user's embedder is asked by searches of an editor too, and why not is said where it cannot be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedder_of_the_settings_is_asked_or_its_trouble_told() {
    if library().is_none() {
        return skip("there is no ONNX Runtime here");
    }
    let home = Home::default();
    home.write(
        "project/a.rs",
        "fn paint_stream() {\n    paint(stream);\n}\n",
    );
    home.write("project/b.rs", "fn stop_stream() {\n    stop(stream);\n}\n");
    let package = root().join("server/infer/tests/encoders");
    for (kind, usable) in [("embed", true), ("rerank", false)] {
        let path = package.join(kind);
        home.write(
            ".config/foretoken/config.toml",
            format!("[index]\nembedder = {path:?}\n"),
        );
        let mut persona = Persona::named("vscode");
        let folder = uri(&home, "project");
        persona.initialize["workspaceFolders"] = json!([{"uri": folder, "name": "project"}]);
        persona.initialize["rootUri"] = folder.into();
        let mut session = home.serve(persona, &[]);
        session.initialize().await;
        let state = settled(&mut session, "ready").await;
        assert_eq!(state["embedder"], path.display().to_string());
        if usable {
            until(&mut session, "close the stream", &["b.rs"]).await;
        } else {
            let begun = Instant::now();
            let mut told = state;
            while told["trouble"].is_null() && begun.elapsed() < LIMIT {
                tokio::time::sleep(Duration::from_millis(20)).await;
                told = self::state(&mut session).await;
            }
            let trouble = told["trouble"].to_string();
            assert!(trouble.contains("is not used"), "{told}");
            assert!(search(&mut session, "close the stream").await.is_empty());
            assert_eq!(search(&mut session, "stop_stream").await, ["b.rs"]);
        }
        session.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_is_none_is_refused_with_a_reason() {
    let home = project();
    let mut session = start(&home, "vscode", "project", &Value::Null);
    session.initialize().await;
    let asked = session
        .request("foretoken/search", json!({"query": 7}))
        .await;
    let reply = format!("{:?}", asked.reply().await);
    assert!(reply.contains("`query` must be a string"), "{reply}");
    session.finish().await;
}
