//! Questions about code in a session: what is asked, what runs, what waits for a word of the user, and
//! which answers can be followed up. The work itself is `pipeline/assist.rs`, in a task of its own; here
//! is what belongs to the loop. An *answer* has a number, which its progress bar, its notes and its
//! document share.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretoken_engine::assist::Task;
use futures_util::FutureExt;
use tokio::task::AbortHandle;

use crate::main_loop::Event;
use crate::memory::Lesson;
use crate::metrics::figures::Made;
use crate::outbox::{Change, Outgoing, Progress};
use crate::paths::Paths;
use crate::pipeline::assist::{Question, Snapshot, Tools, UNREADABLE, UNTRUSTED};
use crate::proto::action::{About, Given};
use crate::proto::ext::AssistNote;
use crate::proto::uri;
use crate::state::State;

mod again;
mod consent;
mod edits;
pub(crate) mod file;
mod question;
mod rating;
mod work;

pub(crate) use work::{Finished, Report};

/// Answers that are worked on at once, waiting ones among them; more are refused with a sentence.
const MOST: usize = 6;
/// Answers that can be followed up.
const REMEMBERED: usize = 50;

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Assists {
    last: u64,
    running: BTreeMap<u64, Running>,
    /// Newest last.
    answered: VecDeque<Answered>,
    tools: Option<Arc<Tools>>,
    pub(crate) totals: Totals,
    /// What answers were made of.
    pub(crate) measured: Made,
}

/// Totals over the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Questions that were taken.
    pub(crate) asked: u64,
    /// Answers that were shown, whole or cut.
    pub(crate) answered: u64,
    /// Of these, cut.
    pub(crate) cut: u64,
    /// Questions that ended without an answer.
    pub(crate) failed: u64,
    /// Ended by the user.
    pub(crate) cancelled: u64,
    /// Edits that went into a text.
    pub(crate) edits_applied: u64,
    /// Edits that the user, or the client, turned down.
    pub(crate) edits_discarded: u64,
    /// Answers that the user found useful, and those that the user did not.
    pub(crate) useful: u64,
    pub(crate) not_useful: u64,
}

/// One answer on its way.
#[derive(Debug)]
struct Running {
    asked: Asked,
    stage: Stage,
    /// What of its edit teaches the user's style, once it is in the text.
    lesson: Option<Lesson>,
}

/// What was asked about what.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    uri: String,
    question: Question,
    pub(crate) snapshot: Snapshot,
    title: String,
    consent: Consent,
    /// The number of the first answer of the conversation; `None` until there is one.
    conversation: Option<u64>,
    /// What an answer said before it broke off, where this one goes on.
    before: String,
}

/// How far the user has been asked whether text of the project may go out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Consent {
    /// What is on record counts.
    OnRecord,
    /// Also to these origins, which is put on record first.
    Given(Vec<String>),
    /// Not now: the answer is made without those who are not allowed.
    Refused,
}

#[derive(Debug)]
enum Stage {
    /// The task runs.
    Working(AbortHandle),
    /// The user is asked whether text may go to these origins.
    Consent(Vec<String>),
    /// The user is asked whether a change is wanted.
    Confirm(Change),
    /// The client was asked to change the text.
    Applying,
}

/// An answer that was given.
#[derive(Debug)]
struct Answered {
    id: u64,
    /// Its document.
    path: PathBuf,
    asked: Asked,
    text: String,
    /// It broke off.
    cut: bool,
    /// Endpoints that were left alone when nobody answered.
    waiting: Vec<String>,
    /// What it was made from.
    files: Vec<PathBuf>,
    /// Its number in the books.
    request: Option<String>,
    /// What the user said of it.
    useful: Option<bool>,
}

impl State {
    /// A command asks something. Whatever is wrong is said once, in words.
    pub(crate) fn assist_asked(&mut self, task: Task, about: About) {
        let asked = match self.documents.get(&about.uri) {
            Some(open) if task == Task::Ask && self.answered_at(&open.path).is_some() => {
                self.follow_up(open)
            }
            Some(open) => self.question_about(open, task, about),
            None => Err("The file must be open in the editor to be asked about.".to_owned()),
        };
        match asked {
            Ok(asked) => self.assist_begin(asked),
            Err(sentence) => self.seams.outbox.send(Outgoing::Show(told(&sentence))),
        }
    }

