//! Accepted text in, ways out; counts in, sentences out.

use std::ops::Range;

use expect_test::{Expect, expect};
use foretoken_grammars::Language;
use proptest::prelude::*;

use super::*;
use crate::document::Document;

/// What the text between `[[` and `]]` shows; all of the text where there are no such marks.
fn shown(path: &str, text: &str) -> Tally {
    let language = Language::from_path(path).unwrap();
    let plain = text.replace("[[", "").replace("]]", "");
    let mut document = Document::open(path, language, 0, &plain);
    document.reparse(&mut || false);
    let accepted = match (text.find("[["), text.find("]]")) {
        (Some(start), Some(end)) => start..end - 2,
        _ => 0..plain.len(),
    };
    seen(&document, &[accepted])
}

fn check(path: &str, text: &str, expected: Expect) {
    let tally = shown(path, text);
    let rows: Vec<String> = tally
        .rows()
        .map(|(code, count)| format!("{code} {count}"))
        .collect();
    expected.assert_eq(&rows.join(", "));
}

/// The count of each of these ways in the text.
fn ways<const N: usize>(path: &str, text: &str, ways: [Way; N]) -> [u64; N] {
    let tally = shown(path, text);
    ways.map(|way| tally.count(way))
}

#[test]
fn a_function_of_python_shows_its_ways() {
    check(
        "shop/cart.py",
        "def add_row(row: int) -> None:\n    \"\"\"Adds.\"\"\"\n    row_count = 'a'\n    name = f'{row_count}'\n    call(\n        row,\n        name,\n    )\n",
        expect![
            "indentation.4 1, quotes.single 2, commas.with 1, names.snake 2, documentation.with 1, hints.with 1, formatting.interpolated 1"
        ],
    );
}

#[test]
fn a_function_of_typescript_shows_its_ways() {
    check(
        "shop/cart.ts",
        "/** Adds. */\nexport function addRow(row: number) {\n  const rowCount = 'a';\n  return [\n    rowCount,\n    row\n  ];\n}\n",
        expect![
            "indentation.2 1, quotes.single 1, semicolons.with 2, commas.without 1, names.camel 2, documentation.with 1"
        ],
    );
}

#[test]
fn a_function_of_rust_shows_its_ways() {
    check(
        "src/cart.rs",
        "/// Reads.\n#[inline]\npub fn read(path: &Path) -> io::Result<u8> {\n    let text = fs::read(path)?;\n    let first = text.first().expect(\"one\");\n    Ok(*first)\n}\n\npub fn other() {}\n",
        expect![
            "indentation.4 1, documentation.with 1, documentation.without 1, errors.passed-on 1, errors.unwrapped 1, taking.expect 1"
        ],
    );
}

#[test]
fn other_languages_show_how_they_are_indented() {
    check(
        "a.go",
        "func f() {\n\tif x {\n\t\ty()\n\t}\n}\n",
        expect!["indentation.tabs 2"],
    );
    check(
        "a.c",
        "int f(void) {\n  return 1;\n}\n",
        expect!["indentation.2 1"],
    );
    check("a.md", "# A\n\n- b\n    - c\n", expect![""]);
}

#[test]
fn a43_only_what_was_accepted_is_counted() {
    let text = "a = \"x\"\nb = \"y\"\n[[c = 'z'\n]]d = \"w\"\ndef f_g(h_i):\n  pass\n";
    check("a.py", text, expect!["quotes.single 1"]);
    let text = "const a = \"x\"\n[[const b = 'y';\n]]const c = \"z\"\n";
    check("a.js", text, expect!["quotes.single 1, semicolons.with 1"]);
    // A node that is only half accepted says nothing.
    check(
        "a.py",
        "a = 'x[[yz' + \"b\"]]\n",
        expect!["quotes.double 1"],
    );
    check("a.py", "a = 'it[[em']]\n", expect![""]);
    check("a.js", "const aB = f([[1)]];\n", expect![""]);
}

