//! Asks the user before text of a project goes to an endpoint for the first time.

use super::{Asked, Consent, Stage, told};
use crate::outbox::{Outgoing, Question as Dialog};
use crate::pipeline::assist::Unasked;
use crate::state::State;

const ALLOW: &str = "Allow for this project";
const REFUSE: &str = "Not now";

impl State {
    /// Shows the question; its answer comes back to `assist_consented`.
    pub(super) fn assist_ask_consent(&mut self, id: u64, places: Vec<Unasked>) {
        let Some(running) = self.assists.running.get_mut(&id) else {
            return;
        };
        let project = running.asked.snapshot.project.display();
        let to: Vec<String> = places
            .iter()
            .map(|place| format!("{} ({})", place.name, place.origin))
            .collect();
        let text = told(&format!(
            "to answer, code of {project} would be sent to {}. Secrets that are recognised are replaced \
             first, excluded files are never sent, and `foretoken consent` takes this back. Allow it?",
            to.join(" or ")
        ));
        let origins = places.into_iter().map(|place| place.origin).collect();
        running.stage = Stage::Consent(origins);
        let choices = vec![ALLOW, REFUSE];
        self.seams
            .outbox
            .send(Outgoing::Ask(Dialog { id, text, choices }));
    }

    /// Goes on with the question, with what the user allowed. A "no" is not asked again in this session for
    /// the same answer: it is given without a model.
    pub(super) fn assist_consented(
        &mut self,
        id: u64,
        mut asked: Asked,
        origins: Vec<String>,
        choice: Option<&str>,
    ) {
        asked.consent = match choice {
            Some(ALLOW) => Consent::Given(origins),
            _ => Consent::Refused,
        };
        self.assist_work(id, asked);
    }
}
