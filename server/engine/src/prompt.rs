//! Prompts as typed sections: control tokens by name and texts that are encoded alone.
//!
//! A control token is a [`Control`], never a string inside a text, so source code that spells one
//! stays source code. How sections become token ids is the business of who runs the model.

pub mod budget;
pub mod dialect;
pub mod fim;
mod window;

use foretoken_grammars::Language;

pub use budget::{Budget, Count};
pub use dialect::Format;
pub use fim::{Input, Window, fim};

/// A control token of the embedded model's vocabulary.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Control {
    /// Begins every prompt.
    Bos,
    /// Ends the middle.
    Eom,
    /// Fills training rows; never in a prompt.
    Pad,
    /// Begins the suffix: the lines below the cursor's line.
    Suffix,
    /// Begins the prefix: the lines above and the head of the cursor's line.
    Prefix,
    /// Begins the rest of the cursor's line.
    Tail,
    /// Ends it; the head of the line follows.
    Cursor,
    /// Begins a piece of another file.
    Context,
    /// Begins the document's path.
    File,
    /// Names the document's language.
    Language(Language),
}

impl Control {
    /// How `tokenizer.json` spells it.
    ///
    /// ```
    /// use foretoken_engine::prompt::Control;
    /// use foretoken_grammars::Language;
    /// assert_eq!(Control::Language(Language::Cpp).token(), "<|cpp|>");
    /// ```
    pub fn token(self) -> &'static str {
        match self {
            Control::Bos => "<|bos|>",
            Control::Eom => "<|eom|>",
            Control::Pad => "<|pad|>",
            Control::Suffix => "<|suf|>",
            Control::Prefix => "<|pre|>",
            Control::Tail => "<|tail|>",
            Control::Cursor => "<|cur|>",
            Control::Context => "<|ctx|>",
            Control::File => "<|file|>",
            Control::Language(language) => match language {
                Language::Rust => "<|rust|>",
                Language::Python => "<|python|>",
                Language::JavaScript => "<|javascript|>",
                Language::TypeScript => "<|typescript|>",
                Language::Tsx => "<|tsx|>",
                Language::Go => "<|go|>",
                Language::Java => "<|java|>",
                Language::C => "<|c|>",
                Language::Cpp => "<|cpp|>",
                // What is completed as plain text: the model has no token of its own for it.
                _ => "<|text|>",
            },
        }
    }
}

/// One part of a prompt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Section {
    /// One token, inserted by its id.
    Control(Control),
    /// One control token of another family's vocabulary, as `tokenizer.json` spells it.
    Token(String),
    /// Text, encoded alone; nothing in it is ever read as a control token.
    Text(String),
    /// The same where a document begins: a vocabulary that puts a blank in front of each text does so
    /// here and nowhere else.
    Opening(String),
}

/// A prompt; the last section is the text that ends at the cursor, which the model continues.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Prompt {
    /// From the most stable to the most volatile.
    pub sections: Vec<Section>,
}

/// A cut of another file that helps at this place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where it comes from, as shown to the model.
    pub path: String,
    /// Its text, whole lines.
    pub text: String,
}