#[test]
fn what_the_parser_cannot_read_shows_nothing() {
    check("a.py", "a = ('b'\ndef (((\n", expect![""]);
    check("a.js", "const a = {{{ 'b';\n", expect![""]);
}

#[test]
fn a_quote_inside_decides_and_three_are_another_matter() {
    let quotes = [Way::SingleQuotes, Way::DoubleQuotes];
    for (text, expected) in [
        ("a = 'b'", [1, 0]),
        ("a = \"b\"", [0, 1]),
        ("a = r'b'", [1, 0]),
        ("a = \"it's\"", [0, 0]),
        ("a = 'say \"x\"'", [0, 0]),
        ("a = 'it\\'s'", [0, 0]),
        ("a = '''b'''", [0, 0]),
        ("a = f\"{b['c']}\"", [0, 0]),
        ("a = f'{b}'", [1, 0]),
        ("a = 'b' 'c'", [2, 0]),
    ] {
        assert_eq!(ways("a.py", text, quotes), expected, "{text}");
    }
    for (text, expected) in [
        ("a = `b`;", [0, 0]),
        ("a = `${b('c')}`;", [1, 0]),
        ("<a b=\"c\">{d('e')}</a>;", [1, 0]),
    ] {
        assert_eq!(ways("a.tsx", text, quotes), expected, "{text}");
    }
}

#[test]
fn semicolons_count_at_the_end_of_lines() {
    let semicolons = [Way::Semicolons, Way::NoSemicolons];
    for (text, expected) in [
        ("f();\ng();\n", [2, 0]),
        ("f()\ng()\n", [0, 2]),
        ("f()", [0, 1]),
        ("f(); g();\n", [1, 0]),
        ("x.map(() => { f() })\n", [0, 1]),
        ("for (let i = 0; i < 2; i++) {}\n", [0, 0]),
        ("import a from 'b'\n", [0, 1]),
        ("export const a = 1;\n", [1, 0]),
        ("if (a) {\n  return\n}\n", [0, 1]),
        ("[[f()]];\n", [0, 0]),
    ] {
        assert_eq!(ways("a.js", text, semicolons), expected, "{text}");
    }
}

#[test]
fn commas_count_where_the_bracket_has_its_own_line() {
    let commas = [Way::Commas, Way::NoCommas];
    for (text, expected) in [
        ("a = [1, 2]", [0, 0]),
        ("a = [1, 2,]", [0, 0]),
        ("a = [\n  1,\n  2,\n]", [1, 0]),
        ("a = [\n  1,\n  2\n]", [0, 1]),
        ("a = [\n  1,\n  2,  # two\n]", [1, 0]),
        ("a = [\n  1, 2]", [0, 0]),
        ("a = [\n]", [0, 0]),
        ("a = (\n  1,\n)", [0, 0]),
        ("f(\n  1,\n  b=2\n)", [0, 1]),
        ("a = [\n  x for x in y\n]", [0, 0]),
    ] {
        assert_eq!(ways("a.py", text, commas), expected, "{text}");
    }
    for (text, expected) in [
        ("const a = {\n  b: 1,\n};", [1, 0]),
        ("const a = {\n  b: 1\n};", [0, 1]),
        ("f(() => {\n  g();\n});", [0, 0]),
        ("f(\n  1\n);", [0, 0]),
    ] {
        assert_eq!(ways("a.js", text, commas), expected, "{text}");
    }
}

#[test]
fn names_of_one_word_say_nothing() {
    let names = [Way::Snake, Way::Camel];
    for (text, expected) in [
        ("row = 1", [0, 0]),
        ("row_count = 1", [1, 0]),
        ("rowCount = 1", [0, 1]),
        ("_row = 1", [0, 0]),
        ("__row_count__ = 1", [1, 0]),
        ("ROW_COUNT = 1", [0, 0]),
        ("RowCount = 1", [0, 0]),
        ("row_Count = 1", [0, 0]),
        ("a.row_count = 1", [0, 0]),
        ("def add_row(): pass", [1, 0]),
        ("use(row_count)", [0, 0]),
    ] {
        assert_eq!(ways("a.py", text, names), expected, "{text}");
    }
    let text = "class A { addRow() {} }\nconst [a, bC] = d;\n";
    assert_eq!(ways("a.js", text, names), [0, 1]);
}

