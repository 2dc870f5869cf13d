//! Bringing a lasting index up to date: what a walk finds is compared by size and time, then by content,
//! and only what is new is cut and written. All of it goes into commits that hold rows and records alike,
//! so whoever ends in the middle goes on from there.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use super::look::{Found, look};
use super::{Disk, Workspace, lock};
use crate::disk::{Store, View, Writer};
use crate::error::Error;
use crate::folder::Closed;
use crate::overlay::Layer;
use crate::record::{Record, Stamp};
use crate::walk::{self, Progress, Skipped};

/// After so long a stretch of work what was done is committed, so that it can be found and is not lost.
const STRETCH: Duration = Duration::from_secs(5);
/// Files between two looks at the clock.
const BATCH: usize = 1024;
/// More dead rows than this, and a new index is smaller and faster than what merging makes of the old.
const DEAD: f32 = 0.5;
/// A reader keeps no more changed files than this in memory; the writer has them soon.
const MOST_LAYERS: usize = 1_000;

/// How a refresh is done.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// Threads that read and cut; one more writes.
    pub threads: usize,
    /// Start from nothing, beside the old index, which answers until the new one is complete.
    pub rebuild: bool,
    /// Hears of the progress, from any thread.
    pub told: &'a (dyn Fn(Progress) + Sync),
    /// Asked before each file; once it says so, what was done is committed and the rest is left.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl std::fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work")
            .field("threads", &self.threads)
            .field("rebuild", &self.rebuild)
            .finish_non_exhaustive()
    }
}

/// What a refresh did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Files that were read and cut.
    pub read: usize,
    /// Files that went, or must not be found any more.
    pub removed: usize,
    /// Files left out, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// From start to end.
    pub took: Duration,
}

/// What one refresh counts, from all its threads.
#[derive(Default)]
struct Tally {
    read: usize,
    removed: usize,
    written: usize,
}

impl Workspace {
    /// Looks at all files and brings the index up to date. Where another process writes it, its last
    /// commit is read, and what differs from it is kept in memory.
    ///
    /// # Errors
    /// Files that cannot be listed, or a disk that cannot be written; what was committed stays.
    pub fn refresh(&self, work: Work) -> Result<Report, Error> {
        let result = self.refresh_all(work);
        *lock(&self.trouble) = result.as_ref().err().map(Error::to_string);
        result
    }

    fn refresh_all(&self, work: Work) -> Result<Report, Error> {
        let from = Instant::now();
        let mut disk = lock(&self.disk);
        self.follow(&mut disk)?;
        let rules = self.rules();
        let mut skipped = Skipped::new();
        let paths = walk::files(&self.root, &*rules, &mut skipped).map_err(Error::Walk)?;
        let paths = self.named(paths, &mut skipped);
        let waiting = std::mem::take(&mut *lock(&self.pending));
        let mut report = match disk.writes() {
            true => self.write_all(&mut disk, &paths, work),
            false => Ok(self.layer_all(&paths, work)),
        }
        .inspect_err(|_| lock(&self.pending).extend(waiting))?;
        let view = self.seen().view;
        report.skipped = skipped.iter().map(|(r, n)| ((*r).to_owned(), *n)).collect();
        for file in view.files.values().filter(|file| !file.skip.is_empty()) {
            *report.skipped.entry(file.skip.clone()).or_default() += 1;
        }
        report.took = from.elapsed();
        Ok(report)
    }

    /// Writes the files that were [saved](Self::saved) since; nothing where another process writes.
    ///
    /// # Errors
    /// A disk that cannot be written; the files stay in memory and are tried again.
    pub fn fold(&self) -> Result<(), Error> {
        let waiting: Vec<String> = lock(&self.pending).iter().cloned().collect();
        let mut disk = lock(&self.disk);
        if waiting.is_empty() {
            return Ok(());
        }
        self.follow(&mut disk)?;
        let result = match disk.writes() {
            true => self.fold_some(&mut disk, &waiting),
            false => Ok(()),
        };
        *lock(&self.trouble) = result.as_ref().err().map(Error::to_string);
        if result.is_ok() {
            lock(&self.pending).retain(|path| !waiting.contains(path));
        }
        result
    }

