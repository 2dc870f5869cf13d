//! From a question to the prompt and the plan: gather, redact, fit, build, route. Nothing has left the
//! machine when this is done, and what would leave can be read in the result.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::assist::budget::{self, Allowance, Cut, How, Room};
use foretoken_engine::assist::prompt::{self, Cleaned, Fence, Prompt, Refusal};
use foretoken_engine::assist::task::Extent;
use foretoken_engine::assist::{Class, Kind, Section, Task};
use foretoken_engine::redact::{Redacted, Vault};
use foretoken_engine::route::{self, Destination, Features, Plan, Signals};
use foretoken_engine::target::Target;
use foretoken_remote::client::Candidate;
use foretoken_remote::endpoint::Endpoint;

use super::gather::{Gathered, gather};
use super::tools::{Tools, Unasked};
use super::{Question, Snapshot, Stopped};

/// A window that is smaller than any model's that could answer; what is kept free of it is the answer.
const SMALLEST_WINDOW: usize = 8_192;
/// System text and rules of a task, tokens; counted generously.
const FIXED: usize = 900;

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
    pub(super) target: Option<Target>,
    /// The target as it stands in the prompt, for what may be put back into an edit of it.
    pub(super) shown_target: Redacted,
    pub(super) vault: Vault,
    /// A part of the target was left out for its size.
    pub(super) elided: bool,
    pub(super) candidates: Vec<Candidate>,
    /// Why nobody may be asked, where that is so.
    pub(super) closed: Option<&'static str>,
    /// Origins with consent.
    pub(super) allowed: BTreeSet<String>,
}

/// Prepares a question.
///
/// # Errors
/// A refusal with its sentence: there is nothing to ask about, or the detector of secrets does not work.
pub async fn prepare(
    question: &Question,
    snapshot: &Snapshot,
    tools: &Tools,
) -> Result<Prepared, Stopped> {
    let extent = extent(question, snapshot);
    let class = question.task.class(extent);
    let gathered = gather(question, snapshot, class).await;
    let mut notes = notes(&gathered);
    let fence = fence()?;
    let mut vault = Vault::new(fence.tag());
    let cleaned = cleaned(gathered.sections, tools, &mut vault)?;
    notes.extend(cleaned_notes(&cleaned));
    let shown_target = cleaned.target;
    let answer = question.task.output_cap(count(&shown_target.text));
    let room = Room {
        window: window(tools),
        output: answer,
        fixed: FIXED,
    };
    let fitted = budget::fit(
        cleaned.sections,
        Allowance::of(question.task, class, room),
        &count,
    );
    let elided = is_elided(&fitted.cuts);
    if elided {
        let sentence = "The selection is too long for one question; its middle was left out. Select less \
                        for a better answer.";
        notes.push(sentence.to_owned());
    }
    let files: BTreeSet<&str> = fitted
        .sections
        .iter()
        .filter(|section| section.kind == Kind::Hit || section.kind == Kind::Definition)
        .filter_map(|section| section.source.as_ref())
        .map(|source| source.path.as_str())
        .collect();
    let files = files.len();
    let prompt = build(question.task, fence, fitted.sections)?;
    let signals = signals(
        question,
        &prompt,
        (class, extent),
        (&gathered.target, files),
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
        target: gathered.target,
        shown_target,
        vault,
        elided,
        closed,
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
        rejected: false,
        needs: Features::default(),
        region: tools.settings().remote.region.clone(),
        variant: None,
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

/// Tokens of a text for a model whose tokenizer we do not have: more than most have for code, so that the
/// estimate errs on the safe side. Learned from returned usage it would be exact.
const BYTES_PER_TOKEN: usize = 3;

pub(super) fn count(text: &str) -> usize {
    text.len().div_ceil(BYTES_PER_TOKEN)
}

/// The smallest window among the models that could be asked.
fn window(tools: &Tools) -> usize {
    let endpoints = tools.settings().remote.endpoints.iter();
    let windows = endpoints.flat_map(|endpoint| endpoint.models.iter().map(|model| model.window));
    let smallest = windows
        .min()
        .and_then(|window| usize::try_from(window).ok());
    smallest.unwrap_or(SMALLEST_WINDOW)
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

/// 128 random bits.
fn fence() -> Result<Fence, Stopped> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)
        .map_err(|error| Stopped::Refused(format!("The system gives no random bits: {error}.")))?;
    Ok(Fence(u128::from_be_bytes(bits)))
}

/// The sections with placeholders for secrets, each as strict as what was found in it.
fn cleaned(sections: Vec<Section>, tools: &Tools, vault: &mut Vault) -> Result<Cleaned, Stopped> {
    let cleaned = tools.with_redactor(|redactor| prompt::clean(sections, redactor, vault));
    let broken = "The detector of secrets does not work, so nothing is sent; please report it.";
    cleaned
        .ok_or_else(|| Stopped::Refused(broken.to_owned()))?
        .map_err(|refusal| Stopped::Refused(refusal.sentence().to_owned()))
}

fn cleaned_notes(cleaned: &Cleaned) -> Vec<String> {
    let mut notes = Vec::new();
    if cleaned.replaced > 0 {
        let what = many(
            cleaned.replaced,
            "secret or personal datum",
            "secrets or personal data",
        );
        notes.push(format!("{what} replaced before sending."));
    }
    if cleaned.invisible > 0 {
        let what = many(
            cleaned.invisible,
            "invisible character",
            "invisible characters",
        );
        notes.push(format!("{what} left out, which could hide instructions."));
    }
    notes
}

fn many(count: usize, one: &str, more: &str) -> String {
    match count {
        1 => format!("1 {one} was"),
        count => format!("{count} {more} were"),
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

fn is_elided(cuts: &[Cut]) -> bool {
    cuts.iter()
        .any(|cut| cut.kind == Kind::Target && cut.how == How::Elided)
}

/// The prompt. A text that holds this fence by an accident of one in 2^128 gets another one.
fn build(task: Task, mut fence: Fence, sections: Vec<Section>) -> Result<Prompt, Stopped> {
    for _ in 0..3 {
        match prompt::build(task, sections.clone(), fence, &count) {
            Err(Refusal::FenceInContent) => fence = self::fence()?,
            Err(refusal) => return Err(Stopped::Refused(refusal.sentence().to_owned())),
            Ok(prompt) => return Ok(prompt),
        }
    }
    Err(Stopped::Refused(
        Refusal::FenceInContent.sentence().to_owned(),
    ))
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
