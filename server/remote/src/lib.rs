//! The one place that talks to a network: providers, their failures, their cost.
//!
//! It knows no editor, no document and no workspace. What may leave the machine is decided by others; the
//! decision comes in as values, and [`egress`](crate) looks at the final bytes once more.

mod attempt;
pub mod audit;
pub mod breaker;
pub mod cache;
pub mod client;
pub mod download;
pub mod egress;
pub mod endpoint;
pub mod failure;
pub mod feedback;
pub mod health;
pub mod keys;
pub mod ledger;
pub mod memory;
pub mod reports;
pub mod retry;
pub mod sse;
pub mod store;
pub mod wire;

pub use attempt::Limits;
