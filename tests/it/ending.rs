//! How a session begins and ends, politely and otherwise.

use std::time::Duration;

use foretoken_tests::persona::Persona;
use foretoken_tests::process::{Home, program};
use foretoken_tests::server;
use serde_json::{Value, json};

const URI: &str = "file:///project/src/lib.rs";
const TEXT: &str = "fn main() {\n    let total = 0;\n    let ";
/// The longest that an end may take here. It takes a second at most on a machine that has time for it.
const SOON: Duration = Duration::from_secs(30);

/// Every editor that we know: handshake, a document, a request, the polite end. The rules judge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_persona_has_an_ordinary_session() {
    for persona in Persona::all() {
        let method = if persona.inline {
            "textDocument/inlineCompletion"
        } else {
            "textDocument/completion"
        };
        let mut session = server::start(persona, server::without_model());
        let result = session.initialize().await;
        assert_eq!(result["serverInfo"]["name"], "foretoken", "{result}");
        session.open(URI, "rust", TEXT).await;
        session.change(URI, TEXT.len(), TEXT.len(), "t").await;
        let params = session.ask_params(URI, TEXT.len() + 1, session.persona.trigger_kind);
        session.request(method, params).await.result().await;
        session
            .notify(
                "textDocument/didSave",
                json!({"textDocument": {"uri": URI}}),
            )
            .await;
        session.close(URI).await;
        session.finish().await;
    }
}

#[tokio::test]
async fn exit_ends_the_program_although_stdin_stays_open() {
    let home = Home::default();
    let mut session = home.serve(Persona::named("vscode"), &[]);
    session.initialize().await;
    assert_eq!(
        session.request("shutdown", Value::Null).await.reply().await,
        Ok(Value::Null)
    );
    session.notify("exit", Value::Null).await;
    assert_eq!(session.ended(SOON).await, 0);
    session.judge().await;
}

#[tokio::test]
async fn exit_without_shutdown_is_a_failure() {
    let home = Home::default();
    let mut session = home.serve(Persona::named("vscode"), &[]);
    session.initialize().await;
    session.notify("exit", Value::Null).await;
    assert_eq!(session.ended(SOON).await, 1);
    session.tolerance.cut_off = true;
    session.judge().await;
}

/// An editor that was killed may leave its end of our stdin open in another child of its own.
#[cfg(unix)]
#[tokio::test]
async fn the_end_of_the_editors_process_ends_the_program_although_stdin_stays_open() {
    let mut editor = program("sleep").arg("600").spawn().unwrap();
    let home = Home::default();
    let mut persona = Persona::named("vscode");
    persona.initialize["processId"] = editor.id().into();
    let mut session = home.serve(persona, &[]);
    session.initialize().await;
    session.open(URI, "rust", TEXT).await;
    editor.kill().unwrap();
    // Until then it is a zombie, which still has its number.
    editor.wait().unwrap();
    assert_eq!(session.ended(SOON).await, 1);
    session.tolerance.cut_off = true;
    session.judge().await;
}

/// Nobody waits for a reader who never comes, however much lies ready for him.
#[tokio::test]
async fn exit_ends_the_program_although_nobody_reads_its_output() {
    let home = Home::default();
    let mut session = home.serve(Persona::named("vscode"), &[]);
    session.initialize().await;
    session.set_reading(false);
    let batch: Vec<Value> = (0..500)
        .map(|_| {
            let ask = json!({"command": "foretoken.status"});
            session.prepare("workspace/executeCommand", ask).0
        })
        .collect();
    session.send_all(&batch).await;
    session.notify("exit", Value::Null).await;
    session.hang_up();
    assert_eq!(session.ended(SOON).await, 1);
    // What lies in the pipe ends within a message; there is nothing to hold against the rules.
    drop(session);
}

#[tokio::test]
async fn a_closed_stdin_with_a_request_in_flight_ends_the_program() {
    let home = Home::default();
    let mut session = home.serve(Persona::named("vscode"), &[]);
    session.initialize().await;
    session.open(URI, "rust", TEXT).await;
    let open = session.inline(URI, TEXT.len()).await;
    session.hang_up();
    assert_eq!(session.ended(SOON).await, 1);
    drop(open);
    session.tolerance.cut_off = true;
    session.judge().await;
}

