//! One open document: its text as a rope, its version, and its syntax tree.
//!
//! Cloning a [`Document`] is a *snapshot*: rope and tree are shared, so it costs about a
//! microsecond, and the clone never changes. Only the owner applies changes, in the order they
//! arrived. Time is not known here: who calls decides by a `stop` closure how long a parse may take,
//! and an unfinished parse leaves the old tree, moved along with the edits.

mod lines;
mod parse;

use std::sync::Arc;

use foretoken_grammars::Language;
use ropey::Rope;
use tree_sitter::InputEdit;

pub use tree_sitter::Tree;

use crate::position::{self, Encoding, Range};
use lines::LineLengths;
use parse::Patience;
pub use parse::{OPEN_PARSE, TREE_LIMIT, TREE_LINE_LIMIT};

/// A change as the editor sends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What is replaced; `None` replaces the whole text.
    pub range: Option<Range>,
    /// The new text.
    pub text: String,
}

/// What [`Document::apply`] did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// The replaced stretches, in order of application: offsets of one are those of the text that
    /// the one before left behind.
    pub edits: Vec<Edit>,
    /// The new version is not above the old one. The changes hold all the same; the caller counts it.
    pub version_fell: bool,
}

/// One replaced stretch of text, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// Where it begins.
    pub start: usize,
    /// The text that is gone, at most [`REMOVED_KEPT`] bytes of its beginning.
    pub removed: String,
    /// Bytes that are gone.
    pub removed_len: usize,
    /// The text that stands there now.
    pub inserted: String,
}

/// Most bytes of removed text an [`Edit`] keeps: enough to recognise an undone suggestion, and
/// deleting a whole file copies nothing.
pub const REMOVED_KEPT: usize = 4 * 1024;

/// The editor's idea of the text and ours differ. The document is left as it was before the batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutOfStep {
    /// The change with this index names a line that does not exist, or ends before it begins.
    RangeOutside {
        /// Index into the batch.
        change: usize,
    },
}

/// An open document; clone it for a snapshot.
#[derive(Clone, Debug)]
pub struct Document {
    rope: Rope,
    version: i32,
    language: Language,
    path: Arc<str>,
    lengths: Arc<LineLengths>,
    tree: Option<Tree>,
    // Whether `tree` is older than the text (or missing although there should be one).
    pending: bool,
    // The way from an older text to this one, to move along a tree parsed elsewhere.
    since: Arc<parse::Since>,
    // Whether a lone `\r` was ever seen: then rows of the rope and of tree-sitter may differ.
    lone_cr: bool,
}

impl Document {
    /// Opens a document. A text of at most [`OPEN_PARSE`] bytes has its tree at once (some 10 ms);
    /// a longer one, and one that keeps the parser busy, leaves it to [`Document::reparse`]: see
    /// [`Document::parse_pending`].
    pub fn open(path: &str, language: Language, version: i32, text: &str) -> Self {
        let rope = Rope::from_str(text);
        let mut document = Document {
            lengths: Arc::new(LineLengths::of(text)),
            rope,
            version,
            language,
            path: path.into(),
            tree: None,
            pending: false,
            since: Arc::new(parse::Since::new(version)),
            lone_cr: lines::has_lone_cr(text),
        };
        let mut steps = 0;
        document.parse(Patience::Short, &mut || {
            steps += 1;
            steps > parse::OPEN_STEPS
        });
        document
    }

    /// Applies the changes of one notification in their order and takes its version, also when that
    /// falls ([`Applied::version_fell`]).
    ///
    /// `stop` is asked by the parser again and again; `true` gives the parse up for now, the old
    /// tree serves, moved along, and [`Document::parse_pending`] says so.
    ///
    /// # Errors
    /// A range outside the text: nothing of the batch is applied, the version stays.
    pub fn apply(
        &mut self,
        version: i32,
        changes: &[Change],
        encoding: Encoding,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Applied, OutOfStep> {
        let mut next = self.clone();
        let mut applied = Applied {
            edits: Vec::new(),
            version_fell: version <= self.version,
        };
        next.take_version(version);
        for (change, Change { range, text }) in changes.iter().enumerate() {
            let (start, end, text) = match range {
                Some(range) => {
                    let outside = OutOfStep::RangeOutside { change };
                    let start =
                        position::to_byte(&next.rope, range.start, encoding).ok_or(outside)?;
                    let end = position::to_byte(&next.rope, range.end, encoding).ok_or(outside)?;
                    if start > end {
                        return Err(outside);
                    }
                    (start, end, text.as_str())
                }
                None => parse::difference(&next.rope, text),
            };
            if start < end || !text.is_empty() {
                applied.edits.push(next.replace(start, end, text));
            }
        }
        if !applied.edits.is_empty() {
            next.parse(Patience::Short, stop);
        }
        *self = next;
        Ok(applied)
    }

    // Replaces the bytes `start..end`, both at character boundaries, in text, lengths and tree.
    fn replace(&mut self, start: usize, end: usize, text: &str) -> Edit {
        let removed_len = end - start;
        let kept = position::floor_boundary(&self.rope, start + removed_len.min(REMOVED_KEPT));
        let removed = self.rope.byte_slice(start..kept.max(start)).to_string();
        self.lone_cr |= lines::has_lone_cr(text);
        let points = (self.tree.is_some() || self.pending)
            .then(|| (parse::point(self, start), parse::point(self, end)));

        let lines = lines::Touched::before(&self.rope, start, end);
        lines.forget(&self.rope, Arc::make_mut(&mut self.lengths));
        let chars = self.rope.byte_to_char(start)..self.rope.byte_to_char(end);
        let at = chars.start;
        self.rope.remove(chars);
        self.rope.insert(at, text);
        // An edit can also part a `\r` from its `\n`.
        self.lone_cr |= lines.learn(&self.rope, Arc::make_mut(&mut self.lengths));

        if let Some((start_position, old_end_position)) = points {
            let new_end = start + text.len();
            self.moved(InputEdit {
                start_byte: start,
                old_end_byte: end,
                new_end_byte: new_end,
                start_position,
                old_end_position,
                new_end_position: parse::point(self, new_end),
            });
        }
        Edit {
            start,
            removed,
            removed_len,
            inserted: text.to_owned(),
        }
    }

    /// The text.
    pub fn rope(&self) -> &Rope {
        &self.rope
    }

    /// The editor's number of this text.
    pub fn version(&self) -> i32 {
        self.version
    }

    /// What the text is written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The path as given at opening; used in prompts, never to reach a file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The syntax tree. While [`Document::parse_pending`] it is that of an older text, moved along
    /// with the edits: its offsets fit, its shape may not.
    pub fn tree(&self) -> Option<&Tree> {
        self.tree.as_ref()
    }

    /// Whether a parse was given up and should be taken up elsewhere.
    pub fn parse_pending(&self) -> bool {
        self.pending
    }

    /// Bytes of the text.
    pub fn len_bytes(&self) -> usize {
        self.rope.len_bytes()
    }

    /// Bytes of the longest line without its line break. Kept from edit to edit, never searched.
    pub fn longest_line(&self) -> usize {
        self.lengths.longest()
    }
}

#[cfg(test)]
mod tests;
