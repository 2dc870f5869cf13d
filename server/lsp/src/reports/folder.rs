//! Where reports wait: a folder of this user, a file of one line for each, few and small, the oldest go first.
//! Several processes share it; only who holds its lock sends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use foretoken_remote::reports::Event;
use serde::{Deserialize, Serialize};

use crate::paths::{self, Paths};

/// Files that wait.
const MOST: usize = 32;
/// Bytes of one; ours have under a thousand.
const MOST_BYTES: u64 = 8 * 1024;
/// What did not get out in this time says nothing of today's version. Seconds.
const MAX_AGE: u64 = 14 * 24 * 3600;

/// See the module's header. It need not exist.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

/// A report that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) event: Event,
    path: PathBuf,
}

/// What all processes keep to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// When reports were sent, seconds since 1970; those of the last hour.
    pub(crate) sent: Vec<u64>,
    /// Before this nobody is asked.
    pub(crate) until: u64,
    /// Attempts in a row that failed.
    pub(crate) failed: u32,
}

impl Folder {
    pub(crate) fn of(paths: &Paths) -> Folder {
        Folder(paths.reports())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self, event: &Event) -> PathBuf {
        // The time first, so that names sort by age.
        self.0
            .join(format!("{:012}-{}.json", event.time(), event.id()))
    }

    /// Keeps a report; the oldest make room. Called by the panic hook: it does not wait for the disk, since the
    /// end of a process loses nothing that was written.
    pub(crate) fn keep(&self, event: &Event) -> io::Result<()> {
        let files = self.files();
        let surplus = (files.len() + 1).saturating_sub(MOST);
        for path in files.iter().take(surplus) {
            // One that a sibling has just sent is gone as well.
            let _ = fs::remove_file(path);
        }
        self.put(event)
    }

    /// Writes a report that waits anew; one that was sent meanwhile stays away.
    pub(crate) fn renew(&self, event: &Event) -> io::Result<()> {
        match self.file(event).exists() {
            true => self.put(event),
            false => Ok(()),
        }
    }

    fn put(&self, event: &Event) -> io::Result<()> {
        let path = self.file(event);
        let temporary = path.with_extension("new");
        let written = paths::create_file(&temporary)
            .and_then(|mut file| file.write_all(event.payload().as_bytes()))
            .and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// What waits at this time, the oldest first. What is too old, too long or none of ours is removed.
    pub(crate) fn waiting(&self, now: u64) -> Vec<Waiting> {
        let mut waiting = Vec::new();
        for path in self.files() {
            let fits = fs::metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= MOST_BYTES);
            let event = fs::read(&path).ok().filter(|_| fits);
            let event = event.and_then(|bytes| Event::read(&bytes));
            match event.filter(|event| now.saturating_sub(event.time()) <= MAX_AGE) {
                Some(event) => waiting.push(Waiting { event, path }),
                None => drop(fs::remove_file(&path)),
            }
        }
        waiting
    }

    /// Removes all that waits; how many there were.
    pub(crate) fn delete(&self) -> io::Result<usize> {
        let files = self.files();
        for path in &files {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(files.len())
    }

    /// The right to send; `None` where another process has it, or there is nothing.
    pub(crate) fn lock(&self) -> Option<File> {
        if !self.0.is_dir() {
            return None;
        }
        let lock = paths::create_file(&self.0.join("lock")).ok()?;
        lock.try_lock().ok().map(|()| lock)
    }

    pub(crate) fn pace(&self) -> Pace {
        let bytes = fs::read(self.0.join("pace")).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    pub(crate) fn set_pace(&self, pace: &Pace) -> io::Result<()> {
        let bytes = serde_json::to_vec(pace).unwrap_or_default();
        paths::write(&self.0.join("pace"), &bytes)
    }

    /// The files of reports, the oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.0)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .collect();
        files.sort();
        files
    }
}

impl Waiting {
    /// It was sent, or never will be.
    pub(crate) fn remove(self) {
        // A file that cannot be removed is sent once more, under the number that its server knows.
        let _ = fs::remove_file(self.path);
    }
}

#[cfg(test)]
mod tests {
    use foretoken_remote::reports::{About, Occurrence, What};

    use super::*;

    fn event(time: u64) -> Event {
        let occurrence = Occurrence {
            what: What::Test,
            place: None,
            thread: None,
            stage: None,
        };
        let mut id = [0; 16];
        id[..8].copy_from_slice(&time.to_be_bytes());
        Event::new(&occurrence, &About::default(), id, time)
    }

    #[test]
    fn reports_are_private_few_and_not_old() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::of(&Paths::under(home.path()));
        assert!(folder.waiting(0).is_empty() && folder.lock().is_none());
        for time in 0..50 {
            folder.keep(&event(1000 + time)).unwrap();
        }
        assert_eq!(paths::open_to_others(folder.path()), None);
        for path in folder.files() {
            assert_eq!(paths::open_to_others(&path), None);
        }
        let times = |now| -> Vec<u64> {
            let waiting = folder.waiting(now);
            waiting.iter().map(|waiting| waiting.event.time()).collect()
        };
        assert_eq!(times(1100), (1018..1050).collect::<Vec<_>>());
        assert_eq!(times(1047 + MAX_AGE), [1047, 1048, 1049]);
        folder.renew(&event(1048).counted(4)).unwrap();
        folder.renew(&event(2000)).unwrap();
        let counted = folder.waiting(1100);
        assert!(counted[1].event.payload().contains("\"count\":\"4\""));
        assert_eq!(folder.delete().unwrap(), 3);
    }

    #[test]
    fn what_is_no_report_of_ours_is_removed_and_never_sent() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::of(&Paths::under(home.path()));
        folder.keep(&event(1)).unwrap();
        let long = "x".repeat(10_000);
        for (name, text) in [
            ("a.json", "{}"),
            ("b.json", long.as_str()),
            ("notes.txt", ""),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        assert_eq!(folder.waiting(1).len(), 1);
        assert_eq!(folder.files().len(), 1);
        assert!(folder.path().join("notes.txt").exists());
    }

    #[test]
    fn one_process_sends() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::of(&Paths::under(home.path()));
        folder.keep(&event(1)).unwrap();
        let lock = folder.lock();
        assert!(lock.is_some() && folder.lock().is_none());
        drop(lock);
        assert!(folder.lock().is_some());
    }
}
