//! Sections in, what is left of them out.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// A token is a word; blanks are free.
fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn section(kind: Kind, rank: u32, tokens: usize) -> Section {
    let lines: Vec<String> = (0..tokens).map(|n| format!("w{n}\n")).collect();
    Section::new(kind, lines.concat()).ranked(rank)
}

fn check(sections: &[(Kind, u32, usize)], allowed: usize, expected: Expect) {
    let sections = sections
        .iter()
        .map(|(kind, rank, tokens)| section(*kind, *rank, *tokens))
        .collect();
    let fitted = fit(sections, Allowance { sections: allowed }, &words);
    let mut text = String::new();
    for section in &fitted.sections {
        let (kind, tokens) = (section.kind.code(), words(&section.text));
        writeln!(text, "{kind} {}: {tokens}", section.rank).unwrap();
    }
    for cut in &fitted.cuts {
        writeln!(text, "- {} {}: {:?}", cut.kind.code(), cut.rank, cut.how).unwrap();
    }
    writeln!(text, "{} tokens", fitted.tokens).unwrap();
    expected.assert_eq(&text);
}

#[test]
fn what_fits_is_kept_as_it_is() {
    check(
        &[
            (Kind::Target, 0, 100),
            (Kind::Hit, 0, 50),
            (Kind::Question, 0, 5),
        ],
        335,
        expect![[r#"
            target 0: 100
            chunk 0: 50
            question 0: 5
            335 tokens
        "#]],
    );
}

#[test]
fn the_drop_order() {
    let all: Vec<(Kind, u32, usize)> = Kind::ALL
        .into_iter()
        .flat_map(|kind| match kind {
            Kind::Hit => (0..5).map(|rank| (kind, rank, 10)).collect(),
            Kind::Scope | Kind::Diagnostic => vec![(kind, 0, 10), (kind, 1, 10)],
            _ => vec![(kind, 0, 10)],
        })
        .collect();
    check(
        &all,
        140,
        expect![[r#"
            target 0: 10
            question 0: 10
            - history 0: Conversation
            - facts 0: OverBudget
            - style 0: OverBudget
            - docs 0: OverBudget
            - edit 0: OverBudget
            - test 0: OverBudget
            - caller 0: OverBudget
            - chunk 4: OverBudget
            - chunk 3: OverBudget
            - diagnostic 1: OverBudget
            - definition 0: OverBudget
            - scope 1: OverBudget
            - chunk 2: OverBudget
            - chunk 1: OverBudget
            - chunk 0: OverBudget
            - imports 0: OverBudget
            - place 0: OverBudget
            - scope 0: OverBudget
            - trace 0: OverBudget
            - diagnostic 0: OverBudget
            140 tokens
        "#]],
    );
}

#[test]
fn limits_of_single_kinds() {
    let many = |kind, count| (0..count).map(move |rank| (kind, rank, 1));
    let mut all: Vec<(Kind, u32, usize)> = many(Kind::Scope, 9).collect();
    all.extend(many(Kind::Edit, 7));
    all.extend([
        (Kind::Caller, 0, 1),
        (Kind::Test, 1, 1),
        (Kind::Caller, 2, 1),
    ]);
    all.extend([
        (Kind::Test, 3, 1),
        (Kind::Test, 4, 1),
        (Kind::Definition, 0, 500),
    ]);
    all.extend([(Kind::Facts, 0, 200), (Kind::Target, 0, 1)]);
    check(
        &all,
        100_000,
        expect![[r#"
            scope 0: 1
            scope 1: 1
            scope 2: 1
            scope 3: 1
            scope 4: 1
            scope 5: 1
            scope 6: 1
            scope 7: 1
            edit 0: 1
            edit 1: 1
            edit 2: 1
            edit 3: 1
            edit 4: 1
            edit 5: 1
            caller 0: 1
            test 1: 1
            caller 2: 1
            test 3: 1
            definition 0: 400
            facts 0: 150
            target 0: 1
            - scope 8: TooMany
            - edit 6: TooMany
            - test 4: TooMany
            - definition 0: Shortened
            - facts 0: Shortened
            1829 tokens
        "#]],
    );
}

#[test]
fn the_newest_turns_within_a_quarter() {
    check(
        &[
            (Kind::Conversation, 2, 10),
            (Kind::Conversation, 1, 300),
            (Kind::Conversation, 0, 100),
            (Kind::Question, 0, 5),
        ],
        1_000,
        expect![[r#"
            history 0: 100
            question 0: 5
            - history 1: Conversation
            - history 2: Conversation
            225 tokens
        "#]],
    );
}

#[test]
fn a_target_too_big_alone_loses_its_middle_visibly() {
    let sections = vec![section(Kind::Target, 0, 100), section(Kind::Question, 0, 2)];
    let fitted = fit(sections, Allowance { sections: 132 }, &words);
    expect![[r#"
        w0
        … 98 lines left out here …
        w99
    "#]]
    .assert_eq(&fitted.sections[0].text);
    assert_eq!(fitted.cuts[0].how, How::Elided);
    assert_eq!(fitted.tokens, 131);
}

#[test]
fn the_allowance_is_the_least_of_class_and_window() {
    let of = |task, class, window| {
        let room = Room {
            window,
            output: 600,
            fixed: 400,
        };
        Allowance::of(task, class, room).sections
    };
    assert_eq!(of(Task::Explain, Class::Brief, 128_000), 3_000);
    assert_eq!(of(Task::Explain, Class::Deep, 128_000), 8_000);
    assert_eq!(of(Task::Ask, Class::Brief, 128_000), 12_000);
    // 4,096 − 600 − 400 − 256
    assert_eq!(of(Task::Explain, Class::Brief, 4_096), 2_840);
    // 5 % of it are more than 256.
    assert_eq!(of(Task::Debug, Class::Deep, 8_192), 8_192 - 1_000 - 409);
    assert_eq!(of(Task::Debug, Class::Deep, 100), 0);
}

proptest! {
    /// Whatever comes: never over, the question whole, lines and characters whole, nothing invented.
    #[test]
    fn always_within_the_allowance(
        parts in prop::collection::vec((prop::sample::select(Kind::ALL.to_vec()), 0u32..12, "([aé😀]{1,3}[ \n]?){0,40}"), 0..30),
        allowed in 200usize..3_000,
    ) {
        let mut sections: Vec<Section> = parts
            .iter()
            .filter(|(kind, ..)| *kind != Kind::Question)
            .map(|(kind, rank, text)| Section::new(*kind, text.clone()).ranked(*rank))
            .collect();
        sections.push(Section::new(Kind::Question, "why is that"));
        let fitted = fit(sections.clone(), Allowance { sections: allowed }, &words);
        prop_assert!(fitted.tokens <= allowed);
        let real: usize = fitted.sections.iter().map(|s| words(&s.text) + FRAME).sum();
        prop_assert_eq!(real, fitted.tokens);
        prop_assert_eq!(&fitted.sections.last().unwrap().text, "why is that");
        for section in &fitted.sections {
            let whole = sections.iter().any(|s| s.kind == section.kind && s.text == section.text);
            prop_assert!(whole || section.text.contains(" left out here …")
                || sections.iter().any(|s| s.text.starts_with(&section.text)));
        }
        let targets = sections.iter().filter(|s| s.kind == Kind::Target).count();
        let kept = fitted.sections.iter().filter(|s| s.kind == Kind::Target).count();
        prop_assert_eq!(kept, targets.min(1));
    }

    #[test]
    fn the_same_values_give_the_same_prompt(ranks in prop::collection::vec(0u32..4, 1..20)) {
        let sections: Vec<Section> = ranks.iter().map(|rank| section(Kind::Hit, *rank, 20)).collect();
        let one = fit(sections.clone(), Allowance { sections: 400 }, &words);
        prop_assert_eq!(one, fit(sections, Allowance { sections: 400 }, &words));
    }
}
