//! Small facts about lines and positions in text, for all line ends.

/// The lines of `text` with the byte at which each begins, without their line ends.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = &text[start..];
        let Some(end) = rest.find(['\n', '\r']) else {
            next = None;
            return Some((start, rest));
        };
        next = Some(
            start
                + end
                + if rest[end..].starts_with("\r\n") {
                    2
                } else {
                    1
                },
        );
        Some((start, &rest[..end]))
    })
}

/// Byte at which the first line of `text` ends.
pub(crate) fn first_end(text: &str) -> usize {
    text.find(['\n', '\r']).unwrap_or(text.len())
}

/// A line without any word, as most closers are: it says nothing about where in the document it belongs.
pub(crate) fn is_weak(line: &str) -> bool {
    !line.contains(is_word)
}

/// A line that ends a block with more than a bracket. Equal ones are the same only at the same indentation.
pub(crate) fn is_end(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with("</") && line.ends_with('>')) || ENDS.contains(&line)
}

/// Whether more characters could make an end of a block of this.
pub(crate) fn may_become_end(line: &str) -> bool {
    let line = line.trim_start();
    "</".starts_with(line) || line.starts_with("</") || ENDS.iter().any(|end| end.starts_with(line))
}

const ENDS: &[&str] = &["end", "fi", "done", "esac"];

/// Letters, digits and `_`: what any language has in its words.
pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Whether a word, or something that is no word, begins at byte `at`.
pub(crate) fn is_word_start(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back().is_some_and(is_word);
    let after = text[at..].chars().next().is_some_and(is_word);
    after && !before
}

/// The last character boundary at or before `byte`.
pub(crate) fn floor(text: &str, byte: usize) -> usize {
    let byte = byte.min(text.len());
    (0..=byte)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}
