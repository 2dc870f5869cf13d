//! Layout by the golden file; what stays from key to key by simulated typing.

use std::cell::{Cell, RefCell};

use expect_test::{Expect, expect};
use foretoken_grammars::Language;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::document::Change;
use crate::position::{Encoding, Range, from_byte};
use crate::prompt::budget::tests::count as tokens;

const WIDE: Budget = Budget {
    file: 64,
    context: 600,
    suffix: 600,
    prefix: 4_000,
    tail: 100,
    generate: 48,
};

fn input<'a>(doc: &'a Document, byte: usize, budget: &'a Budget) -> Input<'a> {
    Input {
        doc,
        byte,
        pieces: &[],
        budget,
        idle: false,
    }
}

/// A prompt as one string, control tokens by their spelling.
fn shown(prompt: &Prompt) -> String {
    let show = |section: &Section| match section {
        Section::Control(control) => control.token().to_owned(),
        Section::Token(text) | Section::Text(text) | Section::Opening(text) => text.clone(),
    };
    prompt.sections.iter().map(show).collect()
}

fn place(language: Language, fixture: &str) -> (Document, usize) {
    let at = fixture.find("$0").unwrap();
    (
        Document::open("src/a.rs", language, 1, &fixture.replacen("$0", "", 1)),
        at,
    )
}

fn check(fixture: &str, budget: &Budget, expected: Expect) {
    let (doc, at) = place(Language::Rust, fixture);
    let (prompt, _) = fim(&input(&doc, at, budget), &Window::default(), &tokens);
    expected.assert_eq(&shown(&prompt));
}

fn string<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

