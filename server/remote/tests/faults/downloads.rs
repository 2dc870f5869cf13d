//! Files from a server that cuts, changes, lies and redirects: whole or not at all, never mixed, never without end.

use std::time::Duration;

use foretoken_remote::download::{Fetched, Piece, Problem, Remote, Step};
use foretoken_remote::egress::Route;

use crate::faultd::{Faultd, Seen, Step as Does};
use crate::files::{Fault, Files};

/// A server, and a folder that its files go to.
struct Desk {
    files: Files,
    server: Faultd,
    folder: tempfile::TempDir,
}

/// What came of one fetch.
struct Came {
    result: Result<Fetched, Problem>,
    steps: Vec<Step>,
}

impl Desk {
    async fn new() -> Desk {
        let files = Files::default();
        let server = Faultd::start(vec![files.script()]).await;
        let folder = tempfile::tempdir().unwrap();
        Desk {
            files,
            server,
            folder,
        }
    }

    async fn fetch(&self, name: &str) -> Came {
        self.fetch_most(name, 1 << 20).await
    }

    async fn fetch_most(&self, name: &str, most: u64) -> Came {
        let route = Route {
            connect: Duration::from_secs(5),
            silence: Duration::from_secs(5),
            ..Route::default()
        };
        let url = format!("http://{}/org/coder/resolve/main/", self.server.address());
        let mut remote = Remote::new(&url, route).unwrap();
        remote.pause = Duration::from_millis(1);
        let piece = Piece {
            name,
            into: &self.folder.path().join(name),
            unfinished: &self.folder.path().join("parts"),
            most,
            hashed: false,
        };
        let mut steps = Vec::new();
        let mut tell = |step| {
            if !matches!(step, Step::Has { .. }) {
                steps.push(step);
            }
        };
        let result = remote.fetch(&piece, &mut tell).await;
        Came { result, steps }
    }

    fn content(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join(name)).ok()
    }

    /// The first byte that each request asked for.
    fn ranges(&self) -> Vec<String> {
        let range = |seen: &Seen| seen.header("range").unwrap_or("whole").to_owned();
        self.server.requests().iter().map(range).collect()
    }
}

fn bytes(count: usize, seed: u8) -> Vec<u8> {
    (0..count)
        .map(|at| (at as u8).wrapping_mul(31) ^ seed)
        .collect()
}

#[tokio::test]
async fn a_file_comes_whole_and_without_anything_of_the_users() {
    let desk = Desk::new().await;
    desk.files.put("onnx/model.onnx", &bytes(5_000, 1));
    let came = desk.fetch("onnx/model.onnx").await;
    assert_eq!(
        came.result,
        Ok(Fetched {
            bytes: 5_000,
            kept: 0
        })
    );
    assert_eq!(desk.content("onnx/model.onnx"), Some(bytes(5_000, 1)));
    let seen = &desk.server.requests()[0];
    assert!(
        seen.head
            .starts_with("GET /org/coder/resolve/main/onnx/model.onnx HTTP/1.1"),
        "{}",
        seen.head
    );
    assert_eq!(seen.body, "");
    for header in ["authorization", "cookie", "referer"] {
        assert_eq!(seen.header(header), None);
    }
}

#[tokio::test]
async fn what_was_cut_goes_on_where_it_was_cut() {
    let desk = Desk::new().await;
    desk.files.put("a", &bytes(5_000, 1));
    desk.files.fault("a", Fault::CutAfter(2_000));
    desk.files.fault("a", Fault::CutAfter(1_000));
    let came = desk.fetch("a").await;
    assert_eq!(
        came.result,
        Ok(Fetched {
            bytes: 5_000,
            kept: 3_000
        })
    );
    assert_eq!(desk.content("a"), Some(bytes(5_000, 1)));
    assert_eq!(desk.ranges(), ["whole", "bytes=2000-", "bytes=3000-"]);
    assert_eq!(came.steps.len(), 2, "{:?}", came.steps);
}

