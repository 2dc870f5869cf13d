//! `foretoken keys`: the keys of endpoints, put where config.toml says that they are kept. A key belongs to
//! the one origin it was entered for; none is ever printed.

use std::io::{IsTerminal, Write};

use clap::Subcommand;
use foretoken_remote::endpoint::{Endpoint, Origin};
use foretoken_remote::keys::{self, Key, KeySource, Keys};
use serde_json::json;

use super::endpoints::{named, origin_of};
use super::{Context, Failure, NOTHING, OK};

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Store the key of an endpoint. It is asked for on the terminal, or read from stdin where that is a
    /// pipe.
    Set {
        /// Its name in your config.toml.
        endpoint: String,
    },
    /// Show which endpoints have their key, and where it is kept; never the key.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Remove the stored key of an endpoint.
    Remove {
        /// Its name in your config.toml.
        endpoint: String,
    },
}

pub(super) fn run(
    context: &Context,
    action: &Action,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    match action {
        Action::Set { endpoint } => set(context, named(context, endpoint)?, err),
        Action::List { json } => list(context, *json, out, err),
        Action::Remove { endpoint } => remove(context, named(context, endpoint)?, err),
    }
}

fn set(context: &Context, endpoint: &Endpoint, err: &mut dyn Write) -> Result<u8, Failure> {
    let origin = origin_of(endpoint)?;
    let name = &endpoint.name;
    // Before anybody enters a key for nothing.
    let shelf = shelf(context, endpoint)?;
    let key = entered(name, &origin)?;
    match &shelf {
        Shelf::File(keys) => keys.store_in_file(&key),
        Shelf::Keychain => keys::store_in_keychain(&key),
    }
    .map_err(|failure| Failure(failure.sentence(name)))?;
    writeln!(
        err,
        "foretoken: the key of {name} is in {}; it goes to {origin} and nowhere else.",
        shelf.words(context)
    )?;
    Ok(OK)
}

fn remove(context: &Context, endpoint: &Endpoint, err: &mut dyn Write) -> Result<u8, Failure> {
    let origin = origin_of(endpoint)?;
    let name = &endpoint.name;
    let shelf = shelf(context, endpoint)?;
    let removed = match &shelf {
        Shelf::File(keys) => keys.remove_from_file(&origin),
        Shelf::Keychain => keys::remove_from_keychain(&origin),
    }
    .map_err(|failure| Failure(failure.sentence(name)))?;
    let place = shelf.words(context);
    match removed {
        true => writeln!(
            err,
            "foretoken: the key of {name} is not in {place} any more."
        )?,
        false => writeln!(err, "foretoken: there was no key of {name} in {place}.")?,
    }
    Ok(if removed { OK } else { NOTHING })
}

fn list(
    context: &Context,
    as_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let endpoints = &context.settings.remote.endpoints;
    let mut known = Vec::new();
    for endpoint in endpoints.iter() {
        let origin = origin_of(endpoint)?;
        let state = state(context, endpoint, &origin);
        line((&endpoint.name, &origin.to_string(), &state), as_json, out)?;
        known.push(origin);
    }
    // What is left of an endpoint that was taken out of config.toml.
    if let Some(keys) = file(context) {
        match keys.in_the_file() {
            Ok(origins) => {
                for origin in origins.iter().filter(|origin| !known.contains(origin)) {
                    let state = "in keys.toml, used by no endpoint";
                    line(("-", &origin.to_string(), state), as_json, out)?;
                }
            }
            Err(failure) => writeln!(err, "foretoken: {}", failure.sentence("keys.toml"))?,
        }
    }
    if endpoints.is_empty() {
        writeln!(err, "foretoken: no endpoint is named in your config.toml.")?;
        return Ok(NOTHING);
    }
    Ok(OK)
}

fn line(
    (name, origin, state): (&str, &str, &str),
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match as_json {
        true => {
            let line = json!({"endpoint": name, "origin": origin, "key": state});
            writeln!(out, "{line}")?;
        }
        false => writeln!(out, "{name}\t{origin}\t{state}")?,
    }
    Ok(())
}

/// Where the key of an endpoint is, in words, or why it is not there.
pub(super) fn state(context: &Context, endpoint: &Endpoint, origin: &Origin) -> String {
    let place = match &endpoint.key {
        KeySource::None => return "needs none".to_owned(),
        KeySource::Environment(name) => format!("in the variable {name}"),
        KeySource::File => "in keys.toml".to_owned(),
        KeySource::Keychain => "in the system's keychain".to_owned(),
    };
    let keys = file(context).unwrap_or_else(|| Keys::new(std::path::PathBuf::new()));
    match keys.get(&endpoint.key, origin) {
        Ok(_) => place,
        Err(failure) => format!("missing: {}", failure.said),
    }
}

/// Where keys can be put.
enum Shelf {
    File(Keys),
    Keychain,
}

impl Shelf {
    fn words(&self, context: &Context) -> String {
        match self {
            Shelf::Keychain if cfg!(target_os = "linux") => {
                // See `KeySource::Keychain`.
                "the kernel's keyring, until you log out".to_owned()
            }
            Shelf::Keychain => "the system's keychain".to_owned(),
            Shelf::File(_) => {
                let path = context.paths.as_ref().map(crate::paths::Paths::keys_file);
                path.map_or_else(|| "keys.toml".to_owned(), |path| path.display().to_string())
            }
        }
    }
}

fn shelf(context: &Context, endpoint: &Endpoint) -> Result<Shelf, Failure> {
    let name = &endpoint.name;
    match &endpoint.key {
        KeySource::Keychain => Ok(Shelf::Keychain),
        KeySource::File => {
            let none = || Failure("There is no home directory to keep keys in.".to_owned());
            let paths = context.paths.as_ref().ok_or_else(none)?;
            crate::paths::create_dir(&paths.config)?;
            Ok(Shelf::File(Keys::new(paths.keys_file())))
        }
        KeySource::Environment(variable) => Err(Failure(format!(
            "The key of {name} comes from the variable {variable}; set that, or write `key = \"keychain\"` \
             or `key = \"file\"` for the endpoint in config.toml to have it stored."
        ))),
        KeySource::None => Err(Failure(format!(
            "{name} is sent no key; write `key = \"keychain\"` or `key = \"file\"` for the endpoint in \
             config.toml to have one stored."
        ))),
    }
}

fn file(context: &Context) -> Option<Keys> {
    Some(Keys::new(context.paths.as_ref()?.keys_file()))
}

/// The key as the user enters it, which the screen does not show.
fn entered(name: &str, origin: &Origin) -> Result<Key, Failure> {
    let refused = |failure: foretoken_remote::failure::Failure| Failure(failure.sentence(name));
    if !std::io::stdin().is_terminal() {
        return Key::read(std::io::stdin(), origin.clone()).map_err(refused);
    }
    let asked = format!("Key of {name} for {origin} (it is not shown): ");
    let typed = rpassword::prompt_password(asked)
        .map_err(|error| Failure(format!("The terminal cannot be read: {error}.")))?;
    Key::entered(typed, origin.clone()).map_err(refused)
}