#[test]
fn the_layout_is_that_of_the_golden_file() {
    let golden = include_str!("../../../../../training/layout_golden.json");
    let golden: Value = serde_json::from_str(golden).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 8);
    for case in cases {
        let name = string(case, "name");
        let language = Language::ALL.iter().copied();
        let language = language
            .clone()
            .find(|l| l.id() == string(case, "language"))
            .unwrap();
        let before = [string(case, "prefix_lines"), string(case, "head")].concat();
        let suffix = string(case, "suffix");
        let end = if suffix.is_empty() { "" } else { "\n" };
        let text = [&before, string(case, "tail"), end, suffix].concat();
        let doc = Document::open(string(case, "path"), language, 1, &text);
        let pieces = case["pieces"].as_array().unwrap().iter();
        let pieces: Vec<_> = pieces
            .map(|piece| Piece {
                path: string(piece, "path").to_owned(),
                text: string(piece, "text").to_owned(),
            })
            .collect();
        let input = Input {
            pieces: &pieces,
            ..input(&doc, before.len(), &WIDE)
        };
        let (prompt, _) = fim(&input, &Window::default(), &tokens);

        let expected = case["sections"].as_array().unwrap().iter();
        let expected: Vec<String> = expected
            .map(|section| match section["control"].as_str() {
                Some(control) => format!("<|{}|>", control.trim_start_matches("lang:")),
                None => string(section, "text").to_owned(),
            })
            .collect();
        let found = prompt
            .sections
            .iter()
            .filter(|s| **s != Section::Text(String::new()));
        let found: Vec<String> = found
            .map(|section| {
                shown(&Prompt {
                    sections: vec![section.clone()],
                })
            })
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn the_last_section_is_text_even_if_empty() {
    for fixture in ["$0", "a\n$0", "$0a\n", "$0\na"] {
        let (doc, at) = place(Language::Rust, fixture);
        let (prompt, _) = fim(&input(&doc, at, &WIDE), &Window::default(), &tokens);
        assert!(
            matches!(prompt.sections.last(), Some(Section::Text(_))),
            "{fixture:?}"
        );
    }
}

#[test]
fn line_breaks_and_byte_order_marks_are_plain() {
    let text = "\u{feff}one\r\ntwo\rth$0ree(\r\nfour\r\n\r\nfive";
    check(
        text,
        &WIDE,
        expect![[r#"
            <|bos|><|rust|><|file|>src/a.rs
            <|suf|>four

            five<|pre|>one
            two
            <|tail|>ree(<|cur|>th"#]],
    );
}

#[test]
fn every_part_is_cut_to_its_budget() {
    let narrow = Budget {
        file: 7,
        context: 20,
        suffix: 6,
        prefix: 12,
        tail: 5,
        generate: 1,
    };
    // Lines above that do not fit within the low mark, a tail and a suffix that are too long.
    check(
        "zzzz\naaaa\nbbbb\ncccc\ndd $0eeee, ffff, gggg\nhhhh\niiii\njjjj\n",
        &narrow,
        expect![[r#"
            <|bos|><|rust|><|file|>a.rs
            <|suf|>hhhh
            iiii
            <|pre|>aaaa
            bbbb
            cccc
            <|tail|>eeee, <|cur|>dd "#]],
    );
}

#[test]
fn pieces_are_cut_by_lines_and_left_out_where_nothing_fits() {
    let piece = |path: &str, text: &str| Piece {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let (doc, at) = place(Language::Rust, "a$0");
    let shown_with = |pieces: &[Piece], context| {
        let budget = Budget { context, ..WIDE };
        let input = Input {
            pieces,
            budget: &budget,
            ..input(&doc, at, &budget)
        };
        shown(&fim(&input, &Window::default(), &tokens).0)
    };
    let pieces = [
        piece("b.rs", "one\r\ntwo\n\nthree"),
        piece("c\nd", "four\n"),
    ];
    let rest = "<|suf|><|pre|>a";
    let file = "<|bos|><|rust|><|file|>src/a.rs\n";
    let first = "<|ctx|>b.rs\none\ntwo\n\nthree\n";
    assert_eq!(
        shown_with(&pieces, 100),
        format!("{file}{first}<|ctx|>c d\nfour\n{rest}")
    );
    assert_eq!(shown_with(&pieces, 20), format!("{file}{first}{rest}"));
    assert_eq!(
        shown_with(&pieces, 12),
        format!("{file}<|ctx|>b.rs\none\ntwo\n\n{rest}")
    );
    assert_eq!(shown_with(&pieces, 7), format!("{file}{rest}"));
    assert_eq!(shown_with(&pieces, 0), format!("{file}{rest}"));
}

#[test]
fn paths_lose_their_beginning() {
    let shown_with = |path: &str, file| {
        let doc = Document::open(path, Language::Text, 1, "");
        let budget = Budget { file, ..WIDE };
        let (prompt, _) = fim(&input(&doc, 0, &budget), &Window::default(), &tokens);
        shown(&prompt)
            .trim_start_matches("<|bos|><|text|><|file|>")
            .to_owned()
    };
    assert_eq!(
        shown_with("C:\\code\\a.rs", 64),
        "C:/code/a.rs\n<|suf|><|pre|>"
    );
    assert_eq!(
        shown_with("one/two/three.rs", 11),
        "two/three.rs\n<|suf|><|pre|>"
    );
    assert_eq!(
        shown_with("one/two/three.rs", 8),
        "three.rs\n<|suf|><|pre|>"
    );
    assert_eq!(shown_with("one/two/three.rs", 6), ".rs\n<|suf|><|pre|>");
    assert_eq!(shown_with("a\nb", 64), "a b\n<|suf|><|pre|>");
}

/// A document someone types into, with the window carried from key to key.
struct Typing {
    doc: Document,
    at: usize,
    budget: Budget,
    window: Window,
    last: String,
    /// Keys behind which the model has to read from before the text that was typed.
    jumps: Vec<usize>,
    keys: usize,
}

impl Typing {
    fn new(fixture: &str, budget: Budget) -> Self {
        let (doc, at) = place(Language::Rust, fixture);
        let (prompt, window) = fim(&input(&doc, at, &budget), &Window::default(), &tokens);
        let last = shown(&prompt);
        Typing {
            doc,
            at,
            budget,
            window,
            last,
            jumps: Vec::new(),
            keys: 0,
        }
    }

    fn edit(&mut self, start: usize, end: usize, text: &str) {
        let at = |byte| from_byte(self.doc.rope(), byte, Encoding::Utf8);
        let range = Some(Range {
            start: at(start),
            end: at(end),
        });
        let change = Change {
            range,
            text: text.to_owned(),
        };
        let version = self.doc.version() + 1;
        self.doc
            .apply(version, &[change], Encoding::Utf8, &mut || false)
            .unwrap();
    }

    /// The prompt at the cursor; counts it if the one before is no beginning of it.
    fn ask(&mut self, idle: bool) -> String {
        let input = Input {
            idle,
            ..input(&self.doc, self.at, &self.budget)
        };
        let (prompt, window) = fim(&input, &self.window, &tokens);
        self.window = window;
        let prompt = shown(&prompt);
        self.keys += 1;
        if !prompt.starts_with(&self.last) {
            self.jumps.push(self.keys);
        }
        self.last.clone_from(&prompt);
        prompt
    }

    fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.edit(self.at, self.at, c.encode_utf8(&mut [0; 4]));
            self.at += c.len_utf8();
            self.ask(false);
        }
    }
}

const FUNCTION: &str = "fn add(a: u32, b: u32) -> u32 {\n    let sum = a + b;\n    sum\n}\n\n";

#[test]
fn typing_appends_until_the_window_jumps() {
    let budget = Budget {
        file: 24,
        context: 0,
        suffix: 80,
        prefix: 280,
        tail: 16,
        generate: 24,
    };
    let mut typing = Typing::new(&format!("{}$0\n{FUNCTION}", FUNCTION.repeat(30)), budget);
    typing.type_text(&FUNCTION.repeat(30));
    assert_eq!(typing.keys, FUNCTION.len() * 30);
    // From the low mark to the high one it is 83 tokens, about 128 characters here.
    let typed = tokens(&FUNCTION.repeat(30));
    assert!(typing.jumps.len() <= typed / 83 + 1, "{:?}", typing.jumps);
    let between = typing.jumps.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(between.min().unwrap() > 100, "{:?}", typing.jumps);
    // Every start is a line's start.
    assert!(typing.last.contains("<|pre|>fn ") || typing.last.contains("\n<|pre|>"));
}

#[test]
fn pauses_move_the_start_before_typing_has_to() {
    let budget = Budget {
        file: 24,
        context: 0,
        suffix: 80,
        prefix: 280,
        tail: 16,
        generate: 24,
    };
    let mut typing = Typing::new(&format!("{}$0\n{FUNCTION}", FUNCTION.repeat(30)), budget);
    let mut stale = 0;
    for line in FUNCTION.repeat(30).split_inclusive('\n') {
        typing.type_text(line);
        let jumps = typing.jumps.len();
        if typing.window.is_stale() {
            stale += 1;
            typing.ask(true);
            assert_eq!(typing.jumps.len(), jumps + 1);
            assert!(!typing.window.is_stale());
        }
        // A pause in which nothing is stale costs nothing.
        let jumps = typing.jumps.len();
        typing.ask(true);
        assert_eq!(typing.jumps.len(), jumps);
    }
    assert!(stale > 5);
    assert!(
        typing.jumps.len() <= stale + 3,
        "{stale} {:?}",
        typing.jumps
    );
}

#[test]
fn closers_right_of_the_cursor_leave_the_lines_alone() {
    let mut typing = Typing::new(&format!("{FUNCTION}let a = f$0\n{FUNCTION}"), WIDE);
    let lines = |prompt: &str| prompt.split("<|tail|>").next().unwrap().to_owned();
    typing.edit(typing.at, typing.at, "()");
    typing.at += 1;
    let opened = typing.ask(false);
    assert!(
        opened.ends_with("sum\n}\n\n<|tail|>)<|cur|>let a = f("),
        "{opened}"
    );
    typing.jumps.clear();
    typing.type_text("1, 2");
    assert!(typing.jumps.is_empty());
    typing.at += 1;
    let closed = typing.ask(false);
    assert!(closed.starts_with(&lines(&opened)));
    assert!(closed.ends_with("sum\n}\n\nlet a = f(1, 2)"), "{closed}");
}

#[test]
fn enter_between_braces_keeps_the_frozen_suffix() {
    let mut typing = Typing::new(&format!("fn g() $0\n{FUNCTION}"), WIDE);
    typing.type_text("{");
    typing.edit(typing.at, typing.at, "}");
    typing.ask(false);
    typing.edit(typing.at, typing.at, "\n    \n");
    typing.at += 5;
    let frozen = typing.ask(false);
    assert!(frozen.contains("<|suf|>fn add("), "{frozen}");
    assert!(typing.window.is_stale());
    let anew = typing.ask(true);
    assert!(anew.contains("<|suf|>}\nfn add("), "{anew}");
    assert!(!typing.window.is_stale());
}

#[test]
fn a_jump_takes_the_new_suffix_at_once() {
    let text = format!(
        "fn one() {{\n    $0\n}}\n\n{}fn two() {{\n    x\n}}\n",
        FUNCTION.repeat(3)
    );
    let mut typing = Typing::new(&text, WIDE);
    assert!(typing.ask(false).contains("<|suf|>}\n\nfn add("));
    typing.at = typing.doc.rope().to_string().find("    x").unwrap() + 5;
    let there = typing.ask(false);
    assert!(there.contains("<|suf|>}\n<|pre|>fn one() {"), "{there}");
    // One line down is a jump too: the frozen suffix would show the cursor's own line.
    typing.at = typing.doc.rope().to_string().find("fn add(").unwrap() + 6;
    assert!(typing.ask(false).contains("<|suf|>    let sum"));
    typing.at = typing.doc.rope().to_string().find("    let sum").unwrap() + 6;
    assert!(typing.ask(false).contains("<|suf|>    sum\n}"));
}

#[test]
fn pieces_stay_until_a_pause() {
    let (doc, at) = place(Language::Rust, "a$0\nb\n");
    let piece = |text: &str| {
        [Piece {
            path: "p".to_owned(),
            text: text.to_owned(),
        }]
    };
    let (one, two) = (piece("one"), piece("two"));
    let ask = |window: &Window, pieces: &[Piece], idle| {
        let input = Input {
            pieces,
            idle,
            ..input(&doc, at, &WIDE)
        };
        let (prompt, window) = fim(&input, window, &tokens);
        (shown(&prompt), window)
    };
    let (first, window) = ask(&Window::default(), &one, false);
    assert!(first.contains("<|ctx|>p\none\n"));
    let (same, window) = ask(&window, &two, false);
    assert_eq!(same, first);
    let (other, _) = ask(&window, &two, true);
    assert!(other.contains("<|ctx|>p\ntwo\n"));
}

#[test]
fn an_edit_above_moves_the_window_along() {
    let budget = Budget {
        prefix: 120,
        ..WIDE
    };
    let numbered: String = (0..200).map(|n| format!("let line{n} = {n};\n")).collect();
    let mut typing = Typing::new(&format!("use a;\n{numbered}let x = $0\n"), budget);
    let before = typing.last.clone();
    let start = typing.window.start();
    assert!(start > 0);
    typing.edit(0, 0, "use b::{c, d};\n");
    typing.at += 15;
    assert_eq!(typing.ask(false), before);
    assert_eq!(typing.window.start(), start + 15);
    // Inside the window only what stands behind the edit is new.
    typing.edit(typing.window.start() + 4, typing.window.start() + 4, "mut ");
    typing.at += 4;
    let edited = typing.ask(false);
    assert_eq!(typing.window.start(), start + 15);
    assert!(edited.contains("<|pre|>let mut line"), "{edited}");
}

#[test]
fn a_window_whose_lines_were_replaced_is_calm() {
    let budget = Budget { prefix: 60, ..WIDE };
    let text = |line: &str| format!("{}let x = \n", line.repeat(100));
    let first = Document::open("a", Language::Rust, 1, &text("let abcd = 1;\n"));
    let at = first.len_bytes() - 1;
    let (_, window) = fim(&input(&first, at, &budget), &Window::default(), &tokens);
    for pad in ["", "a", "ab", "abc"] {
        // Four bytes a character: the known opening ends inside of one, at one of the four shifts.
        let second = Document::open(
            "a",
            Language::Rust,
            2,
            &format!("{pad}{}", text("😀😀😀😀")),
        );
        let (prompt, window) = fim(
            &input(&second, second.len_bytes() - 1, &budget),
            &window,
            &tokens,
        );
        assert!(
            window.start() > 0 && shown(&prompt).ends_with("let x = "),
            "{pad}"
        );
    }
}

#[test]
fn another_document_or_budget_starts_anew() {
    let (doc, at) = place(Language::Rust, &format!("{}a$0\n", FUNCTION.repeat(9)));
    let (_, window) = fim(&input(&doc, at, &WIDE), &Window::default(), &tokens);
    let other = Document::open("b.py", Language::Python, 1, "x = \n");
    let (prompt, _) = fim(&input(&other, 4, &WIDE), &window, &tokens);
    assert_eq!(
        shown(&prompt),
        "<|bos|><|python|><|file|>b.py\n<|suf|><|pre|>x = "
    );
    let small = Budget { prefix: 20, ..WIDE };
    let (prompt, window) = fim(&input(&doc, at, &small), &window, &tokens);
    let expected = fim(&input(&doc, at, &small), &Window::default(), &tokens);
    assert_eq!(prompt, expected.0);
    assert!(window.start() > 0);
}

#[test]
fn an_anchored_key_counts_little() {
    let (mut doc, mut at) = place(Language::Rust, &format!("{}a$0\n", FUNCTION.repeat(60)));
    let budget = Budget {
        prefix: 800,
        ..WIDE
    };
    let counted = Cell::new(0);
    let texts = RefCell::new(Vec::new());
    let count = |text: &str| {
        counted.set(counted.get() + text.len());
        texts.borrow_mut().push(text.to_owned());
        tokens(text)
    };
    let mut window = Window::default();
    for key in 0..20 {
        counted.set(0);
        texts.borrow_mut().clear();
        (_, window) = fim(&input(&doc, at, &budget), &window, &count);
        // The first prompt chooses the start, the second learns its lines.
        assert!(
            key < 2 || counted.get() <= 1 + key,
            "{key}: {:?}",
            texts.borrow()
        );
        let here = from_byte(doc.rope(), at, Encoding::Utf8);
        let change = Change {
            range: Some(Range {
                start: here,
                end: here,
            }),
            text: "x".to_owned(),
        };
        doc.apply(key as i32, &[change], Encoding::Utf8, &mut || false)
            .unwrap();
        at += 1;
    }
}

#[test]
fn long_lines_have_a_window_inside() {
    let budget = Budget {
        prefix: 100,
        ..WIDE
    };
    let long = "word ".repeat(200);
    let mut typing = Typing::new(&format!("above\n{long}$0\nbelow\n"), budget);
    let prefix = |prompt: &str| tokens(prompt.split("<|pre|>").nth(1).unwrap());
    assert!((60..=70).contains(&prefix(&typing.last)), "{}", typing.last);
    typing.type_text(&"more ".repeat(8));
    assert!(typing.jumps.is_empty(), "{:?}", typing.jumps);
    typing.type_text(&"more ".repeat(40));
    assert!((2..=4).contains(&typing.jumps.len()), "{:?}", typing.jumps);
    assert!(prefix(&typing.last) < 100);
}

fn source() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "<|bos|>", "<|eom|>", "<|suf|>", "<|pre|>", "<|tail|>", "<|cur|>", "<|ctx|>", "<|file|>",
        "<|rust|>", "<|", "|>", "a", "é😀", "\n", "\r\n", "\r", " ", "\0", "{", "word",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..80).prop_map(|pieces| pieces.concat())
}

proptest! {
    // Whatever the source spells, its control tokens are those of the layout.
    #[test]
    fn no_source_text_becomes_a_control_token(
        text in source(), path in source(), piece in source(), at in any::<prop::sample::Index>(),
    ) {
        let doc = Document::open(&path, Language::Rust, 1, &text);
        let pieces = [Piece { path: piece.clone(), text: piece }];
        let byte = at.index(text.len() + 1);
        let nine = Budget { file: 9, context: 9, suffix: 9, prefix: 9, tail: 9, generate: 9 };
        for budget in [WIDE, nine, Budget::default()] {
            let input = Input { pieces: &pieces, budget: &budget, ..input(&doc, byte, &budget) };
            let (prompt, _) = fim(&input, &Window::default(), &tokens);
            let controls: String = prompt
                .sections
                .iter()
                .map(|section| match section {
                    Section::Control(control) => control.token(),
                    _ => "",
                })
                .collect();
            let with = |context: &str, tail: &str| {
                format!("<|bos|><|rust|><|file|>{context}<|suf|><|pre|>{tail}")
            };
            let tail = "<|tail|><|cur|>";
            let known =
                [with("", ""), with("", tail), with("<|ctx|>", ""), with("<|ctx|>", tail)];
            prop_assert!(known.contains(&controls), "{}", controls);
            prop_assert!(matches!(prompt.sections.last(), Some(Section::Text(_))));
        }
    }

    // The parts a budget is given for never take more.
    #[test]
    fn budgets_hold(
        text in source(), at in any::<prop::sample::Index>(),
        suffix in 1usize..40, prefix in 4usize..60, tail in 0usize..12,
    ) {
        let doc = Document::open("a", Language::Rust, 1, &text);
        let budget = Budget { suffix, prefix, tail, ..WIDE };
        let input = input(&doc, at.index(text.len() + 1), &budget);
        let (prompt, _) = fim(&input, &Window::default(), &tokens);
        let mut used = std::collections::HashMap::new();
        let mut part = Control::Bos;
        for section in &prompt.sections {
            match section {
                Section::Control(control) => part = *control,
                Section::Text(text) => *used.entry(part).or_insert(0) += tokens(text),
                Section::Token(_) | Section::Opening(_) => unreachable!("not in this format"),
            }
        }
        let of = |control| used.get(&control).copied().unwrap_or(0);
        prop_assert!(of(Control::Suffix) < suffix.max(1));
        prop_assert!(of(Control::Prefix) + of(Control::Cursor) < prefix);
        prop_assert!(of(Control::Tail) <= tail.saturating_sub(2));
    }

    #[test]
    fn a_character_at_the_line_end_only_appends(
        text in source(), at in any::<prop::sample::Index>(), typed in "[a-z ({\"😀]",
    ) {
        let rope = ropey::Rope::from_str(&text);
        let line = rope.byte_to_line(at.index(text.len() + 1));
        let end = rope.line_to_byte(line) + without_end(rope.line(line)).len_bytes();
        let mut doc = Document::open("a", Language::Rust, 1, &text);
        let (before, window) = fim(&input(&doc, end, &WIDE), &Window::default(), &tokens);
        let here = from_byte(&rope, end, Encoding::Utf16);
        let change = Change { range: Some(Range { start: here, end: here }), text: typed.clone() };
        doc.apply(2, &[change], Encoding::Utf16, &mut || false).unwrap();
        let (after, _) = fim(&input(&doc, end + typed.len(), &WIDE), &window, &tokens);
        let mut expected = before;
        if let Some(Section::Text(last)) = expected.sections.last_mut() {
            last.push_str(&typed);
        }
        prop_assert_eq!(after, expected);
    }

    // The order of calls never matters for safety: any window goes with any document.
    #[test]
    fn foreign_windows_are_calm(
        one in source(), two in source(), at in any::<prop::sample::Index>(), idle in any::<bool>(),
    ) {
        let budget = Budget { prefix: 20, suffix: 10, ..WIDE };
        let first = Document::open("a", Language::Rust, 1, &one);
        let (_, window) = fim(&input(&first, at.index(one.len() + 1), &budget), &Window::default(), &tokens);
        let second = Document::open("a", Language::Rust, 1, &two);
        let byte = at.index(two.len() + 1);
        let input = Input { idle, ..input(&second, byte, &budget) };
        let (prompt, window) = fim(&input, &window, &tokens);
        prop_assert!(window.start() <= two.len());
        prop_assert!(!prompt.sections.is_empty());
    }
}
