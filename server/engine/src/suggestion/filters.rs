//! The filters that look at whole lines: control text, the lines below, repetition, indentation.
//!
//! Each takes the text that is left and answers with the byte at which it should end.

use foretoken_grammars::{Blocks, Syntax};

use super::brackets::{self, Start};
use super::lines::{self, is_weak, lines};
use super::overlap::Indent;
use crate::place::{Place, indent_columns};
use crate::syntax::Region;

/// Fewest characters, blanks aside, of a repetition of several lines that is certainly none by chance.
const REPEATED: usize = 20;

/// Marks with which models of all families frame their texts. Whatever follows one is no code.
const MARKS: &[&str] = &[
    "<|",
    "<fim_",
    "<file_sep>",
    "<repo_name>",
    "<EOT>",
    "<MID>",
    "<PRE>",
    "<SUF>",
    "</s>",
    "[SUFFIX]",
    "[PREFIX]",
    "[MIDDLE]",
    "<｜",
];

/// Where control text begins: a mark of a prompt, a control character, or a broken character.
pub(super) fn control(text: &str) -> usize {
    let mark = MARKS.iter().filter_map(|mark| find_mark(text, mark)).min();
    let character = text.find(is_unshowable);
    mark.into_iter()
        .chain(character)
        .min()
        .unwrap_or(text.len())
}

/// `<|` is an operator in some languages, so it only counts with its other half behind a name.
fn find_mark(text: &str, mark: &str) -> Option<usize> {
    if mark != "<|" {
        return text.find(mark);
    }
    let mut found = text.match_indices(mark).map(|(at, _)| at);
    found.find(|at| {
        let name = text[at + mark.len()..]
            .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        name.len() < text.len() - at - mark.len() && name.starts_with("|>")
    })
}

