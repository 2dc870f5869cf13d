//! Numbers that add up: what a session counted, a day's share of it, and the sum over many of both. No field holds a text, a path
//! or a name that is not from a closed list or a model's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::pipeline::assist::Measured;

/// A name that the program knows, or one read from a file.
pub type Name = Cow<'static, str>;

/// Counts by name.
pub type Counted = BTreeMap<Name, u64>;

/// Upper bounds of a histogram's buckets, seconds: 0.5 ms and its doubles to 8.192 s; one more bucket holds the rest.
pub const BOUNDS: [f64; 15] = [
    0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048,
    4.096, 8.192,
];

/// How often something took how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// By bucket, not cumulative: the bounds of `BOUNDS`, then what is longer.
    buckets: [u64; BOUNDS.len() + 1],
    /// Microseconds in all: whole, so that a sum is the same in any order.
    sum_us: u64,
}

impl Histogram {
    /// Notes one.
    pub fn add(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        let at = BOUNDS.iter().position(|bound| seconds <= *bound);
        self.buckets[at.unwrap_or(BOUNDS.len())] += 1;
        self.sum_us += u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    }

    /// The same for a time in ms, as reports hold them.
    pub fn add_ms(&mut self, ms: f64) {
        self.add(Duration::from_secs_f64(ms.max(0.0) / 1000.0));
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Seconds in all.
    pub fn sum(&self) -> f64 {
        self.sum_us as f64 / 1e6
    }

    /// Buckets as they were counted; the last is what is above all bounds.
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// An estimate of a quantile, `share` from 0 to 1, in seconds: linear within its bucket, as Prometheus' `histogram_quantile`
    /// does it. `None` without any value; the last bound for what lies above all.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = share * count as f64;
        let mut below = 0;
        for (at, &held) in self.buckets.iter().enumerate() {
            if held > 0 && (below + held) as f64 >= rank {
                let low = if at == 0 { 0.0 } else { BOUNDS[at - 1] };
                let Some(high) = BOUNDS.get(at) else {
                    return Some(low);
                };
                return Some(low + (high - low) * (rank - below as f64) / held as f64);
            }
            below += held;
        }
        BOUNDS.last().copied()
    }
}

/// What became of suggestions of one language by one writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Suggested {
    /// Sent to the editor, each once.
    pub offered: u64,
    /// Of which something was accepted.
    pub accepted: u64,
    /// Of these, to the last character.
    pub whole: u64,
    /// Turned down.
    pub dismissed: u64,
    /// Characters accepted.
    pub characters: u64,
    /// Accepted texts that were looked at after half a minute, and those that were still there, as good as unchanged.
    pub judged_30s: u64,
    pub survived_30s: u64,
    /// The same after five minutes.
    pub judged_5m: u64,
    pub survived_5m: u64,
    /// Characters of the latter that were not edited away.
    pub retained: u64,
}

/// What questions to remote models came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answers {
    pub asked: u64,
    pub answered: u64,
    pub cut: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub edits_applied: u64,
    pub edits_discarded: u64,
    /// Rated by the user.
    pub useful: u64,
    pub not_useful: u64,
}

/// Upper bounds of a histogram of sizes, tokens: 16 and its fourfolds to 65,536; one more bucket holds the rest.
pub const SIZES: [u64; 7] = [16, 64, 256, 1_024, 4_096, 16_384, 65_536];

/// How often something had how many tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// By bucket, not cumulative.
    buckets: [u64; SIZES.len() + 1],
    sum: u64,
}

impl Sizes {
    /// Notes one.
    pub fn add(&mut self, size: u64) {
        let at = SIZES.iter().position(|bound| size <= *bound);
        self.buckets[at.unwrap_or(SIZES.len())] += 1;
        self.sum = self.sum.saturating_add(size);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Tokens in all.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Buckets as they were counted; the last is what is above all bounds.
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// Tokens of one in the mean; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum as f64 / self.count() as f64)
    }
}

/// What answers of remote models were made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    /// Seconds by stage.
    pub stage_seconds: BTreeMap<Name, Histogram>,
    /// Tokens by group of sections.
    pub section_tokens: BTreeMap<Name, Sizes>,
    /// By task, tier, level and place in the plan, with blanks between.
    pub routes: Counted,
    /// Models that failed before another one was asked.
    pub fallbacks: u64,
}

