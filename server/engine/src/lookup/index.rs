//! One text, cut into lexemes and indexed by what stands before each of them.
//!
//! A *chain* links all positions with the same last lexemes before them, newest first, as compressors of the LZ77
//! family link earlier occurrences: one table write per position builds it. Tables of counts for every order
//! would cost an order of magnitude more, and most would never be read.

use std::ops::Range;

use super::lexer;

/// How many lexemes the chains look back. The deepest finds long matches among many, the shortest finds any.
pub(super) const CHAINS: [usize; 3] = [1, 2, 4];
/// Longest context compared, in lexemes; see [`super::predict::ORDERS`].
pub(super) const CONTEXT: usize = super::predict::ORDERS;
/// Most bytes taken of one text; suggestions end at documents half this size.
pub(super) const TEXT_LIMIT: usize = 2_000_000;

const NONE: u32 = u32::MAX;

/// The index of one text.
#[derive(Debug, Default)]
pub(super) struct Index {
    text: Box<str>,
    ids: Vec<u32>,
    /// Byte at which each lexeme begins, and at last the text's length.
    starts: Vec<u32>,
    chains: [Chain; CHAINS.len()],
}

#[derive(Debug, Default)]
struct Chain {
    /// Newest position per bucket; the length is a power of two.
    heads: Vec<u32>,
    /// The next older position of the same bucket, per position.
    older: Vec<u32>,
}

impl Index {
    pub(super) fn build(text: &str) -> Index {
        let text = &text[..crate::suggestion::lines::floor(text, TEXT_LIMIT)];
        let bytes = text.as_bytes();
        let mut ids = Vec::with_capacity(bytes.len() / 3);
        let mut starts = Vec::with_capacity(bytes.len() / 3 + 1);
        let mut at = 0;
        while at < bytes.len() {
            let lexeme = lexer::next(bytes, at);
            ids.push(lexeme.id);
            starts.push(narrow(at));
            at = lexeme.end;
        }
        starts.push(narrow(bytes.len()));
        let chains = CHAINS.map(|order| Chain::build(&ids, order));
        Index {
            text: text.into(),
            ids,
            starts,
            chains,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn id(&self, position: usize) -> u32 {
        self.ids[position]
    }

    pub(super) fn start(&self, position: usize) -> usize {
        self.starts[position] as usize
    }

    /// The text of the lexeme at `position`.
    pub(super) fn lexeme(&self, position: usize) -> &str {
        &self.text[self.bytes(position)]
    }

    fn bytes(&self, position: usize) -> Range<usize> {
        self.start(position)..self.start(position + 1)
    }

    /// The first lexeme that begins at or behind `byte`.
    pub(super) fn position_at(&self, byte: usize) -> usize {
        self.starts[..self.ids.len()].partition_point(|start| (*start as usize) < byte)
    }

    /// Positions whose last lexemes before them are probably those of `context`, by the chain of this number, newest
    /// first. A bucket may hold others too, so [`Index::matched`] has the last word.
    pub(super) fn chain(&self, number: usize, context: &[u32]) -> impl Iterator<Item = usize> {
        let chain = &self.chains[number];
        let mut next = context
            .len()
            .checked_sub(CHAINS[number])
            .and_then(|from| {
                Some(
                    *chain
                        .heads
                        .get(bucket(&context[from..], chain.heads.len()))?,
                )
            })
            .unwrap_or(NONE);
        std::iter::from_fn(move || {
            let position = (next != NONE).then_some(next as usize)?;
            next = chain.older[position];
            Some(position)
        })
    }

    /// How many lexemes before `position` are the last ones of `context`.
    pub(super) fn matched(&self, position: usize, context: &[u32]) -> usize {
        let before = &self.ids[position.saturating_sub(CONTEXT)..position];
        before
            .iter()
            .rev()
            .zip(context.iter().rev())
            .take_while(|(one, other)| one == other)
            .count()
    }
}

impl Chain {
    fn build(ids: &[u32], order: usize) -> Chain {
        if ids.len() <= order {
            return Chain::default();
        }
        let mut heads = vec![NONE; ids.len().next_power_of_two()];
        let mut older = vec![NONE; ids.len()];
        for (before, context) in ids[..ids.len() - 1].windows(order).enumerate() {
            let position = before + order;
            let head = &mut heads[bucket(context, older.len().next_power_of_two())];
            older[position] = std::mem::replace(head, narrow(position));
        }
        Chain { heads, older }
    }
}

/// The bucket of a context among `count`, a power of two.
fn bucket(context: &[u32], count: usize) -> usize {
    let hash = context.iter().fold(0_u64, |hash, id| {
        let mixed = (hash ^ u64::from(*id)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 32)
    });
    // Only the lowest bits are used.
    let low = hash as usize;
    low & count.wrapping_sub(1)
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(NONE)
}
