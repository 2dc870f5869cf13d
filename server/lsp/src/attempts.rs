//! From a request, or from an edit that makes one likely, to its answer: what is at hand, what is
//! under way, and what has to be begun. One flight for each document, one waiter for each method of
//! it; whatever is newer wins, and whoever loses is answered at once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::document::Document;
use foretoken_engine::place::Place;
use foretoken_engine::suggestion::Reject;
use foretoken_engine::trigger::{self, History, Kind, Skip};
use foretoken_grammars::Language;
use foretoken_infer::{Class, Errand};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::flight::{Answer, Flight, Report, Waiter};
use crate::handlers::inline_completion::{self, Point};
use crate::main_loop::Event;
use crate::pipeline::complete::{self, Attempt, Inputs, Model};
use crate::pipeline::report::Reason;
use crate::proto::from::CompletionAsk;
use crate::state::{Open, State};

/// Longest time of one generation. A newer key ends it far earlier; this ends what nobody follows.
const BUDGET: Duration = Duration::from_secs(5);

/// A pause of this length lets the prompt be made anew as a whole.
const IDLE: Duration = Duration::from_millis(400);

impl State {
    /// Answers one completion request, now or later, exactly once.
    pub(crate) fn ask(&mut self, wire: u64, ask: Option<CompletionAsk>, answer: Answer) {
        self.counts.requests += 1;
        let asked = Instant::now();
        let Some(ask) = ask else {
            return self.decline(None, answer, &Reason::Unreadable);
        };
        let uri = ask.uri().to_owned();
        let Some(open) = self.documents.get(&uri) else {
            return self.decline(None, answer, &Reason::NotOpen);
        };
        let old = wire < open.wire
            || ask
                .version()
                .is_some_and(|version| version < open.document.version());
        if old {
            self.counts.superseded += 1;
            return answer.supersede();
        }
        let invoked = ask.invoked() && matches!(answer, Answer::Inline(_));
        let mut point = self.point(open, &ask);
        let waits = |point: &Point| point.selected.is_none() && !invoked;
        let ready = |point: &Point| waits(point) && self.at_hand(&uri, &point.place).is_some();
        // What is at hand fits by its text. All else is computed by the tree as it is now.
        if !point.as_ref().is_ok_and(ready) {
            self.settle_first(&uri);
            if let Some(open) = self.documents.get(&uri) {
                point = self.point(open, &ask);
            }
        }
        self.displace(&uri, &answer);
        let point = match point {
            Ok(point) => point,
            Err(reason) => return self.decline(Some(&uri), answer, &reason),
        };
        self.activate(&uri);
        if let Some(open) = self.documents.get_mut(&uri)
            && point.selected.is_none()
        {
            open.cursor = Some(point.place.offset);
        }
        let waiter = Waiter {
            place: point.place,
            asked,
            invoked,
            answer,
            selected: point.selected,
        };
        self.serve_waiter(&uri, point.document, waiter);
    }

    /// What the request asks about, unless the document as a whole gets nothing.
    fn point(&self, open: &Open, ask: &CompletionAsk) -> Result<Point, Reason> {
        if open.out_of_step {
            return Err(Reason::Skip(Skip::OutOfStep));
        }
        if !self.allows(open) {
            let excluded = self.settings.completion.exclude.matches(&open.path);
            return Err(if excluded {
                Reason::Skip(Skip::Excluded)
            } else {
                Reason::Disabled
            });
        }
        inline_completion::read(&open.document, ask, self.facts.encoding)
    }

    /// A newer request of a method takes the place of the older one on the same document.
    fn displace(&mut self, uri: &str, answer: &Answer) {
        self.session
            .drop_pending_like(uri, answer, &mut self.counts);
        let flight = self
            .documents
            .get_mut(uri)
            .and_then(|open| open.flight.as_mut());
        let Some(flight) = flight else { return };
        let (older, others) = std::mem::take(&mut flight.waiters)
            .into_iter()
            .partition(|waiter| waiter.answer.is_like(answer));
        flight.waiters = others;
        let older: Vec<Waiter> = older;
        if !older.is_empty() {
            // The newer request may well go on with this flight.
            flight.wish.keep();
        }
        self.counts.superseded += older.len() as u64;
        for waiter in older {
            waiter.answer.supersede();
        }
    }

