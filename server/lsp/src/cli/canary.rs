//! `foretoken canary`: whether remote models still are what they were. Meant for a nightly job; asks only whom the user allowed for
//! the folder, and sends nothing but its own fixed questions.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;
use foretoken_remote::endpoint::Endpoint;
use serde_json::json;

use super::{Context, Failure, NOTHING, OK, endpoints};
use crate::canary::{CANARIES, Run, Runs, sentence};
use crate::config::trust::Trust;
use crate::metrics::file::seconds;
use crate::paths::Paths;
use crate::pipeline::assist::{Tools, canary};

/// Show whether your remote models still answer as they did, by 20 fixed questions; exit code 1 if one changed.
///
/// With `--ask` the questions are asked now, at your cost and within your budgets. They hold nothing of yours.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Ask every model that is allowed for the folder.
    #[arg(long)]
    ask: bool,
    /// Only this endpoint, by its name in your config.toml.
    #[arg(long, requires = "ask", value_name = "NAME")]
    endpoint: Option<String>,
    /// The folder for which you allowed the endpoints (`foretoken consent`).
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// One JSON object a model.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let Some(paths) = &context.paths else {
        let sentence = "There is no home directory to keep runs in.";
        return Err(Failure(sentence.to_owned()));
    };
    let mut runs = Runs::load(paths).map_err(|error| {
        let path = paths.canaries();
        Failure(format!(
            "{} cannot be read ({error}); delete it to begin anew.",
            path.display()
        ))
    })?;
    let mut failed = false;
    if arguments.ask {
        failed = ask(context, arguments, (paths, &mut runs), err)?;
    }
    let mut changed = false;
    let mut models = 0;
    for (model, run, changes) in runs.report() {
        models += 1;
        changed |= !changes.is_empty();
        let changes: Vec<String> = changes.iter().map(sentence).collect();
        if arguments.json {
            let line = json!({"model": model, "newest": run, "changes": changes});
            writeln!(out, "{line}")?;
            continue;
        }
        let day = crate::metrics::file::day(
            SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(run.time),
        );
        let (passed, answered) = (run.passed, run.answered);
        writeln!(
            out,
            "{model} ({}): {passed} of {answered} right on {day}",
            run.served
        )?;
        for change in changes {
            writeln!(out, "  {change}")?;
        }
    }
    if models == 0 {
        writeln!(err, "foretoken: no model was asked so far; --ask does.")?;
    }
    Ok(if changed || failed || models == 0 {
        NOTHING
    } else {
        OK
    })
}

/// Asks all that may be asked; true if one could not be.
fn ask(
    context: &Context,
    arguments: &Arguments,
    (paths, runs): (&Paths, &mut Runs),
    err: &mut dyn Write,
) -> Result<bool, Failure> {
    if let Some(name) = &arguments.endpoint {
        endpoints::named(context, name)?;
    }
    let settings = &context.settings;
    if !settings.remote.enabled {
        let sentence = "Remote models are switched off by a setting (`remote.enabled`).";
        return Err(Failure(sentence.to_owned()));
    }
    let trust = Trust::load(paths).map_err(Failure)?;
    let tools = Tools::new(Arc::new(settings.clone()), Some(paths.clone()), None);
    let runtime = super::runtime()?;
    let mut failed = false;
    for endpoint in settings.remote.endpoints.iter() {
        let other = |name: &String| *name != endpoint.name;
        if arguments.endpoint.as_ref().is_some_and(other) {
            continue;
        }
        let origin = endpoints::origin_of(endpoint)?.to_string();
        if !trust.allows(&arguments.dir, &origin) {
            let name = &endpoint.name;
            writeln!(
                err,
                "foretoken: {name} ({origin}) is not asked: allow it with `foretoken consent allow {name}`."
            )?;
            failed = true;
            continue;
        }
        let endpoint = Arc::new(endpoint.clone());
        for model in &endpoint.models {
            let asked = (&endpoint, model.name.as_str());
            match runtime.block_on(all(&tools, asked, &origin)) {
                Ok(run) => runs
                    .keep(paths, &format!("{}/{}", endpoint.name, model.name), run)
                    .map_err(|error| Failure(format!("The run cannot be kept: {error}.")))?,
                Err(sentence) => {
                    writeln!(err, "foretoken: {}: {sentence}.", model.name)?;
                    failed = true;
                }
            }
        }
    }
    Ok(failed)
}

/// All questions to one model. One that fails ends the run: half of the questions are another measure.
async fn all(tools: &Tools, asked: (&Arc<Endpoint>, &str), origin: &str) -> Result<Run, String> {
    let mut run = Run {
        time: seconds(SystemTime::now()),
        ..Run::default()
    };
    for question in &CANARIES {
        let said = canary::ask(tools, asked, question.question, origin).await?;
        run.add(question, &said.text);
        run.served = said.served;
    }
    Ok(run)
}
