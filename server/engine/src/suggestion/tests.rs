//! Every filter with what it removes and what it keeps; every known defect of other tools; arbitrary text.

use foretoken_grammars::Language::{self, Go, Python, Rust, Text, Tsx, TypeScript};
use proptest::prelude::*;

use super::*;

/// A document and the place of its `$0`.
pub(crate) fn at(language: Language, fixture: &str) -> (Document, Place) {
    let cursor = fixture.find("$0").expect("a fixture has a cursor");
    let doc = Document::open("src/sample", language, 1, &fixture.replacen("$0", "", 1));
    let place = Place::at(&doc, cursor);
    (doc, place)
}

/// What is shown of `text` without a gate, or the code of the reason with a `!`.
fn shown(language: Language, fixture: &str, text: &str) -> String {
    let (doc, place) = at(language, fixture);
    let raw = Raw {
        text,
        tokens: &[],
        ended: true,
    };
    match finish(&raw, &doc, &place, place.mode(), None) {
        Ok(suggestion) => suggestion.text,
        Err(reject) => format!("!{}", reject.code()),
    }
}

/// Cases: language, fixture, generated text, what is shown.
fn check(cases: &[(Language, &str, &str, &str)]) {
    for (language, fixture, text, expected) in cases {
        assert_eq!(
            shown(*language, fixture, text),
            *expected,
            "{fixture:?} + {text:?}"
        );
    }
}

/// Cases whose text must come through unchanged.
fn keeps(cases: &[(Language, &str, &str)]) {
    for (language, fixture, text) in cases {
        assert_eq!(
            shown(*language, fixture, text),
            *text,
            "{fixture:?} + {text:?}"
        );
    }
}

#[test]
fn control_text_removes() {
    check(&[
        (Rust, "let a = $0\n", "1;<|eom|>junk", "1;"),
        (Rust, "let a = $0\n", "<|pre|>x", "!control-text"),
        (Rust, "let a = $0\n", "b<fim_middle>c", "b"),
        (Python, "a = $0\n", "b</s>", "b"),
        (Rust, "let a = $0\n", "b\u{0}c", "b"),
        (Rust, "let a = $0\n", "b\u{202e}c", "b"),
        (Text, "a caf$0\n", "\u{fffd}", "!control-text"),
    ]);
}

#[test]
fn control_text_keeps() {
    keeps(&[
        (Text, "let f = a $0\n", "<| b |> c"),
        (TypeScript, "const a = $0\n", "b<fim>(c);"),
        (Rust, "let a = $0\n", "\"héé 😀\";"),
    ]);
}

#[test]
fn typed_overlap_removes() {
    check(&[
        (Python, "def f(self):\n    return self$0\n", "self.x", ".x"),
        (
            Rust,
            "fn f() {\n    let total = $0\n}\n",
            "let total = a + b;",
            "a + b;",
        ),
        (Rust, "    if item.count$0\n", "item.count > 1 {", " > 1 {"),
        (Python, "def f():\n    $0\n", "    return 1", "return 1"),
        (
            Python,
            "def f():\n    a = 1\n    $0\n",
            "    return a",
            "return a",
        ),
        (Rust, "let name$0\n", "name", "!repeats-typed"),
    ]);
}

#[test]
fn typed_overlap_keeps() {
    keeps(&[
        (TypeScript, "const a = f($0\n", "(a + b));"),
        (Text, "class$0\n", "ssert!(x)"),
        (Python, "x = [0.0, $0\n", "0.0, 0.0]"),
        (Rust, "    max($0\n", "max(a, b), c)"),
        (Rust, "    Some($0\n", "Some(x))"),
        (Python, "a, b = $0\n", "b, a"),
    ]);
    // Blanks that complete an indentation are new text.
    keeps(&[(
        Python,
        "class A:\n    def f(self):\n    $0\n",
        "    return 1",
    )]);
}

