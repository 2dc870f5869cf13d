//! Whether accepted text stays: each is followed through the edits of its document and looked at after half a minute and after five
//! minutes. Acceptance alone favours what is taken and rewritten.
//!
//! A text *survives* while its edit distance (Levenshtein, in characters) to what stands in its place is at most a third of its
//! length. The texts are held in memory until they are judged, and go nowhere.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use foretoken_engine::document::{Document, Edit};
use tokio::time::Instant;

use super::figures::Suggested;
use crate::offers::Origin;
use crate::state::State;

/// When a text is looked at.
const SOON: Duration = Duration::from_secs(30);
const LATE: Duration = Duration::from_secs(300);

/// Most texts that are followed; the oldest goes unjudged.
const FOLLOWED: usize = 256;

/// Most texts that are looked at in one go: after a long sleep of the machine many are due, and the loop has keys to answer.
const AT_ONCE: usize = 16;

/// Characters of a text that are compared. A longer one is judged by its beginning.
const COMPARED: usize = 400;

/// Shorter accepts, a closing bracket say, tell nothing.
const SHORTEST: usize = 3;

/// Who wrote a text from the words of the file.
pub(crate) const LOOKUP: &str = "lookup";

/// Something accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// In bytes of the document just after it.
    pub(crate) start: usize,
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

#[derive(Debug)]
struct Followed {
    uri: String,
    /// Where it is by now.
    start: usize,
    end: usize,
    text: String,
    origin: Origin,
    at: Instant,
    /// It was looked at once.
    judged: bool,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Survival {
    /// Oldest first.
    followed: VecDeque<Followed>,
    totals: BTreeMap<Origin, Suggested>,
}

impl Survival {
    /// Begins to follow what was accepted.
    pub(crate) fn follow(&mut self, uri: &str, accepted: Accepted) {
        if accepted.text.trim().chars().count() < SHORTEST {
            return;
        }
        if self.followed.len() == FOLLOWED {
            self.followed.pop_front();
        }
        self.followed.push_back(Followed {
            uri: uri.to_owned(),
            start: accepted.start,
            end: accepted.start + accepted.text.len(),
            text: accepted.text,
            origin: accepted.origin,
            at: Instant::now(),
            judged: false,
        });
    }

    /// Moves what is followed along with the edits of its document, each in the text that the one before it left.
    pub(crate) fn edited(&mut self, uri: &str, edits: &[Edit]) {
        for followed in self.followed.iter_mut().filter(|f| f.uri == uri) {
            edits.iter().for_each(|edit| followed.moved(edit));
        }
    }

    /// A closed document is followed no further.
    pub(crate) fn closed(&mut self, uri: &str) {
        self.followed.retain(|followed| followed.uri != uri);
    }

    /// When the next one is to be looked at.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.followed.iter().map(Followed::due).min()
    }

    /// Language, writer and what of it survived.
    pub(crate) fn totals(&self) -> impl Iterator<Item = (&'static str, &'static str, Suggested)> {
        self.totals
            .iter()
            .map(|(origin, row)| (origin.language, origin.by, *row))
    }

    /// Looks at what is due, and tells what stands as it was accepted at the last look: the document's name and bytes of it. `text_of`
    /// gives the document of a name.
    fn judge<'a>(
        &mut self,
        now: Instant,
        text_of: impl Fn(&str) -> Option<&'a Document>,
    ) -> Vec<(String, Range<usize>)> {
        let (totals, mut stayed) = (&mut self.totals, Vec::new());
        let mut left = AT_ONCE;
        self.followed.retain_mut(|followed| {
            if followed.due() > now || left == 0 {
                return true;
            }
            left -= 1;
            let Some(document) = text_of(&followed.uri) else {
                return false;
            };
            let row = totals.entry(followed.origin).or_default();
            let (length, distance) = followed.distance(document);
            let survives = 3 * distance <= length;
            if !followed.judged {
                followed.judged = true;
                row.judged_30s += 1;
                row.survived_30s += u64::from(survives);
                return true;
            }
            row.judged_5m += 1;
            row.survived_5m += u64::from(survives);
            row.retained += length.saturating_sub(distance) as u64;
            if followed.stands(document) {
                stayed.push((followed.uri.clone(), followed.start..followed.end));
            }
            false
        });
        stayed
    }
}

impl Followed {
    fn due(&self) -> Instant {
        self.at + if self.judged { LATE } else { SOON }
    }

    /// Where the text is after an edit. What is put just before or behind it is not part of it, nor is what takes the place of a
    /// stretch that began before it.
    fn moved(&mut self, edit: &Edit) {
        let (from, to) = (edit.start, edit.start + edit.removed_len);
        let behind = from + edit.inserted.len();
        if to <= self.start {
            self.start = behind + (self.start - to);
            self.end = behind + (self.end - to);
        } else if from < self.end {
            let rest = self.end.saturating_sub(to);
            self.start = if from < self.start {
                behind
            } else {
                self.start
            };
            self.end = behind + rest;
        }
    }

    /// To the last character.
    fn stands(&self, document: &Document) -> bool {
        let stands = document.rope().get_byte_slice(self.start..self.end);
        stands.is_some_and(|stands| stands == self.text.as_str())
    }

    /// Characters compared, and the edit distance to what stands in the text's place.
    fn distance(&self, document: &Document) -> (usize, usize) {
        let stands: Vec<char> = document
            .rope()
            .get_byte_slice(self.start..self.end)
            .map_or(Vec::new(), |slice| slice.chars().take(COMPARED).collect());
        let accepted: Vec<char> = self.text.chars().take(COMPARED).collect();
        let distance = strsim::generic_levenshtein(&accepted, &stands);
        (accepted.len(), distance)
    }
}

