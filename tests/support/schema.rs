//! Every message of the server against the published types of the protocol (LSP 3.18), which the packages
//! of `tests/protocol` turn into a JSON schema. A Node process judges, one for all sessions of a test
//! binary. Where `fetch-editor protocol` was not run there is no judge, and the test `protocol` says so.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};

use crate::editors::{fetched, program};
use crate::process::root;
use crate::trace::{Entry, From};

/// The judge with its two ends.
struct Judge {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _process: Child,
}

/// What makes the schema, in `tests/protocol`.
pub const FILES: [&str; 5] = [
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "roots.ts",
    "check.mjs",
];

/// The folder with the schema and its checker.
///
/// # Errors
/// Where it is missing, or made from other files than these, with what to do.
pub fn folder() -> Result<PathBuf, String> {
    let folder = fetched("protocol");
    let same = |file: &str| {
        let read = |folder: &Path| std::fs::read(folder.join(file)).ok();
        read(&folder) == read(&root().join("tests/protocol"))
    };
    if folder.join("schema.json").exists() && FILES.iter().all(|file| same(file)) {
        Ok(folder)
    } else {
        Err("the protocol's types are not here, or not those of this source; `cargo run -p foretoken-tests --bin fetch-editor protocol` obtains them where that is possible".to_owned())
    }
}

/// What the server said, as pairs of a name in `tests/protocol/roots.ts` and a value.
#[must_use]
pub fn checks(entries: &[Entry]) -> Vec<(String, Value)> {
    let mut asked: HashMap<String, String> = HashMap::new();
    let mut found = Vec::new();
    for entry in entries {
        match (entry.from, entry.method(), entry.id()) {
            (From::Client, Some(method), Some(id)) => drop(asked.insert(id, method.to_owned())),
            (From::Client, ..) => {}
            (From::Server, Some(method), _) => {
                let params = entry.message.get("params").cloned().unwrap_or(Value::Null);
                found.push((format!("params {method}"), params));
            }
            (From::Server, None, id) => {
                if let Some(error) = entry.message.get("error") {
                    found.push(("error".to_owned(), error.clone()));
                } else if let Some(method) = id.and_then(|id| asked.get(&id)) {
                    let result = entry.message.get("result").cloned().unwrap_or(Value::Null);
                    found.push((format!("result {method}"), result));
                }
            }
        }
    }
    found
}

/// What of it is not as the types say, in words. Empty also where there is no judge.
#[must_use]
pub fn violations(entries: &[Entry]) -> Vec<String> {
    judge(&checks(entries)).unwrap_or_default()
}

/// The judgement on these pairs; `None` where there is no judge.
///
/// # Panics
/// When the judge does not answer.
#[must_use]
pub fn judge(checks: &[(String, Value)]) -> Option<Vec<String>> {
    static JUDGE: OnceLock<Option<Mutex<Judge>>> = OnceLock::new();
    let judge = JUDGE.get_or_init(|| start().map(Mutex::new)).as_ref()?;
    let mut judge = judge.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(judge.input, "{}", json!({"checks": checks})).expect("the judge listens");
    let mut line = String::new();
    judge
        .output
        .read_line(&mut line)
        .expect("the judge answers");
    let answer: Value =
        serde_json::from_str(&line).expect("the judge says what is wrong with itself on stderr");
    let problems = answer["problems"].as_array().expect("a list");
    Some(
        problems
            .iter()
            .filter_map(|problem| Some(format!("types: {}", problem.as_str()?)))
            .collect(),
    )
}

fn start() -> Option<Judge> {
    let folder = folder().ok()?;
    let mut process = program("node")
        .arg(folder.join("check.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    Some(Judge {
        input: process.stdin.take()?,
        output: BufReader::new(process.stdout.take()?),
        // It ends when its input does, with this process.
        _process: process,
    })
}
