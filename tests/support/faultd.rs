//! `faultd`: a provider that does on demand what no real one can be made to do.
//!
//! A *script* is what it answers to one request, as *steps* on the bare connection. The first request gets the
//! first script, and the last script serves from then on. It listens on loopback only, sets TCP_NODELAY, and
//! remembers what it was sent. Both the client's own tests and the end-to-end tests use it; `cargo
//! run -p foretoken-tests --bin faultd NAME` runs one by hand.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One thing that a provider does on its connection.
#[derive(Debug, Clone)]
pub enum Step {
    /// Writes bytes at once.
    Send(Vec<u8>),
    /// Writes what the request makes of it.
    Made(Maker),
    /// Writes each byte by itself.
    Bytewise(Vec<u8>),
    /// Does nothing for a while.
    Pause(Duration),
    /// Writes the bytes over and over, for this long at most, until the client hangs up.
    Forever(Vec<u8>, Duration),
    /// Says nothing more and waits for the client to hang up.
    Hold,
    /// Ends the connection properly.
    Close,
    /// Ends the connection with a reset.
    Reset,
}

/// Makes an answer's bytes of the request that it answers.
#[derive(Clone)]
pub struct Maker(pub Arc<Make>);

/// A request's answer.
pub type Make = dyn Fn(&Seen) -> Vec<u8> + Send + Sync;

impl std::fmt::Debug for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Maker")
    }
}

/// The answer to one request.
pub type Script = Vec<Step>;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Request line and headers, as written.
    pub head: String,
    /// The body.
    pub body: String,
    /// When it had arrived.
    pub at: Instant,
    /// When the client hung up while a step was at work.
    pub hung_up: Option<Instant>,
}

impl Seen {
    /// The value of a header, by its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

#[derive(Debug, Default)]
struct Record {
    connections: usize,
    requests: Vec<Seen>,
}

/// A running server; dropping it closes its listener and connections.
#[derive(Debug)]
pub struct Faultd {
    address: SocketAddr,
    record: Arc<Mutex<Record>>,
    task: JoinHandle<()>,
}

impl Drop for Faultd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Faultd {
    /// Serves plain HTTP on a free port.
    ///
    /// # Panics
    /// Where loopback cannot be listened on.
    pub async fn start(scripts: Vec<Script>) -> Faultd {
        Faultd::listen(0, scripts, Tls::default()).await
    }

    /// Serves HTTPS with this configuration.
    pub async fn start_tls(
        scripts: Vec<Script>,
        config: tokio_rustls::rustls::ServerConfig,
    ) -> Faultd {
        Faultd::listen(
            0,
            scripts,
            Tls(Some(tokio_rustls::TlsAcceptor::from(Arc::new(config)))),
        )
        .await
    }

    /// Serves plain HTTP on this port.
    pub async fn start_on(port: u16, scripts: Vec<Script>) -> Faultd {
        Faultd::listen(port, scripts, Tls::default()).await
    }

    async fn listen(port: u16, scripts: Vec<Script>, tls: Tls) -> Faultd {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .expect("loopback can be listened on");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let record = Arc::new(Mutex::new(Record::default()));
        let server = Server {
            scripts: Arc::new(scripts),
            record: Arc::clone(&record),
            tls,
        };
        Faultd {
            address,
            record,
            task: tokio::spawn(server.accept(listener)),
        }
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:port/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.record).connections
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.record).requests.clone()
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Default)]
struct Tls(Option<tokio_rustls::TlsAcceptor>);

#[derive(Clone)]
struct Server {
    scripts: Arc<Vec<Script>>,
    record: Arc<Mutex<Record>>,
    tls: Tls,
}

/// How a connection goes on after a script.
enum After {
    Next,
    Close,
    Reset,
}

impl Server {
    async fn accept(self, listener: TcpListener) {
        // Ends with the accepting task, so that no connection outlives the server.
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            lock(&self.record).connections += 1;
            let server = self.clone();
            connections.spawn(async move { server.connection(stream).await });
            while connections.try_join_next().is_some() {}
        }
    }

    async fn connection(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        match self.tls.0.clone() {
            None => {
                let mut stream = stream;
                if let After::Reset = self.requests(&mut stream).await {
                    let _ = stream.set_zero_linger();
                }
            }
            Some(acceptor) => {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    self.requests(&mut stream).await;
                    let _ = stream.shutdown().await;
                }
            }
        }
    }

    async fn requests(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> After {
        let mut read = Vec::new();
        loop {
            let Some(seen) = request(stream, &mut read).await else {
                return After::Close;
            };
            let number = {
                let mut record = lock(&self.record);
                record.requests.push(seen.clone());
                record.requests.len() - 1
            };
            let Some(script) = self.scripts.get(number).or(self.scripts.last()) else {
                return After::Close;
            };
            for step in script {
                let made = match step {
                    Step::Made(maker) => Some(Step::Send(maker.0(&seen))),
                    _ => None,
                };
                match perform(made.as_ref().unwrap_or(step), stream).await {
                    Ok(After::Next) => {}
                    Ok(end) => return end,
                    Err(_) => {
                        lock(&self.record).requests[number].hung_up = Some(Instant::now());
                        return After::Close;
                    }
                }
            }
        }
    }
}

