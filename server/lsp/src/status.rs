//! The answer of `foretoken.status` and the other commands: what the server is doing and has done.
//! Counts, codes and times; of the documents only hashes, and those only on request.

use std::time::Duration;

use foretoken_grammars::Language;
use foretoken_infer as infer;
use foretoken_remote::endpoint::Endpoint;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::handlers::execute_command::{self, Command};
use crate::main_loop::Refusal;
use crate::pipeline::generate::hex;
use crate::pipeline::report::milliseconds;
use crate::proto::from::CommandAsk;
use crate::state::{Open, State};

impl State {
    /// Runs a command.
    pub(crate) fn command(&mut self, ask: Option<CommandAsk>) -> Result<Value, Refusal> {
        match execute_command::read(ask)? {
            Command::Accepted { id } => {
                // An id of another session is no error of the user's.
                self.offers.accepted(&id);
                Ok(Value::Null)
            }
            Command::Status { hashes } => Ok(self.status(hashes)),
            Command::Cancel => {
                let answers = self.assists_cancel();
                Ok(json!({"cancelled": self.end_work() || answers}))
            }
            Command::Assist { task, about } => {
                self.assist_asked(task, about);
                Ok(Value::Null)
            }
            Command::Deeper { answer } => {
                self.assist_deeper(answer);
                Ok(Value::Null)
            }
            Command::Continue { answer } => {
                self.assist_continue(answer);
                Ok(Value::Null)
            }
            Command::Resume { endpoint } => {
                let resumed = self.resume_endpoints(endpoint.as_deref());
                Ok(json!({"resumed": resumed}))
            }
            Command::Rate { answer, useful } => {
                Ok(json!({"rated": self.assist_rate(answer, useful)}))
            }
            Command::Forget { uri } => Ok(json!({"forgotten": self.assist_forget(&uri)})),
        }
    }

    /// Everything in one value: what a person asks for in an editor, what a test reads, and what a
    /// plugin shows when its status bar is clicked. No text of a document or a suggestion is in it.
    fn status(&self, hashes: bool) -> Value {
        let totals = self.offers.totals;
        let answers = self.assists.totals;
        let last = self
            .active
            .as_ref()
            .and_then(|uri| self.documents.get(uri)?.report.as_ref());
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": self.model_json(None),
            "languageModels": self.language_models(),
            "device": device(&self.session.model_state()),
            "editor": format!("{:?}", self.facts.editor),
            "enabled": self.settings.completion.enabled,
            "counts": self.counts.to_json(),
            "offers": {
                "offered": totals.offered,
                "shown": totals.shown,
                "accepted": totals.accepted,
                "acceptedWhole": totals.accepted_whole,
                "acceptedCharacters": totals.accepted_characters,
                "dismissed": totals.dismissed,
            },
            "answers": {
                "asked": answers.asked,
                "answered": answers.answered,
                "cut": answers.cut,
                "failed": answers.failed,
                "cancelled": answers.cancelled,
                "editsApplied": answers.edits_applied,
                "editsDiscarded": answers.edits_discarded,
                "useful": answers.useful,
                "notUseful": answers.not_useful,
            },
            "audit": {
                "enabled": self.settings.audit.enabled,
                "prompt": self.settings.audit.prompt.code(),
                "answer": self.settings.audit.answer.code(),
                "retentionDays": self.settings.audit.retention_days,
            },
            "endpoints": self.endpoints(),
            "latencyMs": self.counts.latencies(),
            "cache": {"places": self.cache.len(), "bytes": self.cache.bytes()},
            "index": self.index_state(),
            "off": self.session.off.names(),
            "governor": self.effort.to_json(),
            "last": last,
            "documents": self.documents(hashes),
        })
    }

    /// How the model stands that answers in a language, or everywhere else, and why what was chosen last does
    /// not.
    fn model_json(&self, language: Option<Language>) -> Value {
        let seats = &self.session.seats;
        let mut value = model(&seats.state(language));
        if let Some(why) = seats.refused(language) {
            value["refused"] = why.into();
        }
        value
    }

    /// The languages with a model of their own.
    fn language_models(&self) -> Value {
        let own = self.session.seats.languages();
        let models: serde_json::Map<_, _> = own
            .map(|language| (language.id().to_owned(), self.model_json(Some(language))))
            .collect();
        models.into()
    }

    /// How the endpoints have been doing, for the status.
    fn endpoints(&self) -> Vec<Value> {
        let standings = self.standings();
        let endpoints = self.settings.remote.endpoints.iter();
        let milliseconds = |time: Option<Duration>| time.map(|time| time.as_millis() as u64);
        let describe = |endpoint: &Endpoint| {
            let name = &endpoint.name;
            let found = standings.iter().find(|standing| standing.endpoint == *name);
            let standing = found.cloned().unwrap_or_default();
            json!({
                "name": name,
                "class": endpoint.class.code(),
                "available": standing.available(),
                "parkedMs": milliseconds(standing.parked_for),
                "failedTooOftenMs": milliseconds(standing.open_for),
                "paused": standing.paused.as_ref().map(|failure| failure.sentence(name)),
                "firstTextP95Ms": milliseconds(standing.first_text_p95),
                "tokensPerSecond": standing.tokens_per_second.map(f64::round),
            })
        };
        endpoints.map(describe).collect()
    }

    /// The open documents; `hashes` adds one of each whole text, which takes a while.
    fn documents(&self, hashes: bool) -> Vec<Value> {
        let describe = |(uri, open): (&String, &Open)| {
            let mut description = json!({
                "uri": uri,
                "version": open.document.version(),
                "language": open.document.language().id(),
                "bytes": open.document.len_bytes(),
                "outOfStep": open.out_of_step,
                // An early answer leaves before its attempt has ended; `last` is of ended ones.
                "running": open.flight.is_some(),
                "last": open.report,
            });
            if hashes {
                let mut hash = Sha256::new();
                for chunk in open.document.rope().chunks() {
                    hash.update(chunk);
                }
                description["sha256"] = hex(&hash.finalize()).into();
            }
            description
        };
        self.documents.iter().map(describe).collect()
    }
}

/// Where it runs.
fn device(state: &infer::State) -> &'static str {
    match state {
        infer::State::Ready(info) => info.device.name(),
        _ => infer::Device::Cpu.name(),
    }
}

/// How the model stands, with the code to branch on and the sentence that says what to do.
fn model(state: &infer::State) -> Value {
    match state {
        infer::State::Loading { stage, percent } => {
            json!({"state": "loading", "stage": stage, "percent": percent})
        }
        infer::State::Ready(info) => json!({
            "state": "ready",
            "name": info.name,
            "version": info.version,
            "sha256": info.sha256,
            "library": info.library_version,
            "exactReuse": info.exact_reuse,
            "loadMs": milliseconds(info.load),
        }),
        infer::State::Unavailable(why) => {
            json!({"state": "unavailable", "code": why.code, "message": why.sentence})
        }
    }
}