#[test]
fn rest_overlap_removes() {
    check(&[
        (Rust, "f($0)\n", "a, b)", "a, b"),
        (Rust, "f($0);\n", "a, b);", "a, b"),
        (Rust, "f($0)\n", "a) + c", "a"),
        (Rust, "f($0)\n", ")", "!repeats-suffix"),
        (Rust, "let a = $0;\n", "b + c;", "b + c"),
        (Rust, "let $0 = 5;\n", "total = 5;", "total"),
        (Rust, "f(x, $0bar, y)\n", "foo, bar", "foo, "),
        (Python, "print(\"he$0\")\n", "llo\")", "llo"),
        (Python, "print(\"he$0\")\n", "llo\", x)", "llo"),
        (Rust, "v[g($0]\n", "a)]", "a)"),
        (Rust, "// as in f($0)\nfn f() {}\n", "a, b)", "a, b"),
        (Python, "a = \"see ($0)\"\n", "above)\"", "above"),
        (Rust, "f($0a + b)\n", "a + b)", "!repeats-suffix"),
        (Rust, "if $0 {\n", "x > 0 {", "x > 0"),
        (Rust, "foo($0)\nbar();\n", ")\nbar();\n", "!repeats-suffix"),
    ]);
}

#[test]
fn rest_overlap_keeps() {
    keeps(&[
        (Rust, "f($0)\n", "g(x)"),
        (Rust, "f(g($0)\n", "x)"),
        (Rust, "f($0b)\n", "g(b)"),
        (Rust, "f($0, y)\n", "a.b(c), d"),
        (Rust, "let v = [$0];\n", "1, 2, [3]"),
        (Python, "print(\"$0\")\n", "it's (fine"),
        (Rust, "// first: $0\nfn f() {}\n", "1) one, 2) two"),
        (Rust, "// see ($0 and b\nfn f() {}\n", "a)"),
        (Rust, "match x { Some($0) => 1 }\n", "Y { a, b }"),
    ]);
}

#[test]
fn stops_remove() {
    check(&[
        (Rust, "let a = 1;$0\nb();\n", "\nlet b = 2;", "!empty"),
        (Rust, "let a = $0\n", "f(1);\nlet c = 3;", "f(1);"),
        (
            Rust,
            "    foo();\n    $0\n}\n",
            "bar();\n}\n\nfn next() {",
            "bar();",
        ),
        (
            Python,
            "def f():\n    $0\n\ndef g():\n    pass\n",
            "return 1\n\ndef h():\n    pass",
            "return 1",
        ),
        (
            Python,
            "def f():$0\n",
            "\n    return 1\nprint(f())",
            "\n    return 1",
        ),
        (
            Python,
            "$0\n",
            "def f():\n    return 1\n\n\ndef g():\n    return 2",
            "def f():\n    return 1",
        ),
        (
            Python,
            "def f():\n    $0\n    b()\n    c()\n",
            "a()\nb()\nc()",
            "a()",
        ),
        (Text, "$0\n", "a\n\n\nb", "a"),
        // A block that is not indented.
        (
            TypeScript,
            "namespace a {\n$0",
            "f();\ng();\n}\nh();\nf(2);",
            "f();\ng();\n}",
        ),
        (
            Text,
            "a $0\n",
            "na na na na na na na na na na na na na",
            "na",
        ),
    ]);
}

#[test]
fn stops_keep() {
    keeps(&[
        (
            Rust,
            "fn f() {\n    $0\n}\n",
            "if a {\n        b();\n    }\n    c();",
        ),
        (Rust, "fn f() {$0\n", "\n    a();\n}"),
        (
            TypeScript,
            "namespace a {\n$0",
            "if (b) {\n  c();\n} else {\n  d();\n}\ne();",
        ),
        (Python, "def f():\n    $0\n", "a = 1\n\n    return a"),
        (Python, "$0\n", "def f():\n    a = 1\n\n    return a"),
        (
            Text,
            "$0\n",
            "----------------------------------------\ntitle",
        ),
        (
            Python,
            "m = [$0\n",
            "{'x': 0, 'y': 0}, {'x': 0, 'y': 1}, {'x': 1, 'y': 0}]",
        ),
    ]);
}

