//! Carries a suggestion over edits that agree with it: what is left of it at a newer place, or that it is stale.
//!
//! An [`Offered`] is kept as it was made while the user types. Deleting what was typed, or undoing it, is then just
//! another place on the way from the offer to its end; there is no history to keep.

use foretoken_grammars::Syntax;

use crate::document::Edit;
use crate::place::Place;
use crate::suggestion::brackets::{self, Start};

/// A suggestion together with the place that it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Byte of the cursor in the document.
    pub at: usize,
    /// Text of the line before the cursor.
    pub head: String,
    /// The suggestion, with the document's line ends.
    pub text: String,
    /// Text of the line right of the cursor.
    pub tail: String,
    /// First line below that is not blank; empty if there is none.
    pub below: String,
}

impl Offered {
    /// Remembers `text` as offered at `place`.
    pub fn new(place: &Place, text: &str) -> Offered {
        Offered {
            at: place.offset,
            head: place.head.clone(),
            text: text.to_owned(),
            tail: place.tail.clone(),
            below: next_lines(place).next().unwrap_or_default().to_owned(),
        }
    }
}

/// What became of a suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interpolated {
    /// The edits agree with it.
    Keeps {
        /// What is still to be inserted; never blank, and nothing that follows the cursor already.
        rest: String,
    },
    /// The edits contradict it, or nothing is left.
    Stale,
}

/// Says what is left of `offered` at `place`, a later place of the same document.
///
/// It survives typing and accepting that continue it, by character, word or line, and everything that takes such typing
/// back. Brackets and quotes that the editor closed by itself belong to the typing; the rest then ends before them.
pub fn interpolate(offered: &Offered, place: &Place) -> Interpolated {
    rest(offered, place)
        .filter(|rest| !rest.trim().is_empty())
        .map_or(Interpolated::Stale, |rest| Interpolated::Keeps {
            rest: rest.to_owned(),
        })
}

fn rest<'a>(offered: &'a Offered, place: &Place) -> Option<&'a str> {
    let typed = typed(offered, place)?;
    let rest = offered.text.strip_prefix(typed)?;
    // Between the halves of a line end there is no place.
    if typed.ends_with('\r') && rest.starts_with('\n') {
        return None;
    }
    let mut next = next_lines(place);
    let below = next.next().unwrap_or_default();
    if place.tail == offered.tail && below == offered.below {
        return Some(rest);
    }
    let syntax = place.language.syntax();
    let start = Start::at_offer(offered, syntax);
    let open = brackets::scan(typed, syntax, start).open;
    let open: Vec<char> = open.iter().rev().map(|open| open.closer).collect();
    // The closers stand right of the cursor, or after Enter between them on the next line.
    let on_line = place.tail.strip_suffix(offered.tail.as_str());
    let on_next = below.trim().strip_suffix(offered.tail.trim());
    let closed = match (on_line, on_next) {
        (Some(closers), _) if below == offered.below => closers,
        (_, Some(closers))
            if place.tail.trim().is_empty() && next.next().unwrap_or_default() == offered.below =>
        {
            closers
        }
        _ => return None,
    };
    let closed = closed.trim();
    (!closed.is_empty() && are_closers(closed, &open))
        .then(|| before_closer(rest, closed, syntax, &place.head))
}

/// How many bytes of `shown`, a suggestion at byte `at`, these edits accepted at once; `None` if they did something else.
///
/// Most editors report no accept, or none of a part, so it is told by its size: typing arrives character by
/// character, and an accepted word, line or text as one change. A pair such as `()` is a character and what the editor
/// closed by itself. An editor that replaces a range sends a deletion and then the text.
pub fn accepted(shown: &str, at: usize, edits: &[Edit]) -> Option<usize> {
    let whole = match edits {
        [edit] => Replaced::by(edit, edit)?,
        [deletion, insertion]
            if deletion.inserted.is_empty()
                && insertion.removed_len == 0
                && insertion.start == deletion.start =>
        {
            Replaced::by(deletion, insertion)?
        }
        _ => return None,
    };
    let change = whole.trimmed();
    let text = change.inserted;
    let mut characters = text.chars();
    let pair = matches!(
        (characters.next(), characters.next(), characters.next()),
        (Some(open), Some(close), None)
            if brackets::closer_of(open) == Some(close) || (open == close && matches!(open, '"' | '\'' | '`'))
    );
    // Enter brings indentation along.
    let several = text.chars().nth(1).is_some() && !text.trim().is_empty();
    let continues = change.start == at && change.removed.is_empty() && shown.starts_with(text);
    (continues && several && !pair).then_some(text.len())
}

