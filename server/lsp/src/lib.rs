//! The language server: it owns the state, speaks the protocol and offers the command line.
//! `serve` runs one session over any pair of streams. Everything else that is public here is for
//! the program's own commands, the tests and the benchmarks.

// From the wire inwards: frames, edge, backend, main_loop, then what the loop owns (state, session)
// and how it answers (attempts, flight, answers); pipeline knows none of them.
mod ahead;
mod answers;
mod assist;
mod attempts;
mod backend;
mod background;
mod calendar;
mod canary;
mod capabilities;
pub mod cli;
mod client;
pub mod config;
mod context;
mod counts;
mod cycling;
mod edge;
mod effort;
mod encoders;
mod examples;
mod flight;
mod frames;
mod handlers;
mod index;
mod main_loop;
mod memory;
pub mod metrics;
mod model;
pub mod models;
mod offers;
mod outbox;
mod parent;
pub mod paths;
pub mod pipeline;
mod power;
mod proto;
pub mod reports;
mod rules;
mod seats;
mod serve;
mod session;
#[cfg(test)]
mod skips;
mod speculation;
mod state;
mod status;
pub mod telemetry;

pub(crate) use proto::uri::of_path as uri_of;
pub use serve::{Exit, Fault, ServeOptions, TICK, serve};
pub use state::shown_path;