#[test]
fn lines_below_remove() {
    check(&[
        (
            Rust,
            "fn f() {\n    $0\n        let a = 1;\n        g(a);\n}\n",
            "let a = 1;\n    g(a);",
            "!repeats-below",
        ),
        (
            Rust,
            "fn f() {\n    $0\n    g(a);\n}\n",
            "let a = 1;\n    g(a);\n}",
            "let a = 1;",
        ),
        (
            Rust,
            "fn f() {$0\n    body();\n}\n",
            "\n    body();\n}",
            "!repeats-below",
        ),
    ]);
    check(&[
        (
            Text,
            "def f\n  if a\n    b\n    $0\n  end\nend\n",
            "c\n  end\nend",
            "c",
        ),
        (Text, "<b>\n  $0\n</b>\n", "text\n</b>", "text"),
    ]);
    let (doc, place) = at(Python, "def f():\n    $0\n    return total\n");
    let raw = Raw {
        text: "total = 1\n    return to",
        tokens: &[],
        ended: false,
    };
    let shown = finish(&raw, &doc, &place, Mode::Block, None).map(|suggestion| suggestion.text);
    assert_eq!(shown, Ok("total = 1".to_owned()));
}

#[test]
fn lines_below_keep() {
    keeps(&[
        (
            Python,
            "def f():\n    $0\n    y += 1\n",
            "x += 1\n    x += 1",
        ),
        (Python, "x +=$0\nx += 1\n", " 1"),
        (
            Tsx,
            "const a = <div>\n  <div>\n    x\n  $0\n",
            "</div>\n</div>",
        ),
        (Rust, "fn f() {\n    if a {\n        b();\n    $0\n}\n", "}"),
        (Text, "def f\n  if a\n    b\n    $0\nend\n", "c\n  end"),
    ]);
}

#[test]
fn repetition_removes() {
    check(&[
        (
            Python,
            "first = load(path)\nsecond = parse(first)\n$0\n",
            "first = load(path)\nsecond = parse(first)",
            "!repeats-above",
        ),
        (
            Python,
            "$0\n",
            "first = load(path)\nsecond = parse(first)\nfirst = load(path)\nsecond = parse(first)",
            "first = load(path)\nsecond = parse(first)",
        ),
    ]);
}

#[test]
fn repetition_keeps() {
    keeps(&[
        (Python, "x += 1\n$0\n", "x += 1"),
        (Python, "assert next(it) == 1\n$0\n", "assert next(it) == 1"),
        (Text, "0 0 0\n0 0 0\n$0\n", "0 0 0"),
    ]);
}

#[test]
fn balance_removes() {
    check(&[
        (Rust, "fn f() {\n    a();\n    $0\n}\n", "}", "!unbalanced"),
        (Rust, "fn f() {\n    a();\n    $0\n}\n", "b();\n}", "b();"),
        (Text, "{\n  a\n  $0\n}\n", "}", "!unbalanced"),
        (Rust, "let a = b$0\n", ");", "!unbalanced"),
        // What closes the text closes it below already.
        (
            Rust,
            "$0\n    a: usize,\n}\n\nfn f() {}\n",
            "struct A {\n    b: usize,\n    c: usize,\n}",
            "struct A {\n    b: usize,\n    c: usize,\n}",
        ),
        (
            Rust,
            "$0\n}\n\nfn f() {}\n",
            "struct A {\n    b: usize,\n}",
            "struct A {\n    b: usize,",
        ),
        (
            TypeScript,
            "f(() => {\n  a();\n  $0\n});\n",
            "b();\n});",
            "b();",
        ),
    ]);
}

