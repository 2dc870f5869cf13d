//! How good the suggestions are, on text that nobody trained on, through the program's own pipeline and the
//! shipped model: `cargo bench -p foretoken-benches --bench quality -- PATH... [options]`.
//!
//! A PATH is a file of items or a folder that holds the sets' files (`training/items.py` draws ours,
//! `training/public_sets.py` brings public ones into the same form). Prints one table over all sets, beside
//! published figures of larger models; then, on our own places, whether estimated probabilities hold.

use std::path::{Path, PathBuf};
use std::time::Instant;

use foretoken_benches::items::{self, Item, Sample};
use foretoken_benches::systems::{self, Answers};
use foretoken_benches::{gates, published, reliability, sets};
use foretoken_infer::{Options, Source};

const USAGE: &str = "usage: cargo bench -p foretoken-benches --bench quality -- PATH...

A PATH is a file of items (.jsonl) or a folder with heldout.jsonl, humaneval-single.jsonl and so on.

  --sample N        N items of each file, chosen by the seed (default: all)
  --seed N          of the choice (default: 1)
  --package FOLDER  another model than the built-in one
  --csv FILE        write the figures as CSV
  --json FILE       write the figures as JSON
  --check [FILE]    compare with kept figures (default: benches/quality.csv); fails where exact match,
                    precision or saved keys fell by more than a percentage point
  --fit             fit the gates on validation items and print the constants instead of the table";

/// The sets in the order of the table; a folder is searched for them.
const SETS: [&str; 7] = [
    "heldout",
    "santacoder-fim",
    "humaneval-single",
    "humaneval-multi",
    "humaneval-span",
    "safim-api",
    "safim-control",
];

#[derive(Default)]
struct Arguments {
    paths: Vec<PathBuf>,
    sample: Option<usize>,
    seed: u64,
    package: Option<PathBuf>,
    csv: Option<PathBuf>,
    json: Option<PathBuf>,
    check: Option<PathBuf>,
    fit: bool,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the tables are what the program is for"
)]
fn main() {
    match arguments(std::env::args().skip(1)).and_then(|arguments| run(&arguments)) {
        Ok((text, true)) => print!("{text}"),
        Ok((text, false)) => {
            print!("{text}");
            std::process::exit(1);
        }
        Err(sentence) => {
            eprintln!("quality: {sentence}");
            std::process::exit(2);
        }
    }
}

fn arguments(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut found = Arguments {
        seed: 1,
        ..Arguments::default()
    };
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value\n{USAGE}"));
        match word.as_str() {
            // Cargo adds this one.
            "--bench" => {}
            "--sample" => found.sample = Some(number(&value()?)? as usize),
            "--seed" => found.seed = number(&value()?)?,
            "--package" => found.package = Some(value()?.into()),
            "--csv" => found.csv = Some(value()?.into()),
            "--json" => found.json = Some(value()?.into()),
            "--check" => {
                let named = words.next_if(|word| word.ends_with(".csv"));
                let kept = || Path::new(env!("CARGO_MANIFEST_DIR")).join("quality.csv");
                found.check = Some(named.map_or_else(kept, PathBuf::from));
            }
            "--fit" => found.fit = true,
            path if !path.starts_with('-') => found.paths.push(path.into()),
            _ => return Err(format!("{word} is unknown\n{USAGE}")),
        }
    }
    if found.paths.is_empty() {
        return Err(format!("no items are given\n{USAGE}"));
    }
    Ok(found)
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

/// The text to print, and whether the check was passed.
fn run(arguments: &Arguments) -> Result<(String, bool), String> {
    let (files, mut text) = files(&arguments.paths)?;
    let sample = arguments.sample.map(|count| Sample {
        count,
        seed: arguments.seed,
    });
    let mut all = Vec::new();
    for file in &files {
        all.extend(items::read(file, sample)?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| e.to_string())?;
    let (model, answers) = runtime.block_on(ask(arguments, &all))?;
    text = format!("{model}\n{text}\n");
    if arguments.fit {
        return Ok((text + &gates::text(&answers), true));
    }
    let rows = sets::rows(&answers);
    text += &sets::text(&rows, &published::figures()?);
    text += "\ncontext to both: exact match %, without a gate; shown, precision, saved (keys): % of both at the gate; \
             ms: median of a cold place\n* pass@1: higher than exact match, since another text may do the same\n\n";
    text += &reliability::text(&answers);
    write(arguments.csv.as_deref(), || Ok(sets::csv(&rows)))?;
    write(arguments.json.as_deref(), || {
        serde_json::to_string_pretty(&rows).map_err(|e| e.to_string())
    })?;
    let Some(kept) = &arguments.check else {
        return Ok((text, true));
    };
    let before = std::fs::read_to_string(kept).map_err(|e| format!("{}: {e}", kept.display()))?;
    let (fallen, compared) = sets::fallen(&rows, &before)?;
    for sentence in &fallen {
        text += &format!("FALLEN: {sentence}\n");
    }
    text += &format!(
        "check: {compared} figures compared, {} fell by more than {:.1}\n",
        fallen.len(),
        sets::TOLERANCE
    );
    Ok((text, fallen.is_empty() && compared > 0))
}

/// The files to read, and a sentence for each set that a folder lacks.
fn files(paths: &[PathBuf]) -> Result<(Vec<PathBuf>, String), String> {
    let (mut files, mut absent) = (Vec::new(), String::new());
    let folders: Vec<&PathBuf> = paths.iter().filter(|path| path.is_dir()).collect();
    for set in SETS.iter().filter(|_| !folders.is_empty()) {
        let name = format!("{set}.jsonl");
        match folders
            .iter()
            .map(|folder| folder.join(&name))
            .find(|path| path.is_file())
        {
            Some(path) => files.push(path),
            None => absent += &format!("{set}: skipped, no {name} in the given folders\n"),
        }
    }
    files.extend(paths.iter().filter(|path| !path.is_dir()).cloned());
    if files.is_empty() {
        return Err(format!(
            "none of the given folders holds a set\n{absent}{USAGE}"
        ));
    }
    Ok((files, absent))
}

fn write(path: Option<&Path>, text: impl FnOnce() -> Result<String, String>) -> Result<(), String> {
    match path {
        Some(path) => std::fs::write(path, text()?).map_err(|e| format!("{}: {e}", path.display())),
        None => Ok(()),
    }
}

/// Asks every place, and says on stderr how far it is.
#[expect(
    clippy::print_stderr,
    reason = "a run takes minutes, and stdout is for the table"
)]
async fn ask(arguments: &Arguments, items: &[Item]) -> Result<(String, Vec<Answers>), String> {
    let package = arguments.package.clone();
    let model = systems::load(Options {
        package: package.map_or(Source::Embedded, Source::Folder),
        ..Options::default()
    })
    .await;
    let told = match &model {
        Ok(model) => {
            let info = &model.info;
            format!(
                "model {} {} sha256 {}",
                info.name, info.version, info.sha256
            )
        }
        Err(sentence) if arguments.package.is_some() => return Err(sentence.clone()),
        Err(sentence) => format!("no model, so its columns are empty: {sentence}"),
    };
    let begun = Instant::now();
    let mut answers = Vec::with_capacity(items.len());
    for (number, item) in items.iter().enumerate() {
        answers.push(systems::ask(item, model.as_ref().map_err(String::as_str)).await);
        if (number + 1) % 100 == 0 || number + 1 == items.len() {
            let seconds = begun.elapsed().as_secs();
            eprintln!(
                "{} of {} places, {seconds} s, {}",
                number + 1,
                items.len(),
                item.set
            );
        }
    }
    Ok((told, answers))
}
