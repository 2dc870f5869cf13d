//! What a question about code is answered from: the target, what stands around it, what checkers say, what
//! the index finds, what was edited lately. Each source has a limit; text that may go nowhere is left out
//! here and nowhere later, and what was left out is counted.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use foretoken_engine::assist::{Class, Kind, Section, Source, Task};
use foretoken_engine::chunk::Kind as ChunkKind;
use foretoken_engine::document::Document;
use foretoken_engine::privacy::Level;
use foretoken_engine::target::{Target, target};
use foretoken_grammars::Language;

use super::{Diagnostic, Found, Question, Search, Snapshot};

/// Most diagnostics in a prompt.
const DIAGNOSTICS: usize = 10;
/// Most places of recent edits.
const EDITS: usize = 6;
/// Lines shown above and below a recent edit.
const EDIT_REACH: usize = 4;
/// Most definitions of names in the target.
const DEFINITIONS: usize = 8;
/// Most places that use the target, tests among them.
const CALLERS: usize = 4;
/// Most cuts of documentation.
const DOCS: usize = 3;
/// Longest query for the index, bytes; the index prunes it further.
const QUERY: usize = 4_000;
/// Longest piece of conversation, bytes.
const SAID: usize = 8_000;

/// What a prompt is made of, and what it is about.
#[derive(Debug)]
pub struct Gathered {
    /// Everything that may be told, secrets still in it.
    pub sections: Vec<Section>,
    /// What the action is about; `None` for a free question.
    pub target: Option<Target>,
    /// Pieces left out because they may go nowhere.
    pub withheld: usize,
    /// The index did not answer in its time.
    pub late: bool,
}

/// Collects the sections for a question. The index gets the time that the class allows, and what is not
/// there by then is left out.
pub async fn gather(question: &Question, snapshot: &Snapshot, class: Class) -> Gathered {
    let mut gathering = Gathering {
        snapshot,
        sections: Vec::new(),
        withheld: 0,
    };
    let target = gathering.target(question);
    gathering.scopes(target.as_ref());
    gathering.diagnostics(&question.diagnostics);
    gathering.said(question);
    gathering.edits(target.as_ref());
    let query = query(question, target.as_ref(), &snapshot.document);
    let found = match &snapshot.search {
        Some(search) => ask(search, query, class).await,
        None => Some(Vec::new()),
    };
    let late = found.is_none();
    gathering.found(found.unwrap_or_default(), target.as_ref(), class);
    gathering.facts();
    Gathered {
        sections: gathering.sections,
        target,
        withheld: gathering.withheld,
        late,
    }
}

struct Gathering<'a> {
    snapshot: &'a Snapshot,
    sections: Vec<Section>,
    withheld: usize,
}

