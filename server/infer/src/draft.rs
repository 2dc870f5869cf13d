//! Drafts: tokens proposed for one verifying step. A draft changes how many steps an answer takes,
//! never the answer. Where the text was written before is the engine's question (`engine::lookup`);
//! here it becomes ids that continue the ids at hand, and its length follows how often drafts held.

use std::collections::VecDeque;

use foretoken_engine::lookup::{draft_length, longest_match};

use crate::job::Drafts;
use crate::tokenizer::Tokens;

/// Drafts whose fate is remembered (`engine::lookup::draft_length` grades by as many).
const REMEMBERED: usize = 32;
/// Bytes of a match below which it says nothing.
const LEAST_MATCH: usize = 4;
/// Bytes of a continuation that become ids: some thirty tokens of this vocabulary, so that a text that is
/// being repeated is looked up once and then followed for several steps.
const FOLLOWING_BYTES: usize = 96;
/// Matched tokens granted to a proposal, and to text that stands there already: both are expected.
const PROPOSED: usize = 8;
/// Owed bytes from which on their usual spelling is worth a draft. A word of ASCII is shorter, and one
/// token spells it; one beyond ASCII takes up to a token a byte.
const LONG_OWED: usize = 12;

/// How often drafts held lately.
#[derive(Debug, Default)]
pub(crate) struct Acceptance {
    /// Drafted and accepted tokens of the last drafts.
    recent: VecDeque<(usize, usize)>,
}

impl Acceptance {
    /// Notes one verified draft.
    pub(crate) fn note(&mut self, drafted: usize, accepted: usize) {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((drafted, accepted));
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
}

/// Draft lengths are at most eight.
fn small(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX / 64)
}

/// The text and ids a draft must continue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail<'a> {
    /// Text before the cursor as the user has it, with what was generated; looked up.
    pub(crate) before: &'a str,
    /// Text generated so far.
    pub(crate) text: &'a str,
    /// Bytes still owed to the text before the cursor: a draft spells them first.
    pub(crate) owed: &'a str,
    /// The piece that the ids end in, without what is owed, and its ids.
    pub(crate) piece: &'a str,
    /// Ids of `piece`.
    pub(crate) ids: &'a [u32],
}

/// A text that the answer seems to repeat: its ids from here on, and the evidence for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Course {
    ids: Vec<u32>,
    /// Tokens that agreed so far.
    matched: usize,
}

impl Course {
    /// The draft of the next step, at most `limit` ids.
    pub(crate) fn next(&self, acceptance: Option<f32>, limit: usize) -> &[u32] {
        let length = draft_length(self.matched, acceptance).min(limit);
        &self.ids[..length.min(self.ids.len())]
    }

    /// Whether there is nothing left to follow.
    pub(crate) fn is_over(&self) -> bool {
        self.ids.is_empty()
    }

    /// Goes on behind the ids that the model said, or ends where it said something else.
    pub(crate) fn advance(&mut self, said: &[u32]) {
        if self.ids.starts_with(said) {
            self.ids.drain(..said.len());
            self.matched += said.len();
        } else {
            self.ids.clear();
        }
    }
}

/// Ids that may come next; none where nothing is known.
pub(crate) fn propose(tokens: &Tokens, drafts: &Drafts, tail: Tail<'_>) -> Course {
    let known = following(tokens, drafts, tail);
    let owed = (tail.owed.len() >= LONG_OWED).then_some(("", PROPOSED));
    let Some((follows, matched)) = known.or(owed) else {
        return Course::default();
    };
    let mut end = follows.len().min(FOLLOWING_BYTES);
    while !follows.is_char_boundary(end) {
        end -= 1;
    }
    // Encoded jointly with the piece, because a token may reach over the border between them. Where
    // the ids at hand are not those that such text gets, the model went its own way, and what follows
    // is encoded alone: a poorer draft costs a row, never an answer.
    let follows = &follows[..end];
    let joint = tokens.encode(&[tail.piece, tail.owed, follows].concat());
    let ids = match joint.strip_prefix(tail.ids) {
        Some(next) => next.to_vec(),
        None => tokens.encode(&[tail.owed, follows].concat()),
    };
    Course { ids, matched }
}

/// What probably follows, and how many tokens of evidence there are for it.
fn following<'a>(tokens: &Tokens, drafts: &'a Drafts, tail: Tail<'_>) -> Option<(&'a str, usize)> {
    if let Some(rest) = drafts
        .proposal
        .as_deref()
        .and_then(|proposal| proposal.strip_prefix(tail.text))
        && !rest.is_empty()
    {
        return Some((rest, PROPOSED));
    }
    let texts: Vec<&str> = drafts.texts.iter().map(AsRef::as_ref).collect();
    let found = longest_match(&texts, tail.before, LEAST_MATCH)?;
    let mut start = tail.before.len() - found.matched.min(tail.before.len());
    while !tail.before.is_char_boundary(start) {
        start += 1;
    }
    Some((found.follows, tokens.count(&tail.before[start..])))
}

