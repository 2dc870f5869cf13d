//! What is given up so that the machine stays the user's. The *governor* watches what a key costs in processor time and
//! whether the machine runs on battery, and gives up work in a fixed order, the least missed first. What a person asks for
//! is never given up.
//!
//! It is a value: keys arrive with the moment and the processor time so far, both as numbers.

use std::collections::VecDeque;
use std::time::Duration;

/// What one key may cost, all threads together. The gate of the replay.
pub const CPU_PER_KEY: Duration = Duration::from_millis(50);
/// Over the gate for so long one more step is given up.
const OVER: Duration = Duration::from_secs(30);
/// Well under it for so long, one comes back. A step that had to be given up again doubles it.
const UNDER: Duration = Duration::from_secs(60);
/// The longest wait until a step comes back.
const UNDER_MOST: Duration = Duration::from_secs(1_800);
/// Well under: this share of the gate. Between the two nothing changes.
const WELL_UNDER: f64 = 0.7;
/// Typing is judged in stretches of at least so long and so many keys, so that one slow answer is no trend.
const STRETCH: (Duration, u32) = (Duration::from_secs(5), 20);
/// A gap longer than this ends a stretch unjudged: what was computed meanwhile belongs to no key.
const GAP: Duration = Duration::from_secs(5);
/// The longest draft once long ones are given up, tokens. A step costs more the more tokens it verifies.
pub const SHORT_DRAFT: usize = 3;

/// One kind of work that may be given up, in the order in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The continuation behind a suggestion that was not accepted yet.
    AsIfAccepted,
    /// The prompt of a place where the cursor rests.
    WarmUp,
    /// Drafts of more than [`SHORT_DRAFT`] tokens.
    LongDrafts,
    /// Answering each key of a burst at once (see [`crate::pace`]).
    BurstKeys,
}

impl Step {
    /// All, the least missed first.
    pub const ALL: [Step; 4] = [
        Step::AsIfAccepted,
        Step::WarmUp,
        Step::LongDrafts,
        Step::BurstKeys,
    ];

    /// The name to branch on: kebab-case, one of a closed set.
    pub fn code(self) -> &'static str {
        match self {
            Step::AsIfAccepted => "as-if-accepted",
            Step::WarmUp => "warm-up",
            Step::LongDrafts => "long-drafts",
            Step::BurstKeys => "burst-keys",
        }
    }
}

/// Why something is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A key costs more than [`CPU_PER_KEY`].
    Load,
    /// The machine runs on battery.
    Battery,
}

impl Cause {
    /// The name to branch on.
    pub fn code(self) -> &'static str {
        match self {
            Cause::Load => "cpu-per-key",
            Cause::Battery => "battery",
        }
    }

    /// The sentence for the user.
    pub fn sentence(self) -> &'static str {
        match self {
            Cause::Load => {
                "A key costs more than 50 ms of processor time, so less is computed ahead; \
                 suggestions may come a little later."
            }
            Cause::Battery => {
                "The machine runs on battery, so less is computed ahead; suggestions may come a \
                 little later."
            }
        }
    }
}

/// See the module's header.
#[derive(Clone, Debug, Default)]
pub struct Governor {
    /// Switched off: nothing is given up, though it still measures.
    off: bool,
    battery: bool,
    /// How many of [`Step::ALL`] the load has cost.
    level: usize,
    stretch: Option<Stretch>,
    /// How long it was over the gate, and well under it, without a break.
    over: Duration,
    under: Duration,
    /// Doublings of [`UNDER`], and how long ago the last step came back, if it was within that time.
    doublings: u32,
    came_back: bool,
    per_key: Option<Duration>,
}

/// Typing that is being judged.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    since: Duration,
    cpu: Duration,
    keys: u32,
    last: Duration,
}

impl Governor {
    /// Switches it on or off; off gives everything back at once.
    pub fn switch(&mut self, on: bool) {
        if self.off == on {
            *self = Governor {
                off: !on,
                battery: self.battery,
                per_key: self.per_key,
                ..Governor::default()
            };
        }
    }

    /// Whether it may give anything up.
    pub fn is_on(&self) -> bool {
        !self.off
    }

    /// The machine changed between mains and battery.
    pub fn power(&mut self, battery: bool) {
        self.battery = battery;
    }

    /// Whether the machine runs on battery, as far as was told.
    pub fn on_battery(&self) -> bool {
        self.battery
    }

    /// Notes a key at this moment, with the processor time of the whole process so far; both count from any fixed moment.
    pub fn key(&mut self, at: Duration, cpu: Duration) {
        let begun = Stretch {
            since: at,
            cpu,
            keys: 0,
            last: at,
        };
        let Some(stretch) = &mut self.stretch else {
            self.stretch = Some(begun);
            return;
        };
        if at.saturating_sub(stretch.last) > GAP {
            *stretch = begun;
            return;
        }
        stretch.keys += 1;
        stretch.last = at;
        let took = at.saturating_sub(stretch.since);
        let (long, many) = STRETCH;
        if took < long || stretch.keys < many {
            return;
        }
        let per_key = cpu.saturating_sub(stretch.cpu) / stretch.keys;
        *stretch = begun;
        self.judge(per_key, took);
    }

