//! Where an edit may go, fixed before the model is asked: lines of the document that the question is about,
//! and for tests also of the file that the language's convention keeps them in. Nothing here makes a file.

use std::ops::Range;
use std::path::{Path, PathBuf};

use foretoken_engine::answer::denied;
use foretoken_engine::assist::{Kind, Section, Source, Task};
use foretoken_engine::document::Document;
use foretoken_engine::privacy::Level;
use foretoken_engine::target::testing::{self, Opening};
use foretoken_engine::target::{Target, documentation, import_block};

use super::Snapshot;

/// Most bytes shown of either end of the tests that are there.
const END_SHOWN: usize = 3_000;

/// See the module's header.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// As it was when the model was asked.
    pub(super) document: Document,
    /// Absolute.
    pub(super) path: PathBuf,
    /// What the answer takes the place of; empty for an insertion.
    pub(super) bytes: Range<usize>,
    /// What each line begins with where the answer indents nothing.
    pub(super) indent: Option<String>,
    /// The import block, which may change too.
    pub(super) imports: Option<Range<usize>>,
    /// Read from the disk, since no editor has it open.
    pub(super) on_disk: bool,
    /// What stands around an insertion, in lines.
    shown: Option<Range<u32>>,
}

/// The place for the edit of a question; `None` where it is answered in words. It may read a file.
pub(super) fn find(task: Task, snapshot: &Snapshot, target: Option<&Target>) -> Option<Place> {
    let target = target?;
    let here = |bytes: Range<usize>| Place {
        document: snapshot.document.clone(),
        path: snapshot.path.clone(),
        bytes,
        indent: None,
        imports: None,
        on_disk: false,
        shown: None,
    };
    match task {
        Task::Fix => {
            let apart = |block: &Range<usize>| {
                block.end <= target.bytes.start || target.bytes.end <= block.start
            };
            Some(Place {
                imports: import_block(&snapshot.document).filter(apart),
                ..here(target.bytes.clone())
            })
        }
        Task::Document => Some(here(documentation(&snapshot.document, target))),
        Task::Test => match testing::module(&snapshot.document) {
            Some(opening) => Some(opened(here(0..0), opening)),
            None => test_file(snapshot).map(|place| {
                let opening = testing::end_of_file(&place.document);
                let imports = import_block(&place.document);
                Place {
                    imports: imports.filter(|block| block.end <= opening.at),
                    ..opened(place, opening)
                }
            }),
        },
        Task::Explain | Task::Debug | Task::Summarise | Task::Ask => None,
    }
}

fn opened(place: Place, opening: Opening) -> Place {
    Place {
        bytes: opening.at..opening.at,
        indent: Some(opening.indent),
        shown: Some(opening.lines),
        ..place
    }
}

/// The first test file of the convention that is there and may be changed.
fn test_file(snapshot: &Snapshot) -> Option<Place> {
    let asked = snapshot.path.strip_prefix(&snapshot.project).ok()?;
    let asked = asked.to_str()?.replace('\\', "/");
    let language = snapshot.document.language();
    let files = testing::files(&asked, language).into_iter();
    let mut files = files.filter(|file| *file != asked && denied(file).is_none());
    files.find_map(|file| {
        let path = snapshot.project.join(&file);
        if (snapshot.level)(&path) == Level::Never {
            return None;
        }
        let open = snapshot.open.iter().find(|(known, _)| *known == path);
        let (document, on_disk) = match open {
            Some((_, document)) => (document.clone(), false),
            None => {
                // No link is followed, and only a plain file is read.
                let text = foretoken_index::read(&snapshot.project, Path::new(&file)).ok()?;
                (Document::open(&file, language, 0, &text), true)
            }
        };
        Some(Place {
            document,
            path,
            bytes: 0..0,
            indent: None,
            imports: None,
            on_disk,
            shown: None,
        })
    })
}

impl Place {
    /// What the model has to see of the place besides the target.
    pub(super) fn sections(&self, level: &dyn Fn(&Path) -> Level) -> Vec<Section> {
        let rope = self.document.rope();
        let level = level(&self.path);
        let made = |kind, bytes: Range<usize>, shorten: &dyn Fn(String) -> String| {
            let first = rope.byte_to_line(bytes.start) as u32 + 1;
            let text = rope.byte_slice(bytes).to_string().replace("\r\n", "\n");
            let text = text.trim_end_matches('\n');
            let last = first + text.matches('\n').count() as u32;
            let source = Source::new(self.document.path(), first..=last);
            Section::new(kind, shorten(text.to_owned()))
                .from_file(source, self.document.language().id())
                .at(level)
        };
        let imports = self.imports.clone();
        let imports = imports.map(|block| made(Kind::Imports, block, &|text| text));
        let around = self.shown.clone().map(|lines| {
            let byte = |line: u32| rope.line_to_byte((line as usize).min(rope.len_lines()));
            made(Kind::Place, byte(lines.start)..byte(lines.end), &ends)
        });
        imports.into_iter().chain(around).collect()
    }