impl State {
    /// Looks at accepted texts whose time has come.
    pub(crate) fn judge_survival(&mut self, now: Instant) {
        let documents = &self.documents;
        let stayed = self
            .metrics
            .survival
            .judge(now, |uri| Some(&documents.get(uri)?.document));
        self.metrics.touch();
        if self.learns() {
            let lessons = stayed.into_iter();
            let lessons: Vec<_> = lessons
                .filter_map(|(uri, bytes)| self.lesson_at(&uri, bytes))
                .collect();
            self.learn(lessons);
        }
    }
}

#[cfg(test)]
mod tests {
    use foretoken_engine::document::Change;
    use foretoken_engine::position::Encoding;
    use foretoken_grammars::Language;

    use super::*;

    const ORIGIN: Origin = Origin {
        language: "rust",
        by: LOOKUP,
    };

    /// A document in which the text between `[` and `]` was just accepted, then edits of the whole text as a pair of what is replaced
    /// (its first occurrence) and by what; what five minutes later is known of it, and what stands unchanged.
    fn after(text: &str, edits: &[(&str, &str)]) -> (Suggested, Vec<String>) {
        let (start, end) = (text.find('[').unwrap(), text.find(']').unwrap() - 1);
        let text = text.replace(['[', ']'], "");
        let mut document = Document::open("a.rs", Language::Rust, 0, &text);
        let mut survival = Survival::default();
        let accepted = Accepted {
            start,
            text: text[start..end].to_owned(),
            origin: ORIGIN,
        };
        survival.follow("u", accepted);
        for (number, (old, new)) in edits.iter().enumerate() {
            let before = document.rope().to_string();
            let at = before.find(old).unwrap();
            let edit = Edit {
                start: at,
                removed: (*old).to_owned(),
                removed_len: old.len(),
                inserted: (*new).to_owned(),
            };
            survival.edited("u", &[edit]);
            let whole = Change {
                range: None,
                text: [&before[..at], new, &before[at + old.len()..]].concat(),
            };
            document
                .apply(number as i32 + 1, &[whole], Encoding::Utf8, &mut || true)
                .unwrap();
        }
        let now = Instant::now();
        survival.judge(now, |_| Some(&document));
        assert_eq!(survival.totals().count(), 0, "nothing is due yet");
        let soon = survival.judge(now + SOON, |_| Some(&document));
        assert!(soon.is_empty(), "too early to be sure");
        let stayed = survival.judge(now + LATE, |_| Some(&document));
        assert_eq!(survival.due(), None);
        let stood = stayed.into_iter().map(|(_, bytes)| {
            let text = document.rope().byte_slice(bytes);
            text.to_string()
        });
        (survival.totals().next().unwrap().2, stood.collect())
    }

    #[test]
    fn what_is_left_alone_survives() {
        let (row, stood) = after("let a = [f(1, 2);]\n", &[]);
        assert_eq!(stood, ["f(1, 2);"]);
        assert_eq!((row.judged_30s, row.survived_30s), (1, 1));
        assert_eq!((row.judged_5m, row.survived_5m), (1, 1));
        assert_eq!(row.retained, 8);
    }

    #[test]
    fn edits_around_it_move_it_and_change_nothing() {
        let edits = [
            ("fn f", "// above\npub fn f"),
            ("width", "wide"),
            ("end", "the end"),
            ("total = ", "sum =  "),
            (";;", ";"),
        ];
        let (row, stood) = after(
            "fn f() {\n  width;\n  let total = [items.iter().sum()];;\n}\nend\n",
            &edits,
        );
        assert_eq!((row.survived_5m, row.retained), (1, 18));
        assert_eq!(stood, ["items.iter().sum()"]);
    }

    #[test]
    fn a_rename_inside_survives_and_a_rewrite_does_not() {
        let text = "let total = [items.iter().sum()];\n";
        let (row, stood) = after(text, &[("items", "rows")]);
        assert_eq!(
            stood.len(),
            0,
            "it survives, but not all of it was accepted"
        );
        assert_eq!((row.survived_30s, row.survived_5m), (1, 1));
        assert_eq!(row.retained, 14);
        let (row, _) = after(text, &[("items.iter().sum()", "0")]);
        assert_eq!((row.judged_5m, row.survived_5m, row.retained), (1, 0, 0));
        let (row, _) = after(text, &[("total = items.iter()", "n = a.b")]);
        assert_eq!((row.survived_5m, row.retained), (0, 6));
    }

    #[test]
    fn brackets_and_closed_documents_are_not_judged() {
        let mut survival = Survival::default();
        let accepted = |text: &str| Accepted {
            start: 0,
            text: text.to_owned(),
            origin: ORIGIN,
        };
        survival.follow("u", accepted(");"));
        assert_eq!(survival.due(), None);
        survival.follow("u", accepted("return total;"));
        survival.follow("v", accepted("return total;"));
        survival.closed("u");
        let later = Instant::now() + LATE;
        survival.judge(later, |_| None);
        assert_eq!((survival.due(), survival.totals().count()), (None, 0));
    }

    #[test]
    fn only_so_many_are_followed() {
        let mut survival = Survival::default();
        for start in 0..2 * FOLLOWED {
            let text = "return total;".to_owned();
            survival.follow(
                "u",
                Accepted {
                    start,
                    text,
                    origin: ORIGIN,
                },
            );
        }
        assert_eq!(survival.followed.len(), FOLLOWED);
    }
}
