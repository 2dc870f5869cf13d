//! Where somebody edited lately, in all documents, as places that move along with later edits.

use std::collections::VecDeque;

use crate::document::Edit;

/// Places remembered.
const REMEMBERED: usize = 12;
/// Edits nearer than this belong to one place, bytes.
const NEAR: usize = 400;

/// The last edited places of all documents.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    // Newest last.
    places: VecDeque<Place>,
}

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The document, by its owner's number.
    pub document: u64,
    /// Where, in bytes of its text as it is now.
    pub byte: usize,
}

impl Recent {
    /// A document was edited; `edits` in the order of their application.
    pub fn edited(&mut self, document: u64, edits: &[Edit]) {
        for edit in edits {
            let end = edit.start + edit.removed_len;
            for place in self.places.iter_mut().filter(|p| p.document == document) {
                if place.byte >= end {
                    place.byte = place.byte - edit.removed_len + edit.inserted.len();
                } else if place.byte > edit.start {
                    place.byte = edit.start;
                }
            }
            let byte = edit.start + edit.inserted.len();
            let is_here =
                |place: &Place| place.document == document && place.byte.abs_diff(byte) <= NEAR;
            self.places.retain(|place| !is_here(place));
            if self.places.len() == REMEMBERED {
                self.places.pop_front();
            }
            self.places.push_back(Place { document, byte });
        }
    }

    /// A document is gone, or its text is another one.
    pub fn forget(&mut self, document: u64) {
        self.places.retain(|place| place.document != document);
    }

    /// The places, newest first.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.places.iter().rev().copied()
    }
}
