//! Detection by the added tokens of each family, and the prompt that each writes.

use expect_test::{Expect, expect};
use foretoken_grammars::Language;

use super::*;
use crate::document::Document;
use crate::prompt::budget::tests::count;
use crate::prompt::{Budget, Input, Piece, Section, Window};

/// A family's name, its `model_type`, what its vocabulary holds of the tokens that matter, and the
/// formats that it may be asked in.
type Family = (
    &'static str,
    Option<&'static str>,
    &'static [&'static str],
    &'static [&'static str],
);

const FAMILIES: [Family; 16] = [
    (
        "foretoken",
        None,
        &["<|suf|>", "<|eom|>", "<|pre|>"],
        &["foretoken spm"],
    ),
    (
        "Codestral",
        Some("mistral"),
        &["[PREFIX]", "[SUFFIX]", "[MIDDLE]"],
        &["codestral spm"],
    ),
    (
        "Seed-Coder",
        Some("llama"),
        &["<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"],
        &["seedcoder spm"],
    ),
    (
        "DeepSeek-Coder",
        Some("llama"),
        &[
            "<\u{ff5c}fim\u{2581}begin\u{ff5c}>",
            "<\u{ff5c}fim\u{2581}hole\u{ff5c}>",
            "<\u{ff5c}fim\u{2581}end\u{ff5c}>",
        ],
        &["deepseek psm", "deepseek psm-head"],
    ),
    (
        "aiXcoder",
        Some("llama"),
        &["\u{2581}<AIX-SPAN-PRE>", "\u{2581}<AIX-SPAN-POST>"],
        &["aixcoder spm"],
    ),
    (
        "CodeGeeX4",
        Some("chatglm"),
        &["<|code_suffix|>", "<|code_prefix|>", "<|user|>"],
        &["codegeex4 spm"],
    ),
    (
        "SantaCoder",
        Some("gpt2"),
        &["<fim-prefix>", "<fim-suffix>", "<fim-middle>"],
        &["santacoder spm", "santacoder psm", "santacoder psm-head"],
    ),
    (
        "Qwen2.5-Coder",
        Some("qwen2"),
        &[
            "<|fim_prefix|>",
            "<|fim_suffix|>",
            "<|fim_middle|>",
            "<|repo_name|>",
            "<|file_sep|>",
        ],
        &["qwen psm", "qwen psm-head"],
    ),
    (
        "CodeGemma",
        Some("gemma"),
        &[
            "<|fim_prefix|>",
            "<|fim_suffix|>",
            "<|fim_middle|>",
            "<|file_separator|>",
        ],
        &["codegemma psm", "codegemma psm-head"],
    ),
    (
        "Granite 4",
        Some("granitemoehybrid"),
        &[
            "<|fim_prefix|>",
            "<|fim_suffix|>",
            "<|fim_middle|>",
            "<|end_of_text|>",
        ],
        &["granite4 psm", "granite4 psm-head"],
    ),
    (
        "StarCoder2",
        Some("starcoder2"),
        &[
            "<fim_prefix>",
            "<fim_suffix>",
            "<fim_middle>",
            "<repo_name>",
            "<file_sep>",
        ],
        &["starcoder2 psm", "starcoder2 psm-head"],
    ),
    (
        "Mellum, or Granite-Code",
        Some("llama"),
        &[
            "<fim_prefix>",
            "<fim_suffix>",
            "<fim_middle>",
            "<filename>",
            "<reponame>",
        ],
        &[
            "mellum spm",
            "starcoder spm",
            "starcoder psm",
            "starcoder psm-head",
        ],
    ),
    (
        "StarCoder",
        Some("gpt_bigcode"),
        &[
            "<fim_prefix>",
            "<fim_suffix>",
            "<fim_middle>",
            "<filename>",
            "<reponame>",
        ],
        &["starcoder spm", "starcoder psm", "starcoder psm-head"],
    ),
    (
        "Code Llama",
        Some("llama"),
        &[
            "\u{2581}<PRE>",
            "\u{2581}<SUF>",
            "\u{2581}<MID>",
            "\u{2581}<EOT>",
        ],
        &["codellama spm", "codellama psm", "codellama psm-head"],
    ),
    (
        "InCoder",
        Some("xglm"),
        &["<|mask:0|>", "<|mask:1|>"],
        &["incoder psm", "incoder psm-head"],
    ),
    (
        "a model of prose",
        Some("llama"),
        &["<s>", "</s>"],
        &["plain plain"],
    ),
];