/// A stretch of text and what stands there now.
#[derive(Clone, Copy)]
struct Replaced<'a> {
    start: usize,
    removed: &'a str,
    inserted: &'a str,
}

impl<'a> Replaced<'a> {
    /// `None` if so much was removed that its text was not kept.
    fn by(deletion: &'a Edit, insertion: &'a Edit) -> Option<Replaced<'a>> {
        (deletion.removed.len() == deletion.removed_len).then_some(Replaced {
            start: deletion.start,
            removed: &deletion.removed,
            inserted: &insertion.inserted,
        })
    }

    /// Without what the change puts back as it was.
    fn trimmed(self) -> Replaced<'a> {
        let pairs = self.removed.chars().zip(self.inserted.chars());
        let same: usize = pairs
            .take_while(|(old, new)| old == new)
            .map(|(old, _)| old.len_utf8())
            .sum();
        let (removed, inserted) = (&self.removed[same..], &self.inserted[same..]);
        let pairs = removed.chars().rev().zip(inserted.chars().rev());
        let back: usize = pairs
            .take_while(|(old, new)| old == new)
            .map(|(old, _)| old.len_utf8())
            .sum();
        Replaced {
            start: self.start + same,
            removed: &removed[..removed.len() - back],
            inserted: &inserted[..inserted.len() - back],
        }
    }
}

/// What was typed since the offer. `None` if the text left of the offer is another one.
fn typed<'a>(offered: &Offered, place: &'a Place) -> Option<&'a str> {
    let len = place
        .offset
        .checked_sub(offered.at)
        .filter(|len| *len <= offered.text.len())?;
    let from = place.before.len().checked_sub(len)?;
    let (before, typed) = place
        .before
        .is_char_boundary(from)
        .then(|| place.before.split_at(from))?;
    // A longer line than is kept of the text before can only be compared as far as it is there.
    let line = before.strip_suffix(offered.head.as_str());
    let begins = match line {
        Some(above) => above.is_empty() || above.ends_with(['\n', '\r']),
        None => !before.contains(['\n', '\r']) && offered.head.ends_with(before),
    };
    begins.then_some(typed)
}

/// Whether `closed` consists of closers that the editor may have added for what was typed: some of `open`, innermost first.
fn are_closers(closed: &str, open: &[char]) -> bool {
    let mut open = open.iter();
    closed
        .chars()
        .filter(|c| !c.is_whitespace())
        .all(|closer| open.any(|open| *open == closer))
}

/// `rest` up to where it says the first of the closers that follow the cursor already.
fn before_closer<'a>(rest: &'a str, closed: &str, syntax: &Syntax, head: &str) -> &'a str {
    let start = match brackets::scan(head, syntax, Start::Code).string {
        Some(quote) => Start::String(Some(quote)),
        None => Start::Code,
    };
    let first = closed.chars().next();
    let closers = brackets::scan(rest, syntax, start).unmatched;
    let end = closers
        .iter()
        .find(|closer| Some(closer.closer) == first)
        .map_or(rest.len(), |closer| closer.at);
    rest[..end].trim_end_matches(['\n', '\r', ' ', '\t'])
}

/// The lines below that are not blank.
fn next_lines(place: &Place) -> impl Iterator<Item = &str> {
    place
        .below
        .iter()
        .map(String::as_str)
        .filter(|line| !line.trim().is_empty())
}

impl Start {
    /// What an offer's text begins in, as far as its line tells.
    fn at_offer(offered: &Offered, syntax: &Syntax) -> Start {
        brackets::scan(&offered.head, syntax, Start::Code)
            .string
            .map_or(Start::Code, |quote| Start::String(Some(quote)))
    }
}

#[cfg(test)]
mod tests {
    use foretoken_grammars::Language::{self, Python, Rust, TypeScript};
    use proptest::prelude::*;

    use super::*;
    use crate::suggestion::tests::at;

    /// What is left of `text`, offered at the first fixture's cursor, at the second's; `-` if it is stale.
    fn left(language: Language, offered: &str, text: &str, now: &str) -> String {
        let offered = Offered::new(&at(language, offered).1, text);
        match interpolate(&offered, &at(language, now).1) {
            Interpolated::Keeps { rest } => rest,
            Interpolated::Stale => "-".to_owned(),
        }
    }

