//! Other texts than the best one. The trunk, the greedy text, notes where the model was not certain;
//! once it has ended, a *branch* begins there with the second or third best token. It runs in the
//! trunk's slot, rewound to that place, so that no prompt is run a second time.

use super::{Course, Run};
use crate::errand::Alternative;
use crate::job::{End, Outcome};
use crate::load::Model;
use crate::sample;

/// A best token at least so probable is certain enough: another one would be a bad text. Start value.
const CERTAIN: f32 = 0.9;
/// A token less probable than this begins no text worth looking at. Start value.
const LEAST: f32 = 0.01;
/// Tokens looked at in each place, the best one included.
const RANKS: usize = 3;
/// Branches that may be tried for each text wanted; two beginnings may lead to the same text.
const TRIES: usize = 2;

/// The places at which another token may be taken, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Forks {
    open: Vec<Fork>,
    tried: usize,
    /// The greedy text, once it has ended, with the ids that the model saw and the bytes of its answer.
    trunk: Option<Alternative>,
    ids: Vec<u32>,
    bytes: Vec<u8>,
    found: Vec<Alternative>,
}

/// One other token, and the lengths at which it goes on.
#[derive(Clone, Copy, Debug)]
struct Fork {
    id: u32,
    logp: f32,
    ids: usize,
    bytes: usize,
    tokens: usize,
    text: usize,
}

impl Run {
    /// Notes what else could stand here, if that is of use.
    pub(super) fn note_fork(&mut self, logits: &[f32], allowed: Option<&[u32]>, best: f32) {
        if self.errand.branches.is_none() || self.forks.trunk.is_some() || best >= CERTAIN.ln() {
            return;
        }
        let others = sample::top(logits, allowed, RANKS);
        for (id, logp) in others.into_iter().skip(1) {
            if logp >= LEAST.ln() {
                self.forks.open.push(Fork {
                    id,
                    logp,
                    ids: self.plan.ids.len(),
                    bytes: self.plan.bytes.len(),
                    tokens: self.outcome.tokens.len(),
                    text: self.outcome.text.len(),
                });
            }
        }
    }

    /// At the end of a text: keeps it, and begins the next one that is wanted. False when none is.
    pub(super) fn takes_branch(&mut self, model: &Model, end: &End) -> bool {
        let Some(branches) = &self.errand.branches else {
            return false;
        };
        let most = branches.most;
        let whole = matches!(end, End::Eom | End::Watched | End::Budget);
        self.keep(end);
        loop {
            let forks = &mut self.forks;
            let enough = forks.found.len() >= most || forks.tried >= most * TRIES;
            if !whole || enough || forks.open.is_empty() {
                return false;
            }
            forks.tried += 1;
            // In the order of the text, the better token first.
            let fork = forks.open.remove(0);
            match self.go_back_to(fork, model) {
                None => return true,
                // The token alone was a text.
                Some(end) => self.keep(&end),
            }
        }
    }

    /// Puts the greedy text back in its place, with the others behind it.
    pub(super) fn return_to_trunk(&mut self) {
        let Some(trunk) = self.forks.trunk.take() else {
            return;
        };
        let Outcome {
            text, tokens, end, ..
        } = &mut self.outcome;
        // A branch that was cut short takes nothing from what was found before it.
        (*text, *tokens, *end) = (trunk.text, trunk.tokens, trunk.end);
        self.outcome.alternatives = std::mem::take(&mut self.forks.found);
    }

    /// Keeps the text that has just ended, unless it is known.
    fn keep(&mut self, end: &End) {
        let ended = Alternative {
            text: self.outcome.text.clone(),
            tokens: self.outcome.tokens.clone(),
            end: end.clone(),
        };
        let forks = &mut self.forks;
        let Some(trunk) = &forks.trunk else {
            forks.trunk = Some(ended);
            forks.ids.clone_from(&self.plan.ids);
            forks.bytes.clone_from(&self.plan.bytes);
            return;
        };
        let known = |other: &Alternative| other.text.trim_end() == ended.text.trim_end();
        if !ended.text.trim().is_empty() && !known(trunk) && !forks.found.iter().any(known) {
            forks.found.push(ended);
        }
    }

    /// Goes back to a place of the trunk and takes the other token there.
    fn go_back_to(&mut self, fork: Fork, model: &Model) -> Option<End> {
        let trunk = self.forks.trunk.as_ref()?;
        self.outcome.text = trunk.text[..fork.text].to_owned();
        self.outcome.tokens = trunk.tokens[..fork.tokens].to_vec();
        self.plan.ids = self.forks.ids[..fork.ids].to_vec();
        self.plan.bytes = self.forks.bytes[..fork.bytes].to_vec();
        self.course = Course::default();
        if let Some(branches) = &mut self.errand.branches {
            self.job.watch = (branches.watch)();
        }
        self.take_token(&model.tokens, &model.info, (fork.id, fork.logp))
    }
}
