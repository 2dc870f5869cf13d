//! Why there is no index, or no answer from it.

use std::fmt;

/// Why there is no index, or no answer from it.
#[derive(Debug)]
pub enum Error {
    /// The folder cannot or must not be indexed; a sentence for the user.
    Root(String),
    /// The files could not be listed.
    Walk(std::io::Error),
    /// The index's own folder cannot be used.
    Folder(std::io::Error),
    /// The search library failed.
    Words(tantivy::TantivyError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Root(sentence) => f.write_str(sentence),
            Error::Walk(error) => write!(f, "the files cannot be listed: {error}"),
            Error::Folder(error) => write!(f, "the index's folder cannot be used: {error}"),
            Error::Words(error) => write!(f, "the index failed: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<tantivy::TantivyError> for Error {
    fn from(error: tantivy::TantivyError) -> Error {
        Error::Words(error)
    }
}