    /// What is at hand answers, what is under way is joined, else something is begun.
    fn serve_waiter(&mut self, uri: &str, document: Document, waiter: Waiter) {
        let hit = self.at_hand(uri, &waiter.place);
        let kind = kind(waiter.invoked);
        let history = self.history(uri, &waiter.place, hit.as_ref().map(|hit| hit.dismissed));
        if let Err(skip) = trigger::decide(&waiter.place, kind, &history) {
            return self.decline(Some(uri), waiter.answer, &Reason::Skip(skip));
        }
        if let Some(hit) = hit {
            // With a menu's selection put in, the place is not in the document.
            return match waiter.invoked && waiter.selected.is_none() {
                true => self.cycle(uri, waiter, hit),
                false => self.serve_hit(uri, waiter, hit),
            };
        }
        if let Some(reject) = self.known_nothing(uri, &waiter.place) {
            self.counts.hits += 1;
            return self.empty(Some(uri), waiter.answer, &Reason::Reject(reject));
        }
        let wait = self.debounce(uri, waiter.invoked);
        if wait.is_zero() || self.flight_for(uri, &waiter.place).is_some() {
            self.join_or_start(uri, document, waiter);
        } else {
            self.supersede_flight(uri);
            self.session.put_pending(uri, wait, document, waiter);
        }
    }

    /// Why nothing came of this very place a moment ago.
    fn known_nothing(&self, uri: &str, place: &Place) -> Option<Reject> {
        let (known, reject) = self.documents.get(uri)?.nothing.as_ref()?;
        (known == place).then_some(*reject)
    }

    /// The document's flight, if its result will be of use at this place.
    fn flight_for(&mut self, uri: &str, place: &Place) -> Option<&mut Flight> {
        let attach = !self.session.off.attach;
        let flight = self.documents.get_mut(uri)?.flight.as_mut()?;
        let agrees = (attach || flight.place == *place) && flight.agrees(place);
        agrees.then_some(flight)
    }

    /// Waits with the flight whose result will fit, or begins one.
    pub(crate) fn join_or_start(&mut self, uri: &str, document: Document, waiter: Waiter) {
        let late = match self.flight_for(uri, &waiter.place) {
            Some(flight) => flight.attach(waiter),
            None => Some(waiter),
        };
        match late {
            Some(waiter) => self.start(uri, document, waiter.place.clone(), Some(waiter)),
            None => self.counts.attached += 1,
        }
    }

    /// What the trigger has to know of this place beyond its text. `at_hand` says whether a text for
    /// it is kept, and if so whether that was turned down.
    pub(crate) fn history(&self, uri: &str, place: &Place, at_hand: Option<bool>) -> History {
        let open = self.documents.get(uri);
        let last = open.map(|open| &open.last);
        let last = last.filter(|last| last.ends.contains(&place.offset));
        History {
            excluded: false,
            out_of_step: open.is_some_and(|open| open.out_of_step),
            deleted_just_now: last.is_some_and(|last| last.deleted),
            at_hand: at_hand.is_some(),
            places_changed: last.map_or(0, |last| last.places),
            dismissed_here: at_hand == Some(true),
        }
    }

    /// What is left of the wait after the last change. None by default: a local model loses little
    /// when it is superseded. The client's own word counts most; without one a wait is the governor's.
    fn debounce(&self, uri: &str, invoked: bool) -> Duration {
        let setting = self.settings.completion.debounce;
        let wait = self.facts.debounce.or(setting);
        let wait = wait.unwrap_or_else(|| self.effort.burst_wait());
        let changed = self.documents.get(uri).and_then(|open| open.last.at);
        match changed {
            Some(changed) if !invoked => wait.saturating_sub(changed.elapsed()),
            _ => Duration::ZERO,
        }
    }

    /// At the end of a tick in which the active document was edited: begins what the client will
    /// ask for in a moment, unless it has asked already.
    pub(crate) fn speculate(&mut self) {
        let wanted = std::mem::take(&mut self.touched) && !self.session.off.edit;
        if !wanted {
            return;
        }
        let Some(uri) = self.active.clone() else {
            return;
        };
        let Some(open) = self.documents.get(&uri) else {
            return;
        };
        if !self.session.model_answers(open.document.language()) {
            return;
        }
        let busy = open.flight.is_some() || self.session.is_pending(&uri);
        let (false, Some(cursor)) = (busy || open.out_of_step, open.cursor) else {
            return;
        };
        if !self.allows(open) || !self.debounce(&uri, false).is_zero() {
            return;
        }
        let place = Place::at(&open.document, cursor);
        let history = self.history(&uri, &place, None);
        let wanted = trigger::decide(&place, Kind::Automatic, &history).is_ok();
        let known =
            self.at_hand(&uri, &place).is_some() || self.known_nothing(&uri, &place).is_some();
        if wanted && !known {
            let document = open.document.clone();
            self.counts.speculative += 1;
            self.start(&uri, document, place, None);
        }
    }

