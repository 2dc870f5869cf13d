//! The figures of all runs as tables and as JSON, with the gates of the shipped model.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::compare::{Comparison, compare};
use super::figures::{self, Baseline, Figures, get};
use super::run::Run;
use super::traces::{Class, Trace};
use super::variants::{PLAIN, SHIPPED};
use crate::stats::table;

mod gates;
mod tables;

pub use gates::Gate;
use tables::{by_class, by_language, order, speculation};

/// Everything that a report is made from.
#[derive(Debug)]
pub struct Report<'a> {
    /// The traces.
    pub traces: &'a [Trace],
    /// What the n-grams show in them.
    pub baseline: &'a Baseline,
    /// All runs, those of the first editor first.
    pub runs: &'a [Run],
    /// What the run was: machine, pace, seed and so on, as sentences.
    pub conditions: Vec<String>,
    /// What could not be had.
    pub notes: &'a [String],
    /// For the intervals.
    pub seed: u64,
}

/// The figures for which a variant is compared with the shipped one.
const RATIOS: [&str; 7] = [
    "l50_all_ms",
    "l95_all_ms",
    "l50_model_ms",
    "l95_model_ms",
    "after_accept_p50_ms",
    "tokens_per_key",
    "cpu_ms_per_key",
];

impl Report<'_> {
    /// All figures of a run over the class `type`, with those of its process.
    #[must_use]
    pub fn figures(&self, run: &Run) -> Figures {
        let typed = run.of(Class::Type);
        let mut all = figures::latencies(&typed);
        // These two are of classes of their own.
        all.retain(|(name, _)| !name.starts_with("after_") && !name.contains("_jump_"));
        let accepts = figures::latencies(&run.of(Class::Accept));
        for name in ["after_accept_p50_ms", "after_accept_p95_ms"] {
            all.push((name, get(&accepts, name)));
        }
        all.extend(figures::texts(&typed, self.baseline));
        all.extend(figures::accepts(&run.of(Class::Accept)));
        all.extend(figures::costs(&run.cost));
        let counted = &run.counted;
        all.push((
            "replies_per_request",
            counted.replies as f64 / counted.requests as f64,
        ));
        all.push(("late_texts", counted.late_texts as f64));
        all.push(("rss_mb", run.rss_mb));
        all.push(("idle_cpu_ms", run.idle_ms));
        all
    }

    /// Draft against none where every key is computed alone: the texts, and the ratio of tokens a
    /// second.
    #[must_use]
    pub fn drafts(&self) -> Option<(Comparison, f64)> {
        let of = |word: &str| self.runs.iter().find(|run| run.variant == word);
        let (with, without) = (of(PLAIN[0])?, of(PLAIN[1])?);
        let speed = |run: &Run| get(&figures::costs(&run.cost), "decode_tokens_per_s");
        let ratio = speed(with) / speed(without);
        Some((compare(&with.played, &without.played), ratio))
    }

    /// The gates and how they stand.
    #[must_use]
    pub fn gates(&self) -> Vec<Gate> {
        gates::gates(self)
    }

    /// The runs of each editor.
    fn by_persona(&self) -> Vec<(&str, Vec<&Run>)> {
        let mut found: Vec<(&str, Vec<&Run>)> = Vec::new();
        for run in self.runs {
            match found.last_mut() {
                Some((persona, runs)) if *persona == run.persona => runs.push(run),
                _ => found.push((&run.persona, vec![run])),
            }
        }
        found
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |sentence: &str| {
            text.push_str(sentence);
            text.push('\n');
        };
        self.conditions.iter().for_each(|sentence| line(sentence));
        line(&self.typed());
        for (persona, runs) in self.by_persona() {
            line(&format!(
                "\n{persona}, class `type`; ms, shares of 1; ∞: no answer before the next key; –: not known\n"
            ));
            line(&self.side_by_side(&runs));
            if runs.len() > 1 {
                line("divided by the shipped one\n");
                line(&self.ratios(&runs));
            }
            line(&self.intervals(runs[0]));
            line(&format!("\n{persona}, {} by class\n", runs[0].variant));
            line(&by_class(runs[0]));
            line(&format!(
                "{persona}, {}, class `type` by language\n",
                runs[0].variant
            ));
            line(&by_language(self, runs[0]));
            line(&speculation(runs[0]));
            for run in &runs {
                line(&order(run));
                if !run.still_on.is_empty() {
                    let kinds = run.still_on.join(", ");
                    line(&format!(
                        "{}: the server does not say that it has switched off {kinds}; this column may mean nothing",
                        run.variant
                    ));
                }
            }
        }
        if let Some((found, ratio)) = self.drafts() {
            line(&self.drafts_sentence(&found, ratio));
        }
        for gate in self.gates() {
            line(&gate.sentence());
        }
        self.notes
            .iter()
            .for_each(|note| line(&format!("note: {note}")));
        text
    }

    /// What was played, by the run as shipped.
    fn typed(&self) -> String {
        let played = &self.runs[0].played;
        let mut languages: BTreeMap<&str, usize> = BTreeMap::new();
        let mut files = std::collections::BTreeSet::new();
        for played in played {
            let trace = &self.traces[played.trace];
            let repository = trace.place.split(' ').next().unwrap_or_default();
            for document in &trace.documents {
                files.insert((repository, document.path.as_str()));
            }
            *languages.entry(trace.documents[0].group).or_default() += played.keys.len();
        }
        let keys: usize = languages.values().sum();
        let languages: Vec<String> = languages.iter().map(|(l, k)| format!("{l} {k}")).collect();
        let (traces, files) = (played.len(), files.len());
        format!(
            "{traces} traces in {files} files, {keys} keys: {}",
            languages.join(", ")
        )
    }

    fn side_by_side(&self, runs: &[&Run]) -> String {
        let columns: Vec<Figures> = runs.iter().map(|run| self.figures(run)).collect();
        let mut rows = vec![head(runs)];
        for (name, _) in &columns[0] {
            let cells = columns.iter().map(|column| cell(get(column, name)));
            rows.push(std::iter::once((*name).to_owned()).chain(cells).collect());
        }
        table(&rows)
    }

    fn ratios(&self, runs: &[&Run]) -> String {
        let columns: Vec<Figures> = runs.iter().map(|run| self.figures(run)).collect();
        let mut rows = vec![head(runs)];
        for name in RATIOS {
            let shipped = get(&columns[0], name);
            let cells = columns
                .iter()
                .map(|column| cell(get(column, name) / shipped));
            rows.push(std::iter::once(name.to_owned()).chain(cells).collect());
        }
        table(&rows)
    }

    fn interval(&self, run: &Run, figure: usize) -> (&'static str, f64, f64) {
        let (name, figure) = figures::WITH_INTERVAL[figure];
        let (low, high) = figures::interval(&run.of(Class::Type), figure, self.seed);
        (name, low, high)
    }

    fn intervals(&self, run: &Run) -> String {
        let all = (0..figures::WITH_INTERVAL.len()).map(|figure| {
            let (name, low, high) = self.interval(run, figure);
            format!("{name} {} to {}", cell(low), cell(high))
        });
        let all: Vec<String> = all.collect();
        format!(
            "{}: 95 % intervals over hunks: {}",
            run.variant,
            all.join(", ")
        )
    }

    fn drafts_sentence(&self, found: &Comparison, ratio: f64) -> String {
        let Comparison {
            same,
            cut,
            different,
            unanswered,
            first,
        } = found;
        let first = first.map_or_else(String::new, |(trace, key)| {
            format!("; the first at key {key} of {}", self.traces[trace].place)
        });
        format!(
            "drafts on and off, each key computed alone: {same} answers equal, {cut} cut short by time, {different} different{first}, {unanswered} not compared; tokens a second × {}",
            cell(ratio)
        )
    }

    /// As JSON. Infinite and unknown figures are null, since JSON has neither.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut personas = Map::new();
        for (persona, runs) in self.by_persona() {
            let metrics: Map<String, Value> = runs
                .iter()
                .map(|run| (run.variant.to_owned(), object(&self.figures(run))))
                .collect();
            let of_class = |class: Class| {
                let played = runs[0].of(class);
                let figures = object(&figures::latencies(&played));
                (!played.is_empty()).then(|| (class.word().to_owned(), figures))
            };
            let classes: Map<String, Value> = Class::ALL.into_iter().filter_map(of_class).collect();
            let intervals: Map<String, Value> = (0..figures::WITH_INTERVAL.len())
                .map(|figure| {
                    let (name, low, high) = self.interval(runs[0], figure);
                    (name.to_owned(), json!([finite(low), finite(high)]))
                })
                .collect();
            let disorder: Map<String, Value> = runs
                .iter()
                .map(|run| (run.variant.to_owned(), json!(run.disorder())))
                .collect();
            let counts: Map<String, Value> = runs
                .iter()
                .map(|run| (run.variant.to_owned(), run.counts.clone()))
                .collect();
            let of_persona = json!({
                "metrics": metrics, "classes": classes, "intervals": intervals, "disorder": disorder,
                "counts": counts,
            });
            personas.insert(persona.to_owned(), of_persona);
        }
        let gates = self.gates().into_iter().map(|gate| {
            json!({"gate": gate.name, "value": finite(gate.value), "limit": gate.limit, "holds": gate.holds})
        });
        json!({
            "metrics": personas.values().next().map(|first| first["metrics"][SHIPPED].clone()),
            "personas": personas,
            "gates": gates.collect::<Vec<Value>>(),
            "drafts": self.drafts().map(|(found, ratio)| json!({
                "same": found.same, "cut": found.cut, "different": found.different,
                "unanswered": found.unanswered, "tokens_per_s_ratio": finite(ratio),
            })),
            "model": self.runs[0].model,
            "conditions": self.conditions,
            "played": self.typed(),
            "notes": self.notes,
        })
    }
}

fn head(runs: &[&Run]) -> Vec<String> {
    let words = runs.iter().map(|run| run.variant.to_owned());
    std::iter::once(String::new()).chain(words).collect()
}

/// A figure with two decimals, or its sign.
fn cell(value: f64) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else if value.is_infinite() {
        "∞".to_owned()
    } else if value.fract() == 0.0 {
        format!("{value}")
    } else if value.abs() < 1.0 {
        format!("{value:.3}")
    } else {
        format!("{value:.2}")
    }
}

fn finite(value: f64) -> Value {
    if value.is_finite() {
        json!((value * 10_000.0).round() / 10_000.0)
    } else {
        Value::Null
    }
}

fn object(figures: &Figures) -> Value {
    let all = figures
        .iter()
        .map(|(name, value)| ((*name).to_owned(), finite(*value)));
    Value::Object(all.collect())
}
