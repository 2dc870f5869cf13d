//! How good the suggestions are, on text that nobody trained on:
//! `cargo run --release -p foretoken-benches --bin quality -- ITEMS.jsonl [--limit N] [--csv FILE] [--fit]`.
//!
//! Prints, for the model alone, the look-up alone and both together: exact match, edit similarity, first
//! token, matched characters, show rate, precision at the gate, exact match at equal show rates, time.
//! `--fit` fits the gate of the look-up on validation items and prints the constants.

use std::fmt::Write as _;
use std::path::PathBuf;

use foretoken_benches::fit::{Example, fit};
use foretoken_benches::items::{self, Item};
use foretoken_benches::score::score;
use foretoken_benches::stats::{mean, quantile, share, table};
use foretoken_benches::systems::{self, Answers, SYSTEMS};
use foretoken_engine::lookup::{Lookup, ProposalLimits};
use foretoken_engine::place::Place;
use foretoken_engine::suggestion::{CutKind, Logistic, Raw, cuts, narrow};
use foretoken_infer::{Options, Source};

struct Arguments {
    items: PathBuf,
    limit: Option<usize>,
    csv: Option<PathBuf>,
    package: Option<PathBuf>,
    fit: bool,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the tables are what the program is for"
)]
fn main() {
    match run() {
        Ok(text) => print!("{text}"),
        Err(sentence) => {
            eprintln!("quality: {sentence}");
            std::process::exit(2);
        }
    }
}

fn run() -> Result<String, String> {
    let arguments = arguments()?;
    let items = items::read(&arguments.items, arguments.limit)?;
    if arguments.fit {
        return Ok(fit_lookup(&items));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(measure(&arguments, &items))
}

fn arguments() -> Result<Arguments, String> {
    let usage = "usage: quality ITEMS.jsonl [--limit N] [--csv FILE] [--package FOLDER] [--fit]";
    let mut found = Arguments {
        items: PathBuf::new(),
        limit: None,
        csv: None,
        package: None,
        fit: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value; {usage}"));
        match word.as_str() {
            "--limit" => found.limit = Some(value()?.parse().map_err(|_| usage.to_owned())?),
            "--csv" => found.csv = Some(PathBuf::from(value()?)),
            "--package" => found.package = Some(PathBuf::from(value()?)),
            "--fit" => found.fit = true,
            path if !path.starts_with('-') && found.items.as_os_str().is_empty() => {
                found.items = PathBuf::from(path)
            }
            _ => return Err(usage.to_owned()),
        }
    }
    if found.items.as_os_str().is_empty() {
        Err(usage.to_owned())
    } else {
        Ok(found)
    }
}

async fn measure(arguments: &Arguments, items: &[Item]) -> Result<String, String> {
    let package = arguments
        .package
        .clone()
        .map_or(Source::Embedded, Source::Folder);
    let model = systems::load(Options {
        package,
        ..Options::default()
    })
    .await;
    let mut text = match &model {
        Ok(model) => format!(
            "model {} {} sha256 {}\n",
            model.info.name, model.info.version, model.info.sha256
        ),
        Err(sentence) => format!("no model, so its rows are empty: {sentence}\n"),
    };
    let mut answers = Vec::new();
    for item in items {
        answers.push(systems::ask(item, model.as_ref().map_err(String::as_str)).await);
    }
    writeln!(text, "{} items; exact and similarity judge the whole text without a gate, the rest what is shown\n", items.len()).map_err(|e| e.to_string())?;
    let groups = groups(&answers);
    let rows: Vec<Row> = groups
        .iter()
        .flat_map(|(name, answers)| (0..3).map(|system| row(name, system, answers)))
        .collect();
    let header = HEADER.map(str::to_owned).to_vec();
    let body = rows.iter().map(Row::cells);
    text += &table(&[vec![header], body.collect()].concat());
    text += "\nright among the surest, all items: share of places shown → share of those whose text was exact (right)\n\n";
    text += &at_equal_show_rates(&answers);
    if let Some(path) = &arguments.csv {
        let lines: String = rows.iter().map(|r| r.cells().join(",") + "\n").collect();
        std::fs::write(path, format!("{}\n{lines}", HEADER.join(",")))
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(text)
}

/// All items, each kind, each language.
fn groups(answers: &[Answers]) -> Vec<(String, Vec<&Answers>)> {
    let mut found = vec![("all".to_owned(), answers.iter().collect::<Vec<_>>())];
    let mut keys: Vec<String> = answers
        .iter()
        .flat_map(|a| [format!("kind {}", a.item.kind), a.item.language.clone()])
        .collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let of_key = answers.iter().filter(|a| {
            a.item.language == key || key.strip_prefix("kind ") == Some(a.item.kind.as_str())
        });
        found.push((key.clone(), of_key.collect()));
    }
    found
}

const HEADER: [&str; 14] = [
    "group",
    "system",
    "items",
    "exact %",
    "similarity %",
    "first token %",
    "prefix chars",
    "shown %",
    "precision %",
    "shown exact %",
    "gated exact %",
    "chars shown",
    "ms p50",
    "ms p95",
];

/// One line of the table.
struct Row(Vec<String>);

impl Row {
    fn cells(&self) -> Vec<String> {
        self.0.clone()
    }
}

fn row(group: &str, system: usize, answers: &[&Answers]) -> Row {
    let of = || answers.iter().map(|a| &a.by_system[system]);
    let whole = || of().map(|a| a.whole.map(|(_, score)| score).unwrap_or_default());
    let shown: Vec<_> = of().filter_map(|a| a.shown).collect();
    let ms: Vec<f64> = of().map(|a| a.ms).collect();
    let count = answers.len();
    let percent = |part: usize, whole: usize| fixed(100.0 * share(part, whole));
    let exact = shown.iter().filter(|s| s.exact).count();
    Row(vec![
        group.to_owned(),
        SYSTEMS[system].to_owned(),
        count.to_string(),
        percent(whole().filter(|s| s.exact).count(), count),
        fixed(100.0 * mean(whole().map(|s| s.similarity))),
        percent(whole().filter(|s| s.first_token).count(), count),
        fixed(mean(whole().map(|s| s.prefix_characters as f64))),
        percent(shown.len(), count),
        percent(shown.iter().filter(|s| s.right).count(), shown.len()),
        percent(exact, shown.len()),
        percent(exact, count),
        fixed(mean(shown.iter().map(|s| s.prefix_characters as f64))),
        fixed(quantile(&ms, 0.5)),
        fixed(quantile(&ms, 0.95)),
    ])
}

fn fixed(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.1}")
    } else {
        "-".to_owned()
    }
}

