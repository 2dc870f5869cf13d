//! Weights of the ranking, chosen on the tuning set: one after the other, each to the best of a few factors of
//! what it is, as long as that helps. Small steps on purpose: a few hundred questions tell no more apart.

use std::fmt::Write as _;

use foretoken_engine::rank::Weights;

use super::figures::{Gold, mean, worth};
use super::ladder::{How, Ladder};

/// A tree with its questions.
#[expect(missing_debug_implementations, reason = "tantivy's searcher has none")]
pub struct Asked {
    /// The indexed tree.
    pub ladder: Ladder,
    /// Questions and their answers.
    pub questions: Vec<(String, Gold)>,
}

/// What a weight is multiplied by, in turn.
const FACTORS: [f32; 4] = [0.7, 0.85, 1.2, 1.5];
/// Hits that are looked at: what stands behind them moves a mean by less than it is sure.
const HITS: usize = 20;
/// A change has to lift the mean of the sets by so much.
const LEAST: f64 = 0.0005;

/// The means of the reciprocal rank, set by set.
///
/// # Errors
/// What the index says.
pub fn score(sets: &[Vec<Asked>], weights: Weights) -> Result<Vec<f64>, String> {
    let set = |asked: &Vec<Asked>| {
        let mut worths = Vec::new();
        for one in asked {
            for (question, gold) in &one.questions {
                let found = one.ladder.ask(How::Ours(weights), question, HITS)?;
                worths.push(worth(&found, gold));
            }
        }
        Ok(mean(&worths).reciprocal)
    };
    sets.iter().map(set).collect()
}

/// Better weights, and a line for each step; `told` hears the lines while they come.
///
/// # Errors
/// What the index says.
pub fn fit(
    sets: &[Vec<Asked>],
    mut weights: Weights,
    told: &dyn Fn(&str),
) -> Result<(Weights, String), String> {
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    let mut scores = score(sets, weights)?;
    let mut text = format!("start {scores:.4?}\n");
    told(&text);
    for number in 0..slots(&mut weights).len() {
        let start = weights;
        for factor in FACTORS {
            let mut tried = start;
            let Some((name, value)) = slots(&mut tried).into_iter().nth(number) else {
                continue;
            };
            *value *= factor;
            let line = format!("{name} {value:.3}");
            let found = score(sets, tried)?;
            let better = mean(&found) > mean(&scores) + LEAST;
            let mark = if better { " taken" } else { "" };
            let line = format!("{line} {found:.4?}{mark}\n");
            told(&line);
            if better {
                let _ = write!(text, "{line}");
                (weights, scores) = (tried, found);
            }
        }
    }
    let _ = writeln!(text, "{weights:#?}");
    Ok((weights, text))
}

fn slots(weights: &mut Weights) -> Vec<(&'static str, &mut f32)> {
    let [_, name, head, path] = &mut weights.fields;
    let [example, vendored, declarations, barrel] = &mut weights.places;
    let mut all = vec![
        ("field of names", name),
        ("field of heads", head),
        ("field of paths", path),
        ("definition", &mut weights.definition),
        ("named", &mut weights.named),
        ("stem", &mut weights.stem),
        ("mentioned", &mut weights.mentioned),
        ("decay", &mut weights.decay),
        ("share", &mut weights.share),
        ("spread", &mut weights.spread),
        ("test", &mut weights.test),
        ("docs", &mut weights.docs),
        ("example", example),
        ("vendored", vendored),
        ("declarations", declarations),
        ("barrel", barrel),
    ];
    let vectors = ["vectors of a name", "vectors with a name", "vectors"];
    all.extend(vectors.into_iter().zip(&mut weights.vectors));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieval::tree::File;

    #[test]
    fn a_fit_only_takes_what_helps() {
        let file = |path: &str, text: &str| File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let files = [
            file(
                "tests/a.rs",
                "fn one() {\n    drop(stale, cache, entry);\n}\n",
            ),
            file(
                "src/b.rs",
                "fn one() {\n    drop(stale, cache, entry, first, second, third);\n}\n",
            ),
        ];
        let asked = Asked {
            ladder: Ladder::build(&files, None).unwrap(),
            questions: vec![(
                "drop stale cache entry".to_owned(),
                Gold::Files(vec!["src/b.rs".to_owned()]),
            )],
        };
        let sets = [vec![asked]];
        let poor = Weights {
            test: 0.99,
            ..super::super::ladder::words()
        };
        let before = score(&sets, poor).unwrap();
        let (found, _) = fit(&sets, poor, &|_| {}).unwrap();
        let after = score(&sets, found).unwrap();
        assert!(after[0] > before[0], "{before:?} {after:?}");
    }
}
