//! `foretoken audit`: what was sent to whom, from the books of this user. Rows hold ids, counts and keyed
//! hashes; what was said is kept only where the user wanted it.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use foretoken_remote::audit::{Audit, Broken, Modes, Row};
use foretoken_remote::feedback::Feedback;
use foretoken_remote::ledger::{Ledger, Limits};
use foretoken_remote::store::{Error, Store};
use serde_json::{Value, json};

use super::{Context, Failure, NOTHING, OK};

mod routes;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Show the newest answers, one a line, the newest first.
    Show {
        /// At most so many.
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: u32,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Check that no row was changed, removed or exchanged; exit code 1 if one was.
    Verify,
    /// Delete what was said, of one answer or of all, examples for `foretoken export` too; the rows stay.
    Delete {
        /// The answer's id, as `show` prints it; without it, all.
        id: Option<String>,
    },
    /// Show what was spent, by day, task and model.
    Costs {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show who answered, and what each of your models alone would have cost for the same questions.
    Routes {
        /// Only the last so many days.
        #[arg(long, value_name = "DAYS")]
        since: Option<u64>,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(
    context: &Context,
    action: &Action,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let path = context.paths.as_ref().map(crate::paths::Paths::books);
    let Some(path) = path.filter(|path| path.exists()) else {
        writeln!(
            err,
            "foretoken: no remote model was asked so far, so there are no books."
        )?;
        return Ok(NOTHING);
    };
    let store = Store::open(&path).map_err(unreadable)?;
    let audit = Audit::new(store.clone(), Modes::default()).map_err(unreadable)?;
    match action {
        Action::Show { limit, json } => {
            let rows = audit.newest(*limit).map_err(unreadable)?;
            for row in &rows {
                match json {
                    true => writeln!(out, "{}", as_json(row))?,
                    false => writeln!(out, "{}", line(row))?,
                }
            }
            Ok(if rows.is_empty() { NOTHING } else { OK })
        }
        Action::Verify => match audit.verify().map_err(unreadable)? {
            Ok(rows) => {
                writeln!(out, "{rows} rows, each as it was recorded")?;
                Ok(OK)
            }
            Err(broken) => {
                writeln!(err, "foretoken: {}", sentence(broken))?;
                Ok(NOTHING)
            }
        },
        Action::Delete { id } => {
            audit.delete_content(id.as_deref()).map_err(unreadable)?;
            let kept = Feedback::new(store);
            match id {
                Some(id) => kept.delete_one(id).map(drop),
                None => kept.delete(None).map(drop),
            }
            .map_err(unreadable)?;
            writeln!(err, "foretoken: what was said is deleted; the rows stay.")?;
            Ok(OK)
        }
        Action::Costs { json } => costs(store, *json, out),
        Action::Routes { since, json } => {
            let from = since.map_or(0, |days| now().saturating_sub(days.saturating_mul(86_400)));
            let ledger = Ledger::new(store, Limits::default(), now()).map_err(unreadable)?;
            let rows = ledger.paid(from).map_err(unreadable)?;
            let settings = context.layers.resolve().settings;
            let routes = routes::of(&rows, settings.remote.endpoints.iter());
            match json {
                true => writeln!(out, "{}", routes.to_json())?,
                false => write!(out, "{}", routes.to_text())?,
            }
            Ok(if routes.is_empty() { NOTHING } else { OK })
        }
    }
}

fn costs(store: Store, as_json: bool, out: &mut dyn Write) -> Result<u8, Failure> {
    let ledger = Ledger::new(store, Limits::default(), now()).map_err(unreadable)?;
    let lines = ledger.lines(0).map_err(unreadable)?;
    for line in &lines {
        let cost = foretoken_engine::route::NanoUsd(line.cost);
        match as_json {
            true => writeln!(
                out,
                "{}",
                json!({
                    "day": line.day,
                    "task": line.task,
                    "model": line.model,
                    "requests": line.requests,
                    "inputTokens": line.input,
                    "outputTokens": line.output,
                    "costNanoUsd": line.cost,
                })
            )?,
            false => writeln!(
                out,
                "{} {:<10} {:<30} {:>5} requests {:>9} + {:>7} tokens {cost}",
                line.day, line.task, line.model, line.requests, line.input, line.output
            )?,
        }
    }
    Ok(if lines.is_empty() { NOTHING } else { OK })
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn line(row: &Row) -> String {
    let entry = &row.entry;
    let by = entry.answered.as_ref().unwrap_or(&entry.asked);
    let number = |count: Option<u64>| count.map_or("?".to_owned(), |count| count.to_string());
    let cost = entry.cost.map_or(String::new(), |cost| {
        format!(", {}", foretoken_engine::route::NanoUsd(cost))
    });
    format!(
        "{} {} {} {by} {} ({} + {} tokens{cost})",
        entry.request,
        entry.time,
        entry.task,
        entry.outcome,
        number(entry.input),
        number(entry.output)
    )
}

fn as_json(row: &Row) -> Value {
    let mut value = serde_json::to_value(&row.entry).unwrap_or_default();
    value["row"] = row.id.into();
    value["prompt"] = row.prompt.clone().into();
    value["answer"] = row.answer.clone().into();
    value
}

fn sentence(broken: Broken) -> String {
    match broken {
        Broken::Row(id) => format!("row {id} was changed after it was recorded."),
        Broken::Link(id) => format!("the row before {id} was removed or exchanged."),
        Broken::Content(id) => format!("what was said in row {id} is not what was recorded."),
        Broken::Tail => "rows at the end are missing.".to_owned(),
    }
}

fn unreadable(error: Error) -> Failure {
    Failure(format!("The books cannot be used: {}.", error.said))
}
