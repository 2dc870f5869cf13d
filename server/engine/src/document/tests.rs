//! Documents against a plain string that takes the same edits, and trees against fresh ones.

use foretoken_grammars::Language;
use proptest::prelude::*;
use ropey::Rope;

use super::*;
use crate::position::{Position, from_byte};

fn never() -> impl FnMut() -> bool {
    || false
}

fn whole(text: &str) -> Change {
    Change {
        range: None,
        text: text.to_owned(),
    }
}

fn change(start: (u32, u32), end: (u32, u32), text: &str) -> Change {
    let at = |(line, character)| Position { line, character };
    Change {
        range: Some(Range {
            start: at(start),
            end: at(end),
        }),
        text: text.to_owned(),
    }
}

/// The tree as text with byte offsets and points, so that two trees can be compared whole.
fn shape(document: &Document) -> String {
    fn visit(node: tree_sitter::Node<'_>, out: &mut String) {
        out.push_str(&format!(
            "{} {:?} {:?}-{:?}\n",
            node.kind(),
            node.byte_range(),
            node.start_position(),
            node.end_position()
        ));
        for index in 0..node.child_count() as u32 {
            if let Some(child) = node.child(index) {
                visit(child, out);
            }
        }
    }
    let mut out = String::new();
    if let Some(tree) = document.tree() {
        visit(tree.root_node(), &mut out);
    }
    out
}

fn fresh(document: &Document) -> Document {
    let text = document.rope().to_string();
    Document::open(document.path(), document.language(), 0, &text)
}

#[test]
fn opens_with_a_tree_and_keeps_what_it_was_told() {
    let document = Document::open("src/a.rs", Language::Rust, 7, "fn f() {}\n");
    assert_eq!(document.version(), 7);
    assert_eq!(document.path(), "src/a.rs");
    assert_eq!(document.language(), Language::Rust);
    assert!(!document.parse_pending());
    assert_eq!(document.tree().unwrap().root_node().kind(), "source_file");
    assert_eq!(
        Document::open("a", Language::Text, 1, "x")
            .tree()
            .map(|_| ()),
        None
    );
}

#[test]
fn a_batch_is_applied_in_its_order() {
    let mut document = Document::open("a.py", Language::Python, 1, "x = 1\n");
    let batch = [
        change((0, 4), (0, 5), "23"),
        change((0, 5), (0, 6), ""),
        whole("y = 2\n"),
    ];
    let applied = document
        .apply(2, &batch, Encoding::Utf16, &mut never())
        .unwrap();
    assert_eq!(document.rope().to_string(), "y = 2\n");
    let edits: Vec<_> = applied
        .edits
        .iter()
        .map(|edit| (edit.start, edit.removed.as_str(), edit.inserted.as_str()))
        .collect();
    // The whole text became the two characters in which it differs.
    assert_eq!(edits, [(4, "1", "23"), (5, "3", ""), (0, "x", "y")]);
    assert!(!applied.version_fell);
    assert_eq!(shape(&document), shape(&fresh(&document)));
}

#[test]
fn an_invalid_range_changes_nothing_of_the_batch() {
    let mut document = Document::open("a.rs", Language::Rust, 1, "fn f() {}\n");
    let before = shape(&document);
    for bad in [
        change((9, 0), (9, 0), "x"),
        change((0, 0), (9, 9), "x"),
        change((0, 5), (0, 2), "x"),
        change((1, 0), (0, 0), "x"),
        change((u32::MAX, u32::MAX), (u32::MAX, u32::MAX), "x"),
    ] {
        let batch = [change((0, 0), (0, 0), "// "), bad];
        let result = document.apply(2, &batch, Encoding::Utf8, &mut never());
        assert_eq!(result, Err(OutOfStep::RangeOutside { change: 1 }));
        assert_eq!(document.rope().to_string(), "fn f() {}\n");
        assert_eq!(document.version(), 1);
        assert_eq!(shape(&document), before);
    }
}

#[test]
fn falling_versions_are_reported_and_taken() {
    let mut document = Document::open("a", Language::Text, 5, "");
    let mut version_fell = |version| {
        let changes = [change((0, 0), (0, 0), "x")];
        document
            .apply(version, &changes, Encoding::Utf8, &mut never())
            .unwrap()
            .version_fell
    };
    assert_eq!(
        [7, 7, 3, 4].map(&mut version_fell),
        [false, true, true, false]
    );
    assert_eq!(document.rope().to_string(), "xxxx");
    assert_eq!(document.version(), 4);
}

