//! The command line: what `foretoken` understands, and which function does it.
//! Exit codes: 0 a result, 1 no result, 2 something was wrong with the question or the machine.
//! stdout carries results only; everything said about them goes to stderr.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use clap::{CommandFactory, Parser, Subcommand};

use crate::ServeOptions;
use crate::config::{Layers, Settings};
use crate::paths::Paths;
use crate::telemetry::{self, LevelFilter};

mod ask;
mod audit;
mod canary;
mod capacity;
mod complete;
mod config;
mod consent;
mod demo;
mod doctor;
mod endpoints;
mod export;
mod feedback;
mod index;
mod keys;
mod memory;
mod model;
mod models;
mod reports;
mod search;
mod setup;
mod source;
mod stats;

/// Everything went well.
const OK: u8 = 0;
/// There was nothing to give.
const NOTHING: u8 = 1;
/// The question or the machine was at fault.
const ERROR: u8 = 2;

/// Local, instant code completion for every editor.
///
/// Without a command this is a language server that speaks over stdin and stdout; editors start it.
/// Completion runs on this machine. Only questions about code can go out, to models that you named and
/// allowed.
#[derive(Debug, Parser)]
#[command(name = "foretoken", disable_version_flag = true, max_term_width = 100)]
#[command(
    after_help = "Try `foretoken demo` to watch it work, `foretoken doctor` when it does not."
)]
struct Arguments {
    /// Speak the language server protocol on stdin and stdout (what happens without a command).
    #[arg(long)]
    stdio: bool,
    /// Print the versions of the program, its model and ONNX Runtime.
    #[arg(short = 'V', long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Ask(ask::Arguments),
    /// Show and check what was sent to remote models, and what it cost.
    #[command(subcommand)]
    Audit(audit::Action),
    Canary(canary::Arguments),
    Capacity(capacity::Arguments),
    Complete(complete::Arguments),
    Demo(demo::Arguments),
    Doctor(doctor::Arguments),
    Index(index::Arguments),
    Explain(ask::Explain),
    Search(search::Arguments),
    /// Add, check, measure, choose and remove models.
    #[command(subcommand)]
    Models(models::Action),
    /// Show, send and throw away reports about failures of the program; there are none unless you set `reports.dsn`.
    #[command(subcommand)]
    Reports(reports::Action),
    Setup(setup::Arguments),
    Stats(stats::Arguments),
    /// Show, give and take back what may be sent of a project, and where.
    #[command(subcommand)]
    Consent(consent::Action),
    Endpoints(endpoints::Arguments),
    Export(export::Arguments),
    Feedback(feedback::Arguments),
    /// Show, edit and delete what is known of how you write; it stays on this machine.
    #[command(subcommand)]
    Memory(memory::Action),
    /// Store, show and remove the keys of your endpoints.
    #[command(subcommand)]
    Keys(keys::Action),
    /// Show the settings in force, or the schema of the settings file.
    #[command(subcommand)]
    Config(config::Action),
}

/// What every command starts from.
struct Context {
    /// `None` where the user has no home directory.
    paths: Option<Paths>,
    /// User file and environment; a command or a session may add to its own copy.
    layers: Layers,
    /// What these two layers say.
    settings: Settings,
}

/// A reason to stop with exit code 2, as sentences for the user; empty when whoever read our output
/// has gone, which is no mistake of anybody's.
#[derive(Debug)]
struct Failure(String);

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure(String::new()),
            _ => Failure(format!("The output cannot be written: {error}.")),
        }
    }
}

/// Runs the program with these arguments, the first of which is its name; the answer is its exit
/// code. To be called once in a process, since it starts logging. What a command prints is flushed; so is
/// every message of the server, as it goes out.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(message) => {
            // Help goes to stdout with code 0, a mistake to stderr with code 2.
            let _ = message.print();
            return if message.use_stderr() { ERROR } else { OK };
        }
    };
    match run(arguments, &mut io::stdout(), &mut io::stderr()) {
        Ok(code) => code,
        // A reader that closes a pipe early, as `head` does, has what it wanted.
        Err(Failure(sentence)) if sentence.is_empty() => OK,
        Err(Failure(sentence)) => {
            let _ = writeln!(io::stderr(), "foretoken: {sentence}");
            ERROR
        }
    }
}

