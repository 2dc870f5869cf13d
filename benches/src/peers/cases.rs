//! Answers that a server must not damage and answers that it must not show, each from a defect that was
//! seen in some completion server: executed, read in its source, or reported to it.
//!
//! A case is judged by the document that accepting the offer would leave, so that it does not matter
//! in which form a server offers.

use super::client::{ANSWER_LIMIT, Client};
use super::endpoint::Endpoint;

/// What must become of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Must {
    /// Shown as it is, or its first lines; not showing it is no damage.
    Keep,
    /// Not shown, or only what is left of it in `good`.
    Remove,
}

/// A place, what the model says there, and what may be shown of it.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// A short name.
    pub name: &'static str,
    /// What must become of it.
    pub must: Must,
    /// File name and the editor's id of the language.
    pub file: (&'static str, &'static str),
    /// The document, `$0` at the cursor.
    pub document: &'static str,
    /// What the model says.
    pub answer: &'static str,
    /// What may be inserted.
    pub good: &'static [&'static str],
}

const RUST: (&str, &str) = ("case.rs", "rust");

/// All of them.
pub const CASES: &[Case] = &[
    Case {
        name: "a bracket after a bracket",
        must: Must::Keep,
        file: RUST,
        document: "fn area(a: f64, b: f64) -> f64 {\n    let c = half($0\n    c\n}\n",
        answer: "(a + b) * 2.0);",
        good: &["(a + b) * 2.0);"],
    },
    Case {
        name: "a letter after the same letter",
        must: Must::Keep,
        file: RUST,
        document: "fn login(word: &str) {\n    let pas$0\n    send(word);\n}\n",
        answer: "sword = word.trim();",
        good: &["sword = word.trim();"],
    },
    Case {
        name: "a call before a closing bracket",
        must: Must::Keep,
        file: RUST,
        document: "fn twice(x: i32) -> i32 {\n    let y = f($0)\n    y\n}\n",
        answer: "g(x)",
        good: &["g(x)"],
    },
    Case {
        name: "the same statement twice",
        must: Must::Keep,
        file: RUST,
        document: "fn two(mut x: i32) -> i32 {\n    x += 1;\n    $0\n    x\n}\n",
        answer: "x += 1;",
        good: &["x += 1;"],
    },
    Case {
        name: "the same closing tag twice",
        must: Must::Keep,
        file: ("case.html", "html"),
        document: "<main>\n<div>\n<div>\n<p>text</p>\n</div>\n$0\n</main>\n",
        answer: "</div>",
        good: &["</div>"],
    },
    Case {
        name: "a blank line inside a block",
        must: Must::Keep,
        file: RUST,
        document: "fn both() {\n    $0\n}\n",
        answer: "let a = one();\n\n    let b = two(a);",
        good: &["let a = one();\n\n    let b = two(a);", "let a = one();"],
    },
    Case {
        name: "the bracket that closes what was opened",
        must: Must::Keep,
        file: RUST,
        document: "fn open() {\n    work();\n$0\n\nfn next() {}\n",
        answer: "}",
        good: &["}"],
    },
    Case {
        name: "the rest of the line once more",
        must: Must::Remove,
        file: RUST,
        document: "fn rest(a: i32, b: i32) {\n    call($0a, b);\n}\n",
        answer: "a, b);",
        good: &[],
    },
    Case {
        name: "all that follows once more",
        must: Must::Remove,
        file: RUST,
        document: "fn sum() -> u32 {\n    let a = 1;\n    $0\n    let b = 2;\n    a + b\n}\n",
        answer: "let b = 2;\n    a + b\n}",
        good: &[],
    },
    Case {
        name: "the lines below with another indentation",
        must: Must::Remove,
        file: RUST,
        document: "fn total(n: u32) -> u32 {\n    log(n);\n    $0\n    return n * 2;\n}\n",
        answer: "  return n * 2;\n}",
        good: &[],
    },
    Case {
        name: "a bracket that stands below already",
        must: Must::Remove,
        file: RUST,
        document: "fn closed() {\n    work();\n$0\n}\n\nfn next() {}\n",
        answer: "}",
        good: &[],
    },
    Case {
        name: "what was just typed once more",
        must: Must::Remove,
        file: RUST,
        document: "fn count(items: &[u32]) {\n    let total = $0\n}\n",
        answer: "let total = items.len();",
        good: &["items.len();"],
    },
    Case {
        name: "the closing brackets once more",
        must: Must::Remove,
        file: RUST,
        document: "fn close(x: i32) {\n    let y = f($0);\n}\n",
        answer: "x);",
        good: &["x"],
    },
];

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It is as it must be.
    Right,
    /// Nothing was shown of an answer that was good.
    Withheld,
    /// A good answer was changed.
    Damaged,
    /// Text was shown that stands there already.
    Duplicated,
}

