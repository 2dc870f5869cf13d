//! What is learned of the user's style, where the user wants that (`memory.style`), and the user's own notes on it.
//!
//! A *lesson* is text that the user accepted: a suggestion that still stood after five minutes, or an answer's edit that went into a
//! text. It is looked at on the blocking pool, and what stays of it are counts in the books; neither it nor any other text is written.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use foretoken_engine::document::Document;
use foretoken_engine::privacy::Level;
use foretoken_engine::style::{self, NOTES, Tally};
use foretoken_remote::store::{Error, Store};
use tokio::task::JoinHandle;

use crate::assist::Asked;
use crate::paths::Paths;
use crate::pipeline::assist::{Edited, LevelOf};
use crate::state::State;

/// Longest file of notes that is read, bytes; four of them may be one character.
const LONGEST: u64 = 16 * 1024;

/// The loop's part.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// `None` where nothing is kept.
    books: Option<PathBuf>,
    /// Lessons under way to the disk.
    late: Vec<JoinHandle<()>>,
}

impl Memory {
    /// Keeps what is learned in these books, or nowhere.
    pub(crate) fn new(books: Option<PathBuf>) -> Memory {
        Memory {
            books,
            ..Memory::default()
        }
    }

    /// Once nothing is under way: a runtime that ends drops what has not begun.
    pub(crate) async fn settled(&mut self) {
        for lesson in std::mem::take(&mut self.late) {
            let _ = lesson.await;
        }
    }
}

/// See the module's header.
#[derive(Clone)]
pub(crate) struct Lesson {
    document: Document,
    /// Absolute.
    path: PathBuf,
    level: LevelOf,
    accepted: Accepted,
}

#[derive(Clone)]
enum Accepted {
    /// It stands there in the document.
    At(Range<usize>),
    /// It went into the document after that, in place of these bytes.
    Edits(Vec<(Range<usize>, String)>),
}

impl fmt::Debug for Lesson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lesson")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Lesson {
    /// Of an edit that may go into a text.
    pub(crate) fn of_edit(edit: &Edited, asked: &Asked) -> Lesson {
        Lesson {
            document: edit.document.clone(),
            path: edit.path.clone(),
            level: LevelOf::clone(&asked.snapshot.level),
            accepted: Accepted::Edits(edit.edits.clone()),
        }
    }

    /// What it shows. What must not leave this machine shows nothing, since prompts may.
    fn shown(&self) -> Tally {
        if (self.level)(&self.path) >= Level::Local {
            return Tally::default();
        }
        match &self.accepted {
            Accepted::Edits(edits) => style::seen_in_edits(&self.document, edits),
            Accepted::At(bytes) => {
                let mut document = self.document.clone();
                document.reparse(&mut || false);
                style::seen(&document, std::slice::from_ref(bytes))
            }
        }
    }
}

impl State {
    /// Whether anything is learned at all.
    pub(crate) fn learns(&self) -> bool {
        self.memory.books.is_some() && self.settings.memory.style
    }

    /// The lesson of a text that stands in an open document.
    pub(crate) fn lesson_at(&self, uri: &str, bytes: Range<usize>) -> Option<Lesson> {
        let open = self.documents.get(uri).filter(|open| !open.out_of_step)?;
        let project = self.project_of(&open.path);
        Some(Lesson {
            document: open.document.clone(),
            path: open.path.clone(),
            level: self.level_of(&open.path, &project),
            accepted: Accepted::At(bytes),
        })
    }

    /// Learns beside the loop.
    pub(crate) fn learn(&mut self, lessons: impl IntoIterator<Item = Lesson>) {
        let lessons: Vec<Lesson> = lessons.into_iter().collect();
        let Some(books) = self.memory.books.clone() else {
            return;
        };
        if lessons.is_empty() || !self.learns() {
            return;
        }
        let work = move || {
            if let Err(error) = keep(&books, &lessons) {
                tracing::warn!(error = error.said, "what was learned cannot be kept");
            }
        };
        let late = &mut self.memory.late;
        late.retain(|lesson| !lesson.is_finished());
        late.push(self.seams.runtime.spawn_blocking(work));
    }
}

fn keep(books: &Path, lessons: &[Lesson]) -> Result<(), Error> {
    let shown = lessons.iter();
    let shown = shown.map(|lesson| (lesson.document.language(), lesson.shown()));
    let shown: Vec<_> = shown.filter(|(_, tally)| !tally.is_empty()).collect();
    if shown.is_empty() {
        return Ok(());
    }
    let memory = foretoken_remote::memory::Memory::new(Store::open(books)?);
    let mut shown = shown.into_iter();
    shown.try_for_each(|(language, tally)| memory.learn(language.id(), &tally))
}

