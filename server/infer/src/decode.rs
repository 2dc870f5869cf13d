//! One job from its prompt to its outcome, step by step: prefill in chunks, then greedy decoding with
//! healing and drafts. A [`Run`] can be left between any two steps and taken up again, because all
//! that it needs is its ids; what the cache still holds of them is found anew each time.

use std::fmt;
use std::time::Instant;

use foretoken_engine::suggestion::Token;
use tokio::sync::oneshot;

use crate::draft::{self, Course, Haystack, Tail};
use crate::errand::{Caller, Errand};
use crate::heal;
use crate::job::{Class, End, Flow, Job, Outcome, Progress};
use crate::load::Model;
use crate::queue::Verdict;
use crate::sample;
use crate::tokenizer::Tokens;

mod branch;
mod plan;
#[cfg(feature = "scripted-model")]
mod scripted;

#[cfg(feature = "scripted-model")]
pub use scripted::{Heard, Script};

use branch::Forks;
use plan::Plan;

/// A job with what has become of it so far.
pub(crate) struct Run {
    job: Job,
    errand: Errand,
    reply: oneshot::Sender<Outcome>,
    submitted: Instant,
    /// When the worker first took it up.
    started: Option<Instant>,
    plan: Plan,
    outcome: Outcome,
    /// What the answer seems to repeat.
    course: Course,
    haystack: Option<Haystack>,
    forks: Forks,
}

/// What one call of [`Run::advance`] came to.
#[derive(Debug)]
pub(crate) enum Advance {
    /// Finished; the outcome says how.
    Ended(End),
    /// Something more urgent waits; call again later.
    Paused,
}

impl Run {
    /// A job that has just come in, and where its outcome will arrive.
    pub(crate) fn new(job: Job, errand: Errand) -> (Run, oneshot::Receiver<Outcome>) {
        let (reply, receiver) = oneshot::channel();
        let run = Run {
            job,
            errand,
            reply,
            submitted: Instant::now(),
            started: None,
            plan: Plan::default(),
            outcome: Outcome::default(),
            course: Course::default(),
            haystack: None,
            forks: Forks::default(),
        };
        (run, receiver)
    }

    /// Its class.
    pub(crate) fn class(&self) -> Class {
        self.job.class
    }

    /// Whom it is for.
    pub(crate) fn caller(&self) -> Caller {
        self.errand.caller()
    }

    /// Sends the outcome. Nobody may be waiting any more, which is no error.
    pub(crate) fn finish(mut self, end: End) {
        self.outcome.end = end;
        self.return_to_trunk();
        if self.outcome.timings.queue.is_zero() {
            // It never came to its first step.
            self.outcome.timings.queue = self.submitted.elapsed();
        }
        let _ = self.reply.send(self.outcome);
    }

    /// Works until the end or until `verdict` asks for room.
    pub(crate) fn advance(
        &mut self,
        model: &mut Model,
        verdict: &dyn Fn(Class) -> Verdict,
    ) -> Advance {
        let started = *self.started.get_or_insert_with(Instant::now);
        loop {
            if let Some(end) = self.cut_short(verdict) {
                return end;
            }
            if let Some(end) = self.split_prompt(model, started) {
                return Advance::Ended(end);
            }
            if started.elapsed() >= self.job.limits.budget {
                return Advance::Ended(End::Budget);
            }
            let begun = Instant::now();
            let prefilling = self.outcome.counts.generated == 0;
            let step = self.step(model);
            let timings = &mut self.outcome.timings;
            match prefilling {
                true => timings.prefill += begun.elapsed(),
                false => timings.decode += begun.elapsed(),
            }
            match step {
                Ok(None) => {}
                Ok(Some(end)) if self.takes_branch(model, &end) => {}
                Ok(Some(end)) => return Advance::Ended(end),
                Err(error) => {
                    return Advance::Ended(match verdict(self.job.class) {
                        Verdict::Closed => End::Stopped,
                        _ => End::Failed(format!("The model stopped with an error ({error}).")),
                    });
                }
            }
        }
    }

    /// Splits the prompt into ids, once, and not for somebody who has gone. `Some` where it cannot be run.
    fn split_prompt(&mut self, model: &Model, started: Instant) -> Option<End> {
        if !self.plan.ids.is_empty() {
            return None;
        }
        let splitting = Instant::now();
        self.plan = Plan::new(&model.tokens, &self.job.prompt.sections);
        self.outcome.counts.prompt = self.plan.prompt;
        self.outcome.timings.queue = started.duration_since(self.submitted);
        self.outcome.timings.tokenise = splitting.elapsed();
        if self.plan.prompt == 0 {
            return Some(End::Failed("An empty prompt has no answer.".into()));
        }
        let most = model.info.max_positions;
        (self.plan.prompt >= most).then(|| {
            End::Failed(format!(
                "A prompt of {} tokens does not fit the model's {most} positions.",
                self.plan.prompt
            ))
        })
    }