#[test]
fn balance_keeps() {
    keeps(&[
        (Rust, "fn f() {\n    a();\n$0\n", "}"),
        (Rust, "fn f() {\n    if a {\n        b();\n    $0\n}\n", "}"),
        (Text, "{\n  a\n$0\n", "}"),
        (Rust, "fn f() {\n    let a = g(1, h(2$0\n}\n", "));"),
        (TypeScript, "f(() => {\n  a();\n$0\n", "});"),
        (Rust, "let a = \"($0\n", ")\";"),
        (
            Rust,
            "fn f() {\n    if a {\n        b();\n    $0\n        c();\n    }\n}\n",
            "} else {",
        ),
        (
            Python,
            "T = (\n    ((A, \"s\"),\n     (B, $0\n\n    ((C, \"r\"),),\n)\n",
            "\"x\")),",
        ),
    ]);
}

/// In a very long document brackets alone decide; nothing is parsed.
#[test]
fn balance_of_a_long_document() {
    let lines = "// a\n".repeat(crate::place::SYNTAX_LINES);
    let open = format!("{lines}fn f() {{\n    a();\n$0");
    let closed = format!("{open}\n}}\n");
    assert_eq!(shown(Rust, &open, "}"), "}");
    assert_eq!(shown(Rust, &closed, "}"), "!unbalanced");
    assert_eq!(shown(Rust, &closed, "g(b);"), "g(b);");
}

#[test]
fn indentation_removes() {
    check(&[
        (
            Go,
            "func f() {\n\ta()\n\t$0\n}\n",
            "if b {\n        c()\n\t}",
            "if b {",
        ),
        (Python, "def f():\n    $0\n", "if a:\n\t\treturn 1", "if a:"),
    ]);
}

/// Depths that no block has, in a language whose blocks are made of indentation.
#[test]
fn depth_removes() {
    check(&[
        (
            Python,
            "def f():\n    $0\n",
            "a = 1\n        b = 2",
            "a = 1",
        ),
        (
            Python,
            "def f():\n    $0\n",
            "if a:\n            b()\n        c()",
            "if a:\n            b()",
        ),
        (Python, "def f():\n    $0\n", "if a:\n    b()", "if a:"),
        (Python, "def f():\n$0\n", "return 1", "!indentation"),
    ]);
}

#[test]
fn depth_keeps() {
    keeps(&[
        (
            Python,
            "def f():\n    $0\n",
            "if a:\n        b()\n    else:\n        c()\n    d()",
        ),
        (
            Python,
            "def f():\n    $0\n",
            "a = g(b,\n          c)\n    return a",
        ),
        (
            Python,
            "def f():\n    $0\n",
            "if (a and\n            b):\n        c()",
        ),
        (
            Python,
            "def f():\n    $0\n",
            "a = b + \\\n        c\n    return a",
        ),
        (
            Python,
            "def f():\n    $0\n",
            "\"\"\"One\n      two.\n    \"\"\"\n    a()",
        ),
        (
            Python,
            "def f():\n    $0\n",
            "if a:  # b\n        # c\n            # d\n        e()",
        ),
        (Python, "def f(\n    $0\n", "a,\n        b,\n):"),
        (Python, "if (a and\n        b):\n    $0\n", "c()"),
        (Python, "if a \\\n        or b:\n    $0\n", "c()"),
        (Python, "class A:\n    x = 1\n$0\n", "b = 2"),
    ]);
    // Elsewhere depth means nothing.
    keeps(&[
        (Rust, "fn f() {\n    $0\n}\n", "a();\n        b();"),
        (Text, "a:\n  $0\n", "b\n      c\n  d"),
    ]);
}

#[test]
fn indentation_keeps() {
    keeps(&[
        (Go, "func f() {\n\ta()\n\t$0\n}\n", "if b {\n\t\tc()\n\t}"),
        (
            Go,
            "type A struct {\n\ta int\n\t$0\n}\n",
            "b struct {\n\t\tc    int\n\t}",
        ),
        (Text, "a:\n$0", "\tb\n\tc"),
    ]);
}

