//! From a question to the prompt and the plan: gather, redact, fit, build, route. Nothing has left the
//! machine when this is done, and what would leave can be read in the result.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretoken_engine::assist::prompt::{Prompt, Wording};
use foretoken_engine::assist::task::Extent;
use foretoken_engine::assist::{Class, Task};
use foretoken_engine::privacy::Level;
use foretoken_engine::redact::{Redacted, Vault};
use foretoken_engine::route::{self, Destination, Features, Plan, Signals};
use foretoken_engine::target::Target;
use foretoken_remote::client::Candidate;
use foretoken_remote::endpoint::Endpoint;

use super::assemble::{assemble, count, many};
use super::gather::{Gathered, gather};
use super::place::{self, Place};
use super::style;
use super::tools::{Tools, Unasked};
use super::{Question, Snapshot, Stopped};
use crate::config::trust::Examples;

/// A question that could be sent.
#[derive(Debug)]
pub struct Prepared {
    /// What would be sent.
    pub prompt: Prompt,
    /// To whom, and why to nobody else.
    pub plan: Plan,
    /// Endpoints that have no consent for the project yet; empty where nobody may be asked at all.
    pub unasked: Vec<Unasked>,
    /// Sentences about what was left out, for the user.
    pub notes: Vec<String>,
    pub(super) question: Question,
    pub(super) snapshot: Snapshot,
    pub(super) class: Class,
    /// Where an edit may go; `None` where the answer is words.
    pub(super) place: Option<Place>,
    /// The target as it stands in the prompt, for what may be put back into an edit of it.
    pub(super) shown_target: Redacted,
    pub(super) vault: Vault,
    /// A part of the target was left out for its size.
    pub(super) elided: bool,
    pub(super) candidates: Vec<Candidate>,
    /// Why nobody may be asked, where that is so.
    pub(super) closed: Option<&'static str>,
    /// The user wants questions of this project kept as examples, with its licence where one was named.
    pub(super) kept: Option<Examples>,
    /// Time by stage, up to here.
    pub(super) took: [(&'static str, Duration); 2],
    /// Origins with consent.
    pub(super) allowed: BTreeSet<String>,
}

/// What is excluded is not asked about.
pub const EXCLUDED: &str = "This file is excluded, so nothing of it is used or sent.";

/// Prepares a question.
///
/// # Errors
/// A refusal with its sentence: there is nothing to ask about, or the detector of secrets does not work.
pub async fn prepare(
    question: &Question,
    snapshot: &Snapshot,
    tools: &Tools,
) -> Result<Prepared, Stopped> {
    // By its name or by what a link leads to; that asks the disk, so it was not asked before.
    if question.selection.is_some() && (snapshot.level)(&snapshot.path) == Level::Never {
        return Err(Stopped::Refused(EXCLUDED.to_owned()));
    }
    let extent = extent(question, snapshot);
    let class = question.task.class(extent);
    let begun = Instant::now();
    let mut gathered = gather(question, snapshot, class).await;
    let gathering = begun.elapsed();
    let mut notes = notes(&gathered);
    let place = place::find(question.task, snapshot, gathered.target.as_ref());
    let around = place.iter().flat_map(|p| p.sections(&*snapshot.level));
    gathered.sections.extend(around);
    notes.extend(style::add(question.task, snapshot, tools, &mut gathered));
    let assembled = assemble(question.task, class, gathered.sections, tools)?;
    let took = [
        ("context", gathering),
        ("prompt", begun.elapsed().saturating_sub(gathering)),
    ];
    let prompt = match tools.wording() {
        Wording::Standard => assembled.prompt,
        wording => assembled.prompt.worded(wording, &count),
    };
    notes.extend(assembled.notes);
    let seen = |kind| {
        prompt
            .sections
            .iter()
            .any(|placed| placed.section.kind == kind)
    };
    let place = place.and_then(|place| place.seen(&seen));
    let signals = signals(
        question,
        &prompt,
        (class, extent),
        (&gathered.target, assembled.files),
        tools,
    );
    let trust = match tools.trust() {
        Ok(trust) => trust,
        Err(sentence) => {
            notes.push(sentence);
            crate::config::trust::Trust::default()
        }
    };
    let closed = tools.closed();
    if tools.settings().audit.keeps_text() && closed.is_none() {
        let sentence = "What is sent or answered is kept as text, since `audit` is set to `full`.";
        notes.push(sentence.to_owned());
    }
    // What may not leave this machine is no example, and one without a row could not be rated.
    let may_keep = prompt.level < Level::Local && tools.settings().audit.enabled;
    let kept = trust.examples(&snapshot.project).filter(|_| may_keep);
    let kept = kept.cloned();
    if kept.is_some() && closed.is_none() {
        let sentence =
            "This question and its answer are kept for `foretoken export`, as you allowed.";
        notes.push(sentence.to_owned());
    }
    let allows = |endpoint: &Endpoint| {
        closed.is_none() && origin(endpoint).is_some_and(|o| trust.allows(&snapshot.project, &o))
    };
    let policy = tools.policy(&allows);
    let plan = route::route(&signals, &policy, &tools.health(), &tools.totals());
    let endpoints = tools.settings().remote.endpoints.iter();
    let unasked = endpoints
        .clone()
        .filter(|endpoint| closed.is_none() && !allows(endpoint))
        .filter_map(|endpoint| {
            Some(Unasked {
                name: endpoint.name.clone(),
                origin: origin(endpoint)?,
            })
        });
    let allowed = endpoints.clone().filter(|endpoint| allows(endpoint));
    Ok(Prepared {
        unasked: unasked.collect(),
        allowed: allowed.filter_map(origin).collect(),
        candidates: candidates(&plan, tools),
        prompt,
        plan,
        notes,
        question: question.clone(),
        snapshot: snapshot.clone(),
        class: signals.class,
        place,
        shown_target: assembled.shown_target,
        vault: assembled.vault,
        elided: assembled.elided,
        closed,
        kept,
        took,
    })
}

/// What the router has to know.
fn signals(
    question: &Question,
    prompt: &Prompt,
    (class, extent): (Class, Extent),
    (target, files): (&Option<Target>, usize),
    tools: &Tools,
) -> Signals {
    let mut signals = Signals {
        task: question.task,
        class,
        level: prompt.level,
        prompt_tokens: prompt.tokens,
        output_cap: prompt.output_cap,
        target_lines: extent.lines,
        nesting: target.as_ref().map_or(0, |target| target.around.len()),
        diagnostics: extent.diagnostics,
        trace: question.words.as_deref().is_some_and(looks_like_a_trace),
        files,
        deeper: question.deeper,
        rejected: question.rejected,
        needs: Features::default(),
        region: tools.settings().remote.region.clone(),
        variant: tools.settings().metrics.experiments.variant(),
    };
    // A free question is brief or deep by its points, which need the rest.
    if question.task == Task::Ask {
        let complexity = route::complexity(&signals, &route::Weights::default());
        signals.class = question.task.class(Extent {
            complexity,
            ..extent
        });
    }
    signals
}

impl Prepared {
    /// Whether anybody who is configured has consent for the project.
    pub fn has_consent(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// The files of which something is in the prompt, absolute.
    pub fn files(&self) -> Vec<PathBuf> {
        let sources = self.prompt.sections.iter();
        let sources = sources.filter_map(|placed| placed.section.source.as_ref());
        let files: BTreeSet<PathBuf> = sources
            .map(|source| self.snapshot.project.join(&source.path))
            .collect();
        files.into_iter().collect()
    }

    /// Which models were considered and why others were not, a line each.
    pub fn why(&self) -> String {
        let mut text = String::new();
        let plan = &self.plan;
        let _ = writeln!(
            text,
            "{} {}, level {}, about {} tokens, {} points: {} model",
            self.class.code(),
            self.question.task.code(),
            self.prompt.level.code(),
            self.prompt.tokens,
            plan.complexity,
            plan.tier.code(),
        );
        for placed in &self.prompt.sections {
            let section = &placed.section;
            let source = section
                .source
                .as_ref()
                .map_or(String::new(), ToString::to_string);
            let _ = writeln!(text, "  {} {} {}", placed.id, section.kind.code(), source);
        }
        for (at, candidate) in plan.candidates.iter().enumerate() {
            let who = destination(&candidate.to);
            let _ = writeln!(text, "{}. {who}, at most {}", at + 1, candidate.reserved);
        }
        for left_out in &plan.left_out {
            let who = destination(&left_out.who);
            let _ = writeln!(text, "not {who}: {}", left_out.reason.sentence());
        }
        if let Some(closed) = self.closed {
            let _ = writeln!(text, "{closed}");
        }
        text
    }
}

pub(super) fn destination(to: &Destination) -> String {
    match to {
        Destination::Remote { endpoint, model } => format!("{model} at {endpoint}"),
        Destination::Local => "the local model".to_owned(),
        Destination::Digest => "what can be said without a model".to_owned(),
    }
}

/// Scheme, host and port of an endpoint.
pub(super) fn origin(endpoint: &Endpoint) -> Option<String> {
    Some(endpoint.target().ok()?.origin.to_string())
}

fn extent(question: &Question, snapshot: &Snapshot) -> Extent {
    let document = &snapshot.document;
    let target = question
        .selection
        .clone()
        .and_then(|selection| foretoken_engine::target::target(document, selection));
    Extent {
        lines: target.map_or(0, |target| target.lines.len()),
        diagnostics: question.diagnostics.len(),
        complexity: 0,
    }
}

fn notes(gathered: &Gathered) -> Vec<String> {
    let mut notes = Vec::new();
    if gathered.withheld > 0 {
        notes.push(format!(
            "{} left out, which may go nowhere.",
            many(gathered.withheld, "piece", "pieces")
        ));
    }
    if gathered.late {
        notes.push("The index was late, so the answer knows less of the project.".to_owned());
    }
    notes
}

/// A pasted trace of a failure, by the forms that the common runtimes give it.
fn looks_like_a_trace(words: &str) -> bool {
    let frames = [
        "Traceback (most recent call last)",
        "\n    at ",
        "\tat ",
        "panicked at ",
        "goroutine ",
    ];
    frames.iter().any(|frame| words.contains(frame))
}

fn candidates(plan: &Plan, tools: &Tools) -> Vec<Candidate> {
    let endpoints = &tools.settings().remote.endpoints;
    let candidate = |candidate: &route::Candidate| match &candidate.to {
        Destination::Remote { endpoint, model } => Some(Candidate {
            endpoint: Arc::new(
                endpoints
                    .iter()
                    .find(|known| known.name == *endpoint)?
                    .clone(),
            ),
            model: model.clone(),
            first_text: candidate.first_byte.filter(|limit| *limit > Duration::ZERO),
            reserved: candidate.reserved.0,
        }),
        Destination::Local | Destination::Digest => None,
    };
    plan.candidates.iter().filter_map(candidate).collect()
}
