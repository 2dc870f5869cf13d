//! From sections to a prompt: secrets out, what fits in, and a last look at the whole, which sees what no
//! look at single sections can: a secret whose halves stand in two of them.

use std::collections::BTreeSet;

use foretoken_engine::assist::budget::{self, Allowance, Cut, How, Room};
use foretoken_engine::assist::prompt::{self, Cleaned, Fence, Prompt, Refusal};
use foretoken_engine::assist::{Class, Kind, Section, Task};
use foretoken_engine::redact::{Leak, Redacted, Vault};

use super::Stopped;
use super::tools::Tools;

/// A window that is smaller than any model's that could answer; what is kept free of it is the answer.
const SMALLEST_WINDOW: usize = 8_192;
/// System text and rules of a task, tokens; counted generously.
const FIXED: usize = 900;

/// A prompt with what belongs to it.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) prompt: Prompt,
    /// The target as it stands in the prompt.
    pub(super) shown_target: Redacted,
    pub(super) vault: Vault,
    /// A part of the target was left out for its size.
    pub(super) elided: bool,
    /// Different files among definitions and hits.
    pub(super) files: usize,
    /// Sentences about what was left out.
    pub(super) notes: Vec<String>,
}

/// Builds the prompt. Where the whole holds a secret that no section showed, its parts are replaced and
/// it is built once more; where that does not help, there is none.
pub(super) fn assemble(
    task: Task,
    class: Class,
    sections: Vec<Section>,
    tools: &Tools,
) -> Result<Assembled, Stopped> {
    let fence = fence()?;
    let mut vault = Vault::new(fence.tag());
    let first = once(
        (task, class),
        sections.clone(),
        (fence, vault.clone()),
        tools,
    )?;
    let leaks = leaks(&first.prompt, tools)?;
    if leaks.is_empty() {
        return Ok(first);
    }
    for part in leaks.iter().flat_map(|leak| &leak.parts) {
        vault.learn(part);
    }
    let second = once((task, class), sections, (fence, vault), tools)?;
    if self::leaks(&second.prompt, tools)?.is_empty() {
        return Ok(second);
    }
    let sentence = "A secret is spread over the pieces of this question, so nothing is sent; take it out of \
                    the code, or ask about something else.";
    Err(Stopped::Refused(sentence.to_owned()))
}

fn once(
    (task, class): (Task, Class),
    sections: Vec<Section>,
    (fence, mut vault): (Fence, Vault),
    tools: &Tools,
) -> Result<Assembled, Stopped> {
    let cleaned = cleaned(sections, tools, &mut vault)?;
    let mut notes = cleaned_notes(&cleaned);
    let room = Room {
        window: window(tools),
        output: task.output_cap(count(&cleaned.target.text)),
        fixed: FIXED,
    };
    let allowance = Allowance::of(task, class, room);
    let fitted = budget::fit(cleaned.sections, allowance, &count);
    let elided = is_elided(&fitted.cuts);
    if elided {
        let sentence = "The selection is too long for one question; its middle was left out. Select less \
                        for a better answer.";
        notes.push(sentence.to_owned());
    }
    let found = fitted.sections.iter();
    let found = found.filter(|section| matches!(section.kind, Kind::Hit | Kind::Definition));
    let files: BTreeSet<&str> = found
        .filter_map(|section| section.source.as_ref())
        .map(|source| source.path.as_str())
        .collect();
    Ok(Assembled {
        files: files.len(),
        prompt: build(task, fence, fitted.sections)?,
        shown_target: cleaned.target,
        vault,
        elided,
        notes,
    })
}

/// Secrets in the prompt as a whole.
fn leaks(prompt: &Prompt, tools: &Tools) -> Result<Vec<Leak>, Stopped> {
    let texts: Vec<&str> = prompt
        .messages
        .iter()
        .map(|message| message.text.as_str())
        .collect();
    let mark = prompt.fence.mark();
    let found = tools.with_redactor(|redactor| redactor.scan_body(&texts.concat(), &mark));
    found
        .and_then(Result::ok)
        .ok_or_else(|| Stopped::Refused(BROKEN.to_owned()))
}

const BROKEN: &str = "The detector of secrets does not work, so nothing is sent; please report it.";

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
    cleaned
        .ok_or_else(|| Stopped::Refused(BROKEN.to_owned()))?
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

/// A count with its verb.
pub(super) fn many(count: usize, one: &str, more: &str) -> String {
    match count {
        1 => format!("1 {one} was"),
        count => format!("{count} {more} were"),
    }
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
