//! The words of rows: the engine's own terms for the search library, the terms of a path, and how many of
//! them a question may have.

use foretoken_engine::terms;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Terms of a question that are looked for; more cost time and find little.
pub(crate) const MOST_TERMS: usize = 32;
/// Rows that are ranked.
pub(crate) const CANDIDATES: usize = 200;

/// The stem twice, and the three folders nearest to it.
pub(crate) fn place(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    let file = parts.pop().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let from = parts.len().saturating_sub(3);
    format!("{stem} {stem} {}", parts[from..].join(" "))
}

/// The engine's terms as tantivy wants them.
#[derive(Clone)]
pub(crate) struct Terms;

pub(crate) struct Stream {
    // All terms of a text one behind the other, and where each ends.
    text: String,
    ends: Vec<usize>,
    at: usize,
    token: Token,
}

impl Tokenizer for Terms {
    type TokenStream<'a> = Stream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream {
        let mut all = String::with_capacity(text.len());
        let mut ends = Vec::new();
        terms::each_term(text, &mut |term, _| {
            all.push_str(term);
            ends.push(all.len());
        });
        Stream {
            text: all,
            ends,
            at: 0,
            token: Token::default(),
        }
    }
}

impl TokenStream for Stream {
    fn advance(&mut self) -> bool {
        let Some(end) = self.ends.get(self.at) else {
            return false;
        };
        let start = self.at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.token.text.clear();
        self.token.text.push_str(&self.text[start..*end]);
        self.token.position = self.at;
        self.at += 1;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
