//! The user's own books in one SQLite file: opened so that nobody else reads it, and a crash leaves it whole.
//!
//! Usage, audit, feedback and memory share it. Several servers may have it open; each change is one transaction that waits for
//! the others. Deleted text is overwritten in the file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};

/// Why the books cannot be used. Holds no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// One sentence.
    pub said: String,
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        // The text of a statement and of its values is not part of these messages.
        Error {
            said: crate::failure::plain(&error.to_string()),
        }
    }
}

/// The open file; clones share it. Every call may wait for the disk, so it does not belong on a thread that
/// others wait for.
#[derive(Debug, Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    path: Arc<PathBuf>,
}

/// How long an opening waits for another process that opens the same file. It is held for milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// Changes with the tables below; a newer file is not touched.
const VERSION: i64 = 3;

const TABLES: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE usage (
        id INTEGER PRIMARY KEY, time INTEGER NOT NULL, request TEXT NOT NULL, task TEXT NOT NULL,
        endpoint TEXT NOT NULL, model TEXT NOT NULL, reserved INTEGER NOT NULL, expires INTEGER NOT NULL,
        state TEXT NOT NULL, cost INTEGER NOT NULL, estimated INTEGER NOT NULL,
        input INTEGER, cached INTEGER, output INTEGER);
    CREATE INDEX usage_time ON usage (time);
    CREATE INDEX usage_open ON usage (expires) WHERE state = 'open';
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT, fields TEXT NOT NULL, before BLOB NOT NULL, hash BLOB NOT NULL,
        request TEXT GENERATED ALWAYS AS (json_extract(fields, '$.request')) VIRTUAL,
        time INTEGER GENERATED ALWAYS AS (json_extract(fields, '$.time')) VIRTUAL,
        task TEXT GENERATED ALWAYS AS (json_extract(fields, '$.task')) VIRTUAL,
        model TEXT GENERATED ALWAYS AS (json_extract(fields, '$.answered')) VIRTUAL,
        template TEXT GENERATED ALWAYS AS (json_extract(fields, '$.template')) VIRTUAL,
        origin TEXT GENERATED ALWAYS AS (json_extract(fields, '$.origin')) VIRTUAL);
    CREATE INDEX audit_request ON audit (request);
    CREATE INDEX audit_time ON audit (time, task);
    CREATE INDEX audit_model ON audit (model);
    CREATE INDEX audit_template ON audit (template);
    CREATE INDEX audit_origin ON audit (origin);
    CREATE TABLE content (
        audit INTEGER NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (audit, name)) WITHOUT ROWID;
    PRAGMA user_version = 1;
";

/// What version 2 has beyond version 1.
const FEEDBACK: &str = "
    CREATE TABLE feedback (
        request TEXT PRIMARY KEY, time INTEGER NOT NULL, useful INTEGER, applied INTEGER) WITHOUT ROWID;
    CREATE TABLE example (
        id INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL UNIQUE, time INTEGER NOT NULL,
        project TEXT NOT NULL, text TEXT NOT NULL);
    CREATE INDEX example_time ON example (time);
    CREATE INDEX example_project ON example (project);
    PRAGMA user_version = 2;
";

/// What version 3 has beyond version 2.
const STYLE: &str = "
    CREATE TABLE style (
        language TEXT NOT NULL, way TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (language, way)) WITHOUT ROWID;
    PRAGMA user_version = 3;
";

