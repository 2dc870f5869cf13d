//! The same as a page of its own: no script, nothing fetched, plots as SVG.

use std::fmt::Write as _;

use super::{Period, quantiles, share, text};
use crate::metrics::figures::{Figures, Sizes};

/// Size of a plot, pixels.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 160.0;
const MARGIN: f64 = 24.0;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}\
pre{font:13px/1.45 ui-monospace,monospace;overflow-x:auto;background:#f4f6f8;padding:1rem;border-radius:6px}\
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:#5b6b7b}\
@media(prefers-color-scheme:dark){body{color:#d7dee6;background:#12181f}pre{background:#1b242d}svg text{fill:#93a3b3}}";

/// The whole page.
pub(super) fn page(period: &Period) -> String {
    let accepted = bars(period, |figures| figures.suggested().accepted as f64);
    let rate = bars(period, |figures| {
        let sum = figures.suggested();
        share(sum.accepted, sum.offered).unwrap_or_default() * 100.0
    });
    let latency = bars(period, |figures| {
        let times = figures.answer_seconds.get("model");
        times.and_then(quantiles).map_or(0.0, |(_, p95)| p95)
    });
    let costs = match period.costs.is_empty() {
        true => String::new(),
        false => plot("Spent on remote models, dollars", &costs(period)),
    };
    let heat = heatmap(period);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Foretoken</title><style>{STYLE}</style>\
<h1>Foretoken</h1>{}{}{}{costs}{heat}<h2>In figures</h2><pre>{}</pre></html>\n",
        plot("Accepted suggestions by day", &accepted),
        plot("Accepted of offered, per cent", &rate),
        plot("Answer computed for a key, p95 in ms", &latency),
        escape(&text::report(period, false))
    )
}

/// One value for each day.
type Bars = Vec<(String, f64)>;

fn bars(period: &Period, value: impl Fn(&Figures) -> f64) -> Bars {
    let days = period.days.iter();
    days.map(|(day, figures)| (day.clone(), value(figures)))
        .collect()
}

fn costs(period: &Period) -> Bars {
    let of = |day: &str| {
        let lines = period.costs.iter().filter(|line| line.day == day);
        lines.map(|line| line.cost as f64 / 1e9).sum()
    };
    period
        .days
        .iter()
        .map(|(day, _)| (day.clone(), of(day)))
        .collect()
}

fn plot(title: &str, bars: &Bars) -> String {
    let most = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let step = (WIDTH - 2.0 * MARGIN) / bars.len().max(1) as f64;
    let room = HEIGHT - 2.0 * MARGIN;
    let mut body = String::new();
    for (at, (day, value)) in bars.iter().enumerate() {
        let height = if most > 0.0 { value / most * room } else { 0.0 };
        let (x, y) = (MARGIN + at as f64 * step, HEIGHT - MARGIN - height);
        let _ = write!(
            body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\" fill=\"#2f7fd6\"><title>{day}: {value:.2}</title></rect>",
            (step - 3.0).max(1.0)
        );
    }
    let ends = [bars.first(), bars.last()].map(|end| end.map_or("", |(day, _)| day));
    format!(
        "<h2>{title}</h2><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">{body}\
<text x=\"{MARGIN}\" y=\"14\">at most {most:.2}</text><text x=\"{MARGIN}\" y=\"{y}\">{}</text>\
<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{}</text></svg>",
        ends[0],
        ends[1],
        x = WIDTH - MARGIN,
        y = HEIGHT - 6.0
    )
}

/// Groups of sections in the order of a prompt.
const SECTIONS: [&str; 9] = [
    "system",
    "facts",
    "style",
    "hits",
    "history",
    "diagnostics",
    "target",
    "question",
    "answer",
];

/// Tokens of a question by group of sections and day, in the mean; the darker the more. Empty where no model was asked.
fn heatmap(period: &Period) -> String {
    let mean = |figures: &Figures, section: &str| {
        figures
            .made
            .section_tokens
            .get(section)
            .and_then(Sizes::mean)
    };
    let seen = |section: &&&str| mean(&period.sum, section).is_some();
    let sections: Vec<&&str> = SECTIONS.iter().filter(seen).collect();
    if sections.is_empty() {
        return String::new();
    }
    let days = period.days.iter();
    let all = days.flat_map(|(_, figures)| sections.iter().filter_map(|s| mean(figures, s)));
    let most = all.fold(1.0, f64::max);
    let label = 80.0;
    let step = (WIDTH - label) / period.days.len().max(1) as f64;
    let (row, mut body) = (20.0, String::new());
    for (line, section) in sections.iter().enumerate() {
        let y = line as f64 * row;
        let _ = write!(body, "<text x=\"0\" y=\"{:.1}\">{section}</text>", y + 14.0);
        for (at, (day, figures)) in period.days.iter().enumerate() {
            let tokens = mean(figures, section).unwrap_or_default();
            // Prompts grow by factors, so shades are of the logarithm.
            let shade = (1.0 + tokens).ln() / (1.0 + most).ln();
            let _ = write!(
                body,
                "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#2f7fd6\" fill-opacity=\"{shade:.2}\"><title>{day}, {section}: {tokens:.0} tokens</title></rect>",
                label + at as f64 * step,
                (step - 1.0).max(1.0),
                row - 1.0
            );
        }
    }
    let height = sections.len() as f64 * row;
    format!(
        "<h2>Tokens of a question by section and day</h2><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Tokens by section\">{body}</svg>"
    )
}

/// Names of models are the user's own words.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_else_and_shows_no_markup_of_a_name() {
        let mut figures = Figures::default();
        let by = figures.suggestions.entry("rust".into()).or_default();
        by.entry("<script>alert(1)</script>".to_owned().into())
            .or_default()
            .accepted = 3;
        let period = Period {
            days: vec![("2026-11-30".to_owned(), figures.clone())],
            sum: figures,
            costs: Vec::new(),
        };
        let page = page(&period);
        assert!(page.contains("&lt;script&gt;"), "{page}");
        for word in ["<script", "http:", "https:", "src=", "@import", "url("] {
            assert!(!page.contains(word), "{word}");
        }
        assert_eq!(page.matches("<svg").count(), 3);
    }

    #[test]
    fn the_heatmap_has_a_row_for_each_section_and_a_field_for_each_day() {
        let mut figures = Figures::default();
        for (section, tokens) in [("system", 200), ("hits", 4_000), ("answer", 300)] {
            let sizes = figures.made.section_tokens.entry(section.into());
            sizes.or_default().add(tokens);
        }
        let day = |day: &str, figures: &Figures| (day.to_owned(), figures.clone());
        let period = Period {
            days: vec![
                day("2026-11-29", &Figures::default()),
                day("2026-11-30", &figures),
            ],
            sum: figures,
            costs: Vec::new(),
        };
        let heat = heatmap(&period);
        assert_eq!(heat.matches("<rect").count(), 6, "{heat}");
        assert!(
            heat.contains("fill-opacity=\"1.00\"><title>2026-11-30, hits: 4000 tokens"),
            "{heat}"
        );
        assert!(
            heat.contains("fill-opacity=\"0.00\"><title>2026-11-29, hits: 0 tokens"),
            "{heat}"
        );
        assert_eq!(
            heatmap(&Period {
                days: Vec::new(),
                sum: Figures::default(),
                costs: Vec::new()
            }),
            ""
        );
    }
}
