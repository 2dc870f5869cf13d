//! The session's side of the workspace index: when it runs, what it is told, what the client hears of it.
//! The loop never waits for it: what it says is left at the [`Indexer`], and what it asks runs elsewhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretoken_index::Rules;
use foretoken_infer::library::Places;
use serde_json::{Value, json};

use crate::config::{Layer, Settings};
use crate::main_loop::{Event, Reply};
use crate::outbox::{Outgoing, Progress};
use crate::paths::Paths;
use crate::pipeline::reindex::{Indexer, Report, Setup};
use crate::proto::from::SearchAsk;
use crate::state::State;

/// Hits of one `foretoken/search` unless it asks for fewer or more, and the most that it gets.
const HITS: u16 = 10;
const MOST_HITS: u16 = 100;

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Where indexes lie; `None` in a session that keeps none.
    paths: Option<Paths>,
    running: Option<Indexer>,
    standing: Standing,
    /// Its progress is on the screen.
    shown: bool,
    /// Why the user's embedder or reranker is not used, once they were read.
    encoders: Option<Vec<String>>,
}

/// How it stands, in the words of the status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// There is none, for this reason.
    Off(&'static str),
    #[default]
    Opening,
    Reading {
        done: usize,
        of: usize,
    },
    Ready,
    Failed(String),
}

impl Index {
    pub(crate) fn new(paths: Option<Paths>) -> Index {
        Index {
            paths,
            ..Index::default()
        }
    }

    /// Whether files are being read, and the processor with them.
    pub(crate) fn is_reading(&self) -> bool {
        matches!(self.standing, Standing::Opening | Standing::Reading { .. })
    }

    /// What searches; `None` while there is no index. A clone may go to any thread.
    pub(crate) fn handle(&self) -> Option<Indexer> {
        self.running.clone()
    }
}

impl State {
    /// Starts or ends the index as settings and trust want it, and hands other rules on.
    pub(crate) fn index_settle(&mut self, before: Option<&Settings>) {
        if let Err(why) = self.index_wanted() {
            self.index_stop(why);
            return;
        }
        let exclude = &self.settings.completion.exclude;
        match &self.index.running {
            None => self.index_start(),
            Some(_)
                if before.is_some_and(|old| old.index.encoders != self.settings.index.encoders) =>
            {
                self.index_stop("it is opened again");
                self.index_start();
            }
            Some(running) if before.is_some_and(|old| old.completion.exclude != *exclude) => {
                running.set_rules(&self.index_rules());
            }
            Some(_) => {}
        }
    }

