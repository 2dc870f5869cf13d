//! When to ask again: full jitter, and a budget that keeps retries from becoming a storm.
//!
//! Source: M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015 ("full jitter"); the
//! budget is the shape of Finagle's `RetryBudget`. Neither has a clock or dice of its own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const BASE: Duration = Duration::from_millis(250);
const CAP: Duration = Duration::from_secs(2);

/// How long to wait before retry number `attempt` (from 0): anything up to a bound that doubles. `dice` is
/// uniform in 0 to 1.
#[must_use]
pub fn delay(attempt: u32, dice: f64) -> Duration {
    let bound = BASE.saturating_mul(1 << attempt.min(16)).min(CAP);
    bound.mul_f64(dice.clamp(0.0, 1.0))
}

/// Over the last two minutes retries may be a tenth of the requests, but three are always allowed.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    requests: VecDeque<Instant>,
    retries: VecDeque<Instant>,
}

const WINDOW: Duration = Duration::from_secs(120);
const FLOOR: usize = 3;

impl Budget {
    /// Counts a request that is no retry.
    pub fn request(&mut self, now: Instant) {
        self.forget(now);
        self.requests.push_back(now);
    }

    /// Takes a retry, if one is left.
    #[must_use]
    pub fn retry(&mut self, now: Instant) -> bool {
        self.forget(now);
        let allowed = self.retries.len() < FLOOR.max(self.requests.len() / 10);
        if allowed {
            self.retries.push_back(now);
        }
        allowed
    }

    fn forget(&mut self, now: Instant) {
        for times in [&mut self.requests, &mut self.retries] {
            while times
                .front()
                .is_some_and(|t| now.duration_since(*t) > WINDOW)
            {
                times.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_two_seconds_and_start_at_nothing() {
        let longest: Vec<u128> = (0..6).map(|n| delay(n, 1.0).as_millis()).collect();
        assert_eq!(longest, [250, 500, 1_000, 2_000, 2_000, 2_000]);
        assert_eq!(delay(3, 0.0), Duration::ZERO);
        assert_eq!(delay(u32::MAX, 0.5), Duration::from_secs(1));
    }

    #[test]
    fn a_dead_endpoint_gets_three_retries_in_two_minutes() {
        let now = Instant::now();
        let mut budget = Budget::default();
        let given = (0..20)
            .filter(|_| {
                budget.request(now);
                budget.retry(now)
            })
            .count();
        assert_eq!(given, 3);
        assert!(
            budget.retry(now + WINDOW + Duration::from_secs(1)),
            "later there are new ones"
        );
    }

    #[test]
    fn a_busy_client_gets_a_tenth() {
        let now = Instant::now();
        let mut budget = Budget::default();
        (0..100).for_each(|_| budget.request(now));
        assert_eq!((0..50).filter(|_| budget.retry(now)).count(), 10);
    }
}
