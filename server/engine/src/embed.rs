//! The static embedder: what a text means, as the weighted sum of a row of numbers for each of its terms.
//!
//! Pure: a table arrives as bytes and is checked wholly before it is used; a text becomes a vector without
//! a neural pass. A neural bag of words (the baseline of CodeSearchNet, arXiv 1909.09436) has no layers, so
//! it costs microseconds; it knows that `shutdown` is near `close`, and nothing of order.

use std::collections::HashMap;
use std::fmt;

use crate::terms::{self, Query};

/// What a table's file begins with.
const MAGIC: &[u8; 8] = b"FTEMBED1";
/// Numbers behind it: version of the terms, dimension, terms, buckets (each `u32`, little-endian).
const HEADER: usize = 8 + 4 * 4;
/// Larger tables are none of ours.
const MOST_NUMBERS: usize = 1 << 28;

/// A table of rows, one for each known term and one for each bucket of trigrams that all others share.
#[derive(Clone)]
pub struct Embedder {
    dimension: usize,
    buckets: usize,
    known: HashMap<Box<str>, u32>,
    // [columns]: what a row counts in questions and in code, times the scale of its numbers.
    query: Vec<f32>,
    code: Vec<f32>,
    // [columns, dimension]
    rows: Vec<i8>,
}

/// A direction in the table's space: unit length, each number times `scale`.
#[derive(Clone, PartialEq, Debug)]
pub struct Vector {
    /// What one step of a number is worth.
    pub scale: f32,
    /// `[dimension]`, −127 to 127.
    pub numbers: Box<[i8]>,
}

/// Why bytes are no table: a sentence's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

impl fmt::Debug for Embedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder")
            .field("dimension", &self.dimension)
            .field("terms", &self.known.len())
            .finish_non_exhaustive()
    }
}

impl Embedder {
    /// Reads a table: the header; for each column the scale of its row, its weight in questions and its
    /// weight in code (each `f32`); the rows (`i8`); the terms, each behind its length (`u8`).
    ///
    /// # Errors
    /// Anything but exactly such a file, numbers that are not finite, terms of another tokenizer.
    pub fn parse(bytes: &[u8]) -> Result<Embedder, Malformed> {
        let mut reader = Reader { rest: bytes };
        if reader.take(8)? != MAGIC {
            return Err(Malformed("it is no table of an embedder"));
        }
        if reader.number()? != terms::VERSION as usize {
            return Err(Malformed("it was made for another version of the terms"));
        }
        let (dimension, count, buckets) = (reader.number()?, reader.number()?, reader.number()?);
        let columns = count.saturating_add(buckets);
        let sane =
            dimension > 0 && buckets > 0 && columns.saturating_mul(dimension) <= MOST_NUMBERS;
        if !sane || bytes.len() < HEADER + columns * (12 + dimension) {
            return Err(Malformed("it is shorter than it says"));
        }
        let scales = reader.floats(columns)?;
        let weighed = |weights: Vec<f32>| weights.iter().zip(&scales).map(|(w, s)| w * s).collect();
        let query = weighed(reader.floats(columns)?);
        let code = weighed(reader.floats(columns)?);
        let rows = reader.take(columns * dimension)?;
        let rows = rows.iter().map(|byte| *byte as i8).collect();
        let mut known = HashMap::with_capacity(count);
        for at in 0..count as u32 {
            let length = reader.take(1)?[0];
            let term = std::str::from_utf8(reader.take(usize::from(length))?)
                .map_err(|_| Malformed("a term is not UTF-8"))?;
            known.insert(Box::from(term), at);
        }
        if !reader.rest.is_empty() || known.len() != count {
            return Err(Malformed("its list of terms is not what it says"));
        }
        Ok(Embedder {
            dimension,
            buckets,
            known,
            query,
            code,
            rows,
        })
    }

    /// Numbers of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The vector of a question; `None` where no term is known to the table.
    pub fn question(&self, query: &Query) -> Option<Vector> {
        let counted = query
            .terms
            .iter()
            .map(|term| (term.text.as_str(), term.weight));
        self.vector(counted, &self.query)
    }

    /// The vector of a chunk: its names, and its text with the line of its head in it.
    pub fn chunk<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Option<Vector> {
        let mut counts: HashMap<String, f32> = HashMap::new();
        for part in parts {
            terms::each_term(part, &mut |term, _| match counts.get_mut(term) {
                Some(count) => *count += 1.0,
                None => drop(counts.insert(term.to_owned(), 1.0)),
            });
        }
        let mut counted: Vec<(&str, f32)> = counts.iter().map(|(t, c)| (t.as_str(), *c)).collect();
        // A sum of floats depends on its order, and equal texts must have equal vectors.
        counted.sort_unstable_by_key(|(term, _)| *term);
        self.vector(counted.into_iter(), &self.code)
    }

    fn vector<'a>(
        &self,
        counted: impl Iterator<Item = (&'a str, f32)>,
        weights: &[f32],
    ) -> Option<Vector> {
        let mut sum = vec![0.0f32; self.dimension];
        let mut add = |column: usize, times: f32| {
            let times = times * weights[column];
            let row = &self.rows[column * self.dimension..][..self.dimension];
            for (sum, number) in sum.iter_mut().zip(row) {
                *sum += times * f32::from(*number);
            }
        };
        for (term, count) in counted {
            let times = count.sqrt();
            if let Some(column) = self.known.get(term) {
                add(*column as usize, times);
                continue;
            }
            let buckets = trigrams(term, self.buckets);
            let share = times / buckets.len() as f32;
            for bucket in buckets {
                add(self.known.len() + bucket, share);
            }
        }
        Vector::of(&sum)
    }
}

