//! `foretoken export`: questions with their answers as lines of JSON, for fine-tuning and distillation; and the word that they may be
//! kept at all. Nothing is sent: the lines go to stdout.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use foretoken_engine::privacy::Level;
use foretoken_engine::redact::Redactor;
use foretoken_remote::feedback::{self, Feedback};
use foretoken_remote::store;
use serde_json::{Value, json};

use super::feedback::{books, unreadable};
use super::{Context, Failure, NOTHING, OK};
use crate::config::Settings;
use crate::config::trust::Trust;
use crate::examples;
use crate::metrics::file::seconds;
use crate::paths::Paths;
use crate::pipeline::assist;

/// Print questions and answers that were kept, one JSON object a line, without secrets; or say that they may be kept.
///
/// Nothing is kept before you have allowed it for a project (`--allow`), and what is kept stays on this machine. Questions with text
/// that may not leave this machine are never kept.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only what was kept in the last so many days.
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["allow", "stop", "delete"])]
    since: Option<u64>,
    /// From now on keep answered questions about this project.
    #[arg(long, conflicts_with_all = ["stop", "delete"])]
    allow: bool,
    /// The licence of the project's text, such as `MIT`, to be named in every line.
    #[arg(long, requires = "allow", value_name = "SPDX")]
    licence: Option<String>,
    /// Keep no more of this project, and delete what was kept of it.
    #[arg(long, conflicts_with = "delete")]
    stop: bool,
    /// Delete what was kept of all projects.
    #[arg(long)]
    delete: bool,
    /// The project's folder, for `--allow` and `--stop`.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let Some(paths) = &context.paths else {
        let sentence = "There is no home directory, so nothing is kept.";
        return Err(Failure(sentence.to_owned()));
    };
    if arguments.allow {
        return allow(paths, arguments, err);
    }
    let kept = books(context)?.map(Feedback::new);
    if arguments.stop {
        let project = folder(&arguments.dir)?;
        let allowed = Trust::keep_no_examples(paths, &project).map_err(Failure)?;
        let deleted = match &kept {
            Some(kept) => kept
                .delete(Some(&project.to_string_lossy()))
                .map_err(unreadable)?,
            None => 0,
        };
        writeln!(
            err,
            "foretoken: nothing of {} is kept any more; {deleted} examples are deleted.",
            project.display()
        )?;
        return Ok(if allowed || deleted > 0 { OK } else { NOTHING });
    }
    let Some(kept) = kept else {
        writeln!(err, "foretoken: no remote model was asked so far.")?;
        return Ok(NOTHING);
    };
    if arguments.delete {
        let deleted = kept.delete(None).map_err(unreadable)?;
        writeln!(err, "foretoken: {deleted} examples are deleted.")?;
        return Ok(if deleted > 0 { OK } else { NOTHING });
    }
    let from = arguments.since.map_or(0, |days| {
        seconds(SystemTime::now()).saturating_sub(days.saturating_mul(86_400))
    });
    let mut exporter = Exporter::new(context, Trust::load(paths).map_err(Failure)?)?;
    kept.examples(from, |example| exporter.take(&example, out))?;
    let Exporter {
        written, left_out, ..
    } = exporter;
    if left_out > 0 {
        writeln!(
            err,
            "foretoken: {left_out} more are left out: their project or a file in them is not allowed to leave any more."
        )?;
    }
    if written + left_out == 0 {
        let sentence =
            "nothing is kept; `foretoken export --allow` in a project's folder keeps what comes.";
        writeln!(err, "foretoken: {sentence}")?;
    }
    Ok(if written > 0 { OK } else { NOTHING })
}

fn allow(paths: &Paths, arguments: &Arguments, err: &mut dyn Write) -> Result<u8, Failure> {
    let project = folder(&arguments.dir)?;
    let licence = arguments.licence.clone();
    if let Some(licence) = &licence
        && !licence
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " .+-()".contains(c))
    {
        return Err(Failure(format!("{licence:?} is no SPDX expression.")));
    }
    Trust::keep_examples(paths, &project, licence).map_err(Failure)?;
    writeln!(
        err,
        "foretoken: answered questions about {} are kept on this machine from now on, as long as the rows of the audit \
         (`audit.retentionDays`); `foretoken export --stop` ends it and deletes them.",
        project.display()
    )?;
    Ok(OK)
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Failure {
        unreadable(error)
    }
}

/// What an export goes by. Rules of a project are read once.
struct Exporter<'a> {
    context: &'a Context,
    trust: Trust,
    redactor: Redactor,
    /// `None` where the project's own rules cannot be read: then nothing of it leaves.
    rules: HashMap<String, Option<Settings>>,
    written: usize,
    left_out: usize,
}

impl<'a> Exporter<'a> {
    fn new(context: &'a Context, trust: Trust) -> Result<Exporter<'a>, Failure> {
        let redactor = Redactor::new().map_err(|_| broken())?;
        Ok(Exporter {
            context,
            trust,
            redactor,
            rules: HashMap::new(),
            written: 0,
            left_out: 0,
        })
    }

    fn take(&mut self, kept: &feedback::Example, out: &mut dyn Write) -> Result<(), Failure> {
        let example = serde_json::from_str::<examples::Example>(&kept.text).ok();
        let Some(example) = example.filter(|example| self.may_leave(&kept.project, example)) else {
            self.left_out += 1;
            return Ok(());
        };
        let example = examples::redacted(example, &mut self.redactor).ok_or_else(broken)?;
        let mut line: Value = json!(example);
        line["request"] = kept.request.clone().into();
        line["time"] = kept.time.into();
        line["useful"] = kept.useful.into();
        line["editApplied"] = kept.applied.into();
        writeln!(out, "{line}")?;
        self.written += 1;
        Ok(())
    }

    /// Whether the project's consent stands and no file in the example was excluded or tied to this machine since.
    fn may_leave(&mut self, project: &str, example: &examples::Example) -> bool {
        let folder = Path::new(project);
        if self.trust.examples(folder).is_none() || example.schema != examples::SCHEMA {
            return false;
        }
        let rules = self.rules.entry(project.to_owned());
        let rules = rules.or_insert_with(|| {
            let mut layers = self.context.layers.clone();
            layers.set_workspaces(&[folder.to_owned()]);
            let resolved = layers.resolve();
            let broken = crate::index::is_broken(&resolved.problems);
            (!broken).then_some(resolved.settings)
        });
        let Some(settings) = rules else { return false };
        let paths = example.sections.iter().filter_map(|s| s.path.as_ref());
        paths.into_iter().all(|path| {
            let path = folder.join(path);
            assist::level(settings, &path, (&path, folder)) < Level::Local
        })
    }
}

fn broken() -> Failure {
    Failure(
        "The detector of secrets does not work, so nothing is exported; please report it."
            .to_owned(),
    )
}

fn folder(dir: &Path) -> Result<PathBuf, Failure> {
    std::fs::canonicalize(dir)
        .map_err(|error| Failure(format!("{} cannot be read: {error}.", dir.display())))
}
