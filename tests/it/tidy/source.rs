//! Our own sources, read with the Rust grammar that we ship.
//!
//! *Plain code* is a file without its comments, strings and test modules: what the rules about absent
//! things look at, so that a sentence about clocks is not mistaken for a clock.

use std::path::Path;

use foretoken_grammars::Language;
use foretoken_tests::process::root;
use tree_sitter::{Node, Parser, Tree};

/// Crates by folder, in the order in which they may know each other.
pub(crate) const CRATES: [(&str, &str); 8] = [
    ("grammars", "foretoken-grammars"),
    ("server/engine", "foretoken-engine"),
    ("server/index", "foretoken-index"),
    ("server/infer", "foretoken-infer"),
    ("server/remote", "foretoken-remote"),
    ("server/lsp", "foretoken"),
    ("tests", "foretoken-tests"),
    ("benches", "foretoken-benches"),
];

/// One Rust file.
pub(crate) struct Source {
    /// From the repository's root, with slashes.
    pub(crate) path: String,
    /// The package's name.
    pub(crate) package: &'static str,
    pub(crate) text: String,
    pub(crate) tree: Tree,
    /// Bytes of test code.
    tests: Vec<std::ops::Range<usize>>,
}

/// Every Rust file of the workspace.
pub(crate) fn all() -> Vec<Source> {
    let mut parser = Parser::new();
    let grammar = Language::Rust.grammar().expect("we ship the Rust grammar");
    parser.set_language(&grammar).unwrap();
    let mut found = Vec::new();
    for (folder, package) in CRATES {
        let mut files = Vec::new();
        rust_files(&root().join(folder), &mut files);
        files.sort();
        for path in files {
            let text = std::fs::read_to_string(root().join(&path)).unwrap();
            let tree = parser.parse(&text, None).unwrap();
            let mut tests = Vec::new();
            test_ranges(tree.root_node(), &text, &mut tests);
            found.push(Source {
                path,
                package,
                text,
                tree,
                tests,
            });
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

fn rust_files(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != "node_modules" {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(
                path.strip_prefix(root())
                    .unwrap()
                    .to_string_lossy()
                    .replace('\\', "/"),
            );
        }
    }
}

/// Items below `#[cfg(test)]` or `#[test]`, attributes included.
fn test_ranges(node: Node, text: &str, found: &mut Vec<std::ops::Range<usize>>) {
    let mut attribute: Option<Node> = None;
    let mut cursor = node.walk();
    for child in node.children(&mut cursor) {
        if child.kind() == "attribute_item" {
            let words = &text[child.byte_range()];
            if words.starts_with("#[cfg(test)]")
                || words.starts_with("#[test]")
                || words.contains("::test")
            {
                attribute = attribute.or(Some(child));
            }
        } else if !child.is_extra() {
            if let Some(first) = attribute.take() {
                found.push(first.start_byte()..child.end_byte());
            } else if child.kind() == "mod_item" || child.kind() == "declaration_list" {
                test_ranges(child, text, found);
            }
        }
    }
}

impl Source {
    /// In a file of tests, or below `#[cfg(test)]`.
    pub(crate) fn is_test(&self, byte: usize) -> bool {
        self.package == "foretoken-tests"
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.tests.iter().any(|t| t.contains(&byte))
    }

    /// Lines outside test modules.
    pub(crate) fn lines(&self) -> usize {
        let all = self.text.lines().count();
        let tests: usize = self
            .tests
            .iter()
            .map(|t| self.text[t.clone()].lines().count())
            .sum();
        all.saturating_sub(tests)
    }

    /// Every node of one of these kinds, outside test code.
    pub(crate) fn nodes(&self, kinds: &[&str]) -> Vec<Node<'_>> {
        let mut found = Vec::new();
        let mut stack = vec![self.tree.root_node()];
        while let Some(node) = stack.pop() {
            if kinds.contains(&node.kind())
                && !self.tests.iter().any(|t| t.contains(&node.start_byte()))
            {
                found.push(node);
            }
            let mut cursor = node.walk();
            stack.extend(node.children(&mut cursor));
        }
        found.sort_by_key(Node::start_byte);
        found
    }

    /// The file without comments, strings and test modules; what is left keeps its place.
    pub(crate) fn plain_code(&self) -> String {
        let mut bytes = self.text.clone().into_bytes();
        let quiet = [
            "line_comment",
            "block_comment",
            "string_literal",
            "raw_string_literal",
        ];
        let ranges = self
            .nodes(&quiet)
            .into_iter()
            .map(|n| n.byte_range())
            .chain(self.tests.iter().cloned());
        for range in ranges {
            for byte in &mut bytes[range] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
        String::from_utf8(bytes).expect("whole characters were blanked")
    }

    /// The text of a node.
    pub(crate) fn of(&self, node: Node) -> &str {
        &self.text[node.byte_range()]
    }
}
