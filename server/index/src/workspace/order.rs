//! What orders hits beyond their words: vectors, kept beside the index, and a reranker, where somebody gave them.

use std::sync::Arc;

use super::{Reranker, Workspace, lock};
use crate::meaning::Meaning;
use crate::vectors::Vectors;

/// A slab with more vectors than this many for each chunk has become old: most are of text that is gone.
const OLD: usize = 3;
/// Vectors that a slab may hold however few chunks there are.
const FEW: usize = 10_000;

impl Workspace {
    /// Searches ask vectors too from now on.
    pub fn use_vectors(&self, meaning: Arc<Meaning>) {
        *lock(&self.meaning) = Some(meaning);
    }

    /// The vectors of the embedder with this id and dimension that are kept beside the index, for
    /// [`Workspace::use_vectors`]; none where nothing is kept. Waits for a refresh that runs.
    pub fn vectors(&self, id: [u8; 32], dimension: usize) -> Vectors {
        match &lock(&self.disk).folder {
            Some(folder) => Vectors::open(&folder.path().join("vectors"), id, dimension),
            None => Vectors::in_memory(dimension),
        }
    }

    /// Keeps the vectors that were made since, where this process is the one that writes. Waits for a refresh
    /// that runs.
    pub fn save_vectors(&self) {
        let Some(meaning) = self.meaning() else {
            return;
        };
        let chunks = self.state().chunks;
        let disk = lock(&self.disk);
        if disk.held.is_some()
            && let Err(error) = meaning.save(FEW.max(OLD * chunks))
        {
            *lock(&self.trouble) = Some(format!("the vectors are not kept: {error}"));
        }
    }

    /// Searches put their hits in the order of this from now on.
    pub fn use_reranker(&self, reranker: Reranker) {
        *lock(&self.reranker) = Some(reranker);
    }

    pub(super) fn reranker(&self) -> Option<Reranker> {
        lock(&self.reranker).clone()
    }

    pub(super) fn meaning(&self) -> Option<Arc<Meaning>> {
        lock(&self.meaning).clone()
    }
}
