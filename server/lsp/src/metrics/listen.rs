//! One page for one reader: serves the figures over HTTP on an address of this machine, in the process of `foretoken stats --listen`,
//! which the user starts. The language server never listens.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::expose::CONTENT_TYPE;

/// How long one reader may take to ask and to read.
const LIMIT: Duration = Duration::from_secs(5);

/// Most bytes of a request; ours has no body.
const MOST: u64 = 8 * 1024;

/// Listens on this address.
///
/// # Errors
/// When it is no address of this machine alone, or cannot be had.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    TcpListener::bind(address)
}

/// Answers one reader after the other until the process ends. A reader that fails costs its own answer.
pub fn serve(listener: &TcpListener, page: &dyn Fn() -> String) {
    for stream in listener.incoming() {
        let answered = stream.and_then(|stream| answer(&stream, page));
        if let Err(error) = answered {
            tracing::debug!(%error, "a reader of the figures failed");
        }
    }
}

fn answer(stream: &TcpStream, page: &dyn Fn() -> String) -> io::Result<()> {
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let mut lines = BufReader::new(stream.take(MOST)).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    let mut local = true;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        // A page of the web may ask a name of its own that leads here; it then says that name.
        if let Some((name, host)) = line.split_once(':')
            && name.eq_ignore_ascii_case("host")
        {
            local = is_local(host.trim());
        }
    }
    let (status, body) = match request.split(' ').collect::<Vec<_>>()[..] {
        _ if !local => ("403 Forbidden", "only for this machine\n".to_owned()),
        ["GET", "/metrics", _] => ("200 OK", page()),
        ["GET", ..] => ("404 Not Found", "the figures are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET\n".to_owned()),
    };
    let mut out = stream;
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    out.flush()
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one request gets.
    fn ask(request: &str) -> String {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || serve(&listener, &|| "foretoken_changes_total 1\n".to_owned()));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_scrape_gets_the_page() {
        let answer = ask("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\nAccept: */*\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("Content-Length: 26\r\n"), "{answer}");
        assert!(
            answer.ends_with("\r\n\r\nforetoken_changes_total 1\n"),
            "{answer}"
        );
    }

    #[test]
    fn others_are_refused() {
        for (request, status) in [
            ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"),
            (
                "GET /metrics HTTP/1.1\r\nHost: rebound.example\r\n\r\n",
                "403",
            ),
            ("nonsense\r\n\r\n", "405"),
        ] {
            let answer = ask(request);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
        }
        let wide = bind("0.0.0.0:0".parse().unwrap());
        assert_eq!(wide.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
