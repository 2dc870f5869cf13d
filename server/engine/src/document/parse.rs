//! The tree of a document: when there is one, how it follows the edits, how long a parse may take.

use std::ops::ControlFlow;
use std::sync::Arc;

use ropey::Rope;
use tree_sitter::{InputEdit, ParseOptions, Parser, Point, Tree};

use super::Document;

/// No tree above this many bytes: suggestions are refused there, and a first parse would take
/// hundreds of milliseconds.
pub const TREE_LIMIT: usize = 1024 * 1024;

/// No tree with a line of more bytes: minified or generated text, where suggestions are refused too.
pub const TREE_LINE_LIMIT: usize = 40_000;

/// Most bytes that are parsed from nothing on the owner's thread: 10 ms (measured: 6.6 MB/s, Rust,
/// Zen 4 under load, November 2026).
pub const OPEN_PARSE: usize = 64 * 1024;

/// How often the parser may ask while a document is opened: 20 ms. It asks 50 times in a
/// millisecond, and a text of [`OPEN_PARSE`] bytes needs half of this (measured as above).
pub(super) const OPEN_STEPS: u32 = 1_000;

/// Edits remembered while no parse completes. Past that many a tree from elsewhere is refused and
/// the next parse starts anew.
const SINCE_LIMIT: usize = 512;

/// How long a parse may take, before any `stop` is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Patience {
    /// On the owner's thread, between two messages.
    Short,
    /// Elsewhere.
    Long,
}

/// The edits after the text of version `base`, each with the version it led to.
#[derive(Clone, Debug)]
pub(super) struct Since {
    base: i32,
    edits: Vec<(i32, InputEdit)>,
}

impl Since {
    pub(super) fn new(base: i32) -> Self {
        Since {
            base,
            edits: Vec::new(),
        }
    }
}

impl Document {
    /// Parses again where [`Document::parse_pending`] says so, until `stop` says otherwise. Returns
    /// whether the tree is now that of the text. Run it on a snapshot off the owner's thread and
    /// bring the tree home by [`Document::adopt_tree`].
    pub fn reparse(&mut self, stop: &mut dyn FnMut() -> bool) -> bool {
        if self.pending {
            self.parse(Patience::Long, stop);
        }
        !self.pending
    }

    /// Takes a tree that was parsed elsewhere from this document's text at `version`. If the text
    /// went on since, the tree is moved along with the edits: better than an older one, though
    /// [`Document::parse_pending`] stays. Returns `false`, changing nothing, for a tree that cannot
    /// be moved along or is no longer wanted.
    pub fn adopt_tree(&mut self, version: i32, mut tree: Tree) -> bool {
        if !self.pending {
            return false;
        }
        // From a text before `base` the way to this one is not known.
        if version > self.version || version < self.since.base {
            return false;
        }
        for (_, edit) in self.since.edits.iter().filter(|(at, _)| *at > version) {
            tree.edit(edit);
        }
        if tree.root_node().end_byte() > self.rope.len_bytes() {
            return false;
        }
        self.tree = Some(tree);
        if version == self.version {
            self.settled();
        }
        true
    }

    /// Parses the text, starting from the old tree.
    pub(super) fn parse(&mut self, patience: Patience, stop: &mut dyn FnMut() -> bool) {
        let grammar = self.language.grammar();
        let wants = self.language.has_scopes() && self.wants_tree();
        let Some(grammar) = grammar.filter(|_| wants) else {
            self.tree = None;
            self.settled();
            return;
        };
        // A first parse of a long text cannot end in the time a key has; it would be begun in vain.
        if self.tree.is_none() && self.rope.len_bytes() > OPEN_PARSE && patience == Patience::Short
        {
            self.pending = true;
            return;
        }
        match parse_rope(&grammar, &self.rope, self.tree.as_ref(), stop) {
            Some(tree) => {
                self.tree = Some(tree);
                self.settled();
            }
            None => self.pending = true,
        }
    }

    /// Moves the tree along with an edit that the text has taken already.
    pub(super) fn moved(&mut self, edit: InputEdit) {
        if let Some(tree) = &mut self.tree {
            tree.edit(&edit);
        }
        let since = Arc::make_mut(&mut self.since);
        if since.edits.len() == SINCE_LIMIT {
            *since = Since::new(self.version);
        }
        since.edits.push((self.version, edit));
    }

    /// Takes the number of the next text. Numbers that fall would make old trees look new, so a
    /// fall forgets the way.
    pub(super) fn take_version(&mut self, version: i32) {
        if version < self.version {
            self.since = Arc::new(Since::new(version));
        }
        self.version = version;
    }

    fn wants_tree(&self) -> bool {
        self.rope.len_bytes() <= TREE_LIMIT && self.longest_line() <= TREE_LINE_LIMIT
    }

    fn settled(&mut self) {
        self.pending = false;
        self.since = Arc::new(Since::new(self.version));
    }
}

/// Parses a rope without copying it. `None`: stopped.
fn parse_rope(
    grammar: &tree_sitter::Language,
    rope: &Rope,
    old: Option<&Tree>,
    stop: &mut dyn FnMut() -> bool,
) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(grammar).ok()?;
    let mut ask = |_: &tree_sitter::ParseState| match stop() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let mut read = |byte: usize, _: Point| -> &[u8] {
        if byte >= rope.len_bytes() {
            return &[];
        }
        let (chunk, start, _, _) = rope.chunk_at_byte(byte);
        &chunk.as_bytes()[byte - start..]
    };
    let options = ParseOptions::new().progress_callback(&mut ask);
    parser.parse_with_options(&mut read, old, Some(options))
}

/// A byte offset as tree-sitter counts: rows end at `\n` only, columns are bytes.
pub(super) fn point(document: &Document, byte: usize) -> Point {
    let rope = &document.rope;
    if !document.lone_cr {
        let row = rope.byte_to_line(byte);
        return Point {
            row,
            column: byte - rope.line_to_byte(row),
        };
    }
    // The rope also ends lines at a lone `\r`, so rows are counted; a text with a tree is short
    // enough for that.
    let mut row = 0;
    let mut row_start = 0;
    let mut chunk_start = 0;
    for chunk in rope.byte_slice(..byte).chunks() {
        row += chunk.bytes().filter(|b| *b == b'\n').count();
        if let Some(last) = chunk.rfind('\n') {
            row_start = chunk_start + last + 1;
        }
        chunk_start += chunk.len();
    }
    Point {
        row,
        column: byte - row_start,
    }
}

/// What a new whole text replaces of the old one: `(start, end, new text)` without what both begin
/// and end with. Editors that always send everything then cost the tree, the trie and the
/// interpolation no more than others.
pub(super) fn difference<'a>(rope: &Rope, text: &'a str) -> (usize, usize, &'a str) {
    let new = text.as_bytes();
    let same = |(a, b): &(u8, &u8)| a == *b;
    let mut front = rope.bytes().zip(new).take_while(same).count();
    while !text.is_char_boundary(front) {
        front -= 1;
    }
    let most = rope.len_bytes().min(new.len()) - front;
    let mut bytes = rope.bytes_at(rope.len_bytes());
    let old_backwards = std::iter::from_fn(|| bytes.prev());
    let mut back = old_backwards
        .zip(new.iter().rev())
        .take(most)
        .take_while(same)
        .count();
    while !text.is_char_boundary(new.len() - back) {
        back -= 1;
    }
    (
        front,
        rope.len_bytes() - back,
        &text[front..new.len() - back],
    )
}