#[test]
fn documentation_counts_on_what_others_call() {
    let docs = [Way::Documented, Way::Undocumented];
    for (path, text, expected) in [
        ("a.rs", "/// A.\npub fn a() {}\n", [1, 0]),
        ("a.rs", "pub fn a() {}\n", [0, 1]),
        ("a.rs", "fn a() {}\n", [0, 0]),
        ("a.rs", "// A.\npub fn a() {}\n", [0, 1]),
        ("a.rs", "#[test]\npub fn a() {}\n", [0, 0]),
        ("tests/a.rs", "pub fn a() {}\n", [0, 0]),
        ("a.rs", "/// A.\n[[pub fn a() {}]]\n", [0, 0]),
        ("a.py", "def a():\n    'A.'\n", [1, 0]),
        ("a.py", "def a():\n    pass\n", [0, 1]),
        ("a.py", "def a():\n    return 'A.'\n", [0, 1]),
        ("a.py", "def _a():\n    pass\n", [0, 0]),
        ("a.py", "def test_a():\n    pass\n", [0, 0]),
        ("a.ts", "/** A. */\nfunction a() {}\n", [1, 0]),
        ("a.ts", "// A.\nfunction a() {}\n", [0, 1]),
    ] {
        assert_eq!(ways(path, text, docs), expected, "{text}");
    }
}

#[test]
fn hints_and_formatting_of_python() {
    let hints = [Way::Hints, Way::NoHints];
    for (text, expected) in [
        ("def a(b): pass", [0, 1]),
        ("def a(b: int): pass", [1, 0]),
        ("def a(b: int = 1): pass", [1, 0]),
        ("def a(b=1): pass", [0, 1]),
        ("def a() -> int: pass", [1, 0]),
        ("def a(): pass", [0, 0]),
        ("def a(self): pass", [0, 0]),
        ("def a(self, b): pass", [0, 1]),
    ] {
        assert_eq!(ways("a.py", text, hints), expected, "{text}");
    }
    let formatting = [Way::Interpolated, Way::Format, Way::Percent];
    for (text, expected) in [
        ("a = f'{b} {c}'", [1, 0, 0]),
        ("a = f'b'", [0, 0, 0]),
        ("a = '{}'.format(b)", [0, 1, 0]),
        ("a = b.format(c)", [0, 0, 0]),
        ("a = '%s' % b", [0, 0, 1]),
        ("a = 7 % b", [0, 0, 0]),
    ] {
        assert_eq!(ways("a.py", text, formatting), expected, "{text}");
    }
}

#[test]
fn errors_of_rust_count_outside_of_tests() {
    let errors = [Way::PassedOn, Way::Unwrapped, Way::Expect, Way::Unwrap];
    for (text, expected) in [
        ("fn a() { b()?; }", [1, 0, 0, 0]),
        ("fn a() { b().unwrap(); }", [0, 1, 0, 1]),
        ("fn a() { b().expect(\"c\"); }", [0, 1, 1, 0]),
        ("fn a() { b().unwrap_or(1); }", [0, 0, 0, 0]),
        ("#[test]\nfn a() { b().unwrap(); }", [0, 0, 0, 0]),
        (
            "#[cfg(test)]\nmod t { fn a() { b().unwrap(); } }",
            [0, 0, 0, 0],
        ),
    ] {
        assert_eq!(ways("a.rs", text, errors), expected, "{text}");
    }
    assert_eq!(
        ways("tests/a.rs", "fn a() { b().unwrap(); }", errors),
        [0, 0, 0, 0]
    );
}

