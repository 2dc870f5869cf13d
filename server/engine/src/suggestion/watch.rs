//! Follows one generation step by step and says when to stop it.
//!
//! Each step costs what it added plus the line that is not finished yet. However the text is cut into steps,
//! the same place is reported in the end, so [`super::finish`] runs the same rules over the whole text.

use foretoken_grammars::{Blocks, Syntax};

use super::brackets::Start;
use super::gate::Gate;
use super::{Reject, Token, brackets, lexemes, lines, overlap};
use crate::place::{Mode, Place, indent_columns};

/// Most lines of one suggestion. Start value.
const LINE_BUDGET: usize = 16;
/// Most bytes of one suggestion. Start value: several times what the token budget gives.
const BYTE_BUDGET: usize = 4_000;

/// What the generation should do after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// End it: nothing that follows would be shown.
    Stop(StopReason),
}

/// Why a generation was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// One line was asked for and it is complete.
    LineEnd,
    /// The block that was asked for is closed, or a new paragraph begins.
    BlockEnd,
    /// A line stands left of the one at which the text began.
    Dedent,
    /// The next line of the document was reached.
    NextLine,
    /// The text goes round in circles.
    Loop,
    /// No longer text can pass the gate any more.
    BelowGate,
    /// The line or byte budget is used up.
    Budget,
}

impl StopReason {
    /// The name to count under.
    pub fn code(self) -> &'static str {
        match self {
            StopReason::LineEnd => "line-end",
            StopReason::BlockEnd => "block-end",
            StopReason::Dedent => "dedent",
            StopReason::NextLine => "next-line",
            StopReason::Loop => "loop",
            StopReason::BelowGate => "below-gate",
            StopReason::Budget => "budget",
        }
    }

    /// The reason to give when nothing is left before the stop.
    pub(super) fn reject(self) -> Reject {
        match self {
            StopReason::LineEnd | StopReason::Budget => Reject::Empty,
            StopReason::BlockEnd | StopReason::Dedent => Reject::Indentation,
            StopReason::NextLine => Reject::RepeatsBelow,
            StopReason::Loop => Reject::Loop,
            StopReason::BelowGate => Reject::BelowGate { best: 0.0 },
        }
    }

    /// The text ends here by itself, so that it counts as whole (see [`super::Raw::ended`]).
    pub fn is_boundary(self) -> bool {
        matches!(
            self,
            StopReason::LineEnd | StopReason::BlockEnd | StopReason::Dedent | StopReason::NextLine
        )
    }
}

/// The state over one generation.
#[derive(Clone, Debug)]
pub struct Watch {
    mode: Mode,
    syntax: &'static Syntax,
    /// The place's line so far, which the first generated line goes on.
    head: String,
    /// What a text that repeats the line's indentation is measured against.
    place_indent: overlap::Indent,
    /// The first line below that is not blank; empty when it could not tell a repetition.
    next: String,
    /// Columns left of which the block ends; known from the first line that is not blank.
    floor: Option<usize>,
    /// Start of the line that is not finished yet, and its number.
    line_start: usize,
    line: usize,
    /// End of the last line that is neither blank nor refused.
    kept: usize,
    blanks: usize,
    cut: usize,
    stopped: Option<StopReason>,
    tail: lexemes::Loops,
    gate: Option<(Gate, usize)>,
}

impl Watch {
    /// Begins to watch a generation at `place`.
    pub fn new(place: &Place, mode: Mode) -> Watch {
        let next = place.below.iter().find(|line| !line.trim().is_empty());
        let opener = !place.head.trim().is_empty();
        Watch {
            mode,
            syntax: place.language.syntax(),
            head: place.head.clone(),
            place_indent: overlap::Indent::at(place),
            next: next
                .filter(|line| !lines::is_weak(line))
                .cloned()
                .unwrap_or_default(),
            // After an opener the body is deeper than the line that opened it.
            floor: opener.then_some(place.indent + 1),
            line_start: 0,
            line: 0,
            kept: 0,
            blanks: 0,
            cut: 0,
            stopped: None,
            tail: lexemes::Loops::default(),
            gate: None,
        }
    }

