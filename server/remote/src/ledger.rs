//! What remote answers cost: money is set aside before a request and settled after it, in whole nano-USD.
//!
//! A *booking* is one request's entry. It is open while the request runs; a process that dies leaves it open,
//! and it then expires at its reserved amount, because the provider may well have charged it. Days and months
//! are those of UTC. Time is an argument, in seconds since 1970.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Transaction, params};

use crate::failure::{Failure, Refusal};
use crate::store::{Error, Store, drawn_once};
use crate::wire::Usage;

/// The user's own limits, in nano-USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Told from here on, by day.
    pub soft_day: Option<u64>,
    /// Nothing beyond it, by day.
    pub hard_day: Option<u64>,
    /// Told from here on, by month.
    pub soft_month: Option<u64>,
    /// Nothing beyond it, by month.
    pub hard_month: Option<u64>,
}

impl Limits {
    fn any(&self) -> bool {
        *self != Limits::default()
    }
}

/// One request's entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Booking {
    /// The question's id.
    pub request: String,
    /// The task's name.
    pub task: String,
    /// Who is asked.
    pub endpoint: String,
    /// Which model is asked.
    pub model: String,
    /// At most, in nano-USD.
    pub reserved: u64,
    /// From then on nobody waits for it any more.
    pub expires: u64,
    /// Its row; set by [`Ledger::reserve`].
    pub row: i64,
}

/// How the money was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// On an answer.
    Finished,
    /// On the beginning of one.
    Cut,
    /// On one that the user gave up.
    Cancelled,
    /// It was not: the request failed before any text.
    Failed,
}

impl Spent {
    fn state(self) -> &'static str {
        match self {
            Spent::Finished => "finished",
            Spent::Cut => "cut",
            Spent::Cancelled => "cancelled",
            Spent::Failed => "failed",
        }
    }
}

/// Spent and set aside, in nano-USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Since midnight UTC.
    pub day: u64,
    /// Since the first of the month.
    pub month: u64,
}

/// Sums of one day, task, endpoint and model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `2026-11-30`.
    pub day: String,
    /// The task's name.
    pub task: String,
    /// `endpoint/model`.
    pub model: String,
    /// How many requests.
    pub requests: u64,
    /// Tokens read.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
    /// In nano-USD.
    pub cost: u64,
}

/// One answered request, as it was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// `endpoint/model`.
    pub model: String,
    /// Tokens read, as far as they were counted.
    pub input: Option<u64>,
    /// Of these, those that the provider still had.
    pub cached: Option<u64>,
    /// Tokens written.
    pub output: Option<u64>,
    /// In nano-USD; 0 for a model without a price.
    pub cost: u64,
}

/// The handle; clones share everything.
#[derive(Debug, Clone)]
pub struct Ledger {
    store: Store,
    limits: Arc<Mutex<Limits>>,
}

