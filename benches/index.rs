//! What the workspace index costs: `cargo bench -p foretoken-benches --bench index -- FOLDER... [--runs N]
//! [--seed N]`.
//!
//! Beside it runs the least that any index has to do: the crate `ignore` walks the same folder and every file
//! is read, in turn with ours, so that whatever else the machine does falls on both. Nothing is written into
//! the folder; the index goes to a temporary place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use foretoken_benches::replay::resources::cpu_ms;
use foretoken_benches::stats::{machine, quantile, table};
use foretoken_engine::chunk::{self, Kind};
use foretoken_engine::document::{Change, Document};
use foretoken_engine::position::{Encoding, Position, Range};
use foretoken_grammars::Language;
use foretoken_index::{Report, State, Work, Workspace};

const USAGE: &str =
    "usage: cargo bench -p foretoken-benches --bench index -- FOLDER... [--runs N] [--seed N]

  --runs N  cold and warm runs of which the median is shown (default: 5)
  --seed N  for the questions and the edits (default: 11)";

/// Questions of each kind, and edits.
const ASKED: usize = 500;
const EDITED: usize = 300;
/// Bytes of a long question: a selection that somebody wants explained.
const LONG: usize = 1_500;

struct Arguments {
    folders: Vec<PathBuf>,
    runs: usize,
    seed: u64,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the table is what the program is for"
)]
fn main() {
    let work = arguments(std::env::args().skip(1)).and_then(|arguments| {
        println!("{}", machine());
        for folder in &arguments.folders {
            println!("\n{}", measure(folder, &arguments)?);
        }
        Ok(())
    });
    if let Err(sentence) = work {
        eprintln!("index: {sentence}");
        std::process::exit(2);
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut found = Arguments {
        folders: Vec::new(),
        runs: 5,
        seed: 11,
    };
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().and_then(|value| value.parse().ok());
            value.ok_or_else(|| format!("{word} needs a number\n{USAGE}"))
        };
        match word.as_str() {
            "--runs" => found.runs = usize::try_from(number()?).unwrap_or(1).max(1),
            "--seed" => found.seed = number()?,
            // Cargo says this to every bench.
            "--bench" => {}
            other if other.starts_with('-') => return Err(USAGE.to_owned()),
            folder => found.folders.push(PathBuf::from(folder)),
        }
    }
    match found.folders.is_empty() {
        true => Err(USAGE.to_owned()),
        false => Ok(found),
    }
}

/// Wall and processor time of some work, in milliseconds.
#[derive(Clone, Copy)]
struct Took {
    wall: f64,
    processor: f64,
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Took) {
    // Of the whole process: threads that have ended by now have worked too.
    let used = || cpu_ms(std::process::id()).unwrap_or(f64::NAN);
    let (from, before) = (Instant::now(), used());
    let result = work();
    let took = Took {
        wall: from.elapsed().as_secs_f64() * 1e3,
        processor: used() - before,
    };
    (result, took)
}

