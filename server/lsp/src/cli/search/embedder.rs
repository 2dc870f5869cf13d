//! `--embedder`, a table of ours or somebody's ONNX package, and `--reranker`: read as the untrusted files
//! they are.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use foretoken_engine::embed::{Embedder, Vector};
use foretoken_index::{Hit, Meaning, Text, Vectors};
use foretoken_infer::encoder::{Encoder, Role};
use foretoken_infer::library::Places;
use foretoken_infer::package::encoder::Purpose;

use super::super::Failure;

/// From this cosine on a chunk is a hit without a word of the question, by a table.
const FLOOR: f32 = 0.4;
/// Time of all scores of a reranker; what has none by then stays behind the others, in its order.
const RERANKING: Duration = Duration::from_millis(600);
/// Bytes of a table; the largest that makes sense has a twentieth of it.
const LONGEST_TABLE: u64 = 256 << 20;

/// What makes vectors; `data` is where the program's libraries may lie.
pub(super) fn read(path: &Path, data: Option<&Path>) -> Result<Arc<Meaning>, Failure> {
    match path.is_dir() {
        true => package(path, data),
        false => table(path),
    }
}

fn table(path: &Path) -> Result<Arc<Meaning>, Failure> {
    let refused = |reason: &dyn std::fmt::Display| {
        Failure(format!("{} is not used: {reason}.", path.display()))
    };
    let length = std::fs::metadata(path).map_err(|error| refused(&error))?;
    if !length.is_file() || length.len() > LONGEST_TABLE {
        return Err(refused(&"it is no file of an embedder's size"));
    }
    let bytes = std::fs::read(path).map_err(|error| refused(&error))?;
    let embedder = Embedder::parse(&bytes).map_err(|error| refused(&error))?;
    let vectors = Vectors::in_memory(embedder.dimension());
    Ok(Arc::new(Meaning::new(Arc::new(embedder), FLOOR, vectors)))
}

fn package(folder: &Path, data: Option<&Path>) -> Result<Arc<Meaning>, Failure> {
    let places = Places::of_process(None, data);
    let encoder = Encoder::load(folder, Purpose::Embed, &places).map_err(|why| {
        Failure(format!(
            "{} is not used. {}",
            folder.display(),
            why.sentence
        ))
    })?;
    let reading = &encoder.manifest().reading;
    let (floor, vectors) = (reading.floor, Vectors::in_memory(reading.dimension));
    let encoder = Mutex::new(encoder);
    let make = move |text: Text<'_>| {
        let (text, role) = match text {
            Text::Question(text) => (text, Role::Question),
            Text::Chunk(text) => (text, Role::Passage),
        };
        let mut encoder = encoder.lock().unwrap_or_else(PoisonError::into_inner);
        // A text that it cannot read keeps the place that its words give it.
        let numbers = encoder.embed(text, role).ok().flatten()?;
        Vector::of(&numbers)
    };
    Ok(Arc::new(Meaning::by(Arc::new(make), floor, vectors)))
}

/// Puts the hits that a reranker has time for in its order.
pub(super) fn rerank(
    folder: &Path,
    data: Option<&Path>,
    question: &str,
    hits: &mut Vec<Hit>,
) -> Result<(), Failure> {
    let places = Places::of_process(None, data);
    let mut encoder = Encoder::load(folder, Purpose::Rerank, &places).map_err(|why| {
        Failure(format!(
            "{} is not used. {}",
            folder.display(),
            why.sentence
        ))
    })?;
    let begun = Instant::now();
    let score = |hit: &Hit| match begun.elapsed() < RERANKING {
        true => encoder.score(question, &hit.text).unwrap_or(f32::MIN),
        false => f32::MIN,
    };
    let scores: Vec<f32> = hits.iter().map(score).collect();
    let mut scored: Vec<(f32, Hit)> = scores.into_iter().zip(std::mem::take(hits)).collect();
    // Stable: what has no score keeps its order.
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    hits.extend(scored.into_iter().map(|(_, hit)| hit));
    Ok(())
}
