//! Where figures stay between sessions: one file for each session in the user's state folder, by day; those of old sessions are
//! folded into one. A reader sums them all up.
//!
//! Files are JSON, replaced as a whole and closed to other users. What cannot be read is left alone and left out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::figures::Figures;
use crate::{calendar, paths};

/// Days that are kept. Older ones stay in the sum over all time only.
pub const KEPT_DAYS: u64 = 400;

/// Sessions whose file was not written for so long are folded. A session that goes on writes a file again, which counts from then.
const FOLDED_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// Larger ones were not written by us.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Holds the sums of folded sessions.
const FOLDED: &str = "folded.json";

/// Only one process folds at a time.
const LOCK: &str = "folding.lock";

/// What one session counted, or many.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// By day in UTC, `2026-11-30`.
    pub days: BTreeMap<String, Figures>,
    /// Of days before those.
    pub before: Figures,
    /// Names of session files whose figures are in here already: a crash may have left them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    folded: Vec<String>,
}

impl Record {
    /// Adds what was counted on a day.
    pub fn add(&mut self, day: &str, figures: &Figures) {
        match self.days.get_mut(day) {
            Some(held) => held.add(figures),
            None => drop(self.days.insert(day.to_owned(), figures.clone())),
        }
    }

    fn add_all(&mut self, other: &Record) {
        self.before.add(&other.before);
        for (day, figures) in &other.days {
            self.add(day, figures);
        }
    }

    /// The sum over all time.
    pub fn total(&self) -> Figures {
        let mut total = self.before.clone();
        self.days.values().for_each(|figures| total.add(figures));
        total
    }

    /// Days before this one become part of the sum over all time.
    fn forget_before(&mut self, day: &str) {
        let kept = self.days.split_off(day);
        for figures in std::mem::replace(&mut self.days, kept).values() {
            self.before.add(figures);
        }
    }
}

/// A file's name for a session that began now.
pub fn session_file(folder: &Path, now: SystemTime) -> PathBuf {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    folder.join(format!(
        "session-{}-{}.json",
        since.as_millis(),
        std::process::id()
    ))
}

/// Replaces a session's file.
///
/// # Errors
/// When the folder or file cannot be written.
pub fn write(path: &Path, record: &Record) -> io::Result<()> {
    paths::write(path, &serde_json::to_vec(record)?)
}

/// The sum of all sessions, and the files that could not be read.
///
/// # Errors
/// When the folder is there and cannot be listed.
pub fn read_all(folder: &Path) -> io::Result<(Record, Vec<PathBuf>)> {
    let mut sum = Record::default();
    let mut unreadable = Vec::new();
    let sessions = sessions(folder)?;
    let folded = folder.join(FOLDED);
    if folded.exists() {
        match read(&folded) {
            Ok(record) => sum = record,
            Err(_) => unreadable.push(folded),
        }
    }
    for path in sessions {
        if sum.folded.contains(&name(&path)) {
            continue;
        }
        match read(&path) {
            Ok(record) => sum.add_all(&record),
            // Folded between listing and reading.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => unreadable.push(path),
        }
    }
    sum.folded.clear();
    Ok((sum, unreadable))
}

