//! Keys and their answers, and the figures that are drawn from them.

use serde_json::{Value, json};

use crate::stats::{quantile, share};

/// One key and its answer.
#[derive(Debug, Clone)]
pub struct Key {
    /// From writing the change and the request to having parsed the answer; ∞ without an answer before
    /// the next key.
    pub ms: f64,
    /// There was something to show.
    pub text: bool,
    /// Served by what was at hand, a kept suggestion or a running flight; `None` where nothing came.
    pub hit: Option<bool>,
    /// Tokens of the prompt.
    pub prompt: u64,
    /// Of these, found in the model's cache.
    pub reused: u64,
    /// Tokens generated.
    pub generated: u64,
    /// Runs of the model.
    pub steps: u64,
}

impl Key {
    /// A key that has no answer yet.
    #[must_use]
    pub fn unanswered() -> Key {
        Key {
            ms: f64::INFINITY,
            text: false,
            hit: None,
            prompt: 0,
            reused: 0,
            generated: 0,
            steps: 0,
        }
    }
}

/// The figures in the order of the table.
pub const NAMES: [&str; 14] = [
    "keys",
    "with_text",
    "d100",
    "l50_all_ms",
    "l95_all_ms",
    "l99_all_ms",
    "hit_share",
    "hit_p50_ms",
    "hit_p95_ms",
    "l50_model_ms",
    "l95_model_ms",
    "l99_model_ms",
    "reused_share",
    "tokens_per_step",
];

/// All figures of a run by the names of [`NAMES`]. Quantiles in ms, null for infinite ones; shares from 0
/// to 1. `d100` is the share answered within 100 ms. *Model* means every key that was not a hit.
#[must_use]
pub fn figures(keys: &[Key]) -> Value {
    let all: Vec<f64> = keys.iter().map(|k| k.ms).collect();
    let hits: Vec<f64> = keys
        .iter()
        .filter(|k| k.hit == Some(true))
        .map(|k| k.ms)
        .collect();
    let misses: Vec<f64> = keys
        .iter()
        .filter(|k| k.hit != Some(true))
        .map(|k| k.ms)
        .collect();
    let model: Vec<&Key> = keys
        .iter()
        .filter(|k| k.hit == Some(false) && k.prompt > 0)
        .collect();
    let sum = |of: fn(&Key) -> u64| model.iter().map(|k| of(k)).sum::<u64>() as usize;
    let count = |wanted: fn(&Key) -> bool| keys.iter().filter(|k| wanted(k)).count();
    json!({
        "keys": keys.len(),
        "with_text": rounded(share(count(|k| k.text), keys.len())),
        "d100": rounded(share(count(|k| k.ms <= 100.0), keys.len())),
        "l50_all_ms": rounded(quantile(&all, 0.5)),
        "l95_all_ms": rounded(quantile(&all, 0.95)),
        "l99_all_ms": rounded(quantile(&all, 0.99)),
        "hit_share": rounded(share(hits.len(), all.len())),
        "hit_p50_ms": rounded(quantile(&hits, 0.5)),
        "hit_p95_ms": rounded(quantile(&hits, 0.95)),
        "l50_model_ms": rounded(quantile(&misses, 0.5)),
        "l95_model_ms": rounded(quantile(&misses, 0.95)),
        "l99_model_ms": rounded(quantile(&misses, 0.99)),
        "reused_share": rounded(share(sum(|k| k.reused), sum(|k| k.prompt))),
        "tokens_per_step": rounded(share(sum(|k| k.generated), sum(|k| k.steps))),
    })
}

/// JSON knows no infinity: an unanswered quantile is null.
fn rounded(value: f64) -> Value {
    if value.is_finite() {
        json!((value * 1000.0).round() / 1000.0)
    } else {
        Value::Null
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_key_is_late_and_never_dropped() {
        let answered = Key {
            ms: 10.0,
            hit: Some(false),
            prompt: 100,
            reused: 98,
            ..Key::unanswered()
        };
        let hit = Key {
            ms: 1.0,
            text: true,
            hit: Some(true),
            ..Key::unanswered()
        };
        let figures = figures(&[answered, hit, Key::unanswered(), Key::unanswered()]);
        assert_eq!(figures["d100"], 0.5);
        assert_eq!(figures["l50_all_ms"], 10.0);
        assert_eq!(figures["l95_all_ms"], Value::Null);
        assert_eq!(figures["hit_p95_ms"], 1.0);
        assert_eq!(figures["l50_model_ms"], Value::Null);
        assert_eq!(figures["reused_share"], 0.98);
    }
}