/// One request off the connection, and what follows it stays in `read`.
async fn request(stream: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(at) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, read).await?;
    };
    let mut seen = Seen {
        head: String::from_utf8_lossy(&read[..end]).into_owned(),
        body: String::new(),
        at: Instant::now(),
        hung_up: None,
    };
    let length: usize = seen
        .header("content-length")
        .and_then(|l| l.parse().ok())
        .unwrap_or(0);
    while read.len() < end + length {
        more(stream, read).await?;
    }
    seen.body = String::from_utf8_lossy(&read[end..end + length]).into_owned();
    seen.at = Instant::now();
    read.drain(..end + length);
    Some(seen)
}

async fn more(stream: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(read).await {
        Ok(n) if n > 0 => Some(()),
        _ => None,
    }
}

/// `Err` when the client has hung up.
async fn perform(
    step: &Step,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> std::io::Result<After> {
    match step {
        Step::Send(bytes) => write(stream, bytes).await?,
        Step::Bytewise(bytes) => {
            for byte in bytes {
                write(stream, &[*byte]).await?;
            }
        }
        Step::Pause(time) => {
            let mut byte = [0];
            tokio::select! {
                () = tokio::time::sleep(*time) => {}
                read = stream.read(&mut byte) => hung_up(read)?,
            }
        }
        Step::Forever(bytes, time) => {
            let until = Instant::now() + *time;
            while Instant::now() < until {
                write(stream, bytes).await?;
            }
        }
        Step::Hold => {
            let mut byte = [0];
            hung_up(stream.read(&mut byte).await)?;
        }
        // Made into bytes by whoever has the request.
        Step::Made(_) => {}
        Step::Close => return Ok(After::Close),
        Step::Reset => return Ok(After::Reset),
    }
    Ok(After::Next)
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

fn hung_up(read: std::io::Result<usize>) -> std::io::Result<()> {
    match read {
        Ok(0) => Err(std::io::ErrorKind::ConnectionReset.into()),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The head of a stream that lasts until the connection ends.
#[must_use]
pub fn stream_head() -> Step {
    Step::Send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec(),
    )
}

/// A whole answer with its length.
#[must_use]
pub fn whole(status: u16, headers: &[(&str, &str)], body: &str) -> Step {
    let mut head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    Step::Send(format!("{head}\r\n{body}").into_bytes())
}

/// A JSON answer with a status.
#[must_use]
pub fn json(status: u16, body: &str) -> Step {
    whole(status, &[("content-type", "application/json")], body)
}

/// One OpenAI event with this text.
#[must_use]
pub fn openai_text(text: &str) -> String {
    let choice = serde_json::json!({"model": "fault-1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    format!("data: {choice}\n\n")
}

/// How an OpenAI stream ends: finish reason, usage of 10 + 20 tokens, `[DONE]`.
pub const OPENAI_END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30}}\n\n\
    data: [DONE]\n\n";

/// A whole OpenAI stream of these texts.
#[must_use]
pub fn openai(texts: &[&str]) -> String {
    texts
        .iter()
        .map(|text| openai_text(text))
        .chain([OPENAI_END.to_owned()])
        .collect()
}

/// How an Anthropic stream begins.
pub const ANTHROPIC_START: &str = "event: message_start\n\
    data: {\"type\":\"message_start\",\"message\":{\"model\":\"fault-2\",\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\n\
    event: content_block_start\n\
    data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";

/// How an Anthropic stream ends: 20 tokens, `end_turn`.
pub const ANTHROPIC_END: &str = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
    event: message_delta\n\
    data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":20}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// One Anthropic event with this text.
#[must_use]
pub fn anthropic_text(text: &str) -> String {
    let event = serde_json::json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    format!("event: content_block_delta\ndata: {event}\n\n")
}

/// A whole Anthropic stream of these texts.
#[must_use]
pub fn anthropic(texts: &[&str]) -> String {
    let texts = texts.iter().map(|text| anthropic_text(text));
    [ANTHROPIC_START.to_owned()]
        .into_iter()
        .chain(texts)
        .chain([ANTHROPIC_END.to_owned()])
        .collect()
}

/// A stream that ends the connection.
#[must_use]
pub fn streamed(body: &str) -> Script {
    vec![
        stream_head(),
        Step::Send(body.as_bytes().to_vec()),
        Step::Close,
    ]
}
