//! What the server's process costs, by `/proc` (proc(5)). Elsewhere nothing is known and nothing said.

use std::collections::HashMap;

/// Time of the processor that a process has used with all its threads, ms, in steps of 10.
#[must_use]
pub fn cpu_ms(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat_ms(&stat)
}

/// Fields 14 and 15, in clock ticks, of which Linux shows 100 a second to programs.
fn stat_ms(stat: &str) -> Option<f64> {
    // The name in brackets may hold blanks.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) * 10.0)
}

/// The same thread by thread from the scheduler's own clock, ms: fine enough for a process that does
/// nothing.
#[must_use]
pub fn by_thread(pid: u32) -> HashMap<String, f64> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let of_task = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        let ns: f64 = text.split(' ').next()?.parse().ok()?;
        Some((task.file_name().to_string_lossy().into_owned(), ns / 1e6))
    };
    tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(of_task)
        .collect()
}

/// What was added between two readings of [`by_thread`]. Threads that ended are not in it: they are
/// those with nothing to do.
#[must_use]
pub fn added(before: &HashMap<String, f64>, now: &HashMap<String, f64>) -> Option<f64> {
    let of = |(thread, ms): (&String, &f64)| ms - before.get(thread).unwrap_or(&0.0);
    (!now.is_empty()).then(|| now.iter().map(of).sum())
}

/// The most memory that was resident, MB (10^6 bytes).
#[must_use]
pub fn peak_rss_mb(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_is_no_field() {
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(stat_ms(stat), Some(2000.0));
        assert_eq!(stat_ms(""), None);
    }

    #[test]
    fn a_thread_that_ended_takes_nothing_away() {
        let read = |threads: &[(&str, f64)]| {
            let threads = threads.iter().map(|(id, ms)| ((*id).to_owned(), *ms));
            threads.collect::<HashMap<String, f64>>()
        };
        let before = read(&[("1", 10.0), ("2", 90.0)]);
        let now = read(&[("1", 12.0), ("3", 0.5)]);
        assert_eq!(added(&before, &now), Some(2.5));
        assert_eq!(added(&before, &HashMap::new()), None);
    }
}
