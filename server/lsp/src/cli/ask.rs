//! `foretoken ask` and `foretoken explain`: a question about code on a terminal, by the same pipeline as
//! the language server's, with the same prompt, byte for byte. The answer goes to stdout while it comes;
//! who answered, at what cost and from what goes to stderr.

mod output;

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretoken_engine::assist::Task;
use foretoken_engine::document::Document;
use foretoken_grammars::Language;

use self::output::{print, prompt, streamed};
use super::source::{absolute, project_of, read};
use super::{Context, Failure, NOTHING, OK};
use crate::config::trust::Trust;
use crate::config::{Encoders, Settings};
use crate::pipeline::assist::{
    self, Diagnostic, Found, LevelOf, Question, Search, Snapshot, Sought, Stopped, Tools,
    UNREADABLE,
};

/// Ask a remote model about code, with context from the project.
///
/// Nothing is sent before you have allowed it for the project (`foretoken consent`). Without a model the
/// answer is what can be said without one, and the exit code is 1.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The question, in your own words.
    #[arg(required_unless_present = "task", value_name = "WORDS")]
    words: Vec<String>,
    /// What it is about: a file, with a line, a place or a range of lines where it is about a part.
    #[arg(long, value_name = "FILE[:LINE[-LINE]]")]
    about: Option<Place>,
    /// Ask this instead of a free question.
    #[arg(long, value_parser = task, requires = "about")]
    task: Option<Task>,
    #[command(flatten)]
    how: How,
}

/// Explain a file's definition, lines, or whole text.
///
/// The same as `foretoken ask --task explain --about PLACE`.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// A line means the definition around it.
    #[arg(value_name = "FILE[:LINE[-LINE]]")]
    about: Place,
    #[command(flatten)]
    how: How,
}

/// What both have in common.
#[derive(Debug, clap::Args)]
struct How {
    /// What a checker says there; may be given several times.
    #[arg(long = "diagnostic", value_name = "MESSAGE")]
    diagnostics: Vec<String>,
    /// The folder of the project. Without it: the nearest folder above the file with `.git` or
    /// `.foretoken.toml`, else the current one.
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Ask a larger model than the question seems to need.
    #[arg(long)]
    deeper: bool,
    /// Allow that text of this project is sent to your endpoints, and remember it.
    #[arg(long)]
    allow: bool,
    /// Print the prompt as JSON and send nothing.
    #[arg(long)]
    prompt: bool,
    /// Print one JSON object instead of the answer's text.
    #[arg(long)]
    json: bool,
    /// Say on stderr which models were considered and why others were not.
    #[arg(long)]
    why: bool,
}

/// A file and which part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    file: String,
    /// From 1, both ends in it; one line alone stands for the definition around it.
    lines: Option<(usize, usize)>,
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let whole = Place {
            file: text.to_owned(),
            lines: None,
        };
        let Some((file, lines)) = text.rsplit_once(':').filter(|(file, _)| !file.is_empty()) else {
            return match text.is_empty() {
                true => Err("name a file".to_owned()),
                false => Ok(whole),
            };
        };
        let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
        let lines = match lines.split_once('-') {
            Some((first, last)) => number(first).zip(number(last)),
            None => number(lines).map(|line| (line, line)),
        };
        match lines {
            Some((first, last)) if first <= last => Ok(Place {
                file: file.to_owned(),
                lines: Some((first, last)),
            }),
            // A colon may belong to the name.
            _ if Path::new(text).exists() => Ok(whole),
            _ => Err(
                "write it as FILE, FILE:LINE or FILE:FIRST-LAST, as in src/main.rs:12-30".into(),
            ),
        }
    }
}

fn task(code: &str) -> Result<Task, String> {
    Task::from_code(code).ok_or_else(|| {
        let known: Vec<&str> = Task::ALL.iter().map(|task| task.code()).collect();
        format!("known are {}", known.join(", "))
    })
}

/// As shells say it of a program that an interrupt ended.
const INTERRUPTED: u8 = 130;

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let words = arguments.words.join(" ");
    let words = (!words.trim().is_empty()).then_some(words);
    let task = arguments.task.unwrap_or(Task::Ask);
    let asked = (task, words, arguments.about.as_ref());
    ask(context, asked, &arguments.how, (out, err))
}

pub(super) fn explain(
    context: &Context,
    arguments: &Explain,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let asked = (Task::Explain, None, Some(&arguments.about));
    ask(context, asked, &arguments.how, (out, err))
}

