//! What must never be in a prompt: files that the user excluded, however they come near one, and all that is
//! no part of the project, such as the environment and what is typed on a terminal.

use std::io::Write as _;
use std::process::Stdio;

use foretoken_tests::desk::{CODE, Desk, actions, ask, choose, shown, shown_at};
use foretoken_tests::faultd;
use foretoken_tests::obedient::prompt;
use foretoken_tests::persona::Persona;
use foretoken_tests::process::{Home, library, root, skip};
use serde_json::json;

/// Imports the excluded file and calls what it defines.
const IMPORTING: &str = "use crate::hidden::kanarienvogel_rows;\n\n/// The sum of all.\npub fn total() -> u8 {\n    let mut sum = 0;\n    for row in kanarienvogel_rows() {\n        sum += row;\n    }\n    sum\n}\n";

/// What stands in the excluded file and nowhere else.
const CANARY: &str = "buntspecht";

fn hidden() -> String {
    format!(
        "/// The {CANARY}.\npub fn kanarienvogel_rows() -> Vec<u8> {{\n    {CANARY}::load()\n}}\n"
    )
}

async fn desk() -> Desk {
    let answer = |text: &str| faultd::streamed(&faultd::openai(&[text]));
    let desk = Desk::new(vec![answer("It calls kanarienvogel_rows.")]).await;
    desk.allow();
    desk.home.write("project/src/hidden.rs", hidden());
    desk.home.write("project/src/sum.rs", IMPORTING);
    desk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a19_no_byte_of_an_excluded_file_is_sent() {
    let mut desk = desk().await;
    let exclude = ("FORETOKEN_COMPLETION_EXCLUDE", "hidden.rs".into());
    desk.environment.push(exclude);
    // A link of another name, which leads to it.
    std::os::unix::fs::symlink("hidden.rs", desk.project().join("src/seen.rs")).unwrap();
    let mut session = desk.serve(Persona::named("vscode")).await;
    let uri = desk.uri("src/sum.rs");
    session.change(&uri, 0, CODE.len(), IMPORTING).await;
    // Open beside, and edited a moment ago.
    for name in ["src/hidden.rs", "src/seen.rs"] {
        let beside = desk.uri(name);
        session.open(&beside, "rust", &hidden()).await;
        session
            .change(&beside, 0, 0, &format!("// {CANARY}\n"))
            .await;
    }
    let at = json!({"line": 5, "character": 8});
    let there = json!({"start": at, "end": at});
    let diagnostics = json!([{
        "range": there,
        "message": format!("expected {CANARY}"),
        "relatedInformation": [{
            "location": {"uri": desk.uri("src/hidden.rs"), "range": there},
            "message": format!("{CANARY} is defined here"),
        }],
    }]);
    for command in [
        "foretoken.explain",
        "foretoken.debug",
        "foretoken.fix",
        "foretoken.summarise",
    ] {
        let from = session.trace().len();
        let found = actions(&mut session, &uri, diagnostics.clone()).await;
        choose(&mut session, &found, command).await;
        let document = shown(&session, from).await;
        assert!(!document.contains(CANARY), "{document}");
    }
    session.finish().await;
    // What changed in it since the last commit is no source at all.
    for arguments in [
        &["explain", "src/sum.rs:5"][..],
        &["ask", "where do kanarienvogel_rows come from?"],
        &["ask", "--about", "src/sum.rs", "what changed in hidden.rs?"],
    ] {
        let (code, _, err) = desk.run(arguments);
        assert_eq!(code, 0, "{err}");
    }
    for about in ["src/hidden.rs:2", "src/seen.rs:2"] {
        let (code, out, err) = desk.run(&["explain", about]);
        assert_eq!(code, 2, "{out}{err}");
        assert!(err.contains("excluded"), "{err}");
    }
    assert!(desk.provider.requests().len() >= 6);
    assert!(desk.sent().contains("kanarienvogel_rows"));
    assert!(!desk.sent().contains(CANARY));
}

/// Excluded in mid-session: what was answered about the file before is neither shown nor sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a19_an_answer_about_a_file_that_is_excluded_now_goes_nowhere() {
    let quoting = format!("It loads the {CANARY} [S2].");
    let answer = |text: &str| faultd::streamed(&faultd::openai(&[text]));
    let desk = Desk::new(vec![answer(&quoting), answer("Nothing more is known.")]).await;
    desk.allow();
    desk.home.write("project/src/hidden.rs", hidden());
    desk.home.write("project/src/sum.rs", IMPORTING);
    let mut session = desk.serve(Persona::named("vscode")).await;
    let uri = desk.uri("src/sum.rs");
    session.change(&uri, 0, CODE.len(), IMPORTING).await;
    session
        .open(&desk.uri("src/hidden.rs"), "rust", &hidden())
        .await;
    session
        .change(&desk.uri("src/hidden.rs"), 0, 0, "// more\n")
        .await;
    let from = session.trace().len();
    let found = actions(&mut session, &uri, json!([])).await;
    choose(&mut session, &found, "foretoken.explain").await;
    let path = shown_at(&session, from).await;
    let first = std::fs::read_to_string(&path).unwrap();
    assert!(first.contains(CANARY), "{first}");
    let sent = prompt(&desk.provider.requests()[0]);
    assert!(sent.contains(CANARY), "the test is about something: {sent}");

    let rules = "[completion]\nexclude = [\"hidden.rs\"]\n";
    desk.home.write("project/.foretoken.toml", rules);
    let document = ask(&mut session, &uri, "foretoken.explain").await;
    assert!(!document.contains(CANARY), "{document}");
    // A further question in the conversation that quotes it.
    let written = format!("{first}\n\nand why?\n");
    let answer = format!("file://{}", path.display());
    session.open(&answer, "markdown", &written).await;
    let from = session.trace().len();
    let command = json!({"command": "foretoken.ask", "arguments": [{"uri": answer}]});
    let asked = session.request("workspace/executeCommand", command).await;
    asked.result().await;
    let document = shown(&session, from).await;
    assert!(
        document.contains("left out, which may go nowhere"),
        "{document}"
    );
    session.finish().await;
    let requests = desk.provider.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests[1..] {
        assert!(!request.body.contains(CANARY), "{}", request.body);
    }
}

