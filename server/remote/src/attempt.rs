//! One request to one endpoint: sent, decoded, and stopped by four clocks and the limits of length.
//!
//! An *attempt* has no second try and knows no other endpoint. It says what came and how it ended.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::egress::{Cleared, Incoming, Shape};
use crate::failure::{Failure, Kind, Limit, plain};
use crate::sse;
use crate::wire::{Delta, Finish, Usage, Wire};

/// How long and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// From sending to the first text; `None` waits until `total`.
    pub first_text: Option<Duration>,
    /// Between two chunks, once there is text.
    pub between: Duration,
    /// From sending to the end.
    pub total: Duration,
    /// Text of the answer, in bytes.
    pub answer: usize,
    /// The stream that carries it.
    pub stream: sse::Limits,
}

impl Limits {
    /// A short explanation: the first text within a second.
    #[must_use]
    pub fn brief() -> Limits {
        Limits::of([1_000, 1_000, 10_000, 20_000])
    }

    /// Everything else that a person waits for.
    #[must_use]
    pub fn deep() -> Limits {
        Limits::of([2_000, 2_000, 15_000, 90_000])
    }

    /// Work that nobody waits for.
    #[must_use]
    pub fn batch() -> Limits {
        Limits::of([5_000, 60_000, 60_000, 600_000])
    }

    fn of([connect, first_text, between, total]: [u64; 4]) -> Limits {
        Limits {
            connect: Duration::from_millis(connect),
            first_text: Some(Duration::from_millis(first_text)),
            between: Duration::from_millis(between),
            total: Duration::from_millis(total),
            // Some 60,000 tokens: far more than any output cap of ours.
            answer: 256 << 10,
            stream: sse::Limits::default(),
        }
    }
}

/// What an attempt came to. The text went to the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// `Ok` when the answer had an end.
    pub(crate) end: Result<End, Failure>,
    pub(crate) usage: Usage,
    /// The model that said it answered.
    pub(crate) model: Option<String>,
    /// Bytes of text that came.
    pub(crate) text: usize,
    pub(crate) first_text: Option<Duration>,
    pub(crate) took: Duration,
}

/// A proper end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) finish: Option<Finish>,
    /// There was a finish reason or the wire's own last event; `[DONE]` alone is not clean.
    pub(crate) clean: bool,
}

/// Where the parts of an answer go, in order. A slow one holds the stream back.
pub(crate) trait Sink {
    async fn text(&mut self, model: Option<&str>, text: String);
    async fn tool(&mut self, call: Delta);
}

/// After a finish reason only the usage and the last event are due; some servers keep the connection open.
const AFTER_FINISH: Duration = Duration::from_secs(2);

pub(crate) async fn run(
    cleared: Cleared,
    wire: Wire,
    limits: &Limits,
    now: u64,
    sink: &mut impl Sink,
) -> Report {
    let start = Instant::now();
    let mut state = State {
        wire,
        limits,
        start,
        finish: None,
        ended: false,
        report: Report {
            end: Ok(End {
                finish: None,
                clean: false,
            }),
            usage: Usage::default(),
            model: None,
            text: 0,
            first_text: None,
            took: Duration::ZERO,
        },
    };
    let end = state.follow(cleared, now, sink).await;
    state.report.end = end.and_then(|()| state.end());
    state.report.took = start.elapsed();
    state.report
}

struct State<'a> {
    wire: Wire,
    limits: &'a Limits,
    start: Instant,
    finish: Option<Finish>,
    ended: bool,
    report: Report,
}