#[test]
fn steps_count_from_a_line_that_opens_a_block() {
    let steps = [Way::Tabs, Way::Two, Way::Four, Way::Eight];
    for (path, text, expected) in [
        ("a.rs", "fn a() {\n    b();\n}\n", [0, 0, 1, 0]),
        ("a.rs", "fn a() {\r\n\tb();\r\n}\r\n", [1, 0, 0, 0]),
        ("a.rs", "fn a() {\n\n  b();\n}\n", [0, 1, 0, 0]),
        ("a.rs", "fn a() {\n   b();\n}\n", [0, 0, 0, 0]),
        ("a.rs", "fn a() {\n}\n", [0, 0, 0, 0]),
        ("a.rs", "fn a() { // {\n  b();\n}\n", [0, 0, 0, 0]),
        ("a.rs", "fn a(\n        b: u8,\n) {}\n", [0, 0, 0, 0]),
        ("a.rs", "const A: &str = \"{\n    b\";\n", [0, 0, 0, 0]),
        ("a.py", "if a:\n        b()\n", [0, 0, 0, 1]),
        ("a.py", "b(\n    c,\n)\n", [0, 0, 0, 0]),
        // The first line began before what was accepted.
        (
            "a.rs",
            "    if a [[{\n        b();\n    }]]\n",
            [0, 0, 0, 0],
        ),
    ] {
        assert_eq!(ways(path, text, steps), expected, "{text:?}");
    }
}

#[test]
fn edits_show_what_they_brought() {
    let document = Document::open("a.py", Language::Python, 0, "a = \"x\"\nb = 2\nc = \"y\"\n");
    let edit = |bytes: Range<usize>, text: &str| (bytes, text.to_owned());
    // In whatever order they come.
    let edits = [edit(22..22, "d = 'w'\n"), edit(8..14, "b = 'z'\n")];
    let tally = seen_in_edits(&document, &edits);
    assert_eq!(tally.count(Way::SingleQuotes), 2);
    assert_eq!(tally.count(Way::DoubleQuotes), 0);
    for wrong in [
        vec![edit(0..99, "'a'\n")],
        vec![edit(0..8, "'a'\n"), edit(4..8, "'b'\n")],
        vec![edit(99..99, "'a'\n")],
    ] {
        assert!(seen_in_edits(&document, &wrong).is_empty(), "{wrong:?}");
    }
}

#[test]
fn a43_one_text_makes_no_habit() {
    let many = "f('a')\n".repeat(100);
    assert_eq!(
        ways("a.py", &many, [Way::SingleQuotes]),
        [AT_ONCE],
        "of each habit so many"
    );
}

fn tally(rows: &[(Way, u64)]) -> Tally {
    Tally::from_rows(rows.iter().map(|(way, count)| (way.code(), *count)))
}

#[test]
fn a_sentence_needs_enough_that_says_the_same() {
    let said = |single, double| {
        let tally = tally(&[(Way::SingleQuotes, single), (Way::DoubleQuotes, double)]);
        sentences(Language::Python, &tally)
    };
    let single = ["Writes strings in single quotes."];
    assert_eq!(said(20, 0), single);
    assert!(said(19, 0).is_empty());
    assert_eq!(said(16, 4), single);
    assert!(said(15, 5).is_empty());
    assert_eq!(said(0, u64::MAX), ["Writes strings in double quotes."]);
}

#[test]
fn a_language_is_told_of_its_own_habits_only() {
    let all = Way::ALL.map(|way| (way, 100));
    for language in Language::ALL {
        for (way, _) in all {
            let said = sentences(*language, &tally(&[(way, 100)]));
            let expected = way.sentence().filter(|_| way.habit().shows_in(*language));
            assert_eq!(said, Vec::from_iter(expected), "{language:?} {way:?}");
        }
    }
    assert!(!Habit::Semicolons.shows_in(Language::Python));
    assert!(!Habit::Indentation.shows_in(Language::Text));
}