/// The same for what the model on this machine is shown: its prompt is the same, to the byte, whether or not
/// the excluded file is open beside and was edited.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a19_the_local_prompt_is_the_same_with_an_excluded_file_beside() {
    if library().is_none() {
        return skip("there is no ONNX Runtime here");
    }
    let mut prompts = Vec::new();
    for (name, exclude) in [("", ""), ("hidden.rs", "hidden.rs"), ("server.pem", "")] {
        let home = Home::default();
        home.write("project/.git/HEAD", "");
        let uri = |name: &str| format!("file://{}/project/{name}", home.path().display());
        let mut persona = Persona::named("vscode");
        persona.initialize["rootUri"] = uri("").into();
        persona.initialize["workspaceFolders"] = json!([{"uri": uri(""), "name": "project"}]);
        let environment = [("FORETOKEN_COMPLETION_EXCLUDE", exclude.as_ref())];
        let mut session = home.serve(persona, &environment);
        session.initialize().await;
        session.model_settled().await;
        if !name.is_empty() {
            session.open(&uri(name), "rust", &hidden()).await;
            session.change(&uri(name), 0, 0, "// more\n").await;
        }
        let text = IMPORTING.replace("        sum += row;\n", "        sum += ");
        let at = text.find("sum += ").unwrap() + 7;
        session.open(&uri("sum.rs"), "rust", &text).await;
        // Longer than a pause after which neighbours are taken into the prompt.
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        session.invoke(&uri("sum.rs"), at).await.result().await;
        let report = session.report(&uri("sum.rs")).await;
        session.finish().await;
        assert!(report["promptSha256"].is_string(), "{report}");
        prompts.push(report["promptSha256"].clone());
    }
    assert_eq!(prompts[0], prompts[1]);
    assert_eq!(prompts[0], prompts[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a40_no_environment_and_no_terminal_is_in_a_prompt() {
    let mut desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Seen."]))]).await;
    desk.allow();
    for name in ["DATABASE_PASSWORD", "EDITOR", "PWD_BEFORE", "CLIPBOARD"] {
        desk.environment.push((name, "umgebungskanarie".into()));
    }
    let code = CODE.replace(
        "    let mut sum = 0;\n",
        "    let mut sum = std::env::var(\"DATABASE_PASSWORD\").map_or(0, |_| 1);\n",
    );
    desk.home.write("project/src/sum.rs", &code);
    desk.home
        .write(".bash_history", "export TOKEN=umgebungskanarie\n");
    let mut session = desk.serve(Persona::named("vscode")).await;
    let uri = desk.uri("src/sum.rs");
    session.change(&uri, 0, CODE.len(), &code).await;
    for command in ["foretoken.explain", "foretoken.summarise", "foretoken.test"] {
        ask(&mut session, &uri, command).await;
    }
    session.finish().await;
    let asked = [
        "ask",
        "--about",
        "src/sum.rs:5",
        "what is DATABASE_PASSWORD?",
    ];
    let mut command = desk.home.command(&asked);
    command
        .envs(desk.variables())
        .current_dir(desk.project())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut terminal = child.stdin.take().unwrap();
    let _ = terminal.write_all(b"umgebungskanarie\n");
    drop(terminal);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(desk.provider.requests().len(), 4);
    assert!(desk.sent().contains("DATABASE_PASSWORD"));
    assert!(!desk.sent().contains("umgebungskanarie"));
}

/// There is nothing in the program that could read a clipboard.
#[test]
fn a40_no_clipboard_is_within_reach() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = lock.lines().filter_map(|line| line.strip_prefix("name = "));
    let packages: Vec<&str> = packages.filter(|name| name.contains("clip")).collect();
    // The linter of bits is not of that kind.
    assert_eq!(packages, Vec::<&str>::new());
    for source in crate::tidy::source::all() {
        let own = source.path.starts_with("server/");
        for word in [
            "xclip",
            "xsel",
            "wl-paste",
            "pbpaste",
            "getClipboard",
            "OpenClipboard",
        ] {
            assert!(
                !own || !source.text.contains(word),
                "{}: {word}",
                source.path
            );
        }
    }
}
