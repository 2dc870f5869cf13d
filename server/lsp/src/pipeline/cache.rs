//! Texts that were suggested lately, found again by what stands before and behind the cursor, so
//! that typing along a suggestion, deleting and undoing are answered without the model.
//! The *key* of a place is a hash of the document, of the text before the cursor and of what follows
//! it. A look-up goes back character by character: a text that was offered there and begins with
//! what was typed since still holds. A key holds several texts: what was typed may fit one that was
//! never shown. The map's guards never leave this file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use dashmap::mapref::one::RefMut;
use foretoken_engine::place::Place;
use foretoken_engine::suggestion::Suggestion;
use serde::Serialize;

/// Most entries. Copilot keeps 100, llama.vim 250.
const ENTRIES: usize = 250;

/// Most bytes of all texts together.
const BYTES: usize = 1024 * 1024;

/// Most characters that a look-up goes back. Value of ggml-org/llama.vim.
const LOOK_BACK: usize = 128;

/// Bytes of text before the cursor that make a place: a few lines tell any two places apart in
/// practice, and an edit far above keeps the entries below it.
const REACH: usize = 512;

/// Most texts under one key: the one shown, and what may be shown in its place.
const TEXTS: usize = 4;

/// What an entry takes beside its texts, as counted against `BYTES`.
const OVERHEAD: usize = 128;

/// See the module's header.
#[derive(Debug, Default)]
pub struct Cache {
    entries: DashMap<u64, Entry>,
    clock: AtomicU64,
    bytes: AtomicU64,
}

/// The texts known at one place, the one to be shown first.
#[derive(Debug, Default)]
struct Entry {
    texts: Vec<Kept>,
    /// The other texts of the first one were computed; there may be none.
    complete: bool,
    used: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    suggestion: Suggestion,
    origin: Origin,
    /// After how many typed bytes of the text the user turned it down.
    dismissed: Vec<usize>,
}

/// What made a text, to count what was of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Number of the job.
    pub job: u64,
    pub kind: Kind,
}

/// Why a text was computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Somebody asked.
    #[default]
    Request,
    /// An edit made a request likely.
    Edit,
    /// As if the text shown before it had been accepted.
    Ahead,
    /// Little was left of the text that was shown.
    Refill,
    /// In place of the best text.
    Alternative,
}

/// A text that still holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// What is left of it; its probability is that of the whole.
    pub suggestion: Suggestion,
    /// The user turned it down here.
    pub dismissed: bool,
    pub origin: Origin,
    /// Bytes of it that were typed since it was made.
    pub typed: usize,
}

impl Cache {
    /// What is at hand for this place of the document with this name.
    pub fn get(&self, document: &str, place: &Place) -> Option<Hit> {
        let (entry, typed) = self.find(document, place)?;
        entry.hits(typed).next()
    }

    /// All texts that may be shown in each other's place here, the one shown first; `None` where the
    /// others were not computed.
    pub fn all(&self, document: &str, place: &Place) -> Option<Vec<Hit>> {
        let (entry, typed) = self.find(document, place)?;
        entry.complete.then(|| entry.hits(typed).collect())
    }

