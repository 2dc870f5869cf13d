//! What can be done with an answer that broke off, was cancelled, or that nobody gave; and what stays of it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use foretoken_tests::faultd::{self, Step};
use foretoken_tests::process::program;
use foretoken_tests::session::Session;
use serde_json::{Value, json};

use super::{Desk, actions, answering, choose, shown};

async fn explain(session: &mut Session, desk: &Desk) {
    let found = actions(session, &desk.uri("src/sum.rs"), json!([])).await;
    choose(session, &found, "foretoken.explain").await;
}

async fn execute(session: &mut Session, command: &str, argument: Value) -> Value {
    let params = json!({"command": command, "arguments": [argument]});
    let answer = session.request("workspace/executeCommand", params).await;
    answer.result().await
}

/// The newest row of the audit, once there is one.
async fn row(desk: &Desk) -> Value {
    let wait = async {
        loop {
            let (_, rows, _) = desk.run(&["audit", "show", "--json", "-n", "1"]);
            if let Ok(row) = serde_json::from_str::<Value>(&rows) {
                return row;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .expect("a row")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_broke_off_is_continued_by_a_request_of_its_own() {
    let half = faultd::openai_text("It adds all rows.\n\nAnd then");
    let broken = vec![
        faultd::stream_head(),
        Step::Send(half.into_bytes()),
        Step::Reset,
    ];
    let rest = faultd::openai(&["it returns the sum.\n"]);
    let desk = Desk::new(vec![broken, faultd::streamed(&rest)]).await;
    desk.allow();
    let mut session = desk.serve(answering("vscode", "Continue")).await;
    explain(&mut session, &desk).await;
    let document = shown(&session, 0).await;
    assert!(document.contains("Cut short"), "{document}");
    // The persona presses the button below it.
    let button = session
        .wait_for(0, "the button", |said| {
            said["method"] == "window/showMessageRequest"
        })
        .await;
    assert_eq!(button["params"]["actions"][0]["title"], "Continue");
    let whole = session
        .wait_for(0, "the whole", |said| {
            let uri = said["params"]["uri"].as_str().unwrap_or_default();
            let path = PathBuf::from(uri.strip_prefix("file://").unwrap_or_default());
            said["method"] == "window/showDocument"
                && std::fs::read_to_string(path).is_ok_and(|text| text.contains("returns the sum"))
        })
        .await;
    let path = whole["params"]["uri"]
        .as_str()
        .unwrap()
        .strip_prefix("file://")
        .unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text.matches("It adds all rows.").count(), 1, "{text}");
    assert!(!text.contains("Cut short"), "{text}");
    let status = execute(&mut session, "foretoken.status", Value::Null).await;
    assert_eq!(status["answers"]["asked"], 2);
    session.finish().await;
    let requests = desk.provider.requests();
    assert_eq!(requests.len(), 2);
    assert!(
        requests[1].body.contains("It adds all rows."),
        "{}",
        requests[1].body
    );
    assert!(
        requests[1].body.contains("Go on exactly where it ends"),
        "{}",
        requests[1].body
    );
    let (_, costs, _) = desk.run(&["audit", "costs", "--json"]);
    let costs: Value = serde_json::from_str(costs.trim()).unwrap();
    assert_eq!(costs["requests"], 2, "both are counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_question_leaves_a_row() {
    let begun = faultd::openai_text("It adds all rows.\n\n");
    let script = vec![
        faultd::stream_head(),
        Step::Send(begun.into_bytes()),
        Step::Hold,
    ];
    let desk = Desk::new(vec![script]).await;
    desk.allow();
    let mut session = desk.serve(answering("vscode", "-")).await;
    explain(&mut session, &desk).await;
    while desk.provider.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let cancelled = execute(&mut session, "foretoken.cancel", Value::Null).await;
    assert_eq!(cancelled["cancelled"], true);
    let row = row(&desk).await;
    assert_eq!(row["outcome"], "cancelled", "{row}");
    assert_eq!(row["asked"], "house/coder");
    session.finish().await;
    assert_eq!(desk.run(&["audit", "verify"]).0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_conversation_is_forgotten_whole() {
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Yes."]))]).await;
    desk.allow();
    let mut session = desk.serve(answering("vscode", "-")).await;
    explain(&mut session, &desk).await;
    let show = session
        .wait_for(0, "showDocument", |said| {
            said["method"] == "window/showDocument"
        })
        .await;
    let uri = show["params"]["uri"].as_str().unwrap().to_owned();
    let path = PathBuf::from(uri.strip_prefix("file://").unwrap());
    assert!(path.exists());
    let forgotten = execute(&mut session, "foretoken.forget", json!({"uri": uri})).await;
    assert_eq!(forgotten["forgotten"], true);
    let again = execute(&mut session, "foretoken.forget", json!({"uri": uri})).await;
    assert_eq!(again["forgotten"], false);
    let gone = async {
        while path.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .expect("the file goes");
    session.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_asked_to_be_left_alone_is_asked_again_by_a_button_or_a_command() {
    let limited = vec![
        faultd::whole(
            429,
            &[
                ("content-type", "application/json"),
                ("retry-after", "3600"),
            ],
            r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#,
        ),
        Step::Close,
    ];
    let good = faultd::streamed(&faultd::openai(&["It adds all rows.\n"]));
    let desk = Desk::new(vec![limited, good]).await;
    desk.allow();
    let mut session = desk.serve(answering("vscode", "Try now")).await;
    explain(&mut session, &desk).await;
    let document = shown(&session, 0).await;
    assert!(
        document.contains("total"),
        "what can be said without a model: {document}"
    );
    session
        .wait_for(0, "an answer", |said| {
            let uri = said["params"]["uri"].as_str().unwrap_or_default();
            let path = PathBuf::from(uri.strip_prefix("file://").unwrap_or_default());
            said["method"] == "window/showDocument"
                && std::fs::read_to_string(path).is_ok_and(|text| text.contains("It adds all rows"))
        })
        .await;
    let status = execute(&mut session, "foretoken.status", Value::Null).await;
    assert_eq!(status["endpoints"][0]["name"], "house");
    assert_eq!(status["endpoints"][0]["available"], true);
    let resumed = execute(&mut session, "foretoken.resume", json!("house")).await;
    assert_eq!(resumed["resumed"], json!(["house"]));
    let unknown = execute(&mut session, "foretoken.resume", json!("other")).await;
    assert_eq!(unknown["resumed"], json!([]));
    session.finish().await;
    assert_eq!(desk.provider.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_is_what_the_user_wants_and_is_told() {
    for (settings, rows, prompt, answer) in [
        (vec![("FORETOKEN_AUDIT_ENABLED", "false")], 0, false, false),
        (vec![("FORETOKEN_AUDIT_ANSWER", "off")], 1, false, false),
        (
            vec![
                ("FORETOKEN_AUDIT_PROMPT", "full"),
                ("FORETOKEN_AUDIT_ANSWER", "full"),
            ],
            1,
            true,
            true,
        ),
    ] {
        let mut desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Kept or not."]))]).await;
        let settings = settings
            .into_iter()
            .map(|(name, value)| (name, value.into()));
        desk.environment.extend(settings);
        desk.allow();
        let (code, out, err) = desk.run(&["explain", "src/sum.rs:5"]);
        assert_eq!(code, 0, "{out}{err}");
        assert_eq!(err.contains("kept as text"), prompt, "{err}");
        let (_, shown, _) = desk.run(&["audit", "show", "--json"]);
        assert_eq!(shown.lines().count(), rows, "{shown}");
        assert_eq!(shown.contains("for row in rows"), prompt, "{shown}");
        assert_eq!(shown.contains("Kept or not."), answer, "{shown}");
        // What was spent is counted in any case.
        assert_eq!(desk.run(&["audit", "costs"]).0, 0);
    }
    // A workspace cannot have anything kept.
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["No."]))]).await;
    desk.home
        .write("project/.foretoken.toml", "[audit]\nprompt = \"full\"\n");
    desk.allow();
    let (_, _, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert!(
        err.contains("`audit.prompt`") && err.contains("is ignored"),
        "{err}"
    );
    let (_, shown, _) = desk.run(&["audit", "show", "--json"]);
    assert!(!shown.contains("for row in rows"), "{shown}");
}

/// Ctrl-C on a terminal gives the question up; text has left by then, so it leaves a row.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_question_leaves_a_row() {
    let begun = faultd::openai_text("It adds all rows.\n\n");
    let begun = vec![
        faultd::stream_head(),
        Step::Send(begun.into_bytes()),
        Step::Hold,
    ];
    let desk = Desk::new(vec![begun]).await;
    desk.allow();
    let mut command = desk.home.command(&["explain", "src/sum.rs:5"]);
    command
        .envs(desk.variables())
        .current_dir(desk.project())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let from = Instant::now();
    while desk.provider.requests().is_empty() && from.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let interrupt = program("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    let ended = ended.await.unwrap();
    let err = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(130), "{err}");
    assert!(err.contains("given up"), "{err}");
    assert_eq!(row(&desk).await["outcome"], "cancelled");
}
