//! The language server.

pub mod config;
pub mod paths;
