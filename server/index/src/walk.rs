//! Which files of a workspace are read: ignore rules, and limits that hold whatever the rules say.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;

/// Longer files are data.
const LONGEST_FILE: u64 = 1 << 20;
/// More files than a person's workspace has.
const MOST_FILES: usize = 200_000;
/// More text, in bytes, than a person's workspace has.
const MOST_BYTES: u64 = 2 << 30;

/// Told while an index is built.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Files done.
    pub done: usize,
    /// Files to do in all.
    pub of: usize,
}

/// How many files were left out, by reason.
pub type Skipped = BTreeMap<&'static str, usize>;

/// The files below a root, in the order of their paths, and what was left out.
pub(crate) fn files(
    root: &Path,
    excluded: &(dyn Fn(&Path) -> bool + Sync),
    skipped: &mut Skipped,
) -> io::Result<Vec<PathBuf>> {
    below(root, excluded, skipped, |_| true)
}

/// Whether a walk would find this file, by the same rules; looks into the folders above it only.
pub(crate) fn finds(
    root: &Path,
    excluded: &(dyn Fn(&Path) -> bool + Sync),
    file: &Path,
) -> io::Result<bool> {
    let wanted = file.to_owned();
    let found = below(root, excluded, &mut Skipped::new(), move |path| {
        wanted.starts_with(path)
    })?;
    Ok(found.iter().any(|found| found == file))
}

/// A walk that enters only what `enters` says.
fn below(
    root: &Path,
    excluded: &(dyn Fn(&Path) -> bool + Sync),
    skipped: &mut Skipped,
    enters: impl Fn(&Path) -> bool + Send + Sync + 'static,
) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut bytes = 0;
    let walk = WalkBuilder::new(root)
        .follow_links(false)
        .same_file_system(true)
        .require_git(false)
        .hidden(false)
        .filter_entry(move |entry| {
            entry.depth() == 0 || !is_hidden(entry.file_name()) && enters(entry.path())
        })
        .sort_by_file_path(|a, b| a.cmp(b))
        .build();
    for entry in walk {
        let Ok(entry) = entry else {
            *skipped.entry("unreadable").or_default() += 1;
            continue;
        };
        let Some(kind) = entry.file_type().filter(|kind| !kind.is_dir()) else {
            continue;
        };
        if !kind.is_file() {
            *skipped.entry("no regular file").or_default() += 1;
        } else if excluded(entry.path()) {
            *skipped.entry("excluded").or_default() += 1;
        } else {
            // What is too long to be read is no text of the index.
            let length = entry.metadata().map_or(0, |metadata| metadata.len());
            bytes += Some(length).filter(|l| *l <= LONGEST_FILE).unwrap_or(0);
            found.push(entry.into_path());
            within(found.len(), bytes, root)?;
        }
    }
    Ok(found)
}

/// Whether so many files of so many bytes can be one workspace.
fn within(files: usize, bytes: u64, root: &Path) -> io::Result<()> {
    let more = if files > MOST_FILES {
        format!("{MOST_FILES} files")
    } else if bytes > MOST_BYTES {
        format!("{} GiB of text", MOST_BYTES >> 30)
    } else {
        return Ok(());
    };
    Err(io::Error::other(format!(
        "there are more than {more} below {}; exclude some folders",
        root.display()
    )))
}

/// Files that most tools do not show; a project's workflows are part of it all the same.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") && name != ".github"
}

/// Reads a file of a workspace, or says why not: by a word for what it is.
///
/// Every part of the path is opened from the folder before it, links are not followed, and the file is
/// looked at once it is open: nothing can be put in its place, or in its folder's, in between. A byte
/// order mark is left out.
pub fn read(root: &Path, relative: &Path) -> Result<String, &'static str> {
    let text = read_inside(root, relative, LONGEST_FILE)?;
    match refused(&text) {
        Some(reason) => Err(reason),
        None => Ok(text),
    }
}

/// The same for any file of a workspace that a feature looks into, up to so many bytes.
///
/// # Errors
/// A word: the path leaves the workspace or meets a link, or the file is none, too long, or no text.
pub fn read_inside(root: &Path, relative: &Path, longest: u64) -> Result<String, &'static str> {
    let file = open(root, relative).map_err(|_| "unreadable")?;
    let metadata = file.metadata().map_err(|_| "unreadable")?;
    if !metadata.is_file() || has_other_names(&metadata) {
        return Err("no regular file");
    }
    if metadata.len() > longest {
        return Err("too long");
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    // It may grow while it is read.
    file.take(longest + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| "unreadable")?;
    if bytes.len() as u64 > longest {
        return Err("too long");
    }
    if bytes[..bytes.len().min(8192)].contains(&0) {
        return Err("binary");
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|_| "binary")
}

/// Why a text is not indexed, wherever it was read.
pub(crate) fn refused(text: &str) -> Option<&'static str> {
    (text.len() as u64 > LONGEST_FILE).then_some("too long")
}

#[cfg(unix)]
fn open(root: &Path, relative: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, openat};
    let folder = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
    let mut parts = plain_parts(relative)?;
    let name = parts.pop().unwrap_or_default();
    let mut at = rustix::fs::open(root, folder, Mode::empty())?;
    for part in parts {
        at = openat(&at, part, folder | OFlags::NOFOLLOW, Mode::empty())?;
    }
    // Not waiting: a FIFO put in a file's place would hold us for ever.
    let file = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    Ok(File::from(openat(&at, name, file, Mode::empty())?))
}

#[cfg(not(unix))]
fn open(root: &Path, relative: &Path) -> io::Result<File> {
    let mut at = root.to_owned();
    for part in plain_parts(relative)? {
        at.push(part);
        if fs::symlink_metadata(&at)?.is_symlink() {
            return Err(io::Error::other("a link"));
        }
    }
    File::open(&at)
}

/// The names of a relative path that only goes down.
fn plain_parts(relative: &Path) -> io::Result<Vec<&OsStr>> {
    let name = |part| match part {
        Component::Normal(name) => Ok(name),
        _ => Err(io::Error::other("a path that leaves the workspace")),
    };
    relative.components().map(name).collect()
}

/// A hard link can bring a file in from anywhere on the disk.
#[cfg(unix)]
fn has_other_names(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.nlink() != 1
}

#[cfg(not(unix))]
fn has_other_names(_: &Metadata) -> bool {
    false
}

/// The root as it is, if it may be indexed: a folder, and neither the whole disk nor all of a home.
pub(crate) fn root(path: &Path, home: Option<&Path>) -> Result<PathBuf, String> {
    let root = fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let home = home.and_then(|home| fs::canonicalize(home).ok());
    if !root.is_dir() {
        Err(format!("{} is no folder", root.display()))
    } else if root.parent().is_none() || home.as_deref() == Some(&root) {
        Err(format!(
            "{} is no workspace; name the folder of a project",
            root.display()
        ))
    } else {
        Ok(root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_has_an_end() {
        let root = Path::new("/srv/work");
        assert!(within(MOST_FILES, MOST_BYTES, root).is_ok());
        let sentence = |files, bytes| within(files, bytes, root).unwrap_err().to_string();
        assert_eq!(
            sentence(MOST_FILES + 1, 0),
            "there are more than 200000 files below /srv/work; exclude some folders"
        );
        assert_eq!(
            sentence(1, MOST_BYTES + 1),
            "there are more than 2 GiB of text below /srv/work; exclude some folders"
        );
    }
}
