//! Why an offer is not asked.

use super::{Destination, Health, Offer, Pause, Policy, Signals, Totals, policy::NanoUsd};
use crate::assist::task::Class;

/// The rule that kept an offer out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// The user did not consent to it for this workspace.
    Consent,
    /// The prompt may not go where it is.
    Level,
    /// It is not, or not known to be, in the region that the user pinned.
    Region,
    /// It does not serve this task.
    Role,
    /// Prompt and answer do not fit.
    Window,
    /// It cannot do what the answer needs.
    Features,
    /// A limit counts money, and its price is unknown.
    Price,
    /// It could cost more than one request may.
    Ceiling,
    /// It could cost more than is left until a hard limit.
    Budget,
    /// Too many of its last requests failed.
    Breaker,
    /// It asked to be left alone for a while.
    Parked,
    /// It is left alone until somebody changes something.
    Paused(Pause),
    /// The user says that its first byte takes longer than this request can wait.
    FirstByte,
    /// By its measured speed the answer would not be whole in time.
    Slow,
    /// There is no chat model on this machine.
    NoLocalModel,
}

/// One that is not asked, and why.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LeftOut {
    /// Who.
    pub who: Destination,
    /// Why.
    pub reason: Reason,
}

impl LeftOut {
    pub(super) fn new(offer: &Offer, reason: Reason) -> LeftOut {
        LeftOut {
            who: Destination::Remote {
                endpoint: offer.endpoint.clone(),
                model: offer.model.clone(),
            },
            reason,
        }
    }

    pub(super) fn local(reason: Reason) -> LeftOut {
        LeftOut {
            who: Destination::Local,
            reason,
        }
    }
}

impl Reason {
    /// The name to count under.
    pub fn code(self) -> &'static str {
        match self {
            Reason::Consent => "consent",
            Reason::Level => "level",
            Reason::Region => "region",
            Reason::Role => "role",
            Reason::Window => "window",
            Reason::Features => "features",
            Reason::Price => "price",
            Reason::Ceiling => "ceiling",
            Reason::Budget => "budget",
            Reason::Breaker => "breaker",
            Reason::Parked => "parked",
            Reason::Paused(_) => "paused",
            Reason::FirstByte => "first-byte",
            Reason::Slow => "slow",
            Reason::NoLocalModel => "no-local-model",
        }
    }

    /// The sentence for the user, with what to do where something can be done.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::Consent => {
                "You have not allowed this endpoint for this workspace; say yes when asked, or run the command again."
            }
            Reason::Level => {
                "This code may not go there; declare the endpoint in-house or local in config.toml if it is."
            }
            Reason::Region => "It does not serve the region that you pinned.",
            Reason::Role => "It is not configured for this task.",
            Reason::Window => "Question and answer do not fit its window; select less.",
            Reason::Features => "It lacks an ability that this request needs.",
            Reason::Price => "You set a money limit, and its price is not in config.toml.",
            Reason::Ceiling => "This request could cost more than you allow for one.",
            Reason::Budget => "Your spending limit leaves no room for it.",
            Reason::Breaker => "It failed too often just now and is tried again soon.",
            Reason::Parked => "It asked us to wait.",
            Reason::Paused(Pause::Auth) => "It refused the key; enter another one.",
            Reason::Paused(Pause::Budget) => "The budget of the key is used up at the provider.",
            Reason::Paused(Pause::NotAModel) => {
                "It did not answer like a model; check its address, or sign in to your network."
            }
            Reason::FirstByte => {
                "It thinks longer than a short answer may wait; ask for a deeper one."
            }
            Reason::Slow => "By its measured speed the answer would come too late.",
            Reason::NoLocalModel => "There is no chat model on this machine.",
        }
    }
}

/// The first hard rule that an offer breaks, in the order in which a user would want to hear of them.
pub(super) fn hard(
    offer: &Offer,
    signals: &Signals,
    policy: &Policy,
    (health, totals): (&Health, &Totals),
) -> Option<Reason> {
    let cost = super::reserve(offer, signals);
    let above = |limit: Option<NanoUsd>| limit.is_some_and(|limit| cost > limit);
    let needed = signals.prompt_tokens.saturating_add(signals.output_cap);
    let rules = [
        (!offer.consent, Reason::Consent),
        (!signals.level.may_reach(offer.reach), Reason::Level),
        (
            signals.region.is_some() && signals.region != offer.region,
            Reason::Region,
        ),
        (
            !offer.tasks.is_empty() && !offer.tasks.contains(&signals.task),
            Reason::Role,
        ),
        (needed > offer.window, Reason::Window),
        (!offer.features.cover(signals.needs), Reason::Features),
        (
            policy.counts_money() && offer.price.is_none(),
            Reason::Price,
        ),
        (above(policy.ceiling), Reason::Ceiling),
        (above(policy.room(totals)), Reason::Budget),
        (thinks_too_long(offer, signals), Reason::FirstByte),
    ];
    let broken = rules.into_iter().find(|(broken, _)| *broken);
    if let Some((_, reason)) = broken {
        return Some(reason);
    }
    let state = health.of(&offer.name())?;
    match state.paused {
        Some(pause) => Some(Reason::Paused(pause)),
        None if !state.parked.is_zero() => Some(Reason::Parked),
        None => state.breaker_open.then_some(Reason::Breaker),
    }
}

fn thinks_too_long(offer: &Offer, signals: &Signals) -> bool {
    let brief = signals.class == Class::Brief;
    brief && offer.first_byte > Some(super::first_byte(Class::Brief))
}
