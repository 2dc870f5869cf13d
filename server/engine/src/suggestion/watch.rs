//! Follows one generation step by step and says when to stop it.

use crate::place::{Mode, Place};

/// What the generation should do after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// End it: nothing that follows would be shown.
    Stop(StopReason),
}

/// Why a generation was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// One line was asked for and it is complete.
    LineEnd,
}

/// The state over one generation.
#[derive(Clone, Debug)]
pub struct Watch {
    mode: Mode,
    cut: usize,
}

impl Watch {
    /// Begins to watch a generation at `place`.
    pub fn new(_place: &Place, mode: Mode) -> Watch {
        Watch { mode, cut: 0 }
    }

    /// Looks at what a step added; `text_so_far` is the whole text and only ever grows.
    pub fn push(&mut self, text_so_far: &str) -> Flow {
        self.cut = text_so_far.len();
        if self.mode == Mode::Line
            && let Some(end) = text_so_far.find(['\n', '\r'])
        {
            self.cut = end;
            return Flow::Stop(StopReason::LineEnd);
        }
        Flow::Continue
    }

    /// Byte in the text up to which it may be shown.
    pub fn cut(&self) -> usize {
        self.cut
    }
}
