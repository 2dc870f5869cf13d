//! How a person types, as numbers from a seed: the *gap* between two keys, and the time it takes to
//! see a suggestion and press Tab. No clock is read and nothing sleeps here.

use std::time::Duration;

/// Median gap between keys, ms, and the spread of its logarithm: the typist of the replay benchmark,
/// a usual speed of about 80 words a minute.
const MEDIAN_MS: f64 = 130.0;
const SIGMA: f64 = 0.45;

/// Share of keys that come in a burst, as the second of a practised pair does, and its range, ms.
const BURST: f64 = 0.1;
const BURST_MS: (f64, f64) = (40.0, 60.0);

/// What a new line adds to think, ms.
const LINE_MS: f64 = 260.0;

/// From a suggestion on the screen to the Tab key, ms: a choice reaction to a word that was expected.
const READ_MS: f64 = 420.0;

/// A person with a seed: the same seed types the same way.
#[derive(Clone, Debug)]
pub(super) struct Typist {
    state: u64,
    /// 1 is a person; 2 is twice as fast.
    speed: f64,
}

impl Typist {
    pub(super) fn new(seed: u64, speed: f64) -> Typist {
        Typist { state: seed, speed }
    }

    /// The time before the key that follows `key`.
    pub(super) fn gap(&mut self, key: &str) -> Duration {
        let burst = self.uniform() < BURST;
        let normal = self.normal();
        let ms = if key.starts_with('\n') {
            MEDIAN_MS + LINE_MS * (SIGMA * normal).exp()
        } else if burst {
            BURST_MS.0 + (BURST_MS.1 - BURST_MS.0) * self.uniform()
        } else {
            MEDIAN_MS * (SIGMA * normal).exp()
        };
        self.scaled(ms)
    }

    /// The time to read a suggestion that is right and to press Tab.
    pub(super) fn read(&self) -> Duration {
        self.scaled(READ_MS)
    }

    /// The time to look at a new place before typing there.
    pub(super) fn look(&self) -> Duration {
        self.scaled(1200.0)
    }

    fn scaled(&self, ms: f64) -> Duration {
        // One quantile in a thousand would be over a second; nobody watches that.
        Duration::from_secs_f64((ms.min(1500.0) / self.speed / 1000.0).max(0.0))
    }

    /// In [0, 1); SplitMix64 (Steele, Lea and Flood 2014, figure 10).
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, deviation 1; Box and Muller 1958.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// The next key of `rest`, which is what is still to be typed: one character, or a new line with the
/// indentation that an editor gives it.
pub(super) fn next_key(rest: &str) -> &str {
    let mut end = rest.chars().next().map_or(0, char::len_utf8);
    if let Some(line) = rest.strip_prefix('\n') {
        // A blank line gets no indentation, which the search stops at by itself.
        end += line.len() - line.trim_start_matches([' ', '\t']).len();
    }
    &rest[..end]
}

/// How many keys it takes to type a text.
pub(super) fn count_keys(mut text: &str) -> usize {
    let mut keys = 0;
    while !text.is_empty() {
        text = &text[next_key(text).len()..];
        keys += 1;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_line_brings_its_indentation_and_a_blank_one_none() {
        assert_eq!(next_key("ab"), "a");
        assert_eq!(next_key("é"), "é");
        assert_eq!(next_key("\n    b"), "\n    ");
        assert_eq!(next_key("\n\n    b"), "\n");
        assert_eq!(next_key(""), "");
        assert_eq!(count_keys("if x:\n    y\n\n\tz"), 5 + 1 + 1 + 1 + 1 + 1);
    }

    #[test]
    fn gaps_have_the_median_and_spread_of_a_person() {
        let mut typist = Typist::new(1, 1.0);
        let mut gaps: Vec<f64> = (0..4000)
            .map(|_| typist.gap("a").as_secs_f64() * 1000.0)
            .collect();
        gaps.sort_by(f64::total_cmp);
        let at = |share: f64| gaps[(share * gaps.len() as f64) as usize];
        assert!((110.0..130.0).contains(&at(0.5)), "{}", at(0.5));
        assert!((35.0..60.0).contains(&at(0.05)), "{}", at(0.05));
        assert!((240.0..320.0).contains(&at(0.95)), "{}", at(0.95));
    }

    #[test]
    fn a_seed_types_the_same_way_and_a_speed_divides() {
        let gap = |seed, speed| Typist::new(seed, speed).gap("x");
        assert_eq!(gap(3, 1.0), gap(3, 1.0));
        assert_ne!(gap(3, 1.0), gap(4, 1.0));
        assert!((gap(3, 1.0).as_secs_f64() / gap(3, 4.0).as_secs_f64() - 4.0).abs() < 1e-6);
    }
}
