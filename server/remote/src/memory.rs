//! What is known of the user's style, in the books: a count for each way of each language, and no text.
//!
//! Languages go by their codes. Several servers count at once; each adds to what stands in the file by then, so none loses what another saw.

use foretoken_engine::style::Tally;
use rusqlite::{Transaction, params};

use crate::store::{Error, Store};

/// The handle; clones share everything.
#[derive(Debug, Clone)]
pub struct Memory {
    store: Store,
}

impl Memory {
    /// In these books.
    #[must_use]
    pub fn new(store: Store) -> Memory {
        Memory { store }
    }

    /// Adds what a text showed.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn learn(&self, language: &str, seen: &Tally) -> Result<(), Error> {
        if seen.is_empty() {
            return Ok(());
        }
        self.store.change(|t| {
            let mut tally = known(t, language)?;
            tally.learn(seen);
            t.execute("DELETE FROM style WHERE language = ?1", [language])?;
            for (way, count) in tally.rows() {
                t.execute(
                    "INSERT INTO style (language, way, count) VALUES (?1, ?2, ?3)",
                    params![language, way, int(count)],
                )?;
            }
            Ok(())
        })
    }

    /// What is known of one language.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn of(&self, language: &str) -> Result<Tally, Error> {
        self.store.read(|t| known(t, language))
    }

    /// The languages of which anything is known, by their codes.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn all(&self) -> Result<Vec<(String, Tally)>, Error> {
        self.store.read(|t| {
            let mut statement = t.prepare("SELECT DISTINCT language FROM style")?;
            let languages = statement.query_map([], |row| row.get(0))?;
            let mut all = Vec::new();
            for language in languages {
                let language: String = language?;
                let tally = known(t, &language)?;
                all.push((language, tally));
            }
            Ok(all)
        })
    }

    /// Forgets one language, or all; how many counts that were.
    ///
    /// # Errors
    /// When the books cannot be written, or still hold the counts in their journal.
    pub fn delete(&self, language: Option<&str>) -> Result<usize, Error> {
        let deleted = self.store.change(|t| {
            Ok(match language {
                Some(language) => t.execute("DELETE FROM style WHERE language = ?1", [language])?,
                None => t.execute("DELETE FROM style", [])?,
            })
        })?;
        self.store.sweep()?;
        Ok(deleted)
    }
}

fn known(t: &Transaction<'_>, language: &str) -> Result<Tally, Error> {
    let mut statement = t.prepare("SELECT way, count FROM style WHERE language = ?1")?;
    let rows = statement.query_map([language], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
    })?;
    let rows: Vec<(String, i64)> = rows.collect::<Result<_, _>>()?;
    Ok(Tally::from_rows(rows.iter().map(|(way, count)| {
        (way.as_str(), u64::try_from(*count).unwrap_or(0))
    })))
}

/// SQLite's integers are signed.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use foretoken_engine::style::Way;

    use super::*;

    fn memory(home: &std::path::Path) -> Memory {
        Memory::new(Store::open(&home.join("state/books.sqlite")).unwrap())
    }

    fn tally(way: Way, count: u64) -> Tally {
        Tally::from_rows([(way.code(), count)])
    }

    #[test]
    fn each_language_has_its_own_counts() {
        let home = tempfile::tempdir().unwrap();
        let memory = memory(home.path());
        memory.learn("python", &Tally::default()).unwrap();
        assert_eq!(memory.all(), Ok(Vec::new()));
        memory.learn("tsx", &tally(Way::Semicolons, 2)).unwrap();
        for _ in 0..3 {
            memory.learn("python", &tally(Way::Snake, 5)).unwrap();
        }
        let (python, tsx) = (tally(Way::Snake, 15), tally(Way::Semicolons, 2));
        assert_eq!(memory.of("python"), Ok(python.clone()));
        assert_eq!(
            memory.all(),
            Ok(vec![
                ("python".to_owned(), python),
                ("tsx".to_owned(), tsx.clone())
            ])
        );
        assert_eq!(memory.delete(Some("python")), Ok(1));
        assert_eq!(memory.delete(Some("python")), Ok(0));
        assert_eq!(memory.all(), Ok(vec![("tsx".to_owned(), tsx)]));
        assert_eq!(memory.delete(None), Ok(1));
        assert_eq!(memory.all(), Ok(Vec::new()));
    }

    #[test]
    fn servers_that_count_at_once_lose_nothing() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        drop(memory(home));
        std::thread::scope(|scope| {
            for way in [Way::Commas, Way::NoCommas, Way::Snake, Way::Camel] {
                scope.spawn(move || {
                    let memory = memory(home);
                    for _ in 0..25 {
                        memory.learn("python", &tally(way, 1)).unwrap();
                    }
                });
            }
        });
        let known = memory(home).of("python").unwrap();
        let counts: Vec<u64> = known.rows().map(|(_, count)| count).collect();
        assert_eq!(counts, [25; 4]);
    }

    #[test]
    fn no_byte_of_what_was_deleted_is_in_any_file() {
        let home = tempfile::tempdir().unwrap();
        let memory = memory(home.path());
        memory.learn("python", &tally(Way::Percent, 5)).unwrap();
        let holds = || {
            let files = std::fs::read_dir(home.path().join("state")).unwrap();
            files.into_iter().any(|file| {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                String::from_utf8_lossy(&bytes).contains(Way::Percent.code())
            })
        };
        assert!(holds());
        memory.delete(None).unwrap();
        assert!(!holds());
    }
}
