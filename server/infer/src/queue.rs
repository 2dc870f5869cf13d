//! The worker's waiting room: a latest-wins place for each owner of a foreground job and a bounded row
//! for the rest. It decides who is served next, who is displaced, and whether the job that runs now
//! must make room. It blocks the worker only; whoever submits never waits.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::decode::Run;
use crate::errand::Caller;
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
    /// Oldest first, each with its number.
    foreground: Vec<(u64, Run)>,
    low: VecDeque<Run>,
    /// The job that runs: its number, and what the verdict needs of it.
    running: Option<Running>,
    /// Numbers foreground jobs in the order in which they came.
    next: u64,
    /// Set once: nothing is served any more, and everything ends this way.
    closed: Option<End>,
}

#[derive(Debug)]
struct Running {
    number: u64,
    caller: Caller,
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
        let displaced = match run.class().is_foreground() {
            true => {
                let displaced = places.displaced_by(&run);
                places.next += 1;
                let number = places.next;
                places.foreground.push((number, run));
                displaced
            }
            false => {
                places.low.push_back(run);
                places.overflow().into_iter().collect()
            }
        };
        drop(places);
        self.ready.notify_one();
        for run in displaced {
            run.finish(End::Superseded);
        }
    }

    /// Puts a paused job back, first in its class. It had its place before, so nobody is displaced by it.
    pub(crate) fn put_back(&self, run: Run) {
        let mut places = self.lock();
        let end = match places.closed.clone() {
            None if run.class().is_foreground() => {
                let number = places.running.take().map_or(0, |running| running.number);
                places.foreground.insert(0, (number, run));
                return;
            }
            None => {
                places.low.push_front(run);
                return;
            }
            Some(end) => end,
        };
        drop(places);
        run.finish(end);
    }

    /// The next job, most urgent first; sleeps until there is one. `None` once closed.
    pub(crate) fn take(&self) -> Option<Run> {
        let mut places = self.lock();
        loop {
            if places.closed.is_some() {
                return None;
            }
            if let Some((number, run)) = places.next() {
                places.running = Some(Running {
                    number,
                    caller: run.caller(),
                });
                return Some(run);
            }
            places = self
                .ready
                .wait(places)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What the job that was taken last, which is of this class, must do now. Called between steps, so
    /// it only looks.
    pub(crate) fn verdict(&self, class: Class) -> Verdict {
        let places = self.lock();
        match class.is_foreground() {
            _ if places.closed.is_some() => Verdict::Closed,
            true => places.foreground_verdict(class),
            false if !places.foreground.is_empty() => Verdict::Yield,
            false => match places.low.iter().any(|run| run.class() < class) {
                true => Verdict::Yield,
                false => Verdict::Go,
            },
        }
    }

    /// Serves nothing any more; what waits, and what comes later, ends with `end`. The first call counts.
    pub(crate) fn close(&self, end: End) {
        let mut places = self.lock();
        let end = places.closed.get_or_insert(end).clone();
        let waiting = std::mem::take(&mut places.foreground);
        let low = std::mem::take(&mut places.low);
        drop(places);
        self.ready.notify_all();
        for run in waiting.into_iter().map(|(_, run)| run).chain(low) {
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
    /// Of what a person waits for the newest, then the newest of what nobody asked for.
    fn next(&mut self) -> Option<(u64, Run)> {
        let urgent = self.foreground.iter().rposition(|(_, run)| is_urgent(run));
        if let Some(at) = urgent.or(self.foreground.len().checked_sub(1)) {
            return Some(self.foreground.remove(at));
        }
        let first = (0..self.low.len()).min_by_key(|&at| self.low[at].class())?;
        Some((0, self.low.remove(first)?))
    }

    /// What a newer foreground job makes worthless: a request every older one of its owner and all that
    /// nobody asked for, a speculative one only the latter. Who waits in another document waits on.
    fn displaced_by(&mut self, run: &Run) -> Vec<Run> {
        let (request, owner) = (run.class() == Class::Request, run.caller().owner);
        let goes = |(_, older): &mut (u64, Run)| {
            !is_urgent(older) || (request && older.caller().owner == owner)
        };
        let gone = self.foreground.extract_if(.., goes);
        gone.map(|(_, run)| run).collect()
    }

    fn foreground_verdict(&self, class: Class) -> Verdict {
        let Some(running) = &self.running else {
            return Verdict::Go;
        };
        let caller = &running.caller;
        if class != Class::Request && !caller.is_awaited() {
            // A paused job that waits behind this one is older, and it is a request.
            return match self.foreground.is_empty() {
                true => Verdict::Go,
                false => Verdict::Superseded,
            };
        }
        let mut newer = self
            .foreground
            .iter()
            .filter(|(number, run)| *number > running.number && is_urgent(run));
        match newer.next_back() {
            None => Verdict::Go,
            Some((_, run)) if run.caller().owner == caller.owner => Verdict::Superseded,
            Some(_) => Verdict::Yield,
        }
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

/// Whether a person waits for this job.
fn is_urgent(run: &Run) -> bool {
    run.class() == Class::Request || run.caller().is_awaited()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use foretoken_engine::prompt::Prompt;
    use tokio::sync::oneshot::Receiver;

    use super::{LOW_PLACES, Queue, Verdict};
    use crate::decode::Run;
    use crate::errand::Errand;
    use crate::job::{Class, Drafts, End, Flow, Job, Limits, Outcome};

    fn put(queue: &Queue, class: Class) -> Receiver<Outcome> {
        put_for(queue, class, Errand::default())
    }

    fn put_for(queue: &Queue, class: Class, errand: Errand) -> Receiver<Outcome> {
        let job = Job {
            class,
            prompt: Prompt::default(),
            limits: Limits {
                max_tokens: 1,
                budget: Duration::from_secs(1),
            },
            drafts: Drafts::default(),
            stop: Box::new(|| false),
            watch: Box::new(|_| Flow::Stop),
        };
        let (run, outcome) = Run::new(job, errand);
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

    fn of(owner: u64) -> Errand {
        Errand {
            owner,
            ..Errand::default()
        }
    }

    fn awaited(owner: u64) -> Errand {
        Errand {
            awaited: Some(std::sync::Arc::new(|| true)),
            ..of(owner)
        }
    }

    #[test]
    fn who_waits_in_another_document_is_not_displaced() {
        let queue = Queue::default();
        let asked = put_for(&queue, Class::Request, of(1));
        let joined = put_for(&queue, Class::Speculative, awaited(2));
        let unasked = put_for(&queue, Class::Speculative, of(3));
        let newer = put_for(&queue, Class::Speculative, of(4));
        assert_eq!(end(asked), None);
        assert_eq!(end(joined), None);
        assert_eq!(end(unasked), Some(End::Superseded), "nobody waited for it");
        assert_eq!(end(newer), None);
        let again = put_for(&queue, Class::Request, of(2));
        let owners: Vec<u64> = (0..2)
            .map(|_| queue.take().expect("a job waits").caller().owner)
            .collect();
        assert_eq!(owners, [2, 1], "the newest first, one for each document");
        drop(again);
    }

    #[test]
    fn a_newer_request_of_another_document_goes_first_and_the_older_one_goes_on() {
        let queue = Queue::default();
        let older = put_for(&queue, Class::Speculative, awaited(1));
        let run = queue.take().expect("a job waits");
        let _speculative = put_for(&queue, Class::Speculative, of(2));
        assert_eq!(queue.verdict(run.class()), Verdict::Go);
        let _newer = put_for(&queue, Class::Request, of(2));
        assert_eq!(queue.verdict(run.class()), Verdict::Yield);
        queue.put_back(run);
        let first = queue.take().expect("a job waits");
        assert_eq!(first.caller().owner, 2);
        // The paused one is older: they do not take turns.
        assert_eq!(queue.verdict(first.class()), Verdict::Go);
        let second = queue.take().expect("a job waits");
        assert_eq!(second.caller().owner, 1);
        assert_eq!(end(older), None);
        let _same = put_for(&queue, Class::Request, of(1));
        assert_eq!(queue.verdict(second.class()), Verdict::Superseded);
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
