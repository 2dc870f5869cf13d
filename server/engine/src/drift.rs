//! Whether what used to be so still is: what people ask about, what the texts are like, how a model behaves that somebody else serves.
//!
//! Each question has a bound that chance alone does not pass, so that an alarm means something: quiet on no change comes first.

use std::collections::BTreeMap;

/// From here on two mixes are different. Convention of the population stability index (Siddiqi 2006, chapter 6).
pub const MIX: f64 = 0.2;

/// How many times the index that chance alone gives is taken off before [`MIX`] is asked.
const CHANCE: f64 = 3.0;

/// Resamples whose farthest centroid is what chance may do.
const RESAMPLES: usize = 200;

/// Standard deviations of a share from which on its change is no chance, and the change that matters at all.
const SIGMA: f64 = 3.5;
const SHARE: f64 = 0.1;

/// Times an answer's length may change.
const LENGTH: f64 = 1.5;

/// Runs of the past that a comparison needs, and the runs of today that it joins.
const PAST: usize = 5;
const RECENT: usize = 3;
/// Two weeks, in seconds: what counts as today.
const TODAY: u64 = 14 * 86_400;

/// How far the mix of `now` is from the mix of `before`: the population stability index over all names of both, less what samples of
/// these sizes differ by chance. 0 and below is no difference; `None` where one of them is empty.
pub fn mix(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Option<f64> {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let count = |mix: &BTreeMap<String, u64>| mix.values().sum::<u64>() as f64;
    let (all_before, all_now) = (count(before), count(now));
    if all_before == 0.0 || all_now == 0.0 {
        return None;
    }
    let kinds = names.len() as f64;
    // Half a count more for each name: one that is new is no infinity.
    let share = |mix: &BTreeMap<String, u64>, name: &str, all: f64| {
        let count = mix.get(name).copied().unwrap_or_default() as f64;
        (count + 0.5) / (all + 0.5 * kinds)
    };
    let index: f64 = names
        .into_iter()
        .map(|name| {
            let (a, b) = (share(before, name, all_before), share(now, name, all_now));
            (b - a) * (b / a).ln()
        })
        .sum();
    // Under no change the index has this mean (Yurdakul 2018, section 3.1).
    let chance = (kinds - 1.0) * (1.0 / all_before + 1.0 / all_now);
    Some(index - CHANCE * chance)
}

/// What the vectors of one build are like.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Of what made them; vectors of two embedders are never compared.
    pub embedder: String,
    /// Vectors that it was taken from.
    pub count: usize,
    /// Mean of the vectors, each of length one. [dimension]
    pub centroid: Vec<f64>,
    /// Mean and standard deviation of their lengths before.
    pub norm: (f64, f64),
    /// The farthest that the centroid of a resample of the same vectors lies from theirs, of 200.
    pub bound: f64,
}

/// What two profiles say together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shift {
    /// Another embedder made them: they say nothing about each other.
    Incomparable,
    /// As chance allows.
    None,
    /// So many times farther than chance allows, above 1.
    Shifted(f64),
}

impl Profile {
    /// Of vectors with `dimension` numbers each; others are passed over. `seed` draws the resamples.
    pub fn of(embedder: &str, dimension: usize, vectors: &[Vec<f32>], seed: u64) -> Profile {
        let fits = vectors.iter().filter(|vector| vector.len() == dimension);
        let lengths: Vec<(f64, &Vec<f32>)> = fits
            .map(|vector| {
                let squares = vector.iter().map(|x| f64::from(*x) * f64::from(*x));
                (squares.sum::<f64>().sqrt(), vector)
            })
            .filter(|(length, _)| length.is_finite() && *length > 0.0)
            .collect();
        let count = lengths.len();
        let centroid_of = |draw: &mut dyn FnMut(usize) -> usize| {
            let mut centroid = vec![0.0; dimension];
            for at in 0..count {
                let (length, vector) = lengths[draw(at)];
                for (sum, x) in centroid.iter_mut().zip(vector) {
                    *sum += f64::from(*x) / (length * count as f64);
                }
            }
            centroid
        };
        let centroid = centroid_of(&mut |at| at);
        let mut random = Random(seed);
        let bound = (0..RESAMPLES)
            .map(|_| distance(&centroid, &centroid_of(&mut |_| random.below(count))))
            .fold(0.0, f64::max);
        let mean = lengths.iter().map(|(length, _)| length).sum::<f64>() / count.max(1) as f64;
        let variance = lengths.iter().map(|(length, _)| (length - mean).powi(2));
        let deviation = (variance.sum::<f64>() / count.max(1) as f64).sqrt();
        Profile {
            embedder: embedder.to_owned(),
            count,
            centroid,
            norm: (mean, deviation),
            bound,
        }
    }

