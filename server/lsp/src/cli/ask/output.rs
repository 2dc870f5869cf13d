//! What a question on a terminal writes: its prompt, or its answer as it comes and what belongs to it.

use std::io::{IsTerminal, Write};

use serde_json::json;

use crate::cli::Failure;
use crate::pipeline::assist::{self, Outcome, Prepared, Told, Tools};

/// The answer, its blocks written as they come where `streams`; `None` when the user interrupts it.
pub(super) async fn streamed(
    prepared: &Prepared,
    tools: &Tools,
    streams: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Option<Outcome>, Failure> {
    let mut failed = None;
    let mut told = |told: Told| {
        let written = match told {
            Told::Block(markdown) if streams => {
                write!(out, "{markdown}").and_then(|()| out.flush())
            }
            Told::Note(sentence) => writeln!(err, "foretoken: {sentence}"),
            Told::Block(_) => Ok(()),
        };
        failed = failed.take().or(written.err());
    };
    // What is dropped leaves its row in the audit, since text may have left by then.
    let outcome = tokio::select! {
        outcome = assist::answer(prepared, tools, &mut told) => Some(outcome),
        Ok(()) = tokio::signal::ctrl_c() => None,
    };
    tools.settled().await;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(outcome),
    }
}

/// What would be sent, in the pipeline's own terms.
pub(super) fn prompt(prepared: &Prepared) -> serde_json::Value {
    let prompt = &prepared.prompt;
    let messages = prompt.messages.iter().map(|message| {
        json!({"role": format!("{:?}", message.role).to_lowercase(), "text": message.text})
    });
    json!({
        "task": prompt.task.code(),
        "template": prompt.template_id,
        "level": prompt.level.code(),
        "tokens": prompt.tokens,
        "system": prompt.system,
        "messages": messages.collect::<Vec<_>>(),
    })
}

/// The end of an answer, or all of it for programs.
pub(super) fn print(
    outcome: &Outcome,
    as_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    if as_json {
        writeln!(out, "{}", to_json(outcome))?;
        return Ok(());
    }
    writeln!(out)?;
    for source in &outcome.sources {
        writeln!(out, "{source}")?;
    }
    writeln!(err, "foretoken: {}", outcome.summary)?;
    if let Some(cut) = &outcome.cut {
        writeln!(err, "foretoken: {cut}")?;
    }
    // Somebody reads along who can say what it was worth.
    if outcome.request.is_some() && std::io::stderr().is_terminal() {
        let words =
            "was that useful? Say `foretoken feedback useful` or `not-useful`; it stays here.";
        writeln!(err, "foretoken: {words}")?;
    }
    Ok(())
}

/// For programs that read the output.
fn to_json(outcome: &Outcome) -> serde_json::Value {
    let edits = outcome.edit.as_ref().map(|edit| {
        let edits = edit.edits.iter();
        let file = edit.path.to_string_lossy();
        edits
            .map(|(bytes, text)| {
                json!({"file": file, "start": bytes.start, "end": bytes.end, "text": text})
            })
            .collect::<Vec<_>>()
    });
    json!({
        "text": outcome.text,
        "sources": outcome.sources,
        "model": outcome.model,
        "summary": outcome.summary,
        "cut": outcome.cut,
        "costNanoUsd": outcome.cost.map(|cost| cost.0),
        "inputTokens": outcome.tokens.0,
        "outputTokens": outcome.tokens.1,
        "edits": edits,
        "request": outcome.request,
    })
}
