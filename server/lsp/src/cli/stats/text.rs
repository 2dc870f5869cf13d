//! The report on a terminal.

use foretoken_engine::route::NanoUsd;

use super::super::number;
use super::{Period, quantiles, share};
use crate::metrics::figures::Suggested;

/// Reasons shown; the rest are summed up.
const REASONS: usize = 8;

/// Width of the longest bar, characters.
const BAR: u64 = 24;

/// The whole report; `coloured` marks headings.
pub(super) fn report(period: &Period, coloured: bool) -> String {
    let mut page = Page {
        text: String::new(),
        coloured,
    };
    let first = period.days.first().map_or("", |(day, _)| day);
    let last = period.days.last().map_or("", |(day, _)| day);
    page.heading(&format!("Foretoken, {first} to {last} (UTC)"));
    page.suggestions(period);
    page.latency(period);
    page.languages(period);
    page.nothing(period);
    page.days(period);
    page.remote(period);
    page.text
}

struct Page {
    text: String,
    coloured: bool,
}

impl Page {
    fn heading(&mut self, words: &str) {
        let (bold, plain) = if self.coloured {
            ("\u{1b}[1m", "\u{1b}[0m")
        } else {
            ("", "")
        };
        let gap = if self.text.is_empty() { "" } else { "\n" };
        self.line(&format!("{gap}{bold}{words}{plain}"));
    }

    fn line(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
    }

    fn suggestions(&mut self, period: &Period) {
        let sum = period.sum.suggested();
        self.line(&format!(
            "  suggestions   {} offered, {} accepted ({}), {} turned down",
            number(sum.offered),
            number(sum.accepted),
            percent(share(sum.accepted, sum.offered)),
            number(sum.dismissed)
        ));
        self.line(&format!(
            "  characters    {} accepted, {} of them still there after five minutes",
            number(sum.characters),
            percent(kept(&sum))
        ));
        self.line(&format!(
            "  accepted text {} as good as unchanged after 30 s, {} after 5 min",
            percent(share(sum.survived_30s, sum.judged_30s)),
            percent(share(sum.survived_5m, sum.judged_5m))
        ));
        if period.sum.typing_seconds >= 60 {
            let hours = period.sum.typing_seconds as f64 / 3600.0;
            self.line(&format!(
                "  typing        {hours:.1} hours; {:.0} characters an hour were written for you and stayed",
                sum.retained as f64 / hours
            ));
        }
    }

    fn latency(&mut self, period: &Period) {
        let rows = [("hit", "at hand"), ("model", "computed")];
        for (name, words) in rows {
            let Some(times) = period.sum.answer_seconds.get(name) else {
                continue;
            };
            let Some((p50, p95)) = quantiles(times) else {
                continue;
            };
            self.line(&format!(
                "  {words:<13} {} answers with a text, p50 {p50:.1} ms, p95 {p95:.1} ms",
                number(times.count())
            ));
        }
        let event = |name: &str| period.sum.cache.get(name).copied().unwrap_or_default();
        let (hit, joined, miss) = (event("hit"), event("joined"), event("miss"));
        if let Some(at_hand) = share(hit, hit + joined + miss) {
            let joined = share(joined, hit + joined + miss);
            self.line(&format!(
                "  from cache    {} of questions, {} more from work begun before they came",
                percent(Some(at_hand)),
                percent(joined)
            ));
        }
    }

    fn languages(&mut self, period: &Period) {
        if period.sum.suggestions.is_empty() {
            return;
        }
        self.heading("By language and writer");
        self.line(&format!(
            "  {:<16} {:<24} {:>8} {:>9} {:>6} {:>7}",
            "", "", "offered", "accepted", "share", "5 min"
        ));
        for (language, writers) in &period.sum.suggestions {
            for (by, row) in writers {
                self.line(&format!(
                    "  {language:<16} {by:<24} {:>8} {:>9} {:>6} {:>7}",
                    number(row.offered),
                    number(row.accepted),
                    percent(share(row.accepted, row.offered)),
                    percent(share(row.survived_5m, row.judged_5m))
                ));
            }
        }
    }

    fn nothing(&mut self, period: &Period) {
        let mut reasons: Vec<(&str, u64)> = period
            .sum
            .nothing
            .iter()
            .map(|(reason, count)| (reason.as_ref(), *count))
            .collect();
        if reasons.is_empty() {
            return;
        }
        reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
        let all: u64 = reasons.iter().map(|(_, count)| count).sum();
        let most = reasons[0].1;
        self.heading("Why nothing was shown");
        for (reason, count) in reasons.iter().take(REASONS) {
            self.line(&format!(
                "  {reason:<24} {:>8} {:>6}  {}",
                number(*count),
                percent(share(*count, all)),
                bar(*count, most)
            ));
        }
        let rest: u64 = reasons.iter().skip(REASONS).map(|(_, count)| count).sum();
        if rest > 0 {
            self.line(&format!("  {:<24} {:>8}", "others", number(rest)));
        }
    }

    fn days(&mut self, period: &Period) {
        self.heading("By day");
        let accepted: Vec<u64> = period
            .days
            .iter()
            .map(|(_, figures)| figures.suggested().accepted)
            .collect();
        let most = accepted.iter().copied().max().unwrap_or_default();
        for ((day, figures), accepted) in period.days.iter().zip(accepted) {
            let offered = figures.suggested().offered;
            self.line(&format!(
                "  {day} {:>8} offered {:>7} accepted  {}",
                number(offered),
                number(accepted),
                bar(accepted, most)
            ));
        }
    }

