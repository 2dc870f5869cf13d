//! Packages that read instead of writing: `embed` makes a vector of a text, `rerank` says how well a text
//! answers a question. The same files as those of a model that generates, another manifest; as untrusted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{
    GRAPH, GRAPH_BYTES, MANIFEST, MANIFEST_BYTES, PackageError, TOKENIZER, TOKENIZER_BYTES, files,
    sha256, wire,
};

/// More numbers in a vector are no embedder's.
const MOST_NUMBERS: usize = 8_192;
/// More tokens of one text are no chunk.
const MOST_TOKENS: usize = 8_192;

/// What a package is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Text → vector.
    Embed,
    /// Question and text → score.
    Rerank,
}

/// How the states of a text's tokens become one vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// The first one's.
    Cls,
    /// The last one's.
    Last,
}

/// A parsed `manifest.toml` of such a package.
#[derive(Clone, Debug)]
pub struct EncoderManifest {
    /// For people.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// SHA-256 of the graph's file, by which vectors are told from those of others.
    pub sha256: String,
    /// How it reads.
    pub reading: Reading,
    /// Known texts with their answers.
    pub golden: Vec<Golden>,
}

/// The section `[encoder]`.
#[derive(Clone, Debug, Deserialize)]
pub struct Reading {
    /// Numbers of a vector; nothing to a package that scores.
    #[serde(default)]
    pub dimension: usize,
    /// See there.
    #[serde(default)]
    pub pooling: Pooling,
    /// Put before a question.
    #[serde(default)]
    pub query_prefix: String,
    /// Put before a text.
    #[serde(default)]
    pub document_prefix: String,
    /// Tokens of a text that are read, special ones counted in.
    pub max_tokens: usize,
    /// From this cosine on a text is an answer without a word of the question.
    #[serde(default = "one")]
    pub floor: f32,
}

fn one() -> f32 {
    1.0
}

/// A text with what the package made of it where it was built: the first numbers of the vector of unit length,
/// or the score with a question.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Golden {
    /// Read as a document.
    pub text: String,
    /// The question, to a package that scores.
    #[serde(default)]
    pub question: String,
    /// What comes out.
    pub numbers: Vec<f32>,
}

#[derive(Deserialize)]
struct Raw {
    package: RawPackage,
    files: BTreeMap<String, String>,
    encoder: Reading,
    #[serde(default)]
    golden: Vec<Golden>,
}

#[derive(Deserialize)]
struct RawPackage {
    format: u32,
    name: String,
    kind: String,
}

/// Such a package, read and checked.
#[derive(Debug)]
pub struct EncoderPackage {
    /// What it says of itself.
    pub manifest: EncoderManifest,
    /// `model.onnx`, walked and found harmless.
    pub(crate) graph: Cow<'static, [u8]>,
    /// `tokenizer.json`.
    pub(crate) tokenizer: Cow<'static, [u8]>,
}

impl EncoderPackage {
    /// Reads a folder, compares the hashes of its manifest, and walks the graph.
    ///
    /// # Errors
    /// As [`super::open`]; `WrongKind` for a package that is not of this purpose.
    pub fn open(folder: &Path, purpose: Purpose) -> Result<EncoderPackage, PackageError> {
        let text = files::open(folder, MANIFEST, MANIFEST_BYTES)?.read()?;
        let text = String::from_utf8(text)
            .map_err(|_| PackageError::unreadable(MANIFEST, "it is not UTF-8 text"))?;
        let raw: Raw = toml::from_str(&text)
            .map_err(|error| PackageError::unreadable(MANIFEST, error.message()))?;
        check(&raw, purpose)?;
        let file = |name: &str, limit| {
            let bytes = files::open(folder, name, limit)?.read()?;
            match raw.files.get(name) {
                Some(hash) if *hash == sha256(&bytes) => Ok(bytes),
                Some(_) => Err(PackageError::WrongHash { file: name.into() }),
                None => Err(PackageError::unreadable(
                    MANIFEST,
                    &format!("it states no hash of {name}"),
                )),
            }
        };
        let (graph, tokenizer) = (file(GRAPH, GRAPH_BYTES)?, file(TOKENIZER, TOKENIZER_BYTES)?);
        let facts = wire::walk(&graph)?;
        if let Some(external) = facts.external.first() {
            external.check_name()?;
            return Err(PackageError::unsupported(
                "its weights lie in a second file, and only single-file models are read",
            ));
        }
        Ok(EncoderPackage {
            manifest: EncoderManifest {
                name: raw.package.name,
                purpose,
                sha256: sha256(&graph),
                reading: raw.encoder,
                golden: raw.golden,
            },
            graph: Cow::Owned(graph),
            tokenizer: Cow::Owned(tokenizer),
        })
    }
}

fn check(raw: &Raw, purpose: Purpose) -> Result<(), PackageError> {
    let name = match purpose {
        Purpose::Embed => "embed",
        Purpose::Rerank => "rerank",
    };
    let reading = &raw.encoder;
    if raw.package.kind != name {
        return Err(PackageError::unsupported(&format!(
            "it is a package for \"{}\", and one of kind \"{name}\" is needed here",
            raw.package.kind
        )));
    }
    if raw.package.format != 1 {
        return Err(PackageError::unsupported(&format!(
            "its manifest has format {}, and this version reads format 1",
            raw.package.format
        )));
    }
    let vectors = purpose == Purpose::Embed;
    if vectors && !(1..=MOST_NUMBERS).contains(&reading.dimension) {
        return Err(PackageError::unsupported(&format!(
            "vectors of {} numbers",
            reading.dimension
        )));
    }
    if !(8..=MOST_TOKENS).contains(&reading.max_tokens) || !reading.floor.is_finite() {
        return Err(PackageError::unreadable(
            MANIFEST,
            "a number of its section [encoder] makes no sense",
        ));
    }
    Ok(())
}
