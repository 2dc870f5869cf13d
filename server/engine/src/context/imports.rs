//! What a file takes from others, and which of the open files an import means.
//!
//! No language's rules of resolution are followed: an import's path and a file's path are compared
//! from their ends, which finds the right one among a handful of open files. Where it finds a wrong
//! one, a piece is less helpful, nothing more.

use std::ops::Range;

use foretoken_grammars::{Language, captures};
use tree_sitter::{Query, QueryCursor, StreamingIterator, Tree};

use super::facts::word;

/// Imports kept of one file.
const MOST: usize = 200;
/// File names that stand for their folder.
const OF_FOLDER: [&str; 5] = ["mod", "lib", "main", "index", "__init__"];
/// What a path of an import may begin with that names no file.
const NO_FILE: [&str; 3] = ["crate", "self", "super"];

/// One name, or all names of a module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Import {
    /// Where from: the parts of the path that name something.
    source: Vec<String>,
    /// The name, as it is written there; `None` for all of them.
    name: Option<String>,
    /// Ids of the name there and here.
    pub(super) there: Option<u32>,
    pub(super) here: Option<u32>,
    /// Bytes from its path to its name, in whichever order they stand.
    pub(super) bytes: Range<usize>,
}

/// Where a file lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    language: Language,
    folder: String,
    /// The parts of the path by which others call it.
    parts: Vec<String>,
}

impl Place {
    pub(super) fn of(path: &str, language: Language) -> Place {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let mut parts: Vec<String> = parts_of(folder).collect();
        // A package of Go is a folder.
        let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
        if language != Language::Go && !OF_FOLDER.contains(&stem) {
            parts.push(stem.to_owned());
        }
        Place {
            language,
            folder: folder.to_owned(),
            parts,
        }
    }

    /// Whether the two lie in one folder.
    pub(super) fn is_beside(&self, other: &Place) -> bool {
        self.folder == other.folder
    }

    /// Whether names of one are seen in the other without an import.
    pub(super) fn shares_names_with(&self, other: &Place) -> bool {
        let by_folder = matches!(self.language, Language::Go | Language::Java);
        by_folder && self.is_beside(other)
    }
}

impl Import {
    /// How well it fits the file at `other`, seen from the file at `this`: the parts of both paths
    /// that agree from their ends, 0 for a file that it cannot mean.
    pub(super) fn fit(&self, this: &Place, other: &Place) -> usize {
        let ends = |parts: &mut dyn Iterator<Item = &String>| {
            let common = parts.zip(other.parts.iter().rev());
            common.take_while(|(a, b)| a == b).count()
        };
        // The name may be a module itself, or a file of its own.
        let by_name = ends(&mut self.name.iter().chain(self.source.iter().rev()));
        if self.source.is_empty() {
            return by_name.max(usize::from(this.is_beside(other)));
        }
        by_name.max(ends(&mut self.source.iter().rev()))
    }

    /// Whether it takes all names of a module, or the module by its name.
    pub(super) fn takes_all(&self, other: &Place) -> bool {
        let name = self.name.as_ref();
        name.is_none() || name == other.parts.last()
    }
}

/// Whether files of these languages take from each other.
pub(super) fn are_akin(one: Language, other: Language) -> bool {
    let family = |language| match language {
        Language::TypeScript | Language::Tsx => Language::JavaScript,
        Language::Cpp => Language::C,
        language => language,
    };
    family(one) == family(other)
}

/// The imports of a text.
pub(super) fn of(tree: &Tree, query: &Query, text: &str, language: Language) -> Vec<Import> {
    let index = |name| query.capture_index_for_name(name);
    let (source, name, alias) = (
        index(captures::SOURCE),
        index(captures::NAME),
        index(captures::ALIAS),
    );
    let mut cursor = QueryCursor::new();
    let mut found = Vec::new();
    let mut matches = cursor.matches(query, tree.root_node(), text.as_bytes());
    while let Some(matched) = matches.next()
        && found.len() < MOST
    {
        let of = |index: Option<u32>| {
            let node = matched.nodes_for_capture_index(index?).next()?;
            text.get(node.byte_range())
        };
        let nodes = || matched.captures.iter().map(|capture| capture.node);
        let start = nodes().map(|node| node.start_byte()).min();
        let end = nodes().map(|node| node.end_byte()).max();
        let name = of(name);
        let import = Import {
            source: source_of(of(source).unwrap_or_default(), language),
            name: name.map(str::to_owned),
            there: name.and_then(word),
            here: of(alias).or(name).and_then(word),
            bytes: start.unwrap_or_default()..end.unwrap_or_default(),
        };
        if import.name.is_some() || !import.source.is_empty() {
            found.push(import);
        }
    }
    found
}

/// The parts of an import's path that name something.
fn source_of(source: &str, language: Language) -> Vec<String> {
    let by_file = !matches!(
        language,
        Language::Rust | Language::Python | Language::Go | Language::Java
    );
    let source = source.trim_matches(['"', '\'', '<', '>', '`']);
    let source = match source.rsplit_once('.') {
        Some((rest, extension)) if by_file && !extension.contains('/') => rest,
        _ => source,
    };
    let mut parts: Vec<String> = parts_of(source)
        .filter(|part| !NO_FILE.contains(&part.as_str()))
        .collect();
    let of_folder = |part: &String| OF_FOLDER.contains(&part.as_str());
    if parts.len() > 1 && parts.last().is_some_and(of_folder) {
        parts.pop();
    }
    parts
}

fn parts_of(path: &str) -> impl Iterator<Item = String> + '_ {
    path.split(['/', '.', ':', '\\'])
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
}
