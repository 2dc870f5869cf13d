//! The definitions around a place with their names, for titles, headers and targets.

use std::ops::Range;

use tree_sitter::Node;

use super::{Captures, DEPTH, Finder, ancestors};
use crate::document::Document;
use crate::position::floor_boundary;

/// Longest name that is taken for one, bytes; a longer one is an expression.
const LONGEST_NAME: usize = 200;

/// One definition around a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// Bytes of the whole definition, without what stands above it such as attributes.
    pub bytes: Range<usize>,
    /// What it defines; `None` for a closure and its like.
    pub name: Option<String>,
}

/// The definitions around `byte`, innermost first. A place at the very start of a definition's text is
/// inside of it here: a cursor rests on the first letter of what it is about.
pub fn scopes_around(doc: &Document, byte: usize) -> Vec<Scope> {
    let byte = floor_boundary(doc.rope(), byte);
    let (Some(tree), Some(query)) = (doc.tree(), doc.language().scopes()) else {
        return Vec::new();
    };
    let Some(scope) = Captures::of(query).scope else {
        return Vec::new();
    };
    let mut finder = Finder::new(query);
    // The walk looks left of a place.
    ancestors(tree, byte + 1)
        .into_iter()
        .rev()
        .take(DEPTH)
        .filter(|node| node.start_byte() <= byte && finder.captures(*node).contains(&scope))
        .map(|node| Scope {
            bytes: node.byte_range(),
            name: name(doc, node),
        })
        .collect()
}

/// The name that a definition gives, by the field names that the grammars share: `name`, C's chain of
/// declarators, and for an implementation the type that it is of.
fn name(doc: &Document, node: Node<'_>) -> Option<String> {
    let mut named = node.child_by_field_name("name");
    if named.is_none() {
        let mut declarator = node.child_by_field_name("declarator");
        while let Some(inner) = declarator {
            named = Some(inner);
            declarator = inner.child_by_field_name("declarator");
        }
    }
    let named = named.or_else(|| node.child_by_field_name("type"))?;
    if named.byte_range().len() > LONGEST_NAME {
        return None;
    }
    // In a stale tree a node may begin where no character does.
    let text = doc.rope().get_byte_slice(named.byte_range())?.to_string();
    Some(text.split_whitespace().collect::<Vec<&str>>().join(" ")).filter(|name| !name.is_empty())
}
