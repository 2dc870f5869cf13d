//! `foretoken feedback`: what an answer was worth, said on a terminal. It stays on this machine.

use std::io::Write;
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use foretoken_remote::audit::{Audit, Modes};
use foretoken_remote::feedback::Feedback;
use foretoken_remote::store::{Error, Store};

use super::{Context, Failure, NOTHING, OK};
use crate::metrics::file::seconds;
use crate::paths::Paths;

/// Say whether an answer was useful. The word stays on this machine.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    word: Word,
    /// The answer's id, as `foretoken audit show` prints it; without it, the newest.
    id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Word {
    Useful,
    NotUseful,
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let Some(store) = books(context)? else {
        writeln!(err, "foretoken: no remote model was asked so far.")?;
        return Ok(NOTHING);
    };
    let audit = Audit::new(store.clone(), Modes::default()).map_err(unreadable)?;
    let rows = match &arguments.id {
        Some(id) => audit.show(id),
        None => audit.newest(1),
    };
    let Some(row) = rows.map_err(unreadable)?.pop() else {
        writeln!(err, "foretoken: there is no such answer in the books.")?;
        return Ok(NOTHING);
    };
    let id = &row.entry.request;
    let useful = arguments.word == Word::Useful;
    let now = seconds(SystemTime::now());
    let rated = Feedback::new(store).rate(id, useful, now);
    if !rated.map_err(unreadable)? {
        writeln!(err, "foretoken: answer {id} was rated before.")?;
        return Ok(NOTHING);
    }
    let word = if useful { "useful" } else { "not useful" };
    let task = &row.entry.task;
    writeln!(err, "foretoken: answer {id} ({task}) is noted as {word}.")?;
    Ok(OK)
}

/// The books of this user; `None` where there are none yet.
pub(super) fn books(context: &Context) -> Result<Option<Store>, Failure> {
    let path = context.paths.as_ref().map(Paths::books);
    let path = path.filter(|path| path.exists());
    path.map(|path| Store::open(&path).map_err(unreadable))
        .transpose()
}

pub(super) fn unreadable(error: Error) -> Failure {
    Failure(format!("The books cannot be used: {}.", error.said))
}
