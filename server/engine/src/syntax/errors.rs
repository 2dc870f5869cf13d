//! Counts syntax errors around one place, with and without a text inserted there.

use std::ops::{ControlFlow, Range};

use foretoken_grammars::Language;
use tree_sitter::{InputEdit, ParseOptions, ParseState, Parser, Point, Tree};

use super::ancestors;
use crate::document::Document;
use crate::position::{floor_boundary, without_end};

/// Most bytes that are parsed around a place: 2.5 ms for a parse from nothing where it is full,
/// 0.3 ms for most functions, which are whole in it.
pub const WINDOW: usize = 16 * 1024;

/// How often the parser may ask before a parse is given up: 8 ms. Whole text of [`WINDOW`] bytes
/// needs 120 (7 for each kB, measured), text that keeps the parser repairing many times that.
const STEPS: u32 = 400;

/// The text around one place, parsed once, for judging several insertions there.
#[derive(Debug)]
pub struct ErrorWindow {
    grammar: tree_sitter::Language,
    text: String,
    // The place, in bytes of `text`.
    at: usize,
    tree: Tree,
    errors: usize,
}

impl ErrorWindow {
    /// The window around `at`. `None` for what is completed as plain text, or where a parse takes too long.
    pub fn around(doc: &Document, at: usize) -> Option<Self> {
        let language = doc.language();
        let grammar = language.grammar().filter(|_| language.has_scopes())?;
        let at = floor_boundary(doc.rope(), at);
        let window = range(doc, at);
        let text = doc.rope().byte_slice(window.clone()).to_string();
        let tree = parse(&grammar, text.as_bytes(), None)?;
        let errors = count(&tree);
        Some(ErrorWindow {
            grammar,
            at: at - window.start,
            text,
            tree,
            errors,
        })
    }

    /// The text of the window, at most [`WINDOW`] bytes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Errors in the window as it is.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Errors in the window after `insert` is put in. `None` where the parse takes too long.
    pub fn errors_with(&self, insert: &str) -> Option<usize> {
        let (before, after) = self.text.split_at(self.at);
        let text = [before, insert, after].concat();
        let mut old = self.tree.clone();
        let start = point(before.as_bytes());
        old.edit(&InputEdit {
            start_byte: self.at,
            old_end_byte: self.at,
            new_end_byte: self.at + insert.len(),
            start_position: start,
            old_end_position: start,
            new_end_position: point(&text.as_bytes()[..self.at + insert.len()]),
        });
        parse(&self.grammar, text.as_bytes(), Some(&old)).map(|tree| count(&tree))
    }

    /// Errors with `insert` less those without.
    pub fn delta(&self, insert: &str) -> Option<i32> {
        let with = i32::try_from(self.errors_with(insert)?).ok()?;
        Some(with - i32::try_from(self.errors).ok()?)
    }
}

/// Errors in a text by itself. `None` without a grammar, or where the parse takes too long.
pub fn errors_in(language: Language, text: &str) -> Option<usize> {
    parsed(language, text).map(|tree| count(&tree))
}

/// The tree of a text by itself. `None` without a grammar, or where the parse takes too long.
pub(crate) fn parsed(language: Language, text: &str) -> Option<Tree> {
    parse(&language.grammar()?, text.as_bytes(), None)
}

/// What a text by itself consists of: the kinds of the outermost things, as the grammar names them. An expression that
/// stands as a statement counts as itself. `None` without a grammar, or where the parse takes too long.
pub fn outline(language: Language, text: &str) -> Option<Vec<&'static str>> {
    let tree = parsed(language, text)?;
    let root = tree.root_node();
    let mut cursor = root.walk();
    let kinds = root.children(&mut cursor).map(|node| {
        let alone = node.kind() == "expression_statement" && node.child_count() == 1;
        let inner = node.child(0).filter(|_| alone);
        inner.unwrap_or(node).kind()
    });
    Some(kinds.collect())
}

/// The stretch to parse: the largest node around `at` that fits, widened to whole lines; where the
/// tree has none, lines on both sides.
fn range(doc: &Document, at: usize) -> Range<usize> {
    let rope = doc.rope();
    let length = doc.len_bytes();
    if length <= WINDOW / 4 {
        return 0..length;
    }
    let line = |byte: usize| {
        let line = rope.byte_to_line(byte.min(length));
        let start = rope.line_to_byte(line);
        start..start + without_end(rope.line(line)).len_bytes()
    };
    let whole_lines = |range: Range<usize>| line(range.start).start..line(range.end).end;
    let fits = |range: &Range<usize>| {
        range.end <= length && range.len() <= WINDOW && range.start <= at && at <= range.end
    };
    let nodes = doc
        .tree()
        .map(|tree| ancestors(tree, at))
        .unwrap_or_default();
    let node = nodes
        .into_iter()
        .skip(1)
        .map(|node| whole_lines(node.byte_range()))
        .find(fits);
    node.unwrap_or_else(|| {
        let around = at.saturating_sub(WINDOW / 4)..(at + WINDOW / 4).min(length);
        let lines = whole_lines(around.clone());
        // Lines without end are cut where they are.
        if fits(&lines) {
            lines
        } else {
            floor_boundary(rope, around.start)..floor_boundary(rope, around.end)
        }
    })
}

fn parse(grammar: &tree_sitter::Language, text: &[u8], old: Option<&Tree>) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(grammar).ok()?;
    let mut steps = 0;
    let mut ask = |_: &ParseState| {
        steps += 1;
        if steps > STEPS {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut read = |byte: usize, _: Point| text.get(byte..).unwrap_or_default();
    let options = ParseOptions::new().progress_callback(&mut ask);
    parser.parse_with_options(&mut read, old, Some(options))
}

/// Nodes that the parser could not read, and tokens it had to make up. Only branches that hold
/// errors are visited, without recursion: text may nest as deep as it likes.
fn count(tree: &Tree) -> usize {
    let mut cursor = tree.walk();
    let mut errors = 0;
    loop {
        let node = cursor.node();
        errors += usize::from(node.is_error() || node.is_missing());
        if node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return errors;
            }
        }
    }
}

fn point(text: &[u8]) -> Point {
    let row = text.iter().filter(|byte| **byte == b'\n').count();
    let line = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    Point {
        row,
        column: text.len() - line,
    }
}
