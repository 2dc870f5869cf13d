//! What of a growing text can be read for good: whole blocks, and no line further down that changes them.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};

use super::OPTIONS;

/// How many bytes of a growing text are blocks that will not change any more: up to the last blank line outside code and
/// HTML, so that each call of [`super::safe`] sees whole blocks.
pub fn finished(text: &str) -> usize {
    // What a line is may change while it grows.
    let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
    let verbatim = verbatim(whole);
    // The last block may still be open, whatever it ends with.
    let open = match verbatim.last() {
        Some(last) if last.is_last => last.range.start,
        _ => whole.len(),
    };
    let mut inner = Cursor::new(&verbatim);
    let (mut done, mut at) = (0, 0);
    for line in whole.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if line.trim().is_empty() && at <= open && !inner.covers(start) {
            done = at;
        }
    }
    done
}

/// The text without definitions of links, which are shown as they were typed: a definition at the end of an answer would
/// change paragraphs that the user has already read.
pub(super) fn undefined(text: &str) -> String {
    let verbatim = verbatim(text);
    let mut inner = Cursor::new(&verbatim);
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let start = line.find(|c: char| !" \t>-*+.)0123456789".contains(c));
        match start.filter(|at| line[*at..].starts_with('[') && line[*at..].contains("]:")) {
            Some(at) if !inner.covers(from + at) => out.extend([&line[..at], "\\", &line[at..]]),
            _ => out.push_str(line),
        }
        from += line.len();
    }
    out
}

/// Code or HTML, in which a blank line and a bracket mean nothing.
struct Verbatim {
    range: Range<usize>,
    /// No block comes after it, and it may go on.
    is_last: bool,
}

/// The blocks of code and HTML, in order.
fn verbatim(text: &str) -> Vec<Verbatim> {
    let mut out: Vec<Verbatim> = Vec::new();
    for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => out.push(Verbatim {
                is_last: !is_closed(text, &range),
                range,
            }),
            Event::Start(Tag::CodeBlock(_) | Tag::HtmlBlock) => out.push(Verbatim {
                is_last: true,
                range,
            }),
            Event::Start(_) | Event::Rule => {
                if let Some(last) = out.last_mut() {
                    last.is_last = false;
                }
            }
            // The text of an item without a paragraph of its own.
            _ => {
                if let Some(last) = out.last_mut().filter(|last| range.start >= last.range.end) {
                    last.is_last = false;
                }
            }
        }
    }
    out
}

/// Whether fenced code that stands in no other block ends with its fence.
fn is_closed(text: &str, range: &Range<usize>) -> bool {
    let at_margin = range.start == 0 || text[..range.start].ends_with('\n');
    let block = text[range.clone()].trim_end();
    let (first, last) = (block.lines().next(), block.lines().skip(1).last());
    let (Some(first), Some(last)) = (first, last) else {
        return false;
    };
    let mark = first.chars().next().unwrap_or_default();
    let fence = first.len() - first.trim_start_matches(mark).len();
    let closing = last.trim_start_matches(' ');
    at_margin
        && last.len() - closing.len() < 4
        && closing.len() >= fence
        && closing.chars().all(|c| c == mark)
}

/// Looks places up that only go forward.
struct Cursor<'a> {
    ranges: std::slice::Iter<'a, Verbatim>,
    next: Option<&'a Verbatim>,
}

impl<'a> Cursor<'a> {
    fn new(verbatim: &'a [Verbatim]) -> Cursor<'a> {
        let mut ranges = verbatim.iter();
        let next = ranges.next();
        Cursor { ranges, next }
    }

    /// Whether this place stands in one of them.
    fn covers(&mut self, at: usize) -> bool {
        while self.next.is_some_and(|next| next.range.end <= at) {
            self.next = self.ranges.next();
        }
        self.next.is_some_and(|next| next.range.start <= at)
    }
}
