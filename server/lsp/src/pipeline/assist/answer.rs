//! From the plan to the answer: the providers are asked, what comes is made safe block by block, and at
//! the end its citations are resolved and its edit is held against the target.

use std::ops::Range;
use std::sync::Arc;

use foretoken_engine::assist::Class;
use foretoken_engine::route::NanoUsd;
use foretoken_remote::Limits;
use foretoken_remote::cache::Answer as Known;
use foretoken_remote::client::{Done, End, Event, Question as Call};
use foretoken_remote::egress::Gate;
use foretoken_remote::failure::Refusal;
use foretoken_remote::wire::{ChatRequest, Message, Role};

use super::prepare::{Prepared, origin};
use super::tools::{Tools, reach};
use super::{checked, digest, record};

/// What an answer says while it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Something to show while waiting.
    Note(String),
    /// Further Markdown, made safe, to be put behind what came before.
    Block(String),
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
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
}

/// A change of the target, in bytes of the document that was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// Ranges that do not overlap, each with its new text.
    pub edits: Vec<(Range<usize>, String)>,
    /// A sentence for the question whether it is wanted.
    pub summary: String,
}

/// Asks whom the plan names and answers in any case. `told` hears what comes in the order in which it does.
/// Dropping the future closes the connection and books what came.
pub async fn answer(prepared: &Prepared, tools: &Tools, told: &mut impl FnMut(Told)) -> Outcome {
    if prepared.candidates.is_empty() {
        return without_model(prepared, why_nobody(prepared), told);
    }
    let key = record::key(prepared);
    if !prepared.question.deeper
        && let Some(known) = tools.cache().get(&key)
    {
        return again(prepared, tools, &known, told);
    }
    let mut events = tools.remote().stream(call(prepared, tools));
    let mut shown = checked::Shown::new(prepared);
    let mut by = None;
    let done = loop {
        match events.recv().await {
            Some(Event::Started { endpoint, model }) => {
                told(Told::Note(format!("{model} at {endpoint} answers")));
                by = Some(format!("{model} at {endpoint}"));
            }
            Some(Event::Text(text)) => {
                if let Some(block) = shown.more(&text, tools) {
                    told(Told::Block(block));
                }
            }
            Some(Event::Note(note)) => told(Told::Note(note.sentence())),
            // None was offered to the model.
            Some(Event::Tool(_)) => {}
            Some(Event::Done(done)) => break done,
            None => {
                let sentence = "The connection to the providers ended without a word.";
                return without_model(prepared, sentence.to_owned(), told);
            }
        }
    };
    record::audit(prepared, tools, &done, shown.raw());
    if let End::Failed(failure) = &done.end {
        let name = done
            .tries
            .last()
            .map_or("the endpoint", |last| last.endpoint.as_str());
        let sentence = capital(&failure.sentence(name));
        return without_model(prepared, format!("{sentence}."), told);
    }
    let by = by.unwrap_or_else(|| "A model".to_owned());
    let cut = cut(&done, &by);
    let raw = shown.raw().to_owned();
    let finished = shown.end(cut.is_some(), tools);
    tools.cache().put(key, &raw, &done, finished.flagged);
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
    }
}

/// The request with all that decides whether it may leave.
fn call(prepared: &Prepared, tools: &Tools) -> Call {
    let prompt = &prepared.prompt;
    let limits = match prepared.class {
        Class::Brief => Limits::brief(),
        Class::Deep => Limits::deep(),
        Class::Batch => Limits::batch(),
    };
    let messages = prompt.messages.iter().map(|message| Message {
        role: match message.role {
            foretoken_engine::assist::prompt::Role::User => Role::User,
            foretoken_engine::assist::prompt::Role::Assistant => Role::Assistant,
        },
        text: message.text.clone(),
        stable: message.stable,
    });
    Call {
        id: record::request(prepared),
        task: prompt.task.code().to_owned(),
        plan: prepared.candidates.clone(),
        request: ChatRequest {
            system: prompt.system.clone(),
            messages: messages.collect(),
            max_tokens: u32::try_from(prompt.output_cap).unwrap_or(u32::MAX),
            temperature: prompt.temperature as f32,
            ..ChatRequest::default()
        },
        input_tokens: prompt.tokens as u64,
        limits,
        retries: u32::from(prepared.class != Class::Brief),
        gate: gate(prepared, tools),
    }
}

/// The last look before anything leaves: consent and level once more, by the origin that is really asked,
/// and the bytes of the body as they are.
fn gate(prepared: &Prepared, tools: &Tools) -> Gate {
    let allowed = prepared.allowed.clone();
    let level = prepared.prompt.level;
    let fence = prepared.prompt.fence.mark();
    let redactor = tools.redactor();
    Gate {
        allow: Arc::new(move |endpoint, at| {
            if !allowed.contains(&at.to_string())
                || origin(endpoint).as_deref() != Some(&at.to_string())
            {
                Err(Refusal::Consent)
            } else if !level.may_reach(reach(endpoint.class)) {
                Err(Refusal::Level)
            } else {
                Ok(())
            }
        }),
        secret: Arc::new(move |body| redactor.first_secret(body, &fence)),
    }
}

fn without_model(prepared: &Prepared, why: String, told: &mut impl FnMut(Told)) -> Outcome {
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
    }
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
        End::Finished | End::Unclean | End::Tool | End::Failed(_) => return None,
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
