//! The way down a plan: fallback, retries, breaker, parking, places, books.

use std::time::{Duration, Instant};

use foretoken_remote::Limits;
use foretoken_remote::client::{Candidate, End, Event, Question, Remote};
use foretoken_remote::failure::{Kind, Refusal};
use foretoken_remote::keys::Keys;
use foretoken_remote::ledger::{self, Ledger};
use foretoken_remote::store::Store;

use crate::faultd::*;
use crate::run::*;

fn failing(status: u16) -> Script {
    vec![json(status, r#"{"error":{"message":"no"}}"#)]
}

#[tokio::test]
async fn the_next_one_answers_and_the_user_sees_who() {
    let (bad, good) = (
        Faultd::start(vec![failing(500)]).await,
        Faultd::start(vec![streamed(&openai(&["fine"]))]).await,
    );
    let plan = vec![
        candidate(endpoint("first", &bad.url(), "")),
        candidate(endpoint("second", &good.url(), "")),
    ];
    let told = ask(
        &remote(),
        Question {
            retries: 1,
            ..question(plan)
        },
    )
    .await;
    assert_eq!(told.line(), "Finished | fine");
    assert_eq!(
        told.started,
        Some(("second".to_owned(), "fault-1".to_owned()))
    );
    assert_eq!(
        told.done.by,
        Some(("second".to_owned(), "fault-1".to_owned()))
    );
    assert_eq!(
        told.notes,
        ["first failed; ask again in a moment (status 500): no; asking the next model"]
    );
    assert_eq!((bad.requests().len(), good.requests().len()), (1, 1));
}

#[tokio::test]
async fn a26_after_the_first_text_nobody_else_is_asked() {
    let cut = vec![
        stream_head(),
        Step::Send(openai_text("so far").into_bytes()),
        Step::Close,
    ];
    let (bad, good) = (
        Faultd::start(vec![cut]).await,
        Faultd::start(vec![streamed(&openai(&["other"]))]).await,
    );
    let plan = vec![
        candidate(endpoint("first", &bad.url(), "")),
        candidate(endpoint("second", &good.url(), "")),
    ];
    let told = ask(
        &remote(),
        Question {
            retries: 3,
            ..question(plan)
        },
    )
    .await;
    assert_eq!(told.line(), "Cut(Cut) | so far");
    assert!(told.done.cut() && told.done.estimated);
    assert_eq!((bad.requests().len(), good.connections()), (1, 0));
}

#[tokio::test]
async fn the_last_one_is_asked_again_and_a_flapping_one_answers() {
    let flapping = Faultd::start(vec![
        failing(503),
        vec![Step::Reset],
        streamed(&openai(&["third time"])),
    ])
    .await;
    let plan = vec![candidate(endpoint("a", &flapping.url(), ""))];
    let told = ask(
        &remote(),
        Question {
            retries: 2,
            ..question(plan)
        },
    )
    .await;
    assert_eq!(told.line(), "Finished | third time");
    assert_eq!((flapping.requests().len(), told.done.tries.len()), (3, 3));
    assert!(
        told.notes.iter().all(|n| n.ends_with("; asking again")),
        "{:?}",
        told.notes
    );
}

/// The first one is as good as the last when nobody may be asked behind it.
#[tokio::test]
async fn a_candidate_that_will_not_be_asked_takes_no_patience() {
    let slow = vec![
        stream_head(),
        Step::Pause(Duration::from_millis(600)),
        Step::Send(openai(&["late"]).into()),
        Step::Close,
    ];
    let (slow, parked) = (
        Faultd::start(vec![slow]).await,
        Faultd::start(vec![vec![whole(429, &[("retry-after", "60")], "")]]).await,
    );
    let remote = remote();
    let second = || candidate(endpoint("parked", &parked.url(), ""));
    ask(&remote, question(vec![second()])).await;
    let plan = vec![candidate(endpoint("slow", &slow.url(), "")), second()];
    let limits = Limits {
        first_text: Some(Duration::from_millis(200)),
        ..Limits::deep()
    };
    let told = ask(
        &remote,
        Question {
            limits,
            ..question(plan)
        },
    )
    .await;
    assert_eq!(told.line(), "Finished | late");
    assert_eq!(parked.requests().len(), 1);
}

#[tokio::test]
async fn retries_have_a_budget() {
    let dead = Faultd::start(vec![failing(503)]).await;
    let remote = remote();
    for n in 0..8 {
        // Eight names, so that no breaker stops it first.
        let plan = vec![candidate(endpoint(&format!("e{n}"), &dead.url(), ""))];
        ask(
            &remote,
            Question {
                retries: 5,
                ..question(plan)
            },
        )
        .await;
    }
    assert_eq!(dead.requests().len(), 8 + 3);
}

#[tokio::test]
async fn retry_after_that_fits_is_waited_for_and_one_that_does_not_parks() {
    let limited = |seconds: &str| vec![whole(429, &[("retry-after", seconds)], "")];
    let short = Faultd::start(vec![limited("1"), streamed(&openai(&["waited"]))]).await;
    let start = Instant::now();
    let remote = remote();
    let plan = |server: &Faultd, name: &str| Question {
        retries: 1,
        ..question(vec![candidate(endpoint(name, &server.url(), ""))])
    };
    assert_eq!(
        ask(&remote, plan(&short, "short")).await.line(),
        "Finished | waited"
    );
    assert!(start.elapsed() >= Duration::from_secs(1));
    let long = Faultd::start(vec![limited("3600"), streamed(&openai(&["at last"]))]).await;
    for _ in 0..3 {
        let told = ask(&remote, plan(&long, "long")).await;
        assert_eq!(told.line(), "Failed(RateLimited) | ");
        let failure = told.done.tries[0].failure.as_ref().unwrap();
        assert!(
            failure.sentence("long").contains("again in 3"),
            "{}",
            failure.sentence("long")
        );
    }
    assert_eq!(long.requests().len(), 1, "parked");
    remote.resume("long");
    assert_eq!(
        ask(&remote, plan(&long, "long")).await.line(),
        "Finished | at last"
    );
}

#[tokio::test]
async fn an_unreachable_one_is_not_asked_for_ever() {
    let gone = Faultd::start(vec![]).await;
    let url = gone.url();
    drop(gone);
    let remote = remote();
    wait_for_port(&url).await;
    let kinds: Vec<Kind> = {
        let mut kinds = Vec::new();
        for _ in 0..5 {
            let told = ask(&remote, question(vec![candidate(endpoint("a", &url, ""))])).await;
            kinds.push(told.done.tries[0].failure.as_ref().unwrap().kind);
        }
        kinds
    };
    let open = Kind::Refused(Refusal::Unavailable);
    assert_eq!(
        kinds,
        [Kind::Connect, Kind::Connect, Kind::Connect, open, open]
    );
    assert!(
        remote.standings()[0]
            .open_for
            .is_some_and(|wait| wait <= Duration::from_secs(10))
    );
    assert_eq!(remote.sent(), 3);
}

/// Until the closed listener refuses.
async fn wait_for_port(url: &str) {
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/v1")
        .to_owned();
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(&address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn two_run_four_wait_and_the_seventh_is_refused() {
    let slow = vec![
        stream_head(),
        Step::Send(openai_text("a").into_bytes()),
        Step::Pause(Duration::from_millis(400)),
        Step::Send(OPENAI_END.into()),
        Step::Close,
    ];
    let server = Faultd::start(vec![slow]).await;
    let remote = remote();
    let ask_again = || {
        ask(
            &remote,
            question(vec![candidate(endpoint("a", &server.url(), ""))]),
        )
    };
    let (a, b, c, d, e, f, g) = tokio::join!(
        ask_again(),
        ask_again(),
        ask_again(),
        ask_again(),
        ask_again(),
        ask_again(),
        ask_again()
    );
    let lines: Vec<String> = [&a, &b, &c, &d, &e, &f, &g]
        .iter()
        .map(|t| t.line())
        .collect();
    assert_eq!(lines.iter().filter(|l| *l == "Finished | a").count(), 6);
    assert_eq!(
        lines
            .iter()
            .filter(|l| *l == "Failed(Refused(Busy)) | ")
            .count(),
        1
    );
    let queued = [a, b, c, d, e, f, g]
        .iter()
        .filter(|t| t.notes == ["waiting for another question's answer"])
        .count();
    assert_eq!(queued, 4);
    let mut times: Vec<Instant> = server.requests().iter().map(|r| r.at).collect();
    times.sort_unstable();
    assert!(
        times
            .windows(3)
            .all(|w| w[2].duration_since(w[0]) > Duration::from_millis(300)),
        "never three at once"
    );
    assert_eq!(
        ask_again().await.line(),
        "Finished | a",
        "the places are free again"
    );
}

#[tokio::test]
async fn connections_are_reused() {
    let body = openai(&["a"]);
    let server = Faultd::start(vec![vec![whole(
        200,
        &[("content-type", "text/event-stream")],
        &body,
    )]])
    .await;
    let remote = remote();
    for _ in 0..5 {
        assert_eq!(
            ask(
                &remote,
                question(vec![candidate(endpoint("a", &server.url(), ""))])
            )
            .await
            .line(),
            "Finished | a"
        );
    }
    assert_eq!((server.requests().len(), server.connections()), (5, 1));
}

/// The end of the body may come a moment behind the end of the answer.
#[tokio::test]
async fn a_connection_serves_again_though_its_body_ends_late() {
    let body = openai(&["a"]);
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("{head}{:x}\r\n{body}\r\n", body.len());
    let end = Step::Send(b"0\r\n\r\n".to_vec());
    let server = Faultd::start(vec![vec![
        Step::Send(chunk.into()),
        Step::Pause(Duration::from_millis(30)),
        end,
    ]])
    .await;
    let remote = remote();
    for _ in 0..3 {
        let told = ask(
            &remote,
            question(vec![candidate(endpoint("a", &server.url(), ""))]),
        )
        .await;
        assert_eq!(told.line(), "Finished | a");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!((server.requests().len(), server.connections()), (3, 1));
}

/// Servers close connections that wait too long; the next question must not pay for it.
#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_no_failure() {
    let body = openai(&["a"]);
    let answer = whole(200, &[("content-type", "text/event-stream")], &body);
    let server = Faultd::start(vec![vec![
        answer,
        Step::Pause(Duration::from_millis(50)),
        Step::Close,
    ]])
    .await;
    let remote = remote();
    for _ in 0..3 {
        let told = ask(
            &remote,
            question(vec![candidate(endpoint("a", &server.url(), ""))]),
        )
        .await;
        assert_eq!(told.line(), "Finished | a");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert_eq!((server.requests().len(), server.connections()), (3, 3));
}

fn books(limits: ledger::Limits) -> (tempfile::TempDir, Ledger) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join("books.sqlite")).unwrap();
    (home, Ledger::new(store, limits, 0).unwrap())
}

const PRICED: &str = "models = [{ name = 'm', price = { input = 0.15, output = 0.6 } }]";

fn priced(name: &str, url: &str) -> Candidate {
    Candidate {
        reserved: 1_000_000,
        ..candidate(endpoint(name, url, PRICED))
    }
}

#[tokio::test]
async fn the_books_hold_what_was_used_and_nothing_stays_open() {
    let cut = vec![
        stream_head(),
        Step::Send(openai_text("12345678").into_bytes()),
        Step::Close,
    ];
    let hold = vec![
        stream_head(),
        Step::Send(openai_text("1234").into_bytes()),
        Step::Hold,
    ];
    let server = Faultd::start(vec![streamed(&openai(&["a"])), cut, failing(500), hold]).await;
    let (_home, ledger) = books(ledger::Limits::default());
    let remote = Remote::new(Keys::new("/nonexistent".into()), Some(ledger.clone()));
    let plan = |n: u32| question(vec![priced(&format!("e{n}"), &server.url())]);
    let day = || ledger.lines(0).unwrap().iter().map(|l| l.cost).sum::<u64>();
    let told = ask(&remote, plan(0)).await;
    assert_eq!(
        (told.done.cost, told.done.estimated, day()),
        (Some(13_500), false, 13_500)
    );
    // Seven tokens of the prompt and two of the text, by our count.
    let told = ask(&remote, plan(1)).await;
    assert_eq!(
        (told.done.cost, told.done.estimated),
        (Some(7 * 150 + 2 * 600), true)
    );
    assert_eq!(day(), 13_500 + 2_250);
    let told = ask(&remote, plan(2)).await;
    assert_eq!(
        (told.done.cost, day()),
        (None, 15_750),
        "a failed request costs nothing"
    );
    let mut events = remote.stream(plan(3));
    while !matches!(events.recv().await.unwrap(), Event::Text(_)) {}
    assert_eq!(ledger.open_bookings().unwrap(), 1);
    drop(events);
    wait_until(|| ledger.open_bookings().unwrap() == 0).await;
    assert_eq!(
        day(),
        15_750 + 7 * 150 + 600,
        "a cancelled one costs what had come"
    );
}

#[tokio::test]
async fn a_used_up_budget_connects_nowhere_and_a_low_one_is_told() {
    let server = Faultd::start(vec![streamed(&openai(&["a"]))]).await;
    let (_home, ledger) = books(ledger::Limits {
        hard_month: Some(1_500_000),
        soft_month: Some(1_000_000),
        ..ledger::Limits::default()
    });
    let remote = Remote::new(Keys::new("/nonexistent".into()), Some(ledger));
    let ask_again = || ask(&remote, question(vec![priced("a", &server.url())]));
    let first = ask_again().await;
    assert_eq!(
        (first.line().as_str(), first.notes.len()),
        ("Finished | a", 0)
    );
    let told = Question {
        plan: vec![Candidate {
            reserved: 1_200_000,
            ..priced("a", &server.url())
        }],
        ..question(vec![])
    };
    let second = ask(&remote, told).await;
    assert_eq!(second.line(), "Finished | a");
    assert!(
        second.notes[0].starts_with("the budget of this month runs low; it begins anew on "),
        "{:?}",
        second.notes
    );
    let dear = Question {
        plan: vec![Candidate {
            reserved: 1_490_000,
            ..priced("a", &server.url())
        }],
        ..question(vec![])
    };
    let told = ask(&remote, dear).await;
    assert_eq!(told.line(), "Failed(Refused(Budget)) | ");
    assert_eq!(server.requests().len(), 2);
}

/// Whatever happens and whenever the user gives up: no place, booking or connection is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_behind_whenever_it_is_cancelled() {
    let slow = |body: &str| -> Script {
        let steps = body.as_bytes().chunks(40).flat_map(|c| {
            [
                Step::Send(c.to_vec()),
                Step::Pause(Duration::from_millis(2)),
            ]
        });
        std::iter::once(stream_head())
            .chain(steps)
            .chain([Step::Close])
            .collect()
    };
    let server = Faultd::start(vec![slow(&openai(&["a", "b", "c"]))]).await;
    let other = Faultd::start(vec![failing(500)]).await;
    let (_home, ledger) = books(ledger::Limits::default());
    let remote = Remote::new(Keys::new("/nonexistent".into()), Some(ledger.clone()));
    for n in 0..60u64 {
        let plan = vec![
            priced(&format!("x{n}"), &other.url()),
            priced(&format!("y{n}"), &server.url()),
        ];
        let mut events = remote.stream(question(plan));
        let until = tokio::time::sleep(Duration::from_millis(n % 30));
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => break,
                event = events.recv() => if event.is_none() { break },
            }
        }
    }
    wait_until(|| ledger.open_bookings().unwrap() == 0).await;
    let told = tokio::join!(
        ask(&remote, question(vec![priced("z1", &server.url())])),
        ask(&remote, question(vec![priced("z2", &server.url())])),
    );
    assert_eq!(
        (told.0.line().as_str(), told.1.line().as_str()),
        ("Finished | abc", "Finished | abc")
    );
    assert_eq!(
        told.0.notes.len() + told.1.notes.len(),
        0,
        "both places are free"
    );
}

