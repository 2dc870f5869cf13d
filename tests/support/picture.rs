//! A terminal's screen as a picture: what `tmux capture-pane -e` says becomes one SVG without scripts. The same
//! screen gives the same bytes. Colours by number are those of xterm's palette; the first sixteen are our own.

use std::fmt::Write as _;

/// Size of one cell in pixels: monospaced fonts are 0.6 em wide, and the font size is 14.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const MARGIN: f64 = 10.0;

const INK: &str = "#d4d7dd";
const GROUND: &str = "#1b1e24";

/// The sixteen colours that a terminal chooses itself, dark and light.
const PALETTE: [&str; 16] = [
    "#2a2e36", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf",
    "#6b7280", "#ef8891", "#b4d99a", "#f0d399", "#87c3f5", "#d79bea", "#7fccd6", "#ffffff",
];

/// How a cell looks (ECMA-48, "select graphic rendition").
#[derive(Clone, Debug, Default, PartialEq)]
struct Look {
    ink: Option<String>,
    ground: Option<String>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

/// Cells of one look beside each other.
#[derive(Debug, PartialEq)]
struct Run {
    column: usize,
    width: usize,
    text: String,
    look: Look,
}

/// The picture of a screen of `(columns, rows)` cells; `cursor` is its column and row, where it is seen.
#[must_use]
pub fn svg(
    title: &str,
    captured: &str,
    (columns, rows): (usize, usize),
    cursor: Option<(usize, usize)>,
) -> String {
    let (mut grounds, mut texts) = (String::new(), String::new());
    for (row, runs) in lines(captured).iter().enumerate().take(rows) {
        let mut spans = String::new();
        for run in runs {
            let (ink, ground) = run.look.colours();
            let x = MARGIN + WIDTH * run.column as f64;
            if let Some(ground) = ground {
                let _ = writeln!(
                    grounds,
                    "<rect x=\"{x:.1}\" y=\"{:.0}\" width=\"{:.1}\" height=\"{HEIGHT}\" fill=\"{ground}\"/>",
                    MARGIN + HEIGHT * row as f64,
                    // A hair wider, so that no seam is seen between neighbours.
                    WIDTH * run.width as f64 + 0.3,
                );
            }
            let visible = run.text.trim_start();
            if !visible.is_empty() {
                let blanks = run.text.chars().count() - visible.chars().count();
                let _ = write!(
                    spans,
                    "<tspan x=\"{:.1}\"{}{}>{}</tspan>",
                    x + WIDTH * blanks as f64,
                    ink.map_or_else(String::new, |ink| format!(" fill=\"{ink}\"")),
                    run.look.attributes(),
                    escape(visible.trim_end())
                );
            }
        }
        if !spans.is_empty() {
            let y = MARGIN + HEIGHT * (row as f64 + 0.75);
            let _ = writeln!(texts, "<text y=\"{y:.1}\">{spans}</text>");
        }
    }
    let cursor = cursor.map_or_else(String::new, |(column, row)| {
        format!(
            "<rect x=\"{:.1}\" y=\"{:.0}\" width=\"2\" height=\"{HEIGHT}\" fill=\"#e6b455\"/>\n",
            MARGIN + WIDTH * column as f64,
            MARGIN + HEIGHT * row as f64
        )
    });
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" \
         font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace\" font-size=\"14\" \
         fill=\"{INK}\">\n<title>{}</title>\n<style>text{{white-space:pre}}</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{GROUND}\"/>\n{grounds}{texts}{cursor}</svg>\n",
        columns as f64 * WIDTH + 2.0 * MARGIN,
        rows as f64 * HEIGHT + 2.0 * MARGIN,
        escape(title)
    )
}

impl Look {
    /// Ink and ground with the reversal done; `None` is the picture's own.
    fn colours(&self) -> (Option<&str>, Option<&str>) {
        let (ink, ground) = (self.ink.as_deref(), self.ground.as_deref());
        match self.reverse {
            true => (ground.or(Some(GROUND)), ink.or(Some(INK))),
            false => (ink, ground),
        }
    }

