//! Keys: those of the user in the code that is asked about, and the one that opens the provider's door.

use std::collections::BTreeMap;

use foretoken_tests::desk::{CODE, Desk, actions, ask, choose, files, key, shown};
use foretoken_tests::faultd::{self, Script, whole};
use foretoken_tests::persona::Persona;
use serde_json::{Value, json};

/// A private key's block, made of parts so that none stands in the repository.
fn pem() -> String {
    let dashes = "-".repeat(5);
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(6);
    let label = ["PRIVATE", "KEY"].join(" ");
    format!("{dashes}BEGIN {label}{dashes}\n{body}{dashes}END {label}{dashes}\n")
}

fn seen() -> Vec<Script> {
    vec![faultd::streamed(&faultd::openai(&["Seen."]))]
}

/// A key stands in a file that the index finds, not in the one that is asked about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_a_key_in_a_neighbouring_chunk_never_leaves() {
    let desk = Desk::new(seen()).await;
    desk.allow();
    let key = key();
    desk.home.write(
        "project/src/client.rs",
        format!("/// Sends the total of rows.\npub fn send_total(rows: &[u8]) {{\n    let total = total(rows);\n    post(total, \"{key}\");\n}}\n"),
    );
    let (code, _, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert_eq!(code, 0, "{err}");
    let sent = desk.sent();
    assert!(
        sent.contains("send_total"),
        "the neighbour is in it: {sent}"
    );
    assert!(sent.contains("FTSECRET_"), "{sent}");
    assert!(
        !sent.contains(&key) && !sent.contains(&key[20..60]),
        "{sent}"
    );
}

/// A private key makes the text stay on this machine; an endpoint there gets it without the key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_a_private_key_stays_here() {
    let pem = pem();
    let line = &pem.lines().nth(1).unwrap()[..40];
    for (class, asked) in [("public", false), ("in-house", false), ("local", true)] {
        let mut desk = Desk::new(seen()).await;
        desk.endpoint = json!({"class": class});
        desk.allow();
        let code = CODE.replace(
            "    let mut sum",
            &format!("    let pem = \"{pem}\";\n    let mut sum"),
        );
        desk.home.write("project/src/sum.rs", &code);
        let (status, out, err) = desk.run(&["explain", "src/sum.rs:4", "--why"]);
        assert_eq!(status, i32::from(!asked), "{class}: {out}{err}");
        assert_eq!(
            desk.provider.connections(),
            usize::from(asked),
            "{class}: {err}"
        );
        assert!(!desk.sent().contains(line), "{class}");
        assert_eq!(desk.sent().contains("FTSECRET_"), asked, "{class}");
    }
}

/// The limit that the documentation names: what is wrapped in another encoding is not seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_a_wrapped_key_is_the_documented_limit() {
    let readme = std::fs::read_to_string(foretoken_tests::process::root().join("README.md"));
    let readme = readme.unwrap().to_lowercase();
    assert!(readme.contains("base64"), "the limit is said to users");
    let desk = Desk::new(seen()).await;
    desk.allow();
    let wrapped = base64(key().as_bytes());
    let code = CODE.replace("sum = 0", &format!("sum = read(\"{wrapped}\")"));
    desk.home.write("project/src/sum.rs", &code);
    let (status, _, err) = desk.run(&["explain", "src/sum.rs:4"]);
    assert_eq!(status, 0, "{err}");
    // Whichever it is, it is not the key itself that leaves.
    assert!(!desk.sent().contains(&key()));
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |three: &[u8]| {
        let at = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        (0..=three.len()).map(move |n| char::from(ALPHABET[(bits >> (18 - 6 * n) & 63) as usize]))
    };
    bytes.chunks(3).flat_map(encode).collect()
}