/// What is shown of a text that a budget broke off.
fn broken_off(cases: &[(Language, &str, &str, &str)]) {
    for (language, fixture, text, expected) in cases {
        let (doc, place) = at(*language, fixture);
        let raw = Raw {
            text,
            tokens: &[],
            ended: false,
        };
        let shown = finish(&raw, &doc, &place, place.mode(), None).map(|shown| shown.text);
        assert_eq!(shown.as_deref(), Ok(*expected), "{fixture:?} + {text:?}");
    }
}

#[test]
fn torn_lines_remove() {
    broken_off(&[
        (
            Rust,
            "fn f() {\n    $0\n}\n",
            "let w = 3;\n    print_table_row(rows, width",
            "let w = 3;",
        ),
        (
            Rust,
            "fn f() {\n    $0\n}\n",
            "g();\n    h(\n        a,\n        b",
            "g();",
        ),
        (
            Python,
            "def f():\n    $0\n",
            "a = {\n        'b': 1,\n        'c",
            "a = {",
        ),
        (
            Python,
            "def f():$0\n",
            "\n    a = 1\n    b = [",
            "\n    a = 1",
        ),
        (
            Rust,
            "fn f() {\n    $0\n}\n",
            "a();\r\n    b();\r\n    c(d",
            "a();\n    b();",
        ),
    ]);
}

#[test]
fn torn_lines_keep() {
    broken_off(&[
        // One line may lack its end, also where it is the first of a block.
        (Rust, "let a = $0\n", "f(b, c", "f(b,"),
        // Half a number is another number; a field is a word like any other.
        (Rust, "let a = $0\n", "(b + c) * 2.", "(b + c) *"),
        (Rust, "let a = $0\n", "(b + c) * 2.5", "(b + c) *"),
        (Rust, "let a = $0\n", "(b + c) * d.", "(b + c) * d."),
        (Rust, "let a = $0\n", "f(b2.", "f(b2."),
        (
            Rust,
            "fn f() {$0\n",
            "\n    print_row(rows, width",
            "\n    print_row(rows,",
        ),
        // A block may lack its last lines.
        (
            Rust,
            "fn f() {\n    $0\n}\n",
            "if a {\n        b();\n        c();\n    d",
            "if a {\n        b();\n        c();",
        ),
        (
            TypeScript,
            "function t() {\n  $0\n}\n",
            "it('a', () => {\n    b();\n    c",
            "it('a', () => {\n    b();",
        ),
        // A bracket of the user's is closed by what follows.
        (Python, "f(\n    $0\n)\n", "a,\n    b,\n    c", "a,\n    b,"),
    ]);
    // What wanted to end there is whole.
    keeps(&[(Rust, "fn f() {\n    $0\n        b);\n}\n", "g();\n    h(a,")]);
}

#[test]
fn minimum() {
    check(&[
        (Rust, "let a$0\n", "", "!empty"),
        (Rust, "let a$0\n", "  \n ", "!only-whitespace"),
        (Rust, "let a = $0\n", "b;   ", "b;"),
        (Rust, "let a = b$0\n", ";", ";"),
    ]);
}

