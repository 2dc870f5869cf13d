//! A *place* is everything later stages need to know around one cursor, as owned values.
//!
//! It is built once per request and copies a bounded amount of text, whatever the document's size.

use std::ops::Range;

use foretoken_grammars::{Blocks, Language};
use ropey::{Rope, RopeSlice};

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
/// Lines looked at for blank ones and for indentation.
const LINES_SEEN: usize = 64;
/// Most bytes kept of one line: over the 10,000 characters past which no suggestion is made.
pub const LINE_KEPT: usize = 16 * 1024;
/// Most bytes kept in [`Place::before`].
pub const BEFORE_KEPT: usize = 2 * 1024;
/// From this many lines of a document on, text is judged by indentation and brackets alone. Value of
/// microsoft/vscode-copilot-chat.
pub const SYNTAX_LINES: usize = 8_000;
/// Columns between two tab stops. Only comparisons between lines depend on it.
pub const TAB_COLUMNS: usize = 4;

/// The columns of the blanks a line begins with; a tab goes to the next tab stop.
pub fn indent_columns(line: &str) -> usize {
    line.chars()
        .take_while(|c| matches!(c, ' ' | '\t'))
        .fold(0, |columns, c| match c {
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
        let end = start + without_end(rope.line(line)).len_bytes();
        // Between `\r` and `\n` nothing is left of the line, and the head keeps no `\r`.
        let head = nearest(rope, start..offset.min(end), LINE_KEPT);
        let indent = indent_columns(&head);
        Place {
            language: doc.language(),
            offset,
            line,
            tail: furthest(rope, offset.min(end)..end, LINE_KEPT),
            above: above(rope, line),
            below: below(rope, line),
            indent,
            region: syntax::region(doc, offset),
            eol: eol(rope),
            indent_unit: indent_unit(rope, line, doc.language()),
            file_bytes: doc.len_bytes(),
            longest_line: doc.longest_line(),
            before: nearest(rope, 0..offset, BEFORE_KEPT),
            head,
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
            // Behind a colon and a blank comes a type or a value.
            Blocks::Indent => self.head.ends_with(':'),
            Blocks::None => false,
        };
        if head.is_empty() || opens {
            Mode::Block
        } else {
            Mode::Line
        }
    }
}

/// The last `limit` bytes of a stretch, or less where that would cut a character.
fn nearest(rope: &Rope, stretch: Range<usize>, limit: usize) -> String {
    let mut start = stretch.start.max(stretch.end.saturating_sub(limit));
    if floor_boundary(rope, start) != start {
        start = rope.char_to_byte(rope.byte_to_char(start) + 1);
    }
    rope.byte_slice(start..stretch.end.max(start)).to_string()
}

/// The first `limit` bytes of a stretch, or less where that would cut a character.
fn furthest(rope: &Rope, stretch: Range<usize>, limit: usize) -> String {
    let end = floor_boundary(rope, stretch.end.min(stretch.start + limit));
    rope.byte_slice(stretch.start..end.max(stretch.start))
        .to_string()
}

/// A line without its break, cut to [`LINE_KEPT`].
fn line_text(line: RopeSlice<'_>) -> String {
    let text = without_end(line);
    let end = text.len_bytes().min(LINE_KEPT);
    text.byte_slice(..text.char_to_byte(text.byte_to_char(end)))
        .to_string()
}

/// The nearest lines above that are not blank; a long gap ends the search.
fn above(rope: &Rope, line: usize) -> Vec<String> {
    let lines = rope
        .lines_at(line)
        .reversed()
        .take(LINES_SEEN)
        .map(line_text);
    lines
        .filter(|text| !text.trim().is_empty())
        .take(LINES_KEPT)
        .collect()
}

fn below(rope: &Rope, line: usize) -> Vec<String> {
    rope.lines_at(line + 1)
        .take(LINES_KEPT)
        .map(line_text)
        .collect()
}

fn eol(rope: &Rope) -> Eol {
    let first = rope.line(0);
    let last = |back: usize| first.len_bytes().checked_sub(back).map(|at| first.byte(at));
    match (last(2), last(1)) {
        (Some(b'\r'), Some(b'\n')) => Eol::CrLf,
        (_, Some(b'\r')) => Eol::Cr,
        _ => Eol::Lf,
    }
}

/// How the lines around the cursor are indented: by tabs where most begin with one, else by the
/// step by which they deepen most often, else as is usual in the language.
fn indent_unit(rope: &Rope, line: usize, language: Language) -> IndentUnit {
    let mut tabs = 0_usize;
    // Steps of one space are aligned comments; over eight, aligned arguments.
    let mut steps = [0_usize; 9];
    let mut last = 0;
    let lines = rope
        .lines_at(line.saturating_sub(LINES_SEEN / 2))
        .take(LINES_SEEN);
    for line in lines {
        let blank = |b: &u8| *b == b' ' || *b == b'\t';
        let indent = line.bytes().take(64).take_while(blank).count();
        match line.bytes().nth(indent) {
            None | Some(b'\r' | b'\n') => continue,
            Some(_) if indent > 0 && line.byte(0) == b'\t' => tabs += 1,
            Some(_) => {
                let step = indent.checked_sub(last).filter(|step| *step > 1);
                if let Some(count) = step.and_then(|step| steps.get_mut(step)) {
                    *count += 1;
                }
                last = indent;
            }
        }
    }
    // Of equally frequent steps the smaller one is the unit.
    let most = steps.iter().max().copied().unwrap_or(0);
    match language {
        _ if tabs > steps.iter().sum::<usize>() => IndentUnit::Tab,
        _ if most > 0 => {
            IndentUnit::Spaces(steps.iter().position(|count| *count == most).unwrap_or(4))
        }
        Language::Go => IndentUnit::Tab,
        Language::JavaScript | Language::TypeScript | Language::Tsx => IndentUnit::Spaces(2),
        _ => IndentUnit::Spaces(4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(language: Language, fixture: &str) -> Place {
        let at = fixture.find("$0").unwrap();
        let text = fixture.replacen("$0", "", 1);
        Place::at(&Document::open("file", language, 1, &text), at)
    }

    #[test]
    fn a_cursor_in_the_middle_of_a_line() {
        let place = place(
            Language::Rust,
            "fn f() {\r\n\r\n    let a = g($0);\r\n}\r\n",
        );
        assert_eq!(
            (place.head.as_str(), place.tail.as_str()),
            ("    let a = g(", ");")
        );
        assert_eq!((place.line, place.indent), (2, 4));
        assert_eq!(place.above, ["fn f() {"]);
        assert_eq!(place.below, ["}", ""]);
        assert_eq!(place.eol, Eol::CrLf);
        assert_eq!(place.indent_unit, IndentUnit::Spaces(4));
        assert_eq!(place.before, "fn f() {\r\n\r\n    let a = g(");
        assert_eq!((place.file_bytes, place.longest_line), (33, 16));
        assert_eq!(place.region, Region::Code);
    }

    #[test]
    fn lines_above_are_nearest_first_and_below_as_they_are() {
        let text = "1\n2\n3\n4\n\n5\n6\n  \n7\n8\n9\n$0\na\n\nb\n";
        let place = place(Language::Text, text);
        assert_eq!(place.above, ["9", "8", "7", "6", "5", "4", "3", "2"]);
        assert_eq!(place.below, ["a", "", "b", ""]);
    }

    #[test]
    fn line_breaks_by_the_first_line() {
        for (text, expected) in [
            ("$0", Eol::Lf),
            ("a$0", Eol::Lf),
            ("$0\n", Eol::Lf),
            ("a\n\r\n$0", Eol::Lf),
            ("a\r\nb\n$0", Eol::CrLf),
            ("\r\n$0", Eol::CrLf),
            ("\ra$0", Eol::Cr),
            ("a\rb\n$0", Eol::Cr),
        ] {
            assert_eq!(place(Language::Text, text).eol, expected, "{text:?}");
        }
    }

    #[test]
    fn indentation_by_the_lines_around() {
        for (language, text, expected) in [
            (Language::Rust, "$0", IndentUnit::Spaces(4)),
            (Language::Go, "$0", IndentUnit::Tab),
            (Language::Tsx, "$0", IndentUnit::Spaces(2)),
            (Language::Go, "f\n  a\n    b\n$0", IndentUnit::Spaces(2)),
            (Language::Python, "f\n\ta\n\tb\n$0", IndentUnit::Tab),
            (
                Language::Java,
                "f\n        a\n                b\n$0",
                IndentUnit::Spaces(8),
            ),
            // An aligned comment is no step.
            (
                Language::C,
                "/*\n * a\n * b\n */\nf {\n  a\n}\n$0",
                IndentUnit::Spaces(2),
            ),
        ] {
            assert_eq!(place(language, text).indent_unit, expected, "{text:?}");
        }
        assert_eq!(indent_columns("\t  x"), 6);
        assert_eq!(indent_columns("  \tx"), 4);
        assert_eq!(indent_columns(""), 0);
    }

    #[test]
    fn modes() {
        use Language::{Python, Rust, Text};
        for (language, text, expected) in [
            (Rust, "fn f() {\n    $0\n}", Mode::Block),
            (Rust, "fn f() {$0", Mode::Block),
            (Rust, "fn f() { $0\n}", Mode::Block),
            (Rust, "fn f() {$0}", Mode::Line),
            (Rust, "let a = $0", Mode::Line),
            (Rust, "g($0)", Mode::Line),
            (Rust, "// if a {$0", Mode::Line),
            (Rust, "/*\n$0\n*/", Mode::Line),
            (Python, "def f():$0\n", Mode::Block),
            (Python, "x = {$0", Mode::Line),
            (Python, "    x: $0", Mode::Line),
            (Python, "'''\n$0\n'''", Mode::Line),
            (Text, "\n$0", Mode::Block),
            (Text, "Note:$0", Mode::Line),
        ] {
            assert_eq!(place(language, text).mode(), expected, "{text:?}");
        }
    }

    #[test]
    fn long_lines_are_kept_in_part_and_characters_whole() {
        let text = "é".repeat(20_000);
        let doc = Document::open("a", Language::Text, 1, &format!("x{text}\n{text}"));
        let place = Place::at(&doc, 20_002);
        assert_eq!(place.offset, 20_001);
        assert!(place.head.len() <= LINE_KEPT && place.head.len() > LINE_KEPT - 2);
        assert_eq!(place.tail.len(), LINE_KEPT);
        assert_eq!(place.below[0].len(), LINE_KEPT);
        assert!(place.before.len() <= BEFORE_KEPT && place.before.starts_with('é'));
    }

    #[test]
    fn strange_places_are_calm() {
        for text in ["", "\r\n", "\0", "\u{feff}", "\r\r\n\n\r", "😀"] {
            let doc = Document::open("a", Language::Rust, 1, text);
            for byte in (0..=text.len() + 1).chain([usize::MAX]) {
                let place = Place::at(&doc, byte);
                assert!(place.offset <= text.len());
                assert!(!place.head.contains(['\r', '\n']), "{text:?} {byte}");
                assert!(!place.tail.contains(['\r', '\n']), "{text:?} {byte}");
            }
        }
    }
}
