//! Finds the chunks of a workspace by words and, with an embedder, by what they mean. Knows no document, no
//! editor and no protocol.

mod budget;
mod disk;
mod folder;
mod index;
mod meaning;
mod overlay;
mod record;
mod vectors;
mod walk;
mod words;
mod workspace;

pub use index::{Answer, Empty, Error, Hit, Index};
pub use meaning::Meaning;
pub use vectors::{Key, Vectors};
pub use walk::{Progress, Skipped, read};
pub use workspace::{
    Definition, Place, Report, Rules, State, Usage, Work, Workspace, exists, purge, usage,
};