/// One row per known defect of another tool (lsp-ai, tabby, Continue, minuet, llm-ls).
#[test]
fn known_defects() {
    check(&[
        // An overlap begins at a word's start and has three characters (lsp-ai: `a + b)`, `ert!(x)`).
        (Rust, "    f($0\n", "(a + b)", "(a + b)"),
        (Text, "class$0\n", "ssert!(x)", "ssert!(x)"),
        // Balanced in itself (lsp-ai: `g(x`).
        (Rust, "f($0)\n", "g(x)", "g(x)"),
        // Equal to the whole suffix (lsp-ai keeps it).
        (
            Rust,
            "f($0)\n    .await\n",
            ")\n    .await",
            "!repeats-suffix",
        ),
        (
            Rust,
            "fn f() {\n    $0\n    a();\n}\n",
            "a();\n}\n",
            "!repeats-below",
        ),
        // Says the lines below, indented otherwise (tabby trims one side only).
        (
            Rust,
            "fn f() {\n    $0\n    a();\n    b();\n}\n",
            "  a();\n  b();",
            "!repeats-below",
        ),
        // Two equal lines that belong (Continue drops one).
        (
            Python,
            "def f():\n    $0\n",
            "x += 1\n    x += 1",
            "x += 1\n    x += 1",
        ),
        (
            Text,
            "<div>\n<div>\n$0\n",
            "</div>\n</div>",
            "</div>\n</div>",
        ),
        // A blank line inside a block (Continue cuts there).
        (
            Python,
            "def f():\n    $0\n",
            "a = 1\n\n    b = 2",
            "a = 1\n\n    b = 2",
        ),
        // A lone closer: kept if it closes what the user opened (Continue #2169, #1226).
        (Rust, "fn f() {\n    a();\n$0\n", "}", "}"),
        (Rust, "fn f() {\n    a();\n$0\n}\n", "}", "!unbalanced"),
        // Text just typed, again (minuet #137).
        (
            Python,
            "def f():\n    return value$0\n",
            "value + 1",
            " + 1",
        ),
        // Behind an emoji, and with `\r\n` (lsp-ai #50, llm-ls).
        (Rust, "let s = \"😀\"; let a = $0\r\n", "1;", "1;"),
        (Rust, "fn f() {$0\r\n", "\n    a();\n}", "\r\n    a();\r\n}"),
    ]);
}

#[test]
fn every_reason_has_its_own_code_and_a_sentence() {
    let all = [
        Reject::Empty,
        Reject::OnlyWhitespace,
        Reject::ControlText,
        Reject::RepeatsTyped,
        Reject::RepeatsSuffix,
        Reject::RepeatsBelow,
        Reject::RepeatsAbove,
        Reject::Loop,
        Reject::Unbalanced,
        Reject::Indentation,
        Reject::BelowGate { best: 0.1 },
    ];
    let codes: Vec<&str> = all.iter().map(|reject| reject.code()).collect();
    assert_eq!(codes, Reject::CODES);
    assert!(all.iter().all(|reject| reject.sentence().ends_with('.')));
}

/// A gate that shows what is at least as probable as its tokens say together.
const PLAIN: Logistic = Logistic {
    a: 0.0,
    b: 1.0,
    c: 0.0,
};

fn gated(
    fixture: &str,
    parts: &[(&str, f32)],
    ended: bool,
    gate: &Gate,
) -> Result<Suggestion, Reject> {
    let (doc, place) = at(Rust, fixture);
    let mut text = String::new();
    let tokens: Vec<Token> = parts
        .iter()
        .map(|(part, logp)| {
            text.push_str(part);
            Token {
                end: text.len(),
                logp: *logp,
            }
        })
        .collect();
    finish(
        &Raw {
            text: &text,
            tokens: &tokens,
            ended,
        },
        &doc,
        &place,
        place.mode(),
        Some(gate),
    )
}

#[test]
fn the_gate_shows_the_longest_cut_that_passes() {
    let line = Logistic {
        a: 1.0,
        b: 1.0,
        c: 0.0,
    };
    let gate = Gate {
        line,
        word: line,
        show: 0.5,
    };
    let parts = [
        ("let a", -0.1),
        (" = 1;", -0.1),
        ("\n    let", -0.2),
        (" b = 2;", -0.2),
        ("\n    c", -2.0),
        (";", -0.1),
    ];
    let shown = gated("fn f() {\n    $0\n}\n", &parts, true, &gate).map(|shown| shown.text);
    assert_eq!(shown.as_deref(), Ok("let a = 1;\n    let b = 2;"));
    let strict = Gate { show: 0.71, ..gate };
    let shown = gated("fn f() {\n    $0\n}\n", &parts, true, &strict).map(|shown| shown.text);
    // The tokens of the second line say nothing about the first.
    assert_eq!(
        shown.as_deref(),
        Err(&Reject::BelowGate {
            best: 1.0 / (1.0 + (-0.8_f32).exp())
        })
    );
    let shown = gated(
        "fn f() {\n    $0\n}\n",
        &parts,
        true,
        &Gate { show: 0.68, ..gate },
    )
    .map(|shown| shown.text);
    assert_eq!(shown.as_deref(), Ok("let a = 1;"));
}