fn measure(folder: &Path, arguments: &Arguments) -> Result<String, String> {
    let failed = |error: foretoken_index::Error| error.to_string();
    let cache = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (mut floor, mut walks, mut cold, mut warm) = (vec![], vec![], vec![], vec![]);
    let mut read = (0, 0);
    for run in 0..arguments.runs {
        let place = cache.path().join(run.to_string());
        walks.push(timed(|| walk(folder).len()).1);
        let (count, took) = timed(|| walk_and_read(folder));
        (read, floor) = (count, [floor, vec![took]].concat());
        let (opened, took) = timed(|| open(folder, &place));
        opened.map_err(failed)?;
        cold.push(took);
        let (opened, took) = timed(|| open(folder, &place));
        let (_, report) = opened.map_err(failed)?;
        if report.read > 0 {
            let count = report.read;
            return Err(format!("{count} files changed while they were measured"));
        }
        warm.push(took);
    }
    let (workspace, _) = open(folder, &cache.path().join("0")).map_err(failed)?;
    let state = workspace.state();
    let disk = workspace.disk_size();
    let mut random = Random(arguments.seed);
    let texts = texts(&workspace, &mut random)?;
    let short: Vec<String> = (0..ASKED).map(|_| words(&texts, 6, &mut random)).collect();
    let long: Vec<String> = (0..ASKED).map(|_| piece(&texts, &mut random)).collect();
    let short = ask(&workspace, &short).map_err(failed)?;
    let long = ask(&workspace, &long).map_err(failed)?;
    let edits = edit(&workspace, &texts, &mut random)?;
    let State {
        files,
        chunks,
        text,
        ..
    } = state;
    let mut shown = format!(
        "{}: {files} files, {chunks} chunks, {:.1} MB of text; {} files of {:.1} MB read by the floor\n",
        folder.display(),
        text as f64 / 1e6,
        read.0,
        read.1 as f64 / 1e6,
    );
    let row = |name: &str, took: &[Took], of: &[Took]| {
        let wall = median(took, |took| took.wall);
        let processor = median(took, |took| took.processor);
        let ratio = wall / median(of, |took| took.wall);
        vec![
            name.to_owned(),
            format!("{wall:.0}"),
            format!("{processor:.0}"),
            format!("{ratio:.2}"),
        ]
    };
    let header = ["ms, median", "wall", "processor", "÷ its floor"];
    shown += &table(&[
        header.map(str::to_owned).to_vec(),
        row("walking alone", &walks, &walks),
        row("walking and reading", &floor, &floor),
        row("cold: nothing there, all searchable", &cold, &floor),
        row("warm: nothing changed", &warm, &walks),
    ]);
    let row = |name: &str, times: &[f64]| {
        let at = |share| format!("{:.2}", quantile(times, share));
        vec![name.to_owned(), at(0.5), at(0.95), at(0.99)]
    };
    shown.push('\n');
    shown += &table(&[
        ["ms", "p50", "p95", "p99"].map(str::to_owned).to_vec(),
        row("question of six words", &short),
        row("question of 1,500 characters", &long),
        row(
            "document opened: cut and put before its file",
            &edits.opened,
        ),
        row(
            "unsaved edit: its parse, which the editor's loop does",
            &edits.parsed,
        ),
        row("unsaved edit: cut and put before its file", &edits.layered),
        row("unsaved edit found", &edits.searched),
    ]);
    let ratio = disk as f64 / text.max(1) as f64;
    let disk = disk as f64 / 1e6;
    shown += &format!("\n{disk:.1} MB on the disk, {ratio:.2} of the text\n");
    Ok(shown)
}

fn median(took: &[Took], of: impl Fn(&Took) -> f64) -> f64 {
    quantile(&took.iter().map(of).collect::<Vec<f64>>(), 0.5)
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = ignore::WalkBuilder::new(folder).require_git(false).build();
    let files = entries
        .flatten()
        .filter(|entry| entry.file_type().is_some_and(|t| t.is_file()));
    files.map(ignore::DirEntry::into_path).collect()
}

/// Files and bytes.
fn walk_and_read(folder: &Path) -> (usize, usize) {
    let files = walk(folder);
    let size = |path: &PathBuf| std::fs::read(path).map_or(0, |bytes| bytes.len());
    (files.len(), files.iter().map(size).sum())
}

fn open(folder: &Path, cache: &Path) -> Result<(Workspace, Report), foretoken_index::Error> {
    let workspace = Workspace::open(folder, None, Some(cache), Arc::new(|_: &Path| false))?;
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(4));
    let report = workspace.refresh(Work {
        threads,
        rebuild: false,
        told: &|_| {},
        stop: &|| false,
    })?;
    Ok((workspace, report))
}

/// Numbers that look random and are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// Some files of the index with their texts.
fn texts(workspace: &Workspace, random: &mut Random) -> Result<Vec<(PathBuf, String)>, String> {
    let rows = workspace.rows();
    let paths: BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| row.split(' ').next())
        .collect();
    let paths: Vec<&str> = paths.into_iter().collect();
    let mut texts = Vec::new();
    for _ in 0..paths.len().min(EDITED * 4) {
        let path = workspace.root().join(paths[random.below(paths.len())]);
        if let Ok(text) = std::fs::read_to_string(&path)
            && text.len() > LONG * 2
            && is_found_by_text(&path, &text)
        {
            texts.push((path, text));
        }
    }
    match texts.is_empty() {
        true => Err("no file there is long enough to ask about".to_owned()),
        false => Ok(texts),
    }
}

