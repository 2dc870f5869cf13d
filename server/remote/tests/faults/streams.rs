//! What a stream can do: break off, come in crumbs, never end, lie about its end.

use std::time::{Duration, Instant};

use foretoken_remote::Limits;
use foretoken_remote::client::{End, Event, Question};
use foretoken_remote::failure::Kind;

use crate::faultd::*;
use crate::run::*;

/// One line of what comes of a script, with its counters checked.
async fn check(script: Script, expected: &str) {
    let server = Faultd::start(vec![script]).await;
    assert_eq!(ask_one(&server, "").await.line(), expected);
    assert_eq!(server.requests().len(), 1, "no second request");
}

fn then(body: &str, steps: Vec<Step>) -> Script {
    [
        vec![stream_head(), Step::Send(body.as_bytes().to_vec())],
        steps,
    ]
    .concat()
}

#[tokio::test]
async fn a_good_stream_of_either_wire() {
    let server = Faultd::start(vec![streamed(&openai(&["Hel", "lo"]))]).await;
    let told = ask_one(&server, "").await;
    assert_eq!((told.line().as_str(), told.texts), ("Finished | Hello", 2));
    assert_eq!(told.started, Some(("a".to_owned(), "fault-1".to_owned())));
    let usage = told.done.usage;
    assert_eq!(
        (usage.input, usage.output, told.done.estimated),
        (Some(10), Some(20), false)
    );
    let server = Faultd::start(vec![streamed(&anthropic(&["Hel", "lo"]))]).await;
    let told = ask_one(&server, "wire = 'anthropic'").await;
    assert_eq!(told.line(), "Finished | Hello");
    assert_eq!(
        (told.done.usage.input, told.done.usage.output),
        (Some(10), Some(20))
    );
    let seen = &server.requests()[0];
    assert!(
        seen.head.starts_with("POST /v1/messages HTTP/1.1"),
        "{}",
        seen.head
    );
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
}

#[tokio::test]
async fn a26_cut_after_every_byte_keeps_the_text_and_says_so() {
    let body = openai(&["Grü", "ße 🌍"]);
    // Where the stream has an end, the rest is decoration.
    let finish = body.find("\"finish_reason\":\"stop\"}]}\n\n").unwrap()
        + "\"finish_reason\":\"stop\"}]}\n\n".len();
    let remote = remote();
    for at in (0..finish - 1).step_by(3) {
        let script = vec![
            stream_head(),
            Step::Send(body.as_bytes()[..at].to_vec()),
            Step::Close,
        ];
        let server = Faultd::start(vec![script]).await;
        // A name for each, so that no breaker opens.
        let name = format!("e{at}");
        let told = ask(
            &remote,
            question(vec![candidate(endpoint(&name, &server.url(), ""))]),
        )
        .await;
        assert!("Grüße 🌍".starts_with(&told.text), "{at}: {}", told.text);
        match &told.done.end {
            End::Cut(failure) if !told.text.is_empty() => {
                assert_eq!(failure.kind, Kind::Cut, "{at}")
            }
            End::Failed(failure) if told.text.is_empty() => {
                assert_eq!(failure.kind, Kind::Cut, "{at}")
            }
            // The JSON was whole and only its blank line was missing.
            End::Finished => assert!(at + 2 >= finish, "{at}"),
            end => panic!("{at}: {end:?} {}", told.text),
        }
        assert_eq!(server.requests().len(), 1, "no retry after the first text");
    }
}

#[tokio::test]
async fn a_cut_inside_a_chunk_of_the_transfer() {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let event = openai_text("Half an");
    let chunk = format!("{head}{:x}\r\n{event}\r\nff\r\ndata: {{\"cho", event.len());
    check(
        vec![Step::Send(chunk.into_bytes()), Step::Close],
        "Cut(Cut) | Half an",
    )
    .await;
}

#[tokio::test]
async fn a_reset_in_mid_stream_and_before_the_head() {
    let wait = Step::Pause(Duration::from_millis(50));
    check(
        then(&openai_text("So far"), vec![wait, Step::Reset]),
        "Cut(Cut) | So far",
    )
    .await;
    check(vec![Step::Reset], "Failed(Cut) | ").await;
    check(vec![Step::Close], "Failed(Cut) | ").await;
}

#[tokio::test]
async fn one_byte_writes() {
    let body = openai(&["Grü", "ße 🌍"]).into_bytes();
    check(
        vec![stream_head(), Step::Bytewise(body), Step::Close],
        "Finished | Grüße 🌍",
    )
    .await;
}