impl Store {
    /// Opens the file, or makes it: 0600 in a folder of 0700, whatever the umask; a wider mode is tightened.
    ///
    /// # Errors
    /// When the folder or file cannot be made, is damaged, was written by a newer version, or is held by
    /// another process for more than five seconds.
    pub fn open(path: &Path) -> Result<Store, Error> {
        prepare(path).map_err(|e| Error {
            said: format!("{} cannot be made: {e}", path.display()),
        })?;
        let connection = patiently(PATIENCE, || connected(path))?;
        Ok(Store {
            connection: Arc::new(Mutex::new(connection)),
            path: Arc::new(path.to_owned()),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs one change as a transaction that no other server's change interleaves with.
    pub(crate) fn change<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// Reads from one consistent state.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&connection.transaction()?)
    }

    /// Writes the journal into the file and empties it, so that what was deleted is in neither.
    pub(crate) fn sweep(&self) -> Result<(), Error> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let busy: i64 =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 {
            return Ok(());
        }
        Err(Error { said: "another server reads the books, so the journal still holds what was deleted; delete again later".to_owned() })
    }
}

/// 256 random bits under a name, drawn when they are first asked for.
pub(crate) fn drawn_once(t: &Transaction<'_>, name: &str) -> Result<[u8; 32], Error> {
    let known = t.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| {
        row.get(0)
    });
    if let Some(bits) = known.optional()? {
        return Ok(bits);
    }
    let mut bits = [0; 32];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bits).map_err(|_| Error {
        said: "the system gives no random numbers".to_owned(),
    })?;
    t.execute("INSERT INTO meta VALUES (?1, ?2)", params![name, bits])?;
    Ok(bits)
}

/// A connection with its journal and tables. To be tried again where the file is busy.
fn connected(path: &Path) -> Result<Connection, Opening> {
    let mut connection = Connection::open(path)?;
    // Another server's transaction takes milliseconds.
    connection.busy_timeout(Duration::from_secs(2))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A lost power supply may cost the last entries, never the file.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "secure_delete", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if !(0..=VERSION).contains(&version) {
        return Err(Opening::Never(Error {
            said: format!("{} was written by a newer version", path.display()),
        }));
    }
    for (below, tables) in [(1, TABLES), (2, FEEDBACK), (3, STYLE)] {
        if version < below {
            transaction.execute_batch(tables)?;
        }
    }
    transaction.commit()?;
    Ok(connection)
}

/// Why an opening failed.
enum Opening {
    /// Another process is at it; what it waits for may be us.
    Busy(Error),
    /// For good.
    Never(Error),
}

impl From<rusqlite::Error> for Opening {
    fn from(error: rusqlite::Error) -> Opening {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Opening::Busy(error.into())
            }
            _ => Opening::Never(error.into()),
        }
    }
}

/// Tries again while the file is busy. SQLite's own waiting does not cover the change to another journal: two
/// processes that both want it hold what the other needs, and it refuses at once instead of waiting for ever.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing tells when another process lets a file go"
)]
fn patiently(
    patience: Duration,
    open: impl Fn() -> Result<Connection, Opening>,
) -> Result<Connection, Error> {
    let start = Instant::now();
    loop {
        match open() {
            Ok(connection) => return Ok(connection),
            Err(Opening::Never(error)) => return Err(error),
            Err(Opening::Busy(error)) if start.elapsed() > patience => return Err(error),
            Err(Opening::Busy(_)) => std::thread::sleep(PAUSE),
        }
    }
}