    fn attributes(&self) -> String {
        let pairs = [
            (self.bold, " font-weight=\"bold\""),
            (self.italic, " font-style=\"italic\""),
            (self.dim, " opacity=\"0.6\""),
            (self.underline, " text-decoration=\"underline\""),
        ];
        pairs
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, text)| *text)
            .collect()
    }

    /// Takes the numbers of one sequence in; what is not known changes nothing.
    fn take(&mut self, numbers: &[u32]) {
        let mut rest = numbers;
        while let Some((&number, after)) = rest.split_first() {
            rest = after;
            match number {
                0 => *self = Look::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = true,
                7 => self.reverse = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                27 => self.reverse = false,
                30..=37 => self.ink = indexed(number - 30),
                90..=97 => self.ink = indexed(number - 90 + 8),
                39 => self.ink = None,
                40..=47 => self.ground = indexed(number - 40),
                100..=107 => self.ground = indexed(number - 100 + 8),
                49 => self.ground = None,
                38 | 48 | 58 => {
                    let (colour, used) = extended(rest);
                    rest = &rest[used..];
                    match number {
                        38 => self.ink = colour,
                        48 => self.ground = colour,
                        // The underline's own.
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
}

/// The colour that follows 38 or 48, and how many numbers it takes.
fn extended(numbers: &[u32]) -> (Option<String>, usize) {
    match *numbers {
        [5, index, ..] => (indexed(index), 2),
        [2, r, g, b, ..] => (Some(format!("#{r:02x}{g:02x}{b:02x}")), 4),
        _ => (None, numbers.len()),
    }
}

/// A colour of xterm's 256: sixteen, a cube of six shades each, a ramp of grey.
fn indexed(index: u32) -> Option<String> {
    let shade = |level: u32| if level == 0 { 0 } else { 55 + 40 * level };
    match index {
        0..=15 => Some(PALETTE[index as usize].to_owned()),
        16..=231 => {
            let cube = index - 16;
            let (r, g, b) = (shade(cube / 36), shade(cube / 6 % 6), shade(cube % 6));
            Some(format!("#{r:02x}{g:02x}{b:02x}"))
        }
        232..=255 => {
            let grey = 8 + 10 * (index - 232);
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
        _ => None,
    }
}

/// The runs of each line. A look lasts beyond the end of its line.
fn lines(captured: &str) -> Vec<Vec<Run>> {
    let mut look = Look::default();
    let line = |line| runs(line, &mut look);
    captured.lines().map(line).collect()
}

fn runs(line: &str, look: &mut Look) -> Vec<Run> {
    let (mut runs, mut column): (Vec<Run>, usize) = (Vec::new(), 0);
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if let Some(sequence) = rest.strip_prefix("\u{1b}[") {
            let end = sequence.find(|c: char| ('@'..='~').contains(&c));
            let Some(end) = end else { break };
            if sequence[end..].starts_with('m') {
                look.take(&numbers(&sequence[..end]));
            }
            rest = &sequence[end + 1..];
        } else if let Some(command) = rest.strip_prefix("\u{1b}]") {
            // A link, for instance: up to its end, which is a bell or a backslash sequence.
            let end = command.find(['\u{7}', '\\']);
            rest = end.map_or("", |end| &command[end + 1..]);
        } else if first.is_control() {
            rest = &rest[first.len_utf8()..];
        } else {
            let width = cells(first);
            match runs.last_mut() {
                // What follows a wide character gets a place of its own, whatever the viewer's font does.
                Some(run) if run.look == *look && run.width == run.text.chars().count() => {
                    run.text.push(first);
                    run.width += width;
                }
                _ => runs.push(Run {
                    column,
                    width,
                    text: first.to_string(),
                    look: look.clone(),
                }),
            }
            column += width;
            rest = &rest[first.len_utf8()..];
        }
    }
    runs
}

/// The numbers of a sequence. `4:3` is a kind of underline, and a colour may be written with colons.
fn numbers(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for part in text.split(';') {
        let mut pieces = part.split(':').map(|piece| piece.parse().unwrap_or(0));
        match pieces.next() {
            Some(4) => found.push(if pieces.next() == Some(0) { 24 } else { 4 }),
            Some(first) => {
                found.push(first);
                found.extend(pieces);
            }
            None => {}
        }
    }
    found
}

/// How many cells a character takes: marks none, East Asian and pictures two.
fn cells(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f300}'..='\u{1faff}' => 2,
        _ => 1,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_screen_with_colours() {
        let captured = "a \u{1b}[1;31mred\u{1b}[0m <b>\n\u{1b}[38;2;1;2;3;48;5;16m x \u{1b}[7my\nz\u{1b}[39;49;27m\u{1b}]8;;u\u{1b}\\link";
        let picture = svg("t", captured, (10, 3), Some((1, 2)));
        let (_, body) = picture.split_once("fill=\"#1b1e24\"/>\n").unwrap();
        expect![[r##"
            <rect x="10.0" y="28" width="25.5" height="18" fill="#000000"/>
            <rect x="35.2" y="28" width="8.7" height="18" fill="#010203"/>
            <rect x="10.0" y="46" width="8.7" height="18" fill="#010203"/>
            <text y="23.5"><tspan x="10.0">a</tspan><tspan x="26.8" fill="#e06c75" font-weight="bold">red</tspan><tspan x="60.4">&lt;b&gt;</tspan></text>
            <text y="41.5"><tspan x="18.4" fill="#010203">x</tspan><tspan x="35.2" fill="#000000">y</tspan></text>
            <text y="59.5"><tspan x="10.0" fill="#000000">z</tspan><tspan x="18.4">link</tspan></text>
            <rect x="18.4" y="46" width="2" height="18" fill="#e6b455"/>
            </svg>
        "##]]
        .assert_eq(body);
    }

    #[test]
    fn wide_characters_move_what_follows_them() {
        let picture = svg("t", "😀é日x", (10, 1), None);
        assert!(picture.contains("<tspan x=\"10.0\">😀</tspan><tspan x=\"26.8\">é日</tspan><tspan x=\"52.0\">x</tspan>"), "{picture}");
    }

    #[test]
    fn whatever_a_terminal_says_gives_a_picture() {
        for odd in [
            "",
            "\u{1b}[",
            "\u{1b}[38;2;1m",
            "\u{1b}[999;;38m",
            "\u{1b}]8;;",
            "\u{e}q\u{f}",
            "\u{1b}[4:3mx\u{1b}[4:0my",
        ] {
            assert!(svg("t", odd, (4, 1), None).ends_with("</svg>\n"), "{odd:?}");
        }
    }
}
