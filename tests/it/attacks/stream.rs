//! Providers that break off, never end, refuse in odd shapes: what a user sees of each, and what it takes.

use std::time::Duration;

use foretoken_tests::desk::{Desk, ask};
use foretoken_tests::faultd::{
    self, OPENAI_END, Script, Step, json as json_answer, openai, openai_text, stream_head, whole,
};
use foretoken_tests::persona::Persona;
use foretoken_tests::process::peak_kb;
use foretoken_tests::session::Session;
use serde_json::{Value, json};

/// Each of its own kind, so that an endpoint's health does not mix.
async fn desk(scripts: Vec<Script>) -> Desk {
    let desk = Desk::new(scripts).await;
    desk.allow();
    desk
}

/// A question that was not asked before.
async fn explain(desk: &Desk, session: &mut Session) -> String {
    let uri = desk.uri("src/sum.rs");
    let at = session.text(&uri).find("    sum\n").unwrap();
    session.change(&uri, at, at, "    // more\n").await;
    ask(session, &uri, "foretoken.explain").await
}

/// What came before the fault stays, once, and says that it was cut; nobody is asked a second time, and the
/// books know how it ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a26_whatever_breaks_a_stream_its_text_stays_and_is_marked() {
    let begun = || Step::Send(openai_text("It adds all rows.\n\nAnd").into_bytes());
    let send = |text: &str| Step::Send(text.as_bytes().to_vec());
    let overloaded = "data: {\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    let breaks: [(&str, Vec<Step>); 9] = [
        ("ends", vec![Step::Close]),
        ("is reset", vec![Step::Reset]),
        (
            "ends inside of an event",
            vec![send("data: {\"choices\":[{\"de"), Step::Close],
        ),
        (
            "ends inside of a character",
            vec![Step::Send(b"data: \xf0\x9f".to_vec()), Step::Close],
        ),
        ("fails", vec![send(overloaded), Step::Close]),
        (
            "is no JSON",
            vec![send("data: {\"choices\":[\n\n"), Step::Close],
        ),
        (
            "is a line without an end",
            vec![
                send("data: "),
                Step::Forever(vec![b'x'; 1 << 16], Duration::from_secs(20)),
            ],
        ),
        (
            "is noise without an end",
            vec![Step::Forever(
                b": noise\n".repeat(4_096),
                Duration::from_secs(20),
            )],
        ),
        (
            "is text without an end",
            vec![Step::Forever(
                openai_text(&"word ".repeat(2_000)).into_bytes(),
                Duration::from_secs(20),
            )],
        ),
    ];
    for (what, steps) in breaks {
        let script = [vec![stream_head(), begun()], steps].concat();
        let desk = desk(vec![script]).await;
        let mut session = desk.serve(Persona::named("vscode")).await;
        let document = explain(&desk, &mut session).await;
        assert_eq!(
            document.matches("It adds all rows.").count(),
            1,
            "{what}: {document}"
        );
        assert_eq!(
            document.matches("Cut short.").count(),
            1,
            "{what}: {document}"
        );
        let status = session.status(false).await;
        let answers = &status["answers"];
        assert_eq!(
            (&answers["answered"], &answers["cut"], &answers["failed"]),
            (&json!(1), &json!(1), &json!(0)),
            "{what}: {status}"
        );
        session.finish().await;
        assert_eq!(
            desk.provider.requests().len(),
            1,
            "{what}: it is not asked again"
        );
        let (_, rows, _) = desk.run(&["audit", "show", "--json"]);
        let row: Value = serde_json::from_str(rows.trim()).unwrap();
        assert_eq!(row["outcome"], "cut", "{what}: {row}");
    }
}

/// The odd streams that are whole all the same: nothing of them is lost, and none is marked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a26_an_odd_stream_that_is_whole_is_no_fault() {
    let good = openai(&["It adds ", "Größen 🌍.\n"]);
    let odd: [(&str, Script); 4] = [
        (
            "crumbs",
            vec![
                stream_head(),
                Step::Bytewise(good.clone().into_bytes()),
                Step::Close,
            ],
        ),
        (
            "other line ends",
            faultd::streamed(&good.replace('\n', "\r\n")),
        ),
        ("no last blank line", faultd::streamed(good.trim_end())),
        (
            "the end twice",
            faultd::streamed(&format!("{good}data: [DONE]\n\n{OPENAI_END}")),
        ),
    ];
    for (what, script) in odd {
        let desk = desk(vec![script]).await;
        let mut session = desk.serve(Persona::named("vscode")).await;
        let document = explain(&desk, &mut session).await;
        assert_eq!(
            document.matches("It adds Größen 🌍.").count(),
            1,
            "{what}: {document}"
        );
        assert!(!document.contains("Cut short."), "{what}: {document}");
        session.finish().await;
    }
}

