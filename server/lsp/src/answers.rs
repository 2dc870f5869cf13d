//! What a flight has to say, and how requests are answered by it: with a text or with nothing and the
//! reason. Every answer of the completion paths but "superseded" leaves through `offer` or `empty`.

use foretoken_engine::suggestion::{Source, Suggestion};
use foretoken_engine::trigger::Skip;

use crate::counts::Path;
use crate::flight::{self, Answer, Report, Waiter};
use crate::handlers::completion;
use crate::handlers::inline_completion::{self, Offered};
use crate::pipeline;
use crate::pipeline::cache::{Hit, Kind, Origin};
use crate::pipeline::complete::Completed;
use crate::pipeline::report::Reason;
use crate::state::State;

impl State {
    /// A flight's word. One that is no longer the document's is too late and means nothing.
    pub(crate) fn flight_report(&mut self, uri: &str, id: u64, report: Report) {
        let ran = match &report {
            Report::Ended(completed) => Some((&completed.report, &completed.empty)),
            Report::Others(others) => Some((&others.report, &None)),
            Report::Early(_) | Report::Broken => None,
        };
        if let Some((report, empty)) = ran {
            let finished = *empty != Some(Reason::Superseded);
            self.counts.ran(id, report, finished);
        }
        // Whoever waits for an older text must not be answered by what fits the newer one.
        self.settle_first(uri);
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        if open.flight.as_ref().is_none_or(|flight| flight.id != id) {
            return;
        }
        match report {
            Report::Early(suggestion) => self.early(uri, &suggestion),
            Report::Ended(completed) => self.ended(uri, *completed),
            Report::Others(others) => self.others_found(uri, &others),
            Report::Broken => {
                let flight = open.flight.take();
                self.panicked("a completion");
                for waiter in flight.map(|flight| flight.waiters).unwrap_or_default() {
                    self.decline(Some(uri), waiter.answer, &Reason::Internal);
                }
            }
        }
    }

    /// The answer leaves while the rest is still being generated, for the keys to come.
    fn early(&mut self, uri: &str, suggestion: &Suggestion) {
        let open = self.documents.get_mut(uri);
        let Some(flight) = open.and_then(|open| open.flight.as_mut()) else {
            return;
        };
        flight.wish.keep();
        let (place, origin) = (flight.place.clone(), flight.origin());
        let waiters = std::mem::take(&mut flight.waiters);
        self.cache.put(uri, &place, suggestion, origin);
        for waiter in waiters {
            match flight::rest(&place, &suggestion.text, &waiter.place) {
                Some(text) => {
                    self.count_shown(&waiter, origin);
                    self.offer(uri, waiter, (text, suggestion.source), Path::Model);
                }
                // The end of the flight may still fit.
                None => {
                    let open = self.documents.get_mut(uri);
                    let flight = open.and_then(|open| open.flight.as_mut());
                    // It is given back where all had cancelled, and then nobody waits for a reply.
                    drop(flight.and_then(|flight| flight.attach(waiter)));
                }
            }
        }
    }

