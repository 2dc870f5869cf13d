//! The fill-in-the-middle prompt of the embedded model.

use crate::document::Document;
use crate::place::Place;
use crate::prompt::{Budget, Control, Piece, Prompt, Section};

/// What stays as it was from prompt to prompt while someone types.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Window {}

/// What a prompt is made of.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The document.
    pub doc: &'a Document,
    /// The cursor, in bytes.
    pub byte: usize,
    /// Cuts of other files, best first.
    pub pieces: &'a [Piece],
    /// Tokens per part.
    pub budget: &'a Budget,
    /// Nobody is typing: suffix and pieces may be looked at anew.
    pub idle: bool,
}

/// The prompt at the cursor, and the window to hand in with the next one. `count` is the number of
/// tokens of a text.
pub fn fim(input: &Input<'_>, window: &Window, _count: &dyn Fn(&str) -> usize) -> (Prompt, Window) {
    let place = Place::at(input.doc, input.byte);
    let sections = vec![
        Section::Control(Control::Bos),
        Section::Control(Control::Language(place.language)),
        Section::Control(Control::Prefix),
        Section::Text(place.before),
    ];
    (Prompt { sections }, window.clone())
}