#[tokio::test]
async fn a_closed_stdin_before_anything_was_said_ends_the_program() {
    let home = Home::default();
    let mut session = home.serve(Persona::named("silent"), &[]);
    session.hang_up();
    assert_eq!(session.ended(SOON).await, 1);
    session.judge().await;
}

/// Emacs and others send `params: null`; both forms are the same request.
#[tokio::test]
async fn shutdown_with_null_params_is_a_shutdown() {
    let persona = Persona::named("lsp-mode");
    assert!(persona.null_shutdown_params);
    let mut session = server::start(persona, server::without_model());
    session.initialize().await;
    session.finish().await;
}

#[tokio::test]
async fn requests_after_shutdown_are_refused_and_documents_are_left_alone() {
    let mut session = server::start(Persona::named("vscode"), server::without_model());
    session.initialize().await;
    assert_eq!(
        session.request("shutdown", Value::Null).await.reply().await,
        Ok(Value::Null)
    );
    session
        .notify(
            "textDocument/didOpen",
            json!({"textDocument": {"uri": URI, "languageId": "rust", "version": 1, "text": TEXT}}),
        )
        .await;
    session.notify("exit", Value::Null).await;
    assert_eq!(session.ended(SOON).await, 0);
    session.judge().await;
}

/// A document that comes too early is dropped, as the protocol says; the session goes on.
#[tokio::test]
async fn did_open_before_initialized_harms_nobody() {
    let mut session = server::start(Persona::named("vscode"), server::without_model());
    session
        .notify(
            "textDocument/didOpen",
            json!({"textDocument": {"uri": URI, "languageId": "rust", "version": 1, "text": TEXT}}),
        )
        .await;
    let early = session
        .request(
            "workspace/executeCommand",
            json!({"command": "foretoken.status"}),
        )
        .await
        .reply()
        .await;
    assert_eq!(
        early.map_err(|e| e.code),
        Err(-32002),
        "server not initialized"
    );
    session.initialize().await;
    session.open(URI, "rust", TEXT).await;
    assert!(session.invoke(URI, TEXT.len()).await.reply().await.is_ok());
    session.finish().await;
}

/// `initialized` counts once, and behind `initialize`: the settings are asked for once.
#[tokio::test]
async fn initialized_counts_once_and_in_its_place() {
    let mut session = server::start(Persona::named("neovim"), server::without_model());
    session.notify("initialized", json!({})).await;
    session.initialize().await;
    session.notify("initialized", json!({})).await;
    session.open(URI, "rust", TEXT).await;
    session
        .wait_for(0, "the question for the settings", |m| {
            m["method"] == "workspace/configuration"
        })
        .await;
    session.status(false).await;
    let entries = session.trace().entries();
    let asked = entries
        .iter()
        .filter(|e| e.method() == Some("workspace/configuration"))
        .count();
    assert_eq!(asked, 1);
    session.finish().await;
}

/// The client writes on and reads nothing: nothing is lost, and the answers come when it reads again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_that_does_not_read_for_a_while_loses_nothing() {
    let mut session =
        server::start_with_pipe(Persona::named("vscode"), server::without_model(), 1024);
    session.initialize().await;
    session.open(URI, "rust", TEXT).await;
    session.set_reading(false);
    let mut batch = Vec::new();
    let mut asked = Vec::new();
    for _ in 0..400 {
        let (message, pending) = session.prepare(
            "workspace/executeCommand",
            json!({"command": "foretoken.status"}),
        );
        batch.push(message);
        asked.push(pending);
    }
    session.send_all(&batch).await;
    // Either the server takes all of it, or it waits for us; it must not break, nor lose a message.
    session.flushed(Duration::from_secs(1)).await;
    session.set_reading(true);
    for request in asked {
        request.result().await;
    }
    session.finish().await;
}
