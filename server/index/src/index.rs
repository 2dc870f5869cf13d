//! The index of one workspace: built from its files at one moment, asked many times.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use foretoken_engine::chunk::{self, Kind};
use foretoken_engine::rank::{self, Candidate, Weights};
use foretoken_engine::terms::{self, TermKind};

use crate::budget;
use crate::walk::{self, Progress, Skipped};
use crate::words::{Builder, Words};

/// Why there is no index, or no answer from it.
#[derive(Debug)]
pub enum Error {
    /// The folder cannot or must not be indexed; a sentence for the user.
    Root(String),
    /// The files could not be listed.
    Walk(std::io::Error),
    /// The index's own folder cannot be used.
    Folder(std::io::Error),
    /// The search library failed.
    Words(tantivy::TantivyError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Root(sentence) => f.write_str(sentence),
            Error::Walk(error) => write!(f, "the files cannot be listed: {error}"),
            Error::Folder(error) => write!(f, "the index's folder cannot be used: {error}"),
            Error::Words(error) => write!(f, "the index failed: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<tantivy::TantivyError> for Error {
    fn from(error: tantivy::TantivyError) -> Error {
        Error::Words(error)
    }
}

/// A workspace's chunks by their words, held in memory.
pub struct Index {
    root: PathBuf,
    words: Words,
    files: Vec<Source>,
    rows: Vec<Row>,
    skipped: Skipped,
    bytes: u64,
}

struct Source {
    path: String,
    // Of the text that the chunks were made of.
    hash: blake3::Hash,
}

struct Row {
    file: usize,
    chunk: chunk::Chunk,
}

/// A chunk that answers a question.
#[derive(Clone, Debug)]
pub struct Hit {
    /// From the workspace's root, with slashes. It is data of a stranger: escape it before it is shown.
    pub path: String,
    /// Its lines, from 0.
    pub lines: Range<u32>,
    /// Its name with those of what encloses it; empty for what has none.
    pub qualified: String,
    /// What it is.
    pub kind: Kind,
    /// Its text, read again and found unchanged.
    pub text: String,
    /// BM25 over the fields, 0 or more; 0 of what was found by its vector alone.
    pub words: f32,
    /// The cosine with the question, where vectors are used and this chunk has one.
    pub vector: Option<f32>,
    /// Both together, 0 to 1.
    pub fused: f32,
    /// What it was ranked by; comparable within one answer.
    pub score: f32,
    /// The factors that lie between `fused` and `score`.
    pub why: Vec<(&'static str, f32)>,
}

/// Why an answer has no hits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Empty {
    /// The question holds stop words only, or nothing.
    NoTerms,
    /// No chunk holds its words.
    NotFound,
    /// Chunks hold one of its words, which says too little of several.
    TooWeak,
}

impl Empty {
    /// A sentence for the user.
    pub fn sentence(self) -> &'static str {
        match self {
            Empty::NoTerms => "The question has no word that could be searched for.",
            Empty::NotFound => "No file holds these words.",
            Empty::TooWeak => "No chunk holds more than one of these words.",
        }
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Set where there are none.
    pub empty: Option<Empty>,
    /// From the question to the last hit's text.
    pub took: Duration,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("root", &self.root)
            .field("files", &self.files.len())
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Reads a workspace on all processors. `excluded` says which paths (absolute) must not be read;
    /// `home` is never taken for a workspace; `told` hears of the progress, from any thread.
    ///
    /// # Errors
    /// A root that is no project's folder, too many files, or a failure of the search library.
    pub fn build(
        root: &Path,
        home: Option<&Path>,
        excluded: &(dyn Fn(&Path) -> bool + Sync),
        told: &(dyn Fn(Progress) + Sync),
    ) -> Result<Index, Error> {
        let root = walk::root(root, home).map_err(Error::Root)?;
        let mut skipped = Skipped::new();
        let paths = walk::files(&root, excluded, &mut skipped).map_err(Error::Walk)?;
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(4));
        let builder = Builder::new(threads)?;
        let next = AtomicUsize::new(0);
        let shared = Mutex::new((Vec::new(), Vec::new(), skipped, 0));
        let work = || -> Result<(), Error> {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(path) = paths.get(at) else {
                    return Ok(());
                };
                told(Progress {
                    done: at,
                    of: paths.len(),
                });
                take(&root, path, &builder, &shared)?;
            }
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mine = work();
            let results = others.into_iter().map(|other| {
                // A panic in a worker is a defect; the files that it held are missing, no more.
                other.join().unwrap_or(Ok(()))
            });
            results.fold(mine, Result::and)
        })?;
        told(Progress {
            done: paths.len(),
            of: paths.len(),
        });
        let (files, rows, skipped, bytes) =
            shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Index {
            root,
            words: builder.seal()?,
            files,
            rows,
            skipped,
            bytes,
        })
    }

    /// Files, chunks, and bytes of text in it.
    pub fn size(&self) -> (usize, usize, u64) {
        (self.files.len(), self.rows.len(), self.bytes)
    }

    /// What was left out, by reason.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// The chunks that answer a question best, at most `limit`; a file that has changed since the
    /// index was built gives none. `wanted` says which paths may appear.
    ///
    /// # Errors
    /// A failure of the search library.
    pub fn search(
        &self,
        question: &str,
        limit: usize,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Answer, Error> {
        let weights = &Weights::default();
        let from = Instant::now();
        let mut query = terms::query(question);
        let none = |empty| Answer {
            hits: Vec::new(),
            empty: Some(empty),
            took: from.elapsed(),
        };
        if query.terms.is_empty() {
            return Ok(none(Empty::NoTerms));
        }
        let found = self.find(&mut query, weights, wanted)?;
        if found.is_empty() {
            return Ok(none(Empty::NotFound));
        }
        let candidates: Vec<Candidate> = found.iter().map(|found| self.candidate(found)).collect();
        let mut hits = Vec::new();
        // Hits of one file are many, and a file is read once.
        let mut texts: HashMap<usize, Option<String>> = HashMap::new();
        for ranked in rank::rank(&query, &candidates, weights) {
            if hits.len() == limit {
                break;
            }
            let row = &self.rows[found[ranked.at].row];
            let whole = texts.entry(row.file).or_insert_with(|| self.file(row.file));
            let text = whole.as_ref().and_then(|w| w.get(row.chunk.bytes.clone()));
            let Some(text) = text.map(str::to_owned) else {
                continue;
            };
            let candidate = &candidates[ranked.at];
            if !ranked.exact && matched(&query, candidate, &text) < query.terms.len().min(2) {
                continue;
            }
            hits.push(Hit {
                path: candidate.path.to_owned(),
                lines: candidate.lines.clone(),
                qualified: row.chunk.qualified.clone(),
                kind: candidate.kind,
                text,
                words: candidate.words,
                vector: candidate.vector,
                fused: ranked.fused,
                score: ranked.score,
                why: ranked.why,
            });
        }
        let empty = hits.is_empty().then_some(Empty::TooWeak);
        Ok(Answer {
            hits,
            empty,
            took: from.elapsed(),
        })
    }

    /// The rows that words find, best first.
    fn find(
        &self,
        query: &mut terms::Query,
        weights: &Weights,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<Found>, Error> {
        let is_wanted = |row: usize| wanted(&self.files[self.rows[row].file].path);
        let found = self.words.search(query, weights)?.into_iter();
        let found = found.map(|(row, words)| Found {
            row: row as usize,
            words,
        });
        Ok(found.filter(|found| is_wanted(found.row)).collect())
    }

    fn candidate(&self, found: &Found) -> Candidate<'_> {
        let row = &self.rows[found.row];
        Candidate {
            path: &self.files[row.file].path,
            name: &row.chunk.name,
            names: &row.chunk.names,
            kind: row.chunk.kind,
            lines: &row.chunk.lines,
            words: found.words,
            vector: None,
        }
    }

    /// The text of a file as it stands on the disk now, if that is still what was indexed.
    fn file(&self, file: usize) -> Option<String> {
        let source = &self.files[file];
        let text = walk::read(&self.root, Path::new(&source.path)).ok()?;
        (blake3::hash(text.as_bytes()) == source.hash).then_some(text)
    }
}

