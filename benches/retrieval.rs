//! How well the index's words find the files that a commit changes:
//! `cargo bench -p foretoken-benches --bench retrieval -- CHECKOUTS [options]`.

use std::path::{Path, PathBuf};

use foretoken_benches::replay::manifest::Row;
use foretoken_benches::retrieval::figures::worth;
use foretoken_benches::retrieval::git::Git;
use foretoken_benches::retrieval::ladder::{Ladder, STEPS, Weights};
use foretoken_benches::retrieval::mining::{self, Limits};
use foretoken_benches::retrieval::report::{self, Answered};
use foretoken_benches::retrieval::tree;
use foretoken_benches::retrieval::truth::{self, Query, Set};

const USAGE: &str = "usage: cargo bench -p foretoken-benches --bench retrieval -- CHECKOUTS

CHECKOUTS is a folder with repositories and their history, as owner/name, owner+name or name.

  --set tune|report  which committed list (default: tune)
  --sample N         the first N queries of each repository (default: all)
  --csv FILE         write the figures as CSV
  --check FILE       compare with kept figures; fails where an MRR fell by more than .005
  --mine NAMES       print a list of queries of these repositories (owner/name,owner/name) instead
  --window N         commits of the main line that are mined (default: 1500)
  --queries N        queries mined for each repository (default: 60)";

struct Arguments {
    checkouts: PathBuf,
    set: Set,
    sample: usize,
    csv: Option<PathBuf>,
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
        csv: None,
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
    let (answered, absent) = answer(arguments)?;
    let figures = report::csv(arguments.set.word(), &answered);
    let mut text = format!(
        "set {}\n{absent}{}",
        arguments.set.word(),
        report::table(&answered)
    );
    if let Some(path) = &arguments.csv {
        std::fs::write(path, format!("{}{figures}", report::HEADER))
            .map_err(|e| format!("{}: {e}", path.display()))?;
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

/// Asks everything, repository by repository, and says on stderr how far it is.
#[expect(
    clippy::print_stderr,
    reason = "a run takes minutes, and stdout is for the table"
)]
fn answer(arguments: &Arguments) -> Result<(Vec<Answered>, String), String> {
    let queries = truth::parse(arguments.set.committed())?;
    let (mut answered, mut absent) = (Vec::new(), String::new());
    for group in queries.chunk_by(|a, b| a.repository == b.repository) {
        let name = &group[0].repository;
        let Some(git) = open(&arguments.checkouts, name) else {
            absent += &format!("{name}: skipped, not in the given folder\n");
            continue;
        };
        let group = &group[..group.len().min(arguments.sample)];
        let (one, chunks) = repository(&git, group)?;
        eprintln!("{name}: {} queries, {chunks} chunks", group.len());
        answered.push(one);
    }
    if answered.is_empty() {
        return Err(format!("none of the repositories is there\n{absent}"));
    }
    Ok((answered, absent))
}

fn repository(git: &Git, queries: &[Query]) -> Result<(Answered, usize), String> {
    let ladder = Ladder::build(&tree::files(git, &queries[0].base)?)?;
    let weights = Weights::default();
    let mut steps = vec![Vec::with_capacity(queries.len()); STEPS.len()];
    for query in queries {
        let subject = git.ask(&["log", "-1", "--format=%s", &query.commit])?;
        let question = mining::asked(&String::from_utf8_lossy(&subject));
        for (step, worths) in steps.iter_mut().enumerate() {
            worths.push(worth(&ladder.ask(step, &question, &weights)?, &query.gold));
        }
    }
    let repository = queries[0].repository.clone();
    Ok((Answered { repository, steps }, ladder.chunks()))
}
