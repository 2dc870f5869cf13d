//! What a ranked list of chunks is worth, and how sure a difference is.

use std::collections::HashSet;

use super::ladder::Place;

/// One query's worth for one system.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Worth {
    /// 1 / rank of the first right answer; 0 where none is found.
    pub reciprocal: f64,
    /// 1 where the first answer is right.
    pub first: f64,
    /// 1 where one of the first five is.
    pub five: f64,
    /// Share of the right answers among the first ten.
    pub recall: f64,
}

/// What a question asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gold {
    /// Any of these files; a list counts each file once, where its first chunk stands.
    Files(Vec<String>),
    /// The chunk that holds this line, from 0, of this file.
    Line(String, u32),
}

/// Judges a list, best first.
#[must_use]
pub fn worth(found: &[Place], gold: &Gold) -> Worth {
    let (right, of): (Vec<bool>, usize) = match gold {
        Gold::Files(files) => {
            let mut met = HashSet::new();
            let distinct = found.iter().filter(|place| met.insert(&place.path));
            let right = distinct.map(|place| files.contains(&place.path));
            (right.collect(), files.len())
        }
        Gold::Line(path, line) => {
            let right = |place: &Place| place.path == *path && place.lines.contains(line);
            (found.iter().map(right).collect(), 1)
        }
    };
    let rank = right.iter().position(|right| *right);
    let within = |most: usize| f64::from(u8::from(rank.is_some_and(|rank| rank < most)));
    let ten = right.iter().take(10).filter(|right| **right).count();
    Worth {
        reciprocal: rank.map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
        first: within(1),
        five: within(5),
        recall: (ten as f64 / of.max(1) as f64).min(1.0),
    }
}

/// The mean of all queries; zeros of none.
#[must_use]
pub fn mean(all: &[Worth]) -> Worth {
    let count = all.len().max(1) as f64;
    let sum = all.iter().fold(Worth::default(), |sum, one| Worth {
        reciprocal: sum.reciprocal + one.reciprocal,
        first: sum.first + one.first,
        five: sum.five + one.five,
        recall: sum.recall + one.recall,
    });
    Worth {
        reciprocal: sum.reciprocal / count,
        first: sum.first / count,
        five: sum.five / count,
        recall: sum.recall / count,
    }
}

/// Samples of the bootstrap.
const SAMPLES: usize = 2_000;

/// The 95 % interval of the difference in mean reciprocal rank, later minus earlier: a paired bootstrap over
/// queries with a fixed seed (percentiles of [`SAMPLES`] samples).
#[must_use]
pub fn interval(earlier: &[Worth], later: &[Worth]) -> (f64, f64) {
    let differences: Vec<f64> = earlier
        .iter()
        .zip(later)
        .map(|(a, b)| b.reciprocal - a.reciprocal)
        .collect();
    if differences.is_empty() {
        return (0.0, 0.0);
    }
    let mut state = 11u64;
    let mut draw = || {
        // splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        differences[((z ^ (z >> 31)) % differences.len() as u64) as usize]
    };
    let count = differences.len();
    let mut means: Vec<f64> = (0..SAMPLES)
        .map(|_| (0..count).map(|_| draw()).sum::<f64>() / count as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    (means[SAMPLES / 40], means[SAMPLES - 1 - SAMPLES / 40])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(list: &[&str]) -> Vec<Place> {
        let place = |(at, path): (usize, &&str)| Place {
            path: (*path).to_owned(),
            lines: at as u32 * 10..at as u32 * 10 + 10,
        };
        list.iter().enumerate().map(place).collect()
    }

    #[test]
    fn lists_are_judged_by_their_first_gold_file() {
        let gold = Gold::Files(["a", "b", "c"].map(str::to_owned).to_vec());
        let found = worth(&places(&["x", "x", "a", "y", "a", "b"]), &gold);
        assert_eq!((found.reciprocal, found.first, found.five), (0.5, 0.0, 1.0));
        assert!((found.recall - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(worth(&[], &gold), Worth::default());
    }

    #[test]
    fn a_line_is_found_in_its_chunk_alone() {
        let found = worth(&places(&["x", "a", "a"]), &Gold::Line("a".to_owned(), 25));
        assert_eq!((found.reciprocal, found.recall), (1.0 / 3.0, 1.0));
        assert_eq!(
            worth(&places(&["a"]), &Gold::Line("a".to_owned(), 10)),
            Worth::default()
        );
    }

    #[test]
    fn intervals_hold_zero_only_where_nothing_is_sure() {
        let flat = |reciprocal| Worth {
            reciprocal,
            ..Worth::default()
        };
        let low = vec![flat(0.25); 50];
        let high: Vec<Worth> = (0..50)
            .map(|i| flat(if i % 5 == 0 { 0.2 } else { 0.5 }))
            .collect();
        let (least, most) = interval(&low, &high);
        assert!(least > 0.0 && most < 0.25, "{least} {most}");
        assert_eq!(interval(&low, &low), (0.0, 0.0));
    }
}
