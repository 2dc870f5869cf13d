//! Files that nobody wrote: generated code, minified code, lock files, source maps. They can be found by their
//! path and by what their head says, and do not fill answers with their bodies.

use foretoken_grammars::Language;

use super::{Chunk, Kind, Lines, chunk};

/// Bytes of the lines at its head that stand for such a file.
const HEAD: usize = 300;
/// A longer line, in bytes, is not written by hand.
const LONG_LINE: usize = 300;
/// Lines of code are shorter than this, in bytes, on average.
const LONGEST_MEAN_LINE: usize = 150;
/// A shorter text says too little of its shape, in bytes.
const LEAST: usize = 4_096;

/// Lock files whose names do not end in `.lock`.
const LOCKS: &[&str] = &[
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "packages.lock.json",
    "gradle.lockfile",
    "go.sum",
    "bun.lockb",
];

/// Whether a file is one of those, by its name, by a mark in its first lines, or by its shape.
pub(super) fn is(path: &str, text: &str, language: Language) -> bool {
    is_by_name(path) || is_marked(text) || is_shapeless(text, language)
}

fn is_by_name(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
    let has_end = |end: &str| name.len() > end.len() && name.ends_with(end);
    LOCKS.contains(&name.as_str())
        || has_end(".lock")
        || [".js.map", ".mjs.map", ".cjs.map", ".css.map", ".ts.map"]
            .iter()
            .any(|end| has_end(end))
        || name.contains(".min.")
}

/// The marks that tools and reviewers agree on (`@generated`: Phabricator and Cargo; `DO NOT EDIT`: Go's
/// convention). A text that speaks of a mark has it in quotes or backticks.
fn is_marked(text: &str) -> bool {
    text.lines().take(5).any(|line| {
        ["@generated", "DO NOT EDIT"].iter().any(|mark| {
            line.split_once(mark).is_some_and(|(before, _)| {
                !before.ends_with(['`', '"', '\'', '\u{2018}', '\u{201c}'])
            })
        })
    })
}

/// Lines as only programs write them. Prose may have a paragraph a line, so documents have any shape; in
/// settings and unknown texts most of the text has to stand in long lines.
fn is_shapeless(text: &str, language: Language) -> bool {
    if text.len() <= LEAST || language == Language::Markdown {
        return false;
    }
    let long = text
        .lines()
        .map(str::len)
        .filter(|length| *length > LONG_LINE);
    if long.sum::<usize>() * 2 > text.len() {
        return true;
    }
    language.has_scopes() && text.len() / text.lines().count().max(1) > LONGEST_MEAN_LINE
}

/// The chunk that stands for such a file: its first lines; without any text where the first is too long.
pub(super) fn head(lines: &Lines) -> Chunk {
    let fitting = lines.starts[1..].iter().take_while(|end| **end <= HEAD);
    let count = fitting.count();
    let mut head = chunk(Kind::Generated, lines, 0..count);
    head.lines.end = head.lines.end.max(1);
    head
}
