//! The systems that are compared: two configurations that others ship, and the product's own index with one
//! part of its ranking after the other switched on. All see the same files; ours are read by the index itself.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use foretoken_engine::chunk;
use foretoken_engine::embed::Embedder;
use foretoken_engine::rank::Weights;
use foretoken_index::{Meaning, Vectors, Work, Workspace};
use tantivy::tokenizer::TokenizerManager;

use super::ranked::Ranked;
use super::tree::File;

/// Hits that a system gives (chunks); what stands further behind is not found.
pub const HITS: usize = 60;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct System {
    /// Its name in committed figures.
    pub key: &'static str,
    /// Its name in the table.
    pub title: &'static str,
    /// How it answers.
    pub how: How,
}

/// How a system answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum How {
    /// Words as Tabby cuts them, each counted once.
    Tabby,
    /// Words as tantivy cuts them by default.
    Usual,
    /// The product's index with these weights.
    Ours(Weights),
}

/// Words with vectors, whether or not the product asks vectors without being told to.
pub const BOTH: [f32; 3] = [0.15, 0.3, 0.3];

/// What ships when there is no embedder: the words of [`Weights::default`].
#[must_use]
pub fn words() -> Weights {
    Weights {
        vectors: [0.0; 3],
        ..Weights::default()
    }
}

/// All rows, each of ours with what it adds to the row before; those of vectors need an embedder.
#[must_use]
pub fn systems(embedder: bool) -> Vec<System> {
    let full = words();
    let bare = Weights {
        fields: [1.0, 0.0, 0.0, 1.0],
        definition: 1.0,
        named: 1.0,
        stem: 1.0,
        mentioned: 1.0,
        share: 0.0,
        spread: 1.0,
        test: 1.0,
        docs: 1.0,
        places: [1.0; 4],
        ..full
    };
    let fields = Weights {
        fields: full.fields,
        ..bare
    };
    let priors = Weights {
        test: full.test,
        docs: full.docs,
        places: full.places,
        ..fields
    };
    let files = Weights {
        share: full.share,
        spread: full.spread,
        ..priors
    };
    let alone = Weights {
        vectors: [1.0; 3],
        ..full
    };
    let row = |key, title, how| System { key, title, how };
    let mut all = vec![
        row("tabby", "Tabby's configuration (\\w+, tf = 1)", How::Tabby),
        row("tantivy", "tantivy's default words", How::Usual),
        row("ours", "our words", How::Ours(bare)),
        row("fields", "+ fields", How::Ours(fields)),
        row("priors", "+ priors of places", How::Ours(priors)),
        row("files", "+ files added up", How::Ours(files)),
        row("words", "+ named definitions = words", How::Ours(full)),
    ];
    if embedder {
        all.push(row("vectors", "vectors in place of BM25", How::Ours(alone)));
        let both = How::Ours(Weights {
            vectors: BOTH,
            ..full
        });
        all.push(row("both", "words and vectors", both));
    }
    all
}

/// A hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From the repository's root.
    pub path: String,
    /// From 0.
    pub lines: Range<u32>,
}

/// A tree, indexed for all systems.
#[expect(missing_debug_implementations, reason = "tantivy's searcher has none")]
pub struct Ladder {
    places: Vec<Place>,
    tabby: Ranked,
    usual: Ranked,
    index: Workspace,
    // Holds the files that the index reads again.
    _folder: tempfile::TempDir,
}

