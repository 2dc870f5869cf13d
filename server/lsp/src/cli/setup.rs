//! `foretoken setup EDITOR`: shows what an editor needs to start this server, or writes it. The files of
//! `editors/` are inside the program, so they fit it and need no network. A text of the user's own is
//! changed between two marks only, after its difference was shown and agreed to.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use clap::ValueEnum;

use super::{Failure, NOTHING, OK};

pub(super) mod found;
#[cfg(test)]
mod generated;
mod helix;
mod jetbrains;
mod plan;
#[cfg(test)]
mod tests;
mod write;

/// Show or write what an editor needs to start Foretoken.
///
/// Without `--write` nothing is changed. Exit code 0 when all is as it should be, 1 when a change was not
/// agreed to.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    editor: Editor,
    /// Write the files. One that is there and differs is shown as a difference and asked about.
    #[arg(long)]
    write: bool,
    /// Agree to every change beforehand.
    #[arg(long, requires = "write")]
    yes: bool,
}

/// The editors that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "lower")]
pub(super) enum Editor {
    /// Visual Studio Code and its kin.
    VsCode,
    /// Neovim 0.11 or newer.
    Neovim,
    /// Helix 25.07 or newer.
    Helix,
    /// JetBrains IDEs, through LSP4IJ.
    JetBrains,
    /// Emacs 30, through lsp-mode.
    Emacs,
    /// Zed.
    Zed,
    /// Sublime Text 4, through LSP.
    Sublime,
    /// Kakoune, through kakoune-lsp.
    Kakoune,
}

/// Where an editor's files lie, absolute.
#[derive(Clone, Debug)]
struct Places {
    /// `~/.config`, or what the user has in its stead.
    config: PathBuf,
    /// `~/.local/share`, likewise.
    data: PathBuf,
    home: PathBuf,
}

impl Places {
    /// The places of this user. The editors that are meant keep to `~/.config` on macOS too.
    fn find() -> Option<Places> {
        let user = directories::BaseDirs::new()?;
        let home = user.home_dir().to_owned();
        if cfg!(windows) {
            return Some(Places {
                config: user.config_dir().to_owned(),
                data: user.data_local_dir().to_owned(),
                home,
            });
        }
        let of = |variable: &str, otherwise: &str| {
            std::env::var_os(variable)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| home.join(otherwise))
        };
        Some(Places {
            config: of("XDG_CONFIG_HOME", ".config"),
            data: of("XDG_DATA_HOME", ".local/share"),
            home,
        })
    }
}

pub(super) fn run(
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let places = Places::find().ok_or_else(|| {
        Failure(
            "You have no home directory, so there is no place for an editor's files.".to_owned(),
        )
    })?;
    let plan = plan::of(arguments.editor, &places, &write::read)?;
    if !arguments.write {
        write!(out, "{plan}")?;
        return Ok(OK);
    }
    if plan.files.is_empty() {
        return Err(Failure(format!(
            "There is nothing to write for {}; `foretoken setup {}` says what to do by hand.",
            plan.name,
            arguments.editor.argument()
        )));
    }
    let yes = arguments.yes;
    let mut agree = |question: &str| Ok(yes || asked(question, err)?);
    if write::all(&plan, out, &mut agree)? {
        writeln!(out, "{}", plan.after)?;
        return Ok(OK);
    }
    Ok(NOTHING)
}

impl Editor {
    /// As the command line has it.
    fn argument(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Asks on the terminal; without one the answer is no.
fn asked(question: &str, err: &mut dyn Write) -> Result<bool, Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        writeln!(
            err,
            "foretoken: {question} This is no terminal to ask on; --yes agrees."
        )?;
        return Ok(false);
    }
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
