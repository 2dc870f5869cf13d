//! The comparison as people read it: one row for each figure, one column for each server.

use super::cases::Became;
use super::rows::Figures;
use super::sync::Seen;
use super::typing::{Flow, Rest};
use crate::stats::quantile;

/// The rows, the heading first. `idle_s` is the stretch over which idle processor time was counted.
#[must_use]
pub fn rows(all: &[Figures], idle_s: u64) -> Vec<Vec<String>> {
    let row = |name: &str, cell: &dyn Fn(&Figures) -> String| {
        let mut row = vec![name.to_owned()];
        row.extend(all.iter().map(cell));
        row
    };
    let idle = format!("processor time in {idle_s} s of rest, ms");
    vec![
        row("", &|f| f.name.to_owned()),
        row("client's own wait, ms", &|f| {
            number(f.wait.as_secs_f64() * 1000.0)
        }),
        row("at rest, key → text p50 / p95, ms", &|f| rest(&f.rest[0])),
        row("… with the client's wait", &|f| rest(&f.rest[1])),
        row("… keys that got a text", &|f| {
            format!("{} of {}", f.rest[0].ms.len(), f.rest[0].keys)
        }),
        row("typing, text before the next key", &|f| shown(&f.flow[0])),
        row("… with the client's wait", &|f| shown(&f.flow[1])),
        row("typing, key → text p50 / p95 of all keys, ms", &|f| {
            pair(&f.flow[0].ms)
        }),
        row("… with the client's wait", &|f| pair(&f.flow[1].ms)),
        row("replies / requests", &|f| {
            format!("{} / {}", f.flow[0].replies, f.flow[0].requests)
        }),
        row("model tokens asked for / computed", &|f| {
            let (asked, computed) = (f.flow[0].asked, f.flow[0].computed);
            format!("{asked} / {computed}")
        }),
        row("… computed for each text shown", &|f| {
            number(f.flow[0].computed as f64 / f.flow[0].shown() as f64)
        }),
        row("same place again, p50, ms", &|f| {
            number(quantile(&f.hits.same, 0.5))
        }),
        row("typing along, p50, ms", &|f| {
            number(quantile(&f.hits.through, 0.5))
        }),
        row("… of these, model asked anew", &|f| {
            format!("{} of {}", f.hits.asked_anew, 2 * f.hits.places)
        }),
        row("an edit waits for a running request, longest, ms", &|f| {
            number(quantile(&f.stall.busy, 1.0))
        }),
        row("… while none runs", &|f| {
            number(quantile(&f.stall.idle, 1.0))
        }),
        row("good answers damaged", &|f| {
            let (damaged, _, all) = f.kept();
            format!("{damaged} of {all}")
        }),
        row("… not shown", &|f| f.kept().1.to_string()),
        row("text shown that stands there already", &|f| {
            let (duplicated, all) = f.duplicated();
            format!("{duplicated} of {all}")
        }),
        row("document as in the editor (UTF-16, CR LF)", &|f| {
            format!("{} of {}", f.equal(), f.sync.len())
        }),
        row("peak memory, MB", &|f| number(f.used.peak_mb)),
        row(&idle, &|f| number(f.used.cpu_ms)),
    ]
}

/// What went wrong, by its name.
#[must_use]
pub fn details(figures: &Figures) -> Vec<String> {
    let cases = figures.cases.iter();
    let cases = cases.filter_map(|(case, became, seen)| match became {
        Became::Right => None,
        Became::Withheld => Some(format!("not shown: {}", case.name)),
        Became::Damaged => Some(format!("damaged: {}: {seen:?}", case.name)),
        Became::Duplicated => Some(format!("shown twice: {}: {seen:?}", case.name)),
    });
    let steps = figures.sync.iter();
    let steps = steps.filter_map(|(step, seen)| match seen {
        Seen::Equal => None,
        Seen::Other => Some(format!("another document after: {}", step.name)),
        Seen::Nothing => Some(format!("asked nothing after: {}", step.name)),
    });
    cases.chain(steps).collect()
}

/// The same rows as a Markdown table.
#[must_use]
pub fn markdown(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
        if number == 0 {
            text.push_str(&format!("|{}\n", "---|".repeat(row.len())));
        }
    }
    text
}

/// At most three digits that say something; ∞ for what never came, – for what was not measured.
fn number(value: f64) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else if value.is_infinite() {
        "∞".to_owned()
    } else if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

fn pair(ms: &[f64]) -> String {
    let of = |share| number(quantile(ms, share));
    format!("{} / {}", of(0.5), of(0.95))
}

fn rest(rest: &Rest) -> String {
    pair(&rest.ms)
}

fn shown(flow: &Flow) -> String {
    let share = flow.shown() as f64 / flow.ms.len() as f64;
    match share.is_nan() {
        true => "–".to_owned(),
        false => format!("{:.0} %", share * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_what_they_do_not_know() {
        let all = [0.26, 12.0, 123.4, f64::INFINITY, f64::NAN].map(number);
        assert_eq!(all, ["0.3", "12", "123", "∞", "–"]);
        assert_eq!(pair(&[1.0, f64::INFINITY]), "1 / ∞");
    }

    #[test]
    fn markdown_has_a_rule_below_its_heading() {
        let rows = [["", "a"], ["b", "1"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(markdown(&rows), "|  | a |\n|---|---|\n| b | 1 |\n");
    }
}
