//! What a lasting index promises: it answers as a fresh one does, whatever happened in between.

use super::*;
use crate::hit::Answer;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Project {
    root: tempfile::TempDir,
    cache: tempfile::TempDir,
}

fn excluded(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "pem")
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Project {
        let project = Project {
            root: tempfile::tempdir().unwrap(),
            cache: tempfile::tempdir().unwrap(),
        };
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn open(&self) -> Workspace {
        let cache = Some(self.cache.path());
        Workspace::open(self.root.path(), None, cache, Arc::new(excluded)).unwrap()
    }

    /// The same as the one that writes. A process that another test starts has the lock for a moment more, between its
    /// beginning and its program's.
    fn writing(&self) -> Workspace {
        loop {
            let workspace = self.open();
            if workspace.place() == Place::Writing {
                return workspace;
            }
        }
    }

    fn generation(&self) -> PathBuf {
        let root = fs::canonicalize(self.root.path()).unwrap();
        let folder = Folder::of(self.cache.path(), &root);
        folder.generation(folder.current().unwrap())
    }

    /// The hits of a fresh index in memory, as they would be shown.
    fn fresh(&self, question: &str) -> Vec<String> {
        let index = Workspace::open(self.root.path(), None, None, Arc::new(excluded)).unwrap();
        refresh(&index);
        ask(&index, question)
    }
}

fn shown(answer: Answer) -> Vec<String> {
    let hit = |hit: crate::Hit| {
        let (start, end) = (hit.lines.start, hit.lines.end);
        let (path, name, score) = (hit.path, hit.qualified, hit.score);
        format!("{path}:{start}-{end} {name} {score:.3}\n{}", hit.text)
    };
    answer.hits.into_iter().map(hit).collect()
}

fn ask(workspace: &Workspace, question: &str) -> Vec<String> {
    shown(workspace.search(question, 20, &|_| true).unwrap())
}

fn paths(workspace: &Workspace, question: &str) -> Vec<String> {
    let answer = workspace.search(question, 20, &|_| true).unwrap();
    answer.hits.into_iter().map(|hit| hit.path).collect()
}

fn refresh(workspace: &Workspace) -> Report {
    refresh_with(workspace, false, &|| false)
}

fn refresh_with(workspace: &Workspace, rebuild: bool, stop: &(dyn Fn() -> bool + Sync)) -> Report {
    let work = Work {
        threads: 2,
        rebuild,
        told: &|_| {},
        stop,
    };
    workspace.refresh(work).unwrap()
}

fn some() -> Project {
    Project::new(&[
        (
            "src/store.rs",
            "/// Keeps users.\npub struct UserStore {\n    rows: Vec<String>,\n}\n\nimpl UserStore {\n    /// Finds the user of this name.\n    pub fn find_user(&self, name: &str) -> Option<&String> {\n        self.rows.iter().find(|row| row.starts_with(name))\n    }\n}\n",
        ),
        (
            "src/main.rs",
            "fn main() {\n    let store = UserStore::new();\n    store.find_user(\"ada\");\n}\n",
        ),
        (
            "src/cache.py",
            "class Cache:\n    def evict_oldest(self):\n        \"\"\"Drops the oldest entry of the users.\"\"\"\n        self.entries.pop(0)\n",
        ),
        (
            "README.md",
            "# Use\n\nFind a user by name.\n\n# Cache\n\nEvict the oldest entry.\n",
        ),
        ("server.pem", "find user evict oldest canary\n"),
        ("blob.rs", "fn find_user() {}\0"),
    ])
}

const QUESTIONS: [&str; 4] = [
    "find_user",
    "evict the oldest entry",
    "UserStore rows by name",
    "zebra",
];

