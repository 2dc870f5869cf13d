//! Types real edit histories into a language server and measures it: `cargo run --release -p
//! foretoken-benches --bin replay -- --help`. `benches/README.md` defines the figures.

use std::sync::Arc;

use foretoken_benches::replay::arguments::{self, Arguments, HELP};
use foretoken_benches::replay::player::Stop;
use foretoken_benches::replay::report::Report;
use foretoken_benches::replay::traces::{Class, Trace};
use foretoken_benches::replay::{ngram, run, select};
use foretoken_benches::stats::machine;

fn main() {
    let arguments = match arguments::read(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return print(HELP),
        Err(sentence) => return fail(&sentence),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("two threads can be had");
    if let Err(sentence) = runtime.block_on(replay(arguments)) {
        fail(&sentence);
    }
}

async fn replay(mut arguments: Arguments) -> Result<(), String> {
    let (traces, notes) = select::traces(&arguments.repositories, &arguments.wish);
    arguments.notes.extend(notes);
    if traces.is_empty() {
        let why = arguments.notes.join("; ");
        return Err(format!(
            "there is nothing to type in these histories: {why}"
        ));
    }
    let stop = Arc::new(Stop::after(arguments.limit));
    let asked = Arc::clone(&stop);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            say("ending with what there is");
            asked.ask();
        }
    });
    let before = machine();
    let mut runs = Vec::new();
    for plan in arguments.plans.clone() {
        if stop.is_due() {
            break;
        }
        match run::run(&plan, &traces, &stop, &mut say).await {
            Ok(of_plan) => runs.extend(of_plan),
            Err(sentence) if runs.is_empty() => return Err(sentence),
            // What is measured already is not lost.
            Err(sentence) => {
                let persona = &plan.how.persona;
                arguments
                    .notes
                    .push(format!("{persona} was not measured: {sentence}"));
            }
        }
    }
    if runs.first().is_none_or(|run| run.played.is_empty()) {
        let why = runs.iter().find_map(|run| run.failure.clone());
        return Err(why.unwrap_or_else(|| "it ended before anything was typed".to_owned()));
    }
    let guesses = |trace: &Trace| match trace.class {
        Class::Type => ngram::guesses(trace),
        _ => Vec::new(),
    };
    let baseline: Vec<Vec<Option<String>>> = traces.iter().map(guesses).collect();
    let mut conditions = conditions(&arguments, &before);
    conditions.push(model(&runs[0].model));
    if stop.is_due() {
        conditions.push("CUT SHORT: the figures are of what was played until then".to_owned());
    }
    let report = Report {
        traces: &traces,
        baseline: &baseline,
        runs: &runs,
        conditions,
        notes: &arguments.notes,
        seed: arguments.wish.seed,
    };
    print(&report.text());
    if let Some(path) = &arguments.json {
        let written = std::fs::write(path, format!("{:#}\n", report.json()));
        written.map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let missed = report
        .gates()
        .into_iter()
        .filter(|gate| gate.holds == Some(false));
    let missed: Vec<&str> = missed.map(|gate| gate.name).collect();
    if arguments.gate && !missed.is_empty() {
        return Err(format!("gates missed: {}", missed.join(", ")));
    }
    Ok(())
}

/// What has to be known to read the figures.
fn conditions(arguments: &Arguments, before: &str) -> Vec<String> {
    let plan = &arguments.plans[0];
    let server = plan.command.as_deref().unwrap_or("the built foretoken");
    let delay = plan.how.ask_delay.as_millis();
    vec![
        format!(
            "server: {server}; from a change to its request {delay} ms, for editors that ask at once"
        ),
        plan.how.pace.sentence(),
        format!("machine: {before} before, {} after", machine()),
        format!("seed {}", arguments.wish.seed),
    ]
}

fn model(model: &serde_json::Value) -> String {
    let text = |name: &str| model[name].as_str().unwrap_or("?").to_owned();
    match model["state"].as_str() {
        Some("ready") => format!(
            "model {} {} sha256 {}",
            text("name"),
            text("version"),
            text("sha256")
        ),
        Some(state) => format!("model: {state}"),
        None => "model: the server does not tell".to_owned(),
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the tables are what the program is for"
)]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "progress, for whoever waits")]
fn say(line: &str) {
    eprintln!("replay: {line}");
}

#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is the program's only way to say that it could not measure"
)]
fn fail(sentence: &str) {
    eprintln!("replay: {sentence}");
    std::process::exit(1);
}
