//! The editor's process, whose end is ours. It closes our input when it ends in any ordinary way; this is for the others.
//! Linux tells the end by itself, so an idle server is never woken for it; elsewhere we look from time to time.

use std::time::Duration;

use tokio::time::Instant;

use crate::main_loop::{Event, Events};

/// How often we look where the system does not tell.
const CHECK: Duration = Duration::from_secs(3);

/// A process that has to be looked for.
#[derive(Debug)]
pub(crate) struct Polled {
    pid: u32,
    at: Instant,
}

/// Begins to watch: the end comes as [`Event::ParentEnded`], or has to be looked for. A process that cannot be seen now,
/// because it lives in another container, cannot be watched either.
pub(crate) fn watch(pid: u32, events: &Events) -> Option<Polled> {
    if !is_alive(pid) || told(pid, events) {
        return None;
    }
    Some(Polled {
        pid,
        at: Instant::now() + CHECK,
    })
}

impl Polled {
    /// When to look next.
    pub(crate) fn due(&self) -> Instant {
        self.at
    }

    /// Looks, if it is due. True when the process has ended.
    pub(crate) fn has_ended(&mut self, now: Instant) -> bool {
        if now < self.at {
            return false;
        }
        self.at = now + CHECK;
        !is_alive(self.pid)
    }
}

/// Lets the system tell the end, by a descriptor of the process that becomes readable then. A thread of its own sleeps on
/// it. False where this cannot be had: a kernel older than 5.3, or a sandbox.
#[cfg(target_os = "linux")]
fn told(pid: u32, events: &Events) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{PidfdFlags, pidfd_open};

    let Some(process) = number(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
    else {
        return false;
    };
    let events = events.clone();
    let sleeper = move || {
        let mut watched = [PollFd::new(&process, PollFlags::IN)];
        loop {
            match poll(&mut watched, None) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return events.send(Event::ParentEnded),
                // It cannot be waited for after all; our input will still be closed.
                Err(_) => return,
            }
        }
    };
    std::thread::Builder::new()
        .name("foretoken-parent".to_owned())
        .stack_size(64 * 1024)
        .spawn(sleeper)
        .is_ok()
}

#[cfg(not(target_os = "linux"))]
fn told(_pid: u32, _events: &Events) -> bool {
    false
}

/// Whether a process with this number exists, as far as this system tells; yes where it does not.
fn is_alive(pid: u32) -> bool {
    #[cfg(unix)]
    {
        number(pid).is_some_and(|pid| {
            // "Not permitted" says that there is one.
            rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
        })
    }
    #[cfg(not(unix))]
    {
        let _ = pid;
        true
    }
}

#[cfg(unix)]
fn number(pid: u32) -> Option<rustix::process::Pid> {
    i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn processes_that_live_and_do_not() {
        assert!(is_alive(std::process::id()));
        assert!(!is_alive(0));
        assert!(!is_alive(u32::MAX));
        // Above the largest process number of Linux (2^22) and macOS.
        assert!(!is_alive(1 << 30));
    }

    #[test]
    fn a_process_that_cannot_be_seen_is_not_watched() {
        let (events, _received) = Events::channel();
        assert!(watch(1 << 30, &events).is_none());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a process that ends is what is tested"
    )]
    async fn the_end_of_a_process_is_told() {
        let (events, mut received) = Events::channel();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        assert!(
            watch(child.id(), &events).is_none(),
            "it need not be looked for"
        );
        assert!(received.try_recv().is_err());
        child.kill().unwrap();
        assert!(matches!(received.recv().await, Some(Event::ParentEnded)));
        child.wait().unwrap();
    }
}
