//! What was offered and what became of it. An offer has an id; three kinds of report count it as
//! accepted, once: the item's command, a plugin's notification, and the change that puts its text
//! into the document. The last is the only one for partial accepts in VS Code, LSP4IJ and Helix.

use std::collections::{BTreeMap, VecDeque};

use foretoken_engine::document::Edit;
use foretoken_engine::interpolate;
use foretoken_engine::place::Place;

use crate::metrics::figures::{Name, Suggested};
use crate::metrics::survival::{Accepted, LOOKUP};

/// Offers that can still be reported on. An editor's command comes within milliseconds.
const REMEMBERED: usize = 64;

/// The offers of a session and their totals.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    /// Newest last; the last one of a document is the one on its screen.
    recent: VecDeque<Offer>,
    next: u64,
    pub(crate) totals: Totals,
    /// The same by where they came from.
    rows: BTreeMap<Origin, Suggested>,
}

/// Where a suggestion came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    /// The document's, by its LSP identifier.
    pub(crate) language: &'static str,
    /// `model` or `lookup`.
    pub(crate) by: &'static str,
}

/// Totals over the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Suggestions sent, each once however often it was sent again while the user typed along.
    pub(crate) offered: u64,
    /// Reported as displayed by a plugin.
    pub(crate) shown: u64,
    /// Of which something was accepted.
    pub(crate) accepted: u64,
    /// Of these, to the last character.
    pub(crate) accepted_whole: u64,
    /// Characters accepted in one go.
    pub(crate) accepted_characters: u64,
    /// Turned down by typing something else or by a plugin's word.
    pub(crate) dismissed: u64,
}

#[derive(Debug)]
struct Offer {
    id: String,
    uri: String,
    /// The place that it was made for.
    place: Place,
    text: String,
    origin: Origin,
    /// Bytes of `text` that are in the document by now.
    used: usize,
    shown: bool,
    accepted: bool,
    whole: bool,
    /// Still on the screen, as far as we know.
    live: bool,
}

/// An offer that the user turned down by a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dismissed {
    pub(crate) uri: String,
    /// The place that it was made for.
    pub(crate) place: Place,
    pub(crate) text: String,
    /// Bytes of its text that were typed since.
    pub(crate) used: usize,
}

impl Offers {
    /// The id for offering `text` at `place`. Where that is what is left of the offer on the screen
    /// it is the same offer.
    pub(crate) fn offer(&mut self, uri: &str, place: &Place, text: &str, origin: Origin) -> String {
        if let Some(live) = self.live(uri)
            && live.place.offset + live.used == place.offset
            && live.text.get(live.used..) == Some(text)
        {
            return live.id.clone();
        }
        if let Some(older) = self.live(uri) {
            older.live = false;
        }
        self.totals.offered += 1;
        self.rows.entry(origin).or_default().offered += 1;
        self.add(uri, place, (text, origin), true)
    }

    fn add(&mut self, uri: &str, place: &Place, of: (&str, Origin), live: bool) -> String {
        let (text, origin) = of;
        self.next += 1;
        let id = self.next.to_string();
        self.recent.push_back(Offer {
            id: id.clone(),
            uri: uri.to_owned(),
            place: place.clone(),
            text: text.to_owned(),
            origin,
            used: 0,
            shown: false,
            accepted: false,
            whole: false,
            live,
        });
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        id
    }

    /// The id for a text that is offered beside the one on the screen.
    pub(crate) fn beside(
        &mut self,
        uri: &str,
        place: &Place,
        text: &str,
        origin: Origin,
    ) -> String {
        self.add(uri, place, (text, origin), false)
    }

    /// What became of them by language and writer, with the name of the model that is in use.
    pub(crate) fn by_language(&self, model: &Name) -> BTreeMap<Name, BTreeMap<Name, Suggested>> {
        let mut all: BTreeMap<Name, BTreeMap<Name, Suggested>> = BTreeMap::new();
        for (origin, row) in &self.rows {
            let by = if origin.by == LOOKUP {
                LOOKUP.into()
            } else {
                model.clone()
            };
            all.entry(origin.language.into())
                .or_default()
                .insert(by, *row);
        }
        all
    }

