//! Keys of endpoints by the command line: put where the settings say, sent to their origin, and never shown.

use std::io::Write as _;
use std::process::Stdio;

use foretoken_tests::desk::Desk;
use foretoken_tests::faultd;
use foretoken_tests::process::{binary, skip};
use foretoken_tests::terminal::Terminal;
use serde_json::json;

/// Made of parts, so that no key-shaped text stands in the repository.
fn canary() -> String {
    ["canary", "0123456789abcdef"].join("-")
}

/// Runs a command with this on its stdin: its code, and all that it says.
fn pipe(desk: &Desk, arguments: &[&str], input: &str) -> (i32, String) {
    let mut command = desk.home.command(arguments);
    command
        .envs(desk.variables())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may not read what it refuses.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_stored_used_for_its_origin_listed_and_removed() {
    let mut desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Yes."]))]).await;
    desk.endpoint = json!({"key": "file"});
    desk.allow();
    let key = canary();
    let (_, _, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert!(err.contains("key"), "{err}");
    assert_eq!(desk.provider.requests().len(), 0);
    let (code, said) = pipe(&desk, &["keys", "set", "house"], &format!("{key}\n"));
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("keys.toml") && said.contains("http://127.0.0.1:"),
        "{said}"
    );
    assert!(!said.contains(&key), "{said}");
    let (code, out, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert_eq!(code, 0, "{out}{err}");
    let sent = desk.provider.requests();
    assert_eq!(
        sent[0].header("authorization"),
        Some(format!("Bearer {key}").as_str())
    );
    for arguments in [
        &["keys", "list"][..],
        &["endpoints"],
        &["endpoints", "--json"],
    ] {
        let (code, out, err) = desk.run(arguments);
        assert_eq!(code, 0, "{err}");
        assert!(
            out.contains("in keys.toml") && out.contains("house"),
            "{out}"
        );
        assert!(!(out + &err).contains(&key));
    }
    // Under the same name at another origin there is no key.
    desk.endpoint = json!({"key": "file", "baseUrl": "http://127.0.0.1:9/v1"});
    let (_, out, _) = desk.run(&["keys", "list"]);
    assert!(out.contains("house\thttp://127.0.0.1:9\tmissing"), "{out}");
    assert!(out.contains("used by no endpoint"), "{out}");
    desk.endpoint = json!({"key": "file"});
    assert_eq!(desk.run(&["keys", "remove", "house"]).0, 0);
    assert_eq!(desk.run(&["keys", "remove", "house"]).0, 1);
    let (_, out, _) = desk.run(&["keys", "list"]);
    assert!(out.contains("missing"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_key_or_has_no_place_is_refused() {
    let mut desk = Desk::new(vec![faultd::streamed("")]).await;
    let (code, said) = pipe(&desk, &["keys", "set", "house"], "key\n");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("write `key = "), "{said}");
    desk.endpoint = json!({"key": "env:HOUSE_KEY"});
    assert!(
        pipe(&desk, &["keys", "set", "house"], "key\n")
            .1
            .contains("HOUSE_KEY")
    );
    desk.endpoint = json!({"key": "file"});
    for wrong in ["", "two words\n", "two\nlines\n", &"x".repeat(10_000)] {
        let (code, said) = pipe(&desk, &["keys", "set", "house"], wrong);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("characters that no key has"), "{said}");
    }
    let (code, said) = pipe(&desk, &["keys", "set", "other"], "key\n");
    assert_eq!(code, 2);
    assert!(said.contains("known are house"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_terminal_the_key_is_not_shown() {
    if !Terminal::available() {
        return skip("there is no tmux");
    }
    let mut desk = Desk::new(vec![faultd::streamed("")]).await;
    desk.endpoint = json!({"key": "file"});
    let home = desk.home.path().to_string_lossy().into_owned();
    let endpoints = desk.endpoints().to_string();
    let environment = [("HOME", home), ("FORETOKEN_REMOTE_ENDPOINTS", endpoints)];
    let program = binary().to_string_lossy().into_owned();
    let line = format!("{program} keys set house; echo code $?; read wait");
    let terminal = Terminal::start("keys", desk.home.path(), &environment, &["sh", "-c", &line]);
    terminal
        .until("the question", |screen| screen.contains("it is not shown"))
        .await;
    terminal.write(&canary());
    terminal.press(&["Enter"]);
    let screen = terminal
        .until("the end", |screen| screen.contains("code 0"))
        .await;
    assert!(!screen.contains("canary"), "{screen}");
}
