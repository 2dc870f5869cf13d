//! Pieces of other open files: that they reach the model, that typing does not move them, and that what
//! may not be shown is not. Needs the model, whose prompt they are part of.

use std::time::{Duration, Instant};

use foretoken_tests::persona::Persona;
use foretoken_tests::process::{Home, library, skip};
use foretoken_tests::session::{LIMIT, Session};
use serde_json::{Value, json};

const VIEWS: &str = "from .models import load_user\n\n\ndef show(request):\n    number = request.number\n    user = ";
const MODELS: &str = "import storage\n\n\ndef unrelated(a):\n    return a\n\n\ndef load_user(number, with_groups=False):\n    row = storage.find(number)\n    return row.user(with_groups)\n";
/// The key that brings the imported name.
const TYPED: &str = "load_us";

fn project() -> Home {
    let home = Home::default();
    home.write("project/.git/HEAD", "");
    home.write("project/app/models.py", MODELS);
    home.write("project/app/views.py", format!("{VIEWS}{TYPED}\n"));
    home.write("other/models.py", MODELS);
    home
}

/// One completion behind what is typed, with these files open: the report and what was explained.
fn complete(home: &Home, open: &[&str], variables: &[(&str, &str)]) -> (Value, String) {
    let column = "    user = ".len() + TYPED.len() + 1;
    let place = format!("project/app/views.py:6:{column}");
    let mut arguments = vec!["complete", &place, "--json", "--why"];
    for file in open {
        arguments.extend(["--open", file]);
    }
    let output = home
        .command(&arguments)
        // Whether it helps the model at hand is not the question here.
        .env("FORETOKEN_COMPLETION_CONTEXT", "on")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let explained = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {explained}"));
    (report, explained)
}

#[test]
fn the_definition_of_an_imported_name_is_in_the_prompt() {
    if library().is_none() {
        return skip("there is no ONNX Runtime here");
    }
    let home = project();
    let (report, explained) = complete(&home, &["project/app/models.py"], &[]);
    let piece = &report["pieces"][0];
    assert_eq!(piece["path"], "app/models.py", "{report}");
    assert_eq!(piece["why"], "imported");
    assert_eq!(piece["lines"], json!([8, 10]));
    assert!(piece["tokens"].as_u64().unwrap() > 8, "{piece}");
    let line = "def load_user(number, with_groups=False):";
    assert!(explained.contains(line), "{explained}");

    let (without, _) = complete(&home, &[], &[]);
    assert_eq!(without["pieces"], json!([]));
    let tokens = |report: &Value| report["tokens"]["prompt"].as_u64().unwrap();
    assert!(tokens(&report) > tokens(&without), "{report} {without}");
}

#[test]
fn what_may_not_be_shown_is_not() {
    if library().is_none() {
        return skip("there is no ONNX Runtime here");
    }
    let home = project();
    for (file, variables, why) in [
        ("other/models.py", vec![], "outside of the project"),
        (
            "project/app/models.py",
            vec![("FORETOKEN_COMPLETION_EXCLUDE", "models.py")],
            "a setting excludes it",
        ),
        (
            "project/app/models.py",
            vec![("FORETOKEN_COMPLETION_CONTEXT", "off")],
            "is off",
        ),
    ] {
        let (report, explained) = complete(&home, &[file], &variables);
        assert_eq!(report["pieces"], json!([]), "{file}");
        assert!(explained.contains(why), "{explained}");
        assert!(report["tokens"]["prompt"].as_u64().unwrap() > 20);
    }
    // A workspace can forbid it.
    home.write("project/.foretoken.toml", "completion.context = \"off\"\n");
    let (report, _) = complete(&home, &["project/app/models.py"], &[]);
    assert_eq!(report["pieces"], json!([]));
}

