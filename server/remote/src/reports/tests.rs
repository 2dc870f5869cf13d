//! Reports as bytes, and what must never get into one.

use expect_test::expect;
use proptest::prelude::*;

use super::*;

fn occurrence(what: What, file: &str) -> Occurrence {
    Occurrence {
        what,
        place: Some(Place::of(file, 42)),
        thread: Some("foretoken-loop".to_owned()),
        stage: None,
    }
}

/// A report without what differs from machine to machine and from version to version.
fn shown(event: &Event) -> String {
    let text = String::from_utf8(event.envelope()).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let length = format!("\"length\":{}", event.payload().len());
    text.replace(version, "VERSION")
        .replace(&format!("\"os\":\"{os}\""), "\"os\":\"OS\"")
        .replace(&format!("\"arch\":\"{arch}\""), "\"arch\":\"ARCH\"")
        .replace(&length, "\"length\":LENGTH")
}

#[test]
fn a_dsn_is_read_and_names_one_address() {
    for (written, address, origin) in [
        (
            "https://abc123@errors.example.com/7",
            "https://errors.example.com/api/7/envelope/",
            "https://errors.example.com",
        ),
        (
            " https://abc@Errors.Example.com.:8443/below/here/7/ ",
            "https://errors.example.com:8443/below/here/api/7/envelope/",
            "https://errors.example.com:8443",
        ),
        (
            "http://k@127.0.0.1:9000/1",
            "http://127.0.0.1:9000/api/1/envelope/",
            "http://127.0.0.1:9000",
        ),
        (
            "http://k@[::1]:9000/1",
            "http://[::1]:9000/api/1/envelope/",
            "http://[::1]:9000",
        ),
    ] {
        let dsn = Dsn::parse(written).unwrap();
        assert_eq!(dsn.address().as_str(), address);
        assert_eq!(dsn.origin().to_string(), origin);
        assert_eq!(dsn.written(), written.trim());
    }
    let dsn = Dsn::parse("https://abc123@errors.example.com/7").unwrap();
    assert!(
        dsn.auth()
            .starts_with("Sentry sentry_version=7, sentry_client=foretoken/")
    );
    assert!(dsn.auth().ends_with(", sentry_key=abc123"));
    assert!(!format!("{dsn:?}").contains("abc123"));
}