impl Gathering<'_> {
    /// Adds a section if its text may go anywhere at all.
    fn add(&mut self, section: Section, path: Option<&Path>) {
        let level = match path {
            Some(path) => (self.snapshot.level)(path),
            None => (self.snapshot.level)(&self.snapshot.path),
        };
        match level {
            Level::Never => self.withheld += 1,
            level => self.sections.push(section.at(level)),
        }
    }

    fn target(&mut self, question: &Question) -> Option<Target> {
        let document = &self.snapshot.document;
        let whole = question.task == Task::Summarise;
        let selection = match whole {
            true => 0..document.len_bytes(),
            false => question.selection.clone()?,
        };
        let target = target(document, selection)?;
        let section = cut(document, target.bytes.clone(), Kind::Target);
        self.add(section, None);
        Some(target)
    }

    fn scopes(&mut self, target: Option<&Target>) {
        let Some(target) = target else { return };
        let document = &self.snapshot.document;
        for (rank, head) in target.around.iter().rev().enumerate() {
            let line = head.line + 1;
            let lines = line..=line + head.text.matches('\n').count() as u32;
            let section = Section::new(Kind::Scope, unix(&head.text))
                .from_file(
                    Source::new(document.path(), lines),
                    document.language().id(),
                )
                .ranked(rank as u32);
            self.add(section, None);
        }
    }

    /// A diagnostic that speaks of a file that may go nowhere is left out whole: its message may quote it.
    fn diagnostics(&mut self, diagnostics: &[Diagnostic]) {
        for (rank, diagnostic) in diagnostics.iter().take(DIAGNOSTICS).enumerate() {
            let mut text = diagnostic.message.clone();
            let from: Vec<&str> = [&diagnostic.source, &diagnostic.code]
                .into_iter()
                .filter_map(Option::as_deref)
                .collect();
            if !from.is_empty() {
                text += &format!(" [{}]", from.join(" "));
            }
            let mut hidden = false;
            for related in &diagnostic.related {
                hidden |= (self.snapshot.level)(&related.file) == Level::Never;
                text += &format!(
                    "\n{}:{}: {}",
                    related.shown,
                    related.line + 1,
                    related.message
                );
            }
            if hidden {
                self.withheld += 1;
                continue;
            }
            let line = diagnostic.line + 1;
            let source = Source::new(self.snapshot.document.path(), line..=line);
            let section = Section::new(Kind::Diagnostic, unix(&text))
                .from_file(source, "")
                .ranked(rank as u32);
            self.add(section, None);
        }
    }

    /// The question itself and what was said before it, newest first.
    fn said(&mut self, question: &Question) {
        for (rank, (asked, answered)) in question.history.iter().rev().enumerate() {
            let (asked, answered) = (shortened(asked, SAID), shortened(answered, SAID));
            let text = format!("The user asked:\n{asked}\n\nThe answer was:\n{answered}");
            self.add(
                Section::new(Kind::Conversation, text).ranked(rank as u32),
                None,
            );
        }
        if let Some(words) = &question.words {
            self.add(Section::new(Kind::Question, unix(words)), None);
        }
    }

    fn edits(&mut self, target: Option<&Target>) {
        let mut rank = 0;
        for (file, byte) in &self.snapshot.edited {
            let Some((path, document)) = self.snapshot.open.get(*file) else {
                continue;
            };
            let rope = document.rope();
            let line = rope.byte_to_line((*byte).min(rope.len_bytes()));
            let here = path == &self.snapshot.path;
            let in_target = target.is_some_and(|target| target.lines.contains(&(line as u32)));
            if rank == EDITS || here && in_target {
                continue;
            }
            let first = rope.line_to_byte(line.saturating_sub(EDIT_REACH));
            let last = rope.line_to_byte((line + EDIT_REACH + 1).min(rope.len_lines()));
            let section = cut(document, first..last, Kind::Edit).ranked(rank as u32);
            rank += 1;
            let path = path.clone();
            self.add(section, Some(&path));
        }
    }

    /// Sorts what the index found into definitions of names, places that use the target, documentation and the rest.
    fn found(&mut self, found: Vec<Found>, target: Option<&Target>, class: Class) {
        let most_hits = if class == Class::Brief { 3 } else { 10 };
        let names = target.map_or_else(BTreeSet::new, |target| {
            let rope = self.snapshot.document.rope();
            identifiers(&rope.byte_slice(target.bytes.clone()).to_string())
        });
        let own = target.and_then(|target| target.name.as_deref());
        let mut counts = [0; 5];
        for found in found {
            let file = self.snapshot.project.join(&found.path);
            let here = file == self.snapshot.path;
            let overlaps = here
                && target.is_some_and(|target| {
                    found.lines.start < target.lines.end && target.lines.start < found.lines.end
                });
            if overlaps {
                continue;
            }
            let defines = names.contains(found.name.as_str()) && Some(found.name.as_str()) != own;
            let uses = own.is_some_and(|own| mentions(&found.text, own));
            let (kind, at, most) = match () {
                () if defines => (Kind::Definition, 0, DEFINITIONS),
                () if uses && is_test(&found.path) => (Kind::Test, 1, CALLERS),
                () if uses => (Kind::Caller, 2, CALLERS),
                () if found.kind == ChunkKind::Section => (Kind::Docs, 3, DOCS),
                () => (Kind::Hit, 4, most_hits),
            };
            if counts[at] == most {
                continue;
            }
            let lines = found.lines.start + 1..=found.lines.end.max(found.lines.start + 1);
            let language = Language::from_path(&found.path).map_or("", |language| language.id());
            let section = Section::new(kind, unix(&found.text))
                .from_file(Source::new(found.path, lines), language)
                .ranked(counts[at] as u32);
            counts[at] += 1;
            self.add(section, Some(&file));
        }
    }

    /// What the project is made of, by the names of its build files and the language of the document.
    fn facts(&mut self) {
        const BUILD: [&str; 12] = [
            "Cargo.toml",
            "package.json",
            "pyproject.toml",
            "setup.py",
            "go.mod",
            "pom.xml",
            "build.gradle",
            "build.gradle.kts",
            "CMakeLists.txt",
            "Makefile",
            "meson.build",
            "Gemfile",
        ];
        let has = |name: &&&str| self.snapshot.project.join(name).is_file();
        let files: Vec<&str> = BUILD.iter().filter(has).copied().collect();
        let mut text = format!("Language: {}.", self.snapshot.document.language().id());
        if !files.is_empty() {
            text += &format!(" Build files: {}.", files.join(", "));
        }
        self.add(Section::new(Kind::Facts, text), None);
    }
}

