//! How long the lines of a document are, kept as a count per length, so that the longest line is
//! known at once and an edit costs what it touches.

use std::collections::BTreeMap;

use ropey::{Rope, RopeSlice};

use crate::position::without_end;

/// Line lengths in bytes, line breaks not counted, with the number of lines of each length. A text
/// of n bytes has at most √(2n) different lengths, so the map stays small.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct LineLengths(BTreeMap<usize, usize>);

impl LineLengths {
    /// Of a whole text; the only place that looks at every line.
    pub(super) fn of(text: &str) -> Self {
        // Nearly all lines are short, and a table is ten times faster than the map.
        let mut short = [0_usize; 512];
        let mut lengths = LineLengths::default();
        let mut start = 0;
        let bytes = text.as_bytes();
        let ends = bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| matches!(byte, b'\n' | b'\r'));
        for end in ends.map(|(at, _)| at).chain([bytes.len()]) {
            let is_pair = bytes.get(end) == Some(&b'\n') && end > 0 && bytes[end - 1] == b'\r';
            if is_pair {
                start = end + 1;
                continue;
            }
            match short.get_mut(end - start) {
                Some(count) => *count += 1,
                None => lengths.add(end - start),
            }
            start = end + 1;
        }
        let short = short
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, count)| *count > 0);
        lengths.0.extend(short);
        lengths
    }

    pub(super) fn longest(&self) -> usize {
        self.0.last_key_value().map_or(0, |(length, _)| *length)
    }

    fn add(&mut self, length: usize) {
        *self.0.entry(length).or_default() += 1;
    }

    fn remove(&mut self, length: usize) {
        if let Some(count) = self.0.get_mut(&length) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&length);
            }
        }
    }
}

/// The lines an edit can change: those of the replaced stretch and one neighbour on each side,
/// because a `\r` and a `\n` that meet or part make one line break of two or two of one.
pub(super) struct Touched {
    first: usize,
    // Lines behind the touched ones; the same before and after the edit.
    behind: usize,
}

impl Touched {
    /// Of the replacement of `start..end`, before it happens.
    pub(super) fn before(rope: &Rope, start: usize, end: usize) -> Self {
        let first = rope.byte_to_line(start).saturating_sub(1);
        let last = (rope.byte_to_line(end) + 1).min(rope.len_lines() - 1);
        Touched {
            first,
            behind: rope.len_lines() - 1 - last,
        }
    }

    /// Takes the touched lines out, before the edit.
    pub(super) fn forget(&self, rope: &Rope, lengths: &mut LineLengths) {
        for line in self.lines(rope) {
            lengths.remove(without_end(line).len_bytes());
        }
    }

    /// Puts them back in, after the edit. Returns whether one of them ends in a lone `\r`.
    pub(super) fn learn(&self, rope: &Rope, lengths: &mut LineLengths) -> bool {
        let mut lone_cr = false;
        for line in self.lines(rope) {
            lengths.add(without_end(line).len_bytes());
            lone_cr |= line.len_bytes() > 0 && line.byte(line.len_bytes() - 1) == b'\r';
        }
        lone_cr
    }

    fn lines<'r>(&self, rope: &'r Rope) -> impl Iterator<Item = RopeSlice<'r>> {
        let count = rope.len_lines() - self.behind - self.first;
        rope.lines_at(self.first).take(count)
    }
}

/// Whether a `\r` stands in `text` that no `\n` follows.
pub(super) fn has_lone_cr(text: &str) -> bool {
    text.split('\r')
        .skip(1)
        .any(|behind| !behind.starts_with('\n'))
}
