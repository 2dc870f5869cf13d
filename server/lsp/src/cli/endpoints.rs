//! `foretoken endpoints`: the remote models of this user, and for each what it still needs before it can be
//! asked about a project. Nothing is sent to find out.

use std::io::Write;
use std::path::PathBuf;

use foretoken_engine::route::NanoUsd;
use foretoken_remote::endpoint::{Endpoint, Origin};
use serde_json::{Value, json};

use super::keys;
use super::{Context, Failure, NOTHING, OK};
use crate::config::trust::Trust;

/// Show the remote models in your config.toml: where they are, whether their key is there, and whether text
/// of a project may be sent to them.
///
/// Nothing is sent. How a running server gets on with them is in the status that your editor shows.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The project's folder.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let remote = &context.settings.remote;
    if remote.endpoints.is_empty() {
        writeln!(
            err,
            "foretoken: no endpoint is named in your config.toml; add one under [[remote.endpoints]]."
        )?;
        return Ok(NOTHING);
    }
    if !remote.enabled {
        writeln!(
            err,
            "foretoken: remote models are switched off (`remote.enabled`)."
        )?;
    }
    let trust = match &context.paths {
        Some(paths) => Trust::load(paths).map_err(Failure)?,
        None => Trust::default(),
    };
    for endpoint in remote.endpoints.iter() {
        let origin = origin_of(endpoint)?;
        let allowed = trust.allows(&arguments.dir, &origin.to_string());
        let key = keys::state(context, endpoint, &origin);
        match arguments.json {
            true => writeln!(out, "{}", as_json(endpoint, &origin, (allowed, &key)))?,
            false => write!(out, "{}", as_text(endpoint, &origin, (allowed, &key)))?,
        }
    }
    Ok(OK)
}

fn as_text(endpoint: &Endpoint, origin: &Origin, (allowed, key): (bool, &str)) -> String {
    let name = &endpoint.name;
    let consent = match allowed {
        true => "allowed for this project".to_owned(),
        false => format!("not allowed for this project (`foretoken consent allow {name}`)"),
    };
    let mut text = format!(
        "{name}\t{origin}\t{}\n  {consent}\n  key: {key}\n",
        endpoint.class.code()
    );
    for model in &endpoint.models {
        let price = model.price.map_or("no price".to_owned(), |price| {
            format!("{} + {} a million tokens", price.input, price.output)
        });
        text += &format!(
            "  {} ({}, {} tokens, {price})\n",
            model.name,
            model.tier.code(),
            model.window
        );
    }
    text
}

fn as_json(endpoint: &Endpoint, origin: &Origin, (allowed, key): (bool, &str)) -> Value {
    let models = endpoint.models.iter().map(|model| {
        let nano = |amount: NanoUsd| amount.0;
        json!({
            "name": model.name,
            "tier": model.tier.code(),
            "window": model.window,
            "inputNanoUsdPerMillion": model.price.map(|price| nano(price.input)),
            "outputNanoUsdPerMillion": model.price.map(|price| nano(price.output)),
        })
    });
    json!({
        "endpoint": endpoint.name,
        "origin": origin.to_string(),
        "class": endpoint.class.code(),
        "allowed": allowed,
        "key": key,
        "models": models.collect::<Vec<_>>(),
    })
}

/// An endpoint by its name.
pub(super) fn named<'a>(context: &'a Context, name: &str) -> Result<&'a Endpoint, Failure> {
    let endpoints = &context.settings.remote.endpoints;
    let found = endpoints.iter().find(|endpoint| endpoint.name == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = endpoints.names().collect();
        let known = match known.is_empty() {
            true => "there are none in your config.toml".to_owned(),
            false => format!("known are {}", known.join(", ")),
        };
        Failure(format!("There is no endpoint {name:?}; {known}."))
    })
}

/// Scheme, host and port of an endpoint.
pub(super) fn origin_of(endpoint: &Endpoint) -> Result<Origin, Failure> {
    let target = endpoint.target();
    let target = target.map_err(|failure| Failure(failure.sentence(&endpoint.name)))?;
    Ok(target.origin)
}
