//! Examples: a question as it was sent with its answer, kept for `foretoken export` where the user allowed it for the project, and
//! the form in which they leave.
//!
//! What must not leave this machine is in none: a question of level `local` is not kept at all (one file that stays here keeps the
//! whole here, since the answer may quote it), and at the export every text is
//! redacted once more and every file held against the rules that are in force then.

use foretoken_engine::redact::{Redacted, Redactor, Vault};
use serde::{Deserialize, Serialize};

use super::prepare::Prepared;
use super::record::request;
use super::tools::{Tools, now};

/// The number of the form below; raised when a field changes its meaning.
pub(crate) const SCHEMA: u32 = 1;

/// One example, as it is kept and, once more redacted, exported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Example {
    pub(crate) schema: u32,
    /// The task's name.
    pub(crate) task: String,
    /// Name, version and hash of the prompt's template.
    pub(crate) template: String,
    /// `endpoint/model` that answered.
    pub(crate) model: String,
    /// Arm of an experiment.
    pub(crate) variant: Option<String>,
    /// The licence that the user named for the project's text.
    pub(crate) licence: Option<String>,
    pub(crate) system: String,
    pub(crate) sections: Vec<Piece>,
    /// In the user's own words, redacted; `None` where the task says all.
    pub(crate) question: Option<String>,
    /// What the model wrote, placeholders in it.
    pub(crate) answer: String,
}

/// A section of the prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// Relative to the project; `None` for what has no file.
    pub(crate) path: Option<String>,
    /// First and last line, from 1.
    pub(crate) lines: Option<(u32, u32)>,
    pub(crate) language: String,
    pub(crate) text: String,
}

/// Keeps an answered question where the user wants that. Books that cannot be written lose it, which the log says.
pub(super) fn keep(prepared: &Prepared, tools: &Tools, by: &str, said: &str) {
    let Some(kept) = &prepared.kept else { return };
    let Some(feedback) = tools.feedback() else {
        return;
    };
    let Some(question) = asked(prepared, tools) else {
        return;
    };
    let prompt = &prepared.prompt;
    let piece = |placed: &foretoken_engine::assist::prompt::Placed| {
        let section = &placed.section;
        let source = section.source.as_ref();
        Piece {
            id: placed.id.to_string(),
            kind: section.kind.code().to_owned(),
            path: source.map(|source| source.path.clone()),
            lines: source.map(|source| (*source.lines.start(), *source.lines.end())),
            language: section.language.to_owned(),
            text: section.text.clone(),
        }
    };
    let example = Example {
        schema: SCHEMA,
        task: prompt.task.code().to_owned(),
        template: prompt.template_id.clone(),
        model: by.to_owned(),
        variant: tools.settings().metrics.experiments.variant(),
        licence: kept.licence.clone(),
        system: prompt.system.clone(),
        sections: prompt.sections.iter().map(piece).collect(),
        question,
        answer: said.to_owned(),
    };
    let project = kept.project.to_string_lossy();
    let kept = serde_json::to_string(&example)
        .map_err(|error| error.to_string())
        .and_then(|text| {
            let written = feedback.keep(&request(prepared), &project, &text, now());
            written.map_err(|error| error.said)
        });
    if let Err(error) = kept {
        tracing::warn!(error, "an example is missing");
    }
}

/// The user's words without their secrets. `None` where the detector does not work: then nothing is kept.
fn asked(prepared: &Prepared, tools: &Tools) -> Option<Option<String>> {
    let Some(words) = &prepared.question.words else {
        return Some(None);
    };
    let mut vault = prepared.vault.clone();
    let redacted = tools.with_redactor(|redactor| redactor.redact(words, &mut vault))?;
    Some(Some(redacted.ok()?.text))
}

/// Redacts every text of an example once more, with the rules of this version. `None` where the detector does not work.
pub(crate) fn redacted(example: Example, redactor: &mut Redactor) -> Option<Example> {
    // One vault: the same secret has the same placeholder in all of them.
    let mut vault = Vault::new(0);
    let mut clean = |text: &str| {
        let redacted = redactor.redact(text, &mut vault).ok()?;
        // What the first redaction put there was bent as if it were a file's; new ones stay as they are.
        let bent = Redacted {
            bent: redacted.bent,
            ..Redacted::default()
        };
        Some(vault.restore(&redacted.text, &bent).text)
    };
    let mut example = example;
    for piece in &mut example.sections {
        piece.text = clean(&piece.text)?;
        piece.path = match &piece.path {
            Some(path) => Some(clean(path)?),
            None => None,
        };
    }
    example.question = match &example.question {
        Some(question) => Some(clean(question)?),
        None => None,
    };
    example.answer = clean(&example.answer)?;
    Some(example)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_again_and_placeholders_stay() {
        let key = ["AKIA", "Z7QW3ERTY5UIOP2A"].concat();
        let example = Example {
            question: Some(format!("why is {key} refused?")),
            answer: format!("`{key}` and FTSECRET_AWS_KEY_1_00ab are two keys"),
            sections: vec![Piece {
                text: format!("let a = \"FTSECRET_AWS_KEY_1_00ab\"; // {key}"),
                path: Some("src/a.rs".to_owned()),
                ..Piece::default()
            }],
            ..Example::default()
        };
        let clean = redacted(example, &mut Redactor::new().unwrap()).unwrap();
        let text = serde_json::to_string(&clean).unwrap();
        assert!(!text.contains(&key), "{text}");
        assert_eq!(text.matches("FTSECRET_AWS_KEY_1_00ab").count(), 2, "{text}");
        assert_eq!(text.matches("FTSECRET_AWS_KEY_1_0000").count(), 3, "{text}");
        assert_eq!(clean.sections[0].path.as_deref(), Some("src/a.rs"));
    }
}
