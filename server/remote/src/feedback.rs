//! What the user made of answers, by the answer's number in the books, and *examples*: whole questions with their answers, kept
//! only where the caller says that the user wants them kept.
//!
//! A rating is one word of the user's and holds no text. An example is text: it is overwritten in the file when it is deleted, and
//! it goes when the rows of its time go. Time is an argument, in seconds since 1970.

use rusqlite::params;

use crate::store::{Error, Store};

/// One kept question with its answer, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The question's id.
    pub request: String,
    /// When it was kept.
    pub time: u64,
    /// The project's folder.
    pub project: String,
    /// What the caller kept.
    pub text: String,
    /// Whether the user found it useful; `None` without a word.
    pub useful: Option<bool>,
    /// Whether its edit went into the text; `None` without an edit.
    pub applied: Option<bool>,
}

/// The handle; clones share everything.
#[derive(Debug, Clone)]
pub struct Feedback {
    store: Store,
}

impl Feedback {
    /// In these books.
    #[must_use]
    pub fn new(store: Store) -> Feedback {
        Feedback { store }
    }

    /// Notes whether an answer was of use. False, and nothing is noted, where it was rated before or no row of the audit has its
    /// number: a word about what was never shown is no feedback.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn rate(&self, request: &str, useful: bool, now: u64) -> Result<bool, Error> {
        self.note(request, "useful", useful, now)
    }

    /// Notes whether the edit of an answer went into the text; as [`Feedback::rate`].
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn applied(&self, request: &str, applied: bool, now: u64) -> Result<bool, Error> {
        self.note(request, "applied", applied, now)
    }

    fn note(
        &self,
        request: &str,
        column: &'static str,
        value: bool,
        now: u64,
    ) -> Result<bool, Error> {
        self.store.change(|t| {
            let sql = format!(
                "INSERT INTO feedback (request, time, {column})
                 SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM audit WHERE request = ?1)
                 ON CONFLICT (request) DO UPDATE SET {column} = ?3 WHERE {column} IS NULL"
            );
            Ok(t.execute(&sql, params![request, int(now), value])? > 0)
        })
    }

    /// Ratings since a time: how many answers were of use, and how many were not.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn ratings(&self, since: u64) -> Result<(u64, u64), Error> {
        self.store.read(|t| {
            let sql = "SELECT coalesce(sum(useful = 1), 0), coalesce(sum(useful = 0), 0) FROM feedback WHERE time >= ?1";
            let count = |value: i64| u64::try_from(value).unwrap_or(0);
            Ok(t.query_row(sql, [int(since)], |row| {
                Ok((count(row.get(0)?), count(row.get(1)?)))
            })?)
        })
    }

    /// Keeps an example; one of the same question takes the place of the older one.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn keep(&self, request: &str, project: &str, text: &str, now: u64) -> Result<(), Error> {
        self.store.change(|t| {
            t.execute(
                "INSERT OR REPLACE INTO example (request, time, project, text) VALUES (?1, ?2, ?3, ?4)",
                params![request, int(now), project, text],
            )?;
            Ok(())
        })
    }

    /// Hands over the examples since a time, oldest first, one at a time: all of them may be more than fits into memory.
    ///
    /// # Errors
    /// When the books cannot be read, or the taker fails.
    pub fn examples<E: From<Error>>(
        &self,
        since: u64,
        mut take: impl FnMut(Example) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after = 0;
        while let Some((id, example)) = self.next(since, after)? {
            after = id;
            take(example)?;
        }
        Ok(())
    }

    fn next(&self, since: u64, after: i64) -> Result<Option<(i64, Example)>, Error> {
        self.store.read(|t| {
            let mut statement = t.prepare(
                "SELECT id, request, example.time, project, text, useful, applied
                 FROM example LEFT JOIN feedback USING (request)
                 WHERE id > ?1 AND example.time >= ?2 ORDER BY id LIMIT 1",
            )?;
            let mut rows = statement.query(params![after, int(since)])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let example = Example {
                request: row.get(1)?,
                time: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
                project: row.get(3)?,
                text: row.get(4)?,
                useful: row.get(5)?,
                applied: row.get(6)?,
            };
            Ok(Some((row.get(0)?, example)))
        })
    }

    /// Deletes the examples of one project, or all; how many.
    ///
    /// # Errors
    /// When the books cannot be written, or still hold the text in their journal.
    pub fn delete(&self, project: Option<&str>) -> Result<usize, Error> {
        let deleted = self.store.change(|t| {
            Ok(match project {
                Some(project) => t.execute("DELETE FROM example WHERE project = ?1", [project])?,
                None => t.execute("DELETE FROM example", [])?,
            })
        })?;
        self.store.sweep()?;
        Ok(deleted)
    }

    /// Deletes the example of one question.
    ///
    /// # Errors
    /// As [`Feedback::delete`].
    pub fn delete_one(&self, request: &str) -> Result<bool, Error> {
        let deleted = self
            .store
            .change(|t| Ok(t.execute("DELETE FROM example WHERE request = ?1", [request])? > 0))?;
        self.store.sweep()?;
        Ok(deleted)
    }

    /// Removes ratings and examples from before a time.
    ///
    /// # Errors
    /// As [`Feedback::delete`].
    pub fn forget_before(&self, time: u64) -> Result<(), Error> {
        let gone = self.store.change(|t| {
            let ratings = t.execute("DELETE FROM feedback WHERE time < ?1", [int(time)])?;
            Ok(ratings + t.execute("DELETE FROM example WHERE time < ?1", [int(time)])?)
        })?;
        match gone {
            0 => Ok(()),
            _ => self.store.sweep(),
        }
    }
}

