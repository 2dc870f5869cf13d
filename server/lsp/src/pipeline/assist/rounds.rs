//! The talk with a model for one answer: the question, and where the user allows look-ups, further rounds in
//! which the model gets what it asked for. Each round is a request of its own, checked, budgeted and counted.

use std::sync::Arc;

use foretoken_engine::assist::Class;
use foretoken_engine::privacy::Level;
use foretoken_remote::Limits;
use foretoken_remote::client::{Candidate, Done, End, Event, Question as Call};
use foretoken_remote::egress::Gate;
use foretoken_remote::failure::Refusal;
use foretoken_remote::wire::tools::Calls;
use foretoken_remote::wire::{ChatRequest, Message, Role, ToolCall, ToolResult};
use tokio::time::Instant;

use super::answer::Told;
use super::assemble::count;
use super::checked::Shown;
use super::lookups::{LOOKUPS, Lookups, ROUNDS};
use super::prepare::{Prepared, origin};
use super::record::{self, Row};
use super::tools::Tools;

/// How the talk ended.
pub(super) struct Ended {
    /// Of all rounds together.
    pub(super) done: Done,
    /// Who wrote, as a user reads it.
    pub(super) by: String,
    /// Something was looked up, so that the answer holds for this moment only.
    pub(super) looked_up: bool,
}

/// Where the text of an answer goes.
pub(super) struct Sinks<'a, 'p, T: FnMut(Told)> {
    pub(super) shown: &'a mut Shown<'p>,
    pub(super) row: &'a mut Row<'p>,
    pub(super) told: &'a mut T,
}

/// Asks until the model has said all, or may ask for nothing more. `None` where the connection ended without
/// a word.
pub(super) async fn talk<T: FnMut(Told)>(
    prepared: &Prepared,
    tools: &Tools,
    to: &mut Sinks<'_, '_, T>,
) -> Option<Ended> {
    let start = Instant::now();
    let mut call = call(prepared, tools);
    let total = call.limits.total;
    let mut by = "A model".to_owned();
    let mut lookups: Option<Lookups<'_>> = None;
    let mut so_far: Option<Done> = None;
    for round in 0.. {
        let Round { done, said, calls } = one(call.clone(), tools, &mut by, to).await?;
        let more = done.end == End::Tool && !calls.is_empty() && round < ROUNDS;
        let candidate = more.then(|| answering(&call, &done)).flatten();
        so_far = Some(joined(so_far, done));
        call.limits.total = total.saturating_sub(start.elapsed());
        let Some(candidate) = candidate.filter(|_| !call.limits.total.is_zero()) else {
            break;
        };
        let reach = candidate.endpoint.class;
        let lookups = lookups.get_or_insert_with(|| Lookups::new(prepared, tools, reach));
        (to.told)(Told::Note(asked_for(&calls)));
        let results = off_the_worker(|| lookups.answer(&calls));
        to.shown.learn(&lookups.sections);
        go_on(&mut call, (said, calls, results), to.row);
        call.request.tools_spent = round + 1 == ROUNDS;
        call.plan = vec![reserved(candidate, &call)];
        call.gate = gate(prepared, tools, lookups.level);
    }
    Some(Ended {
        done: so_far?,
        by,
        looked_up: lookups.is_some(),
    })
}

/// One request and what came of it.
struct Round {
    done: Done,
    said: String,
    calls: Vec<ToolCall>,
}

async fn one<T: FnMut(Told)>(
    call: Call,
    tools: &Tools,
    by: &mut String,
    to: &mut Sinks<'_, '_, T>,
) -> Option<Round> {
    let mut events = tools.remote().stream(call);
    let (mut said, mut calls) = (String::new(), Calls::default());
    loop {
        match events.recv().await? {
            Event::Started { endpoint, model } => {
                *by = format!("{model} at {endpoint}");
                (to.told)(Told::Note(format!("{by} answers")));
                to.row.by = Some((endpoint, model));
            }
            Event::Text(text) => {
                let apart = said.is_empty() && !to.row.said.is_empty();
                for text in [if apart { "\n\n" } else { "" }, &text] {
                    to.row.said.push_str(text);
                    if let Some(block) = to.shown.more(text, tools) {
                        (to.told)(Told::Block(block));
                    }
                }
                said.push_str(&text);
            }
            Event::Note(note) => (to.told)(Told::Note(note.sentence())),
            Event::Tool(part) => calls.take(part),
            Event::Done(done) => {
                return Some(Round {
                    done: *done,
                    said,
                    calls: calls.finish(),
                });
            }
        }
    }
}

