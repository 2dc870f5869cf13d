//! Edits of answers: where they may go, that they go there in one step, and that nothing else changes.

use foretoken_tests::faultd;
use foretoken_tests::session::Session;
use serde_json::{Value, json};

use super::{CODE, Desk, actions, answering, choose};

/// The one edit that the server asked for: the file's URI, its version, and its text edits.
async fn edit(session: &Session) -> (String, Value, Vec<Value>) {
    let asked = session
        .wait_for(0, "an edit", |said| said["method"] == "workspace/applyEdit")
        .await;
    let edit = &asked["params"]["edit"];
    let document = &edit["documentChanges"][0];
    assert_eq!(
        edit["documentChanges"].as_array().unwrap().len(),
        1,
        "{edit}"
    );
    assert!(
        edit["changeAnnotations"]["foretoken"]["needsConfirmation"] == true,
        "{edit}"
    );
    (
        document["textDocument"]["uri"].as_str().unwrap().to_owned(),
        document["textDocument"]["version"].clone(),
        document["edits"].as_array().unwrap().clone(),
    )
}

/// A text with the edits in it. They are of whole lines here.
fn with(text: &str, edits: &[Value]) -> String {
    let mut text = text.to_owned();
    for edit in edits.iter().rev() {
        let byte = |end: &str| {
            let line = edit["range"][end]["line"].as_u64().unwrap() as usize;
            let column = edit["range"][end]["character"].as_u64().unwrap() as usize;
            let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
            start + column
        };
        let range = byte("start")..byte("end");
        text.replace_range(range, edit["newText"].as_str().unwrap());
    }
    text
}

