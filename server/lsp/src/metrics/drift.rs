//! Whether this week is like the first ones: the mix of languages in which suggestions are offered and of tasks that remote models are
//! asked, from the counts that are kept anyway.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use foretoken_engine::drift;
use foretoken_remote::ledger::Line;

use super::file::{self, Record};

/// What is compared with.
const FIRST_DAYS: usize = 28;
/// What is compared.
const LAST_DAYS: u64 = 7;

/// One mix then and now.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// `languages` or `tasks`.
    pub of: &'static str,
    /// Of the first four weeks that something was counted in.
    pub before: BTreeMap<String, u64>,
    /// Of the last seven days.
    pub now: BTreeMap<String, u64>,
    /// How far apart they are; above [`drift::MIX`] they are different.
    pub distance: f64,
}

/// The mixes that can be compared: both periods have counts and do not overlap.
pub fn mixes(record: &Record, costs: &[Line], now: SystemTime) -> Vec<Mix> {
    let mut days: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
    for (day, figures) in &record.days {
        for (language, writers) in &figures.suggestions {
            let offered: u64 = writers.values().map(|row| row.offered).sum();
            let mix = days.entry(day).or_default();
            *mix.entry(language.to_string()).or_default() += offered;
        }
    }
    let mut tasks: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
    // What the program asks by itself is nobody's habit.
    for line in costs.iter().filter(|line| line.task != "canary") {
        let mix = tasks.entry(&line.day).or_default();
        *mix.entry(line.task.clone()).or_default() += line.requests;
    }
    let periods = [("languages", days), ("tasks", tasks)];
    let compared = |(of, days)| compared(of, &days, now);
    periods.into_iter().filter_map(compared).collect()
}

fn compared(
    of: &'static str,
    days: &BTreeMap<&str, BTreeMap<String, u64>>,
    now: SystemTime,
) -> Option<Mix> {
    let from = now.checked_sub(Duration::from_secs((LAST_DAYS - 1) * 86_400))?;
    let from = file::day(from);
    let (first, _) = days.first_key_value()?;
    let until = day_after(first, FIRST_DAYS)?;
    if until > from {
        return None;
    }
    let sum = |days: &mut dyn Iterator<Item = &BTreeMap<String, u64>>| {
        let mut sum: BTreeMap<String, u64> = BTreeMap::new();
        for (name, count) in days.flatten() {
            *sum.entry(name.clone()).or_default() += count;
        }
        sum
    };
    let before = sum(&mut days.range(..until.as_str()).map(|(_, mix)| mix));
    let now = sum(&mut days.range(from.as_str()..).map(|(_, mix)| mix));
    let distance = drift::mix(&before, &now)?;
    Some(Mix {
        of,
        before,
        now,
        distance,
    })
}

/// The day so many days later.
fn day_after(day: &str, days: usize) -> Option<String> {
    let mut parts = day.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, date) = (parts.next()??, parts.next()??, parts.next()??);
    // Days since 1970 of the proleptic Gregorian calendar (Hinnant, days_from_civil).
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    let since = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let then = u64::try_from(since).ok()?.checked_add(days as u64)?;
    let then = Duration::from_secs(then.checked_mul(86_400)?);
    Some(file::day(SystemTime::UNIX_EPOCH.checked_add(then)?))
}

impl Mix {
    /// Whether they are different.
    pub fn is_drift(&self) -> bool {
        self.distance > drift::MIX
    }

    /// In words, with what changed most.
    pub fn to_text(&self) -> String {
        let verdict = match self.is_drift() {
            true => "another mix than in the first four weeks",
            false => "as in the first four weeks",
        };
        let mut text = format!("{}: {verdict}\n", self.of);
        let share = |mix: &BTreeMap<String, u64>, name: &str| {
            let all: u64 = mix.values().sum();
            100.0 * mix.get(name).copied().unwrap_or_default() as f64 / all.max(1) as f64
        };
        let names: std::collections::BTreeSet<&String> =
            self.before.keys().chain(self.now.keys()).collect();
        for name in names {
            let (before, now) = (share(&self.before, name), share(&self.now, name));
            text += &format!("  {name:<16} {before:>5.1} % then, {now:>5.1} % now\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::metrics::figures::Figures;

    fn at(day: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_600)
    }

    /// So many days from one on, with these languages each.
    fn days(record: &mut Record, days: std::ops::Range<u64>, languages: &[(&'static str, u64)]) {
        for day in days {
            let mut figures = Figures::default();
            for (language, offered) in languages {
                let rows = figures.suggestions.entry((*language).into()).or_default();
                rows.entry("lookup".into()).or_default().offered = *offered;
            }
            record.add(&file::day(at(day)), &figures);
        }
    }

    #[test]
    fn the_same_habits_are_quiet_and_others_are_told() {
        let mut record = Record::default();
        days(&mut record, 20_000..20_060, &[("rust", 60), ("python", 20)]);
        let quiet = mixes(&record, &[], at(20_059));
        assert!(quiet.len() == 1 && !quiet[0].is_drift(), "{quiet:?}");
        days(&mut record, 20_060..20_067, &[("go", 60), ("python", 20)]);
        let loud = mixes(&record, &[], at(20_066));
        expect![[r#"
            languages: another mix than in the first four weeks
              go                 0.0 % then,  75.0 % now
              python            25.0 % then,  25.0 % now
              rust              75.0 % then,   0.0 % now
        "#]]
        .assert_eq(&loud[0].to_text());
    }

    #[test]
    fn what_is_too_young_or_empty_is_not_compared() {
        let mut record = Record::default();
        assert_eq!(mixes(&record, &[], at(20_000)), []);
        days(&mut record, 20_000..20_030, &[("rust", 60)]);
        assert_eq!(mixes(&record, &[], at(20_029)), []);
        // Nothing was counted this week.
        assert_eq!(mixes(&record, &[], at(20_200)), []);
    }

    #[test]
    fn tasks_are_compared_without_canaries() {
        let line = |day: u64, task: &str, requests| Line {
            day: file::day(at(day)),
            task: task.to_owned(),
            model: "house/coder".to_owned(),
            requests,
            input: 0,
            output: 0,
            cost: 0,
        };
        let mut lines: Vec<Line> = (0..28).map(|d| line(20_000 + d, "explain", 10)).collect();
        lines.push(line(20_050, "debug", 60));
        lines.push(line(20_050, "canary", 900));
        let found = mixes(&Record::default(), &lines, at(20_050));
        assert_eq!((found[0].of, found[0].is_drift()), ("tasks", true));
        assert_eq!(found[0].now.len(), 1);
    }

    #[test]
    fn days_are_reckoned_over_months_and_leap_years() {
        for (day, after, expected) in [
            ("1970-01-01", 0, "1970-01-01"),
            ("2024-02-01", 28, "2024-02-29"),
            ("2025-02-01", 28, "2025-03-01"),
            ("2026-12-20", 28, "2027-01-17"),
        ] {
            assert_eq!(day_after(day, after).as_deref(), Some(expected), "{day}");
        }
        assert_eq!(day_after("no day", 1), None);
    }
}
