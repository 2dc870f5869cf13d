//! How each endpoint has been doing: its breaker, until when it is parked, why it is paused, how fast it is.
//!
//! *Parked*: it said when it wants to be asked again. *Paused*: asking again is pointless until the user
//! changes something. Both end by themselves too: a park by time, a pause with another key or another day.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::breaker::{Breaker, Outcome, Ticket};
use crate::endpoint::Endpoint;
use crate::failure::{Failure, Kind, Limit, Refusal, RetryAfter};
use crate::keys::Key;

/// What a router or a status page may know of an endpoint.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// The endpoint's name.
    pub endpoint: String,
    /// Its breaker is open for so long; zero while a probe runs.
    pub open_for: Option<Duration>,
    /// It is parked for so long.
    pub parked_for: Option<Duration>,
    /// It is paused, and why.
    pub paused: Option<Failure>,
    /// Time until the first text that 95 of 100 answers kept, over the last [`SAMPLES`].
    pub first_text_p95: Option<Duration>,
    /// Median speed behind the first text, in tokens per second.
    pub tokens_per_second: Option<f64>,
}

impl Standing {
    /// Whether it may be asked.
    #[must_use]
    pub fn available(&self) -> bool {
        self.open_for.is_none() && self.parked_for.is_none() && self.paused.is_none()
    }
}

/// How many answers a speed is taken from.
pub const SAMPLES: usize = 50;

#[derive(Debug, Default)]
pub(crate) struct Health {
    endpoints: HashMap<String, One>,
}

#[derive(Debug, Default)]
struct One {
    breaker: Breaker,
    parked: Option<Instant>,
    paused: Option<Pause>,
    first_texts: VecDeque<Duration>,
    speeds: VecDeque<f64>,
}

#[derive(Debug)]
struct Pause {
    why: Failure,
    key: Option<Key>,
    base_url: String,
    /// Days since 1970.
    day: u64,
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Begun {
    ticket: Ticket,
    endpoint: String,
    base_url: String,
    key: Option<Key>,
}

/// The moment, on both clocks: `day` is whole days since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) day: u64,
}

impl Health {
    /// Begins a request, or says why not. What begins comes back by [`Health::end`] or [`Health::cancelled`].
    pub(crate) fn begin(
        &mut self,
        endpoint: &Endpoint,
        key: Option<&Key>,
        now: Now,
    ) -> Result<Begun, Failure> {
        let one = self.endpoints.entry(endpoint.name.clone()).or_default();
        if let Some(pause) = &one.paused {
            let same_key = pause.key.as_ref().map(Key::expose) == key.map(Key::expose);
            if same_key && pause.base_url == endpoint.base_url && pause.day == now.day {
                return Err(pause.why.clone());
            }
            one.paused = None;
        }
        if let Some(until) = one.parked.filter(|until| *until > now.instant) {
            let retry_after = Some(RetryAfter(until - now.instant));
            let failure = Failure::new(Kind::RateLimited, "");
            return Err(Failure {
                retry_after,
                ..failure
            });
        }
        one.parked = None;
        let Some(ticket) = one.breaker.begin(now.instant) else {
            return Err(Failure::refused(
                Refusal::Unavailable,
                "it failed too often",
            ));
        };
        Ok(Begun {
            ticket,
            endpoint: endpoint.name.clone(),
            base_url: endpoint.base_url.clone(),
            key: key.cloned(),
        })
    }

    /// Whether an endpoint would be asked now; a probe of its breaker counts as a yes.
    pub(crate) fn may(&self, endpoint: &Endpoint, now: Now) -> bool {
        let Some(one) = self.endpoints.get(&endpoint.name) else {
            return true;
        };
        let paused = one.paused.as_ref();
        let paused = paused.is_some_and(|p| p.day == now.day && p.base_url == endpoint.base_url);
        let parked = one.parked.is_some_and(|until| until > now.instant);
        !paused && !parked && one.breaker.closed_in(now.instant).is_none()
    }

    /// Ends a request: `None` is an answer.
    pub(crate) fn end(&mut self, begun: Begun, failure: Option<&Failure>, now: Now) {
        let one = self.endpoints.entry(begun.endpoint).or_default();
        let outcome = match failure {
            None => Outcome::Good,
            Some(failure) => match failure.kind {
                Kind::Connect | Kind::Tls | Kind::Timeout(Limit::Connect) => Outcome::Unreachable,
                _ if failure.counts_for_breaker() => Outcome::Bad,
                Kind::Refused(_) => Outcome::Unknown,
                _ => Outcome::Good,
            },
        };
        one.breaker.record(begun.ticket, now.instant, outcome);
        let Some(failure) = failure else { return };
        if failure.pauses() {
            one.paused = Some(Pause {
                why: failure.clone(),
                key: begun.key,
                base_url: begun.base_url,
                day: now.day,
            });
        } else if let Some(RetryAfter(wait)) = failure.retry_after {
            one.parked = Some(now.instant + wait);
        }
    }

    /// Ends a request that the user gave up.
    pub(crate) fn cancelled(&mut self, begun: Begun, now: Now) {
        let one = self.endpoints.entry(begun.endpoint).or_default();
        one.breaker
            .record(begun.ticket, now.instant, Outcome::Unknown);
    }