/// The whole server, with an editor attached, while a provider sends without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a27_the_servers_memory_stays_flat() {
    let long = Duration::from_secs(30);
    let gzip = [
        ("content-type", "text/event-stream"),
        ("content-encoding", "gzip"),
    ];
    // Ten megabytes that would be ten gigabytes.
    let bomb = "\u{1f}".repeat(10 << 20);
    let scripts: Vec<Script> = vec![
        faultd::streamed(&openai(&["Warm.\n"])),
        [
            vec![stream_head(), Step::Send(b"data: ".to_vec())],
            vec![Step::Send(vec![b'x'; 1 << 20]); 100],
        ]
        .concat(),
        vec![whole(200, &gzip, &bomb)],
        vec![
            stream_head(),
            Step::Forever(openai_text(&"word ".repeat(2_000)).into_bytes(), long),
        ],
        vec![
            stream_head(),
            Step::Forever(b": noise\n".repeat(4_096), long),
        ],
        vec![
            Step::Send(b"HTTP/1.1 500 Broken\r\ncontent-type: text/plain\r\n\r\n".to_vec()),
            Step::Forever(vec![b'x'; 1 << 16], long),
        ],
        vec![
            Step::Send(b"HTTP/1.1 200 OK\r\nx: ".to_vec()),
            Step::Forever(vec![b'x'; 1 << 16], long),
        ],
        vec![
            Step::Send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec()),
            Step::Forever(vec![b' '; 1 << 16], long),
        ],
    ];
    let questions = scripts.len();
    let desk = desk(scripts).await;
    let mut session = desk.serve(Persona::named("vscode")).await;
    let process = session.process.unwrap();
    explain(&desk, &mut session).await;
    let Some(before) = peak_kb(process) else {
        println!("SKIP: the system does not tell the memory of a process");
        return session.finish().await;
    };
    for _ in 1..questions {
        let document = explain(&desk, &mut session).await;
        assert!(
            document.len() < 600_000,
            "{} bytes of answer",
            document.len()
        );
        // Faults of one provider in a row would close its door.
        let sent = desk.provider.requests().len();
        assert!(sent <= questions);
    }
    // The system's own count is not exact, and may fall by a page or two.
    let grown = peak_kb(process).unwrap().saturating_sub(before);
    assert!(grown < 40 << 10, "{grown} kB");
    session.finish().await;
}

/// A refusal of any shape: one sentence that says what to do, no second request, and the endpoint is left
/// alone until something changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a28_a_refusal_is_told_once_and_the_endpoint_is_left_alone() {
    let budget =
        r#"{"error":{"message":"Budget has been exceeded","type":"budget_exceeded","code":"400"}}"#;
    let html = [("content-type", "text/html")];
    let page = "<html><script>alert(1)</script>Sign in</html>";
    for (script, sentence) in [
        (json_answer(400, budget), "budget of this key is used up"),
        (json_answer(422, budget), "budget of this key is used up"),
        (json_answer(429, budget), "budget of this key is used up"),
        (whole(200, &html, page), "instead of a model's answer"),
        (
            json_answer(401, r#"{"error":{"type":"auth_error","message":"no"}}"#),
            "did not accept the key",
        ),
    ] {
        let good = faultd::streamed(&openai(&["It adds rows.\n"]));
        let desk = desk(vec![good, vec![script]]).await;
        let mut session = desk.serve(Persona::named("vscode")).await;
        let first = explain(&desk, &mut session).await;
        assert!(first.contains("It adds rows."), "{first}");
        let second = explain(&desk, &mut session).await;
        assert_eq!(second.matches(sentence).count(), 1, "{second}");
        assert!(!second.contains("<script"), "{second}");
        for _ in 0..3 {
            let later = explain(&desk, &mut session).await;
            assert!(later.contains("Not coder at house"), "{sentence}: {later}");
        }
        assert_eq!(desk.provider.requests().len(), 2, "{sentence}: no storm");
        session.finish().await;
    }
}