    /// Whether it must end or pause before its next step.
    fn cut_short(&self, verdict: &dyn Fn(Class) -> Verdict) -> Option<Advance> {
        if (self.job.stop)() || self.unwanted() {
            return Some(Advance::Ended(End::Stopped));
        }
        match verdict(self.job.class) {
            Verdict::Go => None,
            Verdict::Superseded => Some(Advance::Ended(End::Superseded)),
            Verdict::Closed => Some(Advance::Ended(End::Stopped)),
            Verdict::Yield => Some(Advance::Paused),
        }
    }

    /// Whether nobody can receive the outcome. What a warm-up leaves in the cache is wanted all the same.
    fn unwanted(&self) -> bool {
        self.job.class != Class::Warm && self.reply.is_closed()
    }

    /// One run of the model: a chunk of the prompt, or its rest with drafts behind it and a token for
    /// each row that held. `Some` when the job has come to its end.
    fn step(&mut self, model: &mut Model) -> ort::Result<Option<End>> {
        let prefill_only = self.job.limits.max_tokens == 0;
        let at = self.take_slot(model);
        let past = model.slots.slot(at).ids.len();
        let pending = self.plan.ids.len() - past;
        let left = model.slots.left();
        let chunk = model.pace.chunk().min(model.session.most_new());
        if pending > chunk || prefill_only {
            let count = pending.min(chunk);
            let begun = Instant::now();
            let new = &self.plan.ids[past..past + count];
            model.session.run(model.slots.slot(at), new, 1)?;
            model.pace.note(count, begun.elapsed());
            self.ran(count, left);
            return Ok((prefill_only && pending == count).then_some(End::Budget));
        }
        let drafts = self.draft(model);
        let mut new = self.plan.ids[past..].to_vec();
        new.extend_from_slice(&drafts);
        let rows = drafts.len() + 1;
        let vocabulary = model.session.vocabulary();
        let begun = Instant::now();
        let logits = model.session.run(model.slots.slot(at), &new, rows)?;
        model.cost.note(new.len(), begun.elapsed());
        self.ran(pending, left);
        let first = self.plan.ids.len();
        let mut accepted = 0;
        let mut end = None;
        for (row, logits) in logits.chunks_exact(vocabulary).enumerate() {
            let (id, ended) = self.token(&model.tokens, &model.info, logits);
            end = ended;
            let held = drafts.get(row) == Some(&id);
            accepted += usize::from(held);
            if end.is_some() || !held {
                break;
            }
        }
        let kind = self.course.kind();
        self.course.advance(&self.plan.ids[first..]);
        if !drafts.is_empty() {
            model.acceptance.note(kind, drafts.len(), accepted);
            self.outcome.counts.drafted += drafts.len();
            self.outcome.counts.accepted += accepted;
        }
        Ok(end)
    }

    /// The slot to run in, rewound to what it holds of this run's ids.
    fn take_slot(&mut self, model: &mut Model) -> usize {
        let first = !std::mem::replace(&mut self.plan.begun, true);
        if first && !model.kv_reuse {
            // Of all slots: between two chunks the run may move to any that holds its beginning.
            model.slots.forget();
        }
        let at = model.slots.acquire(&self.plan.ids, self.job.class);
        if first {
            self.outcome.counts.reused = model.slots.slot(at).ids.len();
        }
        at
    }

    /// Books one run of the model over `count` ids that are no drafts.
    fn ran(&mut self, count: usize, left: usize) {
        let counts = &mut self.outcome.counts;
        counts.steps += 1;
        counts.prefilled += match counts.generated {
            0 => count,
            // Each step runs its last ids anew; what is more than these was lost in a pause.
            _ => count.saturating_sub(left),
        };
    }

