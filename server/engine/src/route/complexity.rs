//! How much of a model a question needs: points for what makes questions hard, and the tier that they ask for.

use super::Signals;
use crate::assist::task::Task;

/// A size of model, as the user sorted the offers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Tier {
    /// Cheap and fast.
    Small,
    /// Between.
    Medium,
    /// The best there is.
    Large,
}

impl Tier {
    /// All tiers, the smallest first.
    pub const ALL: [Tier; 3] = [Tier::Small, Tier::Medium, Tier::Large];

    /// The name in settings and reports.
    pub fn code(self) -> &'static str {
        match self {
            Tier::Small => "small",
            Tier::Medium => "medium",
            Tier::Large => "large",
        }
    }

    /// The tier of this name.
    pub fn from_code(code: &str) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| tier.code() == code)
    }

    /// What so many points ask for: under 30 a small model, under 60 a medium one.
    pub fn of(points: u32) -> Tier {
        match points {
            0..30 => Tier::Small,
            30..60 => Tier::Medium,
            _ => Tier::Large,
        }
    }

    /// How far an offer's tier is from the wanted one; of two that are equally far the larger one is nearer.
    pub(super) fn distance(self, offered: Tier) -> u32 {
        let (wanted, offered) = (self as i32, offered as i32);
        let far = 2 * (offered - wanted).unsigned_abs();
        far + u32::from(offered < wanted)
    }
}

/// Points for each sign of a hard question. The defaults are guesses until they are fitted on recorded questions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weights {
    /// More than 2,000 tokens of prompt.
    pub long_prompt: i32,
    /// More than 5,000, besides.
    pub longer_prompt: i32,
    /// Hits in three files or more.
    pub many_files: i32,
    /// A trace.
    pub trace: i32,
    /// Three diagnostics or more.
    pub many_diagnostics: i32,
    /// Four nested blocks or more.
    pub deep_nesting: i32,
    /// A target of more than 80 lines.
    pub long_target: i32,
    /// Debugging.
    pub debug: i32,
    /// Fixing.
    pub fix: i32,
    /// Writing tests.
    pub test: i32,
    /// Writing documentation.
    pub document: i32,
    /// The last answer was rejected.
    pub rejected: i32,
    /// The user asked for more depth.
    pub deeper: i32,
}

impl Default for Weights {
    fn default() -> Self {
        Weights {
            long_prompt: 15,
            longer_prompt: 10,
            many_files: 15,
            trace: 15,
            many_diagnostics: 10,
            deep_nesting: 10,
            long_target: 10,
            debug: 20,
            fix: 15,
            test: 10,
            document: -10,
            rejected: 20,
            deeper: 40,
        }
    }
}

/// The points of a question, 0 at least.
pub fn complexity(signals: &Signals, weights: &Weights) -> u32 {
    let of_task = match signals.task {
        Task::Debug => weights.debug,
        Task::Fix => weights.fix,
        Task::Test => weights.test,
        Task::Document => weights.document,
        Task::Explain | Task::Summarise | Task::Ask => 0,
    };
    let signs = [
        (signals.prompt_tokens > 2_000, weights.long_prompt),
        (signals.prompt_tokens > 5_000, weights.longer_prompt),
        (signals.files >= 3, weights.many_files),
        (signals.trace, weights.trace),
        (signals.diagnostics >= 3, weights.many_diagnostics),
        (signals.nesting >= 4, weights.deep_nesting),
        (signals.target_lines > 80, weights.long_target),
        (signals.rejected, weights.rejected),
        (signals.deeper, weights.deeper),
        (true, of_task),
    ];
    let points = signs.iter().filter(|(there, _)| *there);
    let sum = points.fold(0i32, |sum, (_, weight)| sum.saturating_add(*weight));
    u32::try_from(sum).unwrap_or(0)
}
