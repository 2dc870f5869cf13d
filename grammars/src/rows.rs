//! The rows of the table of languages, in its order.

use crate::syntax::{self, Syntax};

/// One row of the table.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) lsp_ids: &'static [&'static str],
    pub(crate) extensions: &'static [&'static str],
    pub(crate) file_names: &'static [&'static str],
    pub(crate) syntax: &'static Syntax,
}

pub(crate) const RUST: Row = Row {
    id: "rust",
    name: "Rust",
    lsp_ids: &["rust"],
    extensions: &["rs"],
    file_names: &[],
    syntax: &syntax::RUST,
};
pub(crate) const PYTHON: Row = Row {
    id: "python",
    name: "Python",
    lsp_ids: &["python"],
    extensions: &["py", "pyi", "pyw"],
    file_names: &["SConstruct", "SConscript", "wscript"],
    syntax: &syntax::PYTHON,
};
pub(crate) const JAVASCRIPT: Row = Row {
    id: "javascript",
    name: "JavaScript",
    lsp_ids: &["javascript", "javascriptreact"],
    extensions: &["js", "jsx", "mjs", "cjs"],
    file_names: &["Jakefile"],
    syntax: &syntax::SCRIPT,
};
pub(crate) const TYPESCRIPT: Row = Row {
    id: "typescript",
    name: "TypeScript",
    lsp_ids: &["typescript"],
    extensions: &["ts", "mts", "cts"],
    file_names: &[],
    syntax: &syntax::SCRIPT,
};
pub(crate) const TSX: Row = Row {
    id: "tsx",
    name: "TypeScript JSX",
    lsp_ids: &["typescriptreact", "tsx"],
    extensions: &["tsx"],
    file_names: &[],
    syntax: &syntax::SCRIPT,
};
pub(crate) const GO: Row = Row {
    id: "go",
    name: "Go",
    lsp_ids: &["go"],
    extensions: &["go"],
    file_names: &[],
    syntax: &syntax::GO,
};
pub(crate) const JAVA: Row = Row {
    id: "java",
    name: "Java",
    lsp_ids: &["java"],
    extensions: &["java"],
    file_names: &[],
    syntax: &syntax::JAVA,
};
// A lone `.h` is read as C: where it is C++, the editor says so by its language id.
pub(crate) const C: Row = Row {
    id: "c",
    name: "C",
    lsp_ids: &["c"],
    extensions: &["c", "h"],
    file_names: &[],
    syntax: &syntax::C,
};
pub(crate) const CPP: Row = Row {
    id: "cpp",
    name: "C++",
    lsp_ids: &["cpp"],
    extensions: &[
        "cpp", "cc", "cxx", "c++", "C", "hpp", "hh", "hxx", "h++", "H", "ipp", "inl", "tpp",
    ],
    file_names: &[],
    syntax: &syntax::C,
};

// From here on: languages that are completed as plain text, so with its lexical facts.

pub(crate) const CSHARP: Row = Row {
    id: "csharp",
    name: "C#",
    lsp_ids: &["csharp", "cs"],
    extensions: &["cs", "csx"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
pub(crate) const RUBY: Row = Row {
    id: "ruby",
    name: "Ruby",
    lsp_ids: &["ruby"],
    extensions: &["rb", "rake", "gemspec", "ru"],
    file_names: &[
        "Gemfile",
        "Rakefile",
        "Guardfile",
        "Podfile",
        "Vagrantfile",
        "Brewfile",
        "Fastfile",
    ],
    syntax: &syntax::TEXT,
};
pub(crate) const PHP: Row = Row {
    id: "php",
    name: "PHP",
    lsp_ids: &["php"],
    extensions: &["php", "phtml"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
pub(crate) const KOTLIN: Row = Row {
    id: "kotlin",
    name: "Kotlin",
    lsp_ids: &["kotlin"],
    extensions: &["kt", "kts"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
pub(crate) const SWIFT: Row = Row {
    id: "swift",
    name: "Swift",
    lsp_ids: &["swift"],
    extensions: &["swift"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
pub(crate) const SCALA: Row = Row {
    id: "scala",
    name: "Scala",
    lsp_ids: &["scala"],
    extensions: &["scala", "sc", "sbt"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
pub(crate) const ZIG: Row = Row {
    id: "zig",
    name: "Zig",
    lsp_ids: &["zig"],
    extensions: &["zig", "zon"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
pub(crate) const LUA: Row = Row {
    id: "lua",
    name: "Lua",
    lsp_ids: &["lua"],
    extensions: &["lua", "rockspec"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
pub(crate) const BASH: Row = Row {
    id: "bash",
    name: "Shell",
    lsp_ids: &["shellscript", "bash", "sh"],
    extensions: &["sh", "bash", "bats"],
    file_names: &[".bashrc", ".bash_profile", ".profile", "PKGBUILD"],
    syntax: &syntax::TEXT,
};
pub(crate) const HTML: Row = Row {
    id: "html",
    name: "HTML",
    lsp_ids: &["html"],
    extensions: &["html", "htm", "xhtml"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
pub(crate) const CSS: Row = Row {
    id: "css",
    name: "CSS",
    lsp_ids: &["css"],
    extensions: &["css"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
pub(crate) const MARKDOWN: Row = Row {
    id: "markdown",
    name: "Markdown",
    lsp_ids: &["markdown"],
    extensions: &["md", "markdown", "mdx"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
pub(crate) const JSON: Row = Row {
    id: "json",
    name: "JSON",
    lsp_ids: &["json", "jsonc"],
    extensions: &["json", "jsonc"],
    file_names: &[".babelrc", ".eslintrc", ".prettierrc"],
    syntax: &syntax::TEXT,
};
pub(crate) const TOML: Row = Row {
    id: "toml",
    name: "TOML",
    lsp_ids: &["toml"],
    extensions: &["toml"],
    file_names: &["Pipfile"],
    syntax: &syntax::TEXT,
};
pub(crate) const YAML: Row = Row {
    id: "yaml",
    name: "YAML",
    lsp_ids: &["yaml", "dockercompose"],
    extensions: &["yaml", "yml"],
    file_names: &[".clang-format", ".clang-tidy"],
    syntax: &syntax::TEXT,
};
pub(crate) const TEXT: Row = Row {
    id: "text",
    name: "Plain text",
    lsp_ids: &["plaintext", "text"],
    extensions: &["txt"],
    file_names: &[],
    syntax: &syntax::TEXT,
};