    #[test]
    fn typing_along() {
        assert_eq!(left(Rust, "let a = $0\n", "f(b);", "let a = f$0\n"), "(b);");
        assert_eq!(left(Rust, "let a = $0\n", "f(b);", "let a = f(b)$0\n"), ";");
        assert_eq!(left(Rust, "let a = $0\n", "f(b);", "let a = $0\n"), "f(b);");
        assert_eq!(
            left(Rust, "let é = $0;\n", "\"😀\"", "let é = \"😀$0;\n"),
            "\""
        );
        // An accepted word, and an accepted line.
        assert_eq!(
            left(
                Rust,
                "fn f() {\n    $0\n}\n",
                "if a {\n        b();\n    }",
                "fn f() {\n    if a {\n        $0\n}\n"
            ),
            "b();\n    }"
        );
        assert_eq!(
            left(
                Rust,
                "f() {$0\r\n",
                "\r\n    a();\r\n}",
                "f() {\r\n    a();$0\r\n"
            ),
            "\r\n}"
        );
    }

    #[test]
    fn typing_something_else() {
        assert_eq!(left(Rust, "let a = $0\n", "f(b);", "let a = g$0\n"), "-");
        assert_eq!(
            left(Rust, "let a = $0\n", "f(b);", "let a = f(b);$0\n"),
            "-"
        );
        assert_eq!(
            left(Rust, "let a = $0\n", "f(b);", "let a = f(b);;$0\n"),
            "-"
        );
        assert_eq!(left(Rust, "let a = $0\n", "f(b);", "let a $0\n"), "-");
        assert_eq!(left(Rust, "let a = $0\n", "f(b);", "let b = f$0\n"), "-");
        assert_eq!(left(Rust, "let a = $0\n", "f(b);", "\nlet a =$0\n"), "-");
        // What follows is part of the question that the suggestion answers.
        assert_eq!(left(Rust, "let a = $0\n", "f(b);", "let a = f$0;\n"), "-");
        assert_eq!(
            left(Rust, "let a = $0\nx();\n", "f(b);", "let a = f$0\ny();\n"),
            "-"
        );
        // Between the halves of a line end.
        assert_eq!(
            left(Rust, "f() {$0\r\n", "\r\n    a();\r\n}", "f() {\r$0\r\n"),
            "-"
        );
    }

    #[test]
    fn auto_closed_brackets() {
        assert_eq!(
            left(Rust, "let a = $0\n", "f(b, g(c));", "let a = f($0)\n"),
            "b, g(c)"
        );
        assert_eq!(
            left(Rust, "let a = $0\n", "f(b, g(c));", "let a = f(b, g($0))\n"),
            "c"
        );
        assert_eq!(
            left(Rust, "let a = $0\n", "f([b]);", "let a = f([$0])\n"),
            "b"
        );
        assert_eq!(left(Rust, "h($0)\n", "f(b)", "h(f($0))\n"), "b");
        assert_eq!(
            left(Python, "a = $0\n", "\"b c\" + d", "a = \"b$0\"\n"),
            " c"
        );
        // Typed over: the editor moved across its own closer.
        assert_eq!(
            left(Rust, "let a = $0\n", "f(b) + c;", "let a = f(b)$0\n"),
            " + c;"
        );
        // Nothing is left inside, or other text came along.
        assert_eq!(left(Rust, "let a = $0\n", "f();", "let a = f($0)\n"), "-");
        assert_eq!(left(Rust, "let a = $0\n", "f(b);", "let a = f($0]\n"), "-");
        assert_eq!(left(Rust, "let a = $0\n", "f(b);", "let a = f$0)\n"), "-");
    }

    #[test]
    fn enter_between_auto_closed_braces() {
        let (offered, text) = ("fn f() $0\n\nfn g() {}\n", "{\n    a();\n    b();\n}");
        assert_eq!(
            left(Rust, offered, text, "fn f() {$0}\n\nfn g() {}\n"),
            "\n    a();\n    b();"
        );
        assert_eq!(
            left(Rust, offered, text, "fn f() {\n    $0\n}\n\nfn g() {}\n"),
            "a();\n    b();"
        );
        let (offered, text) = ("h($0);\n", "() => {\n  a();\n}");
        assert_eq!(
            left(TypeScript, offered, text, "h(() => {\n  $0\n});\n"),
            "a();"
        );
        assert_eq!(
            left(TypeScript, offered, text, "h(() => {\n  $0\n};\n"),
            "-"
        );
    }

