//! How long one file may take to be parsed. Counted in the processor time of the thread that parses, not by
//! the clock: on a busy machine a file would else be cut otherwise than on an idle one, and stay so until it
//! changes.

use std::time::{Duration, Instant};

/// Parsing one file may take this long; then its lines are taken as they are.
const PARSE: Duration = Duration::from_millis(200);

/// Says of the parse that begins now whether it has taken too long.
pub(crate) fn of_a_parse() -> impl FnMut() -> bool {
    let (from, used) = (Instant::now(), processor_time());
    // The clock first: it costs less to ask, and processor time cannot have passed if no time has.
    move || from.elapsed() > PARSE && used_since(from, used) > PARSE
}

fn used_since(from: Instant, before: Option<Duration>) -> Duration {
    match (before, processor_time()) {
        (Some(before), Some(now)) => now.saturating_sub(before),
        _ => from.elapsed(),
    }
}

/// What this thread has used; `None` where the system does not tell.
fn processor_time() -> Option<Duration> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let seconds = u64::try_from(time.tv_sec).ok()?;
        Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_no_work() {
        let mut spent = of_a_parse();
        let (_never, wait) = std::sync::mpsc::channel::<()>();
        assert!(wait.recv_timeout(PARSE + PARSE / 4).is_err());
        assert!(!spent());
        // Work is, however long the machine takes for it.
        while !spent() {
            std::hint::black_box((0..1_000).sum::<u64>());
        }
    }
}
