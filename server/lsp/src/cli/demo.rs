//! `foretoken demo`: a typist, a small editor and the real server in one process, joined by an
//! in-memory pipe. The demo is a client of the protocol and sees what every editor sees; it has no
//! other way into the server.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use super::{Context, ERROR, Failure, OK};

mod buffer;
mod client;
mod paint;
pub(super) mod sample;
mod screen;
mod show;
mod svg;
mod tally;
mod typist;

use client::Client;
use sample::Choice;
use screen::Screen;
use show::Show;
use typist::Typist;

/// Bytes that the pipe holds, as much as a pipe of the system does.
const PIPE: usize = 64 * 1024;

/// Exit code of a program that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

/// How fast it types where nobody watches, so that a build log waits less than a minute.
const UNWATCHED_SPEED: f64 = 3.0;

/// Watch suggestions appear while a sample file is typed.
///
/// The real server runs inside; Tab is pressed for suggestions that are right to their end. Ctrl-C
/// ends it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file to type into.
    #[arg(long, value_enum, default_value = "rust")]
    language: Choice,
    /// How fast to type: 1 is a person. Without a terminal the default is 3.
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    speed: Option<f64>,
    /// Do not wait between keys, only for answers.
    #[arg(long, conflicts_with = "speed")]
    fast: bool,
    /// Another number types with another rhythm.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Print finished lines instead of drawing an editor, with what was accepted in «».
    #[arg(long)]
    plain: bool,
    /// Print the figures at the end as one JSON object, and nothing else.
    #[arg(long)]
    json: bool,
    /// Write the first 20 seconds as a moving picture (SVG).
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.1..=100.0).contains(&speed) => Ok(speed),
        _ => Err("it must be a number from 0.1 to 100".to_owned()),
    }
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let runtime = super::runtime()?;
    let options = context.serve_options();
    // A terminal without escape sequences, as in some editors, says so by this name.
    let draws = std::env::var_os("TERM").is_none_or(|name| name != "dumb");
    let wanted = draws && !arguments.plain && !arguments.json;
    let drawn = wanted && std::io::stdout().is_terminal();
    let unwatched = if drawn { 1.0 } else { UNWATCHED_SPEED };
    let typist = Typist::new(arguments.seed, arguments.speed.unwrap_or(unwatched));
    let mut nowhere = std::io::sink();
    let screen = match (drawn, arguments.json) {
        (true, _) => Screen::Terminal(&mut *out),
        (false, false) => Screen::Plain(&mut *out),
        (false, true) => Screen::Plain(&mut nowhere),
    };
    let ended = runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let (input, output) = tokio::io::split(theirs);
        tokio::spawn(crate::serve(input, output, options));
        let show = Show::new(Client::new(ours), screen, typist, arguments.fast);
        show.run(&arguments.language.sample()).await
    })?;
    if arguments.json {
        writeln!(out, "{}", ended.tally.json(&ended.status))?;
    } else {
        writeln!(out)?;
        ended.tally.write(&ended.status, out)?;
    }
    if let Some(path) = &arguments.svg {
        std::fs::write(path, ended.recording.svg())
            .map_err(|error| Failure(format!("{} cannot be written: {error}.", path.display())))?;
        writeln!(err, "The picture is in {}.", path.display())?;
    }
    Ok(
        match (
            ended.interrupted,
            ended.tally.accepts + ended.tally.shown.len(),
        ) {
            (true, _) => INTERRUPTED,
            (false, 0) => {
                writeln!(
                    err,
                    "Not one suggestion was shown; `foretoken doctor` says why."
                )?;
                ERROR
            }
            (false, _) => OK,
        },
    )
}