fn names(detected: &Detected) -> Vec<String> {
    let name = |format: &Format| format!("{} {}", format.name, format.order.name());
    detected.candidates.iter().map(name).collect()
}

#[test]
fn each_family_is_known_by_its_added_tokens() {
    for (family, model_type, tokens, expected) in FAMILIES {
        let detected = detect(&|token| tokens.contains(&token), model_type);
        assert_eq!(names(&detected), expected, "{family}");
        for format in detected.candidates {
            let named = Format::named(&format.name, Some(format.order));
            assert_eq!(
                named.as_ref(),
                Some(&format),
                "{family}: a manifest can name it"
            );
        }
    }
}

#[test]
fn no_name_alone_decides() {
    let nothing = detect(&|_| false, Some("qwen2"));
    assert_eq!(names(&nothing), ["plain plain"]);
    assert_eq!(Format::named("plain", Some(Order::Spm)), None);
    assert_eq!(
        Format::named("codestral", Some(Order::Psm)),
        None,
        "it was never trained so"
    );
    assert_eq!(Format::named("no such dialect", None), None);
}

/// The prompt at `$0` with control tokens in `«»` and openings of a document behind `^`.
fn shown(format: &Format, fixture: &str, pieces: &[Piece]) -> String {
    let at = fixture.find("$0").expect("a cursor");
    let doc = Document::open(
        "src/a.py",
        Language::Python,
        1,
        &fixture.replacen("$0", "", 1),
    );
    let budget = Budget {
        file: 64,
        context: 600,
        suffix: 600,
        prefix: 4_000,
        tail: 100,
        generate: 48,
    };
    let input = Input {
        doc: &doc,
        byte: at,
        pieces,
        budget: &budget,
        idle: false,
    };
    let (prompt, _) = write(format, &input, &Window::default(), &count);
    let show = |section: &Section| match section {
        Section::Control(control) => format!("\u{ab}{}\u{bb}", control.token()),
        Section::Token(token) => format!("\u{ab}{token}\u{bb}"),
        Section::Text(text) => text.clone(),
        Section::Opening(text) => format!("^{text}"),
    };
    let shown: Vec<String> = prompt.sections.iter().map(show).collect();
    shown.concat()
}

const PLACE: &str = "import os\n\ndef area(a, b):\n    return a $0)\n\nprint(area(1, 2))\n";

fn check(name: &str, order: Order, expected: Expect) {
    let format = Format::named(name, Some(order)).expect("known");
    expected.assert_eq(&shown(&format, PLACE, &[]));
}