    fn index_wanted(&self) -> Result<(), &'static str> {
        let broken = self.session.is_workspace_file_broken();
        if self.index.paths.is_none() {
            Err("this session keeps none")
        } else if self.facts.folders.is_empty() {
            Err("no folder is open")
        } else if self.facts.untrusted {
            Err("the editor says that this workspace is not trusted")
        } else if broken {
            Err("the workspace's .foretoken.toml cannot be read, and may forbid it")
        } else if !self.settings.index.enabled {
            Err("index.enabled is false")
        } else {
            Ok(())
        }
    }

    fn index_rules(&self) -> Rules {
        let settings = Arc::clone(&self.settings);
        Arc::new(move |path: &Path| settings.completion.exclude.withholds(path))
    }

    fn index_start(&mut self) {
        let Some(paths) = self.index.paths.clone() else {
            return;
        };
        let events = self.seams.events.clone();
        let library = self.settings.runtime.onnxruntime.as_deref();
        let libraries = Places::of_process(library, Some(&paths.data));
        let indexer = Indexer::start(Setup {
            folders: self.facts.folders.clone(),
            cache: paths.cache,
            home: paths.home,
            rules: self.index_rules(),
            encoders: (self.settings.index.encoders.clone(), libraries),
            told: Box::new(move |report| events.send(Event::Index(report))),
        });
        for open in self.documents.values() {
            indexer.changed(&open.path, open.document.clone());
        }
        self.index.running = Some(indexer);
        self.index.standing = Standing::Opening;
        if self.facts.file_watch {
            self.seams.outbox.send(Outgoing::WatchFiles);
        }
    }

    /// Ends it; what it holds is forgotten, on the disk it stays.
    pub(crate) fn index_stop(&mut self, why: &'static str) {
        if let Some(running) = self.index.running.take() {
            running.stop();
        }
        self.index.encoders = None;
        self.index.standing = Standing::Off(why);
        self.index_shown("it is switched off");
    }

    /// A document has another text.
    pub(crate) fn index_changed(&self, uri: &str) {
        if let (Some(running), Some(open)) = (&self.index.running, self.documents.get(uri))
            && !open.out_of_step
        {
            running.changed(&open.path, open.document.clone());
        }
    }

    pub(crate) fn index_closed(&self, path: &Path) {
        if let Some(running) = &self.index.running {
            running.closed(path);
        }
    }

    /// Files were written, made or removed, by the editor or beside it.
    pub(crate) fn index_saved(&self, paths: Vec<PathBuf>) {
        if let Some(running) = &self.index.running {
            running.saved(paths);
        }
    }

    pub(crate) fn index_report(&mut self, report: Report) {
        if self.index.running.is_none() {
            return;
        }
        match report {
            Report::Reading { done, of } => {
                self.index.standing = Standing::Reading { done, of };
                if !self.index.shown {
                    self.index.shown = self.progress_begin("Foretoken: reading the workspace");
                }
                if self.index.shown {
                    let percent = (done * 100 / of.max(1)).min(100) as u32;
                    let message = format!("{done} of {of} files");
                    self.progress(Progress::Report { message, percent });
                }
            }
            Report::Ready => {
                self.index.standing = Standing::Ready;
                self.index_shown("the index is ready");
            }
            Report::Encoders(problems) => {
                for problem in &problems {
                    tracing::warn!(problem, "words alone order what is found");
                }
                self.index.encoders = Some(problems);
            }
            Report::Failed(sentence) => {
                tracing::warn!(sentence, "the index");
                self.index.standing = Standing::Failed(sentence);
                self.index_shown("there is no index");
            }
        }
    }

    /// Takes its progress from the screen.
    fn index_shown(&mut self, message: &str) {
        if std::mem::take(&mut self.index.shown) {
            self.progress_end(message.to_owned());
        }
    }

    /// `foretoken/search`: answered off the loop, since it reads files.
    pub(crate) fn index_search(&mut self, ask: Option<SearchAsk>, reply: Reply<Value>) {
        let state = self.index_state();
        let Some(ask) = ask else {
            return reply.refuse(crate::main_loop::Refusal::BadParameters(
                "foretoken/search: `query` must be a string.".to_owned(),
            ));
        };
        let Some(running) = self.index.handle() else {
            self.look_at_rules();
            return reply.send(json!({"hits": [], "index": state}));
        };
        let (rules, events) = (self.session.rules(), self.seams.events.clone());
        self.seams.runtime.spawn_blocking(move || {
            if rules.are_old() {
                return events.send(Event::Rules(Some((ask, reply))));
            }
            let limit = ask.limit.unwrap_or(HITS).clamp(1, MOST_HITS);
            let near = ask.path();
            let found = running.search(&ask.query, usize::from(limit), near.as_deref());
            let hits: Vec<Value> = found
                .into_iter()
                .map(|(root, hit)| {
                    json!({
                        "file": root.join(&hit.path),
                        "path": hit.path,
                        "line": hit.lines.start + 1,
                        "endLine": hit.lines.end,
                        "name": hit.qualified,
                        "kind": hit.kind.word(),
                        "text": hit.text,
                        "score": hit.score,
                    })
                })
                .collect();
            reply.send(json!({"hits": hits, "index": state}));
        });
    }

    /// For the status: a word to branch on, figures, and a sentence where something is missing.
    pub(crate) fn index_state(&self) -> Value {
        let (mut state, running) = (self.index.standing.to_json(), &self.index.running);
        let workspaces = running.iter().flat_map(Indexer::workspaces);
        let (mut files, mut chunks, mut layers) = (0, 0, 0);
        for workspace in workspaces {
            let held = workspace.state();
            files += held.files;
            chunks += held.chunks;
            layers += held.layers;
            if let Some(trouble) = held.trouble {
                state["trouble"] = trouble.into();
            }
        }
        state["files"] = files.into();
        state["chunks"] = chunks.into();
        state["unsaved"] = layers.into();
        let chosen = &self.settings.index.encoders;
        for (key, path) in [
            ("embedder", &chosen.embedder),
            ("reranker", &chosen.reranker),
        ] {
            if let Some(path) = path {
                state[key] = path.display().to_string().into();
            }
        }
        if let Some(problems) = self.index.encoders.as_ref().filter(|all| !all.is_empty()) {
            state["trouble"] = problems.join(" ").into();
        }
        state
    }
}

impl Standing {
    fn to_json(&self) -> Value {
        match self {
            Standing::Off(why) => {
                json!({"state": "off", "message": format!("There is no index: {why}.")})
            }
            Standing::Opening => json!({"state": "opening"}),
            Standing::Reading { done, of } => json!({"state": "reading", "done": done, "of": of}),
            Standing::Ready => json!({"state": "ready"}),
            Standing::Failed(sentence) => json!({"state": "failed", "message": sentence}),
        }
    }
}

/// Whether one of these layers is a workspace's and cannot be read at all.
pub(crate) fn is_broken(problems: &[crate::config::Problem]) -> bool {
    problems
        .iter()
        .any(|problem| matches!(problem.layer, Layer::Workspace(_)) && problem.key.is_empty())
}
