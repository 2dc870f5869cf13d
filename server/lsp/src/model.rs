//! The model as a session sees it: started once, waited for by whoever needs it, told to the client
//! in the way that each client has.

use std::sync::Arc;
use std::time::Duration;

use foretoken_infer as infer;
use foretoken_infer::Infer;
use tokio::sync::watch;

use crate::main_loop::Event;
use crate::outbox::{Outgoing, Progress};
use crate::pipeline::complete::Model;
use crate::pipeline::report::Reason;
use crate::proto::ext::{Kind, Status};
use crate::state::State;

/// How long a request waits for a model that is still being loaded; the words of the file answer
/// after that. Loading takes 0.2 to 0.8 s on the machines measured.
const LOADING_LIMIT: Duration = Duration::from_secs(3);

/// What a task needs to wait for the model.
#[derive(Clone, Debug)]
pub(crate) struct Awaited {
    pub(crate) infer: Option<Infer>,
    pub(crate) state: watch::Receiver<infer::State>,
}

impl Awaited {
    /// The model, or why there is none.
    pub(crate) async fn ready(mut self) -> Result<Model, Reason> {
        let Some(infer) = self.infer else {
            return Err(Reason::NoModel("The session has no model.".to_owned()));
        };
        let loaded = self
            .state
            .wait_for(|state| !matches!(state, infer::State::Loading { .. }));
        match tokio::time::timeout(LOADING_LIMIT, loaded).await {
            Ok(Ok(state)) => match &*state {
                infer::State::Ready(info) => Ok(Model {
                    infer,
                    info: Arc::clone(info),
                }),
                infer::State::Unavailable(why) => Err(Reason::NoModel(why.sentence.clone())),
                infer::State::Loading { .. } => Err(Reason::Loading),
            },
            _ => Err(Reason::Loading),
        }
    }
}

impl State {
    /// A model that was handed in tells us nothing by itself.
    pub(crate) fn watch_given(&mut self, given: Infer) {
        let events = self.seams.events.clone();
        self.seams.runtime.spawn(async move {
            loop {
                let state = given.state();
                let loading = matches!(state, infer::State::Loading { .. });
                events.send(Event::Model(state));
                if !loading {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }

    /// Shows a sentence once in a session.
    pub(crate) fn tell(&mut self, sentence: &str) {
        if self.session.told.insert(sentence.to_owned()) {
            let message = format!("Foretoken: {sentence}");
            self.seams.outbox.send(Outgoing::Show(message));
        }
    }

    /// The worker says that it stands otherwise: whoever waits for it goes on, and the client is told.
    pub(crate) fn model_changed(&mut self, state: infer::State) {
        if matches!(state, infer::State::Ready(_)) {
            self.forget_results();
            self.effort.another_model();
        }
        self.session.model.send_replace(state);
        if self.session.initialized {
            self.tell_model();
        }
    }

    /// Tells the client how the model stands, each client in the way that it has.
    pub(crate) fn tell_model(&mut self) {
        self.tell_status();
        match self.session.model_state() {
            infer::State::Loading { stage, percent } => {
                self.progress_begin("Foretoken: loading the model");
                self.progress(Progress::Report {
                    message: stage.to_owned(),
                    percent: percent.min(100),
                });
            }
            infer::State::Ready(info) => {
                self.progress_end(format!("{} {} is ready", info.name, info.version));
            }
            infer::State::Unavailable(why) => {
                self.progress_end("no model".to_owned());
                // A worker that was shut down by ourselves is no problem of the user's, and who has
                // the status shows it by itself.
                if why.code != "shut-down" && !self.facts.status {
                    self.tell(&without_model(&why));
                }
            }
        }
    }

    /// The status bar's line, for clients that asked for it.
    pub(crate) fn tell_status(&self) {
        if self.facts.status && self.session.initialized {
            let status = if self.settings.completion.enabled {
                status_of(&self.session.model_state())
            } else {
                Status {
                    busy: false,
                    kind: Kind::Inactive,
                    message: "Suggestions are switched off by a setting.".to_owned(),
                }
            };
            self.seams.outbox.send(Outgoing::Status(status));
        }
    }

    /// Begins a progress unless one is on the screen already; only where the client shows any.
    /// True when it is there now.
    pub(crate) fn progress_begin(&mut self, title: &str) -> bool {
        let may = self.facts.work_done_progress && !self.session.in_progress;
        if may {
            self.session.in_progress = true;
            self.seams.outbox.send(Outgoing::Progress(Progress::Begin {
                title: title.to_owned(),
                cancellable: false,
            }));
        }
        may
    }

    pub(crate) fn progress(&self, step: Progress) {
        if self.session.in_progress {
            self.seams.outbox.send(Outgoing::Progress(step));
        }
    }

    /// Ends the progress that is on the screen, if there is one.
    pub(crate) fn progress_end(&mut self, message: String) {
        self.progress(Progress::End { message });
        self.session.in_progress = false;
    }

    /// Something of ours panicked and was caught: it is logged with its place, and told once.
    pub(crate) fn panicked(&mut self, place: &str) {
        self.counts.panics += 1;
        tracing::error!(place, "a panic was caught");
        if self.session.initialized {
            let line = format!("Something went wrong in {place}; the server goes on.");
            if self.session.told.insert(line.clone()) {
                self.seams.outbox.send(Outgoing::Log(line));
            }
        }
    }
}

/// The model's state in the words of the status notification.
fn status_of(state: &infer::State) -> Status {
    let (busy, kind, message) = match state {
        infer::State::Loading { stage, .. } => (true, Kind::Normal, (*stage).to_owned()),
        infer::State::Ready(_) => (false, Kind::Normal, String::new()),
        infer::State::Unavailable(why) => (false, Kind::Warning, without_model(why)),
    };
    Status {
        busy,
        kind,
        message,
    }
}

/// Why there is no model, and what answers in its place.
fn without_model(why: &infer::Unavailable) -> String {
    let sentence = &why.sentence;
    format!("{sentence} Until then suggestions come from the words of the open files.")
}
