//! What becomes of a model's text: Markdown that can do no harm, with sources that exist.
//!
//! [`check`] takes the text so far, whole, and gives what may be shown; it is asked again with more text whenever another
//! block is finished ([`markdown::finished`]). What it returns goes through it unchanged. Edits take another way:
//! [`contain`].

pub mod contain;
mod deny;
mod diff;
mod emit;
pub mod ground;
pub mod links;
pub mod markdown;
mod packages;
pub mod text;

pub use deny::{Denied, denied};

use crate::redact::{Fault, Redactor};
use ground::{Grounding, Sources};

/// An answer that may be shown.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// Markdown.
    pub markdown: String,
    /// How well it is founded.
    pub grounding: Grounding,
    /// What was taken out or changed.
    pub removed: Removed,
}

/// What was taken out of an answer, for counters and notes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Removed {
    /// Control sequences and characters.
    pub controls: usize,
    /// Secrets.
    pub secrets: usize,
    /// Pictures.
    pub images: usize,
    /// Pieces of HTML, shown as text.
    pub html: usize,
    /// Links that lead elsewhere than to the web or to a source, or that could carry data.
    pub links: usize,
    /// Claims without a source, hidden where that is asked for.
    pub claims: usize,
    /// The text repeated itself and was cut there.
    pub repeated: bool,
}

/// Longest text that is looked at, in bytes: no answer is longer, see the limits of the wire.
pub const LONGEST: usize = 256 * 1024;

/// The whole chain; see the module's header.
///
/// # Errors
/// The detector of secrets does not work: the text may not be shown.
pub fn check(text: &str, sources: &Sources<'_>, redactor: &mut Redactor) -> Result<Answer, Fault> {
    let cut = &text[..text.floor_char_boundary(LONGEST)];
    let (clean, controls) = text::without_controls(cut);
    let (shown, secrets) = redactor.hold_back(&clean)?;
    let safe = markdown::safe(&shown, sources);
    Ok(Answer {
        markdown: safe.markdown,
        grounding: safe.grounding,
        removed: Removed {
            controls,
            secrets,
            ..safe.removed
        },
    })
}

#[cfg(test)]
mod tests;
