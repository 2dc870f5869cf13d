//! What our side adds to a streamed answer: `cargo bench -p foretoken-benches --bench remote
//! [-- --rounds N --gate]`.
//!
//! A provider on loopback writes the time into each piece of text. A bare reader of the socket and the whole
//! client (checks, HTTP, decoding, limits, channel) read the same streams in turn, in one process and one
//! run, and the difference of their medians is ours. The memory is that of one answer of a megabyte.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretoken_benches::stats::{machine, quantile};
use foretoken_remote::Limits;
use foretoken_remote::client::{Candidate, End, Event, Question, Remote};
use foretoken_remote::egress::Gate;
use foretoken_remote::keys::Keys;
use foretoken_remote::wire::{ChatRequest, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Pieces of one stream, and the pause between two: a quick model.
const PIECES: usize = 100;
const PAUSE: Duration = Duration::from_millis(2);

/// First text and each piece, in ms over the bare reader, p50.
const GATES: [f64; 2] = [5.0, 0.2];
/// What a megabyte of answer may take, in MB.
const MEMORY: f64 = 20.0;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a bench prints what it measured and ends with its verdict"
)]
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let rounds = arguments
        .iter()
        .position(|a| a == "--rounds")
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(30);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let measured = runtime
        .map_err(|e| e.to_string())
        .and_then(|runtime| runtime.block_on(measure(rounds)));
    match measured {
        Ok(Measured {
            first,
            piece,
            memory,
        }) => {
            println!("{}", machine());
            println!(
                "first text: bare {:.3} ms, ours {:.3} ms, added {:.3} ms (p50 of {rounds}, limit {})",
                first[0],
                first[1],
                first[1] - first[0],
                GATES[0]
            );
            println!(
                "each piece: bare {:.3} ms, ours {:.3} ms, added {:.3} ms (p50 of {}, limit {})",
                piece[0],
                piece[1],
                piece[1] - piece[0],
                rounds * PIECES,
                GATES[1]
            );
            println!("an answer of 1 MB: {memory:.1} MB of memory (limit {MEMORY})");
            let holds = first[1] - first[0] <= GATES[0]
                && piece[1] - piece[0] <= GATES[1]
                && memory <= MEMORY;
            if !holds && arguments.iter().any(|a| a == "--gate") {
                std::process::exit(1);
            }
        }
        Err(sentence) => {
            eprintln!("remote: {sentence}");
            std::process::exit(1);
        }
    }
}

/// Milliseconds of the bare reader and of ours; megabytes.
struct Measured {
    first: [f64; 2],
    piece: [f64; 2],
    memory: f64,
}

async fn measure(rounds: usize) -> Result<Measured, String> {
    let start = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let provider = tokio::spawn(provide(listener, start));
    let url = format!("http://{address}/v1");
    let remote = Remote::new(Keys::new(PathBuf::new()), None);
    let mut samples: [[Vec<f64>; 2]; 2] = Default::default();
    for round in 0..=rounds {
        for (side, [first, piece]) in [
            bare(address, start).await?,
            ours(&remote, &url, start).await?,
        ]
        .into_iter()
        .enumerate()
        {
            // The first round warms both sides up.
            if round > 0 {
                samples[0][side].extend(first);
                samples[1][side].extend(piece);
            }
        }
    }
    let before = resident()?;
    let mut peak = before;
    let mut events = remote.stream(question(&url, "large"));
    let mut bytes = 0;
    while let Some(event) = events.recv().await {
        match event {
            Event::Text(text) => bytes += text.len(),
            Event::Done(done) if done.end != End::Finished => {
                return Err(format!("{:?}", done.end));
            }
            _ => {}
        }
        peak = peak.max(resident()?);
    }
    provider.abort();
    if bytes < 1 << 20 {
        return Err(format!("only {bytes} bytes came"));
    }
    let middle = |of: &[Vec<f64>; 2]| [quantile(&of[0], 0.5), quantile(&of[1], 0.5)];
    Ok(Measured {
        first: middle(&samples[0]),
        piece: middle(&samples[1]),
        memory: peak - before,
    })
}

