//! How well the index finds what a commit changes and what a documentation describes:
//! `cargo bench -p foretoken-benches --bench retrieval -- CHECKOUTS [options]`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretoken_benches::replay::manifest::Row;
use foretoken_benches::retrieval::figures::worth;
use foretoken_benches::retrieval::fit;
use foretoken_benches::retrieval::git::Git;
use foretoken_benches::retrieval::ladder::{self, BOTH, Ladder, System};
use foretoken_benches::retrieval::mining::{self, Limits};
use foretoken_benches::retrieval::questions::{self, Exam};
use foretoken_benches::retrieval::report::{self, Answered, Asked};
use foretoken_benches::retrieval::truth::{self, Query, Set};
use foretoken_engine::embed::Embedder;
use foretoken_engine::rank::Weights;

const USAGE: &str = "usage: cargo bench -p foretoken-benches --bench retrieval -- CHECKOUTS

CHECKOUTS is a folder with repositories and their history, as owner/name, owner+name or name.

  --set tune|report  which repositories are asked about (default: tune)
  --sample N         the first N queries of each repository (default: all)
  --embedder FILE    ask vectors of this table too (default: models/embed/table.bin, if it is there)
  --floor COSINE     above it a chunk is a hit without a word of the question (default: 0.4)
  --csv FILE         write the figures as CSV
  --json FILE        write the figures with their intervals as JSON
  --check FILE       compare with kept figures; fails where an MRR fell by more than .005
  --fit              choose weights on the tuning set, and print them
  --mine NAMES       print a list of queries of these repositories (owner/name,owner/name) instead
  --window N         commits of the main line that are mined (default: 1500)
  --queries N        queries mined for each repository, and paragraphs asked (default: 60)";

struct Arguments {
    checkouts: PathBuf,
    set: Set,
    sample: usize,
    embedder: Option<PathBuf>,
    floor: f32,
    csv: Option<PathBuf>,
    json: Option<PathBuf>,
    fit: bool,
    check: Option<PathBuf>,
    mine: Option<String>,
    limits: Limits,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the table is what the program is for"
)]
fn main() {
    match arguments(std::env::args().skip(1)).and_then(|arguments| run(&arguments)) {
        Ok((text, true)) => print!("{text}"),
        Ok((text, false)) => {
            print!("{text}");
            std::process::exit(1);
        }
        Err(sentence) => {
            eprintln!("retrieval: {sentence}");
            std::process::exit(2);
        }
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut found = Arguments {
        checkouts: PathBuf::new(),
        set: Set::Tune,
        sample: usize::MAX,
        embedder: None,
        floor: 0.4,
        csv: None,
        json: None,
        fit: false,
        check: None,
        mine: None,
        limits: Limits {
            window: 1500,
            queries: 60,
        },
    };
    let number = |word: String| word.parse().map_err(|_| format!("{word} is no number"));
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value\n{USAGE}"));
        match word.as_str() {
            // Cargo adds this one.
            "--bench" => {}
            "--set" => {
                found.set = match value()?.as_str() {
                    "tune" => Set::Tune,
                    "report" => Set::Report,
                    other => return Err(format!("{other} is no set\n{USAGE}")),
                }
            }
            "--sample" => found.sample = number(value()?)?,
            "--embedder" => found.embedder = Some(value()?.into()),
            "--floor" => {
                let floor = value()?;
                found.floor = floor.parse().map_err(|_| format!("{floor} is no number"))?;
            }
            "--json" => found.json = Some(value()?.into()),
            "--fit" => found.fit = true,
            "--csv" => found.csv = Some(value()?.into()),
            "--check" => found.check = Some(value()?.into()),
            "--mine" => found.mine = Some(value()?),
            "--window" => found.limits.window = number(value()?)?,
            "--queries" => found.limits.queries = number(value()?)?,
            path if !path.starts_with('-') => found.checkouts = path.into(),
            _ => return Err(format!("{word} is unknown\n{USAGE}")),
        }
    }
    if found.checkouts.as_os_str().is_empty() {
        return Err(format!("no folder of checkouts is given\n{USAGE}"));
    }
    Ok(found)
}

/// The text to print, and whether the check was passed.
fn run(arguments: &Arguments) -> Result<(String, bool), String> {
    if let Some(names) = &arguments.mine {
        let mut queries = Vec::new();
        for name in names.split(',') {
            let git = open(&arguments.checkouts, name).ok_or(format!("{name} is not there"))?;
            queries.extend(mining::mine(&git, name, arguments.limits)?);
        }
        return Ok((truth::text(&queries), true));
    }
    if arguments.fit {
        return fitted(arguments).map(|text| (text, true));
    }
    let (sets, absent) = answer(arguments)?;
    let rows: Vec<report::Row> = sets.iter().flat_map(Asked::rows).collect();
    let figures = report::csv(&rows);
    let tables: Vec<String> = sets.iter().map(Asked::table).collect();
    let mut text = format!("{absent}{}", tables.join("\n"));
    let write = |path: &PathBuf, text: &str| {
        std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
    };
    if let Some(path) = &arguments.csv {
        write(path, &format!("{}{figures}", report::HEADER))?;
    }
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string_pretty(&rows).map_err(|e| e.to_string())?;
        write(path, &format!("{json}\n"))?;
    }
    let Some(kept) = &arguments.check else {
        return Ok((text, true));
    };
    let before = std::fs::read_to_string(kept).map_err(|e| format!("{}: {e}", kept.display()))?;
    let (fallen, compared) = report::fallen(&figures, &before);
    for sentence in &fallen {
        text += &format!("FALLEN: {sentence}\n");
    }
    text += &format!(
        "check: {compared} figures compared, {} fell\n",
        fallen.len()
    );
    Ok((text, fallen.is_empty() && compared > 0))
}

