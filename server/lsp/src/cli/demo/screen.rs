//! Where frames go: into a terminal, drawn over each other, or away while finished lines are printed.
//! A terminal is given back as it was found, also after Ctrl-C.

use std::io::{self, Write};

use super::buffer::Line;
use super::paint::{Frame, Row, Style};

/// What a person watches.
pub(super) enum Screen<'a> {
    /// Frames over each other, with escape sequences.
    Terminal(&'a mut dyn Write),
    /// One line of text for each line of the file as it is finished.
    Plain(&'a mut dyn Write),
}

/// Second screen, no wrapping, then home and clear: what was on the terminal comes back at the end.
const ENTER: &str = "\x1b[?1049h\x1b[?7l\x1b[H\x1b[2J";
const LEAVE: &str = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

impl Screen<'_> {
    /// Takes the terminal.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        match self {
            Screen::Terminal(out) => write!(out, "{ENTER}").and_then(|()| out.flush()),
            Screen::Plain(_) => Ok(()),
        }
    }

    /// Gives the terminal back and leaves the last frame on it.
    pub(super) fn leave(&mut self, last: &Frame) -> io::Result<()> {
        match self {
            Screen::Terminal(out) => {
                write!(out, "{LEAVE}")?;
                for row in &last.rows {
                    writeln!(out, "{}", ansi(row))?;
                }
                out.flush()
            }
            Screen::Plain(_) => Ok(()),
        }
    }

    /// Shows a frame in place of the one before.
    pub(super) fn draw(&mut self, frame: &Frame) -> io::Result<()> {
        let Screen::Terminal(out) = self else {
            return Ok(());
        };
        // One write between the marks of a synchronised update, so that nothing flickers.
        let mut text = String::from("\x1b[?2026h\x1b[?25l");
        for (index, row) in frame.rows.iter().enumerate() {
            // Each row at its place: a line end would scroll a terminal that is lower than a frame.
            text += &format!("\x1b[{};1H{}\x1b[K", index + 1, ansi(row));
        }
        if let Some((row, column)) = frame.cursor {
            text += &format!("\x1b[{};{}H\x1b[?25h", row + 1, column + 1);
        }
        text += "\x1b[?2026l";
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// A line that the typist has left; what was accepted stands in angle quotes.
    pub(super) fn finished(&mut self, number: usize, line: &Line) -> io::Result<()> {
        let Screen::Plain(out) = self else {
            return Ok(());
        };
        writeln!(out, "{number:>4}  {}", quoted(line))?;
        out.flush()
    }

    /// Something said between the lines.
    pub(super) fn say(&mut self, sentence: &str) -> io::Result<()> {
        match self {
            Screen::Plain(out) => writeln!(out, "{sentence}").and_then(|()| out.flush()),
            Screen::Terminal(_) => Ok(()),
        }
    }
}

fn quoted(line: &Line) -> String {
    let (mut text, mut done) = (String::new(), 0);
    for range in &line.accepted {
        text += &format!(
            "{}«{}»",
            &line.text[done..range.start],
            &line.text[range.clone()]
        );
        done = range.end;
    }
    text + &line.text[done..]
}

/// A row with escape sequences (ECMA-48 SGR); ends in the default style.
fn ansi(row: &Row) -> String {
    row.iter()
        .map(|span| match code(span.style) {
            "" => span.text.clone(),
            code => format!("\x1b[{code}m{}\x1b[0m", span.text),
        })
        .collect()
}

/// Colours of the terminal's own palette, which suits its background.
fn code(style: Style) -> &'static str {
    match style {
        Style::Plain => "",
        Style::Keyword => "35",
        Style::Name => "34",
        Style::Literal => "32",
        Style::Comment => "90",
        Style::Ghost => "2;3",
        Style::Accepted => "1;36",
        Style::Faint => "2",
        Style::Title => "1",
    }
}

#[cfg(test)]
mod tests {
    use super::super::paint::Span;
    use super::*;

    fn frame() -> Frame {
        let ghost = Span {
            text: "rest".to_owned(),
            style: Style::Ghost,
        };
        let plain = Span {
            text: "type".to_owned(),
            style: Style::Plain,
        };
        Frame {
            rows: vec![vec![plain, ghost]],
            cursor: Some((0, 4)),
        }
    }

    #[test]
    fn a_terminal_gets_dim_italics_and_is_given_back() {
        let mut bytes = Vec::new();
        let mut screen = Screen::Terminal(&mut bytes);
        screen.enter().unwrap();
        screen.draw(&frame()).unwrap();
        screen.finished(1, &Line::default()).unwrap();
        screen.leave(&frame()).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("type\x1b[2;3mrest\x1b[0m\x1b[K"));
        assert!(text.contains("\x1b[1;5H\x1b[?25h"));
        assert!(text.starts_with(ENTER) && text.contains(LEAVE));
    }

    #[test]
    fn plain_lines_carry_no_escape_sequence() {
        let mut bytes = Vec::new();
        let mut screen = Screen::Plain(&mut bytes);
        screen.enter().unwrap();
        screen.draw(&frame()).unwrap();
        let line = Line {
            text: "ab(c) d".to_owned(),
            accepted: vec![1..3, 4..5],
        };
        screen.finished(7, &line).unwrap();
        screen.leave(&frame()).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "   7  a«b(»c«)» d\n");
    }
}
