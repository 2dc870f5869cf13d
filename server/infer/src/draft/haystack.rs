//! The texts of a job as one row of ids, in which the longest earlier occurrence of the last ids is
//! found by following the places of one id.

use super::known::{Known, near};
use crate::job::Drafts;
use crate::tokenizer::Tokens;

/// Ids compared back from the end of the text; a longer match is no better evidence.
const LOOK_BACK: usize = 16;
/// Occurrences of the last id that are compared; a text with more says the same over and over.
const PLACES: usize = 1_024;
/// Ids of a continuation that are followed before it is looked up again.
const FOLLOWED: usize = 32;
/// Stands between two texts: no id of a vocabulary.
const BETWEEN: u32 = u32::MAX;

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
    pub(super) fn find(&self, tail: &[u32]) -> Option<(&[u32], usize)> {
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