/// A row with what its words say.
struct Found {
    row: usize,
    words: f32,
}

/// Reads, cuts and adds one file.
fn take(
    root: &Path,
    path: &Path,
    builder: &Builder,
    shared: &Mutex<(Vec<Source>, Vec<Row>, Skipped, u64)>,
) -> Result<(), Error> {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    let text = match relative.to_str() {
        Some(_) => walk::read(root, relative),
        None => Err("a name that is not UTF-8"),
    };
    let text = match text {
        Ok(text) => text,
        Err(reason) => {
            *lock().2.entry(reason).or_default() += 1;
            return Ok(());
        }
    };
    let mut relative = relative.to_string_lossy().into_owned();
    if cfg!(windows) {
        relative = relative.replace('\\', "/");
    }
    let chunks = chunk::chunks(&relative, &text, &mut budget::of_a_parse());
    let first = {
        let mut shared = lock();
        let file = shared.0.len();
        shared.0.push(Source {
            path: relative.clone(),
            hash: blake3::hash(text.as_bytes()),
        });
        shared.3 += text.len() as u64;
        let first = shared.1.len();
        shared.1.extend(chunks.iter().map(|chunk| Row {
            file,
            chunk: chunk.clone(),
        }));
        first
    };
    for (at, chunk) in chunks.iter().enumerate() {
        builder.add((first + at) as u64, &relative, &text, chunk)?;
    }
    Ok(())
}