#[test]
fn a_reopened_index_answers_as_a_fresh_one_without_reading_anything_again() {
    let project = some();
    let workspace = project.open();
    assert_eq!(refresh(&workspace).read, 5);
    for question in QUESTIONS {
        assert_eq!(
            ask(&workspace, question),
            project.fresh(question),
            "{question}"
        );
    }
    drop(workspace);
    let workspace = project.open();
    for question in QUESTIONS {
        assert_eq!(
            ask(&workspace, question),
            project.fresh(question),
            "{question}"
        );
    }
    let report = refresh(&workspace);
    assert_eq!((report.read, report.removed, report.stopped), (0, 0, false));
    assert_eq!(report.skipped["binary"], 1);
    assert_eq!(report.skipped["excluded"], 1);
    assert_eq!(workspace.place(), Place::Writing);
    assert!(workspace.state().complete);
}

#[test]
fn what_changed_went_or_was_excluded_leaves_in_one_commit() {
    let project = some();
    let workspace = project.open();
    refresh(&workspace);
    project.write("src/store.rs", "pub fn load_user() {}\n");
    fs::remove_file(project.path("src/main.rs")).unwrap();
    fs::rename(project.path("src/cache.py"), project.path("src/lru.py")).unwrap();
    project.write(".gitignore", "README.md\n");
    let report = refresh(&workspace);
    assert_eq!((report.read, report.removed), (2, 3));
    for question in QUESTIONS {
        assert_eq!(
            paths(&workspace, question),
            paths_of(project.fresh(question))
        );
    }
    assert_eq!(paths(&workspace, "load_user"), ["src/store.rs"]);
    assert_eq!(paths(&workspace, "evict oldest"), ["src/lru.py"]);
}

/// The paths of hits as [`shown`] shows them: dead rows still count as documents, so the scores of an
/// index that was changed are not quite those of a fresh one.
fn paths_of(shown: Vec<String>) -> Vec<String> {
    let path = |hit: String| hit.split(':').next().unwrap().to_owned();
    shown.into_iter().map(path).collect()
}

#[test]
fn a_change_within_the_clocks_step_is_seen() {
    let project = some();
    let workspace = project.open();
    refresh(&workspace);
    let path = project.path("src/main.rs");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let text = fs::read_to_string(&path).unwrap().replace("ada", "eve");
    fs::write(&path, text).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
    assert_eq!(refresh(&workspace).read, 1);
}

#[test]
fn unsaved_text_stands_before_the_file_and_scores_like_it() {
    let project = some();
    let workspace = project.open();
    refresh(&workspace);
    let text = "fn main() {\n    let zebra = crossing();\n    find_user(zebra);\n}\n";
    assert!(workspace.changed(&project.path("src/main.rs"), text, None));
    let unsaved = ask(&workspace, "zebra crossing find_user");
    assert!(
        unsaved
            .iter()
            .any(|hit| hit.starts_with("src/main.rs:0-4 main")),
        "{unsaved:?}"
    );
    assert!(!paths(&workspace, "ada").contains(&"src/main.rs".to_owned()));
    // Closed without saving: as before.
    workspace.closed(&project.path("src/main.rs"));
    assert!(paths(&workspace, "ada").contains(&"src/main.rs".to_owned()));
    // Saved: found before and after it is on the disk.
    workspace.changed(&project.path("src/main.rs"), text, None);
    project.write("src/main.rs", text);
    assert_eq!(workspace.saved(&project.path("src/main.rs")), 1);
    workspace.closed(&project.path("src/main.rs"));
    assert_eq!(workspace.state().layers, 1);
    assert_eq!(paths(&workspace, "zebra crossing"), ["src/main.rs"]);
    workspace.fold().unwrap();
    assert_eq!(workspace.state().layers, 0);
    assert_eq!(paths(&workspace, "zebra crossing"), ["src/main.rs"]);
    drop(workspace);
    assert_eq!(paths(&project.open(), "zebra crossing"), ["src/main.rs"]);
}

#[test]
fn rows_in_memory_score_as_rows_on_the_disk() {
    let project = some();
    let on_disk = project.open();
    refresh(&on_disk);
    let in_memory = Workspace::open(project.root.path(), None, None, Arc::new(excluded)).unwrap();
    for path in ["src/store.rs", "src/main.rs", "src/cache.py", "README.md"] {
        let text = fs::read_to_string(project.path(path)).unwrap();
        assert!(in_memory.changed(&project.path(path), &text, None));
    }
    for question in QUESTIONS {
        assert_eq!(
            ask(&in_memory, question),
            ask(&on_disk, question),
            "{question}"
        );
    }
}

