//! The gates of a replay: two cores, the shipped model, VS Code's habits.

use super::{Report, cell};
use crate::replay::figures::get;
use crate::replay::variants::{SHIPPED, UNGATED};

/// The editor that they are about.
const PERSONA: &str = "vscode";

/// One gate and how it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Name of the figure.
    pub name: &'static str,
    /// The figure; NaN where it was not measured.
    pub value: f64,
    /// What it is held against.
    pub limit: f64,
    /// It is about what is right, so no run may miss it.
    pub always: bool,
    /// Whether it holds; `None` where it was not measured.
    pub holds: Option<bool>,
}

/// Figure, limit, and whether it is the least that is wanted.
const GATES: &[(&str, f64, bool)] = &[
    ("l50_all_ms", 30.0, false),
    ("l95_all_ms", 100.0, false),
    ("d100", 0.95, true),
    ("hit_p95_ms", 2.0, false),
    ("cwr", 0.2, false),
    ("cpu_ms_per_key", 50.0, false),
    ("idle_cpu_ms", 10.0, false),
    ("rss_mb", 300.0, false),
];

/// Figures that are quick to meet with empty answers: the worse of gated and ungated counts.
const WORSE: [&str; 4] = ["l50_all_ms", "l95_all_ms", "d100", "cpu_ms_per_key"];

pub(super) fn gates(report: &Report<'_>) -> Vec<Gate> {
    let of_persona = |variant: &str| {
        let mut runs = report.runs.iter();
        runs.find(|run| run.variant == variant && run.persona == PERSONA)
    };
    let broken = report
        .runs
        .iter()
        .filter(|run| !run.disorder().is_empty())
        .count();
    let order = Gate::none("runs_out_of_order", broken);
    let Some(shipped) = of_persona(SHIPPED) else {
        return vec![order];
    };
    let ungated = of_persona(UNGATED);
    let shipped_figures = report.figures(shipped);
    let ungated_figures = ungated.map(|run| report.figures(run));
    let mut all: Vec<Gate> = GATES
        .iter()
        .map(|&(name, limit, least)| {
            let mut value = get(&shipped_figures, name);
            if let Some(other) = ungated_figures.as_ref().filter(|_| WORSE.contains(&name)) {
                value = worse(value, get(other, name), least);
            }
            Gate::new(name, value, limit, least)
        })
        .collect();
    if let Some((found, ratio)) = report.drafts() {
        all.push(Gate::new("drafts_tokens_per_s_ratio", ratio, 1.5, true));
        all.push(Gate::none("drafts_different_texts", found.different));
    }
    let broken = report
        .runs
        .iter()
        .filter(|run| !run.disorder().is_empty())
        .count();
    all.push(Gate::new("runs_out_of_order", broken as f64, 0.0, false));
    all
}

fn worse(a: f64, b: f64, least: bool) -> f64 {
    match (a.is_nan() || b.is_nan(), least) {
        (true, _) => f64::NAN,
        (false, true) => a.min(b),
        (false, false) => a.max(b),
    }
}

impl Gate {
    fn new(name: &'static str, value: f64, limit: f64, least: bool) -> Gate {
        let holds = if least {
            value >= limit
        } else {
            value <= limit
        };
        Gate {
            name,
            value,
            limit,
            always: false,
            holds: (!value.is_nan()).then_some(holds),
        }
    }

    /// Of what must not be at all.
    fn none(name: &'static str, count: usize) -> Gate {
        Gate {
            always: true,
            ..Gate::new(name, count as f64, 0.0, false)
        }
    }

    /// For the report.
    #[must_use]
    pub fn sentence(&self) -> String {
        let verdict = match self.holds {
            Some(true) => "holds",
            Some(false) => "MISSED",
            None => "not measured",
        };
        format!(
            "gate {}: {} against {}: {verdict}",
            self.name,
            cell(self.value),
            self.limit
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_run_counts_and_infinity_is_missed() {
        assert_eq!(worse(1.0, f64::INFINITY, false), f64::INFINITY);
        assert_eq!(worse(0.9, 0.99, true), 0.9);
        assert!(worse(1.0, f64::NAN, false).is_nan());
        let gate = |value| Gate::new("l50_all_ms", value, 30.0, false).holds;
        assert_eq!(gate(30.0), Some(true));
        assert_eq!(gate(f64::INFINITY), Some(false));
        assert_eq!(gate(f64::NAN), None);
    }
}
