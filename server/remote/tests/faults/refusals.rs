//! Answers that are none: statuses, redirects, pages, and what our own side refuses to send.

use std::sync::{Arc, Mutex};

use foretoken_remote::client::{Candidate, Question};
use foretoken_remote::egress::Gate;
use foretoken_remote::failure::{Kind, Refusal, RetryAfter};
use foretoken_remote::keys::Keys;
use foretoken_remote::wire::{ChatRequest, Message};

use crate::faultd::*;
use crate::run::*;

/// The kind of failure and the wait that it asks for.
async fn fails(script: Script) -> (Kind, Option<u64>) {
    let server = Faultd::start(vec![script]).await;
    let told = ask_one(&server, "").await;
    assert_eq!(server.requests().len(), 1, "asked once");
    let failure = told.done.tries[0].failure.clone().unwrap();
    assert_eq!(told.text, "");
    (
        failure.kind,
        failure.retry_after.map(|RetryAfter(wait)| wait.as_secs()),
    )
}

#[tokio::test]
async fn too_many_requests_with_every_retry_after() {
    let limited = |header: &str| {
        whole(
            429,
            &[
                ("retry-after", header),
                ("content-type", "application/json"),
            ],
            r#"{"error":{"type":"throttling_error","message":"slow down"}}"#,
        )
    };
    assert_eq!(
        fails(vec![limited("20")]).await,
        (Kind::RateLimited, Some(20))
    );
    assert_eq!(
        fails(vec![limited("3600")]).await,
        (Kind::RateLimited, Some(3_600))
    );
    assert_eq!(
        fails(vec![limited("999999")]).await,
        (Kind::RateLimited, Some(3_600))
    );
    assert_eq!(
        fails(vec![limited("Wed, 21 Oct 2015 07:28:00 GMT")]).await,
        (Kind::RateLimited, Some(0))
    );
    assert_eq!(
        fails(vec![limited("Fri, 31 Dec 2100 23:59:59 GMT")]).await,
        (Kind::RateLimited, Some(3_600))
    );
    assert_eq!(
        fails(vec![limited("when it is over")]).await,
        (Kind::RateLimited, None)
    );
    assert_eq!(
        fails(vec![json(429, "{}")]).await,
        (Kind::RateLimited, None)
    );
}

#[tokio::test]
async fn a28_a_used_up_budget_whatever_its_status_pauses_the_endpoint() {
    for status in [400, 422, 429] {
        let body = r#"{"error":{"message":"Budget has been exceeded","type":"budget_exceeded","param":null,"code":"400"}}"#;
        let server = Faultd::start(vec![vec![json(status, body)]]).await;
        let remote = remote();
        let plan = || vec![candidate(endpoint("a", &server.url(), ""))];
        for _ in 0..5 {
            assert_eq!(
                ask(&remote, question(plan())).await.line(),
                "Failed(Budget) | "
            );
        }
        assert_eq!(server.requests().len(), 1, "{status}: no storm");
        assert!(remote.standings()[0].paused.is_some());
        remote.resume("a");
        ask(&remote, question(plan())).await;
        assert_eq!(server.requests().len(), 2, "the user said: try again");
    }
}

