//! What of a model's text is shown: made safe block by block while it comes, and at the end held against
//! the sections that it was made from.

use std::path::{Component, Path};

use foretoken_engine::answer::contain::Refused;
use foretoken_engine::answer::ground::{LOW, Sources};
use foretoken_engine::answer::{self, Answer, Removed, markdown};
use foretoken_engine::assist::prompt::Placed;
use foretoken_engine::assist::{Section, Source};

use super::answer::Edited;
use super::edit;
use super::prepare::Prepared;
use super::tools::Tools;

/// Largest file that is looked into for a line that a model names, bytes.
const LARGEST: u64 = 1024 * 1024;

/// The answer so far.
pub(super) struct Shown<'a> {
    prepared: &'a Prepared,
    /// What the model was shown, and may cite.
    sections: Vec<Placed>,
    raw: String,
    /// Bytes of `raw` whose blocks were shown.
    done: usize,
    /// Safe Markdown that was shown.
    shown: String,
}

/// What came of it.
pub(super) struct End {
    /// What was not shown yet.
    pub(super) rest: String,
    pub(super) text: String,
    pub(super) sources: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) edit: Option<Edited>,
    /// Why there is none, where one was asked for.
    pub(super) refused: Option<Refused>,
    /// A check found something, so that it is not kept for another time.
    pub(super) flagged: bool,
}

impl<'a> Shown<'a> {
    pub(super) fn new(prepared: &'a Prepared) -> Shown<'a> {
        Shown {
            prepared,
            sections: prepared.prompt.sections.clone(),
            raw: String::new(),
            done: 0,
            shown: String::new(),
        }
    }

    /// The model was shown more.
    pub(super) fn learn(&mut self, sections: &[Placed]) {
        self.sections = sections.to_vec();
    }

    /// What the model wrote, unchanged.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    /// Takes more of the text; safe Markdown where another block is finished.
    pub(super) fn more(&mut self, text: &str, tools: &Tools) -> Option<String> {
        self.raw.push_str(text);
        if self.is_edit() {
            // Half an edit is of no use to anybody.
            return None;
        }
        let finished = markdown::finished(&self.raw);
        if finished <= self.done {
            return None;
        }
        let answer = self.check(&self.raw[..finished], tools)?;
        self.done = finished;
        let block = answer
            .markdown
            .strip_prefix(self.shown.as_str())?
            .to_owned();
        self.shown = answer.markdown;
        (!block.trim().is_empty()).then_some(block)
    }

    /// The answer as a whole. Of one that was cut no edit is made.
    pub(super) fn end(self, cut: bool, tools: &Tools) -> End {
        let mut notes = Vec::new();
        let (mut edited, mut refused) = (None, None);
        let mut raw = self.raw.clone();
        if self.is_edit() {
            let proposed = edit::of(self.prepared, &self.raw, !cut, tools);
            match proposed {
                Ok(proposed) => {
                    notes.extend(proposed.notes);
                    raw = proposed.shown;
                    edited = Some(proposed.edit);
                }
                Err(why) => {
                    notes.push(why.sentence().to_owned());
                    refused = Some(why);
                }
            }
        }
        let Some(answer) = self.check(&raw, tools) else {
            return End {
                rest: String::new(),
                text: self.shown,
                sources: Vec::new(),
                notes: vec![
                    "The detector of secrets does not work, so the rest is not shown.".into(),
                ],
                edit: None,
                refused: Some(Refused::Detector),
                flagged: true,
            };
        };
        let flagged = answer.removed != Removed::default();
        notes.extend(told(&answer));
        End {
            rest: behind(&self.shown, &answer.markdown).to_owned(),
            sources: self.cited(&answer),
            text: answer.markdown,
            notes,
            edit: edited,
            refused,
            flagged,
        }
    }

    fn is_edit(&self) -> bool {
        self.prepared.place.is_some()
    }

    fn check(&self, text: &str, tools: &Tools) -> Option<Answer> {
        let prepared = self.prepared;
        let sources = Sources {
            sections: &self.sections,
            link: &|section: &Section| section.source.as_ref().map(|source| uri(prepared, source)),
            line_exists: &|path, line| line_exists(prepared, path, line),
            name_exists: &|name| name_exists(prepared, name),
            strict: false,
        };
        tools
            .with_redactor(|redactor| answer::check(text, &sources, redactor))?
            .ok()
    }

    /// The sections that the answer cites, as links, each once.
    fn cited(&self, answer: &Answer) -> Vec<String> {
        let placed = &self.sections;
        let cited = answer.grounding.cited.iter();
        cited
            .filter_map(|id| {
                let section = &placed.iter().find(|placed| placed.id == *id)?.section;
                let source = section.source.as_ref()?;
                Some(format!("\\[{id}\\] {}", link(self.prepared, source)))
            })
            .collect()
    }
}

/// What of the whole was not shown yet. Blocks that were shown stay as they are; where the end changed one all the same, it is
/// shown again from its first line that differs, for nothing may be lost.
fn behind<'a>(shown: &str, whole: &'a str) -> &'a str {
    let same = shown.bytes().zip(whole.bytes()).take_while(|(a, b)| a == b);
    let at = whole.floor_char_boundary(same.count());
    match at == shown.len() {
        true => &whole[at..],
        false => &whole[whole[..at].rfind('\n').map_or(0, |end| end + 1)..],
    }
}

