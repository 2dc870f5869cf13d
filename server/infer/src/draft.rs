//! Drafts: tokens proposed for one verifying step. A draft changes how many steps an answer takes,
//! never the answer. Where the text was written before is the engine's question (`engine::lookup`);
//! here they become ids in which the ids at hand are looked up, and a draft's length follows how often such
//! drafts held and what a token more costs.

use std::collections::VecDeque;

use foretoken_engine::lookup::draft_length;

use crate::cost::StepCost;
use crate::job::Drafts;
use crate::tokenizer::{Tokens, cuts};

/// Drafts whose fate is remembered (`engine::lookup::draft_length` grades by as many).
const REMEMBERED: usize = 32;
/// Ids compared back from the end of the text; a longer match is no better evidence.
const LOOK_BACK: usize = 16;
/// Occurrences of the last id that are compared; a text with more says the same over and over.
const PLACES: usize = 1_024;
/// Bytes of one text that become ids at most: what is nearest to the cursor says most.
const REACH: usize = 24 * 1024;
/// Bytes of one text in a file that was not seen before: its lines are not in the tokenizer's cache, and
/// 24 kB of them take 5 ms, which the first answer there must not wait for. Each job looks twice as far.
const FIRST_REACH: usize = 3 * 1024;
/// Bytes at either end by which a text is known again.
const KNOWN_BY: usize = 256;
/// Ids of a continuation that are followed before it is looked up again.
const FOLLOWED: usize = 32;
/// Matched ids granted to a proposal, and to text that stands there already: both are expected.
const PROPOSED: usize = 8;
/// Matched ids from which on a text is believed more than the look-up's proposal. Start value.
const BELIEVED: usize = 3;
/// Owed bytes from which on their usual spelling is worth a draft. A word of ASCII is shorter, and one
/// token spells it; one beyond ASCII takes up to a token a byte.
const LONG_OWED: usize = 12;
/// Stands between two texts: no id of a vocabulary.
const BETWEEN: u32 = u32::MAX;

