//! The end-to-end tests: the house's rules, then the server over the wire, then the program itself.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this is test code, of which the lints only know the functions marked as tests"
)]

mod assist;
mod attacks;
mod broken;
mod cli;
mod context;
mod edits;
mod ending;
mod faults;
mod fetch;
mod helix;
mod hostile;
mod index;
mod indexing;
mod limits;
mod model;
mod models;
mod neovim;
mod privacy;
mod prompts;
mod protocol;
mod reports;
mod search;
mod settings;
mod speculation;
mod stats;
mod tidy;
mod typing;
mod vscode;