    /// Remembers how fast an answer was: `output` tokens, `took` in all.
    pub(crate) fn speed(
        &mut self,
        endpoint: &str,
        first_text: Duration,
        took: Duration,
        output: u64,
    ) {
        let Some(one) = self.endpoints.get_mut(endpoint) else {
            return;
        };
        push(&mut one.first_texts, first_text);
        let streaming = took.saturating_sub(first_text);
        // A handful of tokens, or one that came all at once, says nothing about speed.
        if output >= 16 && streaming > Duration::from_millis(50) {
            push(&mut one.speeds, output as f64 / streaming.as_secs_f64());
        }
    }

    /// The user says "try again".
    pub(crate) fn resume(&mut self, endpoint: &str) {
        self.endpoints.remove(endpoint);
    }

    /// Of every endpoint that was ever asked, by name.
    pub(crate) fn standings(&self, now: Now) -> Vec<Standing> {
        let mut standings: Vec<Standing> = self
            .endpoints
            .iter()
            .map(|(name, one)| one.standing(name, now))
            .collect();
        standings.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        standings
    }
}

impl One {
    fn standing(&self, name: &str, now: Now) -> Standing {
        let mut first_texts: Vec<Duration> = self.first_texts.iter().copied().collect();
        first_texts.sort_unstable();
        let mut speeds: Vec<f64> = self.speeds.iter().copied().collect();
        speeds.sort_unstable_by(f64::total_cmp);
        Standing {
            endpoint: name.to_owned(),
            open_for: self.breaker.closed_in(now.instant),
            parked_for: self
                .parked
                .and_then(|until| until.checked_duration_since(now.instant))
                .filter(|d| !d.is_zero()),
            paused: self
                .paused
                .as_ref()
                .filter(|p| p.day == now.day)
                .map(|p| p.why.clone()),
            first_text_p95: first_texts
                .get((first_texts.len() * 95).div_ceil(100).saturating_sub(1))
                .copied(),
            tokens_per_second: speeds.get(speeds.len() / 2).copied(),
        }
    }
}

fn push<T>(ring: &mut VecDeque<T>, value: T) {
    if ring.len() == SAMPLES {
        ring.pop_front();
    }
    ring.push_back(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Origin;

    fn endpoint() -> Endpoint {
        toml::from_str("name = 'a'\nbaseUrl = 'https://a.example'").unwrap()
    }

    fn key(text: &str) -> Key {
        Key::new(text, Origin::parse("https://a.example").unwrap()).unwrap()
    }

    #[test]
    fn a28_a_pause_ends_with_another_key_another_address_or_another_day() {
        let now = Now {
            instant: Instant::now(),
            day: 20_000,
        };
        let old = key("old-key");
        let mut moved = endpoint();
        moved.base_url = "https://b.example".to_owned();
        let tomorrow = Now { day: 20_001, ..now };
        let ways = [
            (endpoint(), key("new-key"), now),
            (moved, old.clone(), now),
            (endpoint(), old.clone(), tomorrow),
        ];
        for (endpoint_then, key_then, then) in ways {
            let mut health = Health::default();
            let begun = health.begin(&endpoint(), Some(&old), now).unwrap();
            health.end(begun, Some(&Failure::new(Kind::Budget, "")), now);
            let again = health.begin(&endpoint(), Some(&old), now);
            assert_eq!(again.unwrap_err().kind, Kind::Budget);
            assert!(!health.standings(now)[0].available());
            assert!(health.begin(&endpoint_then, Some(&key_then), then).is_ok());
        }
    }

    #[test]
    fn a_park_ends_by_time_or_by_the_user() {
        let now = Now {
            instant: Instant::now(),
            day: 0,
        };
        let mut health = Health::default();
        let mut limited = Failure::new(Kind::RateLimited, "");
        limited.retry_after = Some(RetryAfter(Duration::from_secs(20)));
        let begun = health.begin(&endpoint(), None, now).unwrap();
        health.end(begun, Some(&limited), now);
        let refused = health.begin(&endpoint(), None, now).unwrap_err();
        assert_eq!(refused.retry_after, limited.retry_after);
        let later = Now {
            instant: now.instant + Duration::from_secs(20),
            ..now
        };
        let begun = health.begin(&endpoint(), None, later).unwrap();
        health.end(begun, Some(&limited), now);
        health.resume("a");
        assert!(health.begin(&endpoint(), None, now).is_ok());
    }

    #[test]
    fn speeds_of_the_last_answers() {
        let now = Now {
            instant: Instant::now(),
            day: 0,
        };
        let mut health = Health::default();
        let begun = health.begin(&endpoint(), None, now).unwrap();
        health.end(begun, None, now);
        for n in 1..=100u64 {
            health.speed(
                "a",
                Duration::from_millis(n),
                Duration::from_millis(n + 1_000),
                n,
            );
        }
        let standing = &health.standings(now)[0];
        assert_eq!(
            standing.first_text_p95,
            Some(Duration::from_millis(98)),
            "of 51 to 100"
        );
        assert_eq!(standing.tokens_per_second, Some(76.0));
    }
}