/// The user's notes; `None` without any.
///
/// # Errors
/// A sentence where there is a file that cannot be used; then nothing of it is.
pub(crate) fn notes(paths: &Paths) -> Result<Option<String>, String> {
    let path = paths.notes();
    let left_out = |why: &str| {
        format!(
            "Your notes in {} are left out: {why}; `foretoken memory edit` opens them.",
            path.display()
        )
    };
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(left_out(&error.to_string())),
    };
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim();
    match text.chars().count() {
        0 => Ok(None),
        length if length > NOTES => Err(left_out(&format!(
            "they have {length} characters, and {NOTES} is the most"
        ))),
        _ => Ok(Some(text.to_owned())),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    // Opening a pipe or a device could block for ever.
    if !metadata.is_file() || metadata.len() > LONGEST {
        let why = "they are no file, or a long one";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    std::fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use std::time::Duration;

    use foretoken_engine::style::Way;
    use foretoken_grammars::Language;
    use tokio::time::Instant;

    use super::*;
    use crate::metrics::survival;
    use crate::offers::Origin;
    use crate::state::tests::{URI, session};

    fn lesson(level: Level) -> Lesson {
        let text = "a = \"x\"\nb = 'CANARY'\n";
        Lesson {
            document: Document::open("a.py", Language::Python, 0, text),
            path: PathBuf::from("/w/a.py"),
            level: Arc::new(move |_| level),
            accepted: Accepted::At(8..21),
        }
    }

    #[test]
    fn what_stays_of_a_lesson_are_counts() {
        let home = tempfile::tempdir().unwrap();
        let books = Paths::under(home.path()).books();
        keep(&books, &[lesson(Level::Public), lesson(Level::InHouse)]).unwrap();
        let memory = foretoken_remote::memory::Memory::new(Store::open(&books).unwrap());
        let known = memory.of("python").unwrap();
        assert_eq!(known.rows().collect::<Vec<_>>(), [("quotes.single", 2)]);
        assert_eq!(known.count(Way::DoubleQuotes), 0);
        for file in std::fs::read_dir(books.parent().unwrap()).unwrap() {
            let held = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!String::from_utf8_lossy(&held).contains("CANARY"));
        }
    }

    /// Accepts a statement in a session, and lets five minutes pass; what the books know then.
    async fn accepted(style: bool) -> Option<Vec<(&'static str, u64)>> {
        let home = tempfile::tempdir().unwrap();
        let books = Paths::under(home.path()).books();
        let text = "fn a() -> R {\n    b()?;\n    c()?;\n}\n";
        let (mut state, _events) = session(text);
        state.memory = Memory::new(Some(books.clone()));
        let mut settings = (*state.settings).clone();
        settings.memory.style = style;
        state.settings = Arc::new(settings);
        let accepted = survival::Accepted {
            start: text.find("b()").unwrap(),
            text: "b()?;".to_owned(),
            origin: Origin {
                language: "rust",
                by: survival::LOOKUP,
            },
        };
        state.metrics.survival.follow(URI, accepted);
        let now = Instant::now();
        for seconds in [31, 301] {
            state.judge_survival(now + Duration::from_secs(seconds));
        }
        state.memory.settled().await;
        let store = books.exists().then(|| Store::open(&books).unwrap())?;
        let known = foretoken_remote::memory::Memory::new(store).of("rust");
        Some(known.unwrap().rows().collect())
    }

    #[tokio::test]
    async fn an_accepted_text_that_stood_for_five_minutes_teaches() {
        assert_eq!(accepted(true).await, Some(vec![("errors.passed-on", 1)]));
        assert_eq!(accepted(false).await, None, "nobody wants it");
    }

    #[test]
    fn what_must_not_leave_teaches_nothing() {
        let home = tempfile::tempdir().unwrap();
        let books = Paths::under(home.path()).books();
        keep(&books, &[lesson(Level::Local), lesson(Level::Never)]).unwrap();
        assert!(!books.exists());
    }

    #[test]
    fn edits_teach_what_they_brought() {
        let edits = vec![(0..8, "a = 'x'\n".to_owned())];
        let lesson = Lesson {
            accepted: Accepted::Edits(edits),
            ..lesson(Level::Public)
        };
        assert_eq!(lesson.shown().count(Way::SingleQuotes), 1);
    }

    #[test]
    fn notes_that_cannot_be_used_are_left_out_with_a_sentence() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let write = |text: &[u8]| crate::paths::write(&paths.notes(), text).unwrap();
        assert_eq!(notes(&paths), Ok(None));
        write(b" \n");
        assert_eq!(notes(&paths), Ok(None));
        write("Prefer iterators.\r\nÄ\n".as_bytes());
        assert_eq!(notes(&paths), Ok(Some("Prefer iterators.\nÄ".to_owned())));
        write("ä".repeat(NOTES).as_bytes());
        assert_eq!(notes(&paths).unwrap().unwrap().chars().count(), NOTES);
        write("ä".repeat(NOTES + 1).as_bytes());
        let sentence = notes(&paths).unwrap_err();
        assert!(sentence.contains("1001 characters"), "{sentence}");
        for broken in [vec![0xff; 3], vec![b'a'; LONGEST as usize + 1]] {
            write(&broken);
            let sentence = notes(&paths).unwrap_err();
            assert!(sentence.contains("memory edit"), "{sentence}");
            let held = std::fs::read(paths.notes()).unwrap();
            assert_eq!(held, broken, "and they stay as they are");
        }
    }
}
