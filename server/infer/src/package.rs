//! Model packages: a manifest, a graph and a tokenizer, compiled in or in a folder. A package is
//! untrusted input: sizes are checked before anything is read, hashes before anything is used, and
//! the graph is walked before the runtime sees it. Nothing here runs a model.

pub mod encoder;
mod manifest;
mod wire;

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

pub use manifest::{Golden, Kind, Manifest};
pub use wire::{External, Facts};

/// The graph without external data; protobuf cannot be larger.
const GRAPH_BYTES: u64 = 2 << 30;
/// `tokenizer.json`.
const TOKENIZER_BYTES: u64 = 64 << 20;
/// `manifest.toml`.
const MANIFEST_BYTES: u64 = 1 << 20;

/// The name of the graph's file.
pub const GRAPH: &str = "model.onnx";
/// The name of the tokenizer's file.
pub const TOKENIZER: &str = "tokenizer.json";
/// The name of the manifest's file.
pub const MANIFEST: &str = "manifest.toml";

/// A package that was read and checked, ready for a session.
#[derive(Clone, Debug)]
pub struct Package {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The bytes of `model.onnx`, walked and found harmless.
    pub graph: Cow<'static, [u8]>,
    /// What the walk found.
    pub facts: Facts,
    /// The bytes of `tokenizer.json`.
    pub tokenizer: Cow<'static, [u8]>,
}

/// Why a package cannot be used. [`fmt::Display`] is a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackageError {
    /// This program was built without a model.
    NotEmbedded,
    /// A file is not there or cannot be read.
    Missing {
        /// The path, or the file's name in the embedded package.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// A file is larger than a limit.
    TooLarge {
        /// The path.
        file: String,
        /// Its bytes.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A file does not have the form it must have; also what is left of a truncated one.
    Unreadable {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A file is not the one the manifest was written for.
    WrongHash {
        /// The file.
        file: String,
    },
    /// A package of another kind, such as one for embeddings.
    WrongKind {
        /// Its kind.
        kind: String,
    },
    /// Well-formed, but asks for something this version cannot give.
    Unsupported {
        /// What, as the end of a sentence.
        what: String,
    },
    /// The graph reaches for something a model has no business with.
    Forbidden {
        /// What, as the end of a sentence.
        what: String,
    },
}

impl PackageError {
    pub(crate) fn unsupported(what: &str) -> PackageError {
        PackageError::Unsupported { what: what.into() }
    }

    pub(crate) fn unreadable(file: &str, reason: &str) -> PackageError {
        PackageError::Unreadable {
            file: file.into(),
            reason: reason.into(),
        }
    }

    /// Of a closed set, in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            PackageError::NotEmbedded | PackageError::Missing { .. } => "no-package",
            PackageError::Unsupported { .. } | PackageError::WrongKind { .. } => {
                "unsupported-model"
            }
            _ => "bad-package",
        }
    }
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackageError::NotEmbedded => f.write_str(
                "This build holds no model. Build it with the files of models/complete, or name the \
                 folder of a model package in the settings.",
            ),
            PackageError::Missing { file, reason } => write!(
                f,
                "The model package lacks {file} ({reason}). Add the package again."
            ),
            PackageError::TooLarge { file, bytes, limit } => write!(
                f,
                "{file} has {bytes} bytes; at most {limit} are read. Use a smaller model."
            ),
            PackageError::Unreadable { file, reason } => write!(
                f,
                "{file} is damaged or of another format ({reason}). Add the package again."
            ),
            PackageError::WrongHash { file } => write!(
                f,
                "{file} is not the file that the package's manifest was written for. Add the package \
                 again."
            ),
            PackageError::WrongKind { kind } => write!(
                f,
                "This is a package for \"{kind}\"; completion needs one of kind \"generate\"."
            ),
            PackageError::Unsupported { what } => {
                write!(f, "This model cannot be used: {what}.")
            }
            PackageError::Forbidden { what } => write!(
                f,
                "This model is refused because {what}. Use a package from a source you trust."
            ),
        }
    }
}

impl std::error::Error for PackageError {}

