//! `foretoken doctor`: every part that can be missing or wrong is looked at, and what is wrong comes
//! with what to do. Nothing is changed but modes of our own directories that others could read.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use foretoken_engine::prompt::{Control, Prompt, Section};
use foretoken_infer::package::Manifest;
use foretoken_infer::{Class, Drafts, End, Flow, Infer, Job, Limits, Options, Outcome};
use foretoken_infer::{library, package};
use serde_json::{Value, json};

use super::model;
use super::{Context, Failure, NOTHING, OK};
use crate::power::Supply;

mod places;

/// Above this the typist waits: one answer of eight tokens would take longer than the 100 ms of the
/// latency goal.
const SLOW_STEP_MS: f64 = 12.0;

/// What happens without a model.
const WITHOUT: &str = "Until then suggestions come from the words of the file.";

/// Tokens generated for the measurement.
const MEASURED_TOKENS: usize = 16;

/// Check the model, ONNX Runtime, the settings and the directories.
///
/// Exit code 0 when all is well, 1 when there is a problem.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// One part and how it is.
struct Finding {
    part: &'static str,
    well: bool,
    /// One sentence or figure; with what to do where it is not well.
    sentence: String,
    /// What a report to the developers should contain.
    details: Value,
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let options = context.settings.infer(context.paths.as_ref());
    let mut findings = vec![program(), runtime(&options), files(&options)];
    if findings.iter().all(|finding| finding.well) {
        findings.extend(measured(options)?);
    } else {
        findings.push(Finding {
            part: "model",
            well: false,
            sentence: format!("not tried, because of the above. {WITHOUT}"),
            details: Value::Null,
        });
    }
    findings.extend(languages(context));
    findings.extend([settings(context), governor(context), places::index(context)]);
    findings.extend([
        places::directories(context),
        places::reports(context),
        places::editors(),
    ]);

    let well = findings.iter().all(|finding| finding.well);
    if arguments.json {
        let parts: serde_json::Map<_, _> = findings
            .into_iter()
            .map(|finding| {
                let Finding {
                    part,
                    well,
                    sentence,
                    details,
                } = finding;
                (
                    part.to_owned(),
                    json!({"ok": well, "sentence": sentence, "details": details}),
                )
            })
            .collect();
        writeln!(out, "{}", json!({"ok": well, "parts": parts}))?;
    } else {
        for Finding {
            part,
            well,
            sentence,
            ..
        } in &findings
        {
            let mark = if *well { "ok  " } else { "BAD " };
            // Further lines of a sentence stand below its first.
            let sentence = sentence.replace('\n', "\n                   ");
            writeln!(out, "{mark} {part:<13} {sentence}")?;
        }
        let last = if well {
            "All is well."
        } else {
            "Something needs your attention."
        };
        writeln!(out, "\n{last}")?;
    }
    Ok(if well { OK } else { NOTHING })
}

fn program() -> Finding {
    let (version, system, machine) = (
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    );
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Finding {
        part: "program",
        well: true,
        sentence: format!("foretoken {version} on {system}, {machine}, {cores} cores"),
        details: json!({"version": version, "os": system, "arch": machine, "cores": cores}),
    }
}

/// ONNX Runtime with each candidate that was passed over.
fn runtime(options: &Options) -> Finding {
    let (well, mut sentence, passed, found) = match library::find(&model::places(options)) {
        Ok(found) => {
            let path = found.path.display();
            let sentence = format!("{} at {path} ({})", found.version, found.place);
            let details = json!({"path": found.path, "version": found.version});
            (true, sentence, found.passed, details)
        }
        Err(passed) => (false, library::advice(&passed), passed, Value::Null),
    };
    let passed: Vec<String> = passed.iter().map(ToString::to_string).collect();
    for candidate in &passed {
        let _ = write!(sentence, "\npassed over: {candidate}");
    }
    Finding {
        part: "ONNX Runtime",
        well,
        sentence,
        details: json!({"found": found, "passedOver": passed}),
    }
}

/// The package's files against its hashes.
fn files(options: &Options) -> Finding {
    let part = "model files";
    match package::verify(&options.package) {
        Ok(manifest) => {
            let count = manifest.files.len();
            Finding {
                part,
                well: true,
                sentence: format!(
                    "{} {} ({}), the hashes of {count} files are right",
                    manifest.name, manifest.version, manifest.licence
                ),
                details: json!({"name": manifest.name, "version": manifest.version, "files": manifest.files}),
            }
        }
        Err(error) => Finding {
            part,
            well: false,
            sentence: error.to_string(),
            details: json!({"code": error.code()}),
        },
    }
}

/// The files of the models that languages have of their own; they are not loaded.
fn languages(context: &Context) -> Option<Finding> {
    let chosen = context.settings.chosen(context.paths.as_ref());
    let mut well = true;
    let mut lines = Vec::new();
    let mut details = serde_json::Map::new();
    for (language, source) in &chosen.languages {
        let id = language.id();
        let (sentence, detail) = match package::verify(source) {
            Ok(Manifest { name, version, .. }) => {
                let detail = json!({"name": name, "version": version});
                (format!("{name} {version}"), detail)
            }
            Err(error) => {
                well = false;
                let sentence = format!("{error} Until then the default answers.");
                (sentence, json!({"code": error.code()}))
            }
        };
        lines.push(format!("{id}: {sentence}"));
        details.insert(id.to_owned(), detail);
    }
    (!lines.is_empty()).then(|| Finding {
        part: "languages",
        well,
        sentence: lines.join("\n"),
        details: details.into(),
    })
}

