//! Whether estimated probabilities are what they say (the reliability diagram), and what each least
//! probability would show. Both are of what a user gets, on our own places.

use std::collections::BTreeMap;

use crate::score::Score;
use crate::sets::fixed;
use crate::stats::{share, table};
use crate::systems::{Answers, BOTH, LEVELS};

/// Bins of equal width.
const BINS: usize = 10;

/// Where lengths are parted, in characters of the text.
const LENGTHS: [(usize, &str); 4] = [
    (8, "to 8 chars"),
    (20, "to 20"),
    (40, "to 40"),
    (usize::MAX, "longer"),
];

/// One group's places by estimated probability: how many, and how many of them right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bin {
    /// Places.
    pub count: usize,
    /// Right ones.
    pub right: usize,
}

/// The bins of probabilities with their outcomes.
#[must_use]
pub fn bins(outcomes: impl Iterator<Item = (f32, bool)>) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for (probability, right) in outcomes {
        let at = (f64::from(probability) * BINS as f64) as usize;
        let bin = &mut bins[at.min(BINS - 1)];
        bin.count += 1;
        bin.right += usize::from(right);
    }
    bins
}

/// Mean distance between the probability said and the share that was right, weighted by places: 0 is
/// perfect (the expected calibration error; a bin stands for its middle).
#[must_use]
pub fn error(bins: &[Bin; BINS]) -> f64 {
    let total: usize = bins.iter().map(|bin| bin.count).sum();
    let of = |(number, bin): (usize, &Bin)| {
        let said = (number as f64 + 0.5) / BINS as f64;
        (said * bin.count as f64 - bin.right as f64).abs()
    };
    bins.iter().enumerate().map(of).sum::<f64>() / total.max(1) as f64
}

/// The text with its diagram and its curve; empty without places of our own.
#[must_use]
pub fn text(answers: &[Answers]) -> String {
    let own: Vec<&Answers> = answers.iter().filter(|a| a.item.is_own()).collect();
    if own.is_empty() {
        return String::new();
    }
    format!(
        "reliability of the first choice without a gate: share right (places) by estimated probability\n\n{}\n\
         what each least probability shows: share of places shown, share of those right\n\n{}",
        diagram(&own),
        curve(&own)
    )
}

type Whole = (f32, Score);

fn diagram(own: &[&Answers]) -> String {
    let outcome = |(probability, marks): &Whole| (*probability, marks.right);
    let mut groups: Vec<(String, Vec<Whole>)> = vec![("all".to_owned(), Vec::new())];
    groups.extend(languages(own).into_keys().map(|name| (name, Vec::new())));
    groups.extend(LENGTHS.map(|(_, name)| (name.to_owned(), Vec::new())));
    for answers in own {
        let Some(whole) = answers.by_system[BOTH].whole else {
            continue;
        };
        let length = LENGTHS.iter().find(|(most, _)| whole.1.characters <= *most);
        let names = [
            "all",
            &answers.item.language,
            length.map_or("", |(_, name)| name),
        ];
        for (name, of) in &mut groups {
            if names.contains(&name.as_str()) {
                of.push(whole);
            }
        }
    }
    let by_group: Vec<[Bin; BINS]> = groups
        .iter()
        .map(|(_, of)| bins(of.iter().map(outcome)))
        .collect();
    let header = ["P", ""]
        .into_iter()
        .chain(groups.iter().map(|(name, _)| name.as_str()));
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
    for number in 0..BINS {
        let all = by_group[0][number];
        let mut row = vec![
            format!(
                "{:.1}-{:.1}",
                number as f64 / 10.0,
                (number + 1) as f64 / 10.0
            ),
            bar(all, number),
        ];
        row.extend(by_group.iter().map(|bins| {
            let bin = bins[number];
            let right = fixed(100.0 * share(bin.right, bin.count));
            format!("{right} ({})", bin.count)
        }));
        rows.push(row);
    }
    let mut last = vec!["error".to_owned(), String::new()];
    last.extend(by_group.iter().map(|bins| fixed(100.0 * error(bins))));
    rows.push(last);
    table(&rows)
}

/// Twenty cells for 0 to 100 % right, and a `|` where a calibrated bin would end.
fn bar(bin: Bin, number: usize) -> String {
    let cells = 20;
    let right = share(bin.right, bin.count);
    let filled = if right.is_finite() {
        (right * f64::from(cells)).round() as i32
    } else {
        0
    };
    let ideal = (number as i32 * 2) + 1;
    (0..cells)
        .map(|cell| match (cell == ideal, cell < filled) {
            (true, _) => '|',
            (false, true) => '#',
            (false, false) => '.',
        })
        .collect()
}

fn languages<'a>(own: &[&'a Answers]) -> BTreeMap<String, Vec<&'a Answers>> {
    let mut by: BTreeMap<String, Vec<&Answers>> = BTreeMap::new();
    for answers in own {
        by.entry(answers.item.language.clone())
            .or_default()
            .push(answers);
    }
    by
}

fn curve(own: &[&Answers]) -> String {
    let mut groups = vec![("all".to_owned(), own.to_vec())];
    groups.extend(languages(own));
    let header = std::iter::once("P ≥").chain(groups.iter().map(|(name, _)| name.as_str()));
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
    for (number, least) in LEVELS.iter().enumerate() {
        let cell = |of: &Vec<&Answers>| {
            let shown: Vec<Score> = of
                .iter()
                .filter_map(|a| a.curve.get(number).copied()?)
                .collect();
            let right = shown.iter().filter(|marks| marks.right).count();
            let part = |part, whole| fixed(100.0 * share(part, whole));
            format!(
                "{} {}",
                part(shown.len(), of.len()),
                part(right, shown.len())
            )
        };
        let mut row = vec![format!("{least:.1}")];
        row.extend(groups.iter().map(|(_, of)| cell(of)));
        rows.push(row);
    }
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_fall_into_tenths() {
        let outcomes = [
            (0.0, false),
            (0.05, true),
            (0.95, true),
            (1.0, false),
            (0.5, true),
        ];
        let bins = bins(outcomes.into_iter());
        let told = |n: usize| (bins[n].count, bins[n].right);
        assert_eq!((told(0), told(5), told(9)), ((2, 1), (1, 1), (2, 1)));
        assert_eq!(bins.iter().map(|b| b.count).sum::<usize>(), 5);
    }

    #[test]
    fn honest_probabilities_have_no_error_and_proud_ones_have() {
        let of = |right: usize| {
            let outcomes = (0..100).map(move |n| (0.75, n < right));
            error(&bins(outcomes))
        };
        assert!(of(75) < 1e-9);
        assert!((of(25) - 0.5).abs() < 1e-9);
        assert!(error(&[Bin::default(); BINS]) < 1e-9);
    }

    #[test]
    fn a_bar_is_as_long_as_the_share_that_was_right() {
        let bin = |count, right| Bin { count, right };
        assert_eq!(bar(bin(4, 1), 9), "#####..............|");
        assert_eq!(bar(bin(0, 0), 0), ".|..................");
    }
}
