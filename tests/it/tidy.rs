//! The rules of this house that a machine can check. What no test checks is taste.
//!
//! Figures past their habit stand in `tidy.csv` and may only shrink; figures past their limit fail.
//! `UPDATE_TIDY=1 cargo test -p foretoken-tests tidy` writes the CSV anew: its diff is the reason that a
//! change has to give.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use foretoken_tests::process::root;

mod absences;
mod crates;
mod sizes;
pub(crate) mod source;

/// A figure of the code with its habit and its limit; all of them shrink or grow downwards.
pub(crate) struct Figure {
    /// `file`, `function`, `parameters`, …
    pub(crate) measure: &'static str,
    /// A file, a function, a crate.
    pub(crate) of: String,
    pub(crate) value: usize,
    pub(crate) habit: usize,
    pub(crate) limit: usize,
}

fn csv_path() -> std::path::PathBuf {
    root().join("tests/it/tidy.csv")
}

fn committed() -> BTreeMap<(String, String), usize> {
    let text = std::fs::read_to_string(csv_path()).unwrap_or_default();
    let rows = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let [measure, of, value] = fields.as_slice() else {
            panic!("tidy.csv: not three fields: {line}")
        };
        let value = value
            .parse()
            .unwrap_or_else(|_| panic!("tidy.csv: no number: {line}"));
        ((measure.to_string(), of.to_string()), value)
    });
    rows.collect()
}

#[test]
fn figures_keep_their_habits() {
    let sources = source::all();
    let mut figures = sizes::figures(&sources);
    figures.extend(crates::figures());
    let past: Vec<&Figure> = figures.iter().filter(|f| f.value > f.habit).collect();
    if std::env::var_os("UPDATE_TIDY").is_some() {
        let mut rows: Vec<String> = past
            .iter()
            .map(|f| format!("{},{},{}\n", f.measure, f.of, f.value))
            .collect();
        rows.sort();
        std::fs::write(csv_path(), format!("measure,of,value\n{}", rows.concat())).unwrap();
    }
    let committed = committed();
    let mut found = String::new();
    for Figure {
        measure,
        of,
        value,
        habit,
        limit,
    } in past
    {
        match committed.get(&(measure.to_string(), of.clone())) {
            _ if value > limit => writeln!(found, "{measure} of {of}: {value}, the limit is {limit}"),
            None => writeln!(found, "{measure} of {of}: {value}, the habit is {habit} (make it smaller, or UPDATE_TIDY=1 with a reason)"),
            Some(before) if value > before => writeln!(found, "{measure} of {of}: {value}, it was {before} and may only shrink"),
            Some(_) => Ok(()),
        }
        .unwrap();
    }
    assert!(found.is_empty(), "\n{found}");
}

#[test]
fn every_file_says_what_it_is() {
    let mut found = Vec::new();
    for source in source::all() {
        if !source.text.starts_with("//!") {
            found.push(format!("{}: the first line is no //! header", source.path));
        }
        let name = Path::new(&source.path)
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or_default();
        if [
            "mod", "utils", "util", "common", "helpers", "manager", "service", "misc",
        ]
        .contains(&name)
        {
            found.push(format!("{}: {name} is no name for a module", source.path));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_top_level_is_as_the_map_says() {
    let expected = [
        ".ci",
        ".github",
        ".gitignore",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "benches",
        "clippy.toml",
        "deny.toml",
        "editors",
        "grammars",
        "models",
        "server",
        "tests",
        "training",
    ];
    // Not ours: the history, build output, and what tools leave beside the sources.
    let ignored = [
        ".git",
        "target",
        ".venv",
        "venv",
        "node_modules",
        ".idea",
        ".vscode",
        ".direnv",
    ];
    let mut found: Vec<String> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !ignored.contains(&name.as_str()))
        .collect();
    found.sort();
    assert_eq!(
        found, expected,
        "a new name at the top needs a line in ARCHITECTURE.md and one here"
    );
}

#[test]
fn the_map_stays_a_map() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(
        map.lines().count() <= 250,
        "ARCHITECTURE.md has {} lines",
        map.lines().count()
    );
    let folders = [
        "grammars",
        "server/engine",
        "server/index",
        "server/infer",
        "server/lsp",
        "tests",
        "benches",
        "editors",
        "training",
        "models",
    ];
    for folder in folders {
        assert!(
            map.contains(&format!("`{folder}")),
            "ARCHITECTURE.md does not name {folder}"
        );
    }
}

#[test]
fn models_stay_small_enough_for_a_history() {
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, meta) = (entry.path(), entry.metadata().unwrap());
            if meta.is_dir() {
                walk(&path, found);
            } else if meta.len() > 45_000_000 {
                found.push(format!("{}: {} bytes", path.display(), meta.len()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("models"), &mut found);
    assert!(
        found.is_empty(),
        "a model file stays under 45 MB: {found:?}"
    );
}
