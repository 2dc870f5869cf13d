//! The four clocks: each fires alone, within a tenth of its value, and says which it was.

use std::time::{Duration, Instant};

use foretoken_remote::Limits;
use foretoken_remote::client::Question;
use foretoken_remote::failure::{Kind, Limit};

use crate::faultd::*;
use crate::run::*;

/// So long that it cannot be the one that fires.
const NEVER: Duration = Duration::from_secs(20);

fn limits() -> Limits {
    Limits {
        connect: NEVER,
        first_text: None,
        between: NEVER,
        total: NEVER,
        ..Limits::deep()
    }
}

/// Two candidates, since the last one is patient until its first text; the second answers at once. A clock is
/// never early; on a machine that does other things it may be late, but not five times.
async fn check(url: &str, limits: Limits, fires: Limit, after: Duration) {
    let good = Faultd::start(vec![streamed(&openai(&["from the second"]))]).await;
    let mut late = Duration::MAX;
    for _ in 0..5 {
        let slow = candidate(endpoint("slow", url, ""));
        let plan = vec![slow, candidate(endpoint("good", &good.url(), ""))];
        let told = ask(
            &remote(),
            Question {
                limits,
                ..question(plan)
            },
        )
        .await;
        let first = &told.done.tries[0];
        assert_eq!(first.failure.as_ref().unwrap().kind, Kind::Timeout(fires));
        if first.first_text.is_none() && fires != Limit::Total {
            assert_eq!(told.line(), "Finished | from the second");
        }
        assert!(
            first.took >= after.mul_f64(0.9),
            "{:?} of {after:?}",
            first.took
        );
        late = late.min(first.took);
        if late <= after.mul_f64(1.1) {
            return;
        }
    }
    panic!("{late:?} of {after:?}");
}

#[tokio::test]
async fn the_connection_has_a_clock_of_its_own() {
    // It accepts and then never says a word of TLS.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/v1", silent.local_addr().unwrap());
    let time = Duration::from_millis(500);
    check(
        &url,
        Limits {
            connect: time,
            ..limits()
        },
        Limit::Connect,
        time,
    )
    .await;
}

#[tokio::test]
async fn the_first_text_has_one_whatever_else_comes() {
    let time = Duration::from_millis(500);
    let silent: Script = vec![Step::Hold];
    let slow_head: Script = vec![Step::Send(b"HTTP/1.1 200 OK\r\nx: ".to_vec()), Step::Hold];
    let pings = format!(": ping\n\n{}", ANTHROPIC_START);
    let ping: Script = std::iter::once(stream_head())
        .chain((0..40).flat_map(|_| {
            [
                Step::Send(pings.clone().into_bytes()),
                Step::Pause(Duration::from_millis(50)),
            ]
        }))
        .collect();
    for script in [silent, slow_head, ping] {
        let server = Faultd::start(vec![script]).await;
        check(
            &server.url(),
            Limits {
                first_text: Some(time),
                ..limits()
            },
            Limit::FirstText,
            time,
        )
        .await;
    }
}

#[tokio::test]
async fn a_stall_between_chunks_keeps_the_text() {
    let script = vec![
        stream_head(),
        Step::Send(openai_text("so far").into_bytes()),
        Step::Hold,
    ];
    let server = Faultd::start(vec![script]).await;
    let time = Duration::from_millis(500);
    check(
        &server.url(),
        Limits {
            between: time,
            ..limits()
        },
        Limit::Between,
        time,
    )
    .await;
    let told = ask(
        &remote(),
        Question {
            limits: Limits {
                between: time,
                ..limits()
            },
            ..question(vec![candidate(endpoint("a", &server.url(), ""))])
        },
    )
    .await;
    assert_eq!(told.line(), "Cut(Timeout(Between)) | so far");
    wait_until(|| server.requests()[1].hung_up.is_some()).await;
}

#[tokio::test]
async fn the_total_ends_an_answer_that_never_stops_talking() {
    let tick = [
        Step::Send(openai_text("tick ").into_bytes()),
        Step::Pause(Duration::from_millis(60)),
    ];
    let script: Script = std::iter::once(stream_head())
        .chain((0..100).flat_map(|_| tick.clone()))
        .collect();
    let server = Faultd::start(vec![script]).await;
    let time = Duration::from_millis(700);
    check(
        &server.url(),
        Limits {
            total: time,
            ..limits()
        },
        Limit::Total,
        time,
    )
    .await;
}

#[tokio::test]
async fn the_last_candidate_is_patient_and_says_so() {
    let script = vec![
        stream_head(),
        Step::Pause(Duration::from_millis(700)),
        Step::Send(openai(&["late"]).into_bytes()),
        Step::Close,
    ];
    let server = Faultd::start(vec![script]).await;
    let limits = Limits {
        first_text: Some(Duration::from_millis(200)),
        ..limits()
    };
    let plan = vec![candidate(endpoint("thinker", &server.url(), ""))];
    let told = ask(
        &remote(),
        Question {
            limits,
            ..question(plan)
        },
    )
    .await;
    assert_eq!(told.line(), "Finished | late");
    assert_eq!(told.notes, ["still waiting for thinker"]);
}

#[tokio::test]
async fn a_plan_of_slow_ones_ends_at_the_total_of_the_question() {
    let server = Faultd::start(vec![vec![Step::Hold]]).await;
    let plan = (0..3)
        .map(|n| candidate(endpoint(&format!("e{n}"), &server.url(), "")))
        .collect();
    let limits = Limits {
        first_text: Some(Duration::from_millis(200)),
        total: Duration::from_millis(900),
        ..limits()
    };
    let start = Instant::now();
    let told = ask(
        &remote(),
        Question {
            limits,
            ..question(plan)
        },
    )
    .await;
    assert_eq!(told.line(), "Failed(Timeout(Total)) | ");
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    let kinds: Vec<Limit> = told
        .done
        .tries
        .iter()
        .map(|t| match t.failure.as_ref().unwrap().kind {
            Kind::Timeout(limit) => limit,
            _ => panic!(),
        })
        .collect();
    assert_eq!(kinds, [Limit::FirstText, Limit::FirstText, Limit::Total]);
}