/// However probable a word's end in the second line is, the first line is what is shown.
#[test]
fn the_gate_tears_no_line() {
    let certain = Logistic { a: 9.0, ..PLAIN };
    let gate = Gate {
        line: certain,
        word: certain,
        show: 0.5,
    };
    let parts: Vec<(&str, f32)> = "let a = 1 ;|\n    |g ( |h |, |i |, |j |, |k |, |l"
        .split('|')
        .map(|part| (part, -0.01))
        .collect();
    let fixture = "fn f() {\n    $0\n}\n";
    let shown = gated(fixture, &parts, false, &gate).map(|shown| shown.text);
    assert_eq!(shown.as_deref(), Ok("let a = 1 ;"));
    let shown = gated(fixture, &parts[2..], false, &gate).map(|shown| shown.text);
    assert_eq!(shown.as_deref(), Ok("g ( h , i , j , k ,"));
}

#[test]
fn word_ends_count_from_the_eighth_token() {
    let parts: Vec<(&str, f32)> = [
        "a", "(", "b", ".", "c", "(", "d", "+", "eee", ", ", "f", "!",
    ]
    .map(|part| (part, -0.01))
    .to_vec();
    let gate = Gate {
        line: Logistic { a: -9.0, ..PLAIN },
        word: Logistic { a: 9.0, ..PLAIN },
        show: 0.5,
    };
    let shown = gated("let x = $0\n", &parts, true, &gate).map(|shown| shown.text);
    assert_eq!(shown.as_deref(), Ok("a(b.c(d+eee, f"));
    let shown = gated("let x = $0\n", &parts[..8], true, &gate).map(|shown| shown.text);
    assert!(matches!(shown, Err(Reject::BelowGate { .. })), "{shown:?}");
    let mut decimal = parts.clone();
    decimal[10..].copy_from_slice(&[("2", -0.01), (".5;", -0.01)]);
    let shown = gated("let x = $0\n", &decimal, true, &gate).map(|shown| shown.text);
    assert_eq!(shown.as_deref(), Ok("a(b.c(d+eee, 2.5"));
    decimal.truncate(11);
    decimal.push((".", -0.01));
    let shown = gated("let x = $0\n", &decimal, false, &gate).map(|shown| shown.text);
    assert_eq!(shown.as_deref(), Ok("a(b.c(d+eee,"));
    // Broken off by a budget: the last word may be half of one.
    let shown = gated("let x = $0\n", &parts[..5], false, &gate).map(|shown| shown.text);
    assert_eq!(shown.as_deref(), Ok("a(b."));
}

#[test]
fn without_probabilities_a_gate_shows_nothing() {
    let (doc, place) = at(Rust, "let a = $0\n");
    let gate = Gate {
        line: Logistic { a: 9.0, ..PLAIN },
        word: PLAIN,
        show: 0.5,
    };
    let raw = Raw {
        text: "b;",
        tokens: &[],
        ended: true,
    };
    assert_eq!(
        finish(&raw, &doc, &place, Mode::Line, Some(&gate)),
        Err(Reject::BelowGate { best: 0.0 })
    );
    let shown = gated("let a = $0\n", &[("b;", f32::NAN)], true, &gate);
    assert_eq!(shown, Err(Reject::BelowGate { best: 0.0 }));
}

#[test]
fn a_hopeless_text_is_stopped() {
    let (_, place) = at(Rust, "let a = $0\n");
    let gate = Gate {
        line: Logistic {
            a: 0.0,
            b: 1.0,
            c: 0.0,
        },
        word: PLAIN,
        show: 0.2,
    };
    let mut watch = Watch::new(&place, Mode::Line).with_gate(gate, 24);
    let tokens = [Token { end: 1, logp: -1.0 }, Token { end: 2, logp: -1.0 }];
    assert_eq!(watch.step("a", &tokens[..1]), Flow::Continue);
    assert_eq!(watch.step("ab", &tokens), Flow::Stop(StopReason::BelowGate));
}

