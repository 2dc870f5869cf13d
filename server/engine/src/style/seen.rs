//! What a text shows: the ways that its nodes take, and with [`super::steps`] its lines, of those that lie wholly in what the user accepted.
//!
//! The rest of the document is read for context only (is this statement whole, is this a test?) and never counted. What the parser
//! could not read shows nothing.

use std::ops::Range;

use foretoken_grammars::Language;
use ropey::Rope;
use tree_sitter::{Node, Tree};

use super::steps::steps;
use super::{Tally, Way};
use crate::document::Document;
use crate::source::Source;

/// Most nodes that are looked at: a text of 100 kB has fewer.
const NODES: usize = 200_000;

/// Longest string, name or attribute that is looked at, bytes.
const LONGEST: usize = 4_096;

/// What the accepted stretches (bytes of the document) show. Nothing where the document has no tree, or that of an older text.
pub fn seen(document: &Document, accepted: &[Range<usize>]) -> Tally {
    let Some(tree) = document.tree().filter(|_| !document.parse_pending()) else {
        return Tally::default();
    };
    let mut looking = Looking {
        rope: document.rope(),
        language: document.language(),
        is_test: Source::of(document.path()) == Source::Test,
        accepted,
        shown: Tally::default(),
    };
    looking.nodes(tree);
    for way in accepted
        .iter()
        .flat_map(|range| steps(document, tree, range))
    {
        looking.shown.see(way);
    }
    looking.shown
}

/// What edits show that were put into a document: each replaces bytes of the document as it is given. It parses the text that they
/// make, so it does not belong on a thread that others wait for. Nothing where they overlap or lie outside.
pub fn seen_in_edits(document: &Document, edits: &[(Range<usize>, String)]) -> Tally {
    let mut edits: Vec<&(Range<usize>, String)> = edits.iter().collect();
    edits.sort_by_key(|(bytes, _)| bytes.start);
    let (rope, mut text, mut at) = (document.rope(), String::new(), 0);
    let mut accepted = Vec::new();
    for (bytes, new) in edits {
        let between = (at <= bytes.start && bytes.start <= bytes.end)
            .then(|| rope.get_byte_slice(at..bytes.start));
        let Some(between) = between.flatten() else {
            return Tally::default();
        };
        text.extend(between.chunks());
        accepted.push(text.len()..text.len() + new.len());
        text += new;
        at = bytes.end;
    }
    let Some(rest) = rope.get_byte_slice(at..rope.len_bytes()) else {
        return Tally::default();
    };
    text.extend(rest.chunks());
    let mut document = Document::open(document.path(), document.language(), 0, &text);
    document.reparse(&mut || false);
    seen(&document, &accepted)
}

/// A look at one text.
struct Looking<'a> {
    rope: &'a Rope,
    language: Language,
    /// By its path.
    is_test: bool,
    accepted: &'a [Range<usize>],
    shown: Tally,
}

