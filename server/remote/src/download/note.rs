//! What is remembered of a file that was begun: whose it is, which version, and how long it will be. Without
//! its note a part is worth nothing, since nothing says what it is a part of.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Beside each part, and beside what is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// Where it was asked for, before any redirect.
    pub(super) address: String,
    /// An ETag with its quotes, or a date.
    pub(super) version: Option<String>,
    /// Bytes of the whole file.
    pub(super) total: Option<u64>,
    /// All of it is here.
    #[serde(default)]
    pub(super) whole: bool,
}

impl Note {
    /// The note of this path; one that cannot be read is none.
    pub(super) fn read(path: &Path) -> Option<Note> {
        toml::from_str(&fs::read_to_string(path).ok()?).ok()
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        fs::write(path, text)
    }
}

/// Bytes of a file; 0 where there is none.
pub(super) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}
