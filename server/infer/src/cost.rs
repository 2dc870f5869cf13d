//! What a step costs by the number of tokens that it runs, as measured on the steps themselves: a
//! line through the times of short and of long ones. It bounds how many drafts one step verifies.

use std::time::Duration;

/// A step may take this long: the longest that a more urgent job waits.
const QUANTUM: Duration = Duration::from_millis(20);
/// Weight of the newest step, so that some ten of them decide.
const NEWEST: f64 = 0.1;
/// Tokens of a step without drafts, at most (see `kv.rs`: two ids are run anew).
const PLAIN: usize = 3;

/// See the module's header.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepCost {
    /// Mean tokens and seconds of steps without drafts, and of steps with some.
    plain: Option<(f64, f64)>,
    drafting: Option<(f64, f64)>,
}

impl StepCost {
    /// Notes a step that ran `count` tokens.
    pub(crate) fn note(&mut self, count: usize, took: Duration) {
        let mean = match count <= PLAIN {
            true => &mut self.plain,
            false => &mut self.drafting,
        };
        let new = (small(count), took.as_secs_f64());
        *mean = Some(match *mean {
            None => new,
            Some((tokens, seconds)) => (
                tokens + NEWEST * (new.0 - tokens),
                seconds + NEWEST * (new.1 - seconds),
            ),
        });
    }

    /// The most tokens that one step may run; `None` before both kinds were seen.
    pub(crate) fn most(&self) -> Option<usize> {
        let (quick, each) = self.line()?;
        let room = QUANTUM.as_secs_f64() - quick;
        let more = (0..=64).rev().find(|&more| small(more) * each <= room)?;
        Some(more + PLAIN)
    }

    /// What one token more takes of a whole step without drafts.
    pub(crate) fn price(&self) -> f32 {
        /// As measured with the embedded model.
        const USUAL: f64 = 0.12;
        let price = self.line().map_or(USUAL, |(quick, each)| each / quick);
        // A disturbed machine tells nonsense for a while.
        price.clamp(0.02, 1.0) as f32
    }

    /// Seconds of a step without drafts, and of each token more. A long step that seems to cost nothing says
    /// that something else disturbed the short ones.
    fn line(&self) -> Option<(f64, f64)> {
        let ((few, quick), (many, slow)) = (self.plain?, self.drafting?);
        let each = (slow - quick) / (many - few);
        (each > 0.0 && many > few).then_some((quick, each))
    }
}

/// Counts of tokens in one step are far below 2^32.
fn small(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::StepCost;

    fn noted(plain_ms: u64, ten_ms: u64) -> StepCost {
        let mut cost = StepCost::default();
        for _ in 0..40 {
            cost.note(2, Duration::from_millis(plain_ms));
            cost.note(10, Duration::from_millis(ten_ms));
        }
        cost
    }

    #[test]
    fn a_step_stays_within_the_quantum() {
        assert_eq!(StepCost::default().most(), None);
        // One ms for each further token: 20 ms are reached with 15 more than five ms allow.
        assert_eq!(noted(5, 13).most(), Some(18));
        // A model as slow as the quantum drafts nothing more.
        assert!(noted(19, 35).most().is_some_and(|most| most <= 4));
        assert_eq!(
            noted(30, 60).most(),
            None,
            "no step fits, so nothing is bounded by this"
        );
        assert!(noted(1, 2).most().is_some_and(|most| most > 16));
        assert!((noted(8, 16).price() - 0.125).abs() < 1e-3);
        assert!(noted(8, 800).price() <= 1.0);
    }

    #[test]
    fn what_makes_no_sense_bounds_nothing() {
        assert_eq!(noted(5, 5).most(), None);
        let mut only = StepCost::default();
        only.note(2, Duration::from_millis(1));
        assert_eq!(only.most(), None);
    }
}