impl State<'_> {
    async fn follow(
        &mut self,
        cleared: Cleared,
        now: u64,
        sink: &mut impl Sink,
    ) -> Result<(), Failure> {
        let (until, limit) = self.patience();
        let sent = timeout_at(until, cleared.send(now)).await;
        let mut incoming = sent.map_err(|_| Failure::new(Kind::Timeout(limit), ""))??;
        // A gateway's own fallback names the group here and the model that answered in the stream, or the
        // other way round; the group is what was asked for.
        self.report.model = incoming
            .header("x-litellm-model-group")
            .map(|name| plain(&name));
        match incoming.shape() {
            Shape::Events => self.events(&mut incoming, sink).await?,
            Shape::Whole => self.whole(&mut incoming, sink).await?,
        }
        // The answer is whole; what is left is for the connection, and nobody waits for it.
        drop(tokio::spawn(drain(incoming)));
        Ok(())
    }

    /// The next clock that will run out, and its name.
    fn patience(&self) -> (Instant, Limit) {
        let total = (self.start + self.limits.total, Limit::Total);
        let other = if self.finish.is_some() {
            Some((
                Instant::now() + AFTER_FINISH.min(self.limits.between),
                Limit::Between,
            ))
        } else if self.report.first_text.is_some() {
            Some((Instant::now() + self.limits.between, Limit::Between))
        } else {
            self.limits
                .first_text
                .map(|first| (self.start + first, Limit::FirstText))
        };
        other
            .into_iter()
            .chain([total])
            .min_by_key(|(at, _)| *at)
            .unwrap_or(total)
    }

    async fn next(
        &mut self,
        incoming: &mut Incoming,
        bytes: &mut Vec<u8>,
    ) -> Result<bool, Failure> {
        let (until, limit) = self.patience();
        match timeout_at(until, incoming.chunk(bytes)).await {
            Ok(more) => more,
            Err(_) => Err(Failure::new(Kind::Timeout(limit), "")),
        }
    }

    async fn events(
        &mut self,
        incoming: &mut Incoming,
        sink: &mut impl Sink,
    ) -> Result<(), Failure> {
        let mut decoder = sse::Decoder::new(self.limits.stream);
        let (mut bytes, mut events) = (Vec::new(), Vec::new());
        while !self.ended {
            bytes.clear();
            let more = match self.next(incoming, &mut bytes).await {
                Ok(more) => more,
                // All that mattered had come.
                Err(_) if self.finish.is_some() => return Ok(()),
                Err(failure) => return Err(failure),
            };
            let exceeded = if more {
                decoder.push(&bytes, &mut events).err()
            } else {
                match decoder.finish() {
                    // Half an event is no event of the stream but a sign that it broke off.
                    Ok(last) => {
                        let mut deltas = Vec::new();
                        events.extend(last.filter(|e| {
                            self.wire.event(e, &mut deltas).is_ok() || e.name == "error"
                        }));
                        None
                    }
                    Err(exceeded) => Some(exceeded),
                }
            };
            for event in events.drain(..) {
                self.event(event, incoming, sink).await?;
            }
            if let Some(exceeded) = exceeded {
                let said = format!("its {} passes the limit", exceeded.word());
                return Err(Failure::new(Kind::TooLong, &said));
            }
            if !more {
                break;
            }
        }
        Ok(())
    }

    async fn event(
        &mut self,
        mut event: sse::Event,
        incoming: &Incoming,
        sink: &mut impl Sink,
    ) -> Result<(), Failure> {
        event.data = incoming.scrub(event.data);
        let mut deltas = Vec::new();
        let outcome = self.wire.event(&event, &mut deltas);
        self.deltas(deltas, sink).await?;
        outcome
    }

    async fn whole(
        &mut self,
        incoming: &mut Incoming,
        sink: &mut impl Sink,
    ) -> Result<(), Failure> {
        let mut body = Vec::new();
        while self.next(incoming, &mut body).await? {
            if body.len() > self.limits.stream.body {
                return Err(Failure::new(Kind::TooLong, "its body passes the limit"));
            }
        }
        let body = incoming.scrub(String::from_utf8_lossy(&body).into_owned());
        let mut deltas = Vec::new();
        let outcome = self.wire.whole(&body, &mut deltas);
        self.deltas(deltas, sink).await?;
        outcome
    }

    async fn deltas(&mut self, deltas: Vec<Delta>, sink: &mut impl Sink) -> Result<(), Failure> {
        for delta in deltas {
            match delta {
                // A name is shown, so it is a plain line whatever the endpoint calls itself.
                Delta::Model(model) => {
                    self.report.model.get_or_insert_with(|| plain(&model));
                }
                Delta::Usage(usage) => self.report.usage.update(usage),
                Delta::Finish(finish) => self.finish = Some(finish),
                Delta::End => self.ended = true,
                Delta::ToolCall { .. } => {
                    self.begun();
                    sink.tool(delta).await;
                }
                Delta::Text(text) => self.text(text, sink).await?,
            }
        }
        Ok(())
    }

    async fn text(&mut self, mut text: String, sink: &mut impl Sink) -> Result<(), Failure> {
        self.begun();
        let left = self.limits.answer - self.report.text;
        let too_long = text.len() > left;
        text.truncate(text.floor_char_boundary(left));
        self.report.text += text.len();
        if !text.is_empty() {
            sink.text(self.report.model.as_deref(), text).await;
        }
        if too_long {
            Err(Failure::new(Kind::TooLong, "its text passes the limit"))
        } else {
            Ok(())
        }
    }

    fn begun(&mut self) {
        self.report.first_text.get_or_insert(self.start.elapsed());
    }

    fn end(&self) -> Result<End, Failure> {
        match (self.finish, self.ended) {
            (None, false) => Err(Failure::new(Kind::Cut, "")),
            // Anthropic's `message_stop` follows a reason; alone, either is an end.
            (finish, _) => Ok(End {
                finish,
                clean: finish.is_some(),
            }),
        }
    }
}

/// How long and how much the end of a body may take behind the end of its answer.
const DRAIN: Duration = Duration::from_secs(1);
const DRAIN_MAX: usize = 64 << 10;

/// Reads to the end of the body, so that the connection can serve again; where there is no end, it is closed.
async fn drain(mut incoming: Incoming) {
    let mut rest = Vec::new();
    let read =
        async { while rest.len() < DRAIN_MAX && incoming.chunk(&mut rest).await == Ok(true) {} };
    // Too slow or broken: then the connection is not used again.
    let _ = timeout_at(Instant::now() + DRAIN, read).await;
}
