//! `foretoken stats`: what the sessions of this user came to, from the files in which they left their counts.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use foretoken_remote::ledger::{Ledger, Limits, Line};
use foretoken_remote::store::Store;
use serde_json::{Value, json};

use super::{Context, Failure, NOTHING, OK};
use crate::canary::Runs;
use crate::metrics::figures::{Figures, Histogram};
use crate::metrics::file::{self, Record};
use crate::metrics::{drift, experiments, listen, ops};
use crate::paths::Paths;

mod html;
mod text;

/// Show what suggestions and answers came to: how fast, how often accepted, why nothing was shown, what was spent.
///
/// Everything shown was counted on this machine and stays there. No text and no path is in it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How many days, with today (UTC).
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=file::KEPT_DAYS))]
    days: u64,
    /// One JSON object: each day, and all time.
    #[arg(long, conflicts_with_all = ["html", "listen", "write_ops", "delete"])]
    json: bool,
    /// Write a page with plots to this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "write_ops", "delete"])]
    html: Option<PathBuf>,
    /// Serve the sums over all time to a Prometheus on this machine, until it is stopped; `127.0.0.1:9464` is usual.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["write_ops", "delete"])]
    listen: Option<SocketAddr>,
    /// Write recording rules, alerts, their tests, a dashboard and a Prometheus configuration that fit this version into a folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "delete")]
    write_ops: Option<PathBuf>,
    /// Compare this week's mix of languages and tasks with that of the first four weeks; exit code 1 if it is another one.
    #[arg(long, conflicts_with_all = ["json", "html", "listen", "write_ops", "delete", "experiments"])]
    drift: bool,
    /// Compare the arms of experiments (`metrics.experiments`) over installations.
    #[arg(long, conflicts_with_all = ["json", "html", "listen", "write_ops", "delete"])]
    experiments: bool,
    /// What `foretoken stats --json` printed on another installation, to be compared along; may be given several times.
    #[arg(long, value_name = "FILE", requires = "experiments")]
    with: Vec<PathBuf>,
    /// Delete all counts of this user.
    #[arg(long)]
    delete: bool,
}

/// What a report is made of.
pub(super) struct Period {
    /// The days asked for, oldest first; a day without a session is there too.
    pub(super) days: Vec<(String, Figures)>,
    /// Their sum.
    pub(super) sum: Figures,
    /// What remote answers cost on these days.
    pub(super) costs: Vec<Line>,
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    if let Some(folder) = &arguments.write_ops {
        return write_ops(folder, out);
    }
    let Some(paths) = &context.paths else {
        return Err(Failure(
            "There is no home directory, so no counts are kept.".to_owned(),
        ));
    };
    let folder = paths.metrics();
    if arguments.delete {
        let count = file::remove_all(&folder)
            .map_err(|error| Failure(format!("{}: {error}.", folder.display())))?;
        writeln!(err, "foretoken: {count} files of counts are deleted.")?;
        return Ok(OK);
    }
    if let Some(address) = arguments.listen {
        return listen(paths, address, err);
    }
    let record = read(paths, err)?;
    if arguments.drift {
        return drift(paths, &record, out, err);
    }
    if arguments.experiments {
        return compare(context, &record, &arguments.with, out, err);
    }
    if record == Record::default() {
        let kept = context.settings.metrics.keep;
        let why = match kept {
            true => "no session of an editor has ended or lasted ten seconds so far",
            false => "`metrics.keep` is false in your settings",
        };
        writeln!(err, "foretoken: there is nothing to show: {why}.")?;
        return Ok(NOTHING);
    }
    let period = period(&record, arguments.days, costs(paths), SystemTime::now());
    if arguments.json {
        writeln!(out, "{}", as_json(&period, &record))?;
    } else if let Some(path) = &arguments.html {
        let page = html::page(&period);
        std::fs::write(path, page)
            .map_err(|error| Failure(format!("{}: {error}.", path.display())))?;
        writeln!(err, "foretoken: the page is in {}.", path.display())?;
    } else {
        let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        out.write_all(text::report(&period, coloured).as_bytes())?;
    }
    Ok(OK)
}

/// All that can be read; what cannot is told.
fn read(paths: &Paths, err: &mut dyn Write) -> Result<Record, Failure> {
    let folder = paths.metrics();
    let (record, unreadable) = file::read_all(&folder)
        .map_err(|error| Failure(format!("{}: {error}.", folder.display())))?;
    for path in unreadable {
        writeln!(
            err,
            "foretoken: {} cannot be read and is left out; `foretoken stats --delete` removes all counts.",
            path.display()
        )?;
    }
    Ok(record)
}

/// What remote answers cost, by day, task and model; nothing where nobody was asked.
fn costs(paths: &Paths) -> Vec<Line> {
    let books = paths.books();
    if !books.exists() {
        return Vec::new();
    }
    let now = file::seconds(SystemTime::now());
    let lines = Store::open(&books)
        .and_then(|store| Ledger::new(store, Limits::default(), now))
        .and_then(|ledger| ledger.lines(0));
    lines.unwrap_or_default()
}

fn period(record: &Record, days: u64, costs: Vec<Line>, now: SystemTime) -> Period {
    let day = |back: u64| {
        let then = now.checked_sub(Duration::from_secs(back * 24 * 3600));
        file::day(then.unwrap_or(SystemTime::UNIX_EPOCH))
    };
    let days: Vec<(String, Figures)> = (0..days)
        .rev()
        .map(day)
        .map(|day| {
            let figures = record.days.get(&day).cloned().unwrap_or_default();
            (day, figures)
        })
        .collect();
    let mut sum = Figures::default();
    days.iter().for_each(|(_, figures)| sum.add(figures));
    let first = days.first().map_or("", |(day, _)| day);
    let costs = costs
        .into_iter()
        .filter(|line| line.day.as_str() >= first)
        .collect();
    Period { days, sum, costs }
}

