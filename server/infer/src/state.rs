//! What the worker is told at its start, and how it stands: loading, ready, or unavailable with one
//! sentence that says what to do. Nothing here loads anything.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::prompt::{Budget, Format};
use foretoken_engine::suggestion::Gate;

use crate::device::Device;

/// How to run the local model. `Options::default()` is what a user gets who sets nothing.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which model.
    pub package: Source,
    /// An ONNX Runtime library that the user file names; looked at after `FORETOKEN_ONNXRUNTIME`.
    pub library: Option<PathBuf>,
    /// The user's data directory; `None` finds it by the platform's convention.
    pub data_dir: Option<PathBuf>,
    /// Threads inside one operator, at most one for each processor. One is the default: two were no
    /// faster on a busy machine.
    pub threads: usize,
    /// Start after the longest common prefix of what a slot holds; false runs every prompt whole.
    pub kv_reuse: bool,
    /// Verify drafts; false decodes one token a step. The text is the same.
    pub drafts: bool,
    /// KV slots, each holding one prompt of full length.
    pub slots: usize,
    /// Where to run it; the processor where that cannot be had.
    pub device: Device,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            package: Source::Embedded,
            library: None,
            data_dir: None,
            threads: 1,
            kv_reuse: true,
            drafts: true,
            slots: 4,
            device: Device::Cpu,
        }
    }
}

/// Where a model package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The one compiled into the program.
    Embedded,
    /// A folder with `manifest.toml`, `model.onnx` and `tokenizer.json`.
    Folder(PathBuf),
}

/// How the worker stands.
#[derive(Clone, Debug)]
pub enum State {
    /// Not yet able to answer; jobs wait.
    Loading {
        /// What is being done, in two or three words.
        stage: &'static str,
        /// 0 to 100.
        percent: u32,
    },
    /// Answers.
    Ready(Arc<ModelInfo>),
    /// Cannot answer; every job ends with `End::NoModel`.
    Unavailable(Unavailable),
}

/// Why there is no model, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// Of a closed set, in kebab case: `no-library`, `no-package`, `bad-package`, `unsupported-model`,
    /// `session-failed`, `shut-down`.
    pub code: &'static str,
    /// One or two sentences for the user.
    pub sentence: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Unavailable {}

/// Facts of the model that is loaded.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Of the package.
    pub name: String,
    /// Of the package.
    pub version: String,
    /// SHA-256 of the graph, 64 hexadecimal digits.
    pub sha256: String,
    /// The prompt format it was trained on.
    pub dialect: String,
    /// The same with all that is needed to write a prompt.
    pub format: Arc<Format>,
    /// Tokens each part of a prompt may take.
    pub budget: Budget,
    /// When a text is worth showing.
    pub gate: Gate,
    /// Positions of one KV slot: prompt and generated tokens together.
    pub max_positions: usize,
    /// Whether it is worth showing it pieces of other files.
    pub pieces: bool,
    /// Whether a run after a reused prefix equals a whole run bit for bit. Without it drafts are off.
    pub exact_reuse: bool,
    /// Entries of the vocabulary.
    pub vocabulary: usize,
    /// KV slots, and what all of them take.
    pub slots: usize,
    /// Bytes of all KV slots.
    pub kv_bytes: usize,
    /// Where it runs.
    pub device: Device,
    /// Why it does not run where the options say, as a sentence for the user.
    pub fallback: Option<String>,
    /// Where ONNX Runtime was loaded from.
    pub library: PathBuf,
    /// Its version, such as `1.31.0`.
    pub library_version: String,
    /// From the start of the worker until it was ready.
    pub load: Duration,
}
