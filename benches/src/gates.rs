//! Fits the gates on places of validation repositories: one pair of curves for each source of text, as
//! constants to paste. What is fitted on is what serving sees: every cut that the filters leave.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use foretoken::pipeline::choose::Written;
use foretoken_engine::place::Place;
use foretoken_engine::suggestion::{CutKind, Gate, Logistic, Raw, Source, cuts, narrow};

use crate::fit::{Example, fit, offset, probability};
use crate::score::{Score, score};
use crate::sets::fixed;
use crate::stats::{share, table};
use crate::systems::{Answers, document, shown_with};

/// Right cuts below which a curve would say nothing but "hardly ever": such cuts are then never shown.
const LEAST_RIGHT: usize = 20;

/// How far a language's own offset must move the precision of what is shown, in percentage points, to be
/// worth a constant.
const WORTH: f64 = 3.0;

/// The least probability that is shown.
const SHOW: f32 = 0.5;

/// What is tried as least probability of both together.
const SHOWS: [f32; 7] = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6];

/// How much of what is shown must be right, percent.
const ENOUGH: f64 = 60.0;

/// A cut with its outcome.
struct Outcome {
    language: String,
    word: bool,
    example: Example,
}

/// Fits both sources and prints the constants: the network's for `manifest.toml`, the look-up's for
/// `LOOKUP_GATE` in `engine/src/lookup.rs`.
#[must_use]
pub fn text(answers: &[Answers]) -> String {
    let said = outcomes(answers, |a| a.said.as_ref());
    let guessed = outcomes(answers, |a| a.guess.as_ref());
    let mut text = format!(
        "gates fitted on {} places: P(a cut is right)\n\n",
        answers.len()
    );
    let mut gates = Vec::new();
    for (name, outcomes, manifest) in [("network", said, true), ("look-up", guessed, false)] {
        let right = |word| {
            let of = outcomes.iter().filter(move |o| o.word == word);
            let right = of.clone().filter(|o| o.example.right).count();
            format!("{right} of {} right", of.count())
        };
        let _ = writeln!(
            text,
            "{name}: line ends {}, word ends {}",
            right(false),
            right(true)
        );
        let gate = Gate {
            line: curve(&outcomes, false),
            word: curve(&outcomes, true),
            show: SHOW,
        };
        gates.push(gate);
        text += &constants(&gate, manifest);
        let _ = writeln!(text, "\n{}", levels(&outcomes, &gate));
        let _ = writeln!(text, "{}", languages(&outcomes, &gate));
    }
    if let [network, lookup] = gates[..] {
        text += &both(answers, [network, lookup]);
    }
    text
}

