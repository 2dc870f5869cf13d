//! `foretoken reports`: what waits to be reported, precisely as it would be sent, and the ways to send it, to throw
//! it away, and to try whether reports arrive.

use std::io::Write;
use std::time::SystemTime;

use clap::Subcommand;
use foretoken_remote::failure::Failure as NotSent;
use foretoken_remote::reports::{About, NotTaken, Occurrence, What};

use super::{Context, Failure, NOTHING, OK};
use crate::config::reports::Reports;
use crate::metrics::file::seconds;
use crate::paths::Paths;
use crate::reports::folder::Folder;
use crate::reports::send::Sender;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Show what waits, byte for byte as it would be sent; exit code 1 if nothing does.
    Show,
    /// Send what waits now.
    Send,
    /// Throw away what waits.
    Delete,
    /// Send a report about nothing, to see whether it arrives; prints its number.
    Test,
}

pub(super) fn run(
    context: &Context,
    action: &Action,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let Some(paths) = &context.paths else {
        let sentence = "There is no home directory to keep reports in.";
        return Err(Failure(sentence.to_owned()));
    };
    let settings = &context.settings.reports;
    let folder = Folder::of(paths);
    match action {
        Action::Show => show((settings, &folder), out, err),
        Action::Send => send(sender(settings, paths)?, out, err),
        Action::Delete => {
            let count = folder
                .delete()
                .map_err(|error| Failure(format!("Reports cannot be deleted: {error}.")))?;
            writeln!(err, "foretoken: {} thrown away.", reports(count))?;
            Ok(OK)
        }
        Action::Test => test(sender(settings, paths)?, out, err),
    }
}

fn show(
    (settings, folder): (&Reports, &Folder),
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    match &settings.dsn {
        Some(dsn) => writeln!(
            err,
            "foretoken: reports go to {}; this is the body of each POST to {}, of type application/x-sentry-envelope, with a header that holds the key.",
            dsn.origin(),
            dsn.address()
        )?,
        None => writeln!(err, "foretoken: nothing is reported; {HOW}")?,
    }
    let waiting = folder.waiting(seconds(SystemTime::now()));
    for one in &waiting {
        out.write_all(&one.event.envelope())?;
    }
    writeln!(
        err,
        "foretoken: {} in {}.",
        reports(waiting.len()),
        folder.path().display()
    )?;
    Ok(if waiting.is_empty() { NOTHING } else { OK })
}

fn send(sender: Sender, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let round = super::runtime()?.block_on(sender.all(SystemTime::now()));
    for id in &round.sent {
        writeln!(out, "{id}")?;
    }
    if round.refused > 0 {
        writeln!(
            err,
            "foretoken: {} refused by the server and thrown away.",
            reports(round.refused)
        )?;
    }
    match (round.failure, round.again) {
        (Some(failure), _) => Err(not_sent(&failure)),
        (None, Some(_)) => {
            let sentence = "A running server of yours is sending them at this moment.";
            Err(Failure(sentence.to_owned()))
        }
        (None, None) if round.sent.is_empty() => {
            writeln!(err, "foretoken: nothing waits to be sent.")?;
            Ok(NOTHING)
        }
        (None, None) => Ok(OK),
    }
}

fn test(sender: Sender, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let occurrence = Occurrence {
        what: What::Test,
        place: None,
        thread: None,
        stage: None,
    };
    let Some(event) = crate::reports::event(&occurrence, &About::default()) else {
        return Err(Failure("The system gives no random bits.".to_owned()));
    };
    match super::runtime()?.block_on(sender.one(&event, SystemTime::now())) {
        Ok(()) => {
            writeln!(out, "{}", event.id())?;
            writeln!(
                err,
                "foretoken: the server took it; look for this number there."
            )?;
            Ok(OK)
        }
        Err(NotTaken::Later(failure, _) | NotTaken::Never(failure)) => Err(not_sent(&failure)),
    }
}

/// What to do to have reports.
const HOW: &str = "a DSN in your config.toml (`reports.dsn`) changes that.";

fn sender(settings: &Reports, paths: &Paths) -> Result<Sender, Failure> {
    let none = || Failure(format!("There is nobody to send reports to; {HOW}"));
    Sender::new(settings, Some(paths)).ok_or_else(none)
}

fn not_sent(failure: &NotSent) -> Failure {
    let sentence = failure.sentence("the server of reports");
    Failure(format!("Not everything was taken: {sentence}."))
}

fn reports(count: usize) -> String {
    match count {
        1 => "1 report".to_owned(),
        count => format!("{count} reports"),
    }
}
