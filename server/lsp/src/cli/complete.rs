//! `foretoken complete`: one suggestion for one place of a file, by the same pipeline as the language
//! server's. With `--type` the place moves and the model keeps what it has, as it does in an editor.

mod opened;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use foretoken_engine::document::{Change, Document};
use foretoken_engine::lookup::Lookup;
use foretoken_engine::place;
use foretoken_engine::position::{self, Encoding, Range};
use foretoken_engine::prompt::Window;
use foretoken_engine::trigger::{self, History, Kind, Skip};
use foretoken_grammars::Language;
use serde_json::{Value, json};

use super::model::{self, Started};
use super::source::{absolute, project_of, read};
use super::{Context, Failure, NOTHING, OK};
use crate::config::{Completion, Settings};
use crate::pipeline::complete::{self, Attempt, Completed, Inputs, Model};
use crate::pipeline::report::{Reason, Report};

/// Longest time on the model, so that a slow machine gives the same text as a fast one.
const BUDGET: Duration = Duration::from_secs(30);

/// Complete one place of a file and print the text.
///
/// Exit code 0 with a text, 1 with none (the reason goes to stderr), 2 when something is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where: line and column count from 1, and columns are characters.
    #[arg(value_name = "FILE:LINE:COLUMN")]
    place: Place,
    /// Print one JSON object for each completion, on a line of its own.
    #[arg(long)]
    json: bool,
    /// Say on stderr how the text came about, or why there is none.
    #[arg(long)]
    why: bool,
    /// Then type TEXT there (in memory only) and complete again; may be given several times. An empty
    /// TEXT asks again at the same place.
    #[arg(long = "type", value_name = "TEXT", allow_hyphen_values = true)]
    typed: Vec<String>,
    /// The folder of the project, as an editor would open it. Without it: the nearest folder above the
    /// file with `.git` or `.foretoken.toml`, else the current one.
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Another file that the editor has open: the model may be shown its definitions. May be given
    /// several times.
    #[arg(long = "open", value_name = "FILE")]
    opened: Vec<PathBuf>,
    /// Ask as typing does, which suggests in fewer places than a key pressed for it.
    #[arg(long)]
    automatic: bool,
}

/// A place as the user wrote it; both numbers are at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    file: String,
    line: usize,
    column: usize,
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let wrong = || "write it as FILE:LINE:COLUMN, for example src/main.rs:12:5".to_owned();
        let mut parts = text.rsplitn(3, ':');
        let mut number = || {
            let number: usize = parts.next()?.parse().ok()?;
            (number > 0).then_some(number)
        };
        let (column, line) = (number(), number());
        match (parts.next(), line, column) {
            (Some(file), Some(line), Some(column)) if !file.is_empty() => Ok(Place {
                file: file.to_owned(),
                line,
                column,
            }),
            _ => Err(wrong()),
        }
    }
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let path = absolute(Path::new(&arguments.place.file))?;
    let root = match &arguments.root {
        Some(root) => absolute(root)?,
        None => project_of(&path),
    };
    let (document, byte) = open(&arguments.place, &path, &root)?;
    let mut layers = context.layers.clone();
    layers.set_workspaces(std::slice::from_ref(&root));
    let (settings, _) = Settings::from_layers(&layers);
    let opened = opened::read_all(&arguments.opened, &root, &settings.completion, err)?;
    let started = model::start(settings.infer(context.paths.as_ref()));
    let runtime = super::runtime()?;
    let mut session = Session {
        refused: refusal(&settings.completion, &path, document.language()),
        window: opened::window(
            &document,
            byte,
            &opened,
            (&started, settings.completion.context),
        ),
        settings: settings.completion,
        started,
        document,
        byte,
        lookup: None,
    };
    let kind = if arguments.automatic {
        Kind::Automatic
    } else {
        Kind::Invoked
    };
    let mut code = OK;
    let first = std::iter::once(None);
    for typed in first.chain(arguments.typed.iter().map(Some)) {
        if let Some(text) = typed {
            session.insert(text)?;
        }
        let completed = runtime.block_on(session.ask(kind, typed.is_none()));
        code = if completed.suggestion.is_some() {
            OK
        } else {
            NOTHING
        };
        if arguments.json {
            writeln!(out, "{}", session.json(&completed)?)?;
        } else {
            print(&completed, out, err)?;
        }
        if arguments.why {
            session.explain(&completed, err)?;
        }
    }
    session.started.infer.shutdown();
    Ok(code)
}

/// The file's text as a document that is parsed, and the place in bytes. The document carries the path
/// that the language server would give it, so that the prompt is the same.
fn open(place: &Place, path: &Path, root: &Path) -> Result<(Document, usize), Failure> {
    let document = read(&place.file, path, root)?;
    let byte = byte_of(&document, place)?;
    Ok((document, byte))
}

