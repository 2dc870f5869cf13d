//! One text against the truth.
//!
//! *Exact* means the whole middle, white space at both ends aside. *Right* means that typing on would
//! never have to take a character back: the truth begins with the text, and the text ends where a word
//! of the truth ends. A text that is exact is right; a shorter one may be right too.

/// The marks of one text.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Score {
    /// Equal to the whole middle.
    pub exact: bool,
    /// A beginning of the middle that ends at a word's end.
    pub right: bool,
    /// 1 − Levenshtein distance / longer length, in characters, 0 to 1.
    pub similarity: f64,
    /// The first lexeme that is not blank is the middle's.
    pub first_token: bool,
    /// Characters that agree from the start, blanks at the start left out.
    pub prefix_characters: usize,
}

/// Characters compared by [`Score::similarity`]; the table is quadratic.
const COMPARED: usize = 600;

/// Compares.
#[must_use]
pub fn score(text: &str, middle: &str) -> Score {
    let (text, truth) = (text.trim_end(), middle.trim_end());
    let prefix: usize = text
        .chars()
        .zip(truth.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let blanks = truth.chars().take_while(|c| c.is_whitespace()).count();
    let first = first_lexeme(text);
    Score {
        exact: text.trim_start() == truth.trim_start() && !text.trim().is_empty(),
        right: !text.trim().is_empty()
            && truth
                .strip_prefix(text)
                .is_some_and(|rest| ends_a_word(text, rest)),
        similarity: similarity(text.trim_start(), truth.trim_start()),
        first_token: !first.is_empty() && first == first_lexeme(truth),
        prefix_characters: prefix.saturating_sub(blanks),
    }
}

fn ends_a_word(text: &str, rest: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !(word(text.chars().next_back()) && word(rest.chars().next()))
}

fn first_lexeme(text: &str) -> &str {
    let text = text.trim_start();
    let word = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let end = if word > 0 {
        word
    } else {
        text.chars().next().map_or(0, char::len_utf8)
    };
    &text[..end]
}

fn similarity(a: &str, b: &str) -> f64 {
    let a: Vec<char> = a.chars().take(COMPARED).collect();
    let b: Vec<char> = b.chars().take(COMPARED).collect();
    let longer = a.len().max(b.len());
    if longer == 0 {
        return 1.0;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let best = (diagonal + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    1.0 - row[b.len()] as f64 / longer as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_small_texts() {
        let marks = |text, middle| {
            let s = score(text, middle);
            (s.exact, s.right, s.first_token, s.prefix_characters)
        };
        assert_eq!(marks("a + b", "a + b\n"), (true, true, true, 5));
        assert_eq!(marks("a", "a + b"), (false, true, true, 1));
        assert_eq!(marks("foo", "foobar"), (false, false, false, 3));
        assert_eq!(marks("", "x"), (false, false, false, 0));
        assert_eq!(marks("  x", "  x = 1"), (false, true, true, 1));
        assert!((score("abcd", "abxd").similarity - 0.75).abs() < 1e-9);
    }
}