#[tokio::test]
async fn a28_a_login_page_with_200_pauses_and_names_the_host() {
    let page = whole(
        200,
        &[("content-type", "text/html; charset=utf-8")],
        "<html><script>alert(1)</script>Sign in</html>",
    );
    let server = Faultd::start(vec![vec![page]]).await;
    let remote = remote();
    for _ in 0..3 {
        let told = ask(
            &remote,
            question(vec![candidate(endpoint("a", &server.url(), ""))]),
        )
        .await;
        let failure = told.done.tries[0].failure.as_ref().unwrap();
        assert_eq!(
            (failure.kind, failure.said.as_str()),
            (Kind::NotAModel, "127.0.0.1 sent text/html; charset=utf-8")
        );
        assert!(!failure.sentence("a").contains("script"));
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a28_401_in_mid_session_pauses_until_the_key_changes() {
    let no = json(
        401,
        r#"{"error":{"type":"auth_error","message":"key expired"}}"#,
    );
    let server = Faultd::start(vec![
        streamed(&openai(&["fine"])),
        vec![no],
        streamed(&openai(&["again"])),
    ])
    .await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("keys.toml");
    let write = |key: &str| {
        let text = format!("\"http://{}\" = {key:?}", server.address());
        std::fs::write(&file, text).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
    };
    write("first-key");
    let remote = foretoken_remote::client::Remote::new(Keys::new(file.clone()), None);
    let plan = || {
        question(vec![candidate(endpoint(
            "a",
            &server.url(),
            "key = 'file'",
        ))])
    };
    assert_eq!(ask(&remote, plan()).await.line(), "Finished | fine");
    for _ in 0..3 {
        assert_eq!(ask(&remote, plan()).await.line(), "Failed(Auth) | ");
    }
    assert_eq!(server.requests().len(), 2);
    write("second-key");
    assert_eq!(ask(&remote, plan()).await.line(), "Finished | again");
    let sent: Vec<_> = server
        .requests()
        .iter()
        .map(|r| r.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(
        sent,
        ["Bearer first-key", "Bearer first-key", "Bearer second-key"]
    );
}

#[tokio::test]
async fn a04_redirects_are_errors_and_nothing_is_sent_again() {
    let elsewhere = Faultd::start(vec![streamed(&openai(&["stolen"]))]).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://{}/v1/chat/completions?x=1", elsewhere.address());
        let server = Faultd::start(vec![vec![whole(status, &[("location", &location)], "")]]).await;
        let told = ask_one(&server, "").await;
        let failure = told.done.tries[0].failure.as_ref().unwrap();
        assert_eq!(
            (failure.kind, failure.status),
            (Kind::Redirect, Some(status))
        );
        assert!(
            failure
                .sentence("a")
                .contains(&format!("to http://{}", elsewhere.address()))
        );
    }
    let own = Faultd::start(vec![vec![whole(307, &[("location", "/v1/other")], "")]]).await;
    assert_eq!(ask_one(&own, "").await.line(), "Failed(Redirect) | ");
    assert_eq!((own.requests().len(), elsewhere.connections()), (1, 0));
}

#[tokio::test]
async fn statuses_by_the_table() {
    let error = |kind: &str| format!(r#"{{"error":{{"type":"{kind}","message":"m"}}}}"#);
    assert_eq!(
        fails(vec![json(529, &error("overloaded_error"))]).await.0,
        Kind::Overloaded
    );
    assert_eq!(fails(vec![json(503, "busy")]).await.0, Kind::Overloaded);
    assert_eq!(fails(vec![json(500, "")]).await.0, Kind::Server);
    assert_eq!(
        fails(vec![json(404, r#"{"detail":"Not Found"}"#)]).await.0,
        Kind::Request
    );
    let streamed_error = whole(
        500,
        &[("content-type", "text/event-stream")],
        "data: {\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}}\n\n",
    );
    assert_eq!(fails(vec![streamed_error]).await.0, Kind::RateLimited);
    assert_eq!(fails(vec![json(400, r#"{"error":{"message":"litellm.ContextWindowExceededError: m","type":"invalid_request_error"}}"#)]).await.0, Kind::ContextWindow);
    assert_eq!(
        fails(vec![whole(500, &[("content-encoding", "gzip")], "\u{1f}")])
            .await
            .0,
        Kind::Protocol
    );
}

#[tokio::test]
async fn an_endless_error_body_is_read_so_far_only() {
    let head = Step::Send(b"HTTP/1.1 500 Broken\r\ncontent-type: text/plain\r\n\r\n".to_vec());
    let server = Faultd::start(vec![vec![
        head,
        Step::Forever(vec![b'x'; 4_096], std::time::Duration::from_secs(20)),
    ]])
    .await;
    let told = ask_one(&server, "").await;
    assert_eq!(told.line(), "Failed(Server) | ");
    wait_until(|| server.requests()[0].hung_up.is_some()).await;
}

/// Made of parts, so that no key-shaped text stands in the repository.
fn canary() -> String {
    ["sk", "Canary", "0123456789abcdef"].join("-")
}

#[tokio::test]
async fn a18_a_key_that_the_provider_repeats_is_in_no_sink() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("keys.toml");
    let far = "x".repeat(290);
    let bodies = [
        json(
            401,
            &format!(r#"{{"error":{{"message":"bad key {}"}}}}"#, canary()),
        ),
        json(500, &format!("{far}{}", canary())),
        json(
            500,
            &format!(r#"{{"error":{{"message":"{far}{}"}}}}"#, canary()),
        ),
        whole(
            307,
            &[(
                "location",
                &format!("https://evil.example/?key={}", canary()),
            )],
            "",
        ),
        whole(200, &[("content-type", &canary())], ""),
    ];
    let streams = [
        format!("data: {{\"error\":{{\"message\":\"{}\"}}}}\n\n", canary()),
        openai(&[&format!("your key is {}", canary())]),
        format!("event: error\ndata: {}\n\n", canary()),
    ];
    let scripts: Vec<Script> = bodies
        .into_iter()
        .map(|b| vec![b])
        .chain(streams.iter().map(|s| streamed(s)))
        .collect();
    let mut sinks = Vec::new();
    for script in scripts {
        let server = Faultd::start(vec![script]).await;
        std::fs::write(
            &file,
            format!("\"http://{}\" = {:?}", server.address(), canary()),
        )
        .unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let remote = foretoken_remote::client::Remote::new(Keys::new(file.clone()), None);
        let own = endpoint(
            "a",
            &server.url(),
            &format!("key = 'file'\nheaders = {{ x-team = {:?} }}", canary()),
        );
        sinks.push(format!("{own:?}"));
        let told = ask(&remote, question(vec![candidate(own)])).await;
        assert_eq!(
            server.requests()[0].header("authorization"),
            Some(format!("Bearer {}", canary()).as_str())
        );
        assert_eq!(
            server.requests()[0].header("x-team"),
            Some(canary().as_str())
        );
        sinks.push(format!("{told:?} {:?}", remote.standings()));
        sinks.extend(
            told.done
                .tries
                .iter()
                .filter_map(|t| t.failure.as_ref())
                .map(|f| f.sentence("a")),
        );
    }
    for sink in sinks {
        assert!(
            !sink.to_lowercase().contains("canary") && !sink.contains("0123456789abcdef"),
            "{sink}"
        );
    }
}

/// A gate that writes down what it was asked.
fn gate(asked: &Arc<Mutex<Vec<String>>>, refusal: Option<Refusal>, secret: &'static str) -> Gate {
    let (first, second) = (Arc::clone(asked), Arc::clone(asked));
    Gate {
        allow: Arc::new(move |endpoint, origin| {
            first
                .lock()
                .unwrap()
                .push(format!("allow {} {origin}", endpoint.name));
            refusal.map_or(Ok(()), Err)
        }),
        secret: Arc::new(move |text| {
            second.lock().unwrap().push("scan".to_owned());
            text.contains(secret).then(|| "test secret".to_owned())
        }),
    }
}

#[tokio::test]
async fn before_consent_nothing_connects() {
    let server = Faultd::start(vec![streamed(&openai(&["a"]))]).await;
    for refusal in [Refusal::Consent, Refusal::Level] {
        let asked = Arc::default();
        let question = Question {
            gate: gate(&asked, Some(refusal), "-"),
            ..question(vec![candidate(endpoint("a", &server.url(), ""))])
        };
        let told = ask(&remote(), question).await;
        assert_eq!(told.line(), format!("Failed(Refused({refusal:?})) | "));
        assert_eq!(
            *asked.lock().unwrap(),
            [format!("allow a http://{}", server.address())],
            "the scan comes behind consent"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a16_a_secret_spread_over_two_messages_is_caught_on_the_final_body() {
    let server = Faultd::start(vec![streamed(&openai(&["a"]))]).await;
    let with = |first: &str, second: &str| {
        let message = |text: &str| Message {
            text: text.to_owned(),
            ..Message::default()
        };
        let asked = Arc::default();
        Question {
            request: ChatRequest {
                messages: vec![message(first), message(second)],
                ..ChatRequest::default()
            },
            gate: gate(&asked, None, "se\ncret"),
            ..question(vec![
                candidate(endpoint("a", &server.url(), "")),
                candidate(endpoint("b", &server.url(), "")),
            ])
        }
    };
    for (first, second) in [("x se\ncret y", ""), ("x se", "\ncret y")] {
        let told = ask(&remote(), with(first, second)).await;
        assert_eq!(told.line(), "Failed(Refused(Secret)) | ");
        assert_eq!(
            told.done.tries.len(),
            1,
            "the same body would go to the next"
        );
    }
    assert_eq!(server.connections(), 0);
    assert_eq!(
        ask(&remote(), with("nothing", "here")).await.line(),
        "Finished | a"
    );
}

#[tokio::test]
async fn a03_a20_addresses_that_are_never_connected_to() {
    let server = Faultd::start(vec![streamed(&openai(&["a"]))]).await;
    let port = server.address().port();
    let cases = [
        (format!("http://good@127.0.0.1:{port}"), Refusal::Address),
        (
            format!("http://127.0.0.1.nip.example:{port}"),
            Refusal::PlainHttp,
        ),
        (format!("http://0.0.0.0:{port}"), Refusal::PlainHttp),
        ("ftp://127.0.0.1".to_owned(), Refusal::Address),
    ];
    for (url, refusal) in cases {
        let told = ask(
            &remote(),
            question(vec![candidate(endpoint("a", &url, ""))]),
        )
        .await;
        assert_eq!(
            told.line(),
            format!("Failed(Refused({refusal:?})) | "),
            "{url}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a03_a_key_for_another_origin_is_not_used() {
    let server = Faultd::start(vec![streamed(&openai(&["a"]))]).await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("keys.toml");
    // The same host, another port.
    std::fs::write(&file, format!("\"http://127.0.0.1:1\" = {:?}", canary())).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let remote = foretoken_remote::client::Remote::new(Keys::new(file), None);
    let told = ask(
        &remote,
        question(vec![candidate(endpoint(
            "a",
            &server.url(),
            "key = 'file'",
        ))]),
    )
    .await;
    assert_eq!(told.line(), "Failed(Refused(Key)) | ");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn our_headers_and_no_others() {
    let server = Faultd::start(vec![streamed(&openai(&["a"]))]).await;
    let plan: Vec<Candidate> = vec![candidate(endpoint("a", &server.url(), "litellm = true"))];
    ask(&remote(), question(plan)).await;
    let seen = &server.requests()[0];
    let names: Vec<String> = seen
        .head
        .lines()
        .skip(1)
        .filter_map(|l| l.split_once(':'))
        .map(|(n, _)| n.to_lowercase())
        .collect();
    assert_eq!(
        names,
        [
            "content-type",
            "accept",
            "accept-encoding",
            "traceparent",
            "x-litellm-tags",
            "user-agent",
            "host",
            "content-length"
        ]
    );
    assert_eq!(seen.header("x-litellm-tags"), Some("feature:explain"));
    let trace = seen.header("traceparent").unwrap();
    assert_eq!((trace.len(), &trace[..3], &trace[52..]), (55, "00-", "-01"));
    let wrong = endpoint("a", &server.url(), "headers = { host = 'evil.example' }");
    assert_eq!(
        ask(&remote(), question(vec![candidate(wrong)]))
            .await
            .line(),
        "Failed(Refused(Key)) | "
    );
}
