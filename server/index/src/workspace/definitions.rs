//! From the names that a piece of code uses to their definitions elsewhere in the workspace.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use foretoken_engine::chunk::{Chunk, Kind};
use foretoken_engine::symbols::{How, Known, Symbols, Use, choose};

use super::answer::head;
use super::{Seen, Workspace};
use crate::budget;
use crate::overlay::Layer;
use crate::record::Record;

/// Names that are looked for, the most telling first.
const MOST_NAMES: usize = 64;
/// A name that more places define, as `new` is, has to be qualified, or its definition would be a guess.
const MOST_PLACES: usize = 8;

/// The definition of a name that some code uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Definition {
    /// The name as the code has it.
    pub name: String,
    /// From the workspace's root, with slashes. It is data of a stranger: escape it before it is shown.
    pub path: String,
    /// Its lines, from 0, the end exclusive.
    pub lines: Range<u32>,
    /// With what encloses it.
    pub qualified: String,
    /// What it is.
    pub kind: Kind,
    /// Its text as it is now.
    pub text: String,
    /// Lines of the text that stand above the definition itself: comments, attributes.
    pub head: u32,
}

/// A chunk that defines a wanted name.
pub(super) type Place = (Arc<Record>, usize);

impl Workspace {
    /// Definitions of what these bytes of a file use and do not define, at most `limit`, one a name: what is
    /// called first, then what is imported, then types. `path` is from the root, with slashes; `text` is the
    /// file's, saved or not. Waits for no writing.
    ///
    /// Local variables are not told from other names but by their lower case; what remains doubtful is left out.
    pub fn definitions(
        &self,
        path: &str,
        text: &str,
        bytes: Range<usize>,
        limit: usize,
    ) -> Vec<Definition> {
        match Symbols::read(path, text, &mut budget::of_a_parse()) {
            Some(symbols) => self.definitions_for(path, &symbols, bytes, limit),
            None => Vec::new(),
        }
    }

    /// The same for a text whose symbols are known.
    pub fn definitions_for(
        &self,
        path: &str,
        symbols: &Symbols,
        bytes: Range<usize>,
        limit: usize,
    ) -> Vec<Definition> {
        let uses: Vec<&Use> = symbols
            .wanted(bytes.clone())
            .into_iter()
            .filter(|one| is_telling(one))
            .take(MOST_NAMES)
            .collect();
        let imported: HashSet<&str> = symbols.imported().collect();
        let seen = self.seen();
        let mut places = defining(&seen, &uses, path, &bytes);
        let found = uses.into_iter().filter_map(|one| {
            let places = places.remove(one.name.as_str()).unwrap_or_default();
            let place = meant(one, path, &imported, &places)?;
            self.shown(&seen, &one.name, place)
        });
        found.take(limit).collect()
    }

    /// The chunks of a file that define a name, in their order: for whoever wants to know whether what was
    /// found before is still so.
    pub fn defined_in(&self, path: &str, name: &str) -> Vec<Definition> {
        let seen = self.seen();
        let record = match seen.overlay.get(path).map(|layer| &**layer) {
            Some(Layer::Rows(buffer)) => Some(&buffer.record),
            Some(Layer::Gone) => None,
            None => seen.view.file(path),
        };
        let Some(record) = record.filter(|record| record.skip.is_empty()) else {
            return Vec::new();
        };
        let defines = |ordinal: &usize| names(&record.chunks[*ordinal]).any(|known| known == name);
        let chunks = (0..record.chunks.len()).filter(defines);
        chunks
            .filter_map(|ordinal| self.shown(&seen, name, &(Arc::clone(record), ordinal)))
            .collect()
    }

    /// A definition with its text, unless it must not be shown or is no longer what was indexed.
    fn shown(&self, seen: &Seen, name: &str, (record, ordinal): &Place) -> Option<Definition> {
        let chunk = &record.chunks[*ordinal];
        if (self.rules())(&self.root.join(&*record.path)) {
            return None;
        }
        let text = self.text(seen, record)?;
        let text = chunk.text(&text)?;
        Some(Definition {
            name: name.to_owned(),
            path: record.path.to_string(),
            lines: chunk.lines.clone(),
            qualified: chunk.qualified.clone(),
            kind: chunk.kind,
            head: head(&text, chunk),
            text,
        })
    }
}

/// Whether a name is likely defined somewhere else: what is only mentioned may be a local variable.
fn is_telling(one: &Use) -> bool {
    one.how != How::Mentioned || one.name.starts_with(char::is_uppercase)
}

/// The chunks that define one of these names, those that the code itself stands in left out.
pub(super) fn defining<'a>(
    seen: &Seen,
    uses: &[&'a Use],
    path: &str,
    bytes: &Range<usize>,
) -> HashMap<&'a str, Vec<Place>> {
    let mut places: HashMap<&str, Vec<Place>> = uses
        .iter()
        .map(|one| (one.name.as_str(), Vec::new()))
        .collect();
    let buffers = seen.overlay.values().filter_map(|layer| match &**layer {
        Layer::Rows(buffer) => Some(&buffer.record),
        Layer::Gone => None,
    });
    let files = seen.view.files.values();
    let below = files.filter(|record| !seen.overlay.contains_key(&record.path));
    for record in below.chain(buffers) {
        for (ordinal, chunk) in record.chunks.iter().enumerate() {
            let own = &*record.path == path
                && chunk.bytes.start < bytes.end
                && bytes.start < chunk.bytes.end;
            if own || !matches!(chunk.kind, Kind::Function | Kind::Type | Kind::Value) {
                continue;
            }
            for name in names(chunk) {
                if let Some(places) = places.get_mut(name) {
                    places.push((Arc::clone(record), ordinal));
                }
            }
        }
    }
    places
}

fn names(chunk: &Chunk) -> impl Iterator<Item = &str> {
    let further = chunk.names.iter().map(String::as_str);
    std::iter::once(chunk.name.as_str()).chain(further)
}

/// The place that a use means, unless that would be a guess.
pub(super) fn meant<'a>(
    one: &Use,
    path: &str,
    imported: &HashSet<&str>,
    places: &'a [Place],
) -> Option<&'a Place> {
    let known: Vec<Known> = places
        .iter()
        .map(|(record, ordinal)| Known {
            path: &record.path,
            qualified: &record.chunks[*ordinal].qualified,
            kind: record.chunks[*ordinal].kind,
        })
        .collect();
    let first = *choose(one, path, imported, &known).first()?;
    // By a type, a module, or the file that is one.
    let Known {
        path: file,
        qualified,
        ..
    } = known[first];
    let qualified = one.of.as_deref().is_some_and(|of| {
        let parts = file.split(['/', '.']).chain(qualified.split(['.', ':']));
        parts.into_iter().any(|part| part == of)
    });
    (known.len() <= MOST_PLACES || qualified).then_some(&places[first])
}