    /// After a change: the waiters of the older text are answered; the flight goes on if the change
    /// is how its text begins.
    pub(crate) fn carry_flight(&mut self, uri: &str) {
        self.session.drop_pending(uri, &mut self.counts);
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        let Some(flight) = &mut open.flight else {
            return;
        };
        self.counts.superseded += flight.waiters.len() as u64;
        let mut longest = Duration::ZERO;
        for waiter in flight.waiters.drain(..) {
            longest = longest.max(waiter.asked.elapsed());
            waiter.answer.supersede();
        }
        let place = open.cursor.map(|cursor| Place::at(&open.document, cursor));
        let attach = !self.session.off.attach;
        let goes_on =
            attach && place.is_some_and(|place| flight.agrees(&place)) && flight.wish.keep();
        if !goes_on {
            self.supersede_flight(uri);
        }
        self.waited_in_vain(longest);
    }

    /// Ends the document's flight and answers whoever waits for it.
    pub(crate) fn supersede_flight(&mut self, uri: &str) {
        let flight = self
            .documents
            .get_mut(uri)
            .and_then(|open| open.flight.take());
        if let Some(flight) = flight {
            self.written.note(uri, &flight);
            self.counts.superseded += flight.waiters.len() as u64;
            flight.supersede();
        }
    }

    /// Begins a flight in place of the document's older one.
    pub(crate) fn start(
        &mut self,
        uri: &str,
        document: Document,
        place: Place,
        waiter: Option<Waiter>,
    ) {
        self.supersede_flight(uri);
        let minimum_probability = self.least_probability(document.language());
        let history = self.history(uri, &place, None);
        let Some(open) = self.documents.get_mut(uri) else {
            if let Some(waiter) = waiter {
                waiter.answer.empty();
            }
            return;
        };
        self.flights += 1;
        self.counts.flights += 1;
        let invoked = waiter.as_ref().is_some_and(|waiter| waiter.invoked);
        let inputs = Inputs {
            byte: place.offset,
            document,
            kind: kind(invoked),
            history,
            window: open.window.clone(),
            idle: open.last.at.is_none_or(|at| at.elapsed() >= IDLE),
            lookup: open.lookup.clone(),
            minimum_probability,
        };
        let class = match &waiter {
            Some(_) => Class::Request,
            None => Class::Speculative,
        };
        let flight = Flight::new(self.flights, place, waiter);
        self.counts.speculation.started(flight.origin());
        let attempt = self.attempt(uri, &flight, class);
        open_flight(self.documents.get_mut(uri), flight);
        self.launch(uri, |model| async move {
            let model = model.as_ref().map_err(Clone::clone);
            Report::Ended(Box::new(complete::run(inputs, model, attempt).await))
        });
    }

    /// How the pipeline reports to the loop and hears that nobody waits any more.
    fn attempt(&self, uri: &str, flight: &Flight, class: Class) -> Attempt {
        let (stopping, growing) = (Arc::clone(&flight.wish), Arc::clone(&flight.wish));
        let events = self.seams.events.clone();
        let waited = Arc::clone(&flight.wish);
        let errand = Errand {
            awaited: Some(Arc::new(move || waited.is_awaited())),
            ..self.errand(uri)
        };
        let likely = self.written.of(uri).into_iter().collect();
        let (uri, id) = (uri.to_owned(), flight.id);
        Attempt {
            class,
            budget: BUDGET,
            stop: Arc::new(move || stopping.unwanted()),
            on_text: Box::new(move |text| growing.grow(text)),
            on_early: Some(Box::new(move |suggestion| {
                events.send(Event::Flight {
                    uri,
                    id,
                    report: Report::Early(suggestion),
                });
            })),
            errand,
            likely,
        }
    }

    /// Runs the pipeline as a task of its own; a panic in it costs this flight.
    pub(crate) fn launch<Story, Told>(&self, uri: &str, story: Story)
    where
        Story: FnOnce(Result<Model, Reason>) -> Told + Send + 'static,
        Told: Future<Output = Report> + Send + 'static,
    {
        let (events, uri, id) = (self.seams.events.clone(), uri.to_owned(), self.flights);
        let open = self.documents.get(&uri);
        let language = open.map_or(Language::Text, |open| open.document.language());
        let model = self.session.model(language);
        self.seams.runtime.spawn(async move {
            let story = async { story(model.ready().await).await };
            let report = AssertUnwindSafe(story).catch_unwind().await;
            let report = report.unwrap_or(Report::Broken);
            events.send(Event::Flight { uri, id, report });
        });
    }
}

fn open_flight(open: Option<&mut Open>, flight: Flight) {
    if let Some(open) = open {
        open.flight = Some(flight);
    }
}

/// A key pressed for it overrules the reasons of the moment.
fn kind(invoked: bool) -> Kind {
    if invoked {
        Kind::Invoked
    } else {
        Kind::Automatic
    }
}