fn run(arguments: Arguments, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let least = match arguments.command {
        None => LevelFilter::WARN,
        Some(_) => LevelFilter::ERROR,
    };
    let context = Context::load(least, err)?;
    let code = match arguments.command {
        _ if arguments.version => model::version(&context, out),
        Some(Command::Ask(arguments)) => {
            context.tell_problems(err)?;
            ask::run(&context, &arguments, out, err)
        }
        Some(Command::Explain(arguments)) => {
            context.tell_problems(err)?;
            ask::explain(&context, &arguments, out, err)
        }
        Some(Command::Audit(action)) => audit::run(&context, &action, out, err),
        Some(Command::Canary(arguments)) => {
            context.tell_problems(err)?;
            canary::run(&context, &arguments, out, err)
        }
        Some(Command::Capacity(arguments)) => capacity::run(&context, &arguments, out),
        Some(Command::Consent(action)) => consent::run(&context, &action, out, err),
        Some(Command::Endpoints(arguments)) => {
            context.tell_problems(err)?;
            endpoints::run(&context, &arguments, out, err)
        }
        Some(Command::Export(arguments)) => {
            context.tell_problems(err)?;
            export::run(&context, &arguments, out, err)
        }
        Some(Command::Feedback(arguments)) => feedback::run(&context, &arguments, err),
        Some(Command::Memory(action)) => memory::run(&context, &action, out, err),
        Some(Command::Keys(action)) => keys::run(&context, &action, out, err),
        Some(Command::Complete(arguments)) => {
            context.tell_problems(err)?;
            complete::run(&context, &arguments, out, err)
        }
        Some(Command::Demo(arguments)) => {
            context.tell_problems(err)?;
            demo::run(&context, &arguments, out, err)
        }
        Some(Command::Index(arguments)) => {
            context.tell_problems(err)?;
            index::run(&context, &arguments, out, err)
        }
        Some(Command::Search(arguments)) => {
            context.tell_problems(err)?;
            search::run(&context, &arguments, out, err)
        }
        Some(Command::Models(action)) => models::run(&context, &action, out, err),
        Some(Command::Reports(action)) => {
            context.tell_problems(err)?;
            reports::run(&context, &action, out, err)
        }
        Some(Command::Setup(arguments)) => setup::run(&arguments, out, err),
        Some(Command::Stats(arguments)) => stats::run(&context, &arguments, out, err),
        Some(Command::Doctor(arguments)) => doctor::run(&context, &arguments, out),
        Some(Command::Config(action)) => config::run(&context, &action, out),
        None if !arguments.stdio && io::stdin().is_terminal() => {
            let usage = Arguments::command().render_help();
            writeln!(
                err,
                "{usage}\nA language server is started by an editor; this is a terminal."
            )?;
            Ok(ERROR)
        }
        None => return serve(context),
    };
    // Not behind the server: where a thread still waits for a client that reads no more, so would we.
    let flushed = out.flush();
    let code = code?;
    flushed?;
    Ok(code)
}

impl Context {
    /// Reads the settings and starts logging. Problems are told by who runs: the server to its
    /// client, `doctor` and `config show` in their output, the others on stderr.
    fn load(least: LevelFilter, err: &mut dyn Write) -> Result<Context, Failure> {
        let paths = Paths::find();
        let layers = Layers::load(paths.as_ref());
        let (settings, _) = Settings::from_layers(&layers);
        let filter = settings.log.filter.as_deref();
        if let Some(sentence) = telemetry::start(least, filter, paths.as_ref()) {
            writeln!(err, "foretoken: {sentence}")?;
        }
        crate::reports::start(&settings.reports, paths.as_ref());
        Ok(Context {
            paths,
            layers,
            settings,
        })
    }

    fn tell_problems(&self, err: &mut dyn Write) -> Result<(), Failure> {
        for problem in self.layers.resolve().problems {
            writeln!(err, "foretoken: {problem}")?;
        }
        Ok(())
    }

    /// The server of these settings, which still adds those of its editor.
    fn serve_options(&self) -> ServeOptions {
        ServeOptions {
            layers: self.layers.clone(),
            paths: self.paths.clone(),
            ..ServeOptions::default()
        }
    }
}

/// The language server until its client leaves.
fn serve(context: Context) -> Result<u8, Failure> {
    let runtime = runtime()?;
    crate::reports::send_behind(&context.settings.reports, context.paths.as_ref());
    let options = ServeOptions {
        metrics: context.paths.as_ref().map(Paths::metrics),
        memory: context.paths.as_ref().map(Paths::books),
        ..context.serve_options()
    };
    let exit = runtime.block_on(crate::serve(
        tokio::io::stdin(),
        tokio::io::stdout(),
        options,
    ));
    // Dropping the runtime would wait for the thread that reads stdin, and nothing may come there any
    // more from an editor that was killed.
    runtime.shutdown_background();
    Ok(exit.code())
}

/// The transport's runtime: two workers, since what computes has threads of its own.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .map_err(|error| Failure(format!("The system gives no threads: {error}.")))
}

/// With a comma at each thousand.
fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_thousands() {
        let read = [0, 999, 1_000, 1_234_567].map(number);
        assert_eq!(read, ["0", "999", "1,000", "1,234,567"]);
    }
}
