//! What the tests drive the server with: a real LSP client over any byte stream, editor personas,
//! and rules that every recorded session has to keep.
//!
//! A *session* is one client talking to one server, from `initialize` to the end of the stream.
//! A test never reads the server's memory: what it wants to know it asks over the wire.

pub mod bugsink;
pub mod desk;
pub mod editors;
pub mod faultd;
pub mod files;
pub mod fixture;
pub mod frames;
pub mod litellm;
pub mod mirror;
pub mod obedient;
pub mod persona;
pub mod picture;
pub mod process;
pub mod prometheus;
pub mod python;
pub mod random;
pub mod rules;
pub mod schema;
pub mod server;
pub mod session;
pub mod terminal;
pub mod trace;
