//! How much memory a model may take, asked before anything is loaded.

/// Bytes that the system could give to a new process without writing others out, where it says so.
/// Source: Linux, `proc_meminfo(5)`, MemAvailable in kibibytes.
pub(crate) fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_running_system_has_some_memory_left_or_says_nothing() {
        assert!(super::available().is_none_or(|bytes| bytes > 1 << 20));
    }
}
