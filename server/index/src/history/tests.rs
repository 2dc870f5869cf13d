//! Commits out of object databases that are made for the purpose, whole and broken ones.

use std::collections::BTreeMap;

use gix_object::{Kind, Write};
use gix_odb::loose::Store;

use super::*;

/// A work tree with a history.
pub(crate) struct Repository {
    pub(crate) root: tempfile::TempDir,
    store: Store,
    files: BTreeMap<String, String>,
    time: i64,
}

impl Repository {
    pub(crate) fn new() -> Repository {
        let root = tempfile::tempdir().unwrap();
        let objects = root.path().join(".git/objects");
        fs::create_dir_all(&objects).unwrap();
        Repository {
            store: Store::at(objects, gix_hash::Kind::Sha1),
            root,
            files: BTreeMap::new(),
            time: 1_000_000_000,
        }
    }

    /// Writes files, an empty text for one that goes, and commits them a day later than the last.
    pub(crate) fn commit(
        &mut self,
        parents: &[ObjectId],
        message: &str,
        files: &[(&str, &str)],
    ) -> ObjectId {
        for (path, text) in files {
            let place = self.root.path().join(path);
            match *text {
                "" => {
                    self.files.remove(*path);
                    fs::remove_file(place).unwrap();
                }
                text => {
                    self.files.insert((*path).to_owned(), text.to_owned());
                    fs::create_dir_all(place.parent().unwrap()).unwrap();
                    fs::write(place, text).unwrap();
                }
            }
        }
        let tree = self.tree("");
        self.time += 86_400;
        let parents: String = parents.iter().map(|id| format!("parent {id}\n")).collect();
        let time = self.time;
        let text = format!(
            "tree {tree}\n{parents}author Ada L <ada@example.org> {time} +0100\ncommitter C <c@example.org> {time} +0000\n\n{message}"
        );
        let id = self.store.write_buf(Kind::Commit, text.as_bytes()).unwrap();
        fs::create_dir_all(self.root.path().join(".git/refs/heads")).unwrap();
        fs::write(self.root.path().join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(
            self.root.path().join(".git/refs/heads/main"),
            format!("{id}\n"),
        )
        .unwrap();
        id
    }

    fn tree(&self, folder: &str) -> ObjectId {
        let mut entries: BTreeMap<Vec<u8>, (&str, ObjectId)> = BTreeMap::new();
        for (path, text) in &self.files {
            let Some(rest) = path.strip_prefix(folder) else {
                continue;
            };
            let (name, mode, id) = match rest.split_once('/') {
                Some((name, _)) => (name, "40000", self.tree(&format!("{folder}{name}/"))),
                None => {
                    let blob = self.store.write_buf(Kind::Blob, text.as_bytes());
                    (rest, "100644", blob.unwrap())
                }
            };
            entries.insert(name.as_bytes().to_vec(), (mode, id));
        }
        let mut bytes = Vec::new();
        for (name, (mode, id)) in entries {
            bytes.extend(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend(name);
            bytes.push(0);
            bytes.extend(id.as_bytes());
        }
        self.store.write_buf(Kind::Tree, &bytes).unwrap()
    }

    fn read(&self) -> History {
        History::read(self.root.path(), usize::MAX, &|| false)
    }
}

fn subjects(history: &History) -> Vec<&str> {
    history.commits().iter().map(Commit::subject).collect()
}

#[test]
fn messages_with_author_time_and_paths_newest_first() {
    let mut repository = Repository::new();
    let files = [
        ("src/a.rs", "a"),
        ("src/deep/b.rs", "b"),
        ("README.md", "r"),
    ];
    let first = repository.commit(&[], "Begin\n", &files);
    let second = repository.commit(
        &[first],
        "Keep the walrus\n\nIt swims.\n",
        &[("src/deep/b.rs", "c")],
    );
    let side = repository.commit(&[second], "Beside", &[("src/a.rs", "")]);
    repository.commit(&[second, side], "Merge it", &[("new.rs", "n")]);
    let history = repository.read();
    assert_eq!(subjects(&history), ["Beside", "Keep the walrus", "Begin"]);
    let walrus = &history.commits()[1];
    assert_eq!(walrus.message, "Keep the walrus\n\nIt swims.");
    assert_eq!((&*walrus.author, walrus.time), ("Ada L", 1_000_172_800));
    assert_eq!(walrus.paths, [Arc::from("src/deep/b.rs")]);
    let all: Vec<&str> = history.commits()[2].paths.iter().map(|p| &**p).collect();
    assert_eq!(all, ["README.md", "src/a.rs", "src/deep/b.rs"]);
    assert_eq!(
        history.last("src/deep/b.rs").unwrap().id,
        second.to_string()
    );
    assert_eq!(history.last("absent"), None);
    assert!(history.age("src/a.rs") < history.age("README.md"));
    assert!(history.is_of(repository.root.path(), 5));
    repository.commit(&[second], "More", &[("new.rs", "m")]);
    assert!(!history.is_of(repository.root.path(), 5));
}

#[test]
fn commits_answer_by_their_words_and_their_paths() {
    let mut repository = Repository::new();
    let mut parent = repository.commit(&[], "Begin here", &[("a.rs", "a")]);
    for (message, path) in [
        ("Cache: evict the oldest entry", "src/cache.rs"),
        ("Store: find users by their name", "src/store.rs"),
        ("Speak of the cache", "docs/use.md"),
    ] {
        parent = repository.commit(&[parent], message, &[(path, message)]);
    }
    let history = repository.read();
    let asked = |question: &str| -> Vec<&str> {
        let found = history.search(question, 9);
        found
            .into_iter()
            .map(|(commit, _)| commit.subject())
            .collect()
    };
    assert_eq!(
        asked("why is the oldest entry evicted"),
        ["Cache: evict the oldest entry"]
    );
    assert_eq!(asked("store.rs")[0], "Store: find users by their name");
    assert_eq!(asked("cache").len(), 2);
    assert!(asked("zebra crossing").is_empty());
    assert!(asked("cache zebra crossing").is_empty());
}

#[test]
fn a_sweep_over_everything_says_nothing_of_a_file() {
    let mut repository = Repository::new();
    let first = repository.commit(&[], "Begin", &[("a.rs", "a")]);
    let files: Vec<(String, String)> = (0..90)
        .map(|at| (format!("d{}/f{at}.rs", at % 3), "x".to_owned()))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (&**p, &**t)).collect();
    repository.commit(&[first], "Reformat", &files);
    let history = repository.read();
    assert_eq!(subjects(&history), ["Reformat", "Begin"]);
    assert!(history.commits()[0].paths.is_empty());
    assert_eq!(history.age("d0/f0.rs"), usize::MAX);
}

#[test]
fn a_history_that_is_cut_off_or_damaged_gives_what_there_is() {
    let mut repository = Repository::new();
    let gone = ObjectId::from_hex(b"0123456789012345678901234567890123456789").unwrap();
    let first = repository.commit(&[gone], "First that is here", &[("a.rs", "a")]);
    repository.commit(&[first], "Second", &[("a.rs", "b")]);
    let history = repository.read();
    assert_eq!(subjects(&history), ["Second", "First that is here"]);
    assert!(history.commits()[1].paths.is_empty());
    // A damaged tree: the commit is there, what it changed is not.
    let id = history.commits()[0].id.clone();
    let object = repository
        .root
        .path()
        .join(".git/objects")
        .join(&id[..2])
        .join(&id[2..]);
    let mut permissions = fs::metadata(&object).unwrap().permissions();
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "the file goes with the test"
    )]
    permissions.set_readonly(false);
    fs::set_permissions(&object, permissions).unwrap();
    fs::write(&object, b"no object at all").unwrap();
    assert!(repository.read().commits().is_empty());
}

