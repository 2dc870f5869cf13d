//! What chunks a text has, in whose order, under which names.

use expect_test::{Expect, expect};

use super::*;

mod languages;

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
fn the_head_of_a_type_has_the_heads_of_its_members() {
    let body = long("        ");
    let text = format!(
        "/// Keeps users.\npub struct Store {{\n    rows: u8,\n}}\n\nimpl Store {{\n    /// Finds.\n    #[inline]\n    pub fn find(&self) -> u8 {{\n{body}    }}\n\n    pub fn drop_all(&mut self) {{\n{body}    }}\n}}\n"
    );
    let found = chunks("a.rs", &text, &mut || false);
    assert_eq!(
        found[0].text(&text).unwrap(),
        "/// Keeps users.\npub struct Store {\n    rows: u8,\n}\n\nimpl Store {\n    pub fn find(&self) -> u8 {\n    pub fn drop_all(&mut self) {\n"
    );
    assert!(found[1..].iter().all(|chunk| chunk.members.is_empty()));
    assert_eq!(found[0].text("another text"), None);
    // Members that stayed inside are there with all that they are.
    let short = "impl Store {\n    fn a() {}\n    fn b() {}\n}\n";
    let found = chunks("a.rs", short, &mut || false);
    assert_eq!(found[0].text(short).unwrap(), short);
}

