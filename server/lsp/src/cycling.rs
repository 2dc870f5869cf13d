//! A person who looks through the texts of a place: where one is shown and the key for suggestions is
//! pressed, the answer is that text and up to two others behind it. They are computed then and not
//! before, so no first answer waits for them.

use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::suggestion::Suggestion;
use foretoken_infer::{Class, Errand};

use crate::counts::Path;
use crate::flight::{Answer, Flight, Report, Waiter};
use crate::handlers::inline_completion::{self, Offered};
use crate::pipeline::cache::{Hit, Kind, Origin};
use crate::pipeline::complete::Attempt;
use crate::pipeline::generate::others::{self, Others};
use crate::state::State;

/// Longest time for the other texts; what was found by then is shown.
const BUDGET: Duration = Duration::from_secs(1);

impl State {
    /// Answers a request that the user made at a place where a text is shown.
    pub(crate) fn cycle(&mut self, uri: &str, waiter: Waiter, hit: Hit) {
        let known = self.cache.all(uri, &waiter.place);
        let open = self.documents.get(uri);
        let (None, Some(open)) = (&known, open) else {
            let others = known.unwrap_or_default().split_off(1);
            let others: Vec<Suggestion> = others.into_iter().map(|hit| hit.suggestion).collect();
            return self.serve_texts(uri, waiter, hit, &others);
        };
        if !self.session.model_answers(open.document.language()) {
            return self.serve_hit(uri, waiter, hit);
        }
        let inputs = self.inputs_behind(open, &waiter.place);
        self.supersede_flight(uri);
        self.flights += 1;
        let origin = Origin {
            job: self.flights,
            kind: Kind::Alternative,
        };
        self.counts.speculation.started(origin);
        let shown = hit.suggestion.text.clone();
        let mut flight = Flight::new(origin.job, waiter.place.clone(), Some(waiter));
        flight.first = Some(hit);
        let stopping = Arc::clone(&flight.wish);
        let attempt = Attempt {
            class: Class::Request,
            stop: Arc::new(move || stopping.unwanted()),
            errand: Errand {
                awaited: None,
                ..self.errand(uri)
            },
            ..Attempt::alone(BUDGET)
        };
        if let Some(open) = self.documents.get_mut(uri) {
            open.flight = Some(flight);
        }
        self.launch(uri, |model| async move {
            Report::Others(Box::new(match model {
                Ok(model) => others::others(inputs, &shown, &model, attempt).await,
                Err(_) => Others::default(),
            }))
        });
    }

    /// The other texts are there: whoever waits gets the shown one first.
    pub(crate) fn others_found(&mut self, uri: &str, others: &Others) {
        let flight = self
            .documents
            .get_mut(uri)
            .and_then(|open| open.flight.take());
        let Some((flight, hit)) = flight.and_then(|mut flight| {
            let hit = flight.first.take()?;
            Some((flight, hit))
        }) else {
            return;
        };
        let origin = Origin {
            job: flight.id,
            kind: Kind::Alternative,
        };
        // The first text may have been made elsewhere, and typed along to here.
        let first = &hit.suggestion;
        self.cache.put(uri, &flight.place, first, hit.origin);
        self.cache
            .put_others(uri, &flight.place, &others.found, origin);
        if !others.found.is_empty() {
            self.counts.speculation.shown(origin);
        }
        for waiter in flight.waiters {
            match waiter.place == flight.place && waiter.invoked {
                true => self.serve_texts(uri, waiter, hit.clone(), &others.found),
                // It had joined without asking for others.
                false => self.serve_hit(uri, waiter, hit.clone()),
            }
        }
    }

    /// One item for each text, the shown one first and with the id that it had.
    fn serve_texts(&mut self, uri: &str, waiter: Waiter, hit: Hit, others: &[Suggestion]) {
        let Some(open) = self.documents.get(uri) else {
            return waiter.answer.empty();
        };
        if waiter.answer.is_cancelled() {
            self.counts.cancelled += 1;
            return;
        }
        let texts = std::iter::once(&hit.suggestion).chain(others);
        let mut list = None;
        for (at, Suggestion { text, source, .. }) in texts.enumerate() {
            let (text, origin) = (text.clone(), open.origin(*source));
            let id = match at {
                0 => self.offers.offer(uri, &waiter.place, &text, origin),
                _ => self.offers.beside(uri, &waiter.place, &text, origin),
            };
            let offered = Offered {
                text: self.facts.editor.with_its_line_ends(text),
                id,
                selected: waiter.selected.clone(),
            };
            let encoding = self.facts.encoding;
            let one = inline_completion::render(&open.document, &waiter.place, encoding, offered);
            match &mut list {
                None => list = Some(one),
                Some(list) => list.items.extend(one.items),
            }
        }
        self.counts.hits += 1;
        self.counts.answered += 1;
        self.counts.speculation.hit(hit.origin);
        self.counts.speculation.shown(hit.origin);
        self.counts.took(Path::Hit, waiter.asked.elapsed());
        self.note_hit(uri, &hit);
        match (waiter.answer, list) {
            (Answer::Inline(reply), Some(list)) => reply.send(list),
            (answer, _) => answer.empty(),
        }
    }
}