/// Line and column as a byte offset.
fn byte_of(document: &Document, place: &Place) -> Result<usize, Failure> {
    let (rope, name) = (document.rope(), &place.file);
    let lines = rope.len_lines();
    if place.line > lines {
        return Err(Failure(format!(
            "{name} has {lines} lines, so there is no line {}.",
            place.line
        )));
    }
    let line = rope.line(place.line - 1);
    let characters = line
        .chars()
        .take_while(|c| !matches!(c, '\n' | '\r'))
        .count();
    if place.column > characters + 1 {
        return Err(Failure(format!(
            "Line {} of {name} has {characters} characters, so its last column is {}.",
            place.line,
            characters + 1
        )));
    }
    Ok(rope.line_to_byte(place.line - 1) + line.char_to_byte(place.column - 1))
}

/// The text to stdout, or the reason for its absence to stderr.
fn print(completed: &Completed, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Failure> {
    match (&completed.suggestion, &completed.empty) {
        (Some(suggestion), _) => writeln!(out, "{}", suggestion.text)?,
        (None, reason) => {
            let sentence = reason
                .as_ref()
                .map_or("There is nothing to suggest.", Reason::sentence);
            writeln!(err, "{sentence}")?;
        }
    }
    Ok(())
}

/// Why the settings want no suggestions in this file.
fn refusal(settings: &Completion, path: &Path, language: Language) -> Option<Reason> {
    if settings.allows(path, language) {
        None
    } else if settings.exclude.matches(path) {
        Some(Reason::Skip(Skip::Excluded))
    } else {
        Some(Reason::Disabled)
    }
}

/// Nothing, for a reason that comes before all work.
fn refused(reason: Reason) -> Completed {
    Completed {
        report: Report {
            reason: Some(reason.code()),
            sentence: Some(reason.sentence().to_owned()),
            ..Report::default()
        },
        suggestion: None,
        empty: Some(reason),
        said: None,
        guess: None,
        written: [None, None],
        window: None,
        lookup: None,
    }
}

/// An open document with a running model.
struct Session {
    /// Why the settings want no suggestions in this file.
    refused: Option<Reason>,
    settings: Completion,
    started: Started,
    document: Document,
    byte: usize,
    window: Window,
    lookup: Option<Lookup>,
}

impl Session {
    /// Types a text at the cursor.
    fn insert(&mut self, text: &str) -> Result<(), Failure> {
        let at = position::from_byte(self.document.rope(), self.byte, Encoding::Utf8);
        let change = Change {
            range: Some(Range { start: at, end: at }),
            text: text.to_owned(),
        };
        let version = self.document.version() + 1;
        self.document
            .apply(version, &[change], Encoding::Utf8, &mut || false)
            .map_err(|_| Failure("The text cannot be typed there.".to_owned()))?;
        self.byte += text.len();
        Ok(())
    }

    /// One completion. `idle` is true for the first, which nothing came before.
    async fn ask(&mut self, kind: Kind, idle: bool) -> Completed {
        if let Some(reason) = &self.refused {
            return refused(reason.clone());
        }
        let inputs = Inputs {
            document: self.document.clone(),
            byte: self.byte,
            kind,
            history: History::default(),
            window: self.window.clone(),
            idle,
            lookup: self.lookup.take(),
            minimum_probability: self.settings.minimum_probability,
        };
        let info = self.started.info.as_ref();
        let model = info.map(|info| Model {
            infer: self.started.infer.clone(),
            info: info.clone(),
        });
        let model = match &model {
            Ok(model) => Ok(model),
            Err(why) => Err(Reason::NoModel(why.sentence.clone())),
        };
        let completed = complete::run(inputs, model, Attempt::alone(BUDGET)).await;
        if let Some(window) = &completed.window {
            self.window = window.clone();
        }
        self.lookup.clone_from(&completed.lookup);
        completed
    }

    /// The report with the text and the range that it is for: empty, at the cursor.
    fn json(&self, completed: &Completed) -> Result<Value, Failure> {
        let mut object = serde_json::to_value(&completed.report)
            .map_err(|error| Failure(format!("The report cannot be written: {error}.")))?;
        let (line, column) = self.place();
        let here = json!({"line": line, "column": column});
        object["text"] = completed
            .suggestion
            .as_ref()
            .map(|found| found.text.as_str())
            .into();
        object["range"] = json!({"start": here, "end": here});
        Ok(object)
    }

    /// Line and column of the cursor, both from 1.
    fn place(&self) -> (usize, usize) {
        let rope = self.document.rope();
        let line = rope.byte_to_line(self.byte);
        (
            line + 1,
            rope.byte_to_char(self.byte) - rope.line_to_char(line) + 1,
        )
    }

    /// Why typing here would suggest nothing, whatever a key pressed for it does.
    fn typing_skips(&self) -> Option<Skip> {
        let place = place::Place::at(&self.document, self.byte);
        trigger::decide(&place, Kind::Automatic, &History::default()).err()
    }

    /// How it came about, for a person.
    fn explain(&self, completed: &Completed, err: &mut dyn Write) -> Result<(), Failure> {
        let (line, column) = self.place();
        let report = &completed.report;
        let language = self.document.language().name();
        writeln!(err, "place      line {line}, column {column}, {language}")?;
        let text = |name: &Option<&'static str>| name.unwrap_or("-");
        writeln!(err, "asked for  {}", text(&report.mode))?;
        if let Some(skip) = self.typing_skips() {
            writeln!(err, "typing     {}: {}", skip.code(), skip.sentence())?;
        }
        writeln!(err, "model      {}", report.model.as_deref().unwrap_or("-"))?;
        match (report.source, report.probability) {
            (Some(source), Some(probability)) => {
                writeln!(
                    err,
                    "source     {source}, probably right: {:.0} %",
                    100.0 * probability
                )?;
            }
            _ => {
                let sentence = report.sentence.as_deref().unwrap_or("-");
                writeln!(err, "nothing    {}: {sentence}", text(&report.reason))?;
            }
        }
        for shown in self.window.shown() {
            let (piece, lines) = (&shown.piece, &shown.lines);
            let first = piece.text.lines().next().unwrap_or_default().trim();
            writeln!(
                err,
                "piece      {}:{}-{}, {}, {} tokens: {first}",
                piece.path,
                lines.start + 1,
                lines.end,
                shown.why.code(),
                shown.tokens
            )?;
        }
        let tokens = &report.tokens;
        writeln!(
            err,
            "tokens     {} in the prompt, {} of them reused; {} generated in {} steps, {} of {} \
             drafted ones accepted; ended by {}",
            tokens.prompt,
            tokens.reused,
            tokens.generated,
            tokens.steps,
            tokens.accepted,
            tokens.drafted,
            text(&report.end)
        )?;
        if let Ok(Value::Object(stages)) = serde_json::to_value(report.ms) {
            let stages: Vec<String> = stages
                .iter()
                .map(|(stage, ms)| format!("{stage} {:.1}", ms.as_f64().unwrap_or(0.0)))
                .collect();
            writeln!(err, "ms         {}", stages.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_split_from_its_end() {
        let place = |text: &str| {
            text.parse::<Place>()
                .ok()
                .map(|p| (p.file, p.line, p.column))
        };
        assert_eq!(place("src/a.rs:3:7"), Some(("src/a.rs".to_owned(), 3, 7)));
        assert_eq!(
            place("C:\\x\\a.rs:3:7"),
            Some(("C:\\x\\a.rs".to_owned(), 3, 7))
        );
        for wrong in [
            "",
            "a.rs",
            "a.rs:3",
            "a.rs:0:1",
            "a.rs:1:0",
            ":1:1",
            "a.rs:x:1",
            "a.rs:1:-1",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn columns_are_characters_and_may_stand_at_the_end() {
        let document = Document::open("/a.txt", Language::Text, 0, "aé😀b\r\n\nx");
        let at = |line, column| {
            byte_of(
                &document,
                &Place {
                    file: "a.txt".to_owned(),
                    line,
                    column,
                },
            )
            .map_err(|Failure(sentence)| sentence)
        };
        assert_eq!(at(1, 1), Ok(0));
        assert_eq!(at(1, 4), Ok(7));
        assert_eq!(at(1, 5), Ok(8));
        assert_eq!(at(2, 1), Ok(10));
        assert_eq!(at(3, 2), Ok(12));
        assert_eq!(
            at(1, 6),
            Err("Line 1 of a.txt has 4 characters, so its last column is 5.".to_owned())
        );
        assert_eq!(
            at(4, 1),
            Err("a.txt has 3 lines, so there is no line 4.".to_owned())
        );
    }

    #[cfg(unix)]
    #[test]
    fn paths_are_those_that_an_editor_names() {
        let absolute = |path: &str| absolute(Path::new(path)).map_err(|Failure(why)| why);
        for (path, plain) in [
            ("/w/b/../x/./a.rs", "/w/x/a.rs"),
            ("/../../a.rs", "/a.rs"),
            ("/w/a..rs", "/w/a..rs"),
        ] {
            assert_eq!(absolute(path), Ok(PathBuf::from(plain)));
        }
        assert!(absolute("").is_err());
    }

    #[test]
    fn the_project_is_the_nearest_marked_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b/c");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        assert_eq!(project_of(&inner.join("x.rs")), folder.path());
        std::fs::write(folder.path().join("a/b/.foretoken.toml"), "").unwrap();
        assert_eq!(project_of(&inner.join("x.rs")), folder.path().join("a/b"));
    }

    #[test]
    fn what_is_no_text_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.rs");
        let sentence = |file: &Path| {
            let place = Place {
                file: file.display().to_string(),
                line: 1,
                column: 1,
            };
            open(&place, file, folder.path()).map(drop).unwrap_err().0
        };
        assert!(sentence(&file).contains("cannot be read"));
        assert!(sentence(folder.path()).contains("is not a file"));
        std::fs::write(&file, b"ab\xff").unwrap();
        assert!(sentence(&file).contains("byte 2 is none"));
    }
}
