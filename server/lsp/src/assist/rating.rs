//! What the user says of an answer, once for each that was shown: it is counted, goes into the books by the answer's number there,
//! and the same question asked again goes to a larger model and not to what is remembered.

use foretoken_remote::feedback::Feedback;
use foretoken_remote::store::Error;

use super::{Answered, Asked, told};
use crate::outbox::Outgoing;
use crate::state::State;

impl State {
    /// Rates an answer; true if that was the first word about it.
    pub(crate) fn assist_rate(&mut self, answer: u64, useful: bool) -> bool {
        let mut answers = self.assists.answered.iter_mut();
        let Some(answered) = answers.find(|old| old.id == answer) else {
            let sentence = "That answer is not known any more, so nothing was noted.";
            self.seams.outbox.send(Outgoing::Show(told(sentence)));
            return false;
        };
        if answered.useful.is_some() {
            return false;
        }
        answered.useful = Some(useful);
        let request = answered.request.clone();
        let totals = &mut self.assists.totals;
        match useful {
            true => totals.useful += 1,
            false => totals.not_useful += 1,
        }
        self.metrics.touch();
        self.note_in_books(request, move |feedback, request, now| {
            feedback.rate(request, useful, now)
        });
        true
    }

    /// Whether the edit of an answer went into the text.
    pub(super) fn assist_note_edit(&mut self, answer: u64, applied: bool) {
        let totals = &mut self.assists.totals;
        match applied {
            true => totals.edits_applied += 1,
            false => totals.edits_discarded += 1,
        }
        self.metrics.touch();
        let mut answers = self.assists.answered.iter();
        let answered = answers.find(|old| old.id == answer);
        let request = answered.and_then(|answered| answered.request.clone());
        self.note_in_books(request, move |feedback, request, now| {
            feedback.applied(request, applied, now)
        });
    }

    /// The disk may be slow, and nobody waits for it.
    fn note_in_books(
        &self,
        request: Option<String>,
        note: impl FnOnce(&Feedback, &str, u64) -> Result<bool, Error> + Send + 'static,
    ) {
        let (Some(request), Some(tools)) = (request, self.assists.tools.clone()) else {
            return;
        };
        drop(self.seams.runtime.spawn_blocking(move || {
            let Some(feedback) = tools.feedback() else {
                return;
            };
            let now = crate::metrics::file::seconds(std::time::SystemTime::now());
            if let Err(error) = note(feedback, &request, now) {
                tracing::warn!(error = error.said, "a rating is missing in the books");
            }
        }));
    }

    /// Whether the newest answer to this question was of no use.
    pub(super) fn was_of_no_use(&self, asked: &Asked) -> bool {
        let mut answers = self.assists.answered.iter().rev();
        let last = answers.find(|old| is_same(old, asked));
        last.is_some_and(|last| last.useful == Some(false))
    }
}

/// The same task about the same place in the same words.
fn is_same(old: &Answered, asked: &Asked) -> bool {
    let (one, other) = (&old.asked.question, &asked.question);
    old.asked.uri == asked.uri
        && one.task == other.task
        && one.words == other.words
        && one.selection == other.selection
}
