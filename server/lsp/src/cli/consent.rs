//! `foretoken consent`: which endpoints may be sent text of a project, as the user answered; to look at,
//! to give and to take back.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::{Context, Failure, NOTHING, OK, endpoints};
use crate::config::trust::Trust;
use crate::paths::Paths;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Show what was allowed, one project and one address a line.
    List {
        /// As one JSON value.
        #[arg(long)]
        json: bool,
    },
    /// Allow text of a project to be sent to one of your endpoints.
    Allow {
        /// Its name in your config.toml.
        endpoint: String,
        /// The project's folder.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
    },
    /// Take back what was allowed for a project, for one endpoint or for all.
    Revoke {
        /// Its name in your config.toml; without it, all.
        endpoint: Option<String>,
        /// The project's folder.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
    },
}

pub(super) fn run(
    context: &Context,
    action: &Action,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let paths = context
        .paths
        .as_ref()
        .ok_or_else(|| Failure("There is no home directory to keep consents in.".to_owned()))?;
    match action {
        Action::List { json: false } => list(paths, out, err),
        Action::List { json: true } => {
            let trust = Trust::load(paths).map_err(Failure)?;
            let consents = trust.consents().iter().map(|consent| {
                json!({"project": consent.project.to_string_lossy(), "origin": consent.origin})
            });
            writeln!(out, "{}", serde_json::Value::from_iter(consents))?;
            Ok(OK)
        }
        Action::Allow { endpoint, dir } => {
            let origin = origin_of(context, endpoint)?;
            let project = folder(dir)?;
            Trust::allow(paths, &project, &origin).map_err(Failure)?;
            writeln!(
                err,
                "foretoken: text of {} may be sent to {endpoint} ({origin}).",
                project.display()
            )?;
            Ok(OK)
        }
        Action::Revoke { endpoint, dir } => {
            let origin = endpoint
                .as_ref()
                .map(|endpoint| origin_of(context, endpoint))
                .transpose()?;
            let project = folder(dir)?;
            let changed = Trust::revoke(paths, &project, origin.as_deref()).map_err(Failure)?;
            let sentence = match changed {
                true => "is not sent there any more",
                false => "was not allowed to be sent there",
            };
            writeln!(err, "foretoken: text of {} {sentence}.", project.display())?;
            Ok(if changed { OK } else { NOTHING })
        }
    }
}

fn list(paths: &Paths, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let trust = Trust::load(paths).map_err(Failure)?;
    for consent in trust.consents() {
        writeln!(out, "{}\t{}", consent.project.display(), consent.origin)?;
    }
    if trust.consents().is_empty() {
        writeln!(err, "foretoken: nothing was allowed to be sent anywhere.")?;
        return Ok(NOTHING);
    }
    Ok(OK)
}

fn origin_of(context: &Context, name: &str) -> Result<String, Failure> {
    let endpoint = endpoints::named(context, name)?;
    Ok(endpoints::origin_of(endpoint)?.to_string())
}

fn folder(dir: &PathBuf) -> Result<PathBuf, Failure> {
    std::fs::canonicalize(dir)
        .map_err(|error| Failure(format!("{} cannot be read: {error}.", dir.display())))
}
