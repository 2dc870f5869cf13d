//! What chunks a text has, in whose order, under which names.

use expect_test::{Expect, expect};

use super::*;

fn check(path: &str, text: &str, expected: Expect) {
    let found = chunks(path, text, &mut || false);
    let mut shown = String::new();
    for chunk in &found {
        let names = match chunk.names.as_slice() {
            [] => String::new(),
            names => format!(" + {}", names.join(" ")),
        };
        shown += &format!(
            "{}..{} {} {}{names}\n",
            chunk.lines.start,
            chunk.lines.end,
            chunk.kind.word(),
            chunk.qualified,
        );
    }
    expected.assert_eq(&shown);
}

/// A body long enough that its definition is not joined with its neighbours.
fn long(indent: &str) -> String {
    format!("{indent}let number = compute(first, second, third, fourth);\n").repeat(6)
}

#[test]
fn definitions_with_their_comments() {
    let body = long("    ");
    let text = format!(
        "use std::fmt;\n\n/// Adds.\n#[inline]\nfn add() {{\n{body}}}\n\nfn sub() {{\n{body}}}\nconst A: u8 = 1;\nconst B: u8 = 2;\n"
    );
    check(
        "a.rs",
        &text,
        expect![[r#"
        0..2 rest 
        2..12 function add
        13..21 function sub
        21..23 value A + B
    "#]],
    );
}

#[test]
fn members_apart_from_their_type() {
    let body = long("        ").replace("let ", "").replace(';', "");
    let text = format!(
        "import os\n\nclass Store:\n    \"\"\"Keeps things.\"\"\"\n    limit = 3\n\n    @property\n    def get(self):\n{body}\n    def put(self):\n{body}\n\ndef alone():\n{body}"
    );
    check(
        "store.py",
        &text,
        expect![[r#"
            0..2 rest 
            2..6 type Store
            6..14 function Store.get
            15..22 function Store.put
            24..31 function alone
        "#]],
    );
}

#[test]
fn a_long_function_is_cut_and_keeps_its_name() {
    let text = format!("fn long() {{\n{}}}\n", long("    ").repeat(10));
    check(
        "a.rs",
        &text,
        expect![[r#"
        0..43 function long
        43..62 function long
    "#]],
    );
}

#[test]
fn sections_by_their_headings() {
    check(
        "README.md",
        "Intro\n\n# Tool\n\ntext\n\n## Use\n\n```sh\n# no heading\n```\n\nOther\n-----\nmore\n",
        expect![[r#"
            0..2 section 
            2..6 section Tool
            6..12 section Tool > Use
            12..15 section Tool > Other
        "#]],
    );
}

#[test]
fn windows_where_nothing_is_known() {
    let text = "some words in a line\n".repeat(100);
    check(
        "notes",
        &text,
        expect![[r#"
        0..60 window 
        45..100 window 
    "#]],
    );
    check(
        "broken.rs",
        &"%% } ) ( ]] ]\n) } not rust\n".repeat(40),
        expect![[r#"
            0..60 window 
            45..80 window 
        "#]],
    );
}

#[test]
fn once_stopped_there_are_windows() {
    let text = "fn a() { let a = 1; }\n".repeat(2_000);
    let found = chunks("a.rs", &text, &mut || true);
    assert!(found.iter().all(|chunk| chunk.kind == Kind::Window));
    assert!(!found.is_empty());
}

#[test]
fn hostile_shapes_end_soon() {
    for text in [
        "[".repeat(100_000),
        "fn f() {".repeat(20_000),
        "class A:\n".repeat(5_000),
        "x".repeat(4 << 20),
        "\u{feff}fn a() {}\r\nfn b() {}\r\n".to_owned(),
        String::new(),
    ] {
        for path in ["a.rs", "a.py", "a.ts", "a.md", "a"] {
            let mut asked = 0;
            let found = chunks(path, &text, &mut || {
                asked += 1;
                asked > 20_000
            });
            assert!(found.len() <= MOST);
        }
    }
}

proptest::proptest! {
    #[test]
    fn every_worded_line_is_in_a_chunk(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "fn a() {\n", "}\n", "impl B {\n", "// note\n", "\n", "let x = 1;\n", "class C:\n",
            "    def d(self):\n", "        pass\n", "# head\n", "struct E;", "ü ", "mod f {\n", "\"", "const G: u8 = 1;\n",
        ]), 0..60),
        path in proptest::sample::select(vec!["a.rs", "a.py", "a.js", "a.go", "a.java", "a.cpp", "a.md", "a.txt"]),
    ) {
        let text = pieces.concat();
        let found = chunks(path, &text, &mut || false);
        let mut covered = vec![false; text.lines().count() + 1];
        for chunk in &found {
            assert!(text.get(chunk.bytes.clone()).is_some());
            assert!(text.get(chunk.signature.clone()).is_some());
            assert!(chunk.lines.start < chunk.lines.end);
            covered[chunk.lines.start as usize..chunk.lines.end as usize].fill(true);
        }
        for (number, line) in text.lines().enumerate() {
            assert!(covered[number] || !line.contains(char::is_alphanumeric), "{number} of {text:?}: {found:?}");
        }
    }
}
