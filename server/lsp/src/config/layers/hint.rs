//! What a mistyped key was meant to be.

/// `; did you mean X?` or a full stop, to end a sentence about an unknown word.
pub(super) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or(".".to_owned(), |near| format!("; did you mean {near}?"))
}

/// The candidate that is most like a word, where one is like it at all: by its whole path or by the
/// name at its end.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let scored = candidates.into_iter().map(|candidate| {
        let whole = candidate.to_lowercase();
        let name = whole.rsplit('.').next().unwrap_or(&whole);
        (
            distance(&lower, &whole).min(distance(&lower, name)),
            candidate,
        )
    });
    let (edits, candidate) = scored.min()?;
    // Two slips, or one in five characters of a long word.
    (edits <= 2.max(word.len() / 5).min(word.len() / 2)).then_some(candidate)
}

/// Edits (insert, delete, replace) between two short words; Wagner and Fischer 1974 in one row.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
