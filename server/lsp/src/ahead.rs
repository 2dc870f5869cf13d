//! Work behind what is shown, of the lowest rank and only until the next key: what comes after a text
//! once it is accepted, and more of a text of which little is left. Both end in the cache, and both
//! leave the model's cache where the next request begins. Neither begins before the text has stood for
//! a moment: what the next key of a burst would end at once costs that key time and brings nothing.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::governor::Step;
use foretoken_engine::place::Place;
use foretoken_engine::suggestion::Suggestion;
use foretoken_engine::trigger::{History, Kind as Asker};
use foretoken_infer::{Class, Errand};
use tokio::time::Instant;

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

/// How long a text stands before the work behind it begins: longer than the gaps of a burst (40 to 60 ms),
/// and far shorter than anyone takes to read a text and accept it.
const LEAD: Duration = Duration::from_millis(50);

/// A text that has just been shown, with the place where it begins.
#[derive(Debug)]
pub(crate) struct Standing {
    due: Instant,
    uri: String,
    from: (Place, Suggestion),
    kind: Kind,
    key: u64,
}

impl Standing {
    /// When the work behind it begins.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }
}

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
    /// A text was found for this place, or answered there from what was at hand: goes on behind it, if
    /// the user looks at it for a moment.
    pub(crate) fn go_ahead(&mut self, uri: &str, from: (&Place, &Suggestion), kind: Kind) {
        let (place, shown) = from;
        let wanted = !self.session.off.ahead && self.effort.does(Step::AsIfAccepted);
        let Some(open) = self.documents.get(uri).filter(|_| wanted) else {
            return;
        };
        if !self.session.model_answers(open.document.language()) {
            return;
        }
        let key = key(uri, place, &shown.text);
        // The text may have gone on while the flight ran; then the next key's flight knows better.
        let fits = open.document.len_bytes() == place.file_bytes && !open.out_of_step;
        if self.ahead_done == Some(key) || !fits {
            return;
        }
        self.session.standing = Some(Standing {
            due: Instant::now() + LEAD,
            uri: uri.to_owned(),
            from: (place.clone(), shown.clone()),
            kind,
            key,
        });
    }

    /// The user has not moved since this text came.
    pub(crate) fn begin_behind(&mut self, standing: Standing) {
        let Standing {
            uri,
            from,
            kind,
            key,
            ..
        } = standing;
        let Some(open) = self.documents.get(&uri) else {
            return;
        };
        let (place, shown) = &from;
        if open.document.len_bytes() != place.file_bytes || open.out_of_step {
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
            errand: self.errand(&uri),
            ..Attempt::alone(BUDGET)
        };
        let events = self.seams.events.clone();
        let model = self.session.model(inputs.document.language());
        let shown = shown.text.clone();
        self.seams.runtime.spawn(async move {
            let Ok(model) = model.ready().await else {
                return;
            };
            if let Some(ahead) = ahead::ahead(inputs, &shown, &model, attempt).await {
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
            (hit.suggestion.text.clone(), hit.suggestion.source),
            crate::counts::Path::Hit,
        );
        if real {
            self.settle_first(uri);
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

#[cfg(test)]
mod tests {
    use foretoken_engine::document::Change;
    use foretoken_engine::suggestion::Source;

    use super::*;
    use crate::state::tests::{URI, session};

    fn standing(state: &State, due: Instant) -> Standing {
        let place = Place::at(&state.documents[URI].document, 8);
        let shown = Suggestion {
            text: "1;".to_owned(),
            probability: 0.9,
            source: Source::Model,
        };
        Standing {
            due,
            uri: URI.to_owned(),
            key: key(URI, &place, &shown.text),
            from: (place, shown),
            kind: Kind::Ahead,
        }
    }

    fn started(state: &State) -> serde_json::Value {
        state.counts.speculation.to_json()["ahead"]["started"].clone()
    }

    #[tokio::test]
    async fn a_key_within_a_burst_ends_what_has_not_begun() {
        let (mut state, _received) = session("let a = ");
        // Far enough not to come while a busy machine runs this test.
        let due = Instant::now() + 1000 * LEAD;
        state.session.standing = Some(standing(&state, due));
        assert!(state.next_deadline().is_some_and(|next| next <= due));
        state.run_due();
        assert!(state.session.standing.is_some() && started(&state).is_null());
        let change = Change {
            range: None,
            text: "let a = 2".to_owned(),
        };
        state.change(URI, 2, None, &[change]);
        assert!(state.session.standing.is_none());
    }

    #[tokio::test]
    async fn a_text_that_stands_is_gone_behind_once() {
        let (mut state, _received) = session("let a = ");
        state.session.standing = Some(standing(&state, Instant::now()));
        state.run_due();
        state.run_due();
        assert!(state.session.standing.is_none());
        assert_eq!(started(&state), 1);
    }
}
