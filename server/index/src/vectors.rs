//! Vectors by the content of their chunks, in memory and in a *slab*: one file for each embedder, only ever
//! appended to. It is a cache of what can be computed again, so at any doubt about it all of it is dropped.
//!
//! The file: `FTVECTOR`, version and dimension (`u32`, little-endian), the embedder's id (32 bytes), a CRC-32
//! of these; then slots of key (32 bytes), scale (`f32`), numbers (`i8`, as many as the dimension says) and a
//! CRC-32 of the slot. A torn last slot is what a crash leaves, and is cut off.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use foretoken_engine::embed::Vector;

/// What a slab begins with.
const MAGIC: &[u8; 8] = b"FTVECTOR";
/// Another number there means another form.
const VERSION: u32 = 1;
/// Magic, version, dimension, id, checksum.
const HEADER: usize = 8 + 4 + 4 + 32 + 4;
/// A longer file is no cache any more: about eight million chunks of 256 numbers.
const LONGEST: u64 = 2 << 30;

/// The hash of what a vector was made of.
pub type Key = [u8; 32];

/// Vectors of one embedder.
#[derive(Debug)]
pub struct Vectors {
    dimension: usize,
    slots: HashMap<Key, u32>,
    scales: Vec<f32>,
    // [slots, dimension]
    numbers: Vec<i8>,
    slab: Option<Slab>,
    dropped: bool,
}

#[derive(Debug)]
struct Slab {
    path: PathBuf,
    id: [u8; 32],
    // Slots that the file has; those behind them are only in memory.
    written: usize,
}

impl Vectors {
    /// None yet, and none are kept when the process ends.
    pub fn in_memory(dimension: usize) -> Vectors {
        Vectors {
            dimension,
            slots: HashMap::new(),
            scales: Vec::new(),
            numbers: Vec::new(),
            slab: None,
            dropped: false,
        }
    }

    /// Those of a slab, as far as it is whole and of this embedder; otherwise none, and the next
    /// [`Vectors::save`] begins it anew.
    pub fn open(path: &Path, id: [u8; 32], dimension: usize) -> Vectors {
        let mut found = Vectors::in_memory(dimension);
        let bytes = read(path);
        let there = bytes.as_ref().is_some_and(|bytes| !bytes.is_empty());
        let whole = bytes.is_some_and(|bytes| found.take(&bytes, &id).is_some());
        if !whole {
            found = Vectors::in_memory(dimension);
        }
        found.dropped = there && !whole;
        found.slab = Some(Slab {
            path: path.to_owned(),
            id,
            written: found.scales.len(),
        });
        found
    }

