//! What the session has done so far, for the status: how often, for which reasons nothing was
//! offered, and how long answers took. Numbers only; no text of a user comes here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use crate::metrics::figures::{self, Figures, Histogram};
use crate::pipeline::report::{Report, Stages, Tokens, milliseconds};
use crate::speculation::Tally;

/// Latencies kept of each kind for the quantiles.
const KEPT: usize = 1000;

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Requests that got a text.
    pub(crate) answered: u64,
    /// Empty answers by reason.
    pub(crate) empty: BTreeMap<&'static str, u64>,
    /// Requests refused because something newer came.
    pub(crate) superseded: u64,
    /// Requests that the client took back.
    pub(crate) cancelled: u64,
    /// Answers from a text that was at hand.
    pub(crate) hits: u64,
    /// Requests that joined a running flight.
    pub(crate) attached: u64,
    /// Flights started, and of these those that nobody had asked for.
    pub(crate) flights: u64,
    pub(crate) speculative: u64,
    /// Jobs that the model has ended.
    model_calls: u64,
    /// Tokens that it ran.
    tokens_run: u64,
    /// What was computed ahead, and which jobs gave a text that was shown.
    pub(crate) speculation: Tally,
    /// Sums over these jobs. What decoding costs a token cannot be had from the last report alone,
    /// since an early answer leaves before its job has ended.
    work: Work,
    /// Prompts whose pieces were exchanged for others.
    pub(crate) exchanges: u64,
    pub(crate) changes: u64,
    /// Changes whose version was not above the one before.
    pub(crate) versions_fell: u64,
    /// Documents that went out of step.
    pub(crate) out_of_step: u64,
    /// Messages outside the session.
    pub(crate) dropped: u64,
    pub(crate) slow_ticks: u64,
    pub(crate) panics: u64,
    hit: Latencies,
    model: Latencies,
    /// Seconds by stage of a run of the model.
    stages: BTreeMap<&'static str, Histogram>,
}

/// What the jobs of the model were made of, and the time of their two stages, ms.
#[derive(Debug, Default)]
struct Work {
    reused: u64,
    generated: u64,
    drafted: u64,
    accepted: u64,
    steps: u64,
    prefill_ms: f64,
    decode_ms: f64,
}

impl Work {
    fn add(&mut self, tokens: &Tokens, ms: &Stages) {
        self.reused += tokens.reused as u64;
        self.generated += tokens.generated as u64;
        self.drafted += tokens.drafted as u64;
        self.accepted += tokens.accepted as u64;
        self.steps += tokens.steps as u64;
        self.prefill_ms += ms.prefill;
        self.decode_ms += ms.decode;
    }

    fn to_json(&self) -> Value {
        json!({
            "reused": self.reused,
            "generated": self.generated,
            "drafted": self.drafted,
            "accepted": self.accepted,
            "steps": self.steps,
            "prefillMs": self.prefill_ms,
            "decodeMs": self.decode_ms,
        })
    }
}

/// Where an answer came from, for the latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// At hand, or from a flight that was under way.
    Hit,
    /// Computed for this request.
    Model,
}

impl Counts {
    pub(crate) fn reason(&mut self, code: &'static str) {
        *self.empty.entry(code).or_default() += 1;
    }

    /// Counts what a completion cost.
    pub(crate) fn ran(&mut self, job: u64, report: &Report, finished: bool) {
        if report.model.is_none() {
            return;
        }
        let tokens = &report.tokens;
        // Not what of the prompt was not at hand: most of what is begun ahead is stopped by a key, often
        // before its first step.
        let run = (tokens.prefilled + tokens.generated) as u64;
        self.model_calls += 1;
        self.tokens_run += run;
        self.work.add(tokens, &report.ms);
        for (stage, ms) in report.ms.by_name() {
            self.stages.entry(stage).or_default().add_ms(ms);
        }
        self.speculation.ended(job, run, finished);
    }

    pub(crate) fn took(&mut self, path: Path, time: Duration) {
        match path {
            Path::Hit => self.hit.push(time),
            Path::Model => self.model.push(time),
        }
    }