#[test]
fn rows_are_those_of_the_parser_whatever_ends_the_lines() {
    // The rope ends lines at a lone `\r`, the parser does not; an edit can make one of a pair.
    for (text, start, end, typed) in [
        ("a();\r\nb();\r\nc();", (1, 0), (1, 0), "x();"),
        ("a();\rb();\r\nc();", (2, 0), (2, 0), "x();"),
        ("a();\r\nb();\r\nc();", (0, 4), (0, 4), "\r"),
        ("a();\nb();\nc();", (1, 0), (1, 0), "\rx();\r\r\n"),
    ] {
        let text = format!("fn f() {{\n{text}\n}}\n");
        let mut document = Document::open("a.rs", Language::Rust, 1, &text);
        let down = |(line, character): (u32, u32)| (line + 1, character);
        let changes = [change(down(start), down(end), typed)];
        document
            .apply(2, &changes, Encoding::Utf8, &mut never())
            .unwrap();
        let changes = [change((3, 0), (3, 0), "y();")];
        document
            .apply(3, &changes, Encoding::Utf8, &mut never())
            .unwrap();
        assert_eq!(shape(&document), shape(&fresh(&document)), "{text:?}");
    }
}

#[test]
fn a_snapshot_does_not_change() {
    let mut document = Document::open("a.rs", Language::Rust, 1, "fn f() {}\n");
    let snapshot = document.clone();
    document
        .apply(2, &[whole("struct S;\n")], Encoding::Utf8, &mut never())
        .unwrap();
    assert_eq!(snapshot.rope().to_string(), "fn f() {}\n");
    assert_eq!(snapshot.version(), 1);
    assert_eq!(shape(&snapshot), shape(&fresh(&snapshot)));
}

#[test]
fn removed_text_is_kept_only_in_part() {
    let text = "é".repeat(REMOVED_KEPT);
    let mut document = Document::open("a", Language::Text, 1, &format!("x{text}"));
    let applied = document
        .apply(2, &[whole("x")], Encoding::Utf8, &mut never())
        .unwrap();
    let edit = &applied.edits[0];
    assert_eq!((edit.start, edit.removed_len), (1, 2 * REMOVED_KEPT));
    assert_eq!(edit.removed.len(), REMOVED_KEPT);
    assert!(text.starts_with(&edit.removed));
}

/// A Rust text of about this many bytes.
fn large(bytes: usize) -> String {
    let function = "fn f(a: u32) -> u32 {\n    let b = a + 1;\n    b * 2\n}\n";
    function.repeat(bytes / function.len())
}

#[test]
fn a_stopped_parse_leaves_the_old_tree_moved_along() {
    let mut document = Document::open("a.rs", Language::Rust, 1, &large(20_000));
    let stopped = document.apply(
        2,
        &[change((0, 0), (0, 0), "struct S;\n")],
        Encoding::Utf8,
        &mut || true,
    );
    assert!(stopped.is_ok());
    assert!(document.parse_pending());
    let first = document.tree().unwrap().root_node().child(0).unwrap();
    assert_eq!((first.kind(), first.start_byte()), ("function_item", 10));
    assert!(document.reparse(&mut never()));
    assert!(!document.parse_pending());
    assert_eq!(shape(&document), shape(&fresh(&document)));
}

#[test]
fn a_tree_from_elsewhere_comes_home() {
    let mut document = Document::open("a.rs", Language::Rust, 1, &large(20_000));
    let edit = |document: &mut Document, version, stop: bool| {
        let changes = [change((0, 0), (0, 0), "struct S;\n")];
        document
            .apply(version, &changes, Encoding::Utf8, &mut || stop)
            .unwrap();
    };
    let elsewhere = |document: &Document| {
        let mut snapshot = document.clone();
        assert!(snapshot.reparse(&mut never()));
        (snapshot.version(), snapshot.tree().unwrap().clone())
    };
    edit(&mut document, 2, true);
    let (version, tree) = elsewhere(&document);
    let late = tree.clone();
    // Versions may skip numbers, and edits that came meanwhile move the tree along.
    edit(&mut document, 9, true);
    assert!(document.adopt_tree(version, tree));
    assert!(document.parse_pending());
    let second = document.tree().unwrap().root_node().child(0).unwrap();
    assert_eq!((second.kind(), second.start_byte()), ("struct_item", 10));
    let (version, tree) = elsewhere(&document);
    assert!(document.adopt_tree(version, tree));
    assert!(!document.parse_pending());
    assert_eq!(shape(&document), shape(&fresh(&document)));
    // Nobody waits for this one any more.
    assert!(!document.adopt_tree(2, late.clone()));
    edit(&mut document, 10, true);
    assert!(!document.adopt_tree(2, late.clone()));
    assert!(!document.adopt_tree(11, late));
}

