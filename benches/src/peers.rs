//! Completion servers side by side on the same work: one scripted endpoint stands in for every model,
//! one client speaks to every server in the server's own protocol.
//!
//! *Peer* here means any completion server, ours included. Nothing of a peer is linked or copied: each
//! runs as the process that its users run, and whoever wants it measured says where it lies.

pub mod cases;
pub mod client;
pub mod endpoint;
pub mod http;
pub mod peer;
pub mod resources;
pub mod rows;
pub mod script;
pub mod sync;
pub mod table;
pub mod typing;
