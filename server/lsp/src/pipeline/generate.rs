//! One run of the model for one place: the prompt, the job, what is watched while it runs, and the
//! judgement of its text. How the text may leave early is decided here; what is done with it is not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foretoken_engine::document::Document;
use foretoken_engine::place::{Mode, Place};
use foretoken_engine::prompt::{self, Piece, Prompt, Section, Window};
use foretoken_engine::suggestion::{self, Gate, Raw, Source, Suggestion, Watch};
use foretoken_infer::{Class, Drafts, End, Flow, Job, Limits, Outcome, Progress};
use sha2::{Digest, Sha256};

use super::choose::{Spot, Written, with_minimum};
use super::complete::{Attempt, Inputs, Model};
use super::report::{self, Reason, Report, milliseconds};

pub mod ahead;
pub mod others;

/// Tokens after which an answer may leave before the generation has ended. Waiting for 16 took 95 ms
/// and left 45 % of the requests unanswered, against 38 ms and 2 % for 8 (measured over the wire at
/// 1,400 tokens of prompt).
const EARLY_TOKENS: usize = 8;

/// From this age on a generation answers at the next end of a word. Start value.
const EARLY_AGE: Duration = Duration::from_millis(80);

/// Called with a text that may be shown.
pub type OnEarly = Box<dyn FnOnce(Suggestion) + Send>;

/// The way out for a text before the generation has ended. Whoever uses it first closes it: the model's thread
/// with what it has written, or the pipeline when that takes too long.
#[derive(Clone)]
pub(super) struct Exit(Arc<Mutex<Option<OnEarly>>>);

impl Exit {
    pub(super) fn new(on_early: Option<OnEarly>) -> Exit {
        Exit(Arc::new(Mutex::new(on_early)))
    }

    pub(super) fn is_open(&self) -> bool {
        self.place().is_some()
    }

