//! `foretoken index`: builds the index of a workspace, brings it up to date, builds it anew or removes it.
//! An editor does the same by itself; this is for whoever wants it before, or wants to see what it holds.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use foretoken_index::{Error, Place, Progress, Report, Work, Workspace};
use foretoken_infer::library::Places;
use serde_json::json;

use super::{Context, Failure, NOTHING, OK};
use crate::config::{Encoders, Settings};

mod drift;

/// Progress is told once the work has taken this long, and then as often: a bar is drawn more often than
/// lines are written.
const BAR: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(2);
/// Characters of the bar.
const WIDTH: usize = 30;

/// Build the index of a project, or bring it up to date.
///
/// The index lies in the cache directory of the user and never in the project. Exit code 0 when it is
/// complete, 1 when the project has nothing to index, 2 when something is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder of the project. Without it: the current one.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// Build it from nothing; the old one answers until the new one is complete.
    #[arg(long, conflicts_with = "purge")]
    rebuild: bool,
    /// Remove it.
    #[arg(long)]
    purge: bool,
    /// Say whether the texts are still like those that were there at the first such look; exit code 1 if they are others.
    #[arg(long, conflicts_with = "purge")]
    drift: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// A folder with the settings that hold in it.
pub(super) struct Project<'a> {
    context: &'a Context,
    pub(super) root: PathBuf,
    settings: Arc<Settings>,
}

impl<'a> Project<'a> {
    pub(super) fn of(context: &'a Context, dir: &Path) -> Result<Project<'a>, Failure> {
        // The patterns of the settings file in the folder are held against whole paths.
        let root = std::fs::canonicalize(dir)
            .map_err(|error| Failure(format!("{} cannot be read: {error}.", dir.display())))?;
        let mut layers = context.layers.clone();
        layers.set_workspaces(std::slice::from_ref(&root));
        let (settings, _) = Settings::from_layers(&layers);
        Ok(Project {
            context,
            root,
            settings: Arc::new(settings),
        })
    }

    /// Where indexes lie; `None` where there is to be none on the disk.
    pub(super) fn cache(&self) -> Option<&'a Path> {
        let paths = self.context.paths.as_ref()?;
        self.settings.index.enabled.then_some(paths.cache.as_path())
    }

    /// What the settings say that orders hits.
    pub(super) fn encoders(&self) -> &Encoders {
        &self.settings.index.encoders
    }

    /// Where libraries may lie.
    pub(super) fn libraries(&self) -> Places {
        let data = self
            .context
            .paths
            .as_ref()
            .map(|paths| paths.data.as_path());
        Places::of_process(self.settings.runtime.onnxruntime.as_deref(), data)
    }

    /// The index below this cache folder, or one in memory.
    pub(super) fn open(&self, cache: Option<&Path>) -> Result<Workspace, Error> {
        let home = self
            .context
            .paths
            .as_ref()
            .map(|paths| paths.home.as_path());
        let settings = Arc::clone(&self.settings);
        let rules = Arc::new(move |path: &Path| settings.completion.exclude.withholds(path));
        Workspace::open(&self.root, home, cache, rules)
    }

    /// Reads what has changed, with all the machine's cores, and tells how far it is.
    pub(super) fn refresh(&self, workspace: &Workspace, rebuild: bool) -> Result<Report, Error> {
        let bar = std::io::stderr().is_terminal();
        let told = Mutex::new(Instant::now());
        let progress = |progress: Progress| {
            // Whoever comes while another draws has nothing new to say.
            let Ok(mut last) = told.try_lock() else {
                return;
            };
            if last.elapsed() > if bar { BAR } else { LINE } {
                *last = Instant::now();
                draw(progress, bar);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(4));
        let report = workspace.refresh(Work {
            threads,
            rebuild,
            told: &progress,
            stop: &|| false,
        });
        if bar {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
        report
    }
}

fn draw(progress: Progress, bar: bool) {
    let Progress { done, of } = progress;
    let mut stderr = std::io::stderr();
    let _ = match bar {
        false => writeln!(stderr, "foretoken: {done} of {of} files read"),
        true => {
            let full = WIDTH * done.min(of) / of.max(1);
            let (full, empty) = ("█".repeat(full), "░".repeat(WIDTH - full));
            write!(stderr, "\r{full}{empty} {done} of {of} files\u{1b}[K")
        }
    };
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let project = Project::of(context, &arguments.dir)?;
    if arguments.purge {
        return purge(context, &project, arguments.json, out);
    }
    let Some(cache) = project.cache() else {
        let sentence = match context.paths {
            None => "There is no home directory, so there is no place for an index.",
            Some(_) => "The index is switched off: index.enabled is false for this project.",
        };
        return Err(Failure(sentence.to_owned()));
    };
    let failed = |error| Failure(format!("There is no index: {error}."));
    let workspace = project.open(Some(cache)).map_err(failed)?;
    if let Place::Reading(holder) = workspace.place() {
        return Err(Failure(format!(
            "Another process keeps this index up to date ({holder}), likely an editor; \
             `foretoken search` uses it all the same."
        )));
    }
    let report = project
        .refresh(&workspace, arguments.rebuild)
        .map_err(failed)?;
    workspace.settle().map_err(failed)?;
    tell(&workspace, &report, arguments.json, out)?;
    let looked = workspace.folder().filter(|_| arguments.drift);
    let looked = looked.map(|folder| drift::look(&workspace, &folder));
    if let Some(looked) = looked {
        let looked =
            looked.map_err(|error| Failure(format!("The look cannot be kept: {error}.")))?;
        writeln!(err, "foretoken: {}.", looked.sentence)?;
        if looked.shifted {
            return Ok(NOTHING);
        }
    }
    if workspace.state().files > 0 {
        return Ok(OK);
    }
    writeln!(err, "foretoken: No file here can be indexed.")?;
    Ok(NOTHING)
}

fn purge(
    context: &Context,
    project: &Project,
    json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    if let Some(paths) = &context.paths {
        foretoken_index::purge(&project.root, &paths.cache)
            .map_err(|error| Failure(format!("The index stays: {error}.")))?;
    }
    match json {
        true => writeln!(out, "{}", json!({"root": project.root, "purged": true}))?,
        false => writeln!(out, "The index of {} is removed.", project.root.display())?,
    }
    Ok(OK)
}

fn tell(
    workspace: &Workspace,
    report: &Report,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let state = workspace.state();
    let (size, folder) = (workspace.disk_size(), workspace.folder());
    if json {
        let object = json!({
            "root": workspace.root(),
            "folder": folder,
            "files": state.files,
            "chunks": state.chunks,
            "textBytes": state.text,
            "diskBytes": size,
            "read": report.read,
            "removed": report.removed,
            "skipped": report.skipped,
            "complete": state.complete,
            "ms": report.took.as_secs_f64() * 1e3,
        });
        writeln!(out, "{object}")?;
        return Ok(());
    }
    let (text, disk) = (state.text as f64 / 1e6, size as f64 / 1e6);
    let (files, chunks, seconds) = (state.files, state.chunks, report.took.as_secs_f64());
    writeln!(
        out,
        "{files} files, {chunks} chunks, {text:.1} MB of text; {disk:.1} MB on the disk"
    )?;
    let (read, removed) = (report.read, report.removed);
    writeln!(
        out,
        "{read} files read, {removed} removed, in {seconds:.2} s"
    )?;
    for (reason, count) in &report.skipped {
        writeln!(out, "left out, {reason}: {count}")?;
    }
    Ok(())
}
