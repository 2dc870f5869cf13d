//! What pieces of other files are worth, and what they cost:
//! `cargo run --release -p foretoken-benches --bin context -- CHECKOUT... [--sample N] [--seed N]
//! [--neighbours N] [--tokens N] [--package FOLDER]`.
//!
//! At each place the program's own pipeline answers twice, without pieces and with those that the
//! engine chooses from the neighbours. Judged is the text without a gate, to the end of the line. The
//! price is what a cold place takes longer to read, which the server pays in pauses only, and what a
//! key costs then.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretoken::pipeline::complete::{self, Attempt, Completed, Inputs, Model};
use foretoken_benches::neighbours::{Checkout, Place, Random};
use foretoken_benches::score::{Score, score};
use foretoken_benches::stats::{mean, quantile, share, table};
use foretoken_benches::systems;
use foretoken_engine::context::{Ask, Chosen, Facts, Why, candidates, choose};
use foretoken_engine::document::Document;
use foretoken_engine::prompt::{Budget, Window};
use foretoken_engine::trigger::{History, Kind};
use foretoken_grammars::Language;
use foretoken_infer::{Options, Source};

/// Longest time on one place, so that a busy machine changes no figure.
const BUDGET: Duration = Duration::from_secs(20);
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
    let usage = "usage: context CHECKOUT... [--sample N] [--seed N] [--neighbours N] [--tokens N] [--package FOLDER]";
    let mut found = Arguments {
        checkouts: Vec::new(),
        sample: 200,
        seed: 1,
        neighbours: 4,
        tokens: None,
        package: None,
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

/// One place answered twice.
struct Pair {
    language: Language,
    why: Option<Why>,
    tokens: usize,
    off: Answer,
    on: Answer,
}

/// One answer with its price.
struct Answer {
    score: Score,
    cold: Price,
    key: Price,
}

/// One figure of an answer.
type Measure = fn(&Answer) -> f64;

/// What one completion cost.
struct Price {
    run: f64,
    prefill: f64,
    total: f64,
}

async fn measure(arguments: &Arguments, checkouts: &[Checkout]) -> Result<String, String> {
    let package = arguments.package.clone();
    let package = package.map_or(Source::Embedded, Source::Folder);
    let options = Options {
        package,
        ..Options::default()
    };
    let model = systems::load(options).await?;
    let mut random = Random(arguments.seed);
    let mut pairs = Vec::new();
    let mut draws = 0;
    while pairs.len() < arguments.sample && draws < arguments.sample * 200 {
        // By turns, so that a large checkout does not outweigh the others.
        let checkout = &checkouts[draws % checkouts.len()];
        draws += 1;
        if let Some(place) = checkout.place(&mut random, arguments.neighbours)
            && !place.neighbours.is_empty()
        {
            pairs.push(pair(&place, &model, arguments.tokens).await);
        }
    }
    let budget = &model.info.budget;
    let mut text = format!(
        "model {} {} sha256 {}\n{} places, seed {}, {} neighbours, {} tokens for pieces\n\n",
        model.info.name,
        model.info.version,
        model.info.sha256,
        pairs.len(),
        arguments.seed,
        arguments.neighbours,
        arguments.tokens.unwrap_or(budget.context),
    );
    text += &gains(&pairs);
    text += "\n";
    text += &prices(&pairs);
    text += "\n";
    text += &choice(checkouts, budget, &|text| model.infer.count(text));
    Ok(text)
}

async fn pair(place: &Place, model: &Model, tokens: Option<usize>) -> Pair {
    let mut files = vec![Arc::new(Facts::of(&place.document))];
    files.extend(place.neighbours.iter().cloned());
    let chosen = pick(&files, place.byte, &model.info.budget, tokens, &|text| {
        model.infer.count(text)
    });
    Pair {
        language: place.document.language(),
        why: chosen.first().map(|chosen| chosen.why),
        tokens: chosen.iter().map(|chosen| chosen.tokens).sum(),
        off: answer(place, model, Window::default()).await,
        on: answer(place, model, Window::default().offering(chosen.into())).await,
    }
}

/// The engine's choice for the first of the files.
fn pick(
    files: &[Arc<Facts>],
    byte: usize,
    budget: &Budget,
    tokens: Option<usize>,
    count: &dyn Fn(&str) -> usize,
) -> Vec<Chosen> {
    let ask = Ask {
        files,
        this: 0,
        document: files[0].document(),
        byte,
        edited: &[],
        budget,
    };
    let most = tokens.unwrap_or(budget.context).min(budget.context);
    choose(&candidates(&ask, &[]), &[], most, count)
}

/// The cold place, then one more key of the truth.
async fn answer(place: &Place, model: &Model, window: Window) -> Answer {
    let cold = complete(&place.document, place.byte, window, model).await;
    let key = place.truth.chars().next().unwrap_or(' ');
    let text = place.document.rope().to_string();
    let typed = format!("{}{key}{}", &text[..place.byte], &text[place.byte..]);
    let document = Document::open(place.document.path(), place.document.language(), 2, &typed);
    let window = cold.window.clone().unwrap_or_default();
    let after = complete(&document, place.byte + key.len_utf8(), window, model).await;
    let said = cold.said.as_ref().map_or("", |said| said.text.as_str());
    let line = said.lines().next().unwrap_or_default();
    Answer {
        score: score(line, &place.truth),
        cold: price(&cold),
        key: price(&after),
    }
}

async fn complete(document: &Document, byte: usize, window: Window, model: &Model) -> Completed {
    let inputs = Inputs {
        document: document.clone(),
        byte,
        kind: Kind::Invoked,
        history: History::default(),
        idle: document.version() == 1,
        window,
        lookup: None,
        minimum_probability: Some(0.0),
    };
    complete::run(inputs, Ok(model), Attempt::alone(BUDGET)).await
}

fn price(completed: &Completed) -> Price {
    let (tokens, ms) = (&completed.report.tokens, &completed.report.ms);
    Price {
        run: (tokens.prompt - tokens.reused) as f64,
        prefill: ms.prefill,
        total: ms.total,
    }
}

/// Exact match and similarity without and with pieces; won and lost count places.
fn gains(pairs: &[Pair]) -> String {
    let header = [
        "places",
        "count",
        "exact off %",
        "exact on %",
        "similarity off %",
        "similarity on %",
        "won",
        "lost",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let of_why = |why| move |pair: &&Pair| pair.why == Some(why);
    let all = || pairs.iter();
    let mut groups: Vec<(&str, Vec<&Pair>)> = vec![
        ("all", all().collect()),
        (
            "with pieces",
            all().filter(|pair| pair.why.is_some()).collect(),
        ),
        (
            "imported first",
            all().filter(of_why(Why::Imported)).collect(),
        ),
        (
            "neighbour first",
            all().filter(of_why(Why::Neighbour)).collect(),
        ),
    ];
    for language in Language::ALL {
        let of: Vec<&Pair> = all().filter(|pair| pair.language == *language).collect();
        if !of.is_empty() {
            groups.push((language.id(), of));
        }
    }
    for (name, of) in groups {
        let exact = |on: bool| of.iter().filter(|pair| pair.side(on).score.exact).count();
        let similar = |on: bool| mean(of.iter().map(|pair| pair.side(on).score.similarity));
        let differ = |on: bool| {
            let won = |pair: &&&Pair| pair.side(on).score.exact && !pair.side(!on).score.exact;
            of.iter().filter(won).count()
        };
        rows.push(vec![
            name.to_owned(),
            of.len().to_string(),
            fixed(100.0 * share(exact(false), of.len())),
            fixed(100.0 * share(exact(true), of.len())),
            fixed(100.0 * similar(false)),
            fixed(100.0 * similar(true)),
            differ(true).to_string(),
            differ(false).to_string(),
        ]);
    }
    table(&rows)
}

impl Pair {
    fn side(&self, on: bool) -> &Answer {
        if on { &self.on } else { &self.off }
    }
}

/// Of the places that have pieces: what is read and how long it takes.
fn prices(pairs: &[Pair]) -> String {
    let header = [
        "price",
        "off p50",
        "off p95",
        "on p50",
        "on p95",
        "added p50",
        "added p95",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let with: Vec<&Pair> = pairs.iter().filter(|pair| pair.tokens > 0).collect();
    let of: [(&str, Measure); 6] = [
        ("cold place: tokens run", |answer| answer.cold.run),
        ("cold place: prefill, ms", |answer| answer.cold.prefill),
        ("cold place: whole, ms", |answer| answer.cold.total),
        ("next key: tokens run", |answer| answer.key.run),
        ("next key: prefill, ms", |answer| answer.key.prefill),
        ("next key: whole, ms", |answer| answer.key.total),
    ];
    for (name, of) in of {
        let side = |on: bool| {
            with.iter()
                .map(|pair| of(pair.side(on)))
                .collect::<Vec<f64>>()
        };
        let (off, on) = (side(false), side(true));
        let added: Vec<f64> = on.iter().zip(&off).map(|(on, off)| on - off).collect();
        let mut row = vec![name.to_owned()];
        for values in [off, on, added] {
            row.extend([0.5, 0.95].map(|at| fixed(quantile(&values, at))));
        }
        rows.push(row);
    }
    let tokens: Vec<f64> = with.iter().map(|pair| pair.tokens as f64).collect();
    let [p50, p95] = [0.5, 0.95].map(|at| fixed(quantile(&tokens, at)));
    format!("{}pieces: {p50} tokens p50, {p95} p95\n", table(&rows))
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

fn fixed(value: f64) -> String {
    match value.is_finite() {
        true => format!("{value:.1}"),
        false => "-".to_owned(),
    }
}
