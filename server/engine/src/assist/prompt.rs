//! What a chat model is sent: a locked system text and the sections as data, all of it plain strings.
//!
//! Sections stand from the stable to the volatile, so that a provider's cache of prefixes works: the project's facts, the user's style,
//! chunks by path and line, history, then what is at hand and the question. Each is wrapped in a *fence*: two lines with
//! 128 random bits that no file can know, and in the first one what the section is. Equal values give equal bytes.

use super::control::disarm;
use super::section::{Kind, Section, SectionId, Source};
use super::task::{Output, Task};
use super::templates;
use crate::privacy::Level;
use crate::prompt::budget::Count;
use crate::redact::{Fault, Redacted, Redactor, Vault, is_invisible};

pub use super::templates::{Wording, system_text, template_id, worded_text};

/// 128 random bits, drawn by the caller once for a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fence(pub u128);

impl Fence {
    /// As it stands in prompts: 32 hexadecimal digits.
    pub fn mark(self) -> String {
        format!("{:032x}", self.0)
    }

    /// The 16 bits that go into placeholders of secrets.
    pub fn tag(self) -> u16 {
        (self.0 >> 112) as u16
    }

    /// Whether an answer says the fence. Then the next request takes a new one, since a file could hold it by now.
    pub fn is_leaked_by(self, answer: &str) -> bool {
        answer.contains(&self.mark())
    }
}

/// Who a message is from, on every wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Us, for the user.
    User,
    /// The model.
    Assistant,
}

/// One message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Who it is from.
    pub role: Role,
    /// All of its text.
    pub text: String,
    /// So many bytes from its start are the same in the next request of the conversation as long as the project's facts
    /// are: where a provider wants to be told what to cache, its mark goes here. At a character boundary, 0 for none.
    pub stable: usize,
}

/// A section as it stands in the prompt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// What a citation names it by.
    pub id: SectionId,
    /// Redacted, disarmed.
    pub section: Section,
}

/// Everything that a wire codec needs to know, and nothing that it has to decide.
#[derive(Clone, PartialEq, Debug)]
pub struct Prompt {
    /// What is asked for.
    pub task: Task,
    /// Goes into the wire's own field for it; byte for byte [`worded_text`] of the task.
    pub system: String,
    /// In order; the last one is from the user.
    pub messages: Vec<Message>,
    /// Which template made it: name, version and hash, `explain/1/0123456789abcdef`.
    pub template_id: String,
    /// What the messages hold, in their order.
    pub sections: Vec<Placed>,
    /// The strictest level of the sections.
    pub level: Level,
    /// What becomes of the answer.
    pub output: Output,
    /// 0 to 1.
    pub temperature: f64,
    /// Most tokens of the answer.
    pub output_cap: usize,
    /// Estimated tokens of system text and messages.
    pub tokens: usize,
    /// The fence, for the last look at the body and for the answer.
    pub fence: Fence,
}

/// Why there is no prompt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// A section holds the fence: draw another one and build again.
    FenceInContent,
    /// A section may go nowhere.
    Never,
    /// Neither a target nor a question.
    NothingAsked,
    /// The detector of secrets does not work.
    Detector(Fault),
    /// A fixed text of ours is broken.
    Template,
}

impl Prompt {
    /// The same question with another wording of the fixed text.
    #[must_use]
    pub fn worded(mut self, wording: Wording, count: Count<'_>) -> Prompt {
        let system = worded_text(self.task, wording);
        self.tokens = (self.tokens + count(&system)).saturating_sub(count(&self.system));
        self.system = system;
        self.template_id = templates::worded_id(self.task, wording);
        self
    }
}

/// What was taken out of the sections.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cleaned {
    /// Their new texts and levels.
    pub sections: Vec<Section>,
    /// Of the target alone: what an edit may get back. Empty without a target.
    pub target: Redacted,
    /// Secrets and personal data replaced, in all sections.
    pub replaced: usize,
    /// Characters that nobody sees, in all sections: the user is told.
    pub invisible: usize,
    /// The target was too long to be looked at, and its middle was left out: an edit of it is refused.
    pub cut: bool,
}

