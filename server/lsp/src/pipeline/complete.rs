//! One completion from a snapshot to a suggestion, as one straight line: decide whether to ask, let
//! the words of the file propose, build the prompt, generate, trim and judge, choose the better one.
//! It knows no protocol and keeps nothing; whoever calls it carries `Window` and `Lookup` from one
//! completion of a document to the next.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretoken_engine::document::Document;
use foretoken_engine::lookup::{LOOKUP_GATE, Lookup, ProposalLimits};
use foretoken_engine::place::Place;
use foretoken_engine::position::floor_boundary;
use foretoken_engine::prompt::Window;
use foretoken_engine::suggestion::Suggestion;
use foretoken_engine::trigger::{self, History, Kind};
use foretoken_infer::{Class, Drafts, Errand, Infer, ModelInfo};

use super::choose::{Spot, Written, choose, with_minimum};
use super::generate::{Asked, Exit, OnEarly};
use super::report::{self, Reason, Report, milliseconds};

/// Bytes of text before the cursor that the look-up needs to see; it compares at most six words.
const LOOKUP_REACH: usize = 1024;

/// Bytes on each side of the cursor in which drafts are looked for, which takes 0.1 ms at most.
const DRAFT_REACH: usize = 75_000;

/// How long the best text so far is held back for a better one: from here on people notice the wait. It is where
/// the governor calls a model slow.
const PATIENCE: Duration = foretoken_engine::governor::SLOW;

/// What a completion is made from.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The snapshot.
    pub document: Document,
    /// The cursor, in bytes.
    pub byte: usize,
    /// Who asks.
    pub kind: Kind,
    /// What is known of the place beyond its text.
    pub history: History,
    /// What stays as it was in the prompts of this document; the default for the first one.
    pub window: Window,
    /// Nobody is typing, so the prompt may be made anew as a whole.
    pub idle: bool,
    /// The words of an older text of this document; built here where there is none.
    pub lookup: Option<Lookup>,
    /// Least probability that is shown, 0 to 1; `None` takes what was fitted for each model.
    pub minimum_probability: Option<f32>,
}

/// The model to ask.
#[derive(Clone, Debug)]
pub struct Model {
    pub infer: Infer,
    pub info: Arc<ModelInfo>,
}

/// How a completion is followed and ended by its caller.
pub struct Attempt {
    pub class: Class,
    /// Longest time on the model.
    pub budget: Duration,
    /// Asked between the steps of the model; true ends it.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Sees the raw text grow, on the model's thread.
    pub on_text: Box<dyn FnMut(&str) + Send>,
    /// Gets a suggestion that may be shown while the generation goes on, at most once.
    pub on_early: Option<OnEarly>,
    /// Whom the job is for, and what else is wanted of it.
    pub errand: Errand,
    /// Texts of which the answer may repeat a part, the likeliest first, before those of the file.
    pub likely: Vec<Arc<str>>,
}

