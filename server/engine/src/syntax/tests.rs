//! `$0` marks the place.

use foretoken_grammars::Language;
use proptest::prelude::*;

use super::*;
use crate::document::Change;
use crate::position::{Encoding, from_byte};

fn place(language: Language, fixture: &str) -> (Document, usize) {
    let at = fixture.find("$0").unwrap();
    let text = fixture.replacen("$0", "", 1);
    (Document::open("file", language, 1, &text), at)
}

fn regions(language: Language, cases: &[(&str, Region)]) {
    for (fixture, expected) in cases {
        let (doc, at) = place(language, fixture);
        assert_eq!(region(&doc, at), *expected, "{language:?} {fixture:?}");
    }
}

use Region::{Code, Comment, String as Str};

#[test]
fn regions_of_whole_text() {
    regions(
        Language::Rust,
        &[
            ("$0", Code),
            ("fn f() { $0 }", Code),
            ("// note$0\nfn f() {}", Comment),
            ("// note\n$0fn f() {}", Code),
            ("/// doc$0\nfn f() {}", Comment),
            ("/// doc\n$0fn f() {}", Code),
            ("fn f() {} // $0", Comment),
            ("fn f() {}$0 // note", Code),
            ("/* a$0 */ fn f() {}", Comment),
            ("/* a */$0 fn f() {}", Code),
            ("/* a\n$0 b */", Comment),
            ("fn f() { let s = \"a$0b\"; }", Str),
            ("fn f() { let s = \"ab\"$0; }", Code),
            ("fn f() { let s = $0\"ab\"; }", Code),
            ("fn f() { let s = r#\"a$0\"#; }", Str),
            ("fn f() { let c = '$0a'; }", Str),
            ("fn f<'a$0>() {}", Code),
            ("fn f() { g(\"a\", $0) }", Code),
        ],
    );
    regions(
        Language::Python,
        &[
            ("x = \"\"\"a\n$0b\"\"\"\n", Str),
            ("x = f\"a {b$0} c\"\n", Code),
            ("x = f\"a {b} $0c\"\n", Str),
            ("x = 1  # no$0te\n", Comment),
            ("def f():\n    '''Doc$0'''\n", Str),
        ],
    );
    regions(
        Language::TypeScript,
        &[
            ("const s = `a ${b$0} c`;", Code),
            ("const s = `a ${b} $0c`;", Str),
            ("const s = `a ${f({ x: $0 })} c`;", Code),
            ("const r = /a$0b/;", Str),
            ("const t = 'a$0';", Str),
        ],
    );
    regions(
        Language::Go,
        &[
            ("package a\n\nvar s = `a\n$0b`\n", Str),
            ("package a // $0", Comment),
        ],
    );
    regions(Language::Java, &[("class A { String s = \"a$0\"; }", Str)]);
    regions(
        Language::C,
        &[
            ("#include <std$0io.h>\n", Str),
            ("int x; /* $0 */", Comment),
        ],
    );
    regions(Language::Text, &[("Don't stop\" // here$0", Code)]);
}

#[test]
fn regions_of_broken_text() {
    regions(
        Language::Rust,
        &[
            ("fn f() { let s = \"hello $0", Str),
            ("fn f() {\n    g(\"hello $0\n}\n", Str),
            ("fn f() {\n    g(\"a\", \"b$0\n}\n", Str),
            ("fn f() {\n    g('\"', $0\n}\n", Code),
            ("fn f() {\n    g(\"\\\"$0\n}\n", Str),
            ("fn f( { ) // no$0", Comment),
            ("fn f() { x. $0", Code),
        ],
    );
    regions(
        Language::Python,
        &[
            ("def f(:\n    x = 'it$0", Str),
            ("print(\"a\", $0", Code),
            ("print(f\"a $0", Str),
            ("x = [  # no$0", Comment),
        ],
    );
    regions(
        Language::JavaScript,
        &[("f(`a $0", Str), ("f('a' + $0", Code), ("/* a $0", Comment)],
    );
    regions(
        Language::Go,
        &[
            ("package a\n\nfunc f() {\n\tg(\"hello $0\n}\n", Str),
            ("package a\n\nvar s = `one\ntwo $0\n\nfunc f() {\n", Str),
        ],
    );
    regions(
        Language::Java,
        &[
            ("class A { void f() {\n  g(\"a$0\n} }\n", Str),
            ("class A {\n  /**\n   * one $0\n  void f() {}\n}\n", Comment),
            (
                "class A {\n  String s = \"\"\"\n    one $0\n  void f() {}\n}\n",
                Str,
            ),
        ],
    );
    regions(
        Language::Cpp,
        &[
            ("int f() {\n  if (c == '$0\n}\n", Str),
            ("/* one\n two $0\nint f() { return 1; }\n", Comment),
            ("/* one */\nint f() { return g( $0\n", Code),
        ],
    );
}