#[tokio::test]
async fn another_call_goes_on_where_the_first_gave_up() {
    let desk = Desk::new().await;
    desk.files.put("a", &bytes(5_000, 1));
    desk.files.fault("a", Fault::CutAfter(2_000));
    for _ in 0..5 {
        desk.files.fault("a", Fault::Status(503));
    }
    let came = desk.fetch("a").await;
    assert!(
        matches!(came.result, Err(Problem::Failed(_))),
        "{:?}",
        came.result
    );
    assert_eq!(desk.content("a"), None, "a part is no file");
    let came = desk.fetch("a").await;
    assert_eq!(
        came.result,
        Ok(Fetched {
            bytes: 5_000,
            kept: 2_000
        })
    );
    assert_eq!(desk.content("a"), Some(bytes(5_000, 1)));
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_never_mixed() {
    let desk = Desk::new().await;
    desk.files.put("a", &bytes(5_000, 1));
    desk.files.fault("a", Fault::CutAfter(2_000));
    for _ in 0..5 {
        desk.files.fault("a", Fault::Status(503));
    }
    drop(desk.fetch("a").await);
    desk.files.put("a", &bytes(4_000, 2));
    let came = desk.fetch("a").await;
    assert_eq!(
        came.result,
        Ok(Fetched {
            bytes: 4_000,
            kept: 0
        })
    );
    assert_eq!(came.steps, [Step::Anew]);
    assert_eq!(desk.content("a"), Some(bytes(4_000, 2)));
}

#[tokio::test]
async fn what_is_whole_is_asked_for_again_only_if_it_changed() {
    let desk = Desk::new().await;
    desk.files.put("a", &bytes(500, 1));
    assert_eq!(
        desk.fetch("a").await.result,
        Ok(Fetched {
            bytes: 500,
            kept: 0
        })
    );
    assert_eq!(
        desk.fetch("a").await.result,
        Ok(Fetched {
            bytes: 500,
            kept: 500
        })
    );
    desk.files.put("a", &bytes(500, 2));
    assert_eq!(
        desk.fetch("a").await.result,
        Ok(Fetched {
            bytes: 500,
            kept: 0
        })
    );
    assert_eq!(desk.content("a"), Some(bytes(500, 2)));
}

#[tokio::test]
async fn a_server_that_promises_more_than_it_has_is_given_up() {
    let desk = Desk::new().await;
    desk.files.put("a", &bytes(500, 1));
    for _ in 0..12 {
        desk.files.fault("a", Fault::Promises(7));
    }
    let came = desk.fetch("a").await;
    assert!(came.result.is_err(), "{:?}", came.result);
    assert_eq!(desk.content("a"), None);
    assert!(desk.server.requests().len() <= 12);
}

#[tokio::test]
async fn too_many_bytes_are_refused_before_they_come() {
    let desk = Desk::new().await;
    desk.files.put("a", &bytes(500, 1));
    let came = desk.fetch_most("a", 499).await;
    let refused = Problem::TooLarge {
        bytes: Some(500),
        most: 499,
    };
    assert_eq!(came.result, Err(refused));
    desk.files.fault("a", Fault::Says(u64::MAX));
    let came = desk.fetch_most("a", 499).await;
    assert!(
        matches!(came.result, Err(Problem::TooLarge { .. })),
        "{:?}",
        came.result
    );
    assert_eq!(desk.content("a"), None);
}

#[tokio::test]
async fn a_body_without_a_length_ends_at_the_limit() {
    let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    let endless = Does::Forever(vec![b'x'; 4_096], Duration::from_secs(20));
    let desk = Desk {
        server: Faultd::start(vec![vec![Does::Send(head), endless]]).await,
        ..Desk::new().await
    };
    let came = desk.fetch_most("a", 100_000).await;
    let refused = Problem::TooLarge {
        bytes: None,
        most: 100_000,
    };
    assert_eq!(came.result, Err(refused));
    assert_eq!(desk.content("a"), None);
}

#[tokio::test]
async fn a_stretch_that_is_not_the_one_asked_for_is_thrown_away() {
    let desk = Desk::new().await;
    desk.files.put("a", &bytes(5_000, 1));
    desk.files.fault("a", Fault::CutAfter(2_000));
    desk.files.fault("a", Fault::OtherStretch);
    let came = desk.fetch("a").await;
    assert_eq!(
        came.result,
        Ok(Fetched {
            bytes: 5_000,
            kept: 0
        })
    );
    assert_eq!(desk.content("a"), Some(bytes(5_000, 1)));
    assert_eq!(desk.ranges(), ["whole", "bytes=2000-", "whole"]);
}

#[tokio::test]
async fn what_is_no_file_is_told_at_once() {
    let desk = Desk::new().await;
    desk.files.put("a", &bytes(500, 1));
    assert_eq!(desk.fetch("b").await.result, Err(Problem::Absent));
    desk.files.fault("a", Fault::Page);
    assert_eq!(desk.fetch("a").await.result, Err(Problem::Page));
    desk.files.fault("a", Fault::Status(403));
    assert_eq!(desk.fetch("a").await.result, Err(Problem::Denied(403)));
    assert_eq!(desk.server.requests().len(), 3);
    for name in ["../a", "a//b", "", "/a"] {
        let came = desk.fetch(name).await;
        assert!(matches!(came.result, Err(Problem::Failed(_))), "{name}");
    }
    assert_eq!(
        desk.server.requests().len(),
        3,
        "none of these was asked for"
    );
}

#[tokio::test]
async fn a_redirect_is_followed_and_told_where_it_leaves_the_origin() {
    let desk = Desk::new().await;
    let elsewhere = Desk::new().await;
    desk.files.put("a", b"not this one");
    elsewhere.files.put("a", &bytes(500, 1));
    let to = format!("http://{}/blobs/a", elsewhere.server.address());
    desk.files
        .fault("a", Fault::Redirect("/other/a".to_owned()));
    desk.files.fault("a", Fault::Redirect(to));
    let came = desk.fetch("a").await;
    assert_eq!(
        came.result,
        Ok(Fetched {
            bytes: 500,
            kept: 0
        })
    );
    assert_eq!(desk.content("a"), Some(bytes(500, 1)));
    let told = format!("http://{}", elsewhere.server.address());
    assert!(
        matches!(&came.steps[..], [Step::Elsewhere(origin)] if origin.to_string() == told),
        "{:?}",
        came.steps
    );
}

#[tokio::test]
async fn redirects_that_end_nowhere_or_lead_to_plain_text_are_not_followed() {
    let desk = Desk::new().await;
    desk.files.put("a", &bytes(500, 1));
    for _ in 0..6 {
        desk.files
            .fault("a", Fault::Redirect("/again/a".to_owned()));
    }
    assert!(matches!(
        desk.fetch("a").await.result,
        Err(Problem::Failed(_))
    ));
    for to in ["http://models.example.invalid/a", "file:///etc/passwd", ""] {
        desk.files.fault("a", Fault::Redirect(to.to_owned()));
        let came = desk.fetch("a").await;
        assert!(
            matches!(came.result, Err(Problem::Failed(_))) || to.is_empty(),
            "{to}: {:?}",
            came.result
        );
    }
    assert!(
        desk.content("a").is_some(),
        "an empty address is the same one"
    );
}