#[tokio::test]
async fn crlf_comments_multi_line_data_and_no_last_blank_line() {
    check(
        streamed(&openai(&["a", "b"]).replace('\n', "\r\n")),
        "Finished | ab",
    )
    .await;
    check(
        streamed(&openai(&["a", "b"]).replace('\n', "\r")),
        "Finished | ab",
    )
    .await;
    check(
        streamed(&format!(
            ": hello\n\n{}: hello\n{}",
            openai_text("a"),
            openai(&["b"])
        )),
        "Finished | ab",
    )
    .await;
    check(
        streamed(&openai(&["a"]).replace("\"choices\":[", "\"choices\":\ndata: [")),
        "Finished | a",
    )
    .await;
    let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}";
    check(
        streamed(&format!("{}{end}", openai_text("a"))),
        "Finished | a",
    )
    .await;
    check(
        streamed(&format!("{}data: [DONE]", openai_text("a"))),
        "Unclean | a",
    )
    .await;
}

#[tokio::test]
async fn pings_and_unknown_events() {
    let noise = "event: ping\ndata: {\"type\": \"ping\"}\n\nevent: new\ndata: {\"type\":\"new\",\"delta\":{\"text\":7}}\n\n";
    let body = format!(
        "{noise}{ANTHROPIC_START}{noise}{}{noise}{ANTHROPIC_END}",
        anthropic_text("calm")
    );
    let server = Faultd::start(vec![streamed(&body)]).await;
    assert_eq!(
        ask_one(&server, "wire = 'anthropic'").await.line(),
        "Finished | calm"
    );
}

#[tokio::test]
async fn no_done_double_done_and_done_alone() {
    let text = openai_text("a");
    let finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n";
    check(streamed(&format!("{text}{finish}")), "Length | a").await;
    check(
        streamed(&format!("{}data: [DONE]\n\n", openai(&["a"]))),
        "Finished | a",
    )
    .await;
    check(streamed(&format!("{text}data: [DONE]\n\n")), "Unclean | a").await;
    check(streamed(&text), "Cut(Cut) | a").await;
    let filtered = finish.replace("length", "content_filter");
    check(streamed(&format!("{text}{filtered}")), "Filtered | a").await;
}

#[tokio::test]
async fn a_server_that_keeps_the_connection_open_behind_the_end() {
    let start = Instant::now();
    check(then(&openai(&["a"]), vec![Step::Hold]), "Finished | a").await;
    assert!(
        start.elapsed() < Duration::from_millis(1_900),
        "nothing is waited for behind [DONE]"
    );
    let finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    check(
        then(&format!("{}{finish}", openai_text("a")), vec![Step::Hold]),
        "Finished | a",
    )
    .await;
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "the usage is waited for, not for ever"
    );
}

#[tokio::test]
async fn errors_in_mid_stream_keep_the_text() {
    let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let server = Faultd::start(vec![streamed(&format!(
        "{ANTHROPIC_START}{}{overloaded}",
        anthropic_text("so far")
    ))])
    .await;
    let told = ask_one(&server, "wire = 'anthropic'").await;
    assert_eq!(told.line(), "Cut(Overloaded) | so far");
    assert!(
        told.done.estimated && told.done.cut(),
        "its tokens are our count"
    );
    let object = "data: {\"error\":{\"message\":\"boom\",\"type\":null,\"param\":null,\"code\":\"500\"}}\n\n";
    check(
        streamed(&format!("{}{object}", openai_text("so far"))),
        "Cut(Server) | so far",
    )
    .await;
    check(streamed(overloaded), "Failed(Overloaded) | ").await;
    check(
        streamed(&format!(
            "{}data: {{\"choices\":[\n\n",
            openai_text("so far")
        )),
        "Cut(Protocol) | so far",
    )
    .await;
}

#[tokio::test]
async fn a_whole_body_where_a_stream_was_asked_for() {
    let body = r#"{"model":"w","choices":[{"message":{"content":"All at once."},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
    check(vec![json(200, body)], "Finished | All at once.").await;
    check(vec![json(200, "{}")], "Failed(Protocol) | ").await;
    check(vec![json(200, "{\"choices\":")], "Failed(Protocol) | ").await;
    check(
        vec![json(
            200,
            r#"{"error":{"type":"rate_limit_error","message":"slow down"}}"#,
        )],
        "Failed(RateLimited) | ",
    )
    .await;
    let text = vec![whole(
        200,
        &[("content-type", "text/event-stream; charset=utf-8")],
        &openai(&["a"]),
    )];
    check(text, "Finished | a").await;
}

#[tokio::test]
async fn a27_a_line_of_100_mb_is_cut_at_the_limit() {
    let block = vec![b'x'; 1 << 20];
    let line = then("data: ", vec![Step::Send(block); 100]);
    let server = Faultd::start(vec![line]).await;
    assert_eq!(ask_one(&server, "").await.line(), "Failed(TooLong) | ");
    wait_until(|| server.requests()[0].hung_up.is_some()).await;
}