#[test]
fn what_must_not_be_read_is_not_found_from_an_open_document_either() {
    let project = some();
    project.write(".gitignore", "ignored/\n");
    project.write("ignored/a.rs", "fn zebra() {}\n");
    let outside = some();
    let workspace = project.open();
    refresh(&workspace);
    for path in [
        project.path("server.pem"),
        project.path("ignored/a.rs"),
        outside.path("src/main.rs"),
        project.path("src/../ignored/a.rs"),
        project.path("absent.rs"),
    ] {
        assert!(
            !workspace.changed(&path, "fn zebra() {}\n", None),
            "{path:?}"
        );
        workspace.saved(&path);
    }
    assert!(paths(&workspace, "zebra").is_empty());
}

#[test]
fn tightened_rules_hold_for_the_next_question() {
    let project = some();
    let workspace = project.open();
    refresh(&workspace);
    workspace.set_rules(Arc::new(|path: &Path| path.ends_with("src/store.rs")));
    assert!(!paths(&workspace, "find_user").contains(&"src/store.rs".to_owned()));
    refresh(&workspace);
    assert!(workspace.seen().view.file("src/store.rs").is_none());
}

#[test]
fn a_folder_that_goes_takes_its_files_along() {
    let project = some();
    let workspace = project.open();
    refresh(&workspace);
    fs::remove_dir_all(project.path("src")).unwrap();
    workspace.saved(&project.path("src"));
    assert_eq!(paths(&workspace, "find_user"), ["README.md"]);
    workspace.fold().unwrap();
    assert_eq!(workspace.state().files, 1);
}

#[test]
fn a_stopped_refresh_is_continued() {
    let project = some();
    for at in 0..40 {
        project.write(
            &format!("more/f{at}.rs"),
            &format!("fn number_{at}() {{}}\n"),
        );
    }
    let workspace = project.open();
    let asked = AtomicUsize::new(0);
    let report = refresh_with(&workspace, false, &|| {
        asked.fetch_add(1, Ordering::Relaxed) > 9
    });
    assert!(report.stopped && report.read > 0, "{report:?}");
    assert!(!workspace.state().complete);
    let rest = refresh(&workspace);
    assert_eq!(report.read + rest.read, 45);
    assert!(workspace.state().complete);
    assert_eq!(ask(&workspace, "number_7"), project.fresh("number_7"));
}

#[test]
fn a_rebuild_is_made_beside_and_replaces() {
    let project = some();
    let workspace = project.open();
    refresh(&workspace);
    let before = project.generation();
    let stopped = refresh_with(&workspace, true, &|| true);
    assert!(stopped.stopped);
    assert_eq!(project.generation(), before);
    assert_eq!(ask(&workspace, "find_user"), project.fresh("find_user"));
    assert_eq!(refresh_with(&workspace, true, &|| false).read, 5);
    assert_ne!(project.generation(), before);
    assert!(!before.exists());
    project.write("a.rs", "fn zebra() {}\n");
    assert_eq!(refresh(&workspace).read, 1);
    drop(workspace);
    assert_eq!(paths(&project.open(), "zebra"), ["a.rs"]);
}

#[test]
fn a_damaged_index_is_built_anew() {
    let project = some();
    refresh(&project.open());
    let files: Vec<PathBuf> = fs::read_dir(project.generation())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| fs::metadata(path).unwrap().len() > 0)
        .collect();
    assert!(files.len() > 5);
    for name in files.iter().map(|path| path.file_name().unwrap()) {
        let number = project.generation();
        // Names of segments differ from build to build.
        let ending = Path::new(name).extension().unwrap_or(name);
        let path = fs::read_dir(&number)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().unwrap_or(path.file_name().unwrap()) == ending)
            .unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let workspace = project.writing();
        let (hits, fresh) = (ask(&workspace, "find_user"), project.fresh("find_user"));
        assert!(
            hits.is_empty() || hits == fresh,
            "{path:?}: {hits:?}, {fresh:?}, {:?}",
            workspace.place()
        );
        refresh(&workspace);
        assert_eq!(
            ask(&workspace, "find_user"),
            project.fresh("find_user"),
            "{path:?}"
        );
    }
}

