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
    let mut rest = tail.trim();
    for (_, close) in language.syntax().block_comments {
        rest = rest.strip_suffix(close).unwrap_or(rest).trim_end();
    }
    !rest.is_empty()
}

/// Blanks tell a model nothing, so only the others count; the text below counts as well as that before.
fn enough_text(place: &Place) -> bool {
    let around =
        std::iter::once(place.before.as_str()).chain(place.below.iter().map(String::as_str));
    let chars = around.flat_map(str::chars).filter(|c| !c.is_whitespace());
    chars.take(PROMPT_MINIMUM).count() == PROMPT_MINIMUM
}
