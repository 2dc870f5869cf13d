//! `foretoken config`: the settings in force with where each came from, and the schema of the file.

use std::io::Write;

use clap::Subcommand;
use serde_json::json;

use super::{Context, ERROR, Failure, OK};
use crate::config::keys::KEYS;
use crate::config::{Layer, schema};

/// What to show.
#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Every setting with its value and the layer that set it; an editor adds its own to these.
    Show {
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// The JSON schema of config.toml, for editors that check it.
    Schema,
}

/// Code 2 when something in the settings has no effect.
pub(super) fn run(context: &Context, action: &Action, out: &mut dyn Write) -> Result<u8, Failure> {
    match action {
        Action::Schema => {
            write!(out, "{}", schema::text())?;
            Ok(OK)
        }
        Action::Show { json } => show(context, *json, out),
    }
}

fn show(context: &Context, json: bool, out: &mut dyn Write) -> Result<u8, Failure> {
    let resolved = context.layers.resolve();
    let rows = KEYS.iter().map(|key| {
        let layer = resolved.origins.get(key.path).unwrap_or(&Layer::BuiltIn);
        (key.path, resolved.settings.value(key.path), layer)
    });
    if json {
        let settings: serde_json::Map<_, _> = rows
            .map(|(path, value, layer)| {
                (
                    path.to_owned(),
                    json!({"value": value, "layer": layer.to_string()}),
                )
            })
            .collect();
        let problems: Vec<_> = resolved.problems.iter().map(ToString::to_string).collect();
        writeln!(
            out,
            "{}",
            json!({"settings": settings, "problems": problems})
        )?;
    } else {
        for (path, value, layer) in rows {
            // Null is where the editor or the model decides.
            let value = if value.is_null() {
                "-".to_owned()
            } else {
                value.to_string()
            };
            writeln!(out, "{path:<30} {value:<24} {layer}")?;
        }
        match &context.paths {
            Some(paths) => writeln!(out, "\nYour file: {}", paths.config_file().display())?,
            None => writeln!(out, "\nThere is no home directory, so no file is read.")?,
        }
        for problem in &resolved.problems {
            writeln!(out, "Problem: {problem}")?;
        }
    }
    Ok(if resolved.problems.is_empty() {
        OK
    } else {
        ERROR
    })
}