/// Until the first text, and of each piece, in ms.
type Times = [Vec<f64>; 2];

async fn bare(address: std::net::SocketAddr, start: Instant) -> Result<Times, String> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let body = "{\"model\":\"m\"}";
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(|e| e.to_string())?;
    let mut times = Times::default();
    let mut read = String::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let count = stream.read(&mut buffer).await.map_err(|e| e.to_string())?;
        if count == 0 {
            return Ok(times);
        }
        read.push_str(&String::from_utf8_lossy(&buffer[..count]));
        while let Some((event, rest)) = read.split_once("\n\n") {
            if let Some(stamp) = event
                .split("\"content\":\"")
                .nth(1)
                .and_then(|s| s.split('"').next())
            {
                note(&mut times, stamp, begun, start);
            }
            read = rest.to_owned();
        }
    }
}

async fn ours(remote: &Remote, url: &str, start: Instant) -> Result<Times, String> {
    let begun = Instant::now();
    let mut events = remote.stream(question(url, "stamps"));
    let mut times = Times::default();
    while let Some(event) = events.recv().await {
        match event {
            Event::Text(stamp) => note(&mut times, &stamp, begun, start),
            Event::Done(done) if done.end != End::Finished => {
                return Err(format!("{:?}", done.end));
            }
            _ => {}
        }
    }
    Ok(times)
}

fn note(times: &mut Times, stamp: &str, begun: Instant, start: Instant) {
    let now = Instant::now();
    let sent = start + Duration::from_nanos(stamp.trim().parse().unwrap_or(0));
    if times[0].is_empty() {
        times[0].push((now - begun).as_secs_f64() * 1e3);
    }
    times[1].push(now.saturating_duration_since(sent).as_secs_f64() * 1e3);
}

fn question(url: &str, model: &str) -> Question {
    let endpoint =
        toml::from_str(&format!("name = 'bench'\nbaseUrl = {url:?}")).expect("an endpoint");
    Question {
        id: "bench".to_owned(),
        task: "explain".to_owned(),
        plan: vec![Candidate {
            endpoint: Arc::new(endpoint),
            model: model.to_owned(),
            first_text: None,
            reserved: 0,
        }],
        request: ChatRequest {
            system: "Answer.".to_owned(),
            // As long as a deep prompt is.
            messages: vec![Message {
                text: "let x = 1; ".repeat(2_000),
                ..Message::default()
            }],
            max_tokens: 1_000,
            ..ChatRequest::default()
        },
        input_tokens: 8_000,
        limits: Limits {
            answer: 4 << 20,
            ..Limits::deep()
        },
        retries: 0,
        gate: Gate {
            allow: Arc::new(|_, _| Ok(())),
            secret: Arc::new(|text| text.contains("BEGIN").then(String::new)),
        },
    }
}

/// Answers each request with stamps, or with a megabyte where the model is `large`.
async fn provide(listener: TcpListener, start: Instant) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                if !matches!(stream.read_buf(&mut request).await, Ok(n) if n > 0) {
                    return;
                }
            }
            let large = String::from_utf8_lossy(&request).contains("\"model\":\"large\"");
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            for _ in 0..if large { 4_096 } else { PIECES } {
                let text = if large {
                    "megabyte".repeat(32)
                } else {
                    start.elapsed().as_nanos().to_string()
                };
                let event = format!(
                    "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
                );
                if stream.write_all(event.as_bytes()).await.is_err() {
                    return;
                }
                if !large {
                    tokio::time::sleep(PAUSE).await;
                }
            }
            let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
            let _ = stream.write_all(end.as_bytes()).await;
        });
    }
}

/// Memory of this process, in MB.
fn resident() -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status")
        .map_err(|_| "memory is read from /proc, which is not here".to_owned())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: f64 = line
        .and_then(|l| l.trim().trim_end_matches(" kB").parse().ok())
        .ok_or("no memory in /proc/self/status")?;
    Ok(kilobytes / 1024.0)
}