impl Made {
    /// Notes one answer.
    pub(crate) fn add(&mut self, measured: &Measured) {
        for (stage, time) in &measured.stages {
            let times = self.stage_seconds.entry((*stage).into()).or_default();
            times.add(*time);
        }
        for (section, tokens) in &measured.sections {
            let sizes = self.section_tokens.entry((*section).into()).or_default();
            sizes.add(*tokens);
        }
        if let Some(route) = &measured.route {
            *self.routes.entry(route.clone().into()).or_default() += 1;
        }
        self.fallbacks += measured.fallbacks;
    }
}

/// What one arm of an experiment came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Arm {
    pub trials: u64,
    pub successes: u64,
}

/// Tokens of the local model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// Run, of prompts and answers.
    pub run: u64,
    /// Of prompts, found in the model's cache.
    pub reused: u64,
    pub generated: u64,
    pub drafted: u64,
    /// Of drafts, kept.
    pub accepted: u64,
    /// Run for what was never shown.
    pub wasted: u64,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// Requests for a suggestion by outcome.
    pub requests: Counted,
    /// Empty answers by reason.
    pub nothing: Counted,
    /// By language, then by who wrote them: the model's name or `lookup`.
    pub suggestions: BTreeMap<Name, BTreeMap<Name, Suggested>>,
    /// Seconds from a request to its answer: `hit` from what was at hand, `model` computed for it.
    pub answer_seconds: BTreeMap<Name, Histogram>,
    /// Seconds by stage of a run of the model.
    pub stage_seconds: BTreeMap<Name, Histogram>,
    pub tokens: Tokens,
    /// What the caches of suggestions came to: `hit`, `joined`, `miss`.
    pub cache: Counted,
    pub answers: Answers,
    pub made: Made,
    /// By experiment, then by arm.
    pub experiments: BTreeMap<Name, BTreeMap<Name, Arm>>,
    /// Changes of documents.
    pub changes: u64,
    /// Seconds in which somebody typed: gaps between changes, those over half a minute left out.
    pub typing_seconds: u64,
    /// Panics that were caught, and ticks of the loop that took over 20 ms.
    pub panics: u64,
    pub slow_ticks: u64,
}

/// Combines two values number by number. A sum forgets nothing: the destructuring below stops compiling when a field is added.
trait Combine {
    fn combine(&mut self, other: &Self, with: fn(u64, u64) -> u64);
}

impl Combine for u64 {
    fn combine(&mut self, other: &u64, with: fn(u64, u64) -> u64) {
        *self = with(*self, *other);
    }
}

impl Combine for Histogram {
    fn combine(&mut self, other: &Histogram, with: fn(u64, u64) -> u64) {
        for (held, more) in self.buckets.iter_mut().zip(&other.buckets) {
            held.combine(more, with);
        }
        self.sum_us.combine(&other.sum_us, with);
    }
}

impl Combine for Sizes {
    fn combine(&mut self, other: &Sizes, with: fn(u64, u64) -> u64) {
        for (held, more) in self.buckets.iter_mut().zip(&other.buckets) {
            held.combine(more, with);
        }
        self.sum.combine(&other.sum, with);
    }
}

impl<V: Combine + Default> Combine for BTreeMap<Name, V> {
    fn combine(&mut self, other: &BTreeMap<Name, V>, with: fn(u64, u64) -> u64) {
        for (name, value) in other {
            match self.get_mut(name) {
                Some(held) => held.combine(value, with),
                None => self.entry(name.clone()).or_default().combine(value, with),
            }
        }
    }
}

macro_rules! combine_by_field {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl Combine for $type {
            fn combine(&mut self, other: &$type, with: fn(u64, u64) -> u64) {
                let $type { $($field),* } = other;
                $(self.$field.combine($field, with);)*
            }
        }
    };
}