#[cfg(unix)]
fn prepare(path: &Path) -> std::io::Result<()> {
    use std::fs::{DirBuilder, OpenOptions, Permissions, set_permissions};
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};

    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    // The journal takes over this file's mode.
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    set_permissions(path, Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn prepare(path: &Path) -> std::io::Result<()> {
    // The user's own state folder is closed to others there.
    match path.parent() {
        Some(folder) => std::fs::create_dir_all(folder),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a31_the_books_are_the_users_alone_whatever_they_were() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state");
        let path = folder.join("books.sqlite");
        drop(Store::open(&path).unwrap());
        let wide = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(&path, wide.clone()).unwrap();
        std::fs::set_permissions(&folder, wide).unwrap();
        let store = Store::open(&path).unwrap();
        store
            .change(|t| Ok(t.execute("INSERT INTO meta VALUES ('a', 'b')", [])?))
            .unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }

    /// Every one that opens the new file at once gets it, and the tables are made once.
    #[test]
    fn many_may_open_the_new_books_at_once() {
        const MANY: usize = 8;
        for _ in 0..10 {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("state").join("books.sqlite");
            let start = std::sync::Barrier::new(MANY);
            let (path, start) = (&path, &start);
            let open = |name: usize| {
                start.wait();
                let store = Store::open(path)?;
                store.change(|t| {
                    let row = "INSERT INTO meta VALUES (?1, 'b')";
                    Ok(t.execute(row, [name.to_string()])?)
                })
            };
            std::thread::scope(|scope| {
                let opened: Vec<_> = (0..MANY)
                    .map(|name| scope.spawn(move || open(name)))
                    .collect();
                for opened in opened {
                    assert_eq!(opened.join().unwrap(), Ok(1));
                }
            });
            let store = Store::open(path).unwrap();
            let rows: i64 = store
                .read(|t| Ok(t.query_row("SELECT count(*) FROM meta", [], |row| row.get(0))?))
                .unwrap();
            assert_eq!(rows, MANY as i64);
        }
    }

    /// What one process holds while it changes the journal of a new file, another waits for.
    #[test]
    fn a_new_file_that_another_reads_and_writes_is_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("books.sqlite");
        let mut other = Connection::open(&path).unwrap();
        let held = other
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .unwrap();
        held.execute_batch("CREATE TABLE other (a)").unwrap();
        let opening = {
            let path = path.clone();
            std::thread::spawn(move || Store::open(&path).map(drop))
        };
        // Long enough for it to meet the lock; where it is slower, it meets none.
        let (_held, until) = std::sync::mpsc::channel::<()>();
        let _ = until.recv_timeout(Duration::from_millis(200));
        held.commit().unwrap();
        assert_eq!(opening.join().unwrap(), Ok(()));
    }

    #[test]
    fn a_file_that_another_holds_is_an_error_in_the_end() {
        let busy = || {
            Err(Opening::Busy(Error {
                said: "held".to_owned(),
            }))
        };
        let (start, patience) = (Instant::now(), Duration::from_millis(20));
        assert_eq!(patiently(patience, busy).unwrap_err().said, "held");
        assert!(start.elapsed() >= patience);
    }

    #[test]
    fn books_of_older_versions_are_gone_on_with() {
        for older in [[TABLES, ""], [TABLES, FEEDBACK]] {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("books.sqlite");
            let old = Connection::open(&path).unwrap();
            old.execute_batch(&older.concat()).unwrap();
            old.execute_batch("INSERT INTO meta VALUES ('a', 'b')")
                .unwrap();
            drop(old);
            for _ in 0..2 {
                let store = Store::open(&path).unwrap();
                let rows: [i64; 3] =
                    store
                        .read(|t| {
                            let sql =
                            "SELECT (SELECT count(*) FROM meta), (SELECT count(*) FROM example),
                                   (SELECT count(*) FROM style)";
                            Ok(t.query_row(sql, [], |row| {
                                Ok([row.get(0)?, row.get(1)?, row.get(2)?])
                            })?)
                        })
                        .unwrap();
                assert_eq!(rows, [1, 0, 0]);
            }
        }
    }

    #[test]
    fn a_damaged_or_newer_file_is_an_error_with_words() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("books.sqlite");
        std::fs::write(&path, "this is no database, whatever its name says").unwrap();
        assert!(
            Store::open(&path)
                .unwrap_err()
                .said
                .contains("not a database")
        );
        let path = home.path().join("newer.sqlite");
        Store::open(&path)
            .unwrap()
            .change(|t| Ok(t.execute_batch("PRAGMA user_version = 99")?))
            .unwrap();
        assert!(
            Store::open(&path)
                .unwrap_err()
                .said
                .contains("newer version")
        );
    }
}