    /// How far `now` lies from this one.
    pub fn shift(&self, now: &Profile) -> Shift {
        if self.embedder != now.embedder || self.centroid.len() != now.centroid.len() {
            return Shift::Incomparable;
        }
        // Both builds are samples; the wider of their bounds is what chance allows between them.
        let bound = self.bound.max(now.bound);
        let far = distance(&self.centroid, &now.centroid);
        match far > bound {
            true => Shift::Shifted(far / bound.max(f64::MIN_POSITIVE)),
            false => Shift::None,
        }
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f64>().sqrt()
}

/// Numbers that look random (SplitMix64, Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Under `end`, which is at least 1.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// One run of the fixed prompts at one model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Seconds since 1970.
    pub time: u64,
    /// What the endpoint calls the model that answered.
    pub served: String,
    /// Prompts that were answered.
    pub answered: u32,
    /// Of these, with an answer that passed its check.
    pub passed: u32,
    /// Of these, refusals.
    pub refused: u32,
    /// Characters of an answer, in the mean.
    pub length: f64,
}

/// What changed about a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Another model answers under the name.
    Served { before: String, now: String },
    /// Answers are right more seldom: shares before and now.
    Worse { before: f64, now: f64 },
    /// It refuses more often: shares before and now.
    Refuses { before: f64, now: f64 },
    /// Answers are this many times as long.
    Length { times: f64 },
}

/// What changed with the newest of these runs, which are in the order of time.
pub fn changes(runs: &[Run]) -> Vec<Change> {
    let mut changes = Vec::new();
    let Some((newest, older)) = runs.split_last() else {
        return changes;
    };
    let named = |run: &&Run| !run.served.is_empty();
    if let Some(last) = older.iter().rev().find(named)
        && named(&newest)
        && last.served != newest.served
    {
        changes.push(Change::Served {
            before: last.served.clone(),
            now: newest.served.clone(),
        });
    }
    // At least some runs are today's, however seldom they are.
    let from = runs.partition_point(|run| run.time + TODAY <= newest.time);
    let (past, now) = runs.split_at(from.min(runs.len().saturating_sub(RECENT)));
    if past.len() < PAST {
        return changes;
    }
    let passed = |runs: &[Run]| share(runs, |run| run.passed);
    if let Some((before, now)) = fell(passed(past), passed(now)) {
        changes.push(Change::Worse { before, now });
    }
    let stood = |runs: &[Run]| share(runs, |run| run.answered - run.refused.min(run.answered));
    if let Some((before, now)) = fell(stood(past), stood(now)) {
        let (before, now) = (1.0 - before, 1.0 - now);
        changes.push(Change::Refuses { before, now });
    }
    if let Some(times) = longer(past, now) {
        changes.push(Change::Length { times });
    }
    changes
}

/// Share and number of answers.
fn share(runs: &[Run], of: impl Fn(&Run) -> u32) -> (f64, f64) {
    let all: f64 = runs.iter().map(|run| f64::from(run.answered)).sum();
    let good: f64 = runs.iter().map(|run| f64::from(of(run))).sum();
    (good / all.max(1.0), all)
}