    fn fold_some(&self, disk: &mut Disk, waiting: &[String]) -> Result<(), Error> {
        let view = self.seen().view;
        let rules = self.rules();
        let tally = Mutex::default();
        disk.writer()?;
        for relative in waiting {
            let known = view.file(relative);
            let path = self.root.join(relative);
            let found = match walk::finds(&self.root, &*rules, &path) {
                Ok(true) => look(&self.root, relative, known, SystemTime::now()),
                _ => Found::Gone,
            };
            write(disk.writer.as_ref(), known, found, &tally)?;
        }
        if lock(&tally).written > 0 {
            self.commit(disk, view.complete, true)?;
        }
        Ok(())
    }

    /// Becomes the writer if the one before has gone; else reads what it has done.
    fn follow(&self, disk: &mut Disk) -> Result<(), Error> {
        if disk.writes() {
            return Ok(());
        }
        let Some(folder) = disk.folder.clone() else {
            return Ok(());
        };
        let (next, view) = Disk::open(folder, Some(&self.seen().view))?;
        // While the other process puts a new index in the place of an old one, there may be none.
        if next.generation > 0 {
            *disk = next;
            self.publish(view);
        }
        Ok(())
    }

    /// The paths as the index names them.
    fn named(&self, paths: Vec<PathBuf>, skipped: &mut Skipped) -> Vec<String> {
        let named = paths.iter().filter_map(|path| {
            let named = self.relative(path);
            if named.is_none() {
                *skipped.entry("a name that is not UTF-8").or_default() += 1;
            }
            named
        });
        named.collect()
    }

    fn write_all(&self, disk: &mut Disk, paths: &[String], work: Work) -> Result<Report, Error> {
        let dead = self.seen().view.dead();
        if let Some(folder) = disk.folder.clone().filter(|_| work.rebuild || dead > DEAD) {
            // What is left of an earlier attempt that was not finished.
            folder.keep_only(disk.generation);
            let number = folder.next();
            let store = Store::create(Closed::open(&folder.generation(number), true)?)?;
            let view = store.view(None)?;
            let mut beside = Disk {
                folder: None,
                held: None,
                generation: number,
                store,
                writer: None,
            };
            let report = self.pass(&mut beside, Arc::new(view), paths, work, false)?;
            if !report.stopped {
                folder.set_current(number).map_err(Error::Folder)?;
                disk.writer = None;
                disk.store = beside.store;
                disk.writer = beside.writer;
                disk.generation = number;
                self.publish(disk.store.view(None)?);
            }
            folder.keep_only(disk.generation);
            return Ok(report);
        }
        let view = self.seen().view;
        self.pass(disk, view, paths, work, true)
    }

    /// Writes what differs from a view. `shown` says whether searches are to see it on the way.
    fn pass(
        &self,
        disk: &mut Disk,
        view: Arc<View>,
        paths: &[String],
        work: Work,
        shown: bool,
    ) -> Result<Report, Error> {
        let mut differing = self.differing(&view, paths, work.threads);
        if !view.complete {
            self.read_recent(work.stop);
        }
        self.likely_first(&mut differing);
        let present: HashSet<&str> = paths.iter().map(String::as_str).collect();
        let gone: Vec<u64> = view
            .paths
            .iter()
            .filter_map(|(path, key)| (!present.contains(&**path)).then_some(*key))
            .collect();
        let mut report = Report {
            removed: gone.len(),
            ..Report::default()
        };
        if differing.is_empty() && gone.is_empty() && view.complete {
            return Ok(report);
        }
        let tally = Mutex::<Tally>::default();
        let writer = disk.writer()?;
        gone.into_iter().for_each(|key| writer.remove(key));
        let done = AtomicUsize::new(0);
        let mut committed = Instant::now();
        let total = differing.len();
        for batch in differing.chunks(BATCH) {
            let one = |path: &&String| {
                (work.told)(Progress {
                    done: done.fetch_add(1, Ordering::Relaxed),
                    of: total,
                });
                let known = view.file(path);
                let found = look(&self.root, path, known, SystemTime::now());
                write(disk.writer.as_ref(), known, found, &tally)
            };
            report.stopped = !in_parallel(batch, work, &one)?;
            if report.stopped {
                break;
            }
            if committed.elapsed() > STRETCH && lock(&tally).written > 0 {
                self.commit(disk, false, shown)?;
                committed = Instant::now();
            }
        }
        (work.told)(Progress {
            done: done.into_inner(),
            of: total,
        });
        let tally = lock(&tally);
        report.read = tally.read;
        report.removed += tally.removed;
        if tally.written > 0 || report.removed > 0 || !view.complete {
            self.commit(disk, !report.stopped, shown)?;
        }
        Ok(report)
    }