fn open(checkouts: &Path, name: &str) -> Option<Git> {
    let row = Row {
        repository: name.to_owned(),
        commit: "HEAD".to_owned(),
        commits: 0,
        language: String::new(),
    };
    Some(Git::at(&row.checkout(checkouts)?.folder))
}

type Embedding = Option<(Arc<Embedder>, f32)>;

fn embedder(arguments: &Arguments) -> Result<Embedding, String> {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/embed/table.bin");
    let path = match &arguments.embedder {
        Some(path) => path,
        None if built_in.exists() => &built_in,
        None => return Ok(None),
    };
    let said = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let bytes = std::fs::read(path).map_err(|e| said(&e))?;
    let embedder = Embedder::parse(&bytes).map_err(|e| said(&e))?;
    Ok(Some((Arc::new(embedder), arguments.floor)))
}

/// Calls `visit` for each exam of each repository: set A, then set D.
#[expect(
    clippy::print_stderr,
    reason = "a run takes minutes, and stdout is for the table"
)]
fn exams(
    arguments: &Arguments,
    visit: &mut dyn FnMut(usize, &str, Exam) -> Result<(), String>,
) -> Result<String, String> {
    let queries = truth::parse(arguments.set.committed())?;
    let mut absent = String::new();
    for group in queries.chunk_by(|a, b| a.repository == b.repository) {
        let name = &group[0].repository;
        let Some(git) = open(&arguments.checkouts, name) else {
            absent += &format!("{name}: skipped, not in the given folder\n");
            continue;
        };
        let group: &[Query] = &group[..group.len().min(arguments.sample)];
        visit(0, name, questions::commits(&git, group)?)?;
        let count = arguments.limits.queries.min(arguments.sample);
        visit(
            1,
            name,
            questions::documentation(&git, &group[0].base, count)?,
        )?;
        eprintln!("{name}: done");
    }
    Ok(absent)
}

/// Asks everything, repository by repository.
fn answer(arguments: &Arguments) -> Result<(Vec<Asked>, String), String> {
    let embedder = embedder(arguments)?;
    let systems = ladder::systems(embedder.is_some());
    let mut sets = ["commits", "documentation"].map(|kind| Asked {
        set: format!("{kind}-{}", arguments.set.word()),
        systems: systems.clone(),
        answered: Vec::new(),
    });
    let absent = exams(arguments, &mut |set, name, exam| {
        let ladder = Ladder::build(&exam.files, embedder.clone())?;
        sets[set].answered.push(Answered {
            repository: name.to_owned(),
            systems: asked(&ladder, &systems, &exam)?,
        });
        Ok(())
    })?;
    match sets[0].answered.is_empty() {
        true => Err(format!("none of the repositories is there\n{absent}")),
        false => Ok((sets.into(), absent)),
    }
}

fn asked(
    ladder: &Ladder,
    systems: &[System],
    exam: &Exam,
) -> Result<Vec<Vec<foretoken_benches::retrieval::figures::Worth>>, String> {
    let system = |system: &System| {
        let ask = |(question, gold): &(String, _)| {
            Ok(worth(
                &ladder.ask(system.how, question, ladder::HITS)?,
                gold,
            ))
        };
        exam.questions.iter().map(ask).collect()
    };
    systems.iter().map(system).collect()
}

/// Chooses weights on the tuning set, whatever set was named.
#[expect(
    clippy::print_stderr,
    reason = "a fit takes long, and stdout is for what it found"
)]
fn fitted(arguments: &Arguments) -> Result<String, String> {
    if arguments.set != Set::Tune {
        return Err("weights are chosen on the tuning set alone".to_owned());
    }
    let embedder = embedder(arguments)?;
    let mut sets = vec![Vec::new(), Vec::new()];
    exams(arguments, &mut |set, _, exam| {
        sets[set].push(fit::Asked {
            ladder: Ladder::build(&exam.files, embedder.clone())?,
            questions: exam.questions,
        });
        Ok(())
    })?;
    let vectors = if embedder.is_some() { BOTH } else { [0.0; 3] };
    let start = Weights {
        vectors,
        ..Weights::default()
    };
    let (_, text) = fit::fit(&sets, start, &|line| eprint!("{line}"))?;
    Ok(text)
}
