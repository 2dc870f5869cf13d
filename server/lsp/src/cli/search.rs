//! `foretoken search`: the chunks of a workspace that answer a question, by their words. The index of the
//! workspace is brought up to date first; nothing leaves the machine.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foretoken_grammars::Language;
use foretoken_index::{Answer, Hit, Report, State, Workspace};
use serde_json::json;

use super::index::Project;
use super::{Context, Failure, NOTHING, OK};
use crate::calendar::day;
use crate::config::Encoders as Chosen;
use crate::encoders::Encoders;

/// Time for reading who changed the files of the hits, and when; unknown is `null`.
const HISTORY: Duration = Duration::from_secs(2);
/// Lines of a hit that are printed on a terminal.
const SHOWN_LINES: usize = 6;

/// Find the code of a project that a question is about.
///
/// A question may be words, the name of a definition, an error message or a stack trace. Exit code 0
/// with hits, 1 with none (the reason goes to stderr), 2 when something is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The question; several words need no quotes.
    #[arg(required = true, value_name = "WORD")]
    question: Vec<String>,
    /// The folder of the project. Without it: the current one.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// Most hits.
    #[arg(short = 'n', long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
    /// Use no index on the disk, and write none: read all files for this one question.
    #[arg(long)]
    no_index: bool,
    /// Files of this language only, for example `rust`.
    #[arg(long)]
    language: Option<String>,
    /// Print one JSON object for each hit, on a line of its own, with who changed its file last and when.
    #[arg(long)]
    json: bool,
    /// Say how each hit came to its place.
    #[arg(long)]
    why: bool,
    /// Order the best hits also by what they mean, with this embedder: a table's file, or the folder of a
    /// package of kind "embed" (manifest.toml, model.onnx, tokenizer.json). Without it: `index.embedder`.
    #[arg(long, value_name = "PATH")]
    embedder: Option<PathBuf>,
    /// Put the hits in the order of a package of kind "rerank", as far as it has time. Without it:
    /// `index.reranker`.
    #[arg(long, value_name = "FOLDER")]
    reranker: Option<PathBuf>,
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let language = match &arguments.language {
        None => None,
        Some(id) => Some(
            Language::from_lsp_id(&id.to_lowercase())
                .ok_or_else(|| Failure(format!("No language is called {}.", escape(id))))?,
        ),
    };
    let given = Chosen {
        embedder: arguments.embedder.clone(),
        reranker: arguments.reranker.clone(),
    };
    let (workspace, report) = opened(context, &arguments.dir, !arguments.no_index, &given)?;
    let wanted =
        |path: &str| language.is_none_or(|language| Language::from_path(path) == Some(language));
    let question = arguments.question.join(" ");
    let answer = workspace
        .search(&question, usize::from(arguments.limit), &wanted)
        .map_err(|error| Failure(format!("The search failed: {error}.")))?;
    workspace.save_vectors();
    if arguments.why {
        tell(&workspace, &report, &answer, err)?;
    }
    if let Some(empty) = answer.empty {
        writeln!(err, "foretoken: {}", empty.sentence())?;
        return Ok(NOTHING);
    }
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if arguments.json {
        let begun = Instant::now();
        workspace.read_history(&|| begun.elapsed() > HISTORY);
    }
    for hit in &answer.hits {
        if arguments.json {
            writeln!(out, "{}", as_json(hit, &workspace))?;
        } else {
            print(hit, arguments.why, coloured, out)?;
        }
    }
    Ok(OK)
}

/// The index on the disk, brought up to date; where that cannot be had, one in memory. Searches ask the embedder and
/// the reranker that are given here, else those of the settings.
pub(super) fn opened(
    context: &Context,
    dir: &Path,
    lasting: bool,
    given: &Chosen,
) -> Result<(Workspace, Report), Failure> {
    let project = Project::of(context, dir)?;
    let (workspace, report) = indexed(&project, lasting)?;
    let mut choice = given.clone();
    let settings = project.encoders();
    choice.embedder = choice.embedder.or_else(|| settings.embedder.clone());
    choice.reranker = choice.reranker.or_else(|| settings.reranker.clone());
    let (encoders, problems) = Encoders::load(&choice, &project.libraries());
    if !problems.is_empty() && *given != Chosen::default() {
        return Err(Failure(problems.join(" ")));
    }
    for problem in problems {
        tracing::warn!(problem, "words alone order what is found");
    }
    encoders.attach(&workspace, Duration::MAX);
    Ok((workspace, report))
}

