//! Our own bugs cost one request, never the server.

use std::sync::Arc;

use foretoken::ServeOptions;
use foretoken_tests::persona::Persona;
use foretoken_tests::server;
use serde_json::{Value, json};

const URI: &str = "file:///project/src/lib.rs";
const TEXT: &str = "fn main() {\n    let total = 0;\n    let ";

/// A server that panics in every handler of this method.
fn panicking_in(method: &'static str) -> ServeOptions {
    let mut options = server::without_model();
    options.fault = Some(Arc::new(move |called: &str| {
        assert!(called != method, "a panic that a test asked for")
    }));
    options
}

#[tokio::test]
async fn a_panic_in_a_completion_is_an_empty_list_and_the_next_request_is_served() {
    for (method, persona) in [
        ("textDocument/inlineCompletion", "vscode"),
        ("textDocument/completion", "helix"),
    ] {
        let mut session = server::start(Persona::named(persona), panicking_in(method));
        session.initialize().await;
        session.open(URI, "rust", TEXT).await;
        for _ in 0..3 {
            let params = session.ask_params(URI, TEXT.len(), 1);
            let reply = session.request(method, params).await.reply().await;
            let items = reply.expect("no error on a completion path")["items"].clone();
            assert_eq!(items, json!([]));
        }
        session.change(URI, TEXT.len(), TEXT.len(), "x").await;
        session.status(true).await;
        session.finish().await;
    }
}

#[tokio::test]
async fn a_panic_in_another_handler_is_an_internal_error_and_the_next_request_is_served() {
    let mut session = server::start(
        Persona::named("vscode"),
        panicking_in("workspace/executeCommand"),
    );
    session.initialize().await;
    session.open(URI, "rust", TEXT).await;
    let params = json!({"command": "foretoken.status"});
    let reply = session
        .request("workspace/executeCommand", params)
        .await
        .reply()
        .await;
    assert_eq!(reply.map_err(|e| e.code), Err(-32603));
    let answer: Value = session.invoke(URI, TEXT.len()).await.result().await;
    assert!(answer["items"].is_array());
    session.finish().await;
}