fn watched(place: &Place, mode: Mode, text: &str, steps: &[usize]) -> (usize, Option<StopReason>) {
    let mut watch = Watch::new(place, mode);
    let mut end = 0;
    for step in steps.iter().cycle().take(text.len() + 1) {
        end = lines::floor(text, end + step.max(&1));
        if let Flow::Stop(reason) = watch.push(&text[..end]) {
            return (watch.cut(), Some(reason));
        }
    }
    watch.push(text);
    (watch.cut(), watch.stopped())
}

/// Text such as models write: words, brackets, line ends, and anything else.
fn any_text() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        4 => prop::sample::select(vec![
            "a", "foo", "self", "x += 1", " ", "    ", "\t", "\n", "\n    ", "\n\n", "\r\n", "\r", "(", ")", "[", "]",
            "{", "}", ";", ",", "\"", "'", "//", "/*", "*/", "</div>", "if a {", "} else {", "return", "<|eom|>", "é😀",
        ]),
        1 => Just("\u{0}"),
        1 => Just("\u{fffd}"),
    ];
    prop_oneof![
        prop::collection::vec(parts, 0..24).prop_map(|parts| parts.concat()),
        any::<String>()
    ]
}

fn any_place() -> impl Strategy<Value = (Language, String)> {
    let language = prop::sample::select(Language::ALL.to_vec());
    (language, any_text(), any_text()).prop_map(|(language, before, after)| {
        (
            language,
            format!("{}$0{}", before.replace("$0", ""), after.replace("$0", "")),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a model says, wherever: what is shown is new, visible, printable text.
    #[test]
    fn any_text_at_any_place((language, fixture) in any_place(), text in any_text(), ended: bool, block: bool) {
        let (doc, place) = at(language, &fixture);
        let mode = if block { Mode::Block } else { Mode::Line };
        if let Ok(shown) = finish(&Raw { text: &text, tokens: &[], ended }, &doc, &place, mode, None) {
            let tail = place.tail.trim();
            prop_assert!(!shown.text.trim().is_empty());
            prop_assert!(tail.is_empty() || !shown.text.trim_start().starts_with(tail));
            // Some stretch of what was said, as it was said.
            let plain = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert!(plain(&text).contains(&plain(&shown.text)), "{shown:?}");
            let next = place.below.iter().find(|line| !line.trim().is_empty());
            if let Some(next) = next.filter(|next| !lines::is_weak(next) && !lines::is_end(next)) {
                let begun = usize::from(!place.head.trim().is_empty());
                let mut lines = lines::lines(&shown.text).skip(begun);
                prop_assert!(lines.all(|(_, line)| line.trim() != next.trim()), "{shown:?} before {next:?}");
            }
            let printable = shown.text.replace(place.eol.as_str(), "").replace('\t', "");
            prop_assert!(!printable.contains(char::is_control), "{printable:?}");
            if mode == Mode::Line {
                prop_assert!(!shown.text.contains(['\n', '\r']));
            }
            // Filtering what was filtered changes nothing more to its start.
            prop_assert!((0.0..=1.0).contains(&shown.probability));
        }
    }

    /// Where a generation stops does not depend on how it was cut into steps.
    #[test]
    fn steps_do_not_matter(
        (language, fixture) in any_place(), text in any_text(), block: bool, steps in prop::collection::vec(1..9_usize, 1..5),
    ) {
        let (_, place) = at(language, &fixture);
        let mode = if block { Mode::Block } else { Mode::Line };
        let whole = watched(&place, mode, &text, &[text.len()]);
        prop_assert_eq!(watched(&place, mode, &text, &steps).0, whole.0);
    }
}