/// This week's mix beside that of the first weeks.
fn drift(
    paths: &Paths,
    record: &Record,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let mixes = drift::mixes(record, &costs(paths), SystemTime::now());
    for mix in &mixes {
        write!(out, "{}", mix.to_text())?;
    }
    if mixes.is_empty() {
        let sentence =
            "there is nothing to compare: it takes counts of this week and of four weeks before.";
        writeln!(err, "foretoken: {sentence}")?;
    }
    let drifted = mixes.iter().any(drift::Mix::is_drift);
    Ok(if mixes.is_empty() || drifted {
        NOTHING
    } else {
        OK
    })
}

/// Experiments over this installation and those of the files.
fn compare(
    context: &Context,
    record: &Record,
    files: &[PathBuf],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut installations = vec![record.total().experiments];
    for path in files {
        let unreadable = |why: &dyn std::fmt::Display| {
            Failure(format!(
                "{} is no output of `foretoken stats --json`: {why}.",
                path.display()
            ))
        };
        let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
        let mut value: Value =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
        let total = value.get_mut("allTime").map(Value::take);
        let total = total.ok_or_else(|| unreadable(&"it has no `allTime`"))?;
        let figures: Figures = serde_json::from_value(total).map_err(|error| unreadable(&error))?;
        installations.push(figures.experiments);
    }
    let declared = &context.settings.metrics.experiments;
    let reports = experiments::reports(&installations, |name| {
        let known = declared.iter().find(|known| known.name == name);
        known.and_then(|known| known.arms.first().cloned())
    });
    for report in &reports {
        write!(out, "{}", report.to_text())?;
    }
    if reports.is_empty() {
        let why = match declared.iter().next() {
            Some(_) => "no arm has counted anything so far",
            None => "`metrics.experiments` in your settings declares none",
        };
        writeln!(err, "foretoken: there is nothing to compare: {why}.")?;
        return Ok(NOTHING);
    }
    Ok(OK)
}

fn as_json(period: &Period, record: &Record) -> Value {
    let days: serde_json::Map<String, Value> = period
        .days
        .iter()
        .map(|(day, figures)| (day.clone(), json!(figures)))
        .collect();
    let costs: Vec<Value> = period
        .costs
        .iter()
        .map(|line| {
            json!({
                "day": line.day,
                "task": line.task,
                "model": line.model,
                "requests": line.requests,
                "costNanoUsd": line.cost,
            })
        })
        .collect();
    json!({"days": days, "sum": period.sum, "allTime": record.total(), "costs": costs})
}

/// Two quantiles in ms.
fn quantiles(times: &Histogram) -> Option<(f64, f64)> {
    Some((times.quantile(0.5)? * 1e3, times.quantile(0.95)? * 1e3))
}

/// `part` of `whole`, 0 to 1; `None` of nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn write_ops(folder: &std::path::Path, out: &mut dyn Write) -> Result<u8, Failure> {
    for path in
        ops::write(folder).map_err(|error| Failure(format!("{}: {error}.", folder.display())))?
    {
        writeln!(out, "{}", path.display())?;
    }
    Ok(OK)
}

fn listen(paths: &Paths, address: SocketAddr, err: &mut dyn Write) -> Result<u8, Failure> {
    if !address.ip().is_loopback() {
        return Err(Failure(format!(
            "{address} can be reached from other machines; only an address of this machine is served, such as 127.0.0.1:9464."
        )));
    }
    let listener = listen::bind(address)
        .map_err(|error| Failure(format!("{address} cannot be had: {error}.")))?;
    let bound = listener
        .local_addr()
        .map_err(|error| Failure(format!("{address} cannot be had: {error}.")))?;
    writeln!(
        err,
        "foretoken: figures of this user are at http://{bound}/metrics until this is stopped."
    )?;
    let folder = paths.metrics();
    listen::serve(&listener, &|| {
        let (record, _) = file::read_all(&folder).unwrap_or_default();
        let costs = costs(paths);
        let mixes = drift::mixes(&record, &costs, SystemTime::now());
        let mut far: Vec<(&str, f64)> = mixes.iter().map(|mix| (mix.of, mix.distance)).collect();
        if let Ok(runs) = Runs::load(paths) {
            let changes: usize = runs.report().map(|(_, _, changes)| changes.len()).sum();
            far.push(("canary", changes as f64));
        }
        crate::metrics::expose::page(&record.total(), &costs, &far)
    });
    Ok(OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_without_a_session_have_a_row() {
        let mut record = Record::default();
        let figures = Figures {
            changes: 2,
            ..Figures::default()
        };
        record.add("2026-11-29", &figures);
        record.add("2026-11-20", &figures);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(20_787 * 86_400);
        let period = period(&record, 3, Vec::new(), now);
        let days: Vec<(&str, u64)> = period
            .days
            .iter()
            .map(|(d, f)| (d.as_str(), f.changes))
            .collect();
        assert_eq!(
            days,
            [("2026-11-28", 0), ("2026-11-29", 2), ("2026-11-30", 0)]
        );
        assert_eq!(period.sum.changes, 2);
    }
}
