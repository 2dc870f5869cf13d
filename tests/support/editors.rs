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
    let (major, minor) = NEOVIM;
    let mut seen = String::new();
    for program in [PathBuf::from("nvim"), fetched("neovim").join("bin/nvim")] {
        let Some(version) = neovim_version(&program) else {
            continue;
        };
        if at_least(&version, NEOVIM) {
            return Ok(Editor { program, version });
        }
        seen += &format!("{} is {version}; ", program.display());
    }
    Err(format!(
        "{seen}no Neovim {major}.{minor} or newer on PATH; `cargo run -p foretoken-tests --bin fetch-editor neovim` obtains one where that is possible"
    ))
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

/// The version in the first line of `nvim --version`, such as `NVIM v0.12.4-dev+1`.
fn neovim_version(nvim: &Path) -> Option<String> {
    let output = program(nvim)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.lines().next()?.strip_prefix("NVIM v")?;
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
