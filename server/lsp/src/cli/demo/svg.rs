//! A moving picture of a session: frames with their times become one SVG without scripts, which a web
//! page shows as an image. What stands in many frames is written once, with the times when it shows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::paint::{COLUMNS, Frame, ROWS, Row, Style};

/// Size of one character, pixels: monospaced fonts are 0.6 em wide, and the font size is 14.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const MARGIN: f64 = 14.0;

/// How long the last frame stays before the picture begins anew.
const REST: Duration = Duration::from_millis(2500);

/// What comes later is left out: nobody watches a picture for longer, and a person types some 100 kB
/// of it in this time.
const LONGEST: Duration = Duration::from_secs(20);

/// Frames as they were shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Recording {
    frames: Vec<(Duration, Frame)>,
}

/// Frames in which an element shows, first and past the last.
type Run = (usize, usize);

impl Recording {
    /// Notes a frame and when it appeared, counted from the start of the session.
    pub(super) fn push(&mut self, at: Duration, frame: &Frame) {
        let start = self.frames.first().map_or(at, |(start, _)| *start);
        if at - start < LONGEST && self.frames.last().is_none_or(|(_, last)| last != frame) {
            self.frames.push((at, frame.clone()));
        }
    }

    /// The whole picture. A viewer without animation, or who asked for less motion, sees a
    /// suggestion that was about to be accepted.
    pub(super) fn svg(&self) -> String {
        let still = self.still();
        let (mut style, mut body) = (self.cursor(still), String::new());
        for (index, (text, runs)) in self.elements().into_iter().enumerate() {
            if runs == [(0, self.frames.len())] {
                body += &format!("{text}\n");
                continue;
            }
            let shown = runs
                .iter()
                .any(|(first, end)| (*first..*end).contains(&still));
            let class = if shown { "" } else { " class=\"h\"" };
            body += &format!("<g{class} style=\"animation-name:k{index}\">{text}</g>\n");
            style += &format!("@keyframes k{index}{{{}}}\n", self.keyframes(&runs));
        }
        let (width, height) = (
            COLUMNS as f64 * WIDTH + 2.0 * MARGIN,
            ROWS as f64 * HEIGHT + 2.0 * MARGIN,
        );
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,monospace\" font-size=\"14\" \
             fill=\"#d4d7dd\">\n<title>Foretoken completing code in an editor</title>\n<style>\n\
             text{{white-space:pre}}.h{{visibility:hidden}}\n\
             g,#c{{animation:{:.2}s step-end infinite}}\n\
             @media(prefers-reduced-motion){{g,#c{{animation:none}}}}\n{style}</style>\n\
             <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1b1e24\"/>\n{body}\
             <rect id=\"c\" width=\"2\" height=\"{HEIGHT}\" fill=\"#e6b455\"/>\n</svg>\n",
            self.total().as_secs_f64()
        )
    }

    /// The frame with the longest ghost text that was accepted next; where none was, the one with the
    /// longest at all.
    fn still(&self) -> usize {
        let has = |index: usize, style| {
            let frame = self.frames.get(index).map(|(_, frame)| frame);
            frame.is_some_and(|frame| characters(frame, style) > 0)
        };
        let rank = |index: &usize| {
            let (_, frame) = &self.frames[*index];
            let accepted = has(index + 1, Style::Accepted) && !has(*index, Style::Accepted);
            (accepted, characters(frame, Style::Ghost))
        };
        (0..self.frames.len()).max_by_key(rank).unwrap_or(0)
    }

    /// Every different row with the runs of frames that have it.
    fn elements(&self) -> BTreeMap<String, Vec<Run>> {
        let mut elements: BTreeMap<String, Vec<Run>> = BTreeMap::new();
        for (index, (_, frame)) in self.frames.iter().enumerate() {
            let rows = frame
                .rows
                .iter()
                .enumerate()
                .map(|(row, spans)| text(row, spans));
            for row in rows.filter(|row| !row.is_empty()) {
                let runs = elements.entry(row).or_default();
                match runs.last_mut() {
                    Some((_, end)) if *end == index => *end = index + 1,
                    _ => runs.push((index, index + 1)),
                }
            }
        }
        elements
    }

    /// When an element shows, as the body of a CSS animation with steps.
    fn keyframes(&self, runs: &[Run]) -> String {
        let mut frames = String::new();
        if runs.first().is_some_and(|(first, _)| *first > 0) {
            frames += "0%{visibility:hidden}";
        }
        for (first, end) in runs {
            frames += &format!("{}{{visibility:visible}}", self.percent(*first));
            if *end < self.frames.len() {
                frames += &format!("{}{{visibility:hidden}}", self.percent(*end));
            }
        }
        frames
    }

    /// The way of the cursor, and its place in the still picture.
    fn cursor(&self, still: usize) -> String {
        let place = |frame: &Frame| {
            // Off the picture where a frame has none.
            let (x, y) = frame.cursor.map_or((-9.0, -99.0), |(row, column)| {
                (MARGIN + WIDTH * column as f64, MARGIN + HEIGHT * row as f64)
            });
            format!("{{transform:translate({x:.1}px,{y:.0}px)}}")
        };
        let Some((_, frame)) = self.frames.get(still) else {
            return String::new();
        };
        let steps: String = self
            .frames
            .iter()
            .enumerate()
            .map(|(index, (_, frame))| self.percent(index) + &place(frame))
            .collect();
        format!(
            "#c{}#c{{animation-name:c}}\n@keyframes c{{{steps}}}\n",
            place(frame)
        )
    }

    /// The moment of a frame as a share of the whole.
    fn percent(&self, index: usize) -> String {
        let (start, at) = match (self.frames.first(), self.frames.get(index)) {
            (Some((start, _)), Some((at, _))) => (*start, *at),
            _ => return "100%".to_owned(),
        };
        format!(
            "{:.2}%",
            100.0 * (at - start).as_secs_f64() / self.total().as_secs_f64()
        )
    }

    fn total(&self) -> Duration {
        let first = self.frames.first().map_or(Duration::ZERO, |(at, _)| *at);
        let last = self.frames.last().map_or(Duration::ZERO, |(at, _)| *at);
        last - first + REST
    }
}

