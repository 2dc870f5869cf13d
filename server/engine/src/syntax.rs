//! Facts about one place of a document, read from its syntax tree, and from plain text where there
//! is no tree or a broken one.
//!
//! Nothing here copies a document or walks one: a look costs the depth of the tree, not its size.

mod errors;
mod scopes;
mod text;

use std::ops::Range;

use foretoken_grammars::{Blocks, captures};
use tree_sitter::{Node, Query, QueryCursor, StreamingIterator, Tree};

use crate::document::Document;
use crate::position::floor_boundary;
pub(crate) use errors::parsed;
pub use errors::{ErrorWindow, WINDOW, errors_in, outline};
pub use scopes::{Scope, scopes_around};

/// What kind of text a place lies in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Region {
    /// Neither comment nor string.
    #[default]
    Code,
    /// Inside a comment.
    Comment,
    /// Inside a string or character literal, its quotes left and right of the place.
    String,
}

/// What kind of text the offset `byte` lies in: what a character typed there would belong to.
///
/// The tree decides where it is whole. Around a syntax error, and where the tree is older than the
/// text, the tree says how the line begins and its characters say the rest: a quote that was just
/// typed is open until it is closed.
pub fn region(doc: &Document, byte: usize) -> Region {
    let rope = doc.rope();
    let byte = floor_boundary(rope, byte);
    let line = rope.line_to_byte(rope.byte_to_line(byte));
    let Some(tree) = doc.tree() else {
        return text::region(doc, line..byte, Region::Code);
    };
    if doc.parse_pending() {
        return text::region(doc, line..byte, region_of_line(doc, tree, line));
    }
    match region_in_tree(doc, tree, byte) {
        Some(Seen {
            region,
            broken: false,
            ..
        }) => return region,
        Some(Seen {
            region: Region::Code,
            start,
            ..
        }) if start >= line => {
            return text::region(doc, start..byte, Region::Code);
        }
        Some(_) => {}
        // Nothing holds the place but statements, and the parser read them all.
        None if !broken_between(tree, lines_above(doc, line).start, byte) => return Region::Code,
        None => {}
    }
    let begins = region_of_line(doc, tree, line);
    if begins == Region::Code && !broken_between(tree, line, byte) {
        return Region::Code;
    }
    text::region(doc, line..byte, begins)
}

/// The offset at which the content of the innermost block around `byte` ends: that of its `}`, or
/// the end of the last line that is indented like the place. `None` outside of any block.
pub fn block_end(doc: &Document, byte: usize) -> Option<usize> {
    let byte = floor_boundary(doc.rope(), byte);
    if doc.language().syntax().blocks != Blocks::Braces {
        return text::indented_end(doc, byte);
    }
    let (Some(tree), Some(query)) = (doc.tree(), doc.language().scopes()) else {
        return text::indented_end(doc, byte);
    };
    let block = Captures::of(query).block?;
    let mut finder = Finder::new(query);
    ancestors(tree, byte)
        .into_iter()
        .rev()
        .take(DEPTH)
        .find_map(|node| {
            let braces =
                braces(node).filter(|braces| braces.start <= byte && byte <= braces.end)?;
            finder.captures(node).contains(&block).then_some(braces.end)
        })
}

/// The innermost function, method, class or other definition around `byte`, by the tree.
pub fn enclosing_scope(doc: &Document, byte: usize) -> Option<Range<usize>> {
    let byte = floor_boundary(doc.rope(), byte);
    let (tree, query) = (doc.tree()?, doc.language().scopes()?);
    let scope = Captures::of(query).scope?;
    let mut finder = Finder::new(query);
    let found = ancestors(tree, byte)
        .into_iter()
        .rev()
        .take(DEPTH)
        .find(|node| node.start_byte() < byte && finder.captures(*node).contains(&scope))?;
    Some(found.byte_range())
}

/// Syntax errors after inserting `insert` at `at`, less those before, counted in a window of at
/// most [`WINDOW`] bytes around `at`. `None` without a grammar or where a parse takes too long.
/// Ask [`ErrorWindow`] instead when several texts are compared at one place.
pub fn error_delta(doc: &Document, at: usize, insert: &str) -> Option<i32> {
    let window = ErrorWindow::around(doc, at)?;
    window.delta(insert)
}

/// What a line begins inside of, where the tree is broken near it or stale.
fn region_of_line(doc: &Document, tree: &Tree, line: usize) -> Region {
    if let Some(seen) = region_in_tree(doc, tree, line) {
        return seen.region;
    }
    // A comment or string that was just opened has no closer yet, so the tree knows nothing of it.
    let above = lines_above(doc, line);
    let begins = region_in_tree(doc, tree, above.start);
    let begins = begins
        .filter(|seen| !seen.broken)
        .map_or(Region::Code, |seen| seen.region);
    text::region_below(doc, above, begins)
}

/// The lines above one, as far as an unclosed comment or string is searched.
fn lines_above(doc: &Document, line: usize) -> Range<usize> {
    let rope = doc.rope();
    let start = floor_boundary(rope, line.saturating_sub(text::ABOVE_SEEN));
    // A whole line first, unless it is endless.
    let whole = rope.line_to_byte(rope.byte_to_line(start));
    let start = if start - whole < text::ABOVE_SEEN {
        whole
    } else {
        start
    };
    start..line
}

