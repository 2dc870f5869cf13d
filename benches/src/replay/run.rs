//! One run: all variants of one server side by side, the same trace on each in turn, so that whatever
//! else the machine does falls on all of them.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Counted, Start};
use super::figures::{Cost, get, latencies};
use super::log::Played;
use super::player::{Counters, How, Player, Stop};
use super::resources;
use super::traces::{Class, Trace};
use super::variants::{SHIPPED, Variant};

/// What is run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server; `None` is the built program.
    pub command: Option<String>,
    /// How it is started, the first one as shipped.
    pub variants: Vec<Variant>,
    /// How the editor is played.
    pub how: How,
    /// Time without typing at the end.
    pub idle: Option<Duration>,
}

/// What one variant did.
#[derive(Debug)]
pub struct Run {
    /// The editor.
    pub persona: String,
    /// The variant.
    pub variant: &'static str,
    /// Its logs.
    pub played: Vec<Played>,
    /// What the class `type` cost.
    pub cost: Cost,
    /// Peak of resident memory, MB; NaN where it is not known.
    pub rss_mb: f64,
    /// Time of the processor while nobody typed, ms in all; NaN where it was not measured.
    pub idle_ms: f64,
    /// Messages.
    pub counted: Counted,
    /// Counters of the whole session.
    pub counters: Counters,
    /// The same as the server names them, with what each kind of speculation did.
    pub counts: Value,
    /// Kinds that the variant switches off and the server does not say are off.
    pub still_on: Vec<&'static str>,
    /// What the server says about its model.
    pub model: Value,
    /// It ended as it should.
    pub polite: bool,
    /// Why it was given up.
    pub failure: Option<String>,
}

/// Called now and then with a line for whoever waits.
pub type Progress<'a> = &'a mut dyn FnMut(&str);

/// Time between two lines of progress.
const EVERY: Duration = Duration::from_secs(10);

struct Stage {
    run: Run,
    player: Player,
    before: Option<f64>,
}

/// Plays the traces. What was played when `stop` is due counts.
///
/// # Errors
/// A server that cannot be started, as a sentence. One that ends later is a [`Run::failure`].
pub async fn run(
    plan: &Plan,
    traces: &[Trace],
    stop: &Stop,
    progress: Progress<'_>,
) -> Result<Vec<Run>, String> {
    let mut stages = Vec::new();
    for variant in &plan.variants {
        progress(&format!("{}: starting {}", plan.how.persona, variant.word));
        stages.push(Stage::start(plan, variant).await?);
    }
    let is_type = |trace: &Trace| trace.class == Class::Type;
    let mut clock = Clock::new(traces, plan.variants.len());
    play(&mut stages, traces, is_type, (stop, &mut clock, progress)).await;
    for stage in &mut stages {
        stage.settle().await;
    }
    // Accepts are where the kind "as if accepted" pays, so every variant plays them.
    let is_accept = |trace: &Trace| trace.class == Class::Accept;
    play(&mut stages, traces, is_accept, (stop, &mut clock, progress)).await;
    let other = |trace: &Trace| !is_type(trace) && !is_accept(trace);
    let shipped = &mut stages[..1];
    play(shipped, traces, other, (stop, &mut clock, progress)).await;

    let mut runs = Vec::new();
    for mut stage in stages {
        if stage.run.variant == SHIPPED
            && let Some(idle) = plan.idle.filter(|_| stage.run.failure.is_none())
        {
            progress(&format!("idle for {} s", idle.as_secs()));
            stage.rest(idle).await;
        }
        runs.push(stage.end().await);
    }
    Ok(runs)
}