    #[test]
    fn accepts_are_told_by_their_size() {
        let edit = |start, removed: &str, inserted: &str| Edit {
            start,
            removed: removed.to_owned(),
            removed_len: removed.len(),
            inserted: inserted.to_owned(),
        };
        let shown = "(é, b);\n    next()";
        assert_eq!(accepted(shown, 5, &[edit(5, "", shown)]), Some(shown.len()));
        assert_eq!(accepted(shown, 5, &[edit(5, "", "(é")]), Some(3));
        assert_eq!(accepted(shown, 5, &[edit(5, "", "(")]), None, "typed");
        assert_eq!(
            accepted("()", 5, &[edit(5, "", "()")]),
            None,
            "closed by the editor"
        );
        assert_eq!(
            accepted("\"\" + a", 5, &[edit(5, "", "\"\"")]),
            None,
            "closed by the editor"
        );
        assert_eq!(
            accepted(shown, 5, &[edit(5, "", "(x")]),
            None,
            "something else"
        );
        assert_eq!(accepted(shown, 5, &[edit(6, "", "(é")]), None, "elsewhere");
        // The line replaced, in one change and in two.
        assert_eq!(accepted(shown, 5, &[edit(2, "foo", "foo(é, b)")]), Some(7));
        assert_eq!(
            accepted(shown, 5, &[edit(2, "foo", ""), edit(2, "", "foo(é, b)")]),
            Some(7)
        );
        assert_eq!(
            accepted(shown, 5, &[edit(2, "foo)", "foo(é, b))")]),
            Some(7)
        );
        assert_eq!(accepted(shown, 5, &[edit(2, "foo", "bar(é, b)")]), None);
        let long = Edit {
            removed_len: 9_000,
            ..edit(2, "foo", "foo(é, b)")
        };
        assert_eq!(accepted(shown, 5, &[long]), None);
        assert_eq!(accepted(shown, 5, &[]), None);
    }

    /// Text of the pieces that editors treat in special ways.
    fn any_text() -> impl Strategy<Value = String> {
        let parts = vec![
            "a", "foo", " ", "\n", "\r\n", "(", ")", "{", "}", "\"", "\n    ", "é", "😀", ";",
        ];
        prop::collection::vec(prop::sample::select(parts), 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        /// Every place on the way from the offer to its end leaves exactly what is still missing.
        #[test]
        fn the_way_to_the_end(before in any_text(), text in any_text(), after in any_text(), cut: prop::sample::Index) {
            let (_, start) = at(Rust, &format!("{before}$0{after}"));
            let offered = Offered::new(&start, &text);
            let cut = cut.index(text.len() + 1);
            prop_assume!(text.is_char_boundary(cut));
            let (typed, rest) = text.split_at(cut);
            let (_, now) = at(Rust, &format!("{before}{typed}$0{after}"));
            let halves = |left: &str, right: &str| left.ends_with('\r') && right.starts_with('\n');
            // Where a lone half of a line end is made whole, the lines are others.
            prop_assume!(!halves(&before, &text) && !halves(typed, rest) && !halves(typed, &after) && !halves(&before, &after));
            let expected = if rest.trim().is_empty() { Interpolated::Stale } else { Interpolated::Keeps { rest: rest.to_owned() } };
            prop_assert_eq!(interpolate(&offered, &now), expected);
        }

        /// What is left always leads to a beginning of what was offered.
        #[test]
        fn never_more_than_was_offered(
            before in any_text(), text in any_text(), after in any_text(), other in any_text(), tail in any_text(),
        ) {
            let (_, start) = at(Rust, &format!("{before}$0{after}"));
            let offered = Offered::new(&start, &text);
            let (_, now) = at(Rust, &format!("{before}{other}$0{tail}"));
            if let Interpolated::Keeps { rest } = interpolate(&offered, &now) {
                let whole = format!("{other}{rest}");
                prop_assert!(text.starts_with(&whole), "{} {}", text, whole);
                prop_assert!(!rest.trim().is_empty());
            }
        }
    }
}
