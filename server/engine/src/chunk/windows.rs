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

/// A line on which a part of a definition begins, and how many parts it is inside of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Border {
    pub(super) line: usize,
    pub(super) depth: usize,
}

/// Cuts lines into runs of at most [`MOST_BYTES`]: at the outermost and then last border (these are in order)
/// of the second half, else at an empty line of the last third, else where they are full.
pub(super) fn cut(
    text: &str,
    lines: &Lines,
    range: Range<usize>,
    borders: &[Border],
) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = range.start;
    while from < range.end {
        let mut to = end(lines, from, range.end);
        if to < range.end {
            let half = from + (to - from).div_ceil(2);
            let first = borders.partition_point(|border| border.line <= half.max(from));
            let fitting = borders[first..].iter().take_while(|b| b.line <= to);
            let border = fitting.min_by_key(|b| (b.depth, std::cmp::Reverse(b.line)));
            let low = from + (to - from) * 2 / 3;
            let empty = || {
                (low.max(from + 1)..to)
                    .rev()
                    .find(|line| text[lines.bytes(&(*line..line + 1))].trim().is_empty())
            };
            to = match border {
                Some(border) => border.line,
                None => empty().map_or(to, |line| line + 1),
            };
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
