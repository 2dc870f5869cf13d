//! Files of a package's folder: plain files only, within their limits, and none that leads out of the
//! folder. What is checked is what is used: a file is opened once, and size, hash and content all come
//! from that handle, so that an exchange between check and use changes nothing.

use std::fs::{self, File, Metadata};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::PackageError;

/// A file that was opened and checked.
#[derive(Debug)]
pub(super) struct Opened {
    /// As the package names it.
    name: String,
    file: File,
    /// Its bytes when it was opened.
    pub(super) bytes: u64,
}

/// Opens `name` of `folder`, a relative path of plain parts.
///
/// # Errors
/// `Missing`; `Forbidden` for a name or link that leads out of the folder; `Unreadable` for what is no
/// plain file; `TooLarge` beyond `limit` bytes.
pub(super) fn open(folder: &Path, name: &str, limit: u64) -> Result<Opened, PackageError> {
    let whole = folder.join(name);
    let missing = |error: std::io::Error| PackageError::Missing {
        file: whole.display().to_string(),
        reason: error.to_string(),
    };
    check_inside(name)?;
    let folder = fs::canonicalize(folder).map_err(missing)?;
    let path = fs::canonicalize(folder.join(name)).map_err(missing)?;
    if !path.starts_with(&folder) {
        return Err(PackageError::Forbidden {
            what: format!(
                "{name} is a link to a place outside of its folder; where you trust it, copy the folder \
                 with `cp -rL`, which puts the file itself there"
            ),
        });
    }
    // Before it is opened: opening a pipe that nobody writes to would wait for ever.
    check_plain(name, &fs::metadata(&path).map_err(missing)?, limit)?;
    let file = File::open(&path).map_err(missing)?;
    let meta = file.metadata().map_err(missing)?;
    // Again, of what is open now.
    check_plain(name, &meta, limit)?;
    Ok(Opened {
        name: name.into(),
        bytes: meta.len(),
        file,
    })
}

/// Whether a name leads to a place inside the folder, links aside.
///
/// # Errors
/// `Forbidden`.
pub(super) fn check_inside(name: &str) -> Result<(), PackageError> {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
    match !name.is_empty() && !name.contains('\\') && Path::new(name).components().all(inside) {
        true => Ok(()),
        false => Err(PackageError::Forbidden {
            what: format!("it names a file outside its own folder ({name:?})"),
        }),
    }
}

fn check_plain(name: &str, meta: &Metadata, limit: u64) -> Result<(), PackageError> {
    if !meta.is_file() {
        return Err(PackageError::unreadable(name, "it is not a plain file"));
    }
    if meta.len() > limit {
        return Err(PackageError::TooLarge {
            file: name.into(),
            bytes: meta.len(),
            limit,
        });
    }
    Ok(())
}

impl Opened {
    /// Refuses a file that has a second name: what a graph calls its weights could be a file of the
    /// user's elsewhere, made part of the folder without a link that one can see.
    ///
    /// # Errors
    /// `Forbidden`.
    #[cfg(unix)]
    pub(super) fn check_single(&self) -> Result<(), PackageError> {
        use std::os::unix::fs::MetadataExt;
        let meta = self.file.metadata().map_err(|error| self.lost(&error))?;
        match meta.nlink() {
            0 | 1 => Ok(()),
            _ => Err(PackageError::Forbidden {
                what: format!(
                    "{} has a second name elsewhere (a hard link); where you trust it, copy the folder first",
                    self.name
                ),
            }),
        }
    }

    /// The system's other names of a file are not to be had here.
    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    pub(super) fn check_single(&self) -> Result<(), PackageError> {
        Ok(())
    }

    /// Its whole content, one allocation of the size it had when it was opened.
    ///
    /// # Errors
    /// `Missing` where it cannot be read or has become shorter.
    pub(super) fn read(mut self) -> Result<Vec<u8>, PackageError> {
        let mut content = vec![0; usize::try_from(self.bytes).unwrap_or(usize::MAX)];
        let read = self.file.read_exact(&mut content);
        read.map_err(|error| self.lost(&error))?;
        Ok(content)
    }

    /// The same for content that is shared; it is never there twice.
    ///
    /// # Errors
    /// As [`Opened::read`].
    pub(super) fn read_shared(mut self) -> Result<Arc<[u8]>, PackageError> {
        let bytes = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        let mut content: Arc<[u8]> = std::iter::repeat_n(0, bytes).collect();
        if let Some(content) = Arc::get_mut(&mut content) {
            let read = self.file.read_exact(content);
            read.map_err(|error| self.lost(&error))?;
        }
        Ok(content)
    }

    /// SHA-256 of its content, 64 lower-case hexadecimal digits, without holding it.
    ///
    /// # Errors
    /// `Missing` where it cannot be read.
    pub(super) fn sha256(mut self) -> Result<String, PackageError> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = self.file.read(&mut buffer);
            match count.map_err(|error| self.lost(&error))? {
                0 => return Ok(hex(&hasher.finalize())),
                count => hasher.update(&buffer[..count]),
            }
        }
    }

    /// Copies its content to a new file, and gives the SHA-256 of what was copied.
    ///
    /// # Errors
    /// `Missing` where it cannot be read or `path` not be written.
    pub(super) fn copy_to(mut self, path: &Path) -> Result<String, PackageError> {
        let unwritable = |error: std::io::Error| super::add::unwritable(path, &error);
        let mut target = File::create_new(path).map_err(unwritable)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = self.file.read(&mut buffer);
            match count.map_err(|error| self.lost(&error))? {
                0 => break,
                count => {
                    hasher.update(&buffer[..count]);
                    target.write_all(&buffer[..count]).map_err(unwritable)?;
                }
            }
        }
        target.sync_all().map_err(unwritable)?;
        Ok(hex(&hasher.finalize()))
    }

    fn lost(&self, error: &std::io::Error) -> PackageError {
        PackageError::Missing {
            file: self.name.clone(),
            reason: error.to_string(),
        }
    }
}

/// A file's whole content, `None` where there is none of that name.
///
/// # Errors
/// As [`open`] and [`Opened::read`], but for the file that is not there.
pub(super) fn optional(
    folder: &Path,
    name: &str,
    limit: u64,
) -> Result<Option<Vec<u8>>, PackageError> {
    match exists(folder, name) {
        true => Ok(Some(open(folder, name, limit)?.read()?)),
        false => Ok(None),
    }
}

/// Whether there is something of that name, be it a link that leads nowhere.
pub(super) fn exists(folder: &Path, name: &str) -> bool {
    fs::symlink_metadata(folder.join(name)).is_ok()
}

/// The folder that a file of the package lies in, relative to it: empty or `onnx/`.
pub(super) fn folder_of(name: &str) -> &str {
    name.rfind('/').map_or("", |at| &name[..=at])
}

/// Names of the files directly in a folder that end with `ending`, in order; none where it cannot be
/// read. At most 1,000: a package has a few dozen.
pub(super) fn ending_with(folder: &Path, ending: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.take(1_000).filter_map(|entry| {
        let name = PathBuf::from(entry.ok()?.file_name());
        Some(name.to_str()?.to_owned()).filter(|name| name.ends_with(ending))
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Names of all files in a folder of our own and in the folders directly in it, in order.
pub(super) fn all(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries(folder) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.push(name);
            continue;
        }
        let below = entries(&entry.path()).map(|below| below.file_name());
        names.extend(below.map(|below| format!("{name}/{}", below.to_string_lossy())));
    }
    names.sort();
    names
}

/// SHA-256 as 64 lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
