//! A *place* is everything later stages need to know around one cursor, as owned values.
//!
//! It is built once per request and copies a bounded amount of text, whatever the document's size.

use foretoken_grammars::{Blocks, Language};

use crate::document::Document;
use crate::position::{floor_boundary, without_end};
use crate::syntax::{self, Region};

/// How much is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// The rest of the cursor's line.
    Line,
    /// Up to the end of the block.
    Block,
}

/// A kind of line break.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Eol {
    /// `\n`
    #[default]
    Lf,
    /// `\r\n`
    CrLf,
    /// A lone `\r`
    Cr,
}

impl Eol {
    /// The characters of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Eol::Lf => "\n",
            Eol::CrLf => "\r\n",
            Eol::Cr => "\r",
        }
    }
}

/// One step of indentation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IndentUnit {
    /// A tab.
    Tab,
    /// This many spaces, at least one.
    Spaces(usize),
}

/// What stands around one cursor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The document's language.
    pub language: Language,
    /// The cursor, in bytes from the document's start.
    pub offset: usize,
    /// The cursor's line, from zero.
    pub line: usize,
    /// The line's text before the cursor; of a longer one the last [`LINE_KEPT`] bytes.
    pub head: String,
    /// The line's text right of the cursor, without its line break; at most [`LINE_KEPT`] bytes.
    pub tail: String,
    /// The nearest lines above that are not blank, nearest first, at most [`LINES_KEPT`] of them.
    pub above: Vec<String>,
    /// The next lines below as they are, without line breaks, at most [`LINES_KEPT`].
    pub below: Vec<String>,
    /// Columns of the line's leading blanks, as far as the cursor; see [`indent_columns`].
    pub indent: usize,
    /// Code, comment or string.
    pub region: Region,
    /// The document's line break, by its first line.
    pub eol: Eol,
    /// The document's step of indentation, by the lines around the cursor.
    pub indent_unit: IndentUnit,
    /// Bytes of the document.
    pub file_bytes: usize,
    /// Bytes of the document's longest line.
    pub longest_line: usize,
    /// Text before the cursor across lines, at most [`BEFORE_KEPT`] bytes.
    pub before: String,
}

/// Most lines kept on each side.
pub const LINES_KEPT: usize = 8;
/// Most bytes kept of one line: over the 10,000 characters past which no suggestion is made.
pub const LINE_KEPT: usize = 16 * 1024;
/// Most bytes kept in [`Place::before`].
pub const BEFORE_KEPT: usize = 2 * 1024;
/// Columns between two tab stops. Only comparisons between lines depend on it.
pub const TAB_COLUMNS: usize = 4;

/// The columns of the blanks a line begins with; a tab goes to the next tab stop.
pub fn indent_columns(line: &str) -> usize {
    line.chars().take_while(|c| matches!(c, ' ' | '\t')).fold(0, |columns, c| match c {
        '\t' => (columns / TAB_COLUMNS + 1) * TAB_COLUMNS,
        _ => columns + 1,
    })
}

impl Place {
    /// The place of the cursor at `byte`; an offset inside a character means its start, one past
    /// the end the end.
    pub fn at(doc: &Document, byte: usize) -> Place {
        let rope = doc.rope();
        let offset = floor_boundary(rope, byte);
        let line = rope.byte_to_line(offset);
        let start = rope.line_to_byte(line);
        let text = without_end(rope.line(line)).to_string();
        let (head, tail) = text.split_at((offset - start).min(text.len()));
        let from = floor_boundary(rope, offset.saturating_sub(BEFORE_KEPT));
        Place {
            language: doc.language(),
            offset,
            line,
            head: head.to_owned(),
            tail: tail.to_owned(),
            above: Vec::new(),
            below: Vec::new(),
            indent: indent_columns(head),
            region: syntax::region(doc, offset),
            eol: Eol::Lf,
            indent_unit: IndentUnit::Spaces(4),
            file_bytes: doc.len_bytes(),
            longest_line: doc.longest_line(),
            before: rope.byte_slice(from..offset).to_string(),
        }
    }

    /// One line when text stands right of the cursor or inside a string or comment; the block at an
    /// empty line or after a block opener; else one line.
    pub fn mode(&self) -> Mode {
        if self.region != Region::Code || !self.tail.trim().is_empty() {
            return Mode::Line;
        }
        let head = self.head.trim_end();
        let opens = match self.language.syntax().blocks {
            Blocks::Braces => head.ends_with('{'),
            Blocks::Indent => head.ends_with(':'),
            Blocks::None => false,
        };
        if head.is_empty() || opens { Mode::Block } else { Mode::Line }
    }
}