    /// Nothing is on the screen of this document any more.
    pub(crate) fn clear(&mut self, uri: &str) {
        if let Some(live) = self.live(uri) {
            live.live = false;
        }
    }

    /// A plugin says that it displays this offer.
    pub(crate) fn shown(&mut self, id: &str) {
        if let Some(offer) = self.by_id(id)
            && !std::mem::replace(&mut offer.shown, true)
        {
            self.totals.shown += 1;
        }
    }

    /// The item's command ran: all of it was accepted. False for an id that is not known.
    pub(crate) fn accepted(&mut self, id: &str) -> bool {
        let Some(offer) = self.by_id(id) else {
            return false;
        };
        let characters = if offer.accepted {
            0
        } else {
            offer.text.chars().count()
        };
        self.count(id, characters, true);
        true
    }

    /// A plugin says that this many UTF-16 units from the start of the text were accepted.
    pub(crate) fn partly_accepted(&mut self, id: &str, units: usize) {
        let Some(offer) = self.by_id(id) else { return };
        let mut left = units;
        let characters = offer
            .text
            .chars()
            .take_while(|c| {
                let fits = c.len_utf16() <= left;
                left -= if fits { c.len_utf16() } else { left };
                fits
            })
            .count();
        let counted = if offer.accepted { 0 } else { characters };
        self.count(id, counted, false);
    }

    /// A plugin says that the user turned this offer down.
    pub(crate) fn dismissed(&mut self, id: &str) -> Option<Dismissed> {
        let offer = self.by_id(id)?;
        offer.live = false;
        let dismissed = Dismissed {
            uri: offer.uri.clone(),
            place: offer.place.clone(),
            text: offer.text.clone(),
            used: offer.used,
        };
        let origin = offer.origin;
        self.dismiss(origin);
        Some(dismissed)
    }

    /// Learns from the edits of one change: whether they accept something (`interpolate::accepted`), and
    /// how much of the offer is in the document by now. Something else in its place counts as turned
    /// down, though it may be a slip: once deleted again, the text is offered as before. Returns what was accepted.
    pub(crate) fn edited(&mut self, uri: &str, edits: &[Edit]) -> Option<Accepted> {
        let offer = self.live(uri)?;
        let Some((start, removed, inserted)) = joined(edits) else {
            offer.live = false;
            return None;
        };
        let cursor = offer.place.offset + offer.used;
        if removed > 0 {
            // Deleting what was typed along takes the offer back a little; else it is gone.
            let back = start >= offer.place.offset && start + removed == cursor;
            if back && inserted.is_empty() {
                offer.used = start - offer.place.offset;
            } else {
                offer.live = false;
            }
            return None;
        }
        if start != cursor {
            offer.live = false;
            return None;
        }
        if !offer.text[offer.used..].starts_with(&inserted) {
            offer.live = false;
            let origin = offer.origin;
            self.dismiss(origin);
            return None;
        }
        let accepted = interpolate::accepted(&offer.text[offer.used..], cursor, edits);
        offer.used += inserted.len();
        let whole = offer.used == offer.text.len();
        if whole {
            offer.live = false;
        }
        accepted?;
        let (id, origin) = (offer.id.clone(), offer.origin);
        self.count(&id, inserted.chars().count(), whole);
        Some(Accepted {
            start,
            text: inserted,
            origin,
        })
    }

    fn dismiss(&mut self, origin: Origin) {
        self.totals.dismissed += 1;
        self.rows.entry(origin).or_default().dismissed += 1;
    }