/// Waits for the exchange of pieces that a pause brings.
async fn exchanged(session: &mut Session, times: u64) {
    let begun = Instant::now();
    while session.status(false).await["counts"]["exchanges"] != times {
        assert!(begun.elapsed() < LIMIT, "no exchange came");
        // Only the pace of asking.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The session that types: pieces come in the first pause, stay from key to key, and cost no key more
/// than its own tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pieces_come_in_a_pause_and_typing_keeps_them() {
    let home = project();
    let uri = |path: &str| format!("file://{}", home.path().join(path).display());
    let mut persona = Persona::named("vscode");
    let folder = json!([{"uri": uri("project"), "name": "project"}]);
    persona.initialize["workspaceFolders"] = folder;
    persona.initialize["rootUri"] = uri("project").into();
    if library().is_none() {
        return skip("there is no ONNX Runtime here");
    }
    let mut session = home.serve(persona, &[]);
    session.initialize().await;
    let state = session.model_settled().await;
    assert_eq!(state["state"], "ready", "{state}");
    // A busy machine may not put the preparation off.
    let settings = |more: Value| {
        let mut completion = json!({"context": "on", "governor": "off"});
        completion["exclude"] = more;
        json!({"settings": {"foretoken": {"completion": completion}}})
    };
    session
        .notify("workspace/didChangeConfiguration", settings(json!([])))
        .await;
    let (views, models) = (uri("project/app/views.py"), uri("project/app/models.py"));
    session.open(&models, "python", MODELS).await;
    session
        .open(&uri("other/models.py"), "python", MODELS)
        .await;
    session.open(&views, "python", &format!("{VIEWS}\n")).await;
    let mut at = VIEWS.len();
    session.change(&views, at, at, "l").await;
    at += 1;
    exchanged(&mut session, 1).await;
    for key in TYPED[1..].chars() {
        session.change(&views, at, at, &key.to_string()).await;
        at += 1;
        session.invoke(&views, at).await.result().await;
        let report = session.report(&views).await;
        // Where a text at hand answered, the report is still that of the key before.
        let pieces = report["pieces"].as_array().unwrap();
        assert_eq!(pieces.len(), 1, "{report}");
        assert_eq!(pieces[0]["path"], "app/models.py");
        assert_eq!(pieces[0]["why"], "imported");
        let tokens = |name: &str| report["tokens"][name].as_u64().unwrap();
        assert!(tokens("prompt") - tokens("reused") <= 5, "{report}");
    }
    assert_eq!(session.status(false).await["counts"]["exchanges"], 1);

    // The definition changes elsewhere: the old text serves until a pause brings the new one.
    let bytes = MODELS.find("with_groups=False").unwrap();
    session.change(&models, bytes, bytes, "cached, ").await;
    session.change(&views, at, at, "e").await;
    exchanged(&mut session, 2).await;
    session.change(&views, at + 1, at + 1, "r").await;
    session.invoke(&views, at + 2).await.result().await;
    let report = session.report(&views).await;
    assert_eq!(report["pieces"][0]["path"], "app/models.py", "{report}");

    // Nothing of a file that is excluded from now on.
    session
        .notify(
            "workspace/didChangeConfiguration",
            settings(json!(["models.py"])),
        )
        .await;
    session.change(&views, at + 2, at + 2, "(").await;
    session.invoke(&views, at + 3).await.result().await;
    let report = session.report(&views).await;
    assert_eq!(report["pieces"], json!([]), "{report}");
    session.finish().await;
}

/// What a name means stands in a file that nobody has open: the index knows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_gives_pieces_of_files_that_are_not_open() {
    let home = project();
    let uri = |path: &str| format!("file://{}", home.path().join(path).display());
    let mut persona = Persona::named("vscode");
    persona.initialize["workspaceFolders"] = json!([{"uri": uri("project"), "name": "project"}]);
    persona.initialize["rootUri"] = uri("project").into();
    if library().is_none() {
        return skip("there is no ONNX Runtime here");
    }
    let mut session = home.serve(persona, &[]);
    session.initialize().await;
    let state = session.model_settled().await;
    assert_eq!(state["state"], "ready", "{state}");
    let settings = |exclude: Value| {
        let completion = json!({"context": "on", "governor": "off", "exclude": exclude});
        json!({"settings": {"foretoken": {"completion": completion}}})
    };
    let change = "workspace/didChangeConfiguration";
    session.notify(change, settings(json!([]))).await;
    let begun = Instant::now();
    while session.status(false).await["index"]["state"] != "ready" {
        assert!(begun.elapsed() < LIMIT, "the index is not ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let views = uri("project/app/views.py");
    session.open(&views, "python", &format!("{VIEWS}\n")).await;
    let mut at = VIEWS.len();
    session.change(&views, at, at, "l").await;
    exchanged(&mut session, 1).await;
    for key in TYPED[1..].chars() {
        at += 1;
        session.change(&views, at, at, &key.to_string()).await;
    }
    session.invoke(&views, at + 1).await.result().await;
    let report = session.report(&views).await;
    let piece = &report["pieces"][0];
    assert_eq!(piece["path"], "app/models.py", "{report}");
    assert_eq!(piece["why"], "imported");
    // Once it is excluded, nothing of it is in the next prompt.
    session.notify(change, settings(json!(["models.py"]))).await;
    session.change(&views, at + 1, at + 1, "e").await;
    session.invoke(&views, at + 2).await.result().await;
    let report = session.report(&views).await;
    assert_eq!(report["pieces"], json!([]), "{report}");
    session.finish().await;
}
