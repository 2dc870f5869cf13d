//! Programs of others that tests run against, each in a Python environment of its own below `target`.
//!
//! Every package comes by the hash in `tests/real/NAME.lock`, through pip as it is set up here. Nothing outside
//! `target` is touched; a second run does nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::process::root;

/// Where the environment of this name lies, or would.
#[must_use]
pub fn environment(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target
        .map_or_else(|| root().join("target"), PathBuf::from)
        .join(name)
}

/// Installs what the lock file of this name lists, and says so.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks to its user"
)]
#[must_use]
pub fn fetch(name: &str) -> ExitCode {
    match install(name) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{name} cannot be installed here: {why}");
            ExitCode::FAILURE
        }
    }
}

fn install(name: &str) -> Result<String, String> {
    let home = environment(name);
    let lock = root().join(format!("tests/real/{name}.lock"));
    let wanted = std::fs::read(&lock).map_err(|e| format!("{}: {e}", lock.display()))?;
    let installed = home.join("installed.lock");
    if std::fs::read(&installed).is_ok_and(|have| have == wanted) {
        return Ok(format!("{} is as the lock file says", home.display()));
    }
    run(
        Path::new("python3"),
        &["-m", "venv", "--clear", &home.to_string_lossy()],
    )?;
    let arguments = [
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--require-hashes",
        "-r",
    ];
    let mut arguments = arguments.to_vec();
    let lock = lock.to_string_lossy();
    arguments.push(&lock);
    run(&home.join("bin/python"), &arguments)?;
    std::fs::write(&installed, wanted).map_err(|e| format!("{}: {e}", installed.display()))?;
    Ok(format!("installed into {}", home.display()))
}

fn run(program: &Path, arguments: &[&str]) -> Result<(), String> {
    #[expect(clippy::disallowed_methods, reason = "pip is a program")]
    let status = Command::new(program).args(arguments).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", program.display())),
        Err(error) => Err(format!("{}: {error}", program.display())),
    }
}
