//! The table of languages: one row per language, and the ways to find a row.

use crate::queries;
use crate::syntax::{self, Syntax};

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
    /// Anything else.
    Text,
}

/// One row of the table.
struct Row {
    id: &'static str,
    name: &'static str,
    lsp_ids: &'static [&'static str],
    extensions: &'static [&'static str],
    file_names: &'static [&'static str],
    syntax: &'static Syntax,
}

const RUST: Row = Row {
    id: "rust",
    name: "Rust",
    lsp_ids: &["rust"],
    extensions: &["rs"],
    file_names: &[],
    syntax: &syntax::RUST,
};
const PYTHON: Row = Row {
    id: "python",
    name: "Python",
    lsp_ids: &["python"],
    extensions: &["py", "pyi", "pyw"],
    file_names: &["SConstruct", "SConscript", "wscript"],
    syntax: &syntax::PYTHON,
};
const JAVASCRIPT: Row = Row {
    id: "javascript",
    name: "JavaScript",
    lsp_ids: &["javascript", "javascriptreact"],
    extensions: &["js", "jsx", "mjs", "cjs"],
    file_names: &["Jakefile"],
    syntax: &syntax::SCRIPT,
};
const TYPESCRIPT: Row = Row {
    id: "typescript",
    name: "TypeScript",
    lsp_ids: &["typescript"],
    extensions: &["ts", "mts", "cts"],
    file_names: &[],
    syntax: &syntax::SCRIPT,
};
const TSX: Row = Row {
    id: "tsx",
    name: "TypeScript JSX",
    lsp_ids: &["typescriptreact", "tsx"],
    extensions: &["tsx"],
    file_names: &[],
    syntax: &syntax::SCRIPT,
};
const GO: Row = Row {
    id: "go",
    name: "Go",
    lsp_ids: &["go"],
    extensions: &["go"],
    file_names: &[],
    syntax: &syntax::GO,
};
const JAVA: Row = Row {
    id: "java",
    name: "Java",
    lsp_ids: &["java"],
    extensions: &["java"],
    file_names: &[],
    syntax: &syntax::JAVA,
};
// A lone `.h` is read as C: where it is C++, the editor says so by its language id.
const C: Row = Row {
    id: "c",
    name: "C",
    lsp_ids: &["c"],
    extensions: &["c", "h"],
    file_names: &[],
    syntax: &syntax::C,
};
const CPP: Row = Row {
    id: "cpp",
    name: "C++",
    lsp_ids: &["cpp"],
    extensions: &[
        "cpp", "cc", "cxx", "c++", "C", "hpp", "hh", "hxx", "h++", "H", "ipp", "inl", "tpp",
    ],
    file_names: &[],
    syntax: &syntax::C,
};
const TEXT: Row = Row {
    id: "text",
    name: "Plain text",
    lsp_ids: &["plaintext", "text"],
    extensions: &["txt"],
    file_names: &[],
    syntax: &syntax::TEXT,
};

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
        Language::Text,
    ];

    const fn row(self) -> &'static Row {
        match self {
            Language::Rust => &RUST,
            Language::Python => &PYTHON,
            Language::JavaScript => &JAVASCRIPT,
            Language::TypeScript => &TYPESCRIPT,
            Language::Tsx => &TSX,
            Language::Go => &GO,
            Language::Java => &JAVA,
            Language::C => &C,
            Language::Cpp => &CPP,
            Language::Text => &TEXT,
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

    /// The grammar, or `None` for text.
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
            Language::Text => return None,
        };
        Some(function.into())
    }

    /// The compiled `scopes.scm`, or `None` for text. Its captures are named in [`crate::captures`].
    pub fn scopes(self) -> Option<&'static tree_sitter::Query> {
        queries::scopes(self)
    }

    /// The compiled `chunks.scm`, or `None` for text: `@chunk` and `@name`.
    pub fn chunks(self) -> Option<&'static tree_sitter::Query> {
        queries::chunks(self)
    }

    /// The compiled `imports.scm`, or `None` for text: `@source`, and where single names are taken
    /// `@name` with `@alias` for one that is called otherwise here. Its predicates need the text.
    pub fn imports(self) -> Option<&'static tree_sitter::Query> {
        queries::imports(self)
    }
}
