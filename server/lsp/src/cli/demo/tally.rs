//! What is counted while the demo runs, and the lines at its end.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// Stages in the order of the pipeline; others that the server names follow.
const STAGES: &[&str] = &[
    "queue", "trigger", "prompt", "tokenise", "prefill", "decode", "filter", "total",
];

/// Counts of one session, seen from the editor.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Keys pressed, each accept being one.
    pub(super) keys: usize,
    /// Keys that the same text takes without suggestions.
    pub(super) keys_without: usize,
    /// Suggestions taken.
    pub(super) accepts: usize,
    /// From the key to the answer on the wire, for answers with a text.
    pub(super) shown: Vec<Duration>,
    /// The same for answers without one.
    pub(super) empty: Vec<Duration>,
    /// Requests that the next key overtook.
    pub(super) overtaken: usize,
}

impl Tally {
    /// The share of keys that nobody had to press, 0 to 1.
    pub(super) fn saved(&self) -> f64 {
        match self.keys_without {
            0 => 0.0,
            without => 1.0 - self.keys as f64 / without as f64,
        }
    }

    /// All figures as one object; `status` is the server's own answer.
    pub(super) fn json(&self, status: &Value) -> Value {
        let quantiles = |times: &[Duration]| json!({"count": times.len(), "p50": ms(times, 0.5), "p95": ms(times, 0.95)});
        json!({
            "keys": self.keys,
            "keysWithout": self.keys_without,
            "saved": self.saved(),
            "accepts": self.accepts,
            "shown": quantiles(&self.shown),
            "empty": quantiles(&self.empty),
            "overtaken": self.overtaken,
            "model": status["model"],
            "stages": status["stages"],
            "withheld": status["withheld"],
        })
    }

    /// The summary for a person.
    pub(super) fn write(&self, status: &Value, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} keys in place of {}: {:.0} % saved by {} accepted suggestions.",
            self.keys,
            self.keys_without,
            100.0 * self.saved(),
            self.accepts
        )?;
        writeln!(
            out,
            "\nKey to answer over the wire      count      p50      p95"
        )?;
        let rows = [
            ("with a suggestion", &self.shown),
            ("with none", &self.empty),
        ];
        for (name, times) in rows.iter().filter(|(_, times)| !times.is_empty()) {
            write_row(
                out,
                name,
                times.len() as u64,
                ms(times, 0.5),
                ms(times, 0.95),
            )?;
        }
        if self.overtaken > 0 {
            writeln!(out, "  overtaken by the next key {:>10}", self.overtaken)?;
        }
        if let Some(stages) = status["stages"]
            .as_object()
            .filter(|stages| !stages.is_empty())
        {
            writeln!(
                out,
                "\nStage inside the server          count      p50      p95"
            )?;
            for (name, stage) in in_order(stages) {
                let figure = |key: &str| stage[key].as_f64().unwrap_or(0.0);
                let count = stage["count"].as_u64().unwrap_or(0);
                write_row(out, name, count, figure("p50"), figure("p95"))?;
            }
        }
        if let Some(withheld) = status["withheld"]
            .as_object()
            .filter(|reasons| !reasons.is_empty())
        {
            writeln!(out, "\nWithheld, by reason")?;
            let mut reasons: Vec<_> = withheld
                .iter()
                .map(|(code, count)| (count.as_u64().unwrap_or(0), code))
                .collect();
            reasons.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
            for (count, code) in reasons {
                writeln!(out, "  {code:<26} {count:>9}")?;
            }
        }
        Ok(())
    }
}

fn write_row(out: &mut dyn Write, name: &str, count: u64, p50: f64, p95: f64) -> io::Result<()> {
    writeln!(out, "  {name:<26} {count:>9} {p50:>5.1} ms {p95:>5.1} ms")
}

fn in_order(stages: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut rows: Vec<(&str, &Value)> = stages
        .iter()
        .map(|(name, stage)| (name.as_str(), stage))
        .collect();
    let place = |name: &str| {
        STAGES
            .iter()
            .position(|stage| *stage == name)
            .unwrap_or(STAGES.len())
    };
    rows.sort_by_key(|(name, _)| place(name));
    rows
}

/// The quantile by the nearest rank, ms; 0 of nothing.
fn ms(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn quantiles_take_the_nearest_rank() {
        let times: Vec<Duration> = (1..=20).rev().map(Duration::from_millis).collect();
        assert_eq!(
            (ms(&times, 0.5), ms(&times, 0.95), ms(&[], 0.5)),
            (10.0, 19.0, 0.0)
        );
        assert_eq!(ms(&times[..1], 0.95), 20.0);
    }

    #[test]
    fn the_summary_names_stages_in_order_and_reasons_by_count() {
        let tally = Tally {
            keys: 60,
            keys_without: 100,
            accepts: 5,
            shown: vec![Duration::from_millis(12)],
            empty: Vec::new(),
            overtaken: 2,
        };
        let stage = json!({"count": 3, "p50": 1.5, "p95": 20.0});
        let status = json!({
            "stages": {"total": stage, "odd": stage, "queue": stage},
            "withheld": {"below-gate": 9, "empty": 9, "repeats-below": 11},
        });
        let mut text = Vec::new();
        tally.write(&status, &mut text).unwrap();
        let expected = expect![[r#"
            60 keys in place of 100: 40 % saved by 5 accepted suggestions.

            Key to answer over the wire      count      p50      p95
              with a suggestion                  1  12.0 ms  12.0 ms
              overtaken by the next key          2

            Stage inside the server          count      p50      p95
              queue                              3   1.5 ms  20.0 ms
              total                              3   1.5 ms  20.0 ms
              odd                                3   1.5 ms  20.0 ms

            Withheld, by reason
              repeats-below                     11
              below-gate                         9
              empty                              9
        "#]];
        expected.assert_eq(&String::from_utf8(text).unwrap());
        assert_eq!(tally.json(&status)["saved"], 0.4);
    }
}
