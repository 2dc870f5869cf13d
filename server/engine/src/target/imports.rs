//! The *import block* of a document: the lines near its top that take names from elsewhere, the one place
//! beside a target that a fix may change. Where a document imports nothing, the block is empty and says
//! where one begins.

use std::ops::Range;

use foretoken_grammars::Language;
use tree_sitter::Node;

use crate::document::Document;
use crate::syntax;

/// How much of a text is parsed for its imports where it has no tree, bytes.
const HEAD: usize = 16 * 1024;
/// Longest block that is changed, bytes: what more a file imports, no model is shown as a whole.
const LONGEST: usize = 8 * 1024;

/// The block in bytes, whole lines with their breaks; empty, at the start of a line, where there is none yet.
/// `None` where nobody can tell: without a grammar, and in a language whose imports are statements like others.
pub fn import_block(doc: &Document) -> Option<Range<usize>> {
    let language = doc.language();
    if !has_block(language) {
        return None;
    }
    let current = doc.tree().filter(|_| !doc.parse_pending());
    let parsed = match current {
        Some(_) => None,
        // They stand at its head.
        None => {
            let rope = doc.rope();
            let line = rope.byte_to_line(HEAD.min(rope.len_bytes()));
            let end = match line {
                0 => rope.len_bytes(),
                _ if rope.len_bytes() <= HEAD => rope.len_bytes(),
                line => rope.line_to_byte(line),
            };
            Some(syntax::parsed(
                language,
                &rope.byte_slice(..end).to_string(),
            )?)
        }
    };
    let root = current.or(parsed.as_ref())?.root_node();
    let mut cursor = root.walk();
    let outermost: Vec<Node<'_>> = root.children(&mut cursor).collect();
    let is_import = |node: &Node<'_>| is_import(language, node.kind(), &|| text(doc, *node));
    let Some(first) = outermost.iter().position(is_import) else {
        return empty(doc, &outermost);
    };
    let mut last = first;
    for (at, node) in outermost.iter().enumerate().skip(first + 1) {
        match node.kind() {
            _ if is_import(node) => last = at,
            // They stand between two imports, or belong to what follows.
            kind if is_beside(kind) => {}
            _ => break,
        }
    }
    let rope = doc.rope();
    let start = rope.byte_to_line(outermost[first].start_byte());
    // The node of an include ends behind its line.
    let end = outermost[last].end_byte().saturating_sub(1);
    let end = (rope.byte_to_line(end) + 1).min(rope.len_lines());
    let block = rope.line_to_byte(start)..rope.line_to_byte(end);
    (block.len() <= LONGEST).then_some(block)
}

/// Whether a text by itself takes names from elsewhere and does nothing else; an empty one does.
pub fn is_imports(language: Language, text: &str) -> bool {
    // PHP begins outside of its code.
    let opened = match language {
        Language::Php => format!("<?php\n{text}"),
        _ => text.to_owned(),
    };
    let outline = syntax::outline(language, &opened);
    let first_lines = || opened.clone();
    has_block(language)
        && syntax::errors_in(language, &opened) == Some(0)
        && outline.is_some_and(|kinds| {
            let of_block = |kind: &&str| {
                is_import(language, kind, &first_lines) || is_beside(kind) || *kind == "php_tag"
            };
            kinds.iter().all(of_block)
        })
}

/// Languages whose imports are a form of their own at the top of a file.
fn has_block(language: Language) -> bool {
    matches!(
        language,
        Language::Rust
            | Language::Python
            | Language::JavaScript
            | Language::TypeScript
            | Language::Tsx
            | Language::Go
            | Language::Java
            | Language::C
            | Language::Cpp
            | Language::CSharp
            | Language::Kotlin
            | Language::Scala
            | Language::Php
            | Language::Swift
            | Language::Ruby
    )
}

