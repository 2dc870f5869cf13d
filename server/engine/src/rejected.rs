//! What the user put away, so that the same text does not come again at the same words, however it came about: after an edit
//! elsewhere the model is asked anew and says the same.
//!
//! A *rejection* is the line up to the cursor and the first line of what was offered there. Only a key that puts ghost text away
//! makes one; typing something else does not. It holds for a while, in one document, and never against a key that asks.

use std::collections::VecDeque;
use std::time::Duration;

use crate::place::Place;

/// Most that are remembered; the oldest goes. Each costs two short lines.
const REMEMBERED: usize = 64;
/// So long one holds. Value of [`crate::caution`], after which nothing is left of a dismissal's weight either.
const HOLDS: Duration = Duration::from_secs(600);
/// Bytes that are compared of each line.
const COMPARED: usize = 256;

/// See the module's header.
#[derive(Clone, Debug, Default)]
pub struct Rejected {
    recent: VecDeque<Rejection>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rejection {
    document: String,
    head: String,
    text: String,
    at: Duration,
}

impl Rejected {
    /// The user put away what was left of `text`, offered at `place`, when `used` bytes of it had been typed. `at` counts from any
    /// fixed moment.
    pub fn put_away(
        &mut self,
        document: &str,
        place: &Place,
        (text, used): (&str, usize),
        at: Duration,
    ) {
        let (Some(typed), Some(rest)) = (text.get(..used), text.get(used..)) else {
            return;
        };
        let head = match typed.rfind('\n') {
            Some(end) => typed[end + 1..].to_owned(),
            None => place.head.clone() + typed,
        };
        let rejection = Rejection {
            document: document.to_owned(),
            head: compared_head(&head).to_owned(),
            text: first_line(rest).to_owned(),
            at,
        };
        if rejection.text.is_empty() {
            return;
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(rejection);
    }

    /// Whether this text was put away at these words a while ago.
    pub fn holds(&self, document: &str, place: &Place, text: &str, at: Duration) -> bool {
        if self.recent.is_empty() {
            return false;
        }
        let (head, text) = (compared_head(&place.head), first_line(text));
        self.recent.iter().any(|rejection| {
            rejection.document == document
                && rejection.head == head
                && rejection.text == text
                && at.saturating_sub(rejection.at) < HOLDS
        })
    }

    /// A document was closed: nothing of its text is kept.
    pub fn forget(&mut self, document: &str) {
        self.recent
            .retain(|rejection| rejection.document != document);
    }
}

/// The end of the line before the cursor, without its indentation: a block that moves stays the same words.
fn compared_head(head: &str) -> &str {
    let from = head.ceil_char_boundary(head.len().saturating_sub(COMPARED));
    head[from..].trim_start()
}

/// The beginning of the first line that says something.
fn first_line(text: &str) -> &str {
    let line = text.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or_default().trim();
    &line[..line.floor_char_boundary(COMPARED)]
}

#[cfg(test)]
mod tests {
    use foretoken_grammars::Language;

    use super::*;
    use crate::document::Document;

    fn place(text: &str) -> Place {
        let document = Document::open("a.rs", Language::Rust, 0, text);
        Place::at(&document, text.len())
    }

    fn after(text: &str, put_away: (&str, usize)) -> Rejected {
        let mut rejected = Rejected::default();
        rejected.put_away("u", &place(text), put_away, Duration::ZERO);
        rejected
    }

    const SOON: Duration = Duration::from_secs(60);

    #[test]
    fn the_same_text_at_the_same_words_does_not_come_again() {
        let rejected = after("fn a() {\n    let b = ", ("vec![1];\n    b", 0));
        let holds = |text, offered| rejected.holds("u", &place(text), offered, SOON);
        assert!(holds("fn a() {\n    let b = ", "vec![1];\n    b"));
        // Edited above, indented further, longer or shorter by its end: the same to the one who sees it.
        assert!(holds("use c;\nfn a() {\n        let b = ", "vec![1];"));
    }

    #[test]
    fn other_words_other_texts_and_other_documents_are_free() {
        let rejected = after("let b = ", ("vec![1];", 0));
        assert!(!rejected.holds("u", &place("let c = "), "vec![1];", SOON));
        assert!(!rejected.holds("u", &place("let b = "), "vec![2];", SOON));
        assert!(!rejected.holds("v", &place("let b = "), "vec![1];", SOON));
        assert!(!rejected.holds("u", &place("let b = ve"), "c![1];", SOON));
        assert!(!Rejected::default().holds("u", &place("let b = "), "vec![1];", SOON));
    }

    #[test]
    fn what_was_typed_of_it_counts_and_time_forgives() {
        let rejected = after("let b = ", ("vec![1];", 2));
        assert!(rejected.holds("u", &place("let b = ve"), "c![1];", SOON));
        assert!(!rejected.holds("u", &place("let b = "), "vec![1];", SOON));
        assert!(!rejected.holds("u", &place("let b = ve"), "c![1];", HOLDS));
        let rejected = after("if a ", ("{\n    b();", 2));
        assert!(rejected.holds("u", &place("if a {\n"), "    b();", SOON));
    }

    #[test]
    fn the_oldest_go_and_so_does_a_closed_document() {
        let mut rejected = after("let b = ", ("first", 0));
        for number in 0..REMEMBERED {
            rejected.put_away("v", &place("x"), (&format!("{number}"), 0), Duration::ZERO);
        }
        assert!(!rejected.holds("u", &place("let b = "), "first", SOON));
        assert!(rejected.holds("v", &place("x"), "7", SOON));
        rejected.forget("v");
        assert!(!rejected.holds("v", &place("x"), "7", SOON));
        // Bytes that are no boundary, or past the end, are calmly nothing.
        rejected.put_away("u", &place("x"), ("é", 1), Duration::ZERO);
        rejected.put_away("u", &place("x"), ("é", 9), Duration::ZERO);
        assert!(rejected.recent.is_empty());
    }
}