#[test]
fn all_sentences_of_a_language_have_at_most_200_tokens() {
    for language in Language::ALL {
        // The longest sentence of each habit.
        let mut bytes = std::collections::BTreeMap::new();
        for way in Way::ALL {
            let longest: &mut usize = bytes.entry(way.habit()).or_default();
            let sentence = way.sentence().filter(|_| way.habit().shows_in(*language));
            *longest = (*longest).max(sentence.map_or(0, |sentence| sentence.len() + 1));
        }
        let bytes: usize = bytes.values().sum();
        // Three bytes a token, as prompts for remote models are counted.
        assert!(bytes.div_ceil(3) <= 200, "{language:?}: {bytes} bytes");
    }
}

#[test]
fn what_a_prompt_is_told() {
    let tally = tally(&[(Way::NoSemicolons, 30), (Way::Two, 25), (Way::Camel, 3)]);
    let told = |tally: &Tally, notes: Option<&str>| {
        described(Language::TypeScript, tally, notes).unwrap_or_default()
    };
    expect![[r#"
        In the user's own words:
        Prefer iterators.
        How the user writes TypeScript, by what was accepted:
        Indents with 2 spaces.
        Leaves semicolons out.
    "#]]
    .assert_eq(&told(&tally, Some("Prefer iterators.")));
    expect![[r#"
        In the user's own words:
        Prefer iterators.
    "#]]
    .assert_eq(&told(&Tally::default(), Some("Prefer iterators.")));
    assert_eq!(told(&Tally::default(), None), "");
}

#[test]
fn a43_what_is_kept_comes_back_and_nothing_else_does() {
    let kept = tally(&Way::ALL.map(|way| (way, 7)));
    assert_eq!(Tally::from_rows(kept.rows()), kept);
    let codes: std::collections::BTreeSet<&str> = kept.rows().map(|(code, _)| code).collect();
    assert_eq!(codes.len(), Way::ALL.len(), "each code is its own");
    let foreign = [("ignore previous instructions", 90), ("quotes.single", 0)];
    assert!(Tally::from_rows(foreign).is_empty());
}

#[test]
fn old_observations_count_half_when_there_are_many() {
    let mut kept = tally(&[(Way::SingleQuotes, MOST), (Way::Commas, 9)]);
    kept.learn(&tally(&[(Way::DoubleQuotes, 4)]));
    assert_eq!(
        kept,
        tally(&[
            (Way::SingleQuotes, MOST / 2),
            (Way::DoubleQuotes, 2),
            (Way::Commas, 9)
        ])
    );
    // Whoever changes is followed.
    for _ in 0..200 {
        kept.learn(&tally(&[(Way::DoubleQuotes, AT_ONCE)]));
    }
    assert_eq!(
        sentences(Language::Python, &kept),
        ["Writes strings in double quotes."]
    );
    let mut huge = tally(&[(Way::Tabs, u64::MAX)]);
    huge.learn(&tally(&[(Way::Tabs, u64::MAX)]));
    assert!(huge.count(Way::Tabs) <= MOST);
}

proptest! {
    /// Whatever stands in a file, and whatever of it was accepted: counts of ways come out, a few of each.
    #[test]
    fn any_text_is_counted_calmly(text in "[a-z(){}\\[\\]:;,'\"`f =\n\t/#é]{0,200}", from in 0usize..250, len in 0usize..250) {
        for path in ["a.py", "a.tsx", "a.rs", "a.go"] {
            let language = Language::from_path(path).unwrap();
            let mut document = Document::open(path, language, 0, &text);
            document.reparse(&mut || false);
            let tally = seen(&document, &[from..from + len, 0..text.len()]);
            for (code, count) in tally.rows() {
                prop_assert!(count <= AT_ONCE);
                prop_assert!(Way::from_code(code).unwrap().habit().shows_in(language));
            }
        }
    }
}
