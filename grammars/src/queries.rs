//! Our queries, a folder for each language that needs its own, compiled once per process.

use std::sync::OnceLock;

use tree_sitter::{Query, QueryError};

use crate::Language;

/// The names of what the queries capture.
pub mod captures {
    /// A block: a run of statements or members that ends with its closer. `scopes.scm`.
    pub const BLOCK: &str = "block";
    /// A named definition with a body: function, method, class. `scopes.scm`.
    pub const SCOPE: &str = "scope";
    /// A string or character literal with its quotes. `scopes.scm`.
    pub const STRING: &str = "string";
    /// Code inside a string: `${…}`, an f-string's `{…}`. `scopes.scm`.
    pub const CODE: &str = "code";
    /// A comment with its markers. `scopes.scm`.
    pub const COMMENT: &str = "comment";
    /// A retrievable unit of a file. `chunks.scm`.
    pub const CHUNK: &str = "chunk";
    /// What says of what kind a chunk is, where that is not the chunk itself: the function that a variable
    /// holds. `chunks.scm`.
    pub const KIND: &str = "kind";
    /// The name a chunk defines, in `chunks.scm`; the name that is taken from elsewhere, as it is
    /// written there, in `imports.scm`.
    pub const NAME: &str = "name";
    /// What that name is called in this file. `imports.scm`.
    pub const ALIAS: &str = "alias";
    /// Where names are taken from: a path, a package, a file. `imports.scm`.
    pub const SOURCE: &str = "source";
}

/// A query that does not fit its grammar: a defect of this crate, caught by its tests.
#[derive(Debug)]
pub struct BrokenQuery {
    /// The language whose query it is.
    pub language: Language,
    /// `"scopes"`, `"chunks"` or `"imports"`.
    pub query: &'static str,
    /// What the compiler says, with row and column.
    pub error: QueryError,
}

/// The query texts of one language.
struct Sources {
    chunks: &'static str,
    // `None` for what is completed as plain text.
    suggestions: Option<Suggestions>,
}

/// The query texts that suggestions need.
struct Suggestions {
    scopes: &'static str,
    imports: &'static str,
}

/// The query texts of a language; `None` without a grammar.
fn sources(language: Language) -> Option<Sources> {
    macro_rules! folder {
        ($id:literal) => {
            Sources {
                chunks: include_str!(concat!("../queries/", $id, "/chunks.scm")),
                suggestions: Some(Suggestions {
                    scopes: include_str!(concat!("../queries/", $id, "/scopes.scm")),
                    imports: include_str!(concat!("../queries/", $id, "/imports.scm")),
                }),
            }
        };
    }
    macro_rules! chunks {
        ($id:literal) => {
            Sources {
                chunks: include_str!(concat!("../queries/", $id, "/chunks.scm")),
                suggestions: None,
            }
        };
    }
    Some(match language {
        Language::Rust => folder!("rust"),
        Language::Python => folder!("python"),
        Language::JavaScript => folder!("javascript"),
        // The two grammars differ in what is an expression, not in what the queries name.
        Language::TypeScript | Language::Tsx => folder!("typescript"),
        Language::Go => folder!("go"),
        Language::Java => folder!("java"),
        Language::C => folder!("c"),
        Language::Cpp => folder!("cpp"),
        Language::CSharp => chunks!("csharp"),
        Language::Ruby => chunks!("ruby"),
        Language::Php => chunks!("php"),
        Language::Kotlin => chunks!("kotlin"),
        Language::Swift => chunks!("swift"),
        Language::Scala => chunks!("scala"),
        Language::Zig => chunks!("zig"),
        Language::Lua => chunks!("lua"),
        Language::Bash => chunks!("bash"),
        Language::Html => chunks!("html"),
        Language::Css => chunks!("css"),
        Language::Json => chunks!("json"),
        Language::Toml => chunks!("toml"),
        Language::Yaml => chunks!("yaml"),
        Language::Markdown | Language::Text => return None,
    })
}

/// The compiled queries of one language.
struct Compiled {
    chunks: Query,
    scopes: Option<Query>,
    imports: Option<Query>,
}

/// A cell for each language: a query is compiled when its language is first met (1–20 ms each).
static COMPILED: [OnceLock<Option<Compiled>>; Language::ALL.len()] =
    [const { OnceLock::new() }; Language::ALL.len()];

fn compile(language: Language) -> Result<Option<Compiled>, BrokenQuery> {
    let (Some(grammar), Some(sources)) = (language.grammar(), sources(language)) else {
        return Ok(None);
    };
    let new = |query, text| {
        Query::new(&grammar, text).map_err(|error| BrokenQuery {
            language,
            query,
            error,
        })
    };
    let suggestions = sources.suggestions.as_ref();
    Ok(Some(Compiled {
        chunks: new("chunks", sources.chunks)?,
        scopes: suggestions
            .map(|texts| new("scopes", texts.scopes))
            .transpose()?,
        imports: suggestions
            .map(|texts| new("imports", texts.imports))
            .transpose()?,
    }))
}

// A broken query behaves like a missing one here: suggestions get worse, nothing stops. The test
// that compiles every query is what keeps that from happening.
fn compiled(language: Language) -> Option<&'static Compiled> {
    COMPILED[language as usize]
        .get_or_init(|| compile(language).ok().flatten())
        .as_ref()
}

pub(crate) fn scopes(language: Language) -> Option<&'static Query> {
    compiled(language)?.scopes.as_ref()
}

pub(crate) fn chunks(language: Language) -> Option<&'static Query> {
    compiled(language).map(|all| &all.chunks)
}

pub(crate) fn imports(language: Language) -> Option<&'static Query> {
    compiled(language)?.imports.as_ref()
}

/// Compiles every query of every language.
///
/// # Errors
/// The first query that does not fit its grammar.
pub fn compile_all() -> Result<(), BrokenQuery> {
    Language::ALL
        .iter()
        .try_for_each(|language| compile(*language).map(drop))
}
