//! The table over all sets: one row per set, language and system in CSV and JSON, one line per set and
//! language in text. *Shown* and what follows is at the gate; the rest is the first choice without it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::published::{self, Figure};
use crate::stats::{mean, quantile, share, table};
use crate::systems::{Answers, SYSTEMS};

/// The figures of one system on one group of items. Shares are percentages, NaN of nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the set.
    pub set: String,
    /// A language, `all`, or a kind of place as `kind eol`.
    pub group: String,
    /// One of [`SYSTEMS`].
    pub system: String,
    /// Places.
    pub items: usize,
    /// Exact by the set's own rule.
    pub exact: f64,
    /// Edit similarity.
    pub similarity: f64,
    /// First lexeme right.
    pub first_token: f64,
    /// Places where something is shown.
    pub shown: f64,
    /// Of these, right.
    pub precision: f64,
    /// Characters of the middle that need not be typed, one key for accepting taken off. What is shown and
    /// wrong saves nothing.
    pub saved: f64,
    /// Median time, ms.
    pub ms_p50: f64,
    /// 95th percentile, ms.
    pub ms_p95: f64,
}

/// All rows: per set first all items, then its languages, then for own sets the kinds of places.
#[must_use]
pub fn rows(answers: &[Answers]) -> Vec<Row> {
    let mut sets: Vec<&str> = answers.iter().map(|a| a.item.set.as_str()).collect();
    sets.dedup();
    sets.iter()
        .flat_map(|set| {
            let of: Vec<&Answers> = answers.iter().filter(|a| a.item.set == *set).collect();
            groups(&of)
        })
        .flat_map(|(group, of)| (0..SYSTEMS.len()).map(move |system| row(&group, system, &of)))
        .collect()
}

fn groups<'a>(of: &[&'a Answers]) -> Vec<(String, Vec<&'a Answers>)> {
    let mut groups = vec![("all".to_owned(), of.to_vec())];
    let mut by: BTreeMap<String, Vec<&Answers>> = BTreeMap::new();
    for answers in of {
        by.entry(answers.item.language.clone())
            .or_default()
            .push(answers);
    }
    if by.len() > 1 {
        groups.extend(std::mem::take(&mut by));
    }
    by.clear();
    for answers in of.iter().filter(|a| a.item.is_own()) {
        let kind = format!("kind {}", answers.item.kind);
        by.entry(kind).or_default().push(answers);
    }
    groups.extend(by);
    groups
}

fn row(group: &str, system: usize, answers: &[&Answers]) -> Row {
    let of = || answers.iter().map(|a| &a.by_system[system]);
    let whole = || of().map(|a| a.whole.map(|(_, marks)| marks).unwrap_or_default());
    let shown: Vec<_> = of().filter_map(|a| a.shown).collect();
    let ms: Vec<f64> = of().map(|a| a.ms).collect();
    let count = answers.len();
    let percent = |part: usize, whole: usize| 100.0 * share(part, whole);
    let typed: usize = answers
        .iter()
        .map(|a| a.item.middle.trim_end().chars().count())
        .sum();
    let right = shown.iter().filter(|s| s.right);
    let saved: usize = right.clone().map(|s| s.characters.saturating_sub(1)).sum();
    Row {
        set: answers
            .first()
            .map_or_else(String::new, |a| a.item.set.clone()),
        group: group.to_owned(),
        system: SYSTEMS[system].to_owned(),
        items: count,
        exact: rounded(percent(whole().filter(|s| s.exact).count(), count)),
        similarity: rounded(100.0 * mean(whole().map(|s| s.similarity))),
        first_token: rounded(percent(whole().filter(|s| s.first_token).count(), count)),
        shown: rounded(percent(shown.len(), count)),
        precision: rounded(percent(right.count(), shown.len())),
        saved: rounded(percent(saved, typed)),
        ms_p50: rounded(quantile(&ms, 0.5)),
        ms_p95: rounded(quantile(&ms, 0.95)),
    }
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The table for people: exact matches of all systems, what the gate does with both together, and beside
/// them what larger models are published to reach.
#[must_use]
pub fn text(rows: &[Row], figures: &[Figure]) -> String {
    let models = published::models(figures);
    let own = [
        "set",
        "group",
        "items",
        "context",
        "copy",
        "lookup",
        "network",
        "both",
        "similar",
        "shown",
        "precision",
        "saved",
        "ms p50",
    ];
    let header = own.into_iter().chain(models.iter().copied());
    let mut lines: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
    for of in rows.chunks(SYSTEMS.len()) {
        let Some(both) = of.last() else { continue };
        let mut line = vec![both.set.clone(), both.group.clone(), both.items.to_string()];
        line.extend(of.iter().map(|row| fixed(row.exact)));
        let gated = [
            both.similarity,
            both.shown,
            both.precision,
            both.saved,
            both.ms_p50,
        ];
        line.extend(gated.map(fixed));
        line.extend(models.iter().map(|model| {
            published::find(figures, (&both.set, &both.group), model).unwrap_or_default()
        }));
        lines.push(line);
    }
    table(&lines)
}

/// One decimal, or a dash where there is no figure.
#[must_use]
pub fn fixed(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.1}")
    } else {
        "-".to_owned()
    }
}

