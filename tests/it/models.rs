//! Models that a user brings: looked at, tried, copied, used, checked and removed by the built program. The packages are tiny exports
//! with random weights (`tests/models`), so what they suggest means nothing; that they run is the point.

use std::path::{Path, PathBuf};

use foretoken_tests::process::{Home, library, root, skip};
use serde_json::Value;

mod swap;

fn package(name: &str) -> PathBuf {
    root().join("tests/models").join(name)
}

fn models(home: &Home, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = home.run(&[&["models"], arguments].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The list by name: id, and whether it is in use.
fn listed(home: &Home) -> Vec<(String, String, bool)> {
    let (code, out, err) = models(home, &["list", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let rows = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.map(|row| (text(&row["name"]), text(&row["id"]), row["used"] == true))
        .collect()
}

fn add(home: &Home, name: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let folder = package(name);
    let folder = folder.to_str().unwrap();
    models(home, &[&["add", folder], more].concat())
}

#[test]
fn a_model_is_added_used_checked_and_removed() {
    if library().is_none() {
        return skip("there is no ONNX Runtime");
    }
    let home = Home::default();
    let (code, out, err) = add(&home, "qwen-a", &["--name", "mine", "--default"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("asked in   qwen"), "{out}");
    let all = listed(&home);
    let (_, id, used) = all.iter().find(|(name, ..)| name == "mine").unwrap();
    assert!(used, "{all:?}");
    assert!(
        all.iter().any(|(_, id, used)| id == "embedded" && !used),
        "{all:?}"
    );

    // The same once more is the same.
    assert_eq!(add(&home, "qwen-a", &["--name", "mine"]).0, Some(0));
    assert_eq!(listed(&home).len(), 2);

    home.write(
        "a.py",
        "def total(rows):\n    return sum(rows)\n\n\ndef mean(rows):\n    return \n",
    );
    let output = home.run(&["complete", "a.py:6:12", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let model = report["model"].as_str().unwrap_or_default();
    assert!(model.starts_with("mine"), "{report}");
    assert!(
        report["tokens"]["generated"].as_u64().unwrap() > 0,
        "{report}"
    );

    let (code, out, err) = models(&home, &["bench", "mine", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let bench: Value = serde_json::from_str(&out).unwrap();
    assert!(
        bench["decodeTokensPerSecond"].as_f64().unwrap() > 0.0,
        "{bench}"
    );
    assert_eq!(bench["asked"], 36, "{bench}");

    assert_eq!(models(&home, &["verify"]).0, Some(0));
    let copy = home.path().join(".local/share/foretoken/models").join(id);
    flip(&copy.join("model.onnx"));
    let (code, out, _) = models(&home, &["verify", "mine"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(
        out.contains("is not the file that the package's manifest was written for"),
        "{out}"
    );
    // What was changed on the disk does not answer.
    let output = home.run(&["complete", "a.py:6:12", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["model"], Value::Null, "{report}");

    assert_eq!(models(&home, &["remove", "mine"]).0, Some(0));
    let all = listed(&home);
    assert!(
        matches!(&all[..], [(_, id, true)] if id == "embedded"),
        "{all:?}"
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_a_sentence_and_leaves_nothing() {
    let home = Home::default();
    let empty = home.write("empty/readme.txt", "no model");
    for (folder, words) in [
        (home.path().join("nowhere"), "nowhere"),
        (empty.parent().unwrap().to_owned(), ""),
    ] {
        let (code, out, err) = models(&home, &["add", folder.to_str().unwrap()]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(
            err.starts_with("foretoken: ") && err.contains(words),
            "{err}"
        );
    }
    let (code, _, err) = add(&home, "qwen-a", &["--fim", "klingon"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("No dialect is called"), "{err}");
    let (code, _, err) = add(&home, "qwen-a", &["--name", "embedded"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("cannot be a model's name"), "{err}");
    let (code, _, err) = models(&home, &["default", "none"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("No model was added so far"), "{err}");
    assert!(!home.path().join(".local/share/foretoken/models").exists());
}

#[test]
fn a_look_runs_and_copies_nothing() {
    let home = Home::default();
    for name in [
        "starcoder-a",
        "codellama-b",
        "mellum-c",
        "deepseek-d",
        "qwen-e",
    ] {
        let (code, out, err) = add(&home, name, &["--dry-run"]);
        assert_eq!(code, Some(0), "{name}: {err}");
        let dialect = name.split('-').next().unwrap();
        assert!(
            out.contains(&format!("asked in   {dialect}")),
            "{name}: {out}"
        );
    }
    assert!(!home.path().join(".local/share/foretoken/models").exists());
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
