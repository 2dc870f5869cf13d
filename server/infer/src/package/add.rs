//! Putting a package that was looked at where the program keeps its own: a folder named by the
//! manifest's hash. The given folder stays untouched, and what is copied is hashed while it is, so that
//! an exchange after the inspection is noticed.

use std::fs;
use std::path::{Path, PathBuf};

use super::{MANIFEST, Manifest, PackageError, files, sha256};

/// Copies the files of `manifest` from `folder` into a folder of their own below `models`, with the
/// manifest beside them, and gives that folder. The same package twice is one folder.
///
/// # Errors
/// `Missing` where something cannot be read or written, `WrongHash` for a file that is not the one that
/// the manifest was written for. Nothing is left behind then, and what was there before stays.
pub fn add(folder: &Path, manifest: &Manifest, models: &Path) -> Result<PathBuf, PackageError> {
    let text = manifest.to_toml();
    let target = models.join(&sha256(text.as_bytes())[..16]);
    if target.join(MANIFEST).is_file() {
        return Ok(target);
    }
    let unfinished = models.join(format!(
        ".{}-{}",
        std::process::id(),
        &sha256(text.as_bytes())[..16]
    ));
    let done = copy_all(folder, manifest, &unfinished, &text).and_then(|()| {
        fs::rename(&unfinished, &target).map_err(|error| unwritable(&target, &error))
    });
    if done.is_err() {
        // What cannot be removed either is a dot folder that nobody reads.
        let _ = fs::remove_dir_all(&unfinished);
    }
    done.map(|()| target)
}

fn copy_all(
    folder: &Path,
    manifest: &Manifest,
    target: &Path,
    text: &str,
) -> Result<(), PackageError> {
    fs::create_dir_all(target).map_err(|error| unwritable(target, &error))?;
    for (name, expected) in &manifest.files {
        // First, since it refuses names that lead elsewhere.
        let opened = files::open(folder, name, u64::MAX)?;
        let path = target.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        }
        let found = opened.copy_to(&path)?;
        if found != *expected {
            return Err(PackageError::WrongHash { file: name.clone() });
        }
    }
    let path = target.join(MANIFEST);
    fs::write(&path, text).map_err(|error| unwritable(&path, &error))
}

pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> PackageError {
    PackageError::Missing {
        file: path.display().to_string(),
        reason: error.to_string(),
    }
}

/// Makes a folder of our own, below `models` and not seen as a package so far, the package: its files are
/// hashed, what the manifest does not name goes, and the folder gets its name. Nothing is copied.
///
/// # Errors
/// As [`add`]; the folder then stays where it is.
pub fn adopt(folder: &Path, manifest: &Manifest, models: &Path) -> Result<PathBuf, PackageError> {
    let text = manifest.to_toml();
    let target = models.join(&sha256(text.as_bytes())[..16]);
    if target.join(MANIFEST).is_file() {
        return Ok(target);
    }
    for (name, expected) in &manifest.files {
        if files::open(folder, name, u64::MAX)?.sha256()? != *expected {
            return Err(PackageError::WrongHash { file: name.clone() });
        }
    }
    for name in files::all(folder) {
        if !manifest.files.contains_key(&name) {
            let path = folder.join(name);
            fs::remove_file(&path).map_err(|error| unwritable(&path, &error))?;
        }
    }
    let path = folder.join(MANIFEST);
    fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
    fs::rename(folder, &target).map_err(|error| unwritable(&target, &error))?;
    Ok(target)
}
