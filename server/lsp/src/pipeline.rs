//! The stories that are told one step after the other: values in, one value out, no protocol types.
//! The language server and the command line run the same ones on a snapshot.

pub mod assist;
pub mod cache;
pub mod choose;
pub mod complete;
pub mod generate;
pub mod nearby;
pub mod reindex;
pub mod report;
