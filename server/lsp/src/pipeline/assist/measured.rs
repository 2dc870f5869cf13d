//! What one answer was made of, in times, tokens and a route: numbers and names from closed lists, for the figures of the session.

use std::time::Duration;

use foretoken_engine::assist::Kind;
use foretoken_remote::client::Done;

use super::assemble::count;
use super::prepare::Prepared;

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// `context`, `prompt`, `first_byte`, `stream`.
    pub stages: Vec<(&'static str, Duration)>,
    /// Tokens by group of sections, the system text and the answer among them.
    pub sections: Vec<(&'static str, u64)>,
    /// Task, tier, level and place in the plan of who answered, with blanks between; `None` where nobody did.
    pub route: Option<String>,
    /// Models of the plan that failed before.
    pub fallbacks: u64,
}

/// The groups of sections that are told apart, as labels.
fn group(kind: Kind) -> &'static str {
    match kind {
        Kind::Facts => "facts",
        Kind::Style => "style",
        Kind::Definition | Kind::Hit | Kind::Caller | Kind::Test | Kind::Docs => "hits",
        Kind::Conversation => "history",
        Kind::Target | Kind::Scope | Kind::Imports | Kind::Place | Kind::Edit => "target",
        Kind::Diagnostic | Kind::Trace => "diagnostics",
        Kind::Question => "question",
    }
}

impl Measured {
    /// Of a question that was sent.
    pub(super) fn of(prepared: &Prepared, done: &Done) -> Measured {
        let prompt = &prepared.prompt;
        let mut stages = prepared.took.to_vec();
        if let Some(last) = done.tries.last()
            && let Some(first) = last.first_text
        {
            stages.push(("first_byte", first));
            stages.push(("stream", last.took.saturating_sub(first)));
        }
        let mut sections = vec![("system", count(&prompt.system) as u64)];
        for placed in &prompt.sections {
            let (name, tokens) = (
                group(placed.section.kind),
                count(&placed.section.text) as u64,
            );
            match sections.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += tokens,
                None => sections.push((name, tokens)),
            }
        }
        if let Some(output) = done.usage.output {
            sections.push(("answer", output));
        }
        Measured {
            stages,
            sections,
            route: route(prepared, done),
            fallbacks: done.tries.iter().filter(|t| t.failure.is_some()).count() as u64,
        }
    }
}

fn route(prepared: &Prepared, done: &Done) -> Option<String> {
    let last = done.tries.last().filter(|last| last.failure.is_none())?;
    let same = |candidate: &foretoken_remote::client::Candidate| {
        candidate.endpoint.name == last.endpoint && candidate.model == last.model
    };
    let position = prepared.candidates.iter().position(same)?;
    let endpoint = &prepared.candidates[position].endpoint;
    let tier = endpoint.model(&last.model)?.tier.code();
    let prompt = &prepared.prompt;
    let (task, level) = (prompt.task.code(), prompt.level.code());
    // Past the third nobody is told apart: labels are few.
    let position = (position + 1).min(4);
    Some(format!("{task} {tier} {level} {position}"))
}
