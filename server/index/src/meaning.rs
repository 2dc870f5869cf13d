//! What chunks mean: the vector of each, by its content, and how near it is to a question. Vectors are made
//! when a question first needs them: they put hits in order, and find none that words do not.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foretoken_engine::chunk::Chunk;
use foretoken_engine::embed::{Embedder, Vector};
use foretoken_engine::terms::Query;

use crate::vectors::{Key, Vectors};

/// An embedder with what it has made, for [`crate::Workspace::use_vectors`].
pub struct Meaning {
    maker: Maker,
    floor: f32,
    /// Time that one question may spend on making vectors of chunks.
    within: Duration,
    vectors: Mutex<Vectors>,
    /// What was asked for since the process began, so that a slab that has grown old can lose the rest.
    asked: Mutex<HashSet<Key>>,
}

/// What is to be made a vector of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Text<'a> {
    /// What is asked.
    Question(&'a str),
    /// What may answer it.
    Chunk(&'a str),
}

/// Makes vectors of texts, one at a time; `None` of a text that has none, and once time is over.
pub type Make = Arc<dyn Fn(Text<'_>) -> Option<Vector> + Send + Sync>;

/// Who makes the vectors.
enum Maker {
    /// A table of ours, by terms.
    Table(Arc<Embedder>),
    /// Somebody else, by texts.
    Given(Make),
}

impl fmt::Debug for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meaning")
            .field("floor", &self.floor)
            .field("vectors", &self.vectors().len())
            .finish_non_exhaustive()
    }
}

impl Meaning {
    /// With the vectors that are there already. A chunk whose cosine reaches `floor` is a hit even where
    /// its words say too little.
    pub fn new(embedder: Arc<Embedder>, floor: f32, vectors: Vectors) -> Meaning {
        Meaning::of(Maker::Table(embedder), floor, vectors)
    }

    /// The same by an embedder that is none of ours.
    pub fn by(make: Make, floor: f32, vectors: Vectors) -> Meaning {
        Meaning::of(Maker::Given(make), floor, vectors)
    }

    fn of(maker: Maker, floor: f32, vectors: Vectors) -> Meaning {
        Meaning {
            maker,
            floor,
            within: Duration::MAX,
            vectors: Mutex::new(vectors),
            asked: Mutex::default(),
        }
    }

    /// One question makes vectors for so long at most; chunks without one then keep the place that their words give
    /// them, and have theirs when they are next asked for.
    #[must_use]
    pub fn within(self, within: Duration) -> Meaning {
        Meaning { within, ..self }
    }

    /// When a question that begins now stops making vectors; `None` for never.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.within)
    }

    pub(crate) fn question(&self, text: &str, query: &Query) -> Option<Vector> {
        match &self.maker {
            Maker::Table(embedder) => embedder.question(query),
            Maker::Given(make) => make(Text::Question(text)),
        }
    }

    pub(crate) fn floor(&self) -> f32 {
        self.floor
    }

    /// The cosine of a question with a chunk of a file's text, by the vector that is known or is made now.
    /// `None` for a chunk without a known word, and for one whose vector would be made after the deadline.
    pub(crate) fn cosine(
        &self,
        question: &Vector,
        (text, chunk): (&str, &Chunk),
        deadline: Option<Instant>,
    ) -> Option<f32> {
        let key = key(text, chunk);
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key);
        let known = |vectors: &Vectors| {
            let (scale, numbers) = vectors.at(vectors.slot(&key)?)?;
            Some(question.cosine(scale, numbers))
        };
        if let Some(cosine) = known(&self.vectors()) {
            return Some(cosine);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        // Nobody waits for the lock meanwhile; two that make the same vector make it equal.
        let vector = match &self.maker {
            Maker::Table(embedder) => embedder.chunk(parts(text, chunk))?,
            Maker::Given(make) => {
                let parts = parts(text, chunk).filter(|part| !part.is_empty());
                make(Text::Chunk(&parts.collect::<Vec<&str>>().join("\n")))?
            }
        };
        self.vectors().insert(key, &vector);
        Some(question.cosine(vector.scale, &vector.numbers))
    }

    /// Writes new vectors to the slab, where there is one. Of a slab with more vectors than `most` those stay that
    /// were asked for since the process began.
    ///
    /// # Errors
    /// The disk's; the vectors stay usable.
    pub fn save(&self, most: usize) -> std::io::Result<()> {
        let mut vectors = self.vectors();
        if vectors.len() > most {
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            vectors.retain(&|key| asked.contains(key))?;
        }
        vectors.save()
    }

    fn vectors(&self) -> MutexGuard<'_, Vectors> {
        self.vectors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a vector is made of, and so what it is known by: the names of a chunk, the line of its head and its
/// text, nothing of its place. Equal chunks in two files share a vector.
fn parts<'a>(text: &'a str, chunk: &'a Chunk) -> impl Iterator<Item = &'a str> {
    // The head of a later part of a long definition lies before that part.
    let inside = chunk.signature.start >= chunk.bytes.start;
    let head = match inside {
        true => "",
        false => text.get(chunk.signature.clone()).unwrap_or_default(),
    };
    let body = text.get(chunk.bytes.clone()).unwrap_or_default();
    let names = chunk.names.iter().map(String::as_str);
    let own = [chunk.qualified.as_str(), head, body];
    own.into_iter().chain(names)
}

