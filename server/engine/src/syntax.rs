//! Facts about one place of a document, read from its syntax tree, and from plain text where there
//! is no tree or a broken one.

use std::ops::Range;

use crate::document::Document;

/// What kind of text a place lies in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Region {
    /// Neither comment nor string.
    #[default]
    Code,
    /// Inside a comment.
    Comment,
    /// Inside a string or character literal.
    String,
}

/// What kind of text the byte offset `byte` lies in.
pub fn region(_doc: &Document, _byte: usize) -> Region {
    Region::Code
}

/// The offset at which the innermost block around `byte` ends.
pub fn block_end(_doc: &Document, _byte: usize) -> Option<usize> {
    None
}

/// The innermost function, method or class around `byte`.
pub fn enclosing_scope(_doc: &Document, _byte: usize) -> Option<Range<usize>> {
    None
}

/// Syntax errors after inserting `insert` at `at`, less those before. `None` without a grammar.
pub fn error_delta(_doc: &Document, _at: usize, _insert: &str) -> Option<i32> {
    None
}
