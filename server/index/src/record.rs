//! What the index keeps of one file: where its chunks lie, what they are called, and by what the file is
//! known again. Never its text.
//!
//! Kept as bytes of our own: numbers as LEB128, texts with their length in front, at the end a CRC-32 of all of it,
//! since whoever only reads an index does not check its files. A change of the form is a change of [`FORMAT`].

use std::fs::Metadata;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use foretoken_engine::chunk::{Chunk, Kind};

/// Of the records and of the fields; an index of another number is built anew.
pub(crate) const FORMAT: u32 = 3;

/// A file changed so shortly before it was read may change again without another time: file systems
/// count in steps of up to this (FAT has two seconds).
const STEP: Duration = Duration::from_secs(2);

/// What a file's entry in its folder says: while it stays, so does the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    /// Nanoseconds since 1970 of the last change of content, and of anything.
    modified: u64,
    changed: u64,
    /// Set when it was taken too soon after the change to be believed.
    pub(crate) fresh: bool,
}

impl Stamp {
    /// To be taken before the text is read, so that a change in between makes it an old one.
    pub(crate) fn of(metadata: &Metadata, now: SystemTime) -> Stamp {
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified = metadata.modified().map(since).unwrap_or_default();
        #[cfg(unix)]
        let changed = {
            use std::os::unix::fs::MetadataExt;
            let seconds = Duration::from_secs(metadata.ctime().try_into().unwrap_or(0));
            seconds + Duration::from_nanos(metadata.ctime_nsec().try_into().unwrap_or(0))
        };
        #[cfg(not(unix))]
        let changed = modified;
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Stamp {
            size: metadata.len(),
            modified: nanoseconds(modified),
            changed: nanoseconds(changed),
            // Also where the clock was set back, and the file lies in the future.
            fresh: modified.max(changed) + STEP > since(now),
        }
    }

    /// Whether the file is surely what it was when the other stamp was taken.
    pub(crate) fn proves(&self, older: &Stamp) -> bool {
        !older.fresh
            && (self.size, self.modified, self.changed)
                == (older.size, older.modified, older.changed)
    }
}

/// One file of the index.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Record {
    /// From the root, with slashes.
    pub(crate) path: Arc<str>,
    pub(crate) stamp: Stamp,
    /// BLAKE3 of the text; all zeros for a file that is left out.
    pub(crate) hash: [u8; 32],
    /// Bytes of text.
    pub(crate) length: u64,
    /// Why the file is left out; empty for one that is in.
    pub(crate) skip: String,
    pub(crate) chunks: Vec<Chunk>,
}

impl Record {
    /// The number by which rows name their file: of path and text, so that rows of an older text, or of
    /// the same text elsewhere, are never taken for these.
    pub(crate) fn key(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.path.as_bytes());
        hasher.update(&[0]);
        hasher.update(&self.hash);
        hasher.update(self.skip.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(first)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.path.len() + self.chunks.len() * 48);
        put_text(&mut out, &self.path);
        for number in [self.stamp.size, self.stamp.modified, self.stamp.changed] {
            put(&mut out, number);
        }
        put(&mut out, u64::from(self.stamp.fresh));
        out.extend_from_slice(&self.hash);
        put(&mut out, self.length);
        put_text(&mut out, &self.skip);
        put(&mut out, self.chunks.len() as u64);
        for chunk in &self.chunks {
            put_chunk(&mut out, chunk);
        }
        let sum = crc32fast::hash(&out);
        out.extend(sum.to_le_bytes());
        out
    }

    /// `None` for bytes that no record makes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Record> {
        let (mut left, sum) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(left).to_le_bytes() != *sum {
            return None;
        }
        let path = Arc::from(take_text(&mut left)?);
        let stamp = Stamp {
            size: take(&mut left)?,
            modified: take(&mut left)?,
            changed: take(&mut left)?,
            fresh: take(&mut left)? != 0,
        };
        let (hash, rest) = left.split_first_chunk::<32>()?;
        left = rest;
        let length = take(&mut left)?;
        let skip = take_text(&mut left)?.to_owned();
        let count = take(&mut left)?;
        let chunks = (0..count)
            .map(|_| take_chunk(&mut left, length))
            .collect::<Option<_>>()?;
        left.is_empty().then_some(Record {
            path,
            stamp,
            hash: *hash,
            length,
            skip,
            chunks,
        })
    }
}

