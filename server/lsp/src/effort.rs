//! What the session costs, and what it may cost: gives the engine's governor, pace and caution the clock, the processor
//! time and the power supply that they do not have, and says what of the work ahead is given up.
//! All of it happens at keys; a session in which nobody types is never woken from here.

use std::time::Duration;

use foretoken_engine::caution::{Caution, raised};
use foretoken_engine::governor::{Cause, Governor, SLOW, Slowness, Step};
use foretoken_engine::lookup::LOOKUP_GATE;
use foretoken_engine::pace::Pace;
use foretoken_grammars::Language;
use foretoken_infer as infer;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::main_loop::Event;
use crate::pipeline::report::milliseconds;
use crate::power::Supply;
use crate::state::State;

/// How often the power supply is looked at, at most.
const POWER_AGE: Duration = Duration::from_secs(60);

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Effort {
    /// What the engine's times count from.
    began: Instant,
    pace: Pace,
    caution: Caution,
    governor: Governor,
    slowness: Slowness,
    supply: Supply,
    /// When the supply was asked for last.
    asked: Option<Instant>,
    /// Accepts that `caution` knows of.
    accepted: u64,
}

impl Default for Effort {
    fn default() -> Effort {
        Effort {
            began: Instant::now(),
            pace: Pace::default(),
            caution: Caution::default(),
            governor: Governor::default(),
            slowness: Slowness::default(),
            supply: Supply::default(),
            asked: None,
            accepted: 0,
        }
    }
}

impl Effort {
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Why each of `Step::ALL` is given up, if it is.
    fn given_up(&self) -> [Option<Cause>; Step::ALL.len()] {
        Step::ALL.map(|step| self.governor.given_up(step))
    }

    /// Whether this work is done ahead, or given up for the machine's sake.
    pub(crate) fn does(&self, step: Step) -> bool {
        self.governor.given_up(step).is_none()
    }

    /// The longest draft, where there is a limit now, tokens.
    pub(crate) fn draft_limit(&self) -> Option<usize> {
        self.governor.draft_limit()
    }

    /// The wait after a key where no setting says one: none, but in a burst that the machine cannot afford to answer key
    /// by key.
    pub(crate) fn burst_wait(&self) -> Duration {
        if self.does(Step::BurstKeys) {
            Duration::ZERO
        } else {
            self.pace.wait()
        }
    }

    /// What dismissals add to the least probability that is shown, given the accepts so far.
    pub(crate) fn caution(&mut self, accepted: u64) -> f32 {
        let now = self.now();
        for _ in self.accepted..accepted {
            self.caution.accepted(now);
        }
        self.accepted = accepted;
        self.caution.raise(now)
    }

    /// The user put a suggestion away.
    pub(crate) fn dismissed(&mut self, accepted: u64) {
        self.caution(accepted);
        self.caution.dismissed(self.now());
    }

    /// Switches the governor on or off by the setting.
    pub(crate) fn switch(&mut self, on: bool) {
        self.governor.switch(on);
    }

    /// Another model answers from now on.
    pub(crate) fn another_model(&mut self) {
        self.slowness.begin_anew();
    }

    /// For the status: what is given up and why, and what the decision rests on.
    pub(crate) fn to_json(&self) -> Value {
        let causes = Step::ALL.iter().zip(self.given_up());
        let causes =
            causes.filter_map(|(step, cause)| Some((step.code().to_owned(), cause?.code().into())));
        let sentence = self.given_up().into_iter().flatten().next();
        json!({
            "on": self.governor.is_on(),
            "power": self.supply.code(),
            "cpuPerKeyMs": self.governor.per_key().map(milliseconds),
            "givenUp": causes.collect::<serde_json::Map<String, Value>>(),
            "sentence": sentence.map(Cause::sentence),
            "modelP95Ms": self.slowness.p95().map(milliseconds),
            "keyGapMs": self.pace.gap().map(milliseconds),
            "burstWaitMs": milliseconds(self.burst_wait()),
            "caution": self.caution.raise(self.now()),
        })
    }
}

impl State {
    /// A key was typed.
    pub(crate) fn key_typed(&mut self) {
        let now = self.effort.now();
        self.effort.pace.key(now);
        // What the index reads belongs to no key, and no work ahead would be saved by giving it up.
        if self.index.is_reading() {
            self.effort.governor.break_off();
        } else if let Some(cpu) = processor_time() {
            let before = self.effort.given_up();
            self.effort.governor.key(now, cpu);
            if self.effort.given_up() != before {
                self.governed();
            }
        }
        let asked = self.effort.asked;
        if asked.is_none_or(|asked| asked.elapsed() >= POWER_AGE) {
            self.effort.asked = Some(Instant::now());
            let events = self.seams.events.clone();
            self.seams
                .runtime
                .spawn_blocking(move || events.send(Event::Power(Supply::now())));
        }
    }

    /// The least probability to show: the user's own; else, while dismissals make careful, the fitted one
    /// with what they add. `None` leaves it to what was fitted for each model.
    pub(crate) fn least_probability(&mut self, language: Language) -> Option<f32> {
        let set = self.settings.completion.minimum_probability;
        let raise = self.effort.caution(self.offers.totals.accepted);
        if set.is_some() || raise == 0.0 {
            return set;
        }
        let fitted = match self.session.seats.state(Some(language)) {
            infer::State::Ready(info) => info.gate.show.max(LOOKUP_GATE.show),
            _ => LOOKUP_GATE.show,
        };
        Some(raised(fitted, raise))
    }

    /// What the power supply is now.
    pub(crate) fn power(&mut self, supply: Supply) {
        if std::mem::replace(&mut self.effort.supply, supply) != supply {
            self.effort.governor.power(supply == Supply::Battery);
            self.governed();
        }
    }