#[cfg(test)]
mod tests {
    use super::{Acceptance, REMEMBERED, Tail, propose};
    use crate::job::Drafts;
    use crate::tokenizer::Tokens;
    use crate::tokenizer::tests::embedded;

    fn eight(tokens: &Tokens, drafts: &Drafts, tail: Tail<'_>) -> Vec<u32> {
        propose(tokens, drafts, tail).next(None, 8).to_vec()
    }

    #[test]
    fn a_draft_continues_the_ids_at_hand() {
        let Some(tokens) = embedded() else { return };
        let piece = "    counter";
        let ids = tokens.encode(piece);
        let tail = Tail {
            before: "fn main() {\n    counter",
            text: "",
            owed: "",
            piece,
            ids: &ids,
        };
        let drafts = Drafts {
            texts: vec!["fn main() {\n    counter.add(word);\n}\n".into()],
            proposal: None,
        };
        let mut course = propose(&tokens, &drafts, tail);
        let draft = course.next(None, 8).to_vec();
        assert!(!draft.is_empty());
        let whole = tokens.encode("    counter.add(word);\n}\n");
        assert!(whole[ids.len()..].starts_with(&draft), "{draft:?}");
        assert!(course.next(None, 1).len() <= 1);
        assert!(course.next(None, 0).is_empty());
        // What the model says as well is followed, with more evidence than before.
        let said = &whole[ids.len()..][..2];
        let rest = &whole[ids.len() + 2..];
        course.advance(said);
        assert_eq!(course.next(None, 8), &rest[..course.next(None, 8).len()]);
        assert_eq!(course.next(None, 8).len(), rest.len().min(8));
        course.advance(&[0]);
        assert!(course.is_over() && course.next(None, 8).is_empty());
    }

    #[test]
    fn owed_bytes_are_spelled_first() {
        let Some(tokens) = embedded() else { return };
        let ids = tokens.encode("    return self");
        let tail = Tail {
            before: "    return self.cou",
            text: "",
            owed: ".cou",
            piece: "    return self",
            ids: &ids,
        };
        let drafts = Drafts {
            texts: Vec::new(),
            proposal: Some("nts.len()".into()),
        };
        let draft = eight(&tokens, &drafts, tail);
        let whole = tokens.encode("    return self.counts.len()");
        assert_eq!(draft, whole[ids.len()..][..draft.len()]);
        assert!(!draft.is_empty());
    }

    #[test]
    fn a_long_owed_text_is_its_own_draft() {
        let Some(tokens) = embedded() else { return };
        let ids = tokens.encode("    //");
        let draft = |owed: &str| {
            let tail = Tail {
                before: "",
                text: "",
                owed,
                piece: "    //",
                ids: &ids,
            };
            eight(&tokens, &Drafts::default(), tail)
        };
        let owed = " \u{6f22}\u{5b57}\u{6f22}\u{5b57}";
        let whole = tokens.encode(&format!("    //{owed}"));
        assert_eq!(draft(owed), whole[ids.len()..][..8]);
        assert!(draft(" word").is_empty());
    }

    #[test]
    fn ids_of_the_model_s_own_way_are_followed_alone() {
        let Some(tokens) = embedded() else { return };
        let ids = [tokens.encode("    coun"), tokens.encode("ter")].concat();
        let tail = Tail {
            before: "    counter",
            text: "",
            owed: "",
            piece: "    counter",
            ids: &ids,
        };
        let drafts = Drafts {
            texts: Vec::new(),
            proposal: Some(".add(word)".into()),
        };
        let draft = eight(&tokens, &drafts, tail);
        assert_eq!(draft, tokens.encode(".add(word)"));
    }

    #[test]
    fn what_contradicts_gives_no_draft() {
        let Some(tokens) = embedded() else { return };
        let ids = tokens.encode("    counter");
        let tail = Tail {
            before: "    counter",
            text: "(",
            owed: "",
            piece: "    counter(",
            ids: &ids,
        };
        let drafts = Drafts {
            texts: vec!["nothing of the kind".into()],
            proposal: Some(".add".into()),
        };
        assert!(eight(&tokens, &drafts, tail).is_empty());
        assert!(eight(&tokens, &Drafts::default(), tail).is_empty());
    }

    #[test]
    fn acceptance_forgets_what_is_long_ago() {
        let mut acceptance = Acceptance::default();
        for _ in 0..REMEMBERED - 1 {
            acceptance.note(8, 0);
        }
        assert_eq!(acceptance.share(), None);
        acceptance.note(8, 8);
        assert!(acceptance.share().is_some_and(|share| share < 0.1));
        for _ in 0..REMEMBERED {
            acceptance.note(4, 4);
        }
        assert_eq!(acceptance.share(), Some(1.0));
    }
}