/// Which of two is better does not depend on where each put its gate: both show the same number of
/// places, those of which they are surest.
fn at_equal_show_rates(answers: &[Answers]) -> String {
    let rates = [0.05, 0.1, 0.2, 0.3, 0.5];
    let mut rows = vec![
        [
            vec!["system".to_owned()],
            rates
                .iter()
                .map(|r| format!("{:.0} %", r * 100.0))
                .collect(),
        ]
        .concat(),
    ];
    for (system, name) in SYSTEMS.iter().enumerate() {
        let mut ranked: Vec<_> = answers
            .iter()
            .filter_map(|a| a.by_system[system].whole)
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let cell = |rate: &f64| {
            let places = (rate * answers.len() as f64).round() as usize;
            if ranked.len() < places || places == 0 {
                return "-".to_owned();
            }
            let exact = ranked[..places].iter().filter(|(_, s)| s.exact).count();
            let right = ranked[..places].iter().filter(|(_, s)| s.right).count();
            format!(
                "{:.1} ({:.1})",
                100.0 * share(exact, places),
                100.0 * share(right, places)
            )
        };
        rows.push([vec![(*name).to_owned()], rates.iter().map(cell).collect()].concat());
    }
    table(&rows)
}

/// Every cut that the look-up could show, with its outcome, and the curve through them.
fn fit_lookup(items: &[Item]) -> String {
    let (mut line, mut word) = (Vec::new(), Vec::new());
    for item in items {
        let document = systems::document(item);
        let place = Place::at(&document, item.prefix.len());
        let text = format!("{}{}", item.prefix, item.suffix);
        let mode = place.mode();
        let limits = ProposalLimits::at(&place, mode);
        let Some(proposal) = Lookup::build(&[&text]).propose(&place.before, &limits) else {
            continue;
        };
        let raw = Raw {
            text: &proposal.text,
            tokens: &proposal.lexemes,
            ended: proposal.ended,
        };
        // The gate sees what the filters leave, so that is what it is fitted on.
        let Ok(left) = narrow(&raw, &document, &place, mode) else {
            continue;
        };
        for cut in cuts(&raw, &place, &left) {
            let right = score(&raw.text[left.span.start..cut.end], &item.middle).right;
            let example = Example {
                sum: f64::from(cut.sum),
                tokens: cut.count as f64,
                right,
            };
            if cut.kind == CutKind::Word {
                word.push(example)
            } else {
                line.push(example)
            }
        }
    }
    let mut text = format!(
        "the look-up's gate, fitted on {} items: P(the cut is right)\n",
        items.len()
    );
    for (name, examples) in [("line", &line), ("word", &word)] {
        let right = examples.iter().filter(|e| e.right).count();
        text += &format!("{name}: {} cuts, {right} right\n", examples.len());
        match fit(examples) {
            Some(Logistic { a, b, c }) => {
                text += &format!(
                    "    {name}: Logistic {{ a: {a:.4}, b: {b:.4}, c: {c:.4} }},\n{}",
                    curve(examples, Logistic { a, b, c })
                );
            }
            None => text += "    too few to fit\n",
        }
    }
    text
}

/// What the fitted curve would show at several thresholds, and how much of it would be right.
fn curve(examples: &[Example], logistic: Logistic) -> String {
    let probability = |e: &Example| {
        1.0 / (1.0
            + (-(f64::from(logistic.a)
                + f64::from(logistic.b) * e.sum
                + f64::from(logistic.c) * e.tokens))
                .exp())
    };
    let mut rows = vec![["P ≥", "cuts", "right %"].map(str::to_owned).to_vec()];
    for step in 1..10 {
        let least = f64::from(step) / 10.0;
        let shown: Vec<&Example> = examples
            .iter()
            .filter(|e| probability(e) >= least)
            .collect();
        let right = shown.iter().filter(|e| e.right).count();
        rows.push(vec![
            format!("{least:.1}"),
            shown.len().to_string(),
            fixed(100.0 * share(right, shown.len())),
        ]);
    }
    table(&rows)
}
