//! Canaries: fixed questions with fixed checks, asked of a remote model again and again to find out whether it still is what it was.
//! Nothing of a user's is in them. Runs are kept in one file of the user's, the newest of each model.

use std::collections::BTreeMap;
use std::io;

use foretoken_engine::drift::{self, Change};
use serde::{Deserialize, Serialize};

use crate::paths::{self, Paths};

/// Runs kept of each model: a quarter of nights.
const KEPT: usize = 90;

/// A question with what its answer must and must not say, in small letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canary {
    pub(crate) question: &'static str,
    says: &'static [&'static str],
    not: &'static [&'static str],
}

const fn canary(question: &'static str, says: &'static [&'static str]) -> Canary {
    Canary {
        question,
        says,
        not: &[],
    }
}

/// The system text of all of them.
pub(crate) const SYSTEM: &str =
    "You answer questions about programs. Answer in at most two sentences.";

/// All of them. A change of one makes older runs another measure, so they are only added to with a new name of the file.
pub(crate) const CANARIES: [Canary; 20] = [
    canary("What does `print(len('canary'))` print in Python?", &["6"]),
    canary("What does `print([1, 2, 3][-1])` print in Python?", &["3"]),
    canary("What does `print(7 // 2)` print in Python?", &["3"]),
    canary("What is the value of `0b1011` in decimal?", &["11"]),
    canary(
        "What does `[1, 2, 3].iter().sum::<i32>()` give in Rust?",
        &["6"],
    ),
    canary(
        "What does `console.log(typeof null)` print in JavaScript?",
        &["object"],
    ),
    canary("What does `1 << 4` give in C?", &["16"]),
    canary(
        "Which keyword of Rust makes a binding changeable?",
        &["mut"],
    ),
    canary(
        "Which keyword of Python ends a function with a value?",
        &["return"],
    ),
    canary(
        "Which built-in function of Python gives the number of items of a list?",
        &["len"],
    ),
    canary(
        "Which statement of Go runs a call when the function ends?",
        &["defer"],
    ),
    canary(
        "Which HTTP status code means that something was not found?",
        &["404"],
    ),
    canary(
        "How often does the body of `for i in range(2, 10, 3)` run in Python?",
        &["3"],
    ),
    canary(
        "What is wrong with `int *p = NULL; *p = 1;` in C? Name the kind of pointer.",
        &["null"],
    ),
    canary("Which error does `{}['a']` raise in Python?", &["keyerror"]),
    canary(
        "Which error does `int('x')` raise in Python?",
        &["valueerror"],
    ),
    canary(
        "What is the worst case of binary search over n sorted items, in O notation?",
        &["log"],
    ),
    canary(
        "Complete with one word: in SQL, rows are filtered by the clause `SELECT a FROM t ___ a > 1`.",
        &["where"],
    ),
    Canary {
        question: "Is `==` on two `String` values in Java a comparison of their characters? Begin with yes or no.",
        says: &["no"],
        not: &["yes,", "yes."],
    },
    Canary {
        question: "Write a Python function `double(x)` that returns twice x, as code alone.",
        says: &["def double(", "return"],
        not: &["print("],
    },
];

/// How an answer that refuses begins. Matched in its first line.
const REFUSALS: &[&str] = &[
    "i can't",
    "i cannot",
    "i can not",
    "i'm sorry",
    "i am sorry",
    "i'm unable",
    "i am unable",
    "as an ai",
];

impl Canary {
    /// Whether an answer passes.
    pub(crate) fn passes(&self, answer: &str) -> bool {
        let answer = answer.to_lowercase();
        self.says.iter().all(|words| answer.contains(words))
            && !self.not.iter().any(|words| answer.contains(words))
    }
}

/// Whether an answer is none.
pub(crate) fn refuses(answer: &str) -> bool {
    let first = answer.trim_start().lines().next().unwrap_or_default();
    let first = first.to_lowercase().replace('’', "'");
    REFUSALS.iter().any(|words| first.contains(words))
}

/// One run, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    /// Seconds since 1970.
    pub(crate) time: u64,
    pub(crate) served: String,
    pub(crate) answered: u32,
    pub(crate) passed: u32,
    pub(crate) refused: u32,
    /// Characters of all answers.
    pub(crate) characters: u64,
}