    /// Lets a text out, unless one has left.
    pub(super) fn leave(&self, suggestion: Suggestion) {
        // Not called under the lock: it sends, which is not ours to bound.
        let send = self.place().take();
        if let Some(send) = send {
            send(suggestion);
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<OnEarly>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All that one generation needs.
pub(super) struct Asked<'a> {
    pub(super) inputs: &'a Inputs,
    pub(super) place: &'a Place,
    pub(super) mode: Mode,
    pub(super) model: &'a Model,
    pub(super) drafts: Drafts,
    /// Probability of the look-up's proposal, which an early answer must reach.
    pub(super) rival: Option<f32>,
}

/// What came of a generation.
pub(super) struct Generated {
    /// Of the prompt that was made.
    pub(super) window: Window,
    /// What may be shown.
    pub(super) said: Result<Suggestion, Reason>,
    /// The text before any filter.
    pub(super) written: Option<Written>,
}

impl Asked<'_> {
    /// Prompt, model, filters.
    pub(super) async fn generate(
        self,
        mut attempt: Attempt,
        exit: Exit,
        report: &mut Report,
    ) -> Generated {
        let info = &self.model.info;
        report.model = Some(format!("{} {}", info.name, info.version));
        let building = Instant::now();
        let (prompt, window) = self.prompt();
        report.prompt_sha256 = Some(fingerprint(&prompt));
        report.pieces = window.shown().map(report::Piece::of).collect();
        report.ms.prompt = milliseconds(building.elapsed());

        let gate = with_minimum(info.gate, self.inputs.minimum_probability);
        let errand = std::mem::take(&mut attempt.errand);
        let outcome = self
            .model
            .infer
            .submit_for(self.job(prompt, attempt, (gate, exit)), errand)
            .await
            .unwrap_or_else(|_| Outcome {
                end: End::Failed("The model's thread has ended; restart the server.".to_owned()),
                ..Outcome::default()
            });
        report.tokens = outcome.counts.into();
        report.ms.take(&outcome.timings);
        report.end = Some(report::end_name(&outcome.end));

        let filtering = Instant::now();
        let said = self.judge(&outcome, &gate);
        report.ms.filter = milliseconds(filtering.elapsed());
        Generated {
            window,
            said,
            written: self.written(&outcome).ok(),
        }
    }

    /// The prompt in the model's own budget, counted by its tokenizer.
    fn prompt(&self) -> (Prompt, Window) {
        let infer = &self.model.infer;
        let offered = self.inputs.window.offered().iter();
        let pieces: Vec<Piece> = offered.map(|chosen| chosen.piece.clone()).collect();
        let input = prompt::Input {
            doc: &self.inputs.document,
            byte: self.place.offset,
            pieces: &pieces,
            budget: &self.model.info.budget,
            idle: self.inputs.idle,
        };
        let format = &self.model.info.format;
        prompt::dialect::write(format, &input, &self.inputs.window, &|text| {
            infer.count(text)
        })
    }

    /// The job with its two followers: `Watch` ends it where nothing further would be shown, `Early`
    /// looks for the moment at which the answer may leave. Both run on the model's thread.
    fn job(&self, prompt: Prompt, attempt: Attempt, (gate, exit): (Gate, Exit)) -> Job {
        let most = self.model.info.budget.generate;
        let mut watch = Watch::new(self.place, self.mode).with_gate(gate, most);
        let mut on_text = attempt.on_text;
        let mut early = exit.is_open().then(|| Early {
            exit,
            document: self.inputs.document.clone(),
            place: self.place.clone(),
            mode: self.mode,
            gate,
            rival: self.rival.unwrap_or_default(),
            since: Instant::now(),
        });
        let stop = attempt.stop;
        Job {
            class: attempt.class,
            prompt,
            limits: Limits {
                max_tokens: most,
                budget: attempt.budget,
            },
            drafts: self.drafts.clone(),
            stop: Box::new(move || stop()),
            watch: Box::new(move |progress| {
                on_text(progress.text);
                match watch.step(progress.text, progress.tokens) {
                    suggestion::Flow::Stop(_) => Flow::Stop,
                    suggestion::Flow::Continue => {
                        if let Some(early) = &mut early {
                            early.look(progress);
                        }
                        Flow::Continue
                    }
                }
            }),
        }
    }

    /// What the model wrote. The stop rules are run once more over the whole text, because a draft may
    /// have brought several tokens in one step.
    fn written(&self, outcome: &Outcome) -> Result<Written, Reason> {
        match &outcome.end {
            End::Eom | End::Watched | End::Budget => {}
            End::Stopped | End::Superseded => return Err(Reason::Superseded),
            End::Failed(sentence) => return Err(Reason::Failed(sentence.clone())),
            End::NoModel => return Err(Reason::NoModel("No model is loaded.".to_owned())),
        }
        let mut watch = Watch::new(self.place, self.mode);
        watch.step(&outcome.text, &outcome.tokens);
        let ended =
            outcome.end == End::Eom || watch.stopped().is_some_and(|reason| reason.is_boundary());
        Ok(Written {
            text: outcome.text.clone(),
            tokens: outcome.tokens.clone(),
            ended,
            source: Source::Model,
        })
    }

    /// From what the model said to a suggestion.
    fn judge(&self, outcome: &Outcome, gate: &Gate) -> Result<Suggestion, Reason> {
        let spot = Spot {
            document: &self.inputs.document,
            place: self.place,
            mode: self.mode,
        };
        spot.judge(&self.written(outcome)?, gate)
    }
}

/// Looks for the moment at which the text so far may be shown.
struct Early {
    exit: Exit,
    document: Document,
    place: Place,
    mode: Mode,
    gate: Gate,
    rival: f32,
    since: Instant,
}

impl Early {
    /// Sends the text so far if it may be shown. Once sent, the rest is for the keys to come.
    fn look(&mut self, progress: Progress<'_>) {
        if !self.exit.is_open() {
            return;
        }
        let due = progress.tokens.len() >= EARLY_TOKENS || self.since.elapsed() >= EARLY_AGE;
        // Judging parses, on the model's thread; between the ends of words the answer is the same.
        if !due || !at_word_end(progress) {
            return;
        }
        let raw = Raw {
            text: progress.text,
            tokens: progress.tokens,
            ended: false,
        };
        let judged = suggestion::finish(
            &raw,
            &self.document,
            &self.place,
            self.mode,
            Some(&self.gate),
        );
        if let Ok(suggestion) = judged
            && suggestion.probability >= self.rival
        {
            self.exit.leave(suggestion);
        }
    }
}

/// Whether the last token began a new word, so that what stands before it is whole.
fn at_word_end(progress: Progress<'_>) -> bool {
    let before = match progress.tokens {
        [.., before, _] => before.end,
        _ => return false,
    };
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let next = progress
        .text
        .get(before..)
        .and_then(|rest| rest.chars().next());
    next.is_some_and(|c| !word(c))
}

/// SHA-256 over the prompt's sections, each with its kind.
fn fingerprint(prompt: &Prompt) -> String {
    let mut hash = Sha256::new();
    for section in &prompt.sections {
        match section {
            Section::Control(control) => {
                hash.update([0]);
                hash.update(control.token());
            }
            Section::Token(token) => {
                hash.update([2]);
                hash.update(token);
            }
            Section::Text(text) | Section::Opening(text) => {
                hash.update([1]);
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text);
            }
        }
    }
    hex(&hash.finalize())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes the prompt of a resting place anew as a whole and runs it, so that the next key finds it in
/// the model's cache. The window to go on with; `None` where the model had something better to do.
pub async fn prepare(inputs: Inputs, model: &Model, attempt: Attempt) -> Option<Window> {
    let place = Place::at(&inputs.document, inputs.byte);
    let asked = Asked {
        inputs: &inputs,
        place: &place,
        mode: Mode::Line,
        model,
        drafts: Drafts::default(),
        rival: None,
    };
    let (prompt, window) = asked.prompt();
    let job = Job {
        class: Class::Warm,
        limits: Limits {
            max_tokens: 0,
            budget: attempt.budget,
        },
        ..asked.job(prompt, attempt, (model.info.gate, Exit::new(None)))
    };
    let outcome = model.infer.submit(job).await.ok()?;
    matches!(outcome.end, End::Eom | End::Watched | End::Budget).then_some(window)
}