impl Refusal {
    /// The sentence for the user.
    pub fn sentence(self) -> &'static str {
        match self {
            Refusal::FenceInContent => "The text holds the mark of this conversation; ask again.",
            Refusal::Never => "This file is excluded: nothing of it is sent anywhere.",
            Refusal::NothingAsked => {
                "There is nothing to ask about here; select some code or type a question."
            }
            Refusal::Detector(_) => {
                "The detector of secrets does not work, so nothing is sent; please report this."
            }
            Refusal::Template => {
                "A built-in text is broken, so nothing is sent; please report this."
            }
        }
    }
}

/// Takes secrets and unseen characters out of every section, and tightens the level of those that hold many. With a section of
/// level `local` or stricter, the user's style is left out.
///
/// # Errors
/// The detector does not work: nothing may be sent.
pub fn clean(
    sections: Vec<Section>,
    redactor: &mut Redactor,
    vault: &mut Vault,
) -> Result<Cleaned, Refusal> {
    let mut cleaned = Cleaned::default();
    for mut section in sections {
        let cut = bounded(&mut section.text);
        let redacted = redactor
            .redact(&section.text, vault)
            .map_err(Refusal::Detector)?;
        cleaned.cut |= cut && section.kind == Kind::Target;
        section.text.clone_from(&redacted.text);
        section.level = redacted.signals.tighten(section.level);
        cleaned.replaced += redacted.kinds.iter().map(|(_, n)| n).sum::<usize>();
        cleaned.invisible += redacted.invisible;
        if section.kind == Kind::Target {
            cleaned.target = redacted;
        }
        cleaned.sections.push(section);
    }
    // What is known of the user is told only where all of the question may leave this machine.
    let level = Level::strictest(cleaned.sections.iter().map(|section| section.level));
    if level >= Level::Local {
        let told = |section: &Section| section.kind != Kind::Style;
        cleaned.sections.retain(told);
    }
    Ok(cleaned)
}

/// Longest text of a section that is looked at, in bytes: several times what any budget lets through.
const LONGEST: usize = 512 * 1024;

/// Replaces the middle of a text that is longer, between whole lines where there are any.
fn bounded(text: &mut String) -> bool {
    if text.len() <= LONGEST {
        return false;
    }
    let head = text.floor_char_boundary(LONGEST / 2);
    let tail = text.ceil_char_boundary(text.len() - LONGEST / 2);
    let head = text[..head].rfind('\n').map_or(0, |at| at + 1);
    let tail = text[tail..]
        .find('\n')
        .map_or(text.len(), |at| tail + at + 1);
    // A line without end may be one long secret: none of it is shown.
    text.replace_range(head..tail, "… the middle is left out here …\n");
    true
}

/// The prompt of these sections, which are cleaned and fit. See the module's header.
///
/// # Errors
/// Each [`Refusal`] but `Detector` says what is wrong with them.
pub fn build(
    task: Task,
    sections: Vec<Section>,
    fence: Fence,
    count: Count<'_>,
) -> Result<Prompt, Refusal> {
    let level = Level::strictest(sections.iter().map(|section| section.level));
    if level == Level::Never {
        return Err(Refusal::Never);
    }
    let (questions, mut data): (Vec<Section>, Vec<Section>) = sections
        .into_iter()
        .partition(|section| section.kind == Kind::Question);
    let question: Option<String> = questions.first().map(|section| disarm(&section.text));
    if question.is_none() && !data.iter().any(|section| section.kind == Kind::Target) {
        return Err(Refusal::NothingAsked);
    }
    data.sort_by(|a, b| key(a).cmp(&key(b)));
    let mark = fence.mark();
    let (mut text, mut stable, mut placed) = (String::new(), 0, Vec::new());
    let mut target_tokens = 0;
    for (number, section) in (1..).zip(data) {
        let (fenced, one) = fenced(SectionId(number), section, &mark)?;
        text += &fenced;
        match one.section.kind {
            Kind::Facts | Kind::Style => stable = text.len(),
            Kind::Target => target_tokens = count(&one.section.text),
            _ => (),
        }
        placed.push(one);
    }
    if question.as_ref().is_some_and(|q| q.contains(&mark)) {
        return Err(Refusal::FenceInContent);
    }
    text += &templates::ask(task, question.as_deref()).ok_or(Refusal::Template)?;
    let system = system_text(task);
    Ok(Prompt {
        task,
        tokens: count(&system) + count(&text),
        messages: vec![Message {
            role: Role::User,
            text,
            stable,
        }],
        system,
        template_id: template_id(task),
        sections: placed,
        level,
        output: task.output(),
        temperature: task.temperature(),
        output_cap: task.output_cap(target_tokens),
        fence,
    })
}

