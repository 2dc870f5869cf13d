//! Whether to suggest at this place: the request becomes a [`Mode`] to ask with, or a [`Skip`] with its reason.
//!
//! Nothing here looks at a cache, a clock or a model; what the loop knows beyond the text arrives as [`History`].

use foretoken_grammars::Language;

use crate::place::{Mode, Place};
use crate::syntax::Region;

/// Who wants the suggestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The editor asked by itself while the user types.
    Automatic,
    /// The user pressed a key for it, so only what makes a suggestion impossible may refuse.
    Invoked,
}

/// What the owner of the documents knows about this place beyond its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The document is under an exclusion rule.
    pub excluded: bool,
    /// An edit could not be applied, so our text may differ from the editor's.
    pub out_of_step: bool,
    /// The last edit took text away and put none in its place.
    pub deleted_just_now: bool,
    /// A text for exactly this place is at hand already, so showing it after a deletion costs nothing.
    pub at_hand: bool,
    /// How many separate places the last change touched; more than one means several cursors or a refactoring.
    pub places_changed: usize,
    /// The user turned down the text that would be shown here.
    pub dismissed_here: bool,
}

/// Largest document that gets suggestions, in bytes. Start value.
pub const FILE_LIMIT: usize = 1_000_000;
/// Longest line of a document that gets suggestions, in bytes: past it the text is data or minified. Start value.
pub const LINE_LIMIT: usize = 10_000;
/// Most characters right of the cursor that are neither blank nor closers. Value of ggml-org/llama.vim.
pub const TAIL_LIMIT: usize = 8;
/// Fewest characters of text around the cursor. Value of microsoft/vscode-copilot-chat.
pub const PROMPT_MINIMUM: usize = 10;

/// Why nothing is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip {
    /// The document is under an exclusion rule.
    Excluded,
    /// Our text may differ from the editor's.
    OutOfStep,
    /// The document is over [`FILE_LIMIT`].
    FileTooLarge,
    /// A line is over [`LINE_LIMIT`].
    LineTooLong,
    /// More than [`TAIL_LIMIT`] characters of code stand right of the cursor.
    TextToTheRight,
    /// The last edit was a deletion.
    AfterDeletion,
    /// A word goes on right of the cursor.
    InsideWord,
    /// A comment goes on right of the cursor.
    InsideComment,
    /// This text was turned down here.
    Dismissed,
    /// Several places changed at once.
    SeveralPlaces,
    /// Under [`PROMPT_MINIMUM`] characters to go by.
    TooLittleText,
}

impl Skip {
    /// Every reason, in the order in which they are looked at.
    pub const ALL: &'static [Skip] = &[
        Skip::Excluded,
        Skip::OutOfStep,
        Skip::FileTooLarge,
        Skip::LineTooLong,
        Skip::TextToTheRight,
        Skip::AfterDeletion,
        Skip::InsideWord,
        Skip::InsideComment,
        Skip::Dismissed,
        Skip::SeveralPlaces,
        Skip::TooLittleText,
    ];

    /// The name to branch on and to count under: kebab-case, one of a closed set.
    pub fn code(self) -> &'static str {
        match self {
            Skip::Excluded => "excluded",
            Skip::OutOfStep => "out-of-step",
            Skip::FileTooLarge => "file-too-large",
            Skip::LineTooLong => "line-too-long",
            Skip::TextToTheRight => "text-to-the-right",
            Skip::AfterDeletion => "after-deletion",
            Skip::InsideWord => "inside-word",
            Skip::InsideComment => "inside-comment",
            Skip::Dismissed => "dismissed",
            Skip::SeveralPlaces => "several-places",
            Skip::TooLittleText => "too-little-text",
        }
    }

    /// The sentence for the user.
    pub fn sentence(self) -> &'static str {
        match self {
            Skip::Excluded => "This file is excluded from suggestions by a setting.",
            Skip::OutOfStep => {
                "An edit could not be followed; close and open the file again to get suggestions."
            }
            Skip::FileTooLarge => "The file is over 1 MB, which is too large for suggestions.",
            Skip::LineTooLong => {
                "The file has a line of over 10,000 characters; such files get no suggestions."
            }
            Skip::TextToTheRight => {
                "There is code right of the cursor; ask for a suggestion by key to get one here."
            }
            Skip::AfterDeletion => {
                "You have just deleted text; suggestions come back with the next character."
            }
            Skip::InsideWord => "The cursor stands inside a word.",
            Skip::InsideComment => "The cursor stands in the middle of a comment.",
            Skip::Dismissed => "You have turned down this suggestion here.",
            Skip::SeveralPlaces => "Several places were changed at once.",
            Skip::TooLittleText => "There is too little text yet to suggest from.",
        }
    }
}

