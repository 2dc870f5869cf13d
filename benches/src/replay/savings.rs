//! Keys that suggestions would have saved, simulated over a log of somebody who typed every key.
//!
//! The simulated typist presses a key, looks at what was on the screen at that moment, and takes it or
//! goes on. The *oracle* takes as many whole lines of it as are right, so it is an upper bound. The
//! *strict* typist takes the first line, if that is right to its end and does not end inside a word.

use super::log::{Key, Kind, Played};

/// Characters that are worth a key: shorter texts are typed. The *a* of the definition.
pub const WORTH: usize = 3;

/// Who accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taste {
    /// See the module's header.
    Oracle,
    /// See the module's header.
    Strict,
}

/// What was saved, over any number of traces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Saving {
    /// Keys of the script.
    pub keys: usize,
    /// Keys that the simulated typist presses, accepts among them.
    pub pressed: usize,
    /// Characters written by accepts.
    pub accepted: usize,
    /// Characters of the text.
    pub characters: usize,
}

impl Saving {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Saving) -> Saving {
        Saving {
            keys: self.keys + other.keys,
            pressed: self.pressed + other.pressed,
            accepted: self.accepted + other.accepted,
            characters: self.characters + other.characters,
        }
    }

    /// Keystrokes saved, 1 − pressed / keys; NaN of nothing.
    #[must_use]
    pub fn share(self) -> f64 {
        if self.keys == 0 {
            return f64::NAN;
        }
        1.0 - self.pressed as f64 / self.keys as f64
    }
}

/// Simulates one trace; `shown` is what stood on the screen after the key of that number.
pub fn simulate<'a>(
    played: &'a Played,
    shown: impl Fn(usize) -> Option<&'a str>,
    taste: Taste,
) -> Saving {
    let keys = &played.keys;
    let target = &played.target;
    let end = keys.last().map_or(0, |key| key.end);
    let mut saving = Saving {
        keys: keys.len(),
        characters: target[..end].chars().count(),
        ..Saving::default()
    };
    let mut number = 0;
    while number < keys.len() {
        saving.pressed += 1;
        // One accept may lead to a place where the next one is offered.
        while let Some(text) = take(target, &keys[number], shown(number), taste) {
            saving.pressed += 1;
            saving.accepted += text.chars().count();
            let reached = keys[number].end + text.len();
            let next = number + keys[number..].partition_point(|key| key.end <= reached);
            // Between two keys, as inside an indentation, nothing is known of the screen.
            number = next - 1;
            if keys[number].end != reached {
                break;
            }
        }
        number += 1;
    }
    saving
}

/// The part of what is shown that this typist takes.
fn take<'a>(target: &str, key: &Key, shown: Option<&'a str>, taste: Taste) -> Option<&'a str> {
    let shown = shown?;
    if !matches!(key.kind, Kind::Typed | Kind::Moved) {
        return None;
    }
    let rest = target.get(key.end..key.limit.min(target.len()))?;
    let lines = shown.match_indices('\n').map(|(at, _)| at);
    let ends: Vec<usize> = lines.chain([shown.len()]).collect();
    let right = |end: &&usize| rest.starts_with(&shown[..**end]);
    let end = match taste {
        Taste::Oracle => ends.iter().rev().find(right)?,
        Taste::Strict => ends.first().filter(right)?,
    };
    let text = &shown[..*end];
    let inside_a_word = || {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let next = target[key.end + text.len()..].chars().next();
        text.ends_with(word) && next.is_some_and(word)
    };
    let taken = text.chars().count() >= WORTH && (taste == Taste::Oracle || !inside_a_word());
    taken.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::log::tests::{key, played};
    use super::*;

    /// One key for each character of the target; texts shown after the key of that number.
    fn saved(target: &str, shown: &[(usize, &'static str)], taste: Taste) -> Saving {
        let keys = (1..=target.len()).map(|end| key(end, None)).collect();
        let played = played(target, keys);
        let text = |number| {
            let found = shown.iter().find(|(after, _)| *after == number);
            found.map(|(_, text)| *text)
        };
        simulate(&played, text, taste)
    }

    #[test]
    fn an_accept_is_one_key() {
        for taste in [Taste::Oracle, Taste::Strict] {
            let saving = saved("let a = 1;", &[(2, " a = 1;")], taste);
            // l, e, t and the accept, of ten keys.
            assert_eq!((saving.keys, saving.pressed, saving.accepted), (10, 4, 7));
            assert!((saving.share() - 0.6).abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_wrong_short_or_beyond_the_limit_is_not_taken() {
        for wrong in [" b = 1;", " a", " a = 1;x"] {
            assert_eq!(
                saved("let a = 1;", &[(2, wrong)], Taste::Oracle).pressed,
                10
            );
        }
        let mut keys: Vec<Key> = (1..=4).map(|end| key(end, None)).collect();
        keys[0].limit = 3;
        let limited = played("fabc", keys);
        let saving = simulate(&limited, |n| (n == 0).then_some("abc"), Taste::Oracle);
        assert_eq!(saving.pressed, 4);
    }

    #[test]
    fn the_strict_typist_takes_first_lines_and_whole_words() {
        let target = "ab cd\nef gh";
        let block = [(1, " cd\nef gh")];
        assert_eq!(saved(target, &block, Taste::Oracle).accepted, 9);
        assert_eq!(saved(target, &block, Taste::Strict).accepted, 3);
        let half_wrong = [(1, " cd\nxx")];
        assert_eq!(saved(target, &half_wrong, Taste::Oracle).accepted, 3);
        assert_eq!(saved("foobar", &[(0, "oob")], Taste::Strict).accepted, 0);
        assert_eq!(saved("foobar", &[(0, "oob")], Taste::Oracle).accepted, 3);
    }

    #[test]
    fn one_accept_after_the_other() {
        let shown = [(0, "bcd"), (3, "efgh")];
        let saving = saved("abcdefghi", &shown, Taste::Oracle);
        // a, two accepts, i.
        assert_eq!((saving.pressed, saving.accepted), (4, 7));
    }

    #[test]
    fn an_accept_into_the_middle_of_a_key_goes_on_behind_that_key() {
        // The last key writes a line end and two blanks at once.
        let keys = vec![key(1, None), key(2, None), key(5, None), key(6, None)];
        let played = played("ab\n  c", keys);
        let saving = simulate(&played, |n| (n == 0).then_some("b\n "), Taste::Oracle);
        // a, the accept, the line end's key (for what is left of it), c.
        assert_eq!(saving.pressed, 4);
    }
}
