//! Whether two servers said the same at every key.

use std::collections::HashMap;

use super::log::{Answer, Played};

/// Keys by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The same text, or both nothing.
    pub same: usize,
    /// One text is how the other begins: an answer that was cut by time.
    pub cut: usize,
    /// Neither.
    pub different: usize,
    /// One of the two did not answer in time.
    pub unanswered: usize,
    /// Trace and key of the first that are different.
    pub first: Option<(usize, usize)>,
}

/// Compares key by key the traces that both have played.
#[must_use]
pub fn compare(ours: &[Played], theirs: &[Played]) -> Comparison {
    let theirs: HashMap<usize, &Played> = theirs.iter().map(|p| (p.trace, p)).collect();
    let mut found = Comparison::default();
    for played in ours {
        let Some(other) = theirs.get(&played.trace) else {
            continue;
        };
        for (number, (a, b)) in played.keys.iter().zip(&other.keys).enumerate() {
            let text = |answer: &Answer| match answer {
                Answer::Text(text) => Some(text.clone()),
                Answer::Empty => Some(String::new()),
                Answer::None | Answer::NotAsked => None,
            };
            match (text(&a.answer), text(&b.answer)) {
                (Some(a), Some(b)) if a == b => found.same += 1,
                (Some(a), Some(b)) if begins(&a, &b) || begins(&b, &a) => found.cut += 1,
                (Some(_), Some(_)) => {
                    found.different += 1;
                    found.first.get_or_insert((played.trace, number));
                }
                _ => found.unanswered += 1,
            }
        }
    }
    found
}

/// Nothing at all is no beginning.
fn begins(beginning: &str, text: &str) -> bool {
    !beginning.is_empty() && text.starts_with(beginning)
}

#[cfg(test)]
mod tests {
    use super::super::log::tests::{key, played};
    use super::*;

    #[test]
    fn keys_are_the_same_cut_or_different() {
        let texts = |texts: [Option<&str>; 5]| {
            let keys = texts.iter().map(|text| key(1, *text)).collect();
            vec![played("ab", keys)]
        };
        let mut ours = texts([Some("b"), None, Some("bc"), Some("x"), None]);
        let theirs = texts([Some("b"), None, Some("b"), None, Some("c")]);
        let found = compare(&ours, &theirs);
        assert_eq!((found.same, found.cut, found.different), (2, 1, 2));
        assert_eq!(found.first, Some((0, 3)));
        ours[0].keys[0].answer = Answer::None;
        assert_eq!(compare(&ours, &theirs).unanswered, 1);
    }
}
