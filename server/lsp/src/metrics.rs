//! What the sessions of this user came to, kept between them: counts, codes and times, on this machine, for `foretoken stats`.
//!
//! The loop counts as it always does (`counts.rs`, `offers.rs`); at most every ten seconds, and only after something happened, what is
//! new since the last time goes to a file, by a task of the blocking pool. Nothing listens, nothing is sent.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use foretoken_infer as infer;
use tokio::time::Instant;

use crate::state::State;

pub mod drift;
pub mod experiments;
pub mod expose;
pub mod figures;
pub mod file;
pub mod listen;
pub mod names;
pub mod ops;
pub(crate) mod survival;

use figures::{Answers, Figures, Name};
use file::Record;
use survival::Survival;

/// How long what happened may be missing in the file.
const PERIOD: Duration = Duration::from_secs(10);

/// Longest pause between two changes that counts as typing.
const TYPING_GAP: Duration = Duration::from_secs(30);

/// The loop's part: what was there last time, and when it is looked at again.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// `None` where nothing is kept: by a setting, or without a home directory.
    keeper: Option<Keeper>,
    /// The counters as they were at the last look.
    last: Figures,
    due: Option<Instant>,
    /// What was accepted and is followed for a while.
    pub(crate) survival: Survival,
    typed: Option<Instant>,
    typing: Duration,
}

impl Metrics {
    /// Keeps figures in this folder, or nowhere.
    pub(crate) fn new(folder: Option<PathBuf>) -> Metrics {
        Metrics {
            keeper: folder.map(Keeper::new),
            ..Metrics::default()
        }
    }

    /// Whether anything is kept, so that what is accepted is worth following.
    pub(crate) fn keeps(&self) -> bool {
        self.keeper.is_some()
    }

    /// Something happened that is counted.
    pub(crate) fn touch(&mut self) {
        if self.keeper.is_some() {
            self.due.get_or_insert_with(|| Instant::now() + PERIOD);
        }
    }

    /// A document was changed by somebody's keys.
    pub(crate) fn typed(&mut self) {
        let now = Instant::now();
        if let Some(before) = self.typed.replace(now) {
            let gap = now - before;
            self.typing += if gap <= TYPING_GAP {
                gap
            } else {
                Duration::ZERO
            };
        }
        self.touch();
    }

    /// The next time at which something is to be done.
    pub(crate) fn due(&self) -> Option<Instant> {
        [self.due, self.survival.due()].into_iter().flatten().min()
    }
}

impl State {
    /// Does what of this is due.
    pub(crate) fn metrics_due(&mut self, now: Instant) {
        if self.metrics.survival.due().is_some_and(|due| due <= now) {
            self.judge_survival(now);
        }
        if self.metrics.due.take_if(|due| *due <= now).is_some()
            && let Some((keeper, news)) = self.news()
        {
            self.seams
                .runtime
                .spawn_blocking(move || keeper.keep(&news));
        }
    }

    /// The last figures of the session, written before the process ends.
    pub(crate) fn metrics_end(&mut self) {
        if let Some((keeper, news)) = self.news() {
            keeper.keep(&news);
        }
    }

    /// What was counted since the last look; `None` where nothing was, or nothing is kept.
    fn news(&mut self) -> Option<(Keeper, Figures)> {
        let keeper = self.metrics.keeper.clone()?;
        if !self.settings.metrics.keep {
            return None;
        }
        let now = self.figures();
        let mut news = now.since(&self.metrics.last);
        self.metrics.last = now;
        experiments::count(&self.settings.metrics.experiments, &mut news);
        (news != Figures::default()).then_some((keeper, news))
    }

    /// The session's counters.
    fn figures(&self) -> Figures {
        let mut figures = self.counts.figures();
        let model: Name = match self.session.model_state() {
            infer::State::Ready(info) => format!("{} {}", info.name, info.version).into(),
            _ => "model".into(),
        };
        figures.suggestions = self.offers.by_language(&model);
        for (language, by, survived) in self.metrics.survival.totals() {
            let by = if by == survival::LOOKUP {
                by.into()
            } else {
                model.clone()
            };
            let rows = figures.suggestions.entry(language.into()).or_default();
            rows.entry(by).or_default().add(&survived);
        }
        let totals = self.assists.totals;
        figures.answers = Answers {
            asked: totals.asked,
            answered: totals.answered,
            cut: totals.cut,
            failed: totals.failed,
            cancelled: totals.cancelled,
            edits_applied: totals.edits_applied,
            edits_discarded: totals.edits_discarded,
            useful: totals.useful,
            not_useful: totals.not_useful,
        };
        figures.made = self.assists.measured.clone();
        figures.typing_seconds = self.metrics.typing.as_secs();
        figures
    }
}

/// Writes one session's file; clones share it. Never used on the loop but at its end.
#[derive(Clone)]
struct Keeper {
    folder: Arc<PathBuf>,
    session: Arc<Mutex<Option<Session>>>,
}

/// A session that has written its file, or will.
struct Session {
    path: PathBuf,
    record: Record,
    written: bool,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Keeper {
    fn new(folder: PathBuf) -> Keeper {
        Keeper {
            folder: Arc::new(folder),
            session: Arc::default(),
        }
    }

    /// Adds what is new. Figures that cannot be written are tried again with the next ones.
    fn keep(&self, news: &Figures) {
        let now = SystemTime::now();
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let session = session.get_or_insert_with(|| {
            if let Err(error) = file::fold(&self.folder, now) {
                tracing::warn!(%error, "figures of old sessions cannot be folded");
            }
            Session {
                path: file::session_file(&self.folder, now),
                record: Record::default(),
                written: false,
            }
        });
        // The user deleted the figures, or another session has folded these: they are in its file.
        if session.written && !session.path.exists() {
            session.record = Record::default();
        }
        session.record.add(&file::day(now), news);
        match file::write(&session.path, &session.record) {
            Ok(()) => session.written = true,
            Err(error) => tracing::warn!(%error, "the figures of this session cannot be written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(changes: u64) -> Figures {
        Figures {
            changes,
            ..Figures::default()
        }
    }

    #[test]
    fn a_file_that_went_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path().join("metrics"));
        let total = || file::read_all(&keeper.folder).unwrap().0.total().changes;
        keeper.keep(&changes(3));
        keeper.keep(&changes(2));
        assert_eq!(total(), 5);
        file::remove_all(&keeper.folder).unwrap();
        keeper.keep(&changes(4));
        assert_eq!(total(), 4);
    }

    #[test]
    fn figures_that_could_not_be_written_come_with_the_next() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("metrics");
        std::fs::write(&folder, "in the way").unwrap();
        let keeper = Keeper::new(folder.clone());
        keeper.keep(&changes(3));
        std::fs::remove_file(&folder).unwrap();
        keeper.keep(&changes(2));
        assert_eq!(file::read_all(&folder).unwrap().0.total().changes, 5);
    }
}
