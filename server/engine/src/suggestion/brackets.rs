//! Which brackets and strings a piece of text opens and closes, by the language's lexical facts alone.
//!
//! It needs no tree, so it serves for half a line of generated text and for languages without a grammar.
//! Nested templates and raw strings are not known to it; where a tree can decide, the tree is asked first.

use foretoken_grammars::Syntax;

use crate::place::Place;
use crate::syntax::Region;

/// In what a piece of text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Code,
    /// In a string closed by this quote, or by any quote if it began on an earlier line.
    String(Option<char>),
    Comment,
}

impl Start {
    /// What the text inserted at `place` begins in. The tree's region decides; the line's head only names the quote.
    pub(crate) fn at(place: &Place) -> Start {
        match place.region {
            Region::Code => Start::Code,
            Region::Comment => Start::Comment,
            Region::String => {
                Start::String(scan(&place.head, place.language.syntax(), Start::Code).string)
            }
        }
    }
}

/// A bracket or quote at a byte of the scanned text. An opener is named by what closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bracket {
    pub(crate) at: usize,
    pub(crate) closer: char,
}

/// What a piece of text leaves open, and what it closes that it did not open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Brackets {
    /// Openers without closer, outermost first. A string left open stands last.
    pub(crate) open: Vec<Bracket>,
    /// Closers without opener, in order.
    pub(crate) unmatched: Vec<Bracket>,
    /// The quote of the string in which the text ends.
    pub(crate) string: Option<char>,
}

/// Reads `text` once, from the state `start`.
pub(crate) fn scan(text: &str, syntax: &Syntax, start: Start) -> Brackets {
    let mut scan = Scan {
        text,
        syntax,
        found: Brackets::default(),
    };
    let mut at = match start {
        Start::Code => 0,
        Start::Comment => scan.comment_end(0),
        Start::String(quote) => scan.inherited_string_end(quote),
    };
    while let Some(c) = text[at..].chars().next() {
        at = scan.code(at, c);
    }
    scan.found
}

pub(crate) fn closer_of(opener: char) -> Option<char> {
    match opener {
        '(' => Some(')'),
        '[' => Some(']'),
        '{' => Some('}'),
        _ => None,
    }
}

pub(crate) fn is_closer(c: char) -> bool {
    matches!(c, ')' | ']' | '}')
}

struct Scan<'a> {
    text: &'a str,
    syntax: &'a Syntax,
    found: Brackets,
}

impl Scan<'_> {
    /// Handles the character at `at`, which is code, and returns where to go on.
    fn code(&mut self, at: usize, c: char) -> usize {
        let rest = &self.text[at..];
        if self
            .syntax
            .line_comment
            .is_some_and(|mark| rest.starts_with(mark))
        {
            return line_end(self.text, at);
        }
        if let Some((open, close)) = self
            .syntax
            .block_comments
            .iter()
            .find(|(open, _)| rest.starts_with(open))
        {
            let inside = at + open.len();
            return self.text[inside..]
                .find(close)
                .map_or(self.text.len(), |end| inside + end + close.len());
        }
        let next = at + c.len_utf8();
        if self.syntax.quotes.contains(&c) {
            return self.string(at, c);
        }
        if let Some(closer) = closer_of(c) {
            self.found.open.push(Bracket { at, closer });
        } else if is_closer(c) {
            self.close(at, c);
        }
        next
    }

    /// The end of the string that begins at `at`.
    fn string(&mut self, at: usize, quote: char) -> usize {
        let rest = &self.text[at..];
        let long = self
            .syntax
            .long_quotes
            .iter()
            .find(|long| rest.starts_with(**long));
        let end = if let Some(long) = long {
            let inside = at + long.len();
            match self.text[inside..].find(long) {
                Some(end) => StringEnd::Closed(inside + end + long.len()),
                None => StringEnd::Open,
            }
        } else {
            string_end(
                self.text,
                at + quote.len_utf8(),
                quote,
                self.multiline(quote),
            )
        };
        match end {
            StringEnd::Closed(end) | StringEnd::Broken(end) => end,
            StringEnd::Open => {
                self.found.open.push(Bracket { at, closer: quote });
                self.found.string = Some(quote);
                self.text.len()
            }
        }
    }

    /// A closer takes the nearest opener of its kind; what was opened in between stays without closer.
    fn close(&mut self, at: usize, closer: char) {
        match self
            .found
            .open
            .iter()
            .rposition(|open| open.closer == closer)
        {
            Some(index) => self.found.open.truncate(index),
            None => self.found.unmatched.push(Bracket { at, closer }),
        }
    }

    fn multiline(&self, quote: char) -> bool {
        self.syntax.multiline_quotes.contains(&quote)
    }

    /// The end of the string that was open before the text began; its closing quote counts as unmatched.
    fn inherited_string_end(&mut self, quote: Option<char>) -> usize {
        let Some(quote) = quote else {
            return self.inherited_long_string_end();
        };
        match string_end(self.text, 0, quote, self.multiline(quote)) {
            StringEnd::Closed(end) => {
                self.found.unmatched.push(Bracket {
                    at: end - quote.len_utf8(),
                    closer: quote,
                });
                end
            }
            StringEnd::Broken(end) => end,
            StringEnd::Open => {
                self.found.string = Some(quote);
                self.text.len()
            }
        }
    }

    /// The same for a string that began on an earlier line, by whichever quote closes it first.
    fn inherited_long_string_end(&mut self) -> usize {
        let long = self.syntax.long_quotes.iter().copied();
        let long = long.filter_map(|long| self.text.find(long).map(|at| (at, at + long.len())));
        let short = self
            .text
            .find(self.syntax.multiline_quotes)
            .map(|at| (at, at + 1));
        let Some((at, end)) = long.chain(short).min() else {
            return self.text.len();
        };
        if let Some(closer) = self.text[at..].chars().next() {
            self.found.unmatched.push(Bracket { at, closer });
        }
        end
    }

    /// The end of the comment in which the text begins; which kind it is does not matter for one line.
    fn comment_end(&self, at: usize) -> usize {
        let line = line_end(self.text, at);
        let closes = self.syntax.block_comments.iter();
        closes
            .filter_map(|(_, close)| self.text[..line].find(close).map(|end| end + close.len()))
            .min()
            .unwrap_or(line)
    }
}

