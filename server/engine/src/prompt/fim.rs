//! The fill-in-the-middle prompt, from what rarely changes to what changes with every key.
//!
//! ```text
//! <|bos|><|rust|><|file|>path\n                  the document
//! (<|ctx|>path\npiece)*                          pieces of other files
//! <|suf|>the lines below the cursor's line       suffix
//! <|pre|>the lines above …[<|tail|>rest of the line<|cur|>]head of the line
//! ```
//!
//! The model continues the last text, and no token follows it, so a typed character only appends to
//! what the model has read already. What stands right of the cursor is never part of the suffix:
//! editors put a closer there with every opener, and the whole prefix would have to be read anew.
//! What else holds still from key to key is the business of [`Window`].
//!
//! Line breaks are `\n` in every prompt, whatever the document has: texts the model gives back have
//! to be turned into the document's. The layout is checked against `training/layout_golden.json`.

use ropey::Rope;

use crate::document::Document;
use crate::position::{floor_boundary, without_end};
use crate::prompt::budget::{BYTES_PER_TOKEN, beginning};
use crate::prompt::{Budget, Control, Count, Piece, Prompt, Section};

pub use crate::prompt::window::Window;

/// What a prompt is made of.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The document.
    pub doc: &'a Document,
    /// The cursor, in bytes; inside a character its start, past the end the end.
    pub byte: usize,
    /// Cuts of other files, the most helpful first. Only looked at when the window is filled anew.
    pub pieces: &'a [Piece],
    /// Tokens per part.
    pub budget: &'a Budget,
    /// Nobody is typing: suffix, pieces and window start may be chosen anew.
    pub idle: bool,
}

/// The prompt at the cursor, and the window to hand in with the next prompt of this document.
///
/// With the window of the prompt before, a prompt differs from it only behind the place of the
/// edit, until the window's start jumps or the cursor does; see [`Window`]. `count` gives the tokens
/// of a text: of the head and the tail with every key, of lines only when they are new.
pub fn fim(input: &Input<'_>, window: &Window, count: Count<'_>) -> (Prompt, Window) {
    let at = Cursor::of(input);
    let window = window.follow(input, &at, count);
    let text = |text: &str| Section::Text(text.to_owned());
    let mut sections = vec![
        Section::Control(Control::Bos),
        Section::Control(Control::Language(input.doc.language())),
        Section::Control(Control::File),
        text(window.file()),
    ];
    for piece in window.pieces() {
        sections.extend([Section::Control(Control::Context), text(piece)]);
    }
    sections.push(Section::Control(Control::Suffix));
    if !window.suffix().is_empty() {
        sections.push(text(window.suffix()));
    }
    sections.push(Section::Control(Control::Prefix));

    let rope = input.doc.rope();
    let mut lines = plain(rope, window.start().min(at.line)..at.line);
    let head = plain(rope, window.start().max(at.line)..at.offset);
    let tail = tail(rope, &at, input.budget, count);
    if tail.is_empty() {
        // One text: the model has only seen lines and head encoded together.
        lines.push_str(&head);
        sections.push(Section::Text(lines));
    } else {
        if !lines.is_empty() {
            sections.push(Section::Text(lines));
        }
        sections.extend([Section::Control(Control::Tail), Section::Text(tail)]);
        sections.extend([Section::Control(Control::Cursor), Section::Text(head)]);
    }
    (Prompt { sections }, window)
}

/// The cursor and its line, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// The cursor, at a character boundary within its line's text.
    pub(super) offset: usize,
    /// Number of its line.
    pub(super) number: usize,
    /// Where the line begins.
    pub(super) line: usize,
    /// Where its text ends, before the line break.
    pub(super) end: usize,
}

impl Cursor {
    pub(super) fn of(input: &Input<'_>) -> Self {
        let rope = input.doc.rope();
        let offset = floor_boundary(rope, input.byte);
        let number = rope.byte_to_line(offset);
        let line = rope.line_to_byte(number);
        let end = line + without_end(rope.line(number)).len_bytes();
        Cursor {
            offset: offset.min(end),
            number,
            line,
            end,
        }
    }
}

/// What stands right of the cursor on its line, within the budget; empty where that is blank.
fn tail(rope: &Rope, at: &Cursor, budget: &Budget, count: Count<'_>) -> String {
    // The two tokens around it count too.
    let limit = budget.tail.saturating_sub(2);
    let seen = at.end.min(at.offset + limit * BYTES_PER_TOKEN);
    let tail = plain(rope, at.offset..floor_boundary(rope, seen).max(at.offset));
    if tail.trim().is_empty() {
        return String::new();
    }
    beginning(&tail, limit, count).to_owned()
}

/// A stretch of a document as the model sees it: every line break is `\n`, a byte order mark is
/// left out.
pub(super) fn plain(rope: &Rope, stretch: std::ops::Range<usize>) -> String {
    let first = stretch.start == 0;
    let text = rope.byte_slice(stretch).to_string();
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) if first => rest.to_owned(),
        _ => text,
    };
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text
    }
}

#[cfg(test)]
mod tests;
