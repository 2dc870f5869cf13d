//! A canary's way to a model and back: one candidate, no section of anybody's, the same gate and the same books as any question.

use std::sync::Arc;

use foretoken_engine::route::Price;
use foretoken_remote::Limits;
use foretoken_remote::client::{Candidate, Done, End, Event, Question};
use foretoken_remote::egress::Gate;
use foretoken_remote::endpoint::Endpoint;
use foretoken_remote::failure::Refusal;
use foretoken_remote::wire::{ChatRequest, Message};

use super::assemble::count;
use super::prepare::origin;
use super::tools::Tools;
use crate::canary::SYSTEM;

/// Most tokens of an answer of two sentences.
const CAP: u32 = 200;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) text: String,
    /// The model, as the endpoint names it.
    pub(crate) served: String,
}

/// Asks one question. `allowed` is the origin that the user allowed.
///
/// # Errors
/// A sentence: who did not answer and why.
pub(crate) async fn ask(
    tools: &Tools,
    (endpoint, model): (&Arc<Endpoint>, &str),
    question: &str,
    allowed: &str,
) -> Result<Said, String> {
    let input = (count(SYSTEM) + count(question)) as u64;
    let price: Option<Price> = endpoint.model(model).and_then(|model| model.price);
    let candidate = Candidate {
        endpoint: Arc::clone(endpoint),
        model: model.to_owned(),
        first_text: None,
        reserved: price.map_or(0, |price| price.of(input, 0, u64::from(CAP)).0),
    };
    let (allowed, redactor) = (allowed.to_owned(), tools.redactor());
    let call = Question {
        id: "canary".to_owned(),
        task: "canary".to_owned(),
        plan: vec![candidate],
        request: ChatRequest {
            system: SYSTEM.to_owned(),
            messages: vec![Message {
                text: question.to_owned(),
                ..Message::default()
            }],
            max_tokens: CAP,
            ..ChatRequest::default()
        },
        input_tokens: input,
        limits: Limits::batch(),
        retries: 1,
        gate: Gate {
            allow: Arc::new(move |endpoint, at| {
                let asked = origin(endpoint);
                match asked.as_deref() == Some(&allowed) && at.to_string() == allowed {
                    true => Ok(()),
                    false => Err(Refusal::Consent),
                }
            }),
            secret: Arc::new(move |body| redactor.first_secret(body, "")),
        },
    };
    let mut events = tools.remote().stream(call);
    let (mut text, mut served) = (String::new(), String::new());
    while let Some(event) = events.recv().await {
        match event {
            Event::Started { model, .. } => served = model,
            Event::Text(more) => text += &more,
            Event::Done(done) => return ended(*done, Said { text, served }),
            Event::Note(_) | Event::Tool(_) => {}
        }
    }
    Err("the connection ended without a word".to_owned())
}

/// Half an answer is none: its end might have said the rest.
fn ended(done: Done, said: Said) -> Result<Said, String> {
    let name = done.tries.last().map(|last| last.endpoint.clone());
    let name = name.unwrap_or_default();
    match done.end {
        End::Finished | End::Unclean | End::Length => Ok(said),
        End::Failed(failure) | End::Cut(failure) => Err(failure.sentence(&name)),
        End::Filtered => Err(format!("the filter of {name} stopped the answer")),
        End::Tool => Err(format!("{name} asked for a tool that there is not")),
    }
}