    fn answered_at(&self, path: &Path) -> Option<&Answered> {
        self.assists.answered.iter().find(|old| old.path == path)
    }

    /// The answer that this document holds: its number, and how it stands.
    pub(crate) fn answer_at(&self, path: &Path) -> Option<(u64, Given)> {
        let answered = self.answered_at(path)?;
        let given = Given {
            cut: answered.cut,
            rated: answered.useful.is_some(),
        };
        Some((answered.id, given))
    }

    /// Starts the work on a question, unless too much is under way.
    fn assist_begin(&mut self, asked: Asked) {
        if self.assists.running.len() >= MOST {
            let sentence = format!("{MOST} answers are under way; wait for one, or cancel.");
            self.seams.outbox.send(Outgoing::Show(told(&sentence)));
            return;
        }
        self.assists.last += 1;
        self.assists.totals.asked += 1;
        let id = self.assists.last;
        let mut asked = asked;
        asked.question.rejected = self.was_of_no_use(&asked);
        asked.conversation.get_or_insert(id);
        if self.facts.answers.stream {
            self.note(AssistNote::Started {
                id,
                title: asked.title.clone(),
                task: asked.question.task.code().to_owned(),
                uri: asked.uri.clone(),
            });
        }
        self.answering(
            id,
            Progress::Begin {
                title: format!("Foretoken: {}", asked.title),
                cancellable: true,
            },
        );
        self.assist_work(id, asked);
    }

