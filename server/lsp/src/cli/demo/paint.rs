//! From a buffer and its ghost text to a *frame*: rows of styled spans, as an editor shows them. The
//! terminal and the picture draw the same frames, so the picture is what the program really did.

use super::buffer::{Buffer, Line};

/// Size of a frame; it fits the smallest usual terminal, 80 by 24.
pub(super) const COLUMNS: usize = 80;
pub(super) const ROWS: usize = 22;

/// Columns of the line number with the blank behind it.
const NUMBER: usize = 5;

/// What a piece of text is, which is what its colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Style {
    Plain,
    Keyword,
    /// Of a type, or of what is called.
    Name,
    /// Strings and numbers.
    Literal,
    Comment,
    /// What the server suggests and nobody has typed.
    Ghost,
    /// Accepted a moment ago.
    Accepted,
    /// Line numbers and the like.
    Faint,
    Title,
}

/// A piece of one row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) style: Style,
}

/// One line of the picture, left to right.
pub(super) type Row = Vec<Span>;

/// One picture of the editor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Always `ROWS` of them, none wider than `COLUMNS`.
    pub(super) rows: Vec<Row>,
    /// Row and column of the cursor.
    pub(super) cursor: Option<(usize, usize)>,
}

/// What is drawn besides the text.
#[derive(Clone, Debug, Default)]
pub(super) struct Scene<'a> {
    /// Above the text.
    pub(super) title: &'a str,
    /// At the cursor; may have several lines.
    pub(super) ghost: &'a str,
    /// Below the text.
    pub(super) status: &'a str,
    /// The last accepted text is marked.
    pub(super) flash: bool,
}

/// Draws the surroundings of the cursor, a title above and a status line below.
pub(super) fn frame(buffer: &Buffer, scene: &Scene<'_>) -> Frame {
    let mut rows = vec![vec![span(scene.title, Style::Title)], Vec::new()];
    let body = ROWS - rows.len() - 2;
    // The cursor keeps a third of the window above it.
    let top = buffer
        .row
        .saturating_sub(body / 3)
        .min(buffer.lines.len().saturating_sub(body));
    let mut ghost = scene.ghost.split('\n');
    let mut cursor = None;
    for (index, line) in buffer.lines.iter().enumerate().skip(top) {
        let number = format!("{:>4} ", index + 1);
        let mut row = vec![span(&number, Style::Faint)];
        let flash = scene.flash && index == buffer.row;
        row.extend(styled(line, flash));
        if index == buffer.row {
            cursor = Some((rows.len(), NUMBER + line.text.chars().count()));
            row.push(span(ghost.next().unwrap_or(""), Style::Ghost));
        }
        rows.push(cut(row));
        if index == buffer.row {
            // What does not fit beside the cursor stands below it and moves the text down.
            rows.extend(
                ghost
                    .by_ref()
                    .map(|text| cut(vec![span("     ", Style::Faint), span(text, Style::Ghost)])),
            );
        }
    }
    rows.truncate(ROWS - 2);
    rows.resize(ROWS - 1, Vec::new());
    rows.push(cut(vec![span(scene.status, Style::Faint)]));
    Frame { rows, cursor }
}

fn span(text: &str, style: Style) -> Span {
    Span {
        text: text.to_owned(),
        style,
    }
}

/// A row no wider than a frame.
fn cut(row: Row) -> Row {
    let mut left = COLUMNS;
    let mut short = Row::new();
    for Span { text, style } in row {
        let text: String = text.chars().take(left).collect();
        left -= text.chars().count();
        if !text.is_empty() {
            short.push(Span { text, style });
        }
    }
    short
}

/// A line by its syntax, or with its last accepted text marked.
fn styled(line: &Line, flash: bool) -> Row {
    match line.accepted.last().filter(|_| flash) {
        Some(range) => {
            let mut row = highlight(&line.text[..range.start]);
            row.push(span(&line.text[range.clone()], Style::Accepted));
            row.extend(highlight(&line.text[range.end..]));
            row
        }
        None => highlight(&line.text),
    }
}

/// Words that the three languages of the samples keep for themselves.
const KEYWORDS: &str = " as async await break case class const continue def do else enum except \
    export extends false finally fn for from if impl import in interface is let loop match mod mut \
    new None not null or and pass private pub raise readonly return self Self static struct switch \
    this True False true try type undefined use where while with yield ";

