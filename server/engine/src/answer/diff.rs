//! Which lines of one text become which lines of another.

use std::ops::Range;

/// More pairs of lines than these are not compared: what lies between the common ends is replaced whole.
const MOST_PAIRS: usize = 1_000_000;

/// Lines of the old text and the lines of the new one that take their place, in order; what is not named is the same.
/// Found by the longest common subsequence of the lines between the common ends (Hirschberg 1975, the plain table).
pub(super) fn changes(old: &[&str], new: &[&str]) -> Vec<(Range<usize>, Range<usize>)> {
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(new).take_while(same).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(same)
        .count();
    let (a, b) = (
        &old_rest[..old_rest.len() - tail],
        &new_rest[..new_rest.len() - tail],
    );
    let at = |old: Range<usize>, new: Range<usize>| {
        (
            old.start + head..old.end + head,
            new.start + head..new.end + head,
        )
    };
    if a.is_empty() && b.is_empty() {
        return Vec::new();
    }
    if a.len().saturating_mul(b.len()) > MOST_PAIRS {
        return vec![at(0..a.len(), 0..b.len())];
    }
    // common[i][j]: most lines in common of a[i..] and b[j..].
    let width = b.len() + 1;
    let mut common = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i * width + j] = match a[i] == b[j] {
                true => 1 + common[(i + 1) * width + j + 1],
                false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
            };
        }
    }
    let mut found: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let (from_i, from_j) = (i, j);
        while i < a.len() || j < b.len() {
            if i < a.len() && j < b.len() && a[i] == b[j] {
                break;
            }
            let down = i < a.len()
                && (j == b.len() || common[(i + 1) * width + j] >= common[i * width + j + 1]);
            if down { i += 1 } else { j += 1 }
        }
        found.push(at(from_i..i, from_j..j));
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_differs_is_named() {
        let changed = |old: &str, new: &str| {
            let (old, new): (Vec<&str>, Vec<&str>) =
                (old.split(' ').collect(), new.split(' ').collect());
            changes(&old, &new)
        };
        assert_eq!(changed("a b c", "a b c"), []);
        assert_eq!(changed("a b c", "a x c"), [(1..2, 1..2)]);
        assert_eq!(changed("a b c", "a b x c"), [(2..2, 2..3)]);
        assert_eq!(
            changed("a b c d e", "a x c e"),
            [(1..2, 1..2), (3..4, 3..3)]
        );
        assert_eq!(changed("b a b", "a"), [(0..1, 0..0), (2..3, 1..1)]);
    }

    proptest! {
        #[test]
        fn the_changes_make_the_new_text(old in prop::collection::vec("[a-c]", 0..12), new in prop::collection::vec("[a-c]", 0..12)) {
            let (old, new): (Vec<&str>, Vec<&str>) = (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
            let mut made: Vec<&str> = Vec::new();
            let mut done = 0;
            let found = changes(&old, &new);
            for (from, to) in &found {
                prop_assert!(from.start >= done && (!from.is_empty() || !to.is_empty()));
                made.extend(&old[done..from.start]);
                made.extend(&new[to.clone()]);
                done = from.end;
            }
            made.extend(&old[done..]);
            prop_assert_eq!(made, new);
        }
    }
}
