//! The folder of one workspace's index in the user's cache: who writes it, which *generation* of it
//! counts, and that nobody else may read it.
//!
//! | name | holds |
//! |---|---|
//! | `lock` | who writes: process and start time; held with the system's file lock, which ends with its holder |
//! | `meta` | the versions that the index was made with, and the number of the generation that counts; replaced by rename |
//! | `vectors` | what a user's embedder made of chunks, a cache: see [`crate::vectors`] |
//! | `g1`, `g2`, … | generations, each an index of the search library; all but the counting one are leftovers |

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use foretoken_engine::{chunk, terms};
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, Lock, MmapDirectory, WatchCallback, WatchHandle, WritePtr,
};

use crate::record::FORMAT;

/// An index that nobody has written for so long belongs to a workspace that is gone.
const EXPIRY: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// Where the index of one root lies.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    root: String,
}

/// Held while this process may write.
#[derive(Debug)]
pub(crate) struct Held {
    _file: File,
}

impl Folder {
    /// The folder for this canonical root below the program's cache.
    pub(crate) fn of(cache: &Path, root: &Path) -> Folder {
        let hash = blake3::hash(root.as_os_str().as_encoded_bytes()).to_hex();
        Folder {
            path: cache.join("index").join(&hash[..16]),
            root: hash.to_string(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn generation(&self, number: u64) -> PathBuf {
        self.path.join(format!("g{number}"))
    }

    /// Becomes the writer, if nobody is. The lock belongs to the open file: a process that dies, however
    /// it dies, holds nothing, so no process number is ever mistaken for another's.
    pub(crate) fn lock(&self) -> io::Result<Option<Held>> {
        create_dir(&self.path)?;
        let path = self.path.join("lock");
        let mut file = private().read(true).truncate(false).open(&path)?;
        tighten(&path, 0o600)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        file.set_len(0)?;
        file.rewind()?;
        let (process, since) = (std::process::id(), now.unwrap_or_default().as_secs());
        writeln!(file, "process {process} since {since}")?;
        Ok(Some(Held { _file: file }))
    }

    /// Who writes, in words for a person; empty where that cannot be read.
    pub(crate) fn holder(&self) -> String {
        let mut text = String::new();
        let file = File::open(self.path.join("lock"));
        let _ = file.and_then(|file| file.take(100).read_to_string(&mut text));
        text.lines().next().unwrap_or_default().to_owned()
    }

    /// The generation that counts, if it was made by what this program is.
    pub(crate) fn current(&self) -> Option<u64> {
        let text = fs::read_to_string(self.path.join("meta")).ok()?;
        let number = text.strip_prefix(&self.versions())?;
        number.trim().strip_prefix("generation ")?.parse().ok()
    }

    /// Makes a generation the one that counts.
    pub(crate) fn set_current(&self, number: u64) -> io::Result<()> {
        let path = self.path.join("meta");
        let temporary = self.path.join(".meta");
        let mut file = private().truncate(true).open(&temporary)?;
        writeln!(file, "{}generation {number}", self.versions())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        // The name must be on the disk before the old generation is removed.
        #[cfg(unix)]
        File::open(&self.path)?.sync_all()?;
        Ok(())
    }

    /// A number that no generation has.
    pub(crate) fn next(&self) -> u64 {
        self.generations().into_iter().max().unwrap_or(0) + 1
    }

    /// Removes the generations but this one. What cannot be removed now (Windows keeps mapped files) is
    /// tried again at the next start.
    pub(crate) fn keep_only(&self, number: u64) {
        for other in self.generations().into_iter().filter(|g| *g != number) {
            let _ = fs::remove_dir_all(self.generation(other));
        }
    }

    /// Removes everything but the lock, which must be held.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else if entry.file_name() != "lock" {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Bytes on the disk.
    pub(crate) fn size(&self) -> u64 {
        size(&self.path)
    }

    fn generations(&self) -> Vec<u64> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let number =
            |entry: fs::DirEntry| entry.file_name().to_str()?.strip_prefix('g')?.parse().ok();
        entries.filter_map(number).collect()
    }

    /// What has to be equal for an index to be usable: the root too, since names of folders are cut hashes.
    fn versions(&self) -> String {
        let (terms, chunks) = (terms::VERSION, chunk::VERSION);
        let root = &self.root;
        format!("foretoken index\nformat {FORMAT}\nterms {terms}\nchunks {chunks}\nroot {root}\n")
    }
}

/// The folders that hold an index.
pub(crate) fn all(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache.join("index"))
        .into_iter()
        .flatten()
        .flatten();
    let folders = entries.map(|entry| entry.path());
    folders.filter(|path| path.join("meta").is_file()).collect()
}

/// Bytes of the files in a folder and below it.
pub(crate) fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Removes the indexes that nobody has opened for writing in sixty days, and that nobody holds.
pub(crate) fn expire(cache: &Path, now: SystemTime) {
    let entries = fs::read_dir(cache.join("index"))
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        let lock = entry.path().join("lock");
        let age = fs::metadata(&lock).and_then(|metadata| metadata.modified());
        let age = age.map(|modified| now.duration_since(modified).unwrap_or_default());
        if age.is_ok_and(|age| age > EXPIRY)
            && File::open(&lock).is_ok_and(|file| file.try_lock().is_ok())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Makes a folder with its parents, for its owner alone.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    tighten(path, 0o700)
}

/// How files are created: for their owner alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes away what others may do, whatever the mode was.
fn tighten(path: &Path, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if fs::metadata(path)?.permissions().mode() & 0o777 & !mode != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
    }
    let _ = (path, mode);
    Ok(())
}

/// The search library's directory on the disk, with files that are closed to others.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    inner: MmapDirectory,
    path: PathBuf,
}

impl Closed {
    /// Opens the directory, or makes it where `create` says so.
    pub(crate) fn open(path: &Path, create: bool) -> tantivy::Result<Closed> {
        if create {
            create_dir(path).map_err(|error| tantivy::TantivyError::IoError(Arc::new(error)))?;
        }
        Ok(Closed {
            inner: MmapDirectory::open(path)?,
            path: path.to_owned(),
        })
    }
}

impl Directory for Closed {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.inner.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.inner.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.inner.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let write = self.inner.open_write(path)?;
        tighten(&self.path.join(path), 0o600)
            .map_err(|error| OpenWriteError::wrap_io_error(error, path.to_owned()))?;
        Ok(write)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.inner.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.inner.atomic_write(path, data)?;
        tighten(&self.path.join(path), 0o600)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        let held = self.inner.acquire_lock(lock)?;
        tighten(&self.path.join(&lock.filepath), 0o600)
            .map_err(|error| LockError::IoError(Arc::new(error)))?;
        Ok(held)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.inner.watch(callback)
    }
}
