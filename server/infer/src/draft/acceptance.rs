//! How often drafts of each kind held lately, and from that the length at which one pays.

use std::collections::VecDeque;

/// Drafts whose fate is remembered (`engine::lookup::draft_length` grades by as many).
const REMEMBERED: usize = 32;

/// Kinds of evidence, each with its own record: matches of 1, 2, 3, 4-5, 6-7 and 8 ids, proposals.
const KINDS: usize = 7;
pub(super) const BY_PROPOSAL: usize = KINDS - 1;

/// How often drafts held lately.
#[derive(Debug)]
pub(crate) struct Acceptance {
    /// Drafted and accepted tokens of the last drafts.
    recent: VecDeque<(usize, usize)>,
    /// Tokens that held and tokens that were reached, by kind of evidence; old ones fade.
    held: [(f32, f32); KINDS],
}

impl Default for Acceptance {
    fn default() -> Acceptance {
        Acceptance {
            recent: VecDeque::new(),
            // Half of a few tokens, until more is known.
            held: [(2.0, 4.0); KINDS],
        }
    }
}

impl Acceptance {
    /// Notes one verified draft of this kind.
    pub(crate) fn note(&mut self, kind: usize, drafted: usize, accepted: usize) {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((drafted, accepted));
        // The one that failed was reached, those behind it were not.
        let reached = accepted + usize::from(accepted < drafted);
        if let Some((held, seen)) = self.held.get_mut(kind) {
            const FADES: f32 = 0.98;
            *held = *held * FADES + f32::from(small(accepted));
            *seen = *seen * FADES + f32::from(small(reached));
        }
    }

    /// Share of drafted tokens accepted; `None` before enough drafts were seen.
    pub(crate) fn share(&self) -> Option<f32> {
        if self.recent.len() < REMEMBERED {
            return None;
        }
        let (drafted, accepted) = self
            .recent
            .iter()
            .fold((0_u16, 0_u16), |sum, &(drafted, accepted)| {
                (sum.0 + small(drafted), sum.1 + small(accepted))
            });
        (drafted > 0).then(|| f32::from(accepted) / f32::from(drafted))
    }

    /// The length at which a draft of this kind yields most tokens for its time, where one more token to
    /// verify takes `price` of a whole step.
    pub(super) fn worth(&self, kind: usize, price: f32) -> usize {
        const MOST: usize = 8;
        let (held, seen) = self.held[kind.min(KINDS - 1)];
        let holds = held / seen.max(1.0);
        let (mut tokens, mut time, mut reaches) = (1.0, 1.0, 1.0);
        for length in 0..MOST {
            reaches *= holds;
            if reaches / price <= tokens / time {
                return length;
            }
            tokens += reaches;
            time += price;
        }
        MOST
    }
}

/// Draft lengths are at most eight.
fn small(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX / 64)
}

#[cfg(test)]
mod tests {
    use super::{Acceptance, REMEMBERED};

    #[test]
    fn acceptance_forgets_what_is_long_ago() {
        let mut acceptance = Acceptance::default();
        for _ in 0..REMEMBERED - 1 {
            acceptance.note(0, 8, 0);
        }
        assert_eq!(acceptance.share(), None);
        acceptance.note(0, 8, 8);
        assert!(acceptance.share().is_some_and(|share| share < 0.1));
        for _ in 0..REMEMBERED {
            acceptance.note(0, 4, 4);
        }
        assert_eq!(acceptance.share(), Some(1.0));
    }

    #[test]
    fn a_kind_that_does_not_hold_is_not_drafted_and_one_that_does_is_at_length() {
        let mut acceptance = Acceptance::default();
        for _ in 0..40 {
            acceptance.note(0, 1, 0);
            acceptance.note(5, 8, 8);
        }
        assert_eq!(acceptance.worth(0, 0.1), 0);
        assert_eq!(acceptance.worth(5, 0.1), 8);
        // A step whose every token costs as much as a step of its own gains nothing.
        assert_eq!(acceptance.worth(5, 1.0), 0);
        assert!(
            (1..8).contains(&acceptance.worth(3, 0.1)),
            "half of them hold"
        );
    }
}