    /// Ids to verify along with the next token.
    fn draft(&mut self, model: &mut Model) -> Vec<u32> {
        let plan = &self.plan;
        // Tokens that only respell what is owed do not count against the limit.
        let limits = &self.job.limits;
        let left = limits
            .max_tokens
            .saturating_sub(self.outcome.tokens.len())
            .saturating_add(plan.still_owed().len());
        let room = model.info.max_positions.saturating_sub(plan.ids.len());
        let quick = model.cost.most().unwrap_or(usize::MAX);
        let longest = self.errand.longest_draft.unwrap_or(usize::MAX);
        let limit = (left.min(room).saturating_sub(1))
            .min(quick.saturating_sub(1))
            .min(longest);
        if !model.drafts || limit == 0 {
            return Vec::new();
        }
        if self.course.is_over() {
            let (Ok(owed), Ok(generated)) = (
                std::str::from_utf8(plan.still_owed()),
                std::str::from_utf8(&plan.bytes),
            ) else {
                // In the middle of a character; the next step ends it.
                return Vec::new();
            };
            let tail = Tail {
                text: &self.outcome.text,
                owed,
                piece: &[plan.piece.as_str(), generated].concat(),
                piece_at: plan.piece_at,
                ids: &plan.ids,
            };
            let drafts = &self.job.drafts;
            let haystack = self
                .haystack
                .get_or_insert_with(|| Haystack::new(&model.tokens, drafts, &mut model.drafted));
            let proposal = drafts.proposal.as_deref();
            self.course = draft::propose(&model.tokens, haystack, proposal, tail);
        }
        self.course
            .next(&model.acceptance, &model.cost, limit)
            .to_vec()
    }

    /// Takes the best token of one row into the text; `Some` when that ends the job.
    fn token(
        &mut self,
        tokens: &Tokens,
        info: &crate::state::ModelInfo,
        logits: &[f32],
    ) -> (u32, Option<End>) {
        let allowed = heal::allowed(tokens, self.plan.still_owed());
        let Some((id, logp)) = sample::pick(logits, allowed.as_deref()) else {
            let sentence = "The model gave no numbers; its package may be damaged.";
            return (u32::MAX, Some(End::Failed(sentence.into())));
        };
        self.note_fork(logits, allowed.as_deref(), logp);
        (id, self.take_token(tokens, info, (id, logp)))
    }

    /// Takes one token into the text; `Some` when that ends the job.
    fn take_token(
        &mut self,
        tokens: &Tokens,
        info: &crate::state::ModelInfo,
        (id, logp): (u32, f32),
    ) -> Option<End> {
        self.outcome.counts.generated += 1;
        let Some(bytes) = tokens.bytes(id) else {
            return Some(End::Eom);
        };
        self.plan.push(id, bytes);
        let fresh = &self.plan.bytes[self.plan.owed.len().min(self.plan.bytes.len())..];
        let broken = match std::str::from_utf8(fresh) {
            Ok(text) => {
                self.outcome.text.push_str(&text[self.outcome.text.len()..]);
                false
            }
            Err(error) => {
                // A character may be spelled by several tokens; its first bytes are held back.
                let whole = std::str::from_utf8(&fresh[..error.valid_up_to()]).unwrap_or_default();
                self.outcome
                    .text
                    .push_str(&whole[self.outcome.text.len()..]);
                error.error_len().is_some()
            }
        };
        if fresh.is_empty() {
            // It only respells what stands before the cursor.
            return self.out_of_room(info);
        }
        self.outcome.tokens.push(Token {
            end: self.outcome.text.len(),
            logp,
        });
        if self.cut_at_stop_text(info) {
            return Some(End::Eom);
        }
        let progress = Progress {
            text: &self.outcome.text,
            tokens: &self.outcome.tokens,
        };
        match (self.job.watch)(progress) {
            Flow::Stop => Some(End::Watched),
            Flow::Continue if broken => Some(End::Budget),
            Flow::Continue => self.out_of_room(info),
        }
    }

    /// Cuts the text where it spells what ends an answer in this format.
    fn cut_at_stop_text(&mut self, info: &crate::state::ModelInfo) -> bool {
        let stop = info.format.stop_text.as_deref();
        let Some(at) = stop.and_then(|stop| self.outcome.text.find(stop)) else {
            return false;
        };
        self.outcome.text.truncate(at);
        let tokens = &mut self.outcome.tokens;
        // The token that reaches over the cut stays, up to it.
        let whole = tokens.iter().take_while(|token| token.end < at).count();
        tokens.truncate(whole + usize::from(at > 0));
        if let Some(last) = tokens.last_mut() {
            last.end = last.end.min(at);
        }
        true
    }

    /// Whether no further token may come.
    fn out_of_room(&self, info: &crate::state::ModelInfo) -> Option<End> {
        let full = self.outcome.tokens.len() >= self.job.limits.max_tokens
            || self.plan.ids.len() >= info.max_positions;
        full.then_some(End::Budget)
    }
}

impl fmt::Debug for Run {
    /// Leaves prompt and text out: they are the user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("job", &self.job)
            .field("counts", &self.outcome.counts)
            .finish_non_exhaustive()
    }
}