    /// Whether a slab was there and could not be believed.
    pub fn was_dropped(&self) -> bool {
        self.dropped
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// The slot of a key.
    pub fn slot(&self, key: &Key) -> Option<u32> {
        self.slots.get(key).copied()
    }

    /// Scale and numbers of a slot.
    pub fn at(&self, slot: u32) -> Option<(f32, &[i8])> {
        let scale = *self.scales.get(slot as usize)?;
        let from = slot as usize * self.dimension;
        Some((scale, self.numbers.get(from..from + self.dimension)?))
    }

    /// Keeps a vector; a key that is known keeps the one it has. `None` for one of another dimension.
    pub fn insert(&mut self, key: Key, vector: &Vector) -> Option<u32> {
        if let Some(slot) = self.slot(&key) {
            return Some(slot);
        }
        self.push(key, vector.scale, &vector.numbers)
    }

    fn push(&mut self, key: Key, scale: f32, numbers: &[i8]) -> Option<u32> {
        if numbers.len() != self.dimension || !scale.is_finite() || scale <= 0.0 {
            return None;
        }
        let slot = self.scales.len() as u32;
        self.slots.insert(key, slot);
        self.scales.push(scale);
        self.numbers.extend_from_slice(numbers);
        Some(slot)
    }

    /// Appends to the slab what it does not have. What is not saved is computed again some day.
    ///
    /// # Errors
    /// The disk's; the vectors stay in memory and usable.
    pub fn save(&mut self) -> io::Result<()> {
        let Some(slab) = &self.slab else {
            return Ok(());
        };
        if slab.written == self.scales.len() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        if slab.written == 0 {
            bytes.extend(header(&slab.id, self.dimension));
        }
        let mut keys: Vec<(u32, &Key)> = self.slots.iter().map(|(key, at)| (*at, key)).collect();
        keys.sort_unstable_by_key(|(slot, _)| *slot);
        for (slot, key) in keys.into_iter().skip(slab.written) {
            let from = bytes.len();
            bytes.extend(key);
            bytes.extend(self.scales[slot as usize].to_le_bytes());
            let (_, numbers) = self.at(slot).unwrap_or_default();
            bytes.extend(numbers.iter().map(|number| *number as u8));
            bytes.extend(crc32fast::hash(&bytes[from..]).to_le_bytes());
        }
        let mut file = private(OpenOptions::new().append(slab.written > 0), slab)?;
        if slab.written > 0 {
            // A torn slot may lie behind the last whole one.
            let slot = 32 + 4 + self.dimension + 4;
            file.set_len((HEADER + slab.written * slot) as u64)?;
        }
        file.write_all(&bytes)?;
        if let Some(slab) = &mut self.slab {
            slab.written = self.scales.len();
        }
        Ok(())
    }

    /// Forgets all but these and writes the slab anew beside the old one, which it then replaces.
    ///
    /// # Errors
    /// The disk's; the old slab is left then.
    pub fn retain(&mut self, live: &dyn Fn(&Key) -> bool) -> io::Result<()> {
        let mut kept = Vectors::in_memory(self.dimension);
        let mut keys: Vec<(u32, Key)> = self.slots.iter().map(|(key, at)| (*at, *key)).collect();
        keys.sort_unstable_by_key(|(slot, _)| *slot);
        for (slot, key) in keys {
            if let Some((scale, numbers)) = self.at(slot).filter(|_| live(&key)) {
                kept.push(key, scale, numbers);
            }
        }
        if let Some(slab) = &self.slab {
            let beside = slab.path.with_extension("new");
            kept.slab = Some(Slab {
                path: beside.clone(),
                id: slab.id,
                written: 0,
            });
            kept.save()?;
            match kept.is_empty() {
                true => drop(fs::remove_file(&slab.path)),
                false => fs::rename(&beside, &slab.path)?,
            }
            if let Some(new) = &mut kept.slab {
                new.path.clone_from(&slab.path);
            }
        }
        *self = kept;
        Ok(())
    }

    /// Fills itself from a slab's bytes; `None` at any doubt.
    fn take(&mut self, bytes: &[u8], id: &[u8; 32]) -> Option<()> {
        let slots = bytes.strip_prefix(header(id, self.dimension).as_slice())?;
        for slot in slots.chunks_exact(32 + 4 + self.dimension + 4) {
            let (held, sum) = slot.split_at(slot.len() - 4);
            if crc32fast::hash(held).to_le_bytes() != sum {
                return None;
            }
            let (key, rest) = held.split_first_chunk::<32>()?;
            let (scale, numbers) = rest.split_first_chunk::<4>()?;
            let numbers: Vec<i8> = numbers.iter().map(|byte| *byte as i8).collect();
            self.slot(key).is_none().then_some(())?;
            self.push(*key, f32::from_le_bytes(*scale), &numbers)?;
        }
        Some(())
    }
}

fn header(id: &[u8; 32], dimension: usize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((dimension as u32).to_le_bytes());
    bytes.extend(id);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    debug_assert_eq!(bytes.len(), HEADER);
    bytes
}

/// All of a regular file of sane length. `None` where there is none.
fn read(path: &Path) -> Option<Vec<u8>> {
    let metadata = fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Some(vec![0]);
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    let file = File::open(path).ok()?;
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The slab's file, for its owner alone; begun anew unless it is to be appended to.
fn private(options: &mut OpenOptions, slab: &Slab) -> io::Result<File> {
    if slab.written == 0 {
        // What was there was not believed, and may be a link to elsewhere.
        match fs::remove_file(&slab.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        options.write(true).create_new(true);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(&slab.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 32] = [7; 32];

    fn vector(numbers: [i8; 4]) -> Vector {
        Vector {
            scale: 0.01,
            numbers: Box::from(numbers),
        }
    }

    fn key(number: u8) -> Key {
        [number; 32]
    }

    fn filled(path: &Path) -> Vectors {
        let mut vectors = Vectors::open(path, ID, 4);
        for number in 1..=3u8 {
            let numbers = [number as i8, -127, 0, 127];
            vectors.insert(key(number), &vector(numbers)).unwrap();
        }
        vectors.save().unwrap();
        vectors
    }

    #[test]
    fn what_was_saved_is_there_again_and_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slab");
        filled(&path);
        let mut again = Vectors::open(&path, ID, 4);
        assert_eq!((again.len(), again.was_dropped()), (3, false));
        let slot = again.slot(&key(2)).unwrap();
        assert_eq!(again.at(slot), Some((0.01, [2, -127, 0, 127].as_slice())));
        again.insert(key(9), &vector([9; 4])).unwrap();
        again.insert(key(9), &vector([8; 4])).unwrap();
        again.save().unwrap();
        again.save().unwrap();
        let last = Vectors::open(&path, ID, 4);
        assert_eq!(last.len(), 4);
        assert_eq!(last.at(3), Some((0.01, [9; 4].as_slice())));
    }

    #[test]
    fn a_flipped_bit_drops_all_and_a_torn_end_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slab");
        filled(&path);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            let found = Vectors::open(&path, ID, 4);
            assert_eq!((found.len(), found.was_dropped()), (0, true), "byte {at}");
        }
        fs::write(&path, &good[..good.len() - 5]).unwrap();
        let mut torn = Vectors::open(&path, ID, 4);
        assert_eq!((torn.len(), torn.was_dropped()), (2, false));
        torn.insert(key(5), &vector([5; 4])).unwrap();
        torn.save().unwrap();
        assert_eq!(Vectors::open(&path, ID, 4).len(), 3);
    }

    #[test]
    fn another_embedder_s_slab_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slab");
        filled(&path);
        assert_eq!(Vectors::open(&path, [8; 32], 4).len(), 0);
        assert_eq!(Vectors::open(&path, ID, 5).len(), 0);
        assert_eq!(filled(&path).len(), 3);
    }

