//! Model packages: a manifest, a graph and a tokenizer, compiled in or in a folder. A package is
//! untrusted input: sizes are checked before anything is read, hashes before anything is used, and
//! the graph is walked before the runtime sees it. Nothing here runs a model.

mod add;
mod config;
pub mod encoder;
mod files;
mod inspect;
mod layout;
mod manifest;
mod memory;
pub mod parts;
mod wire;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use add::{add, adopt};
pub(crate) use inspect::budget;
pub use inspect::{FileFact, Inspection, inspect};
pub use layout::Layout;
pub use manifest::{Fim, Golden, Kind, Manifest};
pub use wire::{Dim, External, Facts, Port};

use files::sha256;

/// The graph without external data; protobuf cannot be larger.
const GRAPH_BYTES: u64 = 2 << 30;
/// `tokenizer.json`.
const TOKENIZER_BYTES: u64 = 64 << 20;
/// `manifest.toml`.
const MANIFEST_BYTES: u64 = 1 << 20;

/// The usual name of the graph's file.
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
    /// The files of weights beside the graph, as the graph names them.
    pub external: Vec<Beside>,
    /// The bytes of `tokenizer.json`.
    pub tokenizer: Cow<'static, [u8]>,
}

/// A file of weights: its name as the graph has it, and its content.
pub type Beside = (String, Arc<[u8]>);

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
        check(Package {
            manifest: Manifest::parse(manifest)?,
            graph: Cow::Borrowed(graph),
            facts: wire::walk(graph)?,
            external: Vec::new(),
            tokenizer: Cow::Borrowed(tokenizer),
        })
    }
    #[cfg(not(embedded_model))]
    Err(PackageError::NotEmbedded)
}

/// Reads a folder, compares the hashes of its manifest, and walks the graph. A folder without a
/// manifest is inspected first ([`inspect`]), and run with what is safe where nothing was measured.
///
/// # Errors
/// One of each kind of [`PackageError`] but `NotEmbedded`.
pub fn open(folder: &Path) -> Result<Package, PackageError> {
    let manifest = match files::exists(folder, MANIFEST) || !folder.is_dir() {
        true => read_manifest(folder)?,
        false => inspect(folder)?.manifest,
    };
    open_as(folder, manifest)
}

/// Reads a folder by a manifest that is not in it.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_as(folder: &Path, manifest: Manifest) -> Result<Package, PackageError> {
    let graph = read(folder, &manifest, &manifest.graph, GRAPH_BYTES)?;
    let tokenizer = read(folder, &manifest, TOKENIZER, TOKENIZER_BYTES)?;
    let (facts, external) = walk_all(folder, &manifest, &graph)?;
    check(Package {
        manifest,
        graph: Cow::Owned(graph),
        facts,
        external,
        tokenizer: Cow::Owned(tokenizer),
    })
}

/// A folder's manifest.
fn read_manifest(folder: &Path) -> Result<Manifest, PackageError> {
    let text = files::open(folder, MANIFEST, MANIFEST_BYTES)?.read()?;
    let text = String::from_utf8(text)
        .map_err(|_| PackageError::unreadable(MANIFEST, "it is not UTF-8 text"))?;
    Manifest::parse(&text)
}

/// Reads a file whose content must be the one that the manifest was written for. The bytes that come
/// back are those that were hashed.
fn read(
    folder: &Path,
    manifest: &Manifest,
    name: &str,
    limit: u64,
) -> Result<Vec<u8>, PackageError> {
    let content = files::open(folder, name, limit)?.read()?;
    check_hash(manifest, name, &content)?;
    Ok(content)
}

fn check_hash(manifest: &Manifest, name: &str, content: &[u8]) -> Result<(), PackageError> {
    match manifest.hash_of(name)? == sha256(content) {
        true => Ok(()),
        false => Err(PackageError::WrongHash { file: name.into() }),
    }
}

/// Walks a graph and reads the weights that lie beside it, each file once and whole.
fn walk_all(
    folder: &Path,
    manifest: &Manifest,
    graph: &[u8],
) -> Result<(Facts, Vec<Beside>), PackageError> {
    let facts = wire::walk(graph)?;
    let mut external = Vec::new();
    for opened in external_files(folder, &manifest.graph, &facts)? {
        let content = opened.file.read_shared()?;
        check_hash(manifest, &opened.path, &content)?;
        external.push((opened.location, content));
    }
    Ok((facts, external))
}

/// A file of weights, opened.
struct Weights {
    /// As the graph names it.
    location: String,
    /// As the package names it.
    path: String,
    file: files::Opened,
}

/// Opens every file that a graph's weights lie in, which must be beside the graph, plain, and as long
/// as the graph says.
fn external_files(folder: &Path, graph: &str, facts: &Facts) -> Result<Vec<Weights>, PackageError> {
    let mut opened: Vec<Weights> = Vec::new();
    let mut room = memory::available().unwrap_or(u64::MAX);
    for external in &facts.external {
        external.check_name()?;
        let known = opened
            .iter()
            .find(|weights| weights.location == external.location);
        if let Some(known) = known {
            external.check_stretch(known.file.bytes)?;
            continue;
        }
        let path = format!("{}{}", files::folder_of(graph), external.location);
        let file = files::open(folder, &path, room)?;
        file.check_single()?;
        external.check_stretch(file.bytes)?;
        room -= file.bytes;
        opened.push(Weights {
            location: external.location.clone(),
            path,
            file,
        });
    }
    Ok(opened)
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
        check_hash(&package.manifest, file, bytes)?;
    }
    Ok(package.manifest)
}

/// Gives a package that was read another accuracy level, in its manifest and in its graph.
pub(crate) fn set_accuracy(package: &mut Package, level: u8) {
    package.manifest.accuracy_level = Some(level);
    rewrite_accuracy(&mut package.graph, &package.facts, level);
}

/// What both kinds of package must pass.
fn check(mut package: Package) -> Result<Package, PackageError> {
    let manifest = &package.manifest;
    if manifest.kind != Kind::Generate {
        return Err(PackageError::WrongKind {
            kind: manifest.kind.name().into(),
        });
    }
    manifest.check_supported()?;
    if let Some(level) = manifest.accuracy_level {
        rewrite_accuracy(&mut package.graph, &package.facts, level);
    }
    Ok(package)
}

/// Gives every `MatMulNBits` this accuracy level: one byte each, so that nothing else moves.
fn rewrite_accuracy(graph: &mut Cow<'static, [u8]>, facts: &Facts, level: u8) {
    let wrong = facts.accuracy.iter().filter(|(_, found)| *found != level);
    for (at, _) in wrong {
        if let Some(byte) = graph.to_mut().get_mut(*at) {
            *byte = level & 0x7F;
        }
    }
}