/// Decides whether to ask for a suggestion at `place`, and for how much.
///
/// # Errors
/// The first [`Skip`] that applies. An invoked request is refused only for reasons of the document itself.
pub fn decide(place: &Place, kind: Kind, history: &History) -> Result<Mode, Skip> {
    if let Some(skip) = impossible(place, history) {
        return Err(skip);
    }
    if kind == Kind::Automatic
        && let Some(skip) = unwanted(place, history)
    {
        return Err(skip);
    }
    Ok(place.mode())
}

/// Reasons of the document, which hold for every kind of request.
fn impossible(place: &Place, history: &History) -> Option<Skip> {
    if history.excluded {
        Some(Skip::Excluded)
    } else if history.out_of_step {
        Some(Skip::OutOfStep)
    } else if place.file_bytes > FILE_LIMIT {
        Some(Skip::FileTooLarge)
    } else if place.longest_line > LINE_LIMIT {
        Some(Skip::LineTooLong)
    } else {
        None
    }
}

/// Reasons of the moment, which a user who asks by key overrules.
fn unwanted(place: &Place, history: &History) -> Option<Skip> {
    if code_to_the_right(&place.tail) > TAIL_LIMIT {
        Some(Skip::TextToTheRight)
    } else if history.deleted_just_now && !history.at_hand {
        Some(Skip::AfterDeletion)
    } else if starts_with_word(&place.tail, place.language) {
        Some(Skip::InsideWord)
    } else if place.region == Region::Comment && comment_goes_on(&place.tail, place.language) {
        Some(Skip::InsideComment)
    } else if history.dismissed_here {
        Some(Skip::Dismissed)
    } else if history.places_changed > 1 {
        Some(Skip::SeveralPlaces)
    } else if !enough_text(place) {
        Some(Skip::TooLittleText)
    } else {
        None
    }
}

/// Characters of the line's rest that are neither blank nor something an editor closes by itself.
fn code_to_the_right(tail: &str) -> usize {
    tail.chars()
        .filter(|c| {
            !c.is_whitespace()
                && !matches!(
                    c,
                    ')' | ']' | '}' | '>' | '"' | '\'' | '`' | ',' | ';' | ':'
                )
        })
        .count()
}

fn starts_with_word(tail: &str, language: Language) -> bool {
    tail.chars()
        .next()
        .is_some_and(|c| language.syntax().is_word(c))
}

/// Text of the comment follows, not just its closing mark.
fn comment_goes_on(tail: &str, language: Language) -> bool {
    let marks = language.syntax().block_comments.iter();
    let end = marks.filter_map(|(_, close)| tail.find(close)).min();
    !tail[..end.unwrap_or(tail.len())].trim().is_empty()
}

