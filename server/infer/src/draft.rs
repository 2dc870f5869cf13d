//! Drafts: tokens proposed for one verifying step. A draft changes how many steps an answer takes,
//! never the answer. Where the text was written before is the engine's question (`engine::lookup`);
//! here they become ids in which the ids at hand are looked up, and a draft's length follows how often such
//! drafts held and what a token more costs.

use foretoken_engine::lookup::draft_length;

use crate::cost::StepCost;
use crate::tokenizer::Tokens;

mod acceptance;
mod haystack;
mod known;

pub(crate) use acceptance::Acceptance;
pub(crate) use haystack::Haystack;
pub(crate) use known::Known;

use acceptance::BY_PROPOSAL;

/// Matched ids granted to a proposal, and to text that stands there already: both are expected.
const PROPOSED: usize = 8;
/// Matched ids from which on a text is believed more than the look-up's proposal. Start value.
const BELIEVED: usize = 3;
/// Owed bytes from which on their usual spelling is worth a draft. A word of ASCII is shorter, and one
/// token spells it; one beyond ASCII takes up to a token a byte.
const LONG_OWED: usize = 12;

/// The text and ids a draft must continue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail<'a> {
    /// Text generated so far.
    pub(crate) text: &'a str,
    /// Bytes still owed to the text before the cursor: a draft spells them first.
    pub(crate) owed: &'a str,
    /// The piece that the ids end in, without what is owed, and where its ids begin in `ids`.
    pub(crate) piece: &'a str,
    pub(crate) piece_at: usize,
    /// All ids so far.
    pub(crate) ids: &'a [u32],
}

/// A text that the answer seems to repeat: its ids from here on, and the evidence for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Course {
    ids: Vec<u32>,
    /// Ids that agreed so far.
    matched: usize,
    proposed: bool,
}

impl Course {
    /// The kind of its evidence.
    pub(crate) fn kind(&self) -> usize {
        match self.matched {
            _ if self.proposed => BY_PROPOSAL,
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 | 5 => 3,
            6 | 7 => 4,
            _ => 5,
        }
    }

