//! From the plan to the answer: the providers are asked, what comes is made safe block by block, and at
//! the end its citations are resolved and its edit is held against the target.

use std::ops::Range;
use std::path::PathBuf;

use foretoken_engine::document::Document;
use foretoken_engine::route::NanoUsd;
use foretoken_remote::cache::Answer as Known;
use foretoken_remote::client::{Done, End};
use foretoken_remote::failure::Kind;
use foretoken_remote::reports::What;

use super::measured::Measured;
use super::prepare::{Prepared, origin};
use super::rounds::{self, Ended, Sinks};
use super::tools::Tools;
use super::{checked, digest, example, record};
use crate::reports;

/// What an answer says while it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Something to show while waiting.
    Note(String),
    /// Further Markdown, made safe, to be put behind what came before.
    Block(String),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Markdown, safe to show.
    pub text: String,
    /// The places that it was made from, as Markdown, those that it cites first.
    pub sources: Vec<String>,
    /// Which model wrote it, at which endpoint; `None` for what is said without one.
    pub model: Option<String>,
    /// A sentence: who answered and at what cost, or why nobody did.
    pub summary: String,
    /// Why it did not come to its end.
    pub cut: Option<String>,
    /// The change that it proposes.
    pub edit: Option<Edited>,
    /// What it cost, where there is a price.
    pub cost: Option<NanoUsd>,
    /// Tokens read and written, as the provider counts them.
    pub tokens: (Option<u64>, Option<u64>),
    /// Endpoints that could have answered and are left alone for now, where nobody did.
    pub waiting: Vec<String>,
    /// Its number in the books, to be rated by; `None` where it has no row there.
    pub request: Option<String>,
    /// What it was made of; empty where nothing was sent.
    pub measured: Measured,
}

/// A change of one document, within the lines that were fixed before the model was asked.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The document's, absolute; not always the one that was asked about.
    pub path: PathBuf,
    /// As it was when the model was asked; the edits are in bytes of it.
    pub document: Document,
    /// It was read from the disk, since no editor had it open.
    pub on_disk: bool,
    /// Ranges that do not overlap, each with its new text.
    pub edits: Vec<(Range<usize>, String)>,
    /// A sentence for the question whether it is wanted.
    pub summary: String,
}

/// Failures at which we and an endpoint did not understand each other; the others say nothing of this program.
fn report(prepared: &Prepared, done: &Done) {
    let kinds = done.tries.iter().filter_map(|one| one.failure.as_ref());
    for kind in kinds.map(|failure| failure.kind) {
        if matches!(kind, Kind::Request | Kind::Protocol | Kind::TooLong) {
            reports::note(What::Endpoint(kind), Some(prepared.prompt.task.code()));
        }
    }
}

/// Asks whom the plan names and answers in any case. `told` hears what comes in the order in which it does.
/// Dropping the future closes the connection and books what came.
pub async fn answer(prepared: &Prepared, tools: &Tools, told: &mut impl FnMut(Told)) -> Outcome {
    if prepared.candidates.is_empty() {
        return without_model((prepared, tools), why_nobody(prepared), told);
    }
    let key = record::key(prepared);
    if !prepared.question.deeper
        && !prepared.question.rejected
        && let Some(known) = tools.cache().get(&key)
    {
        return again(prepared, tools, &known, told);
    }
    let mut shown = checked::Shown::new(prepared);
    let mut row = record::Row::begun(prepared, tools);
    let mut sinks = Sinks {
        shown: &mut shown,
        row: &mut row,
        told,
    };
    let Some(ended) = rounds::talk(prepared, tools, &mut sinks).await else {
        let sentence = "The connection to the providers ended without a word.";
        return without_model((prepared, tools), sentence.to_owned(), told);
    };
    let Ended {
        done,
        by,
        looked_up,
    } = ended;
    report(prepared, &done);
    if let End::Failed(failure) = &done.end {
        row.ended(&done, None);
        let name = done
            .tries
            .last()
            .map_or("the endpoint", |last| last.endpoint.as_str());
        let sentence = capital(&failure.sentence(name));
        return without_model((prepared, tools), format!("{sentence}."), told);
    }
    let cut = cut(&done, &by);
    let raw = shown.raw().to_owned();
    let finished = shown.end(cut.is_some(), tools);
    // Half an answer teaches nothing, and what was looked up on the way is not in the prompt.
    if cut.is_none() && !looked_up {
        example::keep(prepared, tools, &by_name(&done), &raw);
    }
    row.ended(&done, finished.refused);
    tools
        .cache()
        .put(key, &raw, &done, finished.flagged || looked_up);
    if !finished.rest.is_empty() {
        told(Told::Block(finished.rest));
    }
    let cost = done.cost.map(NanoUsd);
    Outcome {
        summary: summary(&by, &done, cost, &finished.notes),
        text: finished.text,
        sources: finished.sources,
        model: Some(by),
        cut,
        edit: finished.edit,
        cost,
        tokens: (done.usage.input, done.usage.output),
        waiting: Vec::new(),
        request: tools.audit().map(|_| record::request(prepared)),
        measured: Measured::of(prepared, &done),
    }
}

