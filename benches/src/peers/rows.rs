//! Everything that is measured of one server, in the order of the table's rows.

use std::time::Duration;

use serde_json::{Value, json};

use super::cases::{self, Became, Must};
use super::client::Client;
use super::endpoint::{Endpoint, Pace};
use super::peer::Peer;
use super::resources::{self, Used};
use super::script::Script;
use super::sync::{self, Seen};
use super::typing::{self, Flow, Habit, Hits, Place, Rest, Stall, json_ms};
use crate::stats::quantile;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Places asked at rest.
    pub places: usize,
    /// Keys typed in a flow.
    pub keys: usize,
    /// Median gap between them, ms.
    pub gap_ms: f64,
    /// Of the gaps.
    pub seed: u64,
    /// How long nothing is done while processor time is counted.
    pub idle: Duration,
    /// How long the stand-in for a model takes.
    pub pace: Pace,
}

/// Edits measured while a request runs, and as many while none does.
const STALLS: usize = 5;

/// Places whose text is asked for again.
const HITS: usize = 10;

/// What was measured of one server.
#[derive(Debug)]
pub struct Figures {
    /// The heading of its column.
    pub name: &'static str,
    /// Of the server, by its own word; may be empty.
    pub version: String,
    /// Waited by its client after a key.
    pub wait: Duration,
    /// At rest, without and with that wait.
    pub rest: [Rest; 2],
    /// In the flow of keys, likewise.
    pub flow: [Flow; 2],
    /// See [`Stall`].
    pub stall: Stall,
    /// See [`Hits`].
    pub hits: Hits,
    /// What became of each case.
    pub cases: Vec<cases::Judged>,
    /// What was seen after each step.
    pub sync: Vec<(&'static sync::Step, Seen)>,
    /// Peak memory after all of it, and the processor time of the idle stretch.
    pub used: Used,
}

/// Measures one server from its start to its end.
///
/// # Errors
/// A sentence, where it cannot be started.
pub async fn measure(peer: &Peer, texts: &[String], effort: Effort) -> Result<Figures, String> {
    let script = Script::knowing(texts.iter().map(String::as_str));
    let mut places = typing::places(&script);
    // Every language in turn, as many as wanted.
    let step = (places.len() / effort.places.max(1)).max(1);
    places = places.into_iter().step_by(step).collect();
    places.truncate(effort.places);
    let endpoint = Endpoint::start(script, effort.pace)?;
    let mut client = Client::start(peer, &endpoint).await?;
    let wait = peer.wait();
    let rest = at_rest(&mut client, &places, wait).await;
    let flow = in_flow(&mut client, &endpoint, effort, wait).await;
    let hits = typing::hits(&mut client, &endpoint, &places[..HITS.min(places.len())]).await;
    let stall = typing::stall(&mut client, &endpoint, STALLS).await;
    let cases = cases::run(&mut client, &endpoint).await;
    let used = at_idle(&client, effort.idle).await;
    let version = client.version.clone();
    client.leave().await;
    let sync = sync::run(peer, &endpoint).await?;
    Ok(Figures {
        name: peer.name(),
        version,
        wait,
        rest,
        flow,
        stall,
        hits,
        cases,
        sync,
        used,
    })
}

/// What is measured of a server that brings its own model, so that nothing of it can be compared but what
/// it takes of the machine: the same keys, then peak memory and the idle stretch.
///
/// # Errors
/// A sentence, where it cannot be started.
pub async fn alone(peer: &Peer, texts: &[String], effort: Effort) -> Result<(Flow, Used), String> {
    // It says at which keys there is something to show; nobody asks it.
    let script = Script::knowing(texts.iter().map(String::as_str));
    let endpoint = Endpoint::start(script, effort.pace)?;
    let mut client = Client::start(peer, &endpoint).await?;
    let [flow, _] = in_flow(&mut client, &endpoint, effort, Duration::ZERO).await;
    let used = at_idle(&client, effort.idle).await;
    client.leave().await;
    Ok((flow, used))
}

async fn at_rest(client: &mut Client, places: &[Place], wait: Duration) -> [Rest; 2] {
    let without = typing::rest(client, places, Duration::ZERO, "rest").await;
    let with = match wait.is_zero() {
        true => Rest {
            keys: without.keys,
            ms: without.ms.clone(),
        },
        false => typing::rest(client, places, wait, "wait").await,
    };
    [without, with]
}

async fn in_flow(
    client: &mut Client,
    endpoint: &Endpoint,
    effort: Effort,
    wait: Duration,
) -> [Flow; 2] {
    let habit = Habit {
        keys: effort.keys,
        gap_ms: effort.gap_ms,
        seed: effort.seed,
        wait: Duration::ZERO,
    };
    let without = typing::flow(client, endpoint, habit, "flow").await;
    let with = match wait.is_zero() {
        true => Flow {
            ms: without.ms.clone(),
            ..without
        },
        false => typing::flow(client, endpoint, Habit { wait, ..habit }, "slow").await,
    };
    [without, with]
}

/// Peak memory so far and the processor time of a stretch in which nobody does anything; NaN where the
/// process is gone or the system does not say.
async fn at_idle(client: &Client, stretch: Duration) -> Used {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = resources::of(client.pid);
    tokio::time::sleep(stretch).await;
    match (before, resources::of(client.pid)) {
        (Some(before), Some(after)) => Used {
            peak_mb: after.peak_mb,
            cpu_ms: after.cpu_ms - before.cpu_ms,
        },
        _ => Used {
            peak_mb: f64::NAN,
            cpu_ms: f64::NAN,
        },
    }
}

impl Figures {
    /// Good answers that were changed or not shown, and how many there are.
    #[must_use]
    pub fn kept(&self) -> (usize, usize, usize) {
        let of = |became| self.count(Must::Keep, became);
        let all = self.all(Must::Keep);
        (of(Became::Damaged), of(Became::Withheld), all)
    }

