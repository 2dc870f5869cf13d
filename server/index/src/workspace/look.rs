//! One file next to what the index knows of it: compared by size and time, then by content, and cut anew only
//! where both differ.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use foretoken_engine::chunk::{self, Chunk};
use foretoken_engine::document::Tree;

use crate::budget;
use crate::record::{Record, Stamp};
use crate::walk;

/// What a file is, next to what is known of it.
pub(super) enum Found {
    Same,
    /// The same text with another time.
    Restamped(Record),
    /// Another text, or a reason to leave it out with an empty one.
    New(Record, String),
    Gone,
}

/// Looks at one file.
pub(super) fn look(
    root: &Path,
    relative: &str,
    known: Option<&Arc<Record>>,
    now: SystemTime,
) -> Found {
    let Ok(metadata) = std::fs::symlink_metadata(root.join(relative)) else {
        return Found::Gone;
    };
    let stamp = Stamp::of(&metadata, now);
    if known.is_some_and(|known| stamp.proves(&known.stamp)) {
        return Found::Same;
    }
    let read = walk::read(root, Path::new(relative));
    let (hash, text, reason) = match read {
        Ok(text) => (*blake3::hash(text.as_bytes()).as_bytes(), text, ""),
        Err(reason) => ([0; 32], String::new(), reason),
    };
    let mut record = Record {
        path: Arc::from(relative),
        stamp,
        hash,
        length: text.len() as u64,
        skip: reason.to_owned(),
        chunks: Vec::new(),
    };
    if let Some(known) = known.filter(|known| known.hash == hash && known.skip == reason) {
        // A stamp that proves nothing is not worth writing.
        return match stamp.fresh {
            true => Found::Same,
            false => Found::Restamped(Record {
                stamp,
                ..Record::clone(known)
            }),
        };
    }
    if reason.is_empty() {
        match cut(relative, &text, None) {
            Ok(chunks) => record.chunks = chunks,
            Err(reason) => record.skip = reason.to_owned(),
        }
    }
    Found::New(record, text)
}

/// The chunks of a text, by its tree where that is at hand, or why it has none.
pub(super) fn cut(
    relative: &str,
    text: &str,
    tree: Option<&Tree>,
) -> Result<Vec<Chunk>, &'static str> {
    if let Some(reason) = walk::refused(text) {
        return Err(reason);
    }
    let mut stop = budget::of_a_parse();
    // A grammar is foreign code. The record remembers the text, so it is not tried again.
    panic::catch_unwind(AssertUnwindSafe(|| match tree {
        Some(tree) => chunk::chunks_of(relative, text, tree),
        None => chunk::chunks(relative, text, &mut stop),
    }))
    .map_err(|_| "its grammar failed")
}
