//! What is done in a pause: the prompt of the place where the cursor rests is made anew as a whole
//! and run in a spare slot of the model, so that no key ever waits for it.

use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::place::Place;
use foretoken_engine::prompt::Window;
use foretoken_engine::trigger::{self, Kind};
use foretoken_infer::Class;

use crate::main_loop::Event;
use crate::pipeline::complete::{self, Attempt, Inputs};
use crate::state::State;

/// Longest time of one preparation; a whole prompt takes half a second on a slow machine.
const BUDGET: Duration = Duration::from_secs(5);

impl State {
    /// Prepares the place of the active document's cursor, unless work for it is under way.
    pub(crate) fn prepare(&mut self) {
        if !self.session.model_answers() {
            return;
        }
        let Some((uri, open)) = self
            .active
            .as_ref()
            .and_then(|uri| self.documents.get_key_value(uri))
        else {
            return;
        };
        let (None, Some(cursor)) = (&open.flight, open.cursor) else {
            return;
        };
        let history = self.history(uri, None);
        let place = Place::at(&open.document, cursor);
        // Only what makes suggestions impossible counts here; the moment will have passed.
        let possible = trigger::decide(&place, Kind::Invoked, &history).is_ok();
        if !possible || !self.allows(open) {
            return;
        }
        let inputs = Inputs {
            document: open.document.clone(),
            byte: cursor,
            kind: Kind::Invoked,
            history,
            window: open.window.clone(),
            idle: true,
            lookup: None,
            minimum_probability: None,
        };
        let (uri, version) = (uri.clone(), open.document.version());
        let (events, model) = (self.seams.events.clone(), self.session.model());
        self.seams.runtime.spawn(async move {
            let Ok(model) = model.ready().await else {
                return;
            };
            let attempt = Attempt {
                class: Class::Warm,
                stop: Arc::new(|| false),
                ..Attempt::alone(BUDGET)
            };
            if let Some(window) = complete::prepare(inputs, &model, attempt).await {
                events.send(Event::Prepared {
                    uri,
                    version,
                    window,
                });
            }
        });
    }

    /// The next prompts go on from the prepared one. One for an older text is left alone: it is
    /// likely to be wrong by now, and the next pause makes another.
    pub(crate) fn prepared(&mut self, uri: &str, version: i32, window: Window) {
        if let Some(open) = self.documents.get_mut(uri)
            && open.document.version() == version
        {
            open.window = window;
        }
    }
}
