//! The books of a process that is killed in the middle of writing.

use std::time::Duration;

use foretoken_remote::audit::{Audit, Entry, Keep, Modes};
use foretoken_remote::ledger::{Booking, Ledger, Limits, Spent};
use foretoken_remote::store::Store;
use foretoken_remote::wire::Usage;

const CHILD: &str = "FORETOKEN_TEST_BOOKS";
const FULL: Modes = Modes {
    prompt: Keep::Full,
    answer: Keep::Full,
};

/// Writes for ever: a reservation, an audit row, a settlement.
fn write(path: &str) {
    let store = Store::open(path.as_ref()).unwrap();
    let (audit, ledger) = (
        Audit::new(store.clone(), FULL).unwrap(),
        Ledger::new(store, Limits::default(), 0).unwrap(),
    );
    for n in 0u64.. {
        let booking = Booking {
            request: format!("r{n}"),
            reserved: 10,
            expires: 100,
            ..Booking::default()
        };
        let (booking, _) = ledger.reserve(booking, true, 50).unwrap();
        audit
            .record(
                Entry {
                    request: format!("r{n}"),
                    ..Entry::default()
                },
                &"prompt ".repeat(200),
                "answer",
            )
            .unwrap();
        ledger
            .settle(&booking, Usage::default(), 3, Spent::Finished, false)
            .unwrap();
    }
}

#[test]
fn a_killed_process_leaves_a_readable_prefix() {
    if let Ok(path) = std::env::var(CHILD) {
        write(&path);
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("books.sqlite");
    let mut before = 0;
    for _ in 0..4 {
        #[expect(
            clippy::disallowed_methods,
            reason = "the test runs itself, to kill itself"
        )]
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "books::a_killed_process_leaves_a_readable_prefix",
            ])
            .env(CHILD, &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // It is killed while it writes, not after.
        let rows = || -> Result<u64, foretoken_remote::store::Error> {
            let store = Store::open(&path)?;
            let audit = Audit::new(store, FULL)?;
            Ok(audit.verify()?.unwrap())
        };
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        // While the child makes the file, it may be locked for us.
        while rows().unwrap_or(0) < before + 30 {
            assert!(
                std::time::Instant::now() < deadline,
                "the child does not write"
            );
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let now = rows().unwrap();
        assert!(now >= before + 30);
        let store = Store::open(&path).unwrap();
        let open = Ledger::new(store.clone(), Limits::default(), 60)
            .unwrap()
            .open_bookings()
            .unwrap();
        assert!(open <= 1, "one was on its way at most");
        let ledger = Ledger::new(store, Limits::default(), 200).unwrap();
        assert_eq!(ledger.open_bookings().unwrap(), 0, "and it expires");
        before = now;
    }
}
