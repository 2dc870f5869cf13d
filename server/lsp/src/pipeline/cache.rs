//! Texts that were suggested lately, found again by what stands before and behind the cursor, so
//! that typing along a suggestion, deleting and undoing are answered without the model.
//! The *key* of a place is a hash of the document, of the text before the cursor and of what follows
//! it. A look-up goes back character by character: a text that was offered there and begins with
//! what was typed since still holds. The map's guards never leave this file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use foretoken_engine::place::Place;
use foretoken_engine::suggestion::Suggestion;

/// Most entries. Value of the trie of `completion.md` (Copilot keeps 100, llama.vim 250).
const ENTRIES: usize = 250;

/// Most bytes of all texts together.
const BYTES: usize = 1024 * 1024;

/// Most characters that a look-up goes back. Value of ggml-org/llama.vim.
const LOOK_BACK: usize = 128;

/// Bytes of text before the cursor that make a place: a few lines tell any two places apart in
/// practice, and an edit far above keeps the entries below it.
const REACH: usize = 512;

/// See the module's header.
#[derive(Debug, Default)]
pub struct Cache {
    entries: DashMap<u64, Entry>,
    clock: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    suggestion: Suggestion,
    /// After how many typed bytes of the text the user turned it down.
    dismissed: Vec<usize>,
    used: u64,
}

/// A text that still holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// What is left of it; its probability is that of the whole.
    pub suggestion: Suggestion,
    /// The user turned it down here.
    pub dismissed: bool,
}

impl Cache {
    /// What is at hand for this place of the document with this name.
    pub fn get(&self, document: &str, place: &Place) -> Option<Hit> {
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
            let Some(rest) = entry.suggestion.text.strip_prefix(typed) else {
                continue;
            };
            if rest.trim().is_empty() {
                continue;
            }
            let suggestion = Suggestion {
                text: rest.to_owned(),
                ..entry.suggestion.clone()
            };
            entry.used = self.clock.fetch_add(1, Ordering::Relaxed);
            return Some(Hit {
                suggestion,
                dismissed: entry.dismissed.contains(&typed.len()),
            });
        }
        None
    }

    /// Keeps a suggestion that was made for this place; a longer text replaces a shorter one.
    pub fn put(&self, document: &str, place: &Place, suggestion: &Suggestion) {
        let sums = Sums::of(place.before.as_bytes());
        let key = key(around(document, place), &sums, place.before.len());
        let entry = Entry {
            suggestion: suggestion.clone(),
            dismissed: self.dismissals(key, &suggestion.text),
            used: self.clock.fetch_add(1, Ordering::Relaxed),
        };
        self.count(suggestion.text.len(), self.entries.insert(key, entry));
        while self.entries.len() > ENTRIES || self.bytes.load(Ordering::Relaxed) > BYTES as u64 {
            let oldest = self
                .entries
                .iter()
                .map(|entry| (entry.used, *entry.key()))
                .min();
            let Some((_, oldest)) = oldest else { break };
            self.count(0, self.entries.remove(&oldest).map(|(_, entry)| entry));
        }
    }

    /// Remembers that the text offered at this place was turned down when `typed` bytes of it had been
    /// typed. Further on, where the user goes along with it again, it is shown again.
    pub fn dismiss(&self, document: &str, place: &Place, typed: usize) {
        let sums = Sums::of(place.before.as_bytes());
        let key = key(around(document, place), &sums, place.before.len());
        if let Some(mut entry) = self.entries.get_mut(&key)
            && !entry.dismissed.contains(&typed)
        {
            entry.dismissed.push(typed);
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.entries.clear();
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Where the same beginning was turned down under this key: a text that goes on further, or less
    /// far, is the same suggestion to the one who sees it.
    fn dismissals(&self, key: u64, text: &str) -> Vec<usize> {
        let entry = self.entries.get(&key);
        let same = entry.filter(|entry| {
            let old = &entry.suggestion.text;
            old.starts_with(text) || text.starts_with(old.as_str())
        });
        same.map_or_else(Vec::new, |entry| entry.dismissed.clone())
    }

    fn count(&self, added: usize, removed: Option<Entry>) {
        self.bytes.fetch_add(added as u64, Ordering::Relaxed);
        if let Some(removed) = removed {
            let bytes = removed.suggestion.text.len() as u64;
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
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

    fn rest(cache: &Cache, fixture: &str) -> Option<String> {
        Some(cache.get("doc", &place(fixture))?.suggestion.text)
    }

    #[test]
    fn typing_along_deleting_and_undoing_are_hits() {
        let cache = Cache::default();
        cache.put("doc", &place("let a = $0;\nb"), &suggestion("vec![1]"));
        assert_eq!(rest(&cache, "let a = $0;\nb").as_deref(), Some("vec![1]"));
        assert_eq!(rest(&cache, "let a = ve$0;\nb").as_deref(), Some("c![1]"));
        assert_eq!(rest(&cache, "let a = $0;\nb").as_deref(), Some("vec![1]"));
    }

    #[test]
    fn another_place_is_a_miss() {
        let cache = Cache::default();
        cache.put("doc", &place("let a = $0;\nb"), &suggestion("vec![1]"));
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
        cache.put("doc", &place(&far), &suggestion("1 + 1"));
        assert_eq!(
            rest(&cache, &far.replacen("xx", "yyy", 1).replace("$0", "1 $0")).as_deref(),
            Some("+ 1")
        );
    }

    #[test]
    fn a_dismissed_text_stays_so_where_it_was_and_not_further_on() {
        let cache = Cache::default();
        let here = place("let a = $0");
        cache.put("doc", &here, &suggestion("vec![1]"));
        cache.dismiss("doc", &here, 0);
        cache.dismiss("doc", &here, 2);
        let dismissed = |fixture| cache.get("doc", &place(fixture)).unwrap().dismissed;
        assert!(dismissed("let a = $0"));
        assert!(!dismissed("let a = v$0"));
        assert!(dismissed("let a = ve$0"));
        cache.put("doc", &here, &suggestion("vec![1, 2]"));
        assert!(!cache.get("doc", &here).unwrap().dismissed, "another text");
        cache.dismiss("doc", &here, 0);
        cache.put("doc", &here, &suggestion("vec![1, 2];"));
        assert!(
            cache.get("doc", &here).unwrap().dismissed,
            "the same, longer"
        );
    }

    #[test]
    fn entries_and_bytes_are_bounded() {
        let cache = Cache::default();
        for number in 0..ENTRIES + 50 {
            let place = place(&format!("let a{number} = $0"));
            cache.put("doc", &place, &suggestion(&"x".repeat(8000)));
        }
        assert!(cache.entries.len() <= ENTRIES);
        let bytes: usize = cache.entries.iter().map(|e| e.suggestion.text.len()).sum();
        assert!(bytes <= BYTES);
        assert_eq!(bytes as u64, cache.bytes.load(Ordering::Relaxed));
    }
}
