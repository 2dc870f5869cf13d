//! The base protocol: `Content-Length` frames around JSON (LSP 3.18, "Base Protocol").
//!
//! Written apart from the server's own codec on purpose, so that an error in one is seen by the other.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// One message as bytes, header included.
#[must_use]
pub fn encode(message: &Value) -> Vec<u8> {
    let body = message.to_string();
    let mut bytes = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

/// The next message, or `None` where the stream ends between two messages.
///
/// # Errors
/// A stream that ends inside a message, a header without a length, a body that is no JSON: whatever
/// stands on the server's stdout and is not protocol ends the session here.
pub async fn read<R: AsyncBufRead + Unpin>(input: &mut R) -> io::Result<Option<Value>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).await? == 0 {
            return if length.is_none() {
                Ok(None)
            } else {
                Err(broken("the stream ends inside a header"))
            };
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err(broken(&format!("not a header: {line:?}")));
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<usize>().ok();
        }
    }
    let length = length.ok_or_else(|| broken("a message without Content-Length"))?;
    let mut body = vec![0; length];
    input.read_exact(&mut body).await?;
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(|e| broken(&format!("a body that is no JSON: {e}")))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
