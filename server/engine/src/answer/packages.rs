//! Packages that a text takes from outside its project, by its import lines.

use std::collections::BTreeSet;

use foretoken_grammars::Language;

/// The packages that `text` imports: crates, modules, modules of Go by their path, packages of Java, Kotlin and Scala by
/// their first two parts, outermost namespaces of C# and PHP, gems. What a file takes from its own project by a relative path, and what comes with the language, is none.
pub(super) fn imported(text: &str, language: Language) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut in_block = false;
    for line in text.lines().map(str::trim) {
        match language {
            Language::Rust => found.extend(of_rust(line)),
            Language::Python => found.extend(of_python(line)),
            Language::JavaScript | Language::TypeScript | Language::Tsx => {
                found.extend(of_script(line));
            }
            Language::Go => {
                if in_block || line.starts_with("import ") {
                    // Standard packages have no dot in their first part.
                    let quoted = line.split('"').nth(1).filter(|path| {
                        path.split('/')
                            .next()
                            .is_some_and(|host| host.contains('.'))
                    });
                    found.extend(quoted.map(str::to_owned));
                }
                in_block = (in_block || line.starts_with("import (")) && !line.starts_with(')');
            }
            Language::Java | Language::Kotlin | Language::Scala => found.extend(of_java(line)),
            Language::CSharp => found.extend(of_csharp(line)),
            Language::Php => found.extend(line.strip_prefix("use ").and_then(|rest| {
                word(
                    rest.trim_start_matches("function ")
                        .trim_start_matches('\\'),
                )
            })),
            Language::Ruby => found.extend(of_ruby(line)),
            Language::Swift => found.extend(of_swift(line)),
            _ => (),
        }
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The word at the start of a text.
fn word(text: &str) -> Option<String> {
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

fn of_rust(line: &str) -> Option<String> {
    let line = match line.strip_prefix("pub") {
        Some(rest) => rest.trim_start_matches(|c| c != ' ').trim_start(),
        None => line,
    };
    let rest = line
        .strip_prefix("use ")
        .or_else(|| line.strip_prefix("extern crate "))?;
    let own = ["crate", "self", "super", "std", "core", "alloc"];
    word(rest.trim_start_matches("::")).filter(|name| !own.contains(&name.as_str()))
}

fn of_python(line: &str) -> Vec<String> {
    if let Some(rest) = line.strip_prefix("from ") {
        return word(rest.trim_start()).into_iter().collect();
    }
    let names = line
        .strip_prefix("import ")
        .into_iter()
        .flat_map(|rest| rest.split(','));
    names.filter_map(|name| word(name.trim())).collect()
}

fn of_script(line: &str) -> Option<String> {
    let imports =
        line.starts_with("import ") || line.starts_with("import{") || line.starts_with("export ");
    let at = match line.find("require(").or_else(|| line.find("import(")) {
        Some(at) => at,
        None if imports => line.rfind(" from ").unwrap_or(0),
        // The last line of an import over several ones.
        None => line.find("} from ")?,
    };
    let quote = line[at..].find(['"', '\'', '`'])?;
    let name = line[at + quote + 1..].split(['"', '\'', '`']).next()?;
    if name.is_empty() || name.starts_with(['.', '/']) || name.starts_with("node:") {
        return None;
    }
    let parts = if name.starts_with('@') { 2 } else { 1 };
    Some(name.split('/').take(parts).collect::<Vec<_>>().join("/"))
}

fn of_java(line: &str) -> Option<String> {
    let rest = line.strip_prefix("import ")?;
    let name = rest.trim_start_matches("static ").trim_end_matches(';');
    let package: Vec<&str> = name.split('.').take(2).collect();
    let own = ["java", "javax", "kotlin", "scala"];
    (package.len() == 2 && !own.contains(&package[0])).then(|| package.join("."))
}

fn of_csharp(line: &str) -> Option<String> {
    let line = line.trim_start_matches("global ");
    let rest = line
        .strip_prefix("using ")
        .filter(|rest| rest.ends_with(';'))?;
    // A declaration that disposes of its value begins in the same way.
    let name = rest.trim_start_matches("static ").rsplit("= ").next()?;
    let plain = |c: char| is_word(c) || c == '.' || c == ';';
    let name = name.chars().all(plain).then(|| word(name)).flatten();
    name.filter(|name| name != "System" && name != "var")
}

fn of_ruby(line: &str) -> Option<String> {
    let rest = line
        .strip_prefix("require ")?
        .trim_start_matches(['(', ' ']);
    let name = rest
        .strip_prefix(['"', '\''])?
        .split(['"', '\'', '/'])
        .next()?;
    (!name.is_empty() && !name.starts_with('.')).then(|| name.to_owned())
}

fn of_swift(line: &str) -> Option<String> {
    let name = word(
        line.trim_start_matches("@testable ")
            .strip_prefix("import ")?,
    )?;
    let own = ["Swift", "Foundation", "Dispatch", "Darwin", "Glibc"];
    (!own.contains(&name.as_str())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_names_what_it_takes() {
        let of = |language, text: &str| {
            imported(text, language)
                .into_iter()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            of(
                Language::Rust,
                "use std::io;\nuse serde_json::{Value};\npub(crate) use crate::a;\nuse ::rand::Rng;\nlet use_it = 1;"
            ),
            "rand serde_json"
        );
        assert_eq!(
            of(
                Language::Python,
                "import os, numpy.linalg as la\nfrom .local import x\nfrom requests.auth import y\nimportant = 1"
            ),
            "numpy os requests"
        );
        assert_eq!(
            of(
                Language::TypeScript,
                "import a from './a';\nimport { b } from \"@scope/b/deep\";\nconst c = require('left-pad');\nimport 'node:fs';\n} from 'react';\nconst d = await import(\"lodash/fp\");"
            ),
            "@scope/b left-pad lodash react"
        );
        assert_eq!(
            of(
                Language::Go,
                "import (\n\t\"fmt\"\n\tx \"github.com/a/b\"\n)\nvar s = \"not.a/package\""
            ),
            "github.com/a/b"
        );
        assert_eq!(
            of(
                Language::Java,
                "import java.util.List;\nimport static com.google.common.base.X;"
            ),
            "com.google"
        );
        assert_eq!(
            of(
                Language::Kotlin,
                "import kotlin.math.max\nimport okhttp3.internal.X"
            ),
            "okhttp3.internal"
        );
        assert_eq!(
            of(
                Language::CSharp,
                "using System.Text;\nusing Newtonsoft.Json;\nusing var x = Open();\nusing (var y = z) {}\nusing J = Some.Thing;"
            ),
            "Newtonsoft Some"
        );
        assert_eq!(
            of(Language::Php, "use Vendor\\Package\\Thing;\n$use = 1;"),
            "Vendor"
        );
        assert_eq!(
            of(
                Language::Ruby,
                "require 'json/ext'\nrequire_relative 'x'\nrequire './y'"
            ),
            "json"
        );
        assert_eq!(
            of(Language::Swift, "import Foundation\nimport Alamofire"),
            "Alamofire"
        );
        assert_eq!(of(Language::Text, "use serde;"), "");
    }
}