async fn play(
    stages: &mut [Stage],
    traces: &[Trace],
    wanted: impl Fn(&Trace) -> bool,
    (stop, clock, progress): (&Stop, &mut Clock, Progress<'_>),
) {
    let count = stages.len();
    for (number, trace) in traces.iter().enumerate().filter(|(_, trace)| wanted(trace)) {
        for turn in 0..count {
            // Another one begins each time: the first one finds the caches of the machine cold.
            let stage = &mut stages[(number + turn) % count];
            if stop.is_due() || stage.run.failure.is_some() {
                continue;
            }
            match stage.player.play(trace, number, stop).await {
                Ok(played) => stage.run.played.push(played),
                Err(sentence) => {
                    progress(&format!("{}: {sentence}", stage.run.variant));
                    stage.run.failure = Some(format!("{sentence} ({})", trace.place));
                }
            }
            clock.keys += trace.keys();
        }
        if stop.is_due() {
            // A trace that only some have played would favour one of them.
            let has = |stage: &Stage| stage.run.played.iter().any(|p| p.trace == number);
            if !stages.iter().all(has) && number > 0 {
                let other = |played: &Played| played.trace != number;
                stages
                    .iter_mut()
                    .for_each(|stage| stage.run.played.retain(other));
            }
            return;
        }
        if let Some(line) = clock.line(&stages[0].run) {
            progress(&line);
        }
    }
}

impl Stage {
    async fn start(plan: &Plan, variant: &Variant) -> Result<Stage, String> {
        let start = Start {
            command: plan.command.clone(),
            environment: variant.environment.clone(),
        };
        let mut player = Player::start(&start, &plan.how).await?;
        let (mut counters, mut model) = (Counters::default(), Value::Null);
        let mut still_on = variant.off.clone();
        if player.tells() {
            let mut status = player.status(false).await?;
            counters = Counters::read(&status["counts"]);
            model = status["model"].take();
            let off = status["off"].as_array().map_or(&[][..], Vec::as_slice);
            still_on.retain(|kind| !off.iter().any(|known| known == kind));
        }
        let run = Run {
            persona: plan.how.persona.clone(),
            variant: variant.word,
            played: Vec::new(),
            cost: Cost {
                tells: player.tells(),
                ..Cost::default()
            },
            rss_mb: f64::NAN,
            idle_ms: f64::NAN,
            counted: player.client.counted(),
            counters,
            counts: Value::Null,
            still_on,
            model,
            polite: false,
            failure: None,
        };
        Ok(Stage {
            before: resources::cpu_ms(player.client.pid()),
            run,
            player,
        })
    }

    /// Reads what the class `type` has cost.
    async fn settle(&mut self) {
        if self.run.failure.is_some() {
            return;
        }
        let now = resources::cpu_ms(self.player.client.pid());
        self.run.cost.cpu_ms = now.zip(self.before).map(|(now, before)| now - before);
        self.run.cost.keys = self.run.played.iter().map(|p| p.keys.len()).sum();
        if let Some(counts) = self.counts().await {
            self.run.cost.counters = Counters::read(&counts).since(&self.run.counters);
        }
    }

    async fn counts(&mut self) -> Option<Value> {
        if !self.player.tells() {
            return None;
        }
        let mut status = self.player.status(false).await.ok()?;
        Some(status["counts"].take())
    }

    /// Nobody types. The first seconds belong to what was begun before.
    async fn rest(&mut self, time: Duration) {
        let pid = self.player.client.pid();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = resources::by_thread(pid);
        tokio::time::sleep(time).await;
        let added = resources::added(&before, &resources::by_thread(pid));
        self.run.idle_ms = added.unwrap_or(f64::NAN);
    }

    async fn end(mut self) -> Run {
        if self.run.failure.is_none() {
            self.player.client.settled(Duration::from_secs(5)).await;
            if let Some(counts) = self.counts().await {
                self.run.counters = Counters::read(&counts);
                self.run.counts = counts;
            }
        }
        let rss = resources::peak_rss_mb(self.player.client.pid());
        self.run.rss_mb = rss.unwrap_or(f64::NAN);
        self.run.counted = self.player.client.counted();
        if self.run.failure.is_none() {
            self.run.polite = self.player.client.stop().await;
        }
        self.run
    }
}

impl Run {
    /// What is wrong with the order of messages and texts; empty where all is as it must be.
    #[must_use]
    pub fn disorder(&self) -> Vec<String> {
        let mut found: Vec<String> = self.failure.iter().cloned().collect();
        let different = self.played.iter().filter(|p| p.same_text == Some(false));
        let different = different.count();
        if different > 0 {
            found.push(format!(
                "{different} traces ended with another text or version in the server"
            ));
        }
        let Counted {
            requests,
            replies,
            strays,
            ..
        } = self.counted;
        if replies != requests {
            found.push(format!("{requests} requests and {replies} replies"));
        }
        if strays > 0 {
            found.push(format!("{strays} replies to nothing that was asked"));
        }
        let (fell, step) = (self.counters.versions_fell, self.counters.out_of_step);
        if fell + step > 0.0 {
            found.push(format!(
                "{fell} versions fell, {step} documents went out of step"
            ));
        }
        if self.failure.is_none() && !self.polite {
            found.push("it did not end cleanly after shutdown and exit".to_owned());
        }
        found
    }

    /// The logs of a class.
    #[must_use]
    pub fn of(&self, class: Class) -> Vec<&Played> {
        self.played.iter().filter(|p| p.class == class).collect()
    }
}

/// How far the run is.
struct Clock {
    begun: Instant,
    said: Instant,
    keys: usize,
    all: usize,
}

impl Clock {
    fn new(traces: &[Trace], variants: usize) -> Clock {
        let keys = |trace: &Trace| {
            let by_all = matches!(trace.class, Class::Type | Class::Accept);
            trace.keys() * if by_all { variants } else { 1 }
        };
        Clock {
            begun: Instant::now(),
            said: Instant::now(),
            keys: 0,
            all: traces.iter().map(keys).sum(),
        }
    }

    fn line(&mut self, first: &Run) -> Option<String> {
        if self.said.elapsed() < EVERY {
            return None;
        }
        self.said = Instant::now();
        let p50 = get(&latencies(&first.of(Class::Type)), "l50_all_ms");
        let per_key = self.begun.elapsed().as_secs_f64() / self.keys.max(1) as f64;
        let left = per_key * self.all.saturating_sub(self.keys) as f64 / 60.0;
        Some(format!(
            "{}: {} of {} keys, {} p50 {p50:.1} ms, about {left:.0} min left",
            first.persona, self.keys, self.all, first.variant
        ))
    }
}
