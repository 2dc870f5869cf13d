//! One piece of what a chat model is told: what it is, where it comes from, how far it may travel.
//!
//! A section's text is data wherever it goes: nothing in it is ever read as an instruction of ours.

use std::ops::RangeInclusive;

use crate::privacy::Level;

/// What a section is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// What the question is about. Required, except where a question stands alone.
    Target,
    /// The header of a scope around the target; rank 0 is the innermost.
    Scope,
    /// What a checker says about the target; rank 0 is the nearest.
    Diagnostic,
    /// A trace of a failure that the user pasted.
    Trace,
    /// The definition of a name that the target uses.
    Definition,
    /// A chunk that the index found; rank 0 is the best.
    Hit,
    /// A place that uses the target.
    Caller,
    /// A test of the target.
    Test,
    /// The import block of the target's file, which a fix may change too.
    Imports,
    /// Where new text goes: what stands around that place.
    Place,
    /// A group of recent edits; rank 0 is the newest.
    Edit,
    /// Documentation or a commit message.
    Docs,
    /// What the project is made of.
    Facts,
    /// How the user writes, by what was accepted before and in own words.
    Style,
    /// An earlier question with its answer; rank 0 is the newest.
    Conversation,
    /// What the user asks, in own words.
    Question,
}

/// Where a section comes from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Source {
    /// Workspace-relative, with slashes. May hold any character that a file name may hold.
    pub path: String,
    /// First and last line, counted from 1.
    pub lines: RangeInclusive<u32>,
}

/// See the module's header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// What it is.
    pub kind: Kind,
    /// Place among the sections of its kind, 0 the most wanted: over budget the highest ranks go first.
    pub rank: u32,
    /// Where it comes from; `None` for what has no file.
    pub source: Option<Source>,
    /// The language's code, for the model to read; `""` for prose.
    pub language: &'static str,
    /// Day of the last change, `YYYY-MM-DD`, where it is known.
    pub updated: Option<String>,
    /// The text itself, line ends `\n`.
    pub text: String,
    /// How far it may travel.
    pub level: Level,
}

/// The number that a model cites a section by, written `S1`, `S2`, …; counted from 1 within one prompt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SectionId(pub u32);

impl std::fmt::Display for SectionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S{}", self.0)
    }
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 16] = [
        Kind::Target,
        Kind::Scope,
        Kind::Diagnostic,
        Kind::Trace,
        Kind::Definition,
        Kind::Hit,
        Kind::Caller,
        Kind::Test,
        Kind::Imports,
        Kind::Place,
        Kind::Edit,
        Kind::Docs,
        Kind::Facts,
        Kind::Style,
        Kind::Conversation,
        Kind::Question,
    ];

    /// The name in prompts and counters.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Target => "target",
            Kind::Scope => "scope",
            Kind::Diagnostic => "diagnostic",
            Kind::Trace => "trace",
            Kind::Definition => "definition",
            Kind::Hit => "chunk",
            Kind::Caller => "caller",
            Kind::Test => "test",
            Kind::Imports => "imports",
            Kind::Place => "place",
            Kind::Edit => "edit",
            Kind::Docs => "docs",
            Kind::Facts => "facts",
            Kind::Style => "style",
            Kind::Conversation => "history",
            Kind::Question => "question",
        }
    }

    /// Whether a section of this kind is never dropped: without it there is no question.
    pub fn is_required(self) -> bool {
        matches!(self, Kind::Target | Kind::Question)
    }
}

impl Source {
    /// A place in a file; lines count from 1, both ends belong to it.
    pub fn new(path: impl Into<String>, lines: RangeInclusive<u32>) -> Source {
        Source {
            path: path.into(),
            lines,
        }
    }
}

impl std::fmt::Display for Source {
    /// `path:first-last`, or `path:line` for one line; the path as it is, so only for text that somebody escapes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.lines.start() == self.lines.end() {
            true => write!(f, "{}:{}", self.path, self.lines.start()),
            false => write!(
                f,
                "{}:{}-{}",
                self.path,
                self.lines.start(),
                self.lines.end()
            ),
        }
    }
}

impl Section {
    /// A section without a source, of rank 0, at the default level.
    pub fn new(kind: Kind, text: impl Into<String>) -> Section {
        Section {
            kind,
            rank: 0,
            source: None,
            language: "",
            updated: None,
            text: text.into(),
            level: Level::default(),
        }
    }

    /// The same from a file.
    #[must_use]
    pub fn from_file(mut self, source: Source, language: &'static str) -> Section {
        self.source = Some(source);
        self.language = language;
        self
    }

    /// The same at another rank.
    #[must_use]
    pub fn ranked(mut self, rank: u32) -> Section {
        self.rank = rank;
        self
    }

    /// The same at another level.
    #[must_use]
    pub fn at(mut self, level: Level) -> Section {
        self.level = level;
        self
    }
}