#[test]
fn unclosed_strings_and_comments_over_lines() {
    regions(
        Language::Python,
        &[
            ("def f():\n    \"\"\"One.\n\n    two $0\n\nx = 1\n", Str),
            ("def f():\n    '''One.\n    two's $0\n\nx = \"a\"\n", Str),
            ("def f():\n    \"\"\"One.\"\"\"\n    x = [ $0\n", Code),
            ("x = '''a'''\ny = f($0\n", Code),
        ],
    );
    regions(
        Language::Rust,
        &[
            ("/* one\n * two $0\nfn f() {}\n", Comment),
            ("/* one */\nfn f( $0 {}\n", Code),
            // An odd quote above turns nothing inside out.
            ("fn f() {\n    let a = r#\"\"\"#;\n    let b = ( $0\n", Code),
        ],
    );
    regions(
        Language::TypeScript,
        &[
            ("const a = `one\n  two $0\nf();\n", Str),
            ("/**\n * one $0\nfunction f() {}\n", Comment),
            ("// don't\nf( $0\n", Code),
        ],
    );
}

#[test]
fn a_stale_tree_says_how_the_line_begins() {
    use crate::position::{Position, Range};
    // Small texts are parsed before anybody is asked.
    let text = format!("/*\n   \n*/\nfn f() {{ }}\n{}", "fn g() {}\n".repeat(2_000));
    for (line, character, typed, expected) in [
        (1, 3, "say \"", Comment),
        (3, 9, "g(\"a", Str),
        (3, 9, "g(\"a\"", Code),
    ] {
        let mut doc = Document::open("a.rs", Language::Rust, 1, &text);
        let start = Position { line, character };
        let range = Some(Range { start, end: start });
        let change = Change {
            range,
            text: typed.to_owned(),
        };
        doc.apply(2, &[change], Encoding::Utf8, &mut || true)
            .unwrap();
        assert!(doc.parse_pending());
        let start = crate::position::to_byte(doc.rope(), start, Encoding::Utf8).unwrap();
        assert_eq!(region(&doc, start + typed.len()), expected, "{typed}");
    }
}

fn end(language: Language, fixture: &str) -> Option<String> {
    let (doc, at) = place(language, fixture);
    block_end(&doc, at).map(|end| {
        let mut text = doc.rope().to_string();
        text.insert_str(end, "<end>");
        text
    })
}

#[test]
fn blocks_end() {
    let ends = |language, fixture, expected: &str| {
        assert_eq!(
            end(language, fixture).as_deref(),
            Some(expected),
            "{fixture:?}"
        );
    };
    ends(Language::Rust, "fn f() { a$0 }", "fn f() { a <end>}");
    ends(Language::Rust, "fn f() {$0}", "fn f() {<end>}");
    ends(
        Language::Rust,
        "fn f() { if a { b } $0 c }",
        "fn f() { if a { b }  c <end>}",
    );
    ends(
        Language::Rust,
        "struct S {\n    a: u8,$0\n}\n",
        "struct S {\n    a: u8,\n<end>}\n",
    );
    ends(
        Language::Go,
        "package a\nfunc f() {\n\tswitch x {\n\tcase 1:$0\n\t}\n}\n",
        "package a\nfunc f() {\n\tswitch x {\n\tcase 1:\n\t<end>}\n}\n",
    );
    ends(
        Language::Go,
        "package a\nfunc f() {\n\tswitch x$0 {\n\tcase 1:\n\t}\n}\n",
        "package a\nfunc f() {\n\tswitch x {\n\tcase 1:\n\t}\n<end>}\n",
    );
    ends(
        Language::Python,
        "def f():\n    a\n    $0\n    b\n\n\nc\n",
        "def f():\n    a\n    \n    b<end>\n\n\nc\n",
    );
    ends(
        Language::Python,
        "def f():\n    if a:\n        b$0\n    c\n",
        "def f():\n    if a:\n        b<end>\n    c\n",
    );
    ends(
        Language::Python,
        "def f():\n    a$0",
        "def f():\n    a<end>",
    );
    assert_eq!(end(Language::Rust, "fn f() {}\n$0\n"), None);
    assert_eq!(end(Language::Python, "a\n$0\nb\n"), None);
}