/// The buckets of a term without a row: FNV-1a (32 bits) over the UTF-8 of each three characters of `<term>`.
fn trigrams(term: &str, buckets: usize) -> Vec<usize> {
    let framed: Vec<char> = format!("<{term}>").chars().collect();
    let hash = |window: &[char]| {
        let text: String = window.iter().collect();
        let hash = text.bytes().fold(0x811c_9dc5u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        hash as usize % buckets
    };
    framed.windows(3).map(hash).collect()
}

impl Vector {
    /// The unit vector of a direction; `None` of what has none.
    pub fn of(sum: &[f32]) -> Option<Vector> {
        let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        let most = sum.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        if !length.is_finite() || most <= 0.0 {
            return None;
        }
        let numbers = sum.iter().map(|x| (x / most * 127.0).round() as i8);
        Some(Vector {
            scale: most / 127.0 / length,
            numbers: numbers.collect(),
        })
    }

    /// The cosine with another vector of the same table, −1 to 1; 0 with one of another size.
    pub fn cosine(&self, scale: f32, numbers: &[i8]) -> f32 {
        if numbers.len() != self.numbers.len() {
            return 0.0;
        }
        dot(&self.numbers, numbers) as f32 * self.scale * scale
    }
}

/// Σ a·b of equally long runs. Products are summed in `i16` steps of 2: the form that compilers turn into
/// multiply-add instructions.
fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| i32::from(i16::from(*a) * i16::from(*b)))
        .sum()
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(Malformed("it is shorter than it says"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<usize, Malformed> {
        let bytes = self.take(4)?.try_into().unwrap_or_default();
        Ok(u32::from_le_bytes(bytes) as usize)
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f32>, Malformed> {
        let bytes = self.take(count * 4)?;
        let floats: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes(four.try_into().unwrap_or_default()))
            .collect();
        match floats.iter().all(|float| float.is_finite()) {
            true => Ok(floats),
            false => Err(Malformed("a number is not finite")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::query;

    /// A table of these terms in two dimensions, and one bucket that points up.
    fn table(terms: &[(&str, [i8; 2])]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [terms::VERSION, 2, terms.len() as u32, 1] {
            bytes.extend(number.to_le_bytes());
        }
        for weight in [0.5f32, 1.0, 2.0] {
            for _ in 0..=terms.len() {
                bytes.extend(weight.to_le_bytes());
            }
        }
        for (_, row) in terms {
            bytes.extend(row.map(|x| x as u8));
        }
        bytes.extend([0, 100]);
        for (term, _) in terms {
            bytes.push(term.len() as u8);
            bytes.extend(term.as_bytes());
        }
        bytes
    }

    fn embedder() -> Embedder {
        let rows = [
            ("clos", [100, 0]),
            ("stop", [100, 20]),
            ("paint", [0, -100]),
        ];
        Embedder::parse(&table(&rows)).unwrap()
    }

    #[test]
    fn what_means_the_same_is_near() {
        let embedder = embedder();
        let question = embedder.question(&query("close")).unwrap();
        let to = |text: &str| {
            let vector = embedder.chunk([text]).unwrap();
            (question.cosine(vector.scale, &vector.numbers) * 100.0).round()
        };
        assert_eq!((to("stop"), to("close"), to("paint")), (98.0, 100.0, 0.0));
        // Unknown words share buckets, and all of one text add up.
        assert_eq!(to("zebra"), 0.0);
        assert_eq!(to("close stop paint"), to("paint stop close"));
    }

    #[test]
    fn nothing_has_no_vector() {
        assert_eq!(embedder().question(&query("the of")), None);
        assert_eq!(embedder().chunk(["", "{}"]), None);
    }

    #[test]
    fn a_damaged_table_is_none() {
        let good = table(&[("clos", [100, 0])]);
        assert!(Embedder::parse(&good).is_ok());
        for length in 0..good.len() {
            assert!(Embedder::parse(&good[..length]).is_err(), "{length}");
        }
        let more = [good.as_slice(), &[0]].concat();
        assert!(Embedder::parse(&more).is_err());
        let mut other = good.clone();
        other[8] ^= 0x40;
        assert_eq!(
            Embedder::parse(&other).unwrap_err(),
            Malformed("it was made for another version of the terms")
        );
        let mut huge = good.clone();
        huge[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Embedder::parse(&huge).is_err());
        let mut infinite = good;
        infinite[HEADER..HEADER + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
        assert!(Embedder::parse(&infinite).is_err());
    }

    #[test]
    fn trigrams_are_those_of_the_training() {
        // The same values as `training/tests/test_embed.py`.
        assert_eq!(trigrams("ab", 8192), [1764, 7964]);
        assert_eq!(trigrams("größe", 8192), [5906, 5089, 2806, 4025, 1880]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Embedder::parse(&[MAGIC.as_slice(), &bytes].concat());
        }
    }
}
