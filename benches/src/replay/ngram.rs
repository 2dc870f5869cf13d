//! The baseline that needs no model: what followed the longest match of the last characters in the
//! same file. A server that saves fewer keys than this is not worth its processor.

use super::steps::Step;
use super::traces::Trace;

/// Characters of a match.
const SHORTEST: usize = 4;
const LONGEST: usize = 24;

/// What the baseline shows after each key of a trace with one region.
#[must_use]
pub fn guesses(trace: &Trace) -> Vec<Option<String>> {
    let region = &trace.regions[0];
    let text = &trace.documents[region.document].text;
    let (mut before, mut after) = (text[..region.at].to_owned(), text[region.at..].to_owned());
    let strokes = trace.strokes.iter();
    let guesses = strokes.map(|stroke| {
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
            Step::Jump { .. } => {}
        }
        guess(&before, &after)
    });
    guesses.collect()
}

/// The rest of the line behind the longest match of the end of `before`, the nearest one above first.
#[must_use]
pub fn guess(before: &str, after: &str) -> Option<String> {
    let (start, _) = before.char_indices().rev().nth(SHORTEST - 1)?;
    let tail = &before[start..];
    let common = |text: &str, end: usize| {
        let ours = before.bytes().rev();
        let same = text.as_bytes()[..end].iter().rev().zip(ours);
        same.take(LONGEST).take_while(|(a, b)| **a == *b).count()
    };
    let mut best: (usize, &str) = (0, "");
    // Not the end itself.
    let (last, _) = before.char_indices().next_back()?;
    let above = before[..last].rmatch_indices(tail);
    let above = above.map(|(at, _)| (before, at + tail.len()));
    let below = after.match_indices(tail);
    let below = below.map(|(at, _)| (after, at + tail.len()));
    for (text, end) in above.chain(below) {
        let length = common(text, end);
        if length > best.0 {
            best = (length, &text[end..]);
        }
        if length >= LONGEST {
            break;
        }
    }
    let line = best.1.lines().next().unwrap_or_default().trim_end();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_match_wins_and_the_nearest_of_equals() {
        let before = "let a = first(1);\nlet b = first(2);\nlet a = ";
        assert_eq!(guess(before, "").as_deref(), Some("first(1);"));
        let before = "x = one\nx = two\nx = ";
        assert_eq!(guess(before, "").as_deref(), Some("two"));
        assert_eq!(guess("let a", "\nlet a = 5;\n").as_deref(), Some(" = 5;"));
    }

    #[test]
    fn nothing_is_guessed_from_nothing() {
        assert_eq!(guess("", ""), None);
        assert_eq!(guess("abc", "abc"), None, "too short");
        assert_eq!(guess("abcd", ""), None);
        assert_eq!(guess("äöüß\näöüß", ""), None, "only a line end follows");
    }
}
