//! The scripted endpoint: an HTTP server on this machine that takes as long as a model would and says
//! what its script says. It notes every completion asked of it, so that what a server sent (its own
//! copy of the document) and what it wasted can be read afterwards.
//!
//! Two threads for each connection, one that reads and one that answers, so that a caller who hangs up
//! is seen at once and no token comes late because something else runs.

use std::collections::VecDeque;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::http::{self, Request};
use super::script::{self, Ask, Form, Script};

/// How long the stand-in for a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Until the first token.
    pub first: Duration,
    /// Until each further one.
    pub token: Duration,
}

/// One completion that was asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When its request had been read.
    pub at: Instant,
    /// Text before the cursor, as the server sent it.
    pub prefix: String,
    /// Text behind it.
    pub suffix: String,
    /// Tokens of the whole answer.
    pub tokens: usize,
    /// Tokens computed before the end, or before the server closed the connection.
    pub computed: usize,
    /// The server closed the connection before its answer was complete.
    pub closed: bool,
}

/// The running endpoint; it takes no more connections once this is dropped.
#[derive(Debug)]
pub struct Endpoint {
    /// `http://127.0.0.1:` and the port.
    pub url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    script: Mutex<Script>,
    pace: Mutex<Pace>,
    log: Mutex<Vec<Asked>>,
    /// Raised with every completion asked for.
    news: watch::Sender<usize>,
    over: AtomicBool,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

impl Endpoint {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// A sentence, where the system gives no port.
    pub fn start(script: Script, pace: Pace) -> Result<Endpoint, String> {
        let said = |error: std::io::Error| format!("the endpoint cannot listen: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(said)?;
        let address = listener.local_addr().map_err(said)?;
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            pace: Mutex::new(pace),
            log: Mutex::default(),
            news: watch::Sender::new(0),
            over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.over.load(Ordering::Relaxed) {
                    return;
                }
                let serving = Arc::clone(&serving);
                thread::spawn(move || serving.serve(stream));
            }
        });
        Ok(Endpoint {
            url: format!("http://{address}"),
            address,
            shared,
        })
    }

    /// Answers this line by this text from now on.
    pub fn set(&self, line: &str, answer: &str) {
        lock(&self.shared.script).set(line, answer);
    }

    /// Takes another time from now on; the one before.
    pub fn pace(&self, pace: Pace) -> Pace {
        std::mem::replace(&mut *lock(&self.shared.pace), pace)
    }

    /// Whether the script has a text behind this one.
    #[must_use]
    pub fn knows(&self, prefix: &str) -> bool {
        !lock(&self.shared.script).answer(prefix).is_empty()
    }

    /// How many completions were asked for so far; marks a place for [`Endpoint::since`].
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.shared.log).len()
    }

    /// What was asked for since a mark.
    #[must_use]
    pub fn since(&self, mark: usize) -> Vec<Asked> {
        lock(&self.shared.log)[mark..].to_vec()
    }

    /// The first completion since a mark that `wanted` accepts, if it is asked for within `limit`.
    pub async fn asked(
        &self,
        mark: usize,
        limit: Duration,
        wanted: impl Fn(&Asked) -> bool,
    ) -> Option<Asked> {
        let mut news = self.shared.news.subscribe();
        let search = async {
            loop {
                if let Some(found) = self.since(mark).into_iter().find(&wanted) {
                    return Some(found);
                }
                news.changed().await.ok()?;
            }
        };
        tokio::time::timeout(limit, search).await.ok().flatten()
    }
}

/// What a caller sends, read on a thread of its own; the end of it is the end of the channel.
struct Caller {
    requests: Receiver<Request>,
    /// Came while another one was being answered.
    early: VecDeque<Request>,
}

