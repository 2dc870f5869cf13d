//! `foretoken models`: packages of other models, added, checked, measured, chosen and removed.

use std::io::Write;
use std::path::Path;

use clap::Subcommand;
use foretoken_engine::prompt::dialect::Order;
use foretoken_grammars::Language;
use foretoken_infer::package::{self, Fim, Inspection, Manifest};
use foretoken_infer::{Options, Reuse, Source, Trial, trial};
use serde_json::{Value, json};

use super::{Context, Failure, NOTHING, OK, number};
use crate::models::{Added, Chosen, EMBEDDED, Models, Unknown, fetch};

mod bench;
mod url;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Show the models that there are, and which one is used.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Look at a folder with an exported ONNX model, try it, and copy it to this user's models.
    ///
    /// Understood are exports of Optimum, of transformers.js and of onnxruntime-genai. The folder stays as it is.
    /// It may also lie on a server that `model.sources` in config.toml names, such as
    /// `https://models.example.com/coder/resolve/main`; what was fetched before a connection broke is kept.
    Add {
        /// With the `.onnx` file, `tokenizer.json` and what else was exported: a path, or an address.
        #[arg(value_name = "FOLDER|URL")]
        folder: String,
        /// What it is called here. Without it: the folder's name.
        #[arg(long)]
        name: Option<String>,
        /// The form in which it is asked for the middle, such as `qwen` or `starcoder:psm`, where it is not found out right.
        #[arg(long, value_name = "DIALECT[:ORDER]")]
        fim: Option<String>,
        /// The SHA-256 that a fetched file must have: the graph's, or of the file that is named. What a
        /// `manifest.toml` or a `SHA256SUMS` on the server says need not be repeated.
        #[arg(long, value_name = "[FILE=]HEX")]
        sha256: Vec<String>,
        /// Use it from now on.
        #[arg(long)]
        default: bool,
        /// Only say what it is; nothing is run and nothing is copied.
        #[arg(long)]
        dry_run: bool,
    },
    /// Hash all files of a model, or of all models, again.
    Verify {
        /// Its name, or the beginning of its id.
        name: Option<String>,
    },
    /// Use a model from now on; `embedded` is the one of the program.
    ///
    /// A server that runs loads it beside the one it has and changes over between two requests; where it cannot
    /// be loaded, the old one goes on.
    Default {
        /// Its name, or the beginning of its id. Without it the language gets the default again.
        #[arg(required_unless_present = "language")]
        name: Option<String>,
        /// Only for this language, by its identifier such as `rust` or `python`.
        #[arg(long)]
        language: Option<String>,
    },
    /// Delete a model's copy.
    Remove {
        /// Its name, or the beginning of its id.
        name: String,
    },
    /// Measure a model on this machine: load, prompt, answer, memory, and how often it is right on a few bundled lines.
    Bench {
        /// Its name, or the beginning of its id, or `embedded`. Without it: the one in use.
        name: Option<String>,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(
    context: &Context,
    action: &Action,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let Some(paths) = &context.paths else {
        return Err(Failure(
            "There is no home directory, so there is no place for models.".to_owned(),
        ));
    };
    let models = Models::of(paths);
    let by_name = |name: &str| found(models.find(name), name);
    match action {
        Action::List { json } => return list(context, &models, *json, out),
        Action::Add {
            folder,
            name,
            fim,
            sha256,
            default,
            dry_run,
        } => {
            let fetched = match url::is_url(folder) {
                true => {
                    let hashes = url::hashes(sha256)?;
                    Some(url::fetch(context, &models, (folder, &hashes), err)?)
                }
                false if !sha256.is_empty() => {
                    return Err(Failure("--sha256 is for what is fetched.".to_owned()));
                }
                false => None,
            };
            let place = match &fetched {
                Some(fetched) => &fetched.folder,
                None => Path::new(folder),
            };
            let mut inspection = inspect(place, fim.as_deref())?;
            let usual = match &fetched {
                Some(_) => url::name_of(folder),
                None => last_part(place),
            };
            if let Some(name) = called(place, name.as_deref(), usual)? {
                inspection.manifest.name = name;
            }
            tell_inspection(&inspection, out)?;
            if !dry_run {
                let wanted = Wanted {
                    folder: place,
                    inspection: &inspection,
                    is_ours: fetched.is_some(),
                    default: *default,
                };
                add(context, &models, &wanted, out, err)?;
                if fetched.is_some() {
                    // What stays is a dot folder that the next fetch of this address uses.
                    let _ = fetch::forget(&models, folder);
                }
            }
        }
        Action::Verify { name } => return verify(&models, name.as_deref(), out),
        Action::Default { name, language } => {
            let language = language.as_deref().map(known).transpose()?;
            let added = match name.as_deref() {
                None | Some(EMBEDDED) => None,
                Some(name) => Some(by_name(name)?),
            };
            match (name, language) {
                (None, Some(language)) => unchoose(&models, language, err)?,
                _ => choose(context, &models, (added.as_ref(), language), err)?,
            }
        }
        Action::Remove { name } => {
            let added = by_name(name)?;
            models
                .remove(&added)
                .map_err(|error| Failure(format!("{} stays: {error}.", added.name())))?;
            writeln!(err, "foretoken: {} is removed.", added.name())?;
        }
        Action::Bench { name, json } => {
            let mut options = context.settings.infer(context.paths.as_ref());
            match name.as_deref() {
                None => {}
                Some(EMBEDDED) => options.package = Source::Embedded,
                Some(name) => options.package = Source::Folder(by_name(name)?.folder),
            }
            return bench::run(&options, *json, out, err);
        }
    }
    Ok(OK)
}

/// A model that is to be added.
struct Wanted<'a> {
    folder: &'a Path,
    inspection: &'a Inspection,
    /// The folder was made for this and becomes the model; else it is copied.
    is_ours: bool,
    default: bool,
}