    /// The same as far as the model was shown it: what it did not see is not changed.
    pub(super) fn seen(mut self, seen: &dyn Fn(Kind) -> bool) -> Option<Place> {
        if !seen(Kind::Imports) {
            self.imports = None;
        }
        (self.shown.is_none() || seen(Kind::Place)).then_some(self)
    }
}

/// Both ends of a long text by whole lines: how tests begin here, and what the new ones follow.
fn ends(text: String) -> String {
    if text.len() <= 2 * END_SHOWN {
        return text;
    }
    let head = text[..text.floor_char_boundary(END_SHOWN)].rfind('\n');
    let tail = text.ceil_char_boundary(text.len() - END_SHOWN);
    let tail = text[tail..].find('\n').map(|at| tail + at + 1);
    let (head, tail) = (head.map_or(0, |at| at + 1), tail.unwrap_or(text.len()));
    let left_out = text[head..tail].matches('\n').count();
    format!(
        "{}… {left_out} lines left out here …\n{}",
        &text[..head],
        &text[tail..]
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use foretoken_engine::target::target;
    use foretoken_grammars::Language;

    use super::*;

    const CODE: &str = "import os\n\n\ndef total(rows):\n    return sum(rows)\n";

    fn snapshot(project: &Path, file: &str, language: Language, text: &str) -> Snapshot {
        let document = Document::open(file, language, 1, text);
        let path = project.join(file);
        Snapshot {
            open: vec![(path.clone(), document.clone())],
            document,
            path,
            project: project.to_owned(),
            edited: Vec::new(),
            search: None,
            rules: Default::default(),
            level: Arc::new(|path| match path.ends_with("hidden_test.py") {
                true => Level::Never,
                false => Level::Public,
            }),
        }
    }

    fn test_place(project: &Path, file: &str) -> Option<String> {
        let snapshot = snapshot(project, file, Language::Python, CODE);
        let at = CODE.find("return").unwrap();
        let target = target(&snapshot.document, at..at);
        let place = find(Task::Test, &snapshot, target.as_ref())?;
        assert!(place.on_disk && place.bytes.is_empty());
        Some(place.document.path().to_owned())
    }

    #[test]
    fn tests_go_to_the_file_that_is_there_and_plain() {
        let home = tempfile::tempdir().unwrap();
        let project = home.path().join("project");
        std::fs::create_dir_all(project.join("tests")).unwrap();
        assert_eq!(test_place(&project, "sum.py"), None);
        std::fs::write(project.join("tests/test_sum.py"), "def test_a(): pass\n").unwrap();
        assert_eq!(
            test_place(&project, "sum.py").as_deref(),
            Some("tests/test_sum.py")
        );
        // One beside it comes first.
        std::fs::write(project.join("sum_test.py"), "").unwrap();
        assert_eq!(
            test_place(&project, "sum.py").as_deref(),
            Some("sum_test.py")
        );
        std::fs::write(project.join("hidden_test.py"), "").unwrap();
        assert_eq!(test_place(&project, "hidden.py"), None, "it is excluded");
        #[cfg(unix)]
        {
            let outside = home.path().join("outside.py");
            std::fs::write(&outside, "").unwrap();
            std::os::unix::fs::symlink(&outside, project.join("test_sum.py")).unwrap();
            std::os::unix::fs::symlink(home.path(), project.join("away")).unwrap();
            std::fs::write(home.path().join("test_b.py"), "").unwrap();
            assert_eq!(
                test_place(&project, "sum.py").as_deref(),
                Some("sum_test.py")
            );
            assert_eq!(
                test_place(&project, "away/b.py"),
                None,
                "it lies behind a link"
            );
        }
    }

    #[test]
    fn a_fix_has_the_imports_with_it_unless_they_are_the_target() {
        let snapshot = snapshot(Path::new("/p"), "a.py", Language::Python, CODE);
        let at = |byte: usize| {
            let target = target(&snapshot.document, byte..byte);
            find(Task::Fix, &snapshot, target.as_ref()).unwrap()
        };
        let place = at(CODE.find("return").unwrap());
        assert_eq!(place.imports, Some(0..10));
        let sections = place.sections(&*snapshot.level);
        assert_eq!(
            (sections[0].kind, sections[0].text.as_str()),
            (Kind::Imports, "import os")
        );
        assert_eq!(place.seen(&|_| false).unwrap().imports, None);
        assert_eq!(at(0).imports, None);
    }

    #[test]
    fn of_long_tests_both_ends_are_shown() {
        let text: String = (0..1_000).map(|n| format!("line {n}\n")).collect();
        let shown = ends(text);
        assert!(shown.starts_with("line 0\n") && shown.ends_with("line 999\n"));
        assert!(shown.contains("lines left out here") && shown.len() < 2 * END_SHOWN + 100);
    }
}
