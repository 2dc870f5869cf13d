//! From a text to the keys that write it, with what an editor adds by itself: the indentation of a new
//! line, the closing half of a pair, the lines of a block.
//!
//! A *stroke* is one key with how far the text is written after it. What the editor added stands right
//! of the cursor until it is typed over (on one line) or stepped over (a block's last line).

use foretoken_tests::random::Random;

use crate::typist;

/// What one key, or one command of the editor, does at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Writes a text in place of `over` bytes right of the cursor; `behind` goes right of the cursor.
    Write {
        /// What is written; the cursor goes behind it.
        text: String,
        /// What the editor closes by itself.
        behind: String,
        /// Bytes that it takes the place of.
        over: usize,
    },
    /// The cursor goes over this many bytes, and nothing changes.
    Skip(usize),
    /// Takes away this many bytes before the cursor.
    Delete(usize),
    /// The same as one command after several keys.
    Undo(usize),
    /// A text in one change: a paste, or an undo undone.
    Paste(String),
    /// The cursor goes to another region of the trace, known already or not.
    Jump {
        /// Number of the region.
        region: usize,
        /// It was there before.
        warm: bool,
    },
}

/// One key and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stroke {
    /// What it does.
    pub step: Step,
    /// Bytes of the region's text that are in place after it. Means nothing while a slip stands.
    pub end: usize,
    /// Up to here the text may be written in one go; behind it stands what the editor has closed.
    pub limit: usize,
}

/// What the editor does by itself beside the indentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Nothing.
    None,
    /// Pairs that end on their line.
    Pairs,
    /// These, and Enter between two brackets makes three lines.
    Blocks,
}

/// A pair that the editor closes: bytes of its halves, and whether it is a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    open: usize,
    close: usize,
    block: bool,
}

/// The strokes that write a text into an empty line.
#[must_use]
pub fn strokes(text: &str, closing: Closing) -> Vec<Stroke> {
    let text = text.trim_end_matches('\n');
    let pairs: Vec<Pair> = pairs(text)
        .into_iter()
        .filter(|pair| match closing {
            Closing::None => false,
            Closing::Pairs => !pair.block,
            Closing::Blocks => true,
        })
        .collect();
    let keys = typist::keys(text);
    let mut strokes: Vec<Stroke> = Vec::with_capacity(keys.len());
    let mut at = 0;
    for key in keys {
        if at < strokes.last().map_or(0, |stroke| stroke.end) {
            // The step over a block's last line has taken its bracket along.
            at += key.len();
            continue;
        }
        let end = at + key.len();
        let write = |behind: &str, over: usize| Step::Write {
            text: key.clone(),
            behind: behind.to_owned(),
            over,
        };
        let opened = pairs.iter().find(|p| p.open == at);
        let closed = pairs.iter().find(|p| p.close == at && !p.block);
        let entered = pairs.iter().find(|p| p.block && p.open + 1 == at);
        let left = pairs.iter().find(|p| p.block && p.close == end);
        let (step, end) = if let Some(pair) = entered {
            (write(last_line(text, pair.close), 0), end)
        } else if let Some(pair) = left {
            (Step::Skip(key.len() + 1), pair.close + 1)
        } else if let Some(pair) = opened {
            (write(&text[pair.close..=pair.close], 0), end)
        } else {
            (write("", usize::from(closed.is_some())), end)
        };
        let limit = limit(text, &pairs, end);
        strokes.push(Stroke { step, end, limit });
        at += key.len();
    }
    strokes
}

/// Where the innermost pair that is open at `end` was closed by the editor.
fn limit(text: &str, pairs: &[Pair], end: usize) -> usize {
    let open = pairs.iter().filter(|p| p.open < end && p.close >= end);
    let closed = open.map(|pair| {
        // Between the bracket and Enter a block is closed on its own line.
        let entered = pair.block && end > pair.open + 1;
        let line = if entered {
            last_line(text, pair.close).len()
        } else {
            0
        };
        pair.close - line
    });
    closed.min().unwrap_or(text.len())
}

/// The line end and indentation before a byte.
fn last_line(text: &str, byte: usize) -> &str {
    &text[text[..byte].rfind('\n').unwrap_or(byte)..byte]
}

/// The pairs of a text that an editor would close and whose second half is where it would put it.
/// A reading of brackets and double quotes alone; what confuses it is typed as it stands.
fn pairs(text: &str) -> Vec<Pair> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                if let Some(close) = closing_quote(bytes, at) {
                    found.push(Pair {
                        open: at,
                        close,
                        block: false,
                    });
                    at = close;
                }
            }
            b'(' | b'[' | b'{' => open.push(at),
            close @ (b')' | b']' | b'}') => match open.pop() {
                Some(from) if other_half(bytes[from]) == close => {
                    found.extend(pair(text, from, at));
                }
                _ => open.clear(),
            },
            _ => {}
        }
        at += 1;
    }
    found
}

