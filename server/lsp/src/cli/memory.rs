//! `foretoken memory`: what is known of the user's style, as prompts are told it; to look at, to edit and to delete.

use std::io::{self, Write};
use std::path::Path;

use clap::Subcommand;
use foretoken_engine::style::{NOTES, Tally, sentences};
use foretoken_grammars::Language;
use foretoken_remote::memory::Memory;
use foretoken_remote::store::Store;
use serde_json::{Map, Value, json};

use super::feedback::{books, unreadable};
use super::{Context, Failure, NOTHING, OK};
use crate::memory;
use crate::paths::{self, Paths};

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Show what prompts are told now, by language, and the counts behind it.
    Show {
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Open your own notes in $VISUAL or $EDITOR; they go into prompts too.
    Edit,
    /// Delete the counts of one language, or all of them and your notes.
    Delete {
        /// Only of this language, such as `python`; your notes stay.
        #[arg(long, value_parser = language)]
        language: Option<Language>,
    },
}

fn language(name: &str) -> Result<Language, String> {
    let languages = Language::ALL.iter().copied();
    let by_id = languages.clone().find(|language| language.id() == name);
    by_id
        .or_else(|| Language::from_lsp_id(name))
        .ok_or_else(|| {
            let known: Vec<&str> = languages.map(Language::id).collect();
            format!("known are {}", known.join(", "))
        })
}

pub(super) fn run(
    context: &Context,
    action: &Action,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let Some(paths) = &context.paths else {
        let sentence = "There is no home directory, so nothing is known of how you write.";
        return Err(Failure(sentence.to_owned()));
    };
    match action {
        Action::Show { json } => show(context, paths, *json, (out, err)),
        Action::Edit => edit(context, paths, err),
        Action::Delete { language } => delete(context, paths, *language, err),
    }
}

/// Says so where nothing of it is in force.
fn tell_switch(context: &Context, err: &mut dyn Write) -> Result<(), Failure> {
    if !context.settings.memory.style {
        let sentence = "`memory.style` is false, so nothing is learned and no prompt is told of it; your own config.toml may \
                        set it to true.";
        writeln!(err, "foretoken: {sentence}")?;
    }
    Ok(())
}

fn show(
    context: &Context,
    paths: &Paths,
    as_json: bool,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> Result<u8, Failure> {
    tell_switch(context, err)?;
    let notes = memory::notes(paths).unwrap_or_else(|sentence| {
        let _ = writeln!(err, "foretoken: {sentence}");
        None
    });
    let known = known(books(context)?)?;
    if as_json {
        let languages = known.iter().map(|(language, tally)| {
            let counts: Map<String, Value> = tally
                .rows()
                .map(|(way, count)| (way.to_owned(), count.into()))
                .collect();
            json!({
                "language": language.id(),
                "told": sentences(*language, tally),
                "counts": counts,
            })
        });
        let shown = json!({
            "enabled": context.settings.memory.style,
            "notes": notes,
            "languages": Vec::from_iter(languages),
        });
        writeln!(out, "{shown}")?;
    } else {
        if let Some(notes) = &notes {
            writeln!(out, "in your own words, for every language:")?;
            notes
                .lines()
                .try_for_each(|line| writeln!(out, "  {line}"))?;
        }
        for (language, tally) in &known {
            writeln!(out, "{}:", language.id())?;
            let told = sentences(*language, tally);
            told.iter()
                .try_for_each(|sentence| writeln!(out, "  {sentence}"))?;
            if told.is_empty() {
                writeln!(out, "  (nothing that is certain yet)")?;
            }
            let counts: Vec<String> = tally
                .rows()
                .map(|(way, count)| format!("{way} {count}"))
                .collect();
            writeln!(out, "  counted: {}", counts.join(", "))?;
        }
    }
    if notes.is_none() && known.is_empty() {
        writeln!(err, "foretoken: nothing is known of how you write.")?;
        return Ok(NOTHING);
    }
    Ok(OK)
}

/// The languages of which something is known, in the order of the table of languages.
fn known(books: Option<Store>) -> Result<Vec<(Language, Tally)>, Failure> {
    let all = match books {
        Some(books) => Memory::new(books).all().map_err(unreadable)?,
        None => Vec::new(),
    };
    let of = |language: &Language| {
        let mut all = all.iter();
        let found = all.find(|(name, tally)| name == language.id() && !tally.is_empty());
        found.map(|(_, tally)| (*language, tally.clone()))
    };
    Ok(Language::ALL.iter().filter_map(of).collect())
}

fn edit(context: &Context, paths: &Paths, err: &mut dyn Write) -> Result<u8, Failure> {
    tell_switch(context, err)?;
    let path = paths.notes();
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| {
        let command = std::env::var(name).ok()?;
        (!command.trim().is_empty()).then_some(command)
    });
    let Some(editor) = editor else {
        return Err(Failure(format!(
            "Neither VISUAL nor EDITOR names an editor; set one, or write {} yourself.",
            path.display()
        )));
    };
    let unwritable =
        |error: io::Error| Failure(format!("{} cannot be written: {error}.", path.display()));
    if !path.exists() {
        paths::create_file(&path).map_err(unwritable)?;
    }
    open(&editor, &path)?;
    // An editor may have put another file in its place, or none.
    if path.exists() {
        paths::tighten(&path).map_err(unwritable)?;
    }
    match memory::notes(paths).map_err(Failure)? {
        Some(notes) => {
            let length = notes.chars().count();
            writeln!(
                err,
                "foretoken: your notes have {length} of at most {NOTES} characters."
            )?;
        }
        None => {
            remove(&path)?;
            writeln!(err, "foretoken: you keep no notes.")?;
        }
    }
    Ok(OK)
}

/// Runs the user's editor, as it stands in the variable: a program with its arguments, and no shell.
#[expect(
    clippy::disallowed_methods,
    reason = "the user asks for an editor by a command"
)]
fn open(editor: &str, path: &Path) -> Result<(), Failure> {
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or_default();
    let status = std::process::Command::new(program)
        .args(words)
        .arg(path)
        .status()
        .map_err(|error| Failure(format!("{program} cannot be started: {error}.")))?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure(format!("{program} failed ({status})."))),
    }
}

fn delete(
    context: &Context,
    paths: &Paths,
    language: Option<Language>,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let deleted = match books(context)? {
        Some(books) => Memory::new(books)
            .delete(language.map(Language::id))
            .map_err(unreadable)?,
        None => 0,
    };
    if let Some(language) = language {
        let name = language.id();
        writeln!(err, "foretoken: {deleted} counts of {name} are deleted.")?;
        return Ok(if deleted > 0 { OK } else { NOTHING });
    }
    let notes = remove(&paths.notes())?;
    let and = if notes { " and your notes" } else { "" };
    writeln!(err, "foretoken: {deleted} counts{and} are deleted.")?;
    Ok(if notes || deleted > 0 { OK } else { NOTHING })
}

/// True if there was a file.
fn remove(path: &Path) -> Result<bool, Failure> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure(format!(
            "{} cannot be deleted: {error}.",
            path.display()
        ))),
    }
}