#[test]
fn an_index_of_other_versions_or_of_another_root_is_not_used() {
    let project = some();
    refresh(&project.open());
    let meta = project.generation().with_file_name("meta");
    let text = fs::read_to_string(&meta).unwrap();
    for other in [
        text.replace("terms ", "terms 9"),
        text.replace("chunks ", "chunks 9"),
        text.replace("format ", "format 9"),
        text.replace("root ", "root 0"),
        String::new(),
        "generation 1".to_owned(),
    ] {
        fs::write(&meta, other).unwrap();
        let workspace = project.open();
        assert!(ask(&workspace, "find_user").is_empty());
        assert_eq!(refresh(&workspace).read, 5);
    }
}

#[test]
fn a34_rows_of_another_workspace_are_never_served() {
    let canary = Project::new(&[("src/main.rs", "fn find_user() { canary(); }\n")]);
    let project = some();
    refresh(&canary.open());
    refresh(&project.open());
    // Even where somebody puts the rows of one in the place of the other's.
    let (from, to) = (canary.generation(), project.generation());
    fs::remove_dir_all(&to).unwrap();
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(&from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let workspace = project.open();
    for question in QUESTIONS.iter().chain(&["canary", "find_user canary"]) {
        assert!(!ask(&workspace, question).concat().contains("canary()"));
    }
    refresh(&workspace);
    // As many questions as a person asks in years, each of other words, with the canary's among them.
    let words: Vec<&str> = "find user main evict oldest entry rows name store cache zebra canary"
        .split(' ')
        .collect();
    let mut answered = 0;
    for number in 0..10_000usize {
        let word = |at: usize| words[at % words.len()];
        let question = format!("{} {} {number}", word(number), word(number / words.len()));
        let hits = workspace.search(&question, 5, &|_| true).unwrap().hits;
        answered += usize::from(!hits.is_empty());
        assert!(
            hits.iter().all(|hit| !hit.text.contains("canary")),
            "{question}"
        );
    }
    assert!(answered > 1_000, "{answered} questions found something");
    assert_eq!(
        paths(&workspace, "find_user").len(),
        project.fresh("find_user").len()
    );
}

#[cfg(unix)]
#[test]
fn a31_nobody_else_may_read_the_index() {
    use std::os::unix::fs::PermissionsExt;
    let project = some();
    let index = project.cache.path().join("index");
    fs::create_dir(&index).unwrap();
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(&index, open.clone()).unwrap();
    let workspace = project.open();
    fs::set_permissions(workspace.folder().unwrap(), open).unwrap();
    drop(workspace);
    let workspace = project.open();
    refresh(&workspace);
    let mut left = vec![workspace.folder().unwrap()];
    let mut seen = 0;
    while let Some(path) = left.pop() {
        let metadata = fs::metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        assert_eq!(
            mode,
            if metadata.is_dir() { 0o700 } else { 0o600 },
            "{path:?}"
        );
        if metadata.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        seen += 1;
    }
    assert!(seen > 8);
}

#[test]
fn one_writes_and_others_read_on() {
    let project = some();
    let writer = project.open();
    refresh(&writer);
    let reader = project.open();
    assert!(matches!(reader.place(), Place::Reading(holder) if holder.starts_with("process ")));
    assert_eq!(ask(&reader, "find_user"), ask(&writer, "find_user"));
    // What the writer has not seen yet, a reader keeps in memory.
    project.write("a.rs", "fn zebra_one() {}\n");
    fs::remove_file(project.path("README.md")).unwrap();
    refresh(&reader);
    assert_eq!(paths(&reader, "zebra_one"), ["a.rs"]);
    assert!(!paths(&reader, "find_user").contains(&"README.md".to_owned()));
    // What the writer has committed, a reader takes over.
    refresh(&writer);
    refresh(&reader);
    assert_eq!(reader.state().layers, 0);
    assert_eq!(paths(&reader, "zebra_one"), ["a.rs"]);
    // Whoever comes after the writer writes.
    drop(writer);
    project.write("b.rs", "fn zebra_two() {}\n");
    assert_eq!(refresh(&reader).read, 1);
    assert_eq!(reader.place(), Place::Writing);
    drop(reader);
    assert_eq!(paths(&project.open(), "zebra_two"), ["b.rs"]);
}

#[test]
fn a_purge_leaves_nothing_and_does_not_disturb_a_writer() {
    let project = some();
    let workspace = project.open();
    refresh(&workspace);
    assert!(purge(project.root.path(), project.cache.path()).is_err());
    let folder = workspace.folder().unwrap();
    drop(workspace);
    purge(project.root.path(), project.cache.path()).unwrap();
    let left: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(ask(&project.open(), "find_user").is_empty());
}

#[test]
fn an_index_nobody_opens_any_more_is_removed() {
    let project = some();
    refresh(&project.open());
    let folder = project.generation().parent().unwrap().to_owned();
    let days = |days: u64| SystemTime::now() + std::time::Duration::from_secs(days * 86_400);
    folder::expire(project.cache.path(), days(59));
    assert!(folder.exists());
    let workspace = project.open();
    folder::expire(project.cache.path(), days(61));
    assert!(folder.exists());
    drop(workspace);
    folder::expire(project.cache.path(), days(61));
    assert!(!folder.exists());
}

#[cfg(unix)]
#[test]
fn a_disk_that_takes_nothing_is_an_error_with_a_reason_and_memory_still_answers() {
    use std::os::unix::fs::PermissionsExt;
    let project = some();
    let workspace = project.open();
    refresh(&workspace);
    let generation = project.generation();
    fs::remove_dir_all(&generation).unwrap();
    project.write("a.rs", "fn zebra() {}\n");
    workspace.saved(&project.path("a.rs"));
    assert!(workspace.fold().is_err());
    assert!(workspace.state().trouble.is_some());
    assert_eq!(paths(&workspace, "zebra"), ["a.rs"]);
    drop(workspace);
    assert_eq!(refresh(&project.open()).read, 6);
    fs::set_permissions(project.cache.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

/// After any series of edits the rows are those of a fresh build.
#[test]
fn any_edits_lead_to_the_rows_of_a_fresh_build() {
    let project = some();
    let workspace = project.open();
    refresh(&workspace);
    let mut seed: u32 = 7;
    let mut random = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    for step in 0..40 {
        let path = format!("d{}/f{}.rs", random(3), random(8));
        let path = project.path(&path);
        match random(4) {
            0 => drop(fs::remove_file(&path)),
            _ => {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let lines = 1 + random(40);
                let text: String = (0..lines)
                    .map(|line| format!("fn step_{step}_{line}() {{\n    call({line});\n}}\n\n"))
                    .collect();
                fs::write(&path, text).unwrap();
            }
        }
        match random(3) {
            0 => drop(refresh(&workspace)),
            _ => drop(workspace.saved(&path)),
        }
        if random(5) == 0 {
            workspace.fold().unwrap();
        }
    }
    workspace.fold().unwrap();
    assert_eq!(workspace.state().layers, 0);
    let fresh = Workspace::open(project.root.path(), None, None, Arc::new(excluded)).unwrap();
    refresh(&fresh);
    assert_eq!(workspace.rows(), fresh.rows());
    refresh(&workspace);
    assert_eq!(workspace.rows(), fresh.rows());
}

/// What the first file uses, as `name: path qualified`.
fn defined(project: &Project, files: &[(&str, &str)]) -> Vec<String> {
    let workspace = project.open();
    refresh(&workspace);
    let (path, text) = files[0];
    let found = workspace.definitions(path, text, 0..text.len(), 8);
    let show = |d: crate::Definition| format!("{}: {} {}", d.name, d.path, d.qualified);
    found.into_iter().map(show).collect()
}

#[test]
fn what_code_calls_and_imports_is_found_where_it_is_defined() {
    let body = "    let number = compute(first, second, third, fourth);\n".repeat(6);
    let files = [
        (
            "src/main.rs",
            "use crate::store::Store;\n\nfn main() {\n    let store = Store::open(path());\n    fill(&store);\n    own();\n}\n\nfn own() {}\n",
        ),
        (
            "src/store.rs",
            &format!(
                "pub struct Store {{\n    rows: u8,\n}}\n\nimpl Store {{\n    pub fn open(path: &str) {{\n{body}    }}\n    pub fn close() {{\n{body}    }}\n}}\n"
            ),
        ),
        (
            "src/cache.rs",
            &format!("pub fn open(path: &str) {{\n{body}}}\n"),
        ),
        (
            "src/fill.rs",
            &format!("pub fn fill(store: &Store) {{\n{body}}}\n"),
        ),
        ("keys.pem", "fn path() {}\n"),
        ("web/path.ts", "export function path() {}\n"),
    ];
    let project = Project::new(&files);
    assert_eq!(
        defined(&project, &files),
        [
            "open: src/store.rs Store.open",
            "fill: src/fill.rs fill",
            "Store: src/store.rs Store",
        ]
    );
}

#[test]
fn a_name_that_everybody_defines_is_no_definition() {
    let files: Vec<(String, String)> = (0..10)
        .map(|at| (format!("src/part{at}.rs"), "pub fn start() {}\n".to_owned()))
        .collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (&**p, &**t)).collect();
    files.insert(0, ("src/main.rs", "fn main() {\n    start();\n}\n"));
    assert!(defined(&Project::new(&files), &files).is_empty());
    files[0].1 = "fn main() {\n    part3::start();\n    Absent::end();\n}\n";
    let project = Project::new(&files);
    assert_eq!(defined(&project, &files), ["start: src/part3.rs start"]);
}

/// `RUN_SLOW_TESTS=1` makes it ten thousand edits.
#[test]
fn edits_leave_size_and_latency_flat() {
    let edits = match std::env::var_os("RUN_SLOW_TESTS") {
        Some(_) => 10_000,
        None => 300,
    };
    const FILES: usize = 60;
    let text = |file: usize, edit: usize| -> String {
        let part =
            |at: usize| format!("fn part_{file}_{at}() {{\n    edit_{edit}(walrus);\n}}\n\n");
        (0..12).map(part).collect()
    };
    let project = Project::new(&[]);
    for file in 0..FILES {
        project.write(&format!("src/f{file}.rs"), &text(file, 0));
    }
    let workspace = project.open();
    refresh(&workspace);
    // Bytes on the disk, and the middle of some questions' times.
    let figures = || {
        let asked = |at: usize| {
            let question = format!("part_{}_3 walrus", at % FILES);
            let answer = workspace.search(&question, 10, &|_| true).unwrap();
            assert_eq!(answer.hits.len(), 10);
            answer.took
        };
        let mut times: Vec<_> = (0..41).map(asked).collect();
        times.sort();
        (workspace.disk_size(), times[times.len() / 2])
    };
    let (mut before, mut most) = (None, 0);
    let mut seed: u32 = 3;
    for edit in 1..=edits {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let file = (seed >> 8) as usize % FILES;
        project.write(&format!("src/f{file}.rs"), &text(file, edit));
        workspace.saved(&project.path(&format!("src/f{file}.rs")));
        if (seed >> 20).is_multiple_of(32) {
            workspace.fold().unwrap();
            most = most.max(workspace.disk_size());
        }
        if edit == edits / 10 {
            workspace.fold().unwrap();
            before = Some(figures());
        }
    }
    workspace.fold().unwrap();
    workspace.settle().unwrap();
    let ((size, took), (size_now, took_now)) = (before.unwrap(), figures());
    println!("{size} to {size_now} bytes, at most {most}; {took:?} to {took_now:?}");
    assert!(size_now < size * 2, "{size} bytes became {size_now}");
    assert!(most < size * 6, "{size} bytes became {most}");
    let slack = std::time::Duration::from_millis(5);
    assert!(took_now < took * 3 + slack, "{took:?} became {took_now:?}");
    assert!(workspace.seen().view.dead() < 0.5);
    assert_eq!(workspace.rows().len(), workspace.state().chunks);
}

mod finding;

mod references;

mod commits;
