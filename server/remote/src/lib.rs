//! The one place that talks to a network: providers, their failures, their cost.
//!
//! It knows no editor, no document and no workspace. What may leave the machine is decided by others; the
//! decision comes in as values, and [`egress`](crate) looks at the final bytes once more.

pub mod failure;
pub mod sse;
pub mod wire;