fn key(text: &str, chunk: &Chunk) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in parts(text, chunk) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Work, Workspace};
    use foretoken_engine::{chunk, terms};
    use std::path::Path;

    /// Rows of two numbers for these terms; all others say nothing.
    fn embedder() -> Arc<Embedder> {
        let rows = [
            ("clos", [100i8, 0]),
            ("stop", [100, 9]),
            ("paint", [0, 100]),
        ];
        let mut bytes = b"FTEMBED1".to_vec();
        for number in [terms::VERSION, 2, rows.len() as u32, 1] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend([1.0f32; 12].iter().flat_map(|one| one.to_le_bytes()));
        bytes.extend(rows.iter().flat_map(|(_, row)| row.map(|x| x as u8)));
        bytes.extend([0, 0]);
        for (term, _) in rows {
            bytes.push(term.len() as u8);
            bytes.extend(term.as_bytes());
        }
        Arc::new(Embedder::parse(&bytes).unwrap())
    }

    fn meaning() -> Arc<Meaning> {
        Arc::new(Meaning::new(embedder(), 0.5, Vectors::in_memory(2)))
    }

    #[test]
    fn what_means_the_same_is_a_hit_where_words_say_too_little() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("a.rs", "fn paint_stream() {\n    paint(stream);\n}\n"),
            ("b.rs", "fn stop_stream() {\n    stop(stream);\n}\n"),
        ] {
            std::fs::write(root.path().join(path), text).unwrap();
        }
        let workspace =
            Workspace::open(root.path(), None, None, Arc::new(|_: &Path| false)).unwrap();
        workspace
            .refresh(Work {
                threads: 1,
                rebuild: false,
                told: &|_| {},
                stop: &|| false,
            })
            .unwrap();
        let hits = |question| workspace.search(question, 9, &|_| true).unwrap().hits;
        assert!(hits("close the stream").is_empty());
        workspace.use_vectors(meaning());
        let found = hits("close the stream");
        let paths: Vec<&str> = found.iter().map(|hit| hit.path.as_str()).collect();
        assert_eq!(paths, ["b.rs"]);
        assert!(found[0].vector.unwrap() > 0.9 && found[0].fused > 0.5);
        // Both hold both words: what is near comes first, whichever path it has.
        let both = hits("stream, fn, close or stop or paint");
        assert_eq!(both.len(), 2);
        assert_eq!(both[0].path, "b.rs");
    }

    #[test]
    fn equal_chunks_share_a_vector_and_others_do_not() {
        let meaning = meaning();
        let question = meaning.question("close", &terms::query("close")).unwrap();
        let text = "fn stop() {}\n";
        let chunks = |text: &str| chunk::chunks("a.rs", text, &mut || false);
        let cosine = |text: &str| meaning.cosine(&question, (text, &chunks(text)[0]), None);
        let first = cosine(text).unwrap();
        assert_eq!((cosine(text), meaning.vectors().len()), (Some(first), 1));
        assert!(cosine("fn paint() {}\n").unwrap() < first);
        assert_eq!(meaning.vectors().len(), 2);
        assert_eq!(cosine("fn zebra() {}\n"), None);
    }

    #[test]
    fn another_embedder_is_asked_for_texts_and_only_once_for_each() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let make: Make = Arc::new(move |text| {
            let (said, near) = match text {
                Text::Question(question) => (question, true),
                Text::Chunk(chunk) => (chunk, chunk.contains("stop")),
            };
            heard.lock().unwrap().push(said.to_owned());
            Vector::of(if near { &[1.0, 0.0] } else { &[0.0, 1.0] })
        });
        let meaning = Meaning::by(make, 0.5, Vectors::in_memory(2));
        let question = meaning
            .question("close it", &terms::query("close it"))
            .unwrap();
        for (text, expected) in [("fn stop() {}\n", true), ("fn paint() {}\n", false)] {
            let chunks = chunk::chunks("a.rs", text, &mut || false);
            for _ in 0..2 {
                let cosine = meaning.cosine(&question, (text, &chunks[0]), None).unwrap();
                assert_eq!(cosine > 0.9, expected, "{cosine}");
            }
        }
        let asked = asked.lock().unwrap();
        assert_eq!(
            *asked,
            ["close it", "stop\nfn stop() {}\n", "paint\nfn paint() {}\n"]
        );
    }

    #[test]
    fn after_the_deadline_only_what_is_known_has_a_cosine() {
        let meaning = Meaning::new(embedder(), 0.5, Vectors::in_memory(2)).within(Duration::ZERO);
        let question = meaning.question("close", &terms::query("close")).unwrap();
        let text = "fn stop() {}\n";
        let chunks = chunk::chunks("a.rs", text, &mut || false);
        let cosine = |deadline| meaning.cosine(&question, (text, &chunks[0]), deadline);
        assert_eq!(cosine(meaning.deadline()), None);
        let first = cosine(None);
        assert!(first.is_some());
        assert_eq!(cosine(meaning.deadline()), first);
    }

    #[test]
    fn a_slab_that_has_grown_old_keeps_what_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slab");
        let texts = ["fn stop() {}\n", "fn paint() {}\n"];
        let asks = |texts: &[&str], most| {
            let meaning = Meaning::new(embedder(), 0.5, Vectors::open(&path, [7; 32], 2));
            let question = meaning.question("close", &terms::query("close")).unwrap();
            for text in texts {
                let chunks = chunk::chunks("a.rs", text, &mut || false);
                meaning.cosine(&question, (text, &chunks[0]), None).unwrap();
            }
            meaning.save(most).unwrap();
            Vectors::open(&path, [7; 32], 2).len()
        };
        assert_eq!(asks(&texts, 9), 2);
        assert_eq!(asks(&texts[1..], 9), 2);
        assert_eq!(asks(&texts[1..], 1), 1);
        assert_eq!(asks(&[], 9), 1);
    }
}
