//! Carries a plan out: each file as it will be is compared with the file as it is; what a user wrote stays
//! but for a block between two marks, and nothing that is there changes without a yes.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::plan::{Content, File, Plan};
use crate::cli::Failure;

/// Begin and end of our block, behind the comment sign of the file.
const BEGIN: &str = ">>> foretoken >>> written by `foretoken setup`; changes here are overwritten";
const END: &str = "<<< foretoken <<<";

/// Lines of a difference that are shown.
const SHOWN: usize = 60;
/// Lines around a difference.
const AROUND: usize = 2;

/// The text of a file; `None` where there is none that can be read.
pub(super) fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Writes all files of a plan. False where a change was not agreed to; then nothing is written at all.
///
/// # Errors
/// A file cannot be read or written, or holds one mark without the other.
pub(super) fn all(
    plan: &Plan,
    out: &mut dyn Write,
    agree: &mut dyn FnMut(&str) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let mut changes: Vec<(&Path, String)> = Vec::new();
    let mut differences = 0;
    for File { path, content } in &plan.files {
        let before = present(path)?;
        let after = applied(path, before.as_deref(), content)?;
        match before {
            Some(before) if before == after => {
                writeln!(out, "{} is up to date", path.display())?;
            }
            Some(before) => {
                differences += 1;
                write!(out, "{}", difference(path, &before, &after))?;
                changes.push((path, after));
            }
            None => changes.push((path, after)),
        }
    }
    if differences > 0 && !agree("Change what is there as shown?")? {
        writeln!(out, "Nothing was written.")?;
        return Ok(false);
    }
    for (path, text) in changes {
        write(path, &text).map_err(|error| at(path, &error))?;
        writeln!(out, "{} written", path.display())?;
    }
    Ok(true)
}

/// The present text. A file that is there and is no text is nothing that may be replaced.
fn present(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path, &error)),
    }
}

/// The text as it will be.
pub(super) fn applied(
    path: &Path,
    before: Option<&str>,
    content: &Content,
) -> Result<String, Failure> {
    let (comment, text) = match content {
        Content::Whole(text) => return Ok(text.clone()),
        Content::Block { comment, text } => (comment, text),
    };
    let (begin, end) = (format!("{comment} {BEGIN}"), format!("{comment} {END}"));
    let block = format!("{begin}\n{}\n{end}\n", text.trim_end());
    let Some(before) = before.filter(|before| !before.trim().is_empty()) else {
        return Ok(block);
    };
    let marks = |mark: &str| before.lines().filter(|line| *line == mark).count();
    match (marks(&begin), marks(&end)) {
        (0, 0) => {
            let gap = if before.ends_with('\n') { "\n" } else { "\n\n" };
            Ok(format!("{before}{gap}{block}"))
        }
        (1, 1) => {
            let lines: Vec<&str> = before.split_inclusive('\n').collect();
            let place = |mark: &str| lines.iter().position(|line| line.trim_end() == mark);
            match (place(&begin), place(&end)) {
                (Some(from), Some(to)) if from < to => {
                    let rest = lines[to + 1..].concat();
                    Ok(format!("{}{block}{rest}", lines[..from].concat()))
                }
                _ => Err(odd_marks(path)),
            }
        }
        _ => Err(odd_marks(path)),
    }
}

fn odd_marks(path: &Path) -> Failure {
    Failure(format!(
        "{} does not hold one pair of the marks of `foretoken setup`. Remove the lines with `foretoken >>>` and \
         `foretoken <<<` and what is ours between them, then run this again.",
        path.display()
    ))
}

/// The lines that go and come, with a few around them. Enough for texts that differ in one place.
fn difference(path: &Path, before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |a: &&(&&str, &&str)| a.0 == a.1;
    let head = old
        .iter()
        .zip(&new)
        .collect::<Vec<_>>()
        .iter()
        .take_while(same)
        .count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let mut text = format!("--- {}, as it is\n+++ as it will be\n", path.display());
    let from = head.saturating_sub(AROUND);
    let mut lines: Vec<String> = old[from..head]
        .iter()
        .map(|line| format!("  {line}"))
        .collect();
    lines.extend(
        old_rest[..old_rest.len() - tail]
            .iter()
            .map(|line| format!("- {line}")),
    );
    lines.extend(
        new_rest[..new_rest.len() - tail]
            .iter()
            .map(|line| format!("+ {line}")),
    );
    let behind = &old_rest[old_rest.len() - tail..];
    lines.extend(behind.iter().take(AROUND).map(|line| format!("  {line}")));
    for line in lines.iter().take(SHOWN) {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if lines.len() > SHOWN {
        let _ = writeln!(text, "… and {} lines more", lines.len() - SHOWN);
    }
    text
}

/// Replaces a file as a whole and keeps its mode. A link is followed, since settings are often links into
/// a folder under version control.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let path: PathBuf = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(folder)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let temporary = folder.join(format!(
        ".{}.{}",
        name.to_string_lossy(),
        std::process::id()
    ));
    let written = std::fs::write(&temporary, text).and_then(|()| {
        if let Ok(metadata) = std::fs::metadata(&path) {
            std::fs::set_permissions(&temporary, metadata.permissions())?;
        }
        std::fs::rename(&temporary, &path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn at(path: &Path, error: &io::Error) -> Failure {
    Failure(format!("{}: {error}.", path.display()))
}
