//! From an editor's action to the text that a chat model is sent, as pure values.
//!
//! An *assist* is one question about code: explain, debug, fix, document, test, summarise, or free text. Whoever gathers
//! makes [`Section`]s; [`budget`] keeps those that fit; [`crate::redact`] takes secrets out; [`prompt`] joins the rest,
//! byte for byte the same for the same values; [`crate::route`] says who is asked; [`crate::answer`] judges the reply; where
//! nobody answers, [`digest`] says what it can.

pub mod budget;
pub mod control;
pub mod digest;
pub mod prompt;
pub mod section;
pub mod task;
mod templates;

pub use section::{Kind, Section, SectionId, Source};
pub use task::{Class, Output, Task};