/// SQLite's integers are signed.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Audit, Entry, Modes};

    fn books(home: &std::path::Path, requests: &[&str]) -> Feedback {
        let store = Store::open(&home.join("state/books.sqlite")).unwrap();
        let audit = Audit::new(store.clone(), Modes::default()).unwrap();
        for request in requests {
            let entry = Entry {
                request: (*request).to_owned(),
                ..Entry::default()
            };
            audit.record(entry, "prompt", "answer").unwrap();
        }
        Feedback::new(store)
    }

    fn all(feedback: &Feedback, since: u64) -> Vec<Example> {
        let mut found = Vec::new();
        let take = |example| {
            found.push(example);
            Ok::<_, Error>(())
        };
        feedback.examples(since, take).unwrap();
        found
    }

    #[test]
    fn a33_an_answer_that_was_shown_is_rated_once() {
        let home = tempfile::tempdir().unwrap();
        let feedback = books(home.path(), &["a", "b"]);
        assert_eq!(feedback.rate("a", true, 10), Ok(true));
        assert_eq!(feedback.rate("a", false, 11), Ok(false));
        assert_eq!(feedback.rate("never shown", true, 11), Ok(false));
        assert_eq!(feedback.applied("b", false, 12), Ok(true));
        assert_eq!(feedback.rate("b", false, 13), Ok(true));
        assert_eq!(feedback.ratings(0), Ok((1, 1)));
        assert_eq!(feedback.ratings(11), Ok((0, 1)));
    }

    #[test]
    fn examples_come_with_what_became_of_them_in_their_order() {
        let home = tempfile::tempdir().unwrap();
        let feedback = books(home.path(), &["a", "b"]);
        feedback.keep("b", "/one", "second", 20).unwrap();
        feedback.keep("a", "/two", "first", 30).unwrap();
        feedback.rate("a", false, 31).unwrap();
        feedback.applied("b", true, 32).unwrap();
        let seen: Vec<_> = all(&feedback, 0)
            .into_iter()
            .map(|e| (e.request, e.text, e.useful, e.applied))
            .collect();
        let b = ("b".to_owned(), "second".to_owned(), None, Some(true));
        let a = ("a".to_owned(), "first".to_owned(), Some(false), None);
        assert_eq!(seen, [b, a]);
        assert_eq!(all(&feedback, 25).len(), 1);
        feedback.forget_before(25).unwrap();
        assert_eq!(all(&feedback, 0).len(), 1);
    }

    #[test]
    fn no_byte_of_a_deleted_example_is_in_any_file() {
        let home = tempfile::tempdir().unwrap();
        let feedback = books(home.path(), &["a", "b", "c"]);
        let text = |canary: &str| format!("{} {canary} {}", "x".repeat(9_000), "y".repeat(9_000));
        feedback.keep("a", "/one", &text("CANARY-ONE"), 1).unwrap();
        feedback.keep("b", "/two", &text("CANARY-TWO"), 2).unwrap();
        feedback
            .keep("c", "/two", &text("CANARY-THREE"), 3)
            .unwrap();
        let holds = |canary: &str| {
            let files = std::fs::read_dir(home.path().join("state")).unwrap();
            files.into_iter().any(|file| {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                String::from_utf8_lossy(&bytes).contains(canary)
            })
        };
        assert!(holds("CANARY-ONE") && holds("CANARY-TWO"));
        assert_eq!(feedback.delete(Some("/one")), Ok(1));
        assert!(!holds("CANARY-ONE") && holds("CANARY-TWO"));
        assert_eq!(feedback.delete_one("b"), Ok(true));
        assert!(!holds("CANARY-TWO") && holds("CANARY-THREE"));
        assert_eq!(feedback.delete(None), Ok(1));
        assert!(!holds("CANARY"));
        assert_eq!(all(&feedback, 0), []);
    }
}
