//! Configuration: five layers of optional values become one complete `Settings`.
//! `layers` is the only reader and `Settings::from_layers` the only conversion; a feature gets its
//! own part of the result and never looks at a layer. Do not read an environment variable elsewhere.

pub mod endpoints;
pub mod experiments;
pub mod keys;
pub mod layers;
pub mod options;
pub mod reports;
pub mod schema;
pub mod settings;
pub mod sources;
pub mod trust;

pub use layers::{Layer, Layers, Problem, Resolved};
pub use settings::{
    Audit, Completion, Encoders, Exclude, Log, Menu, Model, Remote, Runtime, Settings,
};
