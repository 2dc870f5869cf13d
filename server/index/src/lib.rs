//! Finds the chunks of a workspace by words. Knows no document, no editor and no protocol.

mod index;
mod walk;
mod words;

pub use index::{Answer, Empty, Error, Hit, Index};
pub use walk::{Progress, Skipped};
