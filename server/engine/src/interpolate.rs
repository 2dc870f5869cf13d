//! Carries a suggestion over edits that agree with it: what is left of it at a newer place, or that it is stale.

use crate::place::Place;

/// A suggestion together with the place that it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Byte of the cursor in the document.
    pub at: usize,
    /// Text of the line before the cursor.
    pub head: String,
    /// The suggestion, with the document's line ends.
    pub text: String,
    /// Text of the line right of the cursor.
    pub tail: String,
    /// First line below that is not blank; empty if there is none.
    pub below: String,
}

impl Offered {
    /// Remembers `text` as offered at `place`.
    pub fn new(place: &Place, text: &str) -> Offered {
        Offered {
            at: place.offset,
            head: place.head.clone(),
            text: text.to_owned(),
            tail: place.tail.clone(),
            below: place
                .below
                .iter()
                .find(|line| !line.trim().is_empty())
                .cloned()
                .unwrap_or_default(),
        }
    }
}

/// What became of a suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interpolated {
    /// The edits agree with it.
    Keeps {
        /// What is still to be inserted; never empty.
        rest: String,
    },
    /// The edits contradict it, or nothing is left.
    Stale,
}

/// Says what is left of `offered` at `place`.
pub fn interpolate(offered: &Offered, place: &Place) -> Interpolated {
    let typed = place.offset.checked_sub(offered.at).and_then(|len| {
        let from = place.before.len().checked_sub(len)?;
        place.before.get(from..)
    });
    match typed.and_then(|typed| offered.text.strip_prefix(typed)) {
        Some(rest) if !rest.is_empty() && place.tail == offered.tail => Interpolated::Keeps {
            rest: rest.to_owned(),
        },
        _ => Interpolated::Stale,
    }
}
