//! As much of HTTP/1.1 as the servers' clients need: a request with a body in, a JSON body or a stream
//! of events out.

use std::io::{self, BufRead, Read};

use serde_json::Value;

/// Longest body that is read, bytes; the prompts here have a few thousand.
const LONGEST: usize = 4 << 20;

/// Most headers of one request; what has more is no client of ours.
const MOST_HEADERS: usize = 100;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The next request of a connection; `None` where it ended between two of them.
///
/// # Errors
/// What is no request, or has a body of unknown or excessive length; the connection is then of no use.
pub fn read<R: BufRead>(input: &mut R) -> io::Result<Option<Request>> {
    let first = line(input)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(broken("the first line is no request"));
    };
    let mut length = 0;
    let mut chunked = false;
    for _ in 0..MOST_HEADERS {
        let header = line(input)?;
        if header.is_empty() {
            let body = match chunked {
                true => chunks(input)?,
                false => exactly(input, length)?,
            };
            let path = target.split('?').next().unwrap_or(target);
            return Ok(Some(Request {
                method: method.to_owned(),
                path: path.to_owned(),
                body,
            }));
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let value = value.trim().parse();
                length = value.map_err(|_| broken("a length that is no number"))?;
            }
            "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    Err(broken("too many headers"))
}

/// A whole answer. The connection stays open.
#[must_use]
pub fn answer(status: u16, body: &str) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        _ => "Error",
    };
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What begins a stream of events; it ends with the connection.
pub const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

/// One event of a stream.
#[must_use]
pub fn event(data: &Value) -> Vec<u8> {
    format!("data: {data}\n\n").into_bytes()
}

fn line<R: BufRead>(input: &mut R) -> io::Result<String> {
    let mut line = String::new();
    input.take(64 * 1024).read_line(&mut line)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

fn exactly<R: BufRead>(input: &mut R, length: usize) -> io::Result<Vec<u8>> {
    if length > LONGEST {
        return Err(broken("a body that is too long"));
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(body)
}

fn chunks<R: BufRead>(input: &mut R) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(input)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size =
            usize::from_str_radix(size, 16).map_err(|_| broken("a chunk without its size"))?;
        let room = LONGEST - body.len().min(LONGEST);
        body.extend(exactly(input, size.min(room + 1))?);
        if body.len() > LONGEST {
            return Err(broken("a body that is too long"));
        }
        // Each chunk, and the list of trailers that nobody sends, ends with an empty line.
        line(input)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> io::Result<Vec<Request>> {
        let mut input = bytes;
        let mut found = Vec::new();
        while let Some(request) = read(&mut input)? {
            found.push(request);
        }
        Ok(found)
    }

    #[test]
    fn requests_follow_each_other_on_one_connection() {
        let bytes = b"POST /v1/completions?x=1 HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 2\r\n\r\n{}GET /v1/health HTTP/1.1\r\n\r\n";
        let found = all(bytes).unwrap();
        let seen: Vec<_> = found
            .iter()
            .map(|r| (r.method.as_str(), r.path.as_str(), r.body.as_slice()))
            .collect();
        assert_eq!(
            seen,
            [
                ("POST", "/v1/completions", &b"{}"[..]),
                ("GET", "/v1/health", b"")
            ]
        );
    }

    #[test]
    fn chunks_are_put_together() {
        let bytes = b"POST /infill HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(all(bytes).unwrap()[0].body, b"abc0123456789");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for bytes in [
            &b"hello\r\n\r\n"[..],
            b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            assert!(all(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