impl Caller {
    fn of(stream: TcpStream) -> Caller {
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            let mut input = BufReader::new(stream);
            while let Ok(Some(request)) = http::read(&mut input) {
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Caller {
            requests,
            early: VecDeque::new(),
        }
    }

    fn next(&mut self) -> Option<Request> {
        self.early.pop_front().or_else(|| self.requests.recv().ok())
    }

    /// Waits until `due`; false where the caller hangs up before.
    fn stays(&mut self, due: Instant) -> bool {
        loop {
            let left = due.saturating_duration_since(Instant::now());
            match self.requests.recv_timeout(left) {
                Ok(request) => self.early.push_back(request),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

impl Shared {
    /// One connection, request by request. What is no HTTP ends it.
    fn serve(&self, mut output: TcpStream) {
        // Small writes of a stream of events must not wait for each other.
        let _ = output.set_nodelay(true);
        let Ok(input) = output.try_clone() else {
            return;
        };
        let mut caller = Caller::of(input);
        while let Some(request) = caller.next() {
            let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            let asked = match request.method == "POST" {
                true => script::ask(&request.path, &body),
                false => None,
            };
            let open = match asked {
                Some(ask) => self.complete(&ask, &mut caller, &mut output),
                None => {
                    let answer = plain(&request.method, &request.path);
                    output.write_all(&answer).is_ok()
                }
            };
            if !open {
                break;
            }
        }
        // The reading thread holds the other half.
        let _ = output.shutdown(std::net::Shutdown::Both);
    }

    /// Answers one completion at the script's pace; false once the connection is of no more use.
    fn complete(&self, ask: &Ask, caller: &mut Caller, output: &mut TcpStream) -> bool {
        let began = Instant::now();
        let pace = *lock(&self.pace);
        let answer = lock(&self.script).answer(&ask.prefix).to_owned();
        let number = self.note(ask, script::tokens(&answer).count());
        let stream = ask.form == Form::Stream;
        if stream && output.write_all(http::STREAM).is_err() {
            return false;
        }
        let mut due = began + pace.first;
        // A model says that it has ended by one more token.
        for token in script::tokens(&answer).map(Some).chain([None]) {
            let mut stays = caller.stays(due);
            due += pace.token;
            if let Some(token) = token.filter(|_| stays && stream) {
                let event = http::event(&json!({"choices": [{"index": 0, "text": token}]}));
                stays = output.write_all(&event).is_ok();
            }
            let mut log = lock(&self.log);
            if !stays {
                log[number].closed = true;
                return false;
            }
            log[number].computed += usize::from(token.is_some());
        }
        let whole = match ask.form {
            Form::Stream => {
                let _ = output.write_all(b"data: [DONE]\n\n");
                return false;
            }
            Form::Choices => {
                json!({"choices": [{"index": 0, "text": answer, "finish_reason": "stop"}]})
            }
            Form::Segments => {
                json!({"id": format!("c{number}"), "choices": [{"index": 0, "text": answer}]})
            }
            Form::Content => json!({"content": answer, "stop": true}),
        };
        let whole = http::answer(200, &whole.to_string());
        output.write_all(&whole).is_ok()
    }

    fn note(&self, ask: &Ask, tokens: usize) -> usize {
        let mut log = lock(&self.log);
        log.push(Asked {
            at: Instant::now(),
            prefix: ask.prefix.clone(),
            suffix: ask.suffix.clone(),
            tokens,
            computed: 0,
            closed: false,
        });
        let count = log.len();
        drop(log);
        self.news.send_replace(count);
        count - 1
    }
}

/// What is no completion: Tabby's agent wants to know with whom it talks before it asks.
fn plain(method: &str, path: &str) -> Vec<u8> {
    let body = match (method, path) {
        ("GET" | "POST", "/v1/health") => json!({
            "model": "scripted", "device": "cpu", "arch": "x86_64", "cpu_info": "", "cpu_count": 1,
            "version": {"build_date": "", "build_timestamp": "", "git_sha": "", "git_describe": "v0.10.0"},
        }),
        ("GET", "/v1beta/server_setting") => json!({"disable_client_side_telemetry": true}),
        ("POST", "/v1/events") => return http::answer(200, ""),
        ("POST", "/v1/completions" | "/infill") => {
            return http::answer(400, "{\"error\":\"no prompt that this endpoint can read\"}");
        }
        _ => return http::answer(404, "{\"error\":\"no such route\"}"),
    };
    http::answer(200, &body.to_string())
}

/// Nothing panics under these locks but by exhausted memory; the values stay whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
