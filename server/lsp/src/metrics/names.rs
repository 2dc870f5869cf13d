//! The names of all metrics, their help and their labels: what `expose.rs`, the rules and the dashboard are held against.
//!
//! Names that begin with `gen_ai` are those of OpenTelemetry's conventions for generative AI, kept here as our own strings, since the
//! conventions still move. A label's values are from a closed list, or names that the user gave to models: never a user, a path or a text.

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Without the suffixes that a kind brings (`_total`, `_bucket`).
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    /// In the order in which values are given.
    pub labels: &'static [&'static str],
}

/// How its values behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Histogram,
    Gauge,
}

impl Metric {
    /// The series that a query can name.
    pub fn series(&self) -> Vec<String> {
        let suffixes: &[&str] = match self.kind {
            Kind::Counter => &["_total"],
            Kind::Histogram => &["_bucket", "_sum", "_count"],
            Kind::Gauge => &[""],
        };
        suffixes
            .iter()
            .map(|suffix| format!("{}{suffix}", self.name))
            .collect()
    }
}

const fn counter(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
) -> Metric {
    let kind = Kind::Counter;
    Metric {
        name,
        kind,
        help,
        labels,
    }
}

const fn histogram(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
) -> Metric {
    let kind = Kind::Histogram;
    Metric {
        name,
        kind,
        help,
        labels,
    }
}

pub const OPERATION_SECONDS: Metric = histogram(
    "gen_ai_client_operation_duration_seconds",
    "Time from a request for a suggestion to its answer with a text; by where the text came from",
    &["gen_ai_operation_name", "gen_ai_provider_name", "source"],
);
pub const STAGE_SECONDS: Metric = histogram(
    "foretoken_stage_seconds",
    "Time of one stage of a suggestion or of an answer",
    &["feature", "stage"],
);
pub const SECTION_TOKENS: Metric = histogram(
    "foretoken_prompt_section_tokens",
    "Tokens by group of sections of a question to a remote model, the answer among them",
    &["feature", "section"],
);
pub const ROUTES: Metric = counter(
    "foretoken_route",
    "Answers by task, size of the model, level of the prompt and place of the model in the plan",
    &["task", "tier", "level", "position"],
);
pub const FALLBACKS: Metric = counter(
    "foretoken_fallbacks",
    "Remote models that failed before another one of the plan was asked",
    &[],
);
pub const REQUESTS: Metric = counter(
    "foretoken_requests",
    "Requests by feature and outcome",
    &["feature", "outcome"],
);
pub const SUGGESTIONS: Metric = counter(
    "foretoken_suggestions",
    "What became of suggestions, by language and writer",
    &["event", "language", "model"],
);
pub const CHARACTERS: Metric = counter(
    "foretoken_characters",
    "Characters of suggestions that were accepted, and of these those still there after five minutes",
    &["event"],
);
pub const NOTHING_SHOWN: Metric = counter(
    "foretoken_nothing_shown",
    "Empty answers by reason",
    &["reason"],
);
pub const CACHE_EVENTS: Metric = counter(
    "foretoken_cache_events",
    "Questions that were answered from a text at hand, joined work that ran already, or began new work",
    &["cache", "event"],
);
pub const TOKENS: Metric = counter(
    "foretoken_tokens",
    "Tokens of the local model: run, taken from its cache, generated, drafted, and accepted of drafts",
    &["kind"],
);
pub const WASTED_TOKENS: Metric = counter(
    "foretoken_wasted_tokens",
    "Tokens that the local model ran for texts that were never shown",
    &["feature"],
);
pub const STREAMS: Metric = counter(
    "foretoken_streams",
    "Answers of remote models by how they ended",
    &["outcome"],
);
pub const EDITS: Metric = counter(
    "foretoken_edits",
    "Edits of remote models that the user applied or discarded",
    &["event"],
);
pub const DRIFT: Metric = Metric {
    name: "foretoken_drift",
    kind: Kind::Gauge,
    help: "How far this week's mix of languages and tasks is from that of the first weeks (above 0.2: another one), and what changed about remote models by their canaries (above 0: something)",
    labels: &["kind"],
};
pub const RATINGS: Metric = counter(
    "foretoken_answer_ratings",
    "Answers that the user called useful or not useful",
    &["event"],
);
pub const COST: Metric = counter(
    "foretoken_cost_nanousd",
    "What remote answers cost, in billionths of a dollar, by task and model",
    &["task", "gen_ai_request_model"],
);
pub const TYPING_SECONDS: Metric = counter(
    "foretoken_typing_seconds",
    "Time in which somebody typed; pauses over half a minute left out",
    &[],
);
pub const CHANGES: Metric = counter("foretoken_changes", "Changes of documents", &[]);
pub const PANICS: Metric = counter(
    "foretoken_panics",
    "Defects that were caught and cost one request each",
    &[],
);
pub const SLOW_TICKS: Metric = counter(
    "foretoken_slow_ticks",
    "Times that the server was held up for over 20 ms",
    &[],
);

/// All of them.
pub const ALL: &[Metric] = &[
    OPERATION_SECONDS,
    STAGE_SECONDS,
    SECTION_TOKENS,
    ROUTES,
    FALLBACKS,
    DRIFT,
    REQUESTS,
    SUGGESTIONS,
    CHARACTERS,
    NOTHING_SHOWN,
    CACHE_EVENTS,
    TOKENS,
    WASTED_TOKENS,
    STREAMS,
    EDITS,
    RATINGS,
    COST,
    TYPING_SECONDS,
    CHANGES,
    PANICS,
    SLOW_TICKS,
];