combine_by_field!(Suggested {
    offered,
    accepted,
    whole,
    dismissed,
    characters,
    judged_30s,
    survived_30s,
    judged_5m,
    survived_5m,
    retained,
});
combine_by_field!(Answers {
    asked,
    answered,
    cut,
    failed,
    cancelled,
    edits_applied,
    edits_discarded,
    useful,
    not_useful,
});
combine_by_field!(Made {
    stage_seconds,
    section_tokens,
    routes,
    fallbacks,
});
combine_by_field!(Arm { trials, successes });
combine_by_field!(Tokens {
    run,
    reused,
    generated,
    drafted,
    accepted,
    wasted,
});
combine_by_field!(Figures {
    requests,
    nothing,
    suggestions,
    answer_seconds,
    stage_seconds,
    tokens,
    cache,
    answers,
    made,
    experiments,
    changes,
    typing_seconds,
    panics,
    slow_ticks,
});

impl Figures {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Figures) {
        self.combine(other, u64::saturating_add);
    }

    /// What was counted since `earlier`, an older state of the same counters.
    pub fn since(&self, earlier: &Figures) -> Figures {
        let mut rest = self.clone();
        rest.combine(earlier, u64::saturating_sub);
        rest
    }

    /// All suggestions of one sum.
    pub fn suggested(&self) -> Suggested {
        let mut sum = Suggested::default();
        for row in self.suggestions.values().flat_map(BTreeMap::values) {
            sum.combine(row, u64::saturating_add);
        }
        sum
    }
}

impl Suggested {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Suggested) {
        self.combine(other, u64::saturating_add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(times: u64) -> Figures {
        let mut figures = Figures::default();
        *figures.nothing.entry("inside-word".into()).or_default() = times;
        let by = figures.suggestions.entry("rust".into()).or_default();
        by.entry("lookup".into()).or_default().offered = times;
        let stage = figures.stage_seconds.entry("prefill".into()).or_default();
        for _ in 0..times {
            stage.add(Duration::from_millis(3));
        }
        figures.tokens.run = 7 * times;
        figures.changes = times;
        figures
    }

    #[test]
    fn a_later_state_is_the_earlier_one_and_what_came_since() {
        let (earlier, later) = (some(2), some(5));
        let mut sum = earlier.clone();
        sum.add(&later.since(&earlier));
        assert_eq!(sum, later);
        assert_eq!(later.since(&earlier), some(3));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = serde_json::to_string(&some(4)).unwrap();
        assert_eq!(serde_json::from_str::<Figures>(&text).unwrap(), some(4));
        // A file of another version may lack fields, or have more.
        let other: Figures = serde_json::from_str(r#"{"changes": 3, "unheard_of": 1}"#).unwrap();
        assert_eq!(other.changes, 3);
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let mut times = Histogram::default();
        assert_eq!(times.quantile(0.5), None);
        for ms in [1, 3, 3, 3] {
            times.add(Duration::from_millis(ms));
        }
        let median = times.quantile(0.5).unwrap();
        assert!((0.002..=0.004).contains(&median), "{median}");
        assert_eq!(times.count(), 4);
        assert!((times.sum() - 0.010).abs() < 1e-9);
        times.add(Duration::from_secs(60));
        assert_eq!(times.quantile(1.0), Some(8.192));
    }

    #[test]
    fn what_an_answer_was_made_of_adds_up() {
        let measured = Measured {
            stages: vec![("context", Duration::from_millis(3))],
            sections: vec![("system", 200), ("hits", 5_000), ("hits", 70_000)],
            route: Some("explain small public 1".to_owned()),
            fallbacks: 1,
        };
        let mut made = Made::default();
        made.add(&measured);
        made.add(&Measured::default());
        let hits = made.section_tokens["hits"];
        assert_eq!(
            (hits.count(), hits.sum(), hits.mean()),
            (2, 75_000, Some(37_500.0))
        );
        assert_eq!(hits.buckets(), [0, 0, 0, 0, 0, 1, 0, 1]);
        let mut figures = Figures {
            made,
            ..Figures::default()
        };
        let one = figures.clone();
        figures.add(&one);
        assert_eq!(figures.since(&one), one);
        assert_eq!(figures.made.routes["explain small public 1"], 2);
        assert_eq!(figures.made.fallbacks, 2);
    }

    #[test]
    fn bounds_are_doubles_of_half_a_millisecond() {
        for (at, bound) in BOUNDS.iter().enumerate() {
            assert!((bound - 0.0005 * f64::from(1 << at)).abs() < 1e-12);
        }
    }
}
