//! Another model in mid-session: chosen on the command line, taken by the built server that runs, without a request
//! lost. The packages are tiny exports with random weights, so only who answers is looked at, never what.

use std::time::{Duration, Instant};

use foretoken_tests::persona::Persona;
use foretoken_tests::process::{Home, library, skip};
use foretoken_tests::session::Session;
use serde_json::Value;

use super::{add, flip, models};

const RUST: &str = "file:///project/sums.rs";
const PYTHON: &str = "file:///project/sums.py";

/// Longest wait for a load; a tiny package takes a fraction of a second.
const LIMIT: Duration = Duration::from_secs(60);

/// A user with two models, the first of which is used.
fn home() -> Option<Home> {
    if library().is_none() {
        skip("there is no ONNX Runtime");
        return None;
    }
    let home = Home::default();
    for (package, name) in [("qwen-a", "first"), ("starcoder-a", "second")] {
        let (code, out, err) = add(&home, package, &["--name", name]);
        assert_eq!(code, Some(0), "{out}{err}");
    }
    choose(&home, &["first"]);
    Some(home)
}

fn choose(home: &Home, arguments: &[&str]) {
    let (code, _, err) = models(home, &[&["default"], arguments].concat());
    assert_eq!(code, Some(0), "{err}");
}

async fn serve(home: &Home) -> Session {
    let mut session = home.serve(Persona::named("vscode"), &[]);
    session.initialize().await;
    let state = session.model_settled().await;
    assert_eq!(state["name"], "first", "{state}");
    session
        .open(RUST, "rust", "fn total(rows: &[u32]) -> u32 {\n    let ")
        .await;
    session
        .open(PYTHON, "python", "def total(rows):\n    result = ")
        .await;
    session
}

/// Types a letter that nothing at hand agrees with and asks behind it: the name of the model that was asked, `Null`
/// where none was. An error is a request lost.
async fn asked(session: &mut Session, uri: &str) -> Value {
    let end = session.text(uri).len();
    session.change(uri, end, end, "q").await;
    let reply = session.invoke(uri, end + 1).await.reply().await;
    assert!(reply.is_ok(), "{reply:?}");
    session.report(uri).await["model"].clone()
}

/// Asks until this model answers; whoever answers before is one of `others`.
async fn until(session: &mut Session, uri: &str, name: &str, others: &[&str]) {
    let begun = Instant::now();
    loop {
        let model = asked(session, uri).await;
        let is = |name: &str| model.as_str().is_some_and(|model| model.starts_with(name));
        if is(name) {
            return;
        }
        assert!(
            model.is_null() || others.iter().any(|name| is(name)),
            "{model}"
        );
        assert!(
            begun.elapsed() < LIMIT,
            "{name} never answers; {model} does"
        );
        // Only the pace of asking; the answer decides.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_is_chosen_takes_over_between_two_requests() {
    let Some(home) = home() else { return };
    let mut session = serve(&home).await;
    until(&mut session, PYTHON, "first", &[]).await;
    choose(&home, &["second"]);
    until(&mut session, PYTHON, "second", &["first"]).await;
    for _ in 0..3 {
        let model = asked(&mut session, PYTHON).await;
        assert!(
            model.as_str().unwrap_or("second").starts_with("second"),
            "{model}"
        );
    }
    let status = session.status(false).await;
    assert_eq!(status["model"]["name"], "second", "{status}");
    assert_eq!(status["model"]["refused"], Value::Null);
    // And back to the one of the program, or to the words of the file where this build holds none.
    choose(&home, &["first"]);
    until(&mut session, PYTHON, "first", &["second"]).await;
    session.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a22_a_model_that_cannot_be_used_leaves_the_old_one_in_its_place() {
    let Some(home) = home() else { return };
    let copies = home.path().join(".local/share/foretoken/models");
    let (_, out, _) = models(&home, &["list", "--json"]);
    let rows = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let second = rows
        .into_iter()
        .find(|row| row["name"] == "second")
        .unwrap();
    flip(
        &copies
            .join(second["id"].as_str().unwrap())
            .join("model.onnx"),
    );

    let mut session = serve(&home).await;
    until(&mut session, RUST, "first", &[]).await;
    choose(&home, &["second"]);
    let begun = Instant::now();
    let status = loop {
        let model = asked(&mut session, RUST).await;
        assert!(
            model.as_str().unwrap_or("first").starts_with("first"),
            "{model}"
        );
        let status = session.status(false).await;
        if status["model"]["refused"].is_string() {
            break status;
        }
        assert!(begun.elapsed() < LIMIT, "{status}");
    };
    assert_eq!(status["model"]["name"], "first", "{status}");
    let why = status["model"]["refused"].as_str().unwrap();
    assert!(why.contains("is not the file"), "{why}");
    for _ in 0..3 {
        let model = asked(&mut session, RUST).await;
        assert!(
            model.as_str().unwrap_or("first").starts_with("first"),
            "{model}"
        );
    }
    let told = session.trace().find(0, |said| {
        said["method"] == "window/showMessage"
            && said["params"]["message"]
                .as_str()
                .is_some_and(|text| text.contains("first goes on"))
    });
    assert!(told.is_some(), "the user is told");
    session.finish().await;
    let doctor = home.run(&["doctor"]);
    let text = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(doctor.status.code(), Some(1), "{text}");
    assert!(text.contains("is not the file"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_language_may_have_a_model_of_its_own() {
    let Some(home) = home() else { return };
    choose(&home, &["second", "--language", "rust"]);
    let (_, list, _) = models(&home, &["list"]);
    assert!(
        list.lines()
            .any(|line| line.contains("second") && line.ends_with(", for rust")),
        "{list}"
    );
    let mut session = serve(&home).await;
    until(&mut session, RUST, "second", &["first"]).await;
    until(&mut session, PYTHON, "first", &[]).await;
    let status = session.status(false).await;
    assert_eq!(
        status["languageModels"]["rust"]["name"], "second",
        "{status}"
    );
    assert_eq!(status["model"]["name"], "first", "{status}");

    // In mid-session, too, and back.
    choose(&home, &["second", "--language", "python"]);
    until(&mut session, PYTHON, "second", &["first"]).await;
    choose(&home, &["--language", "rust"]);
    until(&mut session, RUST, "first", &["second"]).await;
    session.finish().await;

    let doctor = home.run(&["doctor", "--json"]);
    let found: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let languages = &found["parts"]["languages"];
    assert_eq!(
        languages["details"]["python"]["name"], "second",
        "{languages}"
    );
    let (code, _, err) = models(&home, &["default", "first", "--language", "klingon"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("No language is called"), "{err}");
}
