//! Work behind what is shown, of the lowest rank and only until the next key: what comes after a text
//! once it is accepted, and more of a text of which little is left. Both end in the cache, and both
//! leave the model's cache where the next request begins.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::governor::Step;
use foretoken_engine::place::Place;
use foretoken_engine::suggestion::Suggestion;
use foretoken_engine::trigger::{History, Kind as Asker};
use foretoken_infer::{Class, Errand};

use crate::flight::Waiter;
use crate::main_loop::Event;
use crate::pipeline::cache::{Hit, Kind, Origin};
use crate::pipeline::complete::{Attempt, Inputs};
use crate::pipeline::generate::ahead::{self, Ahead};
use crate::pipeline::report::Reason;
use crate::state::{Open, State};

/// Longest time of one continuation. A key ends it far earlier.
const BUDGET: Duration = Duration::from_secs(5);

/// With fewer characters left of a shown text the rest of the line is computed. Start value.
const LITTLE: usize = 12;

/// One continuation's end.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) uri: String,
    pub(crate) opening: u64,
    /// Where the text before it began, and that text.
    pub(crate) from: (Place, Suggestion),
    pub(crate) origin: Origin,
    /// Of the place behind that text, so that it is computed once only.
    pub(crate) key: u64,
    pub(crate) ahead: Ahead,
}

impl State {
    /// A text was found for this place, or answered there from what was at hand: goes on behind it.
    pub(crate) fn go_ahead(&mut self, uri: &str, from: (&Place, &Suggestion), kind: Kind) {
        let (place, shown) = from;
        let wanted = !self.session.off.ahead && self.effort.does(Step::AsIfAccepted);
        if !wanted || !self.session.model_answers() {
            return;
        }
        let Some(open) = self.documents.get(uri) else {
            return;
        };
        let key = key(uri, place, &shown.text);
        // The text may have gone on while the flight ran; then the next key's flight knows better.
        let fits = open.document.len_bytes() == place.file_bytes && !open.out_of_step;
        if self.ahead_done == Some(key) || !fits {
            return;
        }
        let inputs = self.inputs_behind(open, place);
        let opening = open.opening;
        self.flights += 1;
        let origin = Origin {
            job: self.flights,
            kind,
        };
        self.counts.speculation.started(origin);
        let attempt = Attempt {
            class: Class::Prefetch,
            stop: Arc::new(self.session.moves.since_now()),
            errand: self.errand(uri),
            ..Attempt::alone(BUDGET)
        };
        let (events, model) = (self.seams.events.clone(), self.session.model());
        let (uri, from) = (uri.to_owned(), (place.clone(), shown.clone()));
        self.seams.runtime.spawn(async move {
            let Ok(model) = model.ready().await else {
                return;
            };
            if let Some(ahead) = ahead::ahead(inputs, &from.1.text, &model, attempt).await {
                events.send(Event::Ahead(Box::new(Gone {
                    uri,
                    opening,
                    from,
                    origin,
                    key,
                    ahead,
                })));
            }
        });
    }

    /// More of a text that was just answered with, where little is left of it.
    pub(crate) fn refill(&mut self, uri: &str, place: &Place, hit: &Hit) {
        if hit.suggestion.text.chars().nth(LITTLE).is_none() {
            self.go_ahead(uri, (place, &hit.suggestion), Kind::Refill);
        }
    }

    /// A continuation has ended: it waits in the cache for the one who accepts what stands before it.
    pub(crate) fn gone_ahead(&mut self, gone: &Gone) {
        let superseded = matches!(gone.ahead.suggestion, Err(Reason::Superseded));
        self.counts
            .ran(gone.origin.job, &gone.ahead.report, !superseded);
        let open = self.documents.get(&gone.uri);
        if superseded || open.is_none_or(|open| open.opening != gone.opening) {
            return;
        }
        self.ahead_done = Some(gone.key);
        let Ok(found) = &gone.ahead.suggestion else {
            return;
        };
        let (uri, origin) = (gone.uri.as_str(), gone.origin);
        self.cache.put(uri, &gone.ahead.place, found, origin);
        let (place, shown) = &gone.from;
        if origin.kind == Kind::Refill && !found.text.starts_with(['\n', '\r']) {
            // In the same line it is the same suggestion, longer than before.
            let longer = Suggestion {
                text: [shown.text.as_str(), &found.text].concat(),
                probability: shown.probability * found.probability,
                ..*shown
            };
            self.cache.put(uri, place, &longer, origin);
        }
    }

    /// Answers with what was at hand.
    pub(crate) fn serve_hit(&mut self, uri: &str, waiter: Waiter, hit: Hit) {
        self.counts.hits += 1;
        self.counts.speculation.hit(hit.origin);
        self.note_hit(uri, &hit);
        if !waiter.answer.is_cancelled() {
            self.counts.speculation.shown(hit.origin);
        }
        let place = waiter.place.clone();
        let real = waiter.selected.is_none();
        self.offer(
            uri,
            waiter,
            hit.suggestion.text.clone(),
            crate::counts::Path::Hit,
        );
        if real {
            self.refill(uri, &place, &hit);
        }
    }

    /// What is kept for this place, unless it is measured how it would be without.
    pub(crate) fn at_hand(&self, uri: &str, place: &Place) -> Option<Hit> {
        let kept = || self.cache.get(uri, place);
        (!self.session.off.cache).then(kept).flatten()
    }

    /// What goes along with a job for this document.
    pub(crate) fn errand(&self, uri: &str) -> Errand {
        let mut owner = DefaultHasher::new();
        uri.hash(&mut owner);
        Errand {
            owner: owner.finish(),
            longest_draft: self.effort.draft_limit(),
            ..Errand::default()
        }
    }

    /// What is computed behind or beside a text that is shown at this place.
    pub(crate) fn inputs_behind(&self, open: &Open, place: &Place) -> Inputs {
        Inputs {
            document: open.document.clone(),
            byte: place.offset,
            kind: Asker::Invoked,
            history: History::default(),
            window: open.window.clone(),
            idle: false,
            lookup: None,
            minimum_probability: self.settings.completion.minimum_probability,
        }
    }
}

/// The place behind `shown`, told apart from others by what stands before it.
fn key(uri: &str, place: &Place, shown: &str) -> u64 {
    /// Bytes before the place that are looked at.
    const REACH: usize = 256;
    let before = [place.before.as_str(), shown].concat();
    let near = &before.as_bytes()[before.len().saturating_sub(REACH)..];
    let mut hash = DefaultHasher::new();
    (uri, place.offset + shown.len(), near, &place.tail).hash(&mut hash);
    hash.finish()
}
