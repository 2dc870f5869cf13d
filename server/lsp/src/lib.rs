//! The language server: it owns the state, speaks the protocol and offers the command line.
//! `serve` runs one session over any pair of streams. Everything else that is public here is for
//! the program's own commands, the tests and the benchmarks.

mod backend;
mod capabilities;
pub mod cli;
mod client;
pub mod config;
mod edge;
mod handlers;
mod main_loop;
mod outbox;
pub mod paths;
mod proto;
mod serve;
mod state;
pub mod telemetry;

pub use serve::{Exit, ServeOptions, serve};
