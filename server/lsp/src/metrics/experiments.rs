//! What the arms of experiments came to: counted with the other figures, and compared over installations.

use std::collections::BTreeMap;

use foretoken_engine::experiment::{Comparison, Sum, Unit, Verdict, compare};

use super::figures::{Arm, Figures, Name};
use crate::config::experiments::{Experiments, Outcome};

/// Adds what came to this installation's arms since the last time.
pub(crate) fn count(experiments: &Experiments, news: &mut Figures) {
    for experiment in experiments.iter() {
        let arm = outcome(experiment.vary.outcome(), news);
        if arm != Arm::default() {
            let arms = news.experiments.entry(experiment.name.clone().into());
            arms.or_default().insert(experiment.arm.clone().into(), arm);
        }
    }
}

fn outcome(outcome: Outcome, news: &Figures) -> Arm {
    let (suggested, answers) = (news.suggested(), news.answers);
    let requests = |name: &str| news.requests.get(name).copied().unwrap_or_default();
    match outcome {
        Outcome::Offers => Arm {
            trials: suggested.offered,
            successes: suggested.accepted,
        },
        Outcome::Questions => Arm {
            trials: requests("ok") + requests("empty"),
            successes: suggested.accepted,
        },
        Outcome::Answers => Arm {
            trials: answers.useful
                + answers.not_useful
                + answers.edits_applied
                + answers.edits_discarded,
            successes: answers.useful + answers.edits_applied,
        },
    }
}

/// One experiment over installations.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub name: String,
    /// The one that the others are compared with comes first.
    pub arms: Vec<(String, Sum)>,
    /// One for each other arm.
    pub verdicts: Vec<Verdict>,
}

/// All experiments of these installations, each given as its sum over all time. `first` names the arm to compare with; by name, where
/// it is not known.
pub fn reports(
    installations: &[BTreeMap<Name, BTreeMap<Name, Arm>>],
    first: impl Fn(&str) -> Option<String>,
) -> Vec<Report> {
    let mut units: BTreeMap<&str, BTreeMap<&str, Vec<Unit>>> = BTreeMap::new();
    for (experiment, arms) in installations.iter().flatten() {
        for (arm, counted) in arms {
            let unit = Unit {
                trials: counted.trials,
                successes: counted.successes,
            };
            let arms = units.entry(experiment).or_default();
            arms.entry(arm).or_default().push(unit);
        }
    }
    let report = |(name, arms): (&str, BTreeMap<&str, Vec<Unit>>)| {
        let first = first(name);
        let mut arms: Vec<(String, Sum)> = arms
            .into_iter()
            .map(|(arm, units)| (arm.to_owned(), Sum::of(&units)))
            .collect();
        arms.sort_by_key(|(arm, _)| Some(arm) != first.as_ref());
        let verdicts = arms.iter().skip(1);
        let verdicts = verdicts.map(|(_, sum)| compare(&arms[0].1, sum)).collect();
        Report {
            name: name.to_owned(),
            arms,
            verdicts,
        }
    };
    units.into_iter().map(report).collect()
}

impl Report {
    /// In words, a line for each arm.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.name);
        for (at, (arm, sum)) in self.arms.iter().enumerate() {
            let share = sum.share().unwrap_or_default() * 100.0;
            text += &format!(
                "  {arm:<24} {:>5} installations {:>9} trials {share:>6.2} %",
                sum.units, sum.trials
            );
            if let Some(verdict) = at.checked_sub(1).and_then(|at| self.verdicts.get(at)) {
                text += &format!("  {}", sentence(verdict));
            }
            text.push('\n');
        }
        text
    }
}

fn sentence(verdict: &Verdict) -> String {
    let points = |comparison: &Comparison| format!("{:+.2} points", comparison.difference * 100.0);
    match verdict {
        Verdict::TooFew { needed } => {
            format!("nothing can be said with fewer than {needed} installations in each arm")
        }
        Verdict::Open(comparison) => format!(
            "{}, which is not shown so far; {} installations in each arm would show 5 points",
            points(comparison),
            comparison.needed
        ),
        Verdict::Shown(comparison) => format!("{}: shown", points(comparison)),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn installation(arm: &str, trials: u64, successes: u64) -> BTreeMap<Name, BTreeMap<Name, Arm>> {
        let arm = (arm.to_owned().into(), Arm { trials, successes });
        BTreeMap::from([("gate".into(), BTreeMap::from([arm]))])
    }

    #[test]
    fn each_experiment_counts_what_it_is_about() {
        let declared = json!([
            {"name": "gate", "vary": "completion.minimumProbability", "arms": [{"name": "a"}, {"name": "b"}]},
            {"name": "words", "vary": "remote.wording", "arms": [{"name": "a"}, {"name": "b"}]},
            {"name": "model", "vary": "model.folder", "arms": [{"name": "a"}, {"name": "b"}]},
        ]);
        let (experiments, _) = Experiments::read(declared.as_array().unwrap(), b"x");
        let mut news = Figures::default();
        news.requests.insert("ok".into(), 30);
        news.requests.insert("empty".into(), 70);
        let rows = news.suggestions.entry("rust".into()).or_default();
        let row = rows.entry("lookup".into()).or_default();
        (row.offered, row.accepted) = (25, 5);
        count(&experiments, &mut news);
        let sums: Vec<(&str, u64, u64)> = news
            .experiments
            .iter()
            .flat_map(|(name, arms)| {
                arms.values()
                    .map(|a| (name.as_ref(), a.trials, a.successes))
            })
            .collect();
        assert_eq!(sums, [("gate", 100, 5), ("model", 25, 5)]);
    }

    #[test]
    fn a_report_says_what_is_shown_and_what_is_not() {
        let mut all = Vec::new();
        for at in 0..30 {
            all.push(installation("control", 200, 60 + at % 5));
            all.push(installation("worse", 200, 20 + at % 5));
            all.push(installation("same", 200, 60 + (at + 2) % 5));
        }
        all.push(installation("rare", 10, 9));
        let reports = reports(&all, |_| Some("control".to_owned()));
        expect![[r#"
            gate
              control                     30 installations      6000 trials  31.00 %
              rare                         1 installations        10 trials  90.00 %  nothing can be said with fewer than 20 installations in each arm
              same                        30 installations      6000 trials  31.00 %  +0.00 points, which is not shown so far; 20 installations in each arm would show 5 points
              worse                       30 installations      6000 trials  11.00 %  -20.00 points: shown
        "#]]
        .assert_eq(&reports[0].to_text());
    }
}
