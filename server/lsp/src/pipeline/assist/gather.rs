//! What a question about code is answered from: the target, what stands around it, what checkers say, where
//! its names are defined and used, what the index finds besides, what was edited lately. Each source has a limit; text that may go nowhere is left out
//! here and nowhere later, and what was left out is counted.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use foretoken_engine::assist::{Class, Kind, Section, Source, Task};
use foretoken_engine::document::Document;
use foretoken_engine::privacy::Level;
use foretoken_engine::source::Source as Origin;
use foretoken_engine::target::{Target, target};
use foretoken_grammars::Language;

use super::{Diagnostic, Found, Question, Said, Search, Snapshot, Sought};

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
/// Hits that the index is asked for: of these the ones that are told already are left out.
const HITS_ASKED: usize = 32;
/// Most commits, as far as documentation leaves room for them.
const COMMITS: usize = 2;
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
    let late = match &snapshot.search {
        Some(search) => {
            let asking = Asking { search, class };
            gathering.index(asking, query, target.as_ref()).await
        }
        None => false,
    };
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
        let path = path.unwrap_or(&self.snapshot.path);
        self.add_at(section, (self.snapshot.level)(path));
    }

    fn add_at(&mut self, section: Section, level: Level) {
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
        for (rank, said) in question.history.iter().rev().enumerate() {
            let (asked, answered) = (
                shortened(&said.asked, SAID),
                shortened(&said.answered, SAID),
            );
            let text = format!("The user asked:\n{asked}\n\nThe answer was:\n{answered}");
            let section = Section::new(Kind::Conversation, text).ranked(rank as u32);
            self.add_at(section, self.level_of(said));
        }
        if let Some(words) = &question.words {
            self.add(Section::new(Kind::Question, unix(words)), None);
        }
    }

    /// An answer may quote any file that it was made from, and what counts is what holds for them now.
    fn level_of(&self, said: &Said) -> Level {
        let files = said.files.iter().map(PathBuf::as_path);
        let files = files.chain([self.snapshot.path.as_path()]);
        Level::strictest(files.map(|file| (self.snapshot.level)(file)))
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

    /// What the index knows: definitions of the target's names, what uses the target, then what its words
    /// find, commits last. All are asked side by side, so a definition that comes late delays nothing; what is not
    /// there when the class's time is over is left out. Answers whether anything is.
    async fn index(&mut self, asking: Asking<'_>, query: String, target: Option<&Target>) -> bool {
        let most_hits = if asking.class == Class::Brief { 3 } else { 10 };
        let definitions = target.map(|target| Sought::Definitions {
            text: self.snapshot.document.rope().to_string().into(),
            bytes: target.bytes.clone(),
        });
        let named = target.and_then(|target| Some((target.name.clone()?, target)));
        let references = named.map(|(name, target)| Sought::References {
            name,
            lines: target.lines.clone(),
        });
        let (definitions, references, commits, hits) = tokio::join!(
            asking.ask(definitions, DEFINITIONS),
            asking.ask(references, CALLERS),
            asking.ask(Some(Sought::Commits(query.clone())), COMMITS),
            asking.ask(Some(Sought::Hits(query)), HITS_ASKED),
        );
        let late = [&definitions, &references, &commits, &hits]
            .into_iter()
            .any(Option::is_none);
        let mut told = Told {
            here: target.map(|target| target.lines.clone()),
            places: Vec::new(),
        };
        for found in definitions.unwrap_or_default() {
            self.tell(&mut told, found, (Kind::Definition, DEFINITIONS));
        }
        for found in references.unwrap_or_default() {
            let kind = match found.source {
                Origin::Test => Kind::Test,
                _ => Kind::Caller,
            };
            self.tell(&mut told, found, (kind, CALLERS));
        }
        for found in hits.unwrap_or_default() {
            let (kind, most) = match found.source {
                Origin::Docs => (Kind::Docs, DOCS),
                _ => (Kind::Hit, most_hits),
            };
            self.tell(&mut told, found, (kind, most));
        }
        for found in commits.unwrap_or_default() {
            self.tell(&mut told, found, (Kind::Docs, DOCS));
        }
        late
    }

    /// Adds what the index found, unless there is enough of its kind, or its lines are told already.
    fn tell(&mut self, told: &mut Told, found: Found, (kind, most): (Kind, usize)) {
        let file = found
            .path
            .as_ref()
            .map(|path| self.snapshot.project.join(path));
        let overlaps =
            |lines: &Range<u32>| found.lines.start < lines.end && lines.start < found.lines.end;
        let is_target =
            file.as_ref() == Some(&self.snapshot.path) && told.here.as_ref().is_some_and(overlaps);
        let of_kind = told.places.iter().filter(|place| place.0 == kind).count();
        let known = told
            .places
            .iter()
            .any(|(_, path, lines)| *path == found.path && overlaps(lines));
        if is_target || known || of_kind == most {
            return;
        }
        told.places
            .push((kind, found.path.clone(), found.lines.clone()));
        let mut section = Section::new(kind, unix(&found.text)).ranked(of_kind as u32);
        if let Some(path) = found.path {
            let lines = found.lines.start + 1..=found.lines.end.max(found.lines.start + 1);
            let language = Language::from_path(&path).map_or("", |language| language.id());
            section = section.from_file(Source::new(path, lines), language);
        }
        section.updated = found.updated;
        self.add(section, file.as_deref());
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

/// What chunks were told, and which lines of the document are the target.
struct Told {
    here: Option<Range<u32>>,
    places: Vec<(Kind, Option<String>, Range<u32>)>,
}

/// The index, and how long it may take.
#[derive(Clone, Copy)]
struct Asking<'a> {
    search: &'a Search,
    class: Class,
}

impl Asking<'_> {
    /// The answer of the index, in the time that the class has; `None` where it is late.
    async fn ask(self, sought: Option<Sought>, most: usize) -> Option<Vec<Found>> {
        let Some(sought) = sought else {
            return Some(Vec::new());
        };
        let limit = match self.class {
            Class::Brief => Duration::from_millis(300),
            Class::Deep => Duration::from_millis(800),
            Class::Batch => Duration::from_secs(10),
        };
        let search = Search::clone(self.search);
        let work = tokio::task::spawn_blocking(move || search(&sought, most));
        tokio::time::timeout(limit, work).await.ok()?.ok()
    }
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
