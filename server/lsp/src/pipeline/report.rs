//! How a completion went: where its text comes from or why there is none, tokens and time by stage.
//! What `complete --json` prints and what the status shows is this value, and nothing else.

use std::time::Duration;

use foretoken_engine::context::Chosen;
use foretoken_engine::place::Mode;
use foretoken_engine::suggestion::{Reject, Source};
use foretoken_engine::trigger::Skip;
use foretoken_infer::{Counts, End, Timings};
use serde::Serialize;

use super::cache::{Hit, Kind};

/// Why there is nothing to offer. Every empty answer has one.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Nothing was asked of the model.
    Skip(Skip),
    /// What was generated is not worth showing.
    Reject(Reject),
    /// There is no model, and the words of the file suggest nothing; the sentence says why.
    NoModel(String),
    /// The model is still being loaded.
    Loading,
    /// The model failed; the sentence says how.
    Failed(String),
    /// Nobody waits for the answer any more.
    Superseded,
    /// Suggestions are switched off, here or everywhere.
    Disabled,
    /// The document is not open.
    NotOpen,
    /// The position lies outside the document.
    PositionOutside,
    /// The parameters of the request cannot be read.
    Unreadable,
    /// The editor's menu has a text selected that does not fit the document.
    MenuSelection,
    /// Something broke on our side.
    Internal,
}

impl Reason {
    /// The name to count under: kebab-case, one of a closed set.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Skip(skip) => skip.code(),
            Reason::Reject(reject) => reject.code(),
            Reason::NoModel(_) => "no-model",
            Reason::Loading => "loading",
            Reason::Failed(_) => "model-failed",
            Reason::Superseded => "superseded",
            Reason::Disabled => "disabled",
            Reason::NotOpen => "not-open",
            Reason::PositionOutside => "position-outside",
            Reason::Unreadable => "unreadable-request",
            Reason::MenuSelection => "menu-selection",
            Reason::Internal => "internal-error",
        }
    }

    /// The sentence for the user.
    pub fn sentence(&self) -> &str {
        match self {
            Reason::Skip(skip) => skip.sentence(),
            Reason::Reject(reject) => reject.sentence(),
            Reason::NoModel(sentence) | Reason::Failed(sentence) => sentence,
            Reason::Loading => "The model is still being loaded.",
            Reason::Superseded => "A newer request took the place of this one.",
            Reason::Disabled => "Suggestions are switched off for this file by a setting.",
            Reason::NotOpen => "The editor has not opened this document.",
            Reason::PositionOutside => "The position lies outside the document.",
            Reason::Unreadable => "The editor's request could not be read.",
            Reason::MenuSelection => "The editor's menu has another text selected.",
            Reason::Internal => "Something went wrong inside Foretoken; the log has the place.",
        }
    }
}

/// How one completion went.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Who wrote the text: `model` or `lookup`; for one that was at hand already, `cache` or
    /// `flight`. Absent without a text.
    pub source: Option<&'static str>,
    /// Name and version of the model that ran; absent where none did.
    pub model: Option<String>,
    /// `line` or `block`: how much was asked for.
    pub mode: Option<&'static str>,
    /// Why the generation ended.
    pub end: Option<&'static str>,
    /// Code of the reason for an empty answer.
    pub reason: Option<&'static str>,
    /// The same as a sentence.
    pub sentence: Option<String>,
    /// Estimated probability, 0 to 1, that the offered text is exactly right.
    pub probability: Option<f32>,
    /// What each of the two models would have offered.
    pub candidates: Candidates,
    /// Tokens of the model's run.
    pub tokens: Tokens,
    /// Time by stage, ms.
    pub ms: Stages,
    /// SHA-256 of the prompt's sections, to compare two prompts without showing them.
    pub prompt_sha256: Option<String>,
    /// Cuts of other files in the prompt, in their order there.
    pub pieces: Vec<Piece>,
    /// Where a text that was at hand comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_hand: Option<AtHand>,
}