/// What a tree says of a place by the innermost literal, comment or code inside of one.
struct Seen {
    region: Region,
    // Where that node begins.
    start: usize,
    // The parser could not read it whole.
    broken: bool,
}

/// The innermost string, comment, or code inside a string around `byte`; `None` for other code.
fn region_in_tree(doc: &Document, tree: &Tree, byte: usize) -> Option<Seen> {
    let query = doc.language().scopes()?;
    let names = Captures::of(query);
    let mut finder = Finder::new(query);
    for node in ancestors(tree, byte).into_iter().rev().take(DEPTH) {
        let found = finder.captures(node);
        let has = |name: Option<u32>| name.is_some_and(|name| found.contains(&name));
        let inside = node.start_byte() < byte && byte < node.end_byte();
        let region = match () {
            () if has(names.comment) && (inside || comment_is_open(doc, node, byte)) => {
                Region::Comment
            }
            () if has(names.string) && inside => Region::String,
            () if has(names.code) && inside => Region::Code,
            () => continue,
        };
        return Some(Seen {
            region,
            start: node.start_byte(),
            broken: node.has_error(),
        });
    }
    None
}

/// Whether the parser stumbled on what stands between two places, or on what holds them both.
fn broken_between(tree: &Tree, start: usize, end: usize) -> bool {
    let around = tree.root_node().descendant_for_byte_range(start, end);
    around.is_none_or(|node| node.has_error())
}

// A comment that runs to the line's end takes what is typed at its end; one with a closer does not.
fn comment_is_open(doc: &Document, node: Node<'_>, byte: usize) -> bool {
    let end = node.end_byte();
    if byte != end || end < node.start_byte() + 2 {
        return false;
    }
    // In a stale tree a node may begin where no character does.
    let Some(text) = doc.rope().get_byte_slice(node.start_byte()..end) else {
        return false;
    };
    let syntax = doc.language().syntax();
    let block = syntax.block_comments.iter().any(|(open, _)| {
        text.len_bytes() >= open.len() && text.bytes().zip(open.bytes()).all(|(a, b)| a == b)
    });
    let last = text.bytes_at(text.len_bytes() - 2).collect::<Vec<u8>>();
    let closers = syntax.block_comments.iter();
    let closed = block
        && closers
            .into_iter()
            .any(|(_, close)| last == close.as_bytes());
    // Rust's doc comments hold their line break: right behind it the next line begins.
    !closed && !matches!(last.last(), Some(b'\n' | b'\r'))
}

/// Most nodes around a place that are looked at, innermost first: real code nests a tenth as deep,
/// and generated code may nest as deep as it likes.
const DEPTH: usize = 256;

/// The nodes around the character left of `byte`, outermost first. One walk down from the root:
/// asking a node for its parent walks each time anew.
fn ancestors(tree: &Tree, byte: usize) -> Vec<Node<'_>> {
    let left = byte.saturating_sub(1);
    let mut cursor = tree.walk();
    let mut nodes = vec![cursor.node()];
    while cursor.goto_first_child_for_byte(left).is_some() {
        let node = cursor.node();
        if node.start_byte() > left {
            break;
        }
        nodes.push(node);
    }
    nodes
}

/// Where the content between a node's own braces begins and ends.
fn braces(node: Node<'_>) -> Option<Range<usize>> {
    let mut cursor = node.walk();
    let open = node
        .children(&mut cursor)
        .find(|child| child.kind() == "{")?;
    let last = node.child(node.child_count().checked_sub(1)? as u32)?;
    let end = if last.kind() == "}" {
        last.start_byte()
    } else {
        node.end_byte()
    };
    (open.end_byte() <= end).then(|| open.end_byte()..end)
}

/// The capture numbers of one `scopes.scm`.
struct Captures {
    block: Option<u32>,
    scope: Option<u32>,
    string: Option<u32>,
    code: Option<u32>,
    comment: Option<u32>,
}

impl Captures {
    fn of(query: &Query) -> Self {
        Captures {
            block: query.capture_index_for_name(captures::BLOCK),
            scope: query.capture_index_for_name(captures::SCOPE),
            string: query.capture_index_for_name(captures::STRING),
            code: query.capture_index_for_name(captures::CODE),
            comment: query.capture_index_for_name(captures::COMMENT),
        }
    }
}

/// Asks a query about single nodes.
struct Finder<'q> {
    query: &'q Query,
    cursor: QueryCursor,
}

impl<'q> Finder<'q> {
    fn new(query: &'q Query) -> Self {
        let mut cursor = QueryCursor::new();
        // Patterns may begin at the asked node only, so its descendants are not visited.
        cursor.set_max_start_depth(Some(0));
        Finder { query, cursor }
    }

    /// The numbers of the captures that name this very node.
    fn captures(&mut self, node: Node<'_>) -> Vec<u32> {
        let mut found = Vec::new();
        // The queries hold no predicate on text, so none is handed over.
        let no_text = |_: Node<'_>| std::iter::empty::<&[u8]>();
        let mut matches = self.cursor.matches(self.query, node, no_text);
        while let Some(matched) = matches.next() {
            let here = matched
                .captures
                .iter()
                .filter(|capture| capture.node == node);
            found.extend(here.map(|capture| capture.index));
        }
        found
    }
}

#[cfg(test)]
mod tests;
