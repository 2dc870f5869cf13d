//! Who is asked, in which order, and why nobody else is.
//!
//! [`route`] is a function of values: what is asked ([`Signals`]), what the user allows ([`Policy`]), how the endpoints
//! are ([`Health`]) and what was spent ([`Totals`]). It opens nothing and knows no clock. An *offer* is one model at one
//! endpoint; a *candidate* is an offer that passed every filter, with its limits and the money to set aside for it.
//! Every offer ends up in the plan, as a candidate or with the [`Reason`] why not.

mod complexity;
mod health;
mod policy;
mod reason;

use std::time::Duration;

pub use complexity::{Tier, Weights, complexity};
pub use health::{Health, OfferHealth, Pause};
pub use policy::{Budget, Features, LocalModel, NanoUsd, Offer, Policy, Price, Totals};
pub use reason::{LeftOut, Reason};

use crate::assist::task::{Class, Task};
use crate::privacy::Level;

/// What is known of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signals {
    /// What is asked for.
    pub task: Task,
    /// How long the user waits.
    pub class: Class,
    /// The level of the prompt.
    pub level: Level,
    /// Estimated tokens of the prompt.
    pub prompt_tokens: usize,
    /// Most tokens of the answer.
    pub output_cap: usize,
    /// Lines of the target.
    pub target_lines: usize,
    /// Blocks around and in the target, the deepest place counted.
    pub nesting: usize,
    /// Diagnostics on the target.
    pub diagnostics: usize,
    /// A trace was pasted.
    pub trace: bool,
    /// Different files among the hits.
    pub files: usize,
    /// The user asked for a deeper look.
    pub deeper: bool,
    /// The user rejected the last answer to this question.
    pub rejected: bool,
    /// What the answer needs of a model.
    pub needs: Features,
    /// The only region that may serve it, as the user named it.
    pub region: Option<String>,
    /// The arm of a running comparison.
    pub variant: Option<String>,
}

/// The outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How long the user waits.
    pub class: Class,
    /// Points of [`complexity`].
    pub complexity: u32,
    /// What the points ask for; small where a budget runs out.
    pub tier: Tier,
    /// In the order in which they are asked; the last one is always the digest.
    pub candidates: Vec<Candidate>,
    /// Everything else.
    pub left_out: Vec<LeftOut>,
    /// The spending limit that is near or passed: the user is told before anything is sent.
    pub budget: Option<Budget>,
}

/// One that is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Whom.
    pub to: Destination,
    /// How long for the first byte of the answer; `None` for the last model of the plan, which is patient: it has until
    /// `total`.
    pub first_byte: Option<Duration>,
    /// How long for all of it.
    pub total: Duration,
    /// Set aside in the ledger before anything is sent: the whole prompt uncached and the longest answer.
    pub reserved: NanoUsd,
}

/// Whom a candidate asks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Destination {
    /// A model behind an endpoint.
    Remote {
        /// The endpoint's name in the user's configuration.
        endpoint: String,
        /// The model's name on its wire.
        model: String,
    },
    /// The chat model on this machine.
    Local,
    /// No model: what the sections say by themselves.
    Digest,
}

impl Plan {
    /// Whether anything leaves this process.
    pub fn has_remote(&self) -> bool {
        let remote = |c: &Candidate| matches!(c.to, Destination::Remote { .. });
        self.candidates.iter().any(remote)
    }
}

/// First byte of the answer while a fallback remains.
fn first_byte(class: Class) -> Duration {
    match class {
        Class::Brief => Duration::from_secs(1),
        Class::Deep => Duration::from_secs(2),
        Class::Batch => Duration::from_secs(60),
    }
}

/// All of the answer.
pub fn total(class: Class) -> Duration {
    match class {
        Class::Brief => Duration::from_secs(20),
        Class::Deep => Duration::from_secs(90),
        Class::Batch => Duration::from_secs(600),
    }
}

