//! The tables of one run: its classes, its languages, its kinds of jobs, its order.

use std::collections::BTreeMap;

use super::{Report, cell};
use crate::replay::figures::{self, get};
use crate::replay::log::Played;
use crate::replay::run::Run;
use crate::replay::traces::Class;
use crate::stats::table;

/// What is told of each class.
const OF_CLASS: [&str; 9] = [
    "keys",
    "answered",
    "with_text",
    "l50_all_ms",
    "l95_all_ms",
    "l99_all_ms",
    "d100",
    "type_through",
    "skipped",
];

/// The latencies of each class that was played.
pub(super) fn by_class(run: &Run) -> String {
    let names = OF_CLASS.iter().map(|name| (*name).to_owned());
    let mut rows = vec![
        std::iter::once(String::new())
            .chain(names)
            .collect::<Vec<_>>(),
    ];
    let mut jumps = String::new();
    for class in Class::ALL {
        let played: Vec<&Played> = run.of(class);
        if played.is_empty() {
            continue;
        }
        let figures = figures::latencies(&played);
        let cells = OF_CLASS.iter().map(|name| cell(get(&figures, name)));
        rows.push(
            std::iter::once(class.word().to_owned())
                .chain(cells)
                .collect(),
        );
        if class == Class::Jump {
            let [cold, warm] =
                ["cold_jump_p50_ms", "warm_jump_p50_ms"].map(|n| cell(get(&figures, n)));
            jumps = format!("first key after a jump, p50: cold {cold} ms, warm {warm} ms\n");
        }
    }
    format!("{}{jumps}", table(&rows))
}

/// What is told of each language.
const OF_LANGUAGE: [&str; 8] = [
    "keys",
    "with_text",
    "l50_all_ms",
    "l95_all_ms",
    "ks_strict",
    "ks_ngram_strict",
    "precision",
    "wsr",
];

/// Times and texts of each language.
pub(super) fn by_language(report: &Report<'_>, run: &Run) -> String {
    let mut groups: BTreeMap<&str, Vec<&Played>> = BTreeMap::new();
    for played in run.of(Class::Type) {
        let group = report.traces[played.trace].documents[0].group;
        groups.entry(group).or_default().push(played);
    }
    let names = OF_LANGUAGE.iter().map(|name| (*name).to_owned());
    let mut rows = vec![
        std::iter::once(String::new())
            .chain(names)
            .collect::<Vec<_>>(),
    ];
    for (group, played) in groups {
        let mut all = figures::latencies(&played);
        all.extend(figures::texts(&played, report.baseline));
        let cells = OF_LANGUAGE.iter().map(|name| cell(get(&all, name)));
        rows.push(std::iter::once(group.to_owned()).chain(cells).collect());
    }
    table(&rows)
}

/// What each kind of job did over the whole session, where the server tells.
pub(super) fn speculation(run: &Run) -> String {
    let Some(kinds) = run.counts["speculation"].as_object() else {
        return String::new();
    };
    let names = [
        "started",
        "finished",
        "used",
        "hits",
        "tokens",
        "tokensShown",
    ];
    let mut rows = vec![
        ["jobs by kind"]
            .into_iter()
            .chain(names)
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ];
    for (kind, row) in kinds {
        let cells = names.iter().map(|name| row[name].to_string());
        rows.push(std::iter::once(kind.clone()).chain(cells).collect());
    }
    table(&rows)
}

/// Whether all was in order.
pub(super) fn order(run: &Run) -> String {
    let found = run.disorder();
    let told = run.played.iter().any(|played| played.same_text.is_some());
    let texts = if told {
        "texts equal, "
    } else {
        "texts not comparable, "
    };
    let counted = run.counted;
    if found.is_empty() {
        return format!(
            "{} {}: order kept ({texts}{} requests, {} replies)",
            run.persona, run.variant, counted.requests, counted.replies
        );
    }
    format!(
        "{} {}: ORDER BROKEN: {}",
        run.persona,
        run.variant,
        found.join("; ")
    )
}