/// Whether what is written into a file can be found: not where only its name is indexed, as of files that
/// nobody wrote, and not behind the first chunks of settings and data.
fn is_found_by_text(path: &Path, text: &str) -> bool {
    let name = path.to_string_lossy();
    let chunks = chunk::chunks(&name, text, &mut || false);
    let is_code = Language::from_path(&name).is_some_and(|language| !language.is_configuration());
    is_code && chunks.iter().all(|chunk| chunk.kind != Kind::Generated)
}

/// Words that stand near each other somewhere.
fn words(texts: &[(PathBuf, String)], count: usize, random: &mut Random) -> String {
    let piece = piece(texts, random);
    let words = piece.split(|c: char| !c.is_alphanumeric() && c != '_');
    let words: Vec<&str> = words.filter(|word| word.len() > 3).collect();
    let from = random.below(words.len().saturating_sub(count));
    words
        .into_iter()
        .skip(from)
        .take(count)
        .collect::<Vec<_>>()
        .join(" ")
}

fn piece(texts: &[(PathBuf, String)], random: &mut Random) -> String {
    let text = &texts[random.below(texts.len())].1;
    let start = text.floor_char_boundary(random.below(text.len() - LONG));
    text[start..text.floor_char_boundary(start + LONG)].to_owned()
}

/// Milliseconds of each question.
fn ask(workspace: &Workspace, questions: &[String]) -> Result<Vec<f64>, foretoken_index::Error> {
    let ask = |question: &String| {
        let from = Instant::now();
        workspace.search(question, 10, &|_| true)?;
        Ok(from.elapsed().as_secs_f64() * 1e3)
    };
    questions.iter().map(ask).collect()
}

/// Milliseconds of each step of each edit.
#[derive(Default)]
struct Edits {
    opened: Vec<f64>,
    parsed: Vec<f64>,
    layered: Vec<f64>,
    searched: Vec<f64>,
}

/// One new name in an open document at a time, until it is found.
fn edit(
    workspace: &Workspace,
    texts: &[(PathBuf, String)],
    random: &mut Random,
) -> Result<Edits, String> {
    let mut edits = Edits::default();
    for number in 0..EDITED {
        let (path, text) = &texts[random.below(texts.len())];
        let language = path.to_str().and_then(Language::from_path);
        let language = language.unwrap_or(Language::Text);
        let mut document = Document::open("", language, 1, text);
        document.reparse(&mut || false);
        let from = Instant::now();
        if !workspace.changed(path, text, document.tree()) {
            continue;
        }
        edits.opened.push(ms(from));
        let name = format!("walrus_narwhal_{number}");
        let change = Change {
            range: Some(behind_some_line(text, random)),
            text: format!("{name}\n"),
        };
        let from = Instant::now();
        document
            .apply(2, &[change], Encoding::Utf8, &mut || false)
            .map_err(|error| format!("{}: {error:?}", path.display()))?;
        document.reparse(&mut || false);
        edits.parsed.push(ms(from));
        let text = document.rope().to_string();
        let from = Instant::now();
        workspace.changed(path, &text, document.tree());
        edits.layered.push(ms(from));
        let answer = workspace.search(&name, 10, &|_| true);
        edits.searched.push(ms(from));
        if answer.is_ok_and(|answer| answer.hits.is_empty()) {
            return Err(format!("{name} in {} is not found", path.display()));
        }
        workspace.closed(path);
    }
    Ok(edits)
}

fn behind_some_line(text: &str, random: &mut Random) -> Range {
    let lines = text.lines().count();
    let line = random.below(lines / 2) as u32 + 1;
    let at = Position { line, character: 0 };
    Range { start: at, end: at }
}

fn ms(from: Instant) -> f64 {
    from.elapsed().as_secs_f64() * 1e3
}
