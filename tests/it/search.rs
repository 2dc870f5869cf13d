//! `foretoken search` as a user starts it: exit codes, streams, and what must never show.

use std::process::Output;

use foretoken_tests::process::{Home, library, program, root, skip};
use serde_json::Value;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn search(home: &Home, arguments: &[&str]) -> (i32, String, String) {
    let output: Output = home.run(&[&["search"], arguments].concat());
    let code = output.status.code().expect("no signal ended it");
    (code, text(&output.stdout), text(&output.stderr))
}

fn project() -> Home {
    let home = Home::default();
    home.write("project/src/cache.rs", "/// Drops the oldest entry.\npub fn evict_oldest(cache: &mut Cache) {\n    cache.entries.pop_front();\n}\n");
    home.write(
        "project/src/main.rs",
        "fn main() {\n    let mut cache = Cache::new();\n    evict_oldest(&mut cache);\n}\n",
    );
    home.write("project/.env", "EVICT_OLDEST=canary\n");
    for secret in [
        "server.pem",
        "SERVER.KEY",
        "Secrets.yaml",
        "terraform.tfvars",
        ".npmrc",
        "deploy/secrets/db.txt",
        "home/.AWS/config",
    ] {
        home.write(&format!("project/{secret}"), "evict oldest entry canary\n");
    }
    home.write(
        "other/src/lib.rs",
        "fn evict_newest() { let canary = 1; }\n",
    );
    home
}

#[test]
fn a_question_finds_its_code() {
    let home = project();
    let (code, out, err) = search(
        &home,
        &["--dir", "project", "--json", "evict", "oldest", "entry"],
    );
    assert_eq!(code, 0, "{err}");
    let first: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(first["path"], "src/cache.rs");
    assert_eq!(first["line"], 1);
    assert_eq!(first["name"], "evict_oldest");
    assert!(first["text"].as_str().unwrap().contains("pop_front"));
    assert!(!out.contains("canary"), "{out}");
}

#[test]
fn a_hit_tells_who_changed_its_file_and_when() {
    let home = project();
    let first = || {
        let (_, out, _) = search(&home, &["--dir", "project", "--json", "evict_oldest"]);
        serde_json::from_str::<Value>(out.lines().next().unwrap()).unwrap()
    };
    let before = first();
    assert_eq!(
        (&before["owner"], &before["updated"]),
        (&Value::Null, &Value::Null)
    );
    for arguments in [
        &["init", "-q"][..],
        &["add", "src"],
        &[
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=a@b.c",
            "commit",
            "-qm",
            "x",
        ],
    ] {
        let git = program("git")
            .args(arguments)
            .current_dir(home.path().join("project"))
            .env("GIT_AUTHOR_DATE", "2020-02-29T12:00:00Z")
            .env("GIT_COMMITTER_DATE", "2020-02-29T12:00:00Z")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .status()
            .unwrap();
        assert!(git.success());
    }
    let after = first();
    assert_eq!(
        (&after["owner"], &after["updated"]),
        (&"Ada".into(), &"2020-02-29".into())
    );
}

#[test]
fn nothing_found_is_code_1_and_a_reason() {
    let home = project();
    let (code, out, err) = search(&home, &["--dir", "project", "zebra", "crossing"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("No file holds these words."), "{err}");
    let (code, ..) = search(
        &home,
        &["--dir", "project", "--language", "python", "evict_oldest"],
    );
    assert_eq!(code, 1);
}

#[test]
fn no_folder_and_no_project_are_code_2() {
    let home = project();
    for dir in ["/", "absent", "."] {
        let (code, out, err) = search(&home, &["--dir", dir, "evict"]);
        assert_eq!((code, out.as_str()), (2, ""), "{dir}: {err}");
        assert!(err.starts_with("foretoken: "), "{err}");
    }
    let (code, _, err) = search(&home, &["--language", "klingon", "evict"]);
    assert_eq!(code, 2);
    assert!(err.contains("klingon"), "{err}");
}

#[test]
fn why_says_what_was_left_out() {
    let home = project();
    let (code, out, err) = search(&home, &["--dir", "project", "--why", "evict_oldest"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("definition × 2.1"), "{out}");
    assert!(err.contains("2 files"), "{err}");
}

#[test]
fn a_users_embedder_finds_what_means_the_same() {
    if library().is_none() {
        return skip("there is no ONNX Runtime here");
    }
    let home = Home::default();
    for (path, text) in [
        ("a.rs", "fn paint_stream() {\n    paint(stream);\n}\n"),
        ("b.rs", "fn stop_stream() {\n    stop(stream);\n}\n"),
    ] {
        home.write(&format!("project/{path}"), text);
    }
    let package = root().join("server/infer/tests/encoders/embed");
    let package = package.to_str().unwrap();
    let question = ["--dir", "project", "--why", "close", "the", "stream"];
    let (code, ..) = search(&home, &question);
    assert_eq!(code, 1);
    let with = [&["--embedder", package][..], &question].concat();
    let (code, out, err) = search(&home, &with);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("b.rs:1") && !out.contains("a.rs"), "{out}");
    assert!(out.contains("vector 1.00, "), "{out}");
    // The same by the user's settings, and its vectors stay beside the index; one that cannot be used is
    // left out there.
    let configured = |path: &str| {
        let text = format!("[index]\nembedder = {path:?}\n");
        home.write(".config/foretoken/config.toml", text);
        search(&home, &question)
    };
    let (code, out, err) = configured(package);
    assert!(code == 0 && out.starts_with("b.rs:1"), "{out}{err}");
    let folder = |name: &str| {
        let indexes = std::fs::read_dir(home.path().join(".cache/foretoken/index")).unwrap();
        let mut found = indexes.map(|index| index.unwrap().path().join(name));
        found.find(|path| path.exists())
    };
    let kept = std::fs::metadata(folder("vectors").unwrap()).unwrap().len();
    assert!(kept > 52, "{kept}");
    assert_eq!(configured(package).0, 0);
    let again = std::fs::metadata(folder("vectors").unwrap()).unwrap().len();
    assert_eq!(again, kept);
    assert_eq!(configured("absent").0, 1);
    std::fs::remove_file(home.path().join(".config/foretoken/config.toml")).unwrap();
    // One for another purpose is refused with its reason, and so is none at all.
    for (path, reason) in [("../rerank", "a package for \"rerank\""), ("..", "lacks")] {
        let path = format!("{package}/{path}");
        let with = [&["--embedder", path.as_str()][..], &question].concat();
        let (code, _, err) = search(&home, &with);
        assert_eq!(code, 2);
        assert!(err.contains(reason), "{err}");
    }
}

#[test]
fn a_users_reranker_orders_the_hits() {
    if library().is_none() {
        return skip("there is no ONNX Runtime here");
    }
    let home = Home::default();
    for (path, text) in [
        ("a.rs", "fn draw() {\n    draw(shared, stream);\n}\n"),
        ("b.rs", "fn stop() {\n    stop(shared, stream);\n}\n"),
    ] {
        home.write(&format!("project/{path}"), text);
    }
    let question = ["--dir", "project", "close", "the", "shared", "stream"];
    let first = |arguments: &[&str]| {
        let (code, out, err) = search(&home, arguments);
        assert_eq!(code, 0, "{err}");
        out.split(':').next().unwrap().to_owned()
    };
    assert_eq!(first(&question), "a.rs");
    let package = root().join("server/infer/tests/encoders/rerank");
    let with = [&["--reranker", package.to_str().unwrap()][..], &question].concat();
    assert_eq!(first(&with), "b.rs");
}
