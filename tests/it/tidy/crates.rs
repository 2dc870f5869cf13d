//! Who may import whom, how many packages there are, and under which licences.

use std::collections::{BTreeMap, BTreeSet};

use foretoken_tests::process::{root, run_cargo};
use serde_json::Value;

use super::Figure;
use super::source::CRATES;

fn metadata(arguments: &[&str]) -> Value {
    let mut all = vec!["metadata", "--format-version", "1", "--locked"];
    all.extend(arguments);
    serde_json::from_str(&run_cargo(&all)).expect("cargo metadata prints JSON")
}

/// The arrows of the map: `grammars ← engine ← {index, infer, remote} ← lsp ← {tests, benches}`.
#[test]
fn crates_look_one_way() {
    let metadata = metadata(&["--no-deps"]);
    let rank: BTreeMap<&str, usize> = CRATES
        .iter()
        .enumerate()
        .map(|(at, (_, name))| (*name, at))
        .collect();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        rank.keys().copied().collect(),
        "a new crate needs a paragraph in ARCHITECTURE.md"
    );
    for package in packages {
        let name = package["name"].as_str().unwrap();
        assert_eq!(
            package["publish"],
            Value::Array(Vec::new()),
            "{name} is not published by accident"
        );
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            let Some(of) = rank.get(on) else { continue };
            assert!(*of < rank[name], "{name} must not import {on}");
        }
    }
}

/// Heavy dependencies have one home each.
#[test]
fn dependencies_stay_at_home() {
    let homes = [
        // The bench of bounds runs bare products through the same runtime, which no other crate offers.
        ("ort", &["foretoken-infer", "foretoken-benches"][..]),
        ("tokenizers", &["foretoken-infer"]),
        // The benches build other rankings beside ours from the same library.
        ("tantivy", &["foretoken-index", "foretoken-benches"]),
        ("ignore", &["foretoken-index", "foretoken-benches"]),
        ("reqwest", &["foretoken-remote"]),
        ("rustls", &["foretoken-remote"]),
        ("rusqlite", &["foretoken-remote"]),
        ("moka", &["foretoken-remote"]),
        ("keyring-core", &["foretoken-remote"]),
        ("tower-lsp-server", &["foretoken"]),
        ("tracing-subscriber", &["foretoken"]),
        ("dashmap", &["foretoken"]),
        ("clap", &["foretoken"]),
        ("anyhow", &["foretoken"]),
        (
            "tokio",
            &[
                "foretoken-infer",
                "foretoken-remote",
                "foretoken",
                "foretoken-tests",
                "foretoken-benches",
            ],
        ),
    ];
    let metadata = metadata(&["--no-deps"]);
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            if let Some((_, allowed)) = homes.iter().find(|(d, _)| *d == on) {
                assert!(allowed.contains(&name), "{name} must not depend on {on}");
            }
            assert!(
                !dependency["path"].is_null() || dependency["req"] != "*",
                "{name}: {on} has no version"
            );
        }
    }
}

/// Licences of everything that is built for this machine, against the list of `deny.toml`.
#[test]
fn licences_are_permissive() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = deny
        .split_once("allow = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .expect("deny.toml lists licences")
        .0;
    let allowed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    let host = run_rustc_host();
    let metadata = metadata(&["--filter-platform", &host]);
    let used: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n["id"].as_str().unwrap())
        .collect();
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        if !used.contains(package["id"].as_str().unwrap()) {
            continue;
        }
        let licence = package["license"].as_str().unwrap_or("none");
        if !permitted(licence, &allowed) {
            found.push(format!("{}: {licence}", package["name"]));
        }
    }
    assert!(
        found.is_empty(),
        "licences that deny.toml does not list: {found:?}"
    );
}

/// An SPDX expression, as far as crates use it: one side of each OR, every side of an AND.
fn permitted(licence: &str, allowed: &BTreeSet<&str>) -> bool {
    let flat = licence.replace('/', " OR ").replace(['(', ')'], " ");
    flat.split(" AND ")
        .all(|part| part.split(" OR ").any(|one| allowed.contains(one.trim())))
}

fn run_rustc_host() -> String {
    let text = run_cargo(&["version", "--verbose"]);
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("cargo names its host").to_owned()
}

/// Direct dependencies of each crate and all locked packages: they grow with a reason only.
pub(crate) fn figures() -> Vec<Figure> {
    let metadata = metadata(&["--no-deps"]);
    let direct = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let value = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|d| d["kind"].is_null())
                .count();
            Figure {
                measure: "direct dependencies",
                of: package["name"].as_str().unwrap().to_owned(),
                value,
                habit: 0,
                limit: 40,
            }
        });
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let locked = lock.matches("[[package]]").count();
    let locked = Figure {
        measure: "locked packages",
        of: "workspace".to_owned(),
        value: locked,
        habit: 0,
        limit: 480,
    };
    direct.chain([locked]).collect()
}
