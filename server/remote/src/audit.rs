//! The audit: one row for each remote answer, chained by hashes, with its content in a table beside.
//!
//! A row says what was sent to whom and why, in ids, counts and keyed hashes. Each row's hash covers the row
//! before it, so a changed, removed or reordered row is found; that shows accidents and partial edits, while
//! somebody who owns the file can rebuild all of it. Content can be deleted without breaking the chain, and
//! rows that grew old leave an *anchor* that says where the chain now begins. Time is an argument.

use rusqlite::{OptionalExtension, Statement, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::store::{Error, Store, drawn_once};

/// What is kept of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Nothing.
    Off,
    /// A hash that only this installation can compare.
    #[default]
    Hash,
    /// The hash, and the text in the table beside.
    Full,
}

impl Keep {
    /// The name in settings.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Keep::Off => "off",
            Keep::Hash => "hash",
            Keep::Full => "full",
        }
    }
}

/// What is kept of each field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// Of the prompt.
    pub prompt: Keep,
    /// Of the answer.
    pub answer: Keep,
}

/// A row, as it is recorded. Closed-set labels, ids and counts; never content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Entry {
    /// The question's id.
    pub request: String,
    /// Seconds since 1970.
    pub time: u64,
    /// The task's name.
    pub task: String,
    /// Name, version and hash of the prompt's template.
    pub template: String,
    /// Version of the policy that routed.
    pub policy: String,
    /// `endpoint/model` that was asked first.
    pub asked: String,
    /// `endpoint/model` that answered.
    pub answered: Option<String>,
    /// The origin that answered.
    pub origin: Option<String>,
    /// The prompt's privacy level.
    pub level: String,
    /// Kinds of sections with their tokens.
    pub sections: Vec<(String, u64)>,
    /// How it ended: `finished`, `cut`, `refused: consent`, …
    pub outcome: String,
    /// In nano-USD.
    pub cost: Option<u64>,
    /// Tokens read.
    pub input: Option<u64>,
    /// Tokens written.
    pub output: Option<u64>,
    /// Arm of an experiment.
    pub variant: Option<String>,
}

/// A row, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fields {
    #[serde(flatten)]
    entry: Entry,
    /// `answer`, or `anchor` for the place of rows that were removed.
    kind: String,
    /// Keyed hash of the prompt.
    prompt: Option<String>,
    /// Keyed hash of the answer.
    answer: Option<String>,
    /// For an anchor: hash of the last removed row, and how many there were.
    removed: Option<(String, u64)>,
}

/// A recorded row with what of its content is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number in the file.
    pub id: i64,
    /// What was recorded.
    pub entry: Entry,
    /// The prompt, where it was kept and not deleted.
    pub prompt: Option<String>,
    /// The answer, likewise.
    pub answer: Option<String>,
}

/// What is wrong with the chain; the first place where it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The row was changed.
    Row(i64),
    /// The row before this one was removed or exchanged.
    Link(i64),
    /// The content of this row is not what was recorded.
    Content(i64),
    /// Rows at the end are missing.
    Tail,
}

/// The handle; clones share everything.
#[derive(Debug, Clone)]
pub struct Audit {
    store: Store,
    modes: Modes,
}

/// Hash before the first row.
const ROOT: [u8; 32] = [0; 32];

