//! What the benchmarks share: items and their scores, quantiles, the fit of a gate, a typist.
//!
//! `cargo bench -p foretoken-benches --bench latency` measures keystrokes over the real wire;
//! `cargo bench -p foretoken-benches --bench bounds` measures a token against what it must cost;
//! `cargo run --release -p foretoken-benches --bin replay` measures keystrokes of real edit histories;
//! `cargo bench -p foretoken-benches --bench quality -- PATH...` measures texts;
//! `cargo bench -p foretoken-benches --bench retrieval -- CHECKOUTS` measures what the workspace index finds;
//! `cargo run --release -p foretoken-benches --bin context -- CHECKOUT...` measures what pieces of other
//! files add to them, and what they cost.

pub mod bounds;
pub mod draft;
pub mod fit;
pub mod floor;
pub mod gates;
pub mod items;
pub mod keys;
pub mod neighbours;
pub mod peers;
pub mod pieces;
pub mod published;
pub mod reliability;
pub mod replay;
pub mod retrieval;
pub mod score;
pub mod sets;
pub mod stats;
pub mod systems;
pub mod typist;
