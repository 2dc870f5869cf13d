//! What a ranked list of files is worth, and how sure a difference is.

/// One query's worth for one system.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Worth {
    /// 1 / rank of the first gold file; 0 where none is found.
    pub reciprocal: f64,
    /// 1 where the first file is gold.
    pub first: f64,
    /// 1 where one of the first five is.
    pub five: f64,
    /// Share of the gold files among the first ten.
    pub recall: f64,
}

/// Judges a list, best first, without duplicates.
#[must_use]
pub fn worth(ranked: &[String], gold: &[String]) -> Worth {
    let rank = ranked.iter().position(|path| gold.contains(path));
    let within = |most: usize| f64::from(u8::from(rank.is_some_and(|rank| rank < most)));
    let ten = ranked.iter().take(10).filter(|path| gold.contains(path));
    Worth {
        reciprocal: rank.map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
        first: within(1),
        five: within(5),
        recall: ten.count() as f64 / gold.len().max(1) as f64,
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

    fn paths(list: &[&str]) -> Vec<String> {
        list.iter().map(|p| (*p).to_owned()).collect()
    }

    #[test]
    fn lists_are_judged_by_their_first_gold_file() {
        let found = worth(&paths(&["x", "a", "y", "b"]), &paths(&["a", "b", "c"]));
        assert_eq!((found.reciprocal, found.first, found.five), (0.5, 0.0, 1.0));
        assert!((found.recall - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(worth(&[], &paths(&["a"])), Worth::default());
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
