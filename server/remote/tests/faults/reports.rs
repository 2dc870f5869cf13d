//! Error reports to a server that limits, fails, leads elsewhere or says nothing.

use std::time::{Duration, Instant};

use foretoken_remote::egress::{Egress, Route};
use foretoken_remote::failure::Kind;
use foretoken_remote::reports::{About, Dsn, Event, NotTaken, Occurrence, What, send};

use crate::faultd::{Faultd, Script, Step, whole};

fn event() -> Event {
    let occurrence = Occurrence {
        what: What::Test,
        place: None,
        thread: None,
        stage: None,
    };
    Event::new(&occurrence, &About::default(), [7; 16], 1)
}

fn route() -> Route {
    Route {
        connect: Duration::from_secs(5),
        silence: Duration::from_millis(300),
        ..Route::default()
    }
}

/// What one server says to one report.
async fn said(script: Script) -> (Result<(), NotTaken>, Faultd) {
    let server = Faultd::start(vec![script]).await;
    let dsn = Dsn::parse(&format!("http://thekey@{}/9", server.address())).unwrap();
    let said = send(&Egress::default(), (&dsn, &route()), &event(), 784_111_777).await;
    (said, server)
}

fn later(said: Result<(), NotTaken>) -> (Kind, u64) {
    match said {
        Err(NotTaken::Later(failure, after)) => (failure.kind, after.as_secs()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_report_is_one_post_of_precisely_its_envelope() {
    let (said, server) = said(vec![whole(200, &[], "{\"id\":\"x\"}")]).await;
    assert_eq!(said, Ok(()));
    let seen = &server.requests()[0];
    assert!(
        seen.head.starts_with("POST /api/9/envelope/ HTTP/1.1\r\n"),
        "{}",
        seen.head
    );
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-sentry-envelope")
    );
    let auth = seen.header("x-sentry-auth").unwrap();
    assert!(auth.starts_with("Sentry sentry_version=7, ") && auth.ends_with("sentry_key=thekey"));
    assert!(
        seen.header("cookie")
            .or(seen.header("authorization"))
            .is_none()
    );
    assert_eq!(seen.body.as_bytes(), event().envelope());
}

#[tokio::test]
async fn limits_are_kept_in_each_of_their_forms() {
    for (headers, seconds) in [
        (vec![("retry-after", "30")], 30),
        (vec![("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT")], 120),
        (vec![("retry-after", "999999999")], 3600),
        (vec![("retry-after", "soon")], 60),
        (vec![("retry-after", "0")], 1),
        (
            vec![(
                "x-sentry-rate-limits",
                "40:error;transaction:key, 500:session:key",
            )],
            40,
        ),
        (
            vec![
                ("x-sentry-rate-limits", "40::organization"),
                ("retry-after", "7"),
            ],
            40,
        ),
        (vec![("x-sentry-rate-limits", "2700:transaction:key")], 60),
        (vec![("x-sentry-rate-limits", "?")], 60),
        (vec![], 60),
    ] {
        let (said, server) = said(vec![whole(429, &headers, "")]).await;
        assert_eq!(later(said), (Kind::RateLimited, seconds), "{headers:?}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn each_status_has_its_consequence() {
    for (status, kind, seconds) in [
        (500, Kind::Server, 60),
        (503, Kind::Server, 60),
        (401, Kind::Auth, 3600),
        (403, Kind::Auth, 3600),
        (404, Kind::Request, 3600),
    ] {
        let (said, _) = said(vec![whole(status, &[], "an error")]).await;
        assert_eq!(later(said), (kind, seconds), "{status}");
    }
    for status in [400, 413] {
        let (said, _) = said(vec![whole(status, &[], "")]).await;
        assert!(
            matches!(said, Err(NotTaken::Never(_))),
            "{status}: {said:?}"
        );
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let other = Faultd::start(vec![vec![whole(200, &[], "")]]).await;
    let to = format!("http://{}/api/9/envelope/", other.address());
    for status in [301, 302, 307, 308] {
        let (said, _) = said(vec![whole(status, &[("location", &to)], "")]).await;
        assert_eq!(later(said), (Kind::Redirect, 3600));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_server_that_says_nothing_or_breaks_off_costs_a_bounded_time() {
    for script in [
        vec![Step::Hold],
        vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Hold],
        vec![Step::Forever(
            b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
            Duration::from_secs(20),
        )],
        vec![Step::Reset],
        vec![Step::Close],
        vec![Step::Send(b"what?".to_vec()), Step::Close],
    ] {
        let name = format!("{script:?}");
        let begun = Instant::now();
        let (said, _) = said(script).await;
        let (_, seconds) = later(said);
        assert_eq!(seconds, 60, "{name}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{name}");
    }
    // The body of the answer is nobody's concern, however long it is.
    let endless = vec![
        Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_vec()),
        Step::Hold,
    ];
    assert_eq!(said(endless).await.0, Ok(()));
}

#[tokio::test]
async fn nobody_there_is_a_failure_like_another() {
    let server = Faultd::start(vec![vec![]]).await;
    let dsn = Dsn::parse(&format!("http://k@{}/9", server.address())).unwrap();
    drop(server);
    tokio::task::yield_now().await;
    let said = send(&Egress::default(), (&dsn, &route()), &event(), 1).await;
    assert!(matches!(said, Err(NotTaken::Later(..))), "{said:?}");
}