/// Blank lines and indentation tell a model nothing; the text below counts as well as that before.
fn enough_text(place: &Place) -> bool {
    let around = place
        .before
        .lines()
        .chain(place.below.iter().map(String::as_str));
    let chars = around.flat_map(|line| line.trim_start().chars());
    chars.take(PROMPT_MINIMUM).count() == PROMPT_MINIMUM
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suggestion::tests::at;

    fn decided(language: Language, fixture: &str, kind: Kind, history: &History) -> String {
        let (_, place) = at(language, fixture);
        match decide(&place, kind, history) {
            Ok(mode) => format!("{mode:?}").to_lowercase(),
            Err(skip) => skip.code().to_owned(),
        }
    }

    fn check(language: Language, fixture: &str, history: &History, automatic: &str, invoked: &str) {
        assert_eq!(
            decided(language, fixture, Kind::Automatic, history),
            automatic,
            "{fixture:?}"
        );
        assert_eq!(
            decided(language, fixture, Kind::Invoked, history),
            invoked,
            "{fixture:?}"
        );
    }

    const NOTHING: History = History {
        excluded: false,
        out_of_step: false,
        deleted_just_now: false,
        at_hand: false,
        places_changed: 1,
        dismissed_here: false,
    };

    #[test]
    fn asks_where_code_is_written() {
        check(Language::Rust, "let total = $0\n", &NOTHING, "line", "line");
        check(
            Language::Rust,
            "let total = sum($0);\n",
            &NOTHING,
            "line",
            "line",
        );
        check(
            Language::Rust,
            "fn total() {\n    $0\n}\n",
            &NOTHING,
            "block",
            "block",
        );
        check(
            Language::Rust,
            "if total(a, vec![$0]) {\n",
            &NOTHING,
            "line",
            "line",
        );
        check(
            Language::Rust,
            "// what the total$0\nfn f() {}\n",
            &NOTHING,
            "line",
            "line",
        );
        check(
            Language::TypeScript,
            "/* what the total $0 */ f();\n",
            &NOTHING,
            "line",
            "line",
        );
    }

    #[test]
    fn text_right_of_the_cursor() {
        check(
            Language::Rust,
            "let total = $0 + width * height;\n",
            &NOTHING,
            "text-to-the-right",
            "line",
        );
        // Eight characters at most, closers and blanks not counted.
        check(
            Language::Rust,
            "let total = f($0, \"\"), ..abcdef );\n",
            &NOTHING,
            "line",
            "line",
        );
        check(
            Language::Rust,
            "let total = f($0, \"\"), ..abcdefg);\n",
            &NOTHING,
            "text-to-the-right",
            "line",
        );
        check(
            Language::Rust,
            "let total = wi$0dth;\n",
            &NOTHING,
            "inside-word",
            "line",
        );
        check(
            Language::JavaScript,
            "const total = f($0$(a));\n",
            &NOTHING,
            "inside-word",
            "line",
        );
        check(
            Language::Rust,
            "// the tot$0 .. of\nfn f() {}\n",
            &NOTHING,
            "inside-comment",
            "line",
        );
    }

    #[test]
    fn what_happened_before() {
        let deleted = History {
            deleted_just_now: true,
            ..NOTHING
        };
        check(
            Language::Rust,
            "let total = $0\n",
            &deleted,
            "after-deletion",
            "line",
        );
        let at_hand = History {
            at_hand: true,
            ..deleted
        };
        check(Language::Rust, "let total = $0\n", &at_hand, "line", "line");
        let dismissed = History {
            dismissed_here: true,
            ..NOTHING
        };
        check(
            Language::Rust,
            "let total = $0\n",
            &dismissed,
            "dismissed",
            "line",
        );
        let several = History {
            places_changed: 2,
            ..NOTHING
        };
        check(
            Language::Rust,
            "let total = $0\n",
            &several,
            "several-places",
            "line",
        );
    }

    #[test]
    fn little_text_and_too_much() {
        check(
            Language::Rust,
            "\n    a = 12;$0\n",
            &NOTHING,
            "too-little-text",
            "line",
        );
        check(
            Language::Rust,
            "$0\n\nfn total() {}\n",
            &NOTHING,
            "block",
            "block",
        );
        let long_line = format!("let total = $0\n// {}\n", "a".repeat(LINE_LIMIT));
        check(
            Language::Rust,
            &long_line,
            &NOTHING,
            "line-too-long",
            "line-too-long",
        );
        let large = format!(
            "let total = $0\n{}",
            "// a line of text\n".repeat(FILE_LIMIT / 18 + 1)
        );
        check(
            Language::Text,
            &large,
            &NOTHING,
            "file-too-large",
            "file-too-large",
        );
    }

    #[test]
    fn what_no_key_overrules() {
        let excluded = History {
            excluded: true,
            out_of_step: true,
            ..NOTHING
        };
        check(
            Language::Rust,
            "let total = $0\n",
            &excluded,
            "excluded",
            "excluded",
        );
        let out_of_step = History {
            out_of_step: true,
            ..NOTHING
        };
        check(
            Language::Rust,
            "let total = $0\n",
            &out_of_step,
            "out-of-step",
            "out-of-step",
        );
    }

    #[test]
    fn every_reason_has_its_own_code_and_a_sentence() {
        let mut codes: Vec<&str> = Skip::ALL.iter().map(|skip| skip.code()).collect();
        let kebab = |code: &&str| code.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(
            codes.iter().all(kebab) && Skip::ALL.iter().all(|skip| skip.sentence().ends_with('.'))
        );
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Skip::ALL.len());
    }
}