    /// The nearest entry that knows how to go on, and what was typed since.
    fn find<'a>(
        &'a self,
        document: &str,
        place: &'a Place,
    ) -> Option<(RefMut<'a, u64, Entry>, &'a str)> {
        if self.entries.is_empty() {
            return None;
        }
        let around = around(document, place);
        let sums = Sums::of(place.before.as_bytes());
        let ends = place.before.char_indices().rev().map(|(at, _)| at);
        let ends = std::iter::once(place.before.len()).chain(ends);
        for end in ends.take(LOOK_BACK + 1) {
            // Nearer to its start than the reach, `before` no longer tells the places apart.
            let whole = place.before.len() == place.offset;
            if end < REACH && !whole {
                return None;
            }
            let Some(mut entry) = self.entries.get_mut(&key(around, &sums, end)) else {
                continue;
            };
            let typed = &place.before[end..];
            if entry.hits(typed).next().is_some() {
                entry.used = self.clock.fetch_add(1, Ordering::Relaxed);
                return Some((entry, typed));
            }
        }
        None
    }

    /// Keeps a suggestion that was made for this place. A longer text takes the place of its own
    /// beginning, so that what was shown only grows; another text goes before the older ones.
    pub fn put(&self, document: &str, place: &Place, suggestion: &Suggestion, origin: Origin) {
        self.insert(document, place, |entry| {
            entry.put(suggestion, origin);
        });
    }

    /// Keeps what may be shown in place of the text at this place, behind it.
    pub fn put_others(&self, document: &str, place: &Place, others: &[Suggestion], origin: Origin) {
        self.insert(document, place, |entry| {
            for suggestion in others {
                entry.texts.push(Kept::new(suggestion, origin));
            }
            entry.texts.truncate(TEXTS);
            entry.complete = true;
        });
    }

    fn insert(&self, document: &str, place: &Place, change: impl FnOnce(&mut Entry)) {
        let sums = Sums::of(place.before.as_bytes());
        let key = key(around(document, place), &sums, place.before.len());
        {
            let mut entry = self.entries.entry(key).or_default();
            let before = entry.bytes();
            entry.used = self.clock.fetch_add(1, Ordering::Relaxed);
            change(&mut entry);
            self.bytes
                .fetch_add(entry.bytes() as u64, Ordering::Relaxed);
            self.bytes.fetch_sub(before as u64, Ordering::Relaxed);
        }
        while self.entries.len() > ENTRIES || self.bytes() > BYTES {
            let oldest = self
                .entries
                .iter()
                .map(|entry| (entry.used, *entry.key()))
                .min();
            let Some((_, oldest)) = oldest else { break };
            if let Some((_, entry)) = self.entries.remove(&oldest) {
                self.bytes
                    .fetch_sub(entry.bytes() as u64, Ordering::Relaxed);
            }
        }
    }

    /// Remembers that the text offered at this place was turned down when `typed` bytes of it had been
    /// typed. Further on, where the user goes along with it again, it is shown again.
    pub fn dismiss(&self, document: &str, place: &Place, typed: usize) {
        let sums = Sums::of(place.before.as_bytes());
        let key = key(around(document, place), &sums, place.before.len());
        let mut entry = self.entries.get_mut(&key);
        let first = entry.as_mut().and_then(|entry| entry.texts.first_mut());
        if let Some(kept) = first
            && !kept.dismissed.contains(&typed)
        {
            kept.dismissed.push(typed);
        }
    }

    /// How many places are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all that is kept.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.bytes.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.entries.clear();
        self.bytes.store(0, Ordering::Relaxed);
    }
}

impl Entry {
    /// What is left of each text that begins with what was typed.
    fn hits(&self, typed: &str) -> impl Iterator<Item = Hit> {
        self.texts.iter().filter_map(move |kept| {
            let rest = kept.suggestion.text.strip_prefix(typed)?;
            let left = Hit {
                suggestion: Suggestion {
                    text: rest.to_owned(),
                    ..kept.suggestion
                },
                dismissed: kept.dismissed.contains(&typed.len()),
                origin: kept.origin,
                typed: typed.len(),
            };
            (!rest.trim().is_empty()).then_some(left)
        })
    }

    fn put(&mut self, suggestion: &Suggestion, origin: Origin) {
        let text = suggestion.text.as_str();
        let goes_on = |kept: &Kept| text.starts_with(&kept.suggestion.text);
        let is_begun = |kept: &Kept| kept.suggestion.text.starts_with(text);
        let mut kept = Kept::new(suggestion, origin);
        if let Some(at) = self.texts.iter().position(goes_on) {
            // The same suggestion to the one who sees it, so a dismissal goes on to hold.
            kept.dismissed = self.texts.remove(at).dismissed;
        } else if let Some(at) = self.texts.iter().position(is_begun) {
            kept = self.texts.remove(at);
        } else {
            self.complete = false;
        }
        self.texts.insert(0, kept);
        self.texts.truncate(TEXTS);
    }

    fn bytes(&self) -> usize {
        let texts = self.texts.iter().map(|kept| kept.suggestion.text.len());
        texts.map(|length| length + OVERHEAD).sum()
    }
}