/// The answer to the very same question, from memory: it goes through the same checks.
fn again(
    prepared: &Prepared,
    tools: &Tools,
    known: &Known,
    told: &mut impl FnMut(Told),
) -> Outcome {
    let mut shown = checked::Shown::new(prepared);
    if let Some(block) = shown.more(&known.text, tools) {
        told(Told::Block(block));
    }
    let finished = shown.end(false, tools);
    if !finished.rest.is_empty() {
        told(Told::Block(finished.rest));
    }
    let by = format!("{} at {}", known.by.1, known.by.0);
    let mut summary = format!("{by} answered this question before; nothing was sent.");
    for note in &finished.notes {
        summary.push(' ');
        summary += note;
    }
    Outcome {
        text: finished.text,
        sources: finished.sources,
        model: Some(by),
        summary,
        cut: None,
        edit: finished.edit,
        cost: None,
        tokens: (None, None),
        waiting: Vec::new(),
        request: None,
        measured: Measured::default(),
    }
}

fn without_model(
    (prepared, tools): (&Prepared, &Tools),
    why: String,
    told: &mut impl FnMut(Told),
) -> Outcome {
    let (text, sources) = digest::of(prepared, &why);
    told(Told::Block(text.clone()));
    Outcome {
        text,
        sources,
        model: None,
        summary: why,
        cut: None,
        edit: None,
        cost: None,
        tokens: (None, None),
        waiting: waiting(prepared, tools),
        request: None,
        measured: Measured::default(),
    }
}

/// `endpoint/model` of who answered.
fn by_name(done: &Done) -> String {
    let by = done.by.as_ref();
    by.map_or(String::new(), |(endpoint, model)| {
        format!("{endpoint}/{model}")
    })
}

/// Endpoints with consent that asked to be left alone, or failed too often.
fn waiting(prepared: &Prepared, tools: &Tools) -> Vec<String> {
    let standings = tools.standings().into_iter();
    let unavailable = standings.filter(|standing| !standing.available());
    let mut names: Vec<String> = unavailable.map(|standing| standing.endpoint).collect();
    let endpoints = &tools.settings().remote.endpoints;
    let allowed = |name: &String| {
        let endpoint = endpoints.iter().find(|endpoint| endpoint.name == *name);
        endpoint
            .and_then(origin)
            .is_some_and(|at| prepared.allowed.contains(&at))
    };
    names.retain(allowed);
    names
}

/// Why the plan has nobody to ask.
fn why_nobody(prepared: &Prepared) -> String {
    if let Some(closed) = prepared.closed {
        return closed.to_owned();
    }
    let reasons = prepared.plan.left_out.iter();
    let remote =
        reasons.filter(|left_out| left_out.who != foretoken_engine::route::Destination::Local);
    match remote.into_iter().next() {
        Some(left_out) => format!(
            "Not {}: {}",
            super::prepare::destination(&left_out.who),
            left_out.reason.sentence()
        ),
        None => "There is no model to ask.".to_owned(),
    }
}

fn cut(done: &Done, by: &str) -> Option<String> {
    Some(match &done.end {
        End::Cut(failure) => format!("{}.", capital(&failure.sentence(by))),
        End::Length => format!("{by} reached the longest answer that was allowed."),
        End::Filtered => format!("The filter of {by} stopped the answer."),
        End::Tool => format!("{by} asked for more than may be looked up."),
        End::Finished | End::Unclean | End::Failed(_) => return None,
    })
}

fn summary(by: &str, done: &Done, cost: Option<NanoUsd>, notes: &[String]) -> String {
    let mut text = format!("{by} answered");
    if let (Some(input), Some(output)) = (done.usage.input, done.usage.output) {
        text += &format!(" ({input} + {output} tokens");
        if let Some(cost) = cost {
            text += &format!(", {cost}");
        }
        text.push(')');
    }
    text.push('.');
    for note in notes {
        text.push(' ');
        text += note;
    }
    text
}

fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
