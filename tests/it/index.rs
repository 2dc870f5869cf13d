//! `foretoken index` as a user starts it, and as an accident ends it: what lies on the disk answers as a
//! fresh index does, or is built anew.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use foretoken_index::{Work, Workspace};
use foretoken_tests::process::Home;
use serde_json::Value;

fn run(home: &Home, arguments: &[&str]) -> (i32, String, String) {
    let output = home.run(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("no signal ended it");
    (code, text(&output.stdout), text(&output.stderr))
}

fn index(home: &Home, arguments: &[&str]) -> Value {
    let all = [&["index", "--dir", "project", "--json"], arguments].concat();
    let (code, out, err) = run(home, &all);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

fn project() -> Home {
    let home = Home::default();
    home.write(
        "project/src/cache.rs",
        "pub fn evict_oldest(cache: &mut Cache) {\n    cache.entries.pop_front();\n}\n",
    );
    home.write(
        "project/README.md",
        "# Cache\n\nIt drops the oldest entry.\n",
    );
    home.write("project/.env", "EVICT_OLDEST=canary\n");
    home.write("project/blob.rs", "\0");
    home
}

#[test]
fn it_is_built_kept_searched_rebuilt_and_removed() {
    let home = project();
    let first = index(&home, &[]);
    assert_eq!((&first["files"], &first["read"]), (&2.into(), &3.into()));
    assert_eq!(first["complete"], true);
    assert_eq!(first["skipped"]["binary"], 1);
    assert!(first["diskBytes"].as_u64().unwrap() > 0);
    assert_eq!(index(&home, &[])["read"], 0);
    home.write("project/src/new.rs", "fn evict_newest() {}\n");
    let (code, out, err) = run(
        &home,
        &["search", "--dir", "project", "--why", "evict_newest"],
    );
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("src/new.rs:1"), "{out}");
    assert!(err.contains("1 files read anew"), "{err}");
    assert_eq!(index(&home, &[])["read"], 0);
    assert_eq!(index(&home, &["--rebuild"])["read"], 4);
    let folder = PathBuf::from(first["folder"].as_str().unwrap());
    assert!(folder.starts_with(home.path()) && folder.join("meta").exists());
    assert!(!home.path().join("project").join(".cache").exists());
    let (code, out, _) = run(&home, &["index", "--dir", "project", "--purge"]);
    assert_eq!(code, 0);
    assert!(out.contains("is removed"), "{out}");
    assert!(!folder.join("meta").exists());
}

#[test]
fn people_are_told_what_is_in_it() {
    let home = project();
    let (code, out, _) = run(&home, &["index", "--dir", "project"]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("2 files, 2 chunks, "), "{out}");
    assert!(
        lines[1].starts_with("3 files read, 0 removed, in "),
        "{out}"
    );
    assert!(lines.contains(&"left out, binary: 1"), "{out}");
    let (_, out, _) = run(&home, &["doctor"]);
    assert!(out.contains("of 1 workspaces"), "{out}");
}

#[test]
fn nothing_to_index_is_code_1_and_no_project_code_2() {
    let home = Home::default();
    std::fs::create_dir(home.path().join("project")).unwrap();
    let (code, _, err) = run(&home, &["index", "--dir", "project"]);
    assert_eq!(code, 1);
    assert!(err.contains("No file here can be indexed."), "{err}");
    for dir in ["/", "absent", "."] {
        let (code, out, _) = run(&home, &["index", "--dir", dir]);
        assert_eq!((code, out.as_str()), (2, ""), "{dir}");
    }
}

#[test]
fn switched_off_nothing_is_written_and_a_search_still_answers() {
    let home = project();
    home.write("project/.foretoken.toml", "[index]\nenabled = false\n");
    let (code, _, err) = run(&home, &["index", "--dir", "project"]);
    assert_eq!(code, 2);
    assert!(err.contains("index.enabled"), "{err}");
    let (code, ..) = run(&home, &["search", "--dir", "project", "evict_oldest"]);
    assert_eq!(code, 0);
    assert!(!home.path().join(".cache/foretoken/index").exists());
    std::fs::remove_file(home.path().join("project/.foretoken.toml")).unwrap();
    let (code, ..) = run(
        &home,
        &["search", "--dir", "project", "--no-index", "evict_oldest"],
    );
    assert_eq!(code, 0);
    assert!(!home.path().join(".cache/foretoken/index").exists());
}

#[test]
fn a_cache_that_cannot_be_written_is_said_and_a_search_still_answers() {
    let home = project();
    // Modes would not stop a test that runs as root.
    home.write(".cache/foretoken/index", "a file in the folder's place");
    let (code, _, err) = run(&home, &["index", "--dir", "project"]);
    assert_eq!(code, 2);
    assert!(err.contains("the index's folder cannot be used"), "{err}");
    let (code, out, _) = run(&home, &["search", "--dir", "project", "evict_oldest"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("src/cache.rs:1"), "{out}");
}

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

fn source(random: &mut Random) -> String {
    let function =
        |at: u64| format!("fn part_{at}(value: u32) -> u32 {{\n    value + {at}\n}}\n\n");
    let count = 1 + random.below(30);
    (0..count).map(|_| function(random.below(500))).collect()
}

/// Changes, makes, renames or removes some files.
fn edit(project: &Path, random: &mut Random) {
    for _ in 0..1 + random.below(40) {
        let mut path = || project.join(format!("d{}/f{}.rs", random.below(4), random.below(40)));
        let (path, other) = (path(), path());
        match random.below(5) {
            0 => drop(std::fs::remove_file(&path)),
            1 => drop(std::fs::rename(&path, other)),
            _ => std::fs::write(&path, source(random)).unwrap(),
        }
    }
}

fn open(root: &Path, cache: Option<&Path>) -> Workspace {
    Workspace::open(root, None, cache, Arc::new(|_: &Path| false)).unwrap()
}

fn refresh(workspace: &Workspace) {
    let work = Work {
        threads: 2,
        rebuild: false,
        told: &|_| {},
        stop: &|| false,
    };
    workspace.refresh(work).unwrap();
}

/// No hit twice, and none that is not what the file says there.
fn check_hits(workspace: &Workspace, question: &str) -> usize {
    let answer = workspace.search(question, 100, &|_| true).unwrap();
    let mut seen = HashSet::new();
    for hit in &answer.hits {
        let file = std::fs::read_to_string(workspace.root().join(&hit.path)).unwrap();
        let (start, end) = (hit.lines.start as usize, hit.lines.end as usize);
        let lines: String = file
            .split_inclusive('\n')
            .skip(start)
            .take(end - start)
            .collect();
        assert_eq!(hit.text, lines, "{}", hit.path);
        assert!(seen.insert((hit.path.clone(), start)), "{} twice", hit.path);
    }
    answer.hits.len()
}

/// `RUN_SLOW_TESTS=1` makes it two hundred times.
#[cfg(unix)]
#[test]
fn killed_at_any_moment_it_opens_and_ends_as_a_fresh_one() {
    let kills = match std::env::var_os("RUN_SLOW_TESTS") {
        Some(_) => 200,
        None => 20,
    };
    let home = Home::default();
    let root = home.path().join("project");
    let cache = home.path().join(".cache/foretoken");
    let mut random = Random(11);
    for at in 0..160 {
        home.write(
            &format!("project/d{}/f{}.rs", at / 40, at % 40),
            source(&mut random),
        );
    }
    let from = Instant::now();
    let folder = index(&home, &[])["folder"].as_str().unwrap().to_owned();
    let meta = || std::fs::read_to_string(Path::new(&folder).join("meta")).ok();
    let whole = from.elapsed().as_micros() as u64;
    let (mut cut, mut hits) = (0, 0);
    let (_never, wait) = mpsc::channel::<()>();
    for kill in 0..kills {
        edit(&root, &mut random);
        // One in four from nothing, one in four beside what is there.
        let option = random.below(4);
        if option == 0 {
            assert_eq!(run(&home, &["index", "--dir", "project", "--purge"]).0, 0);
        }
        let arguments = match option {
            1 => vec!["index", "--dir", "project", "--rebuild"],
            _ => vec!["index", "--dir", "project"],
        };
        let mut command = home.command(&arguments);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let _ = wait.recv_timeout(Duration::from_micros(random.below(whole + whole / 4)));
        child.kill().unwrap();
        cut += usize::from(!child.wait().unwrap().success());
        let before = meta();
        let workspace = open(&root, Some(&cache));
        // It was taken as it was: what cannot be opened would have been replaced.
        assert!(
            before.is_none() || meta() == before,
            "kill {kill}: it did not open"
        );
        hits += check_hits(&workspace, "part_7 value");
        assert!(!workspace.rows().contains(&"?".to_owned()), "kill {kill}");
        if kill % 4 == 3 || kill + 1 == kills {
            refresh(&workspace);
            let fresh = open(&root, None);
            refresh(&fresh);
            let (rows, wanted) = (workspace.rows(), fresh.rows());
            let others = rows.iter().find(|row| !wanted.contains(row));
            assert!(rows == wanted, "kill {kill}: {others:?} of {}", rows.len());
            assert!(check_hits(&workspace, "part_7 value") > 0);
        }
    }
    println!("{kills} kills, {cut} of them before the end; {hits} hits checked");
    assert!(cut * 4 > kills, "{cut} of {kills} came before the end");
}

/// Texts of a kind: functions about these words.
fn texts(home: &Home, words: [&str; 4]) {
    for number in 0..40 {
        let [a, b, c, d] = words;
        let text = format!(
            "/// {a} of the {b}.\npub fn {a}_{number}({b}: &mut {c}) -> {c} {{\n    {b}.{d}({number}).{a}()\n}}\n"
        );
        home.write(&format!("project/src/part{number}.rs"), &text);
    }
}

#[test]
fn thirty_indexings_of_one_project_are_quiet_and_other_texts_are_told() {
    let home = project();
    texts(&home, ["evict", "cache", "Entry", "pop"]);
    let look = |more: &[&str]| {
        let all = [&["index", "--dir", "project", "--drift"], more].concat();
        let (code, _, err) = run(&home, &all);
        (code, err)
    };
    let (code, err) = look(&[]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("the first look"), "{err}");
    for round in 0..30 {
        let (code, err) = look(&["--rebuild"]);
        assert_eq!(code, 0, "round {round}: {err}");
        assert!(err.contains("the texts are as they were on"), "{err}");
    }
    texts(&home, ["parse", "token", "Grammar", "shift"]);
    let (code, err) = look(&[]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("the texts are others than on"), "{err}");
}