#[test]
fn an_opening_that_takes_too_long_is_left_pending() {
    let mut document = Document::open("a.rs", Language::Rust, 1, &large(90_000));
    assert!(document.parse_pending());
    assert!(document.tree().is_none());
    // Nor is it begun again with every key.
    let mut asked = false;
    let changes = [change((0, 0), (0, 0), " ")];
    let ask = &mut || {
        asked = true;
        false
    };
    document.apply(1, &changes, Encoding::Utf8, ask).unwrap();
    assert!(document.parse_pending() && !asked);
    let mut snapshot = document.clone();
    assert!(snapshot.reparse(&mut never()));
    assert!(document.adopt_tree(1, snapshot.tree().unwrap().clone()));
    assert!(!document.parse_pending());
}

#[test]
fn there_is_no_tree_above_the_limits_and_one_again_below() {
    let mut document = Document::open("a.rs", Language::Rust, 1, &large(1_100_000));
    assert!(document.tree().is_none() && !document.parse_pending());
    document
        .apply(2, &[whole("fn f() {}")], Encoding::Utf8, &mut never())
        .unwrap();
    assert!(document.tree().is_some());
    let long = format!("const S: &str = \"{}\";", "x".repeat(TREE_LINE_LIMIT));
    document
        .apply(3, &[whole(&long)], Encoding::Utf8, &mut never())
        .unwrap();
    assert!(document.tree().is_none() && !document.parse_pending());
    document
        .apply(4, &[whole("fn f() {}")], Encoding::Utf8, &mut never())
        .unwrap();
    assert_eq!(shape(&document), shape(&fresh(&document)));
}

/// Two edits at the start of a document, one of them on a character of four bytes.
fn poke(language: Language, text: &str) {
    let mut document = Document::open("a", language, 1, text);
    let batch = [change((0, 1), (0, 3), "\0😀"), change((0, 0), (0, 0), "\r")];
    document
        .apply(2, &batch, Encoding::Utf16, &mut never())
        .unwrap();
    let text = document.rope().to_string();
    assert_eq!(document.longest_line(), LineLengths::of(&text).longest());
}

#[test]
fn strange_texts_are_calm() {
    let nul = "fn f() { \0\0 }\0\n\0".repeat(100);
    for text in [
        nul.as_str(),
        "\u{feff}fn f() {}",
        "\r\r\n\n\r",
        "\"\"\"'''`",
        "\0",
        "",
    ] {
        for language in Language::ALL.iter().copied() {
            poke(language, text);
        }
    }
}

#[test]
fn ten_megabytes_on_a_line_are_calm() {
    let line = "x".repeat(10 * 1024 * 1024);
    poke(Language::Rust, &line);
    poke(Language::Text, &line);
}

#[test]
fn the_longest_line_follows_the_edits() {
    let mut document = Document::open("a", Language::Text, 1, "ab\nabcd\r\nabc");
    let mut longest = |batch: &[Change]| {
        document
            .apply(2, batch, Encoding::Utf8, &mut never())
            .unwrap();
        document.longest_line()
    };
    assert_eq!(longest(&[]), 4);
    assert_eq!(longest(&[change((1, 0), (1, 3), "")]), 3);
    assert_eq!(longest(&[change((0, 2), (1, 0), "")]), 3);
    assert_eq!(longest(&[change((0, 0), (0, 0), "xxxx\rx")]), 4);
    assert_eq!(longest(&[whole("")]), 0);
}

#[derive(Clone, Debug)]
struct RandomEdit {
    from: prop::sample::Index,
    length: usize,
    text: String,
}

fn random_edits(count: usize) -> impl Strategy<Value = Vec<RandomEdit>> {
    const PIECES: &[&str] = &[
        "a",
        "é",
        "😀",
        "\n",
        "\r",
        "\r\n",
        " ",
        "\0",
        "{",
        "}",
        "\"",
        "fn f() {}\n",
        "漢字",
        "//",
    ];
    let text = prop::collection::vec(prop::sample::select(PIECES), 0..4);
    let edit = (any::<prop::sample::Index>(), 0usize..12, text).prop_map(|(from, length, text)| {
        RandomEdit {
            from,
            length,
            text: text.concat(),
        }
    });
    prop::collection::vec(edit, count)
}

