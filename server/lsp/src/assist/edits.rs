//! The edit of an answer: offered for the very text that it was made for, put into it after a word of the user.

use std::ops::Range;
use std::path::Path;

use foretoken_engine::position::from_byte;

use super::again::{CONTINUE, TRY};
use super::{Asked, Running, Stage, told};
use crate::memory::Lesson;
use crate::outbox::{Change, Chosen, Outgoing, Question as Dialog, Unopened};
use crate::pipeline::assist::Edited;
use crate::proto::uri;
use crate::state::{Open, State};

const APPLY: &str = "Apply";
const DISCARD: &str = "Discard";

/// What is said where a text is not the one that an edit was made for.
const STALE: &str = "The text has changed since, so the edit was not made; ask again.";

impl State {
    /// Offers the edit: by the client's own preview, else by two buttons.
    pub(super) fn assist_offer(&mut self, id: u64, asked: &Asked, edit: Edited) {
        let refused = match self.facts.answers.edit {
            false => Some("This editor takes no edits from a server; copy it from the answer."),
            true => (!self.is_as_it_was(&edit)).then_some(STALE),
        };
        if let Some(sentence) = refused {
            self.assists.running.remove(&id);
            return self.seams.outbox.send(Outgoing::Show(told(sentence)));
        }
        let change = self.asked_change(id, asked, &edit);
        let lesson = self.learns().then(|| Lesson::of_edit(&edit, asked));
        let stage = if change.confirm {
            self.seams.outbox.send(Outgoing::Apply(change));
            Stage::Applying
        } else {
            self.seams.outbox.send(Outgoing::Ask(Dialog {
                id,
                text: told(&format!("{}: {} Apply it?", asked.title, edit.summary)),
                choices: vec![APPLY, DISCARD],
            }));
            Stage::Confirm(change)
        };
        if let Some(running) = self.assists.running.get_mut(&id) {
            running.stage = stage;
            running.lesson = lesson;
        }
    }

    fn asked_change(&self, id: u64, asked: &Asked, edit: &Edited) -> Change {
        let rope = edit.document.rope();
        let encoding = self.facts.encoding;
        let position = |bytes: &Range<usize>| foretoken_engine::position::Range {
            start: from_byte(rope, bytes.start, encoding),
            end: from_byte(rope, bytes.end, encoding),
        };
        let open = self.open_at(&edit.path);
        let edits = edit.edits.iter();
        Change {
            id,
            uri: open.map_or_else(|| uri::of_path(&edit.path), |(uri, _)| uri.clone()),
            version: open.map(|(_, open)| open.document.version()),
            unopened: open.is_none().then(|| Unopened {
                path: edit.path.clone(),
                text: rope.to_string(),
            }),
            label: format!("Foretoken: {}", asked.title),
            edits: edits
                .map(|(bytes, text)| (position(bytes), text.clone()))
                .collect(),
            versions: self.facts.answers.versions,
            confirm: self.facts.answers.confirm && self.facts.answers.versions,
        }
    }

    /// Whether the document is the one that the edit was made for. What no editor has open is looked at
    /// again when the edit goes out.
    fn is_as_it_was(&self, edit: &Edited) -> bool {
        match self.open_at(&edit.path) {
            Some((_, open)) if open.out_of_step => false,
            // Opened since, with what the disk held.
            Some((_, open)) if edit.on_disk => open.document.rope() == edit.document.rope(),
            Some((_, open)) => open.document.version() == edit.document.version(),
            None => edit.on_disk,
        }
    }

    fn open_at(&self, path: &Path) -> Option<(&String, &Open)> {
        let mut documents = self.documents.iter();
        documents.find(|(_, open)| open.path == path)
    }

    /// The user chose a button.
    pub(crate) fn assist_chosen(&mut self, chosen: &Chosen) {
        let yes = chosen.choice.as_deref();
        let Some(running) = self.assists.running.remove(&chosen.id) else {
            return match yes {
                Some(CONTINUE) => self.assist_continue(chosen.id),
                Some(TRY) => self.assist_try(chosen.id),
                _ => {}
            };
        };
        match running.stage {
            Stage::Consent(origins) => {
                self.assist_consented(chosen.id, running.asked, origins, yes)
            }
            Stage::Confirm(change) if yes == Some(APPLY) => {
                let now = self.documents.get(&change.uri);
                let now = now.map(|open| open.document.version());
                // Opened since: its version says nothing of what the edit was made for.
                if now == change.version {
                    self.seams.outbox.send(Outgoing::Apply(change));
                    let stage = Stage::Applying;
                    let running = Running { stage, ..running };
                    self.assists.running.insert(chosen.id, running);
                } else {
                    self.seams.outbox.send(Outgoing::Show(told(STALE)));
                }
            }
            Stage::Confirm(_) => self.assist_note_edit(chosen.id, false),
            stage => {
                let running = Running { stage, ..running };
                self.assists.running.insert(chosen.id, running);
            }
        }
    }

    /// The client changed the text, or did not.
    pub(crate) fn assist_applied(&mut self, id: u64, applied: bool) {
        if let Some(running) = self.assists.running.remove(&id) {
            self.assist_note_edit(id, applied);
            self.learn(running.lesson.filter(|_| applied));
        }
    }
}
