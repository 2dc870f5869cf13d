//! What an action is about: the selected lines, else the definition around the cursor, else the
//! paragraph around it. A *target* is whole lines, so that a text that takes its place keeps its indent.

use std::ops::Range;

use ropey::Rope;

use crate::document::Document;
use crate::syntax::{self, Scope};

mod documentation;
mod imports;
pub mod testing;

pub use documentation::documentation;
pub use imports::{import_block, is_imports};

#[cfg(test)]
mod tests;

/// Most enclosing definitions whose heads are told.
const HEADS: usize = 8;
/// Longest head, bytes.
const HEAD_BYTES: usize = 400;
/// Most lines of documentation and attributes that are taken along from above a definition.
const ABOVE: usize = 200;

/// What an action is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Whole lines of the document, bytes; the last line's break is not part of it.
    pub bytes: Range<usize>,
    /// The same in lines, from 0, the end exclusive.
    pub lines: Range<u32>,
    /// What is defined there, where the target is one definition.
    pub name: Option<String>,
    /// The first line of the definition, from 0; further down than the first where documentation or
    /// attributes stand above it.
    pub head: u32,
    /// The heads of the definitions around it, outermost first.
    pub around: Vec<Head>,
}

/// The first lines of a definition, up to where its body begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Its first line, from 0.
    pub line: u32,
    /// The text of its lines without the last break.
    pub text: String,
}

/// Whether a selection is a bare cursor: nothing, or one character or line end, which is what Helix sends for one.
/// Bytes within the document.
pub fn is_cursor(doc: &Document, selection: Range<usize>) -> bool {
    let rope = doc.rope();
    let from = rope.byte_to_char(selection.start);
    match rope.byte_to_char(selection.end) - from {
        0 | 1 => true,
        2 => rope.char(from) == '\r' && rope.char(from + 1) == '\n',
        _ => false,
    }
}

/// The target for a selection, in bytes; a bare cursor is none. `None` where there is only blank
/// text. Offsets past the end count as the end.
pub fn target(doc: &Document, selection: Range<usize>) -> Option<Target> {
    let rope = doc.rope();
    let end = selection.end.min(rope.len_bytes());
    let start = selection.start.min(end);
    if !is_cursor(doc, start..end) {
        return selected(doc, start..end);
    }
    let mut scopes = syntax::scopes_around(doc, at_text(rope, start));
    // Behind the last letter of a definition the cursor is still on it.
    if scopes.is_empty() && line_end(rope, rope.byte_to_line(start)) == start {
        scopes = syntax::scopes_around(doc, start.saturating_sub(1));
    }
    // A closure is part of the function that holds it.
    let at = scopes.iter().position(|scope| scope.name.is_some());
    match at.or((!scopes.is_empty()).then_some(0)) {
        Some(at) => {
            let scope = &scopes[at];
            let lines = lines_of(rope, &scope.bytes);
            let head = lines.start;
            let top = above(doc, head);
            let around = heads(doc, &scopes[at + 1..]);
            Some(made(
                rope,
                top..lines.end,
                scope.name.clone(),
                (head, around),
            ))
        }
        None => {
            let lines = paragraph(rope, rope.byte_to_line(start))?;
            let head = lines.start;
            Some(made(rope, lines, None, (head, Vec::new())))
        }
    }
}

fn selected(doc: &Document, bytes: Range<usize>) -> Option<Target> {
    let rope = doc.rope();
    let mut lines = lines_of(rope, &bytes);
    while lines.start < lines.end && is_blank(rope, lines.start) {
        lines.start += 1;
    }
    while lines.start < lines.end && is_blank(rope, lines.end - 1) {
        lines.end -= 1;
    }
    if lines.is_empty() {
        return None;
    }
    // What documents and decorates a definition belongs to it.
    let mut head = lines.start;
    while head + 1 < lines.end && belongs(doc, head) {
        head += 1;
    }
    let first = rope.line_to_byte(lines.start);
    let last = rope.line_to_byte(lines.end);
    let scopes = syntax::scopes_around(doc, at_text(rope, rope.line_to_byte(head)));
    let holds = |scope: &&Scope| scope.bytes.start < first || scope.bytes.end > last;
    let outside: Vec<Scope> = scopes.iter().filter(holds).cloned().collect();
    // A selection of one whole definition is that definition.
    let whole = scopes.iter().rev().find(|scope| !holds(scope));
    let name = whole.and_then(|scope| scope.name.clone());
    let around = heads(doc, &outside);
    match whole {
        Some(_) => lines.start = above(doc, lines.start),
        None => head = lines.start,
    }
    Some(made(rope, lines, name, (head, around)))
}

