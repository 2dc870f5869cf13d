//! Commits beside the files: who may see which, and what they say about the order of a walk.

use super::*;
use crate::history::tests::Repository;

fn open(repository: &Repository, rules: Rules) -> Workspace {
    Workspace::open(repository.root.path(), None, None, rules).unwrap()
}

#[test]
fn a_commit_shows_no_excluded_path_and_none_of_those_alone() {
    let mut repository = Repository::new();
    let first = repository.commit(&[], "Begin", &[("a.rs", "fn a() {}\n")]);
    let both = repository.commit(
        &[first],
        "Turn the walrus key",
        &[("a.rs", "fn b() {}\n"), ("k.pem", "k")],
    );
    repository.commit(&[both], "Renew the walrus key", &[("k.pem", "l")]);
    let workspace = open(&repository, Arc::new(excluded));
    assert!(workspace.commits("walrus key", 9).is_empty());
    workspace.read_history(&|| false);
    let found = workspace.commits("walrus key", 9);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].subject(), "Turn the walrus key");
    assert_eq!(found[0].paths, [Arc::from("a.rs")]);
    assert_eq!(workspace.last_change("a.rs").unwrap().id, both.to_string());
}

#[test]
fn what_is_open_and_what_was_changed_lately_is_read_first() {
    let mut repository = Repository::new();
    let files: Vec<(String, String)> = (0..30)
        .map(|at| (format!("f{at:02}.rs"), format!("fn number_{at}() {{}}\n")))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (&**p, &**t)).collect();
    let mut parent = repository.commit(&[], "Begin", &files);
    for file in ["f17.rs", "f23.rs"] {
        parent = repository.commit(&[parent], "Change", &[(file, "fn walrus() {}\n")]);
    }
    let workspace = open(&repository, Arc::new(|_: &Path| false));
    workspace.changed(&workspace.root().join("f29.rs"), "fn open() {}\n", None);
    let asked = AtomicUsize::new(0);
    let work = Work {
        threads: 1,
        rebuild: false,
        told: &|_| {},
        stop: &|| asked.fetch_add(1, Ordering::Relaxed) > 6,
    };
    assert!(workspace.refresh(work).unwrap().stopped);
    let read: Vec<String> = workspace
        .seen()
        .view
        .paths
        .keys()
        .map(|p| p.to_string())
        .collect();
    for file in ["f29.rs", "f23.rs", "f17.rs"] {
        assert!(read.contains(&file.to_owned()), "{file}: {read:?}");
    }
    assert!(read.len() < 10, "{read:?}");
}
