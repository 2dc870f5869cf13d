//! What a model costs and is worth on this machine: completions of lines of the demo's bundled files, which it was not trained on,
//! with drafts and without.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretoken_engine::document::Document;
use foretoken_engine::prompt::Window;
use foretoken_engine::trigger::{History, Kind};
use foretoken_grammars::Language;
use foretoken_infer::{ModelInfo, Options};
use serde_json::json;

use super::super::demo::sample::{Choice, Sample};
use super::super::model::{self, Started};
use super::super::{Failure, NOTHING, OK};
use super::value;
use crate::pipeline::complete::{self, Attempt, Inputs, Model};

/// Places that are asked about in each file.
const PLACES: usize = 12;

/// Longest time of one answer.
const BUDGET: Duration = Duration::from_secs(20);

/// What was measured in one pass.
#[derive(Debug, Default)]
struct Pass {
    /// From the question to the answer, ms: at places that were never seen, and one key later.
    cold: Vec<f64>,
    key: Vec<f64>,
    prefilled: usize,
    prefill_ms: f64,
    generated: usize,
    decode_ms: f64,
    asked: usize,
    exact: usize,
}

pub(super) fn run(
    options: &Options,
    as_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let before = resident();
    let begun = Instant::now();
    let started = model::start(options.clone());
    let info = match &started.info {
        Ok(info) => Arc::clone(info),
        Err(why) => {
            writeln!(err, "foretoken: {why}")?;
            return Ok(NOTHING);
        }
    };
    let load = begun.elapsed().as_secs_f64() * 1e3;
    writeln!(err, "foretoken: asking at {} places, twice…", 3 * PLACES)?;
    let with = pass(&started, &info)?;
    let memory = peak()
        .zip(before)
        .map(|(peak, before)| (peak - before).max(0.0));
    drop(started);
    let plain = Options {
        drafts: false,
        ..options.clone()
    };
    let started = model::start(plain);
    let without = match &started.info {
        Ok(info) => Some(pass(&started, info)?),
        Err(_) => None,
    };
    let rate = |pass: &Pass| per_second(pass.generated, pass.decode_ms);
    let drafts = without
        .as_ref()
        .and_then(|plain| Some(rate(&with)? / rate(plain)?));
    if as_json {
        let object = json!({
            "model": info.name,
            "version": info.version,
            "loadMs": value(Some(load)),
            "memoryMb": value(memory),
            "prefillTokensPerSecond": value(per_second(with.prefilled, with.prefill_ms)),
            "decodeTokensPerSecond": value(rate(&with)),
            "draftsRatio": value(drafts),
            "coldMs": {"p50": value(quantile(&with.cold, 50)), "p95": value(quantile(&with.cold, 95))},
            "keyMs": {"p50": value(quantile(&with.key, 50)), "p95": value(quantile(&with.key, 95))},
            "exact": with.exact,
            "asked": with.asked,
        });
        writeln!(out, "{object}")?;
        return Ok(OK);
    }
    let shown =
        |number: Option<f64>| number.map_or("–".to_owned(), |number| format!("{number:.1}"));
    writeln!(out, "model      {} {}", info.name, info.version)?;
    writeln!(
        out,
        "load       {load:.0} ms, {} MB of memory",
        shown(memory)
    )?;
    writeln!(
        out,
        "prompt     {} tokens a second",
        shown(per_second(with.prefilled, with.prefill_ms))
    )?;
    writeln!(
        out,
        "answer     {} tokens a second, {} times as many as without drafts",
        shown(rate(&with)),
        drafts.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"))
    )?;
    writeln!(
        out,
        "new place  p50 {} ms, p95 {} ms to the whole answer",
        shown(quantile(&with.cold, 50)),
        shown(quantile(&with.cold, 95))
    )?;
    writeln!(
        out,
        "next key   p50 {} ms, p95 {} ms",
        shown(quantile(&with.key, 50)),
        shown(quantile(&with.key, 95))
    )?;
    writeln!(
        out,
        "right      {} of {} line ends, to the last character",
        with.exact, with.asked
    )?;
    Ok(OK)
}