    fn count(&mut self, id: &str, characters: usize, whole: bool) {
        let Some(offer) = self.recent.iter_mut().find(|offer| offer.id == id) else {
            return;
        };
        let first = !std::mem::replace(&mut offer.accepted, true);
        let first_whole = whole && !std::mem::replace(&mut offer.whole, true);
        let row = self.rows.entry(offer.origin).or_default();
        row.accepted += u64::from(first);
        row.whole += u64::from(first_whole);
        row.characters += characters as u64;
        self.totals.accepted += u64::from(first);
        self.totals.accepted_whole += u64::from(first_whole);
        self.totals.accepted_characters += characters as u64;
    }

    fn live(&mut self, uri: &str) -> Option<&mut Offer> {
        self.recent
            .iter_mut()
            .rev()
            .find(|offer| offer.live && offer.uri == uri)
    }

    fn by_id(&mut self, id: &str) -> Option<&mut Offer> {
        self.recent.iter_mut().find(|offer| offer.id == id)
    }
}

/// The edits as one replacement: its start, the bytes removed and the text inserted, without what
/// the change leaves as it was. A deletion and the insertion that follows at its place are one
/// (lsp-mode writes an accept so), and so are characters typed one after the other. `None` for
/// edits of several places.
fn joined(edits: &[Edit]) -> Option<(usize, usize, String)> {
    let (first, others) = edits.split_first()?;
    let (mut removed, mut inserted) = (first.removed.clone(), first.inserted.clone());
    let mut unseen = first.removed_len - first.removed.len();
    for edit in others {
        if edit.removed_len == 0 && edit.start == first.start + inserted.len() {
            inserted.push_str(&edit.inserted);
        } else if edit.removed_len > 0
            && edit.inserted.is_empty()
            && edit.start == first.start
            && inserted.is_empty()
        {
            removed.push_str(&edit.removed);
            unseen += edit.removed_len - edit.removed.len();
        } else {
            return None;
        }
    }
    if unseen > 0 {
        return Some((first.start, removed.len() + unseen, inserted));
    }
    let front = common(removed.chars(), inserted.chars());
    let back = common(
        removed[front..].chars().rev(),
        inserted[front..].chars().rev(),
    );
    let inserted_end = inserted.len() - back;
    Some((
        first.start + front,
        removed.len() - front - back,
        inserted[front..inserted_end].to_owned(),
    ))
}

/// Bytes of the characters that both begin with.
fn common(a: impl Iterator<Item = char>, b: impl Iterator<Item = char>) -> usize {
    a.zip(b)
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum()
}

#[cfg(test)]
mod tests {
    use foretoken_engine::document::Document;
    use foretoken_grammars::Language;

    use super::*;

    fn place() -> Place {
        let document = Document::open("a.txt", Language::Text, 0, "let a = ");
        Place::at(&document, 8)
    }

    fn insert(start: usize, text: &str) -> Edit {
        replace(start, "", text)
    }

    fn replace(start: usize, removed: &str, text: &str) -> Edit {
        Edit {
            start,
            removed: removed.to_owned(),
            removed_len: removed.len(),
            inserted: text.to_owned(),
        }
    }

    const ORIGIN: Origin = Origin {
        language: "rust",
        by: "model",
    };

    fn offered(text: &str) -> (Offers, String) {
        let mut offers = Offers::default();
        let id = offers.offer("u", &place(), text, ORIGIN);
        (offers, id)
    }

    #[test]
    fn command_and_inference_count_once() {
        let (mut offers, id) = offered("vec![1]");
        offers.edited("u", &[insert(8, "vec![1]")]);
        assert!(offers.accepted(&id));
        let Totals {
            accepted,
            accepted_whole,
            accepted_characters,
            ..
        } = offers.totals;
        assert_eq!((accepted, accepted_whole, accepted_characters), (1, 1, 7));
        assert!(!offers.accepted("none"));
    }