impl Ledger {
    /// In these books. Entries that a dead process left open expire now.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn new(store: Store, limits: Limits, now: u64) -> Result<Ledger, Error> {
        store.change(|t| expire(t, now))?;
        Ok(Ledger {
            store,
            limits: Arc::new(Mutex::new(limits)),
        })
    }

    /// Takes over changed settings; for the next request.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// What tells this installation from others; no part of it says whose it is. Without these books it is
    /// another one.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn installation(&self) -> Result<[u8; 32], Error> {
        self.store.change(|t| drawn_once(t, "installation"))
    }

    fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets money aside. The sentence tells that a soft limit is passed.
    ///
    /// # Errors
    /// [`Refusal::Budget`] when a hard limit would be passed, or when there is a limit and the model has no
    /// price; [`Refusal::Ledger`] when the books cannot be written.
    pub fn reserve(
        &self,
        booking: Booking,
        priced: bool,
        now: u64,
    ) -> Result<(Booking, Option<String>), Failure> {
        let limits = self.limits();
        if limits.any() && !priced {
            let said = format!(
                "{} has no price in your settings, and there is a budget",
                booking.model
            );
            return Err(Failure::refused(Refusal::Budget, &said));
        }
        let outcome = self.store.change(|t| {
            expire(t, now)?;
            let totals = totals(t, now)?;
            let after = Totals { day: totals.day.saturating_add(booking.reserved), month: totals.month.saturating_add(booking.reserved) };
            if let Some(period) = passed(after, (limits.hard_day, limits.hard_month)) {
                return Ok(Err(period.hard(t, now)?));
            }
            let warning = match passed(after, (limits.soft_day, limits.soft_month)) {
                Some(period) => Some(period.soft(t, now)?),
                None => None,
            };
            t.execute(
                "INSERT INTO usage (time, request, task, endpoint, model, reserved, expires, state, cost, estimated)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', 0, 0)",
                params![int(now), booking.request, booking.task, booking.endpoint, booking.model, int(booking.reserved), int(booking.expires)],
            )?;
            Ok(Ok((Booking { row: t.last_insert_rowid(), ..booking }, warning)))
        });
        match outcome {
            Ok(Ok(reserved)) => Ok(reserved),
            Ok(Err(sentence)) => Err(Failure::refused(Refusal::Budget, &sentence)),
            Err(error) => Err(Failure::refused(Refusal::Ledger, &error.said)),
        }
    }

    /// Replaces what was set aside by what was used. Twice is once; a booking that expired meanwhile is corrected.
    ///
    /// # Errors
    /// [`Refusal::Ledger`] when the books cannot be written; the booking then expires.
    pub fn settle(
        &self,
        booking: &Booking,
        usage: Usage,
        cost: u64,
        spent: Spent,
        estimated: bool,
    ) -> Result<(), Failure> {
        let cost = if spent == Spent::Failed { 0 } else { cost };
        let done = self.store.change(|t| {
            t.execute(
                "UPDATE usage SET state = ?2, cost = ?3, estimated = ?4, input = ?5, cached = ?6, output = ?7
                 WHERE id = ?1 AND state IN ('open', 'expired')",
                params![booking.row, spent.state(), int(cost), estimated, usage.input.map(int), usage.cached.map(int), usage.output.map(int)],
            )?;
            Ok(())
        });
        done.map_err(|error| Failure::refused(Refusal::Ledger, &error.said))
    }

    /// What is spent and set aside.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn totals(&self, now: u64) -> Result<Totals, Error> {
        self.store.read(|t| totals(t, now))
    }

    /// How many bookings are open.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn open_bookings(&self) -> Result<u64, Error> {
        self.store.read(|t| {
            Ok(unsigned(t.query_row(
                "SELECT count(*) FROM usage WHERE state = 'open'",
                [],
                |row| row.get(0),
            )?))
        })
    }

    /// Sums since a time, newest day first.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn lines(&self, since: u64) -> Result<Vec<Line>, Error> {
        self.store.read(|t| {
            let mut statement = t.prepare(
                "SELECT date(time, 'unixepoch') AS day, task, endpoint || '/' || model AS who, count(*),
                        total(input), total(output), sum(CASE state WHEN 'open' THEN reserved ELSE cost END)
                 FROM usage WHERE time >= ?1 GROUP BY day, task, who ORDER BY day DESC, task, who",
            )?;
            let rows = statement.query_map([int(since)], |row| {
                Ok(Line {
                    day: row.get(0)?,
                    task: row.get(1)?,
                    model: row.get(2)?,
                    requests: unsigned(row.get(3)?),
                    input: row.get::<_, f64>(4)? as u64,
                    output: row.get::<_, f64>(5)? as u64,
                    cost: unsigned(row.get(6)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Every request since a time that brought text, the oldest first.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn paid(&self, since: u64) -> Result<Vec<Paid>, Error> {
        self.store.read(|t| {
            let mut statement = t.prepare(
                "SELECT endpoint || '/' || model, input, cached, output, cost FROM usage
                 WHERE time >= ?1 AND state IN ('finished', 'cut', 'cancelled') ORDER BY id",
            )?;
            let count = |value: Option<i64>| value.map(unsigned);
            let rows = statement.query_map([int(since)], |row| {
                Ok(Paid {
                    model: row.get(0)?,
                    input: count(row.get(1)?),
                    cached: count(row.get(2)?),
                    output: count(row.get(3)?),
                    cost: unsigned(row.get(4)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Forgets entries from before a time.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn forget_before(&self, time: u64) -> Result<(), Error> {
        self.store.change(|t| {
            t.execute("DELETE FROM usage WHERE time < ?1", [int(time)])?;
            Ok(())
        })?;
        self.store.sweep()
    }
}

fn expire(t: &Transaction<'_>, now: u64) -> Result<(), Error> {
    t.execute(
        "UPDATE usage SET state = 'expired', cost = reserved, estimated = 1 WHERE state = 'open' AND expires <= ?1",
        [int(now)],
    )?;
    Ok(())
}

fn totals(t: &Transaction<'_>, now: u64) -> Result<Totals, Error> {
    let sum = |start: &str| -> Result<u64, Error> {
        let sql =
            "SELECT coalesce(sum(CASE state WHEN 'open' THEN reserved ELSE cost END), 0) FROM usage
                   WHERE time >= unixepoch(?1, 'unixepoch', ?2)";
        Ok(unsigned(t.query_row(
            sql,
            params![int(now), start],
            |row| row.get(0),
        )?))
    };
    Ok(Totals {
        day: sum("start of day")?,
        month: sum("start of month")?,
    })
}

/// A period whose limit is passed. The longer one is told, since waiting for the shorter would not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Day,
    Month,
}

fn passed(totals: Totals, (day, month): (Option<u64>, Option<u64>)) -> Option<Period> {
    if month.is_some_and(|limit| totals.month > limit) {
        Some(Period::Month)
    } else if day.is_some_and(|limit| totals.day > limit) {
        Some(Period::Day)
    } else {
        None
    }
}

impl Period {
    fn word(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Month => "month",
        }
    }

    /// When it ends: `2026-12-01`.
    fn resets(self, t: &Transaction<'_>, now: u64) -> Result<String, Error> {
        let (start, step) = match self {
            Period::Day => ("start of day", "+1 day"),
            Period::Month => ("start of month", "+1 month"),
        };
        let sql = "SELECT date(?1, 'unixepoch', ?2, ?3)";
        Ok(t.query_row(sql, params![int(now), start, step], |row| row.get(0))?)
    }

    fn hard(self, t: &Transaction<'_>, now: u64) -> Result<String, Error> {
        Ok(format!(
            "the budget of this {} is used up; it begins anew on {} (UTC)",
            self.word(),
            self.resets(t, now)?
        ))
    }

    fn soft(self, t: &Transaction<'_>, now: u64) -> Result<String, Error> {
        Ok(format!(
            "the budget of this {} runs low; it begins anew on {} (UTC)",
            self.word(),
            self.resets(t, now)?
        ))
    }
}

/// SQLite's integers are signed; above nine billion dollars they stay there.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests;
