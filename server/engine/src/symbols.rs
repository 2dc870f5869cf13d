//! Symbols: what a text defines and which names it uses, so that the definition of a name that is called or
//! imported in one file can be found in another.
//!
//! Names are compared as they are spelt; no language's rules of visibility are followed. Where two files define
//! one name, [`choose`] takes what the use says of it: its qualifier, what is imported, where the files lie.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use foretoken_grammars::Language;
use tree_sitter::Tree;

use crate::chunk::{Kind, Lines, definitions};
use crate::rank;

/// Uses kept of one text; generated files have more.
const MOST_USES: usize = 20_000;
/// Shorter names are loop variables.
const LEAST_NAME: usize = 2;

/// A definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// What it is called, without what encloses it.
    pub name: String,
    /// With that: `Store.find`.
    pub qualified: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes of its whole lines, comments above it included.
    pub bytes: Range<usize>,
    /// Bytes of the line that names it.
    pub head: Range<usize>,
    /// Its lines, from 0, the end exclusive.
    pub lines: Range<u32>,
}

/// How a name is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum How {
    /// It stands before arguments.
    Called,
    /// It is taken from another file.
    Imported,
    /// Anything else: a type, a constant, a local variable.
    Mentioned,
}

/// A name at a place where it is not defined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Use {
    /// As it is spelt.
    pub name: String,
    /// The name before it, as in `Store::find` and `store.find`.
    pub of: Option<String>,
    /// How it is used.
    pub how: How,
    /// The byte at which it begins.
    pub at: usize,
}

/// The symbols of one text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Symbols {
    /// In the order of the text.
    pub definitions: Vec<Symbol>,
    /// In the order of the text.
    pub uses: Vec<Use>,
}

impl Symbols {
    /// Reads a file. `None` without a grammar, and once `stop`, which is asked while the text is parsed, says so.
    pub fn read(path: &str, text: &str, stop: &mut dyn FnMut() -> bool) -> Option<Symbols> {
        let language = Language::from_path(path)?;
        let tree = definitions::parse(text, language, stop)?;
        Some(Symbols::of(language, text, &tree))
    }

    /// The symbols of a text with its tree.
    pub fn of(language: Language, text: &str, tree: &Tree) -> Symbols {
        let lines = Lines::of(text);
        let outlined = definitions::outline(text, &lines, language, tree).unwrap_or_default();
        let spelt: HashSet<usize> = outlined.iter().map(|one| one.spelt).collect();
        let definitions = outlined.into_iter().map(|one| Symbol {
            name: one.name,
            qualified: one.qualified,
            kind: one.kind,
            bytes: lines.bytes(&one.lines),
            head: lines.bytes(&one.head),
            lines: one.lines.start as u32..one.lines.end as u32,
        });
        Symbols {
            definitions: definitions.collect(),
            uses: uses(language, text, tree, &spelt),
        }
    }

    /// The innermost definition around a byte.
    pub fn enclosing(&self, byte: usize) -> Option<&Symbol> {
        let around = self.definitions.iter().filter(|d| d.bytes.contains(&byte));
        around.min_by_key(|definition| definition.bytes.len())
    }

    /// What these bytes use and do not define, each name once: what is called first, then what is imported,
    /// then the rest; among equals what is used oftener, then what comes earlier.
    pub fn wanted(&self, bytes: Range<usize>) -> Vec<&Use> {
        let inside = |at: usize| bytes.contains(&at);
        let own = self.definitions.iter().filter(|d| inside(d.head.start));
        let own: HashSet<&str> = own.map(|definition| definition.name.as_str()).collect();
        // By the first use, but in the most telling way in which the name is used.
        let mut found: Vec<(&Use, usize)> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for one in self.uses.iter().filter(|one| inside(one.at)) {
            if own.contains(one.name.as_str()) {
                continue;
            }
            let at = *known.entry(&one.name).or_insert_with(|| {
                found.push((one, 0));
                found.len() - 1
            });
            found[at].1 += 1;
            if one.how < found[at].0.how {
                found[at].0 = one;
            }
        }
        found.sort_by_key(|(one, times)| (one.how, std::cmp::Reverse(*times)));
        found.into_iter().map(|(one, _)| one).collect()
    }

    /// Whether what stands at this byte is part of a test: the file at `path` is one of tests, or what is
    /// around the byte is called or marked as one. `text` is the one that these are the symbols of.
    pub fn is_test(&self, path: &str, text: &str, byte: usize) -> bool {
        let mut around = self.definitions.iter().filter(|d| d.bytes.contains(&byte));
        rank::is_test(&path.to_lowercase())
            || around.any(|definition| {
                let name = definition.name.as_str();
                let marks = text.get(definition.bytes.start..definition.head.start);
                let marked = marks.unwrap_or_default().lines().any(is_test_mark);
                let called = ["Test", "Benchmark"].iter().any(|start| {
                    let rest = name.strip_prefix(start).filter(|rest| !rest.is_empty());
                    rest.is_some_and(|rest| !rest.starts_with(char::is_lowercase))
                });
                let called = called || name.starts_with("test_");
                marked || called || matches!(name, "test" | "tests")
            })
    }

    /// The names that the text takes from others.
    pub fn imported(&self) -> impl Iterator<Item = &str> {
        let imported = self.uses.iter().filter(|one| one.how == How::Imported);
        imported.map(|one| one.name.as_str())
    }
}

/// A definition somewhere in a workspace.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// From the workspace's root, with slashes.
    pub path: &'a str,
    /// With what encloses it.
    pub qualified: &'a str,
    /// What it is.
    pub kind: Kind,
}

