//! What pieces of other files are worth, and what they cost:
//! `cargo run --release -p foretoken-benches --bin context -- CHECKOUT... [--sample N] [--seed N]
//! [--neighbours N] [--tokens N] [--package FOLDER] [--index]`.
//!
//! At each place the program's own pipeline answers without pieces and with those that the engine chooses
//! from the open neighbours; with `--index` also with those that the index of the whole checkout gives, and
//! with both. Judged is the text without a gate, to the end of the line. The price is what a cold place
//! takes longer to read, which the server pays in pauses only, and what a key costs then.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use foretoken_benches::neighbours::{Checkout, Random};
use foretoken_benches::pieces::{Indexed, Sides, gains, pick, place, prices, retrieval};
use foretoken_benches::stats::quantile;
use foretoken_benches::systems;
use foretoken_engine::context::Facts;
use foretoken_engine::document::Document;
use foretoken_engine::prompt::Budget;
use foretoken_infer::{Options, Source};

/// Files read of one checkout.
const FILES: usize = 400;
/// The size that the choice is timed at.
const TIMED: (usize, usize) = (20, 1_000);

struct Arguments {
    checkouts: Vec<PathBuf>,
    sample: usize,
    seed: u64,
    neighbours: usize,
    tokens: Option<usize>,
    package: Option<PathBuf>,
    index: bool,
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
            eprintln!("context: {sentence}");
            std::process::exit(2);
        }
    }
}

fn run() -> Result<String, String> {
    let arguments = arguments()?;
    let checkouts = arguments.checkouts.iter();
    let checkouts = checkouts.map(|root| Checkout::read(root, FILES));
    let checkouts = checkouts.collect::<Result<Vec<Checkout>, String>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(measure(&arguments, &checkouts))
}

fn arguments() -> Result<Arguments, String> {
    let usage = "usage: context CHECKOUT... [--sample N] [--seed N] [--neighbours N] [--tokens N] [--package FOLDER] [--index]";
    let mut found = Arguments {
        checkouts: Vec::new(),
        sample: 200,
        seed: 1,
        neighbours: 4,
        tokens: None,
        package: None,
        index: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value; {usage}"));
        let number = |text: String| text.parse::<usize>().map_err(|_| usage.to_owned());
        match word.as_str() {
            "--sample" => found.sample = number(value()?)?,
            "--seed" => found.seed = number(value()?)? as u64,
            "--neighbours" => found.neighbours = number(value()?)?,
            "--tokens" => found.tokens = Some(number(value()?)?),
            "--index" => found.index = true,
            "--package" => found.package = Some(PathBuf::from(value()?)),
            path if !path.starts_with('-') => found.checkouts.push(PathBuf::from(path)),
            _ => return Err(usage.to_owned()),
        }
    }
    match found.checkouts.is_empty() {
        true => Err(usage.to_owned()),
        false => Ok(found),
    }
}

async fn measure(arguments: &Arguments, checkouts: &[Checkout]) -> Result<String, String> {
    let package = arguments.package.clone();
    let package = package.map_or(Source::Embedded, Source::Folder);
    let options = Options {
        package,
        ..Options::default()
    };
    let model = systems::load(options).await?;
    let roots = arguments.checkouts.iter();
    let indexes: Vec<Option<Indexed>> = match arguments.index {
        true => roots
            .map(|root| Indexed::build(root).map(Some))
            .collect::<Result<_, _>>()?,
        false => roots.map(|_| None).collect(),
    };
    let mut random = Random(arguments.seed);
    let mut found: Vec<Sides> = Vec::new();
    let mut draws = 0;
    while found.len() < arguments.sample && draws < arguments.sample * 200 {
        // By turns, so that a large checkout does not outweigh the others.
        let at = draws % checkouts.len();
        draws += 1;
        if let Some(drawn) = checkouts[at].place(&mut random, arguments.neighbours)
            && !drawn.neighbours.is_empty()
        {
            let index = indexes[at].as_ref();
            found.push(place(&drawn, &model, index, arguments.tokens).await);
        }
    }
    let budget = &model.info.budget;
    let mut text = format!(
        "model {} {} sha256 {}\n{} places, seed {}, {} neighbours, {} tokens for pieces\n\n",
        model.info.name,
        model.info.version,
        model.info.sha256,
        found.len(),
        arguments.seed,
        arguments.neighbours,
        arguments.tokens.unwrap_or(budget.context),
    );
    let sides = if arguments.index { 1..4 } else { 1..2 };
    for side in sides {
        text += &gains(&found, side);
        text += "\n";
        text += &prices(&found, side);
        text += "\n";
    }
    if arguments.index {
        text += &retrieval(&found);
    }
    text += &choice(checkouts, budget, &|text| model.infer.count(text));
    Ok(text)
}

/// Time of the choice itself among large files, and of the facts that it needs.
fn choice(checkouts: &[Checkout], budget: &Budget, count: &dyn Fn(&str) -> usize) -> String {
    let (files, lines) = TIMED;
    let of_checkout = |checkout: &Checkout| {
        let language = checkout.files()[0].document().language();
        let texts = checkout.files().iter().map(|facts| facts.document());
        let texts: String = texts
            .filter(|document| document.language() == language)
            .map(|document| document.rope().to_string() + "\n")
            .collect();
        let all: Vec<&str> = texts.lines().collect();
        let from = |number: usize| number * lines % all.len().saturating_sub(lines).max(1);
        let open = |number: usize| {
            let text: Vec<&str> = all.iter().skip(from(number)).take(lines).copied().collect();
            let path = format!("src/file_{number}.{}", language.extensions()[0]);
            let mut document = Document::open(&path, language, 1, &text.join("\n"));
            document.reparse(&mut || false);
            document
        };
        (0..files).map(open).collect::<Vec<Document>>()
    };
    let (mut making, mut choosing) = (Vec::new(), Vec::new());
    for checkout in checkouts {
        let documents = of_checkout(checkout);
        let mut facts = Vec::new();
        for document in &documents {
            let (ms, made) = least(|| Arc::new(Facts::of(document)));
            facts.push(made);
            making.push(ms);
        }
        let end = documents[0].len_bytes();
        for part in 1..20 {
            choosing.push(least(|| pick(&facts, end * part / 20, budget, None, count)).0);
        }
    }
    let q = |values: &[f64], at| format!("{:.2}", quantile(values, at));
    format!(
        "among {files} files of {lines} lines: choice {} ms p50, {} p95; facts of one file {} ms p50, {} p95\n",
        q(&choosing, 0.5),
        q(&choosing, 0.95),
        q(&making, 0.5),
        q(&making, 0.95),
    )
}

/// The shortest of a few runs, ms: a busy machine makes any of them longer, none shorter.
fn least<T>(work: impl Fn() -> T) -> (f64, T) {
    let timed = || {
        let begun = Instant::now();
        let made = work();
        (begun.elapsed().as_secs_f64() * 1_000.0, made)
    };
    let runs = [timed(), timed(), timed(), timed()];
    let shortest = runs.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    shortest.expect("there are four runs")
}