    /// The draft of the next step, at most `limit` ids: as many as are graded for the evidence, and no
    /// more than have paid so far.
    pub(crate) fn next(&self, acceptance: &Acceptance, cost: &StepCost, limit: usize) -> &[u32] {
        // A single id that agrees is evidence for one more, if that.
        let graded = draft_length(self.matched, acceptance.share()).max(1);
        let worth = acceptance.worth(self.kind(), cost.price());
        &self.ids[..graded.min(worth).min(limit).min(self.ids.len())]
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

/// Ids that may come next; none where nothing is known. The texts come first where they agree in more
/// than a token or two, then the look-up's proposal.
pub(crate) fn propose(
    tokens: &Tokens,
    haystack: &Haystack,
    proposal: Option<&str>,
    tail: Tail<'_>,
) -> Course {
    let found = haystack.find(tail.ids);
    let rest = proposal.and_then(|proposal| proposal.strip_prefix(tail.text));
    let rest = rest.filter(|rest| !rest.is_empty());
    match (found, rest) {
        (Some((ids, matched)), rest) if matched >= BELIEVED || rest.is_none() => Course {
            ids: ids.to_vec(),
            matched,
            proposed: false,
        },
        (_, Some(rest)) => spelled(tokens, tail, rest),
        _ if tail.owed.len() >= LONG_OWED => spelled(tokens, tail, ""),
        _ => Course::default(),
    }
}

/// What is owed and then `follows` as ids. Encoded jointly with the piece, because a token may reach over
/// the border between them. Where the ids at hand are not those that such text gets, the model went its
/// own way, and it is encoded alone: a poorer draft costs a row, never an answer.
fn spelled(tokens: &Tokens, tail: Tail<'_>, follows: &str) -> Course {
    let joint = tokens.encode(&[tail.piece, tail.owed, follows].concat());
    let ids = match joint.strip_prefix(&tail.ids[tail.piece_at..]) {
        Some(next) => next.to_vec(),
        None => tokens.encode(&[tail.owed, follows].concat()),
    };
    Course {
        ids,
        matched: PROPOSED,
        proposed: true,
    }
}

#[cfg(test)]
mod tests {
    use super::{Acceptance, BY_PROPOSAL, Course, Haystack, Known, Tail, propose};
    use crate::cost::StepCost;
    use crate::job::Drafts;
    use crate::tokenizer::Tokens;
    use crate::tokenizer::tests::embedded;

    fn texts(texts: &[&str]) -> Drafts {
        Drafts {
            texts: texts.iter().map(|&text| text.into()).collect(),
            proposal: None,
        }
    }

    fn course(tokens: &Tokens, drafts: &Drafts, piece: &str, owed: &str) -> Course {
        let ids = tokens.encode(piece);
        let tail = Tail {
            text: "",
            owed,
            piece,
            piece_at: 0,
            ids: &ids,
        };
        let haystack = Haystack::new(tokens, drafts, &mut Known::default());
        propose(tokens, &haystack, drafts.proposal.as_deref(), tail)
    }

    fn next(course: &Course, limit: usize) -> Vec<u32> {
        course
            .next(&Acceptance::default(), &StepCost::default(), limit)
            .to_vec()
    }

    #[test]
    fn a_draft_continues_the_ids_at_hand() {
        let Some(tokens) = embedded() else { return };
        let piece = "fn main() {\n    counter";
        let text = "fn main() {\n    counter.add(word);\n}\n";
        let drafts = texts(&[text, "behind"]);
        let mut course = course(&tokens, &drafts, piece, "");
        let whole = tokens.encode(text);
        let rest = &whole[tokens.encode(piece).len()..];
        let draft = next(&course, 8);
        assert!(!draft.is_empty() && rest.starts_with(&draft), "{draft:?}");
        assert!(next(&course, 1).len() == 1 && next(&course, 0).is_empty());
        // What the model says as well is followed on, anything else is not.
        course.advance(&rest[..2]);
        let further = next(&course, 8);
        assert!(!further.is_empty() && rest[2..].starts_with(&further));
        course.advance(&[0]);
        assert!(course.is_over() && next(&course, 8).is_empty());
    }

    #[test]
    fn the_longest_match_wins_then_the_earlier_text_then_the_last_place() {
        let Some(tokens) = embedded() else { return };
        let follows = |list: &[&str], piece: &str| {
            let course = course(&tokens, &texts(list), piece, "");
            let bytes: Vec<u8> = course
                .ids
                .iter()
                .flat_map(|&id| tokens.bytes(id).unwrap_or_default().to_vec())
                .collect();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let long = "one two three four\n";
        let list = ["zero two three five\n", long, ""];
        assert_eq!(follows(&list, "one two three"), "four");
        let list = ["two three five\n", "two three four\n", ""];
        assert_eq!(follows(&list, "two three"), "five");
        let list = ["two three five\ntwo three four\n", ""];
        assert_eq!(follows(&list, "two three"), "four");
        assert_eq!(follows(&["nothing", "of it"], "two three"), "");
    }

    #[test]
    fn the_cursor_itself_is_no_match() {
        let Some(tokens) = embedded() else { return };
        let course = course(&tokens, &texts(&["let a = b", "\n"]), "let a = b", "");
        assert!(course.is_over(), "{course:?}");
    }

    #[test]
    fn owed_bytes_are_spelled_first() {
        let Some(tokens) = embedded() else { return };
        let drafts = Drafts {
            texts: Vec::new(),
            proposal: Some("nts.len()".into()),
        };
        let course = course(&tokens, &drafts, "    return self", ".cou");
        let ids = tokens.encode("    return self");
        let whole = tokens.encode("    return self.counts.len()");
        assert_eq!(course.ids, whole[ids.len()..]);
        assert_eq!(course.kind(), BY_PROPOSAL);
    }

    #[test]
    fn a_long_owed_text_is_its_own_draft() {
        let Some(tokens) = embedded() else { return };
        let ids = tokens.encode("    //");
        let draft = |owed: &str| course(&tokens, &Drafts::default(), "    //", owed).ids;
        let owed = " \u{6f22}\u{5b57}\u{6f22}\u{5b57}";
        let whole = tokens.encode(&format!("    //{owed}"));
        assert_eq!(draft(owed), whole[ids.len()..]);
        assert!(draft(" word").is_empty());
    }

    #[test]
    fn a_proposal_that_the_text_contradicts_is_none() {
        let Some(tokens) = embedded() else { return };
        let ids = tokens.encode("    counter(");
        let tail = Tail {
            text: "(",
            owed: "",
            piece: "    counter(",
            piece_at: 0,
            ids: &ids,
        };
        let drafts = texts(&["nothing", "of the kind"]);
        let haystack = Haystack::new(&tokens, &drafts, &mut Known::default());
        assert!(propose(&tokens, &haystack, Some(".add"), tail).is_over());
        assert!(!propose(&tokens, &haystack, Some("(word)"), tail).is_over());
    }
}