/// Loads the model and runs it once: a finding about loading and, where it loads, one about speed.
fn measured(options: Options) -> Result<Vec<Finding>, Failure> {
    let started = model::start(options);
    let info = match started.info {
        Err(why) => {
            return Ok(vec![Finding {
                part: "model",
                well: false,
                sentence: format!("{why} {WITHOUT}"),
                details: json!({"code": why.code}),
            }]);
        }
        Ok(info) => info,
    };
    let kv_mb = info.kv_bytes as f64 / 1e6;
    let load_ms = info.load.as_secs_f64() * 1000.0;
    let reuse = if info.exact_reuse {
        "exact"
    } else {
        "not exact, so drafts are off"
    };
    let loaded = Finding {
        part: "model",
        well: true,
        sentence: format!(
            "loaded in {load_ms:.0} ms; {} slots of {} positions take {kv_mb:.0} MB; reuse is {reuse}",
            info.slots, info.max_positions
        ),
        details: json!({
            "loadMs": load_ms,
            "slots": info.slots,
            "kvBytes": info.kv_bytes,
            "maxPositions": info.max_positions,
            "exactReuse": info.exact_reuse,
            "vocabulary": info.vocabulary,
        }),
    };
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(generate(&started.infer));
    started.infer.shutdown();
    Ok(vec![loaded, speed(outcome)])
}

/// A short answer to a text of our own. The watch lets it run to its limit.
async fn generate(infer: &Infer) -> Option<Outcome> {
    let text = include_str!("../../demo/inventory.rs");
    let text: String = text
        .lines()
        .take(40)
        .map(|line| format!("{line}\n"))
        .collect();
    let job = Job {
        class: Class::Request,
        prompt: Prompt {
            sections: vec![
                Section::Control(Control::Bos),
                Section::Control(Control::Prefix),
                Section::Text(text),
            ],
        },
        limits: Limits {
            max_tokens: MEASURED_TOKENS,
            budget: Duration::from_secs(20),
        },
        drafts: Drafts::default(),
        stop: Box::new(|| false),
        watch: Box::new(|_| Flow::Continue),
    };
    infer.submit(job).await.ok()
}

fn speed(outcome: Option<Outcome>) -> Finding {
    let part = "speed";
    let Some(outcome) = outcome.filter(|outcome| !matches!(outcome.end, End::NoModel)) else {
        return Finding {
            part,
            well: false,
            sentence: "The model gave no answer; start the program again.".to_owned(),
            details: Value::Null,
        };
    };
    if let End::Failed(sentence) = &outcome.end {
        let details = Value::Null;
        return Finding {
            part,
            well: false,
            sentence: sentence.clone(),
            details,
        };
    }
    let per = |time: Duration, count: usize| time.as_secs_f64() * 1000.0 / count.max(1) as f64;
    let prefill = per(outcome.timings.prefill, outcome.counts.prefilled);
    // The first token comes out of the prefill.
    let steps = outcome.counts.generated.saturating_sub(1);
    let step = (steps > 0).then(|| per(outcome.timings.decode, steps));
    let well = step.is_none_or(|step| step <= SLOW_STEP_MS);
    let step_text = step.map_or("not measured".to_owned(), |step| {
        format!("{step:.1} ms a token")
    });
    let mut sentence = format!("{prefill:.2} ms a token to read, to write {step_text}");
    if !well {
        sentence += ". That is too slow for typing: close what keeps this machine busy, or try \
                     runtime.threads = 2.";
    }
    Finding {
        part,
        well,
        sentence,
        details: json!({
            "prefillMsPerToken": prefill,
            "decodeMsPerToken": step,
            "promptTokens": outcome.counts.prompt,
            "generatedTokens": outcome.counts.generated,
        }),
    }
}

/// What is computed ahead on this machine now. What a running server measures is in its status.
fn governor(context: &Context) -> Finding {
    let supply = Supply::now();
    let power = match supply {
        Supply::Unknown => "the system does not tell about the power supply",
        Supply::Mains => "plugged in",
        Supply::Battery => "on battery",
    };
    let what = match (context.settings.completion.governor, supply) {
        (false, _) => "nothing is given up, as completion.governor is off",
        (true, Supply::Battery) => {
            "less is computed ahead, and fast bursts of typing wait 15 to 25 ms; \
             completion.governor = \"off\" changes that"
        }
        (true, _) => "all is computed ahead, unless a keystroke costs over 50 ms of processor time",
    };
    Finding {
        part: "governor",
        well: true,
        sentence: format!("{power}; {what}"),
        details: json!({"on": context.settings.completion.governor, "power": supply.code()}),
    }
}

fn settings(context: &Context) -> Finding {
    let problems: Vec<String> = context
        .layers
        .resolve()
        .problems
        .iter()
        .map(ToString::to_string)
        .collect();
    let file = context.paths.as_ref().map(|paths| paths.config_file());
    let sentence = match (&file, problems.is_empty()) {
        (_, false) => problems.join("\n"),
        (Some(file), true) if file.exists() => format!("{} is right", file.display()),
        (Some(file), true) => format!("the defaults, as there is no {}", file.display()),
        (None, true) => "the defaults, as there is no home directory".to_owned(),
    };
    Finding {
        part: "settings",
        well: problems.is_empty(),
        sentence,
        details: json!({"file": file, "problems": problems}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_does_not_answer_is_a_problem() {
        assert!(!speed(None).well);
        let failed = Outcome {
            end: End::Failed("It broke.".to_owned()),
            ..Outcome::default()
        };
        assert_eq!(speed(Some(failed)).sentence, "It broke.");
    }
}