/// What is known of a text that was at hand.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtHand {
    /// Who wrote it: `model` or `lookup`.
    pub source: &'static str,
    /// Why it was computed: `request`, `edit`, `ahead`, `refill` or `alternative`.
    pub kind: Kind,
    /// Bytes of it that were typed since.
    pub typed: usize,
    /// The user had turned it down here, and asked for it by the key.
    pub dismissed: bool,
}

impl AtHand {
    pub(crate) fn of(hit: &Hit) -> AtHand {
        AtHand {
            source: source_name(hit.suggestion.source),
            kind: hit.origin.kind,
            typed: hit.typed,
            dismissed: hit.dismissed,
        }
    }
}

/// A cut of another file that the model saw.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Piece {
    /// The file, as the model was shown it.
    pub path: String,
    /// Its first and last line, from one.
    pub lines: [usize; 2],
    /// `imported`, `edited` or `neighbour`.
    pub why: &'static str,
    /// Tokens of the prompt that it takes.
    pub tokens: usize,
}

impl Piece {
    pub(crate) fn of(chosen: &Chosen) -> Piece {
        Piece {
            path: chosen.piece.path.clone(),
            lines: [chosen.lines.start + 1, chosen.lines.end],
            why: chosen.why.code(),
            tokens: chosen.tokens,
        }
    }
}

/// Probabilities of the two proposals; absent where there was none that could be shown.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Candidates {
    /// Of the neural model's text.
    pub model: Option<f32>,
    /// Of the text from the look-up.
    pub lookup: Option<f32>,
}

/// Tokens and steps of the model's run.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Tokens {
    /// Of the prompt.
    pub prompt: usize,
    /// Of these, found in the cache of the model.
    pub reused: usize,
    /// Of it really run; less than the rest where the job was stopped.
    pub prefilled: usize,
    /// Generated.
    pub generated: usize,
    /// Proposed by drafts.
    pub drafted: usize,
    /// Of these, kept.
    pub accepted: usize,
    /// Runs of the model.
    pub steps: usize,
}

impl From<Counts> for Tokens {
    fn from(counts: Counts) -> Tokens {
        Tokens {
            prompt: counts.prompt,
            reused: counts.reused,
            prefilled: counts.prefilled,
            generated: counts.generated,
            drafted: counts.drafted,
            accepted: counts.accepted,
            steps: counts.steps,
        }
    }
}

/// Where the time went, ms.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Stages {
    /// Until somebody took the work up.
    pub wait: f64,
    /// Proposal from the words of the file.
    pub lookup: f64,
    /// Building the prompt.
    pub prompt: f64,
    /// Text to token ids.
    pub tokenise: f64,
    /// Running the prompt.
    pub prefill: f64,
    /// Generating.
    pub decode: f64,
    /// Trimming and judging the text.
    pub filter: f64,
    /// From the start of the completion to its end.
    pub total: f64,
}

impl Stages {
    /// The stages of a run of the model by the names under which they are counted, ms.
    pub(crate) fn by_name(&self) -> [(&'static str, f64); 7] {
        [
            ("queue", self.wait),
            ("lookup", self.lookup),
            ("prompt", self.prompt),
            ("tokenise", self.tokenise),
            ("prefill", self.prefill),
            ("decode", self.decode),
            ("filter", self.filter),
        ]
    }

    pub(crate) fn take(&mut self, timings: &Timings) {
        self.wait += milliseconds(timings.queue);
        self.tokenise = milliseconds(timings.tokenise);
        self.prefill = milliseconds(timings.prefill);
        self.decode = milliseconds(timings.decode);
    }
}

/// A duration in ms with three decimals, which is as much as a clock tells.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Line => "line",
        Mode::Block => "block",
    }
}

pub(crate) fn source_name(source: Source) -> &'static str {
    match source {
        Source::Model => "model",
        Source::Lookup => "lookup",
    }
}

pub(crate) fn end_name(end: &End) -> &'static str {
    match end {
        End::Eom => "eom",
        End::Watched => "watched",
        End::Budget => "budget",
        End::Stopped => "stopped",
        End::Superseded => "superseded",
        End::Failed(_) => "failed",
        End::NoModel => "no-model",
    }
}
