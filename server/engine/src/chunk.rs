//! Chunks: the retrievable units of a file, each a definition, a section, or a window of lines.
//!
//! Every line with a letter or digit in it belongs to a chunk, no line to two, except the lines in which
//! windows overlap. A chunk holds ranges, never text: whoever shows it reads the text again.

pub(crate) mod definitions;
mod generated;
mod sections;
mod windows;

use std::borrow::Cow;
use std::ops::Range;

use foretoken_grammars::Language;
use tree_sitter::Tree;

/// Written into every index; to be changed with what [`chunks`] makes of a text, or old rows stay as they were.
pub const VERSION: u32 = 4;

/// Most chunks of one file; what lies behind them is not found. Generated tables reach it.
const MOST: usize = 4_000;
/// Most chunks of a file of settings or data: what it is about stands at its head.
const MOST_OF_CONFIGURATION: usize = 40;
/// Chunks with fewer bytes join their neighbours (design constant: a name and a line or two of body).
const LEAST_BYTES: usize = 300;
/// Chunks with more bytes are cut: about 600 tokens, what a prompt can spare for one hit.
const MOST_BYTES: usize = 2_400;

/// Members whose heads a type's head has at most; a type of more is mostly generated.
const MOST_MEMBERS: usize = 64;

/// What a chunk is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Something that is called.
    Function,
    /// A class, structure, trait, interface, module or implementation; without the members that are
    /// chunks of their own, of which it has the heads.
    Type,
    /// Another definition: constant, alias, macro.
    Value,
    /// What no definition covers: imports, statements of the top level.
    Rest,
    /// A headed part of a document.
    Section,
    /// Lines of a text without structure.
    Window,
    /// The head of a file that nobody wrote, as the only chunk of it; its range may be empty.
    Generated,
}

impl Kind {
    /// A word for people and for JSON.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Function => "function",
            Kind::Type => "type",
            Kind::Value => "value",
            Kind::Rest => "rest",
            Kind::Section => "section",
            Kind::Window => "window",
            Kind::Generated => "generated",
        }
    }
}

/// A retrievable unit. Byte ranges lie on character borders and on line starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// What it is.
    pub kind: Kind,
    /// The name it defines; empty for what has none.
    pub name: String,
    /// The name with those of what encloses it: `Type.method`, `Heading > Subheading`.
    pub qualified: String,
    /// Further names that it defines, when small definitions were joined or members stayed inside.
    pub names: Vec<String>,
    /// Bytes of the lines of the definition's head; for a part of a long definition they lie before
    /// [`Chunk::bytes`].
    pub signature: Range<usize>,
    /// Of the head of a type whose members are chunks of their own: bytes of the lines of their heads, which
    /// lie behind [`Chunk::bytes`].
    pub members: Vec<Range<usize>>,
    /// Bytes of the whole.
    pub bytes: Range<usize>,
    /// Its lines, from 0, the end exclusive.
    pub lines: Range<u32>,
}

impl Chunk {
    /// What the chunk says, out of the text that it was cut from: its lines, and below them the heads of
    /// members that are chunks of their own. `None` for a text that it was not cut from.
    pub fn text(&self, text: &str) -> Option<String> {
        let mut whole = text.get(self.bytes.clone())?.to_owned();
        for member in &self.members {
            if !whole.ends_with('\n') {
                whole.push('\n');
            }
            whole += text.get(member.clone())?;
        }
        Some(whole)
    }
}

/// The chunks of a file in order. `stop` is asked while the text is parsed; once it says so, the
/// text is cut into windows instead.
pub fn chunks(path: &str, text: &str, stop: &mut dyn FnMut() -> bool) -> Vec<Chunk> {
    cut(path, text, &mut |language| {
        definitions::parse(text, language, stop).map(Cow::Owned)
    })
}

/// The same of a text whose tree is known.
pub fn chunks_of(path: &str, text: &str, tree: &Tree) -> Vec<Chunk> {
    cut(path, text, &mut |_| Some(Cow::Borrowed(tree)))
}

/// `parse` is asked for a tree where one is needed.
fn cut<'t>(
    path: &str,
    text: &str,
    parse: &mut dyn FnMut(Language) -> Option<Cow<'t, Tree>>,
) -> Vec<Chunk> {
    let lines = Lines::of(text);
    let language = Language::from_path(path).unwrap_or(Language::Text);
    if generated::is(path, text, language) {
        return vec![generated::head(&lines)];
    }
    let mut found = match language {
        Language::Markdown => sections::of(text, &lines),
        Language::Text if sections::is_document(path) => sections::of(text, &lines),
        Language::Text => windows::of(text, &lines, 0..lines.count()),
        language => parse(language)
            .and_then(|tree| definitions::of(text, &lines, language, &tree))
            .unwrap_or_else(|| windows::of(text, &lines, 0..lines.count())),
    };
    found.retain(|chunk| text[chunk.bytes.clone()].contains(char::is_alphanumeric));
    found.truncate(match language.is_configuration() {
        true => MOST_OF_CONFIGURATION,
        false => MOST,
    });
    found
}

/// Where the lines of a text begin.
pub(crate) struct Lines {
    // The start of each line and, last, the end of the text.
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Lines {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
        if starts.last() != Some(&text.len()) {
            starts.push(text.len());
        }
        Lines { starts }
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn bytes(&self, lines: &Range<usize>) -> Range<usize> {
        self.starts[lines.start]..self.starts[lines.end]
    }

    /// The line that holds a byte; the last one for what lies behind.
    fn at(&self, byte: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= byte)
            .saturating_sub(1)
            .min(self.count().saturating_sub(1))
    }
}

/// A chunk of whole lines.
fn chunk(kind: Kind, lines: &Lines, of: Range<usize>) -> Chunk {
    let bytes = lines.bytes(&of);
    Chunk {
        kind,
        name: String::new(),
        qualified: String::new(),
        names: Vec::new(),
        signature: bytes.start..bytes.start,
        members: Vec::new(),
        bytes,
        lines: of.start as u32..of.end as u32,
    }
}

#[cfg(test)]
mod tests;