/// Folds files of old sessions into one and lets old days go. Does nothing where another process is at it.
///
/// # Errors
/// When the sum cannot be read or written; then all files are as they were.
pub fn fold(folder: &Path, now: SystemTime) -> io::Result<()> {
    let old: Vec<PathBuf> = sessions(folder)?
        .into_iter()
        .filter(|path| is_older(path, now, FOLDED_AFTER))
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let lock = paths::create_file(&folder.join(LOCK))?;
    if File::try_lock(&lock).is_err() {
        return Ok(());
    }
    let folded = folder.join(FOLDED);
    let mut sum = match read(&folded) {
        Ok(record) => record,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Record::default(),
        Err(error) => return Err(error),
    };
    let before = std::mem::take(&mut sum.folded);
    for path in &old {
        if before.contains(&name(path)) {
            sum.folded.push(name(path));
        } else if let Ok(record) = read(path) {
            sum.add_all(&record);
            sum.folded.push(name(path));
        }
    }
    let oldest = now
        .checked_sub(Duration::from_secs(KEPT_DAYS * 24 * 3600))
        .unwrap_or(UNIX_EPOCH);
    sum.forget_before(&day(oldest));
    write(&folded, &sum)?;
    // What is removed only now is not counted twice: its name stands in the sum.
    for path in old.iter().filter(|path| sum.folded.contains(&name(path))) {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// Removes all of it; how many files that were.
///
/// # Errors
/// When one cannot be removed.
pub fn remove_all(folder: &Path) -> io::Result<usize> {
    let mut files = sessions(folder)?;
    let folded = folder.join(FOLDED);
    if folded.exists() {
        files.push(folded);
    }
    for path in &files {
        std::fs::remove_file(path)?;
    }
    Ok(files.len())
}

/// Seconds since 1970.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// The day of a time in UTC, `2026-11-30`.
pub fn day(time: SystemTime) -> String {
    calendar::day(i64::try_from(seconds(time)).unwrap_or(i64::MAX))
}

fn sessions(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = name(path);
            name.starts_with("session-") && name.ends_with(".json")
        })
        .collect();
    found.sort();
    Ok(found)
}

fn name(path: &Path) -> String {
    path.file_name()
        .map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

fn is_older(path: &Path, now: SystemTime, age: Duration) -> bool {
    let written = std::fs::metadata(path).and_then(|data| data.modified());
    written.is_ok_and(|written| now.duration_since(written).is_ok_and(|since| since >= age))
}

fn read(path: &Path) -> io::Result<Record> {
    if std::fs::metadata(path)?.len() > MOST_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_600)
    }

    fn record(day: &str, changes: u64) -> Record {
        let mut record = Record::default();
        let figures = Figures {
            changes,
            ..Figures::default()
        };
        record.add(day, &figures);
        record
    }

    #[test]
    fn sessions_add_up_and_stay_private() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("metrics");
        assert_eq!(read_all(&folder).unwrap(), Default::default());
        for (number, changes) in [(1, 3), (2, 4)] {
            let path = session_file(&folder, at(20_000 + number));
            write(&path, &record("2026-11-30", changes)).unwrap();
            assert_eq!(paths::open_to_others(&path), None);
        }
        std::fs::write(folder.join("session-3-3.json"), "{ no").unwrap();
        std::fs::write(folder.join("notes.txt"), "of somebody else").unwrap();
        let (sum, unreadable) = read_all(&folder).unwrap();
        assert_eq!(sum.days["2026-11-30"].changes, 7);
        assert_eq!(unreadable, [folder.join("session-3-3.json")]);
        assert_eq!(remove_all(&folder).unwrap(), 3);
        assert_eq!(read_all(&folder).unwrap(), Default::default());
        assert!(folder.join("notes.txt").exists());
    }

    #[test]
    fn folding_changes_no_sum_whenever_it_dies() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let old = folder.join("session-1-1.json");
        write(&old, &record("2026-11-20", 5)).unwrap();
        write(&folder.join("session-2-2.json"), &record("2020-01-01", 2)).unwrap();
        let later = SystemTime::now() + Duration::from_secs(8 * 24 * 3600);
        let before = read_all(folder).unwrap().0.total();
        let kept = std::fs::read(&old).unwrap();
        fold(folder, later).unwrap();
        assert!(!old.exists());
        let (sum, _) = read_all(folder).unwrap();
        assert_eq!(sum.total(), before);
        assert_eq!(
            sum.before.changes, 2,
            "a day of long ago has no row of its own"
        );
        // As a process leaves it that dies between writing the sum and removing the file.
        std::fs::write(&old, kept).unwrap();
        assert_eq!(read_all(folder).unwrap().0.total(), before);
        fold(folder, later).unwrap();
        assert_eq!(read_all(folder).unwrap().0.total(), before);
        assert!(!old.exists());
    }

    #[test]
    fn young_sessions_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session-1-1.json");
        write(&path, &record("2026-11-30", 5)).unwrap();
        fold(folder.path(), SystemTime::now()).unwrap();
        assert!(path.exists());
        assert!(!folder.path().join(FOLDED).exists());
    }
}