fn made(
    rope: &Rope,
    lines: Range<usize>,
    name: Option<String>,
    (head, around): (usize, Vec<Head>),
) -> Target {
    let start = rope.line_to_byte(lines.start);
    let end = line_end(rope, lines.end - 1);
    Target {
        bytes: start..end,
        lines: lines.start as u32..lines.end as u32,
        name,
        head: head as u32,
        around,
    }
}

/// The lines that these bytes touch. A selection that ends before the first character of a line does
/// not touch it: editors select whole lines so.
fn lines_of(rope: &Rope, bytes: &Range<usize>) -> Range<usize> {
    let first = rope.byte_to_line(bytes.start);
    let last = rope.byte_to_line(bytes.end);
    let last = if last > first && rope.line_to_byte(last) == bytes.end {
        last - 1
    } else {
        last
    };
    first..last + 1
}

/// The first character of the line that is no blank, for a place before it, so that a cursor in the
/// indent is on what is indented.
fn at_text(rope: &Rope, byte: usize) -> usize {
    let line = rope.byte_to_line(byte);
    let start = rope.line_to_byte(line);
    let indent = rope
        .line(line)
        .bytes()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    byte.max(start + indent)
}

/// The first of the lines right above a definition that belong to it: comments, attributes, decorators.
fn above(doc: &Document, head: usize) -> usize {
    let mut top = head;
    while top > 0 && head - top < ABOVE && belongs(doc, top - 1) {
        top -= 1;
    }
    top
}

/// Whether a line belongs to the definition below it.
fn belongs(doc: &Document, line: usize) -> bool {
    let syntax = doc.language().syntax();
    let mut marks: Vec<&str> = syntax.line_comment.into_iter().collect();
    for (open, close) in syntax.block_comments {
        marks.extend([*open, *close]);
    }
    marks.extend(["#[", "@", "*"]);
    let line = doc.rope().line(line).to_string();
    let text = line.trim();
    let is_marked = |mark: &&str| text.starts_with(mark) || text.ends_with("*/") && *mark == "*";
    !text.is_empty() && marks.iter().any(is_marked)
}

fn heads(doc: &Document, scopes: &[Scope]) -> Vec<Head> {
    let rope = doc.rope();
    let named = scopes.iter().filter(|scope| scope.name.is_some());
    let mut heads: Vec<Head> = named
        .take(HEADS)
        .map(|scope| {
            let first = rope.byte_to_line(scope.bytes.start);
            let mut text = String::new();
            for line in first..rope.len_lines() {
                let start = rope.line_to_byte(line);
                if start >= scope.bytes.end || text.len() > HEAD_BYTES {
                    break;
                }
                text.push_str(&rope.line(line).to_string());
                // Where the body begins, in every language here.
                if text.trim_end().ends_with(['{', ':', ';']) {
                    break;
                }
            }
            let text = text.trim_end_matches(['\r', '\n']);
            Head {
                line: first as u32,
                text: text[..text.floor_char_boundary(HEAD_BYTES)].to_owned(),
            }
        })
        .collect();
    heads.reverse();
    heads
}

/// The lines without a blank one between them around a line; `None` on a blank line.
fn paragraph(rope: &Rope, line: usize) -> Option<Range<usize>> {
    const REACH: usize = 40;
    if is_blank(rope, line) {
        return None;
    }
    let mut lines = line..line + 1;
    while lines.start > 0 && line - lines.start < REACH && !is_blank(rope, lines.start - 1) {
        lines.start -= 1;
    }
    while lines.end < rope.len_lines() && lines.end - line < REACH && !is_blank(rope, lines.end) {
        lines.end += 1;
    }
    Some(lines)
}

fn is_blank(rope: &Rope, line: usize) -> bool {
    rope.line(line).chars().all(char::is_whitespace)
}

/// Where the text of a line ends, before its break.
fn line_end(rope: &Rope, line: usize) -> usize {
    let text = rope.line(line).to_string();
    rope.line_to_byte(line) + text.trim_end_matches(['\r', '\n']).len()
}
