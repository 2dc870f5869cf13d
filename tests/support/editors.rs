//! The real editors that the tests drive: found on this machine, never fetched by a test.
//! `cargo run -p foretoken-tests --bin fetch-editor` obtains one into `target/editors/`.
//!
//! A variable names the editors whose absence is a failure: `FORETOKEN_REQUIRE_EDITORS=neovim`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::root;

/// The first release of Neovim with inline completion.
const NEOVIM: (u32, u32) = (0, 12);

/// The Helix whose behaviour was measured.
const HELIX: (u32, u32) = (25, 7);

/// In the folder of the fetched VS Code: written when its browser has started once.
pub const BROWSER_STARTS: &str = "browser-starts";

/// What runs the fetched VS Code.
const NODE: (u32, u32) = (20, 0);

/// An editor that runs here and is new enough.
#[derive(Debug)]
pub struct Editor {
    /// What starts it, with the environment that it needs.
    pub program: PathBuf,
    /// As it says itself, such as `0.12.4`.
    pub version: String,
}

/// A Neovim with inline completion: the one on PATH, else the fetched one. The error is a sentence
/// that says which were seen and what to do.
///
/// # Errors
/// When there is none, or none that is new enough.
pub fn neovim() -> Result<Editor, String> {
    found("Neovim", "neovim", "nvim", ("NVIM v", NEOVIM))
}

/// A Helix of 25.07 or newer: the one on PATH, else the fetched one.
///
/// # Errors
/// When there is none, or none that is new enough, as a sentence.
pub fn helix() -> Result<Editor, String> {
    found("Helix", "helix", "hx", ("helix ", HELIX))
}

/// The program on PATH, else the fetched one, if it is new enough; `before` stands before its version.
fn found(
    name: &str,
    folder: &str,
    program: &str,
    (before, least): (&str, (u32, u32)),
) -> Result<Editor, String> {
    let mut seen = String::new();
    for program in [
        PathBuf::from(program),
        fetched(folder).join("bin").join(program),
    ] {
        let Some(version) = version_after(&program, before) else {
            continue;
        };
        if at_least(&version, least) {
            return Ok(Editor { program, version });
        }
        seen += &format!("{} is {version}; ", program.display());
    }
    let (major, minor) = least;
    Err(format!(
        "{seen}no {name} {major}.{minor:02} or newer on PATH; `cargo run -p foretoken-tests --bin fetch-editor {folder}` obtains one where that is possible"
    ))
}

/// The fetched VS Code with its browser and the tools that build our package. `program` is their folder.
///
/// # Errors
/// When they were not fetched, or Node is missing or too old, as a sentence.
pub fn vscode() -> Result<Editor, String> {
    let folder = fetched("vscode");
    let server = folder.join("node_modules/code-server/lib/vscode");
    let parts = [
        server.join("out/server-main.js"),
        server.join("node_modules"),
        folder.join(BROWSER_STARTS),
        root().join("editors/vscode/node_modules/esbuild/package.json"),
    ];
    if let Some(missing) = parts.iter().find(|part| !part.exists()) {
        return Err(format!(
            "{} is missing; `cargo run -p foretoken-tests --bin fetch-editor vscode` obtains it where that is possible",
            missing.display()
        ));
    }
    // A version without its `v`.
    let node = version_after(Path::new("node"), "v");
    if !node
        .as_deref()
        .is_some_and(|version| at_least(version, NODE))
    {
        return Err(format!("Node {} or newer is needed on PATH", NODE.0));
    }
    let manifest = std::fs::read_to_string(server.join("package.json")).unwrap_or_default();
    let version = serde_json::from_str::<serde_json::Value>(&manifest)
        .ok()
        .and_then(|manifest| manifest["version"].as_str().map(str::to_owned))
        .ok_or("the fetched VS Code does not say its version")?;
    Ok(Editor {
        program: folder,
        version,
    })
}

/// The folder of a fetched editor, whether it is there or not.
#[must_use]
pub fn fetched(editor: &str) -> PathBuf {
    root().join("target/editors").join(editor)
}

/// Whether the absence of this editor fails the tests.
#[must_use]
pub fn required(editor: &str) -> bool {
    std::env::var("FORETOKEN_REQUIRE_EDITORS")
        .is_ok_and(|names| names.split(',').any(|name| name.trim() == editor))
}

/// A command that starts an editor or one of the system's own tools.
#[expect(
    clippy::disallowed_methods,
    reason = "editors and the tools that obtain them are programs"
)]
#[must_use]
pub fn program(path: impl AsRef<OsStr>) -> Command {
    Command::new(path)
}

/// The version in the first line of `--version`, such as `0.12.4-dev+1` of `NVIM v0.12.4-dev+1`.
fn version_after(editor: &Path, before: &str) -> Option<String> {
    let output = program(editor)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.lines().next()?.strip_prefix(before)?;
    output.status.success().then(|| version.to_owned())
}

fn at_least(version: &str, (major, minor): (u32, u32)) -> bool {
    let mut numbers = version
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(a)), Some(Ok(b))) => (a, b) >= (major, minor),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for new in ["0.12.0", "0.12.4-dev+17", "0.100.1", "1.0.0"] {
            assert!(at_least(new, NEOVIM), "{new}");
        }
        for old in ["0.11.9", "0.9.5", "0.7.2", "0", "", "unknown"] {
            assert!(!at_least(old, NEOVIM), "{old}");
        }
    }
}