/// The columns of the CSV that are figures, by name.
fn values(row: &Row) -> [(&'static str, f64); 8] {
    [
        ("exact", row.exact),
        ("similarity", row.similarity),
        ("first_token", row.first_token),
        ("shown", row.shown),
        ("precision", row.precision),
        ("saved", row.saved),
        ("ms_p50", row.ms_p50),
        ("ms_p95", row.ms_p95),
    ]
}

/// All rows as CSV with a header; no figure is an empty cell.
#[must_use]
pub fn csv(rows: &[Row]) -> String {
    let mut text = "set,group,system,items".to_owned();
    for (name, _) in rows.first().map(values).into_iter().flatten() {
        text += &format!(",{name}");
    }
    text.push('\n');
    for row in rows {
        text += &format!("{},{},{},{}", row.set, row.group, row.system, row.items);
        for (_, value) in values(row) {
            text.push(',');
            if value.is_finite() {
                text += &format!("{value:.2}");
            }
        }
        text.push('\n');
    }
    text
}

/// What a table written by [`csv`] said: exact match, precision and saved keys by set, group and system.
type Kept = BTreeMap<(String, String, String), (usize, [Option<f64>; 3])>;

fn parse(text: &str) -> Result<Kept, String> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| names.iter().position(|n| *n == name);
    let wanted = ["exact", "precision", "saved"].map(column);
    let mut kept = Kept::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let cells: Vec<&str> = line.split(',').collect();
        let [set, group, system, items, ..] = cells[..] else {
            return Err(format!("\"{line}\" is no row of a table of figures"));
        };
        let items = items
            .parse()
            .map_err(|_| format!("\"{items}\" is no number of items"))?;
        let figures = wanted.map(|at| cells.get(at?)?.parse().ok());
        let key = (set.to_owned(), group.to_owned(), system.to_owned());
        kept.insert(key, (items, figures));
    }
    Ok(kept)
}

/// How far a figure may fall below the kept one, in percentage points: what another processor's rounding
/// moves, twice over.
pub const TOLERANCE: f64 = 1.0;

/// Every figure that fell by more than [`TOLERANCE`] below the table that was kept; the number of figures
/// compared.
///
/// # Errors
/// A kept table that cannot be read, or one of other items, with which nothing can be compared.
pub fn fallen(rows: &[Row], kept: &str) -> Result<(Vec<String>, usize), String> {
    let kept = parse(kept)?;
    let (mut fallen, mut compared) = (Vec::new(), 0);
    for row in rows {
        let key = (row.set.clone(), row.group.clone(), row.system.clone());
        let Some((items, before)) = kept.get(&key) else {
            continue;
        };
        if *items != row.items {
            return Err(format!(
                "{} {}: {} items now, {items} when the figures were kept; use the same sample",
                row.set, row.group, row.items
            ));
        }
        let now = [row.exact, row.precision, row.saved];
        for ((name, now), before) in ["exact", "precision", "saved"].iter().zip(now).zip(before) {
            let Some(before) = before else { continue };
            compared += 1;
            if now.is_nan() || now < before - TOLERANCE {
                let place = format!("{} {} {}", row.set, row.group, row.system);
                fallen.push(format!("{place}: {name} fell from {before:.2} to {now:.2}"));
            }
        }
    }
    Ok((fallen, compared))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(exact: f64, precision: f64) -> Row {
        Row {
            set: "s".into(),
            group: "all".into(),
            system: "both".into(),
            items: 10,
            exact,
            similarity: 50.0,
            first_token: 50.0,
            shown: 20.0,
            precision,
            saved: 5.0,
            ms_p50: 1.0,
            ms_p95: 2.0,
        }
    }

    #[test]
    fn a_fall_beyond_the_tolerance_is_named() {
        let kept = csv(&[figure(40.0, f64::NAN)]);
        let fell = |row: Row| fallen(&[row], &kept).unwrap();
        assert_eq!(fell(figure(39.5, 3.0)), (vec![], 2));
        assert_eq!(fell(figure(60.0, 3.0)), (vec![], 2));
        let named = vec!["s all both: exact fell from 40.00 to 38.90".to_owned()];
        assert_eq!(fell(figure(38.9, 3.0)), (named, 2));
    }

    #[test]
    fn other_items_or_no_table_are_refused() {
        let kept = csv(&[figure(40.0, 60.0)]);
        let other = Row {
            items: 11,
            ..figure(40.0, 60.0)
        };
        assert!(fallen(&[other], &kept).unwrap_err().contains("same sample"));
        assert!(fallen(&[], "a,b\nx\n").is_err());
    }
}
