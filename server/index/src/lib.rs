//! Finds the chunks of a workspace by words and, with an embedder, by what they mean. Knows no document, no
//! editor and no protocol.

mod index;
mod meaning;
mod vectors;
mod walk;
mod words;

pub use index::{Answer, Empty, Error, Hit, Index};
pub use meaning::Meaning;
pub use vectors::{Key, Vectors};
pub use walk::{Progress, Skipped};
