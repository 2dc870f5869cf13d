//! The models as a session sees them: started, exchanged when the user chooses another one, waited for by
//! whoever needs them, told to the client in the way that each client has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use foretoken_grammars::Language;
use foretoken_infer as infer;
use foretoken_infer::{Infer, Source};
use foretoken_remote::reports::What;
use tokio::sync::watch;

use crate::config::Settings;
use crate::main_loop::{Event, Events};
use crate::models::Chosen;
use crate::outbox::{Outgoing, Progress};
use crate::pipeline::complete::Model;
use crate::pipeline::report::Reason;
use crate::proto::ext::{Kind, Status};
use crate::reports;
use crate::seats::News;
use crate::session::Session;
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
        let seat = self.session.seats.give(given.clone());
        let events = self.seams.events.clone();
        self.seams.runtime.spawn(async move {
            loop {
                let state = given.state();
                let loading = matches!(state, infer::State::Loading { .. });
                events.send(Event::Model { seat, state });
                if !loading {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }

    /// Starts what the settings and the user's choice name; given options follow no choice.
    pub(crate) fn start_models(&mut self) {
        let chosen = match &self.session.options {
            Some(options) => Chosen {
                default: options.package.clone(),
                ..Chosen::default()
            },
            None => {
                let paths = self.session.paths.clone();
                let chosen = self.settings.chosen(paths.as_ref());
                self.session.chosen = paths.map(|_| chosen.clone());
                chosen
            }
        };
        self.aim(&chosen);
    }

    /// Another model was chosen, for everything or for a language.
    pub(crate) fn models_chosen(&mut self, chosen: Chosen) {
        if self.session.chosen.as_ref() != Some(&chosen) {
            self.aim(&chosen);
            self.session.chosen = Some(chosen);
            self.tell_status();
        }
    }

    /// A look at the disk, for a thread of the pool, whether the user has chosen another model.
    pub(crate) fn look_at_choice(&self) -> Option<impl FnOnce() + Send + use<>> {
        let known = self.session.chosen.clone()?;
        let paths = self.session.paths.clone()?;
        let settings = Arc::clone(&self.settings);
        let events = self.seams.events.clone();
        Some(move || {
            let chosen = settings.chosen(Some(&paths));
            if chosen != known {
                events.send(Event::Chose(chosen));
            }
        })
    }

    /// A language that may have a model of its own is there: the model is loaded when it is needed.
    pub(crate) fn language_opened(&mut self, language: Language) {
        let own = self.session.chosen.as_ref();
        if let Some(source) = own.and_then(|own| own.languages.get(&language)).cloned() {
            let mut start = starter(&self.session, &self.settings, &self.seams.events);
            self.session
                .seats
                .aim_language(language, &source, &mut start);
        }
    }

    fn aim(&mut self, chosen: &Chosen) {
        let mut start = starter(&self.session, &self.settings, &self.seams.events);
        let seats = &mut self.session.seats;
        seats.aim_default(&chosen.default, &mut start);
        seats.keep_languages(|language| chosen.languages.contains_key(&language));
        let open = self.documents.values().map(|open| open.document.language());
        for language in open.collect::<BTreeSet<_>>() {
            if let Some(source) = chosen.languages.get(&language) {
                seats.aim_language(language, source, &mut start);
            }
        }
    }

    /// Shows a sentence once in a session.
    pub(crate) fn tell(&mut self, sentence: &str) {
        if self.session.told.insert(sentence.to_owned()) {
            let message = format!("Foretoken: {sentence}");
            self.seams.outbox.send(Outgoing::Show(message));
        }
    }

    /// A worker says that it stands otherwise: whoever waits for it goes on, and the client is told of what
    /// concerns it.
    pub(crate) fn model_changed(&mut self, seat: u64, state: infer::State) {
        let is_ready = matches!(state, infer::State::Ready(_));
        report(&state);
        match self.session.seats.changed(seat, state) {
            News::Nothing => {}
            News::Default => {
                if is_ready {
                    self.forget_results();
                    self.effort.another_model();
                }
                if self.session.initialized {
                    self.tell_model();
                }
            }
            News::Exchanged(roles) => {
                // What the one before had found is not what this one would say.
                self.forget_results();
                self.effort.another_model();
                for language in roles {
                    if let infer::State::Ready(info) = self.session.seats.state(language) {
                        let (name, version) = (&info.name, &info.version);
                        let place = language.map_or("everywhere", Language::id);
                        tracing::info!(name, version, place, "another model answers");
                    }
                }
                if self.session.initialized {
                    self.tell_model();
                }
            }
            News::Refused(why) => {
                let goes_on = match self.session.model_state() {
                    infer::State::Ready(info) => format!("{} goes on", info.name),
                    _ => "Nothing changes".to_owned(),
                };
                self.tell(&format!(
                    "The model that was chosen is not used. {why} {goes_on}."
                ));
            }
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

/// What a report about this process says of its models. A package that is missing, or no model of ours, is a
/// matter of the user's.
fn report(state: &infer::State) {
    match state {
        infer::State::Ready(info) => reports::know(info),
        infer::State::Unavailable(why) if why.code == "session-failed" => {
            reports::note(What::Model(why.code), Some("load"));
        }
        _ => {}
    }
}

/// Starts a worker whose states come to the loop with the number of its seat.
fn starter(
    session: &Session,
    settings: &Settings,
    events: &Events,
) -> impl FnMut(u64, &Source) -> Infer + use<> {
    let options = session.options.clone();
    let mut options = options.unwrap_or_else(|| settings.infer(session.paths.as_ref()));
    options.drafts &= !session.off.drafts;
    options.kv_reuse &= !session.off.reuse;
    let events = events.clone();
    move |seat, source| {
        let options = infer::Options {
            package: source.clone(),
            ..options.clone()
        };
        let events = events.clone();
        let tell = move |state| events.send(Event::Model { seat, state });
        Infer::start(options, Box::new(tell))
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
