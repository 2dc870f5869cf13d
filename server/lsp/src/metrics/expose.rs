//! Figures in the text format that Prometheus reads (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt;

use foretoken_remote::ledger::Line;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::figures::{BOUNDS, Counted, Figures, Histogram, SIZES, Sizes, Suggested};
use super::names::{self, Kind, Metric};

/// What is to be sent as the type of the page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How far something drifted, by its kind.
pub type Drift<'a> = (&'a str, f64);

/// The page for these figures, what remote answers cost and what drifted.
pub fn page(figures: &Figures, costs: &[Line], drift: &[Drift<'_>]) -> String {
    let mut registry = Registry::default();
    let mut rows = rows(figures, costs);
    rows.extend(drift.iter().map(|(kind, far)| Row {
        metric: names::DRIFT,
        values: vec![(*kind).to_owned()],
        value: Value::Level(*far),
    }));
    registry.register_collector(Box::new(Sums { rows }));
    let mut page = String::new();
    // Writing to a text cannot fail.
    let _ = prometheus_text::encode(&mut page, &registry);
    page
}

/// One series: its metric, the values of its labels, its number or its histogram.
#[derive(Debug)]
struct Row {
    metric: Metric,
    values: Vec<String>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Count(u64),
    Times(Histogram),
    Sizes(Sizes),
    Level(f64),
}

#[derive(Debug)]
struct Sums {
    rows: Vec<Row>,
}

impl Collector for Sums {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in names::ALL {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Histogram => MetricType::Histogram,
                Kind::Gauge => MetricType::Gauge,
            };
            let rows = || self.rows.iter().filter(|row| row.metric == *metric);
            if rows().next().is_none() {
                continue;
            }
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for row in rows() {
                let labels: Vec<(&str, &str)> = metric
                    .labels
                    .iter()
                    .copied()
                    .zip(row.values.iter().map(String::as_str))
                    .collect();
                let mut series = family.encode_family(&labels)?;
                match &row.value {
                    Value::Count(count) => {
                        series.encode_counter::<NoLabelSet, u64, f64>(count, None)?;
                    }
                    Value::Level(level) => series.encode_gauge(level)?,
                    Value::Sizes(sizes) => {
                        let bounds = SIZES.iter().map(|bound| *bound as f64);
                        let bounds = bounds.chain([f64::INFINITY]);
                        let buckets: Vec<(f64, u64)> =
                            bounds.zip(sizes.buckets().iter().copied()).collect();
                        series.encode_histogram::<NoLabelSet>(
                            sizes.sum() as f64,
                            sizes.count(),
                            &buckets,
                            None,
                        )?;
                    }
                    Value::Times(times) => {
                        let bounds = BOUNDS.iter().copied().chain([f64::INFINITY]);
                        let buckets: Vec<(f64, u64)> =
                            bounds.zip(times.buckets().iter().copied()).collect();
                        series.encode_histogram::<NoLabelSet>(
                            times.sum(),
                            times.count(),
                            &buckets,
                            None,
                        )?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn rows(figures: &Figures, costs: &[Line]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut count = |metric: Metric, values: &[&str], count: u64| {
        debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
        rows.push(Row {
            metric,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            value: Value::Count(count),
        });
    };
    counted(&figures.requests, |outcome, n| {
        count(names::REQUESTS, &["completion", outcome], n);
    });
    counted(&figures.nothing, |reason, n| {
        count(names::NOTHING_SHOWN, &[reason], n);
    });
    counted(&figures.cache, |event, n| {
        count(names::CACHE_EVENTS, &["suggestions", event], n);
    });
    for (language, writers) in &figures.suggestions {
        for (model, row) in writers {
            for (event, n) in events(row) {
                count(names::SUGGESTIONS, &[event, language, model], n);
            }
        }
    }
    let sum = figures.suggested();
    count(names::CHARACTERS, &["accepted"], sum.characters);
    count(names::CHARACTERS, &["retained"], sum.retained);
    let tokens = figures.tokens;
    for (kind, n) in [
        ("run", tokens.run),
        ("reused", tokens.reused),
        ("generated", tokens.generated),
        ("drafted", tokens.drafted),
        ("draft_accepted", tokens.accepted),
    ] {
        count(names::TOKENS, &[kind], n);
    }
    count(names::WASTED_TOKENS, &["completion"], tokens.wasted);
    let answers = figures.answers;
    let finished = answers.answered.saturating_sub(answers.cut);
    for (outcome, n) in [
        ("ok", answers.answered),
        ("failed", answers.failed),
        ("cancelled", answers.cancelled),
    ] {
        count(names::REQUESTS, &["answer", outcome], n);
    }
    count(names::STREAMS, &["finished"], finished);
    count(names::STREAMS, &["cut"], answers.cut);
    count(names::EDITS, &["applied"], answers.edits_applied);
    count(names::EDITS, &["discarded"], answers.edits_discarded);
    count(names::RATINGS, &["useful"], answers.useful);
    count(names::RATINGS, &["not_useful"], answers.not_useful);
    let mut spent: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for line in costs {
        *spent.entry((&line.task, &line.model)).or_default() += line.cost;
    }
    for ((task, model), cost) in spent {
        count(names::COST, &[task, model], cost);
    }
    for (route, n) in &figures.made.routes {
        let labels: Vec<&str> = route.split(' ').collect();
        // A file of another version may say it otherwise.
        if labels.len() == names::ROUTES.labels.len() {
            count(names::ROUTES, &labels, *n);
        }
    }
    count(names::FALLBACKS, &[], figures.made.fallbacks);
    count(names::TYPING_SECONDS, &[], figures.typing_seconds);
    count(names::CHANGES, &[], figures.changes);
    count(names::PANICS, &[], figures.panics);
    count(names::SLOW_TICKS, &[], figures.slow_ticks);
    let mut time = |metric, values: &[&str], times: &Histogram| {
        rows.push(Row {
            metric,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            value: Value::Times(*times),
        });
    };
    for (source, times) in &figures.answer_seconds {
        let values = ["text_completion", "onnxruntime", source.as_ref()];
        time(names::OPERATION_SECONDS, &values, times);
    }
    for (stage, times) in &figures.stage_seconds {
        time(names::STAGE_SECONDS, &["completion", stage.as_ref()], times);
    }
    for (stage, times) in &figures.made.stage_seconds {
        time(names::STAGE_SECONDS, &["answer", stage.as_ref()], times);
    }
    for (section, sizes) in &figures.made.section_tokens {
        rows.push(Row {
            metric: names::SECTION_TOKENS,
            values: vec!["answer".to_owned(), section.to_string()],
            value: Value::Sizes(*sizes),
        });
    }
    rows
}

fn counted(counts: &Counted, mut each: impl FnMut(&str, u64)) {
    counts.iter().for_each(|(name, count)| each(name, *count));
}

fn events(row: &Suggested) -> [(&'static str, u64); 8] {
    [
        ("shown", row.offered),
        ("accepted", row.accepted),
        ("accepted_whole", row.whole),
        ("rejected", row.dismissed),
        ("judged_30s", row.judged_30s),
        ("survived_30s", row.survived_30s),
        ("judged_5m", row.judged_5m),
        ("survived_5m", row.survived_5m),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line(cost: u64) -> Line {
        Line {
            day: "2026-11-30".to_owned(),
            task: "explain".to_owned(),
            model: "work/\"large\"".to_owned(),
            requests: 1,
            input: 1,
            output: 1,
            cost,
        }
    }

    #[test]
    fn the_page_is_as_prometheus_reads_it() {
        let mut figures = Figures::default();
        figures.nothing.insert("inside-word".into(), 3);
        let mut times = Histogram::default();
        times.add(Duration::from_micros(700));
        times.add(Duration::from_secs(20));
        figures.stage_seconds.insert("prefill".into(), times);
        let sizes = figures.made.section_tokens.entry("hits".into());
        sizes.or_default().add(1_000);
        figures
            .made
            .routes
            .insert("explain small public 1".into(), 2);
        figures.made.routes.insert("of another version".into(), 9);
        let page = page(&figures, &[line(5), line(6)], &[("tasks", 0.25)]);
        for part in [
            "# HELP foretoken_nothing_shown_total Empty answers by reason",
            "# TYPE foretoken_nothing_shown_total counter\nforetoken_nothing_shown_total{reason=\"inside-word\"} 3\n",
            "foretoken_cost_nanousd_total{task=\"explain\",gen_ai_request_model=\"work/\\\"large\\\"\"} 11\n",
            "# TYPE foretoken_stage_seconds histogram\n",
            "foretoken_stage_seconds_bucket{feature=\"completion\",stage=\"prefill\",le=\"0.0005\"} 0\n",
            "foretoken_stage_seconds_bucket{feature=\"completion\",stage=\"prefill\",le=\"0.001\"} 1\n",
            "foretoken_stage_seconds_bucket{feature=\"completion\",stage=\"prefill\",le=\"+Inf\"} 2\n",
            "foretoken_stage_seconds_count{feature=\"completion\",stage=\"prefill\"} 2\n",
            "foretoken_prompt_section_tokens_bucket{feature=\"answer\",section=\"hits\",le=\"1024\"} 1\n",
            "foretoken_prompt_section_tokens_sum{feature=\"answer\",section=\"hits\"} 1000.0\n",
            "foretoken_route_total{task=\"explain\",tier=\"small\",level=\"public\",position=\"1\"} 2\n",
            "foretoken_fallbacks_total 0\n",
            "# TYPE foretoken_drift gauge\nforetoken_drift{kind=\"tasks\"} 0.25\n",
            "foretoken_stage_seconds_sum{feature=\"completion\",stage=\"prefill\"} 20.0007\n",
        ] {
            assert!(page.contains(part), "{part}\n---\n{page}");
        }
    }

    #[test]
    fn every_metric_is_described_once() {
        let mut names: Vec<&str> = names::ALL.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), names::ALL.len());
    }
}
