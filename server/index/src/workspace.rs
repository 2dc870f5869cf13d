//! The index of a workspace that lasts: its rows on the disk, what has changed since in memory, one
//! process that writes and any number that read. All of it may be called from any thread; a search waits
//! for no writing.

mod answer;
mod commits;
mod definitions;
mod live;
mod look;
mod order;
mod references;
mod refresh;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tantivy::directory::RamDirectory;

use crate::disk::{Store, View, Writer};
use crate::error::Error;
use crate::folder::{self, Closed, Folder, Held};
use crate::history::History;
use crate::hit::Hit;
use crate::meaning::Meaning;
use crate::overlay::{Layer, Overlay};
use crate::record::Record;
use crate::walk;

pub use definitions::Definition;
pub use references::{Defined, Reference};
pub use refresh::{Report, Work};

/// Says of an absolute path that it must not be read, nor found.
pub type Rules = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// Puts the hits of a question in a better order; keeps all of them.
pub type Reranker = Arc<dyn Fn(&str, &mut Vec<Hit>) + Send + Sync>;

/// The lasting index of one workspace.
pub struct Workspace {
    root: PathBuf,
    rules: Mutex<Rules>,
    /// What a search sees, taken and replaced as a pair.
    seen: Mutex<Seen>,
    /// Held as long as a refresh takes: never wait for it where somebody types.
    disk: Mutex<Disk>,
    /// Saved files that the disk does not have yet.
    pending: Mutex<BTreeSet<String>>,
    /// What went wrong with the disk last, for the status.
    trouble: Mutex<Option<String>>,
    /// What chunks mean, where there is an embedder that helps.
    meaning: Mutex<Option<Arc<Meaning>>>,
    /// What puts hits in a better order, where somebody gave it.
    reranker: Mutex<Option<Reranker>>,
    /// The newest commits, as far as somebody wanted them read.
    history: Mutex<Arc<History>>,
}

#[derive(Clone)]
struct Seen {
    view: Arc<View>,
    overlay: Arc<Overlay>,
}

struct Disk {
    /// `None` where the index is in memory only.
    folder: Option<Folder>,
    /// Present while this process is the one that writes.
    held: Option<Held>,
    generation: u64,
    store: Store,
    writer: Option<Writer>,
}

/// Where an index stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// On the disk, and this process writes it.
    Writing,
    /// On the disk, written by another process, which these words name.
    Reading(String),
    /// In this process alone.
    Memory,
}