#[test]
fn a_known_tree_gives_the_same_chunks() {
    let text = format!(
        "use a;\n\nfn one() {{\n{0}}}\n\nfn two() {{\n{0}}}\n",
        long("    ")
    );
    let tree = definitions::parse(&text, Language::Rust, &mut || false).unwrap();
    assert_eq!(
        chunks_of("a.rs", &text, &tree),
        chunks("a.rs", &text, &mut || false)
    );
    assert_eq!(
        chunks_of("a.md", "# A\n\nB.\n", &tree),
        chunks("a.md", "# A\n\nB.\n", &mut || false)
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
fn a_long_function_is_cut_between_its_statements() {
    let body = "        call(first, second, third, fourth, fifth);\n".repeat(14);
    let statement = format!("    // Why.\n    if ready {{\n{body}    }}\n");
    check(
        "a.rs",
        &format!("fn long() {{\n{}}}\n", statement.repeat(6)),
        expect![[r#"
            0..52 function long
            52..104 function long
        "#]],
    );
}

#[test]
fn a_name_is_what_a_question_calls_it() {
    let body = "    call(first, second, third, fourth, fifth);\n".repeat(8);
    check(
        "a.cpp",
        &format!(
            "int data::Store::find(int key) {{\n{body}}}\n\nbool Store::operator<(int key) {{\n{body}}}\n"
        ),
        expect![[r#"
            0..10 function data::Store::find
            11..21 function Store::operator<
        "#]],
    );
    let found = chunks("a.rs", "impl<K> cache::Cache<K> {}\n", &mut || false);
    assert_eq!(
        (&*found[0].name, &*found[0].qualified),
        ("Cache", "cache::Cache<K>")
    );
}

#[test]
fn of_settings_and_data_the_head_is_enough() {
    let text: String = (0..500)
        .map(|at| {
            format!(
                "[table{at}]\n{}\n",
                "key = \"some value that says something\"\n".repeat(8)
            )
        })
        .collect();
    assert_eq!(chunks("a.toml", &text, &mut || false).len(), 40);
    let data = format!("[\n{}]\n", "  [1, 2, 3, 4, 5, 6, 7, 8],\n".repeat(9_000));
    assert_eq!(chunks("a.json", &data, &mut || false).len(), 40);
}

/// What a file has: its definitions and lines, or its head alone.
fn is_generated(path: &str, text: &str) -> bool {
    let found = chunks(path, text, &mut || false);
    let generated = found.iter().any(|chunk| chunk.kind == Kind::Generated);
    assert!(!generated || found.len() == 1);
    generated
}

#[test]
fn of_what_nobody_wrote_there_is_the_head() {
    let code = "fn a() { let number = 1; }\n";
    let minified = format!("var a={};", "function(){return 1},".repeat(900));
    for (path, text) in [
        ("Cargo.lock", "version = 4\n"),
        ("web/Package-Lock.json", "{}\n"),
        ("go.sum", "a v1\n"),
        ("app.min.js", "var a = 1;\n"),
        ("app.js.map", "{}\n"),
        ("api.rs", "// @generated by a program\nfn a() {}\n"),
        (
            "api.go",
            "// Code generated by protoc. DO NOT EDIT.\npackage a\n",
        ),
        ("bundle.js", &minified),
        ("data.json", &format!("[{}]", "[1,2,3],".repeat(2_000))),
        (
            "table.py",
            &format!("a = '{}'\n", "x".repeat(140))
                .repeat(40)
                .replace('x', "xy"),
        ),
    ] {
        assert!(is_generated(path, text), "{path}");
    }
    for (path, text) in [
        ("lock.rs", code),
        ("src/flock.go", "package lock\n"),
        ("minimum.js", "var a = 1;\n"),
        ("map.ts", "const map = 1;\n"),
        ("roadmap.md", "# Map\n"),
        (
            "a.rs",
            "//! Files with the mark `@generated` are left out.\nfn a() {}\n",
        ),
        ("a.rs", &format!("{}// @generated\n", code.repeat(9))),
        (
            "README.md",
            &format!("{}\n", "A paragraph a line, as many write it. ".repeat(20)).repeat(9),
        ),
        (
            "a.rs",
            &format!(
                "{}const T: &str = \"{}\";\n",
                code.repeat(300),
                "x".repeat(2_000)
            ),
        ),
    ] {
        assert!(!is_generated(path, text), "{path} {text:.40}");
    }
}

#[test]
fn the_head_is_whole_lines_and_may_be_empty() {
    check(
        "Cargo.lock",
        &"version = 4\n".repeat(100),
        expect![[r#"
        0..25 generated 
    "#]],
    );
    let minified = format!("var a={};", "function(){return 1},".repeat(900));
    let found = chunks("a.js", &minified, &mut || false);
    assert_eq!(
        (found[0].bytes.clone(), found[0].lines.clone()),
        (0..0, 0..1)
    );
    assert_eq!(chunks("a.lock", "", &mut || false)[0].bytes, 0..0);
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
        for path in [
            "a.rs", "a.py", "a.ts", "a.md", "a", "a.json", "a.yaml", "a.html", "a.scala",
        ] {
            let mut asked = 0;
            let found = chunks(path, &text, &mut || {
                asked += 1;
                asked > 200
            });
            assert!(found.len() <= MOST);
        }
    }
}

/// What languages' files are made of, in no order that any of them wants.
const PIECES: &[&str] = &[
    "fn a() {\n",
    "}\n",
    "impl B {\n",
    "// note\n",
    "\n",
    "let x = 1;\n",
    "class C:\n",
    "    def d(self):\n",
    "        pass\n",
    "# head\n",
    "struct E;",
    "ü ",
    "mod f {\n",
    "\"",
    "const G: u8 = 1;\n",
    "end\n",
    "key: value\n",
    "- item\n",
    "[table]\n",
    "{ \"a\": 1,\n",
    "<p id=\"b\">",
    "</p>\n",
    "<?php\n",
    "case $a in\n",
    "esac\n",
    "<<EOF\n",
    "EOF\n",
    "@media x {\n",
    "/*",
    "*/",
    "'",
    "\t",
    "\r\n",
    "\u{2028}",
    "\u{202e}",
    "object H {\n",
    "namespace I;\n",
    "a = function()\n",
    "test \"j\" {\n",
];

/// A budget that grammars which try many readings at once run into; there are windows then.
fn soon() -> impl FnMut() -> bool {
    let mut asked = 0;
    move || {
        asked += 1;
        asked > 50
    }
}

/// A file of any language.
fn any_path() -> impl proptest::strategy::Strategy<Value = String> {
    let ends = Language::ALL.iter().flat_map(|l| l.extensions());
    let paths: Vec<String> = ends.map(|end| format!("a.{end}")).collect();
    proptest::sample::select(paths)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn every_worded_line_is_in_a_chunk(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60),
        path in any_path(),
    ) {
        let text = pieces.concat();
        let found = chunks(&path, &text, &mut soon());
        let mut covered = vec![false; text.split('\n').count() + 1];
        for chunk in &found {
            assert!(text.get(chunk.bytes.clone()).is_some());
            assert!(text.get(chunk.signature.clone()).is_some());
            assert!(chunk.lines.start < chunk.lines.end);
            covered[chunk.lines.start as usize..chunk.lines.end as usize].fill(true);
        }
        if found.len() == MOST_OF_CONFIGURATION {
            return Ok(());
        }
        for (number, line) in text.split('\n').enumerate() {
            let worded = line.contains(char::is_alphanumeric);
            assert!(covered[number] || !worded, "{number} of {path} {text:?}: {found:?}");
        }
    }

    #[test]
    fn any_bytes_in_any_language_have_chunks(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
        path in any_path(),
    ) {
        let text = String::from_utf8_lossy(&bytes);
        for chunk in chunks(&path, &text, &mut soon()) {
            assert!(text.get(chunk.bytes).is_some());
            assert!(text.get(chunk.signature).is_some());
        }
    }
}
