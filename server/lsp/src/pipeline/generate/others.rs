//! Other texts for a place where one is shown already, for a person who looks through them.

use foretoken_engine::place::Place;
use foretoken_engine::suggestion::{self, Gate, Raw, Suggestion, Watch};
use foretoken_infer::{Alternative, Branches, Drafts, End, Flow, Job};

use super::{Asked, Attempt, Exit, Inputs, Model, Report, report};

/// Texts beside the one shown: what editors step through is three at most (R13 of the editors' rules).
const MOST: usize = 2;

/// What came of it.
#[derive(Debug, Default)]
pub struct Others {
    /// Texts that differ from the shown one and from each other.
    pub found: Vec<Suggestion>,
    pub report: Report,
}

/// Looks for other texts than `shown` at the cursor of `inputs`. The shown text is drafted, so that it is
/// verified in a step or two and tells where the model was not certain.
pub async fn others(inputs: Inputs, shown: &str, model: &Model, mut attempt: Attempt) -> Others {
    let place = Place::at(&inputs.document, inputs.byte);
    let mode = place.mode();
    let asked = Asked {
        inputs: &inputs,
        place: &place,
        mode,
        model,
        drafts: Drafts {
            texts: Vec::new(),
            proposal: Some(shown.replace("\r\n", "\n")),
        },
        rival: None,
    };
    let mut report = Report {
        model: Some(format!("{} {}", model.info.name, model.info.version)),
        mode: Some(report::mode_name(mode)),
        ..Report::default()
    };
    let mut errand = std::mem::take(&mut attempt.errand);
    let at = place.clone();
    let watch = move || -> foretoken_infer::Watch {
        // No gate: whoever asks for others wants to see what is less probable.
        let mut watch = Watch::new(&at, mode);
        Box::new(
            move |progress| match watch.step(progress.text, progress.tokens) {
                suggestion::Flow::Stop(_) => Flow::Stop,
                suggestion::Flow::Continue => Flow::Continue,
            },
        )
    };
    let first = watch();
    errand.branches = Some(Branches {
        most: MOST,
        watch: Box::new(watch),
    });
    let (prompt, _) = asked.prompt();
    let job = Job {
        watch: first,
        ..asked.job(prompt, attempt, (model.info.gate, Exit::new(None)))
    };
    let Ok(outcome) = model.infer.submit_for(job, errand).await else {
        return Others {
            found: Vec::new(),
            report,
        };
    };
    report.tokens = outcome.counts.into();
    report.ms.take(&outcome.timings);
    report.end = Some(report::end_name(&outcome.end));
    let mut found: Vec<Suggestion> = Vec::new();
    for other in &outcome.alternatives {
        let Some(suggestion) = asked.judge_other(other) else {
            continue;
        };
        let text = suggestion.text.as_str();
        let same = |known: &str| known.starts_with(text) || text.starts_with(known);
        if !same(shown) && !found.iter().any(|known| same(&known.text)) {
            found.push(suggestion);
        }
    }
    report.source = (!found.is_empty()).then_some("model");
    Others { found, report }
}

impl Asked<'_> {
    /// All filters but the gate's threshold; its probability still says how good the text is.
    fn judge_other(&self, other: &Alternative) -> Option<Suggestion> {
        let mut watch = Watch::new(self.place, self.mode);
        watch.step(&other.text, &other.tokens);
        let raw = Raw {
            text: &other.text,
            tokens: &other.tokens,
            ended: other.end == End::Eom
                || watch.stopped().is_some_and(|reason| reason.is_boundary()),
        };
        let gate = Gate {
            show: 0.0,
            ..self.model.info.gate
        };
        let document = &self.inputs.document;
        suggestion::finish(&raw, document, self.place, self.mode, Some(&gate)).ok()
    }
}
