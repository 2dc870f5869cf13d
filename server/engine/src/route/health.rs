//! How the offers are at this moment, as whoever talks to them saw it.

use std::collections::BTreeMap;
use std::time::Duration;

/// By the offer's name, `endpoint/model`. An offer that nothing is known of counts as well.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Health {
    offers: BTreeMap<String, OfferHealth>,
}

/// One offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OfferHealth {
    /// The breaker is open: too many of the last requests failed.
    pub breaker_open: bool,
    /// So long the endpoint asked to be left alone, from now; zero for not at all.
    pub parked: Duration,
    /// Paused until somebody changes something.
    pub paused: Option<Pause>,
    /// 95th percentile of the time to the first byte.
    pub first_byte_p95: Option<Duration>,
    /// Median rate of the answer, tokens per second.
    pub tokens_per_second: Option<u32>,
}

/// Why an endpoint is left alone until somebody changes something.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Pause {
    /// It refused the key.
    Auth,
    /// Its own budget for the key is used up.
    Budget,
    /// It answered with something that no model says, such as a login page.
    NotAModel,
}

impl Health {
    /// Sets what is known of an offer.
    pub fn set(&mut self, name: impl Into<String>, health: OfferHealth) {
        self.offers.insert(name.into(), health);
    }

    /// What is known of an offer.
    pub fn of(&self, name: &str) -> Option<&OfferHealth> {
        self.offers.get(name)
    }
}
