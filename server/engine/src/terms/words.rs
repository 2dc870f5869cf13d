//! From text to words, from words to terms: borders, stems, stop words.

use super::{DIGEST, LONGEST, TermKind};

/// Words that stand in nearly every text or file, and keywords that most languages share.
/// Sorted, since they are searched for by bisection.
const STOPS: &[&str] = &[
    "about", "above", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at",
    "be", "because", "been", "before", "being", "below", "between", "both", "but", "by", "can",
    "cannot", "class", "const", "could", "def", "did", "do", "does", "doing", "down", "during",
    "each", "else", "few", "fn", "for", "from", "func", "function", "further", "had", "has",
    "have", "having", "he", "her", "here", "hers", "him", "his", "how", "if", "impl", "in", "int",
    "into", "is", "it", "its", "itself", "just", "let", "me", "more", "most", "mut", "my", "no",
    "nor", "not", "now", "of", "off", "on", "once", "only", "or", "other", "our", "ours", "out",
    "over", "own", "private", "pub", "public", "return", "same", "self", "she", "should", "so",
    "some", "static", "struct", "such", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "through", "to", "too", "under", "until", "up", "var",
    "very", "void", "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom",
    "why", "will", "with", "would", "you", "your",
];

/// Maximal runs of letters, digits and underscores.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .map(|word| word.trim_matches('_'))
        .filter(|word| !word.is_empty())
}

/// Buffers that every word of a text uses in turn, so that a text costs no allocation a word.
#[derive(Default)]
pub(super) struct Scratch {
    whole: String,
    part: String,
}

impl Scratch {
    /// Shows the terms of one word of [`words`]. Where it changes between scripts it is several words:
    /// a comment in Japanese puts no blank around the identifiers that it speaks of.
    pub(super) fn word(&mut self, word: &str, visit: &mut dyn FnMut(&str, TermKind)) {
        if word.is_ascii() {
            return self.spaced(word, visit);
        }
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let unspaced = is_unspaced(first);
            let end = rest.find(|c| is_unspaced(c) != unspaced);
            let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
            match unspaced {
                true => self.unspaced(run, visit),
                false => self.spaced(run.trim_matches('_'), visit),
            }
            rest = after;
        }
    }

    fn spaced(&mut self, word: &str, visit: &mut dyn FnMut(&str, TermKind)) {
        if is_digest(word) {
            return;
        }
        let several = next_part(word).is_some_and(|(first, _)| first.len() < word.len());
        if several && word.len() <= LONGEST {
            lowercase(word, &mut self.whole);
            if self.whole.len() <= LONGEST {
                visit(&self.whole, TermKind::Whole);
            }
        }
        let mut rest = word;
        while let Some((part, after)) = next_part(rest) {
            self.part(part, visit);
            rest = after;
        }
    }

    fn part(&mut self, part: &str, visit: &mut dyn FnMut(&str, TermKind)) {
        if part.len() > LONGEST {
            return;
        }
        lowercase(part, &mut self.part);
        if STOPS.binary_search(&self.part.as_str()).is_ok() {
            return;
        }
        stem(&mut self.part);
        let long_enough = self.part.len() <= LONGEST && self.part.chars().nth(1).is_some();
        if long_enough && !self.part.bytes().all(|b| b.is_ascii_digit()) {
            visit(&self.part, TermKind::Part);
        }
    }

    /// Pairs of characters that follow each other; a lone character is a term by itself.
    fn unspaced(&mut self, run: &str, visit: &mut dyn FnMut(&str, TermKind)) {
        let ends = run.char_indices().map(|(at, c)| at + c.len_utf8());
        let mut start = 0;
        let mut before = None;
        for end in ends {
            if let Some(before) = before {
                visit(&run[start..end], TermKind::Part);
                start = before;
            }
            before = Some(end);
        }
        if start == 0 && before == Some(run.len()) && run.chars().nth(1).is_none() {
            visit(run, TermKind::Part);
        }
    }
}

fn lowercase(word: &str, into: &mut String) {
    into.clear();
    into.extend(word.chars().flat_map(char::to_lowercase));
}

/// Scripts that write words without spaces between them (ranges: Unicode blocks).
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

/// Hex or base64: long, without an underscore, and digits all over.
fn is_digest(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    word.len() > DIGEST && !word.contains('_') && digits * 6 >= word.len()
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Upper,
    Lower,
    Digit,
}

fn class(c: char) -> Class {
    if c.is_numeric() {
        Class::Digit
    } else if c.is_uppercase() {
        Class::Upper
    } else {
        Class::Lower
    }
}

/// The first part of an identifier and what follows it; `ABCWord` ends its first part before `W`.
fn next_part(word: &str) -> Option<(&str, &str)> {
    let word = word.trim_start_matches('_');
    let mut before: Option<Class> = None;
    // Where the last upper-case letter of a run began: it belongs to the lower-case letters after it.
    let mut last_upper = 0;
    let mut uppers = 0;
    for (at, c) in word.char_indices() {
        if c == '_' {
            return Some(word.split_at(at));
        }
        let now = class(c);
        match (before, now) {
            (Some(Class::Upper), Class::Lower) if uppers > 1 => {
                return Some(word.split_at(last_upper));
            }
            (Some(Class::Upper), Class::Lower) => {}
            (Some(was), _) if was != now => return Some(word.split_at(at)),
            _ => {}
        }
        uppers = if now == Class::Upper { uppers + 1 } else { 0 };
        if now == Class::Upper {
            last_upper = at;
        }
        before = Some(now);
    }
    (!word.is_empty()).then_some((word, ""))
}

/// Takes off a plural's and a verb's ending, in ASCII words only. Light on purpose: names are not
/// prose, and two names that fall together cost more than two forms that stay apart.
fn stem(word: &mut String) {
    if !word.is_ascii() || word.len() < 4 {
        return;
    }
    if word.ends_with("ies") && word.len() > 4 {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if ["sses", "shes", "ches", "xes", "zes"]
        .iter()
        .any(|end| word.ends_with(end))
    {
        word.truncate(word.len() - 2);
    } else if word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end)) {
        word.pop();
    }
    for end in ["ing", "ed", "er"] {
        let Some(root) = word.strip_suffix(end) else {
            continue;
        };
        let spoken = root.bytes().any(|b| b"aeiouy".contains(&b));
        if root.len() >= 4 && spoken || (end != "er" && root.len() >= 3 && doubled(root)) {
            let keep = root.len() - usize::from(doubled(root));
            word.truncate(keep);
        }
        break;
    }
    if word.len() > 4 && word.ends_with('e') {
        word.pop();
    }
}

/// `stopp` of `stopped`; `ss`, `ll` and `zz` belong to the word itself.
fn doubled(root: &str) -> bool {
    let bytes = root.as_bytes();
    let [.., a, b] = bytes else { return false };
    a == b && !b"aeioulsz".contains(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_list_can_be_bisected() {
        assert!(STOPS.is_sorted());
    }
}
