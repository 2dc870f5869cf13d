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

/// What comes later is left out: nobody watches a picture for longer, and it stays below 150 kB.
const LONGEST: Duration = Duration::from_secs(30);

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

    /// The whole picture. A viewer without animation sees the last frame that has ghost text.
    pub(super) fn svg(&self) -> String {
        let width = COLUMNS as f64 * WIDTH + 2.0 * MARGIN;
        let height = ROWS as f64 * HEIGHT + 2.0 * MARGIN;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,monospace\" font-size=\"14\" \
             fill=\"#d4d7dd\" style=\"white-space:pre\">\n\
             <title>Foretoken completing code in an editor</title>\n\
             <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1b1e24\"/>\n"
        );
        let still = self
            .frames
            .iter()
            .rposition(|(_, frame)| has_ghost(frame))
            .unwrap_or(0);
        for (body, runs) in self.elements() {
            let shown = runs
                .iter()
                .any(|(first, end)| (*first..*end).contains(&still));
            let hidden = if shown { "" } else { " visibility=\"hidden\"" };
            svg += &format!("<g{hidden}>{}{body}</g>\n", self.animate(&runs));
        }
        svg + "</svg>\n"
    }

    /// Every different row and cursor with the runs of frames that have it.
    fn elements(&self) -> BTreeMap<String, Vec<Run>> {
        let mut elements: BTreeMap<String, Vec<Run>> = BTreeMap::new();
        for (index, (_, frame)) in self.frames.iter().enumerate() {
            let rows = frame
                .rows
                .iter()
                .enumerate()
                .map(|(row, spans)| text(row, spans));
            let cursor = frame.cursor.map(cursor).unwrap_or_default();
            for body in rows.chain([cursor]).filter(|body| !body.is_empty()) {
                let runs = elements.entry(body).or_default();
                match runs.last_mut() {
                    Some((_, end)) if *end == index => *end = index + 1,
                    _ => runs.push((index, index + 1)),
                }
            }
        }
        elements
    }

    /// The animation of an element's visibility; nothing for what always shows.
    fn animate(&self, runs: &[Run]) -> String {
        if runs == [(0, self.frames.len())] {
            return String::new();
        }
        let start = self.frames.first().map_or(Duration::ZERO, |(at, _)| *at);
        let at = |index: usize| {
            self.frames
                .get(index)
                .map(|(at, _)| (*at - start).as_secs_f64())
        };
        let total = at(self.frames.len() - 1).unwrap_or(0.0) + REST.as_secs_f64();
        let (mut values, mut times) = (Vec::new(), Vec::new());
        let mut turn = |value: &'static str, time: f64| {
            values.push(value);
            times.push(format!("{:.4}", time / total));
        };
        if runs.first().is_some_and(|(first, _)| *first > 0) {
            turn("hidden", 0.0);
        }
        for (first, end) in runs {
            turn("visible", at(*first).unwrap_or(0.0));
            if let Some(time) = at(*end) {
                turn("hidden", time);
            }
        }
        format!(
            "<animate attributeName=\"visibility\" calcMode=\"discrete\" dur=\"{total:.2}s\" \
             repeatCount=\"indefinite\" values=\"{}\" keyTimes=\"{}\"/>",
            values.join(";"),
            times.join(";")
        )
    }
}

fn has_ghost(frame: &Frame) -> bool {
    frame
        .rows
        .iter()
        .flatten()
        .any(|span| span.style == Style::Ghost)
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

fn cursor((row, column): (usize, usize)) -> String {
    let (x, y) = (MARGIN + WIDTH * column as f64, MARGIN + HEIGHT * row as f64);
    format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"2\" height=\"{HEIGHT}\" fill=\"#e6b455\"/>")
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
            cursor: None,
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
        let body = svg.split_once("#1b1e24\"/>\n").unwrap().1;
        expect![[r##"
            <g><text y="27.5"><tspan x="14.0" font-weight="bold">t</tspan></text></g>
            <g visibility="hidden"><animate attributeName="visibility" calcMode="discrete" dur="3.50s" repeatCount="indefinite" values="visible;hidden;visible" keyTimes="0.0000;0.1429;0.2857"/><text y="45.5"><tspan x="14.0">a</tspan></text></g>
            <g><animate attributeName="visibility" calcMode="discrete" dur="3.50s" repeatCount="indefinite" values="hidden;visible;hidden" keyTimes="0.0000;0.1429;0.2857"/><text y="45.5"><tspan x="14.0">a</tspan><tspan x="39.2" fill="#8b93a1" font-style="italic">&lt;b&gt;</tspan></text></g>
            </svg>
        "##]].assert_eq(body);
    }

    #[test]
    fn an_empty_recording_is_a_picture_too() {
        assert!(Recording::default().svg().ends_with("</svg>\n"));
    }
}
