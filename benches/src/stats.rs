//! Quantiles and shares, how they are printed, and the machine that they were taken on.

/// The nearest-rank quantile of values in any order; NaN for none. An unanswered key is +∞.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// Part of a whole, 0 to 1; NaN of nothing.
#[must_use]
pub fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        f64::NAN
    } else {
        part as f64 / whole as f64
    }
}

/// The mean; NaN of nothing.
pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0usize, 0.0), |(count, sum), value| {
        (count + 1, sum + value)
    });
    if count == 0 {
        f64::NAN
    } else {
        sum / count as f64
    }
}

/// Rows of equal length, columns as wide as they need, the first one to the left.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let cell = if column == 0 {
                format!("{cell:<width$}")
            } else {
                format!("  {cell:>width$}")
            };
            text.push_str(&cell);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// Processor time of all threads of this process so far, to the nanosecond: on a busy machine the clock
/// on the wall measures the others. Where the system does not tell it, the wall's clock it is.
#[must_use]
pub fn processor_time() -> std::time::Duration {
    static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let wall = || BEGUN.get_or_init(std::time::Instant::now).elapsed();
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return wall();
    };
    let times = threads.flatten().filter_map(|thread| {
        let times = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<u64>().ok()
    });
    match times.sum() {
        0 => wall(),
        nanoseconds => std::time::Duration::from_nanos(nanoseconds),
    }
}

/// Processor and load, where the system tells them.
#[must_use]
pub fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':']));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{name}, {threads} threads, load {load}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks_and_know_infinity() {
        let values = [4.0, 1.0, 3.0, 2.0, f64::INFINITY];
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 0.95), f64::INFINITY);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
