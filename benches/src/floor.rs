//! What copying from the same file reaches, as two floors. *Context* knows what to copy: it is right where
//! the text stands elsewhere in the file. *Copy* repeats the rest of the line behind the latest earlier place
//! with the longest equal text before it.

use crate::items::Item;
use crate::score::Rule;

/// Fewest and most equal characters before the cursor that are looked for.
const CONTEXT: std::ops::Range<usize> = 4..64;

/// Whether the middle stands elsewhere in the file: as a line where a line is asked for, as a line's end
/// where its rest is, else as any part of it, white space aside.
#[must_use]
pub fn stands_elsewhere(item: &Item) -> bool {
    let rule = item.rule();
    let truth = match rule {
        Rule::Whole => item.middle.trim(),
        _ => line(&item.middle).trim_end(),
    };
    if truth.trim().is_empty() {
        return false;
    }
    // The cursor's own line is not elsewhere.
    let above = item.prefix.rsplit_once('\n').map_or("", |(above, _)| above);
    let below = item.suffix.split_once('\n').map_or("", |(_, below)| below);
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let (end, whole) = (truth.trim(), bare(truth));
    match rule {
        Rule::Whole => above.contains(end) || below.contains(end),
        _ => above.lines().chain(below.lines()).any(|other| match rule {
            Rule::Line => other.trim() == end,
            Rule::Rest | Rule::Block => other.trim_end().ends_with(truth),
            _ => bare(other).contains(&whole),
        }),
    }
}

/// The copied answer after `prefix`, without what stands right of the cursor already; empty where nothing
/// repeats.
#[must_use]
pub fn copied<'a>(prefix: &'a str, suffix: &str) -> &'a str {
    let mut found = None;
    let starts: Vec<usize> = prefix
        .char_indices()
        .rev()
        .map(|(at, _)| at)
        .take(CONTEXT.end - 1)
        .collect();
    // Searched in a text that lacks its last character, else the cursor finds itself.
    let last = starts.first().copied().unwrap_or(0);
    for from in starts.iter().skip(CONTEXT.start - 1) {
        let context = &prefix[*from..];
        match prefix[..last].rfind(context) {
            Some(at) => found = Some(at + context.len()),
            None => break,
        }
    }
    let Some(from) = found else {
        return "";
    };
    let rest = line(&prefix[from..]);
    let tail = line(suffix);
    if tail.trim().is_empty() {
        rest
    } else {
        rest.strip_suffix(tail).unwrap_or(rest)
    }
}

fn line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_the_longest_is_copied() {
        assert_eq!(
            copied("let a = f(1);\nlet a = f(2);\nlet a = ", ""),
            "f(2);"
        );
        assert_eq!(copied("x = g(1)\ny = 5\nx = ", "\nz"), "g(1)");
        assert_eq!(copied("if (a < b) {\n}\nif (", ") {\n"), "a < b");
    }

    fn item(prefix: &str, middle: &str, suffix: &str, kind: &str) -> Item {
        Item {
            set: String::new(),
            language: "java".to_owned(),
            path: String::new(),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            middle: middle.to_owned(),
            kind: kind.to_owned(),
        }
    }

    #[test]
    fn what_stands_elsewhere_is_found_by_the_kind_of_place() {
        let found =
            |prefix, middle, suffix, kind| stands_elsewhere(&item(prefix, middle, suffix, kind));
        assert!(found("a {\n  }\n", "}", "\nb", "line"));
        assert!(found("a {\n", "  }", "\n}\n", "line"));
        assert!(found("x = f(1);\ny = ", "f(1);", "\n", "eol"));
        assert!(found("while (i < n) {\nif (", "i<n", ") {\n", "control"));
        assert!(found("f(a);\nb;\n", "b;", "\n  b;\nc;", "lines"));
    }

    #[test]
    fn what_stands_only_here_is_not_found() {
        let found =
            |prefix, middle, suffix, kind| stands_elsewhere(&item(prefix, middle, suffix, kind));
        assert!(!found("} a;\n", "}", "\nb", "line"));
        assert!(!found("y = f(1); z = ", "f(1);", "\n", "eol"));
        assert!(!found("a\n", " ", "\n\n", "line"));
        assert!(!found("if (i < n && ", "i < n", ") {", "control"));
    }

    #[test]
    fn nothing_is_copied_from_nothing() {
        assert_eq!(copied("", ""), "");
        assert_eq!(copied("abc", ""), "");
        assert_eq!(copied("aaaa", ""), "");
        assert_eq!(copied("héllo wörld", ""), "");
    }
}
