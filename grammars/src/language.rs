//! The table of languages: one row per language, and the ways to find a row.

use crate::queries;
use crate::rows::{self, Row};
use crate::syntax::Syntax;

/// A language Foretoken can tell apart. [`Language::Text`] stands for every other kind of file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Language {
    /// Rust.
    Rust,
    /// Python, stubs included.
    Python,
    /// JavaScript, with or without JSX.
    JavaScript,
    /// TypeScript without JSX.
    TypeScript,
    /// TypeScript with JSX, whose grammar differs.
    Tsx,
    /// Go.
    Go,
    /// Java.
    Java,
    /// C.
    C,
    /// C++.
    Cpp,
    /// C#.
    CSharp,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// Kotlin.
    Kotlin,
    /// Swift.
    Swift,
    /// Scala.
    Scala,
    /// Zig.
    Zig,
    /// Lua.
    Lua,
    /// Shell scripts, read as Bash.
    Bash,
    /// HTML.
    Html,
    /// CSS.
    Css,
    /// Markdown, which has no grammar here: its headings are read line by line.
    Markdown,
    /// JSON, comments allowed.
    Json,
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
    /// Anything else.
    Text,
}

impl Language {
    /// Every language, [`Language::Text`] last.
    pub const ALL: &'static [Language] = &[
        Language::Rust,
        Language::Python,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Go,
        Language::Java,
        Language::C,
        Language::Cpp,
        Language::CSharp,
        Language::Ruby,
        Language::Php,
        Language::Kotlin,
        Language::Swift,
        Language::Scala,
        Language::Zig,
        Language::Lua,
        Language::Bash,
        Language::Html,
        Language::Css,
        Language::Markdown,
        Language::Json,
        Language::Toml,
        Language::Yaml,
        Language::Text,
    ];

    const fn row(self) -> &'static Row {
        match self {
            Language::Rust => &rows::RUST,
            Language::Python => &rows::PYTHON,
            Language::JavaScript => &rows::JAVASCRIPT,
            Language::TypeScript => &rows::TYPESCRIPT,
            Language::Tsx => &rows::TSX,
            Language::Go => &rows::GO,
            Language::Java => &rows::JAVA,
            Language::C => &rows::C,
            Language::Cpp => &rows::CPP,
            Language::CSharp => &rows::CSHARP,
            Language::Ruby => &rows::RUBY,
            Language::Php => &rows::PHP,
            Language::Kotlin => &rows::KOTLIN,
            Language::Swift => &rows::SWIFT,
            Language::Scala => &rows::SCALA,
            Language::Zig => &rows::ZIG,
            Language::Lua => &rows::LUA,
            Language::Bash => &rows::BASH,
            Language::Html => &rows::HTML,
            Language::Css => &rows::CSS,
            Language::Markdown => &rows::MARKDOWN,
            Language::Json => &rows::JSON,
            Language::Toml => &rows::TOML,
            Language::Yaml => &rows::YAML,
            Language::Text => &rows::TEXT,
        }
    }

    /// The short name used in control tokens and settings: `"rust"`, `"tsx"`.
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// The name shown to people: `"TypeScript JSX"`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The language an editor means by an LSP language id, by the list of the LSP specification
    /// ("Text Document Language Identifiers"). `None` for an id this table does not hold.
    ///
    /// ```
    /// use foretoken_grammars::Language;
    /// assert_eq!(Language::from_lsp_id("typescriptreact"), Some(Language::Tsx));
    /// assert_eq!(Language::from_lsp_id("cobol"), None);
    /// ```
    pub fn from_lsp_id(id: &str) -> Option<Language> {
        Self::ALL
            .iter()
            .copied()
            .find(|language| language.row().lsp_ids.contains(&id))
    }

    /// The language a file's name suggests; `None` when it suggests none.
    ///
    /// Both kinds of separators count, so a path or a URI will do. Extensions are compared exactly
    /// first and then without case: `.C` is C++, `.PY` is Python.
    pub fn from_path(path: &str) -> Option<Language> {
        let file_name = path.rsplit(['/', '\\']).next()?;
        let by = |matches: &dyn Fn(&Row) -> bool| {
            Self::ALL
                .iter()
                .copied()
                .find(|language| matches(language.row()))
        };
        if let Some(found) = by(&|row| row.file_names.contains(&file_name)) {
            return Some(found);
        }
        let (_, extension) = file_name.rsplit_once('.')?;
        let lower = extension.to_ascii_lowercase();
        by(&|row| row.extensions.contains(&extension))
            .or_else(|| by(&|row| row.extensions.contains(&lower.as_str())))
    }

    /// The language of an open document. The editor's id decides; where it says nothing we know,
    /// or only "plain text", the file's name does; else the document is text.
    pub fn detect(lsp_id: &str, path: &str) -> Language {
        match Self::from_lsp_id(lsp_id) {
            Some(language) if language != Language::Text => language,
            _ => Self::from_path(path).unwrap_or(Language::Text),
        }
    }

    /// The LSP language ids that mean this language.
    pub fn lsp_ids(self) -> &'static [&'static str] {
        self.row().lsp_ids
    }

    /// The file extensions that suggest this language, without the dot, the usual one first.
    pub fn extensions(self) -> &'static [&'static str] {
        self.row().extensions
    }

    /// Comments, strings, block style and word characters.
    pub fn syntax(self) -> &'static Syntax {
        self.row().syntax
    }

    /// Whether suggestions have rules for this language. The others are completed as plain text: they are
    /// not parsed while somebody types, and [`Language::scopes`] and [`Language::imports`] are `None`.
    pub const fn has_scopes(self) -> bool {
        matches!(
            self,
            Language::Rust
                | Language::Python
                | Language::JavaScript
                | Language::TypeScript
                | Language::Tsx
                | Language::Go
                | Language::Java
                | Language::C
                | Language::Cpp
        )
    }

    /// Whether its files are settings or data: what a chunk of one is called is a key of its top level.
    pub const fn is_configuration(self) -> bool {
        matches!(self, Language::Json | Language::Toml | Language::Yaml)
    }

    /// The grammar, or `None` for text and for Markdown.
    pub fn grammar(self) -> Option<tree_sitter::Language> {
        let function = match self {
            Language::Rust => tree_sitter_rust::LANGUAGE,
            Language::Python => tree_sitter_python::LANGUAGE,
            Language::JavaScript => tree_sitter_javascript::LANGUAGE,
            Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
            Language::Go => tree_sitter_go::LANGUAGE,
            Language::Java => tree_sitter_java::LANGUAGE,
            Language::C => tree_sitter_c::LANGUAGE,
            Language::Cpp => tree_sitter_cpp::LANGUAGE,
            Language::CSharp => tree_sitter_c_sharp::LANGUAGE,
            Language::Ruby => tree_sitter_ruby::LANGUAGE,
            Language::Php => tree_sitter_php::LANGUAGE_PHP,
            Language::Kotlin => tree_sitter_kotlin_ng::LANGUAGE,
            Language::Swift => tree_sitter_swift::LANGUAGE,
            Language::Scala => tree_sitter_scala::LANGUAGE,
            Language::Zig => tree_sitter_zig::LANGUAGE,
            Language::Lua => tree_sitter_lua::LANGUAGE,
            Language::Bash => tree_sitter_bash::LANGUAGE,
            Language::Html => tree_sitter_html::LANGUAGE,
            Language::Css => tree_sitter_css::LANGUAGE,
            Language::Json => tree_sitter_json::LANGUAGE,
            Language::Toml => tree_sitter_toml_ng::LANGUAGE,
            Language::Yaml => tree_sitter_yaml::LANGUAGE,
            Language::Markdown | Language::Text => return None,
        };
        Some(function.into())
    }

    /// The compiled `scopes.scm`, where [`Language::has_scopes`]. Its captures are named in [`crate::captures`].
    pub fn scopes(self) -> Option<&'static tree_sitter::Query> {
        queries::scopes(self)
    }

    /// The compiled `chunks.scm`, or `None` without a grammar: `@chunk` and `@name`, and `@kind` where another
    /// node than the chunk's own says what it is.
    pub fn chunks(self) -> Option<&'static tree_sitter::Query> {
        queries::chunks(self)
    }

    /// The compiled `imports.scm`, where [`Language::has_scopes`]: `@source`, and where single names are taken
    /// `@name` with `@alias` for one that is called otherwise here. Its predicates need the text.
    pub fn imports(self) -> Option<&'static tree_sitter::Query> {
        queries::imports(self)
    }
}
