//! What the rows of an index mean: the vector of each, by its content, and which are near a question.

use std::sync::{Arc, RwLock};

use foretoken_engine::chunk::Chunk;
use foretoken_engine::embed::{Embedder, Vector};

use crate::vectors::{Key, Vectors};

/// The row has no vector yet.
const NONE: u32 = u32::MAX;
/// From this share of rows with vectors on, all of them are looked through for further candidates.
const COVERED: f32 = 0.8;

/// An embedder with what it has made, for [`crate::Index::use_vectors`].
#[derive(Debug)]
pub struct Meaning {
    embedder: Arc<Embedder>,
    floor: f32,
    held: RwLock<Held>,
}

#[derive(Debug)]
struct Held {
    vectors: Vectors,
    // [rows]: the slot of each.
    slots: Vec<u32>,
    known: usize,
}

/// What a vector is made of, and so what it is known by: the names of a chunk, the line of its head and its
/// text, nothing of its place. Equal chunks in two files share a vector.
pub(crate) fn parts<'a>(text: &'a str, chunk: &'a Chunk) -> impl Iterator<Item = &'a str> {
    // The head of a later part of a long definition lies before that part.
    let inside = chunk.signature.start >= chunk.bytes.start;
    let head = match inside {
        true => "",
        false => text.get(chunk.signature.clone()).unwrap_or_default(),
    };
    let body = text.get(chunk.bytes.clone()).unwrap_or_default();
    let names = chunk.names.iter().map(String::as_str);
    [chunk.qualified.as_str(), head, body]
        .into_iter()
        .chain(names)
}

/// The content's hash.
pub(crate) fn key(text: &str, chunk: &Chunk) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in parts(text, chunk) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

impl Meaning {
    /// With the vectors that are there already. A hit needs `floor` as its cosine where its words alone do
    /// not make it one.
    pub fn new(embedder: Arc<Embedder>, floor: f32, vectors: Vectors) -> Meaning {
        Meaning {
            embedder,
            floor,
            held: RwLock::new(Held {
                vectors,
                slots: Vec::new(),
                known: 0,
            }),
        }
    }

    /// Finds the vectors that are there for these rows.
    pub(crate) fn attach<'a>(&mut self, keys: impl Iterator<Item = &'a Key>) {
        let held = self.held.get_mut().unwrap_or_else(|e| e.into_inner());
        let slot = |key| held.vectors.slot(key).unwrap_or(NONE);
        held.slots = keys.map(slot).collect();
        held.known = held.slots.iter().filter(|slot| **slot != NONE).count();
    }

    pub(crate) fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    pub(crate) fn floor(&self) -> f32 {
        self.floor
    }

    pub(crate) fn has(&self, row: usize) -> bool {
        self.read(|held| held.slots.get(row).is_none_or(|slot| *slot != NONE))
    }

    /// Makes the vector of a row from its text. A chunk without a known word has none, and keeps none.
    pub(crate) fn learn(&self, row: usize, key: Key, text: &str, chunk: &Chunk) {
        let Some(vector) = self.embedder.chunk(parts(text, chunk)) else {
            return;
        };
        let mut held = self.held.write().unwrap_or_else(|e| e.into_inner());
        let slot = held.vectors.insert(key, &vector).unwrap_or(NONE);
        let held = &mut *held;
        if let Some(before) = held.slots.get_mut(row).filter(|before| **before == NONE) {
            *before = slot;
            held.known += usize::from(slot != NONE);
        }
    }

    /// The cosine of a row with a question.
    pub(crate) fn cosine(&self, row: usize, question: &Vector) -> Option<f32> {
        self.read(|held| {
            let (scale, numbers) = held.vectors.at(*held.slots.get(row)?)?;
            Some(question.cosine(scale, numbers))
        })
    }

    /// The rows nearest to a question, nearest first, if nearly all rows have a vector: an exact look at
    /// each of them.
    pub(crate) fn nearest(&self, question: &Vector, most: usize) -> Vec<(u64, f32)> {
        self.read(|held| {
            if (held.known as f32) < held.slots.len() as f32 * COVERED {
                return Vec::new();
            }
            let cosine = |(row, slot): (usize, &u32)| {
                let (scale, numbers) = held.vectors.at(*slot)?;
                Some((row as u64, question.cosine(scale, numbers)))
            };
            let mut found: Vec<(u64, f32)> =
                held.slots.iter().enumerate().filter_map(cosine).collect();
            let order = |a: &(u64, f32), b: &(u64, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
            if found.len() > most {
                found.select_nth_unstable_by(most, order);
                found.truncate(most);
            }
            found.sort_unstable_by(order);
            found
        })
    }

    /// Writes new vectors to the slab, where there is one.
    ///
    /// # Errors
    /// The disk's.
    pub fn save(&self) -> std::io::Result<()> {
        let mut held = self.held.write().unwrap_or_else(|e| e.into_inner());
        held.vectors.save()
    }

    fn read<T>(&self, of: impl FnOnce(&Held) -> T) -> T {
        of(&self.held.read().unwrap_or_else(|e| e.into_inner()))
    }
}