/// Colours one line on its own: good enough for a picture, and no claim beyond that.
fn highlight(text: &str) -> Row {
    let mut row = Row::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let comment = ["//", "# ", "/**", "\"\"\""];
        let (length, style) = if comment.iter().any(|sign| rest.starts_with(sign)) {
            (rest.len(), Style::Comment)
        } else if first == '"' {
            (string_end(rest), Style::Literal)
        } else if first.is_ascii_digit() {
            (
                rest.find(|c: char| !word(c)).unwrap_or(rest.len()),
                Style::Literal,
            )
        } else if word(first) {
            let end = rest.find(|c: char| !word(c)).unwrap_or(rest.len());
            let style = if KEYWORDS.contains(&format!(" {} ", &rest[..end])) {
                Style::Keyword
            } else if first.is_uppercase() || rest[end..].starts_with('(') {
                Style::Name
            } else {
                Style::Plain
            };
            (end, style)
        } else {
            let end = rest.find(|c: char| word(c) || matches!(c, '"' | '/' | '#'));
            (
                end.filter(|end| *end > 0).unwrap_or(first.len_utf8()),
                Style::Plain,
            )
        };
        push(&mut row, &rest[..length], style);
        rest = &rest[length..];
    }
    row
}

/// The length of a string literal with both quotes, or of all that is left.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return index + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Adds a piece; equal neighbours become one.
fn push(row: &mut Row, text: &str, style: Style) {
    match row.last_mut() {
        Some(last) if last.style == style => last.text.push_str(text),
        _ => row.push(span(text, style)),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(row: &Row, expected: Expect) {
        let text: Vec<String> = row
            .iter()
            .map(|span| format!("{:?} {:?}", span.style, span.text))
            .collect();
        expected.assert_eq(&text.join("\n"));
    }

    #[test]
    fn a_line_is_coloured_by_its_words() {
        check(
            &highlight(r#"    let Item { n } = call("a\"b", 12); // note"#),
            expect![[r#"
                Plain "    "
                Keyword "let"
                Plain " "
                Name "Item"
                Plain " { n } = "
                Name "call"
                Plain "("
                Literal "\"a\\\"b\""
                Plain ", "
                Literal "12"
                Plain "); "
                Comment "// note""#]],
        );
        check(
            &highlight("héllo(\"open"),
            expect![[r#"
            Name "héllo"
            Plain "("
            Literal "\"open""#]],
        );
    }

    #[test]
    fn no_text_is_lost_by_colours() {
        for text in [
            "",
            " ",
            "a",
            "#",
            "/",
            "//",
            "\"",
            "\"\\",
            "é\"é",
            "x/y#z\"q\"1",
        ] {
            let back: String = highlight(text)
                .iter()
                .map(|span| span.text.as_str())
                .collect();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn ghost_text_stands_behind_the_cursor_and_below() {
        let mut buffer = Buffer::new(&["if a {".to_owned(), "}".to_owned()]);
        buffer.row = 0;
        let scene = Scene {
            ghost: " b\n    c",
            ..Scene::default()
        };
        let frame = frame(&buffer, &scene);
        assert_eq!(frame.rows.len(), ROWS);
        assert_eq!(frame.cursor, Some((2, 11)));
        check(
            &frame.rows[2],
            expect![[r#"
            Faint "   1 "
            Keyword "if"
            Plain " a {"
            Ghost " b""#]],
        );
        check(
            &frame.rows[3],
            expect![[r#"
            Faint "     "
            Ghost "    c""#]],
        );
        check(
            &frame.rows[4],
            expect![[r#"
            Faint "   2 "
            Plain "}""#]],
        );
    }

    #[test]
    fn rows_are_never_wider_or_more_than_a_frame() {
        let lines: Vec<String> = (0..60).map(|_| "é".repeat(200)).collect();
        let mut buffer = Buffer::new(&lines);
        for row in [0, 30, 59] {
            buffer.row = row;
            let ghost = "\n".repeat(40);
            let frame = frame(
                &buffer,
                &Scene {
                    ghost: &ghost,
                    ..Scene::default()
                },
            );
            assert_eq!(frame.rows.len(), ROWS);
            for row in &frame.rows {
                let width: usize = row.iter().map(|span| span.text.chars().count()).sum();
                assert!(width <= COLUMNS);
            }
        }
    }
}