impl Kept {
    fn new(suggestion: &Suggestion, origin: Origin) -> Kept {
        Kept {
            suggestion: suggestion.clone(),
            origin,
            dismissed: Vec::new(),
        }
    }
}

/// What a place is but for the text before the cursor.
fn around(document: &str, place: &Place) -> u64 {
    let below = place.below.iter().find(|line| !line.trim().is_empty());
    let mut hash = DefaultHasher::new();
    (document, &place.tail, below).hash(&mut hash);
    hash.finish()
}

fn key(around: u64, sums: &Sums, end: usize) -> u64 {
    let from = end.saturating_sub(REACH);
    around ^ sums.window(from, end).rotate_left(17)
}

/// Polynomial hash of every window of a text after one pass (Karp and Rabin 1987), so that going
/// back one character costs a multiplication and not another pass.
struct Sums {
    sums: Vec<u64>,
    powers: Vec<u64>,
}

/// An odd multiplier without structure: the fractional part of the golden ratio in 64 bits.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

impl Sums {
    fn of(bytes: &[u8]) -> Sums {
        let mut sums = Vec::with_capacity(bytes.len() + 1);
        let mut powers = Vec::with_capacity(bytes.len() + 1);
        let (mut sum, mut power) = (0u64, 1u64);
        sums.push(sum);
        powers.push(power);
        for &byte in bytes {
            sum = sum.wrapping_mul(BASE).wrapping_add(u64::from(byte) + 1);
            power = power.wrapping_mul(BASE);
            sums.push(sum);
            powers.push(power);
        }
        Sums { sums, powers }
    }

