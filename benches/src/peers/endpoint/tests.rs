//! Every route, the pace, and what is noted of a caller that hangs up.

use std::io::{BufRead, Read};

use super::*;

const PACE: Pace = Pace {
    first: Duration::from_millis(20),
    token: Duration::from_millis(10),
};

fn start() -> Endpoint {
    let script = Script::knowing(["let a = 12;"]);
    Endpoint::start(script, PACE).unwrap()
}

fn connect(endpoint: &Endpoint) -> TcpStream {
    TcpStream::connect(endpoint.address).unwrap()
}

fn request(method: &str, path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Status and body of the next answer on this connection.
fn call(stream: &mut TcpStream, method: &str, path: &str, body: &Value) -> (u16, Value) {
    stream.write_all(&request(method, path, body)).unwrap();
    let mut input = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(input.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.split("Content-Length: ").nth(1).unwrap();
    let length: usize = length.split('\r').next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    input.read_exact(&mut body).unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[test]
fn every_route_answers_in_its_own_form() {
    let endpoint = start();
    // One connection for all, as clients keep it.
    let mut stream = connect(&endpoint);
    let mut post = |path, body: Value| call(&mut stream, "POST", path, &body);
    let (status, body) = post("/v1/completions", json!({"prompt": "<P>x\nlet a<S>;<M>"}));
    assert_eq!(
        (status, &body["choices"][0]["text"]),
        (200, &json!(" = 12;"))
    );
    let segments = json!({"segments": {"prefix": "let a", "suffix": ""}});
    let (_, body) = post("/v1/completions", segments);
    assert_eq!(body["choices"], json!([{"index": 0, "text": " = 12;"}]));
    assert!(body["id"].is_string());
    let infill = json!({"input_prefix": "let a", "input_suffix": ""});
    assert_eq!(post("/infill", infill).1["content"], " = 12;");
    assert_eq!(post("/v1/events", json!({})), (200, Value::Null));
    for path in ["/v1/completions", "/infill"] {
        assert_eq!(post(path, json!([1])).0, 400);
    }
    for method in ["GET", "POST"] {
        let (_, body) = call(&mut stream, method, "/v1/health", &json!({}));
        assert!(body["model"].is_string() && body["version"]["git_describe"].is_string());
    }
    let (_, body) = call(&mut stream, "GET", "/v1beta/server_setting", &json!({}));
    assert_eq!(body["disable_client_side_telemetry"], true);
    assert_eq!(call(&mut stream, "GET", "/", &json!({})).0, 404);

    let asked = endpoint.since(0);
    let seen: Vec<_> = asked
        .iter()
        .map(|a| (a.prefix.as_str(), a.suffix.as_str(), a.tokens, a.computed))
        .collect();
    assert_eq!(
        seen,
        [
            ("x\nlet a", ";", 2, 2),
            ("let a", "", 2, 2),
            ("let a", "", 2, 2)
        ]
    );
}

#[test]
fn it_takes_its_time() {
    let endpoint = start();
    let mut stream = connect(&endpoint);
    let prompt = json!({"prompt": "let a"});
    let began = Instant::now();
    call(&mut stream, "POST", "/v1/completions", &prompt);
    assert!(began.elapsed() >= PACE.first + PACE.token * 2);
    let slow = Pace {
        first: Duration::from_millis(80),
        ..PACE
    };
    assert_eq!(endpoint.pace(slow), PACE);
    let began = Instant::now();
    call(&mut stream, "POST", "/v1/completions", &prompt);
    assert!(began.elapsed() >= slow.first);
}

#[test]
fn a_stream_comes_token_by_token() {
    let endpoint = start();
    let mut stream = connect(&endpoint);
    let body = json!({"prompt": "let a", "stream": true});
    let bytes = request("POST", "/v1/completions", &body);
    stream.write_all(&bytes).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let events: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    assert_eq!(events.len(), 3, "{text}");
    let first: Value = serde_json::from_str(events[0]).unwrap();
    assert_eq!(first["choices"][0]["text"], " = 1");
    assert_eq!(events[2], "[DONE]");
}

#[tokio::test]
async fn who_hangs_up_is_noted_and_costs_no_more_tokens() {
    let endpoint = start();
    endpoint.pace(Pace {
        first: Duration::from_secs(600),
        ..PACE
    });
    for stream in [true, false] {
        let mark = endpoint.count();
        let mut connection = connect(&endpoint);
        let body = json!({"prompt": "let a", "stream": stream});
        let bytes = request("POST", "/v1/completions", &body);
        connection.write_all(&bytes).unwrap();
        let limit = Duration::from_secs(60);
        assert!(endpoint.asked(mark, limit, |_| true).await.is_some());
        drop(connection);
        let begun = Instant::now();
        while !endpoint.since(mark)[0].closed {
            assert!(begun.elapsed() < limit, "it never noticed");
            thread::yield_now();
        }
        assert_eq!(endpoint.since(mark)[0].computed, 0);
    }
}

#[test]
fn what_is_no_http_ends_the_connection_only() {
    let endpoint = start();
    let mut broken = connect(&endpoint);
    broken.write_all(b"\x00\x01\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    broken.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    let mut stream = connect(&endpoint);
    assert_eq!(call(&mut stream, "GET", "/v1/health", &json!({})).0, 200);
}
