//! Finds the chunks of a workspace by words and, with an embedder, by what they mean. Knows no document, no
//! editor and no protocol.

mod budget;
mod disk;
mod error;
mod folder;
mod history;
mod hit;
mod meaning;
mod overlay;
mod record;
mod vectors;
mod walk;
mod words;
mod workspace;

pub use error::Error;
pub use history::{Commit, History};
pub use hit::{Answer, Empty, Hit};
pub use meaning::{Make, Meaning, Text};
pub use vectors::{Key, Vectors};
pub use walk::{Progress, Skipped, read, read_inside};
pub use workspace::{
    Defined, Definition, Place, Reference, Report, Reranker, Rules, State, Usage, Work, Workspace,
    exists, purge, usage,
};
