//! What the user configured: offers, prices, limits. Money is in integer nano-dollars, because one short reply costs less
//! than a micro-dollar can express.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Tier, Weights};
use crate::assist::task::Task;
use crate::privacy::Reach;

/// Billionths of a US dollar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct NanoUsd(pub u64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: NanoUsd = NanoUsd(0);

    /// The sum; a sum too large to express is the largest amount.
    #[must_use]
    pub fn plus(self, other: NanoUsd) -> NanoUsd {
        NanoUsd(self.0.saturating_add(other.0))
    }
}

impl std::fmt::Display for NanoUsd {
    /// Dollars with as many decimals as are needed, two at least: `$0.0000135`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (dollars, rest) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let digits = format!("{rest:09}");
        let kept = digits.trim_end_matches('0').len().max(2);
        write!(f, "${dollars}.{}", &digits[..kept])
    }
}

/// Nano-dollars for a million tokens each, so that a price of 0.0375 dollars for a million is exact.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Price {
    /// Of the prompt.
    pub input: NanoUsd,
    /// Of what of the prompt the provider still had.
    pub cached_input: NanoUsd,
    /// Of the answer.
    pub output: NanoUsd,
}

impl Price {
    /// What this usage costs, rounded up to a whole nano-dollar. `input` counts all tokens of the prompt, `cached` those
    /// among them that the provider still had.
    pub fn of(&self, input: u64, cached: u64, output: u64) -> NanoUsd {
        let cached = cached.min(input);
        let part = |tokens: u64, price: NanoUsd| u128::from(tokens) * u128::from(price.0);
        let millionths = part(input - cached, self.input)
            + part(cached, self.cached_input)
            + part(output, self.output);
        NanoUsd(u64::try_from(millionths.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

/// What a model can do beside answering with text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Features {
    /// Calls tools.
    pub tools: bool,
    /// Answers in JSON of a given form.
    pub json: bool,
}

impl Features {
    /// Whether it can do all that is needed.
    pub fn cover(self, needs: Features) -> bool {
        (self.tools || !needs.tools) && (self.json || !needs.json)
    }
}

/// One model at one endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The endpoint's name in the user's configuration.
    pub endpoint: String,
    /// The model's name on its wire.
    pub model: String,
    /// Where the endpoint may be, as declared.
    pub reach: Reach,
    /// The user consented to it for this workspace.
    pub consent: bool,
    /// Where it runs, as the user wrote it.
    pub region: Option<String>,
    /// The only tasks that it may serve; all where there are none.
    pub tasks: Vec<Task>,
    /// Tokens of prompt and answer together.
    pub window: usize,
    /// What it can do.
    pub features: Features,
    /// How large it is.
    pub tier: Tier,
    /// What it costs; unknown where the user gave none.
    pub price: Option<Price>,
    /// The user says that it takes so long for its first byte, as models that think first do.
    pub first_byte: Option<Duration>,
}

impl Offer {
    /// `endpoint/model`: its name in health, variants and reports.
    pub fn name(&self) -> String {
        format!("{}/{}", self.endpoint, self.model)
    }
}

/// The chat model on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalModel {
    /// Tokens of prompt and answer together.
    pub window: usize,
}

/// A spending limit that matters now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Budget {
    /// The soft limit of the day is reached: small models are preferred.
    SoftDay,
    /// That of the month.
    SoftMonth,
    /// The hard limit of the day is reached: nothing that costs is sent.
    HardDay,
    /// That of the month.
    HardMonth,
}

impl Budget {
    /// Whether nothing that costs is sent.
    pub fn is_hard(self) -> bool {
        self >= Budget::HardDay
    }
}

/// What was spent and is set aside, up to now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// This day.
    pub day: NanoUsd,
    /// This month.
    pub month: NanoUsd,
}

/// What the user allows. Limits that are `None` do not exist.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// Everything that could be asked.
    pub offers: Vec<Offer>,
    /// The chat model on this machine, where its package has a chat dialect.
    pub local: Option<LocalModel>,
    /// Most that one request may cost.
    pub ceiling: Option<NanoUsd>,
    /// From here on small models, by day.
    pub soft_day: Option<NanoUsd>,
    /// By month.
    pub soft_month: Option<NanoUsd>,
    /// From here on nothing that costs, by day.
    pub hard_day: Option<NanoUsd>,
    /// By month.
    pub hard_month: Option<NanoUsd>,
    /// Points of a question.
    pub weights: Weights,
    /// For each arm of a comparison the offers' names in the order to try; they reorder what is allowed, nothing more.
    pub variants: BTreeMap<String, Vec<String>>,
}

impl Policy {
    /// Whether any limit counts money: then an offer without a price cannot be asked.
    pub fn counts_money(&self) -> bool {
        let limits = [
            self.ceiling,
            self.soft_day,
            self.soft_month,
            self.hard_day,
            self.hard_month,
        ];
        limits.iter().any(Option::is_some)
    }

    /// The strictest limit that is reached.
    pub fn budget_state(&self, totals: &Totals) -> Option<Budget> {
        let limits = [
            (Budget::SoftDay, self.soft_day, totals.day),
            (Budget::SoftMonth, self.soft_month, totals.month),
            (Budget::HardDay, self.hard_day, totals.day),
            (Budget::HardMonth, self.hard_month, totals.month),
        ];
        let reached = limits
            .into_iter()
            .filter(|(_, limit, spent)| limit.is_some_and(|limit| *spent >= limit));
        reached.map(|(budget, ..)| budget).max()
    }

    /// What may still be spent before a hard limit.
    pub(super) fn room(&self, totals: &Totals) -> Option<NanoUsd> {
        let left = |limit: Option<NanoUsd>, spent: NanoUsd| {
            limit.map(|limit| NanoUsd(limit.0.saturating_sub(spent.0)))
        };
        let rooms = [
            left(self.hard_day, totals.day),
            left(self.hard_month, totals.month),
        ];
        rooms.into_iter().flatten().min()
    }
}
