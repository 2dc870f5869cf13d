//! Comparing two ways of doing something on many installations: who gets which *arm*, and when a difference is shown.
//!
//! An installation has one arm for as long as the experiment is declared. Its questions resemble each other more than those of
//! another, so the *installation* is the unit that is compared and not the single question; otherwise two busy people would be taken
//! for proof. The test may be looked at after every new number without raising its rate of false alarms: a mixture sequential ratio
//! (Robbins 1970; Johari, Pekelis and Walsh 2015, eq. 4, normal mixture) over the difference of two ratios whose variance is
//! taken between installations (Cochran 1977, section 6.3).

use std::num::NonZeroU32;

/// Points over which arms are dealt out.
pub const POINTS: u32 = 10_000;

/// From this ratio on a difference is shown: false alarms stay under one in so many, however often one looks.
pub const SHOWN: f64 = 20.0;

/// Installations that an arm needs before anything is said: with fewer their variance cannot be estimated.
pub const LEAST: usize = 20;

/// The spread of differences that the mixture expects; also the difference for which a sample size is told. Five points.
pub const EFFECT: f64 = 0.05;

/// How sure the told sample size is to find [`EFFECT`], as a quantile of the normal distribution: 90 %.
const POWER: f64 = 1.2816;

/// The arm of this point, 0 to [`POINTS`], among arms with these shares; `None` without arms.
pub fn arm(point: u32, shares: &[NonZeroU32]) -> Option<usize> {
    let all: u64 = shares.iter().map(|share| u64::from(share.get())).sum();
    let mut end = 0;
    shares.iter().position(|share| {
        end += u64::from(share.get());
        u64::from(point) * all < end * u64::from(POINTS)
    })
}

/// What one installation counted in its arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// How often it could have gone well.
    pub trials: u64,
    /// How often it did; not more than trials.
    pub successes: u64,
}

/// One arm in sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    /// Installations with at least one trial.
    pub units: usize,
    /// Of all of them.
    pub trials: u64,
    /// Of all of them; not more than trials.
    pub successes: u64,
    /// Of the ratio of the two; infinite where it cannot be estimated.
    pub variance: f64,
}

impl Sum {
    /// Of these installations.
    pub fn of(units: &[Unit]) -> Sum {
        let counted = || units.iter().filter(|unit| unit.trials > 0);
        let mut sum = Sum {
            units: counted().count(),
            trials: counted().map(|unit| unit.trials).sum(),
            successes: counted().map(|unit| unit.successes.min(unit.trials)).sum(),
            variance: f64::INFINITY,
        };
        let (Some(share), true) = (sum.share(), sum.units >= 2) else {
            return sum;
        };
        let (count, trials) = (sum.units as f64, sum.trials as f64);
        let squares: f64 = counted()
            .map(|unit| {
                (unit.successes.min(unit.trials) as f64 - share * unit.trials as f64).powi(2)
            })
            .sum();
        let between = count / (count - 1.0) * squares / (trials * trials);
        // Never less than what the single questions alone would vary; with a half success more, so that none is not certainty.
        let shrunk = (sum.successes as f64 + 0.5) / (trials + 1.0);
        sum.variance = between.max(shrunk * (1.0 - shrunk) / trials);
        sum
    }

    /// Successes of trials, 0 to 1.
    pub fn share(&self) -> Option<f64> {
        (self.trials > 0).then(|| self.successes as f64 / self.trials as f64)
    }
}

/// What is known of the difference between two arms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Too few installations to say anything: so many are needed in each arm.
    TooFew { needed: usize },
    /// No difference is shown so far.
    Open(Comparison),
    /// There is one.
    Shown(Comparison),
}

/// Two arms side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Share of the second arm less that of the first, -1 to 1.
    pub difference: f64,
    /// The mixture ratio: how much better a difference explains the numbers than none.
    pub ratio: f64,
    /// Installations in each arm that would show a difference of [`EFFECT`], nine times of ten.
    pub needed: usize,
}

/// Compares two arms.
pub fn compare(first: &Sum, second: &Sum) -> Verdict {
    let few = first.units.min(second.units) < LEAST;
    let (Some(a), Some(b), false) = (first.share(), second.share(), few) else {
        return Verdict::TooFew { needed: LEAST };
    };
    let variance = first.variance + second.variance;
    let difference = b - a;
    let comparison = Comparison {
        difference,
        ratio: ln_ratio(difference, variance).exp(),
        needed: needed(first, second),
    };
    match comparison.ratio >= SHOWN {
        true => Verdict::Shown(comparison),
        false => Verdict::Open(comparison),
    }
}

/// The logarithm of the mixture ratio of a difference with this variance.
fn ln_ratio(difference: f64, variance: f64) -> f64 {
    let mixture = EFFECT * EFFECT;
    let sum = variance + mixture;
    0.5 * (variance / sum).ln() + difference * difference * mixture / (2.0 * variance * sum)
}