/// What is told of a round of look-ups.
fn asked_for(calls: &[ToolCall]) -> String {
    let known = calls.iter().filter_map(|call| {
        let known = LOOKUPS.iter().find(|known| known.name == call.name);
        known.map(|known| known.name)
    });
    let mut names: Vec<&str> = known.collect();
    names.sort_unstable();
    names.dedup();
    match names.is_empty() {
        true => "the model asks for what there is not".to_owned(),
        false => format!("the model looks up more ({})", names.join(", ")),
    }
}

/// The disk and the index may be slow; the other tasks of this thread do not wait for them.
fn off_the_worker<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// The next request: what the model said and called, and what that gave.
fn go_on(
    call: &mut Call,
    (said, calls, results): (String, Vec<ToolCall>, Vec<ToolResult>),
    row: &mut Row<'_>,
) {
    for result in &results {
        row.looked_up.push_str(&result.text);
    }
    let new = calls.iter().map(|call| call.arguments.as_str());
    let new = new.chain(results.iter().map(|result| result.text.as_str()));
    let tokens: usize = new.chain([said.as_str()]).map(count).sum();
    call.input_tokens += tokens as u64;
    call.request.messages.extend([
        Message {
            role: Role::Assistant,
            text: said,
            calls,
            ..Message::default()
        },
        Message {
            results,
            ..Message::default()
        },
    ]);
}

/// Whoever answered goes on.
fn answering(call: &Call, done: &Done) -> Option<Candidate> {
    let last = done.tries.last()?;
    let same = |candidate: &&Candidate| {
        candidate.endpoint.name == last.endpoint && candidate.model == last.model
    };
    call.plan.iter().find(same).cloned()
}

/// With what the longer prompt may cost.
fn reserved(candidate: Candidate, call: &Call) -> Candidate {
    let price = candidate
        .endpoint
        .model(&candidate.model)
        .and_then(|model| model.price);
    let most =
        price.map(|price| price.of(call.input_tokens, 0, u64::from(call.request.max_tokens)));
    Candidate {
        reserved: most.map_or(candidate.reserved, |most| most.0),
        ..candidate
    }
}

/// Two rounds as one: tokens and cost of both, the end of the later. What was said stays, whatever comes then.
fn joined(before: Option<Done>, later: Done) -> Done {
    let Some(before) = before else { return later };
    let sum = |one: Option<u64>, other: Option<u64>| Some(one? + other.unwrap_or(0)).or(other);
    let mut usage = later.usage;
    usage.input = sum(before.usage.input, later.usage.input);
    usage.cached = sum(before.usage.cached, later.usage.cached);
    usage.output = sum(before.usage.output, later.usage.output);
    let end = match later.end {
        End::Failed(failure) => End::Cut(failure),
        end => end,
    };
    Done {
        end,
        by: later.by.or(before.by),
        usage,
        estimated: before.estimated || later.estimated,
        cost: sum(before.cost, later.cost),
        tries: [before.tries, later.tries].concat(),
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
        ..Message::default()
    });
    // An edit is made of what was fixed before asking.
    let may_look_up = tools.settings().remote.tools && prepared.place.is_none();
    Call {
        id: record::request(prepared),
        task: prompt.task.code().to_owned(),
        plan: prepared.candidates.clone(),
        request: ChatRequest {
            system: prompt.system.clone(),
            messages: messages.collect(),
            max_tokens: u32::try_from(prompt.output_cap).unwrap_or(u32::MAX),
            temperature: prompt.temperature as f32,
            tools: if may_look_up {
                LOOKUPS.to_vec()
            } else {
                Vec::new()
            },
            ..ChatRequest::default()
        },
        input_tokens: prompt.tokens as u64,
        limits,
        retries: u32::from(prepared.class != Class::Brief),
        gate: gate(prepared, tools, prompt.level),
    }
}

/// The last look before anything leaves: consent and level once more, by the origin that is really asked,
/// and the bytes of the body as they are.
fn gate(prepared: &Prepared, tools: &Tools, level: Level) -> Gate {
    let allowed = prepared.allowed.clone();
    let fence = prepared.prompt.fence.mark();
    let redactor = tools.redactor();
    let rules = prepared.snapshot.rules.clone();
    Gate {
        allow: Arc::new(move |endpoint, at| {
            if rules.are_old() {
                Err(Refusal::Rules)
            } else if !allowed.contains(&at.to_string())
                || origin(endpoint).as_deref() != Some(&at.to_string())
            {
                Err(Refusal::Consent)
            } else if !level.may_reach(endpoint.class) {
                Err(Refusal::Level)
            } else {
                Ok(())
            }
        }),
        secret: Arc::new(move |body| redactor.first_secret(body, &fence)),
    }
}
