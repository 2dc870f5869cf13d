//! What is done off the loop and before it is needed: long parses, the look-up of a document, and in
//! a pause the prompt of the place where the cursor rests, made anew as a whole and run in a spare
//! slot of the model. No key ever waits for any of it.

use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::document::Document;
use foretoken_engine::governor::Step;
use foretoken_engine::lookup::Lookup;
use foretoken_engine::place::Place;
use foretoken_engine::prompt::Window;
use foretoken_engine::trigger::{self, Kind};
use foretoken_infer::Class;
use tokio::time::Instant;

use crate::main_loop::Event;
use crate::pipeline::complete::{Attempt, Inputs};
use crate::pipeline::generate;
use crate::state::State;

/// How long a preparation waits for a flight before it looks again. Start value.
const BUSY: Duration = Duration::from_millis(150);

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
        let (uri, opening) = (uri.to_owned(), open.opening);
        self.seams.runtime.spawn_blocking(move || {
            snapshot.reparse(&mut || false);
            events.send(Event::Parsed {
                uri,
                opening,
                snapshot,
            });
        });
    }

    /// A tree from the pool. The text may have gone on since; then the tree is moved along with the
    /// edits and the next parse begins, still one at a time.
    pub(crate) fn parsed(&mut self, uri: &str, opening: u64, snapshot: &Document) {
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        if open.opening != opening {
            // Closed and opened again, perhaps with the same version and another text.
            return;
        }
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
                    && self.are_one_project(this, open)
                    && self.lends(open)
            })
            .map(|(_, open)| open.document.clone())
            .take(MOST)
            .collect()
    }

    /// Prepares the place of the active document's cursor, unless work for it is under way.
    pub(crate) fn prepare(&mut self) {
        if !self.effort.does(Step::WarmUp) {
            return;
        }
        let Some((uri, open)) = self
            .active
            .as_ref()
            .and_then(|uri| self.documents.get_key_value(uri))
        else {
            return;
        };
        let language = open.document.language();
        if !self.session.model_answers(language) {
            return;
        }
        if open.flight.is_some() {
            // Not beside it, but not never either.
            return self.session.look_again(Instant::now() + BUSY);
        }
        let Some(cursor) = open.cursor else {
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
        let uri = uri.clone();
        let (opening, version) = (open.opening, open.document.version());
        let asked = self.ask_context(&uri, cursor);
        let (events, model) = (self.seams.events.clone(), self.session.model(language));
        let moved_on = self.session.moves.since_now();
        self.seams.runtime.spawn(async move {
            let Ok(model) = model.ready().await else {
                return;
            };
            let mut inputs = inputs;
            let moved_on = Arc::new(moved_on);
            if let Some(asked) = asked {
                let stop = Arc::clone(&moved_on);
                let chosen = asked.choose(&model, move || stop(), events.clone()).await;
                let Some(pieces) = chosen else { return };
                inputs.window = inputs.window.offering(pieces);
            }
            let attempt = Attempt {
                class: Class::Warm,
                stop: moved_on,
                ..Attempt::alone(BUDGET)
            };
            if let Some(window) = generate::prepare(inputs, &model, attempt).await {
                events.send(Event::Prepared {
                    uri,
                    opening,
                    version,
                    window,
                });
            }
        });
    }

    /// The next prompts go on from the prepared one. One for an older text is left alone: it is
    /// likely to be wrong by now, and the next pause makes another.
    pub(crate) fn prepared(&mut self, uri: &str, text: (u64, i32), window: Window) {
        if let Some(open) = self.documents.get(uri)
            && (open.opening, open.document.version()) == text
        {
            self.exchange_window(uri, window);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Item;
    use crate::state::tests::{URI, session};

    #[tokio::test]
    async fn a_tree_of_a_text_that_was_closed_is_not_taken() {
        // Long enough to be parsed on the pool.
        let (mut state, mut received) = session(&"fn f() {}\n".repeat(10_000));
        let (opening, snapshot) = loop {
            match received.recv().await {
                Some(Event::Parsed {
                    opening, snapshot, ..
                }) => break (opening, snapshot),
                Some(_) => {}
                None => panic!("no tree came"),
            }
        };
        let text = "struct A;\n".repeat(10_000);
        let item = Item {
            version: snapshot.version(),
            text: &text,
        };
        state.open(URI.to_owned(), 2, "rust", item);
        state.parsed(URI, opening, &snapshot);
        let open = &state.documents[URI];
        assert!(open.document.tree().is_none() && open.parsing);
        let opening = open.opening;
        state.parsed(URI, opening, &snapshot);
        assert!(state.documents[URI].document.tree().is_some());
    }

    #[tokio::test]
    async fn typing_and_moving_end_a_preparation() {
        let (mut state, _received) = session("let a = 1;");
        let moved_on = state.session.moves.since_now();
        assert!(!moved_on());
        let position = foretoken_engine::position::Position {
            line: 0,
            character: 3,
        };
        state.cursor(URI.to_owned(), position);
        assert!(moved_on());
        let moved_on = state.session.moves.since_now();
        let change = foretoken_engine::document::Change {
            range: None,
            text: "let b = 1;".to_owned(),
        };
        state.change(URI, 2, None, &[change]);
        assert!(moved_on());
    }
}