    fn window(&self, from: usize, end: usize) -> u64 {
        let before = self.sums[from].wrapping_mul(self.powers[end - from]);
        self.sums[end].wrapping_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use foretoken_engine::document::Document;
    use foretoken_engine::suggestion::Source;
    use foretoken_grammars::Language;

    use super::*;

    fn place(fixture: &str) -> Place {
        let at = fixture.find("$0").unwrap();
        let text = fixture.replacen("$0", "", 1);
        let document = Document::open("a.rs", Language::Rust, 0, &text);
        Place::at(&document, at)
    }

    fn suggestion(text: &str) -> Suggestion {
        Suggestion {
            text: text.to_owned(),
            probability: 0.7,
            source: Source::Model,
        }
    }

    fn put(cache: &Cache, fixture: &str, text: &str) {
        cache.put("doc", &place(fixture), &suggestion(text), Origin::default());
    }

    fn rest(cache: &Cache, fixture: &str) -> Option<String> {
        Some(cache.get("doc", &place(fixture))?.suggestion.text)
    }

    #[test]
    fn typing_along_deleting_and_undoing_are_hits() {
        let cache = Cache::default();
        put(&cache, "let a = $0;\nb", "vec![1]");
        assert_eq!(rest(&cache, "let a = $0;\nb").as_deref(), Some("vec![1]"));
        assert_eq!(rest(&cache, "let a = ve$0;\nb").as_deref(), Some("c![1]"));
        assert_eq!(rest(&cache, "let a = $0;\nb").as_deref(), Some("vec![1]"));
    }

    #[test]
    fn another_place_is_a_miss() {
        let cache = Cache::default();
        put(&cache, "let a = $0;\nb", "vec![1]");
        assert_eq!(rest(&cache, "let a = vx$0;\nb"), None);
        assert_eq!(rest(&cache, "let a = $0)\nb"), None);
        assert_eq!(rest(&cache, "let a = $0;\nc"), None);
        assert_eq!(rest(&cache, "let c = $0;\nb"), None);
        assert_eq!(rest(&cache, "let a = vec![1]$0;\nb"), None);
        assert!(cache.get("other", &place("let a = $0;\nb")).is_none());
    }

    #[test]
    fn far_from_the_start_edits_above_do_not_matter() {
        let cache = Cache::default();
        let far = format!("{}\nlet a = $0", "x".repeat(3000));
        put(&cache, &far, "1 + 1");
        assert_eq!(
            rest(&cache, &far.replacen("xx", "yyy", 1).replace("$0", "1 $0")).as_deref(),
            Some("+ 1")
        );
    }

    #[test]
    fn a_dismissed_text_stays_so_where_it_was_and_not_further_on() {
        let cache = Cache::default();
        let here = place("let a = $0");
        put(&cache, "let a = $0", "vec![1]");
        cache.dismiss("doc", &here, 0);
        cache.dismiss("doc", &here, 2);
        let dismissed = |fixture| cache.get("doc", &place(fixture)).unwrap().dismissed;
        assert!(dismissed("let a = $0"));
        assert!(!dismissed("let a = v$0"));
        assert!(dismissed("let a = ve$0"));
        put(&cache, "let a = $0", "vec![2]");
        assert!(!cache.get("doc", &here).unwrap().dismissed, "another text");
        cache.dismiss("doc", &here, 0);
        put(&cache, "let a = $0", "vec![2];");
        assert!(
            cache.get("doc", &here).unwrap().dismissed,
            "the same, longer"
        );
    }

    #[test]
    fn a_text_grows_and_never_shrinks() {
        let cache = Cache::default();
        for text in ["vec![1", "vec![1, 2];", "vec!["] {
            put(&cache, "let a = $0", text);
        }
        assert_eq!(rest(&cache, "let a = $0").as_deref(), Some("vec![1, 2];"));
        // Another text is shown first; the older one still answers whoever types it.
        put(&cache, "let a = $0", "None;");
        assert_eq!(rest(&cache, "let a = $0").as_deref(), Some("None;"));
        assert_eq!(rest(&cache, "let a = v$0").as_deref(), Some("ec![1, 2];"));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn other_texts_stand_behind_the_first() {
        let cache = Cache::default();
        let here = place("let a = $0");
        put(&cache, "let a = $0", "vec![1]");
        assert_eq!(cache.all("doc", &here), None, "nobody looked for others");
        let others = [suggestion("Vec::new()"), suggestion("None")];
        cache.put_others("doc", &here, &others, Origin::default());
        let texts = |fixture| {
            let hits = cache.all("doc", &place(fixture)).unwrap();
            hits.into_iter()
                .map(|hit| hit.suggestion.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts("let a = $0"), ["vec![1]", "Vec::new()", "None"]);
        assert_eq!(texts("let a = V$0"), ["ec::new()"]);
        put(&cache, "let a = $0", "vec![1];");
        assert_eq!(texts("let a = $0"), ["vec![1];", "Vec::new()", "None"]);
    }

    #[test]
    fn a_hit_knows_where_it_comes_from() {
        let cache = Cache::default();
        let origin = Origin {
            job: 7,
            kind: Kind::Ahead,
        };
        cache.put("doc", &place("let a = $0"), &suggestion("1 + 1"), origin);
        let hit = cache.get("doc", &place("let a = 1 $0")).unwrap();
        assert_eq!((hit.origin, hit.typed), (origin, 2));
        assert_eq!(hit.suggestion.source, Source::Model);
        assert_eq!(hit.suggestion.probability, 0.7);
    }

    #[test]
    fn more_than_the_look_back_is_not_typed_along() {
        let cache = Cache::default();
        let text = "x".repeat(LOOK_BACK + 10);
        put(&cache, "let a = $0", &text);
        let typed = |count| format!("let a = {}$0", "x".repeat(count));
        assert_eq!(
            rest(&cache, &typed(LOOK_BACK)).map(|rest| rest.len()),
            Some(10)
        );
        assert_eq!(rest(&cache, &typed(LOOK_BACK + 1)), None);
    }

    #[test]
    fn entries_and_bytes_are_bounded() {
        let cache = Cache::default();
        for number in 0..ENTRIES + 50 {
            put(&cache, &format!("let a{number} = $0"), &"x".repeat(8000));
        }
        assert!(cache.len() <= ENTRIES && !cache.is_empty());
        let bytes: usize = cache.entries.iter().map(|entry| entry.bytes()).sum();
        assert!(bytes <= BYTES);
        assert_eq!(bytes, cache.bytes());
        // The newest ones stayed.
        let last = format!("let a{} = $0", ENTRIES + 49);
        assert!(rest(&cache, &last).is_some() && rest(&cache, "let a0 = $0").is_none());
        cache.clear();
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }
}