/// What both together would show with these gates at several least probabilities, and the least of them at
/// which enough of it is right: the `show` of both gates.
fn both(answers: &[Answers], gates: [Gate; 2]) -> String {
    let picks: Vec<Vec<Option<Score>>> = answers
        .iter()
        .map(|answers| shown_with(answers, gates, &SHOWS))
        .collect();
    let typed: usize = answers
        .iter()
        .map(|a| a.item.middle.trim_end().chars().count())
        .sum();
    let mut rows = vec![
        ["show", "shown %", "right %", "saved %"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut best = None;
    for (number, show) in SHOWS.iter().enumerate() {
        let shown = picks.iter().filter_map(|of| of[number]);
        let right = shown.clone().filter(|s| s.right);
        let saved: usize = right.clone().map(|s| s.characters.saturating_sub(1)).sum();
        let count = shown.count();
        let precision = 100.0 * share(right.count(), count);
        if precision >= ENOUGH {
            best = best.or(Some(*show));
        }
        rows.push(vec![
            format!("{show:.2}"),
            fixed(100.0 * share(count, answers.len())),
            fixed(precision),
            fixed(100.0 * share(saved, typed)),
        ]);
    }
    let told = match best {
        Some(show) => format!(
            "show = {show:.2} is the least at which {ENOUGH:.0} % of what is shown is right"
        ),
        None => format!("no show makes {ENOUGH:.0} % of what is shown right"),
    };
    format!(
        "both together with these gates\n\n{}\n{told}\n",
        table(&rows)
    )
}

/// Tokens of the beginnings that are judged as the server's gate breaks them off, at most.
const BROKEN_OFF: usize = 8;

fn outcomes<'a>(
    answers: &'a [Answers],
    of: impl Fn(&'a Answers) -> Option<&'a Written>,
) -> Vec<Outcome> {
    let mut found = Vec::new();
    for answers in answers {
        let Some(written) = of(answers) else { continue };
        let item = &answers.item;
        let document = document(item);
        let place = Place::at(&document, item.prefix.len());
        let mut seen: BTreeSet<(usize, bool)> = BTreeSet::new();
        for raw in versions(written) {
            let Ok(left) = narrow(&raw, &document, &place, place.mode()) else {
                continue;
            };
            for cut in cuts(&raw, &place, &left) {
                let word = cut.kind == CutKind::Word;
                let shown = &raw.text[left.span.start..cut.end];
                if !shown.trim().is_empty() && seen.insert((cut.end, word)) {
                    found.push(Outcome {
                        language: item.language.clone(),
                        word,
                        example: Example {
                            sum: f64::from(cut.sum),
                            tokens: cut.count as f64,
                            right: score(shown, &item.middle).right,
                        },
                    });
                }
            }
        }
    }
    found
}

/// The text as a whole; of the model's also its short beginnings, since the server breaks a text off where
/// nothing longer could be shown, and then judges what it has.
fn versions(written: &Written) -> Vec<Raw<'_>> {
    let mut versions = vec![written.raw()];
    if written.source == Source::Model {
        let short = written.tokens.len().min(BROKEN_OFF);
        for count in 1..short {
            let end = written.tokens[count - 1].end;
            versions.extend(written.text.get(..end).map(|text| Raw {
                text,
                tokens: &written.tokens[..count],
                ended: false,
            }));
        }
    }
    versions
}

fn curve(outcomes: &[Outcome], word: bool) -> Logistic {
    let of = outcomes.iter().filter(|o| o.word == word);
    let examples: Vec<Example> = of.map(|o| o.example).collect();
    let never = Logistic {
        a: -20.0,
        b: 0.0,
        c: 0.0,
    };
    if examples.iter().filter(|e| e.right).count() < LEAST_RIGHT {
        return never;
    }
    fit(&examples).unwrap_or(never)
}

/// The constants as they are written where they belong.
fn constants(gate: &Gate, manifest: bool) -> String {
    let Gate { line, word, show } = gate;
    if manifest {
        let one = |l: &Logistic| format!("{{ a = {:.4}, b = {:.4}, c = {:.4} }}", l.a, l.b, l.c);
        format!(
            "gate = {{ line = {}, word = {}, show = {show} }}\n",
            one(line),
            one(word)
        )
    } else {
        let one =
            |l: &Logistic| format!("Logistic {{ a: {:.4}, b: {:.4}, c: {:.4} }}", l.a, l.b, l.c);
        format!(
            "line: {},\nword: {},\nshow: {show:.1},\n",
            one(line),
            one(word)
        )
    }
}

fn at(outcome: &Outcome, gate: &Gate) -> f64 {
    probability(
        &outcome.example,
        if outcome.word { gate.word } else { gate.line },
    )
}

/// What the curves would show at several least probabilities, and how much of it would be right.
fn levels(outcomes: &[Outcome], gate: &Gate) -> String {
    let mut rows = vec![["P ≥", "cuts", "right %"].map(str::to_owned).to_vec()];
    for step in 1..10 {
        let least = f64::from(step) / 10.0;
        let (shown, right) = shown(outcomes, |o| at(o, gate) >= least);
        rows.push(vec![
            format!("{least:.1}"),
            shown.to_string(),
            fixed(100.0 * share(right, shown)),
        ]);
    }
    table(&rows)
}

fn shown(outcomes: &[Outcome], passes: impl Fn(&Outcome) -> bool) -> (usize, usize) {
    let passing = outcomes.iter().filter(|o| passes(o));
    let right = passing.clone().filter(|o| o.example.right).count();
    (passing.count(), right)
}

/// Each language's precision with the common curves and with an offset of its own, and whether that is
/// worth a constant.
fn languages(outcomes: &[Outcome], gate: &Gate) -> String {
    let mut by: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        by.entry(&outcome.language).or_default().push(outcome);
    }
    let header = [
        "language",
        "cuts",
        "offset",
        "shown",
        "right %",
        "shown with it",
        "right %",
        "worth it",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (language, of) in by {
        let known: Vec<(f64, bool)> = of.iter().map(|o| (at(o, gate), o.example.right)).collect();
        let shift = offset(&known);
        let passing = |shift: f64| {
            let least = logit(f64::from(SHOW)) - shift;
            let shown = known.iter().filter(|(p, _)| logit(*p) >= least);
            let right = shown.clone().filter(|(_, right)| *right).count();
            (shown.clone().count(), 100.0 * share(right, shown.count()))
        };
        let (before, after) = (passing(0.0), passing(shift));
        let moves = (after.1 - before.1).abs() > WORTH && before.0 >= LEAST_RIGHT;
        rows.push(vec![
            language.to_owned(),
            of.len().to_string(),
            format!("{shift:+.2}"),
            before.0.to_string(),
            fixed(before.1),
            after.0.to_string(),
            fixed(after.1),
            if moves { "yes" } else { "no" }.to_owned(),
        ]);
    }
    table(&rows)
}

fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-9, 1.0 - 1e-9);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(count: usize, right: usize) -> Vec<Outcome> {
        let of = |n: usize| Outcome {
            language: "c".to_owned(),
            word: false,
            example: Example {
                sum: -((n % 7) as f64),
                tokens: 4.0,
                right: n < right,
            },
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn cuts_that_are_hardly_ever_right_are_never_shown() {
        let gate = Gate {
            line: curve(&outcomes(400, 5), false),
            word: curve(&outcomes(400, 200), true),
            show: SHOW,
        };
        assert_eq!((gate.line.a, gate.word.a), (-20.0, -20.0));
        assert!(curve(&outcomes(400, 200), false).a > -5.0);
    }

    #[test]
    fn constants_are_ready_to_paste() {
        let one = Logistic {
            a: 0.5,
            b: 1.25,
            c: -0.0625,
        };
        let gate = Gate {
            line: one,
            word: one,
            show: 0.5,
        };
        assert_eq!(
            constants(&gate, true),
            "gate = { line = { a = 0.5000, b = 1.2500, c = -0.0625 }, word = { a = 0.5000, b = 1.2500, c = -0.0625 }, show = 0.5 }\n"
        );
        assert!(
            constants(&gate, false)
                .starts_with("line: Logistic { a: 0.5000, b: 1.2500, c: -0.0625 },\n")
        );
    }
}