/// The package compiled into this program.
///
/// # Errors
/// `NotEmbedded` when the build found none; otherwise as [`open`], though the build has compared the
/// hashes already.
pub fn embedded() -> Result<Package, PackageError> {
    #[cfg(embedded_model)]
    {
        let manifest = include_str!(concat!(env!("EMBEDDED_MODEL"), "/manifest.toml"));
        let graph: &[u8] = include_bytes!(concat!(env!("EMBEDDED_MODEL"), "/model.onnx"));
        let tokenizer: &[u8] = include_bytes!(concat!(env!("EMBEDDED_MODEL"), "/tokenizer.json"));
        check(
            Manifest::parse(manifest)?,
            Cow::Borrowed(graph),
            Cow::Borrowed(tokenizer),
        )
    }
    #[cfg(not(embedded_model))]
    Err(PackageError::NotEmbedded)
}

/// Reads a folder, compares the hashes of its manifest, and walks the graph.
///
/// # Errors
/// One of each kind of [`PackageError`] but `NotEmbedded`.
pub fn open(folder: &Path) -> Result<Package, PackageError> {
    let text = read(&folder.join(MANIFEST), MANIFEST_BYTES)?;
    let text = String::from_utf8(text)
        .map_err(|_| PackageError::unreadable(MANIFEST, "it is not UTF-8 text"))?;
    let manifest = Manifest::parse(&text)?;
    let graph = read(&folder.join(GRAPH), GRAPH_BYTES)?;
    let tokenizer = read(&folder.join(TOKENIZER), TOKENIZER_BYTES)?;
    for (file, bytes) in [(GRAPH, &graph), (TOKENIZER, &tokenizer)] {
        if manifest.hash_of(file)? != sha256(bytes) {
            return Err(PackageError::WrongHash { file: file.into() });
        }
    }
    check(manifest, Cow::Owned(graph), Cow::Owned(tokenizer))
}

/// Compares every hash of a package and walks its graph, without loading it: for `models verify` and
/// `doctor`.
///
/// # Errors
/// As [`open`] and [`embedded`].
pub fn verify(source: &crate::Source) -> Result<Manifest, PackageError> {
    let package = match source {
        crate::Source::Embedded => embedded()?,
        crate::Source::Folder(folder) => return Ok(open(folder)?.manifest),
    };
    for (file, bytes) in [(GRAPH, &package.graph), (TOKENIZER, &package.tokenizer)] {
        if package.manifest.hash_of(file)? != sha256(bytes) {
            return Err(PackageError::WrongHash { file: file.into() });
        }
    }
    Ok(package.manifest)
}

/// What both kinds of package must pass.
fn check(
    manifest: Manifest,
    graph: Cow<'static, [u8]>,
    tokenizer: Cow<'static, [u8]>,
) -> Result<Package, PackageError> {
    if manifest.kind != Kind::Generate {
        return Err(PackageError::WrongKind {
            kind: manifest.kind.name().into(),
        });
    }
    manifest.check_supported()?;
    let facts = wire::walk(&graph)?;
    if let Some(external) = facts.external.first() {
        external.check_name()?;
        return Err(PackageError::unsupported(&format!(
            "its weights lie in a second file ({}), and only single-file models are read",
            external.location
        )));
    }
    Ok(Package {
        manifest,
        graph,
        facts,
        tokenizer,
    })
}

/// Reads a whole file if it is a plain file within the limit.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, PackageError> {
    let missing = |error: std::io::Error| PackageError::Missing {
        file: path.display().to_string(),
        reason: error.to_string(),
    };
    // Before it is opened: opening a pipe that nobody writes to would wait for ever.
    let meta = path.metadata().map_err(missing)?;
    if !meta.is_file() {
        return Err(PackageError::unreadable(
            &path.display().to_string(),
            "it is not a plain file",
        ));
    }
    let bytes = meta.len();
    if bytes > limit {
        return Err(PackageError::TooLarge {
            file: path.display().to_string(),
            bytes,
            limit,
        });
    }
    let file = File::open(path).map_err(missing)?;
    let mut content = Vec::new();
    // The limit holds for what is read, too: the file may grow meanwhile.
    file.take(limit)
        .read_to_end(&mut content)
        .map_err(missing)?;
    Ok(content)
}

/// SHA-256 as 64 lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