#[test]
fn what_is_no_dsn_is_refused_with_a_reason() {
    let reasons: String = [
        "",
        "errors.example.com/7",
        "ftp://k@errors.example.com/7",
        "http://k@errors.example.com/7",
        "http://k@192.168.0.1/7",
        "http://k@localhost.example.com/7",
        "https://errors.example.com/7",
        "https://k:secret@errors.example.com/7",
        "https://k@errors.example.com",
        "https://k@errors.example.com/",
        "https://k@errors.example.com/a%2Fb",
        "https://k@errors.example.com/7?x=1",
        "https://k@errors.example.com/7#x",
        "https://k%0A@errors.example.com/7",
    ]
    .iter()
    .map(|text| format!("{text:?} {}\n", Dsn::parse(text).unwrap_err()))
    .collect();
    expect![[r#"
        "" is no address
        "errors.example.com/7" is no address
        "ftp://k@errors.example.com/7" is no http or https address with a host
        "http://k@errors.example.com/7" has a plain http address on another machine; use https
        "http://k@192.168.0.1/7" has a plain http address on another machine; use https
        "http://k@localhost.example.com/7" has a plain http address on another machine; use https
        "https://errors.example.com/7" has no key before its host, as in https://KEY@HOST/PROJECT
        "https://k:secret@errors.example.com/7" holds a secret behind its key; take the form without one
        "https://k@errors.example.com" has no project behind its host, as in https://KEY@HOST/PROJECT
        "https://k@errors.example.com/" has no project behind its host, as in https://KEY@HOST/PROJECT
        "https://k@errors.example.com/a%2Fb" has no project behind its host, as in https://KEY@HOST/PROJECT
        "https://k@errors.example.com/7?x=1" goes on behind its project
        "https://k@errors.example.com/7#x" goes on behind its project
        "https://k%0A@errors.example.com/7" has no key before its host, as in https://KEY@HOST/PROJECT
    "#]]
    .assert_eq(&reasons);
}

#[test]
fn an_envelope_is_three_lines() {
    let about = About {
        model: Some("foretoken-embedded 1".to_owned()),
        runtime: Some("1.31.0".to_owned()),
    };
    let panic = occurrence(
        What::Panic(Some("a literal\nof ours")),
        "server/lsp/src/x.rs",
    );
    let event = Event::new(&panic, &about, [0xff; 16], 1_700_000_000).counted(4);
    expect![[r#"
        {"event_id":"ffffffffffff4fffbfffffffffffffff"}
        {"type":"event","length":LENGTH}
        {"event_id":"ffffffffffff4fffbfffffffffffffff","timestamp":1700000000,"platform":"other","level":"error","release":"foretoken@VERSION","sdk":{"name":"foretoken","version":"VERSION","settings":{"infer_ip":"never"}},"exception":{"values":[{"type":"panic","value":"a literal of ours","stacktrace":{"frames":[{"filename":"server/lsp/src/x.rs","lineno":42,"in_app":true}]}}]},"tags":{"os":"OS","arch":"ARCH","count":"4","place":"server/lsp/src/x.rs:42","thread":"foretoken-loop","model":"foretoken-embedded 1","onnxruntime":"1.31.0"},"fingerprint":["panic","a literal of ours","server/lsp/src/x.rs:42"]}
    "#]]
    .assert_eq(&shown(&event));
    assert_eq!(Event::read(event.payload().as_bytes()), Some(event));
    let failed = Occurrence {
        what: What::Endpoint(Kind::Protocol),
        place: None,
        thread: Some("ada's thread".to_owned()),
        stage: Some("explain"),
    };
    let event = Event::new(&failed, &About::default(), [0; 16], 1);
    expect![[r#"
        {"event_id":"00000000000040008000000000000000"}
        {"type":"event","length":LENGTH}
        {"event_id":"00000000000040008000000000000000","timestamp":1,"platform":"other","level":"error","release":"foretoken@VERSION","sdk":{"name":"foretoken","version":"VERSION","settings":{"infer_ip":"never"}},"exception":{"values":[{"type":"endpoint failed","value":"protocol"}]},"tags":{"os":"OS","arch":"ARCH","count":"1","stage":"explain"},"fingerprint":["endpoint failed","protocol"]}
    "#]]
    .assert_eq(&shown(&event));
}

#[test]
fn only_our_own_source_is_a_place() {
    let places: String = [
        "server/lsp/src/x.rs",
        "server\\lsp\\src\\x.rs",
        "grammars/src/lib.rs",
        "tests/it/main.rs",
        "server/../home/ada/x.rs",
        "server/lsp/src/x.rs/ada",
        "/home/ada/project/server/lsp/src/x.rs",
        "src/main.rs",
        "/home/ada/.cargo/registry/src/index.example-1a2b/tokio-1.2.3/src/task.rs",
        "/home/ada/.cargo/registry/src/only",
        "/rustc/0123456789abcdef/library/core/src/str/mod.rs",
        "/home/ada/rust/library/alloc/src/vec.rs",
        "/home/ada/library/secret/x.rs",
        "",
    ]
    .iter()
    .map(|file| format!("{}\n", Place::of(file, 7)))
    .collect();
    expect![[r#"
        server/lsp/src/x.rs:7
        server/lsp/src/x.rs:7
        grammars/src/lib.rs:7
        tests/it/main.rs:7
        elsewhere
        elsewhere
        elsewhere
        elsewhere
        tokio-1.2.3
        elsewhere
        core
        alloc
        elsewhere
        elsewhere
    "#]]
    .assert_eq(&places);
}

#[test]
fn what_was_kept_by_nobody_of_ours_is_no_report() {
    let event = Event::new(
        &occurrence(What::Test, "server/x.rs"),
        &About::default(),
        [1; 16],
        1,
    );
    let payload = event.payload();
    for bad in [
        String::new(),
        "{}".to_owned(),
        payload.replace("\"level\"", "\"server_name\":\"ada\",\"level\""),
        payload.replace(event.id(), "short"),
    ] {
        assert_eq!(Event::read(bad.as_bytes()), None, "{bad}");
    }
}

proptest! {
    /// Whatever is given as a thread, a file or a version: no byte of it that a path, a name or code may need.
    #[test]
    fn nothing_computed_gets_through(text in "[ -~]{0,40}Kanarie[ -~]{0,40}[/\\\\:(={@\"'][ -~]{0,10}") {
        let occurrence = Occurrence {
            what: What::Panic(None),
            place: Some(Place::of(&format!("/home/{text}"), 1)),
            thread: Some(text.clone()),
            stage: None,
        };
        let about = About { model: Some(text.clone()), runtime: Some(text) };
        let event = Event::new(&occurrence, &about, [7; 16], 1);
        prop_assert!(!event.payload().contains("Kanarie"));
    }
}
