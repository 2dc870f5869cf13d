//! A text that is edited while its index is used: the index of an older text, and a patch for what changed since.

use std::ops::Range;
use std::sync::Arc;

use super::index::Index;

/// Most bytes of a patch; a larger one is slower to lex at every key than an index is to build once.
const PATCH_LIMIT: usize = 16 * 1024;

/// One text as it is now. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Source {
    base: View,
    /// The base behind the patch, with its own shift.
    rest: Option<View>,
    patch: Option<View>,
}

/// A run of an index's lexemes that is part of the text as it is now.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) index: Arc<Index>,
    /// Its lexemes that count.
    pub(super) live: Range<usize>,
    /// Added to a byte of the index's text, it gives the byte in the text as it is now.
    shift: isize,
}

impl View {
    fn whole(index: Arc<Index>) -> View {
        View {
            live: 0..index.len(),
            index,
            shift: 0,
        }
    }

    /// Its lexemes as text; they are consecutive.
    pub(super) fn text(&self) -> &str {
        &self.index.text()[self.index.start(self.live.start)..self.index.start(self.live.end)]
    }

    /// Byte of a lexeme in the text as it is now.
    pub(super) fn byte(&self, position: usize) -> usize {
        self.index.start(position).saturating_add_signed(self.shift)
    }
}

impl Source {
    pub(super) fn new(text: &str) -> Source {
        Source {
            base: View::whole(Arc::new(Index::build(text))),
            rest: None,
            patch: None,
        }
    }

    pub(super) fn views(&self) -> impl Iterator<Item = &View> {
        std::iter::once(&self.base)
            .chain(&self.patch)
            .chain(&self.rest)
    }

    /// The same source for a newer `text`.
    pub(super) fn update(&self, text: &str) -> Source {
        let base = &self.base.index;
        let old = base.text();
        let text = &text[..crate::suggestion::lines::floor(text, super::index::TEXT_LIMIT)];
        let start = common_start(old.as_bytes(), text.as_bytes());
        if start == old.len() && start == text.len() {
            return Source {
                base: View::whole(Arc::clone(base)),
                rest: None,
                patch: None,
            };
        }
        let from = line_start(text, start);
        let most = old.len().min(text.len()) - from;
        let end = common_end(
            &old.as_bytes()[old.len() - most..],
            &text.as_bytes()[text.len() - most..],
        );
        let (old_to, to) = next_line(old, text, end);
        if to - from > PATCH_LIMIT {
            return Source::new(text);
        }
        // The line above comes along, so that the first changed line is known by what stands before it.
        let above = line_start(text, from.saturating_sub(1));
        let index = Arc::new(Index::build(&text[above..to]));
        let patch = View {
            live: index.position_at(from - above)..index.len(),
            index,
            shift: to_signed(above),
        };
        let front = View {
            index: Arc::clone(base),
            live: 0..base.position_at(from),
            shift: 0,
        };
        let rest = View {
            index: Arc::clone(base),
            live: base.position_at(old_to)..base.len(),
            shift: to_signed(to) - to_signed(old_to),
        };
        Source {
            base: front,
            rest: Some(rest),
            patch: Some(patch),
        }
    }
}

/// Equal bytes at the start of both. Blocks are compared by `memcmp`, which reads many bytes at once.
fn common_start(one: &[u8], other: &[u8]) -> usize {
    const BLOCK: usize = 512;
    let blocks = one
        .chunks_exact(BLOCK)
        .zip(other.chunks_exact(BLOCK))
        .take_while(|(a, b)| a == b)
        .count()
        * BLOCK;
    let bytes = one[blocks..]
        .iter()
        .zip(&other[blocks..])
        .take_while(|(a, b)| a == b)
        .count();
    blocks + bytes
}

/// Equal bytes at the end of both.
fn common_end(one: &[u8], other: &[u8]) -> usize {
    const BLOCK: usize = 512;
    let blocks = one
        .rchunks_exact(BLOCK)
        .zip(other.rchunks_exact(BLOCK))
        .take_while(|(a, b)| a == b)
        .count()
        * BLOCK;
    let (one, other) = (&one[..one.len() - blocks], &other[..other.len() - blocks]);
    blocks
        + one
            .iter()
            .rev()
            .zip(other.iter().rev())
            .take_while(|(a, b)| a == b)
            .count()
}

/// Start of the line that holds `byte`, by `\n`; behind no other byte can a line begin in both texts.
fn line_start(text: &str, byte: usize) -> usize {
    text.as_bytes()[..byte]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1)
}

/// Where the first line begins that is wholly part of the last `end` bytes, in the old and in the new text.
fn next_line(old: &str, text: &str, end: usize) -> (usize, usize) {
    let same = &text.as_bytes()[text.len() - end..];
    let keeps = same
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |at| end - at - 1);
    (old.len() - keeps, text.len() - keeps)
}

fn to_signed(offset: usize) -> isize {
    isize::try_from(offset).unwrap_or(isize::MAX)
}
