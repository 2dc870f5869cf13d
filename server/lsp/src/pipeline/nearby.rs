//! Pieces for completions out of files that are not open: the index of the workspace is asked which
//! definitions the names around the cursor mean, and which other ones speak of the same things. Reads
//! files, so it belongs in a pause and on a thread on which nobody types.

use std::path::Path;
use std::time::{Duration, Instant};

use foretoken_engine::chunk::Kind;
use foretoken_engine::context::{Around, Candidate, Chosen, Facts, Found, Why};
use foretoken_engine::document::Document;
use foretoken_engine::symbols::{How, Symbols};
use foretoken_index::{Definition, Hit, Workspace};

/// After this time nothing further is asked; what is there by then is used.
const LIMIT: Duration = Duration::from_millis(8);
/// Definitions of names around the cursor, and of names that the file imports.
const NEAR: usize = 4;
const IMPORTED: usize = 4;
/// Hits that are compared; few of them become candidates.
const HITS: usize = 5;
/// The best hit is this much better than the last of them, or they are as good as any text. Start value.
const MARGIN: f32 = 1.5;
/// A hit holds this share of the question, or it speaks of other things. Start value.
const LEAST: f32 = 0.2;

/// For which place pieces are wanted.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The index of the workspace that holds the file.
    pub index: &'a Workspace,
    /// The file's absolute path.
    pub file: &'a Path,
    /// Its text, and the facts of it or of a somewhat older one.
    pub document: &'a Document,
    /// See above.
    pub facts: &'a Facts,
    /// The cursor, in bytes.
    pub byte: usize,
    /// Whether the file at this path, as the index names it, may not be a source: it is open, and so known
    /// already.
    pub is_known: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked")
            .field("file", &self.file)
            .field("byte", &self.byte)
            .finish_non_exhaustive()
    }
}

/// What the index has for a place, and behind it what is `held` and still so. In no order.
pub fn candidates(asked: Asked<'_>, held: &[Chosen]) -> Vec<Candidate> {
    let begun = Instant::now();
    let Some(path) = asked.index.relative(asked.file) else {
        return Vec::new();
    };
    let around = Around::of(asked.document, asked.byte, asked.facts);
    let wanted = |other: &str| other != path && !(asked.is_known)(other) && around.is_akin(other);
    let mut found = definitions(asked, &path, &around);
    found.retain(|candidate| wanted(&candidate.path));
    if begun.elapsed() < LIMIT {
        found.extend(hits(asked.index, &around, &wanted));
    }
    for chosen in held.iter().filter(|chosen| wanted(&chosen.piece.path)) {
        if !found.iter().any(|one| is_same(one, chosen)) {
            found.extend(still(asked.index, &around, chosen));
        }
    }
    found
}

/// The definitions of what is used around the cursor, then of what is imported.
fn definitions(asked: Asked<'_>, path: &str, around: &Around) -> Vec<Candidate> {
    let Some(tree) = asked.document.tree() else {
        return Vec::new();
    };
    let text = asked.document.rope().to_string();
    let symbols = Symbols::of(asked.document.language(), &text, tree);
    let imports = symbols.uses.iter().filter(|one| one.how == How::Imported);
    let imports: Vec<usize> = imports.map(|one| one.at).collect();
    let imports = match (imports.first(), imports.last()) {
        (Some(first), Some(last)) => *first..last + 1,
        _ => 0..0,
    };
    let of = |bytes, most| asked.index.definitions_for(path, &symbols, bytes, most);
    let mut found = of(around.bytes(), NEAR);
    for one in of(imports, IMPORTED) {
        if !found.iter().any(|known| known.name == one.name) {
            found.push(one);
        }
    }
    let shown = found.iter().filter_map(|one| {
        let candidate = around.definition(&one.name, of_definition(one));
        candidate.filter(|_| is_definition(one.kind))
    });
    shown.collect()
}

/// What shares its rarer words with the cursor's surroundings, if anything stands out.
fn hits(index: &Workspace, around: &Around, wanted: &dyn Fn(&str) -> bool) -> Vec<Candidate> {
    let answer = index.search_words(around.question(), HITS, wanted);
    let hits = answer.map(|answer| answer.hits).unwrap_or_default();
    let stands_out = match (hits.first(), hits.get(HITS - 1)) {
        (Some(first), Some(last)) => first.score >= MARGIN * last.score,
        (first, _) => first.is_some(),
    };
    let good = |hit: &&Hit| hit.has_rare && hit.share >= LEAST && is_definition(hit.kind);
    hits.iter()
        .filter(|_| stands_out)
        .filter(good)
        .filter_map(|hit| around.hit(of_hit(hit), hit.share))
        .collect()
}

/// A piece that the prompt has, if its text is still so.
fn still(index: &Workspace, around: &Around, chosen: &Chosen) -> Option<Candidate> {
    let path = chosen.piece.path.as_str();
    if chosen.why == Why::Index {
        let answer = index.search_words(around.question(), HITS, &|other| other == path);
        let hits = answer.map(|answer| answer.hits).unwrap_or_default();
        let again = hits
            .iter()
            .filter_map(|hit| around.hit(of_hit(hit), hit.share));
        return again.into_iter().find(|one| is_same(one, chosen));
    }
    let found = index.defined_in(path, &chosen.name);
    let mut again = found
        .iter()
        .filter_map(|one| around.definition(&one.name, of_definition(one)));
    again.find(|one| is_same(one, chosen))
}

fn is_same(candidate: &Candidate, chosen: &Chosen) -> bool {
    candidate.path == chosen.piece.path
        && candidate.name == chosen.name
        && candidate.text.starts_with(&chosen.piece.text)
}

fn is_definition(kind: Kind) -> bool {
    matches!(kind, Kind::Function | Kind::Type | Kind::Value)
}

fn of_definition(one: &Definition) -> Found<'_> {
    Found {
        path: &one.path,
        name: &one.name,
        line: one.lines.start,
        text: &one.text,
        head: one.head,
    }
}

fn of_hit(hit: &Hit) -> Found<'_> {
    Found {
        path: &hit.path,
        name: &hit.qualified,
        line: hit.lines.start,
        text: &hit.text,
        head: hit.head,
    }
}