/// Orders the definitions of one name, likeliest first, for a use in the file at `path` that imports these
/// names; what cannot be meant there, being of another family of languages, is left out.
pub fn choose(one: &Use, path: &str, imported: &HashSet<&str>, known: &[Known]) -> Vec<usize> {
    let family = |path: &str| Language::from_path(path).map(family);
    let here = family(path);
    let fit = |known: &Known| -> u32 {
        let stem = known
            .path
            .rsplit('/')
            .next()
            .and_then(|file| file.split('.').next());
        let mut outer = known.qualified.rsplit(['.', ':']).skip(1);
        let outer = outer.find(|name| !name.is_empty());
        let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let mut fit = 0;
        let qualifier = one.of.as_deref();
        if qualifier.is_some() && (qualifier == outer || qualifier == stem) {
            fit += 8;
        } else if qualifier
            .zip(outer)
            .is_some_and(|(of, outer)| is_alike(of, outer))
        {
            // `user_store.find` is most likely one of `UserStore`.
            fit += 6;
        }
        if stem.is_some_and(|stem| imported.contains(stem))
            || outer.is_some_and(|outer| imported.contains(outer))
        {
            fit += 4;
        }
        if known.path == path {
            fit += 3;
        } else if folder(known.path) == folder(path) {
            fit += 2;
        }
        fit + u32::from(matches!(known.kind, Kind::Function | Kind::Type))
    };
    let mut order: Vec<(u32, usize)> = known
        .iter()
        .zip(0..)
        .filter(|(known, _)| family(known.path) == here)
        .map(|(known, at)| (fit(known), at))
        .collect();
    order.sort_by_key(|(fit, at)| (std::cmp::Reverse(*fit), known[*at].path, *at));
    order.into_iter().map(|(_, at)| at).collect()
}

/// Whether a variable is called like a type.
fn is_alike(variable: &str, kind: &str) -> bool {
    let bare = |name: &str| name.replace('_', "").to_lowercase();
    bare(variable) == bare(kind)
}

/// Languages whose files use each other's names have one family.
fn family(language: Language) -> Language {
    match language {
        Language::TypeScript | Language::Tsx => Language::JavaScript,
        Language::Cpp => Language::C,
        Language::Kotlin | Language::Scala => Language::Java,
        other => other,
    }
}

fn uses(language: Language, text: &str, tree: &Tree, defined: &HashSet<usize>) -> Vec<Use> {
    let mut found: Vec<Use> = Vec::new();
    if language.is_configuration() || matches!(language, Language::Html | Language::Css) {
        return found;
    }
    let mut cursor = tree.walk();
    // How deep the innermost import around the cursor is, so that leaving it is seen.
    let mut import = None;
    loop {
        let node = cursor.node();
        let depth = cursor.depth();
        if import.is_some_and(|import| depth <= import) {
            import = None;
        }
        if import.is_none() && node.is_named() && is_import(node.kind()) {
            import = Some(depth);
        }
        let leaf = node.named_child_count() == 0;
        let parent = leaf.then(|| node.parent()).flatten();
        let parent = parent.map_or("", |parent| parent.kind());
        if leaf && is_name(node.kind(), parent) && !defined.contains(&node.start_byte()) {
            let range = node.byte_range();
            let name = text.get(range.clone()).unwrap_or_default();
            let worded = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
            if worded && name.len() >= LEAST_NAME && found.len() < MOST_USES {
                found.push(Use {
                    name: name.to_owned(),
                    of: qualifier(&text[..range.start]),
                    how: match import {
                        Some(_) => How::Imported,
                        None if is_called(&text[range.end..], parent) => How::Called,
                        None => How::Mentioned,
                    },
                    at: range.start,
                });
            }
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return found;
            }
        }
    }
}

/// `#[test]`, `#[tokio::test]`, `@Test`, `@ParameterizedTest`, `[Fact]`.
fn is_test_mark(line: &str) -> bool {
    let line = line.trim();
    let word = line.trim_start_matches(['#', '[', '@']);
    let word = word.split(['(', ']', ' ']).next().unwrap_or_default();
    let last = word.rsplit([':', '.']).next().unwrap_or_default();
    word.len() < line.len()
        && (last.eq_ignore_ascii_case("test") || last.ends_with("Test") || last == "Fact")
}

/// Leaves that name something; grammars differ, these words do not.
fn is_name(kind: &str, parent: &str) -> bool {
    kind.ends_with("identifier")
        || matches!(kind, "constant" | "name")
        || kind == "word" && parent == "command_name"
}

fn is_import(kind: &str) -> bool {
    kind.contains("import")
        || matches!(
            kind,
            "use_declaration" | "using_directive" | "namespace_use_declaration"
        )
}

/// Whether arguments follow; `!` belongs to the name of a macro, and type arguments may stand between.
fn is_called(after: &str, parent: &str) -> bool {
    let after = after.trim_start_matches([' ', '!', '?']);
    let arguments = |text: &str| text.starts_with('(');
    let generic = after
        .strip_prefix("::<")
        .or_else(|| after.strip_prefix('<'));
    let generic = generic.and_then(|inner| {
        let end = inner.bytes().take(80).position(|b| b == b'>')?;
        inner.get(end + 1..)
    });
    arguments(after) || generic.is_some_and(arguments) || parent == "command_name"
}

/// The name before a `.`, `::`, `->` or `:` at the end of a text.
fn qualifier(before: &str) -> Option<String> {
    let bare = ["::", "?.", "->", ".", ":"]
        .iter()
        .find_map(|mark| before.strip_suffix(mark))?;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let start = bare
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_word(*c))
        .last()
        .map(|(at, _)| at)?;
    Some(bare[start..].to_owned())
}

#[cfg(test)]
mod tests;
