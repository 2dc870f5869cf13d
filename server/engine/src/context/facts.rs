//! What has to be known of one text to find pieces in it: its definitions, where its words stand, and
//! what it takes from elsewhere. Made once for a text, in some milliseconds for a thousand lines.

use std::ops::Range;

use foretoken_grammars::captures;
use ropey::Rope;
use tree_sitter::{Query, QueryCursor, StreamingIterator, Tree};

use super::imports::{self, Import};
use crate::document::Document;
use crate::lookup::lexer::{self, Class};

/// Most lines of a piece, as in training.
pub(super) const MOST_LINES: usize = 20;
/// A definition with fewer lines takes the small ones behind it along: in training no piece is that
/// short.
const LEAST_LINES: usize = 4;
/// Lines that such a group may have.
const GROUP_LINES: usize = 6;
/// Most bytes of a piece, as in training.
pub(super) const MOST_BYTES: usize = 1_200;
/// Shorter words say nothing.
const LEAST_WORD: usize = 3;
/// Definitions kept of one text; generated files have more.
const MOST_CHUNKS: usize = 4_000;

/// See the module's header. It holds a snapshot of its text, which is shared and costs nothing.
#[derive(Clone, Debug)]
pub struct Facts {
    document: Document,
    chunks: Vec<Chunk>,
    // (word, chunk), sorted: which chunks show a word.
    shown: Vec<(u32, u32)>,
    // (word, chunk), sorted: which chunks define it.
    defined: Vec<(u32, u32)>,
    pub(super) imports: Vec<Import>,
    pub(super) place: imports::Place,
}

/// One definition.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) name: String,
    // Bytes of the whole definition.
    pub(super) bytes: Range<usize>,
    // Lines that a piece of it shows.
    pub(super) lines: Range<usize>,
    // Different words in those lines.
    pub(super) words: usize,
}

impl Facts {
    /// The facts of a text. Without a grammar or a tree there are none; with a tree that is a little
    /// older than the text they are those of the text as far as the tree fits.
    pub fn of(document: &Document) -> Facts {
        let rope = document.rope();
        let mut facts = Facts {
            document: document.clone(),
            chunks: Vec::new(),
            shown: Vec::new(),
            defined: Vec::new(),
            imports: Vec::new(),
            place: imports::Place::of(document.path(), document.language()),
        };
        let language = document.language();
        let (Some(tree), Some(query)) = (document.tree(), language.chunks()) else {
            return facts;
        };
        let text = rope.to_string();
        if let Some(query) = language.imports() {
            facts.imports = imports::of(tree, query, &text, language);
        }
        facts.chunks = chunks(tree, query, &text, rope);
        for (number, chunk) in facts.chunks.iter_mut().enumerate() {
            let number = number as u32;
            let from = facts.shown.len();
            let shown =
                &text[line_start(rope, chunk.lines.start)..line_start(rope, chunk.lines.end)];
            facts.shown.extend(words(shown).map(|word| (word, number)));
            facts.shown[from..].sort_unstable();
            // A word that a definition repeats counts once.
            let mut kept = from;
            for at in from..facts.shown.len() {
                if at == from || facts.shown[at] != facts.shown[kept - 1] {
                    facts.shown[kept] = facts.shown[at];
                    kept += 1;
                }
            }
            facts.shown.truncate(kept);
            chunk.words = kept - from;
            facts
                .defined
                .extend(word(&chunk.name).map(|word| (word, number)));
        }
        facts.shown.sort_unstable();
        facts.defined.sort_unstable();
        facts
    }

    /// The text that these are the facts of.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Whether code of one can stand in the other: of one language, or of one that mixes with it.
    pub fn is_akin(&self, other: &Facts) -> bool {
        imports::are_akin(self.document.language(), other.document.language())
    }

    /// Whether an import of this text may mean that file.
    pub fn imports_from(&self, other: &Facts) -> bool {
        let means = |import: &Import| import.fit(&self.place, &other.place) > 0;
        self.imports.iter().any(means)
    }

    pub(super) fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The chunks that show a word.
    pub(super) fn showing(&self, word: u32) -> impl Iterator<Item = usize> + '_ {
        with(&self.shown, word)
    }

    /// The chunks that define a word.
    pub(super) fn defining(&self, word: u32) -> impl Iterator<Item = usize> + '_ {
        with(&self.defined, word)
    }

    /// The lines of its imports.
    pub(super) fn import_lines(&self) -> impl Iterator<Item = usize> + '_ {
        let lines = |import: &Import| lines_of(self.document.rope(), &import.bytes);
        self.imports.iter().flat_map(lines)
    }

    /// What a piece of this chunk shows.
    pub(super) fn text(&self, chunk: &Chunk) -> String {
        let rope = self.document.rope();
        let bytes = line_start(rope, chunk.lines.start)..line_start(rope, chunk.lines.end);
        let text = rope.byte_slice(bytes).to_string();
        match text.contains('\r') {
            true => text.replace("\r\n", "\n").replace('\r', "\n"),
            false => text,
        }
    }

    /// The innermost definition at a byte.
    pub(super) fn enclosing(&self, byte: usize) -> Option<usize> {
        let around = |chunk: &Chunk| chunk.bytes.start <= byte && byte <= chunk.bytes.end;
        (0..self.chunks.len())
            .filter(|&at| around(&self.chunks[at]))
            .min_by_key(|&at| self.chunks[at].bytes.len())
    }
}