/// Control characters, half characters, and marks that change the direction of text, with which code can
/// look unlike what it is.
fn is_unshowable(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    control
        || matches!(c, '\u{fffd}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Where the text begins to say the lines below, however they are indented. `complete`: its last line is whole.
pub(super) fn below(place: &Place, text: &str, complete: bool) -> usize {
    let visible = |line: &&str| !line.trim().is_empty();
    let below: Vec<&str> = place
        .below
        .iter()
        .map(String::as_str)
        .filter(visible)
        .collect();
    let blank_head = place.head.trim().is_empty();
    // A line that the user began is not the one below, even where both will be equal.
    let first = usize::from(!blank_head || !place.tail.trim().is_empty());
    let head = if blank_head { place.head.as_str() } else { "" };
    let own: Vec<(usize, String)> = lines(text)
        .enumerate()
        .map(|(index, (at, line))| {
            (
                at,
                if index == 0 {
                    format!("{head}{line}")
                } else {
                    line.to_owned()
                },
            )
        })
        .skip(first)
        .filter(|(_, line)| visible(&line.as_str()))
        .collect();
    let starts = (0..own.len()).find(|index| says(&own[*index..], &below, complete));
    starts.map_or(text.len(), |index| own[index].0)
}

fn says(said: &[(usize, String)], below: &[&str], complete: bool) -> bool {
    let equal = |index: usize, line: &str, below: &str| {
        let broken_off = !complete && index + 1 == said.len() && line.trim().chars().count() >= 3;
        line.trim() == below.trim() || (broken_off && below.trim().starts_with(line.trim()))
    };
    // Closers alone say nothing about where they belong; the bracket balance decides about them.
    let strong = |line: &str, below: &str| {
        !is_weak(line) && (!lines::is_end(line) || indent_columns(line) == indent_columns(below))
    };
    let pairs = || {
        said.iter()
            .map(|(_, line)| line.as_str())
            .zip(below.iter().copied())
    };
    pairs().any(|(line, below)| strong(line, below))
        && pairs()
            .enumerate()
            .all(|(index, (line, below))| equal(index, line, below))
}

/// Where the text begins to go over the same lines again: those above it, or its own.
pub(super) fn repetition(place: &Place, text: &str) -> usize {
    let head = place.head.as_str();
    let own: Vec<(usize, String)> = lines(text)
        .enumerate()
        .map(|(index, (at, line))| {
            (
                at,
                if index == 0 {
                    format!("{head}{line}")
                } else {
                    line.to_owned()
                },
            )
        })
        .map(|(at, line)| (at, line.trim().to_owned()))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    if says_above(place, &own) {
        return 0;
    }
    for start in 1..own.len() {
        // Two or more lines said twice running; a single line may well belong twice.
        for length in 2..=start {
            let (before, again) = (&own[start - length..start], own.get(start..start + length));
            if again.is_some_and(|again| equal_lines(before, again)) {
                return own[start].0;
            }
        }
    }
    text.len()
}

fn says_above(place: &Place, own: &[(usize, String)]) -> bool {
    let above = place
        .above
        .iter()
        .take(own.len())
        .rev()
        .map(|line| (0, line.trim().to_owned()));
    let above: Vec<(usize, String)> = above.collect();
    own.len() >= 2 && equal_lines(&above, own)
}

fn equal_lines(one: &[(usize, String)], other: &[(usize, String)]) -> bool {
    let characters = |line: &str| line.chars().filter(|c| !c.is_whitespace()).count();
    let size: usize = one.iter().map(|(_, line)| characters(line)).sum();
    size >= REPEATED
        && one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| one.1 == other.1)
}

/// Where a line begins that is indented otherwise than it can be: with the other kind of blank than the lines around, or
/// to a depth that no block has.
pub(super) fn indentation(place: &Place, text: &str) -> usize {
    other_blanks(place, text).min(depth(place, text))
}

/// Where a line begins that is indented with the other kind of blank than the lines around.
fn other_blanks(place: &Place, text: &str) -> usize {
    let around = || {
        place
            .above
            .iter()
            .chain(&place.below)
            .chain(std::iter::once(&place.head))
    };
    let tabs = around().any(|line| line.starts_with('\t'));
    let spaces = around().any(|line| line.starts_with("  "));
    if tabs == spaces {
        // A mixed file, or one that is not indented yet.
        return text.len();
    }
    let other = if tabs { "  " } else { "\t" };
    let skipped = usize::from(!place.head.is_empty());
    let mut own = lines(text).enumerate();
    let mut kept = 0;
    own.find_map(|(number, (at, line))| {
        let cut = (number >= skipped && line.starts_with(other)).then_some(kept);
        kept = at + line.len();
        cut
    })
    .unwrap_or(text.len())
}

/// Where a line begins whose depth no block has, in languages whose blocks are made of indentation. A deeper line follows
/// a colon and nothing else, and one less deep returns to a block that is open.
fn depth(place: &Place, text: &str) -> usize {
    let syntax = place.language.syntax();
    if syntax.blocks != Blocks::Indent || place.region != Region::Code {
        return text.len();
    }
    // Between brackets every line may stand anywhere, and the text before may begin within a string.
    let before = brackets::scan(&place.before, syntax, Start::Code);
    if !before.open.is_empty() || !before.unmatched.is_empty() {
        return text.len();
    }
    let indent = Indent::at(place);
    let mut levels: Vec<usize> = Vec::new();
    let (mut opens, mut goes_on, mut kept) = (Opens::Never, false, 0);
    for (number, (at, line)) in lines(text).enumerate() {
        let end = at + line.len();
        let (whole, columns) = match number {
            0 if place.head.trim().is_empty() => (line.to_owned(), indent.of_first(line)),
            0 => (format!("{}{line}", place.head), place.indent),
            _ => (line.to_owned(), indent_columns(line)),
        };
        if !whole.trim().is_empty() && !is_comment(&whole, syntax) {
            let begins = levels.is_empty() && misses_body(place, columns);
            if !goes_on && (begins || !fits(&mut levels, columns, opens)) {
                return kept;
            }
            opens = Opens::after(&whole, syntax);
            let so_far = brackets::scan(&text[..end], syntax, Start::Code);
            goes_on = !so_far.open.is_empty() || whole.ends_with('\\');
        }
        kept = end;
    }
    text.len()
}

/// Whether the line above opens a block, and a line of this depth stands outside of it.
fn misses_body(place: &Place, columns: usize) -> bool {
    let syntax = place.language.syntax();
    let Some(above) = place.above.first().filter(|_| place.head.trim().is_empty()) else {
        return false;
    };
    // The last line of a statement that began further up says nothing about its depth.
    let continued = place.above.get(1).is_some_and(|line| line.ends_with('\\'))
        || !brackets::scan(above, syntax, Start::Code)
            .unmatched
            .is_empty();
    let opener = Opens::after(above, syntax) == Opens::Always && !is_comment(above, syntax);
    opener && !continued && columns <= indent_columns(above)
}

/// Whether a block begins behind a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opens {
    Never,
    Always,
    /// It cannot be told without reading the line as a parser does.
    Perhaps,
}

impl Opens {
    fn after(line: &str, syntax: &Syntax) -> Opens {
        if syntax.line_comment.is_some_and(|mark| line.contains(mark)) {
            Opens::Perhaps
        } else if line.trim_end().ends_with(':') {
            Opens::Always
        } else {
            Opens::Never
        }
    }
}

/// Whether a line of this depth fits behind the lines before; `levels` are the depths of the blocks that are open.
fn fits(levels: &mut Vec<usize>, columns: usize, opens: Opens) -> bool {
    let Some(last) = levels.last().copied() else {
        levels.push(columns);
        return true;
    };
    if columns > last {
        levels.push(columns);
        return opens != Opens::Never;
    }
    // Blocks that were open before the text began are not known; the stop rules watch over them.
    let known = levels.first().is_some_and(|first| columns >= *first);
    levels.retain(|level| *level <= columns);
    opens != Opens::Always && (!known || levels.last() == Some(&columns))
}

fn is_comment(line: &str, syntax: &Syntax) -> bool {
    syntax
        .line_comment
        .is_some_and(|mark| line.trim_start().starts_with(mark))
}

/// The text without blanks at its end; those before text of the same line belong to it.
pub(super) fn trimmed<'a>(place: &Place, text: &'a str) -> &'a str {
    let goes_on = place
        .tail
        .chars()
        .next()
        .is_some_and(|c| !c.is_whitespace());
    let lines_off = text.trim_end_matches(['\n', '\r']);
    if goes_on && lines_off.len() == text.len() && lines::first_end(text) == text.len() {
        text
    } else {
        text.trim_end()
    }
}
