//! What a stream says must not depend on where the network cut it.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// Recorded shapes of streams: OpenAI chat, Anthropic messages, and the corners of the format.
const STREAMS: &[&str] = &[
    "data: {\"choices\":[{\"delta\":{\"content\":\"Grüße, 世界 🌍\"}}]}\n\ndata: [DONE]\n\n",
    "event: message_start\r\ndata: {\"type\":\"message_start\"}\r\n\r\nevent: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\n",
    "\u{FEFF}: a comment\rdata: one\rdata: two\r\rdata: three\r\r",
    "data\n\ndata:\n\ndata: \n\nevent: named\n\nid: 7\nretry: 9\ndata:  two blanks\n\ndata: no blank line at the end",
];

fn whole(parts: &[&[u8]], limits: Limits) -> (Vec<Event>, Result<(), Exceeded>) {
    let mut decoder = Decoder::new(limits);
    let mut events = Vec::new();
    for part in parts {
        if let Err(exceeded) = decoder.push(part, &mut events) {
            return (events, Err(exceeded));
        }
    }
    match decoder.finish() {
        Ok(last) => events.extend(last),
        Err(exceeded) => return (events, Err(exceeded)),
    }
    (events, Ok(()))
}

fn check(stream: &str, expect: Expect) {
    let (events, outcome) = whole(&[stream.as_bytes()], Limits::default());
    let mut said: Vec<String> = events
        .iter()
        .map(|e| format!("{:?} {:?}\n", e.name, e.data))
        .collect();
    said.extend(outcome.err().map(|e| format!("{e:?}\n")));
    expect.assert_eq(&said.concat());
}

#[test]
fn fields_comments_and_line_ends() {
    check(
        STREAMS[2],
        expect![[r#"
            "" "one\ntwo"
            "" "three"
        "#]],
    );
    check(
        STREAMS[3],
        expect![[r#"
            "" ""
            "" ""
            "" ""
            "" " two blanks"
            "" "no blank line at the end"
        "#]],
    );
}

#[test]
fn every_split_of_every_stream_says_the_same() {
    for stream in STREAMS {
        let bytes = stream.as_bytes();
        let expected = whole(&[bytes], Limits::default());
        assert!(!expected.0.is_empty());
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(
                whole(&[head, tail], Limits::default()),
                expected,
                "cut at {at}"
            );
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(whole(&single, Limits::default()), expected, "byte by byte");
    }
}

#[test]
fn each_limit_stops_alone_and_keeps_what_came_before() {
    let small = Limits {
        line: 40,
        event: 60,
        body: 400,
        events: 3,
    };
    let long_line = format!("data: ok\n\ndata: {}\n\n", "x".repeat(50));
    let long_event = format!(
        "data: ok\n\n{}\n",
        format!("data: {}\n", "x".repeat(30)).repeat(3)
    );
    let long_body = format!(
        "data: ok\n\n{}",
        ": a comment that says nothing\n".repeat(20)
    );
    let many = "data: ok\n\n".repeat(4);
    let cases = [
        (long_line, Exceeded::Line, 1),
        (long_event, Exceeded::Event, 1),
        (long_body, Exceeded::Body, 1),
        (many, Exceeded::Events, 3),
    ];
    for (stream, exceeded, before) in cases {
        for size in [1, 7, stream.len()] {
            let parts: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
            let (events, outcome) = whole(&parts, small);
            assert_eq!(
                (events.len(), outcome),
                (before, Err(exceeded)),
                "{size} bytes a chunk"
            );
        }
    }
}

#[test]
fn a_line_at_its_limit_passes() {
    let limits = Limits {
        line: 10,
        ..Limits::default()
    };
    let (events, outcome) = whole(&[b"data: 1234\n\n"], limits);
    assert_eq!((events[0].data.as_str(), outcome), ("1234", Ok(())));
}

#[test]
fn after_a_limit_the_decoder_holds_no_more_than_one_line() {
    let mut decoder = Decoder::new(Limits::default());
    let block = vec![b'x'; 64 << 10];
    let mut refused = 0;
    for _ in 0..1_600 {
        refused += usize::from(decoder.push(&block, &mut Vec::new()).is_err());
        assert!(decoder.line.capacity() <= 4 << 20);
    }
    assert!(refused > 1_500);
}

proptest! {
    /// Any bytes, cut anywhere: no panic, and the cuts change nothing.
    #[test]
    fn any_bytes_any_cuts(
        pieces in prop::collection::vec(
            prop_oneof![
                Just(b"data: ".to_vec()), Just(b"data".to_vec()), Just(b"event: e".to_vec()), Just(b":".to_vec()),
                Just(b"\n".to_vec()), Just(b"\r".to_vec()), Just(b"\r\n".to_vec()), Just(b"\xEF\xBB\xBF".to_vec()),
                prop::collection::vec(any::<u8>(), 0..6),
            ], 0..40),
        cuts in prop::collection::vec(0usize..200, 0..8),
    ) {
        let bytes = pieces.concat();
        let limits = Limits { line: 60, event: 60, body: 150, events: 6 };
        let expected = whole(&[&bytes], limits);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        prop_assert_eq!(whole(&parts, limits), expected);
    }

    /// What an honest server writes comes back.
    #[test]
    fn what_is_written_comes_back(lines in prop::collection::vec("[^\r\n]{0,20}", 1..5), end in "\n|\r\n|\r") {
        let mut stream = String::new();
        for line in &lines {
            stream.push_str(&format!("data: {line}{end}"));
        }
        stream.push_str(&end);
        let (events, outcome) = whole(&[stream.as_bytes()], Limits::default());
        prop_assert_eq!(outcome, Ok(()));
        prop_assert_eq!(events, vec![Event { name: String::new(), data: lines.join("\n") }]);
    }
}