/// The answer of the index, in the time that the class has; `None` where it is late.
async fn ask(search: &Search, query: String, class: Class) -> Option<Vec<Found>> {
    let limit = match class {
        Class::Brief => Duration::from_millis(300),
        Class::Deep => Duration::from_millis(800),
        Class::Batch => Duration::from_secs(10),
    };
    let search = Search::clone(search);
    let work = tokio::task::spawn_blocking(move || search(&query, 32));
    tokio::time::timeout(limit, work).await.ok()?.ok()
}

/// What the index is asked: the user's words and the checkers' first, since the first line counts twice.
fn query(question: &Question, target: Option<&Target>, document: &Document) -> String {
    let mut query = String::new();
    let diagnostics = question.diagnostics.iter();
    let messages = diagnostics.map(|diagnostic| diagnostic.message.as_str());
    for text in question.words.as_deref().into_iter().chain(messages) {
        query += text;
        query.push('\n');
    }
    if let Some(target) = target {
        if let Some(name) = &target.name {
            query += &format!("{name}\n");
        }
        query += &document.rope().byte_slice(target.bytes.clone()).to_string();
    }
    query.truncate(query.floor_char_boundary(QUERY));
    query
}

/// A cut of a document as a section.
fn cut(document: &Document, bytes: Range<usize>, kind: Kind) -> Section {
    let rope = document.rope();
    let first = rope.byte_to_line(bytes.start) as u32 + 1;
    let text = rope.byte_slice(bytes).to_string();
    let text = unix(text.trim_end_matches(['\r', '\n']));
    let last = first + text.matches('\n').count() as u32;
    Section::new(kind, text).from_file(
        Source::new(document.path(), first..=last),
        document.language().id(),
    )
}

fn unix(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn shortened(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// The words of a text that could be names.
fn identifiers(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| word.len() > 2 && !word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

/// Whether a name stands in a text as a word of its own.
fn mentions(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            !text[..at].ends_with(is_word) && !text[at + name.len()..].starts_with(is_word)
        })
}

fn is_test(path: &str) -> bool {
    let path = path.to_lowercase();
    path.split(['/', '.', '_', '-'])
        .any(|part| matches!(part, "test" | "tests" | "spec" | "specs"))
}
