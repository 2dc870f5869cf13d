//! Text in, proposal out; the patch against a fresh build; nothing learned from the line that is asked about.

use foretoken_grammars::Language::{Python, Rust, Text};
use proptest::prelude::*;

use super::source::Source;
use super::*;
use crate::suggestion::tests::at;

fn limits(text: &str, cursor: usize, lines: usize) -> ProposalLimits {
    let line_end = text[cursor..]
        .find('\n')
        .map_or(text.len(), |end| cursor + end);
    ProposalLimits {
        at: cursor,
        line_end,
        lexemes: LINE_LEXEMES,
        lines,
    }
}

/// The proposal at `$0` in the first text, from it and the others.
fn proposed(fixture: &str, others: &[&str], lines: usize) -> Option<Proposal> {
    let cursor = fixture.find("$0").expect("a fixture has a cursor");
    let text = fixture.replacen("$0", "", 1);
    let mut texts = vec![text.as_str()];
    texts.extend(others);
    Lookup::build(&texts).propose(&text[..cursor], &limits(&text, cursor, lines))
}

fn text(fixture: &str) -> String {
    proposed(fixture, &[], 1).map_or("-".to_owned(), |proposal| proposal.text)
}

#[test]
fn the_rest_of_a_line_seen_before() {
    let seen = "let config = Config::load(path)?;\nlet other = 1;\n";
    assert_eq!(
        text(&format!("{seen}let config = Config::$0\n")),
        "load(path)?;"
    );
    assert_eq!(
        text(&format!("{seen}let config$0\n")),
        " = Config::load(path)?;"
    );
    assert_eq!(text(&format!("let x = $0\n{seen}")), "Config::load(path)?;");
    let proposal =
        proposed(&format!("{seen}    return Config::$0\n"), &[], 1).expect("it was seen");
    assert!(proposal.ended);
    // `::`, `Config` and the blank before it.
    assert_eq!(proposal.matched, 4);
    assert_eq!(
        proposal.lexemes.len(),
        "load ( path ) ? ;".split(' ').count()
    );
}

#[test]
fn other_texts_are_sources_too() {
    let other = ["def handle(request, response):\n    pass\n"];
    let proposal = proposed("def handle($0\n", &other, 1).expect("it was seen");
    assert_eq!(proposal.text, "request, response):");
    assert_eq!(proposed("def handle($0\n", &[], 1), None);
}

#[test]
fn a_word_is_finished_as_it_was_before() {
    assert_eq!(text("open(connection)\nclose(connec$0\n"), "tion)");
    assert_eq!(text("a(connection)\nb(connection)\nb(conn$0\n"), "ection)");
    // The unfinished word is no evidence of its own, and nothing begins like this.
    assert_eq!(text("close(connec$0\n"), "-");
    assert_eq!(text("a = connec + 1\nb = connec$0\n"), " + 1");
}

#[test]
fn nearer_text_weighs_more() {
    let far = "// filler\n".repeat(3_000);
    assert_eq!(
        text(&format!("set(alpha);\n{far}set(beta);\n\nset($0\n")),
        "beta);"
    );
    assert_eq!(
        text(&format!("set($0\n\nset(alpha);\n{far}set(beta);\n")),
        "alpha);"
    );
}

#[test]
fn a_longer_context_outvotes_a_shorter_one() {
    let often = "b = f(y)\nc = f(y)\nd = f(y)\n";
    assert_eq!(
        text(&format!(
            "total = sum(f(x))\n{often}{often}total = sum(f($0\n"
        )),
        "x))"
    );
}

#[test]
fn line_ends() {
    assert_eq!(
        text("first();\r\nsecond();\r\nfirst();\r\n$0\r\n"),
        "second();"
    );
    let block = proposed("if a {\n    b();\n}\nc();\n\nif a {$0\n", &[], 3).expect("it was seen");
    assert_eq!(block.text, "\n    b();\n}");
    assert!(block.ended);
    // Where a line ended before, there is nothing to propose.
    assert_eq!(text("first();\nsecond();\nfirst();$0\n"), "-");
    assert_eq!(text("$0"), "-");
    assert_eq!(
        Lookup::default().propose("a = ", &limits("a = ", 4, 1)),
        None
    );
}

#[test]
fn a_proposal_passes_the_same_filters_and_its_own_gate() {
    let shown = |language, fixture: &str| {
        let (doc, place) = at(language, fixture);
        let lookup = Lookup::build(&[&doc.rope().to_string()]);
        match suggest(&lookup, &doc, &place, place.mode()) {
            Ok(Suggestion { text, source, .. }) => format!("{source:?}: {text}"),
            Err(reject) => reject.code().to_owned(),
        }
    };
    let seen = "    log.write(level, message);\n".repeat(8);
    assert_eq!(
        shown(Rust, &format!("fn f() {{\n{seen}    log.write($0)\n}}\n")),
        "Lookup: level, message"
    );
    assert_eq!(
        shown(Python, "a = f(x)\nb = f(y)\nc = f(z)\nd = f($0\n"),
        "below-gate"
    );
    assert_eq!(shown(Text, "alone$0\n"), "empty");
}

