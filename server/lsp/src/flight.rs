//! A *flight* is one running attempt for one place of one document, together with its *waiters*: the
//! requests that its result will answer. A flight nobody asked for yet is *speculative*.
//! The worker that computes it knows only its `Wish`; it stops as soon as nobody wants the result.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use foretoken_engine::interpolate::{Interpolated, Offered, interpolate};
use foretoken_engine::place::Place;
use foretoken_engine::position::Range;
use foretoken_engine::suggestion::Suggestion;
use tokio::time::Instant;
use tower_lsp::gen_lsp_types::{CompletionList, InlineCompletionList};

use crate::main_loop::{Refusal, Reply};
use crate::pipeline::cache::{Hit, Kind, Origin};
use crate::pipeline::complete::Completed;
use crate::pipeline::generate::others::Others;
use crate::proto::to;

/// One running attempt.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Unique in the session, so that a late report finds no other flight.
    pub(crate) id: u64,
    /// What it computes a suggestion for.
    pub(crate) place: Place,
    pub(crate) wish: Arc<Wish>,
    pub(crate) waiters: Vec<Waiter>,
    /// Nobody had asked when it began.
    unasked: bool,
    /// The text that is shown already, where others are looked for.
    pub(crate) first: Option<Hit>,
}

/// What a flight tells the loop.
#[derive(Debug)]
pub(crate) enum Report {
    /// A text that may be shown while the rest is still being generated.
    Early(Suggestion),
    Ended(Box<Completed>),
    /// Other texts than the one that is shown.
    Others(Box<Others>),
    /// Its task panicked.
    Broken,
}

/// One request that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// Where its cursor is; in the text with the menu's selection put in, if there is one.
    pub(crate) place: Place,
    pub(crate) asked: Instant,
    pub(crate) invoked: bool,
    pub(crate) answer: Answer,
    /// What the editor's menu has selected: the range in the real text and its replacement.
    pub(crate) selected: Option<(Range, String)>,
}

/// Where one completion request is answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Inline(Reply<InlineCompletionList>),
    Menu(Reply<CompletionList>),
}

impl Answer {
    /// The answer "nothing to offer".
    pub(crate) fn empty(self) {
        match self {
            Answer::Inline(reply) => reply.send(InlineCompletionList::default()),
            Answer::Menu(reply) => reply.send(to::empty_menu()),
        }
    }

    /// The answer "no longer of use". A menu is empty and incomplete: an editor that shows other servers' rows
    /// meanwhile asks those again that were incomplete, and leaves out for the whole word who had failed (Helix).
    pub(crate) fn supersede(self) {
        match self {
            Answer::Inline(reply) => reply.refuse(Refusal::Superseded),
            Answer::Menu(reply) => reply.send(to::empty_menu()),
        }
    }

    /// Whether both answer the same method.
    pub(crate) fn is_like(&self, other: &Answer) -> bool {
        matches!(
            (self, other),
            (Answer::Inline(_), Answer::Inline(_)) | (Answer::Menu(_), Answer::Menu(_))
        )
    }

    /// Whether the client has taken its request back, and the framework has answered it.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.interest().strong_count() == 0
    }

    fn interest(&self) -> Weak<()> {
        match self {
            Answer::Inline(reply) => reply.interest(),
            Answer::Menu(reply) => reply.interest(),
        }
    }
}

impl Flight {
    /// A flight for this request, or without one a speculative one.
    pub(crate) fn new(id: u64, place: Place, waiter: Option<Waiter>) -> Flight {
        let mut flight = Flight {
            id,
            place,
            wish: Arc::default(),
            waiters: Vec::new(),
            unasked: waiter.is_none(),
            first: None,
        };
        match waiter {
            Some(waiter) => drop(flight.attach(waiter)),
            None => drop(flight.wish.keep()),
        }
        flight
    }

    /// What its texts come from.
    pub(crate) fn origin(&self) -> Origin {
        let kind = match self.unasked {
            true => Kind::Edit,
            false => Kind::Request,
        };
        Origin { job: self.id, kind }
    }

    /// The line that it was made for, as far as the model has written it, shown or not.
    pub(crate) fn line(&self) -> Option<String> {
        let text = self.wish.text();
        (!text.is_empty()).then(|| [self.place.head.as_str(), &text].concat())
    }

    /// Lets one more request wait for the result. Gives it back where the worker was told already that
    /// nobody wants one: there will be none.
    pub(crate) fn attach(&mut self, waiter: Waiter) -> Option<Waiter> {
        if !self.wish.waits(waiter.answer.interest()) {
            return Some(waiter);
        }
        self.waiters.push(waiter);
        None
    }

    /// Whether the result will be of use at this place: it is the same one, or what was typed since
    /// is how the text begins. A flight that has no text yet agrees with nothing but its own place.
    pub(crate) fn agrees(&self, place: &Place) -> bool {
        let agrees =
            || self.place == *place || rest(&self.place, &self.wish.text(), place).is_some();
        !self.wish.is_over() && agrees()
    }

    /// Ends the work and every wait for it.
    pub(crate) fn supersede(self) {
        self.wish.end();
        for waiter in self.waiters {
            waiter.answer.supersede();
        }
    }
}

