//! Text with a cursor `$0`, or a selection from `$0` to `$1`, in; the target's lines out.

use expect_test::{Expect, expect};
use foretoken_grammars::Language;

use super::*;

fn check(language: Language, marked: &str, expected: Expect) {
    let start = marked.find("$0").unwrap();
    let text = marked.replacen("$0", "", 1);
    let end = text.find("$1").unwrap_or(start);
    let text = text.replacen("$1", "", 1);
    let doc = Document::open("a", language, 1, &text);
    let shown = match target(&doc, start..end) {
        None => "nothing\n".to_owned(),
        Some(target) => {
            let mut shown = String::new();
            for head in &target.around {
                shown += &format!("in {}: {}\n", head.line + 1, head.text.trim());
            }
            let name = target.name.as_deref().unwrap_or("-");
            shown += &format!(
                "{}-{} from {} {name}\n{}\n",
                target.lines.start + 1,
                target.lines.end,
                target.head + 1,
                doc.rope().byte_slice(target.bytes)
            );
            shown
        }
    };
    expected.assert_eq(&shown);
}

#[test]
fn a_cursor_means_the_definition_around_it_with_what_stands_above() {
    check(
        Language::Rust,
        "struct A;\n\nimpl A {\n    /// Adds.\n    #[inline]\n    fn add(&self, b: u8) -> u8 {\n        b.$0into()\n    }\n}\n",
        expect![[r#"
            in 3: impl A {
            4-8 from 6 add
                /// Adds.
                #[inline]
                fn add(&self, b: u8) -> u8 {
                    b.into()
                }
        "#]],
    );
    // On its first letter, and in the indent before it.
    check(
        Language::Python,
        "class A:\n$0    def f(self):\n        return 1\n",
        expect![[r#"
            in 1: class A:
            2-3 from 2 f
                def f(self):
                    return 1
        "#]],
    );
    // Behind its last letter.
    check(
        Language::Python,
        "def f():\n    return 1$0\n",
        expect![[r#"
            1-2 from 1 f
            def f():
                return 1
        "#]],
    );
    // One character or line end is how Helix sends a cursor; two are a selection.
    for (marked, lines) in [
        ("def f(self):\n    a\n    $0é$1\n", "1-3"),
        ("def f(self):\n    a$0\n$1    b\n", "1-3"),
        ("def f(self):\r\n    a$0\r\n$1    b\r\n", "1-3"),
        ("def f(self):\n    a\n    $0bc$1\n", "3-3"),
    ] {
        let start = marked.find("$0").unwrap();
        let text = marked.replacen("$0", "", 1);
        let end = text.find("$1").unwrap();
        let doc = Document::open("a", Language::Python, 1, &text.replacen("$1", "", 1));
        let found = target(&doc, start..end).unwrap().lines;
        assert_eq!(
            format!("{}-{}", found.start + 1, found.end),
            lines,
            "{marked:?}"
        );
    }
    // A closure belongs to its function.
    check(
        Language::Rust,
        "fn outer() {\n    let f = |x: u8| { x$0 };\n}\n",
        expect![[r#"
            1-3 from 1 outer
            fn outer() {
                let f = |x: u8| { x };
            }
        "#]],
    );
}

#[test]
fn a_selection_is_taken_by_whole_lines() {
    check(
        Language::Go,
        "package a\n\nfunc F() int {\n\tx := $01\n\ty := 2\n$1\treturn x + y\n}\n",
        expect![[r#"
            in 3: func F() int {
            4-5 from 4 -
            	x := 1
            	y := 2
        "#]],
    );
    // One whole definition has its name.
    check(
        Language::Go,
        "package a\n\n$0func F() int {\n\treturn 1\n}\n\n$1",
        expect![[r#"
            3-5 from 3 F
            func F() int {
            	return 1
            }
        "#]],
    );
}

#[test]
fn a_selection_of_one_definition_has_what_stands_above_it() {
    check(
        Language::Rust,
        "struct A;\n\n/// Does.\n#[inline]\n$0fn f() {\n}\n$1",
        expect![[r#"
            3-6 from 5 f
            /// Does.
            #[inline]
            fn f() {
            }
        "#]],
    );
    check(
        Language::Rust,
        "$0/// Does.\n#[inline]\nfn f() {\n}\n$1\nstruct A;\n",
        expect![[r#"
            1-4 from 3 f
            /// Does.
            #[inline]
            fn f() {
            }
        "#]],
    );
}

#[test]
fn without_a_definition_it_is_the_paragraph() {
    check(
        Language::Text,
        "one\n\ntwo $0words\nthree\n\nfour\n",
        expect![[r#"
            3-4 from 3 -
            two words
            three
        "#]],
    );
    check(
        Language::Text,
        "one\n$0\ntwo\n",
        expect![[r#"
        nothing
    "#]],
    );
    check(
        Language::Rust,
        "$0  \n\n  $1",
        expect![[r#"
        nothing
    "#]],
    );
    check(
        Language::Rust,
        "$0",
        expect![[r#"
        nothing
    "#]],
    );
}

#[test]
fn c_names_stand_in_declarators() {
    check(
        Language::C,
        "static int *find(int key) {\n  return 0;$0\n}\n",
        expect![[r#"
            1-3 from 1 find
            static int *find(int key) {
              return 0;
            }
        "#]],
    );
}