/// Further sections of a conversation that goes on, as the result of something that the model asked for: cleaned by
/// [`clean`], numbered from `first`, in the order that they came in.
///
/// # Errors
/// [`Refusal::FenceInContent`] and [`Refusal::Never`]; then nothing of them may be sent.
pub fn further(
    sections: Vec<Section>,
    first: SectionId,
    fence: Fence,
) -> Result<(String, Vec<Placed>), Refusal> {
    let mark = fence.mark();
    let (mut text, mut placed) = (String::new(), Vec::new());
    for (number, section) in (first.0..).zip(sections) {
        if section.level == Level::Never {
            return Err(Refusal::Never);
        }
        let (fenced, one) = fenced(SectionId(number), section, &mark)?;
        text += &fenced;
        placed.push(one);
    }
    Ok((text, placed))
}

/// A section between two marks.
fn fenced(id: SectionId, mut section: Section, mark: &str) -> Result<(String, Placed), Refusal> {
    section.text = disarm(&section.text);
    let head = head(id, &section);
    if section.text.contains(mark) || head.contains(mark) {
        return Err(Refusal::FenceInContent);
    }
    let body = section.text.strip_suffix('\n').unwrap_or(&section.text);
    let text = templates::section(mark, &head, body).ok_or(Refusal::Template)?;
    Ok((text, Placed { id, section }))
}

/// The group that is ordered by path and line.
const CHUNKS: u8 = 2;

/// The place of a section: its group, then what keeps the group in one order from request to request.
fn key(section: &Section) -> (u8, &str, u32, u32, &str) {
    let group = match section.kind {
        Kind::Facts => 0,
        Kind::Style => 1,
        Kind::Hit | Kind::Definition | Kind::Caller | Kind::Test | Kind::Docs => CHUNKS,
        Kind::Conversation => 3,
        Kind::Scope => 4,
        Kind::Diagnostic => 5,
        Kind::Trace => 6,
        Kind::Edit => 7,
        Kind::Place => 8,
        Kind::Imports => 9,
        Kind::Target => 10,
        Kind::Question => 11,
    };
    let path = section.source.as_ref().map_or("", |source| &source.path);
    let line = section.source.as_ref().map_or(0, |s| *s.lines.start());
    // What is told in the order of time or of nesting: the highest rank, the oldest or outermost, first.
    match group {
        CHUNKS => (group, path, line, section.rank, &section.text),
        _ => (group, "", u32::MAX - section.rank, line, &section.text),
    }
}

/// What a section is, on one line: `id=S3 kind=chunk source=src/a.rs:10-42 lang=rust`.
fn head(id: SectionId, section: &Section) -> String {
    let mut head = format!("id={id} kind={}", section.kind.code());
    if let Some(source) = &section.source {
        head += " source=";
        head += &escaped(&source.path);
        let lines = Source::new("", source.lines.clone()).to_string();
        head += &lines;
    }
    if let Some(day) = &section.updated {
        head += " updated=";
        head += &escaped(day);
    }
    if !section.language.is_empty() {
        head += " lang=";
        head += section.language;
    }
    head
}

/// A name as one word of a line. What could end the word, the line or the section, or could be read in another way than
/// it is written, stands as `\u{…}` in quotes; letters of all scripts stay.
pub fn escaped(name: &str) -> String {
    let harmless = |c: char| (c.is_alphanumeric() || "_-./+@~,#".contains(c)) && !is_invisible(c);
    if !name.is_empty() && name.chars().all(harmless) {
        return name.to_owned();
    }
    let mut out = String::from("\"");
    for c in name.chars() {
        match c {
            ' ' => out.push(' '),
            c if harmless(c) => out.push(c),
            c => out.extend(c.escape_unicode()),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
