//! The client's stream as the framework may see it: only frames whose body is a JSON-RPC message.
//! The framework ends the session at the first body that it cannot parse. Here such a frame is
//! replaced by a small request that the edge answers with an error, and the next one is read. It also
//! tells the loop when the stream ends, because the framework first waits for all running handlers
//! then, and only the loop can end those.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use serde_json::Value;
use tokio::io::{AsyncRead, ReadBuf};

use crate::main_loop::{Event, Events};

/// Method of the request that stands in for an unreadable frame; never one of the protocol's.
pub(crate) const UNREADABLE: &str = "$/foretoken/unreadable";

/// Largest body that is read, bytes. A larger one is passed over; no editor sends a file of this size.
const LARGEST: usize = 256 * 1024 * 1024;

/// Largest header that is searched for its end, bytes. Real ones have 20 to 80.
const HEADER: usize = 4 * 1024;

/// Bytes taken from the stream at once.
const CHUNK: usize = 16 * 1024;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Frames<I> {
    inner: I,
    events: Events,
    /// Read and not yet understood.
    raw: Vec<u8>,
    expects: Expects,
    /// Understood and not yet handed on, from `handed`.
    ready: Vec<u8>,
    handed: usize,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    Header,
    /// A body of this many bytes.
    Body(usize),
    /// This many bytes of a body that is too large.
    Skipped(usize),
}

impl<I> Frames<I> {
    pub(crate) fn new(inner: I, events: Events) -> Frames<I> {
        Frames {
            inner,
            events,
            raw: Vec::new(),
            expects: Expects::Header,
            ready: Vec::new(),
            handed: 0,
            ended: false,
        }
    }

    /// Turns what was read into a frame to hand on, if there is a whole one.
    fn advance(&mut self) -> bool {
        loop {
            match self.expects {
                Expects::Header => match header(&self.raw) {
                    Header::Unfinished => return false,
                    Header::Garbage { until } => {
                        self.raw.drain(..until);
                        return self.hand_on(None);
                    }
                    Header::Length { until, body } => {
                        self.raw.drain(..until);
                        self.expects = if body > LARGEST {
                            Expects::Skipped(body)
                        } else {
                            Expects::Body(body)
                        };
                    }
                },
                Expects::Body(length) => {
                    if self.raw.len() < length {
                        return false;
                    }
                    let rest = self.raw.split_off(length);
                    let mut body = std::mem::replace(&mut self.raw, rest);
                    self.expects = Expects::Header;
                    mend_surrogates(&mut body);
                    return self.hand_on(is_message(&body).then_some(body));
                }
                Expects::Skipped(left) => {
                    let skipped = left.min(self.raw.len());
                    self.raw.drain(..skipped);
                    self.expects = Expects::Skipped(left - skipped);
                    if left > skipped {
                        return false;
                    }
                    self.expects = Expects::Header;
                    return self.hand_on(None);
                }
            }
        }
    }

