//! How many tokens each part of a prompt may take.

/// Tokens per part, the part's control tokens counted in. `model.md` has no other home for these
/// numbers than the package's manifest: they come with the model.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Budget {
    /// Language and path of the document.
    pub file: usize,
    /// Pieces of other files, together.
    pub context: usize,
    /// The lines below.
    pub suffix: usize,
    /// The lines above with the head of the cursor's line: the high mark of the window.
    pub prefix: usize,
    /// The rest of the cursor's line.
    pub tail: usize,
    /// The middle.
    pub generate: usize,
}

impl Budget {
    /// Where the window's start lands when the prefix has passed its high mark.
    pub fn low_mark(&self) -> usize {
        self.prefix * 7 / 10
    }
}
