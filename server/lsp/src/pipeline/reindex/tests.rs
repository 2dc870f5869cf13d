//! The indexer over real folders: what it finds after each of an editor's words.

use super::*;
use std::sync::mpsc;

struct Editor {
    root: tempfile::TempDir,
    _home: tempfile::TempDir,
    indexer: Indexer,
    reports: mpsc::Receiver<Report>,
}

impl Editor {
    fn open(files: &[(&str, &str)]) -> Editor {
        let (root, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (path, text) in files {
            std::fs::write(root.path().join(path), text).unwrap();
        }
        let (sender, reports) = mpsc::channel();
        let indexer = Indexer::start(Setup {
            folders: vec![root.path().to_owned()],
            cache: home.path().join("cache"),
            home: home.path().to_owned(),
            encoders: Default::default(),
            rules: Arc::new(|path: &Path| path.ends_with("secret.rs")),
            told: Box::new(move |report| drop(sender.send(report))),
        });
        let editor = Editor {
            root,
            _home: home,
            indexer,
            reports,
        };
        editor.wait_ready();
        editor
    }

    fn wait_ready(&self) {
        while self.reports.recv().unwrap() != Report::Ready {}
    }

    fn path(&self, name: &str) -> PathBuf {
        std::fs::canonicalize(self.root.path()).unwrap().join(name)
    }

    fn found(&self, question: &str) -> Vec<String> {
        let found = self.indexer.search(question, 9, None);
        found.into_iter().map(|(_, hit)| hit.path).collect()
    }

    /// Until the threads have come so far.
    fn until(&self, question: &str, wanted: &[&str]) {
        let from = Instant::now();
        while self.found(question) != wanted {
            assert!(
                from.elapsed() < Duration::from_secs(20),
                "{:?}",
                self.found(question)
            );
            let _ = self.reports.recv_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.indexer.stop();
    }
}

fn document(text: &str) -> Document {
    Document::open("a.rs", Language::Rust, 1, text)
}

#[test]
fn what_is_typed_is_found_and_gone_when_it_is_closed() {
    let editor = Editor::open(&[("a.rs", "fn walrus() {}\n"), ("b.rs", "fn other() {}\n")]);
    editor.until("walrus", &["a.rs"]);
    editor
        .indexer
        .changed(&editor.path("a.rs"), document("fn narwhal() {}\n"));
    editor.until("narwhal", &["a.rs"]);
    assert!(editor.found("walrus").is_empty());
    editor.indexer.closed(&editor.path("a.rs"));
    editor.until("walrus", &["a.rs"]);
    assert!(editor.found("narwhal").is_empty());
}

#[test]
fn saved_made_and_removed_files_are_followed_to_the_disk() {
    let editor = Editor::open(&[("a.rs", "fn walrus() {}\n")]);
    std::fs::write(editor.path("b.rs"), "fn narwhal() {}\n").unwrap();
    std::fs::write(editor.path("secret.rs"), "fn narwhal() {}\n").unwrap();
    std::fs::remove_file(editor.path("a.rs")).unwrap();
    let paths = ["a.rs", "b.rs", "secret.rs"].map(|name| editor.path(name));
    editor.indexer.saved(paths);
    editor.until("narwhal", &["b.rs"]);
    editor.until("walrus", &[]);
    let workspace = editor.indexer.workspaces().remove(0);
    let from = Instant::now();
    while workspace.state().layers > 0 {
        assert!(from.elapsed() < Duration::from_secs(20));
        let _ = editor.reports.recv_timeout(Duration::from_millis(20));
    }
    assert_eq!(workspace.rows().len(), 1);
}

#[test]
fn other_rules_and_another_branch_are_walked() {
    let editor = Editor::open(&[("a.rs", "fn walrus() {}\n"), ("b.rs", "fn narwhal() {}\n")]);
    std::fs::write(editor.path(".gitignore"), "b.rs\n").unwrap();
    editor.indexer.saved([editor.path(".gitignore")]);
    editor.until("narwhal", &[]);
    editor
        .indexer
        .set_rules(&(Arc::new(|path: &Path| path.ends_with("a.rs")) as Rules));
    assert!(editor.found("walrus").is_empty());
    editor.wait_ready();
    std::fs::create_dir(editor.path(".git")).unwrap();
    std::fs::write(editor.path(".git/HEAD"), "ref: refs/heads/other\n").unwrap();
    // Files that a checkout brings are told of by nobody.
    std::fs::write(editor.path("c.rs"), "fn narwhal() {}\n").unwrap();
    editor.indexer.saved([editor.path("a.rs")]);
    editor.until("narwhal", &["c.rs"]);
}

#[test]
fn a_folder_that_is_no_project_is_said() {
    let (sender, reports) = mpsc::channel();
    let home = tempfile::tempdir().unwrap();
    let indexer = Indexer::start(Setup {
        folders: vec![home.path().to_owned(), PathBuf::from("/")],
        cache: home.path().join("cache"),
        home: home.path().to_owned(),
        encoders: Default::default(),
        rules: Arc::new(|_: &Path| false),
        told: Box::new(move |report| drop(sender.send(report))),
    });
    for _ in 0..2 {
        let report = reports.recv().unwrap();
        assert!(matches!(report, Report::Failed(_)), "{report:?}");
    }
    assert!(!home.path().join("cache").exists());
    indexer.stop();
}

#[test]
fn nobody_waits_for_a_walk() {
    let (root, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(root.path().join("slow.rs"), "fn walrus() {}\n").unwrap();
    let (enter, entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let indexer = Indexer::start(Setup {
        folders: vec![root.path().to_owned()],
        cache: home.path().join("cache"),
        home: home.path().to_owned(),
        encoders: Default::default(),
        // The walk stands still at this file until it is let go.
        rules: Arc::new(move |path: &Path| {
            if path.ends_with("slow.rs") {
                let _ = enter.send(());
                let _ = lock(&released).recv();
            }
            false
        }),
        told: Box::new(|_| {}),
    });
    entered.recv().unwrap();
    let (ask, answer) = mpsc::channel();
    let other = indexer.clone();
    std::thread::spawn(move || {
        other.changed(Path::new("/absent.rs"), document(""));
        ask.send((
            other.workspaces().len(),
            other.search("walrus", 9, None).len(),
        ))
    });
    assert_eq!(answer.recv_timeout(Duration::from_secs(20)), Ok((1, 0)));
    drop(release);
    indexer.stop();
}
