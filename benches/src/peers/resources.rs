//! Memory and processor time of a process and its children, from `/proc`.

use std::collections::HashMap;
use std::fs;

/// Milliseconds of one tick of `/proc/<pid>/stat`; Linux counts 100 a second for programs (proc(5)).
const TICK_MS: f64 = 10.0;

/// What a process and its children have used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Used {
    /// Greatest resident memory, MB of 1,000,000 bytes; of several processes the sum of theirs.
    pub peak_mb: f64,
    /// User and system time of all threads, ms, in steps of 10.
    pub cpu_ms: f64,
}

/// Reads it; `None` where there is no such process or no `/proc`.
#[must_use]
pub fn of(pid: u32) -> Option<Used> {
    let mut used = one(pid)?;
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let id = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let Some((id, parent)) = id.and_then(|id: u32| Some((id, fields(id)?.1))) {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut open = vec![pid];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            if let Some(more) = one(child) {
                used.peak_mb += more.peak_mb;
                used.cpu_ms += more.cpu_ms;
            }
            open.push(child);
        }
    }
    Some(used)
}

fn one(pid: u32) -> Option<Used> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = peak?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(Used {
        peak_mb: kib * 1024.0 / 1e6,
        cpu_ms: fields(pid)?.0,
    })
}

/// Processor time in ms, and the parent.
fn fields(pid: u32) -> Option<(f64, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so counting begins behind it, at the third field.
    let rest: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| rest.get(at)?.parse::<f64>().ok();
    let parent = rest.get(1)?.parse().ok()?;
    Some(((ticks(11)? + ticks(12)?) * TICK_MS, parent))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_memory_and_time() {
        let begun = std::time::Instant::now();
        let pid = std::process::id();
        while of(pid).unwrap().cpu_ms < TICK_MS {
            assert!(begun.elapsed().as_secs() < 60, "no tick was counted");
        }
        let used = of(pid).unwrap();
        assert!(used.peak_mb > 1.0 && used.peak_mb < 100_000.0, "{used:?}");
        assert_eq!(of(u32::MAX), None);
    }
}