    /// Texts that were shown although they stand there already, and how many there are.
    #[must_use]
    pub fn duplicated(&self) -> (usize, usize) {
        let duplicated = self.count(Must::Remove, Became::Duplicated);
        (duplicated, self.all(Must::Remove))
    }

    fn count(&self, must: Must, wanted: Became) -> usize {
        let all = self.cases.iter();
        all.filter(|(case, became, _)| case.must == must && *became == wanted)
            .count()
    }

    fn all(&self, must: Must) -> usize {
        self.cases
            .iter()
            .filter(|(case, ..)| case.must == must)
            .count()
    }

    /// Steps after which the server's copy was the editor's.
    #[must_use]
    pub fn equal(&self) -> usize {
        let all = self.sync.iter();
        all.filter(|(_, seen)| *seen == Seen::Equal).count()
    }

    /// Everything, keys as in the table, ms and MB as numbers; what never came is null.
    #[must_use]
    pub fn json(&self) -> Value {
        let times = |ms: &[f64]| {
            json!({
                "n": ms.len(), "p50_ms": json_ms(quantile(ms, 0.5)),
                "p95_ms": json_ms(quantile(ms, 0.95)), "max_ms": json_ms(quantile(ms, 1.0)),
            })
        };
        let rest = |rest: &Rest| json!({"keys": rest.keys, "text": times(&rest.ms)});
        let flow = |flow: &Flow| {
            json!({
                "keys": flow.ms.len(), "text": times(&flow.ms), "shown": flow.shown(),
                "requests": flow.requests, "replies": flow.replies,
                "tokens_asked": flow.asked, "tokens_computed": flow.computed,
            })
        };
        let cases = self.cases.iter();
        let cases =
            cases.map(|(case, became, seen)| json!({"case": case.name, "became": format!("{became:?}"), "seen": seen}));
        let steps = self.sync.iter();
        let steps =
            steps.map(|(step, seen)| json!({"step": step.name, "seen": format!("{seen:?}")}));
        json!({
            "name": self.name, "version": self.version,
            "client_wait_ms": json_ms(typing::ms(self.wait)),
            "rest": rest(&self.rest[0]), "rest_with_wait": rest(&self.rest[1]),
            "flow": flow(&self.flow[0]), "flow_with_wait": flow(&self.flow[1]),
            "stall_busy": times(&self.stall.busy), "stall_idle": times(&self.stall.idle),
            "hit_same": times(&self.hits.same), "hit_through": times(&self.hits.through),
            "hit_places": self.hits.places, "hits_asked_anew": self.hits.asked_anew,
            "cases": cases.collect::<Vec<_>>(), "sync": steps.collect::<Vec<_>>(),
            "peak_mb": json_ms(self.used.peak_mb), "idle_cpu_ms": json_ms(self.used.cpu_ms),
        })
    }
}
