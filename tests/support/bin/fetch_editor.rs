//! `fetch-editor NAME`: obtains a real editor into `target/editors/NAME` for the end-to-end tests.
//! Neovim and Helix come from Debian (`debian`), VS Code and a browser for it from npm (`vscode`).

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks to its user"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use foretoken_tests::editors::{self, Editor};
use foretoken_tests::schema;

mod debian;
mod vscode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let obtain: fn() -> Result<Editor, String> = match arguments.as_slice() {
        [name] if name == "neovim" => || {
            obtain("neovim", editors::neovim, |to| {
                debian::fetch(debian::NEOVIM, to)
            })
        },
        [name] if name == "helix" => || {
            obtain("helix", editors::helix, |to| {
                debian::fetch(debian::HELIX, to)
            })
        },
        [name] if name == "prometheus" => || {
            obtain("prometheus", prometheus, |to| {
                debian::fetch_alone("prometheus", to)
            })
        },
        [name] if name == "protocol" => || obtain("protocol", protocol, vscode::fetch_protocol),
        [name] if name == "vscode" => || obtain("vscode", editors::vscode, |to| vscode::fetch(&to)),
        _ => {
            eprintln!("usage: fetch-editor neovim|helix|vscode|protocol|prometheus");
            return ExitCode::from(2);
        }
    };
    match obtain() {
        Ok(editor) => {
            println!("{} is there: {}", editor.version, editor.program.display());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{} cannot be obtained here: {why}", arguments[0]);
            ExitCode::FAILURE
        }
    }
}

/// The protocol's types, which are no editor and judge all of them.
fn protocol() -> Result<Editor, String> {
    let program = schema::folder()?;
    Ok(Editor {
        program,
        version: "3.18".to_owned(),
    })
}

/// Prometheus, which is no editor and reads what `foretoken stats` serves.
fn prometheus() -> Result<Editor, String> {
    let tools = foretoken_tests::prometheus::find()?;
    Ok(Editor {
        program: tools.server,
        version: tools.version,
    })
}

/// Finds the editor, else fetches it into its folder and finds it there.
fn obtain(
    name: &str,
    find: fn() -> Result<Editor, String>,
    fetch: fn(PathBuf) -> Result<(), String>,
) -> Result<Editor, String> {
    if let Ok(found) = find() {
        return Ok(found);
    }
    let folder = editors::fetched(name);
    println!("Fetching {name} into {}", folder.display());
    fetch(folder)?;
    find().map_err(|why| format!("what was fetched does not serve ({why})"))
}

/// Runs a tool to its end and returns what it printed. The error names the tool and its last words.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("`{name}` does not start ({error})"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = complaint
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(2)..].join("; ");
    Err(format!("`{name}` failed: {last}"))
}

pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| at(folder, &error))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| at(path, &error))
}

pub(crate) fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
