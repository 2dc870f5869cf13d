//! Sending what waits: so many in an hour, and nobody is asked before the time that a server or a failure set.

use std::time::{Duration, SystemTime};

use foretoken_remote::egress::{Egress, Route};
use foretoken_remote::failure::Failure;
use foretoken_remote::reports::{self, Dsn, Event, NotTaken};

use super::folder::{Folder, Pace};
use crate::config::reports::Reports;
use crate::metrics::file::seconds;
use crate::paths::Paths;

/// Reports in an hour, over all processes of this user.
const AN_HOUR: usize = 10;
/// Seconds.
const HOUR: u64 = 3600;
/// Where another process holds the lock.
const OTHERS: Duration = Duration::from_secs(60);

/// Whom reports are sent to, and where they lie.
#[derive(Debug)]
pub(crate) struct Sender {
    dsn: Dsn,
    route: Route,
    folder: Folder,
    egress: Egress,
}

/// What came of going through the folder once.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Numbers of the reports that were taken.
    pub(crate) sent: Vec<String>,
    /// Reports that were thrown away, since the server refuses them.
    pub(crate) refused: usize,
    /// Why the round ended early.
    pub(crate) failure: Option<Failure>,
    /// When to go on; `None` where nothing is left.
    pub(crate) again: Option<Duration>,
}

impl Sender {
    /// `None` without a DSN or a home.
    pub(crate) fn new(settings: &Reports, paths: Option<&Paths>) -> Option<Sender> {
        Some(Sender {
            dsn: settings.dsn.clone()?,
            route: super::route(settings),
            folder: Folder::of(paths?),
            egress: Egress::default(),
        })
    }

    /// Sends what waits, as far as the pace lets.
    pub(crate) async fn round(&self, now: SystemTime) -> Round {
        let now = seconds(now);
        let mut pace = self.folder.pace();
        pace.sent.retain(|sent| now.saturating_sub(*sent) < HOUR);
        let full = pace.sent.first().filter(|_| pace.sent.len() >= AN_HOUR);
        let full = full.map_or(0, |first| first + HOUR);
        // A clock that was put back must not silence this for years.
        let until = pace.until.min(now + HOUR).max(full);
        if until > now {
            let left = !self.folder.waiting(now).is_empty();
            return Round {
                again: left.then(|| Duration::from_secs(until - now)),
                ..Round::default()
            };
        }
        let room = AN_HOUR.saturating_sub(pace.sent.len());
        self.send_waiting(now, (room, pace)).await
    }

    /// Sends all that waits, whatever the pace, since a person asked for it.
    pub(crate) async fn all(&self, now: SystemTime) -> Round {
        let pace = self.folder.pace();
        self.send_waiting(seconds(now), (usize::MAX, pace)).await
    }

    /// Sends this one, which lies nowhere.
    pub(crate) async fn one(&self, event: &Event, now: SystemTime) -> Result<(), NotTaken> {
        let to = (&self.dsn, &self.route);
        reports::send(&self.egress, to, event, seconds(now)).await
    }

    async fn send_waiting(&self, now: u64, (room, mut pace): (usize, Pace)) -> Round {
        let mut round = Round::default();
        let Some(lock) = self.folder.lock() else {
            let left = !self.folder.waiting(now).is_empty();
            round.again = left.then_some(OTHERS);
            return round;
        };
        let before = pace.clone();
        for waiting in self.folder.waiting(now) {
            if round.sent.len() >= room {
                let first = pace.sent.first().copied().unwrap_or(now);
                round.again = Some(Duration::from_secs(
                    (first + HOUR).saturating_sub(now).max(1),
                ));
                break;
            }
            let to = (&self.dsn, &self.route);
            match reports::send(&self.egress, to, &waiting.event, now).await {
                Ok(()) => {
                    pace.sent.push(now);
                    pace.failed = 0;
                    round.sent.push(waiting.event.id().to_owned());
                    waiting.remove();
                }
                Err(NotTaken::Never(failure)) => {
                    tracing::info!(status = failure.status, "a report was refused");
                    round.refused += 1;
                    waiting.remove();
                }
                Err(NotTaken::Later(failure, after)) => {
                    // Twice as long each time, an hour at most.
                    let wait = after.as_secs().max(1) << pace.failed.min(8);
                    let wait = wait.min(HOUR);
                    pace.failed = pace.failed.saturating_add(1);
                    pace.until = now + wait;
                    round.failure = Some(failure);
                    round.again = Some(Duration::from_secs(wait));
                    break;
                }
            }
        }
        if pace != before
            && let Err(error) = self.folder.set_pace(&pace)
        {
            tracing::warn!(%error, "the pace of reports cannot be kept");
        }
        drop(lock);
        round
    }
}