    /// The process computes something that is no key's: the stretch ends unjudged, and the next key begins another.
    pub fn break_off(&mut self) {
        self.stretch = None;
    }

    /// What a key cost in the last whole stretch of typing.
    pub fn per_key(&self) -> Option<Duration> {
        self.per_key
    }

    /// Whether this work is given up now, and why; the load's word counts before the battery's.
    pub fn given_up(&self, step: Step) -> Option<Cause> {
        if self.off {
            return None;
        }
        let place = Step::ALL.iter().position(|other| *other == step);
        if place.is_some_and(|place| place < self.level) {
            return Some(Cause::Load);
        }
        // Drafts save steps of the model, and so energy.
        (self.battery && step != Step::LongDrafts).then_some(Cause::Battery)
    }

    /// The longest draft, if there is a limit now, tokens.
    pub fn draft_limit(&self) -> Option<usize> {
        self.given_up(Step::LongDrafts).map(|_| SHORT_DRAFT)
    }

    fn judge(&mut self, per_key: Duration, took: Duration) {
        self.per_key = Some(per_key);
        if self.off {
            return;
        }
        if per_key > CPU_PER_KEY {
            self.under = Duration::ZERO;
            self.over += took;
            if self.over >= OVER && self.level < Step::ALL.len() {
                self.over = Duration::ZERO;
                self.level += 1;
                // What came back and had to go again stays away longer, so that it does not come and go.
                self.doublings += u32::from(std::mem::take(&mut self.came_back));
            }
        } else {
            self.over = Duration::ZERO;
            let well_under = per_key.as_secs_f64() < WELL_UNDER * CPU_PER_KEY.as_secs_f64();
            self.under = if well_under && self.level > 0 {
                self.under + took
            } else {
                Duration::ZERO
            };
            let needed = UNDER
                .saturating_mul(1 << self.doublings.min(8))
                .min(UNDER_MOST);
            if self.under >= needed {
                self.under = Duration::ZERO;
                self.level -= 1;
                self.came_back = true;
            }
        }
    }
}

/// An answer that takes longer than this comes too late for the next key, for most typists.
pub const SLOW: Duration = Duration::from_millis(300);
/// Answers that are judged together.
const ANSWERS: usize = 64;

/// Watches how long the model's answers take, and says once that they are slow.
#[derive(Clone, Debug, Default)]
pub struct Slowness {
    newest: VecDeque<Duration>,
    told: bool,
}

impl Slowness {
    /// Notes how long one answer of the model took, or how long one was waited for in vain. The 95th percentile of the
    /// newest answers, once, when it is over [`SLOW`]. Hits of the cache do not belong here.
    pub fn answered(&mut self, took: Duration) -> Option<Duration> {
        if self.newest.len() == ANSWERS {
            self.newest.pop_front();
        }
        self.newest.push_back(took);
        let slow = self.p95().filter(|p95| *p95 > SLOW && !self.told)?;
        self.told = true;
        Some(slow)
    }

    /// The 95th percentile; `None` before there are enough answers.
    pub fn p95(&self) -> Option<Duration> {
        if self.newest.len() < ANSWERS {
            return None;
        }
        let mut sorted: Vec<Duration> = self.newest.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get((ANSWERS * 95).div_ceil(100) - 1).copied()
    }

