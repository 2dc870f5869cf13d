//! A workspace file that appears in the middle of a session: its rules hold for the next request, whether or
//! not the editor tells of it, and they only ever forbid.

use std::time::Instant;

use foretoken_tests::desk::{CODE, Desk, actions, ask, choose};
use foretoken_tests::faultd;
use foretoken_tests::persona::Persona;
use foretoken_tests::session::{LIMIT, Session};
use serde_json::{Value, json};

async fn desk() -> Desk {
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["It adds rows."]))]).await;
    desk.allow();
    desk
}

/// Asks what is refused with words on the screen, and returns them.
async fn refused(session: &mut Session, uri: &str) -> String {
    let from = session.trace().len();
    let found = actions(session, uri, json!([])).await;
    choose(session, &found, "foretoken.explain").await;
    let message = |said: &Value| said["method"] == "window/showMessage";
    let shown = session.wait_for(from, "a sentence", message).await;
    shown["params"]["message"].as_str().unwrap().to_owned()
}

/// Each time another question, so that none is answered from memory.
async fn explain(desk: &Desk, session: &mut Session) -> String {
    let uri = desk.uri("src/sum.rs");
    let at = session.text(&uri).find("    sum\n").unwrap();
    session.change(&uri, at, at, "    // more\n").await;
    ask(session, &uri, "foretoken.explain").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a39_a_file_that_appears_holds_for_the_next_question() {
    // No editor tells of the file in this test.
    let desk = desk().await;
    let mut session = desk.serve(Persona::named("vscode")).await;
    let document = explain(&desk, &mut session).await;
    assert!(document.contains("It adds rows."), "{document}");
    let own = "project/.foretoken.toml";

    for (rules, sentence) in [
        ("[remote]\nenabled = false\n", "switched off by a setting"),
        ("[remote\nenabled = false\n", "may forbid it"),
        ("[remote]\nlevel = \"local\"\n", "Not coder at house"),
        ("[remote]\nlocalOnly = [\"sum.rs\"]\n", "Not coder at house"),
        (
            "[remote]\nrequestBudget = 0.0000001\n",
            "Not coder at house",
        ),
    ] {
        desk.home.write(own, rules);
        let document = explain(&desk, &mut session).await;
        assert!(document.contains(sentence), "{rules}{document}");
    }
    desk.home
        .write(own, "[completion]\nexclude = [\"sum.rs\"]\n");
    let sentence = refused(&mut session, &desk.uri("src/sum.rs")).await;
    assert!(sentence.contains("This file is excluded"), "{sentence}");
    assert_eq!(desk.provider.requests().len(), 1);

    // Gone again, what the user's own settings say is left.
    std::fs::remove_file(desk.home.path().join(own)).unwrap();
    let begun = Instant::now();
    while actions(&mut session, &desk.uri("src/sum.rs"), json!([]))
        .await
        .is_empty()
    {
        assert!(begun.elapsed() < LIMIT);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let document = explain(&desk, &mut session).await;
    assert!(document.contains("It adds rows."), "{document}");
    session.finish().await;
    assert_eq!(desk.provider.requests().len(), 2);
}

/// The user's answer may come long after the question: what counts is what holds then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a39_a_file_that_appears_before_the_consent_is_given_holds_behind_it() {
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Never seen."]))]).await;
    let mut persona = Persona::named("vscode");
    let answers = persona.answers.as_object_mut().unwrap();
    answers.remove("window/showMessageRequest");
    let mut session = desk.serve(persona).await;
    let uri = desk.uri("src/sum.rs");
    let found = actions(&mut session, &uri, json!([])).await;
    choose(&mut session, &found, "foretoken.explain").await;
    let asks = |said: &Value| said["method"] == "window/showMessageRequest";
    let question = session.wait_for(0, "a question", asks).await;
    desk.home
        .write("project/.foretoken.toml", "[remote]\nenabled = false\n");
    let from = session.trace().len();
    let yes = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"title": "Allow for this project"}});
    session.send_all(&[yes]).await;
    let document = foretoken_tests::desk::shown(&session, from).await;
    assert!(document.contains("switched off by a setting"), "{document}");
    session.finish().await;
    assert_eq!(desk.provider.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a39_a_file_that_appears_holds_for_the_next_search() {
    let desk = desk().await;
    desk.home
        .write("project/src/walrus.rs", "pub fn walrus_count() {}\n");
    let mut session = desk.serve(Persona::named("vscode")).await;
    let begun = Instant::now();
    let search = |query: &str| json!({"query": query});
    loop {
        let asked = session.request("foretoken/search", search("walrus_count"));
        let found = asked.await.result().await;
        if !found["hits"].as_array().unwrap().is_empty() {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{found}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for rules in [
        "[completion]\nexclude = [\"walrus.rs\"]\n",
        "[index]\nenabled = false\n",
        "[index\n",
    ] {
        desk.home.write("project/.foretoken.toml", rules);
        let asked = session.request("foretoken/search", search("walrus_count"));
        let found = asked.await.result().await;
        assert_eq!(found["hits"], json!([]), "{rules}");
        std::fs::remove_file(desk.home.path().join("project/.foretoken.toml")).unwrap();
        // The index comes back behind the next look, which is another test's business.
        let status = session.status(false).await;
        assert!(status.is_object());
        let mut found = json!({"hits": []});
        while found["hits"] == json!([]) {
            assert!(begun.elapsed() < LIMIT, "{rules}");
            let asked = session.request("foretoken/search", search("walrus_count"));
            found = asked.await.result().await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    session.finish().await;
}

/// Where the editor tells of the file, the order of the wire holds for suggestions too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a39_a_file_that_the_editor_tells_of_holds_for_the_next_suggestion() {
    let desk = desk().await;
    let mut session = desk.serve(Persona::named("vscode")).await;
    let uri = desk.uri("src/lines.rs");
    let line = "    registry.register_handler(name, handler);\n";
    let text = format!("fn main() {{\n{}    registry.reg", line.repeat(8));
    session.open(&uri, "rust", &text).await;
    let answer = session.invoke(&uri, text.len()).await.result().await;
    assert_eq!(answer["items"].as_array().unwrap().len(), 1, "{answer}");
    for rules in [
        "[completion]\nenabled = false\n",
        "[completion]\nexclude = [\"lines.rs\"]\n",
        "[completion]\ndisabledLanguages = [\"rust\"]\n",
    ] {
        desk.home.write("project/.foretoken.toml", rules);
        let changes = json!({"changes": [{"uri": desk.uri(".foretoken.toml"), "type": 1}]});
        session
            .notify("workspace/didChangeWatchedFiles", changes)
            .await;
        let answer = session.invoke(&uri, text.len()).await.result().await;
        assert_eq!(answer["items"], json!([]), "{rules}");
        std::fs::remove_file(desk.home.path().join("project/.foretoken.toml")).unwrap();
        let changes = json!({"changes": [{"uri": desk.uri(".foretoken.toml"), "type": 3}]});
        session
            .notify("workspace/didChangeWatchedFiles", changes)
            .await;
        let answer = session.invoke(&uri, text.len()).await.result().await;
        assert_eq!(answer["items"].as_array().unwrap().len(), 1, "{answer}");
    }
    // Where it does not, a look beside the requests finds the file.
    desk.home
        .write("project/.foretoken.toml", "[completion]\nenabled = false\n");
    let begun = Instant::now();
    while session.invoke(&uri, text.len()).await.result().await["items"] != json!([]) {
        assert!(begun.elapsed() < LIMIT);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    session.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a39_what_loosens_has_no_effect() {
    let mut desk = desk().await;
    let loose = "[remote]\nenabled = true\nlevel = \"public\"\ndailyBudget = 1000.0\nlocalOnly = []\n[index]\nenabled = true\n[completion]\nexclude = []\nenabled = true\n";
    let user = |name, value: &str| (name, value.into());
    for (name, value) in [
        ("FORETOKEN_REMOTE_ENABLED", "false"),
        ("FORETOKEN_REMOTE_LEVEL", "local"),
        ("FORETOKEN_REMOTE_LOCAL_ONLY", "sum.rs"),
        ("FORETOKEN_REMOTE_REQUEST_BUDGET", "0.0000001"),
        ("FORETOKEN_COMPLETION_EXCLUDE", "sum.rs"),
    ] {
        desk.environment.truncate(1);
        desk.environment.push(user(name, value));
        desk.home.write("project/.foretoken.toml", "");
        let before = desk.run(&["explain", "src/sum.rs:5"]);
        desk.home.write("project/.foretoken.toml", loose);
        let after = desk.run(&["explain", "src/sum.rs:5"]);
        assert_ne!(before.0, 0, "{name}: {}{}", before.1, before.2);
        assert_eq!((before.0, &before.1), (after.0, &after.1), "{name}");
    }
    assert_eq!(desk.provider.connections(), 0);
    assert!(CODE.contains("total"));
}