    /// The governor gives something else up than before.
    fn governed(&self) {
        let given_up = self.effort.given_up();
        let count = given_up.iter().flatten().count();
        let cause = given_up.into_iter().flatten().next();
        let cause = cause.map_or("none", Cause::code);
        tracing::info!(count, cause, "work ahead is given up, or taken up again");
    }

    /// The model took so long for an answer. A slow one is told of once, with what to do.
    pub(crate) fn model_took(&mut self, time: Duration) {
        if let Some(p95) = self.effort.slowness.answered(time) {
            self.tell(&slow(p95));
        }
    }

    /// Nobody waits any more for what was asked so long ago: too slow an answer is one too.
    pub(crate) fn waited_in_vain(&mut self, time: Duration) {
        if time > SLOW {
            self.model_took(time);
        }
    }
}

/// What the user of a slow model is told.
fn slow(p95: Duration) -> String {
    format!(
        "Suggestions are slow on this machine: one in twenty takes {} ms or more, and after 300 ms \
         most come too late. Close what keeps the processor busy, plug the machine in, or set \
         `runtime.threads` to 2; `foretoken doctor` measures the speed.",
        p95.as_millis()
    )
}

/// Processor time of all our threads so far, where the system tells.
fn processor_time() -> Option<Duration> {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).ok()
    }
    #[cfg(not(unix))]
    {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::tests::{URI, session};

    /// As if so many ms had passed.
    fn pass(state: &mut State, ms: u64) {
        state.effort.began -= Duration::from_millis(ms);
    }

    #[tokio::test]
    async fn on_battery_the_status_says_what_is_given_up_and_why() {
        let (mut state, _received) = session("let a = 1;");
        assert_eq!(state.effort.to_json()["givenUp"], json!({}));
        state.power(Supply::Battery);
        let status = state.effort.to_json();
        assert_eq!(status["power"], "battery");
        assert_eq!(status["givenUp"]["as-if-accepted"], "battery");
        assert!(status["sentence"].as_str().unwrap().contains("battery"));
        assert!(!state.effort.does(Step::WarmUp));
        state.effort.switch(false);
        assert!(state.effort.does(Step::WarmUp));
        assert_eq!(state.effort.to_json()["on"], false);
    }

    #[tokio::test]
    async fn only_a_burst_that_cannot_be_afforded_waits() {
        let (mut state, _received) = session("let a = 1;");
        for _ in 0..20 {
            state.key_typed();
            pass(&mut state, 40);
        }
        assert!(state.effort.burst_wait().is_zero());
        state.power(Supply::Battery);
        assert!(state.effort.burst_wait() >= Duration::from_millis(15));
        pass(&mut state, 2_000);
        state.key_typed();
        assert!(state.effort.burst_wait().is_zero(), "after a pause");
    }

    #[tokio::test]
    async fn the_power_supply_is_asked_for_once_a_minute_and_only_at_keys() {
        let (mut state, mut received) = session("let a = 1;");
        state.key_typed();
        let asked = state.effort.asked;
        state.key_typed();
        assert_eq!(state.effort.asked, asked);
        while !matches!(received.recv().await, Some(Event::Power(_))) {}
    }

    #[tokio::test]
    async fn dismissals_make_careful_and_accepts_less_so() {
        let (mut state, _received) = session("let a = 1;");
        state.effort.dismissed(0);
        state.effort.dismissed(0);
        assert!((state.effort.caution(0) - 0.1).abs() < 1e-2);
        assert!((state.effort.caution(1) - 0.08).abs() < 1e-2);
        assert!(
            (state.effort.caution(1) - 0.08).abs() < 1e-2,
            "counted once"
        );
    }

    #[tokio::test]
    async fn a_dismissal_raises_what_must_be_reached_unless_the_user_set_it() {
        let (mut state, _received) = session("let a = 1;");
        assert_eq!(state.least_probability(Language::Rust), None);
        state.effort.dismissed(0);
        let least = state.least_probability(Language::Rust).unwrap();
        assert!((least - LOOKUP_GATE.show - 0.05).abs() < 1e-2, "{least}");
        let mut settings = (*state.settings).clone();
        settings.completion.minimum_probability = Some(0.0);
        state.settings = settings.into();
        assert_eq!(state.least_probability(Language::Rust), Some(0.0));
    }

    /// A change with several cursors is known for what it is at each of them, and nowhere else.
    #[tokio::test]
    async fn several_cursors_are_several_places_at_each_of_them() {
        use foretoken_engine::document::Change;
        use foretoken_engine::place::Place;
        use foretoken_engine::position::{Position, Range};

        let (mut state, _received) = session("aa\nbb\ncc\n");
        // As editors send them: the last place first.
        let at = |line| Position { line, character: 2 };
        let typed = |line| Change {
            range: Some(Range {
                start: at(line),
                end: at(line),
            }),
            text: "xy".to_owned(),
        };
        state.change(URI, 2, Some(2), &[typed(2), typed(1), typed(0)]);
        let places = |state: &State, byte| {
            let place = Place::at(&state.documents[URI].document, byte);
            state.history(URI, &place, None).places_changed
        };
        assert_eq!([4, 9, 14].map(|byte| places(&state, byte)), [3, 3, 3]);
        assert_eq!(places(&state, 7), 0);
        state.change(URI, 3, Some(3), &[typed(0)]);
        assert_eq!(places(&state, 4), 1);
    }

    #[tokio::test]
    async fn a_slow_model_is_told_once_with_what_to_do() {
        let (mut state, _received) = session("let a = 1;");
        for _ in 0..200 {
            state.model_took(Duration::from_millis(450));
        }
        let told: Vec<&String> = state.session.told.iter().collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("450 ms") && told[0].contains("runtime.threads"));
    }
}
