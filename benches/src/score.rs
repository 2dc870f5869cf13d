//! One text against the truth.
//!
//! *Exact* is each set's own rule ([`Rule`]). *Right* means that typing on would never have to take a
//! character back: the truth begins with the text, and the text ends where a word of the truth ends. A text
//! that is exact is right, white space aside; a shorter one may be right too.

/// When an answer ends and when it counts as exact, as the authors of each set count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The rest of a line or a part of it; blanks at its end do not count.
    Rest,
    /// The first line of a block, while the whole block may be shown.
    Block,
    /// The first line that is not blank, blanks at both ends aside: HumanEval single-line, santacoder-fim.
    Line,
    /// The whole text, blanks at both ends aside: HumanEval multi-line and random-span.
    Whole,
    /// Python's control flow: the rest of the line, without all white space (SAFIM).
    Header,
    /// Control flow of other languages: up to the bracket that closes one it did not open, without all white
    /// space (SAFIM).
    Condition,
    /// A call up to the bracket that closes its first one, without all white space (SAFIM).
    Call,
}

impl Rule {
    /// The part of an answer that was asked for.
    #[must_use]
    pub fn asked(self, text: &str) -> &str {
        let first = |text: &str| text.find(['\n', '\r']).unwrap_or(text.len());
        match self {
            Rule::Whole | Rule::Block => text,
            Rule::Rest | Rule::Header => &text[..first(text)],
            Rule::Line => {
                let from = text.len() - text.trim_start().len();
                &text[..from + first(&text[from..])]
            }
            Rule::Condition => &text[..closing(text, -1).unwrap_or(text.len())],
            Rule::Call => &text[..closing(text, 0).map_or(text.len(), |at| at + 1)],
        }
    }

    /// Whether an answer is exact.
    #[must_use]
    pub fn is_exact(self, text: &str, truth: &str) -> bool {
        let text = self.asked(text);
        if text.trim().is_empty() {
            return false;
        }
        match self {
            Rule::Rest => text.trim_end() == truth.trim_end(),
            Rule::Block => {
                Rule::Rest.asked(text).trim_end() == Rule::Rest.asked(truth).trim_end()
                    && !Rule::Rest.asked(text).trim().is_empty()
            }
            Rule::Line | Rule::Whole => text.trim() == truth.trim(),
            Rule::Header | Rule::Condition | Rule::Call => bare(text) == bare(truth),
        }
    }
}

/// Byte of the first `)` at which the depth of round brackets comes to `depth` or below.
fn closing(text: &str, depth: i32) -> Option<usize> {
    let mut now = 0;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' => now += 1,
            ')' => now -= 1,
            _ => {}
        }
        (c == ')' && now <= depth).then_some(at)
    })
}

fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The marks of one text.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Score {
    /// By the item's rule.
    pub exact: bool,
    /// A beginning of the middle that ends at a word's end.
    pub right: bool,
    /// 1 − Levenshtein distance / longer length, in characters, 0 to 1.
    pub similarity: f64,
    /// The first lexeme that is not blank is the middle's.
    pub first_token: bool,
    /// Characters of the text.
    pub characters: usize,
}

/// Characters compared by [`Score::similarity`]; the table is quadratic.
const COMPARED: usize = 600;

/// Compares whole texts.
#[must_use]
pub fn score(text: &str, middle: &str) -> Score {
    marks(text, middle, Rule::Whole)
}

/// Compares what `rule` asks for.
#[must_use]
pub fn marks(text: &str, middle: &str, rule: Rule) -> Score {
    let exact = rule.is_exact(text, middle);
    let (text, truth) = (rule.asked(text).trim_end(), middle.trim_end());
    let first = first_lexeme(text);
    Score {
        exact,
        right: !text.trim().is_empty()
            && truth
                .strip_prefix(text)
                .is_some_and(|rest| ends_a_word(text, rest)),
        similarity: similarity(text.trim_start(), truth.trim_start()),
        first_token: !first.is_empty() && first == first_lexeme(truth),
        characters: text.chars().count(),
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
    fn each_rule_ends_an_answer_at_its_own_place() {
        let asked = |rule: Rule, text| rule.asked(text).to_owned();
        assert_eq!(asked(Rule::Rest, "a + b;\n  c"), "a + b;");
        assert_eq!(asked(Rule::Line, "\n  a;\n  b;"), "\n  a;");
        assert_eq!(asked(Rule::Whole, "a\nb"), "a\nb");
        assert_eq!(asked(Rule::Condition, "f(x) < 1) { y(); }"), "f(x) < 1");
        assert_eq!(asked(Rule::Condition, "a < (b"), "a < (b");
        assert_eq!(asked(Rule::Call, "g(h(1), 2).k()"), "g(h(1), 2)");
        assert_eq!(asked(Rule::Header, "x in y:\r\n  z"), "x in y:");
    }

    #[test]
    fn each_rule_forgives_what_its_authors_forgive() {
        assert!(Rule::Line.is_exact("    return x;\n}", "        return x;"));
        assert!(Rule::Condition.is_exact("i<n&&a[ i ]) {", "i < n && a[i]"));
        assert!(Rule::Call.is_exact("f( 1,2 );", "f(1, 2)"));
        assert!(Rule::Rest.is_exact("x  \ny", "x"));
        assert!(Rule::Block.is_exact("x\n  y\n", "x\n  z\n"));
        assert!(Rule::Whole.is_exact("\n  y\n", "  y"));
    }

    #[test]
    fn each_rule_keeps_what_differs() {
        assert!(!Rule::Rest.is_exact(" x", "x"));
        assert!(!Rule::Line.is_exact("return x", "return x;"));
        assert!(!Rule::Whole.is_exact("a\nb", "a"));
        assert!(!Rule::Condition.is_exact("i < n", "i <= n"));
        assert!(!Rule::Rest.is_exact("", ""));
        assert!(!Rule::Block.is_exact("\n  y", "\n  z"));
    }

    #[test]
    fn marks_of_small_texts() {
        let of = |text, middle| {
            let s = score(text, middle);
            (s.exact, s.right, s.first_token, s.characters)
        };
        assert_eq!(of("a + b", "a + b\n"), (true, true, true, 5));
        assert_eq!(of("a", "a + b"), (false, true, true, 1));
        assert_eq!(of("foo", "foobar"), (false, false, false, 3));
        assert_eq!(of("", "x"), (false, false, false, 0));
        assert!((score("abcd", "abxd").similarity - 0.75).abs() < 1e-9);
    }
}