fn put_chunk(out: &mut Vec<u8>, chunk: &Chunk) {
    put(out, chunk.kind as u64);
    put_text(out, &chunk.name);
    put_text(out, &chunk.qualified);
    put(out, chunk.names.len() as u64);
    for name in &chunk.names {
        put_text(out, name);
    }
    put(out, chunk.members.len() as u64);
    let ranges = [&chunk.signature, &chunk.bytes].into_iter();
    for range in ranges.chain(&chunk.members) {
        put(out, range.start as u64);
        put(out, range.len() as u64);
    }
    put(out, u64::from(chunk.lines.start));
    put(out, chunk.lines.len() as u64);
}

fn take_chunk(left: &mut &[u8], length: u64) -> Option<Chunk> {
    let kinds = [
        Kind::Function,
        Kind::Type,
        Kind::Value,
        Kind::Rest,
        Kind::Section,
        Kind::Window,
        Kind::Generated,
    ];
    let kind = take(left)?;
    let kind = kinds.into_iter().find(|known| *known as u64 == kind)?;
    let name = take_text(left)?.to_owned();
    let qualified = take_text(left)?.to_owned();
    let count = take(left)?;
    let names = (0..count)
        .map(|_| take_text(left).map(str::to_owned))
        .collect::<Option<_>>()?;
    let members = take(left)?;
    let mut range = || {
        let start = take(left)?;
        let end = start.checked_add(take(left)?)?;
        (end <= length).then_some(start as usize..end as usize)
    };
    let (signature, bytes) = (range()?, range()?);
    let members = (0..members).map(|_| range()).collect::<Option<_>>()?;
    let start = u32::try_from(take(left)?).ok()?;
    let lines = start..start.checked_add(u32::try_from(take(left)?).ok()?)?;
    Some(Chunk {
        kind,
        name,
        qualified,
        names,
        signature,
        members,
        bytes,
        lines,
    })
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take(left: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = left.split_first()?;
        *left = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_text<'a>(left: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take(left)?).ok()?;
    let (text, rest) = left.split_at_checked(length)?;
    *left = rest;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use foretoken_engine::chunk;

    fn record(path: &str, text: &str) -> Record {
        Record {
            path: Arc::from(path),
            stamp: Stamp {
                size: text.len() as u64,
                modified: u64::MAX,
                changed: 7,
                fresh: true,
            },
            hash: *blake3::hash(text.as_bytes()).as_bytes(),
            length: text.len() as u64,
            skip: String::new(),
            chunks: chunk::chunks(path, text, &mut || false),
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let text = "use a::b;\n\n/// Words.\npub struct Größe { x: u32 }\n\nimpl Größe {\n    fn neu() {}\n}\n";
        let one = record("src/größe.rs", &text.repeat(40));
        assert!(one.chunks.len() > 1);
        assert_eq!(Record::decode(&one.encode()).as_ref(), Some(&one));
        let mut left_out = record("b\nc", "");
        left_out.skip = "binary".to_owned();
        assert_eq!(Record::decode(&left_out.encode()), Some(left_out));
    }

    #[test]
    fn damaged_bytes_are_no_record_and_no_panic() {
        let whole = record("a.rs", "fn a() {}\nfn b() {}\n").encode();
        for end in 0..whole.len() {
            assert_eq!(Record::decode(&whole[..end]), None, "{end}");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                assert_eq!(Record::decode(&bytes), None, "{at}");
                // Somebody may have made the checksum fit.
                let end = bytes.len() - 4;
                let sum = crc32fast::hash(&bytes[..end]).to_le_bytes();
                bytes[end..].copy_from_slice(&sum);
                if let Some(read) = Record::decode(&bytes) {
                    assert!(
                        read.chunks
                            .iter()
                            .all(|c| c.bytes.end as u64 <= read.length)
                    );
                }
            }
        }
    }

    #[test]
    fn a_stamp_proves_only_what_it_was_old_enough_to_see() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "1").unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        let now = SystemTime::now();
        let fresh = Stamp::of(&metadata, now);
        let later = Stamp::of(&metadata, now + STEP * 2);
        assert!(!later.proves(&fresh));
        assert!(later.proves(&later));
        assert!(!Stamp::of(&metadata, now - STEP * 9).proves(&fresh));
    }

    #[test]
    fn a_key_knows_path_and_text() {
        let key = |path, text| record(path, text).key();
        assert_eq!(key("a", "x"), key("a", "x"));
        assert_ne!(key("a", "x"), key("b", "x"));
        assert_ne!(key("a", "x"), key("a", "y"));
    }
}
