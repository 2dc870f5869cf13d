//! The attacks on a developer who opens somebody else's repository, each tried on the real program. The model
//! in them obeys the attacker, completely: what holds, holds without its help.
//!
//! Every attack has a number, and the tests against it, here or beside the code, are named after it:
//! `a07_…`. The table below says what each number is, and fails where one has no test.

use std::collections::BTreeMap;

use super::tidy::source;

mod answers;
mod files;
mod hidden;
mod rules;
mod secrets;
mod stream;
mod weight;
mod workspace;

/// Number and input of every attack that is defended against today. 32 is about a gateway for teams, which does
/// not exist.
const ATTACKS: &[(u8, &str)] = &[
    (
        1,
        "a workspace file or an editor's project settings name an endpoint",
    ),
    (2, "the editor pushes a new address while a key is stored"),
    (
        3,
        "another port, scheme, look-alike or dotted spelling of a known host",
    ),
    (4, "an endpoint redirects to another origin"),
    (
        5,
        "a workspace's .env names addresses, proxies and authorities",
    ),
    (6, "a workspace that is not trusted is opened"),
    (
        7,
        "a comment orders the model to reveal, link or edit something else",
    ),
    (8, "source holds control tokens"),
    (9, "source holds characters that nobody sees"),
    (
        10,
        "an answer holds pictures, HTML and links that run or carry data",
    ),
    (11, "an answer holds terminal sequences"),
    (
        12,
        "an edit aims outside of its range, at settings or devices",
    ),
    (
        13,
        "links lead out of the workspace or in circles, or appear between look and reading",
    ),
    (
        14,
        "hard links, pipes, sockets, devices and sparse files called x.rs",
    ),
    (
        15,
        "tool calls with absolute paths, huge arguments, without end or unknown",
    ),
    (
        16,
        "keys in the text, in its neighbours, split over sections, wrapped",
    ),
    (17, "secret-shaped text in a suggestion or an answer"),
    (18, "a key is echoed by the provider or a panic"),
    (
        19,
        "an excluded file is open, imported, spoken of, or was answered about",
    ),
    (20, "a connection that is not safe"),
    (21, "external data of a model leaves its folder"),
    (
        22,
        "a model with unknown operators, impossible shapes, or half of a file",
    ),
    (
        23,
        "a pickle, a hostile tokenizer, a wrong or exchanged file",
    ),
    (
        24,
        "huge lines, files, trees, nesting, floods, bytes that are no text",
    ),
    (25, "texts that are slow to parse or to match"),
    (26, "a stream breaks in every way"),
    (27, "an answer without end"),
    (
        28,
        "refusals in the wrong shape: budgets, login pages, a key that expires",
    ),
    (29, "a repository that has Git run its programs"),
    (30, "names of files and symbols that are markup"),
    (31, "another user of the machine"),
    (
        33,
        "feedback about what was never shown, or about one answer many times",
    ),
    (34, "a planted answer or row of another workspace"),
    (
        35,
        "an edit imports a package that the project does not have",
    ),
    (36, "the mark between sections is known to the attacker"),
    (37, "a forged conversation"),
    (38, "text shaped like our placeholders for secrets"),
    (
        39,
        "a workspace file that is broken, loosens, or appears in mid-session",
    ),
    (
        40,
        "secrets on the clipboard, in the environment, on the terminal",
    ),
    (
        41,
        "forged sections and citations of lines that do not exist",
    ),
    (42, "an endpoint's names and errors carry markup or orders"),
    (
        43,
        "a file that wants to be remembered: its words or its ways in what is known of the user",
    ),
];

#[test]
fn every_attack_has_a_test_that_is_named_after_it() {
    let mut tests: BTreeMap<u8, usize> = BTreeMap::new();
    for source in source::all() {
        let mut is_test = false;
        // A test's name stands on the first line that begins a function behind its attribute.
        for line in source.text.lines().map(str::trim_start) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let name = line.strip_prefix("fn ").or(line.strip_prefix("async fn "));
            let Some(name) = name else { continue };
            if std::mem::take(&mut is_test) {
                numbers(name).for_each(|number| *tests.entry(number).or_default() += 1);
            }
        }
    }
    let missing: Vec<String> = ATTACKS
        .iter()
        .filter(|(number, _)| !tests.contains_key(number))
        .map(|(number, input)| format!("a{number:02}: {input}"))
        .collect();
    assert!(
        missing.is_empty(),
        "no test against\n{}",
        missing.join("\n")
    );
    let unknown: Vec<&u8> = tests
        .keys()
        .filter(|number| !ATTACKS.iter().any(|(known, _)| known == *number))
        .collect();
    assert!(
        unknown.is_empty(),
        "tests against what is not listed: {unknown:?}"
    );
}

/// The numbers at the beginning of a name: `a03_a20_…` is about two.
fn numbers(name: &str) -> impl Iterator<Item = u8> {
    name.split('_').map_while(|part| {
        let digits = part.strip_prefix('a').filter(|digits| digits.len() == 2)?;
        digits.parse().ok()
    })
}