    /// Also stops when no longer text can pass `gate`, of at most `most` tokens. Steps then arrive by [`Watch::step`].
    #[must_use]
    pub fn with_gate(mut self, gate: Gate, most: usize) -> Watch {
        self.gate = Some((gate, most));
        self
    }

    /// Looks at what a step added; `text_so_far` is the whole text and only ever grows.
    pub fn push(&mut self, text_so_far: &str) -> Flow {
        self.step(text_so_far, &[])
    }

    /// As [`Watch::push`], with the tokens so far for the gate's floor.
    pub fn step(&mut self, text_so_far: &str, tokens: &[Token]) -> Flow {
        if self.stopped.is_none() {
            self.stopped = self.look(text_so_far).or_else(|| {
                let (gate, most) = self.gate.as_ref()?;
                gate.is_hopeless(tokens, *most)
                    .then_some(StopReason::BelowGate)
            });
        }
        self.stopped.map_or(Flow::Continue, Flow::Stop)
    }

    /// Byte in the text up to which it may be shown.
    pub fn cut(&self) -> usize {
        self.cut
    }

    /// Why the generation was stopped, if it was.
    pub fn stopped(&self) -> Option<StopReason> {
        self.stopped
    }

    fn look(&mut self, text: &str) -> Option<StopReason> {
        self.cut = text.len();
        loop {
            // The second half of a `\r\n` may arrive a step later than the first.
            if text[..self.line_start].ends_with('\r') && text[self.line_start..].starts_with('\n')
            {
                self.line_start += 1;
            }
            let line = &text[self.line_start..];
            let Some(end) = line.find(['\n', '\r']) else {
                break;
            };
            if let Some(reason) = self.complete(text, end) {
                return Some(reason);
            }
        }
        if let Some((cut, reason)) = self.leaves_block(&text[self.line_start..], false) {
            self.cut = cut;
            return Some(reason);
        }
        if let Some(cut) = self.tail.feed(text, text.len()) {
            self.cut = cut;
            return Some(StopReason::Loop);
        }
        if text.len() > BYTE_BUDGET {
            self.cut = lines::floor(text, BYTE_BUDGET);
            return Some(StopReason::Budget);
        }
        None
    }

    /// Judges the line that ends at `end` bytes behind its start, and goes on to the next.
    fn complete(&mut self, text: &str, end: usize) -> Option<StopReason> {
        let line = &text[self.line_start..self.line_start + end];
        let line_end = self.line_start + end;
        // What shows before the line is complete comes first here as well, else the steps would matter.
        if let Some((cut, reason)) = self.leaves_block(line, true) {
            self.cut = cut;
            return Some(reason);
        }
        if let Some(cut) = self.tail.feed(text, line_end) {
            self.cut = cut;
            return Some(StopReason::Loop);
        }
        if self.mode == Mode::Line {
            self.cut = line_end;
            return Some(StopReason::LineEnd);
        }
        if !self.continues_head() && self.is_next(line) {
            self.cut = self.kept;
            return Some(StopReason::NextLine);
        }
        if self.closes_block(text, line_end) {
            self.cut = line_end;
            return Some(StopReason::BlockEnd);
        }
        if line.trim().is_empty() && !self.continues_head() {
            self.blanks += 1;
            if self.blanks == 2 && self.kept > 0 {
                self.cut = self.kept;
                return Some(StopReason::BlockEnd);
            }
        } else {
            self.blanks = 0;
            self.kept = line_end;
        }
        self.line += 1;
        if self.line == LINE_BUDGET {
            self.cut = self.kept;
            return Some(StopReason::Budget);
        }
        self.line_start = line_end
            + if text[line_end..].starts_with("\r\n") {
                2
            } else {
                1
            };
        None
    }