/// Installations in each arm after which the difference of [`EFFECT`] is shown, were all like those so far.
fn needed(first: &Sum, second: &Sum) -> usize {
    let each = first.variance * first.units as f64 + second.variance * second.units as f64;
    let shows = |units: usize| {
        let variance = each / units as f64;
        let seen = EFFECT - POWER * variance.sqrt();
        seen > 0.0 && ln_ratio(seen, variance) >= SHOWN.ln()
    };
    let mut high = LEAST;
    while !shows(high) && high < 1 << 30 {
        high *= 2;
    }
    let mut low = LEAST;
    while low < high {
        let middle = low.midpoint(high);
        match shows(middle) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence of numbers that looks random (SplitMix64, Steele, Lea and Flood 2014).
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) as f64 / u64::MAX as f64
        }

        /// An installation of somebody who types much or little and accepts much or little: rates spread by 8 points around the
        /// mean, trials from 5 to 200, most of them few.
        fn unit(&mut self, mean: f64) -> Unit {
            let spread = (self.next() + self.next() + self.next() - 1.5) / 1.5 * 0.16;
            let rate = (mean + spread).clamp(0.01, 0.99);
            let trials = 5 + (195.0 * self.next().powi(3)) as u64;
            let successes = (0..trials).filter(|_| self.next() < rate).count() as u64;
            Unit { trials, successes }
        }
    }

    /// Installations come one by one into each arm, and it is looked at after each pair; how many pairs until a difference was shown.
    fn run(seed: u64, (a, b): (f64, f64), pairs: usize) -> Option<usize> {
        let mut random = Random(seed);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        (1..=pairs).find(|_| {
            first.push(random.unit(a));
            second.push(random.unit(b));
            matches!(
                compare(&Sum::of(&first), &Sum::of(&second)),
                Verdict::Shown(_)
            )
        })
    }

    #[test]
    fn without_a_difference_one_run_in_twenty_at_most_shows_one() {
        const RUNS: u64 = 2_000;
        let alarms = (0..RUNS)
            .filter(|seed| run(*seed, (0.3, 0.3), 120).is_some())
            .count();
        assert!(alarms as f64 <= 0.05 * RUNS as f64, "{alarms} of {RUNS}");
    }

    #[test]
    fn five_points_are_found_within_the_told_sample() {
        let mut random = Random(7);
        let units =
            |random: &mut Random, mean| (0..100).map(|_| random.unit(mean)).collect::<Vec<Unit>>();
        let (a, b) = (units(&mut random, 0.3), units(&mut random, 0.3));
        let (Verdict::Open(known) | Verdict::Shown(known)) = compare(&Sum::of(&a), &Sum::of(&b))
        else {
            panic!("there are enough");
        };
        assert!((50..1_000).contains(&known.needed), "{known:?}");
        const RUNS: u64 = 200;
        let found = (0..RUNS)
            .filter(|seed| run(1_000_000 + seed, (0.3, 0.35), known.needed).is_some())
            .count();
        assert!(
            found as f64 >= 0.85 * RUNS as f64,
            "{found} of {RUNS} with {known:?}"
        );
    }

    #[test]
    fn few_installations_prove_nothing_however_much_they_did() {
        let busy = [Unit {
            trials: 1_000_000,
            successes: 300_000,
        }; LEAST - 1];
        let other = [Unit {
            trials: 1_000_000,
            successes: 600_000,
        }; LEAST - 1];
        let verdict = compare(&Sum::of(&busy), &Sum::of(&other));
        assert_eq!(verdict, Verdict::TooFew { needed: LEAST });
        assert_eq!(
            compare(&Sum::of(&[]), &Sum::of(&[])),
            Verdict::TooFew { needed: LEAST }
        );
    }

    #[test]
    fn nothing_ever_going_well_is_a_number_too() {
        let none = [Unit {
            trials: 10,
            successes: 0,
        }; 30];
        let all = [Unit {
            trials: 10,
            successes: 11,
        }; 30];
        let Verdict::Open(same) = compare(&Sum::of(&none), &Sum::of(&none)) else {
            panic!("no difference");
        };
        assert!(same.ratio < 1.0 && same.difference == 0.0);
        let Verdict::Shown(far) = compare(&Sum::of(&none), &Sum::of(&all)) else {
            panic!("all the difference");
        };
        assert!((far.difference - 1.0).abs() < 1e-9);
    }

    #[test]
    fn arms_have_their_shares_and_every_point_has_one() {
        let shares = [1, 3, 6].map(|share| NonZeroU32::new(share).unwrap());
        let mut counts = [0; 3];
        for point in 0..POINTS {
            counts[arm(point, &shares).unwrap()] += 1;
        }
        assert_eq!(counts, [1_000, 3_000, 6_000]);
        assert_eq!(arm(0, &[]), None);
        let one = [NonZeroU32::MAX];
        assert_eq!((arm(0, &one), arm(POINTS - 1, &one)), (Some(0), Some(0)));
    }
}
