//! Whether to ask on: what a failure before the first text means for the rest of the plan.

use std::time::Duration;

use crate::failure::{Failure, Kind, Refusal, RetryAfter};
use crate::retry;

/// What to do after a failure without text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// The next candidate.
    Next,
    /// The same one, after a wait.
    Again(Duration),
    /// Nobody: the question itself is at fault, or nobody is left.
    Stop,
}

/// Where the plan stands when something failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Another candidate follows.
    pub(super) more: bool,
    /// Retries of this candidate so far, and how many it may have.
    pub(super) retried: u32,
    pub(super) retries: u32,
    /// How long a wait the class bears.
    pub(super) patience: Duration,
}

/// Another candidate is better than another try, since the first one's trouble is probably not over.
/// `dice` is uniform in 0 to 1; `budget` gives a retry or not and is asked last.
pub(super) fn course(
    failure: &Failure,
    place: Place,
    dice: f64,
    budget: impl FnOnce() -> bool,
) -> Course {
    if ends_the_question(failure.kind) {
        return Course::Stop;
    }
    if place.more {
        return Course::Next;
    }
    let wait = match failure.retry_after {
        Some(RetryAfter(wait)) => wait,
        None => retry::delay(place.retried, dice),
    };
    if failure.retryable() && place.retried < place.retries && wait <= place.patience && budget() {
        return Course::Again(wait);
    }
    Course::Stop
}

/// The same question would fail the same way elsewhere; whoever asked can change it and ask anew.
fn ends_the_question(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::ContextWindow
            | Kind::ContentFilter
            | Kind::Refused(Refusal::Secret | Refusal::Rules | Refusal::Busy)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Place = Place {
        more: false,
        retried: 0,
        retries: 1,
        patience: Duration::from_secs(2),
    };

    fn after(kind: Kind, place: Place) -> Course {
        course(&Failure::new(kind, ""), place, 1.0, || true)
    }

    #[test]
    fn the_next_candidate_comes_before_another_try() {
        for kind in [
            Kind::Overloaded,
            Kind::Connect,
            Kind::Auth,
            Kind::Redirect,
            Kind::Refused(Refusal::Consent),
        ] {
            assert_eq!(
                after(kind, Place { more: true, ..LAST }),
                Course::Next,
                "{kind:?}"
            );
        }
        assert_eq!(
            after(Kind::Overloaded, LAST),
            Course::Again(Duration::from_millis(250))
        );
    }

    #[test]
    fn what_will_not_get_better_is_not_tried_again() {
        for kind in [
            Kind::Auth,
            Kind::Budget,
            Kind::NotAModel,
            Kind::Redirect,
            Kind::Tls,
            Kind::Protocol,
            Kind::Request,
            Kind::TooLong,
        ] {
            assert_eq!(after(kind, LAST), Course::Stop, "{kind:?}");
        }
        for kind in [
            Kind::ContextWindow,
            Kind::ContentFilter,
            Kind::Refused(Refusal::Secret),
        ] {
            assert_eq!(
                after(kind, Place { more: true, ..LAST }),
                Course::Stop,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn retries_are_counted_and_bounded_by_the_budget_and_the_class() {
        assert_eq!(
            after(Kind::Server, Place { retried: 1, ..LAST }),
            Course::Stop
        );
        assert_eq!(
            after(Kind::Server, Place { retries: 0, ..LAST }),
            Course::Stop
        );
        let failure = Failure::new(Kind::Server, "");
        assert_eq!(course(&failure, LAST, 0.5, || false), Course::Stop);
        let limited = |seconds| Failure {
            retry_after: Some(RetryAfter(Duration::from_secs(seconds))),
            ..Failure::new(Kind::RateLimited, "")
        };
        assert_eq!(
            course(&limited(1), LAST, 0.5, || true),
            Course::Again(Duration::from_secs(1))
        );
        assert_eq!(course(&limited(20), LAST, 0.5, || true), Course::Stop);
    }
}