impl Audit {
    /// In these books.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn new(store: Store, modes: Modes) -> Result<Audit, Error> {
        store.change(|t| key(t).map(drop))?;
        Ok(Audit { store, modes })
    }

    /// Adds a row; `prompt` and `answer` are kept as the modes say.
    ///
    /// # Errors
    /// When the books cannot be written; then nothing was added.
    pub fn record(&self, entry: Entry, prompt: &str, answer: &str) -> Result<(), Error> {
        self.store.change(|t| {
            let key = key(t)?;
            let texts = [
                ("prompt", self.modes.prompt, prompt),
                ("answer", self.modes.answer, answer),
            ];
            let [prompt, answer] =
                texts.map(|(_, keep, text)| (keep != Keep::Off).then(|| keyed(&key, text)));
            let fields = Fields {
                entry,
                kind: "answer".to_owned(),
                prompt,
                answer,
                removed: None,
            };
            let id = append(t, &fields)?;
            for (name, _, text) in texts.iter().filter(|(_, keep, _)| *keep == Keep::Full) {
                t.execute(
                    "INSERT INTO content VALUES (?1, ?2, ?3)",
                    params![id, name, text],
                )?;
            }
            Ok(())
        })
    }

    /// Rows of one request, oldest first.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn show(&self, request: &str) -> Result<Vec<Row>, Error> {
        self.rows("request = ?1 ORDER BY id", params![request])
    }

    /// The newest rows, newest first.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn newest(&self, count: u32) -> Result<Vec<Row>, Error> {
        self.rows("true ORDER BY id DESC LIMIT ?1", params![count])
    }

    fn rows(&self, which: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Row>, Error> {
        self.store.read(|t| {
            let sql = format!(
                "SELECT id, fields, (SELECT text FROM content WHERE audit = id AND name = 'prompt'),
                        (SELECT text FROM content WHERE audit = id AND name = 'answer')
                 FROM audit WHERE json_extract(fields, '$.kind') = 'answer' AND {which}"
            );
            let mut statement = t.prepare(&sql)?;
            let mut found = statement.query(values)?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let fields = parse(&row.get::<_, String>(1)?)?;
                rows.push(Row {
                    id: row.get(0)?,
                    entry: fields.entry,
                    prompt: row.get(2)?,
                    answer: row.get(3)?,
                });
            }
            Ok(rows)
        })
    }

    /// Walks the whole chain. `Ok(Ok(n))`: n rows, all as they were recorded.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn verify(&self) -> Result<Result<u64, Broken>, Error> {
        self.store.read(|t| {
            let key = key(t)?;
            let anchors = anchors(t)?;
            let mut statement =
                t.prepare("SELECT id, fields, before, hash FROM audit ORDER BY id")?;
            let mut contents = t.prepare("SELECT name, text FROM content WHERE audit = ?1")?;
            let mut rows = statement.query([])?;
            let (mut last, mut count) = (None::<[u8; 32]>, 0);
            while let Some(row) = rows.next()? {
                let (id, text) = (row.get::<_, i64>(0)?, row.get::<_, String>(1)?);
                let (before, hash): ([u8; 32], [u8; 32]) = match (row.get(2), row.get(3)) {
                    (Ok(before), Ok(hash)) => (before, hash),
                    _ => return Ok(Err(Broken::Row(id))),
                };
                let linked = match last {
                    Some(last) => last == before,
                    None => before == ROOT || anchors.contains(&hex(&before)),
                };
                if !linked {
                    return Ok(Err(Broken::Link(id)));
                }
                let Ok(fields) = parse(&text) else {
                    return Ok(Err(Broken::Row(id)));
                };
                if chained(&before, &text) != hash {
                    return Ok(Err(Broken::Row(id)));
                }
                if !content_fits(&mut contents, id, &fields, &key)? {
                    return Ok(Err(Broken::Content(id)));
                }
                last = Some(hash);
                count += 1;
            }
            let head = head(t)?;
            Ok(if head == last.unwrap_or(ROOT) {
                Ok(count)
            } else {
                Err(Broken::Tail)
            })
        })
    }

    /// Deletes the content of a request, or of all; the rows stay and so does the chain.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn delete_content(&self, request: Option<&str>) -> Result<(), Error> {
        self.store.change(|t| {
            match request {
                Some(request) => t.execute(
                    "DELETE FROM content WHERE audit IN (SELECT id FROM audit WHERE request = ?1)",
                    [request],
                )?,
                None => t.execute("DELETE FROM content", [])?,
            };
            Ok(())
        })?;
        self.store.sweep()
    }

    /// Removes rows from before a time, with their content, and leaves an anchor. Returns how many.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn forget_before(&self, time: u64, now: u64) -> Result<u64, Error> {
        let removed = self.store.change(|t| {
            // The chain loses its beginning only, so a young row behind an old one keeps those before it.
            let end: i64 = t.query_row(
                "SELECT coalesce((SELECT min(id) FROM audit WHERE time >= ?1), (SELECT max(id) + 1 FROM audit), 0)",
                [i64::try_from(time).unwrap_or(i64::MAX)],
                |row| row.get(0),
            )?;
            let last = t.query_row("SELECT hash FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT 1", [end], |row| row.get::<_, [u8; 32]>(0));
            let Some(last) = last.optional()? else { return Ok(0) };
            t.execute("DELETE FROM content WHERE audit < ?1", [end])?;
            let removed = t.execute("DELETE FROM audit WHERE id < ?1", [end])? as u64;
            let entry = Entry { time: now, ..Entry::default() };
            let removed_rows = Some((hex(&last), removed));
            append(t, &Fields { entry, kind: "anchor".to_owned(), prompt: None, answer: None, removed: removed_rows })?;
            Ok(removed)
        })?;
        self.store.sweep()?;
        Ok(removed)
    }
}

