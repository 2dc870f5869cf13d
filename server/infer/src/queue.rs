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

    /// Puts a paused background job back, first in its class. It had its place before, so nobody is
    /// displaced by it.
    pub(crate) fn put_back(&self, run: Run) {
        let mut places = self.lock();
        match places.closed.clone() {
            None => places.low.push_front(run),
            Some(end) => {
                drop(places);
                run.finish(end);
            }
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

    /// Whether [`Queue::close`] was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed.is_some()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use foretoken_engine::prompt::Prompt;
    use tokio::sync::oneshot::Receiver;

    use super::{LOW_PLACES, Queue, Verdict};
    use crate::decode::Run;
    use crate::job::{Class, Drafts, End, Flow, Job, Limits, Outcome};

    fn put(queue: &Queue, class: Class) -> Receiver<Outcome> {
        let (run, outcome) = Run::new(Job {
            class,
            prompt: Prompt::default(),
            limits: Limits {
                max_tokens: 1,
                budget: Duration::from_secs(1),
            },
            drafts: Drafts::default(),
            stop: Box::new(|| false),
            watch: Box::new(|_| Flow::Stop),
        });
        queue.put(run);
        outcome
    }

    fn end(mut outcome: Receiver<Outcome>) -> Option<End> {
        outcome.try_recv().ok().map(|outcome| outcome.end)
    }

    fn served(queue: &Queue) -> Class {
        queue.take().expect("a job waits").class()
    }

    #[test]
    fn the_most_urgent_is_served_first() {
        let queue = Queue::default();
        let _waiting = [Class::Warm, Class::Prefetch, Class::Speculative].map(|c| put(&queue, c));
        assert_eq!(served(&queue), Class::Speculative);
        assert_eq!(served(&queue), Class::Prefetch);
        assert_eq!(served(&queue), Class::Warm);
    }

    #[test]
    fn a_request_displaces_all_of_the_foreground() {
        let queue = Queue::default();
        let old = put(&queue, Class::Request);
        let speculative = put(&queue, Class::Speculative);
        let warm = put(&queue, Class::Warm);
        let new = put(&queue, Class::Request);
        assert_eq!(end(old), Some(End::Superseded));
        assert_eq!(end(speculative), Some(End::Superseded));
        assert_eq!(end(new), None);
        assert_eq!(end(warm), None);
    }

    #[test]
    fn speculation_waits_behind_a_request() {
        let queue = Queue::default();
        let request = put(&queue, Class::Request);
        let _speculative = put(&queue, Class::Speculative);
        assert_eq!(end(request), None);
        assert_eq!(served(&queue), Class::Request);
        assert_eq!(queue.verdict(Class::Request), Verdict::Go);
        assert_eq!(queue.verdict(Class::Speculative), Verdict::Superseded);
        assert_eq!(queue.verdict(Class::Prefetch), Verdict::Yield);
    }

    #[test]
    fn background_yields_to_what_is_more_urgent() {
        let queue = Queue::default();
        assert_eq!(queue.verdict(Class::Warm), Verdict::Go);
        let _warm = put(&queue, Class::Warm);
        assert_eq!(queue.verdict(Class::Warm), Verdict::Go);
        let _prefetch = put(&queue, Class::Prefetch);
        assert_eq!(queue.verdict(Class::Prefetch), Verdict::Go);
        assert_eq!(queue.verdict(Class::Warm), Verdict::Yield);
    }

    #[test]
    fn the_low_row_is_bounded_and_a_paused_job_keeps_its_place() {
        let queue = Queue::default();
        let paused = put(&queue, Class::Prefetch);
        let run = queue.take().expect("a job waits");
        let rows: Vec<_> = (0..=LOW_PLACES).map(|_| put(&queue, Class::Warm)).collect();
        queue.put_back(run);
        assert_eq!(served(&queue), Class::Prefetch);
        let ends: Vec<Option<End>> = rows.into_iter().map(end).collect();
        assert_eq!(ends[0], Some(End::Superseded), "the oldest gives way");
        assert!(ends[1..].iter().all(Option::is_none));
        drop(paused);
    }

    #[test]
    fn closing_ends_what_waits_and_what_comes() {
        let queue = Queue::default();
        let waits = [Class::Request, Class::Warm].map(|class| put(&queue, class));
        assert!(!queue.is_closed());
        queue.close(End::NoModel);
        queue.close(End::Stopped);
        assert!(queue.is_closed());
        assert!(queue.take().is_none());
        assert_eq!(queue.verdict(Class::Request), Verdict::Closed);
        for outcome in waits {
            assert_eq!(end(outcome), Some(End::NoModel));
        }
        assert_eq!(end(put(&queue, Class::Request)), Some(End::NoModel));
    }
}