#[test]
fn only_the_workspaces_own_repository_is_read() {
    let mut repository = Repository::new();
    let id = repository.commit(&[], "Secret of another", &[("a.rs", "a")]);
    let git = repository.root.path().join(".git");
    let reads = |root: &Path| History::read(root, 9, &|| false).commits().len();
    assert_eq!(reads(repository.root.path()), 1);
    let other = tempfile::tempdir().unwrap();
    // A file, or a link, in the place of the folder.
    fs::write(
        other.path().join(".git"),
        format!("gitdir: {}\n", git.display()),
    )
    .unwrap();
    assert_eq!(reads(other.path()), 0);
    #[cfg(unix)]
    {
        fs::remove_file(other.path().join(".git")).unwrap();
        std::os::unix::fs::symlink(&git, other.path().join(".git")).unwrap();
        assert_eq!(reads(other.path()), 0);
        fs::remove_file(other.path().join(".git")).unwrap();
    }
    // A list of other stores.
    let objects = other.path().join(".git/objects/info");
    fs::create_dir_all(&objects).unwrap();
    fs::write(
        objects.join("alternates"),
        git.join("objects").display().to_string(),
    )
    .unwrap();
    fs::write(other.path().join(".git/HEAD"), id.to_string()).unwrap();
    assert_eq!(reads(other.path()), 0);
    // A name that leads out.
    for head in [
        "ref: refs/../../a",
        "ref: /etc/passwd",
        "ref: heads/main",
        "zebra",
        "",
    ] {
        fs::write(git.join("HEAD"), head).unwrap();
        assert_eq!(reads(repository.root.path()), 0, "{head}");
    }
    fs::write(git.join("HEAD"), "ref: refs/heads/packed\n").unwrap();
    fs::write(
        git.join("packed-refs"),
        format!("# pack-refs with: peeled\n{id} refs/heads/packed\n"),
    )
    .unwrap();
    assert_eq!(reads(repository.root.path()), 1);
}