    fn remote(&mut self, period: &Period) {
        let answers = period.sum.answers;
        if answers.asked == 0 && period.costs.is_empty() {
            return;
        }
        self.heading("Remote models");
        self.line(&format!(
            "  questions     {} asked, {} answered, {} cut, {} failed, {} cancelled",
            number(answers.asked),
            number(answers.answered),
            number(answers.cut),
            number(answers.failed),
            number(answers.cancelled)
        ));
        self.line(&format!(
            "  edits         {} applied, {} discarded",
            number(answers.edits_applied),
            number(answers.edits_discarded)
        ));
        if answers.useful + answers.not_useful > 0 {
            self.line(&format!(
                "  rated         {} useful, {} not",
                number(answers.useful),
                number(answers.not_useful)
            ));
        }
        let mut models: std::collections::BTreeMap<&str, (u64, u64)> = Default::default();
        for line in &period.costs {
            let (requests, cost) = models.entry(&line.model).or_default();
            *requests += line.requests;
            *cost += line.cost;
        }
        for (model, (requests, cost)) in models {
            self.line(&format!(
                "  {model:<40} {:>6} requests  {}",
                number(requests),
                NanoUsd(cost)
            ));
        }
    }
}

/// The share of accepted characters that was there after five minutes, of those that were looked at: by the shares of texts judged.
fn kept(sum: &Suggested) -> Option<f64> {
    // Short texts are not judged, so the sum of what was retained is of a part of the characters only.
    let judged = share(sum.judged_5m, sum.accepted)? * sum.characters as f64;
    (judged > 0.0).then(|| (sum.retained as f64 / judged).min(1.0))
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

fn bar(count: u64, most: u64) -> String {
    let length = (count * BAR).checked_div(most).unwrap_or_default();
    let length = if count > 0 { length.max(1) } else { 0 };
    "█".repeat(usize::try_from(length).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;
    use foretoken_remote::ledger::Line;

    use super::*;
    use crate::metrics::figures::{Answers, Figures, Histogram};

    fn figures() -> Figures {
        let mut figures = Figures::default();
        let rust = figures.suggestions.entry("rust".into()).or_default();
        let row = Suggested {
            offered: 1_200,
            accepted: 300,
            whole: 250,
            dismissed: 90,
            characters: 6_000,
            judged_30s: 280,
            survived_30s: 266,
            judged_5m: 270,
            survived_5m: 243,
            retained: 4_860,
        };
        rust.insert("embedded 1".into(), row);
        rust.entry("lookup".into()).or_default().offered = 40;
        for (reason, count) in [("too-little-text", 60), ("inside-word", 30)] {
            figures.nothing.insert(reason.into(), count);
        }
        let mut times = Histogram::default();
        for ms in [3, 5, 6, 20] {
            times.add(Duration::from_millis(ms));
        }
        figures.answer_seconds.insert("model".into(), times);
        figures.cache.insert("hit".into(), 60);
        figures.cache.insert("miss".into(), 40);
        figures.typing_seconds = 5_400;
        figures.answers = Answers {
            asked: 3,
            answered: 2,
            failed: 1,
            edits_applied: 1,
            useful: 1,
            ..Answers::default()
        };
        figures
    }

    #[test]
    fn a_week_reads_as_follows() {
        let line = Line {
            day: "2026-11-30".to_owned(),
            task: "explain".to_owned(),
            model: "work/large".to_owned(),
            requests: 2,
            input: 2_000,
            output: 500,
            cost: 13_500_000,
        };
        let period = Period {
            days: vec![
                ("2026-11-29".to_owned(), Figures::default()),
                ("2026-11-30".to_owned(), figures()),
            ],
            sum: figures(),
            costs: vec![line],
        };
        expect![[r#"
            Foretoken, 2026-11-29 to 2026-11-30 (UTC)
              suggestions   1,240 offered, 300 accepted (24 %), 90 turned down
              characters    6,000 accepted, 90 % of them still there after five minutes
              accepted text 95 % as good as unchanged after 30 s, 90 % after 5 min
              typing        1.5 hours; 3240 characters an hour were written for you and stayed
              computed      4 answers with a text, p50 6.0 ms, p95 28.8 ms
              from cache    60 % of questions, 0 % more from work begun before they came

            By language and writer
                                                         offered  accepted  share   5 min
              rust             embedded 1                  1,200       300   25 %    90 %
              rust             lookup                         40         0    0 %       –

            Why nothing was shown
              too-little-text                60   67 %  ████████████████████████
              inside-word                    30   33 %  ████████████

            By day
              2026-11-29        0 offered       0 accepted
              2026-11-30    1,240 offered     300 accepted  ████████████████████████

            Remote models
              questions     3 asked, 2 answered, 0 cut, 1 failed, 0 cancelled
              edits         1 applied, 0 discarded
              rated         1 useful, 0 not
              work/large                                    2 requests  $0.0135
        "#]]
        .assert_eq(&report(&period, false));
    }

    #[test]
    fn nothing_at_all_is_no_division() {
        let period = Period {
            days: vec![("2026-11-30".to_owned(), Figures::default())],
            sum: Figures::default(),
            costs: Vec::new(),
        };
        let text = report(&period, true);
        assert!(text.contains("0 offered, 0 accepted (–)"), "{text}");
        assert!(!text.contains("Remote"), "{text}");
    }
}
