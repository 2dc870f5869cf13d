//! The program as a user starts it: exit codes, what goes to stdout and what to stderr, the JSON.

use std::process::Output;

use foretoken_tests::desk::{Desk, shown};
use foretoken_tests::faultd;
use foretoken_tests::obedient::{fence, prompt};
use foretoken_tests::persona::Persona;
use foretoken_tests::process::{Home, library, skip};
use serde_json::{Value, json};

const SOURCE: &str = "class Counter:\n    def __init__(self):\n        self.counts = {}\n\n    def add(self, word):\n        self.counts[word] = self.counts.get(word, 0) + 1\n\n    def remove(self, word):\n        self.counts[word] = \n";
const PLACE: &str = "counter.py:9:29";

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal ended it")
}

fn home() -> Home {
    let home = Home::default();
    home.write("counter.py", SOURCE);
    home
}

/// One JSON object for each completion.
fn completions(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let output = home.run(&[&["complete", PLACE, "--json"], arguments].concat());
    assert!([0, 1].contains(&code(&output)), "{}", stderr(&output));
    stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

#[test]
fn help_and_version_go_to_stdout_with_code_0() {
    let home = Home::default();
    let help = home.run(&["--help"]);
    assert_eq!(code(&help), 0);
    for command in ["complete", "demo", "doctor"] {
        assert!(stdout(&help).contains(command), "{}", stdout(&help));
    }
    let version = home.run(&["--version"]);
    assert_eq!(code(&version), 0);
    assert!(
        stdout(&version).starts_with("foretoken 0."),
        "{}",
        stdout(&version)
    );
}

#[test]
fn mistakes_go_to_stderr_with_code_2_and_say_what_to_do() {
    let home = home();
    for (arguments, word) in [
        (&["nonsense"][..], "nonsense"),
        (&["--nonsense"], "nonsense"),
        (&["complete"], "FILE:LINE:COLUMN"),
        (&["complete", "counter.py"], "FILE:LINE:COLUMN"),
        (&["complete", "counter.py:0:1"], "FILE:LINE:COLUMN"),
        (&["complete", "counter.py:999:1"], "lines"),
        (&["complete", "counter.py:1:999"], "characters"),
        (&["complete", "missing.py:1:1"], "missing.py"),
        (&["complete", ".:1:1"], "not a file"),
    ] {
        let output = home.run(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
        assert!(
            stderr(&output).contains(word),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(!stderr(&output).contains("panicked"), "{arguments:?}");
    }
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let home = Home::default();
    home.write("binary.rs", b"fn main() { \xff\xfe }");
    let output = home.run(&["complete", "binary.rs:1:1"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("UTF-8"), "{}", stderr(&output));
}

#[test]
fn the_json_of_a_completion_has_its_shape() {
    let home = home();
    let found = completions(&home, &[]);
    let [object] = found.as_slice() else {
        panic!("one object: {found:?}")
    };
    assert_eq!(object["range"]["start"], object["range"]["end"]);
    assert_eq!(object["range"]["start"]["line"], 9);
    assert_eq!(object["range"]["start"]["column"], 29);
    assert_eq!(
        object["text"].is_null(),
        object["reason"].is_string(),
        "a text or a reason: {object}"
    );
    for key in ["prompt", "reused", "generated", "drafted", "accepted"] {
        assert!(object["tokens"][key].is_u64(), "tokens.{key}: {object}");
    }
    for key in ["tokenise", "prefill", "decode", "total"] {
        assert!(object["ms"][key].is_number(), "ms.{key}: {object}");
    }
    if library().is_some() {
        assert!(
            object["model"]
                .as_str()
                .is_some_and(|m| m.starts_with("foretoken")),
            "{object}"
        );
        assert!(object["tokens"]["prompt"].as_u64() > Some(20), "{object}");
    }
}

#[test]
fn the_same_place_twice_gives_the_same_text() {
    let home = home();
    let (first, second) = (completions(&home, &[]), completions(&home, &[]));
    assert_eq!(first[0]["text"], second[0]["text"]);
    assert_eq!(first[0]["reason"], second[0]["reason"]);
    assert_eq!(first[0]["promptSha256"], second[0]["promptSha256"]);
}

#[test]
fn one_more_character_reuses_nine_tenths_of_the_prompt() {
    let home = home();
    let found = completions(&home, &["--type", "z", "--type", "q"]);
    if library().is_none() {
        return skip("there is no ONNX Runtime here");
    }
    for after in &found[1..] {
        let tokens = |name: &str| after["tokens"][name].as_f64().unwrap();
        assert!(tokens("reused") >= 0.9 * tokens("prompt"), "{after}");
    }
}

/// Without drafts and without reuse the text is the same: they change the speed only.
#[test]
fn drafts_and_reuse_change_no_text() {
    let home = home();
    let shipped = completions(&home, &["--type", "s", "--type", "elf"]);
    for variable in ["FORETOKEN_RUNTIME_DRAFTS", "FORETOKEN_RUNTIME_KV_REUSE"] {
        let mut command =
            home.command(&["complete", PLACE, "--json", "--type", "s", "--type", "elf"]);
        let output = command.env(variable, "false").output().unwrap();
        let texts = stdout(&output)
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap()["text"].clone())
            .collect::<Vec<_>>();
        let expected: Vec<Value> = shipped.iter().map(|c| c["text"].clone()).collect();
        assert_eq!(texts, expected, "{variable}");
    }
}

#[test]
fn doctor_says_of_each_part_how_it_is() {
    let home = Home::default();
    let output = home.run(&["doctor"]);
    assert_eq!(
        code(&output),
        i32::from(library().is_none()),
        "{}",
        stdout(&output)
    );
    for part in ["ONNX Runtime", "model", "settings", "directories"] {
        assert!(
            stdout(&output).contains(part),
            "{part}: {}",
            stdout(&output)
        );
    }
    let json = home.run(&["doctor", "--json"]);
    serde_json::from_slice::<Value>(&json.stdout).unwrap();
}

#[test]
fn the_demo_types_a_sample_and_counts() {
    let home = Home::default();
    let output = home.run(&["demo", "--fast", "--plain"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("p50") && text.contains("p95") && text.contains("saved"),
        "{text}"
    );
    assert!(
        text.contains('«'),
        "something was suggested and taken:\n{text}"
    );
    let json = home.run(&["demo", "--fast", "--json"]);
    serde_json::from_slice::<Value>(&json.stdout).unwrap();
}

/// A program that an editor starts has no terminal; a user who starts it by hand is told so.
#[test]
fn the_server_ends_at_once_where_stdin_is_closed() {
    let home = Home::default();
    let output = home.run(&["--stdio"]);
    assert_eq!(code(&output), 1, "no shutdown was asked for");
    assert_eq!(stdout(&output), "");
}

/// Nothing is written into the folder of the files, whatever the command.
#[test]
fn nothing_is_written_beside_the_sources() {
    let home = Home::default();
    home.write("project/counter.py", SOURCE);
    let _ = home.run(&["complete", "project/counter.py:9:29", "--json"]);
    let names: Vec<_> = std::fs::read_dir(home.path().join("project"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["counter.py"]);
}

/// The same lines with the same words of a checker give the same prompt, byte for byte, whether an editor's
/// command or the command line asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_and_a_diagnostic_have_one_prompt_whoever_asks() {
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Yes."]))]).await;
    desk.allow();
    let at = |line: u32| json!({"line": line, "character": 0});
    let range = json!({"start": at(1), "end": at(8)});
    let diagnostic = json!({"range": {"start": at(1), "end": at(1)}, "message": "may overflow"});
    let mut session = desk.serve(Persona::named("vscode")).await;
    for (task, diagnostics) in [("explain", json!([])), ("debug", json!([diagnostic]))] {
        let about =
            json!({"uri": desk.uri("src/sum.rs"), "range": range, "diagnostics": diagnostics});
        let command = json!({"command": format!("foretoken.{task}"), "arguments": [about]});
        let from = session.trace().len();
        let asked = session.request("workspace/executeCommand", command).await;
        assert_eq!(asked.result().await, Value::Null);
        let document = shown(&session, from).await;
        assert!(document.contains("Yes."), "{document}");
    }
    session.finish().await;
    let commands: [&[&str]; 2] = [
        &["explain", "src/sum.rs:2-8"],
        &[
            "ask",
            "--task",
            "debug",
            "--about",
            "src/sum.rs:2-8",
            "--diagnostic",
            "may overflow",
        ],
    ];
    for arguments in commands {
        let (code, out, err) = desk.run(arguments);
        assert_eq!((code, out.contains("Yes.")), (0, true), "{out}{err}");
    }
    let prompts: Vec<String> = desk
        .provider
        .requests()
        .iter()
        .map(|seen| {
            let prompt = prompt(seen);
            // The mark of each conversation is 128 random bits.
            prompt.replace(fence(&prompt).unwrap(), "MARK")
        })
        .collect();
    assert_eq!(prompts.len(), 4);
    assert_eq!(prompts[0], prompts[2]);
    assert_eq!(prompts[1], prompts[3]);
    assert!(prompts[1].contains("may overflow") && !prompts[0].contains("may overflow"));
}

/// What was spent by whom, beside what each model alone would have cost, to the nano-dollar.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_routers_report_is_exact() {
    let mut desk = Desk::new(vec![faultd::streamed(&faultd::openai(&["Yes."]))]).await;
    desk.endpoint = json!({"models": [
        {"name": "quick", "tier": "small", "price": {"input": 0.15, "output": 0.6}},
        {"name": "deep", "tier": "large", "price": {"input": 2.5, "output": 10.0}},
    ]});
    let (code, _, err) = desk.run(&["audit", "routes"]);
    assert_eq!(code, 1, "nothing was asked so far: {err}");
    desk.allow();
    for arguments in [
        &["explain", "src/sum.rs:5"][..],
        &["explain", "src/sum.rs:2-8"],
        &["explain", "src/sum.rs:5", "--deeper"],
    ] {
        assert_eq!(desk.run(arguments).0, 0);
    }
    let (code, out, err) = desk.run(&["audit", "routes", "--json", "--since", "1"]);
    assert_eq!(code, 0, "{err}");
    // Each answer is 10 tokens read and 20 written: 13,500 nano-USD of the one, 225,000 of the other.
    let report: Value = serde_json::from_str(&out).unwrap();
    let expected = json!({
        "answers": 3,
        "leftOut": 0,
        "costNanoUsd": 252_000,
        "split": [
            {"model": "house/quick", "answers": 2, "costNanoUsd": 27_000},
            {"model": "house/deep", "answers": 1, "costNanoUsd": 225_000},
        ],
        "oneModel": [
            {"model": "house/quick", "costNanoUsd": 40_500},
            {"model": "house/deep", "costNanoUsd": 675_000},
        ],
    });
    assert_eq!(report, expected);
    let (_, text, _) = desk.run(&["audit", "routes"]);
    assert!(text.starts_with("3 answers, $0.000252\n"), "{text}");
}
