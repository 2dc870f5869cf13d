//! `foretoken models`: packages of other models, added, checked, measured, chosen and removed.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use foretoken_engine::prompt::dialect::Order;
use foretoken_infer::package::{self, Fim, Inspection, Manifest};
use foretoken_infer::{Options, Reuse, Source, Trial, trial};
use serde_json::{Value, json};

use super::{Context, Failure, NOTHING, OK, number};
use crate::models::{Added, EMBEDDED, Models, Unknown};

mod bench;

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
    Add {
        /// With the `.onnx` file, `tokenizer.json` and what else was exported.
        folder: PathBuf,
        /// What it is called here. Without it: the folder's name.
        #[arg(long)]
        name: Option<String>,
        /// The form in which it is asked for the middle, such as `qwen` or `starcoder:psm`, where it is not found out right.
        #[arg(long, value_name = "DIALECT[:ORDER]")]
        fim: Option<String>,
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
    /// Use a model from now on; `embedded` is the one of the program. A server that runs takes it at its next start.
    Default {
        /// Its name, or the beginning of its id.
        name: String,
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
            default,
            dry_run,
        } => {
            let mut inspection = inspect(folder, fim.as_deref())?;
            if let Some(name) = called(folder, name.as_deref())? {
                inspection.manifest.name = name;
            }
            tell_inspection(&inspection, out)?;
            if !dry_run {
                add(context, &models, (folder, &inspection, *default), out, err)?;
            }
        }
        Action::Verify { name } => return verify(&models, name.as_deref(), out),
        Action::Default { name } if name == EMBEDDED => choose(context, &models, None, err)?,
        Action::Default { name } => choose(context, &models, Some(&by_name(name)?), err)?,
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

/// Tries a model and copies it; uses it if that is wanted.
fn add(
    context: &Context,
    models: &Models,
    (folder, inspection, default): (&Path, &Inspection, bool),
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    writeln!(err, "foretoken: trying it, which takes some seconds…")?;
    let options = Options {
        package: Source::Folder(folder.to_owned()),
        ..context.settings.infer(context.paths.as_ref())
    };
    let trial = trial(folder, inspection, &options).map_err(|why| Failure(why.sentence))?;
    tell_trial(&trial, out)?;
    let manifest = trial.apply(&inspection.manifest);
    let into = package::add(folder, &manifest, models.folder())
        .map_err(|error| Failure(error.to_string()))?;
    let id = into.file_name().unwrap_or_default().to_string_lossy();
    let added = found(models.find(&id), &id)?;
    writeln!(out, "added      {} ({id})", added.name())?;
    if default {
        return choose(context, models, Some(&added), err);
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

fn choose(
    context: &Context,
    models: &Models,
    added: Option<&Added>,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    models
        .choose(added)
        .map_err(|error| Failure(format!("The choice cannot be written: {error}.")))?;
    let name = added.map_or(EMBEDDED, Added::name);
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
    let used = context.settings.infer(context.paths.as_ref()).package;
    if let Ok(package) = package::embedded() {
        let bytes = (package.graph.len() + package.tokenizer.len()) as u64;
        print(
            EMBEDDED,
            &package.manifest,
            (bytes, used == Source::Embedded),
            as_json,
            out,
        )?;
    }
    for model in &added {
        let is_used = used == Source::Folder(model.folder.clone());
        match &model.manifest {
            Ok(manifest) => print(&model.id, manifest, (model.bytes, is_used), as_json, out)?,
            Err(why) if as_json => {
                writeln!(out, "{}", json!({"id": model.id, "problem": why}))?;
            }
            Err(why) => writeln!(out, "  {}  cannot be used: {why}", model.id)?,
        }
    }
    if let Source::Folder(folder) = &used
        && !added.iter().any(|model| model.folder == *folder)
        && !as_json
    {
        writeln!(out, "* {}  named by your settings", folder.display())?;
    }
    Ok(OK)
}

/// One line of the list: the size of its files, and whether it is in use.
fn print(
    id: &str,
    manifest: &Manifest,
    (bytes, used): (u64, bool),
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
            "used": used,
            "exactReuse": exact_reuse,
        });
        writeln!(out, "{object}")?;
        return Ok(());
    }
    let mark = if used { '*' } else { ' ' };
    let megabytes = bytes as f64 / 1e6;
    writeln!(
        out,
        "{mark} {id:<16}  {name} {version}  {megabytes:.1} MB, {}, {max_positions} positions",
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

/// What the model is to be called; `None` leaves what its own manifest says.
fn called(folder: &Path, name: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(name) = name else {
        let has_own = folder.join("manifest.toml").exists();
        let last = folder
            .canonicalize()
            .ok()
            .and_then(|folder| Some(folder.file_name()?.to_string_lossy().into_owned()));
        return Ok(last.filter(|_| !has_own));
    };
    let fits = !name.is_empty()
        && name != EMBEDDED
        && name.chars().count() <= 60
        && !name.chars().any(char::is_control);
    match fits {
        true => Ok(Some(name.to_owned())),
        false => Err(Failure(format!(
            "{name:?} cannot be a model's name: 1 to 60 characters, none of them a control character, and not {EMBEDDED:?}."
        ))),
    }
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
