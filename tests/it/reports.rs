//! Error reports, of the built program and of a process that panics: what arrives, what never does, and that
//! without a DSN there is nothing at all.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use foretoken::config::{Layers, Settings};
use foretoken::paths::Paths;
use foretoken::{ServeOptions, telemetry};
use foretoken_tests::bugsink::Bugsink;
use foretoken_tests::desk::{CODE, Desk, key};
use foretoken_tests::faultd::{self, Faultd, Script, whole};
use foretoken_tests::persona::Persona;
use foretoken_tests::process::{Home, program};
use foretoken_tests::server;
use serde_json::{Value, json};

const CANARY: &str = "Kanarienvogel";

/// A server of reports.
async fn sink(script: Script) -> (Faultd, String) {
    let server = Faultd::start(vec![script]).await;
    let dsn = format!("http://publickey@{}/3", server.address());
    (server, dsn)
}

fn taken() -> Script {
    vec![whole(200, &[("content-type", "application/json")], "{}")]
}

/// A desk whose endpoint answers with what is no answer, in a project whose code holds a key and a canary.
async fn failing(environment: &[(&'static str, &str)]) -> (Desk, String) {
    let nonsense = faultd::json(200, "{\"choices\": 3}");
    let mut desk = Desk::new(vec![vec![nonsense]]).await;
    let variables = environment
        .iter()
        .map(|(name, value)| (*name, (*value).into()));
    desk.environment.extend(variables);
    desk.allow();
    let key = key();
    let code = CODE.replace(
        "sum = 0;",
        &format!("sum = 0; // {CANARY}\n    let key = \"{key}\";"),
    );
    desk.home.write("project/src/sum.rs", code);
    (desk, key)
}

/// Asks the endpoint about the code, which it is sent.
fn ask(desk: &Desk) {
    let (_, _, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert!(desk.sent().contains(CANARY), "{err}");
}

fn folder(home: &Home) -> PathBuf {
    home.path().join(".local/state/foretoken/reports")
}

/// All bytes of all reports that lie there.
fn lying(home: &Home) -> String {
    let files = std::fs::read_dir(folder(home)).into_iter().flatten();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.collect()
}

/// Waits until the server has so many requests.
async fn arrive(server: &Faultd, count: usize) {
    let begun = Instant::now();
    while server.requests().len() < count {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "no report arrives"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The payload of an envelope.
fn payload(body: &str) -> Value {
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(lines.len(), 3, "{body}");
    let item: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(item, json!({"type": "event", "length": lines[2].len()}));
    serde_json::from_str(lines[2]).unwrap()
}

/// An endpoint that cannot be understood: the report lies there, `show` prints precisely what `send` sends, and
/// nothing of the question is in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_shown_and_sent_byte_for_byte_without_a_word_of_the_question() {
    let (sink, dsn) = sink(taken()).await;
    let (desk, key) = failing(&[("FORETOKEN_REPORTS_DSN", &dsn)]).await;
    ask(&desk);
    assert_eq!(sink.connections(), 0, "a command does not wait for it");
    let (code, shown, err) = desk.run(&["reports", "show"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        err.contains("1 report in ") && err.contains("/api/3/envelope/"),
        "{err}"
    );
    let (_, doctor, _) = desk.run(&["doctor"]);
    let origin = format!("on, to http://{}; 1 wait", sink.address());
    assert!(doctor.contains(&origin), "{doctor}");
    let (code, ids, err) = desk.run(&["reports", "send"]);
    assert_eq!(code, 0, "{err}");
    let requests = sink.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].body, shown);
    let event = payload(&shown);
    assert_eq!(event["event_id"], ids.trim());
    assert_eq!(event["exception"]["values"][0]["type"], "endpoint failed");
    assert_eq!(event["exception"]["values"][0]["value"], "protocol");
    assert_eq!(event["tags"]["stage"], "explain");
    let home = desk.home.path().to_str().unwrap();
    for word in [CANARY, &key, home, "sum.rs", "house", "coder"] {
        assert!(!requests[0].body.contains(word), "{word}: {shown}");
        assert!(!requests[0].head.contains(word), "{word}");
    }
    let (code, shown, _) = desk.run(&["reports", "show"]);
    assert_eq!((code, shown.as_str()), (1, ""));
    let (code, _, _) = desk.run(&["reports", "send"]);
    assert_eq!(code, 1);
}

/// The crash of one process is sent by the next server, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_server_sends_what_lies_there() {
    let (sink, dsn) = sink(taken()).await;
    let (desk, _) = failing(&[("FORETOKEN_REPORTS_DSN", &dsn)]).await;
    ask(&desk);
    let session = desk.serve(Persona::named("vscode")).await;
    arrive(&sink, 1).await;
    session.finish().await;
    let session = desk.serve(Persona::named("vscode")).await;
    session.finish().await;
    assert_eq!(sink.requests().len(), 1);
    assert!(!lying(&desk.home).contains("event_id"));
}

/// A program that fails in many ways at once is heard ten times in an hour, over all of its starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_reports_go_out_in_an_hour() {
    let (sink, dsn) = sink(taken()).await;
    let (desk, _) = failing(&[("FORETOKEN_REPORTS_DSN", &dsn)]).await;
    ask(&desk);
    let one = lying(&desk.home);
    let id = serde_json::from_str::<Value>(&one).unwrap()["event_id"].clone();
    for number in 0..11 {
        let other = one.replace(id.as_str().unwrap(), &format!("{number:032x}"));
        std::fs::write(folder(&desk.home).join(format!("{number:02}.json")), other).unwrap();
    }
    let session = desk.serve(Persona::named("vscode")).await;
    arrive(&sink, 10).await;
    session.finish().await;
    let session = desk.serve(Persona::named("vscode")).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    session.finish().await;
    assert_eq!(sink.requests().len(), 10);
    let (_, shown, _) = desk.run(&["reports", "show"]);
    assert_eq!(shown.lines().count(), 6, "two are left: {shown}");
}

/// Nobody is asked again before the time that the server named, and what is refused for good is thrown away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_wants_to_be_left_alone_is() {
    let (sink, dsn) = sink(vec![whole(429, &[("retry-after", "600")], "")]).await;
    let (desk, _) = failing(&[("FORETOKEN_REPORTS_DSN", &dsn)]).await;
    ask(&desk);
    let session = desk.serve(Persona::named("vscode")).await;
    arrive(&sink, 1).await;
    session.finish().await;
    let session = desk.serve(Persona::named("vscode")).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    session.finish().await;
    assert_eq!(sink.requests().len(), 1);
    assert!(lying(&desk.home).contains("event_id"));
    let (code, _, err) = desk.run(&["reports", "send"]);
    assert!(code == 2 && err.contains("limits how often"), "{err}");
    let (code, _, err) = desk.run(&["reports", "delete"]);
    assert!(code == 0 && err.contains("1 report thrown away"), "{err}");
    assert!(!lying(&desk.home).contains("event_id"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_report_arrives_or_says_why_not() {
    let (sink, dsn) = sink(taken()).await;
    let home = Home::default();
    let run = |dsn: &str| {
        let mut command = home.command(&["reports", "test"]);
        command.env("FORETOKEN_REPORTS_DSN", dsn);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (code, id, err) = run(&dsn);
    assert_eq!(code, Some(0), "{err}");
    let event = payload(&sink.requests()[0].body);
    assert_eq!(
        (event["event_id"].as_str(), event["level"].as_str()),
        (Some(id.trim()), Some("info"))
    );
    assert!(!folder(&home).exists(), "nothing is written for it");
    let (code, _, err) = run("");
    assert!(code == Some(2) && err.contains("`reports.dsn`"), "{err}");
    let (code, _, err) = run("http://k@reports.example/1");
    assert!(code == Some(2) && err.contains("use https"), "{err}");
    let away = dsn.replace(&sink.address().to_string(), "127.0.0.1:9");
    let (code, _, err) = run(&away);
    assert!(
        code == Some(2) && err.contains("cannot be reached"),
        "{err}"
    );
}

/// Without a DSN of the user's own: no file and no connection, whatever the workspace and the editor say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_dsn_of_the_users_there_is_nothing() {
    let (sink, dsn) = sink(taken()).await;
    let (desk, _) = failing(&[]).await;
    let section = format!("[reports]\ndsn = \"{dsn}\"\n");
    desk.home.write("project/.foretoken.toml", section);
    let mut persona = Persona::named("vscode");
    persona.initialize["initializationOptions"]["settings"] = json!({"reports": {"dsn": dsn}});
    persona.answers["workspace/configuration"] = json!([{"reports": {"dsn": dsn}}]);
    ask(&desk);
    let session = desk.serve(persona).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    session.finish().await;
    for arguments in [&["reports", "show"], &["reports", "send"]] {
        let (code, _, err) = desk.run(arguments);
        assert!(code > 0, "{err}");
    }
    assert!(!folder(&desk.home).exists());
    assert_eq!(sink.connections(), 0);
    let (_, doctor, _) = desk.run(&["doctor"]);
    assert!(
        doctor.contains("off; nothing that fails is told"),
        "{doctor}"
    );
}

/// A process with a server in it of which a request panics, with a canary in the message and in the document.
fn panicking() {
    let paths = Paths::find();
    let (settings, _) = Settings::from_layers(&Layers::load(paths.as_ref()));
    telemetry::start(telemetry::LevelFilter::TRACE, None, None);
    foretoken::reports::start(&settings.reports, paths.as_ref());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let fault = |method: &str| {
            if method == "textDocument/codeAction" {
                let text = format!("{CANARY} in {method}");
                panic!("{text}");
            }
        };
        let options = ServeOptions {
            fault: Some(std::sync::Arc::new(fault)),
            ..server::without_model()
        };
        let mut session = server::start(Persona::named("neovim"), options);
        session.initialize().await;
        let text = format!("fn main() {{}} // {CANARY}\n");
        session.open("file:///w/a.rs", "rust", &text).await;
        let at = json!({"line": 0, "character": 3});
        for _ in 0..5 {
            let params = json!({
                "textDocument": {"uri": "file:///w/a.rs"},
                "range": {"start": at, "end": at},
                "context": {"diagnostics": []},
            });
            let answer = session.request("textDocument/codeAction", params).await;
            let _ = answer.reply().await;
        }
        let literal = std::thread::Builder::new().name(format!("of {CANARY}"));
        let literal = literal.spawn(|| panic!("a literal of the source"));
        assert!(literal.unwrap().join().is_err());
        session.finish().await;
    });
}

/// Panics with a canary in message, request and thread name: one report for each place, with a count, and the
/// canary in no byte of what is written and sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a18_a_panic_is_reported_by_its_place_and_nothing_else() {
    const CHILD: &str = "FORETOKEN_TEST_PANICKING";
    if std::env::var_os(CHILD).is_some() {
        return tokio::task::spawn_blocking(panicking).await.unwrap();
    }
    let (sink, dsn) = sink(taken()).await;
    let home = Home::default();
    let environment =
        |name: &str, folder: &str| (format!("XDG_{name}_HOME"), home.path().join(folder));
    let mut child = program(std::env::current_exe().unwrap());
    child
        .args([
            "--exact",
            "reports::a18_a_panic_is_reported_by_its_place_and_nothing_else",
        ])
        .arg("--nocapture")
        .envs([
            environment("STATE", ".local/state"),
            environment("CONFIG", ".config"),
        ])
        .env("HOME", home.path())
        .env("FORETOKEN_REPORTS_DSN", &dsn)
        .env(CHILD, "1");
    let output = tokio::task::spawn_blocking(move || child.output()).await;
    let output = output.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(sink.connections(), 0, "that process had no time to send");
    let lying = lying(&home);
    assert_eq!(lying.matches("\"type\":\"panic\"").count(), 2, "{lying}");
    assert!(!lying.contains(CANARY), "{lying}");
    // The next start sends them.
    let mut session = home.serve(
        Persona::named("silent"),
        &[
            ("FORETOKEN_REPORTS_DSN", dsn.as_ref()),
            ("FORETOKEN_MODEL_FOLDER", "/nowhere".as_ref()),
        ],
    );
    session.initialize().await;
    arrive(&sink, 2).await;
    session.finish().await;
    let requests = sink.requests();
    let mut events: Vec<Value> = requests.iter().map(|seen| payload(&seen.body)).collect();
    events.sort_by_key(|event| event["exception"]["values"][0]["value"].to_string());
    let said = |at: usize, field: &str| events[at]["exception"]["values"][0][field].clone();
    assert_eq!(said(0, "value"), "(withheld)");
    assert_eq!(said(1, "value"), "a literal of the source");
    assert_eq!(
        events[0]["tags"]["count"], "4",
        "five, counted in powers of two"
    );
    for at in [0, 1] {
        assert_eq!(
            said(at, "stacktrace")["frames"][0]["filename"],
            "tests/it/reports.rs"
        );
    }
    assert_eq!(events[1]["tags"].get("thread"), None);
    for seen in requests {
        assert!(
            !seen.body.contains(CANARY) && !seen.head.contains(CANARY),
            "{}",
            seen.body
        );
    }
}

/// A real server of reports stores them; what was planted in the failing question is in no byte of what it wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_takes_and_stores_them() {
    let bugsink = match Bugsink::start().await {
        Ok(bugsink) => bugsink,
        Err(why) => return println!("SKIP bugsink: {why}"),
    };
    let (desk, key) = failing(&[("FORETOKEN_REPORTS_DSN", bugsink.dsn())]).await;
    let (code, id, err) = desk.run(&["reports", "test"]);
    assert_eq!(code, 0, "{err}");
    ask(&desk);
    let (code, ids, err) = desk.run(&["reports", "send"]);
    assert_eq!(code, 0, "{err}");
    let events = bugsink.events();
    let stored: Vec<&Value> = events.iter().map(|event| &event["event_id"]).collect();
    assert_eq!(stored, [id.trim(), ids.trim()]);
    assert_eq!(
        events[1]["exception"]["values"][0]["type"],
        "endpoint failed"
    );
    assert_eq!(events[1]["tags"]["stage"], "explain");
    let written = bugsink.written();
    assert!(written.contains("endpoint failed"));
    for word in [CANARY, &key, desk.home.path().to_str().unwrap()] {
        assert!(!written.contains(word), "{word}");
    }
}
