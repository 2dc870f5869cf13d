//! The story of one question: wait for a place, go down the plan, book what it cost, say how it ended.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

use super::course::{Course, Place, course};
use super::outgoing::headers;
use super::{Candidate, Done, End, Event, Note, Question, Shared, Try, now, seconds};
use crate::attempt::{self, Limits, Report, Sink};
use crate::egress::{Cleared, Outgoing};
use crate::failure::{Failure, Kind, Refusal};
use crate::keys::Key;
use crate::ledger::{Booking, Spent};
use crate::wire::{Delta, Usage};

impl Shared {
    /// Ends when it is done, or when nobody listens any more.
    pub(super) async fn answer(&self, question: Question, events: Sender<Event>) {
        let running = match self.running.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _ = events.send(Event::Note(Note::Queued)).await;
                tokio::select! {
                    permit = self.running.acquire() => match permit {
                        Ok(permit) => permit,
                        Err(_) => return,
                    },
                    () = events.closed() => return,
                }
            }
        };
        let mut story = Story {
            shared: self,
            question: &question,
            events: &events,
            tries: Vec::new(),
            deadline: Instant::now() + question.limits.total,
        };
        let done = story.run().await;
        let tries = story.tries;
        // Whoever reads slowly keeps nobody waiting.
        drop(running);
        if let Some(done) = done {
            let done = Done { tries, ..done };
            let _ = events.send(Event::Done(Box::new(done))).await;
        }
    }
}

struct Story<'a> {
    shared: &'a Shared,
    question: &'a Question,
    events: &'a Sender<Event>,
    tries: Vec<Try>,
    deadline: Instant,
}

/// What came of one request.
enum Came {
    /// Text or an end of its own.
    Answer(Done),
    /// No text.
    Nothing(Failure),
    /// Nobody listens any more.
    Cancelled,
}

