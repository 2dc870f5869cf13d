//! How many tokens each part of a prompt may take, and how texts are cut to fit.
//!
//! Tokens are counted by a closure, so the engine knows no tokenizer. Every token of a byte-level
//! vocabulary holds at least one byte: what has no more bytes than a limit fits without counting.

/// Counts the tokens of a text encoded alone. May cost some microseconds a call; it is asked per
/// line, so a cache by line behind it pays.
pub type Count<'a> = &'a dyn Fn(&str) -> usize;

/// Tokens per part, the part's control tokens counted in. The numbers come with the model: its
/// manifest holds those it was trained with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Budget {
    /// Language and path of the document, with the token that begins a prompt.
    pub file: usize,
    /// Pieces of other files, together.
    pub context: usize,
    /// The lines below.
    pub suffix: usize,
    /// The lines above with the head of the cursor's line: the high mark of the window.
    pub prefix: usize,
    /// The rest of the cursor's line.
    pub tail: usize,
    /// The middle.
    pub generate: usize,
}

impl Budget {
    /// Where the window's start lands when the prefix has passed its high mark: the prefix then
    /// holds at most this many tokens. Training meets every length between the two.
    pub fn low_mark(&self) -> usize {
        self.prefix * 7 / 10
    }
}

/// Most bytes of a text that are looked at per token of its limit. A token rarely holds more than
/// a dozen bytes; long runs of blanks are the exception.
pub(crate) const BYTES_PER_TOKEN: usize = 24;

/// Whole lines from the start of `text` within `limit` tokens, and their tokens; where not even the
/// first line fits, its beginning.
pub(crate) fn first_lines<'a>(text: &'a str, limit: usize, count: Count<'_>) -> (&'a str, usize) {
    let mut tokens = 0;
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        match measure(line, limit - tokens, count) {
            Some(more) => tokens += more,
            None if end == 0 => {
                let cut = beginning(line, limit, count);
                return (cut, count(cut));
            }
            None => break,
        }
        end += line.len();
    }
    (&text[..end], tokens)
}

/// The beginning of `text` within `limit` tokens, cut at a character.
pub(crate) fn beginning<'a>(text: &'a str, limit: usize, count: Count<'_>) -> &'a str {
    let end = cut(text.len(), limit, |bytes| {
        count(&text[..text.floor_char_boundary(bytes)])
    });
    &text[..text.floor_char_boundary(end)]
}

/// The end of `text` within `limit` tokens, cut at a character.
pub(crate) fn ending<'a>(text: &'a str, limit: usize, count: Count<'_>) -> &'a str {
    let from = |bytes: usize| text.ceil_char_boundary(text.len() - bytes);
    let kept = cut(text.len(), limit, |bytes| count(&text[from(bytes)..]));
    &text[from(kept)..]
}

/// Tokens of `text` if they are at most `limit`. Text far too long is not even counted.
pub(crate) fn measure(text: &str, limit: usize, count: Count<'_>) -> Option<usize> {
    if text.len() > limit.saturating_mul(BYTES_PER_TOKEN) {
        return None;
    }
    Some(count(text)).filter(|tokens| *tokens <= limit)
}

/// The most bytes, of `length`, whose tokens are within `limit`; by halving, since more text has
/// more tokens but for a few at the cut.
fn cut(length: usize, limit: usize, tokens: impl Fn(usize) -> usize) -> usize {
    // As many bytes as tokens always fit.
    let mut fits = length.min(limit);
    let mut above = length.min(limit.saturating_mul(BYTES_PER_TOKEN)) + 1;
    while above - fits > 1 {
        let middle = fits.midpoint(above);
        if tokens(middle) <= limit {
            fits = middle;
        } else {
            above = middle;
        }
    }
    fits
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A token is up to four letters or digits, or any other character.
    pub(crate) fn count(text: &str) -> usize {
        let mut tokens = 0;
        let mut run = 0;
        for c in text.chars() {
            if c.is_alphanumeric() {
                tokens += usize::from(run % 4 == 0);
                run += 1;
            } else {
                tokens += 1;
                run = 0;
            }
        }
        tokens
    }

    #[test]
    fn lines_from_the_start() {
        let text = "aa bb\ncc\nd";
        let first = |limit| first_lines(text, limit, &count).0;
        assert_eq!(first(100), text);
        assert_eq!(first(7), text);
        assert_eq!(first(6), "aa bb\ncc\n");
        assert_eq!(first(5), "aa bb\n");
        assert_eq!(first(4), "aa bb\n");
        // Not even one line: its beginning.
        assert_eq!(first(3), "aa bb");
        assert_eq!(first(1), "aa");
        assert_eq!(first(0), "");
    }

    #[test]
    fn cuts_inside_a_line_keep_characters_whole() {
        let text = "éé😀éé";
        for limit in 0..=12 {
            for part in [
                beginning(text, limit, &|t| t.len()),
                ending(text, limit, &|t| t.len()),
            ] {
                assert!(
                    part.len() <= limit && part.len() + 4 > limit.min(text.len()),
                    "{part}"
                );
            }
        }
        assert!(text.starts_with(beginning(text, 7, &|t| t.len())));
        assert!(text.ends_with(ending(text, 7, &|t| t.len())));
    }

    #[test]
    fn very_long_lines_are_counted_in_part_only() {
        let text = "x".repeat(10_000_000);
        let most = std::cell::Cell::new(0);
        let counting = |text: &str| {
            most.set(most.get().max(text.len()));
            count(text)
        };
        assert_eq!(first_lines(&text, 100, &counting).0.len(), 400);
        assert_eq!(ending(&text, 100, &counting).len(), 400);
        assert!(most.get() <= 100 * BYTES_PER_TOKEN);
    }
}