#[tokio::test]
async fn a27_an_endless_answer_is_cut_at_its_limit() {
    let block = openai_text(&"word ".repeat(2_000)).into_bytes();
    let server = Faultd::start(vec![vec![
        stream_head(),
        Step::Forever(block, Duration::from_secs(20)),
    ]])
    .await;
    let told = ask_one(&server, "").await;
    assert_eq!(told.text.len(), Limits::deep().answer);
    assert!(
        matches!(&told.done.end, End::Cut(failure) if failure.kind == Kind::TooLong),
        "{:?}",
        told.done.end
    );
    wait_until(|| server.requests()[0].hung_up.is_some()).await;
}

#[tokio::test]
async fn a27_endless_noise_is_cut_by_events_and_by_bytes() {
    for noise in ["data: {}\n\n", ": nothing to say\n"] {
        let block = noise.repeat(4_000).into_bytes();
        let server = Faultd::start(vec![vec![
            stream_head(),
            Step::Forever(block, Duration::from_secs(20)),
        ]])
        .await;
        assert_eq!(
            ask_one(&server, "").await.line(),
            "Failed(TooLong) | ",
            "{noise:?}"
        );
    }
}

/// The bomb is 10 GB of zeros behind 10 MB; what matters is that nobody unpacks it.
#[tokio::test]
async fn a27_a_gzip_bomb_is_never_unpacked() {
    let bytes = "\u{1f}\u{8b}".repeat(1_000);
    for encoding in ["gzip", "br", "deflate", "zstd", "x-anything"] {
        let kind = ("content-type", "text/event-stream");
        check(
            vec![whole(200, &[kind, ("content-encoding", encoding)], &bytes)],
            "Failed(Protocol) | ",
        )
        .await;
    }
    let kind = ("content-type", "text/event-stream");
    check(
        vec![whole(
            200,
            &[kind, ("content-encoding", "identity")],
            &openai(&["a"]),
        )],
        "Finished | a",
    )
    .await;
}

/// In a process of its own, because the other tests take memory meanwhile.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a27_memory_stays_flat() {
    const CHILD: &str = "FORETOKEN_TEST_MEMORY";
    if std::env::var_os(CHILD).is_none() {
        #[expect(
            clippy::disallowed_methods,
            reason = "the test runs itself again, alone"
        )]
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "streams::a27_memory_stays_flat"])
            .env(CHILD, "1")
            .output();
        let output = child.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        return;
    }
    let peak = || -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let good = Faultd::start(vec![streamed(&openai(&["a"]))]).await;
    ask_one(&good, "").await;
    let before = peak();
    let long = Duration::from_secs(20);
    let megabyte = [
        vec![Step::Send(openai_text(&"megabyte".repeat(128)).into_bytes()); 1_024],
        vec![Step::Send(OPENAI_END.into()), Step::Close],
    ];
    let scripts: [(Script, &str); 4] = [
        (
            vec![
                stream_head(),
                Step::Send(b"data: ".to_vec()),
                Step::Forever(vec![b'x'; 1 << 16], long),
            ],
            "Failed(TooLong)",
        ),
        (
            vec![
                stream_head(),
                Step::Forever(openai_text("word ").repeat(50).into_bytes(), long),
            ],
            "Cut(TooLong)",
        ),
        (
            vec![stream_head(), Step::Forever(b": noise\n".repeat(999), long)],
            "Failed(TooLong)",
        ),
        (
            [vec![stream_head()], megabyte.concat()].concat(),
            "Finished",
        ),
    ];
    for (script, expected) in scripts {
        let server = Faultd::start(vec![script]).await;
        let limits = if expected == "Finished" {
            Limits {
                answer: 2 << 20,
                ..Limits::deep()
            }
        } else {
            Limits::deep()
        };
        let question = Question {
            limits,
            ..question(vec![candidate(endpoint("a", &server.url(), ""))])
        };
        let told = ask(&remote(), question).await;
        assert!(told.line().starts_with(expected), "{expected}");
        assert!(expected != "Finished" || told.text.len() == 1 << 20);
    }
    let grown = peak() - before;
    assert!(grown < 20 << 10, "{grown} kB");
}

#[tokio::test]
async fn cancelling_closes_the_connection_within_100_ms() {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let server = Faultd::start(vec![then(&openai_text("a"), vec![Step::Hold])]).await;
        let plan = vec![candidate(endpoint("a", &server.url(), ""))];
        let mut events = remote().stream(question(plan));
        while !matches!(events.recv().await.unwrap(), Event::Text(_)) {}
        let cancelled = Instant::now();
        drop(events);
        wait_until(|| server.requests()[0].hung_up.is_some()).await;
        best = best.min(
            server.requests()[0]
                .hung_up
                .unwrap()
                .duration_since(cancelled),
        );
        if best < Duration::from_millis(100) {
            return;
        }
    }
    panic!("{best:?}");
}
