//! What is done off the loop and before it is needed: long parses, the look-up of a document, and in
//! a pause the prompt of the place where the cursor rests, made anew as a whole and run in a spare
//! slot of the model. No key ever waits for any of it.

use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::document::Document;
use foretoken_engine::lookup::Lookup;
use foretoken_engine::place::Place;
use foretoken_engine::prompt::Window;
use foretoken_engine::trigger::{self, Kind};
use foretoken_infer::Class;

use crate::main_loop::Event;
use crate::pipeline::complete::{Attempt, Inputs};
use crate::pipeline::generate;
use crate::state::State;

/// Longest time of one preparation; a whole prompt takes half a second on a slow machine.
const BUDGET: Duration = Duration::from_secs(5);

impl State {
    /// Takes up a parse that was given up, on the blocking pool, one at a time for each document.
    pub(crate) fn parse_elsewhere(&mut self, uri: &str) {
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        if open.parsing || !open.document.parse_pending() {
            return;
        }
        open.parsing = true;
        let mut snapshot = open.document.clone();
        let events = self.seams.events.clone();
        let uri = uri.to_owned();
        self.seams.runtime.spawn_blocking(move || {
            snapshot.reparse(&mut || false);
            events.send(Event::Parsed { uri, snapshot });
        });
    }

    /// A tree from the pool. The text may have gone on since; then the tree is moved along with the
    /// edits and the next parse begins, still one at a time.
    pub(crate) fn parsed(&mut self, uri: &str, snapshot: &Document) {
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        open.parsing = false;
        let adopted = snapshot
            .tree()
            .is_some_and(|tree| open.document.adopt_tree(snapshot.version(), tree.clone()));
        // A parser that gives no tree would be asked for ever.
        if adopted {
            self.parse_elsewhere(uri);
        }
    }

    /// Builds the look-up of a document on the blocking pool, so that the first completion finds it.
    pub(crate) fn learn_elsewhere(&mut self, uri: &str) {
        let Some(open) = self.documents.get(uri) else {
            return;
        };
        if open.document.len_bytes() > foretoken_engine::trigger::FILE_LIMIT {
            return;
        }
        let document = open.document.clone();
        let others = self.neighbours(uri);
        let events = self.seams.events.clone();
        let uri = uri.to_owned();
        self.seams.runtime.spawn_blocking(move || {
            let texts: Vec<String> = std::iter::once(&document)
                .chain(&others)
                .map(|document| document.rope().to_string())
                .collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let lookup = Lookup::build(&texts);
            events.send(Event::Learned { uri, lookup });
        });
    }

    /// The look-up from the pool. The next completion brings it up to the text of that moment.
    pub(crate) fn learned(&mut self, uri: &str, lookup: Lookup) {
        if let Some(open) = self.documents.get_mut(uri) {
            open.lookup = Some(lookup);
        }
    }

    /// Texts of other open documents in the same language, which share their names with this one.
    pub(crate) fn neighbours(&self, uri: &str) -> Vec<Document> {
        const MOST: usize = 4;
        const BYTES: usize = 100_000;
        let Some(this) = self.documents.get(uri) else {
            return Vec::new();
        };
        self.documents
            .iter()
            .filter(|(other, open)| {
                other.as_str() != uri
                    && open.document.language() == this.document.language()
                    && open.document.len_bytes() <= BYTES
                    && self.allows(open)
            })
            .map(|(_, open)| open.document.clone())
            .take(MOST)
            .collect()
    }

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
        let place = Place::at(&open.document, cursor);
        let history = self.history(uri, &place, None);
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
            if let Some(window) = generate::prepare(inputs, &model, attempt).await {
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
