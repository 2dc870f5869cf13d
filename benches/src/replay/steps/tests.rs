//! Whatever the strokes are, the text comes out right.

use super::*;

const TEXT: &str = "    fn name(&self) -> &str {\n        let a = [\"(x\", 'c'];\n\n        if a {\n            f(g(1), [2]);\n        }\n    }\n    let b = \"\\\"\";";

/// Applies strokes to an empty line between two others; returns the text and checks `end` and `limit`
/// on the way.
fn apply(strokes: &[Stroke], target: &str, slips: bool) -> String {
    let (mut before, mut after) = (String::new(), String::new());
    for stroke in strokes {
        match &stroke.step {
            Step::Write { text, behind, over } => {
                before.push_str(text);
                after.replace_range(..*over, "");
                after.insert_str(0, behind);
            }
            Step::Skip(bytes) => {
                before.push_str(&after[..*bytes]);
                after.replace_range(..*bytes, "");
            }
            Step::Delete(bytes) | Step::Undo(bytes) => before.truncate(before.len() - bytes),
            Step::Paste(text) => before.push_str(text),
            Step::Jump { .. } => unreachable!("no jump in one text"),
        }
        if !slips {
            assert_eq!(before, target[..stroke.end], "{stroke:?}");
            // What the editor has closed is what the text goes on with behind the limit.
            assert!(
                target[stroke.limit..].starts_with(&after) || !after.is_empty(),
                "{stroke:?}"
            );
            if after.is_empty() {
                assert_eq!(stroke.limit, target.len(), "{stroke:?}");
            } else {
                let next = after.split_at(1).0;
                assert!(target[stroke.limit..].starts_with(next), "{stroke:?}");
            }
        }
    }
    assert_eq!(after, "");
    before
}

#[test]
fn typed_closed_or_in_blocks_the_text_comes_out() {
    for closing in [Closing::None, Closing::Pairs, Closing::Blocks] {
        let strokes = strokes(TEXT, closing);
        assert_eq!(apply(&strokes, TEXT, false), TEXT, "{closing:?}");
    }
    assert!(strokes(TEXT, Closing::Pairs).len() < TEXT.len());
}

#[test]
fn a_pair_is_closed_and_typed_over() {
    let made = strokes("f(x)", Closing::Pairs);
    let write = |text: &str, behind: &str, over| Step::Write {
        text: text.to_owned(),
        behind: behind.to_owned(),
        over,
    };
    let steps: Vec<Step> = made.iter().map(|s| s.step.clone()).collect();
    assert_eq!(
        steps,
        [
            write("f", "", 0),
            write("(", ")", 0),
            write("x", "", 0),
            write(")", "", 1),
        ]
    );
    let limits: Vec<usize> = made.iter().map(|s| s.limit).collect();
    assert_eq!(limits, [4, 3, 3, 4]);
}

#[test]
fn enter_between_brackets_makes_three_lines_and_leaving_is_one_key() {
    let made = strokes("{\n  a\n}", Closing::Blocks);
    assert_eq!(made.len(), 4);
    assert_eq!(made[3].step, Step::Skip(2));
    assert_eq!(made[3].end, 7);
    assert_eq!(made[1].limit, 5, "up to the block's last line");
}

#[test]
fn what_is_no_pair_is_typed_as_it_stands() {
    for text in ["a)", "(]", "\"open", "{ x\n}", "({\n)}"] {
        let made = strokes(text, Closing::Blocks);
        assert_eq!(apply(&made, text, false), text);
    }
}

#[test]
fn slips_undos_and_pastes_leave_the_text_right() {
    for seed in 0..50 {
        let slips = with_slips(TEXT, &mut Random::new(seed));
        assert_eq!(apply(&slips, TEXT, true), TEXT, "seed {seed}");
        let undos = with_undos(TEXT, &mut Random::new(seed));
        assert_eq!(apply(&undos, TEXT, true), TEXT, "seed {seed}");
    }
    assert_eq!(apply(&with_paste(TEXT), TEXT, true), TEXT);
    let slips = with_slips(TEXT, &mut Random::new(1));
    assert!(slips.iter().any(|s| matches!(s.step, Step::Delete(_))));
    assert_eq!(slips, with_slips(TEXT, &mut Random::new(1)));
}