/// Tries a model and copies it; uses it if that is wanted.
fn add(
    context: &Context,
    models: &Models,
    wanted: &Wanted<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let Wanted {
        folder, inspection, ..
    } = *wanted;
    writeln!(err, "foretoken: trying it, which takes some seconds…")?;
    let options = Options {
        package: Source::Folder(folder.to_owned()),
        ..context.settings.infer(context.paths.as_ref())
    };
    let trial = trial(folder, inspection, &options).map_err(|why| Failure(why.sentence))?;
    tell_trial(&trial, out)?;
    let manifest = trial.apply(&inspection.manifest);
    let into = match wanted.is_ours {
        true => package::adopt(folder, &manifest, models.folder()),
        false => package::add(folder, &manifest, models.folder()),
    };
    let into = into.map_err(|error| Failure(error.to_string()))?;
    let id = into.file_name().unwrap_or_default().to_string_lossy();
    let added = found(models.find(&id), &id)?;
    writeln!(out, "added      {} ({id})", added.name())?;
    if wanted.default {
        return choose(context, models, (Some(&added), None), err);
    }
    writeln!(err, "foretoken: `foretoken models default {id}` uses it.")?;
    Ok(())
}

/// The model, or a sentence about why this name leads to none.
fn found(found: Result<Added, Unknown>, name: &str) -> Result<Added, Failure> {
    found.map_err(|unknown| {
        Failure(match unknown {
            Unknown::None(names) if names.is_empty() => {
                "No model was added so far; `foretoken models add FOLDER` adds one.".to_owned()
            }
            Unknown::None(names) => {
                format!(
                    "No model is called {name:?}; there are {}.",
                    names.join(", ")
                )
            }
            Unknown::Several(ids) => format!(
                "Several models are called {name:?}; say which by its id: {}.",
                ids.join(", ")
            ),
        })
    })
}

/// The language of this identifier.
fn known(id: &str) -> Result<Language, Failure> {
    let found = Language::ALL.iter().find(|language| language.id() == id);
    found.copied().ok_or_else(|| {
        let ids: Vec<&str> = Language::ALL.iter().map(|language| language.id()).collect();
        Failure(format!(
            "No language is called {id:?}; there are {}.",
            ids.join(", ")
        ))
    })
}

fn unwritable(error: std::io::Error) -> Failure {
    Failure(format!("The choice cannot be written: {error}."))
}