impl Story<'_> {
    /// `None` when nobody listens any more.
    async fn run(&mut self) -> Option<Done> {
        let plan = &self.question.plan;
        let mut last = Failure::refused(Refusal::Unavailable, "no model may be asked");
        let retries = || {
            self.shared
                .retries
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        retries().request(now().instant);
        for (at, candidate) in plan.iter().enumerate() {
            let mut retried = 0;
            loop {
                // One that will not be asked takes no patience from the one before it.
                let more = plan[at + 1..].iter().any(|next| self.may_ask(next));
                let failure = match self.ask(candidate, more).await {
                    Came::Answer(done) => return Some(done),
                    Came::Cancelled => return None,
                    Came::Nothing(failure) => failure,
                };
                let patience = self.question.limits.first_text.unwrap_or_default();
                let place = Place {
                    more,
                    retried,
                    retries: self.question.retries,
                    patience,
                };
                let course = course(&failure, place, fastrand::f64(), || {
                    retries().retry(now().instant)
                });
                let name = candidate.endpoint.name.clone();
                last = failure.clone();
                match course {
                    Course::Stop => return Some(Done::failed(failure)),
                    Course::Next => {
                        self.note(Note::Failed(name, failure)).await;
                        break;
                    }
                    Course::Again(wait) => {
                        retried += 1;
                        self.note(Note::Again(name, failure)).await;
                        tokio::select! {
                            () = tokio::time::sleep(wait) => {}
                            () = self.events.closed() => return None,
                        }
                    }
                }
            }
        }
        Some(Done::failed(last))
    }

    fn may_ask(&self, candidate: &Candidate) -> bool {
        let endpoint = &candidate.endpoint;
        let target = endpoint.target();
        let allowed = target.is_ok_and(|t| (self.question.gate.allow)(endpoint, &t.origin).is_ok());
        allowed && self.shared.health().may(endpoint, now())
    }

    async fn note(&self, note: Note) {
        // A closed channel is noticed by whoever waits for it.
        let _ = self.events.send(Event::Note(note)).await;
    }

    /// One request, from the key to the books.
    async fn ask(&mut self, candidate: &Candidate, more: bool) -> Came {
        let endpoint = &candidate.endpoint;
        let mut limits = self.question.limits;
        limits.first_text = if more {
            candidate.first_text.or(limits.first_text)
        } else {
            None
        };
        limits.total = limits
            .total
            .min(self.deadline.saturating_duration_since(Instant::now()));
        if limits.total.is_zero() {
            return Came::Nothing(Failure::new(
                Kind::Timeout(crate::failure::Limit::Total),
                "",
            ));
        }
        let (cleared, key) = match self.clear(candidate, &limits) {
            Ok(cleared) => cleared,
            Err(failure) => return self.refused(candidate, failure),
        };
        let begun = match self.shared.health().begin(endpoint, key.as_ref(), now()) {
            Ok(begun) => begun,
            Err(failure) => return self.refused(candidate, failure),
        };
        let booking = match self.reserve(candidate).await {
            Ok(booking) => booking,
            Err(failure) => {
                self.shared.health().cancelled(begun, now());
                return self.refused(candidate, failure);
            }
        };
        self.shared.connections.fetch_add(1, Ordering::Relaxed);
        let mut sink = Events {
            candidate,
            events: self.events,
            started: false,
            text: 0,
        };
        let report = self.follow(cleared, &limits, &mut sink).await;
        let text = sink.text;
        let Some(report) = report else {
            self.shared.health().cancelled(begun, now());
            self.settle(booking, candidate, Usage::default(), text, Spent::Cancelled)
                .await;
            return Came::Cancelled;
        };
        self.shared
            .health()
            .end(begun, report.end.as_ref().err(), now());
        self.finish(candidate, booking, report).await
    }

    fn refused(&mut self, candidate: &Candidate, failure: Failure) -> Came {
        self.tries.push(Try {
            endpoint: candidate.endpoint.name.clone(),
            model: candidate.model.clone(),
            failure: Some(failure.clone()),
            first_text: None,
            took: Duration::ZERO,
        });
        Came::Nothing(failure)
    }

    fn clear(
        &self,
        candidate: &Candidate,
        limits: &Limits,
    ) -> Result<(Cleared, Option<Key>), Failure> {
        let endpoint = &candidate.endpoint;
        let target = endpoint.target()?;
        let key = self.shared.keys.get(&endpoint.key, &target.origin)?;
        let request = self
            .shared
            .request(self.question, candidate, &target.origin);
        let outgoing = Outgoing {
            endpoint,
            key: key.as_ref(),
            body: endpoint.wire.body(&request, endpoint.dialect),
            headers: headers(self.question, candidate),
            connect: limits.connect,
        };
        let cleared = self.shared.egress.check(outgoing, &self.question.gate)?;
        Ok((cleared, key))
    }

    /// Follows an answer until it ends or nobody listens; `None` is the latter. The patient one tells that it
    /// waits.
    async fn follow(
        &self,
        cleared: Cleared,
        limits: &Limits,
        sink: &mut Events<'_>,
    ) -> Option<Report> {
        let name = sink.candidate.endpoint.name.clone();
        let wire = sink.candidate.endpoint.wire;
        let events = self.events;
        let remind = match limits.first_text {
            Some(_) => None,
            None => self.question.limits.first_text,
        };
        let waiting = async {
            if let Some(wait) = remind {
                tokio::time::sleep(wait).await;
                let _ = events.send(Event::Note(Note::StillWaiting(name))).await;
            }
            std::future::pending::<()>().await;
        };
        let attempt = attempt::run(cleared, wire, limits, seconds(), sink);
        tokio::select! {
            biased;
            () = events.closed() => None,
            report = attempt => Some(report),
            () = waiting => None,
        }
    }

    async fn finish(
        &mut self,
        candidate: &Candidate,
        booking: Option<Booking>,
        report: Report,
    ) -> Came {
        let Report {
            end,
            usage,
            model,
            text,
            first_text,
            took,
        } = report;
        self.tries.push(Try {
            endpoint: candidate.endpoint.name.clone(),
            model: candidate.model.clone(),
            failure: end.as_ref().err().cloned(),
            first_text,
            took,
        });
        let spent = match (&end, first_text) {
            (Ok(_), _) => Spent::Finished,
            (Err(_), Some(_)) => Spent::Cut,
            // It was refused or never arrived: nothing was computed that we would pay for.
            (Err(_), None) => Spent::Failed,
        };
        let (usage, estimated, cost) = self.settle(booking, candidate, usage, text, spent).await;
        let end = match (end, first_text) {
            (Ok(end), _) => End::from(end),
            (Err(failure), Some(_)) => End::Cut(failure),
            (Err(failure), None) => return Came::Nothing(failure),
        };
        if let (Some(first_text), Some(output), false) = (first_text, usage.output, estimated) {
            self.shared
                .health()
                .speed(&candidate.endpoint.name, first_text, took, output);
        }
        let model = model.unwrap_or_else(|| candidate.model.clone());
        let by = Some((candidate.endpoint.name.clone(), model));
        Came::Answer(Done {
            end,
            by,
            usage,
            estimated,
            cost,
            tries: Vec::new(),
        })
    }

    /// Sets money aside where there are a ledger and a price.
    async fn reserve(&self, candidate: &Candidate) -> Result<Option<Booking>, Failure> {
        let Some(ledger) = &self.shared.ledger else {
            return Ok(None);
        };
        let booking = Booking {
            request: self.question.id.clone(),
            task: self.question.task.clone(),
            endpoint: candidate.endpoint.name.clone(),
            model: candidate.model.clone(),
            reserved: candidate.reserved,
            // The answer has ended by then, one way or another.
            expires: seconds() + self.question.limits.total.as_secs() + 60,
            row: 0,
        };
        let priced = candidate
            .endpoint
            .model(&candidate.model)
            .is_some_and(|m| m.price.is_some());
        let ledger = ledger.clone();
        let reserved = blocking(move || ledger.reserve(booking, priced, seconds())).await;
        let (booking, warning) = reserved?;
        if let Some(sentence) = warning {
            self.note(Note::Budget(sentence)).await;
        }
        Ok(Some(booking))
    }

    /// Books what was used; where the provider did not say, what we count.
    async fn settle(
        &self,
        booking: Option<Booking>,
        candidate: &Candidate,
        usage: Usage,
        text: usize,
        spent: Spent,
    ) -> (Usage, bool, Option<u64>) {
        let mut known = usage;
        let mut estimated = false;
        if spent != Spent::Failed {
            estimated = usage.input.is_none() || usage.output.is_none() || spent != Spent::Finished;
            known.input = usage.input.or(Some(self.question.input_tokens));
            // Four bytes a token: the rule of thumb for English and code.
            let counted = text.div_ceil(4) as u64;
            known.output = Some(
                usage
                    .output
                    .unwrap_or(0)
                    .max(if estimated { counted } else { 0 }),
            );
        }
        let price = candidate
            .endpoint
            .model(&candidate.model)
            .and_then(|m| m.price);
        let cost = price.map(|p| {
            p.of(
                known.input.unwrap_or(0),
                known.cached.unwrap_or(0),
                known.output.unwrap_or(0),
            )
            .0
        });
        if let (Some(booking), Some(ledger)) = (booking, self.shared.ledger.clone()) {
            let settled = blocking(move || {
                ledger.settle(&booking, known, cost.unwrap_or(0), spent, estimated)
            })
            .await;
            if let Err(failure) = settled {
                tracing::warn!(said = failure.said, "the ledger did not take an entry");
            }
        }
        (known, estimated, cost)
    }
}

/// The ledger's file may be slow; the runtime's threads do not wait for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Failure::refused(Refusal::Ledger, "it failed")))
}

struct Events<'a> {
    candidate: &'a Candidate,
    events: &'a Sender<Event>,
    started: bool,
    text: usize,
}

impl Events<'_> {
    async fn start(&mut self, model: Option<&str>) {
        if !std::mem::replace(&mut self.started, true) {
            let endpoint = self.candidate.endpoint.name.clone();
            let model = model.unwrap_or(&self.candidate.model).to_owned();
            let _ = self.events.send(Event::Started { endpoint, model }).await;
        }
    }
}

impl Sink for Events<'_> {
    async fn text(&mut self, model: Option<&str>, text: String) {
        self.start(model).await;
        self.text += text.len();
        let _ = self.events.send(Event::Text(text)).await;
    }

    async fn tool(&mut self, call: Delta) {
        self.start(None).await;
        let _ = self.events.send(Event::Tool(call)).await;
    }
}
