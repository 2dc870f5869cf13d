//! Keeping a question with its answer for `foretoken export`, where the user allowed it for the project.
//!
//! What must not leave this machine is in none: a question of level `local` is not kept at all (one file that stays here keeps the
//! whole here, since the answer may quote it).

use foretoken_engine::assist::Kind;

use super::prepare::Prepared;
use super::record::request;
use super::tools::{Tools, now};
use crate::examples::{Example, Piece, SCHEMA};

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
    // What is known of the user is no part of the project's questions.
    let told = prompt.sections.iter();
    let told = told.filter(|placed| placed.section.kind != Kind::Style);
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
        sections: told.map(piece).collect(),
        question,
        answer: said.to_owned(),
    };
    let project = kept.project.to_string_lossy();
    let kept = example.line().and_then(|text| {
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