/// Opens a file of the project, chooses a command in it at line 5, and returns the answers' session.
async fn chosen(desk: &Desk, (name, language, text): (&str, &str, &str), command: &str) -> Session {
    desk.allow();
    desk.home.write(format!("project/{name}").as_str(), text);
    let uri = desk.uri(name);
    let mut session = desk.serve(answering("vscode", "Apply")).await;
    session.open(&uri, language, text).await;
    let at = json!({"line": 4, "character": 8});
    let diagnostics = json!([{"range": {"start": at, "end": at}, "message": "cannot find `Rc`"}]);
    let found = actions(&mut session, &uri, diagnostics).await;
    choose(&mut session, &found, command).await;
    session
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fix_brings_its_import_in_the_same_edit() {
    let code = "use std::fmt;\n\n/// Shares.\nfn share(x: u8) -> Rc<u8> {\n    Rc::new(x)\n}\n\nfn other() {}\n";
    let answer = faultd::openai(&[
        "```rust\n/// Shares.\nfn share(x: u8) -> Rc<u8> {\n    Rc::new(x.into())\n}\n```\n\n",
        "```imports\nuse std::fmt;\nuse std::rc::Rc;\n```\n",
    ]);
    let desk = Desk::new(vec![faultd::streamed(&answer)]).await;
    let session = chosen(&desk, ("src/share.rs", "rust", code), "foretoken.fix").await;
    let (uri, version, edits) = edit(&session).await;
    assert_eq!(uri, desk.uri("src/share.rs"));
    assert!(version.is_number());
    assert_eq!(
        with(code, &edits),
        code.replace("fmt;\n", "fmt;\nuse std::rc::Rc;\n")
            .replace("(x)", "(x.into())")
    );
    session.finish().await;
    let body = &desk.provider.requests()[0].body;
    assert!(
        body.contains("kind=imports source=src/share.rs:1"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a07_a_fix_puts_nothing_but_imports_among_the_imports() {
    let code = "use std::fmt;\n\n/// Shares.\nfn share(x: u8) -> Rc<u8> {\n    Rc::new(x)\n}\n";
    let answer = faultd::openai(&["```imports\nuse std::fmt;\nfn evil() {}\n```\n"]);
    let desk = Desk::new(vec![faultd::streamed(&answer)]).await;
    let session = chosen(&desk, ("src/share.rs", "rust", code), "foretoken.fix").await;
    let document = super::shown(&session, 0).await;
    assert!(
        document.contains("other code where only imports may go"),
        "{document}"
    );
    let applied = session
        .trace()
        .find(0, |said| said["method"] == "workspace/applyEdit");
    assert!(applied.is_none());
    session.finish().await;
    let (_, rows, _) = desk.run(&["audit", "show", "--json"]);
    assert!(
        rows.contains("finished, edit refused: not-imports"),
        "{rows}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documentation_takes_the_place_of_the_one_that_is_there() {
    let answer = faultd::openai(&["```rust\n/// Adds the rows up.\n///\n/// May overflow.\n```\n"]);
    let desk = Desk::new(vec![faultd::streamed(&answer)]).await;
    let session = chosen(&desk, ("src/sum2.rs", "rust", CODE), "foretoken.document").await;
    let (_, _, edits) = edit(&session).await;
    assert_eq!(
        with(CODE, &edits),
        CODE.replace(
            "/// The sum of all.",
            "/// Adds the rows up.\n///\n/// May overflow."
        )
    );
    session.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_go_to_the_test_module_of_the_file() {
    let module = "\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn nothing() {\n        assert_eq!(total(&[]), 0);\n    }\n}\n";
    let code = format!("{CODE}{module}");
    let answer = faultd::openai(&[
        "```rust\n#[test]\nfn three() {\n    assert_eq!(total(&[1, 2]), 3);\n}\n```\n",
    ]);
    let desk = Desk::new(vec![faultd::streamed(&answer)]).await;
    let session = chosen(&desk, ("src/sum2.rs", "rust", &code), "foretoken.test").await;
    let (_, _, edits) = edit(&session).await;
    let new = "\n    #[test]\n    fn three() {\n        assert_eq!(total(&[1, 2]), 3);\n    }\n}\n";
    assert_eq!(
        with(&code, &edits),
        code.strip_suffix("}\n").unwrap().to_owned() + new
    );
    session.finish().await;
    let body = &desk.provider.requests()[0].body;
    assert!(body.contains("kind=place source=src/sum2.rs:11-"), "{body}");
}

const PYTHON: &str = "import os\n\n\ndef total(rows):\n    return sum(rows)\n";
const TESTS: &str =
    "from app.sum import total\n\n\ndef test_nothing():\n    assert total([]) == 0\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_go_to_the_test_file_that_no_editor_has_open() {
    let answer =
        faultd::openai(&["```python\n\ndef test_three():\n    assert total([1, 2]) == 3\n```\n"]);
    let desk = Desk::new(vec![faultd::streamed(&answer)]).await;
    desk.home.write("project/tests/test_sum.py", TESTS);
    let session = chosen(&desk, ("app/sum.py", "python", PYTHON), "foretoken.test").await;
    let (uri, version, edits) = edit(&session).await;
    assert_eq!((uri, version), (desk.uri("tests/test_sum.py"), Value::Null));
    let written = with(TESTS, &edits);
    assert!(written.starts_with(TESTS), "{written}");
    assert!(
        written.ends_with("\ndef test_three():\n    assert total([1, 2]) == 3\n"),
        "{written}"
    );
    session.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_file_that_changed_meanwhile_is_left_alone() {
    let text =
        faultd::openai(&["```python\ndef test_three():\n    assert total([1, 2]) == 3\n```\n"]);
    let script = vec![
        faultd::stream_head(),
        faultd::Step::Pause(std::time::Duration::from_millis(700)),
        faultd::Step::Send(text.into_bytes()),
        faultd::Step::Close,
    ];
    let desk = Desk::new(vec![script]).await;
    let path = desk.home.write("project/tests/test_sum.py", TESTS);
    let session = chosen(&desk, ("app/sum.py", "python", PYTHON), "foretoken.test").await;
    while desk.provider.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    // The model has been asked, and somebody else writes.
    std::fs::write(&path, format!("# changed\n{TESTS}")).unwrap();
    session
        .wait_for(0, "a refusal", |said| {
            let message = said["params"]["message"].as_str().unwrap_or_default();
            message.contains("the file has changed since")
        })
        .await;
    let applied = session
        .trace()
        .find(0, |said| said["method"] == "workspace/applyEdit");
    assert!(applied.is_none());
    session.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_place_for_tests_they_are_an_answer() {
    let answer = faultd::openai(&["```python\ndef test_three():\n    pass\n```\n"]);
    let desk = Desk::new(vec![faultd::streamed(&answer)]).await;
    let session = chosen(&desk, ("app/sum.py", "python", PYTHON), "foretoken.test").await;
    let document = super::shown(&session, 0).await;
    assert!(document.contains("def test_three()"), "{document}");
    let applied = session
        .trace()
        .find(0, |said| said["method"] == "workspace/applyEdit");
    assert!(applied.is_none());
    session.finish().await;
}
