//! The language table: ids, names and files lead to the right row, and nothing leads to two.

use foretoken_grammars::{Blocks, Language};

#[test]
fn ids_and_files_are_detected() {
    let cases = [
        ("rust", "x", Language::Rust),
        ("javascriptreact", "a.jsx", Language::JavaScript),
        ("typescriptreact", "a.tsx", Language::Tsx),
        // The editor's word counts more than the file's name.
        ("cpp", "lib/point.h", Language::Cpp),
        ("python", "notes.txt", Language::Python),
        // An id that says nothing leaves it to the name.
        ("plaintext", "src/main.rs", Language::Rust),
        ("", "src/main.go", Language::Go),
        ("unknown-id", "a.mts", Language::TypeScript),
        ("unknown-id", "Makefile", Language::Text),
        ("", "", Language::Text),
        ("", "C:\\code\\Main.JAVA", Language::Java),
        ("", "tools/SConstruct", Language::Python),
        ("", "a.C", Language::Cpp),
        ("", "a.c", Language::C),
        ("", "dir.rs/readme", Language::Text),
        ("", ".rs", Language::Rust),
        ("markdown", "README.md", Language::Markdown),
        ("shellscript", "run", Language::Bash),
        ("", "lib/Gemfile", Language::Ruby),
        ("", "settings.JSON", Language::Json),
        ("", "a.hs", Language::Text),
    ];
    for (id, path, expected) in cases {
        assert_eq!(Language::detect(id, path), expected, "{id:?} {path:?}");
    }
}

#[test]
fn ids_are_unique_and_lead_back() {
    let mut seen = std::collections::HashSet::new();
    for language in Language::ALL.iter().copied() {
        assert!(seen.insert(language.id()), "{language:?}");
        for id in language.lsp_ids() {
            assert_eq!(Language::from_lsp_id(id), Some(language), "{id}");
        }
        for extension in language.extensions() {
            let path = format!("a.{extension}");
            assert_eq!(Language::from_path(&path), Some(language), "{path}");
        }
    }
}

#[test]
fn lexical_facts_are_complete() {
    for language in Language::ALL.iter().copied() {
        let syntax = language.syntax();
        let as_text = !language.has_scopes();
        assert_eq!(as_text, syntax.blocks == Blocks::None, "{language:?}");
        assert_eq!(as_text, syntax.line_comment.is_none(), "{language:?}");
        assert_eq!(as_text, syntax.quotes.is_empty(), "{language:?}");
        assert!(
            syntax
                .multiline_quotes
                .iter()
                .all(|quote| syntax.quotes.contains(quote))
        );
        assert!(syntax.is_word('_') && syntax.is_word('é') && !syntax.is_word('-'));
    }
}
