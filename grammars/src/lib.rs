//! What Foretoken knows of each language, as data: names and files, comment and string syntax, the
//! tree-sitter grammar, and up to three queries of our own.
//!
//! - [`Language`] is the table. A file of none of them is [`Language::Text`], which has no grammar and works
//!   by indentation and plain lines. Languages without `scopes.scm` are completed like it.
//! - `queries/<language>/scopes.scm` says where a suggestion must stop and what is no code:
//!   [`captures`] names what it captures.
//! - `queries/<language>/chunks.scm` says what is one retrievable unit of a file.
//! - `queries/<language>/imports.scm` says which names a file takes from which others.
//!
//! Nothing here reads a document or decides anything; a rule that needs a cursor belongs in the
//! engine. The queries are compiled once per process, at first use.

mod language;
mod queries;
mod rows;
mod syntax;

pub use language::Language;
pub use queries::{BrokenQuery, captures, compile_all};
pub use syntax::{Blocks, Syntax};
