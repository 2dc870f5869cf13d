//! Money: exact sums, limits that hold, nothing left open.

use proptest::prelude::*;

use super::*;
use crate::failure::Kind;

/// 2026-11-30 12:00:00 UTC.
const NOON: u64 = 1_796_040_000;
const DAY: u64 = 86_400;

fn ledger(limits: Limits) -> (tempfile::TempDir, Ledger) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join("books.sqlite")).unwrap();
    (home, Ledger::new(store, limits, NOON).unwrap())
}

fn booking(reserved: u64, now: u64) -> Booking {
    Booking {
        request: "r".to_owned(),
        task: "explain".to_owned(),
        endpoint: "e".to_owned(),
        model: "m".to_owned(),
        reserved,
        expires: now + 150,
        row: 0,
    }
}

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input: Some(input),
        cached: None,
        output: Some(output),
    }
}

#[test]
fn set_aside_then_settled_and_settled_once() {
    let (_home, ledger) = ledger(Limits::default());
    let (open, warning) = ledger.reserve(booking(900, NOON), true, NOON).unwrap();
    assert_eq!(warning, None);
    assert_eq!(
        ledger.totals(NOON).unwrap(),
        Totals {
            day: 900,
            month: 900
        }
    );
    ledger
        .settle(&open, usage(10, 20), 13_500, Spent::Finished, false)
        .unwrap();
    ledger
        .settle(&open, usage(99, 99), 99, Spent::Cut, true)
        .unwrap();
    assert_eq!(
        ledger.totals(NOON).unwrap(),
        Totals {
            day: 13_500,
            month: 13_500
        }
    );
    assert_eq!(ledger.open_bookings().unwrap(), 0);
    let line = &ledger.lines(0).unwrap()[0];
    assert_eq!(
        (
            line.day.as_str(),
            line.requests,
            line.input,
            line.output,
            line.cost
        ),
        ("2026-11-30", 1, 10, 20, 13_500)
    );
}

#[test]
fn a_failed_request_costs_nothing() {
    let (_home, ledger) = ledger(Limits::default());
    let (open, _) = ledger.reserve(booking(900, NOON), true, NOON).unwrap();
    ledger
        .settle(&open, Usage::default(), 900, Spent::Failed, false)
        .unwrap();
    assert_eq!(ledger.totals(NOON).unwrap(), Totals::default());
}

#[test]
fn a_dead_process_s_booking_expires_at_what_was_set_aside() {
    let (home, ledger) = ledger(Limits::default());
    let (open, _) = ledger.reserve(booking(900, NOON), true, NOON).unwrap();
    let store = Store::open(&home.path().join("books.sqlite")).unwrap();
    let other = Ledger::new(store, Limits::default(), NOON + 149).unwrap();
    assert_eq!(other.open_bookings().unwrap(), 1, "it may still run");
    other
        .reserve(booking(1, NOON + 150), true, NOON + 150)
        .unwrap();
    assert_eq!(other.open_bookings().unwrap(), 1, "only the new one");
    assert_eq!(other.totals(NOON + 150).unwrap().day, 901);
    // It was alive after all.
    ledger
        .settle(&open, usage(1, 1), 5, Spent::Finished, false)
        .unwrap();
    assert_eq!(other.totals(NOON + 150).unwrap().day, 6);
}

#[test]
fn limits_say_which_and_until_when() {
    let limits = Limits {
        soft_day: Some(500),
        hard_day: Some(1_000),
        soft_month: Some(1_900),
        hard_month: Some(2_000),
    };
    let (_home, ledger) = ledger(limits);
    let spend = |cost: u64, now: u64| {
        let (open, warning) = ledger.reserve(booking(cost, now), true, now)?;
        ledger
            .settle(&open, usage(1, 1), cost, Spent::Finished, false)
            .unwrap();
        Ok::<_, Failure>(warning)
    };
    // The 29th, so that the month goes on.
    let first = NOON - DAY;
    assert_eq!(spend(500, first).unwrap(), None);
    assert_eq!(
        spend(500, first).unwrap().unwrap(),
        "the budget of this day runs low; it begins anew on 2026-11-30 (UTC)"
    );
    let refused = spend(1, first).unwrap_err();
    assert_eq!(refused.kind, Kind::Refused(Refusal::Budget));
    assert_eq!(
        refused.sentence("work"),
        "work was not asked, to keep to your budget: the budget of this day is used up; it begins anew on 2026-11-30 (UTC)"
    );
    assert_eq!(
        spend(950, NOON).unwrap().unwrap(),
        "the budget of this month runs low; it begins anew on 2026-12-01 (UTC)"
    );
    let refused = spend(51, NOON).unwrap_err();
    assert!(
        refused
            .said
            .contains("this month is used up; it begins anew on 2026-12-01"),
        "{}",
        refused.said
    );
    assert_eq!(
        spend(50, NOON).map(|w| w.is_some()),
        Ok(true),
        "up to the limit is allowed"
    );
    assert_eq!(spend(400, NOON + DAY).unwrap(), None, "another month");
    ledger.set_limits(Limits::default());
    assert_eq!(spend(1_000_000, NOON).unwrap(), None);
}

#[test]
fn without_a_price_nothing_is_sent_under_a_budget() {
    let (_home, ledger) = ledger(Limits {
        hard_month: Some(1),
        ..Limits::default()
    });
    let refused = ledger.reserve(booking(0, NOON), false, NOON).unwrap_err();
    assert_eq!(refused.kind, Kind::Refused(Refusal::Budget));
    ledger.set_limits(Limits::default());
    assert!(ledger.reserve(booking(0, NOON), false, NOON).is_ok());
}

#[test]
fn many_servers_at_once_never_pass_the_limit() {
    let (home, first) = ledger(Limits {
        hard_day: Some(50),
        ..Limits::default()
    });
    let path = home.path().join("books.sqlite");
    let granted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let store = Store::open(&path).unwrap();
                    let ledger = Ledger::new(
                        store,
                        Limits {
                            hard_day: Some(50),
                            ..Limits::default()
                        },
                        NOON,
                    )
                    .unwrap();
                    (0..30)
                        .filter(|_| ledger.reserve(booking(1, NOON), true, NOON).is_ok())
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!((granted, first.totals(NOON).unwrap().day), (50, 50));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// After any script the totals are the sum of what was booked, and no day passes its limit.
    #[test]
    fn sums_are_exact(steps in prop::collection::vec((1u64..400, 0u64..400, 0usize..5), 1..40)) {
        let (_home, ledger) = ledger(Limits { hard_day: Some(5_000), ..Limits::default() });
        let mut expected = 0;
        for (reserved, cost, end) in steps {
            let cost = cost.min(reserved);
            let Ok((open, _)) = ledger.reserve(booking(reserved, NOON), true, NOON) else { continue };
            let spent = [Spent::Finished, Spent::Cut, Spent::Cancelled, Spent::Failed].get(end);
            match spent {
                Some(spent) => ledger.settle(&open, usage(1, 1), cost, *spent, false).unwrap(),
                None => expected += reserved,
            }
            expected += match spent { None | Some(Spent::Failed) => 0, Some(_) => cost };
            let totals = ledger.totals(NOON).unwrap();
            prop_assert_eq!(totals, Totals { day: expected, month: expected });
            prop_assert!(totals.day <= 5_000);
        }
    }
}
