//! The worker's waiting room: one latest-wins place for each foreground class and a bounded row for
//! the rest. It decides who is served next, who is displaced, and whether the job that runs now must
//! make room. It blocks the worker only; whoever submits never waits.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::decode::Run;
use crate::job::{Class, End};

/// Background jobs that may wait; a further one displaces the oldest of the least urgent class,
/// because what was to be warmed long ago is seldom where the cursor is now.
const LOW_PLACES: usize = 8;

/// What the running job must do at its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Go,
    /// A newer job took its place: end.
    Superseded,
    /// Something more urgent waits: pause, keep the cache, come back later.
    Yield,
    /// The worker shuts down: end.
    Closed,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    places: Mutex<Places>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct Places {
    request: Option<Run>,
    speculative: Option<Run>,
    low: VecDeque<Run>,
    /// Set once: nothing is served any more, and everything ends this way.
    closed: Option<End>,
}

impl Queue {
    /// Puts a job in its place and ends those that it displaces.
    pub(crate) fn put(&self, run: Run) {
        let mut places = self.lock();
        if let Some(end) = places.closed.clone() {
            drop(places);
            run.finish(end);
            return;
        }
        let displaced = match run.class() {
            Class::Request => [places.request.replace(run), places.speculative.take()],
            Class::Speculative => [places.speculative.replace(run), None],
            Class::Prefetch | Class::Warm => {
                places.low.push_back(run);
                [places.overflow(), None]
            }
        };
        drop(places);
        self.ready.notify_one();
        for run in displaced.into_iter().flatten() {
            run.finish(End::Superseded);
        }
    }

    /// Puts a paused background job back, first in its class.
    pub(crate) fn put_back(&self, run: Run) {
        let mut places = self.lock();
        if let Some(end) = places.closed.clone() {
            drop(places);
            run.finish(end);
            return;
        }
        places.low.push_front(run);
        let displaced = places.overflow();
        drop(places);
        if let Some(run) = displaced {
            run.finish(End::Superseded);
        }
    }

    /// The next job, most urgent first; sleeps until there is one. `None` once closed.
    pub(crate) fn take(&self) -> Option<Run> {
        let mut places = self.lock();
        loop {
            if places.closed.is_some() {
                return None;
            }
            if let Some(run) = places.next() {
                return Some(run);
            }
            places = self
                .ready
                .wait(places)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What a running job of this class must do now. Called between steps, so it only looks.
    pub(crate) fn verdict(&self, class: Class) -> Verdict {
        let places = self.lock();
        if places.closed.is_some() {
            return Verdict::Closed;
        }
        let newer = match class {
            Class::Request => places.request.is_some(),
            _ => places.request.is_some() || places.speculative.is_some(),
        };
        match (newer, class.is_foreground()) {
            (true, true) => Verdict::Superseded,
            (true, false) => Verdict::Yield,
            (false, true) => Verdict::Go,
            (false, false) => match places.low.iter().any(|run| run.class() < class) {
                true => Verdict::Yield,
                false => Verdict::Go,
            },
        }
    }

    /// Serves nothing any more; what waits, and what comes later, ends with `end`. The first call counts.
    pub(crate) fn close(&self, end: End) {
        let mut places = self.lock();
        let end = places.closed.get_or_insert(end).clone();
        let waiting = [places.request.take(), places.speculative.take()];
        let low = std::mem::take(&mut places.low);
        drop(places);
        self.ready.notify_all();
        for run in waiting.into_iter().flatten().chain(low) {
            run.finish(end.clone());
        }
    }

    /// A panic never happens under this lock except by exhausted memory; the data stays whole then.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn next(&mut self) -> Option<Run> {
        if let Some(run) = self.request.take().or_else(|| self.speculative.take()) {
            return Some(run);
        }
        let first = (0..self.low.len()).min_by_key(|&at| self.low[at].class())?;
        self.low.remove(first)
    }

    /// The job that no longer fits in the low row.
    fn overflow(&mut self) -> Option<Run> {
        if self.low.len() <= LOW_PLACES {
            return None;
        }
        let last = self.low.iter().map(Run::class).max()?;
        let at = self.low.iter().position(|run| run.class() == last)?;
        self.low.remove(at)
    }
}