/// The key of the provider, which it repeats in every way that it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a18_the_providers_key_is_in_no_sink() {
    let canary = ["sk", "Kanarienvogel", "0123456789abcdef"].join("-");
    let error = json!({"error": {"message": format!("bad key {canary}"), "type": "server_error"}});
    let elsewhere = format!("https://evil.example/?key={canary}");
    let scripts = vec![
        vec![faultd::json(500, &error.to_string())],
        vec![whole(307, &[("location", elsewhere.as_str())], "")],
        vec![whole(200, &[("content-type", canary.as_str())], "")],
        vec![whole(503, &[("x-echo", canary.as_str())], &canary)],
        faultd::streamed(&format!("data: {error}\n\n")),
        faultd::streamed(&faultd::openai(&[
            "Your key is ",
            &canary,
            ".\n\n",
            "The end.",
        ])),
        vec![
            faultd::stream_head(),
            faultd::Step::Send(
                faultd::openai_text(&format!("So {canary} far\n\nand")).into_bytes(),
            ),
            faultd::Step::Reset,
        ],
        vec![faultd::json(401, &error.to_string())],
    ];
    let mut sinks = BTreeMap::new();
    // A desk for each, so that no endpoint is left alone after the first faults.
    for (number, script) in scripts.into_iter().enumerate() {
        let mut desk = Desk::new(vec![script]).await;
        desk.endpoint = json!({"key": "env:HOUSE_KEY", "headers": {"x-team": canary}});
        desk.environment.push(("HOUSE_KEY", canary.clone().into()));
        desk.environment.push(("FORETOKEN_LOG", "trace".into()));
        desk.allow();
        let mut persona = Persona::named("vscode");
        persona.initialize["capabilities"]["experimental"] = json!({"foretoken": {"assist": 1}});
        let mut session = desk.serve(persona).await;
        let found = actions(&mut session, &desk.uri("src/sum.rs"), json!([])).await;
        choose(&mut session, &found, "foretoken.explain").await;
        let done = |said: &Value| said["params"]["kind"] == "done";
        session.wait_for(0, "the end of the answer", done).await;
        let status = session.status(true).await.to_string();
        sinks.insert(format!("{number} status"), status);
        for (at, entry) in session.trace().entries().iter().enumerate() {
            sinks.insert(format!("{number} message {at}"), entry.message.to_string());
        }
        session.finish().await;
        let commands: [&[&str]; 5] = [
            &["explain", "src/sum.rs:5", "--why"],
            &["audit", "show", "--json"],
            &["audit", "costs", "--json"],
            &["doctor"],
            &["config"],
        ];
        for arguments in commands {
            let (_, out, err) = desk.run(arguments);
            sinks.insert(format!("{number} {}", arguments.join(" ")), out + &err);
        }
        for (path, text) in files(desk.home.path()) {
            sinks.insert(format!("{number} {}", path.display()), text);
        }
        let sent = desk.provider.requests();
        assert!(!sent.is_empty());
        assert!(
            sent.iter().all(|seen| seen.head.contains(&canary)),
            "it was used"
        );
    }
    for kind in [
        ".log",
        "books.sqlite",
        "stderr",
        ".md",
        "status",
        "audit show --json",
    ] {
        let is_it = |(name, text): (&String, &String)| name.ends_with(kind) && !text.is_empty();
        assert!(sinks.iter().any(is_it), "{kind} is there to look into");
    }
    let leaks: Vec<&String> = sinks
        .iter()
        .filter(|(_, text)| text.contains("Kanarienvogel") || text.contains("0123456789abcdef"))
        .map(|(name, _)| name)
        .collect();
    assert!(leaks.is_empty(), "{leaks:?}");
}

/// A panic whose message holds a secret: the log names its place and nothing of it.
#[test]
fn a18_a_panic_tells_its_place_only() {
    const CHILD: &str = "FORETOKEN_TEST_PANIC";
    const CANARY: &str = "kanarienvogel";
    if std::env::var_os(CHILD).is_some() {
        let least = foretoken::telemetry::LevelFilter::TRACE;
        foretoken::telemetry::start(least, None, None);
        let text = format!("the key {CANARY}");
        let task = std::thread::spawn(move || -> () { panic!("{text}") });
        assert!(task.join().is_err());
        return;
    }
    let output = foretoken_tests::process::program(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "attacks::secrets::a18_a_panic_tells_its_place_only",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("a task panicked") && said.contains("secrets.rs"),
        "{said}"
    );
    assert!(!said.contains(CANARY), "{said}");
}

/// Secret-shaped text that a model writes is held back, in an answer and in an edit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a17_a_secret_in_an_answer_is_held_back_and_counted() {
    let key = key();
    let answer = faultd::openai(&[&format!("Use `{key}` here.\n")]);
    let desk = Desk::new(vec![faultd::streamed(&answer)]).await;
    desk.allow();
    let mut session = desk.serve(Persona::named("vscode")).await;
    let document = ask(&mut session, &desk.uri("src/sum.rs"), "foretoken.explain").await;
    assert!(!document.contains(&key), "{document}");
    assert!(document.contains("1 secret was held back"), "{document}");
    let from = session.trace().len();
    let at = json!({"line": 4, "character": 8});
    let diagnostics = json!([{"range": {"start": at, "end": at}, "message": "overflow"}]);
    let found = actions(&mut session, &desk.uri("src/sum.rs"), diagnostics).await;
    choose(&mut session, &found, "foretoken.fix").await;
    let document = shown(&session, from).await;
    assert!(!document.contains(&key), "{document}");
    session.finish().await;
}