enum StringEnd {
    /// Closed; the byte after its quote.
    Closed(usize),
    /// A line end broke it off, where such strings cannot span lines.
    Broken(usize),
    Open,
}

fn string_end(text: &str, from: usize, quote: char, multiline: bool) -> StringEnd {
    let mut escaped = false;
    for (at, c) in text[from..].char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return StringEnd::Closed(from + at + c.len_utf8());
        }
        if matches!(c, '\n' | '\r') && !multiline {
            return StringEnd::Broken(from + at);
        }
    }
    StringEnd::Open
}

fn line_end(text: &str, from: usize) -> usize {
    text[from..]
        .find(['\n', '\r'])
        .map_or(text.len(), |end| from + end)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use foretoken_grammars::Language;

    use super::*;

    fn check(text: &str, start: Start, expected: &Expect) {
        let found = scan(text, Language::TypeScript.syntax(), start);
        let open: String = found.open.iter().map(|open| open.closer).collect();
        let unmatched: Vec<String> = found
            .unmatched
            .iter()
            .map(|b| format!("{}@{}", b.closer, b.at))
            .collect();
        expected.assert_eq(&format!(
            "open {open:?} unmatched {unmatched:?} string {:?}",
            found.string
        ));
    }

    #[test]
    fn pairs_and_what_is_left() {
        check(
            "f(a, [b])",
            Start::Code,
            &expect![[r#"open "" unmatched [] string None"#]],
        );
        check(
            "f(a, [b",
            Start::Code,
            &expect![[r#"open ")]" unmatched [] string None"#]],
        );
        check(
            "a)]; g(",
            Start::Code,
            &expect![[r#"open ")" unmatched [")@1", "]@2"] string None"#]],
        );
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        check(
            r#"f(")", '(', /* ( */ x) // )"#,
            Start::Code,
            &expect![[r#"open "" unmatched [] string None"#]],
        );
        check(
            r#""a\"(" + "b("#,
            Start::Code,
            &expect![[r#"open "\"" unmatched [] string Some('"')"#]],
        );
        let python = scan(
            "\"\"\"a (b\n \" ]\"\"\" + f(",
            Language::Python.syntax(),
            Start::Code,
        );
        assert_eq!((python.open.len(), python.unmatched.len()), (1, 0));
        let inside = scan(
            "don't (\"\"\")",
            Language::Python.syntax(),
            Start::String(None),
        );
        assert_eq!(
            inside.unmatched,
            [
                Bracket { at: 7, closer: '"' },
                Bracket {
                    at: 10,
                    closer: ')'
                }
            ]
        );
    }

    #[test]
    fn a_quote_that_closes_the_users_string_is_unmatched() {
        check(
            "llo\", x)",
            Start::String(Some('"')),
            &expect![[r#"open "" unmatched ["\"@3", ")@7"] string None"#]],
        );
        check(
            "say (hi",
            Start::String(Some('"')),
            &expect![[r#"open "" unmatched [] string Some('"')"#]],
        );
        check(
            "go on) */ f(",
            Start::Comment,
            &expect![[r#"open ")" unmatched [] string None"#]],
        );
    }
}