impl Case {
    /// The text and the cursor.
    #[must_use]
    pub fn split(&self) -> (String, usize) {
        let at = self.document.find("$0").unwrap_or(self.document.len());
        (self.document.replacen("$0", "", 1), at)
    }

    /// Judges the document that accepting leaves.
    #[must_use]
    pub fn judge(&self, accepted: &str) -> Became {
        let (text, at) = self.split();
        let with = |inserted: &str| {
            let mut whole = text.clone();
            whole.insert_str(at, inserted);
            same(&whole, accepted)
        };
        let good = self
            .good
            .iter()
            .any(|good| with(good) || beginnings(good).any(with));
        match self.must {
            _ if good => Became::Right,
            Must::Keep if same(&text, accepted) => Became::Withheld,
            Must::Remove if same(&text, accepted) => Became::Right,
            Must::Keep => Became::Damaged,
            Must::Remove => Became::Duplicated,
        }
    }
}

/// Beginnings of a text that may be shown for the whole while the rest is still being written: they end
/// with a word and leave no bracket open.
fn beginnings(text: &str) -> impl Iterator<Item = &str> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut depth = 0;
    let mut before = None;
    text.char_indices().filter_map(move |(at, c)| {
        let whole = depth == 0 && !word(c) && before.is_some_and(|c| word(c) || ")]}".contains(c));
        depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c));
        before = Some(c);
        whole.then(|| &text[..at])
    })
}

/// Blanks at the ends of lines and empty lines at a line's place are nobody's defect.
fn same(a: &str, b: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.trim_end().lines();
        lines.map(|line| line.trim_end().to_owned()).collect()
    };
    lines(a) == lines(b)
}

/// A case, what became of it, and the text that was seen at the cursor.
pub type Judged = (&'static Case, Became, String);

/// Asks at every case; a server that dies is missing its answers, which counts as nothing shown.
pub async fn run(client: &mut Client, endpoint: &Endpoint) -> Vec<Judged> {
    let mut found = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let (text, at) = case.split();
        let line = text[..at].rsplit('\n').next().unwrap_or_default();
        endpoint.set(line, case.answer);
        let (name, language) = case.file;
        let uri = client
            .open(&format!("case{number}/{name}"), language, &text)
            .await;
        let question = client.ask(&uri, at).await;
        let answer = client.answer(question, ANSWER_LIMIT).await;
        let (seen, accepted) = match answer {
            Some(answer) => (answer.ghost.unwrap_or_default(), answer.accepted),
            None => (String::new(), text),
        };
        found.push((case, case.judge(&accepted), seen));
        client.session.close(&uri).await;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, inserted: &str) -> Became {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        let (mut text, at) = case.split();
        text.insert_str(at, inserted);
        case.judge(&text)
    }

    #[test]
    fn each_case_knows_right_from_wrong() {
        for case in CASES {
            let as_said = judged(case.name, case.answer);
            let nothing = judged(case.name, "");
            let seen = (as_said, nothing);
            let wanted = match case.must {
                Must::Keep => (Became::Right, Became::Withheld),
                Must::Remove => (Became::Duplicated, Became::Right),
            };
            assert_eq!(seen, wanted, "{}", case.name);
            for good in case.good {
                assert_eq!(judged(case.name, good), Became::Right, "{}", case.name);
            }
        }
    }

    #[test]
    fn a_part_of_a_good_answer_is_damage() {
        let seen = judged("a bracket after a bracket", "a + b) * 2.0);");
        assert_eq!(seen, Became::Damaged);
        let seen = judged("a call before a closing bracket", "g(x");
        assert_eq!(seen, Became::Damaged);
        let seen = judged("a blank line inside a block", "let a = one();");
        assert_eq!(seen, Became::Right);
        let seen = judged("a letter after the same letter", "sword = word");
        assert_eq!(seen, Became::Right, "the rest may come later");
        let seen = judged("a letter after the same letter", "sword = wo");
        assert_eq!(seen, Became::Damaged);
    }
}
