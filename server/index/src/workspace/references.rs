//! From a definition to the places that use it: rows that hold its name by words, of those the ones whose
//! code does use it, as far as that can be told without types.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use foretoken_engine::chunk::Kind;
use foretoken_engine::rank::Weights;
use foretoken_engine::symbols::{How, Symbols, Use};
use foretoken_engine::terms;

use super::answer::rows;
use super::definitions::{Place, defining, meant};
use super::{Seen, Workspace};
use crate::budget;
use crate::record::Record;

/// Files that are parsed for one question, those first that hold the name most densely.
const MOST_FILES: usize = 24;

/// What is looked for: a definition.
#[derive(Clone, Copy, Debug)]
pub struct Defined<'a> {
    /// Its own name.
    pub name: &'a str,
    /// Its file, from the workspace's root, with slashes.
    pub path: &'a str,
    /// Its lines, from 0, the end exclusive.
    pub lines: &'a Range<u32>,
}

/// A chunk that uses a definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// From the workspace's root, with slashes. It is data of a stranger: escape it before it is shown.
    pub path: String,
    /// Its lines, from 0, the end exclusive.
    pub lines: Range<u32>,
    /// The chunk's name with those of what encloses it; empty for what has none.
    pub qualified: String,
    /// What the chunk is.
    pub kind: Kind,
    /// The most telling way in which it uses the name.
    pub how: How,
    /// Whether it is a test.
    pub is_test: bool,
    /// Its text as it is now.
    pub text: String,
}

impl Workspace {
    /// Chunks that use a definition, at most `limit` that are tests and as many that are not: callers first,
    /// then what mentions it, then imports; among equals those of the file itself, then those that hold the
    /// name most densely. `stop` is asked before each file; once it says so, what is found so far is the answer.
    /// Waits for no writing.
    ///
    /// A name is followed, not a type: where several definitions have the name, a use counts as one of this
    /// where what it is qualified by, what its file imports and where it lies speak for this one most.
    ///
    /// # Errors
    /// None: where the search library fails, nothing is found.
    pub fn references(&self, of: Defined, limit: usize, stop: &dyn Fn() -> bool) -> Vec<Reference> {
        let seen = self.seen();
        let rules = self.rules();
        let places = named(&seen, of.name);
        let mut found: Vec<Reference> = Vec::new();
        for record in holding(&seen, of.name) {
            if stop() {
                break;
            }
            if rules(&self.root.join(&*record.path)) {
                continue;
            }
            if let Some(text) = self.text(&seen, &record) {
                found.extend(uses_in(of, &places, &record, &text));
            }
        }
        // Stable: within these the files keep their order.
        found.sort_by_key(|one| (rank(one.how), one.path != of.path));
        let mut left = [limit; 2];
        found.retain(|one| {
            let left = &mut left[usize::from(one.is_test)];
            let wanted = *left > 0;
            *left = left.saturating_sub(1);
            wanted
        });
        found
    }
}

/// The files with a row that holds this name, those first whose rows hold it most densely.
fn holding(seen: &Seen, name: &str) -> Vec<Arc<Record>> {
    let mut query = terms::query(name);
    // Of a name of several parts the whole: each part alone is a common word.
    if query.terms.iter().any(|term| term.whole) {
        query.terms.retain(|term| term.whole);
    }
    query.terms.truncate(1);
    // Only the text: what is called so itself is no use.
    let weights = Weights {
        fields: [1.0, 0.0, 0.0, 0.0],
        ..Weights::default()
    };
    let rows = rows(seen, &mut query, &weights, &|_| true).unwrap_or_default();
    let mut known = HashSet::new();
    let files = rows.rows.into_iter().map(|row| row.record);
    files
        .filter(|record| known.insert(Arc::clone(&record.path)))
        .take(MOST_FILES)
        .collect()
}

/// The chunks that define this name.
fn named(seen: &Seen, name: &str) -> Vec<Place> {
    let any = Use {
        name: name.to_owned(),
        of: None,
        how: How::Called,
        at: 0,
    };
    let places = defining(seen, &[&any], "", &(0..0));
    places.into_values().flatten().collect()
}

/// The chunks of one file that use the definition.
fn uses_in(of: Defined, places: &[Place], record: &Record, text: &str) -> Vec<Reference> {
    let Some(symbols) = Symbols::read(&record.path, text, &mut budget::of_a_parse()) else {
        return Vec::new();
    };
    let imported: HashSet<&str> = symbols.imported().collect();
    let here = *record.path == *of.path;
    let mut chunks: HashMap<usize, (&Use, bool)> = HashMap::new();
    for one in symbols.uses.iter().filter(|one| one.name == of.name) {
        let holds = |chunk: &foretoken_engine::chunk::Chunk| chunk.bytes.contains(&one.at);
        let Some(ordinal) = record.chunks.iter().position(holds) else {
            continue;
        };
        let line = text[..one.at].matches('\n').count() as u32;
        // A function that calls itself is no other place.
        if here && of.lines.contains(&line) {
            continue;
        }
        let is_test = || symbols.is_test(&record.path, text, one.at);
        let first = chunks.entry(ordinal).or_insert_with(|| (one, is_test()));
        if rank(one.how) < rank(first.0.how) {
            first.0 = one;
        }
    }
    let mut chunks: Vec<(usize, (&Use, bool))> = chunks.into_iter().collect();
    chunks.sort_by_key(|(ordinal, _)| *ordinal);
    let is_meant = |one: &Use| {
        let is_this = |(other, ordinal): &Place| {
            let lines = &other.chunks[*ordinal].lines;
            let overlaps = lines.start < of.lines.end && of.lines.start < lines.end;
            *other.path == *of.path && overlaps
        };
        // Of a definition that the index does not have nothing speaks against.
        places.is_empty() || meant(one, &record.path, &imported, places).is_some_and(is_this)
    };
    chunks.retain(|(_, (one, _))| is_meant(one));
    let shown = |(ordinal, (one, is_test)): (usize, (&Use, bool))| {
        let chunk = &record.chunks[ordinal];
        Some(Reference {
            path: record.path.to_string(),
            lines: chunk.lines.clone(),
            qualified: chunk.qualified.clone(),
            kind: chunk.kind,
            how: one.how,
            is_test,
            text: chunk.text(text)?,
        })
    };
    chunks.into_iter().filter_map(shown).collect()
}

/// What calls says most, what imports least: somebody else in that file uses it.
fn rank(how: How) -> usize {
    match how {
        How::Called => 0,
        How::Mentioned => 1,
        How::Imported => 2,
    }
}