/// Both shares, where the later one is lower by more than chance and by enough to matter. A pooled test of two proportions; the same
/// prompts every night vary less than it supposes.
fn fell((before, many): (f64, f64), (now, few): (f64, f64)) -> Option<(f64, f64)> {
    if many == 0.0 || few == 0.0 {
        return None;
    }
    let pooled = (before * many + now * few) / (many + few);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / many + 1.0 / few)).sqrt();
    let fall = before - now;
    (fall >= SHARE && fall > SIGMA * deviation).then_some((before, now))
}

/// How many times as long answers are, where that is more than the nights differ by.
fn longer(past: &[Run], now: &[Run]) -> Option<f64> {
    let logs = |runs: &[Run]| {
        let positive = runs.iter().filter(|run| run.length > 0.0);
        positive.map(|run| run.length.ln()).collect::<Vec<f64>>()
    };
    let (past, now) = (logs(past), logs(now));
    if past.len() < PAST || now.is_empty() {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (before, after) = (mean(&past), mean(&now));
    let squares = past.iter().map(|value| (value - before).powi(2));
    let deviation = (squares.sum::<f64>() / (past.len() - 1) as f64).sqrt();
    let step = after - before;
    (step.abs() >= LENGTH.ln() && step.abs() > SIGMA * deviation).then(|| step.exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Random {
        fn share(&mut self) -> f64 {
            self.next() as f64 / u64::MAX as f64
        }
    }

    fn counts(random: &mut Random, shares: &[f64], all: usize) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for _ in 0..all {
            let mut point = random.share();
            let at = shares.iter().position(|share| {
                point -= share;
                point < 0.0
            });
            let name = format!("kind {}", at.unwrap_or(shares.len() - 1));
            *counts.entry(name).or_default() += 1;
        }
        counts
    }

    #[test]
    fn the_same_mix_in_samples_of_all_sizes_is_quiet_and_another_is_loud() {
        let mut random = Random(1);
        let (usual, other) = ([0.6, 0.2, 0.1, 0.1], [0.15, 0.65, 0.1, 0.1]);
        for (before, now) in [(40, 10), (400, 100), (4_000, 1_000)] {
            let mut alarms = 0;
            for _ in 0..500 {
                let (a, b) = (
                    counts(&mut random, &usual, before),
                    counts(&mut random, &usual, now),
                );
                alarms += u64::from(mix(&a, &b).unwrap() > MIX);
            }
            assert!(alarms <= 5, "{before} and {now}: {alarms} of 500");
        }
        for _ in 0..100 {
            let (a, b) = (
                counts(&mut random, &usual, 400),
                counts(&mut random, &other, 100),
            );
            assert!(mix(&a, &b).unwrap() > MIX);
        }
        assert_eq!(mix(&BTreeMap::new(), &counts(&mut random, &usual, 9)), None);
    }

    /// Chunks of a corpus: each near one of a few topics.
    fn corpus(random: &mut Random, topics: &[usize], count: usize) -> Vec<Vec<f32>> {
        (0..count)
            .map(|at| {
                let topic = topics[at % topics.len()];
                (0..16)
                    .map(|axis| {
                        let noise = random.share() as f32 - 0.5;
                        noise + if axis == topic { 2.0 } else { 0.0 }
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn thirty_builds_of_one_repository_are_quiet() {
        let mut random = Random(2);
        let vectors = corpus(&mut random, &[0, 1, 2, 3], 400);
        let first = Profile::of("table 1", 16, &vectors, 7);
        let mut vectors = vectors;
        for build in 0..30 {
            // Chunks come in another order each time, and some were edited.
            vectors.rotate_left(13);
            let edited = corpus(&mut random, &[0, 1, 2, 3], 4);
            let len = vectors.len();
            vectors[len - 4..].clone_from_slice(&edited);
            let now = Profile::of("table 1", 16, &vectors, 100 + build);
            assert_eq!(first.shift(&now), Shift::None, "build {build}");
        }
    }

    #[test]
    fn a_corpus_of_other_topics_is_loud_and_another_embedder_is_not_compared() {
        let mut random = Random(3);
        let usual = Profile::of("table 1", 16, &corpus(&mut random, &[0, 1, 2, 3], 400), 7);
        let other = Profile::of("table 1", 16, &corpus(&mut random, &[0, 1, 9, 9], 400), 8);
        assert!(
            matches!(usual.shift(&other), Shift::Shifted(times) if times > 1.5),
            "{:?}",
            usual.shift(&other)
        );
        let swapped = Profile {
            embedder: "table 2".to_owned(),
            ..other.clone()
        };
        assert_eq!(usual.shift(&swapped), Shift::Incomparable);
        // Vectors of a wrong form or without length are none.
        let none = Profile::of(
            "table 1",
            16,
            &[vec![1.0], vec![0.0; 16], vec![f32::NAN; 16]],
            1,
        );
        assert_eq!((none.count, none.bound), (0, 0.0));
    }

    /// A night's run of 20 prompts.
    fn night(random: &mut Random, day: u64, (right, refuses, length): (f64, f64, f64)) -> Run {
        let mut hits = |share: f64| (0..20).filter(|_| random.share() < share).count() as u32;
        Run {
            time: day * 86_400,
            served: "coder-1".to_owned(),
            answered: 20,
            passed: hits(right),
            refused: hits(refuses),
            length: length * (0.9 + 0.2 * random.share()),
        }
    }

    #[test]
    fn a_model_that_stays_the_same_raises_no_alarm_in_a_hundred_years() {
        let mut alarms = 0;
        for year in 0..100 {
            let mut random = Random(10_000 + year);
            let mut runs = Vec::new();
            let mut loud = false;
            for day in 0..365 {
                runs.push(night(&mut random, day, (0.8, 0.02, 300.0)));
                // Only the last quarter is looked back at, as a store that is kept short has it.
                let from = runs.len().saturating_sub(90);
                loud |= !changes(&runs[from..]).is_empty();
            }
            alarms += u64::from(loud);
        }
        assert!(alarms <= 5, "{alarms} of 100 years");
    }

    #[test]
    fn a_model_that_gets_worse_refuses_or_rambles_is_found_within_two_weeks() {
        type Seen = fn(&Change) -> bool;
        let cases: [((f64, f64, f64), Seen); 3] = [
            ((0.5, 0.02, 300.0), |c| matches!(c, Change::Worse { .. })),
            ((0.8, 0.30, 300.0), |c| matches!(c, Change::Refuses { .. })),
            (
                (0.8, 0.02, 900.0),
                |c| matches!(c, Change::Length { times } if *times > 2.0),
            ),
        ];
        for (after, seen) in cases {
            let mut random = Random(5);
            let mut runs: Vec<Run> = (0..30)
                .map(|day| night(&mut random, day, (0.8, 0.02, 300.0)))
                .collect();
            assert_eq!(changes(&runs), []);
            let found = (30..44).any(|day| {
                runs.push(night(&mut random, day, after));
                changes(&runs).iter().any(seen)
            });
            assert!(found, "{after:?}");
        }
    }

    #[test]
    fn another_model_behind_the_name_is_told_at_once() {
        let mut random = Random(6);
        let mut runs: Vec<Run> = (0..2)
            .map(|day| night(&mut random, day, (0.8, 0.0, 300.0)))
            .collect();
        runs[1].served = "coder-2".to_owned();
        let change = Change::Served {
            before: "coder-1".to_owned(),
            now: "coder-2".to_owned(),
        };
        assert_eq!(changes(&runs), [change]);
        // An endpoint that does not say it says nothing.
        runs[1].served.clear();
        assert_eq!(changes(&runs), []);
        assert_eq!(changes(&[]), []);
    }
}
