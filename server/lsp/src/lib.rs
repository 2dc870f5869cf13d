//! The language server: it owns the state, speaks the protocol and offers the command line.
//! `serve` runs one session over any pair of streams. Everything else that is public here is for
//! the program's own commands, the tests and the benchmarks.

mod attempts;
mod backend;
mod capabilities;
pub mod cli;
mod client;
pub mod config;
mod counts;
mod edge;
mod flight;
mod frames;
mod handlers;
mod main_loop;
mod offers;
mod outbox;
pub mod paths;
pub mod pipeline;
mod prepare;
mod proto;
mod serve;
mod session;
mod state;
mod status;
pub mod telemetry;

pub use serve::{Exit, Fault, ServeOptions, serve};
pub use session::infer_options;
pub use state::shown_path;