fn indexed(project: &Project, lasting: bool) -> Result<(Workspace, Report), Failure> {
    if lasting
        && let Some(cache) = project.cache()
        && let Ok(workspace) = project.open(Some(cache))
        && let Ok(report) = project.refresh(&workspace, false)
        // Of an index that another process is building, only what is there could be found.
        && workspace.state().complete
        && !report.stopped
    {
        return Ok((workspace, report));
    }
    let nothing = |error| Failure(format!("There is nothing to search: {error}."));
    let workspace = project.open(None).map_err(nothing)?;
    let report = project.refresh(&workspace, false).map_err(nothing)?;
    Ok((workspace, report))
}

/// What was searched, how long it took and what was left out.
fn tell(
    workspace: &Workspace,
    report: &Report,
    answer: &Answer,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let State {
        files,
        chunks,
        text,
        ..
    } = workspace.state();
    let took = answer.took.as_secs_f64() * 1e3;
    let read = report.read;
    writeln!(
        err,
        "{files} files, {chunks} chunks, {text} bytes; {read} files read anew; answered in {took:.1} ms"
    )?;
    for (reason, count) in &report.skipped {
        writeln!(err, "left out, {reason}: {count}")?;
    }
    Ok(())
}

fn as_json(hit: &Hit, workspace: &Workspace) -> serde_json::Value {
    let change = workspace.last_change(&hit.path);
    let why: serde_json::Map<String, serde_json::Value> = hit
        .why
        .iter()
        .map(|(name, factor)| ((*name).to_owned(), json!(factor)))
        .collect();
    json!({
        "path": hit.path,
        "line": hit.lines.start + 1,
        "endLine": hit.lines.end,
        "name": hit.qualified,
        "kind": hit.kind.word(),
        "source": hit.source.word(),
        "language": Language::from_path(&hit.path).map(Language::id),
        "owner": change.as_ref().map(|commit| &*commit.author),
        "updated": change.as_ref().map(|commit| day(commit.time)),
        "text": hit.text,
        "words": hit.words,
        "vector": hit.vector,
        "fused": hit.fused,
        "score": hit.score,
        "why": why,
    })
}

fn print(hit: &Hit, why: bool, coloured: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let (bold, dim, plain) = match coloured {
        true => ("\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"),
        false => ("", "", ""),
    };
    let (path, line) = (escape(&hit.path), hit.lines.start + 1);
    let name = escape(&hit.qualified);
    writeln!(out, "{bold}{path}:{line}{plain} {} {name}", hit.kind.word())?;
    if why {
        let factors: Vec<String> = hit
            .why
            .iter()
            .map(|(name, factor)| format!("{name} × {factor:.2}"))
            .collect();
        let factors = factors.join(", ");
        let vector = match hit.vector {
            Some(cosine) => format!("vector {cosine:.2}, "),
            None => String::new(),
        };
        writeln!(
            out,
            "{dim}  words {:.2}, {vector}fused {:.2}, score {:.2}: {factors}{plain}",
            hit.words, hit.fused, hit.score
        )?;
    }
    for line in hit
        .text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(SHOWN_LINES)
    {
        let line: String = escape(line).chars().take(160).collect();
        writeln!(out, "{dim}    {line}{plain}")?;
    }
    Ok(())
}

/// Text of the workspace as a terminal may show it: whoever wrote a file must not steer the terminal
/// that prints it, nor turn its direction.
fn escape(text: &str) -> String {
    let steers = |c: char| {
        c.is_control() && c != '\t'
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| match steers(c) {
            true => format!("\\u{{{:x}}}", u32::from(c)),
            false => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(
            escape("a\u{1b}[2Jb\n\u{202e}c"),
            "a\\u{1b}[2Jb\\u{a}\\u{202e}c"
        );
        assert_eq!(escape("größe\tx"), "größe\tx");
    }
}