fn choose(
    context: &Context,
    models: &Models,
    (added, language): (Option<&Added>, Option<Language>),
    err: &mut dyn Write,
) -> Result<(), Failure> {
    models.choose(added, language).map_err(unwritable)?;
    let name = added.map_or(EMBEDDED, Added::name);
    if let Some(language) = language {
        let id = language.id();
        writeln!(err, "foretoken: {name} is used for {id} from now on.")?;
        return Ok(());
    }
    writeln!(err, "foretoken: {name} is used from now on.")?;
    if let Some(folder) = &context.settings.model.folder {
        writeln!(
            err,
            "foretoken: but `model.folder` in your settings names {}, which counts more.",
            folder.display()
        )?;
    }
    Ok(())
}

fn unchoose(models: &Models, language: Language, err: &mut dyn Write) -> Result<(), Failure> {
    let id = language.id();
    match models.unchoose(language).map_err(unwritable)? {
        true => writeln!(err, "foretoken: {id} has the default again.")?,
        false => writeln!(err, "foretoken: {id} has no model of its own.")?,
    }
    Ok(())
}

fn list(
    context: &Context,
    models: &Models,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let added = models.list().map_err(|error| {
        Failure(format!(
            "{} cannot be read: {error}.",
            models.folder().display()
        ))
    })?;
    let chosen = context.settings.chosen(context.paths.as_ref());
    let used = |source: &Source| Use {
        default: chosen.default == *source,
        languages: languages_of(&chosen, source),
    };
    if let Ok(package) = package::embedded() {
        let bytes = (package.graph.len() + package.tokenizer.len()) as u64;
        print(
            EMBEDDED,
            &package.manifest,
            (bytes, used(&Source::Embedded)),
            as_json,
            out,
        )?;
    }
    for model in &added {
        let used = used(&Source::Folder(model.folder.clone()));
        match &model.manifest {
            Ok(manifest) => print(&model.id, manifest, (model.bytes, used), as_json, out)?,
            Err(why) if as_json => {
                writeln!(out, "{}", json!({"id": model.id, "problem": why}))?;
            }
            Err(why) => writeln!(out, "  {}  cannot be used: {why}", model.id)?,
        }
    }
    if let Source::Folder(folder) = &chosen.default
        && !added.iter().any(|model| model.folder == *folder)
        && !as_json
    {
        writeln!(out, "* {}  named by your settings", folder.display())?;
    }
    Ok(OK)
}

/// Where a model answers.
struct Use {
    default: bool,
    languages: Vec<&'static str>,
}

/// Identifiers of the languages that have this model.
fn languages_of(chosen: &Chosen, source: &Source) -> Vec<&'static str> {
    let own = chosen.languages.iter().filter(|(_, own)| *own == source);
    own.map(|(language, _)| language.id()).collect()
}

/// One line of the list: the size of its files, and where it is in use.
fn print(
    id: &str,
    manifest: &Manifest,
    (bytes, used): (u64, Use),
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let Manifest {
        name,
        version,
        licence,
        fim,
        max_positions,
        exact_reuse,
        ..
    } = manifest;
    if as_json {
        let object = json!({
            "id": id,
            "name": name,
            "version": version,
            "licence": licence,
            "dialect": fim.dialect,
            "positions": max_positions,
            "bytes": bytes,
            "used": used.default,
            "languages": used.languages,
            "exactReuse": exact_reuse,
        });
        writeln!(out, "{object}")?;
        return Ok(());
    }
    let mark = if used.default { '*' } else { ' ' };
    let megabytes = bytes as f64 / 1e6;
    let languages = match used.languages.is_empty() {
        true => String::new(),
        false => format!(", for {}", used.languages.join(", ")),
    };
    writeln!(
        out,
        "{mark} {id:<16}  {name} {version}  {megabytes:.1} MB, {}, {max_positions} positions{languages}",
        fim.dialect
    )?;
    Ok(())
}

/// Looks at a folder, with the user's word on its prompt format.
fn inspect(folder: &Path, fim: Option<&str>) -> Result<Inspection, Failure> {
    let inspection = package::inspect(folder).map_err(|error| Failure(error.to_string()))?;
    let Some(told) = fim else {
        return Ok(inspection);
    };
    let (dialect, order) = match told.split_once(':') {
        None => (told, None),
        Some((dialect, order)) => {
            let known = Order::from_name(order).ok_or_else(|| {
                Failure(format!(
                    "{order:?} is no order; there are spm, psm, psm-head and plain."
                ))
            })?;
            (dialect, Some(known))
        }
    };
    if foretoken_engine::prompt::Format::named(dialect, order).is_none() {
        return Err(Failure(format!(
            "No dialect is called {told:?}. By its tokens this model speaks {}.",
            inspection.manifest.fim.dialect
        )));
    }
    Ok(inspection.speak(Fim {
        dialect: dialect.to_owned(),
        order,
        ..Fim::default()
    }))
}

