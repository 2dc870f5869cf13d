//! What the server's process costs, by `/proc` (proc(5)). Elsewhere nothing is known and nothing said.

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

/// The same from the scheduler's own clock, ms: fine enough for a process that does nothing. Threads
/// that have ended are not in it, so only differences over quiet times mean something.
#[must_use]
pub fn scheduled_ms(pid: u32) -> Option<f64> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let of_task = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    let times: Vec<f64> = tasks.flatten().filter_map(of_task).collect();
    (!times.is_empty()).then(|| times.iter().sum::<f64>() / 1e6)
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
}