    /// Puts one frame, or the one that stands in for it, where the framework reads.
    fn hand_on(&mut self, body: Option<Vec<u8>>) -> bool {
        let body = body.unwrap_or_else(|| {
            tracing::warn!("a message of the client cannot be read");
            format!(r#"{{"jsonrpc":"2.0","id":null,"method":"{UNREADABLE}"}}"#).into_bytes()
        });
        self.ready = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        self.ready.extend(body);
        self.handed = 0;
        true
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Frames<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.handed < this.ready.len() {
                let left = &this.ready[this.handed..];
                let count = left.len().min(buffer.remaining());
                buffer.put_slice(&left[..count]);
                this.handed += count;
                if this.handed == this.ready.len() {
                    // A large message must not stay in memory until the next one.
                    this.ready = Vec::new();
                    this.handed = 0;
                }
                return Poll::Ready(Ok(()));
            }
            if this.advance() {
                continue;
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0; CHUNK];
            let mut chunk = ReadBuf::new(&mut chunk);
            let outcome = ready!(Pin::new(&mut this.inner).poll_read(context, &mut chunk));
            this.raw.extend_from_slice(chunk.filled());
            // A broken pipe ends the session like a closed one.
            if outcome.is_err() || chunk.filled().is_empty() {
                this.ended = true;
                this.events.send(Event::InputClosed);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    Unfinished,
    /// No header: pass over this many bytes.
    Garbage {
        until: usize,
    },
    /// The header has `until` bytes and announces `body` bytes.
    Length {
        until: usize,
        body: usize,
    },
}

/// Looks for a whole header. Names are compared without case and other fields passed over, as the
/// protocol's base says.
fn header(raw: &[u8]) -> Header {
    let Some(end) = find(raw, b"\r\n\r\n") else {
        // Bytes that are no header may hold one further on.
        return match raw.len() > HEADER {
            true => Header::Garbage {
                until: next_header(raw).unwrap_or(raw.len() - HEADER / 2),
            },
            false => Header::Unfinished,
        };
    };
    let until = end + 4;
    let length = raw[..end].split(|&byte| byte == b'\n').find_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    match length {
        Some(body) => Header::Length { until, body },
        None => Header::Garbage {
            until: next_header(&raw[..end]).unwrap_or(until),
        },
    }
}

/// Where a header may begin behind the first byte.
fn next_header(raw: &[u8]) -> Option<usize> {
    Some(find(raw.get(1..)?, b"Content-Length:")? + 1)
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

/// Whether the framework will accept this body: an object with the protocol's version, a method
/// that is a text if there is one, and an id that is a number, a text or null.
fn is_message(body: &[u8]) -> bool {
    let Ok(Value::Object(message)) = serde_json::from_slice(body) else {
        return false;
    };
    message
        .get("jsonrpc")
        .is_some_and(|version| version == "2.0")
        && message.get("method").is_none_or(Value::is_string)
        && message
            .get("id")
            .is_none_or(|id| id.is_i64() || id.is_string() || id.is_null())
}

/// Replaces halves of surrogate pairs by U+FFFD, in place and of the same length in every unit but
/// bytes. Editors that hold UTF-16 can send them; they are no text, and serde_json refuses the whole
/// message for them.
fn mend_surrogates(body: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = body[at..].iter().position(|&byte| byte == b'\\') {
        let escape = at + found;
        at = (escape + 2).min(body.len());
        let Some(unit) = unit(body, escape) else {
            continue;
        };
        at = escape + 6;
        match (unit, self::unit(body, at)) {
            (0xD800..=0xDBFF, Some(0xDC00..=0xDFFF)) => at += 6,
            (0xD800..=0xDFFF, _) => body[escape + 2..escape + 6].copy_from_slice(b"fffd"),
            _ => {}
        }
        at = at.min(body.len());
    }
}

/// The UTF-16 unit of an escape `\uXXXX` that begins at `at`.
fn unit(body: &[u8], at: usize) -> Option<u16> {
    let escape = body.get(at..at + 6)?;
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// What the framework would read of these bytes, frame by frame, and whether the end was told.
    async fn read(bytes: &[u8]) -> (Vec<String>, bool) {
        let (events, mut received) = Events::channel();
        let mut all = Vec::new();
        Frames::new(bytes, events)
            .read_to_end(&mut all)
            .await
            .unwrap();
        let text = String::from_utf8(all).unwrap();
        let frames = text
            .split("Content-Length: ")
            .skip(1)
            .map(|frame| {
                let (length, body) = frame.split_once("\r\n\r\n").unwrap();
                assert_eq!(length.parse(), Ok(body.len()));
                body.replace(UNREADABLE, "?")
            })
            .collect();
        (
            frames,
            matches!(received.try_recv(), Ok(Event::InputClosed)),
        )
    }

    fn frame(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    const REPLACED: &str = r#"{"jsonrpc":"2.0","id":null,"method":"?"}"#;

    #[tokio::test]
    async fn good_frames_pass_unchanged() {
        let body = r#"{"jsonrpc":"2.0","method":"a","params":{"text":"ä\ud83d\ude00"}}"#;
        let bytes = frame(body).repeat(3);
        assert_eq!(
            read(bytes.as_bytes()).await,
            (vec![body.to_owned(); 3], true)
        );
        let other = format!(
            "content-type: x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(read(other.as_bytes()).await.0, [body]);
    }

    #[tokio::test]
    async fn a_broken_body_is_replaced_and_the_next_is_read() {
        let good = r#"{"jsonrpc":"2.0","id":1,"result":null}"#;
        for bad in [
            r#"{"broken""#,
            "[]",
            "null",
            "7",
            "{}",
            r#"{"jsonrpc":"1.0","method":"a"}"#,
            r#"{"jsonrpc":"2.0","method":7}"#,
            r#"{"jsonrpc":"2.0","method":"a","id":{}}"#,
            r#"{"jsonrpc":"2.0","method":"a","params":1e999}"#,
        ] {
            let bytes = frame(bad) + &frame(good);
            assert_eq!(read(bytes.as_bytes()).await.0, [REPLACED, good], "{bad}");
        }
        let mut bytes = b"Content-Length: 2\r\n\r\n\xff\xfe".to_vec();
        bytes.extend(frame(good).bytes());
        assert_eq!(read(&bytes).await.0, [REPLACED, good]);
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(read(frame(&deep).as_bytes()).await.0, [REPLACED]);
    }

    #[tokio::test]
    async fn a_broken_header_is_passed_over() {
        let good = r#"{"jsonrpc":"2.0","id":1,"result":null}"#;
        let bytes = format!("Content-Length: x\r\n\r\n{}", frame(good));
        assert_eq!(read(bytes.as_bytes()).await.0, [REPLACED, good]);
        let bytes = "x".repeat(3 * HEADER) + &frame(good);
        assert_eq!(read(bytes.as_bytes()).await.0.last().unwrap(), good);
        let huge = format!("Content-Length: {}\r\n\r\n", LARGEST + 1);
        assert_eq!(read(huge.as_bytes()).await, (Vec::new(), true));
        assert_eq!(
            read(b"Content-Length: 10\r\n\r\n{").await,
            (Vec::new(), true)
        );
    }

    #[test]
    fn halves_of_pairs_become_replacement_characters() {
        for (before, after) in [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ude00\ud83d x""#, r#""\ufffd\ufffd x""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\u00"#, r#""\u00"#),
            (r"\", r"\"),
        ] {
            let mut body = before.as_bytes().to_vec();
            mend_surrogates(&mut body);
            assert_eq!(String::from_utf8(body).unwrap(), after);
        }
    }
}
