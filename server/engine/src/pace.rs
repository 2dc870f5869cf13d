//! How fast the user types, and whether to wait for it. A *burst* is typing whose gaps average under [`BURST`]: what is
//! computed between two of its keys is seldom read, because the next key comes before it is done.
//!
//! Nothing waits here. The wait that a burst deserves is only a number, and whether it is kept is the [`crate::governor`]'s
//! question: a local model loses little when it is superseded, so by default nobody waits.

use std::time::Duration;

/// Gaps that average under this are a burst: two fingers rolling, a repeated key, a text from a macro.
pub const BURST: Duration = Duration::from_millis(70);
/// The wait at the slow end of a burst, and that at its fast end. Start values.
const WAITS: (Duration, Duration) = (Duration::from_millis(15), Duration::from_millis(25));
/// From this average on the longer wait is due: ten keys in 0.4 s, as fast as people type.
const FASTEST: Duration = Duration::from_millis(40);
/// Median gap of the typists that the replay plays; where nothing is known yet it is assumed.
const USUAL: Duration = Duration::from_millis(130);
/// A longer gap is a pause: the user has looked at something, and the rhythm begins anew.
const PAUSE: Duration = Duration::from_millis(1_000);
/// Weight of the newest gap. Four keys of 45 ms behind usual ones are a burst, two are not. Start value.
const WEIGHT: f64 = 0.3;

/// The rhythm of one user's keys: an exponentially weighted mean of the gaps between them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    last: Option<Duration>,
    /// Seconds.
    gap: Option<f64>,
}

impl Pace {
    /// Notes a key. `at` counts from any fixed moment; one that lies before the last key means no gap.
    pub fn key(&mut self, at: Duration) {
        if let Some(last) = self.last {
            let gap = at.saturating_sub(last);
            let before = self.gap.unwrap_or(USUAL.as_secs_f64());
            self.gap = (gap < PAUSE).then_some(before + WEIGHT * (gap.as_secs_f64() - before));
        }
        self.last = Some(at);
    }

    /// The mean gap; `None` before the second key and after a pause.
    pub fn gap(&self) -> Option<Duration> {
        self.gap.map(Duration::from_secs_f64)
    }

    /// Whether the keys come so fast that what lies between two of them is seldom read.
    pub fn is_burst(&self) -> bool {
        self.gap().is_some_and(|gap| gap < BURST)
    }

    /// How long to wait for another key where waiting is asked for: 15 ms at the edge of a burst, up to 25 ms in a fast
    /// one, and nothing outside.
    pub fn wait(&self) -> Duration {
        let Some(gap) = self.gap().filter(|gap| *gap < BURST) else {
            return Duration::ZERO;
        };
        let (shortest, longest) = WAITS;
        let speed = (BURST - gap).as_secs_f64() / (BURST - FASTEST).as_secs_f64();
        shortest + (longest - shortest).mul_f64(speed.min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys with these gaps in ms, after one at the start.
    fn typed(gaps: &[u64]) -> Pace {
        let mut pace = Pace::default();
        let mut at = Duration::from_secs(5);
        pace.key(at);
        for gap in gaps {
            at += Duration::from_millis(*gap);
            pace.key(at);
        }
        pace
    }

    #[test]
    fn ordinary_typing_never_waits() {
        assert_eq!(typed(&[]).gap(), None);
        for gaps in [
            &[130, 90, 200, 130][..],
            &[80; 40],
            &[45, 45],
            &[400, 20, 400, 20],
        ] {
            let pace = typed(gaps);
            assert!(!pace.is_burst() && pace.wait().is_zero(), "{gaps:?}");
        }
    }

    #[test]
    fn a_burst_waits_between_15_and_25_ms_and_the_longer_the_faster() {
        let slow = typed(&[65; 40]).wait();
        let fast = typed(&[50; 40]).wait();
        let fastest = typed(&[5; 40]).wait();
        assert!(slow >= WAITS.0 && slow < fast && fast < fastest);
        assert_eq!(fastest, WAITS.1);
        assert!(typed(&[45; 4]).is_burst(), "four quick keys are enough");
    }

    #[test]
    fn a_pause_begins_anew() {
        let mut gaps = vec![40; 20];
        gaps.push(1_000);
        assert_eq!(typed(&gaps).gap(), None);
        gaps.push(50);
        assert!(!typed(&gaps).is_burst(), "one quick key is no burst");
    }

    #[test]
    fn a_clock_that_falls_back_is_no_gap() {
        let mut pace = typed(&[130, 130]);
        pace.key(Duration::ZERO);
        assert!(pace.gap().is_some_and(|gap| gap < USUAL));
    }
}
