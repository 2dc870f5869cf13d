//! What can be done with an answer that was given: ask a better model, go on where it broke off, try again
//! whom was left alone, forget it.

use std::collections::VecDeque;
use std::path::PathBuf;

use foretoken_engine::assist::{Output, Task};
use foretoken_remote::health::Standing;

use super::{Answered, Asked, Consent, Finished, told};
use crate::outbox::{Outgoing, Question as Dialog};
use crate::pipeline::assist::Said;
use crate::proto::uri;
use crate::state::State;

/// The button below an answer that broke off.
pub(super) const CONTINUE: &str = "Continue";

/// The button below an answer that nobody gave, since those who could are left alone.
pub(super) const TRY: &str = "Try now";

/// What the model is asked to go on.
const GO_ON: &str =
    "Your last answer broke off. Go on exactly where it ends and repeat nothing of it.";

/// The most of an answer that broke off which the model is shown again, from its end, in bytes.
const TAIL: usize = 6_000;

impl State {
    /// The same question again, for a better answer.
    pub(crate) fn assist_deeper(&mut self, answer: u64) {
        let Some(mut asked) = self.asked_before(answer) else {
            return;
        };
        asked.question.deeper = true;
        self.assist_begin(asked);
    }

    /// Goes on with an answer that broke off, by a question of its own.
    pub(crate) fn assist_continue(&mut self, answer: u64) {
        let Some(asked) = self.asked_before(answer) else {
            return;
        };
        let found = self.assists.answered.iter().find(|old| old.id == answer);
        match found.filter(|answered| answered.cut) {
            Some(answered) => {
                let asked = going_on(asked, answered);
                self.assist_begin(asked);
            }
            None => {
                let sentence = "That answer came to its end; ask a further question below it.";
                self.seams.outbox.send(Outgoing::Show(told(sentence)));
            }
        }
    }

    /// Offers to go on, in words with a button.
    pub(super) fn assist_offer_to_continue(&self, id: u64, asked: &Asked, cut: &str) {
        self.seams.outbox.send(Outgoing::Ask(Dialog {
            id,
            text: told(&format!("{}: {cut}", asked.title)),
            choices: vec![CONTINUE],
        }));
    }

    /// Offers to ask those again who are left alone, in words with a button.
    pub(super) fn assist_offer_to_try(&self, id: u64, asked: &Asked, finished: &Finished) {
        let names = finished.waiting.join(", ");
        let sentence = format!(
            "{}: {} {names} is left alone for now.",
            asked.title, finished.summary
        );
        self.seams.outbox.send(Outgoing::Ask(Dialog {
            id,
            text: told(&sentence),
            choices: vec![TRY],
        }));
    }

    /// Asks those who were left alone, whatever they said before.
    pub(super) fn assist_try(&mut self, answer: u64) {
        let mut answers = self.assists.answered.iter();
        let waiting = answers.find(|old| old.id == answer);
        for name in waiting.map_or_else(Vec::new, |old| old.waiting.clone()) {
            self.resume_endpoints(Some(&name));
        }
        if let Some(asked) = self.asked_before(answer) {
            self.assist_begin(asked);
        }
    }

    /// Has one endpoint asked again, or all, whatever they said before. Returns whose names are known.
    pub(crate) fn resume_endpoints(&mut self, name: Option<&str>) -> Vec<String> {
        let endpoints = &self.settings.remote.endpoints;
        let meant = endpoints
            .names()
            .filter(|known| name.is_none_or(|name| name == *known));
        let meant: Vec<String> = meant.map(str::to_owned).collect();
        if let Some(tools) = &self.assists.tools {
            meant.iter().for_each(|name| tools.resume(name));
        }
        meant
    }

    /// How the endpoints that were asked so far have been doing.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let tools = self.assists.tools.as_ref();
        tools.map_or_else(Vec::new, |tools| tools.standings())
    }

    /// What an answer was asked, with what is on record as consent. Where it is not known, the user is told.
    fn asked_before(&self, answer: u64) -> Option<Asked> {
        let mut answers = self.assists.answered.iter();
        let Some(answered) = answers.find(|old| old.id == answer) else {
            let sentence = "That answer is not known any more; ask the question again.";
            self.seams.outbox.send(Outgoing::Show(told(sentence)));
            return None;
        };
        let mut asked = answered.asked.clone();
        asked.consent = Consent::OnRecord;
        Some(asked)
    }

    /// Forgets the conversation that a document belongs to; the files of its answers go too.
    pub(crate) fn assist_forget(&mut self, uri: &str) -> bool {
        let path = PathBuf::from(uri::path_of(uri));
        let Some(conversation) = self.answered_at(&path).map(Answered::conversation) else {
            return false;
        };
        let answered = std::mem::take(&mut self.assists.answered);
        let (gone, kept): (VecDeque<Answered>, VecDeque<Answered>) = answered
            .into_iter()
            .partition(|old| old.conversation() == conversation);
        self.assists.answered = kept;
        // The disk may be slow, and nobody waits for it.
        drop(self.seams.runtime.spawn_blocking(move || {
            for old in gone {
                let _ = std::fs::remove_file(old.path);
            }
        }));
        true
    }
}

impl Answered {
    fn conversation(&self) -> u64 {
        self.asked.conversation.unwrap_or(self.id)
    }
}

/// The question that goes on with an answer. Of an edit half is of no use, so it is asked for once more.
fn going_on(mut asked: Asked, answered: &Answered) -> Asked {
    if asked.question.task.output() != Output::Answer {
        return asked;
    }
    let text = &answered.text;
    let tail = &text[text.ceil_char_boundary(text.len().saturating_sub(TAIL))..];
    let before = match asked.question.words.take() {
        Some(words) => words,
        None => asked.title.clone(),
    };
    asked.question.history.push(Said {
        asked: before,
        answered: tail.to_owned(),
        files: answered.files.clone(),
    });
    asked.question.words = Some(GO_ON.to_owned());
    asked.question.task = match asked.question.selection {
        // About nothing in particular.
        None => Task::Ask,
        Some(_) => asked.question.task,
    };
    asked.question.deeper = false;
    asked.before.clone_from(text);
    asked
}