/// What an index holds, for a status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// Files with text in it.
    pub files: usize,
    /// Their chunks.
    pub chunks: usize,
    /// Bytes of their text.
    pub text: u64,
    /// Files in memory that stand before the disk's.
    pub layers: usize,
    /// Whether all files were looked at once.
    pub complete: bool,
    /// What went wrong with the disk last, as a sentence.
    pub trouble: Option<String>,
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace")
            .field("root", &self.root)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Workspace {
    /// Opens the index of this root below the program's cache folder, or an empty one where there is
    /// none, or none that can be used. Without a cache folder it is in memory. `home` is never taken for
    /// a workspace.
    ///
    /// # Errors
    /// A root that is no project's folder, or a cache folder that cannot be written.
    pub fn open(
        root: &Path,
        home: Option<&Path>,
        cache: Option<&Path>,
        rules: Rules,
    ) -> Result<Workspace, Error> {
        let root = walk::root(root, home).map_err(Error::Root)?;
        let (disk, view) = match cache {
            None => Disk::in_memory(None)?,
            Some(cache) => {
                folder::expire(cache, SystemTime::now());
                Disk::open(Folder::of(cache, &root), None)?
            }
        };
        let view = Arc::new(view);
        Ok(Workspace {
            root,
            rules: Mutex::new(rules),
            seen: Mutex::new(Seen {
                view,
                overlay: Arc::default(),
            }),
            disk: Mutex::new(disk),
            pending: Mutex::default(),
            trouble: Mutex::default(),
            meaning: Mutex::default(),
            reranker: Mutex::default(),
            history: Mutex::default(),
        })
    }

    /// The canonical root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Other rules from now on: what they forbid is found no more, and leaves the disk at the next
    /// refresh.
    pub fn set_rules(&self, rules: Rules) {
        *lock(&self.rules) = rules;
    }

    fn rules(&self) -> Rules {
        Arc::clone(&lock(&self.rules))
    }

    /// What it holds now; waits for no writing.
    pub fn state(&self) -> State {
        let seen = self.seen();
        let files = seen.view.files.values().filter(|f| f.skip.is_empty());
        let (mut state, layers) = (
            State {
                files: 0,
                chunks: 0,
                text: 0,
                layers: 0,
                complete: seen.view.complete,
                trouble: lock(&self.trouble).clone(),
            },
            seen.overlay.len(),
        );
        state.layers = layers;
        for file in files {
            state.files += 1;
            state.chunks += file.chunks.len();
            state.text += file.length;
        }
        state
    }

    /// Where it stands; waits for a refresh that runs.
    pub fn place(&self) -> Place {
        let disk = lock(&self.disk);
        match (&disk.folder, &disk.held) {
            (None, _) => Place::Memory,
            (Some(_), Some(_)) => Place::Writing,
            (Some(folder), None) => Place::Reading(folder.holder()),
        }
    }

    /// Bytes on the disk; waits for a refresh that runs.
    pub fn disk_size(&self) -> u64 {
        lock(&self.disk).folder.as_ref().map_or(0, Folder::size)
    }

    /// The folder on the disk, for a person who looks for it; waits for a refresh that runs.
    pub fn folder(&self) -> Option<PathBuf> {
        lock(&self.disk)
            .folder
            .as_ref()
            .map(|f| f.path().to_owned())
    }

    /// Every row that the last commit holds, in order, as `path bytes name`, for whoever compares two
    /// indexes or looks for damage: a row of no file is there as `?`.
    pub fn rows(&self) -> Vec<String> {
        let shown = |(record, ordinal): (Option<Arc<Record>>, usize)| {
            let chunk = record
                .as_ref()
                .and_then(|record| record.chunks.get(ordinal));
            match (&record, chunk) {
                (Some(record), Some(chunk)) => {
                    let (path, name) = (&record.path, &chunk.qualified);
                    format!("{path} {:?} {name}", chunk.bytes)
                }
                _ => "?".to_owned(),
            }
        };
        self.seen().view.rows().into_iter().map(shown).collect()
    }

    /// Shows every chunk that the last commit holds, by its file's path and its bytes there, file by file in the order of paths.
    pub fn each_chunk(&self, each: &mut dyn FnMut(&str, Range<usize>)) {
        let seen = self.seen();
        let mut records: Vec<&Arc<Record>> = seen.view.files.values().collect();
        records.sort_by(|one, other| one.path.cmp(&other.path));
        for record in records {
            for chunk in &record.chunks {
                each(&record.path, chunk.bytes.clone());
            }
        }
    }

    /// Waits until the merges that run have ended; to be called before a short-lived process ends.
    ///
    /// # Errors
    /// A failure of the search library; the index is what it was at the last commit.
    pub fn settle(&self) -> Result<(), Error> {
        match lock(&self.disk).writer.take() {
            Some(writer) => Ok(writer.settle()?),
            None => Ok(()),
        }
    }

    fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }

    /// Shows searches another view, and takes off the layers that it has caught up with.
    fn publish(&self, view: View) {
        let mut seen = lock(&self.seen);
        let stays = |path: &Arc<str>, layer: &Layer| match layer {
            Layer::Gone => view.paths.contains_key(path),
            Layer::Rows(buffer) => {
                buffer.text.is_some()
                    || view
                        .file(path)
                        .is_none_or(|file| file.hash != buffer.record.hash)
            }
        };
        if !seen.overlay.iter().all(|(path, layer)| stays(path, layer)) {
            Arc::make_mut(&mut seen.overlay).retain(|path, layer| stays(path, layer));
        }
        seen.view = Arc::new(view);
    }

    /// Puts a layer before a file's rows, or takes it off.
    fn set_layer(&self, path: &str, layer: Option<Layer>) {
        let mut seen = lock(&self.seen);
        match layer {
            Some(layer) => {
                let overlay = Arc::make_mut(&mut seen.overlay);
                overlay.insert(Arc::from(path), Arc::new(layer));
            }
            None if seen.overlay.contains_key(path) => {
                Arc::make_mut(&mut seen.overlay).remove(path);
            }
            None => {}
        }
    }
}