/// How many characters of a style a frame has.
fn characters(frame: &Frame, style: Style) -> usize {
    let spans = frame
        .rows
        .iter()
        .flatten()
        .filter(|span| span.style == style);
    spans.map(|span| span.text.trim().chars().count()).sum()
}

/// One row of text. Each span states its place, so that a viewer's font cannot shift it.
fn text(row: usize, spans: &Row) -> String {
    let (mut column, mut parts) = (0, String::new());
    for span in spans {
        let visible = span.text.trim_start();
        let x = column + span.text.chars().count() - visible.chars().count();
        column += span.text.chars().count();
        if !visible.is_empty() {
            let x = MARGIN + WIDTH * x as f64;
            parts += &format!(
                "<tspan x=\"{x:.1}\"{}>{}</tspan>",
                look(span.style),
                escape(visible)
            );
        }
    }
    if parts.is_empty() {
        return parts;
    }
    format!(
        "<text y=\"{:.1}\">{parts}</text>",
        MARGIN + HEIGHT * (row as f64 + 0.75)
    )
}

/// The attributes of a style, on a dark ground.
fn look(style: Style) -> &'static str {
    match style {
        Style::Plain => "",
        Style::Keyword => " fill=\"#c792ea\"",
        Style::Name => " fill=\"#82aaff\"",
        Style::Literal => " fill=\"#a5d6a7\"",
        Style::Comment | Style::Faint => " fill=\"#6b7280\"",
        Style::Ghost => " fill=\"#8b93a1\" font-style=\"italic\"",
        Style::Accepted => " fill=\"#7fdbca\" font-weight=\"bold\"",
        Style::Title => " font-weight=\"bold\"",
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

    use super::super::paint::Span;
    use super::*;

    fn frame(plain: &str, ghost: &str) -> Frame {
        let row = [(plain, Style::Plain), (ghost, Style::Ghost)]
            .into_iter()
            .filter(|(text, _)| !text.is_empty())
            .map(|(text, style)| Span {
                text: text.to_owned(),
                style,
            })
            .collect();
        let title = vec![Span {
            text: "t".to_owned(),
            style: Style::Title,
        }];
        Frame {
            rows: vec![title, row],
            cursor: Some((1, plain.len())),
        }
    }

    #[test]
    fn what_stays_is_written_once_and_what_changes_has_its_times() {
        let mut recording = Recording::default();
        for (ms, plain, ghost) in [
            (1000, "a", ""),
            (1500, "a", "  <b>"),
            (1700, "a", "  <b>"),
            (2000, "a", ""),
        ] {
            recording.push(Duration::from_millis(ms), &frame(plain, ghost));
        }
        recording.push(Duration::from_secs(60), &frame("too late", ""));
        let svg = recording.svg();
        let (_, body) = svg.split_once("animation:none}}\n").unwrap();
        expect![[r##"
            #c{transform:translate(22.4px,32px)}#c{animation-name:c}
            @keyframes c{0.00%{transform:translate(22.4px,32px)}14.29%{transform:translate(22.4px,32px)}28.57%{transform:translate(22.4px,32px)}}
            @keyframes k1{0.00%{visibility:visible}14.29%{visibility:hidden}28.57%{visibility:visible}}
            @keyframes k2{0%{visibility:hidden}14.29%{visibility:visible}28.57%{visibility:hidden}}
            </style>
            <rect width="100%" height="100%" rx="8" fill="#1b1e24"/>
            <text y="27.5"><tspan x="14.0" font-weight="bold">t</tspan></text>
            <g class="h" style="animation-name:k1"><text y="45.5"><tspan x="14.0">a</tspan></text></g>
            <g style="animation-name:k2"><text y="45.5"><tspan x="14.0">a</tspan><tspan x="39.2" fill="#8b93a1" font-style="italic">&lt;b&gt;</tspan></text></g>
            <rect id="c" width="2" height="18" fill="#e6b455"/>
            </svg>
        "##]].assert_eq(body);
    }

    #[test]
    fn an_empty_recording_is_a_picture_too() {
        assert!(Recording::default().svg().ends_with("</svg>\n"));
    }
}
