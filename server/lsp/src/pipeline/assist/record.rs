//! What stays of a question: a row in the audit, with ids, counts and keyed hashes, and the answer in the
//! cache of this process for the very same question.

use std::collections::BTreeMap;

use foretoken_engine::answer::contain::Refused;
use foretoken_remote::audit::{Audit, Entry};
use foretoken_remote::cache::{Asked, Key};
use foretoken_remote::client::{Done, End};

use super::assemble::count;
use super::prepare::{Prepared, origin};
use super::tools::{Tools, now};

/// Raised when the rules of privacy or routing change.
const POLICY: &str = "1";

/// Names the question by everything that its answer depends on.
pub(super) fn key(prepared: &Prepared) -> Key {
    let prompt = &prepared.prompt;
    let models: Vec<String> = prepared
        .candidates
        .iter()
        .map(|candidate| format!("{}/{}", candidate.endpoint.name, candidate.model))
        .collect();
    let workspace = prepared.snapshot.project.to_string_lossy();
    let question = prepared.question.words.as_deref().unwrap_or_default();
    let mut sections: Vec<String> = prompt
        .sections
        .iter()
        .map(|placed| {
            let section = &placed.section;
            let source = section.source.as_ref().map(ToString::to_string);
            format!(
                "{} {} {}",
                section.kind.code(),
                source.unwrap_or_default(),
                unmarked(&section.text, prepared)
            )
        })
        .collect();
    sections.push(unmarked(question, prepared));
    let sections: Vec<&str> = sections.iter().map(String::as_str).collect();
    Asked {
        workspace: &workspace,
        models: &models.join(" "),
        template: &prompt.template_id,
        sections: &sections,
        parameters: &format!("{} {}", prompt.output_cap, prompt.temperature),
        policy: POLICY,
    }
    .key()
}

/// Placeholders carry 16 bits of the conversation's mark, which are no part of the question.
fn unmarked(text: &str, prepared: &Prepared) -> String {
    text.replace(&format!("_{:04x}", prepared.prompt.fence.tag()), "_")
}

/// The row of a question that was sent. It is written at the end of the answer, or when the question is
/// dropped before, since text may have left by then.
pub(super) struct Row<'a> {
    prepared: &'a Prepared,
    tools: &'a Tools,
    /// What the model wrote so far.
    pub(super) said: String,
    /// What it was given of what it asked for.
    pub(super) looked_up: String,
    /// Endpoint and model that write.
    pub(super) by: Option<(String, String)>,
    open: bool,
}

impl<'a> Row<'a> {
    pub(super) fn begun(prepared: &'a Prepared, tools: &'a Tools) -> Row<'a> {
        Row {
            prepared,
            tools,
            said: String::new(),
            looked_up: String::new(),
            by: None,
            open: true,
        }
    }

    /// The answer came to an end. Books that cannot be written lose the row, which the log says; the answer
    /// stays.
    pub(super) fn ended(mut self, done: &Done, refused: Option<Refused>) {
        self.open = false;
        let by = done.by.as_ref();
        let mut outcome = outcome(&done.end).to_owned();
        if let Some(refused) = refused {
            outcome += &format!(", edit refused: {}", refused.code());
        }
        let entry = Entry {
            outcome,
            cost: done.cost,
            input: done.usage.input,
            output: done.usage.output,
            ..self.entry(by)
        };
        if let Some(audit) = self.tools.audit() {
            write(audit, entry, &self.sent(), &self.said);
        }
    }

    /// All that was sent.
    fn sent(&self) -> String {
        let messages = self.prepared.prompt.messages.iter();
        let texts = messages.map(|message| message.text.as_str());
        texts.chain([self.looked_up.as_str()]).collect()
    }

    /// A row without an end.
    fn entry(&self, by: Option<&(String, String)>) -> Entry {
        let (prepared, prompt) = (self.prepared, &self.prepared.prompt);
        let mut sections: BTreeMap<&str, u64> = BTreeMap::new();
        for placed in &prompt.sections {
            *sections.entry(placed.section.kind.code()).or_default() +=
                count(&placed.section.text) as u64;
        }
        if !self.looked_up.is_empty() {
            sections.insert("looked-up", count(&self.looked_up) as u64);
        }
        let first = prepared.candidates.first();
        let answering = by.and_then(|(endpoint, _)| {
            let candidates = prepared.candidates.iter();
            candidates
                .map(|candidate| &candidate.endpoint)
                .find(|known| known.name == *endpoint)
        });
        Entry {
            request: request(prepared),
            time: now(),
            task: prompt.task.code().to_owned(),
            template: prompt.template_id.clone(),
            policy: POLICY.to_owned(),
            asked: first.map_or(String::new(), |c| {
                format!("{}/{}", c.endpoint.name, c.model)
            }),
            answered: by.map(|(endpoint, model)| format!("{endpoint}/{model}")),
            origin: answering.and_then(|endpoint| origin(endpoint)),
            level: prompt.level.code().to_owned(),
            variant: self.tools.settings().metrics.experiments.variant(),
            sections: sections
                .into_iter()
                .map(|(kind, tokens)| (kind.to_owned(), tokens))
                .collect(),
            ..Entry::default()
        }
    }
}

impl Drop for Row<'_> {
    /// Off the thread that drops: it may be one that others wait for.
    fn drop(&mut self) {
        let audit = self.tools.audit().filter(|_| self.open);
        let (Some(audit), Ok(runtime)) = (audit.cloned(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let entry = Entry {
            outcome: "cancelled".to_owned(),
            ..self.entry(self.by.as_ref())
        };
        let (sent, said) = (self.sent(), std::mem::take(&mut self.said));
        let written = runtime.spawn_blocking(move || write(&audit, entry, &sent, &said));
        self.tools.follow(written);
    }
}

fn write(audit: &Audit, entry: Entry, sent: &str, said: &str) {
    if let Err(error) = audit.record(entry, sent, said) {
        tracing::warn!(error = error.said, "an answer is missing in the audit");
    }
}

/// The question's number in the books: 48 bits of its conversation's mark.
pub(super) fn request(prepared: &Prepared) -> String {
    prepared
        .prompt
        .fence
        .mark()
        .chars()
        .rev()
        .take(12)
        .collect()
}

fn outcome(end: &End) -> &'static str {
    match end {
        End::Finished | End::Unclean => "finished",
        End::Length => "length",
        End::Filtered => "filtered",
        End::Tool => "tool",
        End::Cut(_) => "cut",
        End::Failed(_) => "failed",
    }
}