fn with(pairs: &[(u32, u32)], word: u32) -> impl Iterator<Item = usize> + '_ {
    let from = pairs.partition_point(|(at, _)| *at < word);
    pairs[from..]
        .iter()
        .take_while(move |(at, _)| *at == word)
        .map(|(_, chunk)| *chunk as usize)
}

/// The words of a text by their ids, numbers and the shortest left out.
pub(super) fn words(text: &str) -> impl Iterator<Item = u32> + '_ {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at;
            let lexeme = lexer::next(bytes, start);
            at = lexeme.end;
            let long = lexeme.end - start >= LEAST_WORD && !bytes[start].is_ascii_digit();
            if lexeme.class == Class::Word && long {
                return Some(lexeme.id);
            }
        }
        None
    })
}

/// The id of a name that is one word.
pub(super) fn word(name: &str) -> Option<u32> {
    let mut words = words(name);
    words.next().filter(|_| words.next().is_none())
}

/// The definitions of a text in their order, each with the lines that a piece of it shows.
fn chunks(tree: &Tree, query: &Query, text: &str, rope: &Rope) -> Vec<Chunk> {
    let named = query.capture_index_for_name(captures::NAME);
    let mut cursor = QueryCursor::new();
    let mut found: Vec<(Range<usize>, String)> = Vec::new();
    let mut matches = cursor.matches(query, tree.root_node(), text.as_bytes());
    while let Some(matched) = matches.next()
        && found.len() < MOST_CHUNKS
    {
        let is_name = |index: u32| Some(index) == named;
        let mut captures = matched.captures.iter();
        let chunk = captures.clone().find(|capture| !is_name(capture.index));
        let name = captures.find(|capture| is_name(capture.index));
        let (Some(chunk), Some(name)) = (chunk, name) else {
            continue;
        };
        // A tree older than the text may end inside a character.
        if let Some(name) = text.get(name.node.byte_range())
            && text.get(chunk.node.byte_range()).is_some()
        {
            found.push((chunk.node.byte_range(), name.to_owned()));
        }
    }
    found.sort_by_key(|(bytes, _)| (bytes.start, usize::MAX - bytes.end));
    // What is decorated, exported or a template is captured with and without that.
    let mut outer: Vec<(Range<usize>, String)> = Vec::with_capacity(found.len());
    for (bytes, name) in found {
        let same = outer
            .iter()
            .rev()
            .take(4)
            .any(|(around, other)| around.end == bytes.end && *other == name);
        if !same {
            outer.push((bytes, name));
        }
    }
    let lines: Vec<Range<usize>> = outer
        .iter()
        .map(|(bytes, _)| lines_of(rope, bytes))
        .collect();
    outer
        .into_iter()
        .enumerate()
        .map(|(at, (bytes, name))| Chunk {
            name,
            bytes,
            lines: cut(&lines, at, rope),
            words: 0,
        })
        .collect()
}

/// The lines that a piece of one chunk shows: the definition from its first line on, and if that is
/// short, whole small ones right behind it.
fn cut(lines: &[Range<usize>], at: usize, rope: &Rope) -> Range<usize> {
    let start = lines[at].start;
    let mut end = lines[at].end;
    for next in &lines[at + 1..] {
        if end - start >= LEAST_LINES || next.start > end + 1 || next.end > start + GROUP_LINES {
            break;
        }
        end = end.max(next.end);
    }
    end = end.min(start + MOST_LINES);
    let from = line_start(rope, start);
    while end > start + 1 && line_start(rope, end) - from > MOST_BYTES {
        end -= 1;
    }
    // A single line of that length is data.
    if line_start(rope, end) - from > MOST_BYTES {
        end = start;
    }
    start..end
}

fn lines_of(rope: &Rope, bytes: &Range<usize>) -> Range<usize> {
    let last = bytes.end.saturating_sub(1).max(bytes.start);
    rope.byte_to_line(bytes.start)..rope.byte_to_line(last) + 1
}

/// Where a line begins; the one behind the last at the text's end.
fn line_start(rope: &Rope, line: usize) -> usize {
    match line < rope.len_lines() {
        true => rope.line_to_byte(line),
        false => rope.len_bytes(),
    }
}
