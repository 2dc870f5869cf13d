//! Whether the workspaces' own files are still those that were read. They may appear or grow stricter at any
//! time, and not every editor tells of it; a *stamp* is what the system knows of a file without opening it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The files as they were found; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps(Arc<[(PathBuf, Stamp)]>);

/// A file that is missing or cannot be looked at has a stamp too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stamp {
    /// Length in bytes and the time of the last writing.
    written: Option<(u64, SystemTime)>,
    /// Device, inode and the time of the last change of any kind: a file put in the place of another one of
    /// the same age has others.
    identity: Option<(u64, u64, i64, i64)>,
}

impl Stamps {
    /// Looks at these files now.
    pub(super) fn of(files: impl IntoIterator<Item = PathBuf>) -> Stamps {
        let stamped = files.into_iter().map(|path| {
            let stamp = Stamp::of(&path);
            (path, stamp)
        });
        Stamps(stamped.collect())
    }

    /// Whether one of them has changed, appeared or gone since. Asks the disk, so not where somebody types.
    pub fn are_old(&self) -> bool {
        self.0.iter().any(|(path, then)| Stamp::of(path) != *then)
    }
}

impl Stamp {
    fn of(path: &Path) -> Stamp {
        match std::fs::metadata(path) {
            Ok(metadata) => Stamp {
                written: metadata.modified().ok().map(|time| (metadata.len(), time)),
                identity: identity(&metadata),
            },
            Err(_) => Stamp::default(),
        }
    }
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> Option<(u64, u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    Some((
        metadata.dev(),
        metadata.ino(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ))
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> Option<(u64, u64, i64, i64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_appears_changes_or_goes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".foretoken.toml");
        let look = || Stamps::of([path.clone()]);
        let missing = look();
        assert!(!missing.are_old());
        std::fs::write(&path, "a").unwrap();
        assert!(missing.are_old());
        let first = look();
        assert!(!first.are_old());
        // Of the same length and age, put in its place.
        let other = folder.path().join("other");
        std::fs::write(&other, "b").unwrap();
        let age = std::fs::metadata(&path).unwrap().modified().unwrap();
        let file = std::fs::File::options().write(true).open(&other).unwrap();
        file.set_modified(age).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(first.are_old(), cfg!(unix));
        let second = look();
        std::fs::remove_file(&path).unwrap();
        assert!(second.are_old());
        assert!(!Stamps::default().are_old());
    }
}
