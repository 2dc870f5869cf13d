//! What is found of a folder, and what never is, whoever made its names and texts.

use super::*;
use expect_test::{Expect, expect};

fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

/// An index in memory of all files but one that is excluded.
fn build(root: &Path) -> Workspace {
    let rules = Arc::new(|path: &Path| path.ends_with(".env"));
    let workspace = Workspace::open(root, None, None, rules).unwrap();
    refresh(&workspace);
    workspace
}

fn check(index: &Workspace, question: &str, expected: Expect) {
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
    assert!(refresh(&index).skipped.values().sum::<usize>() >= 3);
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
    assert_eq!(refresh(&index).skipped["no regular file"], 1);
    assert_eq!(refresh(&index).skipped["too long"], 1);
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
        let result = Workspace::open(refused, Some(root.path()), None, Arc::new(excluded));
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