    /// The counters in the form in which they are kept and summed up.
    pub(crate) fn figures(&self) -> Figures {
        let counted = |pairs: &[(&'static str, u64)]| {
            let some = pairs.iter().filter(|(_, count)| *count > 0);
            some.map(|(name, count)| ((*name).into(), *count)).collect()
        };
        let empty: u64 = self.empty.values().sum();
        let Work {
            reused,
            generated,
            drafted,
            accepted,
            ..
        } = self.work;
        Figures {
            requests: counted(&[
                ("ok", self.answered),
                ("empty", empty),
                ("superseded", self.superseded),
                ("cancelled", self.cancelled),
            ]),
            nothing: self
                .empty
                .iter()
                .map(|(name, count)| ((*name).into(), *count))
                .collect(),
            answer_seconds: [("hit", &self.hit), ("model", &self.model)]
                .into_iter()
                .filter(|(_, times)| times.all.count() > 0)
                .map(|(name, times)| (name.into(), times.all))
                .collect(),
            stage_seconds: self
                .stages
                .iter()
                .map(|(name, times)| ((*name).into(), *times))
                .collect(),
            tokens: figures::Tokens {
                run: self.tokens_run,
                reused,
                generated,
                drafted,
                accepted,
                wasted: self
                    .tokens_run
                    .saturating_sub(self.speculation.tokens_shown()),
            },
            cache: counted(&[
                ("hit", self.hits),
                ("joined", self.attached),
                ("miss", self.flights - self.speculative),
            ]),
            changes: self.changes,
            panics: self.panics,
            slow_ticks: self.slow_ticks,
            ..Figures::default()
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "requests": self.requests,
            "answered": self.answered,
            "empty": self.empty,
            "superseded": self.superseded,
            "cancelled": self.cancelled,
            "hits": self.hits,
            "attached": self.attached,
            "flights": self.flights,
            "speculative": self.speculative,
            "modelCalls": self.model_calls,
            "tokensRun": self.tokens_run,
            // Of these, the tokens of jobs none of whose text was shown so far.
            "tokensUnused": self.tokens_run.saturating_sub(self.speculation.tokens_shown()),
            "speculation": self.speculation.to_json(),
            "work": self.work.to_json(),
            "exchanges": self.exchanges,
            "changes": self.changes,
            "versionsFell": self.versions_fell,
            "outOfStep": self.out_of_step,
            "dropped": self.dropped,
            "slowTicks": self.slow_ticks,
            "panics": self.panics,
        })
    }

    /// Quantiles of the newest answers, ms.
    pub(crate) fn latencies(&self) -> Value {
        json!({"hit": self.hit.to_json(), "model": self.model.to_json()})
    }
}

#[derive(Debug, Default)]
struct Latencies {
    newest: VecDeque<Duration>,
    all: Histogram,
}

impl Latencies {
    fn push(&mut self, time: Duration) {
        if self.newest.len() == KEPT {
            self.newest.pop_front();
        }
        self.newest.push_back(time);
        self.all.add(time);
    }

    fn to_json(&self) -> Value {
        let mut sorted: Vec<Duration> = self.newest.iter().copied().collect();
        sorted.sort_unstable();
        let quantile = |percent: usize| {
            let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
            sorted.get(at).copied().map(milliseconds)
        };
        json!({"count": sorted.len(), "p50": quantile(50), "p95": quantile(95)})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_was_stopped_before_its_first_step_cost_nothing() {
        let mut counts = Counts::default();
        let mut report = Report {
            model: Some("a".to_owned()),
            ..Report::default()
        };
        report.tokens.prompt = 500;
        counts.ran(1, &report, false);
        assert_eq!(counts.to_json()["tokensRun"], 0);
        report.tokens.reused = 490;
        (report.tokens.prefilled, report.tokens.generated) = (10, 4);
        counts.ran(2, &report, true);
        assert_eq!(counts.to_json()["tokensRun"], 14);
        assert_eq!(counts.to_json()["modelCalls"], 2);
    }

    #[test]
    fn quantiles_are_of_the_newest_answers() {
        let mut counts = Counts::default();
        assert_eq!(counts.latencies()["hit"]["p50"], Value::Null);
        for ms in 0..1100 {
            counts.took(Path::Hit, Duration::from_millis(ms));
        }
        let json = counts.latencies();
        assert_eq!(
            json["hit"],
            json!({"count": 1000, "p50": 599.0, "p95": 1049.0})
        );
    }
}