/// Asks at places of all bundled files.
fn pass(started: &Started, info: &Arc<ModelInfo>) -> Result<Pass, Failure> {
    let runtime = super::super::runtime()?;
    let model = Model {
        infer: started.infer.clone(),
        info: Arc::clone(info),
    };
    let mut pass = Pass::default();
    for choice in [Choice::Rust, Choice::Python, Choice::Typescript] {
        let sample = choice.sample();
        for place in places(&sample) {
            runtime.block_on(pass.place(&sample, &place, &model));
        }
    }
    Ok(pass)
}

/// A line whose end is cut out.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// The file without the end of the line.
    text: String,
    /// Where it is missing.
    byte: usize,
    end: String,
}

/// Lines of code, spread over the file, each cut behind a blank in its middle.
fn places(sample: &Sample) -> Vec<Place> {
    let text = sample.text();
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let code = line.trim_end();
        let head = code.len() - code.trim_start().len();
        let cut = code[head..]
            .char_indices()
            .filter(|(at, c)| *c == ' ' && *at >= 6)
            .map(|(at, _)| head + at + 1)
            .find(|cut| code.len() - cut >= 6);
        if let Some(cut) = cut {
            let (byte, end) = (start + cut, start + code.len());
            found.push(Place {
                text: [&text[..byte], &text[end..]].concat(),
                byte,
                end: code[cut..].to_owned(),
            });
        }
        start += line.len();
    }
    let step = (found.len() / PLACES).max(1);
    found.into_iter().step_by(step).take(PLACES).collect()
}

impl Pass {
    async fn place(&mut self, sample: &Sample, place: &Place, model: &Model) {
        let language = Language::detect(sample.language_id, sample.name);
        let document = Document::open(sample.name, language, 0, &place.text);
        let mut inputs = Inputs {
            document,
            byte: place.byte,
            kind: Kind::Invoked,
            history: History::default(),
            window: Window::default(),
            idle: true,
            lookup: None,
            minimum_probability: Some(0.0),
        };
        let begun = Instant::now();
        let first = complete::run(inputs.clone(), Ok(model), Attempt::alone(BUDGET)).await;
        self.cold.push(begun.elapsed().as_secs_f64() * 1e3);
        let tokens = first.report.tokens;
        self.prefilled += tokens.prefilled;
        self.prefill_ms += first.report.ms.prefill;
        self.generated += tokens.generated;
        self.decode_ms += first.report.ms.decode;
        self.asked += 1;
        let said = first
            .said
            .as_ref()
            .and_then(|said| said.text.lines().next());
        self.exact += usize::from(said.is_some_and(|line| line.trim_end() == place.end));
        // The next key of what stands there.
        let Some(key) = place.end.chars().next() else {
            return;
        };
        let mut text = place.text.clone();
        text.insert(place.byte, key);
        inputs.document = Document::open(sample.name, language, 1, &text);
        inputs.byte += key.len_utf8();
        inputs.idle = false;
        inputs.window = first.window.unwrap_or_default();
        inputs.lookup = first.lookup;
        let begun = Instant::now();
        complete::run(inputs, Ok(model), Attempt::alone(BUDGET)).await;
        self.key.push(begun.elapsed().as_secs_f64() * 1e3);
    }
}

fn per_second(tokens: usize, ms: f64) -> Option<f64> {
    (ms > 0.0).then(|| tokens as f64 / ms * 1e3)
}

fn quantile(values: &[f64], percent: usize) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).copied()
}

/// Memory of this process, MB: now, and the most so far. Linux only.
fn resident() -> Option<f64> {
    status("VmRSS:")
}

fn peak() -> Option<f64> {
    status("VmHWM:")
}

fn status(name: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_ends_of_lines_of_code() {
        for choice in [Choice::Rust, Choice::Python, Choice::Typescript] {
            let sample = choice.sample();
            let places = places(&sample);
            assert!(places.len() >= 8, "{choice:?}: {}", places.len());
            for Place { text, byte, end } in places {
                assert!(end.len() >= 6 && !end.contains('\n'), "{end:?}");
                let whole = [&text[..byte], &end, &text[byte..]].concat();
                assert_eq!(whole, sample.text());
            }
        }
    }
}