impl Looking<'_> {
    fn nodes(&mut self, tree: &Tree) {
        let mut cursor = tree.walk();
        for _ in 0..NODES {
            let node = cursor.node();
            let bytes = node.byte_range();
            let within =
                |range: &Range<usize>| range.start <= bytes.start && bytes.end <= range.end;
            let meets = |range: &Range<usize>| range.start < bytes.end && bytes.start < range.end;
            if !node.has_error() && self.accepted.iter().any(within) {
                self.node(node);
            }
            let deeper = !node.is_error() && self.accepted.iter().any(meets);
            if deeper && cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
            }
        }
    }

    fn node(&mut self, node: Node<'_>) {
        match self.language {
            Language::Rust => self.rust(node),
            Language::Python => self.python(node),
            Language::JavaScript | Language::TypeScript | Language::Tsx => self.script(node),
            _ => {}
        }
    }

    fn rust(&mut self, node: Node<'_>) {
        match node.kind() {
            "try_expression" if !self.in_test(node) => self.shown.see(Way::PassedOn),
            "call_expression" if !self.in_test(node) => {
                let function = node.child_by_field_name("function");
                let method = function.and_then(|function| function.child_by_field_name("field"));
                let way = match self.text(method).as_str() {
                    "unwrap" => Way::Unwrap,
                    "expect" => Way::Expect,
                    _ => return,
                };
                self.shown.see(Way::Unwrapped);
                self.shown.see(way);
            }
            "function_item" if has_child(node, "visibility_modifier") && !self.in_test(node) => {
                let doc = before(node, &["attribute_item"]);
                self.documented(doc, &["///", "/**"]);
            }
            _ => {}
        }
    }

    fn python(&mut self, node: Node<'_>) {
        match node.kind() {
            "string" => {
                self.quoted(node);
                if has_child(node, "interpolation") {
                    self.shown.see(Way::Interpolated);
                }
            }
            "call" => {
                let function = node.child_by_field_name("function");
                let of = function.and_then(|function| function.child_by_field_name("object"));
                let name = function.and_then(|function| function.child_by_field_name("attribute"));
                if of.is_some_and(|of| of.kind() == "string") && self.text(name) == "format" {
                    self.shown.see(Way::Format);
                }
            }
            "binary_operator" => {
                let left = node.child_by_field_name("left");
                let operator = self.text(node.child_by_field_name("operator"));
                if left.is_some_and(|left| left.kind() == "string") && operator == "%" {
                    self.shown.see(Way::Percent);
                }
            }
            // A tuple of one needs its comma.
            "tuple" if node.named_child_count() < 2 => {}
            "list" | "tuple" | "dictionary" | "set" | "argument_list" | "parameters" => {
                self.comma(node);
            }
            "function_definition" => self.function(node),
            "assignment" => self.named(node.child_by_field_name("left")),
            _ => {}
        }
    }

    /// A function of Python.
    fn function(&mut self, node: Node<'_>) {
        let name = node.child_by_field_name("name");
        self.named(name);
        let name = self.text(name);
        if !self.is_test && !name.starts_with('_') && !name.starts_with("test") {
            let body = node.child_by_field_name("body");
            let first = body
                .and_then(|body| body.named_child(0))
                .filter(|statement| statement.kind() == "expression_statement")
                .and_then(|statement| statement.named_child(0));
            let way = match first.is_some_and(|first| first.kind() == "string") {
                true => Way::Documented,
                false => Way::Undocumented,
            };
            self.shown.see(way);
        }
        let Some(parameters) = node.child_by_field_name("parameters") else {
            return;
        };
        let (mut typed, mut bare) = (node.child_by_field_name("return_type").is_some(), false);
        let mut cursor = parameters.walk();
        for parameter in parameters.named_children(&mut cursor) {
            match parameter.kind() {
                "typed_parameter" | "typed_default_parameter" => typed = true,
                "default_parameter" => bare = true,
                "identifier" => {
                    bare |= !matches!(self.text(Some(parameter)).as_str(), "self" | "cls");
                }
                _ => {}
            }
        }
        match (typed, bare) {
            (true, _) => self.shown.see(Way::Hints),
            (false, true) => self.shown.see(Way::NoHints),
            (false, false) => {}
        }
    }

    fn script(&mut self, node: Node<'_>) {
        match node.kind() {
            // By convention JSX has its own quotes.
            "string" if parent_kind(node) != "jsx_attribute" => self.quoted(node),
            "expression_statement"
            | "return_statement"
            | "throw_statement"
            | "lexical_declaration"
            | "variable_declaration"
            | "import_statement"
                if !parent_kind(node).starts_with("for") =>
            {
                self.semicolon(node);
            }
            "array" | "object" => self.comma(node),
            "function_declaration" => {
                self.named(node.child_by_field_name("name"));
                let outer = node.parent().filter(|p| p.kind() == "export_statement");
                let doc = before(outer.unwrap_or(node), &[]);
                if !self.is_test {
                    self.documented(doc, &["/**"]);
                }
            }
            "variable_declarator" | "method_definition" => {
                self.named(node.child_by_field_name("name"));
            }
            _ => {}
        }
    }

    /// A string between quotes that nothing in it, and nothing around it, asks for.
    fn quoted(&mut self, node: Node<'_>) {
        let mut above = node.parent();
        while let Some(node) = above {
            if node.kind() == "interpolation" {
                return;
            }
            above = node.parent();
        }
        let text = self.text(Some(node));
        let text = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let (way, other) = match text.chars().next() {
            Some('\'') => (Way::SingleQuotes, '"'),
            Some('"') => (Way::DoubleQuotes, '\''),
            _ => return,
        };
        // Three quotes are another matter, and a quote inside decides which ones stand outside.
        if text.matches(['\'', '"']).count() == 2 && !text.contains(other) {
            self.shown.see(way);
        }
    }

    /// A statement that is the last thing on its line.
    fn semicolon(&mut self, node: Node<'_>) {
        let (end, whole) = (node.end_byte(), self.rope.len_bytes());
        let rest = self.rope.get_byte_slice(end..whole);
        let ends = rest.is_some_and(|rest| {
            let mut line = rest.chars().take_while(|c| *c != '\n');
            line.all(char::is_whitespace)
        });
        if !ends || end == 0 {
            return;
        }
        let way = match self.rope.byte(end - 1) {
            b';' => Way::Semicolons,
            _ => Way::NoSemicolons,
        };
        self.shown.see(way);
    }

    /// A list whose closing bracket stands on a line of its own.
    fn comma(&mut self, list: Node<'_>) {
        let mut cursor = list.walk();
        let Some(closer) = list.children(&mut cursor).last() else {
            return;
        };
        let mut last = closer.prev_sibling();
        while let Some(comment) = last.filter(|node| node.kind() == "comment") {
            last = comment.prev_sibling();
        }
        let Some(last) = last.filter(|last| last.start_byte() > list.start_byte()) else {
            return;
        };
        if last.end_position().row < closer.start_position().row {
            let way = match last.kind() {
                "," => Way::Commas,
                _ => Way::NoCommas,
            };
            self.shown.see(way);
        }
    }

    /// A name that says how words are joined.
    fn named(&mut self, name: Option<Node<'_>>) {
        let plain = |node: &Node<'_>| matches!(node.kind(), "identifier" | "property_identifier");
        let name = self.text(name.filter(plain));
        let name = name.trim_matches('_');
        let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if name.contains('_') && name.chars().all(|c| small(c) || c == '_') {
            self.shown.see(Way::Snake);
        } else if name.starts_with(small)
            && name.contains(|c: char| c.is_ascii_uppercase())
            && !name.contains('_')
        {
            self.shown.see(Way::Camel);
        }
    }

    /// A function of which this stands before it. Documentation that was there before says nothing of what was accepted.
    fn documented(&mut self, doc: Option<Node<'_>>, openers: &[&str]) {
        let head = |node: Node<'_>| {
            let end = (node.start_byte() + 3).min(node.end_byte());
            let head = self.rope.get_byte_slice(node.start_byte()..end);
            head.map_or(String::new(), |head| head.to_string())
        };
        let doc = doc.filter(|node| openers.contains(&head(*node).as_str()));
        match doc {
            None => self.shown.see(Way::Undocumented),
            Some(doc) if self.is_accepted(doc.start_byte()) => self.shown.see(Way::Documented),
            Some(_) => {}
        }
    }

    fn is_accepted(&self, byte: usize) -> bool {
        self.accepted.iter().any(|range| range.contains(&byte))
    }

    /// By the path, or by an attribute of something around it.
    fn in_test(&self, node: Node<'_>) -> bool {
        let mut above = Some(node);
        while let Some(node) = above {
            let mut beside = node.prev_sibling();
            while let Some(attribute) = beside.filter(|node| node.kind() == "attribute_item") {
                if self.text(Some(attribute)).contains("test") {
                    return true;
                }
                beside = attribute.prev_sibling();
            }
            above = node.parent();
        }
        self.is_test
    }

    /// The text of a node; empty without one, and where it is long.
    fn text(&self, node: Option<Node<'_>>) -> String {
        let bytes = node.map(|node| node.byte_range());
        let bytes = bytes.filter(|bytes| bytes.len() <= LONGEST);
        let slice = bytes.and_then(|bytes| self.rope.get_byte_slice(bytes));
        slice.map_or(String::new(), |slice| slice.to_string())
    }
}

/// What stands before a node, these kinds passed over.
fn before<'t>(node: Node<'t>, over: &[&str]) -> Option<Node<'t>> {
    let mut before = node.prev_sibling();
    while let Some(node) = before.filter(|node| over.contains(&node.kind())) {
        before = node.prev_sibling();
    }
    before
}

fn has_child(node: Node<'_>, kind: &str) -> bool {
    let mut cursor = node.walk();
    node.children(&mut cursor).any(|child| child.kind() == kind)
}

fn parent_kind(node: Node<'_>) -> &'static str {
    node.parent().map_or("", |parent| parent.kind())
}
