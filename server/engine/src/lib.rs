//! The engine decides when to suggest, with what, how much and whether, as pure values.
//!
//! Nothing here waits, reads a file, knows a clock, a thread, an editor's protocol or a model: time
//! arrives as a number, a limit as a closure, token counts from a closure. So every rule is tested
//! in milliseconds, with text in and text out.

pub mod document;
pub mod interpolate;
pub mod lookup;
pub mod place;
pub mod position;
pub mod prompt;
pub mod suggestion;
pub mod syntax;
pub mod trigger;
