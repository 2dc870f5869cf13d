//! Files that a command is about, as an editor would open them: their path, their project, their text.

use std::path::{Component, Path, PathBuf};

use foretoken_engine::document::Document;
use foretoken_grammars::Language;

use super::Failure;
use crate::config::layers::WORKSPACE_FILE;
use crate::state::shown_path;

/// Largest file that is read, bytes. The pipelines decline far smaller ones, with their own reason.
const LARGEST: u64 = 512 * 1024 * 1024;

/// The path as an editor would name it: absolute, and without `..`, which an editor takes by its text
/// as well.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure(format!("{} is no path: {error}.", path.display())))?;
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    Ok(plain)
}

/// The folder that an editor would open for this file.
pub(super) fn project_of(file: &Path) -> PathBuf {
    let marked = |folder: &&Path| {
        [".git", WORKSPACE_FILE]
            .iter()
            .any(|marker| folder.join(marker).exists())
    };
    match file.ancestors().skip(1).find(marked) {
        Some(folder) => folder.to_owned(),
        None => std::env::current_dir().unwrap_or_default(),
    }
}

/// A file's text as a document that is parsed. It carries the path that the language server would give it,
/// so that the prompt is the same.
pub(super) fn read(name: &str, path: &Path, root: &Path) -> Result<Document, Failure> {
    let unreadable = |error| Failure(format!("{name} cannot be read: {error}."));
    let metadata = std::fs::metadata(name).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Failure(format!("{name} is not a file.")));
    }
    if metadata.len() > LARGEST {
        return Err(Failure(format!("{name} is too large to be source code.")));
    }
    let bytes = std::fs::read(name).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure(format!(
            "{name} is not UTF-8 text (byte {at} is none); convert it first."
        ))
    })?;
    let shown = shown_path(path, &[root.to_owned()]);
    let mut document = Document::open(&shown, Language::detect("", &shown), 0, &text);
    // The server parses a large file beside its loop; here nothing waits.
    document.reparse(&mut || false);
    Ok(document)
}