impl Run {
    /// Counts an answer.
    pub(crate) fn add(&mut self, canary: &Canary, answer: &str) {
        self.answered += 1;
        self.passed += u32::from(canary.passes(answer));
        self.refused += u32::from(refuses(answer));
        self.characters += answer.chars().count() as u64;
    }
}

/// All runs by `endpoint/model`, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Runs(BTreeMap<String, Vec<Run>>);

impl Runs {
    /// Those that are kept; none where there is no file.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub(crate) fn load(paths: &Paths) -> io::Result<Runs> {
        match std::fs::read(paths.canaries()) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Runs::default()),
            Err(error) => Err(error),
        }
    }

    /// Adds a run and writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn keep(&mut self, paths: &Paths, model: &str, run: Run) -> io::Result<()> {
        let runs = self.0.entry(model.to_owned()).or_default();
        runs.push(run);
        runs.drain(..runs.len().saturating_sub(KEPT));
        paths::write(&paths.canaries(), &serde_json::to_vec(self)?)
    }

    /// Each model with its newest run and what changed with it.
    pub(crate) fn report(&self) -> impl Iterator<Item = (&str, &Run, Vec<Change>)> {
        self.0.iter().filter_map(|(model, runs)| {
            let seen: Vec<drift::Run> = runs.iter().map(Run::seen).collect();
            Some((model.as_str(), runs.last()?, drift::changes(&seen)))
        })
    }
}

impl Run {
    fn seen(&self) -> drift::Run {
        drift::Run {
            time: self.time,
            served: self.served.clone(),
            answered: self.answered,
            passed: self.passed,
            refused: self.refused,
            length: self.characters as f64 / f64::from(self.answered.max(1)),
        }
    }
}

/// A change as a sentence.
pub(crate) fn sentence(change: &Change) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    match change {
        Change::Served { before, now } => {
            format!("another model answers under the name: {now:?}, before {before:?}")
        }
        Change::Worse { before, now } => {
            let (before, now) = (percent(*before), percent(*now));
            format!("answers are right more seldom: {now}, before {before}")
        }
        Change::Refuses { before, now } => {
            let (before, now) = (percent(*before), percent(*now));
            format!("it refuses more often: {now}, before {before}")
        }
        Change::Length { times } => format!("answers are {times:.1} times as long"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_take_right_answers_and_no_wrong_ones() {
        let by = |words: &str| {
            CANARIES
                .iter()
                .find(|c| c.question.contains(words))
                .unwrap()
        };
        for (words, right, wrong) in [
            ("len('canary')", "It prints `6`.", "It prints 7."),
            ("typeof null", "\"object\"", "null"),
            (
                "two `String`",
                "No, it compares references.",
                "Yes, it does.",
            ),
            (
                "double(x)",
                "def double(x):\n    return 2 * x",
                "def twice(x): return 2 * x",
            ),
            ("int('x')", "A ValueError.", "A TypeError."),
        ] {
            assert!(by(words).passes(right), "{words}");
            assert!(!by(words).passes(wrong), "{words}");
        }
        assert!(CANARIES.iter().all(|canary| !canary.passes("")));
    }

    #[test]
    fn a_refusal_is_told_from_an_answer() {
        for no in ["I’m sorry, but I can't help.", "\n As an AI model, no"] {
            assert!(refuses(no), "{no}");
        }
        for yes in ["It prints 6.", "The call fails.\nI cannot say more.", ""] {
            assert!(!refuses(yes), "{yes}");
        }
    }

    #[test]
    fn the_newest_runs_are_kept() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let mut runs = Runs::load(&paths).unwrap();
        for time in 0..KEPT as u64 + 5 {
            let served = "one".to_owned();
            let run = Run {
                time,
                served,
                ..Run::default()
            };
            runs.keep(&paths, "house/coder", run).unwrap();
        }
        let again = Runs::load(&paths).unwrap();
        assert_eq!(again, runs);
        assert_eq!(again.0["house/coder"][0].time, 5);
        assert_eq!(paths::open_to_others(&paths.canaries()), None);
        std::fs::write(paths.canaries(), "{ no").unwrap();
        assert!(Runs::load(&paths).is_err());
    }
}
