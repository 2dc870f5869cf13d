//! Which cuts of other files help at a place: *pieces* of what is open already, chosen in a pause.
//!
//! [`Facts`] of each document are made once for each of its texts, off the typing path; given the
//! facts, [`candidates`] scores what they hold for one cursor in well under a millisecond, and
//! [`choose`] takes the few that fit the model's budget. Who knows more than the open documents, such
//! as an index of the workspace, adds its own [`Candidate`]s between the two.
//!
//! Pieces stand before everything that changes while someone types, so another set of them makes the
//! model read the whole prompt again. Hence *hysteresis*: what is held stays, in its order, until
//! something clearly better comes or its text is no longer so.
//!
//! | piece | because |
//! |---|---|
//! | [`Why::Imported`] | it defines a name that this file takes from there |
//! | [`Why::Edited`] | somebody edited it a moment ago |
//! | [`Why::Neighbour`] | it shares its rarer names with the text around the cursor |
//! | [`Why::Index`] | the same of a file that is not open; [`Around`] says what an index is asked |

mod choose;
mod facts;
mod imports;
mod indexed;
mod rank;
mod recent;

use std::ops::Range;

use crate::prompt::Piece;

pub use choose::choose;
pub use facts::Facts;
pub use indexed::{Around, Found};
pub use rank::{Ask, Edited, candidates};
pub use recent::{Place, Recent};

/// Most pieces in one prompt, as in training.
pub const MOST: usize = 3;

/// Why a piece is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Why {
    /// It defines a name that is imported.
    Imported,
    /// It was edited a moment ago.
    Edited,
    /// It speaks of the same things.
    Neighbour,
    /// An index of the workspace found it in a file that is not open.
    Index,
}

impl Why {
    /// The name to count under and to show.
    pub fn code(self) -> &'static str {
        match self {
            Why::Imported => "imported",
            Why::Edited => "edited",
            Why::Neighbour => "neighbour",
            Why::Index => "index",
        }
    }
}

/// A stretch of a file that may become a piece: a definition from its first line on.
#[derive(Clone, PartialEq, Debug)]
pub struct Candidate {
    /// The file, as the model is shown it.
    pub path: String,
    /// What it defines.
    pub name: String,
    /// Its lines in the file, from zero.
    pub lines: Range<usize>,
    /// Its text: those lines, at most 20.
    pub text: String,
    /// What speaks for it most.
    pub why: Why,
    /// How much speaks for it; above 0, comparable between all candidates of one place.
    pub score: f32,
}

/// A piece that is part of the prompts of a document.
#[derive(Clone, PartialEq, Debug)]
pub struct Chosen {
    /// Path and text, as the prompt has them.
    pub piece: Piece,
    /// What it defines.
    pub name: String,
    /// Its lines in the file when it was chosen, from zero.
    pub lines: Range<usize>,
    /// What spoke for it most.
    pub why: Why,
    /// Tokens that it takes, its control token counted in.
    pub tokens: usize,
}

#[cfg(test)]
mod tests;
