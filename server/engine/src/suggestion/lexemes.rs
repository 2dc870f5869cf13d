//! Finds text that goes round in circles, lexeme by lexeme.

use crate::lookup::lexer::{self, Class};

/// Longest period of a loop, in lexemes that are not blank.
const PERIOD: usize = 10;
/// This many lexemes of a repeated period make a loop: three rounds of the longest one.
/// Values of microsoft/vscode-copilot-chat (10 equal tokens, 30 with at most 10 distinct). There it is enough to have
/// few distinct tokens, which takes rows of a table for a loop; here the order must repeat as well.
const WINDOW: usize = 30;
/// This many equal lexemes in a row make a loop.
const EQUAL: usize = 10;

/// The lexemes of one growing text.
#[derive(Clone, Debug, Default)]
pub(super) struct Loops {
    /// Id and end of every lexeme that is not blank.
    seen: Vec<(u32, usize)>,
    /// `runs[p - 1]`: how many lexemes at the end are equal to the one `p` before them.
    runs: [usize; PERIOD],
    at: usize,
}

impl Loops {
    /// Reads `text` on to `upto`; the end of the first round if a loop is complete.
    ///
    /// A lexeme at the very end of the text may still grow, so it waits.
    pub(super) fn feed(&mut self, text: &str, upto: usize) -> Option<usize> {
        let bytes = text.as_bytes();
        while self.at < upto {
            let mut lexeme = lexer::next(bytes, self.at);
            if lexeme.class == Class::Punctuation {
                // A ruler such as `-----` is one lexeme, of whatever length.
                lexeme.end += bytes[lexeme.end..]
                    .iter()
                    .take_while(|byte| **byte == bytes[self.at])
                    .count();
            }
            if lexeme.end == bytes.len() {
                return None;
            }
            self.at = lexeme.end;
            if matches!(lexeme.class, Class::Word | Class::Punctuation)
                && let Some(cut) = self.push(lexeme.id, lexeme.end)
            {
                return Some(cut);
            }
        }
        None
    }

    fn push(&mut self, id: u32, end: usize) -> Option<usize> {
        self.seen.push((id, end));
        let last = self.seen.len() - 1;
        for period in 1..=PERIOD {
            let equal = last >= period && self.seen[last - period].0 == id;
            let run = &mut self.runs[period - 1];
            *run = if equal { *run + 1 } else { 0 };
            let needed = if period == 1 { EQUAL } else { WINDOW };
            if *run + period >= needed {
                return Some(self.seen[last - *run].1);
            }
        }
        None
    }
}