    /// Another model answers now; it is judged, and may be told of, by itself.
    pub fn begin_anew(&mut self) {
        *self = Slowness::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A user at 130 ms a key.
    struct Typist {
        governor: Governor,
        at: Duration,
        cpu: Duration,
    }

    impl Typist {
        fn new() -> Typist {
            Typist {
                governor: Governor::default(),
                at: Duration::from_secs(100),
                cpu: Duration::from_secs(2),
            }
        }

        /// Types for so many seconds at this many ms of processor time a key, and says what is given up then.
        fn types(&mut self, seconds: u64, cost: u32) -> Vec<&'static str> {
            for _ in 0..seconds * 1000 / 130 {
                self.at += 130 * MS;
                self.cpu += cost * MS;
                self.governor.key(self.at, self.cpu);
            }
            self.given_up()
        }

        fn given_up(&self) -> Vec<&'static str> {
            Step::ALL
                .into_iter()
                .filter(|step| self.governor.given_up(*step).is_some())
                .map(Step::code)
                .collect()
        }
    }

    #[test]
    fn the_load_gives_up_one_step_after_the_other() {
        let mut typist = Typist::new();
        assert!(typist.types(25, 80).is_empty(), "not for a moment's load");
        assert_eq!(typist.types(12, 80), ["as-if-accepted"]);
        assert_eq!(typist.types(31, 80), ["as-if-accepted", "warm-up"]);
        assert_eq!(typist.governor.draft_limit(), None);
        typist.types(31, 80);
        assert_eq!(typist.governor.draft_limit(), Some(SHORT_DRAFT));
        assert_eq!(typist.types(31, 80).last(), Some(&"burst-keys"));
        assert_eq!(typist.types(300, 80).len(), Step::ALL.len());
        let cause = typist.governor.given_up(Step::AsIfAccepted);
        assert_eq!(cause, Some(Cause::Load));
        assert!(typist.governor.per_key().unwrap().abs_diff(80 * MS) < 5 * MS);
    }

    #[test]
    fn what_belongs_to_no_key_is_not_judged() {
        let mut typist = Typist::new();
        for _ in 0..60 {
            typist.types(2, 0);
            // Half a second of a whole processor.
            typist.cpu += 500 * MS;
            typist.governor.break_off();
        }
        assert!(typist.given_up().is_empty());
        assert_eq!(typist.governor.per_key(), None);
        assert_eq!(typist.types(37, 80), ["as-if-accepted"]);
    }

    #[test]
    fn under_the_gate_nothing_happens() {
        let mut typist = Typist::new();
        assert!(typist.types(600, 45).is_empty());
        // Peaks between ordinary typing are no trend.
        for _ in 0..20 {
            typist.types(15, 80);
            assert!(typist.types(15, 40).is_empty());
        }
    }

    #[test]
    fn steps_come_back_and_stay_away_longer_each_time() {
        let mut typist = Typist::new();
        typist.types(40, 80);
        assert_eq!(typist.types(50, 20), ["as-if-accepted"]);
        assert!(typist.types(20, 20).is_empty(), "it comes back");
        assert_eq!(typist.types(300, 45), Vec::<&str>::new());
        typist.types(40, 80);
        assert_eq!(typist.types(90, 20), ["as-if-accepted"], "twice as long");
        assert!(typist.types(40, 20).is_empty());
        typist.types(40, 80);
        assert_eq!(typist.types(2_000, 45), ["as-if-accepted"], "between both");
    }

    #[test]
    fn pauses_belong_to_no_key() {
        let mut typist = Typist::new();
        for _ in 0..200 {
            // Half a second of work in each pause, and too few keys between them to judge.
            typist.types(2, 10);
            typist.at += Duration::from_secs(20);
            typist.cpu += 500 * MS;
        }
        assert!(typist.given_up().is_empty());
        assert_eq!(typist.governor.per_key(), None);
    }

    #[test]
    fn on_battery_at_once_and_only_while_it_lasts() {
        let mut typist = Typist::new();
        typist.governor.power(true);
        assert_eq!(
            typist.given_up(),
            ["as-if-accepted", "warm-up", "burst-keys"]
        );
        assert_eq!(typist.governor.given_up(Step::WarmUp), Some(Cause::Battery));
        typist.governor.power(false);
        assert!(typist.given_up().is_empty());
    }

    #[test]
    fn switched_off_it_gives_nothing_up_and_still_measures() {
        let mut typist = Typist::new();
        typist.types(60, 80);
        typist.governor.power(true);
        typist.governor.switch(false);
        assert!(typist.given_up().is_empty());
        assert!(typist.types(300, 90).is_empty());
        assert!(typist.governor.per_key().is_some());
        typist.governor.switch(true);
        assert_eq!(typist.given_up().len(), 3, "the battery is known still");
        typist.governor.switch(true);
        assert!(typist.governor.is_on());
    }

    #[test]
    fn a_clock_that_stands_still_gives_nothing_up() {
        let mut governor = Governor::default();
        for _ in 0..10_000 {
            governor.key(Duration::ZERO, Duration::from_secs(9));
        }
        assert_eq!(governor.per_key(), None);
    }

    #[test]
    fn a_slow_model_is_told_once() {
        let mut slowness = Slowness::default();
        let told = |slowness: &mut Slowness, ms: u32, times: usize| {
            let told = (0..times).filter_map(|_| slowness.answered(ms * MS));
            told.collect::<Vec<Duration>>()
        };
        assert!(told(&mut slowness, 40, 100).is_empty());
        assert!(
            told(&mut slowness, 900, 3).is_empty(),
            "three of 64 are chance"
        );
        assert_eq!(told(&mut slowness, 900, 1).len(), 1);
        assert!(told(&mut slowness, 900, 500).is_empty());
        slowness.begin_anew();
        assert_eq!(slowness.p95(), None);
        assert!(told(&mut slowness, 400, 63).is_empty(), "too few to judge");
        assert_eq!(told(&mut slowness, 400, 1), [400 * MS]);
    }
}