#[tokio::test]
async fn counters_equal_the_script() {
    let scripts = vec![
        failing(500),
        streamed(&openai(&["a"])),
        failing(429),
        streamed(&openai(&["b"])),
        vec![json(400, r#"{"error":{"code":"context_length_exceeded"}}"#)],
    ];
    let server = Faultd::start(scripts).await;
    let remote = remote();
    let mut kinds = Vec::new();
    for n in 0..3 {
        let plan = (0..2)
            .map(|m| candidate(endpoint(&format!("{n}-{m}"), &server.url(), "")))
            .collect();
        let told = ask(&remote, question(plan)).await;
        kinds.extend(
            told.done
                .tries
                .iter()
                .map(|t| t.failure.as_ref().map(|f| f.kind)),
        );
        if n == 2 {
            assert!(
                matches!(told.done.end, End::Failed(_)),
                "another model would refuse too"
            );
        }
    }
    assert_eq!(
        kinds,
        [
            Some(Kind::Server),
            None,
            Some(Kind::RateLimited),
            None,
            Some(Kind::ContextWindow)
        ]
    );
    assert_eq!((remote.sent(), server.requests().len()), (5, 5));
}

#[tokio::test]
async fn an_empty_plan_says_so() {
    let told = ask(&remote(), question(vec![])).await;
    assert_eq!(told.line(), "Failed(Refused(Unavailable)) | ");
}