#[test]
fn scopes_enclose() {
    let scope = |language, fixture| {
        let (doc, at) = place(language, fixture);
        enclosing_scope(&doc, at).map(|range| doc.rope().byte_slice(range).to_string())
    };
    let method = "impl S { fn f() { $0 } }";
    assert_eq!(
        scope(Language::Rust, method).as_deref(),
        Some("fn f() {  }")
    );
    let class = "class A:\n    def f(self):\n        pass\n    x = $01\n";
    let whole = "class A:\n    def f(self):\n        pass\n    x = 1";
    assert_eq!(scope(Language::Python, class).as_deref(), Some(whole));
    assert_eq!(scope(Language::Rust, "$0fn f() {}"), None);
    assert_eq!(scope(Language::Text, "a $0"), None);
}

#[test]
fn errors_before_and_after() {
    let delta = |language, fixture, insert| {
        let (doc, at) = place(language, fixture);
        error_delta(&doc, at, insert)
    };
    assert_eq!(delta(Language::Rust, "fn f() { $0 }", "a();"), Some(0));
    assert!(delta(Language::Rust, "fn f() { $0 }", "a(;").unwrap() > 0);
    assert!(delta(Language::Rust, "fn f() { $0 }", "} }").unwrap() > 0);
    assert!(delta(Language::Rust, "fn f() { a($0 }", "b);").unwrap() < 0);
    assert_eq!(
        delta(Language::Python, "def f():\n    $0\n", "return 1"),
        Some(0)
    );
    assert!(delta(Language::Java, "class A { int f() { return $0 } }", "1;").unwrap() < 0);
    assert_eq!(delta(Language::Text, "a $0", "((("), None);
}

#[test]
fn one_window_judges_many() {
    let body = "fn g(a: u32) -> u32 {\n    a + 1\n}\n".repeat(2_000);
    let (doc, at) = place(
        Language::Rust,
        &format!("{body}fn f() {{\n    h($0\n}}\n{body}"),
    );
    let window = ErrorWindow::around(&doc, at).unwrap();
    assert_eq!(window.errors(), window.errors_with("").unwrap());
    assert!(window.delta("1);").unwrap() < window.delta("1);)").unwrap());
    assert!(window.text().len() <= WINDOW);
    assert!(window.text().contains("h("));
}

#[test]
fn strange_places_are_calm() {
    let nested = "(".repeat(5_000);
    let deep = format!("fn f() {{ {}1{} }}", "(".repeat(1_000), ")".repeat(1_000));
    let long = format!("fn f() {{ {} }}", "x".repeat(50_000));
    for text in [
        "", "\0\0", "\u{feff}", "\"", "'", "/*", "\r\n\r", &nested, &deep, &long,
    ] {
        for language in Language::ALL.iter().copied() {
            let doc = Document::open("a", language, 1, text);
            for byte in [0, 1, text.len() / 2, text.len(), text.len() + 9, usize::MAX] {
                region(&doc, byte);
                block_end(&doc, byte);
                enclosing_scope(&doc, byte);
                error_delta(&doc, byte, "😀)");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    // Trees lag behind, are moved along, and come home late: any place stays calm in between.
    #[test]
    fn stale_trees_are_calm(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..6, 0usize..8, any::<bool>()), 12),
        language in 0usize..9,
    ) {
        const TYPED: [&str; 8] = ["é", "😀", "//", "/*", "\"", "'''", "\n", "{"];
        let text = "fn f() { g(\"é\") } // 😀\n/* é */ ".repeat(60);
        let mut doc = Document::open("a", Language::ALL[language], 0, &text);
        let mut late = doc.clone();
        for (version, (at, length, typed, stop)) in edits.into_iter().enumerate() {
            let rope = doc.rope();
            let start = floor_boundary(rope, at.index(rope.len_bytes() + 1));
            let end = floor_boundary(rope, start + length);
            let at = |byte| from_byte(rope, byte, Encoding::Utf32);
            let range = Some(crate::position::Range { start: at(start), end: at(end) });
            let change = Change { range, text: TYPED[typed].to_owned() };
            doc.apply(version as i32, &[change], Encoding::Utf32, &mut || stop).unwrap();
            if version % 5 == 3 {
                late.reparse(&mut || false);
                if let Some(tree) = late.tree() {
                    doc.adopt_tree(late.version(), tree.clone());
                }
                late = doc.clone();
            }
            for byte in start.saturating_sub(4)..start + 4 {
                crate::place::Place::at(&doc, byte);
            }
            block_end(&doc, start);
            enclosing_scope(&doc, start);
        }
        error_delta(&doc, doc.len_bytes() / 2, "😀");
    }
}