/// The name of a folder itself.
fn last_part(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    Some(folder.file_name()?.to_string_lossy().into_owned())
}

/// What the model is to be called: as the user says, else as usual; `None` leaves what its own manifest says.
fn called(
    folder: &Path,
    name: Option<&str>,
    usual: Option<String>,
) -> Result<Option<String>, Failure> {
    let Some(name) = name else {
        let has_own = folder.join(package::MANIFEST).exists();
        return Ok(usual.filter(|name| !has_own && is_name(name)));
    };
    match is_name(name) {
        true => Ok(Some(name.to_owned())),
        false => Err(Failure(format!(
            "{name:?} cannot be a model's name: 1 to 60 characters, none of them a control character, and not {EMBEDDED:?}."
        ))),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name != EMBEDDED
        && name.chars().count() <= 60
        && !name.chars().any(char::is_control)
}

fn tell_inspection(inspection: &Inspection, out: &mut dyn Write) -> Result<(), Failure> {
    let manifest = &inspection.manifest;
    let bytes: u64 = inspection.files.iter().map(|file| file.bytes).sum();
    writeln!(
        out,
        "model      {}, {:.1} MB, {}",
        manifest.name,
        bytes as f64 / 1e6,
        inspection
            .model_type
            .as_deref()
            .unwrap_or("of no named type")
    )?;
    writeln!(out, "export     {}", inspection.layout.name())?;
    let order = manifest.fim.order.map_or("", Order::name);
    writeln!(out, "asked in   {} {order}", manifest.fim.dialect)?;
    writeln!(out, "positions  {}", number(manifest.max_positions as u64))?;
    for note in &inspection.notes {
        writeln!(out, "note       {note}")?;
    }
    Ok(())
}

fn tell_trial(trial: &Trial, out: &mut dyn Write) -> Result<(), Failure> {
    let reuse = match trial.reuse {
        Reuse::Exact { .. } => "exact: what was read once is not read again".to_owned(),
        Reuse::Near { difference } => {
            format!("differs by {difference:.4}, the best token is the same; no drafts")
        }
        Reuse::Not { difference } => {
            format!("differs by {difference:.4} and changes the best token; no drafts")
        }
    };
    writeln!(out, "reuse      {reuse}")?;
    if let Some(agree) = trial.accuracy {
        writeln!(
            out,
            "accuracy   lowered to 0: at its own level only {:.0} % of best tokens agree",
            agree * 100.0
        )?;
    }
    for score in &trial.scores {
        writeln!(
            out,
            "format     {} {}: {:.2} nats a token of known middles",
            score.dialect,
            score.order.name(),
            score.logp
        )?;
    }
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let speed = trial.speed;
    writeln!(
        out,
        "speed      {:.2} ms a token of a prompt of 256, {:.1} ms a token of an answer",
        ms(speed.prefill[1]),
        ms(speed.decode)
    )?;
    Ok(())
}

fn verify(models: &Models, name: Option<&str>, out: &mut dyn Write) -> Result<u8, Failure> {
    let all = match name {
        Some(name) => vec![found(models.find(name), name)?],
        None => models.list().map_err(|error| Failure(error.to_string()))?,
    };
    let mut broken = false;
    for model in &all {
        let read = model.manifest.as_ref().map_err(Clone::clone);
        let checked = read.and_then(|_| {
            package::open(&model.folder)
                .map(drop)
                .map_err(|error| error.to_string())
        });
        broken |= checked.is_err();
        let said = checked.err().unwrap_or("as it was added".to_owned());
        writeln!(out, "{}  {}: {said}", model.id, model.name())?;
    }
    Ok(if broken { NOTHING } else { OK })
}

/// A number in JSON, to three decimals; `null` for what was not measured.
fn value(number: Option<f64>) -> Value {
    number.map_or(Value::Null, |number| ((number * 1e3).round() / 1e3).into())
}