    /// A flight's end: what it found goes into the cache, what it carries to the document, and each
    /// waiter gets what is left of the text at its own place.
    fn ended(&mut self, uri: &str, completed: Completed) {
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        let Some(flight) = open.flight.take() else {
            return;
        };
        // One that began before the pieces were exchanged would bring the old ones back.
        if let Some(window) = completed.window
            && window.offered() == open.window.offered()
        {
            open.window = window;
        }
        if let Some(lookup) = completed.lookup {
            open.lookup = Some(lookup);
        }
        open.report = Some(completed.report);
        open.nothing = match &completed.empty {
            Some(Reason::Reject(reject)) => Some((flight.place.clone(), *reject)),
            _ => None,
        };
        self.written.note(uri, &flight);
        let origin = flight.origin();
        if let Some(suggestion) = &completed.suggestion {
            self.cache.put(uri, &flight.place, suggestion, origin);
        }
        for waiter in flight.waiters {
            let text = completed.suggestion.as_ref().and_then(|suggestion| {
                let rest = flight::rest(&flight.place, &suggestion.text, &waiter.place)?;
                Some((rest, suggestion.source))
            });
            match (text, &completed.empty) {
                (Some(text), _) => {
                    self.count_shown(&waiter, origin);
                    self.offer(uri, waiter, text, Path::Model);
                }
                // Another document's request took the model; the user is no longer here.
                (None, Some(Reason::Superseded)) => {
                    self.counts.superseded += 1;
                    waiter.answer.supersede();
                }
                (None, Some(reason)) if waiter.place == flight.place => {
                    self.empty(Some(uri), waiter.answer, reason);
                }
                // It had joined on the strength of a beginning that did not hold.
                (None, _) => self.restart(uri, waiter),
            }
        }
        if let Some(suggestion) = &completed.suggestion {
            self.go_ahead(uri, (&flight.place, suggestion), Kind::Ahead);
        }
    }

    /// The text of this job goes to the screen, unless its request was taken back.
    fn count_shown(&mut self, waiter: &Waiter, origin: Origin) {
        if !waiter.answer.is_cancelled() {
            self.counts.speculation.shown(origin);
        }
    }

    /// Computes for this waiter alone. It cannot go round: the new flight has the waiter's own place.
    fn restart(&mut self, uri: &str, waiter: Waiter) {
        match self.documents.get(uri) {
            Some(open) if waiter.selected.is_none() => {
                let document = open.document.clone();
                self.start(uri, document, waiter.place.clone(), Some(waiter));
            }
            _ => self.decline(Some(uri), waiter.answer, &Reason::MenuSelection),
        }
    }

    /// Answers with a text, from its writer.
    pub(crate) fn offer(&mut self, uri: &str, waiter: Waiter, of: (String, Source), path: Path) {
        let (text, source) = of;
        let Some(open) = self.documents.get(uri) else {
            return waiter.answer.empty();
        };
        if waiter.answer.is_cancelled() {
            // The framework has answered; what nobody sees is no offer.
            self.counts.cancelled += 1;
            return;
        }
        // However it came about: the cache forgets it, and the model would say it again.
        let now = self.effort.now();
        let put_away = |text: &str| self.rejected.holds(uri, &waiter.place, text, now);
        if !waiter.invoked && put_away(&text) {
            return self.decline(Some(uri), waiter.answer, &Reason::Skip(Skip::Dismissed));
        }
        let origin = open.origin(source);
        let id = self.offers.offer(uri, &waiter.place, &text, origin);
        let encoding = self.facts.encoding;
        match waiter.answer {
            Answer::Inline(reply) => {
                let offered = Offered {
                    text: self.facts.editor.with_its_line_ends(text),
                    id,
                    selected: waiter.selected,
                };
                reply.send(inline_completion::render(
                    &open.document,
                    &waiter.place,
                    encoding,
                    offered,
                ));
            }
            Answer::Menu(reply) => {
                let list = completion::render(&open.document, &waiter.place, &self.facts, text);
                reply.send(list);
            }
        }
        self.counts.answered += 1;
        let took = waiter.asked.elapsed();
        self.counts.took(path, took);
        if path == Path::Model {
            self.model_took(took);
        }
    }

    /// Answers with nothing, for a reason that is counted and can be asked for.
    pub(crate) fn decline(&mut self, uri: Option<&str>, answer: Answer, reason: &Reason) {
        if let Some(open) = uri.and_then(|uri| self.documents.get_mut(uri)) {
            open.report = Some(pipeline::report::Report {
                reason: Some(reason.code()),
                sentence: Some(reason.sentence().to_owned()),
                ..Default::default()
            });
        }
        self.empty(uri, answer, reason);
    }

    /// The same where the report of how it came about stands already.
    pub(crate) fn empty(&mut self, uri: Option<&str>, answer: Answer, reason: &Reason) {
        if answer.is_cancelled() {
            self.counts.cancelled += 1;
            return;
        }
        self.counts.reason(reason.code());
        if let Some(uri) = uri {
            self.offers.clear(uri);
        }
        answer.empty();
    }