    #[test]
    fn typing_is_no_accept_and_words_are() {
        let (mut offers, _) = offered("vec![()]");
        for (at, c) in "vec![".chars().enumerate() {
            offers.edited("u", &[insert(8 + at, &c.to_string())]);
        }
        offers.edited("u", &[insert(13, "()")]);
        assert_eq!(offers.totals.accepted, 0);
        // Neovim sends several keys as several changes in one message, and Enter with the indentation.
        let (mut offers, _) = offered("one\n    two");
        let keys = [insert(8, "o"), insert(9, "n"), insert(10, "e")];
        offers.edited("u", &keys);
        offers.edited("u", &[insert(11, "\n    ")]);
        assert_eq!(offers.totals.accepted, 0);
        offers.edited("u", &[insert(16, "two")]);
        assert_eq!(offers.totals.accepted_whole, 1);
        let (mut offers, _) = offered("one two three");
        offers.edited("u", &[insert(8, "one ")]);
        offers.edited("u", &[insert(12, "two ")]);
        assert_eq!(offers.totals.accepted, 1);
        assert_eq!(offers.totals.accepted_characters, 8);
        assert_eq!(offers.totals.accepted_whole, 0);
    }

    #[test]
    fn what_the_change_leaves_equal_is_trimmed() {
        let (mut offers, _) = offered("vec![1]");
        offers.edited("u", &[replace(0, "let a = ", "let a = vec![1]")]);
        assert_eq!(offers.totals.accepted_whole, 1);
        let (mut offers, _) = offered("vec![1]");
        offers.edited("u", &[replace(4, "a = ", ""), insert(4, "a = vec![1]")]);
        assert_eq!(offers.totals.accepted_whole, 1);
    }

    #[test]
    fn another_text_in_its_place_dismisses() {
        let (mut offers, _) = offered("vec![1]");
        offers.edited("u", &[insert(8, "v")]);
        assert_eq!(offers.totals.dismissed, 0);
        offers.edited("u", &[insert(9, "x")]);
        assert_eq!(offers.totals.dismissed, 1);
        offers.edited("u", &[insert(10, "y")]);
        assert_eq!(offers.totals.dismissed, 1, "it is gone already");
        for elsewhere in [insert(0, "x"), replace(7, " ", "")] {
            let (mut offers, _) = offered("vec![1]");
            offers.edited("u", &[elsewhere]);
            assert_eq!(offers.totals.dismissed, 0);
        }
    }

    #[test]
    fn a_plugin_says_where_an_offer_was_dismissed() {
        let (mut offers, id) = offered("vec![1]");
        offers.edited("u", &[insert(8, "ve")]);
        let dismissed = offers.dismissed(&id).unwrap();
        assert_eq!((dismissed.place, dismissed.used), (place(), 2));
        assert_eq!(offers.dismissed("none"), None);
    }

    #[test]
    fn offers_are_counted_by_language_and_writer() {
        let (mut offers, _) = offered("vec![1]");
        let accepted = offers.edited("u", &[insert(8, "vec![1]")]).unwrap();
        assert_eq!((accepted.start, accepted.text.as_str()), (8, "vec![1]"));
        let by = "lookup";
        let document = Document::open("a.txt", Language::Text, 0, "x");
        offers.offer(
            "u",
            &Place::at(&document, 1),
            " + y",
            Origin { by, ..ORIGIN },
        );
        assert_eq!(offers.edited("u", &[insert(1, "?")]), None);
        let rows = offers.by_language(&"embedded 1".into());
        let row = |by: &str| rows["rust"][by];
        assert_eq!(
            (row("embedded 1").accepted, row("embedded 1").characters),
            (1, 7)
        );
        assert_eq!((row("lookup").offered, row("lookup").dismissed), (1, 1));
    }

    #[test]
    fn the_rest_of_an_offer_keeps_its_id() {
        let (mut offers, id) = offered("vec![1]");
        offers.edited("u", &[insert(8, "v")]);
        let document = Document::open("a.txt", Language::Text, 0, "let a = v");
        let further = Place::at(&document, 9);
        assert_eq!(offers.offer("u", &further, "ec![1]", ORIGIN), id);
        assert_ne!(offers.offer("u", &further, "ec![2]", ORIGIN), id);
        assert_eq!(offers.totals.offered, 2);
    }
}
