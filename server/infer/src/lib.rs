//! Runs local models. [`Infer`] is the handle: a job goes in, an outcome comes out; one thread owns
//! the session, its KV slots and the tokenizer. No document and no protocol is known here, only
//! sections and token ids. `unsafe` may stand in `library.rs` and nowhere else in the project.

mod cost;
mod decode;
mod device;
mod draft;
pub mod encoder;
mod errand;
pub mod graph;
mod heal;
mod job;
mod kv;
pub mod library;
mod load;
pub mod package;
mod queue;
mod sample;
mod session;
mod state;
mod tokenizer;
mod trial;
mod worker;

#[cfg(feature = "scripted-model")]
pub use decode::{Heard, Script};
pub use device::Device;
pub use errand::{Alternative, Awaited, Branches, Errand};
pub use job::{
    Class, Counts, Drafts, End, Flow, Job, Limits, Outcome, Progress, Stop, Timings, Watch,
};
pub use state::{ModelInfo, Options, Source, State, Unavailable};
pub use trial::{Reuse, Score, Speed, Trial, trial};
pub use worker::{Infer, OnState};