fn pair(text: &str, open: usize, close: usize) -> Option<Pair> {
    let inside = &text[open + 1..close];
    let block = inside.contains('\n');
    // A block has a line of its own, and its last line holds nothing before the bracket.
    let is_block = || {
        let (first, rest) = inside.split_once('\n').unwrap_or((inside, ""));
        first.is_empty()
            && rest.contains('\n')
            && last_line(text, close).trim().is_empty()
            && !rest.trim().is_empty()
    };
    (!block || is_block()).then_some(Pair { open, close, block })
}

/// The next quote on the same line that no backslash stands before.
fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    while at < bytes.len() && bytes[at] != b'\n' {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

fn other_half(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

/// Keys between two slips, on average.
const SLIP_EVERY: usize = 12;

/// The strokes of somebody who errs: wrong characters taken back at once, and the last keys deleted
/// and typed again. The text comes out right.
#[must_use]
pub fn with_slips(text: &str, random: &mut Random) -> Vec<Stroke> {
    let plain = strokes(text, Closing::None);
    let mut made = Vec::new();
    let mut line = 0;
    for (number, stroke) in plain.iter().enumerate() {
        if written(stroke).starts_with('\n') {
            line = number + 1;
        }
        made.push(stroke.clone());
        if random.below(SLIP_EVERY) > 0 {
            continue;
        }
        if random.below(2) == 0 {
            made.push(paste_of("q", stroke, false));
            made.push(with_step(Step::Delete(1), stroke));
            continue;
        }
        let back = (number + 1 - line).min(1 + random.below(6));
        let again = &plain[number + 1 - back..=number];
        for gone in again.iter().rev() {
            let bytes = written(gone).len();
            let deleted = with_step(Step::Delete(bytes), gone);
            made.push(Stroke {
                end: gone.end - bytes,
                ..deleted
            });
        }
        made.extend(again.iter().cloned());
    }
    made
}

/// The strokes of somebody who undoes the last keys as one change and writes them again, by hand or by
/// an undo of the undo.
#[must_use]
pub fn with_undos(text: &str, random: &mut Random) -> Vec<Stroke> {
    let plain = strokes(text, Closing::None);
    let mut made = Vec::new();
    let mut line = 0;
    for (number, stroke) in plain.iter().enumerate() {
        if written(stroke).starts_with('\n') {
            line = number + 1;
        }
        made.push(stroke.clone());
        let back = (number + 1 - line).min(3 + random.below(8));
        if back < 3 || random.below(SLIP_EVERY) > 0 {
            continue;
        }
        let again = &plain[number + 1 - back..=number];
        let text: String = again.iter().map(written).collect();
        made.push(Stroke {
            step: Step::Undo(text.len()),
            end: stroke.end - text.len(),
            limit: stroke.limit,
        });
        if random.below(2) == 0 {
            made.push(paste_of(&text, stroke, true));
        } else {
            made.extend(again.iter().cloned());
        }
    }
    made
}

/// The strokes of somebody who pastes the first lines and types the others.
#[must_use]
pub fn with_paste(text: &str) -> Vec<Stroke> {
    let plain = strokes(text, Closing::None);
    let lines = text.trim_end_matches('\n').matches('\n').count();
    let is_line = |stroke: &&Stroke| written(stroke).starts_with('\n');
    let last = plain.iter().filter(is_line).nth(lines / 2).cloned();
    let Some(last) = last else { return plain };
    let pasted = with_step(Step::Paste(text[..last.end].to_owned()), &last);
    let rest = plain.into_iter().filter(|stroke| stroke.end > last.end);
    std::iter::once(pasted).chain(rest).collect()
}

fn with_step(step: Step, stroke: &Stroke) -> Stroke {
    Stroke {
        step,
        ..stroke.clone()
    }
}

fn paste_of(text: &str, stroke: &Stroke, at_once: bool) -> Stroke {
    let step = if at_once {
        Step::Paste(text.to_owned())
    } else {
        Step::Write {
            text: text.to_owned(),
            behind: String::new(),
            over: 0,
        }
    };
    with_step(step, stroke)
}

/// What a stroke writes before the cursor.
fn written(stroke: &Stroke) -> &str {
    match &stroke.step {
        Step::Write { text, .. } | Step::Paste(text) => text,
        _ => "",
    }
}

#[cfg(test)]
mod tests;
