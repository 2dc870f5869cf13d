//! Which traces are played: drawn by a seed, languages, repositories and files in turn, so that a run
//! that is cut short has seen of all of them.

use std::collections::{BTreeMap, HashMap};

use foretoken_tests::random::Random;

use super::history::{Repository, language};
use super::hunks::Hunk;
use super::traces::{Class, LONGEST, Trace, suits, trace};

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Keys of the class `type`; each other class gets a tenth.
    pub keys: usize,
    /// The classes.
    pub classes: Vec<Class>,
    /// What all choices come from.
    pub seed: u64,
}

/// Share of the keys that each class beside `type` gets: one in.
const OTHERS: usize = 10;

/// Keys of a trace of the class `long` at least, however few are wanted: fewer move no window.
const LONG: usize = 600;

/// A hunk and the number of its repository.
type Candidate = (usize, Hunk);

/// Draws the traces, class by class. The second value says what could not be had.
#[must_use]
pub fn traces(repositories: &[Repository], wish: &Wish) -> (Vec<Trace>, Vec<String>) {
    let (candidates, mut notes) = candidates(repositories, wish.seed);
    let mut taken = vec![false; candidates.len()];
    let mut made = Vec::new();
    for &class in &wish.classes {
        let wanted = match class {
            Class::Type => wish.keys,
            _ => wish.keys / OTHERS,
        };
        let mut keys = 0;
        for number in 0..candidates.len() {
            if keys >= wanted.max(1) {
                break;
            }
            let (repository, hunk) = &candidates[number];
            if taken[number] || !suits(class, hunk) {
                continue;
            }
            let Some(hunks) = companions(class, &candidates, number, &taken) else {
                continue;
            };
            let of: Vec<&Hunk> = hunks.iter().map(|&n| &candidates[n].1).collect();
            match trace(
                class,
                &repositories[*repository],
                &of,
                seed(wish.seed, number),
            ) {
                Ok(Some(mut trace)) => {
                    if class == Class::Long {
                        trace.strokes.truncate(wanted.clamp(LONG, LONGEST));
                    }
                    keys += trace.keys();
                    made.push(trace);
                    hunks.into_iter().for_each(|n| taken[n] = true);
                }
                Ok(None) => {}
                Err(sentence) => notes.push(sentence),
            }
        }
        if keys < wanted {
            let word = class.word();
            notes.push(format!(
                "class {word}: the histories have {keys} keys of {wanted}"
            ));
        }
    }
    (made, notes)
}

/// A trace's own seed, whatever the others are.
fn seed(of_run: u64, number: usize) -> u64 {
    Random::new(of_run ^ (number as u64) << 20).bits()
}

/// The hunk itself; for a jump the next free one of the same commit as well, in the order of the file.
fn companions(
    class: Class,
    candidates: &[Candidate],
    number: usize,
    taken: &[bool],
) -> Option<Vec<usize>> {
    if class != Class::Jump {
        return Some(vec![number]);
    }
    let (repository, hunk) = &candidates[number];
    let other = (0..candidates.len()).find(|&n| {
        let (theirs, other) = &candidates[n];
        n != number
            && !taken[n]
            && (theirs, &other.commit) == (repository, &hunk.commit)
            && suits(class, other)
    })?;
    let mut both = vec![number, other];
    both.sort_by_key(|&n| (&candidates[n].1.path, candidates[n].1.line));
    Some(both)
}

/// All hunks of all histories, languages in turn, in a language repositories in turn, in a repository
/// files in turn.
fn candidates(repositories: &[Repository], seed: u64) -> (Vec<Candidate>, Vec<String>) {
    let mut notes = Vec::new();
    let mut groups: BTreeMap<&str, Vec<Vec<Candidate>>> = BTreeMap::new();
    for (number, repository) in repositories.iter().enumerate() {
        let hunks = match repository.hunks() {
            Ok(hunks) => hunks,
            Err(sentence) => {
                notes.push(sentence);
                continue;
            }
        };
        if hunks.is_empty() {
            notes.push(format!(
                "{}: its history adds no lines of code",
                repository.name
            ));
        }
        let mut of_group: BTreeMap<&str, Vec<Hunk>> = BTreeMap::new();
        for hunk in files_in_turn(shuffled(hunks, &mut Random::new(seed ^ number as u64))) {
            if let Some((_, group)) = language(&hunk.path) {
                of_group.entry(group).or_default().push(hunk);
            }
        }
        for (group, hunks) in of_group {
            let candidates = hunks.into_iter().map(|hunk| (number, hunk)).collect();
            groups.entry(group).or_default().push(candidates);
        }
    }
    let groups = groups.into_values().map(interleaved).collect();
    (interleaved(groups), notes)
}

/// Fisher and Yates.
fn shuffled<T>(mut items: Vec<T>, random: &mut Random) -> Vec<T> {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last + 1));
    }
    items
}

/// The first hunk of each file, then the second of each, and so on.
fn files_in_turn(hunks: Vec<Hunk>) -> Vec<Hunk> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut counted: Vec<(usize, Hunk)> = hunks
        .into_iter()
        .map(|hunk| {
            let count = seen.entry(hunk.path.clone()).or_default();
            *count += 1;
            (*count, hunk)
        })
        .collect();
    counted.sort_by_key(|(count, _)| *count);
    counted.into_iter().map(|(_, hunk)| hunk).collect()
}

/// One of each list in turn, until all are empty.
fn interleaved<T>(lists: Vec<Vec<T>>) -> Vec<T> {
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    let mut made = Vec::new();
    loop {
        let before = made.len();
        made.extend(lists.iter_mut().filter_map(Iterator::next));
        if made.len() == before {
            return made;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_turn() {
        let made = interleaved(vec![vec![1, 2, 3], vec![], vec![4], vec![5, 6]]);
        assert_eq!(made, [1, 4, 5, 2, 6, 3]);
    }

    #[test]
    fn a_seed_gives_the_same_order_and_loses_nothing() {
        let items: Vec<usize> = (0..100).collect();
        let draw = |seed| shuffled(items.clone(), &mut Random::new(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let mut sorted = draw(1);
        sorted.sort_unstable();
        assert_eq!(sorted, items);
    }
}