    /// A text at hand has no run of the model to report.
    pub(crate) fn note_hit(&mut self, uri: &str, hit: &Hit) {
        if let Some(open) = self.documents.get_mut(uri) {
            open.report = Some(pipeline::report::Report {
                source: Some("cache"),
                probability: Some(hit.suggestion.probability),
                at_hand: Some(pipeline::report::AtHand::of(hit)),
                ..Default::default()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use foretoken_engine::document::Change;
    use foretoken_engine::position::{Position, Range};
    use serde_json::json;
    use tokio::sync::oneshot;

    use super::*;
    use crate::main_loop::{Event, Refusal, Reply};
    use crate::state::tests::{URI, session};

    #[tokio::test]
    async fn an_end_that_is_read_together_with_a_newer_change_answers_nobody() {
        let line = "    registry.register(name);\n";
        let text = format!("{}    registry.reg", line.repeat(8));
        let (mut state, mut received) = session(&text);
        let (sender, mut reply) = oneshot::channel();
        let (answer, _interest) = Reply::new(sender);
        let ask = json!({"textDocument": {"uri": URI}, "position": {"line": 8, "character": 16}});
        state.ask(2, serde_json::from_value(ask).ok(), Answer::Inline(answer));
        let (id, report) = loop {
            if let Some(Event::Flight { id, report, .. }) = received.recv().await {
                break (id, report);
            }
        };
        // Both lie in the queue, and the tick takes them in one go.
        let start = Position {
            line: 0,
            character: 0,
        };
        let range = Some(Range { start, end: start });
        let text = "// ".to_owned();
        state.change(URI, 3, Some(2), &[Change { range, text }]);
        state.flight_report(URI, id, report);
        state.settle();
        assert_eq!(reply.try_recv().unwrap(), Err(Refusal::Superseded));
    }

    /// Asks at the end of the document, by the key or not, and waits for the answer's texts.
    async fn texts(
        state: &mut State,
        received: &mut tokio::sync::mpsc::UnboundedReceiver<Event>,
        (line, character, key): (u32, u32, bool),
    ) -> Vec<String> {
        let (sender, mut reply) = oneshot::channel();
        let (answer, _interest) = Reply::new(sender);
        let ask = json!({
            "textDocument": {"uri": URI},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": if key { 1 } else { 2 }},
        });
        state.ask(9, serde_json::from_value(ask).ok(), Answer::Inline(answer));
        loop {
            if let Ok(list) = reply.try_recv() {
                let items = list.unwrap().items.into_iter();
                return items
                    .map(|item| format!("{:?}", item.insert_text))
                    .collect();
            }
            if let Some(Event::Flight { uri, id, report }) = received.recv().await {
                state.flight_report(&uri, id, report);
            }
        }
    }

    #[tokio::test]
    async fn what_was_put_away_does_not_come_again_after_an_edit_elsewhere() {
        let line = "    registry.register(name);\n";
        let text = format!("{}    registry.reg", line.repeat(8));
        let (mut state, mut received) = session(&text);
        let shown = texts(&mut state, &mut received, (8, 16, false)).await;
        assert_eq!(shown.len(), 1);
        state.dismissed("1");
        // Nothing that the cache knows fits any more.
        let start = Position {
            line: 0,
            character: 0,
        };
        let range = Some(Range { start, end: start });
        let text = "use registry;\n".to_owned();
        state.change(URI, 3, Some(2), &[Change { range, text }]);
        state.settle();
        state.cache.clear();
        let again = texts(&mut state, &mut received, (9, 16, false)).await;
        assert_eq!(again, [""; 0]);
        assert_eq!(state.counts.empty.get("dismissed"), Some(&1));
        assert_eq!(
            texts(&mut state, &mut received, (9, 16, true)).await,
            shown,
            "a key that asks gets it"
        );
    }
}