#[test]
fn suffix_first_ends_with_the_text_at_the_cursor() {
    check(
        "starcoder",
        Order::Spm,
        expect![[r#"
        «<fim_prefix>»«<fim_suffix>»
        print(area(1, 2))
        «<fim_middle>»^import os

        def area(a, b):
            return a "#]],
    );
    check(
        "codestral",
        Order::Spm,
        expect![[r#"
        «[SUFFIX]»
        print(area(1, 2))
        «[PREFIX]»^import os

        def area(a, b):
            return a "#]],
    );
    check(
        "mellum",
        Order::Spm,
        expect![[r#"
        «<filename>»src/a.py
        «<fim_suffix>»
        print(area(1, 2))
        «<fim_prefix>»^import os

        def area(a, b):
            return a «<fim_middle>»"#]],
    );
}

#[test]
fn prefix_first_shows_the_rest_of_the_line_where_that_costs_nothing() {
    check(
        "qwen",
        Order::Psm,
        expect![[r#"
        «<|fim_prefix|>»^import os

        def area(a, b):
            return a «<|fim_suffix|>»)

        print(area(1, 2))
        «<|fim_middle|>»"#]],
    );
    check(
        "qwen",
        Order::PsmHead,
        expect![[r#"
        «<|fim_prefix|>»^import os

        def area(a, b):
        «<|fim_suffix|>»
        print(area(1, 2))
        «<|fim_middle|>»    return a "#]],
    );
    check(
        "starcoder2",
        Order::Psm,
        expect![[r#"
        «<file_sep>»«<fim_prefix>»^src/a.py
        import os

        def area(a, b):
            return a «<fim_suffix>»)

        print(area(1, 2))
        «<fim_middle>»"#]],
    );
    check(
        "incoder",
        Order::Psm,
        expect![[r#"
        ^import os

        def area(a, b):
            return a «<|mask:0|>»)

        print(area(1, 2))
        «<|mask:1|>»«<|mask:0|>»"#]],
    );
}

#[test]
fn without_a_suffix_there_is_the_prefix() {
    check(
        "plain",
        Order::Plain,
        expect![[r#"
        ^import os

        def area(a, b):
            return a "#]],
    );
}

#[test]
fn pieces_take_each_family_s_form() {
    let pieces = [Piece {
        path: "lib/b.py".into(),
        text: "def b(): ...\n".into(),
    }];
    let check = |name: &str, order: Order, expected: Expect| {
        let format = Format::named(name, Some(order)).expect("known");
        expected.assert_eq(&shown(&format, "x = $0\n", &pieces));
    };
    check(
        "qwen",
        Order::Psm,
        expect![[r#"
        «<|repo_name|>»project
        «<|file_sep|>»lib/b.py
        def b(): ...
        «<|file_sep|>»src/a.py
        «<|fim_prefix|>»^x = «<|fim_suffix|>»
        «<|fim_middle|>»"#]],
    );
    check(
        "codestral",
        Order::Spm,
        expect![[r#"
        «[SUFFIX]»«[PREFIX]»^+++++ lib/b.py
        def b(): ...

        +++++ src/a.py
        x = "#]],
    );
    check(
        "mellum",
        Order::Spm,
        expect![[r#"
        «<filename>»lib/b.py
        def b(): ...
        «<filename>»src/a.py
        «<fim_suffix>»«<fim_prefix>»^x = «<fim_middle>»"#]],
    );
    check(
        "deepseek",
        Order::Psm,
        expect![[r##"
        #lib/b.py
        def b(): ...
        #src/a.py
        «<｜fim▁begin｜>»^x = «<｜fim▁hole｜>»
        «<｜fim▁end｜>»"##]],
    );
    check(
        "starcoder",
        Order::Spm,
        expect![[r#"
        «<fim_prefix>»«<fim_suffix>»«<fim_middle>»^# lib/b.py
        # def b(): ...
        x = "#]],
    );
}

#[test]
fn a_typed_character_changes_the_end_only_where_the_text_stands_last() {
    for (name, order) in [("starcoder", Order::Spm), ("qwen", Order::PsmHead)] {
        let format = Format::named(name, Some(order)).expect("known");
        let before = shown(&format, "a\nb = 1$0\nc\n", &[]);
        let after = shown(&format, "a\nb = 12$0\nc\n", &[]);
        assert_eq!(after, format!("{before}2"), "{name}");
    }
}

const CONTROLS: [&str; 4] = ["<pre>", "<suf>", "<mid>", "<suf>+"];

#[test]
fn a_template_of_the_user_is_read() {
    let read = |template: &str| Format::from_template(template, &["<end>".into()], &CONTROLS);
    let format = read("<pre>{path}\n{prefix}<suf>{suffix}<mid>").expect("a template");
    assert_eq!((format.order, format.name.as_ref()), (Order::Psm, "custom"));
    assert_eq!(format.controls, ["<pre>", "<suf>", "<mid>", "<end>"]);
    let expected = "\u{ab}<pre>\u{bb}^src/a.py\nx = \u{ab}<suf>\u{bb}\n\u{ab}<mid>\u{bb}";
    assert_eq!(shown(&format, "x = $0\n", &[]), expected);
    let format = read("<suf>{suffix}<pre>{prefix}").expect("a template");
    assert_eq!(format.order, Order::Spm);
    let longest = read("<suf>+{prefix}").expect("a template");
    assert_eq!(
        (longest.order, &longest.controls[0]),
        (Order::Plain, &Cow::Borrowed("<suf>+"))
    );
}

#[test]
fn a_template_that_cannot_work_says_why() {
    let read =
        |template: &str| Format::from_template(template, &[], &CONTROLS).expect_err(template);
    assert_eq!(read("<pre>{suffix}<mid>"), TemplateError::Places);
    assert_eq!(read("<pre>{prefix}{prefix}"), TemplateError::Places);
    assert_eq!(
        read("<pre>{prefix}{name}"),
        TemplateError::Unknown("name".into())
    );
    assert_eq!(read("{prefix} and {suffix}"), TemplateError::NoTokens);
    assert!(
        read("")
            .to_string()
            .starts_with("a template needs {prefix} once")
    );
}
