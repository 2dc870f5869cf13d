//! What stood on the screen: how often it was wrong, and how often it changed by itself.

use super::log::{Kind, Played};

/// Counts over any number of traces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Display {
    /// Keys.
    pub keys: usize,
    /// Texts shown before a next key was typed, one that is carried or grows counted once.
    pub texts: usize,
    /// Of these, whose first character that is not blank is not the next one typed.
    pub wrong: usize,
    /// Of these, right to their end.
    pub right: usize,
    /// Of these, whose first line is right to its end.
    pub right_line: usize,
    /// Keys after which a text stood there and a next key was typed.
    pub shown_keys: usize,
    /// Of these, with a wrong text.
    pub wrong_keys: usize,
    /// Changes of the text on the screen that typing does not explain.
    pub flicker: usize,
    /// The same text, longer.
    pub growth: usize,
}

impl Display {
    /// Counts one trace in which every key was typed.
    pub fn add(&mut self, played: &Played) {
        for key in &played.keys {
            self.keys += 1;
            let (carried, visible) = (key.carried.as_deref(), key.visible());
            if let Some(carried) = carried {
                match visible {
                    Some(text) if text == carried => {}
                    Some(text) if text.starts_with(carried) => self.growth += 1,
                    _ => self.flicker += 1,
                }
            }
            let rest = played.target.get(key.end..).unwrap_or_default();
            let (Some(text), Some(next)) = (visible, first(rest)) else {
                continue;
            };
            if !matches!(key.kind, Kind::Typed | Kind::Moved) {
                continue;
            }
            let wrong = first(text) != Some(next);
            self.shown_keys += 1;
            self.wrong_keys += usize::from(wrong);
            if carried.is_some_and(|carried| text.starts_with(carried)) {
                continue;
            }
            let room = &rest[..rest.len().min(key.limit.saturating_sub(key.end))];
            let line = text.lines().next().unwrap_or_default();
            self.texts += 1;
            self.wrong += usize::from(wrong);
            self.right += usize::from(room.starts_with(text));
            self.right_line += usize::from(room.starts_with(line));
        }
    }
}

/// The first character that is not blank.
fn first(text: &str) -> Option<char> {
    text.chars().find(|c| !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::super::log::Answer;
    use super::super::log::tests::{key, played};
    use super::*;

    fn counted(keys: Vec<super::super::log::Key>, target: &str) -> Display {
        let mut display = Display::default();
        display.add(&played(target, keys));
        display
    }

    #[test]
    fn a_text_that_is_carried_counts_once_and_its_end_does_not_count() {
        let carried = |end, text: &str| {
            let mut key = key(end, Some(text));
            key.carried = Some(text.to_owned());
            key
        };
        let keys = vec![
            key(1, Some("bcd")),
            carried(2, "cd"),
            carried(3, "d"),
            key(4, Some("x")),
        ];
        let display = counted(keys, "abcd");
        assert_eq!((display.texts, display.wrong, display.right), (1, 0, 1));
        assert_eq!((display.shown_keys, display.wrong_keys), (3, 0));
        assert_eq!((display.flicker, display.growth), (0, 0));
    }

    #[test]
    fn wrong_is_judged_by_the_next_character_that_is_not_blank() {
        let display = counted(vec![key(1, Some("  =1")), key(2, Some("x"))], "a = 1");
        assert_eq!((display.texts, display.wrong, display.right), (2, 1, 0));
    }

    #[test]
    fn what_typing_does_not_explain_is_flicker() {
        let mut keys = Vec::new();
        for answer in [Some("other"), None, Some("rest"), Some("rest and more")] {
            let mut key = key(1, answer);
            key.carried = Some("rest".to_owned());
            keys.push(key);
        }
        // A late answer leaves the old text where it was.
        let mut late = key(1, None);
        (late.answer, late.carried) = (Answer::None, Some("rest".to_owned()));
        keys.push(late);
        // Where nothing was left, whatever comes is new.
        keys.push(key(1, Some("new")));
        let display = counted(keys, "ab");
        assert_eq!((display.flicker, display.growth), (2, 1));
    }
}