/// What is left at `place` of a text that was made for the place `from`.
pub(crate) fn rest(from: &Place, text: &str, place: &Place) -> Option<String> {
    match interpolate(&Offered::new(from, text), place) {
        Interpolated::Keeps { rest } => Some(rest),
        Interpolated::Stale => None,
    }
}

/// Who still wants a flight's result, asked by the worker between its steps. A client that cancels
/// lets its handler go and with it the token that is held weakly here. Once the worker was told that
/// nobody does, it is over: it stops, whoever may come afterwards.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    // No await happens under these locks, and each is held for a few nanoseconds.
    wanted: Mutex<Wanted>,
    text: Mutex<String>,
}

#[derive(Debug, Default)]
struct Wanted {
    over: bool,
    /// The loop itself wants the result, for a request that will come.
    speculative: bool,
    waiting: Vec<Weak<()>>,
}

impl Wish {
    /// Asked by the worker, which stops at the first yes.
    pub(crate) fn unwanted(&self) -> bool {
        let mut wanted = lock(&self.wanted);
        let waits = |token: &Weak<()>| token.strong_count() > 0;
        wanted.over |= !wanted.speculative && !wanted.waiting.iter().any(waits);
        wanted.over
    }

    /// Whether somebody waits for it, whoever began it.
    pub(crate) fn is_awaited(&self) -> bool {
        let waiting = &lock(&self.wanted).waiting;
        waiting.iter().any(|token| token.strong_count() > 0)
    }

    /// Nobody wants the result any more.
    pub(crate) fn end(&self) {
        lock(&self.wanted).over = true;
    }

    /// The loop wants the result, whoever else does. False where it is too late for that.
    pub(crate) fn keep(&self) -> bool {
        let mut wanted = lock(&self.wanted);
        wanted.speculative = true;
        !wanted.over
    }

    fn is_over(&self) -> bool {
        lock(&self.wanted).over
    }

    fn waits(&self, token: Weak<()>) -> bool {
        let mut wanted = lock(&self.wanted);
        wanted.waiting.push(token);
        !wanted.over
    }

    /// Called by the worker: the text generated so far.
    pub(crate) fn grow(&self, text: &str) {
        let mut known = lock(&self.text);
        known.clear();
        known.push_str(text);
    }

    fn text(&self) -> String {
        lock(&self.text).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use foretoken_engine::document::Document;
    use foretoken_grammars::Language;
    use tokio::sync::oneshot;

    use super::*;

    fn place(text: &str) -> Place {
        let document = Document::open("a.txt", Language::Text, 0, text);
        Place::at(&document, text.len())
    }

    fn waiter(
        place: Place,
    ) -> (
        Waiter,
        Arc<()>,
        oneshot::Receiver<crate::main_loop::Asked<InlineCompletionList>>,
    ) {
        let (sender, receiver) = oneshot::channel();
        let (reply, interest) = Reply::new(sender);
        let waiter = Waiter {
            place,
            asked: Instant::now(),
            invoked: false,
            answer: Answer::Inline(reply),
            selected: None,
        };
        (waiter, interest, receiver)
    }

    #[test]
    fn a_flight_is_wanted_as_long_as_somebody_waits() {
        let (first, interest, _receiver) = waiter(place("let a"));
        let mut flight = Flight::new(1, place("let a"), Some(first));
        assert!(!flight.wish.unwanted());
        let (second, other, _receiver) = waiter(place("let a"));
        assert!(flight.attach(second).is_none());
        drop(interest);
        assert!(!flight.wish.unwanted(), "one of two cancelled");
        drop(other);
        assert!(
            flight.wish.keep() && !flight.wish.unwanted(),
            "the loop wants it"
        );
        flight.wish.end();
        assert!(flight.wish.unwanted());
    }

    #[test]
    fn a_flight_whose_worker_was_told_to_stop_takes_nobody_in() {
        let (first, interest, _receiver) = waiter(place("let a"));
        let mut flight = Flight::new(1, place("let a"), Some(first));
        drop(interest);
        assert!(flight.agrees(&place("let a")), "the worker was not told");
        assert!(flight.wish.unwanted());
        assert!(!flight.agrees(&place("let a")));
        let (second, _interest, _receiver) = waiter(place("let a"));
        assert!(flight.attach(second).is_some());
        assert!(!flight.wish.keep());
        assert!(flight.wish.unwanted(), "it has stopped");
    }

    #[test]
    fn a_flight_agrees_with_what_its_text_begins_with() {
        let flight = Flight::new(1, place("let a"), None);
        assert!(flight.agrees(&place("let a")));
        assert!(!flight.agrees(&place("let a =")), "no text yet");
        flight.wish.grow(" = 1;");
        assert!(flight.agrees(&place("let a =")));
        assert!(!flight.agrees(&place("let a +")));
        assert!(!flight.agrees(&place("let a = 1; ")), "typed beyond it");
    }

    #[test]
    fn superseding_answers_every_waiter() {
        let (first, _interest, mut receiver) = waiter(place("a"));
        let flight = Flight::new(1, place("a"), Some(first));
        let wish = Arc::clone(&flight.wish);
        flight.supersede();
        assert!(wish.unwanted());
        assert_eq!(receiver.try_recv().unwrap(), Err(Refusal::Superseded));
    }
}