#[test]
fn drafts_continue_the_longest_match() {
    let file = "fn a() { one(two, three) }\nfn b() { two, four }\n";
    let found = longest_match(&[file], "call(two, ", 4).expect("it is there");
    assert_eq!((found.matched, found.haystack), ("(two, ".len(), 0));
    assert!(found.follows.starts_with("three) }"));
    // Equally long: the last occurrence, in the earlier text.
    let found = longest_match(&["x = 1; x = 2;", "x = 3;"], "x = ", 4).expect("it is there");
    assert_eq!((found.follows, found.haystack), ("2;", 0));
    assert_eq!(longest_match(&["abc"], "abc", 3), None, "nothing follows");
    assert_eq!(longest_match(&["abc def"], "xyz", 3), None);
    assert_eq!(
        longest_match(&["a\n        b"], "\n        ", 4),
        None,
        "blanks prove nothing"
    );
    assert_eq!(
        longest_match(&["é😀x", ""], "é😀", 3).map(|found| found.follows),
        Some("x")
    );
    assert_eq!(longest_match(&["ab"], "a", 4), None);
}

#[test]
fn drafts_grow_with_the_match_and_with_their_acceptance() {
    let lengths = |acceptance| {
        (0..10)
            .map(|matched| draft_length(matched, acceptance))
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(None), [0, 0, 1, 2, 3, 3, 5, 5, 8, 8]);
    assert_eq!(lengths(Some(0.45)), lengths(None));
    assert_eq!(lengths(Some(0.1)), [0, 0, 1, 1, 2, 2, 3, 3, 5, 5]);
    assert_eq!(lengths(Some(0.9)), [0, 0, 2, 3, 5, 5, 8, 8, 8, 8]);
}

/// Short lines of few words, so that much repeats.
fn any_code() -> impl Strategy<Value = String> {
    let parts = vec![
        "a", "foo", "foo_bar", " ", " = ", "(", ")", ";", "\n", "\n", "\n    ", "\r\n", "é", "😀",
        "",
    ];
    prop::collection::vec(prop::sample::select(parts), 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    /// After any edit the live lexemes, in order, are exactly the new text.
    #[test]
    fn a_patched_source_holds_the_new_text(old in any_code(), new in any_code(), newer in any_code(), shared in any_code()) {
        let source = Source::new(&format!("{shared}{old}{shared}"));
        for text in [format!("{shared}{new}{shared}"), format!("{newer}{shared}{shared}"), new] {
            let source = source.update(&text);
            let mut rebuilt = String::new();
            for view in source.views() {
                for position in view.live.clone() {
                    prop_assert_eq!(view.byte(position), rebuilt.len());
                    rebuilt.push_str(view.index.lexeme(position));
                }
            }
            prop_assert_eq!(rebuilt, text);
        }
    }

    /// What stands right of the cursor on its line changes nothing.
    #[test]
    fn the_asked_line_teaches_nothing(before in any_code(), one in "[a-z_ ();=]{9}", other in "[a-z_ ();=]{9}") {
        let asked = |tail: &str| {
            let text = format!("{before}{tail}\n");
            Lookup::build(&[&text]).propose(&before, &limits(&text, before.len(), 1))
        };
        prop_assert_eq!(asked(&one), asked(&other));
    }

    /// Any text, any cursor: tokens that describe the text, and no panic.
    #[test]
    fn proposals_are_well_formed(text in any_code(), other in any::<String>(), cursor: prop::sample::Index, lines in 1..4_usize) {
        let cursor = suggestion::lines::floor(&text, cursor.index(text.len() + 1));
        let lookup = Lookup::build(&[&text, &other]);
        if let Some(proposal) = lookup.propose(&text[..cursor], &limits(&text, cursor, lines)) {
            prop_assert!(!proposal.text.trim().is_empty());
            prop_assert!(proposal.lexemes.iter().all(|token| token.logp <= 0.0 && proposal.text.is_char_boundary(token.end)));
            prop_assert!(proposal.lexemes.windows(2).all(|pair| pair[0].end < pair[1].end));
            prop_assert_eq!(proposal.lexemes.last().map(|token| token.end), Some(proposal.text.len()));
            prop_assert!(proposal.text.matches('\n').count() < lines.max(1));
        }
    }

    /// Drafts: the match is real and what follows really follows.
    #[test]
    fn matches_are_real(file in any_code(), tail in any_code(), min in 1..12_usize) {
        if let Some(found) = longest_match(&[&file], &tail, min) {
            let end = file.len() - found.follows.len();
            prop_assert!(found.matched >= min && !found.follows.is_empty());
            prop_assert_eq!(&file.as_bytes()[end - found.matched..end], &tail.as_bytes()[tail.len() - found.matched..]);
        }
    }
}
