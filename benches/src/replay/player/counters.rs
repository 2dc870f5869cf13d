//! The server's own counters between two keys, and what they say about who answered.

use serde_json::Value;

use crate::replay::log::Served;

/// Counters of the status, or their difference. Absent ones are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counters {
    /// Requests answered from what was at hand.
    pub hits: f64,
    /// Requests that joined a flight.
    pub attached: f64,
    /// Flights begun.
    pub flights: f64,
    /// Jobs that the model has ended.
    pub model_calls: f64,
    /// Tokens run, and of these those of jobs that never gave a text to show.
    pub tokens_run: f64,
    /// See above.
    pub tokens_unused: f64,
    /// Tokens generated, in this many steps, in this many ms.
    pub generated: f64,
    /// See above.
    pub steps: f64,
    /// See above.
    pub decode_ms: f64,
    /// Changes whose version was not above the one before.
    pub versions_fell: f64,
    /// Documents that went out of step.
    pub out_of_step: f64,
}

impl Counters {
    /// Reads `counts` of a status.
    #[must_use]
    pub fn read(counts: &Value) -> Counters {
        let number = |name: &str| counts[name].as_f64().unwrap_or(0.0);
        let work = |name: &str| counts["work"][name].as_f64().unwrap_or(0.0);
        Counters {
            hits: number("hits"),
            attached: number("attached"),
            flights: number("flights"),
            model_calls: number("modelCalls"),
            tokens_run: number("tokensRun"),
            tokens_unused: number("tokensUnused"),
            generated: work("generated"),
            steps: work("steps"),
            decode_ms: work("decodeMs"),
            versions_fell: number("versionsFell"),
            out_of_step: number("outOfStep"),
        }
    }

    /// What was added since.
    #[must_use]
    pub fn since(&self, before: &Counters) -> Counters {
        Counters {
            hits: self.hits - before.hits,
            attached: self.attached - before.attached,
            flights: self.flights - before.flights,
            model_calls: self.model_calls - before.model_calls,
            tokens_run: self.tokens_run - before.tokens_run,
            tokens_unused: self.tokens_unused - before.tokens_unused,
            generated: self.generated - before.generated,
            steps: self.steps - before.steps,
            decode_ms: self.decode_ms - before.decode_ms,
            versions_fell: self.versions_fell - before.versions_fell,
            out_of_step: self.out_of_step - before.out_of_step,
        }
    }

    /// Who gave the answer that came in between, which was `empty` or not. A flight begun for this key
    /// is the model's work, even if it was begun at the change and the request joined it.
    #[must_use]
    pub fn served(&self, empty: bool) -> Served {
        if self.hits > 0.0 {
            Served::Hit
        } else if self.flights > 0.0 {
            Served::Model
        } else if self.attached > 0.0 {
            Served::Joined
        } else if empty {
            Served::Skipped
        } else {
            Served::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_answered_follows_from_what_was_counted() {
        let served = |counts: Value, empty| {
            let before = Counters::read(&json!({"hits": 1, "flights": 1}));
            Counters::read(&counts).since(&before).served(empty)
        };
        let seen = [
            (json!({"hits": 2, "flights": 1}), false, Served::Hit),
            (
                json!({"hits": 1, "flights": 2, "attached": 1}),
                false,
                Served::Model,
            ),
            (
                json!({"hits": 1, "flights": 1, "attached": 1}),
                true,
                Served::Joined,
            ),
            (json!({"hits": 1, "flights": 1}), true, Served::Skipped),
            (json!({"hits": 1, "flights": 1}), false, Served::Unknown),
        ];
        for (counts, empty, expected) in seen {
            assert_eq!(served(counts, empty), expected);
        }
    }
}
