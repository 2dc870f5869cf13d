//! Questions about code, end to end: the real program, an editor's part played over the wire, and a
//! provider that says what the test wants. What leaves the machine is what the provider was sent.

use std::ffi::OsString;
use std::io::Write as _;

use foretoken_tests::desk::{CODE, Desk, actions, answering, choose, key, shown};
use foretoken_tests::faultd;
use foretoken_tests::litellm::Litellm;
use foretoken_tests::persona::Persona;
use serde_json::{Value, json};

mod again;
mod canary;
mod editors;
mod edits;
mod feedback;
mod keys;
mod lookups;
mod memory;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_before_the_user_allows_it() {
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Never seen."]))]).await;
    let uri = desk.uri("src/sum.rs");
    let mut session = desk.serve(Persona::named("vscode")).await;
    let found = actions(&mut session, &uri, json!([])).await;
    choose(&mut session, &found, "foretoken.explain").await;
    let question = session
        .wait_for(0, "a question", |said| {
            said["method"] == "window/showMessageRequest"
        })
        .await;
    let text = question["params"]["message"].as_str().unwrap();
    assert!(text.contains("house (http://127.0.0.1:"), "{text}");
    assert!(text.contains("project"), "{text}");
    // The persona closes the question, which is a no: the answer is made without a model.
    let document = shown(&session, 0).await;
    assert!(document.contains("total"), "{document}");
    assert!(document.contains("not allowed"), "{document}");
    session.finish().await;
    assert_eq!(desk.provider.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explanation_streams_with_its_sources_after_one_consent() {
    let answer = faultd::openai(&["It adds ", "all rows [S2].\n\n", "It may overflow [S2].\n"]);
    let desk = Desk::new(vec![faultd::streamed(&answer)]).await;
    let uri = desk.uri("src/sum.rs");
    let mut session = desk
        .serve(answering("vscode", "Allow for this project"))
        .await;
    for round in 0..2 {
        let from = session.trace().len();
        let found = actions(&mut session, &uri, json!([])).await;
        choose(&mut session, &found, "foretoken.explain").await;
        let document = shown(&session, from).await;
        assert!(document.contains("It adds all rows"), "{document}");
        assert!(document.contains("src/sum.rs:1-8"), "{document}");
        let how = [
            "answered (10 + 20 tokens, $0.00005)",
            "answered this question before",
        ];
        assert!(
            document.contains(&format!("fault-1 at house {}", how[round])),
            "{document}"
        );
        let asked = session
            .trace()
            .find(from, |said| said["method"] == "window/showMessageRequest");
        assert_eq!(asked.is_some(), round == 0, "the consent is on record");
    }
    session.finish().await;
    let requests = desk.provider.requests();
    assert_eq!(requests.len(), 1, "the same question is not sent twice");
    assert!(requests[0].body.contains("for row in rows"));
    let (code, listed, _) = desk.run(&["consent", "list"]);
    assert_eq!(code, 0);
    assert!(listed.contains("http://127.0.0.1:"), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fix_is_confirmed_and_stays_in_the_lines_that_were_asked_about() {
    let fixed = CODE
        .replace("-> u8", "-> u64")
        .replace("sum += row", "sum += u64::from(*row)");
    let answer = faultd::openai(&["```rust\n", fixed.trim_end(), "\n```\n"]);
    let desk = Desk::new(vec![faultd::streamed(&answer)]).await;
    desk.allow();
    let uri = desk.uri("src/sum.rs");
    let mut session = desk.serve(answering("neovim", "Apply")).await;
    let at = json!({"line": 4, "character": 8});
    let diagnostics = json!([{"range": {"start": at, "end": at}, "message": "this may overflow"}]);
    let found = actions(&mut session, &uri, diagnostics).await;
    choose(&mut session, &found, "foretoken.fix").await;
    let applied = session
        .wait_for(0, "an edit", |said| said["method"] == "workspace/applyEdit")
        .await;
    let edits = applied["params"]["edit"]["changes"][&uri]
        .as_array()
        .unwrap()
        .clone();
    assert!(!edits.is_empty());
    for edit in &edits {
        let lines = edit["range"]["start"]["line"].as_u64().unwrap()
            ..=edit["range"]["end"]["line"].as_u64().unwrap();
        assert!(*lines.start() >= 1 && *lines.end() <= 7, "{edit}");
    }
    let text: String = edits
        .iter()
        .filter_map(|edit| edit["newText"].as_str())
        .collect();
    assert!(text.contains("u64::from(*row)"), "{text}");
    session.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_keys_of_the_user_never_leave() {
    let key = key();
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Seen."]))]).await;
    desk.allow();
    let code = CODE.replace("sum = 0", &format!("sum = read(\"{key}\")"));
    desk.home.write("project/src/keys.rs", &code);
    let (status, out, err) = desk.run(&["explain", "src/keys.rs:3", "--why"]);
    assert_eq!(status, 0, "{out}{err}");
    let sent = &desk.provider.requests()[0];
    assert!(sent.body.contains("FTSECRET_"), "{}", sent.body);
    assert!(!sent.body.contains(&key), "{}", sent.body);
    assert!(
        err.contains("1 secret or personal datum was replaced"),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_sends_the_editors_prompt() {
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Yes."]))]).await;
    desk.allow();
    let uri = desk.uri("src/sum.rs");
    let mut session = desk.serve(Persona::named("silent")).await;
    let found = actions(&mut session, &uri, json!([])).await;
    choose(&mut session, &found, "foretoken.explain").await;
    session
        .wait_for(0, "where the answer is", |said| {
            let message = said["params"]["message"].as_str();
            message.is_some_and(|message| message.contains("The answer is in"))
        })
        .await;
    session.finish().await;
    let (code, out, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert_eq!((code, out.contains("Yes.")), (0, true), "{out}{err}");
    let requests = desk.provider.requests();
    let prompt = |at: usize| {
        let body: Value = serde_json::from_str(&requests[at].body).unwrap();
        let text = body["messages"].to_string();
        // The mark of each conversation is 128 random bits.
        let end = text.find(" id=S1").unwrap();
        let mark = text[end - 32..end].to_owned();
        text.replace(&mark, "MARK")
    };
    assert_eq!(prompt(0), prompt(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a26_a_broken_stream_keeps_and_marks_its_text() {
    let half = faultd::openai_text("It adds all rows.\n\nAnd then");
    let script = vec![
        faultd::stream_head(),
        faultd::Step::Send(half.into_bytes()),
        faultd::Step::Reset,
    ];
    let desk = Desk::new(vec![script]).await;
    desk.allow();
    let (code, out, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert_eq!(code, 1, "{out}{err}");
    assert_eq!(out.matches("It adds all rows.").count(), 1, "{out}");
    assert!(err.contains("house"), "{err}");
    assert_eq!(desk.provider.requests().len(), 1, "it is not asked again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_prompt_can_be_read_before_anything_is_sent() {
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["No."]))]).await;
    let (code, out, err) = desk.run(&[
        "ask", "where", "is", "the", "sum", "of", "rows?", "--prompt",
    ]);
    assert_eq!(code, 0, "{err}");
    let prompt: Value = serde_json::from_str(&out).unwrap();
    let text = prompt["messages"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("The question: where is the sum of rows?"),
        "{text}"
    );
    assert!(text.contains("source=src/sum.rs:1-8"), "{text}");
    assert_eq!(desk.provider.connections(), 0);
    // Without consent the answer is what can be said without a model.
    let (code, out, err) = desk.run(&["explain", "src/sum.rs:5", "--why"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("foretoken consent allow house"), "{err}");
    assert_eq!(desk.provider.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_a_key_that_is_split_over_two_pieces_never_leaves() {
    // The first half ends one section and the second begins the next: no look at either sees a key.
    let key = key();
    let (first, second) = key.split_at(40);
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Seen."]))]).await;
    desk.allow();
    desk.home
        .write("project/notes.txt", format!("{second}\nand more\n"));
    let diagnostic = format!("not accepted: {first}");
    let (code, out, err) = desk.run(&[
        "ask",
        "--about",
        "notes.txt:1-2",
        "--diagnostic",
        &diagnostic,
        "what is this",
    ]);
    assert_eq!(code, 0, "{out}{err}");
    let body = &desk.provider.requests()[0].body;
    assert!(!(body.contains(first) && body.contains(second)), "{body}");
}

/// Everything that a session does but a question that was allowed: suggestions, the index, a search, questions
/// that the user does not allow. The system's own record says what was connected to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_consent_the_system_sees_no_connection() {
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Never seen."]))]).await;
    let uri = desk.uri("src/sum.rs");
    let mut persona = Persona::named("vscode");
    let project = format!("file://{}", desk.home.path().join("project").display());
    persona.initialize["rootUri"] = project.clone().into();
    persona.initialize["workspaceFolders"] = json!([{"uri": project, "name": "project"}]);
    let endpoints = OsString::from(desk.endpoints().to_string());
    let environment = [("FORETOKEN_REMOTE_ENDPOINTS", endpoints.as_os_str())];
    let mut session = match desk
        .home
        .serve_traced(persona, &environment, "connect,sendto,sendmsg")
    {
        Ok(session) => session,
        Err(why) => {
            // Past the harness, so that it is seen.
            let _ = writeln!(std::io::stderr(), "SKIP strace: {}", why.trim());
            return;
        }
    };
    session.initialize().await;
    session.open(&uri, "rust", CODE).await;
    session.model_settled().await;
    session.invoke(&uri, CODE.len()).await.result().await;
    let search = json!({"query": "sum of all rows"});
    session
        .request("foretoken/search", search)
        .await
        .result()
        .await;
    let diagnostics = json!([{"range": {"start": {"line": 4, "character": 8}, "end": {"line": 4, "character": 9}}, "message": "overflow"}]);
    for command in ["foretoken.explain", "foretoken.debug", "foretoken.fix"] {
        let from = session.trace().len();
        let found = actions(&mut session, &uri, diagnostics.clone()).await;
        choose(&mut session, &found, command).await;
        shown(&session, from).await;
    }
    session.finish().await;
    let record = std::fs::read_to_string(desk.home.path().join("calls")).unwrap();
    let outside: Vec<&str> = record
        .lines()
        .filter(|line| line.contains("AF_INET"))
        .collect();
    assert!(outside.is_empty(), "{}", outside.join("\n"));
    assert_eq!(desk.provider.connections(), 0);
}

/// A workspace file that cannot be read may forbid what was allowed before: nobody is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a39_a_broken_workspace_file_asks_nobody() {
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Never seen."]))]).await;
    desk.allow();
    desk.home
        .write("project/.foretoken.toml", "[remote\nenabled = false\n");
    let (code, out, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("cannot be read and may forbid it"), "{err}");
    let mut session = desk.serve(Persona::named("vscode")).await;
    let found = actions(&mut session, &desk.uri("src/sum.rs"), json!([])).await;
    choose(&mut session, &found, "foretoken.explain").await;
    let document = shown(&session, 0).await;
    assert!(document.contains("may forbid it"), "{document}");
    session.finish().await;
    assert_eq!(desk.provider.connections(), 0);
}

/// The real LiteLLM proxy on both wires, its first model at fault: the next answers, and the books know both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_gateway_answers_on_both_wires_behind_a_model_that_fails() {
    let gateway = match Litellm::start().await {
        Ok(gateway) => gateway,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "SKIP litellm: {}", why.trim());
            return;
        }
    };
    let desk = Desk::new(Vec::new()).await;
    let base = format!("http://127.0.0.1:{}/v1", gateway.port());
    for (wire, model) in [("openai", "plain"), ("anthropic", "through")] {
        let endpoints = json!([
            {"name": "broken", "baseUrl": base, "wire": wire, "key": "env:GATEWAY_KEY", "models": [{"name": "broken", "tier": "small"}]},
            {"name": "house", "baseUrl": base, "wire": wire, "key": "env:GATEWAY_KEY", "models": [{"name": model, "tier": "large"}]},
        ]);
        let mut command = desk
            .home
            .command(&["explain", "src/sum.rs:5", "--allow", "--why"]);
        command
            .env("FORETOKEN_REMOTE_ENDPOINTS", endpoints.to_string())
            .env("GATEWAY_KEY", "first-key")
            .current_dir(desk.home.path().join("project"))
            .stdin(std::process::Stdio::null());
        let output = command.output().unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        assert_eq!(output.status.code(), Some(0), "{wire}: {out}{err}");
        assert!(
            out.contains("The loop ends one too early."),
            "{wire}: {out}"
        );
        assert!(err.contains("asking the next model"), "{wire}: {err}");
        assert!(!(out + &err).contains("first-key"), "{wire}: {err}");
    }
    let (code, shown, _) = desk.run(&["audit", "show", "--json"]);
    let rows: Vec<Value> = shown
        .lines()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    assert_eq!((code, rows.len()), (0, 2), "{shown}");
    assert!(
        rows.iter()
            .all(|row| row["outcome"] == "finished" && row["asked"] == "broken/broken")
    );
    assert_eq!(desk.run(&["audit", "verify"]).0, 0);
}

/// What a prompt says of the rest of the project comes from what the code does, not from words alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_prompt_has_definitions_callers_and_tests_by_their_use() {
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Never seen."]))]).await;
    let body = "    let number = compute(first, second, third, fourth);\n".repeat(6);
    let code = CODE.replace("sum += row;", "sum = clamp(sum + row);");
    desk.home.write("project/src/sum.rs", &code);
    for (path, text) in [
        ("src/round.rs", "pub fn clamp(value: u8) -> u8 {\n"),
        ("src/main.rs", "fn main() {\n    total(&[1]);\n"),
        ("tests/sum.rs", "#[test]\nfn sums() {\n    total(&[2]);\n"),
        (
            "src/prose.rs",
            "// Here total is only said, and clamp.\nfn other() {\n",
        ),
    ] {
        desk.home
            .write(&format!("project/{path}"), format!("{text}{body}}}\n"));
    }
    let (_, out, err) = desk.run(&["explain", "src/sum.rs:5", "--why"]);
    let told = format!("{out}{err}");
    for section in [
        "definition src/round.rs:1-8",
        "caller src/main.rs:1-9",
        "test tests/sum.rs:1-10",
    ] {
        assert!(told.contains(section), "{section}: {told}");
    }
    for section in ["caller src/prose.rs", "definition src/prose.rs"] {
        assert!(!told.contains(section), "{section}: {told}");
    }
}
