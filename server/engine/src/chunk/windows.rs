//! Windows: overlapping runs of lines, for text whose structure is not known or could not be read.

use std::ops::Range;

use super::{Chunk, Kind, Lines, MOST_BYTES, chunk};

/// Lines of a window, and those that it shares with the next.
const LINES: usize = 60;
const OVERLAP: usize = 15;

/// Windows over some lines; a window ends early where it would grow past [`MOST_BYTES`].
pub(super) fn of(text: &str, lines: &Lines, range: Range<usize>) -> Vec<Chunk> {
    let mut found = Vec::new();
    let mut from = range.start;
    while from < range.end {
        let to = end(lines, from, range.end.min(from + LINES));
        if text[lines.bytes(&(from..to))].contains(char::is_alphanumeric) {
            found.push(chunk(Kind::Window, lines, from..to));
        }
        if to == range.end {
            break;
        }
        // Forward by a line at least, else a long line would be met for ever.
        from = to
            .saturating_sub(OVERLAP.min((to - from) / 4))
            .max(from + 1);
    }
    found
}

/// Cuts lines into runs of at most [`MOST_BYTES`], at an empty line of the last third where there is one.
pub(super) fn cut(text: &str, lines: &Lines, range: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = range.start;
    while from < range.end {
        let mut to = end(lines, from, range.end);
        if to < range.end {
            let low = from + (to - from) * 2 / 3;
            let empty = (low.max(from + 1)..to)
                .rev()
                .find(|line| text[lines.bytes(&(*line..line + 1))].trim().is_empty());
            to = empty.map_or(to, |line| line + 1);
        }
        found.push(from..to);
        from = to;
    }
    found
}

fn end(lines: &Lines, from: usize, most: usize) -> usize {
    let limit = lines.starts[from] + MOST_BYTES;
    let fits = lines.starts[from + 1..=most].partition_point(|end| *end <= limit);
    from + fits.max(1)
}
