//! Pieces of files that are not open, as an index of the workspace finds them: what it is asked for at a
//! cursor, and what an answer is worth beside the pieces of open files. Both scores are on the scale of
//! [`super::candidates`], so that [`super::choose`] may mix them.

use std::collections::HashMap;
use std::ops::Range;

use foretoken_grammars::Language;

use super::facts::{MOST_BYTES, MOST_LINES, word};
use super::imports::are_akin;
use super::rank::{BEFORE, BEHIND, bonus, query};
use super::{Candidate, Facts, Why};
use crate::document::Document;
use crate::position::floor_boundary;
use crate::syntax;

/// Bytes before the cursor that a question in words looks back.
const ASKED: usize = 600;
/// Words of a definition by which long ones, which share much by chance, are held back: as with open files.
const LENGTH: f32 = 40.0;

/// The text around a cursor as it matters for what an index finds.
#[derive(Clone, Debug)]
pub struct Around {
    language: Language,
    /// Words near the cursor and how much they count, 0 to 1.
    near: HashMap<u32, f32>,
    bytes: Range<usize>,
    question: String,
}

/// A definition that an index found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Its file, as the model is shown it.
    pub path: &'a str,
    /// What it defines.
    pub name: &'a str,
    /// Its first line in the file, from 0.
    pub line: u32,
    /// Its text.
    pub text: &'a str,
    /// Lines of the text above the definition itself, which no piece shows.
    pub head: u32,
}

impl Around {
    /// Of a cursor at `byte` of a document; the facts may be of a somewhat older text.
    pub fn of(document: &Document, byte: usize, facts: &Facts) -> Around {
        let rope = document.rope();
        let byte = floor_boundary(rope, byte);
        let from = floor_boundary(rope, byte.saturating_sub(BEFORE));
        let to = floor_boundary(rope, byte + BEHIND);
        Around {
            language: document.language(),
            near: query(document, byte, facts).into_iter().collect(),
            bytes: from..to,
            question: question(document, byte),
        }
    }

    /// The bytes whose names are looked up.
    pub fn bytes(&self) -> Range<usize> {
        self.bytes.clone()
    }

    /// What the index is asked in words.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// Whether code of the file at this path can stand here.
    pub fn is_akin(&self, path: &str) -> bool {
        Language::from_path(path).is_some_and(|language| are_akin(self.language, language))
    }

    /// The definition of a name that the text uses or imports; `None` where it has nothing to show.
    pub fn definition(&self, name: &str, found: Found) -> Option<Candidate> {
        let near = word(name).and_then(|word| self.near.get(&word));
        let score = near.map_or(bonus::IMPORTED_FAR, |near| {
            (0.5 + 0.5 * near) * bonus::IMPORTED
        });
        self.candidate(found, Why::Imported, score)
    }

    /// A definition that holds this share of the question's words; `None` where it has nothing to show.
    pub fn hit(&self, found: Found, share: f32) -> Option<Candidate> {
        let words = found.text.split_whitespace().count() as f32;
        let score = share * (LENGTH / (LENGTH + words)).sqrt();
        self.candidate(found, Why::Index, score)
    }

    fn candidate(&self, found: Found, why: Why, score: f32) -> Option<Candidate> {
        if !self.is_akin(found.path) {
            return None;
        }
        let text = found.text.replace("\r\n", "\n").replace('\r', "\n");
        let mut shown = String::new();
        let lines = text.split_inclusive('\n').skip(found.head as usize);
        for line in lines.take(MOST_LINES) {
            if shown.len() + line.len() > MOST_BYTES {
                break;
            }
            shown += line;
        }
        let start = (found.line + found.head) as usize;
        let lines = start..start + shown.lines().count();
        (!shown.trim().is_empty()).then(|| Candidate {
            path: found.path.to_owned(),
            name: found.name.to_owned(),
            lines,
            text: shown,
            why,
            score,
        })
    }
}

/// The cursor's line first, since the first line counts twice, then the head of the definition around it and
/// what stands before the cursor.
fn question(document: &Document, byte: usize) -> String {
    let rope = document.rope();
    let line = rope.byte_to_line(byte);
    let start = rope.line_to_byte(line);
    let mut text = rope.line(line).to_string().trim().to_owned();
    text.push('\n');
    if let Some(scope) = syntax::enclosing_scope(document, byte) {
        text += rope.line(rope.byte_to_line(scope.start)).to_string().trim();
        text.push('\n');
    }
    let from = floor_boundary(rope, start.saturating_sub(ASKED));
    text += &rope.byte_slice(from..start).to_string();
    text
}
