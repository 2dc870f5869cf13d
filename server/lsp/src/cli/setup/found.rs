//! The editors on PATH, for `foretoken doctor`: looked for by name, never started.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Programs with what they belong to and the argument of `foretoken setup`.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("code", "VS Code", "vscode"),
    ("code-insiders", "VS Code Insiders", "vscode"),
    ("codium", "VSCodium", "vscode"),
    ("code-server", "code-server", "vscode"),
    ("nvim", "Neovim", "neovim"),
    ("hx", "Helix", "helix"),
    ("helix", "Helix", "helix"),
    ("idea", "IntelliJ IDEA", "jetbrains"),
    ("pycharm", "PyCharm", "jetbrains"),
    ("webstorm", "WebStorm", "jetbrains"),
    ("goland", "GoLand", "jetbrains"),
    ("clion", "CLion", "jetbrains"),
    ("rustrover", "RustRover", "jetbrains"),
    ("emacs", "Emacs", "emacs"),
    ("zed", "Zed", "zed"),
    ("zeditor", "Zed", "zed"),
    ("subl", "Sublime Text", "sublime"),
    ("kak", "Kakoune", "kakoune"),
];

/// An editor that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Found {
    pub(in crate::cli) name: &'static str,
    /// What `foretoken setup` calls it.
    pub(in crate::cli) argument: &'static str,
    pub(in crate::cli) program: PathBuf,
}

/// The editors in the folders of this PATH, in the order of the table; the first program of each name.
pub(in crate::cli) fn on(path: &OsStr) -> Vec<Found> {
    let folders: Vec<PathBuf> = std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .collect();
    let mut found: Vec<Found> = Vec::new();
    for &(program, name, argument) in PROGRAMS {
        let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        let place = folders
            .iter()
            .map(|folder| folder.join(&file))
            .find(|path| runs(path));
        if let Some(program) = place.filter(|_| !found.iter().any(|other| other.name == name)) {
            found.push(Found {
                name,
                argument,
                program,
            });
        }
    }
    found
}

fn runs(path: &Path) -> bool {
    #[cfg(unix)]
    let executable = |metadata: &std::fs::Metadata| {
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
    };
    #[cfg(not(unix))]
    let executable = |_: &std::fs::Metadata| true;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && executable(&metadata))
}
