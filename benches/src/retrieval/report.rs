//! The table and the committed figures, and the comparison with them.

use super::figures::{Worth, interval, mean};
use super::ladder::STEPS;
use crate::stats;

/// The mean reciprocal rank may fall by so much before a check fails.
pub const TOLERANCE: f64 = 0.005;

/// What one repository gave: worths of each step, query by query.
#[derive(Debug, Clone)]
pub struct Answered {
    /// `owner/name`.
    pub repository: String,
    /// By step, then by query.
    pub steps: Vec<Vec<Worth>>,
}

/// The table over all repositories, then one line for each of them.
#[must_use]
pub fn table(answered: &[Answered]) -> String {
    let head = [
        "step",
        "MRR",
        "hit@1",
        "hit@5",
        "R@10",
        "change of MRR, 95 %",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let pooled: Vec<Vec<Worth>> = (0..STEPS.len()).map(|step| pool(answered, step)).collect();
    for (step, worths) in pooled.iter().enumerate() {
        let all = mean(worths);
        let change = match step.checked_sub(1).and_then(|before| pooled.get(before)) {
            Some(before) => {
                let (least, most) = interval(before, worths);
                format!("{least:+.3} to {most:+.3}")
            }
            None => String::new(),
        };
        let figures = [all.reciprocal, all.first, all.five, all.recall].map(|f| format!("{f:.3}"));
        let mut row = vec![STEPS[step].to_owned()];
        row.extend(figures);
        row.push(change);
        rows.push(row);
    }
    let mut text = stats::table(&rows) + "\n";
    let head = ["repository", "queries", "Tabby's", "tantivy's", "ours"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for one in answered {
        let figure = |step: usize| format!("{:.3}", mean(&one.steps[step]).reciprocal);
        let count = one.steps[0].len().to_string();
        rows.push(vec![
            one.repository.clone(),
            count,
            figure(0),
            figure(1),
            figure(STEPS.len() - 1),
        ]);
    }
    text += &stats::table(&rows);
    text
}

fn pool(answered: &[Answered], step: usize) -> Vec<Worth> {
    answered
        .iter()
        .flat_map(|one| one.steps[step].clone())
        .collect()
}

/// The figures as they are committed: one line for each set and step.
#[must_use]
pub fn csv(set: &str, answered: &[Answered]) -> String {
    let line = |step: usize| {
        let all = mean(&pool(answered, step));
        let [a, b, c, d] = [all.reciprocal, all.first, all.five, all.recall];
        let count = pool(answered, step).len();
        format!("{set},{step},{count},{a:.4},{b:.4},{c:.4},{d:.4}\n")
    };
    (0..STEPS.len()).map(line).collect()
}

/// The first line of the committed figures.
pub const HEADER: &str = "set,step,queries,mrr,hit1,hit5,recall10\n";

/// A sentence for each row whose mean reciprocal rank fell, and how many rows were compared. Rows over
/// another number of queries are not compared.
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
        let before = "set,step,queries,mrr\ntune,0,9,0.5000\ntune,1,9,0.6000\n";
        let same = fallen("tune,0,9,0.4960\ntune,1,9,0.7000\n", before);
        assert_eq!(same, (Vec::new(), 2));
        let (sentences, _) = fallen("tune,0,9,0.4900\n", before);
        assert_eq!(sentences, ["tune,0,9: MRR 0.4900, was 0.5000"]);
        assert_eq!(fallen("tune,0,8,0.1\n", before).1, 0);
    }
}
