//! The table and the committed figures, and the comparison with them.

use serde::Serialize;

use super::figures::{Worth, interval, mean};
use super::ladder::System;
use crate::stats;

/// The mean reciprocal rank may fall by so much before a check fails.
pub const TOLERANCE: f64 = 0.005;

/// What one repository gave: worths of each system, question by question.
#[derive(Debug, Clone)]
pub struct Answered {
    /// `owner/name`.
    pub repository: String,
    /// By system, then by question.
    pub systems: Vec<Vec<Worth>>,
}

/// All answers to one set of questions.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `commits-tune`, `documentation-report`, …
    pub set: String,
    /// In the order of the table.
    pub systems: Vec<System>,
    /// One for each repository.
    pub answered: Vec<Answered>,
}

/// A row as JSON.
#[derive(Debug, Serialize)]
pub struct Row {
    set: String,
    system: &'static str,
    queries: usize,
    mrr: f64,
    hit1: f64,
    hit5: f64,
    recall10: f64,
    /// 95 % interval of the MRR's difference from the words alone.
    against_words: (f64, f64),
}

impl Asked {
    fn pool(&self, system: usize) -> Vec<Worth> {
        let all = self.answered.iter();
        all.flat_map(|one| one.systems[system].clone()).collect()
    }

    fn words(&self) -> Vec<Worth> {
        let at = self.systems.iter().position(|system| system.key == "words");
        at.map(|at| self.pool(at)).unwrap_or_default()
    }

    /// The table over all repositories, then one line for each of them.
    #[must_use]
    pub fn table(&self) -> String {
        let head = [
            self.set.as_str(),
            "MRR",
            "hit@1",
            "hit@5",
            "R@10",
            "MRR against the row above",
            "against words",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        let words = self.words();
        let range = |(least, most): (f64, f64)| format!("{least:+.3} to {most:+.3}");
        for (at, system) in self.systems.iter().enumerate() {
            let worths = self.pool(at);
            let all = mean(&worths);
            let above = at.checked_sub(1).map(|above| self.pool(above));
            let mut row = vec![system.title.to_owned()];
            row.extend(
                [all.reciprocal, all.first, all.five, all.recall].map(|f| format!("{f:.3}")),
            );
            row.push(above.map_or(String::new(), |above| range(interval(&above, &worths))));
            row.push(range(interval(&words, &worths)));
            rows.push(row);
        }
        let mut text = stats::table(&rows) + "\n";
        let shown = ["tabby", "tantivy", "words", "vectors", "both"];
        let shown: Vec<usize> = (0..self.systems.len())
            .filter(|at| shown.contains(&self.systems[*at].key))
            .collect();
        let mut head = vec!["repository".to_owned(), "questions".to_owned()];
        head.extend(shown.iter().map(|at| self.systems[*at].key.to_owned()));
        let mut rows = vec![head];
        for one in &self.answered {
            let mut row = vec![one.repository.clone(), one.systems[0].len().to_string()];
            let figure = |at: &usize| format!("{:.3}", mean(&one.systems[*at]).reciprocal);
            row.extend(shown.iter().map(figure));
            rows.push(row);
        }
        text += &stats::table(&rows);
        text
    }

    /// The figures, one row for each system.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let words = self.words();
        let row = |(at, system): (usize, &System)| {
            let worths = self.pool(at);
            let all = mean(&worths);
            Row {
                set: self.set.clone(),
                system: system.key,
                queries: worths.len(),
                mrr: all.reciprocal,
                hit1: all.first,
                hit5: all.five,
                recall10: all.recall,
                against_words: interval(&words, &worths),
            }
        };
        self.systems.iter().enumerate().map(row).collect()
    }
}

/// The first line of the committed figures.
pub const HEADER: &str = "set,system,queries,mrr,hit1,hit5,recall10\n";

/// The figures as they are committed.
#[must_use]
pub fn csv(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let [a, b, c, d] = [row.mrr, row.hit1, row.hit5, row.recall10];
        let (set, system, queries) = (&row.set, row.system, row.queries);
        format!("{set},{system},{queries},{a:.4},{b:.4},{c:.4},{d:.4}\n")
    };
    rows.iter().map(line).collect()
}

/// A sentence for each row whose mean reciprocal rank fell, and how many rows were compared. Rows over
/// another number of questions are not compared.
#[must_use]
pub fn fallen(now: &str, before: &str) -> (Vec<String>, usize) {
    let mut sentences = Vec::new();
    let mut compared = 0;
    for line in now.lines() {
        let Some((key, mrr)) = key(line) else {
            continue;
        };
        let kept = before
            .lines()
            .filter_map(self::key)
            .find(|(other, _)| *other == key);
        let Some((_, kept)) = kept else { continue };
        compared += 1;
        if mrr < kept - TOLERANCE {
            sentences.push(format!("{key}: MRR {mrr:.4}, was {kept:.4}"));
        }
    }
    (sentences, compared)
}

fn key(line: &str) -> Option<(String, f64)> {
    let fields: Vec<&str> = line.split(',').collect();
    Some((fields.get(..3)?.join(","), fields.get(3)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fell_is_told() {
        let before = "set,system,queries,mrr\ntune,a,9,0.5000\ntune,b,9,0.6000\n";
        let same = fallen("tune,a,9,0.4960\ntune,b,9,0.7000\n", before);
        assert_eq!(same, (Vec::new(), 2));
        let (sentences, _) = fallen("tune,a,9,0.4900\n", before);
        assert_eq!(sentences, ["tune,a,9: MRR 0.4900, was 0.5000"]);
        assert_eq!(fallen("tune,a,8,0.1\n", before).1, 0);
    }
}
