//! Ids of pieces seen lately, in two generations: what was not used since the last change of
//! generation is forgotten.

use std::collections::HashMap;
use std::sync::Arc;

/// Pieces longer than this are encoded anew each time: a minified line would fill the cache alone.
pub(super) const CACHED_BYTES: usize = 4096;
/// Bytes of pieces and ids per generation of the cache: the lines of several open files. Bytes and not
/// pieces, because whoever types in a long line leaves a piece as long with every key.
const GENERATION_BYTES: usize = 2 << 20;

/// See the module's header.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: HashMap<Box<str>, Arc<[u32]>>,
    old: HashMap<Box<str>, Arc<[u32]>>,
    /// Of the young generation.
    bytes: usize,
}

impl Cache {
    pub(super) fn get(&mut self, piece: &str) -> Option<Arc<[u32]>> {
        if let Some(ids) = self.young.get(piece) {
            return Some(Arc::clone(ids));
        }
        let (key, ids) = self.old.remove_entry(piece)?;
        self.put(key, Arc::clone(&ids));
        Some(ids)
    }

    pub(super) fn put(&mut self, piece: Box<str>, ids: Arc<[u32]>) {
        if self.bytes >= GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += piece.len() + size_of_val(&*ids);
        self.young.insert(piece, ids);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Cache, GENERATION_BYTES};

    #[test]
    fn the_cache_forgets_what_was_not_used_lately_by_its_bytes() {
        let mut cache = Cache::default();
        let ids: Arc<[u32]> = vec![7; 256].into();
        let pieces = GENERATION_BYTES / 1024 * 4;
        for at in 0..pieces {
            cache.put(at.to_string().into(), Arc::clone(&ids));
            assert!(cache.get("0").is_some(), "used all the time: {at}");
        }
        assert!(cache.get("1").is_none());
        assert!(cache.get(&(pieces - 1).to_string()).is_some());
        let held = (cache.young.len() + cache.old.len()) * 1024;
        assert!(held <= 2 * GENERATION_BYTES, "{held}");
    }
}
