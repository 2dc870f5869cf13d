//! Lexical facts of a language that hold without parsing: comments, quotes, how blocks are marked,
//! which characters make a word. They serve where there is no tree, or a broken one.

/// How a language marks the extent of a block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Blocks {
    /// Between `{` and `}`.
    Braces,
    /// After a line that ends in `:`, by deeper indentation.
    Indent,
    /// Not at all: plain text.
    None,
}

/// The lexical facts of one language.
#[derive(Debug)]
pub struct Syntax {
    /// What begins a comment that runs to the line's end.
    pub line_comment: Option<&'static str>,
    /// Openers and closers of comments that may span lines.
    pub block_comments: &'static [(&'static str, &'static str)],
    /// Characters that open a string and close it again. Rust's `'` is left out, because it mostly
    /// names a lifetime.
    pub quotes: &'static [char],
    /// The quotes among [`Syntax::quotes`] whose string may span lines.
    pub multiline_quotes: &'static [char],
    /// Quotes of several characters, whose string may span lines too.
    pub long_quotes: &'static [&'static str],
    /// How blocks are marked.
    pub blocks: Blocks,
    /// Characters that belong to a word besides letters, digits and `_`.
    pub word_extra: &'static [char],
}

impl Syntax {
    /// Whether `c` can stand inside an identifier of this language.
    ///
    /// ```
    /// use foretoken_grammars::Language;
    /// assert!(Language::JavaScript.syntax().is_word('$'));
    /// assert!(!Language::Rust.syntax().is_word('$'));
    /// ```
    pub fn is_word(&self, c: char) -> bool {
        c == '_' || c.is_alphanumeric() || self.word_extra.contains(&c)
    }
}

/// `//` and `/* */`, as in all languages of the C family.
const SLASHES: &[(&str, &str)] = &[("/*", "*/")];

pub(crate) const RUST: Syntax = Syntax {
    line_comment: Some("//"),
    block_comments: SLASHES,
    quotes: &['"'],
    multiline_quotes: &['"'],
    long_quotes: &[],
    blocks: Blocks::Braces,
    word_extra: &[],
};

pub(crate) const PYTHON: Syntax = Syntax {
    line_comment: Some("#"),
    block_comments: &[],
    quotes: &['"', '\''],
    multiline_quotes: &[],
    long_quotes: &["\"\"\"", "'''"],
    blocks: Blocks::Indent,
    word_extra: &[],
};

pub(crate) const SCRIPT: Syntax = Syntax {
    line_comment: Some("//"),
    block_comments: SLASHES,
    quotes: &['"', '\'', '`'],
    multiline_quotes: &['`'],
    long_quotes: &[],
    blocks: Blocks::Braces,
    word_extra: &['$'],
};

pub(crate) const GO: Syntax = Syntax {
    line_comment: Some("//"),
    block_comments: SLASHES,
    quotes: &['"', '\'', '`'],
    multiline_quotes: &['`'],
    long_quotes: &[],
    blocks: Blocks::Braces,
    word_extra: &[],
};

pub(crate) const JAVA: Syntax = Syntax {
    line_comment: Some("//"),
    block_comments: SLASHES,
    quotes: &['"', '\''],
    multiline_quotes: &[],
    long_quotes: &["\"\"\""],
    blocks: Blocks::Braces,
    word_extra: &['$'],
};

pub(crate) const C: Syntax = Syntax {
    line_comment: Some("//"),
    block_comments: SLASHES,
    quotes: &['"', '\''],
    multiline_quotes: &[],
    long_quotes: &[],
    blocks: Blocks::Braces,
    word_extra: &[],
};

pub(crate) const TEXT: Syntax = Syntax {
    line_comment: None,
    block_comments: &[],
    quotes: &[],
    multiline_quotes: &[],
    long_quotes: &[],
    blocks: Blocks::None,
    word_extra: &[],
};