/// How many terms of the question a chunk holds, in its text or in its place.
pub(crate) fn matched(query: &terms::Query, candidate: &Candidate, text: &str) -> usize {
    let mut held = vec![false; query.terms.len()];
    for part in [candidate.path, candidate.name, text] {
        terms::each_term(part, &mut |term, kind| {
            let at = query.terms.iter().position(|wanted| wanted.text == term);
            if let Some(at) = at {
                held[at] |= query.terms[at].whole == (kind == TermKind::Whole);
            }
        });
    }
    held.into_iter().filter(|held| *held).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use std::fs;

    fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn build(root: &Path) -> Index {
        Index::build(root, None, &|path| path.ends_with(".env"), &|_| {}).unwrap()
    }

    fn check(index: &Index, question: &str, expected: Expect) {
        let answer = index.search(question, 5, &|_| true).unwrap();
        let mut shown: Vec<String> = answer
            .hits
            .iter()
            .map(|hit| format!("{}:{} {}", hit.path, hit.lines.start + 1, hit.qualified))
            .collect();
        shown.extend(answer.empty.map(|empty| empty.sentence().to_owned()));
        expected.assert_eq(&shown.join("\n"));
    }

    const STORE: &str = "/// Keeps users.\npub struct UserStore {\n    rows: Vec<String>,\n}\n\nimpl UserStore {\n    /// Finds the user with this name.\n    pub fn find_user(&self, name: &str) -> Option<&String> {\n        self.rows.iter().find(|row| row.starts_with(name))\n    }\n}\n";

    #[test]
    fn names_and_words_are_found() {
        let root = workspace(&[
            ("src/store.rs", STORE),
            (
                "src/main.rs",
                "fn main() {\n    let store = UserStore::new();\n    store.find_user(\"ada\");\n}\n",
            ),
            ("README.md", "# Use\n\nFind a user by name.\n"),
        ]);
        let index = build(root.path());
        check(
            &index,
            "find_user",
            expect![[r#"
            src/store.rs:1 UserStore
            src/main.rs:1 main
            README.md:1 Use"#]],
        );
        check(
            &index,
            "where do we keep users by name?",
            expect![[r#"
            src/store.rs:1 UserStore
            README.md:1 Use"#]],
        );
        check(
            &index,
            "the",
            expect!["The question has no word that could be searched for."],
        );
        check(
            &index,
            "absent words entirely",
            expect!["No file holds these words."],
        );
        check(
            &index,
            "name zebra",
            expect!["No chunk holds more than one of these words."],
        );
    }

    #[test]
    fn what_must_not_be_read_is_not() {
        let root = workspace(&[
            ("src/a.rs", "fn canary_one() { let words = 1; }\n"),
            (".env", "canary_two = 1\n"),
            ("ignored/a.rs", "fn canary_three() {}\n"),
            (".gitignore", "ignored/\n"),
            ("bin.rs", "fn canary_four() {}\0\n"),
            ("min.js", &"function canary_five(){};".repeat(400)),
        ]);
        let outside = workspace(&[("secret.rs", "fn canary_six() {}\n")]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink(
                outside.path().join("secret.rs"),
                root.path().join("link.rs"),
            )
            .unwrap();
            symlink(root.path(), root.path().join("loop")).unwrap();
            fs::hard_link(
                outside.path().join("secret.rs"),
                root.path().join("hard.rs"),
            )
            .unwrap();
        }
        let index = build(root.path());
        check(&index, "canary_one", expect!["src/a.rs:1 canary_one"]);
        for canary in ["two", "three", "four", "five", "six"] {
            let answer = index
                .search(&format!("canary_{canary}"), 5, &|_| true)
                .unwrap();
            assert!(
                answer.hits.iter().all(|hit| hit.path == "src/a.rs"),
                "{answer:?}"
            );
        }
        assert!(index.skipped().values().sum::<usize>() >= 3);
    }

    #[test]
    fn what_nobody_wrote_is_found_by_its_name_alone() {
        let minified = "function canary_one(){};".repeat(400);
        let root = workspace(&[
            ("web/charts.min.js", &minified),
            ("Cargo.lock", &"canary_two = 1\n".repeat(100)),
            ("src/a.rs", "fn canary_three() {}\n"),
        ]);
        let index = build(root.path());
        check(&index, "charts", expect!["web/charts.min.js:1 "]);
        check(
            &index,
            "canary_one",
            expect!["No chunk holds more than one of these words."],
        );
        check(&index, "canary_three", expect!["src/a.rs:1 canary_three"]);
    }

    #[cfg(unix)]
    #[test]
    fn names_are_data() {
        // Line breaks, Markdown, templates, marks of direction: a name is found and told as it is.
        let root = workspace(&[
            (
                "a\n](x) `b` {{c}}\u{202e}/find.rs",
                "fn find_me() { let here = 1; }\n",
            ),
            ("sub/foretoken.rs", "fn \u{202e}find_me() {}\n"),
        ]);
        let hits = build(root.path())
            .search("find_me", 5, &|_| true)
            .unwrap()
            .hits;
        assert_eq!(hits[0].path, "a\n](x) `b` {{c}}\u{202e}/find.rs");
        assert_eq!(hits[0].qualified, "find_me");
    }

    #[test]
    fn workflows_belong_to_a_project_and_other_hidden_files_do_not() {
        let root = workspace(&[
            (".github/workflows/ci.yml", "release_step: build\n"),
            (".cache/a.rs", "fn release_step() {}\n"),
            (".git/config", "release_step = 1\n"),
        ]);
        check(
            &build(root.path()),
            "release_step",
            expect![".github/workflows/ci.yml:1 release_step"],
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn strange_files_take_no_time() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let root = workspace(&[("a.rs", "fn release_step() {}\n")]);
        let pipe = root.path().join("pipe.rs");
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
        let sparse = fs::File::create(root.path().join("sparse.rs")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        fs::write(
            root.path().join("two\nlines\u{202e}.rs"),
            "fn odd_name() {}\n",
        )
        .unwrap();
        let index = build(root.path());
        check(
            &index,
            "odd_name",
            expect!["two\nlines\u{202e}.rs:1 odd_name"],
        );
        assert_eq!(index.skipped()["no regular file"], 1);
        assert_eq!(index.skipped()["too long"], 1);
    }

    #[test]
    fn a_file_that_changed_is_not_shown() {
        let root = workspace(&[("a.rs", "fn find_me() { let here = 1; }\n")]);
        let index = build(root.path());
        fs::write(root.path().join("a.rs"), "// gone\n").unwrap();
        assert!(
            index
                .search("find_me", 5, &|_| true)
                .unwrap()
                .hits
                .is_empty()
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_became_a_link_is_not_followed() {
        let root = workspace(&[("src/a.rs", "fn find_me() {}\n")]);
        let outside = workspace(&[("a.rs", "fn find_me() {}\n")]);
        let index = build(root.path());
        fs::rename(root.path().join("src"), root.path().join("was")).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("src")).unwrap();
        let answer = index.search("find_me", 5, &|_| true).unwrap();
        assert!(answer.hits.is_empty(), "{answer:?}");
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        let root = workspace(&[("a.rs", "\u{feff}fn find_me() {}\n")]);
        let hits = build(root.path())
            .search("find_me", 5, &|_| true)
            .unwrap()
            .hits;
        assert_eq!(hits[0].text, "fn find_me() {}\n");
    }

    #[test]
    fn no_index_of_everything() {
        let root = workspace(&[("a.rs", "fn a() {}\n")]);
        for refused in [Path::new("/"), root.path(), &root.path().join("a.rs")] {
            let result = Index::build(refused, Some(root.path()), &|_| false, &|_| {});
            assert!(matches!(result, Err(Error::Root(_))), "{refused:?}");
        }
    }

    #[test]
    fn hostile_questions_end() {
        let root = workspace(&[("src/store.rs", STORE)]);
        let index = build(root.path());
        for question in [
            "+body:\"x\" AND (",
            "*",
            &"word ".repeat(200_000),
            "\0",
            "/..:1:2",
        ] {
            index.search(question, 5, &|_| true).unwrap();
        }
    }
}
