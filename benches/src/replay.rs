//! The replay: real edit histories typed into a real server over stdio, and what that was like.
//!
//! A *trace* is what somebody does at a keyboard to get from a file without a hunk to the file with it;
//! a *variant* is one way to start the server; *playing* a trace on a variant gives a log of its keys,
//! and all figures are drawn from logs. `benches/README.md` defines the figures.
//! Text of a repository is read from its checkout and never written anywhere.

pub mod arguments;
pub mod client;
pub mod compare;
pub mod display;
pub mod figures;
pub mod history;
pub mod hunks;
pub mod log;
pub mod manifest;
pub mod ngram;
pub mod pace;
pub mod player;
pub mod report;
pub mod resources;
pub mod run;
pub mod savings;
pub mod select;
pub mod steps;
pub mod traces;
pub mod variants;