/// Removes what the disk has of a root's index.
///
/// # Errors
/// A root that is no folder, an index that another process writes now, or a folder that cannot be removed.
pub fn purge(root: &Path, cache: &Path) -> Result<(), Error> {
    let root = walk::root(root, None).map_err(Error::Root)?;
    let folder = Folder::of(cache, &root);
    let busy = || {
        let holder = folder.holder();
        std::io::Error::other(format!(
            "it is being written by {holder}; close the editor first"
        ))
    };
    if !folder.path().exists() {
        return Ok(());
    }
    let held = folder.lock().map_err(Error::Folder)?;
    let _held = held.ok_or_else(busy).map_err(Error::Folder)?;
    folder.clear().map_err(Error::Folder)
}

/// What all indexes together take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// Roots that have an index.
    pub workspaces: usize,
    /// Bytes on the disk.
    pub bytes: u64,
}

/// What the indexes below a cache folder take.
pub fn usage(cache: &Path) -> Usage {
    let folders = folder::all(cache);
    Usage {
        workspaces: folders.len(),
        bytes: folders.iter().map(|path| folder::size(path)).sum(),
    }
}

/// Whether this root has an index that this program could use.
pub fn exists(root: &Path, cache: &Path) -> bool {
    walk::root(root, None).is_ok_and(|root| Folder::of(cache, &root).current().is_some())
}

impl Disk {
    fn in_memory(folder: Option<Folder>) -> Result<(Disk, View), Error> {
        let store = Store::create(RamDirectory::create())?;
        let view = store.view(None)?;
        let disk = Disk {
            folder,
            held: None,
            generation: 0,
            store,
            writer: None,
        };
        Ok((disk, view))
    }

    /// Opens what is there and can be used; else, for who may write, makes an empty one. What `before` has
    /// read is not read again.
    fn open(folder: Folder, before: Option<&View>) -> Result<(Disk, View), Error> {
        let held = folder.lock().map_err(Error::Folder)?;
        let opened = folder.current().and_then(|number| {
            let directory = Closed::open(&folder.generation(number), false).ok()?;
            let store = Store::open(directory, held.is_some()).ok()?;
            // Also the records have to be readable.
            let view = store.view(before).ok()?;
            Some((number, store, view))
        });
        let (generation, store, view) = match (opened, &held) {
            (Some(opened), _) => opened,
            (None, Some(_)) => {
                let number = folder.next();
                let directory = Closed::open(&folder.generation(number), true)?;
                let store = Store::create(directory)?;
                folder.set_current(number).map_err(Error::Folder)?;
                let view = store.view(None)?;
                (number, store, view)
            }
            // Whoever writes has not come so far.
            (None, None) => return Disk::in_memory(Some(folder)),
        };
        if held.is_some() {
            folder.keep_only(generation);
        }
        let disk = Disk {
            folder: Some(folder),
            held,
            generation,
            store,
            writer: None,
        };
        Ok((disk, view))
    }

    fn writes(&self) -> bool {
        self.folder.is_none() || self.held.is_some()
    }

    fn writer(&mut self) -> Result<&mut Writer, Error> {
        if self.writer.is_none() {
            self.writer = Some(self.store.writer()?);
        }
        self.writer
            .as_mut()
            .ok_or(Error::Words(tantivy::TantivyError::Poisoned))
    }
}

#[cfg(test)]
mod tests;
