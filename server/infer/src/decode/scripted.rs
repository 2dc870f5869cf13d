//! A job that a [`Script`] answers in place of a network: same limits, same watch, same ways to end,
//! no tokenizer and no cache. Only in builds with the feature `scripted-model`, for measurements.

use std::time::Instant;

use foretoken_engine::prompt::Prompt;
use foretoken_engine::suggestion::Token;

use super::Run;
use crate::job::{Class, End, Flow, Job, Progress};
use crate::queue::Verdict;

/// Takes one token of the answer, or `None` while the next one is still on its way; false when nobody
/// wants more. To be called at least every few milliseconds, since this is where a job notices that
/// it was superseded.
pub type Heard<'a> = &'a mut dyn FnMut(Option<&str>) -> bool;

/// Answers one prompt on the worker's thread: gives every token to [`Heard`] and returns after the
/// last one, or as soon as `Heard` said false.
pub type Script = Box<dyn FnMut(&Prompt, Heard<'_>) + Send>;

impl Run {
    /// Lets the script answer. A job that only fills a cache ends at once, since a script has none.
    pub(crate) fn follow(
        &mut self,
        script: &mut Script,
        verdict: &dyn Fn(Class) -> Verdict,
    ) -> End {
        let started = *self.started.get_or_insert_with(Instant::now);
        self.outcome.timings.queue = started.duration_since(self.submitted);
        if self.job.limits.max_tokens == 0 {
            return End::Budget;
        }
        let Job {
            class,
            prompt,
            limits,
            stop,
            watch,
            ..
        } = &mut self.job;
        let (outcome, reply) = (&mut self.outcome, &self.reply);
        let mut end = None;
        script(prompt, &mut |token| {
            if stop() || reply.is_closed() {
                end = Some(End::Stopped);
                return false;
            }
            end = match verdict(*class) {
                Verdict::Go => None,
                // The answer of a paused job cannot be taken up again.
                Verdict::Superseded | Verdict::Yield => Some(End::Superseded),
                Verdict::Closed => Some(End::Stopped),
            };
            if end.is_none() && started.elapsed() >= limits.budget {
                end = Some(End::Budget);
            }
            let (None, Some(token)) = (&end, token) else {
                return end.is_none();
            };
            let timings = &mut outcome.timings;
            match outcome.tokens.is_empty() {
                true => timings.prefill = started.elapsed(),
                false => timings.decode = started.elapsed().saturating_sub(timings.prefill),
            }
            outcome.text.push_str(token);
            outcome.tokens.push(Token {
                end: outcome.text.len(),
                // A script is certain.
                logp: 0.0,
            });
            outcome.counts.generated += 1;
            outcome.counts.steps += 1;
            let progress = Progress {
                text: &outcome.text,
                tokens: &outcome.tokens,
            };
            if watch(progress) == Flow::Stop {
                end = Some(End::Watched);
            } else if outcome.tokens.len() >= limits.max_tokens {
                end = Some(End::Budget);
            }
            end.is_none()
        });
        end.unwrap_or(End::Eom)
    }
}