fn floor(text: &str, mut byte: usize) -> usize {
    byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    // A thousand edits each, as an editor would send them, in all three encodings.
    #[test]
    fn a_thousand_edits_equal_a_plain_string(edits in random_edits(1_000)) {
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            let mut model = String::from("fn f() {\r\n    let é = \"😀\";\n}\r");
            let mut document = Document::open("a.rs", Language::Rust, 0, &model);
            for (version, edit) in edits.iter().enumerate() {
                let rope = Rope::from_str(&model);
                let start = floor(&model, edit.from.index(model.len() + 1));
                let end = floor(&model, start + edit.length);
                let range = Range {
                    start: from_byte(&rope, start, encoding),
                    end: from_byte(&rope, end, encoding),
                };
                // Between `\r` and `\n` no position exists; the editor's own is the line's end.
                let start = crate::position::to_byte(&rope, range.start, encoding).unwrap();
                let end = crate::position::to_byte(&rope, range.end, encoding).unwrap();
                model.replace_range(start..end, &edit.text);
                let changes = [Change { range: Some(range), text: edit.text.clone() }];
                let version = version as i32 + 1;
                let applied = document.apply(version, &changes, encoding, &mut never()).unwrap();
                for done in applied.edits {
                    prop_assert_eq!((done.start, done.removed_len), (start, end - start));
                    prop_assert_eq!(&done.inserted, &edit.text);
                }
            }
            prop_assert_eq!(document.rope().to_string(), model.clone());
            prop_assert_eq!(document.tree().unwrap().root_node().end_byte(), model.len());
            prop_assert_eq!(document.longest_line(), LineLengths::of(&document.rope().to_string()).longest());
            prop_assert_eq!(document.lengths.as_ref(), &LineLengths::of(&document.rope().to_string()));
        }
    }
}

/// Whole statements of a language between a first and a last line, so that every text between two
/// edits parses: where it does not, tree-sitter's repair may differ between a fresh and an
/// incremental parse. (So may the owner of a comment behind a block, where an `else` or a `;` could follow.)
struct Sample {
    language: Language,
    first: &'static str,
    last: &'static str,
    statements: [&'static str; 5],
}

const SAMPLES: [Sample; 3] = [
    Sample {
        language: Language::Rust,
        first: "fn f() {",
        last: "}",
        statements: [
            "let é = \"😀\";",
            "f(|x| x + 1);",
            "// note",
            "loop { b() }",
            "let s = 'c';",
        ],
    },
    Sample {
        language: Language::Python,
        first: "def f():",
        last: "    return 1",
        statements: [
            "    é = '😀'",
            "    f(lambda x: x)",
            "    # note",
            "    s = f\"{a} b\"",
            "    a()",
        ],
    },
    Sample {
        language: Language::Tsx,
        first: "function f() {",
        last: "}",
        statements: [
            "const é = `😀 ${a}`;",
            "f((x) => x);",
            "/* note */",
            "a ? b() : { c: 1 };",
            "<p>é</p>;",
        ],
    },
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn an_incremental_tree_equals_a_fresh_one(
        sample in 0usize..3,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..5), 40),
        crlf in any::<bool>(),
    ) {
        let Sample { language, first, last, statements } = &SAMPLES[sample];
        let eol = if crlf { "\r\n" } else { "\n" };
        let mut lines: Vec<&str> = vec![statements[0]; 3];
        let text = |lines: &[&str]| format!("{first}{eol}{}{eol}{last}{eol}", lines.join(eol));
        let mut document = Document::open("a", *language, 0, &text(&lines));
        for (version, (at, what)) in edits.into_iter().enumerate() {
            let at = at.index(lines.len());
            let start = (at as u32 + 1, 0);
            let changes = if version % 3 == 2 && lines.len() > 1 {
                lines.remove(at);
                [change(start, (start.0 + 1, 0), "")]
            } else {
                lines.insert(at, statements[what]);
                [change(start, start, &format!("{}{eol}", statements[what]))]
            };
            document.apply(version as i32, &changes, Encoding::Utf16, &mut never()).unwrap();
            prop_assert_eq!(document.rope().to_string(), text(&lines));
            prop_assert!(!document.tree().unwrap().root_node().has_error());
            prop_assert_eq!(shape(&document), shape(&fresh(&document)));
        }
    }

    #[test]
    fn a_whole_text_becomes_its_difference(
        old in "[ab\\n\\réß😀]{0,40}",
        new in "[ab\\n\\réß😀]{0,40}",
    ) {
        let mut document = Document::open("a.rs", Language::Rust, 0, &old);
        let applied = document.apply(1, &[whole(&new)], Encoding::Utf8, &mut never()).unwrap();
        prop_assert_eq!(document.rope().to_string(), new.clone());
        prop_assert!(applied.edits.len() <= 1);
        if let Some(edit) = applied.edits.first() {
            let mut model = old.clone();
            model.replace_range(edit.start..edit.start + edit.removed_len, &edit.inserted);
            prop_assert_eq!(model, new);
        }
    }
}