fn append(t: &Transaction<'_>, fields: &Fields) -> Result<i64, Error> {
    let text = serde_json::to_string(fields).map_err(|e| Error {
        said: e.to_string(),
    })?;
    let before = head(t)?;
    let hash = chained(&before, &text);
    t.execute(
        "INSERT INTO audit (fields, before, hash) VALUES (?1, ?2, ?3)",
        params![text, before, hash],
    )?;
    let id = t.last_insert_rowid();
    t.execute(
        "INSERT OR REPLACE INTO meta VALUES ('audit head', ?1)",
        [hash],
    )?;
    Ok(id)
}

fn head(t: &Transaction<'_>) -> Result<[u8; 32], Error> {
    let head = t.query_row(
        "SELECT value FROM meta WHERE name = 'audit head'",
        [],
        |row| row.get(0),
    );
    Ok(head.optional()?.unwrap_or(ROOT))
}

fn anchors(t: &Transaction<'_>) -> Result<Vec<String>, Error> {
    let mut statement = t.prepare("SELECT fields FROM audit WHERE json_valid(fields) AND json_extract(fields, '$.kind') = 'anchor'")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let texts: Vec<String> = rows.collect::<Result<_, _>>()?;
    Ok(texts
        .iter()
        .filter_map(|t| parse(t).ok()?.removed)
        .map(|(hash, _)| hash)
        .collect())
}

fn content_fits(
    contents: &mut Statement<'_>,
    id: i64,
    fields: &Fields,
    key: &[u8; 32],
) -> Result<bool, Error> {
    let mut rows = contents.query([id])?;
    while let Some(row) = rows.next()? {
        let recorded = match row.get::<_, String>(0)?.as_str() {
            "prompt" => &fields.prompt,
            _ => &fields.answer,
        };
        if recorded.as_deref() != Some(keyed(key, &row.get::<_, String>(1)?).as_str()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The key of this installation's hashes: without it a short text could be guessed from its hash.
fn key(t: &Transaction<'_>) -> Result<[u8; 32], Error> {
    drawn_once(t, "audit key")
}

fn keyed(key: &[u8; 32], text: &str) -> String {
    blake3::keyed_hash(key, text.as_bytes())
        .to_hex()
        .to_string()
}

fn chained(before: &[u8; 32], text: &str) -> [u8; 32] {
    // The first part has a fixed length, so no two rows give the same bytes.
    *blake3::Hasher::new()
        .update(before)
        .update(text.as_bytes())
        .finalize()
        .as_bytes()
}

fn hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

fn parse(text: &str) -> Result<Fields, Error> {
    // The parser's message could show a part of the row.
    serde_json::from_str(text).map_err(|_| Error {
        said: "a row of the audit cannot be read".to_owned(),
    })
}

#[cfg(test)]
mod tests;