    #[test]
    fn what_is_no_vector_is_not_kept() {
        let mut vectors = Vectors::in_memory(4);
        let broken = Vector {
            scale: f32::NAN,
            numbers: Box::from([1; 4]),
        };
        assert_eq!(vectors.insert(key(1), &broken), None);
        let short = Vector {
            scale: 1.0,
            numbers: Box::from([1; 3]),
        };
        assert_eq!(vectors.insert(key(1), &short), None);
        assert!(vectors.is_empty());
    }

    #[test]
    fn what_is_retained_stays_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slab");
        let mut vectors = filled(&path);
        vectors.retain(&|one| *one == key(2)).unwrap();
        assert_eq!(vectors.len(), 1);
        vectors.insert(key(6), &vector([6; 4])).unwrap();
        vectors.save().unwrap();
        let again = Vectors::open(&path, ID, 4);
        assert_eq!((again.len(), again.slot(&key(2))), (2, Some(0)));
        let mut none = again;
        none.retain(&|_| false).unwrap();
        assert_eq!(Vectors::open(&path, ID, 4).len(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_reads_it_and_no_link_is_written_through() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slab");
        let other = folder.path().join("other");
        fs::write(&other, "kept").unwrap();
        symlink(&other, &path).unwrap();
        filled(&path);
        assert_eq!(fs::read_to_string(&other).unwrap(), "kept");
        let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