/// Grammars differ, these words do not. Ruby calls a method, of which the text says the name.
fn is_import(language: Language, kind: &str, text: &dyn Fn() -> String) -> bool {
    if language == Language::Ruby {
        let required = |text: &str| {
            let mut lines = text.lines().filter(|line| !line.trim().is_empty());
            lines.all(|line| line.starts_with("require ") || line.starts_with("require_relative "))
        };
        return kind == "call" && required(&text());
    }
    kind.contains("import")
        || matches!(
            kind,
            "use_declaration"
                | "extern_crate_declaration"
                | "using_directive"
                | "namespace_use_declaration"
                | "preproc_include"
        )
}

/// What may stand among imports: comments, conditions, ends of lines.
fn is_beside(kind: &str) -> bool {
    kind.contains("comment") || matches!(kind, "attribute_item" | ";" | "\n")
}

/// Where a first import would stand: below what opens a file, above everything else.
fn empty(doc: &Document, outermost: &[Node<'_>]) -> Option<Range<usize>> {
    let rope = doc.rope();
    let opens = |node: &&Node<'_>| {
        let kind = node.kind();
        let docstring = doc.language() == Language::Python
            && kind == "expression_statement"
            && node.child(0).is_some_and(|inner| inner.kind() == "string");
        docstring
            || kind.starts_with("package")
            || matches!(kind, "inner_attribute_item" | "php_tag" | "hash_bang_line")
    };
    let mut line = match outermost.iter().rev().find(opens) {
        Some(last) => rope.byte_to_line(last.end_byte().saturating_sub(1)) + 1,
        // A first paragraph of comments alone is the file's, not the first definition's.
        None => comments(doc, outermost),
    };
    while line < rope.len_lines() && rope.line(line).chars().all(char::is_whitespace) {
        line += 1;
    }
    let line = line.min(rope.len_lines() - 1);
    let at = rope.line_to_byte(line);
    Some(at..at)
}