impl Attempt {
    /// One that nobody follows and nothing ends but its budget.
    pub fn alone(budget: Duration) -> Attempt {
        Attempt {
            class: Class::Request,
            budget,
            stop: Arc::new(|| false),
            on_text: Box::new(|_| {}),
            on_early: None,
            errand: Errand::default(),
            likely: Vec::new(),
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("class", &self.class)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Completed {
    /// What to offer.
    pub suggestion: Option<Suggestion>,
    /// Why there is nothing; absent if and only if there is a suggestion.
    pub empty: Option<Reason>,
    pub report: Report,
    /// What the model alone would have offered; to compare, not to show.
    pub said: Option<Suggestion>,
    /// What the words of the file alone would have offered.
    pub guess: Option<Suggestion>,
    /// What the model wrote and what the words of the file proposed, before any filter.
    pub written: [Option<Written>; 2],
    /// To be handed in with the next completion of the document.
    pub window: Option<Window>,
    pub lookup: Option<Lookup>,
}

/// Computes one completion. `model` is the model, or why there is none; the words of the file may
/// answer without one. Ends early when `attempt.stop` says so.
pub async fn run(inputs: Inputs, model: Result<&Model, Reason>, mut attempt: Attempt) -> Completed {
    let started = Instant::now();
    let mut report = Report::default();
    let place = Place::at(&inputs.document, inputs.byte);
    let mode = match trigger::decide(&place, inputs.kind, &inputs.history) {
        Ok(mode) => mode,
        Err(skip) => return ended(Err(Reason::Skip(skip)), report, started),
    };
    report.mode = Some(report::mode_name(mode));

    // 0.05 ms for a megabyte; what is kept of it is only what changed.
    let text = inputs.document.rope().to_string();
    let lookup = match &inputs.lookup {
        Some(older) => older.update(&text),
        None => Lookup::build(&[&text]),
    };
    drop(text);
    let proposal = lookup
        .propose(reach(&place.before), &ProposalLimits::at(&place, mode))
        .map(Written::from);
    let spot = Spot {
        document: &inputs.document,
        place: &place,
        mode,
    };
    let gate = with_minimum(LOOKUP_GATE, inputs.minimum_probability);
    let guess = proposal.as_ref().map(|text| spot.judge(text, &gate));
    report.candidates.lookup = probability(guess.as_ref());
    report.ms.lookup = milliseconds(started.elapsed());

    let (window, said, written) = match model {
        Ok(model) => {
            let asked = Asked {
                inputs: &inputs,
                place: &place,
                mode,
                model,
                drafts: Drafts {
                    texts: [&attempt.likely[..], &around(&inputs.document, place.offset)].concat(),
                    proposal: proposal.as_ref().map(|proposal| proposal.text.clone()),
                },
                rival: report.candidates.lookup,
            };
            let exit = Exit::new(attempt.on_early.take());
            let best = guess.as_ref().and_then(|guess| guess.clone().ok());
            let left = PATIENCE.saturating_sub(started.elapsed());
            let generating = asked.generate(attempt, exit.clone(), &mut report);
            let generated = impatiently(generating, left, || {
                if let Some(best) = best {
                    exit.leave(best);
                }
            });
            let generated = generated.await;
            (Some(generated.window), generated.said, generated.written)
        }
        Err(reason) => (None, Err(reason), None),
    };
    report.candidates.model = said.as_ref().ok().map(|said| said.probability);
    Completed {
        said: said.as_ref().ok().cloned(),
        guess: guess.as_ref().and_then(|guess| guess.clone().ok()),
        written: [written, proposal],
        window,
        lookup: Some(lookup),
        ..ended(choose(said, guess), report, started)
    }
}

/// The outcome of `work`, which goes on; where it is not there in time, `late` is called once meanwhile.
async fn impatiently<T>(work: impl Future<Output = T>, time: Duration, late: impl FnOnce()) -> T {
    let mut work = std::pin::pin!(work);
    match tokio::time::timeout(time, &mut work).await {
        Ok(outcome) => outcome,
        Err(_) => {
            late();
            work.await
        }
    }
}

/// The text before and behind the cursor as the model writes it, with `\n` for every line end. They are
/// two texts, since in one the longest match would always be the cursor itself.
pub(super) fn around(document: &Document, offset: usize) -> [Arc<str>; 2] {
    let rope = document.rope();
    let from = floor_boundary(rope, offset.saturating_sub(DRAFT_REACH));
    let to = floor_boundary(rope, offset + DRAFT_REACH);
    [from..offset, offset..to].map(|range| {
        let text = rope.byte_slice(range).to_string();
        match text.contains('\r') {
            true => text.replace("\r\n", "\n").replace('\r', "\n").into(),
            false => text.into(),
        }
    })
}

fn ended(outcome: Result<Suggestion, Reason>, mut report: Report, started: Instant) -> Completed {
    let (suggestion, empty) = match outcome {
        Ok(suggestion) => (Some(suggestion), None),
        Err(reason) => (None, Some(reason)),
    };
    report.source = suggestion
        .as_ref()
        .map(|suggestion| report::source_name(suggestion.source));
    report.probability = suggestion.as_ref().map(|suggestion| suggestion.probability);
    report.reason = empty.as_ref().map(Reason::code);
    report.sentence = empty.as_ref().map(|reason| reason.sentence().to_owned());
    report.ms.total = milliseconds(started.elapsed());
    Completed {
        suggestion,
        empty,
        report,
        said: None,
        guess: None,
        written: [None, None],
        window: None,
        lookup: None,
    }
}

fn probability(guess: Option<&Result<Suggestion, Reason>>) -> Option<f32> {
    Some(guess?.as_ref().ok()?.probability)
}

/// The end of `before`, at most `LOOKUP_REACH` bytes.
fn reach(before: &str) -> &str {
    let from = before.len().saturating_sub(LOOKUP_REACH);
    let from = (from..=before.len()).find(|&at| before.is_char_boundary(at));
    &before[from.unwrap_or(0)..]
}

#[cfg(test)]
mod tests {
    use foretoken_grammars::Language;

    use super::*;

    #[tokio::test]
    async fn what_is_late_is_waited_for_all_the_same() {
        let long = Duration::from_secs(60);
        let mut was_late = false;
        assert_eq!(impatiently(async { 3 }, long, || was_late = true).await, 3);
        assert!(!was_late);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let late = || assert_eq!(sender.send(4), Ok(()));
        assert_eq!(impatiently(receiver, Duration::ZERO, late).await, Ok(4));
    }

    #[test]
    fn drafts_come_from_both_sides_of_the_cursor() {
        let open = |text: &str| Document::open("a.txt", Language::Text, 0, text);
        let halves = around(&open("a\r\nb\rc\nd"), 3);
        assert_eq!(halves.each_ref().map(|half| &**half), ["a\n", "b\nc\nd"]);
        // Both of the outer ends lie inside a character.
        let long = "…😀".repeat(50_000);
        let halves = around(&open(&long), 7 * 25_000);
        assert_eq!(
            halves.each_ref().map(|half| half.len()),
            [DRAFT_REACH + 2, DRAFT_REACH - 2]
        );
    }
}