    /// Runs the pipeline in a task. A panic in it costs this answer.
    fn assist_work(&mut self, id: u64, mut asked: Asked) {
        if let Err(sentence) = self.under_rules(&mut asked) {
            return self.assist_failed(id, sentence);
        }
        let tools = self.assist_tools();
        let events = self.seams.events.clone();
        let report = {
            let events = events.clone();
            move |report| events.send(Event::Assist { id, report })
        };
        let work = work::run(id, asked.clone(), tools, report);
        let task = self.seams.runtime.spawn(async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                let report = Report::Failed("The answer failed by a defect of Foretoken.".into());
                events.send(Event::Assist { id, report });
            }
        });
        let stage = Stage::Working(task.abort_handle());
        let running = Running {
            asked,
            stage,
            lesson: None,
        };
        self.assists.running.insert(id, running);
    }

    fn assist_tools(&mut self) -> Arc<Tools> {
        let shut = match () {
            () if self.facts.untrusted => Some(UNTRUSTED),
            () if self.session.is_workspace_file_broken() => Some(UNREADABLE),
            () => None,
        };
        let current = self.assists.tools.take();
        let current = current.filter(|tools| tools.fits(&self.settings, shut));
        let tools = current.unwrap_or_else(|| {
            let settings = Arc::clone(&self.settings);
            Arc::new(Tools::new(settings, Paths::find(), shut))
        });
        self.assists.tools = Some(Arc::clone(&tools));
        tools
    }

    /// What a running answer has to say.
    pub(crate) fn assist_report(&mut self, id: u64, report: Report) {
        if !self.assists.running.contains_key(&id) {
            return;
        }
        match report {
            Report::Note(text) => {
                if self.facts.answers.stream {
                    self.note(AssistNote::Note {
                        id,
                        text: text.clone(),
                    });
                }
                self.answering(
                    id,
                    Progress::Say {
                        message: short(&text),
                    },
                );
            }
            Report::Block { markdown, length } => {
                if self.facts.answers.stream {
                    self.note(AssistNote::Block { id, markdown });
                }
                self.answering(
                    id,
                    Progress::Say {
                        message: format!("{length} characters"),
                    },
                );
            }
            Report::Rules => {
                self.read_rules();
                if let Some(running) = self.assists.running.remove(&id) {
                    self.assist_work(id, running.asked);
                }
            }
            Report::Consent(places) => self.assist_ask_consent(id, places),
            Report::Failed(sentence) => self.assist_failed(id, sentence),
            Report::Done(finished) => self.assist_done(id, *finished),
        }
    }

    fn assist_failed(&mut self, id: u64, sentence: String) {
        self.assists.totals.failed += 1;
        self.seams.outbox.send(Outgoing::Show(told(&sentence)));
        self.assist_end(id, None, Some(sentence));
    }

    /// The answer is there: it is shown, remembered, and its edit is offered.
    fn assist_done(&mut self, id: u64, finished: Finished) {
        let Some(running) = self.assists.running.get(&id) else {
            return;
        };
        let asked = running.asked.clone();
        self.assists.totals.answered += 1;
        self.assists.totals.cut += u64::from(finished.cut.is_some());
        self.assists.measured.add(&finished.measured);
        self.metrics.touch();
        if !self.facts.answers.stream {
            self.assist_show(&finished);
        }
        if let Some(path) = &finished.document {
            if self.assists.answered.len() == REMEMBERED {
                self.assists.answered.pop_front();
            }
            self.assists.answered.push_back(Answered {
                id,
                path: path.clone(),
                asked: asked.clone(),
                text: finished.text.clone(),
                cut: finished.cut.is_some(),
                waiting: finished.waiting.clone(),
                files: finished.files.clone(),
                request: finished.request.clone(),
                useful: None,
            });
            if let Some(cut) = &finished.cut {
                self.assist_offer_to_continue(id, &asked, cut);
            }
            if !finished.waiting.is_empty() {
                self.assist_offer_to_try(id, &asked, &finished);
            }
        }
        let document = finished.document.as_ref().map(|path| uri::of_path(path));
        self.note_done(id, document, finished.cut.clone());
        match finished.edit {
            Some(edit) => self.assist_offer(id, &asked, edit),
            None => drop(self.assists.running.remove(&id)),
        }
    }

    /// Shows an answer to a client that does not draw it by itself: its document, or words.
    fn assist_show(&self, finished: &Finished) {
        let Some(path) = &finished.document else {
            return self
                .seams
                .outbox
                .send(Outgoing::Show(told(&finished.summary)));
        };
        let words = format!("{} The answer is in {}.", finished.summary, path.display());
        let otherwise = told(&words);
        self.seams.outbox.send(match self.facts.answers.document {
            true => Outgoing::Open {
                path: path.clone(),
                otherwise,
            },
            false => Outgoing::Show(otherwise),
        });
    }

    /// The user ended one answer: dropping its task closes what it has open, and a question of ours that is
    /// answered later is answered for nothing. A change that the client has in hand goes on.
    pub(crate) fn assist_cancel(&mut self, id: u64) {
        let Some(running) = self.assists.running.get(&id) else {
            return;
        };
        match &running.stage {
            Stage::Applying => return,
            // The answer itself was shown.
            Stage::Confirm(_) => return drop(self.assists.running.remove(&id)),
            Stage::Working(task) => task.abort(),
            Stage::Consent(_) => {}
        }
        self.assists.totals.cancelled += 1;
        self.assist_end(id, None, Some("It was cancelled.".to_owned()));
    }

    /// Ends all answers; true if there were any.
    pub(crate) fn assists_cancel(&mut self) -> bool {
        let ids: Vec<u64> = self.assists.running.keys().copied().collect();
        for id in &ids {
            self.assist_cancel(*id);
        }
        !ids.is_empty()
    }

    /// Once nothing of a question that was given up is on its way to the disk.
    pub(crate) async fn assists_settled(&self) {
        if let Some(tools) = &self.assists.tools {
            tools.settled().await;
        }
    }

    fn assist_end(&mut self, id: u64, document: Option<String>, cut: Option<String>) {
        self.assists.running.remove(&id);
        self.note_done(id, document, cut);
    }

    fn note_done(&mut self, id: u64, document: Option<String>, cut: Option<String>) {
        let message = cut.as_deref().map_or("answered".to_owned(), short);
        self.answering(id, Progress::End { message });
        if self.facts.answers.stream {
            self.note(AssistNote::Done { id, document, cut });
        }
    }

    fn note(&self, note: AssistNote) {
        self.seams.outbox.send(Outgoing::Assist(note));
    }

    fn answering(&self, id: u64, step: Progress) {
        if self.facts.work_done_progress {
            self.seams.outbox.send(Outgoing::Answering { id, step });
        }
    }
}

/// A sentence of ours on the user's screen.
fn told(sentence: &str) -> String {
    format!("Foretoken: {sentence}")
}

/// What fits a progress bar.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