    /// The current line is the end of one that the user began.
    fn continues_head(&self) -> bool {
        self.line == 0 && !self.head.trim().is_empty()
    }

    /// Whether the line that ends at `end` closes the braces in which the cursor stands. Needed where the block is not
    /// indented, as in many namespaces; elsewhere the line stands left of the block, which tells more surely.
    fn closes_block(&self, text: &str, end: usize) -> bool {
        let line = &text[self.line_start..end];
        let by_braces = self.floor == Some(0) && self.syntax.blocks == Blocks::Braces;
        if !by_braces || !line.contains('}') || opens(line) {
            return false;
        }
        let closers = brackets::scan(&text[..end], self.syntax, Start::Code).unmatched;
        let mut closers = closers.iter().filter(|closer| closer.at >= self.line_start);
        closers.any(|closer| closer.closer == '}')
    }

    /// Whether `line`, the current one, no longer belongs to the block: up to where the text goes, and why.
    fn leaves_block(&mut self, line: &str, complete: bool) -> Option<(usize, StopReason)> {
        if self.mode == Mode::Line {
            return None;
        }
        if line.trim().is_empty() || self.continues_head() {
            return None;
        }
        let columns = self.columns(line);
        if self.floor.is_none() && line.trim_start().starts_with(brackets::is_closer) {
            return self.begins_with_closer(line, complete);
        }
        let floor = *self
            .floor
            .get_or_insert(columns.max(self.place_indent.columns()));
        if columns < floor {
            return self.dedent(line, complete);
        }
        // At the file's top level nothing is ever left of the start, so a new paragraph ends the block.
        let paragraph = floor == 0 && columns == 0 && self.blanks > 0 && self.kept > 0;
        paragraph.then_some((self.kept, StopReason::BlockEnd))
    }

    /// Whether the current line is the next one of the document, however it is indented.
    fn is_next(&self, line: &str) -> bool {
        let same_place = || self.columns(line) == indent_columns(&self.next);
        !self.next.is_empty()
            && line.trim() == self.next.trim()
            && (!lines::is_end(line) || same_place())
    }

    fn columns(&self, line: &str) -> usize {
        if self.line == 0 {
            self.place_indent.of_first(line)
        } else {
            indent_columns(line)
        }
    }

    /// A line left of the block is not part of it, but what it begins with may be the block's own end.
    fn dedent(&self, line: &str, complete: bool) -> Option<(usize, StopReason)> {
        let from = line.len() - line.trim_start().len();
        let own = &line[from..];
        let waits = !complete && self.line_start + line.len() < BYTE_BUDGET;
        if own.starts_with(brackets::is_closer) {
            return (!waits).then(|| (self.line_start + from + closing(own), StopReason::BlockEnd));
        }
        if waits && lines::may_become_end(own) {
            return None;
        }
        if lines::is_end(own) && !self.is_next(line) {
            return Some((self.line_start + line.len(), StopReason::BlockEnd));
        }
        Some((self.kept, StopReason::Dedent))
    }

    /// The text begins with the end of the block in which the cursor stands. With `} else {` another one begins, which
    /// ends where a line is not deeper; else the text ends here.
    fn begins_with_closer(&mut self, line: &str, complete: bool) -> Option<(usize, StopReason)> {
        if !complete {
            return None;
        }
        if opens(line) {
            self.floor = Some(self.columns(line) + 1);
            return None;
        }
        Some((self.line_start + line.len(), StopReason::BlockEnd))
    }
}

/// Bytes of `line`, which begins with a closer, that close the block: all of it, but only the closers of `} else {`.
fn closing(line: &str) -> usize {
    if opens(line) {
        // Each of these is one byte long.
        line.chars().take_while(|c| brackets::is_closer(*c)).count()
    } else {
        line.len()
    }
}

/// The line ends with the start of a block.
fn opens(line: &str) -> bool {
    line.trim_end().ends_with(['{', '(', '[', ':'])
}
