//! How far a block is set off: the steps from a line that opens one to the line behind it.

use std::ops::Range;

use foretoken_grammars::Blocks;
use tree_sitter::{Node, Tree};

use super::Way;
use crate::document::Document;

/// Most lines that are looked at.
const LINES: usize = 2_000;

/// The steps of a stretch (bytes of the document whose tree this is) in which both lines begin. What begins or ends within a string or
/// a comment is no step.
pub(super) fn steps(document: &Document, tree: &Tree, range: &Range<usize>) -> Vec<Way> {
    let (rope, mut steps) = (document.rope(), Vec::new());
    let opener = match document.language().syntax().blocks {
        Blocks::Braces => "{",
        Blocks::Indent => ":",
        Blocks::None => return steps,
    };
    if range.end > rope.len_bytes() {
        return steps;
    }
    let first = rope.byte_to_line(range.start);
    let first = first + usize::from(rope.line_to_byte(first) < range.start);
    let last = rope.byte_to_line(range.end);
    let mut opened: Option<String> = None;
    for line in (first..=last).take(LINES) {
        let start = rope.line_to_byte(line);
        let text = rope.line(line).to_string();
        let code = text.trim_end();
        if code.is_empty() || start + code.len() > range.end {
            continue;
        }
        let indent = &code[..code.len() - code.trim_start().len()];
        let begin = start + indent.len();
        let begins = leaf(tree, begin).is_some_and(|leaf| leaf.start_byte() == begin);
        let outer = opened.take().filter(|_| begins);
        steps.extend(outer.and_then(|outer| step(&outer, indent)));
        let ends = leaf(tree, start + code.len() - 1);
        if ends.is_some_and(|leaf| leaf.kind() == opener) {
            opened = Some(indent.to_owned());
        }
    }
    steps
}

/// The smallest node at a byte.
fn leaf(tree: &Tree, byte: usize) -> Option<Node<'_>> {
    tree.root_node().descendant_for_byte_range(byte, byte + 1)
}

/// The way of a line that is set off from the one before it.
fn step(outer: &str, inner: &str) -> Option<Way> {
    match inner.strip_prefix(outer)? {
        "\t" => Some(Way::Tabs),
        "  " => Some(Way::Two),
        "    " => Some(Way::Four),
        "        " => Some(Way::Eight),
        _ => None,
    }
}