/// The plan for one request; see the module's header. Equal values give equal plans.
pub fn route(signals: &Signals, policy: &Policy, health: &Health, totals: &Totals) -> Plan {
    let complexity = complexity(signals, &policy.weights);
    let budget = policy.budget_state(totals);
    let tier = match budget {
        Some(_) => Tier::Small,
        None => Tier::of(complexity),
    };
    let mut left_out = Vec::new();
    let mut fit: Vec<&Offer> = Vec::new();
    let mut slow: Vec<&Offer> = Vec::new();
    for offer in &policy.offers {
        match reason::hard(offer, signals, policy, (health, totals)) {
            Some(reason) => left_out.push(LeftOut::new(offer, reason)),
            None if is_slow(offer, signals, health) => slow.push(offer),
            None => fit.push(offer),
        }
    }
    // Where all are slow, the fastest is better than none.
    if fit.is_empty()
        && let Some(at) = (0..slow.len()).min_by_key(|&at| expected(slow[at], signals, health))
    {
        fit.push(slow.remove(at));
    }
    let slow = slow.iter().map(|offer| LeftOut::new(offer, Reason::Slow));
    left_out.extend(slow);
    fit.sort_by_key(|offer| {
        let distance = tier.distance(offer.tier);
        let cost = reserve(offer, signals);
        let name = (&offer.endpoint, &offer.model);
        (distance, cost, expected(offer, signals, health), name)
    });
    if let Some(order) = signals
        .variant
        .as_ref()
        .and_then(|v| policy.variants.get(v))
    {
        let place = |offer: &&Offer| order.iter().position(|n| *n == offer.name());
        fit.sort_by_key(|offer| place(offer).unwrap_or(order.len()));
    }
    let mut candidates: Vec<Candidate> = fit
        .into_iter()
        .map(|offer| Candidate {
            to: Destination::Remote {
                endpoint: offer.endpoint.clone(),
                model: offer.model.clone(),
            },
            first_byte: Some(first_byte(signals.class).max(offer.first_byte.unwrap_or_default())),
            total: total(signals.class),
            reserved: reserve(offer, signals),
        })
        .collect();
    candidates.extend(local(signals, policy, &mut left_out));
    if let Some(last) = candidates.last_mut() {
        last.first_byte = None;
    }
    candidates.push(Candidate {
        to: Destination::Digest,
        first_byte: None,
        total: Duration::ZERO,
        reserved: NanoUsd::ZERO,
    });
    Plan {
        class: signals.class,
        complexity,
        tier,
        candidates,
        left_out,
        budget,
    }
}

/// The local chat model, where there is one and it has room.
fn local(signals: &Signals, policy: &Policy, left_out: &mut Vec<LeftOut>) -> Option<Candidate> {
    let reason = match &policy.local {
        None => Reason::NoLocalModel,
        Some(_) if signals.level == Level::Never => Reason::Level,
        Some(model) if signals.prompt_tokens + signals.output_cap > model.window => Reason::Window,
        Some(_) => {
            return Some(Candidate {
                to: Destination::Local,
                first_byte: Some(first_byte(signals.class)),
                total: total(signals.class),
                reserved: NanoUsd::ZERO,
            });
        }
    };
    left_out.push(LeftOut::local(reason));
    None
}

/// What a request may cost at most.
fn reserve(offer: &Offer, signals: &Signals) -> NanoUsd {
    let price = offer.price.unwrap_or_default();
    price.of(signals.prompt_tokens as u64, 0, signals.output_cap as u64)
}

/// Time to the whole answer by measured speed: the 95th percentile of the first byte and the longest answer at the
/// median rate. `None`, which is less than any time, without measurements.
fn expected(offer: &Offer, signals: &Signals, health: &Health) -> Option<Duration> {
    let of = health.of(&offer.name())?;
    let rate = of.tokens_per_second.filter(|rate| *rate > 0)?;
    let millis = (signals.output_cap as u64).saturating_mul(1_000) / u64::from(rate);
    Some(of.first_byte_p95? + Duration::from_millis(millis))
}

fn is_slow(offer: &Offer, signals: &Signals, health: &Health) -> bool {
    expected(offer, signals, health).is_some_and(|time| time > total(signals.class))
}

#[cfg(test)]
mod tests;
