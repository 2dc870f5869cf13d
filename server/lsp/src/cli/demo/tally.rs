//! What is counted while the demo runs, and the lines at its end.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// Stages of a report in the order of the pipeline.
const STAGES: [&str; 8] = [
    "wait", "lookup", "prompt", "tokenise", "prefill", "decode", "filter", "total",
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
    /// Times inside the server by stage, of the answers for which the model ran.
    stages: [Vec<Duration>; STAGES.len()],
}

impl Tally {
    /// The share of keys that nobody had to press, 0 to 1.
    pub(super) fn saved(&self) -> f64 {
        match self.keys_without {
            0 => 0.0,
            without => 1.0 - self.keys as f64 / without as f64,
        }
    }

    /// Takes the times out of the server's report on one completion. An answer that was at hand has
    /// none worth counting.
    pub(super) fn stages(&mut self, report: &Value) {
        if report["tokens"]["steps"]
            .as_u64()
            .is_none_or(|steps| steps == 0)
        {
            return;
        }
        for (times, stage) in self.stages.iter_mut().zip(STAGES) {
            if let Some(ms) = report["ms"][stage]
                .as_f64()
                .filter(|ms| (0.0..1e9).contains(ms))
            {
                times.push(Duration::from_secs_f64(ms / 1000.0));
            }
        }
    }

    /// All figures as one object; `status` is the server's own account.
    pub(super) fn json(&self, status: &Value) -> Value {
        let quantiles = |times: &[Duration]| json!({"count": times.len(), "p50": ms(times, 0.5), "p95": ms(times, 0.95)});
        let stages: Map<String, Value> = STAGES
            .iter()
            .zip(&self.stages)
            .map(|(stage, times)| ((*stage).to_owned(), quantiles(times)))
            .collect();
        json!({
            "keys": self.keys,
            "keysWithout": self.keys_without,
            "saved": self.saved(),
            "accepts": self.accepts,
            "shown": quantiles(&self.shown),
            "empty": quantiles(&self.empty),
            "overtaken": self.overtaken,
            "model": status["model"],
            "stages": stages,
            "withheld": withheld(status),
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
            "\n{:<28} {:>9} {:>8} {:>8}",
            "From key to answer", "count", "p50", "p95"
        )?;
        write_row(out, "with a suggestion", &self.shown)?;
        write_row(out, "with none", &self.empty)?;
        if self.overtaken > 0 {
            writeln!(
                out,
                "  {:<26} {:>9}",
                "overtaken by the next key", self.overtaken
            )?;
        }
        if self.stages.iter().any(|times| !times.is_empty()) {
            writeln!(out, "\nOf these, where the model ran")?;
        }
        for (stage, times) in STAGES.iter().zip(&self.stages) {
            write_row(out, stage, times)?;
        }
        let mut reasons: Vec<_> = withheld(status).into_iter().collect();
        if !reasons.is_empty() {
            writeln!(out, "\nWithheld, by reason")?;
        }
        // The most frequent first; the sort keeps equal ones in the order of their names.
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(count.as_u64()));
        for (code, count) in reasons {
            writeln!(out, "  {code:<26} {:>9}", count.as_u64().unwrap_or(0))?;
        }
        Ok(())
    }
}

/// Empty answers by reason.
fn withheld(status: &Value) -> Map<String, Value> {
    status["counts"]["empty"]
        .as_object()
        .cloned()
        .unwrap_or_default()
}

/// Count and quantiles of a row that has any.
fn write_row(out: &mut dyn Write, name: &str, times: &[Duration]) -> io::Result<()> {
    if times.is_empty() {
        return Ok(());
    }
    let (count, p50, p95) = (times.len(), ms(times, 0.5), ms(times, 0.95));
    writeln!(out, "  {name:<26} {count:>9} {p50:>5.1} ms {p95:>5.1} ms")
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
        let mut tally = Tally {
            keys: 60,
            keys_without: 100,
            accepts: 5,
            shown: vec![Duration::from_millis(12)],
            overtaken: 2,
            ..Tally::default()
        };
        for (steps, ms) in [(3, 1.5), (4, 20.0), (0, 900.0)] {
            let stages = json!({"total": ms, "prefill": ms / 2.0, "odd": 1.0});
            tally.stages(&json!({"tokens": {"steps": steps}, "ms": stages}));
        }
        tally.stages(&Value::Null);
        let status = json!({
            "counts": {"empty": {"below-gate": 9, "empty": 9, "repeats-below": 11}},
        });
        let mut text = Vec::new();
        tally.write(&status, &mut text).unwrap();
        let expected = expect![[r#"
            60 keys in place of 100: 40 % saved by 5 accepted suggestions.

            From key to answer               count      p50      p95
              with a suggestion                  1  12.0 ms  12.0 ms
              overtaken by the next key          2

            Of these, where the model ran
              prefill                            2   0.8 ms  10.0 ms
              total                              2   1.5 ms  20.0 ms

            Withheld, by reason
              repeats-below                     11
              below-gate                         9
              empty                              9
        "#]];
        expected.assert_eq(&String::from_utf8(text).unwrap());
        let json = tally.json(&status);
        assert_eq!(json["saved"], 0.4);
        assert_eq!(json["stages"]["total"]["count"], 2);
        assert_eq!(json["withheld"]["empty"], 9);
    }
}
