//! The end-to-end tests: the house's rules, then the server over the wire, then the program itself.

mod broken;
mod cli;
mod edits;
mod ending;
mod faults;
mod hostile;
mod model;
mod neovim;
mod settings;
mod tidy;
mod typing;
