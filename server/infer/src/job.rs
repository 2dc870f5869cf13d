//! What is asked of a local model and what comes back: a *job* is one prompt with its limits, an
//! *outcome* its text with the tokens it is made of. Both are plain values; nothing here runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foretoken_engine::prompt::Prompt;
use foretoken_engine::suggestion::Token;

use crate::errand::Alternative;

/// How urgent a job is, most urgent first. The first two share the latest-wins slots, the others wait
/// in a bounded queue and run in quanta of at most 20 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A person waits for the answer. Displaces every older `Request` of its owner and every
    /// `Speculative` job that nobody waits for.
    Request,
    /// Begun before anyone asked. Displaces an older `Speculative` job that nobody waits for, and waits
    /// behind a `Request`. Once somebody waits for it (`Errand::awaited`) it is one itself.
    Speculative,
    /// What would be asked next ("as if accepted"), refills.
    Prefetch,
    /// Prefill only, so that a later request finds its prefix in the cache (`max_tokens` 0).
    Warm,
}

impl Class {
    /// Whether a newer job of this class makes an older one worthless.
    pub(crate) fn is_foreground(self) -> bool {
        matches!(self, Class::Request | Class::Speculative)
    }
}

/// When a job ends at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tokens to generate at most; 0 fills the cache and generates nothing.
    pub max_tokens: usize,
    /// Wall time from the moment the worker first takes the job up; waiting in the queue is not counted.
    pub budget: Duration,
}

/// Where drafts may come from: texts in which the continuation may have been written before.
#[derive(Clone, Debug, Default)]
pub struct Drafts {
    /// Searched in this order for what followed the last characters.
    pub texts: Vec<Arc<str>>,
    /// Text expected right after the cursor, such as the rest of the suggestion just shown.
    pub proposal: Option<String>,
}

/// The text so far, given to [`Job::watch`] after each token.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Text after the cursor; only whole characters.
    pub text: &'a str,
    /// The tokens of `text`, each with its end in it.
    pub tokens: &'a [Token],
}

/// What a watch wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on decoding.
    Continue,
    /// The text is complete; the job ends with [`End::Watched`].
    Stop,
}

/// Asked between decode steps and prefill chunks; true ends the job with [`End::Stopped`].
pub type Stop = Box<dyn Fn() -> bool + Send>;

/// Called on the worker's thread after each token.
pub type Watch = Box<dyn FnMut(Progress<'_>) -> Flow + Send>;

/// One thing to generate.
pub struct Job {
    /// Its class decides what it displaces and what it waits for.
    pub class: Class,
    /// Control tokens and texts; the last section is the text that ends at the cursor.
    pub prompt: Prompt,
    /// When it ends at the latest.
    pub limits: Limits,
    /// Where drafts come from; they change the speed, never the text.
    pub drafts: Drafts,
    /// Whether nobody waits any longer.
    pub stop: Stop,
    /// Sees the text grow and may end it.
    pub watch: Watch,
}

impl fmt::Debug for Job {
    /// Leaves the prompt out: its text is the user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("class", &self.class)
            .field("sections", &self.prompt.sections.len())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What became of a job.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Text after the cursor, possibly empty, whole characters only.
    pub text: String,
    /// Tokens of `text` in order, each with its end in bytes and its log-probability (natural
    /// logarithm, among the tokens that were allowed there).
    pub tokens: Vec<Token>,
    /// Why it ended.
    pub end: End,
    /// Other texts, the likelier beginnings first, where the errand wanted some.
    pub alternatives: Vec<Alternative>,
    /// Tokens and steps spent.
    pub counts: Counts,
    /// Where the time went.
    pub timings: Timings,
}

/// Why a job ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// The model said it is done.
    Eom,
    /// The watch stopped it.
    Watched,
    /// A limit was reached: tokens, time, or the positions of the model.
    Budget,
    /// Nobody waited any longer, or the worker shut down.
    Stopped,
    /// A newer job took its place.
    Superseded,
    /// Something broke; the sentence says what. The worker goes on.
    Failed(String),
    /// No model is loaded.
    #[default]
    NoModel,
}

/// Tokens and steps of one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Of these, found in the cache.
    pub reused: usize,
    /// Tokens of it really run: before the first token came, and again where a pause lost their state. Less
    /// than what was not reused for a job that ended early; nothing for one that never began.
    pub prefilled: usize,
    /// Tokens generated, including those that only respell the text before the cursor.
    pub generated: usize,
    /// Tokens proposed by drafts.
    pub drafted: usize,
    /// Of these, what the model would have said too.
    pub accepted: usize,
    /// Runs of the model, prefill chunks included.
    pub steps: usize,
}

/// Where the time of one job went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// From `submit` until the worker first took the job up.
    pub queue: Duration,
    /// Text to ids.
    pub tokenise: Duration,
    /// Running the prompt, up to the first token.
    pub prefill: Duration,
    /// Everything after the first token.
    pub decode: Duration,
}