    fn commit(&self, disk: &mut Disk, complete: bool, shown: bool) -> Result<(), Error> {
        let result = disk.commit(complete);
        if result.is_err() {
            // It is of no use any more; what it had taken and not committed comes again at the next
            // refresh.
            disk.writer = None;
        }
        result?;
        if shown {
            let before = self.seen().view;
            self.publish(disk.store.view(Some(&before))?);
        }
        Ok(())
    }

    /// The paths whose entries in their folders are not what the view knows.
    fn differing<'a>(&self, view: &View, paths: &'a [String], threads: usize) -> Vec<&'a String> {
        let differs = |path: &&String| {
            let metadata = std::fs::symlink_metadata(self.root.join(path));
            let now = SystemTime::now();
            let same = view.file(path).zip(metadata.ok());
            !same.is_some_and(|(known, now_is)| Stamp::of(&now_is, now).proves(&known.stamp))
        };
        let part = paths.len().div_ceil(threads.max(1)).max(1);
        let parts = paths.chunks(part);
        std::thread::scope(|scope| {
            let looks: Vec<_> = parts
                .map(|part| scope.spawn(move || part.iter().filter(differs).collect::<Vec<_>>()))
                .collect();
            let found = looks
                .into_iter()
                .flat_map(|look| look.join().unwrap_or_default());
            found.collect()
        })
    }

    /// Keeps in memory what differs from the last commit of the process that writes.
    fn layer_all(&self, paths: &[String], work: Work) -> Report {
        let view = self.seen().view;
        let mut report = Report::default();
        let mut differing = self.differing(&view, paths, work.threads);
        report.stopped = differing.len() > MOST_LAYERS;
        differing.truncate(MOST_LAYERS);
        for path in differing {
            if (work.stop)() {
                report.stopped = true;
                break;
            }
            report.read += 1;
            self.saved(&self.root.join(path));
        }
        let present: HashSet<&str> = paths.iter().map(String::as_str).collect();
        for path in view.paths.keys().filter(|path| !present.contains(&***path)) {
            report.removed += 1;
            self.set_layer(path, Some(Layer::Gone));
        }
        report
    }
}

impl Disk {
    fn commit(&mut self, complete: bool) -> Result<(), Error> {
        self.writer()?.commit(complete)?;
        // Not before: a writer that is put away takes along what it has not committed.
        if self.store.is_crowded()
            && let Some(writer) = self.writer.take()
        {
            writer.settle()?;
        }
        Ok(())
    }
}

/// Writes what was found of a file in place of what is known of it.
fn write(
    writer: Option<&Writer>,
    known: Option<&Arc<Record>>,
    found: Found,
    tally: &Mutex<Tally>,
) -> Result<(), Error> {
    let Some(writer) = writer else {
        return Err(Error::Words(tantivy::TantivyError::Poisoned));
    };
    let remove = || known.map(|known| writer.remove(known.key()));
    match found {
        Found::Same => return Ok(()),
        Found::Gone => {
            let removed = remove().is_some();
            let mut tally = lock(tally);
            tally.removed += usize::from(removed);
            tally.written += usize::from(removed);
            return Ok(());
        }
        Found::Restamped(record) => writer.restamp(&record)?,
        Found::New(record, text) => {
            remove();
            writer.add(&record, &text)?;
            lock(tally).read += 1;
        }
    }
    lock(tally).written += 1;
    Ok(())
}

/// Does something for each item on some threads; false where it was told to stop before the end.
fn in_parallel<T: Sync>(
    items: &[T],
    work: Work,
    one: &(dyn Fn(&T) -> Result<(), Error> + Sync),
) -> Result<bool, Error> {
    let next = AtomicUsize::new(0);
    let worker = || -> Result<bool, Error> {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if (work.stop)() {
                return Ok(false);
            }
            one(item)?;
        }
        Ok(true)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..work.threads).map(|_| scope.spawn(worker)).collect();
        let mine = worker();
        let results = others.into_iter().map(|other| {
            // A panic in a worker is a defect; the file that it held is missing until it changes.
            other.join().unwrap_or(Ok(true))
        });
        results.fold(mine, |all, one| Ok(all? & one?))
    })
}