impl Ladder {
    /// Writes a tree into a folder and indexes it; vectors are asked if there is an embedder (with its floor).
    ///
    /// # Errors
    /// What the disk, tantivy or the index says.
    pub fn build(files: &[File], embedder: Option<(Arc<Embedder>, f32)>) -> Result<Ladder, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut places = Vec::new();
        let mut words: [Vec<String>; 2] = Default::default();
        for file in files {
            write(folder.path(), file)?;
            for chunk in chunk::chunks(&file.path, &file.text, &mut || false) {
                let body = file.text.get(chunk.bytes.clone()).unwrap_or_default();
                words[0].push(tabby(body));
                words[1].push(usual(&format!("{}\n{body}", file.path)));
                places.push(Place {
                    path: file.path.clone(),
                    lines: chunk.lines,
                });
            }
        }
        let [first, second] = words;
        let index = Workspace::open(folder.path(), None, None, Arc::new(|_: &Path| false));
        let index = index.map_err(|e| e.to_string())?;
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(4));
        let all = Work {
            threads,
            rebuild: false,
            told: &|_| {},
            stop: &|| false,
        };
        index.refresh(all).map_err(|e| e.to_string())?;
        if let Some((embedder, floor)) = embedder {
            let vectors = Vectors::in_memory(embedder.dimension());
            index.use_vectors(Arc::new(Meaning::new(embedder, floor, vectors)));
        }
        Ok(Ladder {
            places,
            tabby: Ranked::build(first.into_iter(), false)?,
            usual: Ranked::build(second.into_iter(), true)?,
            index,
            _folder: folder,
        })
    }

    /// How many chunks the product's index has.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.index.state().chunks
    }

    /// The chunks that a system finds, best first, at most `most`.
    ///
    /// # Errors
    /// What tantivy or the index says.
    pub fn ask(&self, how: How, question: &str, most: usize) -> Result<Vec<Place>, String> {
        let others = |hits: Vec<(usize, f32)>| {
            let places = hits.into_iter().map(|(at, _)| self.places[at].clone());
            Ok(places.collect())
        };
        match how {
            How::Tabby => others(self.tabby.search(&cut(&tabby(question)), most)?),
            How::Usual => others(self.usual.search(&cut(&usual(question)), most)?),
            How::Ours(weights) => {
                let answer = self.index.search_by(&weights, question, most, &|_| true);
                let hits = answer.map_err(|e| e.to_string())?.hits.into_iter();
                let place = |hit: foretoken_index::Hit| Place {
                    path: hit.path,
                    lines: hit.lines,
                };
                Ok(hits.map(place).collect())
            }
        }
    }
}

fn write(folder: &Path, file: &File) -> Result<(), String> {
    let path = folder.join(&file.path);
    let said = |e: std::io::Error| format!("{}: {e}", path.display());
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(said)?;
    }
    std::fs::write(&path, &file.text).map_err(said)
}

/// Distinct words of a text whose words stand between blanks.
fn cut(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    words.sort();
    words.dedup();
    words
}

/// Words as Tabby cuts them: `\w+`, case kept (TabbyML/tabby 21b2904, `crates/tabby/src/services/code.rs`).
fn tabby(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Words as tantivy's tokenizer named `default` cuts them.
fn usual(text: &str) -> String {
    let mut words = Vec::new();
    if let Some(mut analyzer) = TokenizerManager::default().get("default") {
        analyzer
            .token_stream(text)
            .process(&mut |token| words.push(token.text.clone()));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_finds_what_its_words_allow() {
        let file = |path: &str, text: &str| File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let files = [
            file(
                "src/users.rs",
                "pub fn get_user_name() -> String {\n    lookup()\n}\n",
            ),
            file(
                "tests/users.rs",
                "fn user_names() {\n    get_user_name();\n    user(name);\n}\n",
            ),
            file("src/other.rs", "fn other() {}\n"),
        ];
        let ladder = Ladder::build(&files, None).unwrap();
        let best = |how, question: &str| {
            let found = ladder.ask(how, question, HITS).unwrap();
            found.first().map(|place| place.path.clone())
        };
        let users = Some("src/users.rs");
        assert_eq!(best(How::Tabby, "names of getUserName"), None);
        assert_eq!(best(How::Tabby, "get_user_name lookup").as_deref(), users);
        assert_eq!(best(How::Usual, "lookup of users").as_deref(), users);
        assert_eq!(
            best(How::Ours(words()), "wrong user names").as_deref(),
            users
        );
    }
}
