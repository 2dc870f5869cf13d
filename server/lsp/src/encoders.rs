//! The user's embedder, a table of ours or somebody's ONNX package, and reranker: read as the untrusted files that they
//! are, and put to use in the index of a workspace.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foretoken_engine::embed::{Embedder, Vector};
use foretoken_index::{Hit, Make, Meaning, Reranker, Text, Workspace};
use foretoken_infer::encoder::{Encoder, Role};
use foretoken_infer::library::Places;
use foretoken_infer::package::encoder::Purpose;
use sha2::{Digest, Sha256};

use crate::config::Encoders as Choice;

/// From this cosine on a chunk is a hit without a word of the question, by a table.
const FLOOR: f32 = 0.4;
/// Time of all scores of a reranker; what has none by then stays behind the others, in its order.
const RERANKING: Duration = Duration::from_millis(600);
/// Time in which one question of an editor may make vectors.
pub(crate) const EMBEDDING: Duration = Duration::from_millis(400);
/// Bytes of a table; the largest that makes sense has a twentieth of it.
const LONGEST_TABLE: u64 = 256 << 20;

/// What was loaded.
pub(crate) struct Encoders {
    embedder: Option<Loaded>,
    reranker: Option<Reranker>,
}

struct Loaded {
    maker: Maker,
    floor: f32,
    dimension: usize,
    /// Vectors of another embedder are of no use to this one.
    id: [u8; 32],
}

enum Maker {
    Table(Arc<Embedder>),
    Package(Make),
}

impl fmt::Debug for Encoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoders")
            .field("embedder", &self.embedder.is_some())
            .field("reranker", &self.reranker.is_some())
            .finish()
    }
}

impl Encoders {
    /// Reads what was chosen; may take seconds. What cannot be used is left out, with a sentence that says why.
    pub(crate) fn load(choice: &Choice, places: &Places) -> (Encoders, Vec<String>) {
        let mut problems = Vec::new();
        let mut usable = |path: &Path, why: String| {
            problems.push(format!("{} is not used: {why}", path.display()));
        };
        let embedder = choice.embedder.as_deref().and_then(|path| {
            let loaded = match path.is_dir() {
                true => package(path, places),
                false => table(path),
            };
            loaded.map_err(|why| usable(path, why)).ok()
        });
        let reranker = choice.reranker.as_deref().and_then(|path| {
            let loaded = Encoder::load(path, Purpose::Rerank, places);
            loaded.map_err(|why| usable(path, why.sentence)).ok()
        });
        let encoders = Encoders {
            embedder,
            reranker: reranker.map(reranking),
        };
        (encoders, problems)
    }

    /// Searches of this workspace ask them from now on; one question makes vectors for no longer than `within`.
    pub(crate) fn attach(&self, workspace: &Workspace, within: Duration) {
        if let Some(loaded) = &self.embedder {
            let vectors = workspace.vectors(loaded.id, loaded.dimension);
            let meaning = match &loaded.maker {
                Maker::Table(embedder) => Meaning::new(Arc::clone(embedder), loaded.floor, vectors),
                Maker::Package(make) => Meaning::by(Arc::clone(make), loaded.floor, vectors),
            };
            workspace.use_vectors(Arc::new(meaning.within(within)));
        }
        if let Some(reranker) = &self.reranker {
            workspace.use_reranker(Arc::clone(reranker));
        }
    }
}

fn table(path: &Path) -> Result<Loaded, String> {
    let length = std::fs::metadata(path).map_err(|error| format!("{error}."))?;
    if !length.is_file() || length.len() > LONGEST_TABLE {
        return Err("it is no file of an embedder's size.".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| format!("{error}."))?;
    let embedder = Embedder::parse(&bytes).map_err(|error| format!("{error}."))?;
    Ok(Loaded {
        floor: FLOOR,
        dimension: embedder.dimension(),
        id: Sha256::digest(&bytes).into(),
        maker: Maker::Table(Arc::new(embedder)),
    })
}

fn package(folder: &Path, places: &Places) -> Result<Loaded, String> {
    let encoder = Encoder::load(folder, Purpose::Embed, places).map_err(|why| why.sentence)?;
    let manifest = encoder.manifest();
    // With the hash of the graph, and how texts are read.
    let said = format!("{manifest:?}");
    let (floor, dimension) = (manifest.reading.floor, manifest.reading.dimension);
    let encoder = Mutex::new(encoder);
    let make = move |text: Text<'_>| {
        let (text, role) = match text {
            Text::Question(text) => (text, Role::Question),
            Text::Chunk(text) => (text, Role::Passage),
        };
        // A text that it cannot read keeps the place that its words give it.
        let numbers = lock(&encoder).embed(text, role).ok().flatten()?;
        Vector::of(&numbers)
    };
    Ok(Loaded {
        maker: Maker::Package(Arc::new(make)),
        floor,
        dimension,
        id: Sha256::digest(said).into(),
    })
}

/// Puts the hits that a reranker has time for in its order.
fn reranking(encoder: Encoder) -> Reranker {
    let encoder = Mutex::new(encoder);
    Arc::new(move |question: &str, hits: &mut Vec<Hit>| {
        let begun = Instant::now();
        let score = |hit: &Hit| match begun.elapsed() < RERANKING {
            true => lock(&encoder)
                .score(question, &hit.text)
                .unwrap_or(f32::MIN),
            false => f32::MIN,
        };
        let scores: Vec<f32> = hits.iter().map(score).collect();
        let mut scored: Vec<(f32, Hit)> = scores.into_iter().zip(std::mem::take(hits)).collect();
        // Stable: what has no score keeps its order.
        scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        hits.extend(scored.into_iter().map(|(_, hit)| hit));
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
