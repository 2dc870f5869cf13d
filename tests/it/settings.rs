//! Settings arrive by push and by pull, wrapped or bare; what is wrong is said once and changes nothing.

use foretoken_tests::persona::Persona;
use foretoken_tests::server;
use foretoken_tests::session::Session;
use serde_json::{Value, json};

const URI: &str = "file:///project/src/lib.rs";
const LINE: &str = "    registry.register_handler(name, handler);\n";

async fn session(persona: Persona) -> Session {
    let mut session = server::start(persona, server::without_model());
    session.initialize().await;
    session
        .open(URI, "rust", &format!("fn main() {{\n{}", LINE.repeat(8)))
        .await;
    session
}

/// Types the beginning of a line that stands there eight times; true when its rest is offered.
async fn suggests(session: &mut Session) -> bool {
    let end = session.text(URI).len();
    session.change(URI, end, end, "    registry.reg").await;
    let at = end + "    registry.reg".len();
    let answer = session.invoke(URI, at).await.result().await;
    session.change(URI, end, at, "").await;
    !answer["items"].as_array().unwrap().is_empty()
}

async fn push(session: &mut Session, settings: Value) {
    session
        .notify(
            "workspace/didChangeConfiguration",
            json!({"settings": settings}),
        )
        .await;
}

/// A message to the user that says this word.
fn told(word: &'static str) -> impl Fn(&Value) -> bool {
    move |m| {
        m["method"] == "window/showMessage"
            && m["params"]["message"]
                .as_str()
                .is_some_and(|text| text.contains(word))
    }
}

#[tokio::test]
async fn pushed_settings_count_wrapped_and_bare() {
    // Without the capability the server cannot ask, so what is pushed is all there is.
    let mut session = session(Persona::named("silent")).await;
    assert!(suggests(&mut session).await);
    push(
        &mut session,
        json!({"foretoken": {"completion": {"enabled": false}}}),
    )
    .await;
    assert!(!suggests(&mut session).await);
    push(&mut session, json!({"completion": {"enabled": true}})).await;
    assert!(suggests(&mut session).await);
    push(
        &mut session,
        json!({"foretoken": {"completion": {"disabledLanguages": ["rust"]}}}),
    )
    .await;
    assert!(!suggests(&mut session).await);
    for nothing in [json!(null), json!({}), json!({"foretoken": null})] {
        push(&mut session, nothing).await;
        assert!(suggests(&mut session).await);
    }
    session.finish().await;
}

#[tokio::test]
async fn settings_are_pulled_where_the_editor_answers() {
    let mut persona = Persona::named("vscode");
    persona.answers["workspace/configuration"] = json!([{"completion": {"enabled": false}}]);
    let mut session = session(persona).await;
    session
        .wait_for(0, "workspace/configuration", |m| {
            m["method"] == "workspace/configuration"
        })
        .await;
    // The answer travels behind the question; a change notice without settings asks once more.
    let seen = session.trace().len();
    push(&mut session, Value::Null).await;
    session
        .wait_for(seen, "a second workspace/configuration", |m| {
            m["method"] == "workspace/configuration"
        })
        .await;
    let mut off = false;
    for _ in 0..50 {
        off = !suggests(&mut session).await;
        if off {
            break;
        }
    }
    assert!(off, "the pulled settings never counted");
    session.finish().await;
}

#[tokio::test]
async fn a_bad_value_is_reported_once_and_the_old_one_stays() {
    let mut session = session(Persona::named("silent")).await;
    push(&mut session, json!({"completion": {"enabled": false}})).await;
    let seen = session.trace().len();
    push(&mut session, json!({"completion": {"enabled": "perhaps"}})).await;
    session
        .wait_for(
            seen,
            "what is wrong with completion.enabled",
            told("completion.enabled"),
        )
        .await;
    assert!(
        !suggests(&mut session).await,
        "a bad value must not switch anything on"
    );
    session.finish().await;
}

/// The editor's settings may come from a workspace, so they never name a model or a library.
#[tokio::test]
async fn the_editor_cannot_name_files() {
    let mut session = session(Persona::named("silent")).await;
    let seen = session.trace().len();
    push(
        &mut session,
        json!({"model": {"folder": "/tmp/evil"}, "runtime": {"onnxruntime": "/tmp/evil.so"}}),
    )
    .await;
    for key in ["model.folder", "runtime.onnxruntime"] {
        session.wait_for(seen, key, told(key)).await;
    }
    assert!(suggests(&mut session).await);
    session.finish().await;
}

/// Files that hold secrets get nothing, whatever the editor says.
#[tokio::test]
async fn secret_files_are_excluded() {
    let mut session = session(Persona::named("silent")).await;
    let uri = "file:///project/.env";
    session
        .open(uri, "plaintext", &"API_TOKEN=abcdef\n".repeat(8))
        .await;
    let end = session.text(uri).len();
    session.change(uri, end, end, "API_TOK").await;
    let answer = session.invoke(uri, end + 7).await.result().await;
    assert_eq!(answer, json!({"items": []}));
    session.finish().await;
}