/// Kinds of evidence, each with its own record: matches of 1, 2, 3, 4-5, 6-7 and 8 ids, proposals.
const KINDS: usize = 7;
const BY_PROPOSAL: usize = KINDS - 1;

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
    fn worth(&self, kind: usize, price: f32) -> usize {
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

/// The texts of a job as ids, one behind the other, and where each id stood before.
#[derive(Debug, Default)]
pub(crate) struct Haystack {
    ids: Vec<u32>,
    /// Of each position, the last one before it with the same id; `NOWHERE` if there is none.
    earlier: Vec<u32>,
    /// Of each id, its last position.
    last: Vec<u32>,
    /// Where each text begins.
    texts: Vec<usize>,
}

/// No position.
const NOWHERE: u32 = u32::MAX;

/// Texts of the last job with their ids: of a file that is typed in all lines but one are the same.
#[derive(Debug, Default)]
pub(crate) struct Known {
    texts: Vec<Encoded>,
    /// Bytes of each text that the last job looked at.
    reach: usize,
    /// Both ends of its longest text, one of which stays as it is while somebody types there.
    first: Vec<u8>,
    last: Vec<u8>,
}

#[derive(Debug)]
struct Encoded {
    text: String,
    ids: Vec<u32>,
    /// Bytes at which a piece begins, and how many ids stand before it.
    cuts: Vec<(usize, usize)>,
}

impl Known {
    /// Texts kept.
    const KEPT: usize = 6;

    /// The ids of a text. What it has in common with a known one, at its beginning or at its end, is
    /// taken from there.
    fn ids(&mut self, tokens: &Tokens, text: &str) -> &[u32] {
        let nearest = (0..self.texts.len()).max_by_key(|&at| self.texts[at].common(text));
        let base = nearest.filter(|&at| self.texts[at].common(text) * 2 > text.len());
        let encoded = match base {
            Some(at) => self.texts.remove(at).changed(tokens, text),
            None => Encoded::new(tokens, text),
        };
        self.texts.truncate(Self::KEPT - 1);
        self.texts.insert(0, encoded);
        &self.texts[0].ids
    }

    /// How far to look in these texts: little where the longest of them is of a new file.
    fn reach(&mut self, texts: &[std::sync::Arc<str>]) -> usize {
        let longest = texts.iter().max_by_key(|text| text.len());
        let longest = longest.map_or(&[][..], |text| text.as_bytes());
        let first = &longest[..longest.len().min(KNOWN_BY)];
        let last = &longest[longest.len() - first.len()..];
        let seen = first == self.first || last == self.last;
        (self.first, self.last) = (first.to_vec(), last.to_vec());
        self.reach = match seen {
            true => (self.reach * 2).clamp(FIRST_REACH, REACH),
            false => FIRST_REACH,
        };
        self.reach
    }
}

impl Encoded {
    fn new(tokens: &Tokens, text: &str) -> Encoded {
        let mut encoded = Encoded {
            text: String::new(),
            ids: Vec::new(),
            cuts: Vec::new(),
        };
        encoded.push(tokens, text, 0, text.len());
        encoded.text = text.to_owned();
        encoded
    }

    /// Appends the ids of a part of a text whose ends are cuts of it.
    fn push(&mut self, tokens: &Tokens, text: &str, from: usize, to: usize) {
        let mut start = from;
        for end in cuts(&text[from..to]).map(|cut| from + cut).chain([to]) {
            self.cuts.push((start, self.ids.len()));
            tokens.encode_into(&text[start..end], &mut self.ids);
            start = end;
        }
    }

    /// Bytes that both begin or end with, whichever is more.
    fn common(&self, text: &str) -> usize {
        let (front, back) = ends(self.text.as_bytes(), text.as_bytes());
        front.max(back)
    }

    /// The ids of another text, encoded only between what is the same in front and behind. A cut depends
    /// on what stands next to it, so the last one in front and the first one behind are not trusted.
    fn changed(self, tokens: &Tokens, text: &str) -> Encoded {
        let (old, new) = (self.text.as_bytes(), text.as_bytes());
        let (front, back) = ends(old, new);
        let back = back.min(new.len().min(old.len()) - front);
        let before = self
            .cuts
            .partition_point(|(byte, _)| *byte <= front)
            .saturating_sub(2);
        let (kept, kept_ids) = self.cuts.get(before).copied().unwrap_or((0, 0));
        let after = self
            .cuts
            .partition_point(|(byte, _)| *byte < old.len() - back)
            + 1;
        let behind = self.cuts.get(after).filter(|(byte, _)| *byte > kept);
        let mut encoded = Encoded {
            text: String::new(),
            ids: self.ids[..kept_ids].to_vec(),
            cuts: self.cuts[..before].to_vec(),
        };
        match behind {
            Some(&(byte, ids)) => {
                let moved = byte + new.len() - old.len();
                encoded.push(tokens, text, kept, moved);
                let shift = encoded.ids.len();
                encoded.ids.extend_from_slice(&self.ids[ids..]);
                let further = self.cuts[after..].iter();
                let further = further.map(|(at, id)| (at + moved - byte, id + shift - ids));
                encoded.cuts.extend(further);
            }
            None => encoded.push(tokens, text, kept, text.len()),
        }
        encoded.text = text.to_owned();
        encoded
    }
}

impl Haystack {
    /// Encodes them, each as far as it is near.
    pub(crate) fn new(tokens: &Tokens, drafts: &Drafts, known: &mut Known) -> Haystack {
        let mut haystack = Haystack {
            ids: vec![BETWEEN],
            earlier: vec![NOWHERE],
            last: vec![NOWHERE; tokens.vocabulary()],
            texts: Vec::new(),
        };
        let reach = known.reach(&drafts.texts);
        for (at, text) in drafts.texts.iter().enumerate() {
            // The last one stands behind the cursor, the others before it.
            let behind = at > 0 && at + 1 == drafts.texts.len();
            haystack.texts.push(haystack.ids.len());
            haystack.push(known.ids(tokens, near(text, reach, behind)));
        }
        haystack
    }

    fn push(&mut self, ids: &[u32]) {
        for &id in ids {
            let at = u32::try_from(self.ids.len()).unwrap_or(NOWHERE);
            let before = self.last.get_mut(id as usize);
            let before = before.map_or(NOWHERE, |last| std::mem::replace(last, at));
            self.earlier.push(before);
            self.ids.push(id);
        }
        self.ids.push(BETWEEN);
        self.earlier.push(NOWHERE);
    }

    /// What followed the longest earlier occurrence of the end of `tail`, and how many ids agree. Of
    /// equally long ones the earlier text wins, and in it the last occurrence.
    fn find(&self, tail: &[u32]) -> Option<(&[u32], usize)> {
        let last = *tail.last()?;
        let mut at = *self.last.get(last as usize)?;
        let mut best: Option<(usize, usize, usize)> = None;
        // From the last place to the first.
        for _ in 0..PLACES {
            let Some(&earlier) = self.earlier.get(at as usize) else {
                break;
            };
            let place = at as usize;
            at = earlier;
            if self.ids.get(place + 1).is_none_or(|&next| next == BETWEEN) {
                continue;
            }
            let matched = self.ids[..=place]
                .iter()
                .rev()
                .zip(tail.iter().rev())
                .take(LOOK_BACK)
                .take_while(|(a, b)| a == b)
                .count();
            let text = self.texts.partition_point(|&start| start <= place);
            let better =
                best.is_none_or(|(_, most, of)| matched > most || (matched == most && text < of));
            if better {
                best = Some((place, matched, text));
            }
        }
        let (place, matched, _) = best?;
        let rest = &self.ids[place + 1..];
        let end = rest.iter().position(|&id| id == BETWEEN);
        Some((&rest[..end.unwrap_or(rest.len()).min(FOLLOWED)], matched))
    }
}

/// Bytes that both texts begin with, and bytes that both end with.
fn ends(a: &[u8], b: &[u8]) -> (usize, usize) {
    /// Compared at once, which is far quicker than one by one.
    const BLOCK: usize = 128;
    let least = a.len().min(b.len());
    let (mut front, mut back) = (0, 0);
    while front + BLOCK <= least && a[front..front + BLOCK] == b[front..front + BLOCK] {
        front += BLOCK;
    }
    let of = |text: &[u8], back: usize| text.len() - back - BLOCK..text.len() - back;
    while back + BLOCK <= least && a[of(a, back)] == b[of(b, back)] {
        back += BLOCK;
    }
    let same = |(a, b): &(&u8, &u8)| a == b;
    front += a[front..].iter().zip(&b[front..]).take_while(same).count();
    let (a, b) = (&a[..a.len() - back], &b[..b.len() - back]);
    back += a.iter().rev().zip(b.iter().rev()).take_while(same).count();
    (front, back)
}

/// The part of a text next to the cursor, in whole lines where it is cut.
fn near(text: &str, reach: usize, behind: bool) -> &str {
    if text.len() <= reach {
        return text;
    }
    if behind {
        let end = (0..=reach).rev().find(|&at| text.is_char_boundary(at));
        return &text[..end.unwrap_or(0)];
    }
    let from = (text.len() - reach..text.len()).find(|&at| text.is_char_boundary(at));
    let rest = &text[from.unwrap_or(text.len())..];
    rest.split_once('\n').map_or(rest, |(_, lines)| lines)
}

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
    use super::{Acceptance, BY_PROPOSAL, Course, Haystack, Known, REMEMBERED, Tail, propose};
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
    fn a_text_that_changed_in_the_middle_has_the_ids_of_a_new_one() {
        let Some(tokens) = embedded() else { return };
        let lines: Vec<String> = (0..40)
            .map(|n| format!("    let a{n} = f({n});\n"))
            .collect();
        let whole = lines.concat();
        let mut known = Known::default();
        assert_eq!(known.ids(&tokens, &whole), tokens.encode(&whole));
        let half = whole.len() / 2;
        let edits = [
            [&whole[..half], "x", &whole[half..]].concat(),
            [&whole[..half], "\n\n  \n", &whole[half..]].concat(),
            [&whole[..half - 40], &whole[half..]].concat(),
            whole[..half].to_owned(),
            whole[half..].to_owned(),
            [&whole[..], "    let b"].concat(),
            ["x = 1\n", &whole[..]].concat(),
            String::new(),
            whole.replace('\n', "\n\n"),
        ];
        for edited in edits.iter().chain([&whole]) {
            assert_eq!(
                known.ids(&tokens, edited),
                tokens.encode(edited),
                "{edited:?}"
            );
        }
    }

    #[test]
    fn a_new_file_is_looked_through_step_by_step() {
        let line = |n: usize| format!("    let value_{n} = compute({n});\n");
        let file = |from: usize| -> std::sync::Arc<str> {
            (from..from + 2_000).map(line).collect::<String>().into()
        };
        let Some(tokens) = embedded() else { return };
        let mut known = Known::default();
        let (one, other) = ([file(0)], [file(10_000)]);
        let mut reaches = Vec::new();
        for texts in [&one, &one, &one, &one, &one, &other, &one] {
            let reach = known.reach(texts);
            known.ids(&tokens, super::near(&texts[0], reach, false));
            reaches.push(reach / super::FIRST_REACH);
        }
        assert_eq!(reaches, [1, 2, 4, 8, 8, 1, 1]);
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
