//! When to stop asking an endpoint that keeps failing: a state machine without a clock.
//!
//! *Closed* asks, *open* does not, *probing* waits for the one real request that was let through to find out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many outcomes are remembered; half of them failed opens it.
const WINDOW: usize = 20;
/// Fewer outcomes say nothing.
const ENOUGH: usize = 5;
/// Connections that failed one after the other; an unreachable host needs no statistics.
const CONNECTS: u32 = 3;
/// How long it stays open at first, and at most.
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);

/// What a request said about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, be it with "no".
    Good,
    /// It did not do its work.
    Bad,
    /// It could not even be reached.
    Unreachable,
    /// The user cancelled, or the request was at fault.
    Unknown,
}

/// A request that began; give it back with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Ticket(u64);

/// The breaker of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breaker {
    /// `true` is a failure.
    recent: VecDeque<bool>,
    unreachable: u32,
    /// How often it opened since it last closed.
    opened: u32,
    /// Counts the changes of state, so that a request that began before one is known when it ends.
    era: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Closed,
    Open(Instant),
    Probing,
}

impl Breaker {
    /// How long from `now` nobody may ask; `None` when asking is allowed. While a probe runs it is zero: its
    /// outcome decides.
    #[must_use]
    pub fn closed_in(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Closed => None,
            State::Open(until) if now >= until => None,
            State::Open(until) => Some(until - now),
            State::Probing => Some(Duration::ZERO),
        }
    }

    /// Begins a request; `None`: do not send it. Each ticket comes back by [`Breaker::record`].
    pub fn begin(&mut self, now: Instant) -> Option<Ticket> {
        if self.closed_in(now).is_some() {
            return None;
        }
        if matches!(self.state, State::Open(_)) {
            self.turn(State::Probing);
        }
        Some(Ticket(self.era))
    }

    /// Ends a request that began. One from before the last change of state is old news.
    pub fn record(&mut self, ticket: Ticket, now: Instant, outcome: Outcome) {
        if ticket.0 != self.era {
            return;
        }
        match (self.state, outcome) {
            (State::Open(_), _) | (State::Closed, Outcome::Unknown) => {}
            (State::Probing, Outcome::Good) => {
                self.opened = 0;
                self.turn(State::Closed);
            }
            // The probe found nothing out, so the next request may.
            (State::Probing, Outcome::Unknown) => self.turn(State::Open(now)),
            (State::Probing, Outcome::Bad | Outcome::Unreachable) => self.open(now),
            (State::Closed, _) => self.count(now, outcome),
        }
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }

    fn count(&mut self, now: Instant, outcome: Outcome) {
        self.unreachable = if outcome == Outcome::Unreachable {
            self.unreachable + 1
        } else {
            0
        };
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(outcome != Outcome::Good);
        if outcome == Outcome::Good {
            return;
        }
        let failed = self.recent.iter().filter(|f| **f).count();
        if self.unreachable >= CONNECTS
            || (self.recent.len() >= ENOUGH && failed * 2 >= self.recent.len())
        {
            self.open(now);
        }
    }

    fn open(&mut self, now: Instant) {
        let wait = FIRST.saturating_mul(1 << self.opened.min(8)).min(LONGEST);
        self.opened += 1;
        self.recent.clear();
        self.unreachable = 0;
        self.turn(State::Open(now + wait));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(breaker: &mut Breaker, now: Instant, outcomes: &[Outcome]) -> usize {
        outcomes
            .iter()
            .filter(|o| {
                let ticket = breaker.begin(now);
                if let Some(ticket) = ticket {
                    breaker.record(ticket, now, **o);
                }
                ticket.is_some()
            })
            .count()
    }

    #[test]
    fn three_failed_connections_open_it_and_each_failed_probe_doubles_the_wait() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        assert_eq!(run(&mut breaker, start, &[Outcome::Unreachable; 9]), 3);
        let mut now = start;
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(breaker.closed_in(now), Some(wait));
            assert_eq!(breaker.begin(now + wait - Duration::from_millis(1)), None);
            now += wait;
            assert_eq!(run(&mut breaker, now, &[Outcome::Bad; 2]), 1, "one probe");
        }
        now += Duration::from_secs(300);
        assert_eq!(run(&mut breaker, now, &[Outcome::Good; 4]), 4);
        assert_eq!(
            (breaker.opened, breaker.recent),
            (0, vec![false; 3].into()),
            "as new"
        );
    }

    #[test]
    fn half_of_the_last_twenty_open_it_and_a_working_endpoint_stays() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        assert_eq!(run(&mut breaker, now, &[Outcome::Bad; 4]), 4);
        assert_eq!(breaker.closed_in(now), None, "too few to say");
        assert_eq!(run(&mut breaker, now, &[Outcome::Bad; 4]), 1);
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            run(
                &mut breaker,
                now,
                &[Outcome::Good, Outcome::Good, Outcome::Bad],
            );
        }
        assert_eq!(breaker.closed_in(now), None, "a third of failures is borne");
    }

    #[test]
    fn only_one_probe_at_a_time_and_a_cancelled_one_frees_its_place() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        run(&mut breaker, now, &[Outcome::Unreachable; 3]);
        let later = now + FIRST;
        let probe = breaker.begin(later).unwrap();
        assert_eq!(breaker.begin(later), None);
        breaker.record(probe, later, Outcome::Unknown);
        assert_ne!(breaker.begin(later), None);
    }

    #[test]
    fn a_request_from_before_it_opened_says_nothing_about_the_probe() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        let slow = breaker.begin(now).unwrap();
        run(&mut breaker, now, &[Outcome::Unreachable; 3]);
        let probe = breaker.begin(now + FIRST).unwrap();
        breaker.record(slow, now + FIRST, Outcome::Good);
        assert_eq!(breaker.begin(now + FIRST), None, "the probe still runs");
        breaker.record(probe, now + FIRST, Outcome::Bad);
        assert_eq!(breaker.closed_in(now + FIRST), Some(2 * FIRST));
    }

    proptest! {
        /// Whatever happens, in whatever order: no wait longer than five minutes, and a good answer closes it.
        #[test]
        fn it_always_recovers(steps in prop::collection::vec((0u8..4, 0u64..400, 0usize..4), 0..200)) {
            let mut now = Instant::now();
            let mut breaker = Breaker::default();
            let mut running = Vec::new();
            for (outcome, seconds, which) in steps {
                now += Duration::from_secs(seconds);
                let waits = breaker.closed_in(now);
                prop_assert!(waits.is_none_or(|w| w <= LONGEST));
                let ticket = breaker.begin(now);
                prop_assert_eq!(ticket.is_some(), waits.is_none());
                running.extend(ticket);
                // Requests overlap and end in any order.
                if which < running.len() {
                    let outcome = [Outcome::Good, Outcome::Bad, Outcome::Unreachable, Outcome::Unknown][usize::from(outcome)];
                    breaker.record(running.swap_remove(which), now, outcome);
                }
            }
            for ticket in running {
                breaker.record(ticket, now, Outcome::Unknown);
            }
            now += LONGEST;
            let probe = breaker.begin(now);
            prop_assert!(probe.is_some());
            breaker.record(probe.unwrap(), now, Outcome::Good);
            prop_assert!(breaker.begin(now).is_some());
        }
    }
}
