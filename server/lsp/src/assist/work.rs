//! The work on one answer, in a task of its own: the pipeline, with the answer's document written at its
//! end. What it has to say goes to the loop as reports; dropping the task ends it.

use std::path::PathBuf;
use std::sync::Arc;

use super::file::{self, ASK, INVITATION};
use super::{Asked, Consent};
use crate::config::trust::Trust;
use crate::pipeline::assist::{self, Edited, Measured, Outcome, Stopped, Told, Tools, Unasked};

/// What a running answer tells the loop.
#[derive(Debug)]
pub(crate) enum Report {
    /// A sentence while it runs.
    Note(String),
    /// A further block of the answer, and how long the answer is by now, in characters.
    Block { markdown: String, length: usize },
    /// The workspace's own rules are others than those in force; the task ends.
    Rules,
    /// The user has to be asked first; the task ends.
    Consent(Vec<Unasked>),
    /// It came to nothing, for this reason.
    Failed(String),
    /// It is there.
    Done(Box<Finished>),
}

/// A finished answer.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The Markdown of the answer itself.
    pub(crate) text: String,
    /// The files that it was made from, absolute.
    pub(crate) files: Vec<PathBuf>,
    /// Where the whole document lies.
    pub(crate) document: Option<PathBuf>,
    /// A sentence: who answered, or why nobody did.
    pub(crate) summary: String,
    /// Why it did not come to its end.
    pub(crate) cut: Option<String>,
    /// The change that it proposes.
    pub(crate) edit: Option<Edited>,
    /// Endpoints that are left alone for now, where nobody answered.
    pub(crate) waiting: Vec<String>,
    /// Its number in the books, where it has a row there.
    pub(crate) request: Option<String>,
    /// What it was made of.
    pub(crate) measured: Measured,
}

/// Answers the question. Every way out of it is a report.
pub(super) async fn run(
    id: u64,
    asked: Asked,
    tools: Arc<Tools>,
    report: impl Fn(Report) + Send + Sync,
) {
    if assist::are_old(&asked.snapshot.rules).await {
        return report(Report::Rules);
    }
    if let Consent::Given(origins) = &asked.consent
        && let Err(sentence) = record(origins, &asked, &tools)
    {
        return report(Report::Failed(sentence));
    }
    let prepared = match assist::prepare(&asked.question, &asked.snapshot, &tools).await {
        Ok(prepared) => prepared,
        Err(Stopped::Refused(sentence)) => return report(Report::Failed(sentence)),
    };
    // One endpoint with consent is enough to answer; the others are asked about by `foretoken consent`.
    let may_ask = asked.consent == Consent::OnRecord && !prepared.has_consent();
    if may_ask && !prepared.unasked.is_empty() {
        return report(Report::Consent(prepared.unasked));
    }
    for note in &prepared.notes {
        report(Report::Note(note.clone()));
    }
    let mut length = asked.before.chars().count();
    if length > 0 {
        let markdown = asked.before.clone();
        report(Report::Block { markdown, length });
    }
    let mut told = |told: Told| match told {
        Told::Note(sentence) => report(Report::Note(sentence)),
        Told::Block(markdown) => {
            length += markdown.chars().count();
            report(Report::Block { markdown, length });
        }
    };
    let mut outcome = assist::answer(&prepared, &tools, &mut told).await;
    if !asked.before.is_empty() {
        outcome.text = format!("{}\n\n{}", asked.before.trim_end(), outcome.text);
    }
    let text = document(&asked.title, &outcome, &prepared.notes);
    let written = tools.paths().map(|paths| file::write(paths, id, &text));
    let document = match written {
        Some(Ok(path)) => Some(path),
        Some(Err(error)) => {
            tracing::warn!(%error, "an answer cannot be written");
            None
        }
        None => None,
    };
    report(Report::Done(Box::new(Finished {
        text: outcome.text,
        files: prepared.files(),
        document,
        summary: outcome.summary,
        cut: outcome.cut,
        edit: outcome.edit,
        waiting: outcome.waiting,
        request: outcome.request,
        measured: outcome.measured,
    })));
}

fn record(origins: &[String], asked: &Asked, tools: &Tools) -> Result<(), String> {
    let paths = tools
        .paths()
        .ok_or("There is no home directory to keep a consent in.")?;
    let project = &asked.snapshot.project;
    origins
        .iter()
        .try_for_each(|origin| Trust::allow(paths, project, origin).map(drop))
}

/// A sentence that may hold a provider's words, as text. Its amounts of money stay as they are.
fn shown(sentence: &str) -> String {
    assist::escaped(sentence).replace("\\$", "$")
}

/// The whole document: title, answer, sources, how it came about, and room for a further question.
fn document(title: &str, outcome: &Outcome, notes: &[String]) -> String {
    let mut text = format!(
        "# {}\n\n{}\n",
        assist::escaped(title),
        outcome.text.trim_end()
    );
    if let Some(cut) = &outcome.cut {
        text += &format!("\n> **Cut short.** {}\n", assist::escaped(cut));
    }
    if !outcome.sources.is_empty() {
        text += "\n## Sources\n\n";
        for source in &outcome.sources {
            text += &format!("- {source}\n");
        }
    }
    text += "\n---\n\n";
    // Without a model the answer itself says why nobody answered.
    let summary = outcome.model.as_ref().map(|_| outcome.summary.as_str());
    let said = summary.into_iter().chain(notes.iter().map(String::as_str));
    let said: Vec<String> = said.map(shown).collect();
    text += &said.join(" ");
    text += &format!("\n\n{ASK}\n\n{INVITATION}\n");
    text
}