/// The line below the comments that a blank line parts from what follows.
fn comments(doc: &Document, outermost: &[Node<'_>]) -> usize {
    let rope = doc.rope();
    let mut line = 0;
    for node in outermost {
        let is_first = rope.byte_to_line(node.start_byte()) == line;
        if !node.kind().contains("comment") || !is_first {
            break;
        }
        line = rope.byte_to_line(node.end_byte().saturating_sub(1)) + 1;
    }
    let parted = rope
        .get_line(line)
        .is_some_and(|next| next.chars().all(char::is_whitespace));
    if parted { line } else { 0 }
}

fn text(doc: &Document, node: Node<'_>) -> String {
    let text = doc.rope().get_byte_slice(node.byte_range());
    text.map_or_else(String::new, |text| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(language: Language, text: &str) -> String {
        let doc = Document::open("a", language, 1, text);
        match import_block(&doc) {
            None => "none".to_owned(),
            Some(bytes) if bytes.is_empty() => {
                format!("before {:?}", text[bytes.start..].lines().next())
            }
            Some(bytes) => text[bytes].to_owned(),
        }
    }

    #[test]
    fn it_is_the_first_run_of_imports() {
        let rust = "//! Header.\n\nuse std::fmt;\n// why\n#[cfg(unix)]\nuse std::os;\n\nuse a::{\n    b,\n};\n\n/// Doc.\nfn f() {\n    use std::io;\n}\n";
        assert_eq!(
            block(Language::Rust, rust),
            "use std::fmt;\n// why\n#[cfg(unix)]\nuse std::os;\n\nuse a::{\n    b,\n};\n"
        );
        assert_eq!(
            block(
                Language::Python,
                "import os\nfrom a import b\n\nx = 1\nimport late\n"
            ),
            "import os\nfrom a import b\n"
        );
        assert_eq!(
            block(
                Language::Go,
                "package a\n\nimport (\n\t\"fmt\"\n)\n\nfunc f() {}\n"
            ),
            "import (\n\t\"fmt\"\n)\n"
        );
        assert_eq!(
            block(
                Language::TypeScript,
                "import { a } from './a';\nexport const b = a;\n"
            ),
            "import { a } from './a';\n"
        );
        assert_eq!(
            block(
                Language::C,
                "/* x */\n#include <a.h>\n#include \"b.h\"\n\nint f(void);\n"
            ),
            "#include <a.h>\n#include \"b.h\"\n"
        );
        assert_eq!(
            block(
                Language::Java,
                "package a;\n\nimport java.util.List;\n\nclass A {}\n"
            ),
            "import java.util.List;\n"
        );
        assert_eq!(
            block(
                Language::Ruby,
                "require 'json'\nrequire_relative 'x'\n\nputs 1\n"
            ),
            "require 'json'\nrequire_relative 'x'\n"
        );
        assert_eq!(
            block(Language::CSharp, "using System;\n\nclass A {}\n"),
            "using System;\n"
        );
        assert_eq!(
            block(Language::Php, "<?php\n\nuse A\\B;\n\nfunction f() {}\n"),
            "use A\\B;\n"
        );
        assert_eq!(
            block(
                Language::Kotlin,
                "package a\n\nimport a.b\nimport c.d\n\nfun f() {}\n"
            ),
            "import a.b\nimport c.d\n"
        );
        assert_eq!(
            block(Language::Swift, "import Foundation\n\nfunc f() {}\n"),
            "import Foundation\n"
        );
    }

    #[test]
    fn without_one_it_says_where_one_begins() {
        let cases = [
            (
                Language::Rust,
                "//! Header.\n#![allow(x)]\n\nfn f() {}\n",
                "fn f() {}",
            ),
            (
                Language::Rust,
                "/// Doc of f.\nfn f() {}\n",
                "/// Doc of f.",
            ),
            (
                Language::Rust,
                "// Licence.\n\n/// Doc of f.\nfn f() {}\n",
                "/// Doc of f.",
            ),
            (Language::Python, "\"\"\"Header.\"\"\"\n\nx = 1\n", "x = 1"),
            (Language::Go, "package a\n\nfunc f() {}\n", "func f() {}"),
            (
                Language::Php,
                "<?php\n\nfunction f() {}\n",
                "function f() {}",
            ),
        ];
        for (language, text, line) in cases {
            assert_eq!(
                block(language, text),
                format!("before {:?}", Some(line)),
                "{text}"
            );
        }
        assert_eq!(block(Language::Text, "use std;\n"), "none");
        assert_eq!(block(Language::Lua, "local a = require('a')\n"), "none");
        let long = "use a::b;\n".repeat(LONGEST / 10 + 1);
        assert_eq!(block(Language::Rust, &long), "none");
    }

    #[test]
    fn imports_alone_are_imports() {
        let good = [
            (Language::Rust, "use a::b;\n// why\n#[cfg(test)]\nuse c;\n"),
            (Language::Python, "import a\nfrom b import (c,\n  d)\n"),
            (Language::Go, "import (\n\t\"fmt\"\n)\n"),
            (Language::TypeScript, "import a from 'a';\n"),
            (Language::C, "#include <a.h>\n"),
            (Language::Php, "use A\\B;\n"),
            (Language::Ruby, "require 'a'\n"),
            (Language::Rust, ""),
        ];
        for (language, text) in good {
            assert!(is_imports(language, text), "{text}");
        }
        let bad = [
            (Language::Rust, "use a::b;\nfn f() {}\n"),
            (Language::Rust, "use a::b;\nmod evil;\n"),
            (Language::Python, "import a\na.run()\n"),
            (Language::Go, "import \"fmt\"\nvar x = 1\n"),
            (Language::TypeScript, "import a from 'a';\na();\n"),
            (Language::C, "#include <a.h>\nint x;\n"),
            (Language::Ruby, "require 'a'\nputs 1\n"),
            (Language::Rust, "use a::{;\n"),
            (Language::Text, "use a;\n"),
        ];
        for (language, text) in bad {
            assert!(!is_imports(language, text), "{text}");
        }
    }
}