/// What a user should know of the checks.
fn told(answer: &Answer) -> Vec<String> {
    let (found, removed) = (&answer.grounding, &answer.removed);
    let mut notes = Vec::new();
    let mut count = |count: usize, one: &str, more: &str| {
        if count > 0 {
            let what = if count == 1 { one } else { more };
            notes.push(format!("{count} {what}."));
        }
    };
    count(
        found.false_citations,
        "citation names no section",
        "citations name no section",
    );
    count(
        found.false_places,
        "place does not exist",
        "places do not exist",
    );
    count(
        found.false_names,
        "name is nowhere in the project",
        "names are nowhere in the project",
    );
    count(
        removed.secrets,
        "secret was held back",
        "secrets were held back",
    );
    if found.claims > 0 && found.score(None, None) < LOW {
        notes.push(
            "Little of this answer is founded on the code that was sent; check it.".to_owned(),
        );
    }
    notes
}

/// Whether a line is there, of a file that may be shown at all. The path is a model's: it must stay inside.
fn line_exists(prepared: &Prepared, path: &str, line: u32) -> bool {
    let relative = Path::new(path);
    let inside = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let snapshot = &prepared.snapshot;
    let file = snapshot.project.join(relative);
    if !inside || (snapshot.level)(&file) == foretoken_engine::privacy::Level::Never {
        return false;
    }
    let line = line as usize;
    let open = snapshot.open.iter().find(|(path, _)| *path == file);
    if let Some((_, document)) = open {
        return (1..=document.rope().len_lines()).contains(&line);
    }
    let text = foretoken_index::read_inside(&snapshot.project, relative, LARGEST);
    text.is_ok_and(|text| (1..=text.lines().count()).contains(&line))
}

/// Whether a name stands in an open document. Those of the prompt were looked at before.
fn name_exists(prepared: &Prepared, name: &str) -> bool {
    let open = prepared.snapshot.open.iter();
    open.map(|(_, document)| document.rope().to_string())
        .any(|text| text.contains(name))
}

/// Text of the workspace or of an endpoint as Markdown that shows it and nothing else; no address in it becomes a link, as
/// editors make it of what looks like one.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        let links = match c {
            ':' => rest.starts_with("://"),
            '.' => {
                text[..at].len() >= 3 && text.as_bytes()[at - 3..at].eq_ignore_ascii_case(b"www")
            }
            '@' => true,
            _ => false,
        };
        if links {
            escaped.push('\\');
        }
        match c {
            '\n' | '\t' => escaped.push(' '),
            c if c.is_control() => {}
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '&' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// A place of the project as a Markdown link to its file.
pub(super) fn link(prepared: &Prepared, source: &Source) -> String {
    format!(
        "[{}]({})",
        escaped(&source.to_string()),
        uri(prepared, source)
    )
}

pub(super) fn uri(prepared: &Prepared, source: &Source) -> String {
    let path = prepared.snapshot.project.join(&source.path);
    format!("{}#L{}", crate::uri_of(&path), source.lines.start())
}