fn ask(
    context: &Context,
    (task, words, about): (Task, Option<String>, Option<&Place>),
    how: &How,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> Result<u8, Failure> {
    let (snapshot, selection, (settings, shut)) = opened(context, about, how, err)?;
    let line = selection.as_ref().map_or(0, |bytes| {
        snapshot.document.rope().byte_to_line(bytes.start) as u32
    });
    let diagnostics = how.diagnostics.iter().map(|message| Diagnostic {
        line,
        message: message.clone(),
        source: None,
        code: None,
        related: Vec::new(),
    });
    let question = Question {
        task,
        selection,
        diagnostics: diagnostics.collect(),
        words,
        history: Vec::new(),
        deeper: how.deeper,
        rejected: false,
    };
    if how.allow {
        allow(context, &snapshot.project, &settings)?;
    }
    let tools = Tools::new(Arc::new(settings), context.paths.clone(), shut);
    let runtime = super::runtime()?;
    let prepared = runtime.block_on(assist::prepare(&question, &snapshot, &tools));
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(Stopped::Refused(sentence)) => return Err(Failure(sentence)),
    };
    if how.prompt {
        writeln!(out, "{}", prompt(&prepared))?;
        return Ok(OK);
    }
    for place in &prepared.unasked {
        writeln!(
            err,
            "foretoken: {} ({}) is not asked: allow it with `foretoken consent allow {}`, or --allow.",
            place.name, place.origin, place.name
        )?;
    }
    for note in &prepared.notes {
        writeln!(err, "foretoken: {note}")?;
    }
    if how.why {
        write!(err, "{}", prepared.why())?;
    }
    let outcome = runtime.block_on(streamed(&prepared, &tools, !how.json, out, err))?;
    let Some(outcome) = outcome else {
        let sentence = "the question was given up; `foretoken audit show` says what was sent";
        writeln!(err, "foretoken: {sentence}.")?;
        return Ok(INTERRUPTED);
    };
    print(&outcome, how.json, out, err)?;
    Ok(if outcome.model.is_some() && outcome.cut.is_none() {
        OK
    } else {
        NOTHING
    })
}

/// The settings in force, and why nobody may be asked whatever they say.
type Rules = (Settings, Option<&'static str>);

/// The project, the file and the part of it that the question is about.
fn opened(
    context: &Context,
    about: Option<&Place>,
    how: &How,
    err: &mut dyn Write,
) -> Result<(Snapshot, Option<Range<usize>>, Rules), Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure(format!("The current folder cannot be read: {error}.")))?;
    let path = match about {
        Some(place) => absolute(Path::new(&place.file))?,
        None => here.join("question"),
    };
    let root = match &how.root {
        Some(root) => absolute(root)?,
        None => project_of(&path),
    };
    let mut layers = context.layers.clone();
    layers.set_workspaces(std::slice::from_ref(&root));
    let resolved = layers.resolve();
    for problem in &resolved.problems {
        writeln!(err, "foretoken: {problem}")?;
    }
    let shut = crate::index::is_broken(&resolved.problems).then_some(UNREADABLE);
    let rules = layers.stamps();
    let settings = resolved.settings;
    let (document, selection) = match about {
        Some(place) => {
            if settings.completion.exclude.matches(&path) {
                return Err(Failure(format!(
                    "{} is excluded, so nothing of it is used or sent.",
                    place.file
                )));
            }
            let document = read(&place.file, &path, &root)?;
            let selection = selection(&document, place)?;
            (document, Some(selection))
        }
        None => (Document::open("", Language::Text, 0, ""), None),
    };
    let snapshot = Snapshot {
        open: vec![(path.clone(), document.clone())],
        edited: Vec::new(),
        search: search(context, &root, &path),
        level: levels(&settings, &path, &root),
        rules,
        document,
        path,
        project: root,
    };
    Ok((snapshot, selection, (settings, shut)))
}

fn selection(document: &Document, place: &Place) -> Result<Range<usize>, Failure> {
    let rope = document.rope();
    let Some((first, last)) = place.lines else {
        return Ok(0..rope.len_bytes());
    };
    let lines = rope.len_lines();
    if last > lines {
        return Err(Failure(format!(
            "{} has {lines} lines, so there is no line {last}.",
            place.file
        )));
    }
    let start = rope.line_to_byte(first - 1);
    // One line stands for what is around it.
    let end = if first == last {
        start
    } else {
        rope.line_to_byte(last)
    };
    Ok(start..end)
}

/// As in the editor: what is excluded or outside goes nowhere.
fn levels(settings: &Settings, asked: &Path, project: &Path) -> LevelOf {
    let settings = settings.clone();
    let (asked, project) = (asked.to_owned(), project.to_owned());
    Arc::new(move |path| assist::level(&settings, path, (&asked, &project)))
}

/// The project's index, where it can have one, for questions about a file.
fn search(context: &Context, root: &Path, file: &Path) -> Option<Search> {
    let (index, _) = super::search::opened(context, root, true, &Encoders::default()).ok()?;
    index.read_history(&|| false);
    let file = file.to_owned();
    Some(Arc::new(move |sought: &Sought, most: usize| {
        Found::all(&index, &file, sought, most)
    }))
}

fn allow(context: &Context, project: &Path, settings: &Settings) -> Result<(), Failure> {
    let Some(paths) = &context.paths else {
        return Err(Failure(
            "There is no home directory to keep consents in.".into(),
        ));
    };
    for endpoint in settings.remote.endpoints.iter() {
        let target = endpoint.target();
        let target = target.map_err(|failure| Failure(failure.sentence(&endpoint.name)))?;
        Trust::allow(paths, project, &target.origin.to_string()).map_err(Failure)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Place, String> {
        text.parse()
    }

    #[test]
    fn a_place_is_a_file_with_or_without_lines() {
        let place = |file: &str, lines| Place {
            file: file.to_owned(),
            lines,
        };
        assert_eq!(parse("src/a.rs"), Ok(place("src/a.rs", None)));
        assert_eq!(parse("src/a.rs:7"), Ok(place("src/a.rs", Some((7, 7)))));
        assert_eq!(parse("a:b.rs:7-9"), Ok(place("a:b.rs", Some((7, 9)))));
        for wrong in ["", "a.rs:0", "a.rs:9-7", "a.rs:x", "a.rs:1-"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
