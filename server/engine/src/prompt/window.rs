//! What stays as it was from prompt to prompt while someone types.
//!
//! A model that keeps what it has read pays for a prompt from the first difference on. So the
//! window's *start* (the first line of the prefix) holds still until the prefix has grown past its
//! high mark and then jumps once, down to the low mark: a start that slid along with the cursor
//! would cost the whole prefix with every key. And suffix and pieces, which stand before the
//! prefix, are *frozen* until nobody types or the cursor is somewhere else.

use std::sync::Arc;

use foretoken_grammars::Language;
use ropey::Rope;

use crate::context::Chosen;
use crate::document::Document;
use crate::position::{floor_boundary, without_end};
use crate::prompt::budget::{BYTES_PER_TOKEN, ending, first_lines, measure};
use crate::prompt::fim::{Cursor, Input, plain};
use crate::prompt::{Budget, Count, Piece};

/// Lines below, blank ones not counted, by which a place is known again.
const LINES_COMPARED: usize = 3;

/// Bytes at the window's start by which it is found again after an edit above it.
const OPENING: usize = 256;

/// How far an edit above may have moved the window's start: an import or a comment, not a file.
const SHIFT: usize = 4 * 1024;

/// A piece that would get fewer tokens than this is left out, as in training.
const LEAST_PIECE: usize = 8;

/// The frozen parts of one document's prompts. The default is empty and takes everything from the
/// first prompt; cloning is cheap. Hand each prompt the window that came with the one before.
#[derive(Clone, Debug, Default)]
pub struct Window {
    held: Arc<Held>,
    offered: Arc<[Chosen]>,
    stale: bool,
}

/// What a window holds.
#[derive(Clone, PartialEq, Debug, Default)]
struct Held {
    // What all of it was made for; another path, language or budget starts anew.
    made_for: Option<(Language, String, Budget)>,
    file: String,
    pieces: Vec<String>,
    suffix: String,
    // The first lines below that are not blank, trimmed, when the suffix was taken.
    below: Vec<String>,
    // First byte of the prefix, and the document's text right behind it.
    start: usize,
    opening: String,
    // Whole lines from `start` on whose tokens are known.
    measured: String,
    tokens: usize,
}

impl Window {
    /// Whether the document has moved on from what is frozen: the lines below differ, or the prefix
    /// is within a tenth of its high mark. A prompt made with `idle` at the next pause, and read by
    /// the model beforehand, saves the wait for it later.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The same with pieces for the next prompts. Like everything here they are taken when nobody
    /// types, or when the cursor is somewhere else.
    #[must_use]
    pub fn offering(self, pieces: Arc<[Chosen]>) -> Window {
        Window {
            offered: pieces,
            ..self
        }
    }

    /// The pieces for the next prompts.
    pub fn offered(&self) -> &Arc<[Chosen]> {
        &self.offered
    }

    /// Those of them that the last prompt showed.
    pub fn shown(&self) -> impl Iterator<Item = &Chosen> {
        let frozen = |chosen: &&Chosen| {
            let Piece { path, text } = &chosen.piece;
            let is_it = |frozen: &String| {
                let rest = frozen.strip_prefix(one_line(path).as_str());
                rest.and_then(|rest| rest.strip_prefix('\n')) == Some(text)
            };
            self.held.pieces.iter().any(is_it)
        };
        self.offered.iter().filter(frozen)
    }

    /// The first byte of the prefix: a line's start, except within lines longer than the low mark.
    pub fn start(&self) -> usize {
        self.held.start
    }

    pub(super) fn file(&self) -> &str {
        &self.held.file
    }

    pub(super) fn pieces(&self) -> &[String] {
        &self.held.pieces
    }

    pub(super) fn suffix(&self) -> &str {
        &self.held.suffix
    }

    /// The window for the next prompt.
    pub(super) fn follow(&self, input: &Input<'_>, at: &Cursor, count: Count<'_>) -> Window {
        let before = self.held.as_ref();
        let below = lines_below(input.doc.rope(), at);
        let made_for = (
            input.doc.language(),
            input.doc.path().to_owned(),
            *input.budget,
        );
        let other = before.made_for.as_ref() != Some(&made_for);

        let mut held = Held::clone(before);
        let mut renewed = false;
        if other || input.idle || !is_same_place(&before.below, &below) {
            held.freeze(input, at, &below, count);
            // The same again costs nothing, so the start may hold still too.
            renewed = other || held.pieces != before.pieces || held.suffix != before.suffix;
            held.made_for = Some(made_for);
        }
        let limits = Limits::of(input.budget);
        let kept = if renewed {
            None
        } else {
            held.keep_start(input, at, count)
        };
        let in_prefix = match kept {
            Some(tokens) if !input.idle || tokens <= limits.renew => tokens,
            _ => held.choose_start(input, at, count),
        };
        held.learn_opening(input.doc.rope(), at);

        let seen = below.len().min(LINES_COMPARED);
        let stale = held.below[..] != below[..seen] || in_prefix > limits.renew;
        Window {
            held: Arc::new(held),
            offered: Arc::clone(&self.offered),
            stale,
        }
    }
}

/// Tokens of the prefix, its control token not counted.
struct Limits {
    high: usize,
    low: usize,
    // In a pause, a prefix above this starts anew before typing makes it.
    renew: usize,
}

impl Limits {
    fn of(budget: &Budget) -> Self {
        let high = budget.prefix.saturating_sub(1);
        Limits {
            high,
            low: budget.low_mark().min(high),
            renew: high * 9 / 10,
        }
    }
}

impl Held {
    /// Takes everything but the window's start from the document as it is.
    fn freeze(&mut self, input: &Input<'_>, at: &Cursor, below: &[String], count: Count<'_>) {
        let budget = input.budget;
        // Begin of prompt, language and file are tokens of this part, like each part's own token.
        self.file = file(input.doc.path(), budget.file.saturating_sub(3), count);
        self.pieces = pieces(input.pieces, budget.context, count);
        self.suffix = suffix(input.doc.rope(), at, budget.suffix.saturating_sub(1), count);
        self.below = below[..below.len().min(LINES_COMPARED)].to_vec();
    }

    /// Keeps the start if the prefix from there still makes sense, and returns its tokens.
    fn keep_start(&mut self, input: &Input<'_>, at: &Cursor, count: Count<'_>) -> Option<usize> {
        let limits = Limits::of(input.budget);
        let rope = input.doc.rope();
        let start = self.found_again(input.doc)?;
        let far = limits.high * BYTES_PER_TOKEN;
        if start > at.offset || at.offset - start > far {
            return None;
        }
        self.start = start;
        let lines = plain(rope, start.min(at.line)..at.line);
        let head = plain(rope, start.max(at.line)..at.offset);
        let mut tokens = 0;
        let mut counted = "";
        if let Some(rest) = lines.strip_prefix(self.measured.as_str()) {
            (tokens, counted) = (self.tokens, &lines[..lines.len() - rest.len()]);
        }
        for line in lines[counted.len()..].split_inclusive('\n') {
            tokens += measure(line, limits.high.checked_sub(tokens)?, count)?;
        }
        self.measured = lines;
        self.tokens = tokens;
        let all = tokens + measure(&head, limits.high.checked_sub(tokens)?, count)?;
        // Far up from where the start was chosen there is more to see above it.
        (start == 0 || all >= limits.low / 2).then_some(all)
    }

    /// Remembers what stands at the start, as far as it lies above the line that is being typed.
    fn learn_opening(&mut self, rope: &Rope, at: &Cursor) {
        let end = floor_boundary(rope, at.line.min(self.start + OPENING));
        self.opening = rope.byte_slice(self.start..end.max(self.start)).to_string();
    }

    /// Where the start is now. Edits above the window move it without changing what stands there.
    fn found_again(&self, doc: &Document) -> Option<usize> {
        let rope = doc.rope();
        let length = rope.len_bytes();
        // Where other text stands now, its end may fall inside a character.
        let is_at = |start: usize| {
            let there = rope.get_byte_slice(start..start + self.opening.len());
            there.is_some_and(|there| there == self.opening.as_str())
        };
        let boundary = self.start <= length && floor_boundary(rope, self.start) == self.start;
        if self.start == 0 || (boundary && is_at(self.start)) {
            return Some(self.start);
        }
        let from = floor_boundary(rope, self.start.saturating_sub(SHIFT));
        let to = floor_boundary(rope, self.start.saturating_add(SHIFT + OPENING));
        let around = rope.byte_slice(from..to).to_string();
        let long_enough = self.opening.len() >= OPENING / 8;
        let found = around
            .match_indices(self.opening.as_str())
            .map(|(at, _)| from + at);
        let nearest = found.min_by_key(|start| start.abs_diff(self.start));
        nearest.filter(|_| long_enough).or_else(|| {
            // Somebody edits the very lines at the start: they stay the start.
            let begins_line =
                boundary && rope.line_to_byte(rope.byte_to_line(self.start)) == self.start;
            begins_line.then_some(self.start)
        })
    }

    /// Chooses the start for this cursor, and returns the tokens of the prefix: all lines above
    /// where they leave room for typing, else those within the low mark.
    fn choose_start(&mut self, input: &Input<'_>, at: &Cursor, count: Count<'_>) -> usize {
        let limits = Limits::of(input.budget);
        let rope = input.doc.rope();
        self.measured.clear();
        self.tokens = 0;
        let seen = at
            .line
            .max(at.offset.saturating_sub(limits.high * BYTES_PER_TOKEN));
        let head = plain(rope, floor_boundary(rope, seen)..at.offset);
        let in_head = measure(&head, limits.renew, count).filter(|_| seen == at.line);
        if let Some(in_head) = in_head {
            let (start, tokens) = lines_above(rope, at, in_head, &limits, count);
            if start == 0 || in_head <= limits.low {
                self.start = start;
                return tokens;
            }
        }
        // Not even the line's head fits: the window begins inside of it.
        let kept = ending(&head, limits.low, count);
        self.start = at.offset - kept.len();
        count(kept)
    }
}

/// The first byte of the lines above that go with a head of so many tokens, and the tokens of all.
fn lines_above(
    rope: &Rope,
    at: &Cursor,
    in_head: usize,
    limits: &Limits,
    count: Count<'_>,
) -> (usize, usize) {
    let mut low = (at.line, in_head);
    let mut tokens = in_head;
    for number in (0..at.number).rev() {
        let line = rope.line_to_byte(number)..rope.line_to_byte(number + 1);
        let Some(more) = fits(rope, line.clone(), limits.renew - tokens, count) else {
            return low;
        };
        tokens += more;
        if tokens <= limits.low {
            low = (line.start, tokens);
        }
    }
    (0, tokens)
}

/// Tokens of a line if they are within the limit; a line far too long is not even copied.
fn fits(
    rope: &Rope,
    line: std::ops::Range<usize>,
    limit: usize,
    count: Count<'_>,
) -> Option<usize> {
    if line.len() > limit.saturating_mul(BYTES_PER_TOKEN) + 2 {
        return None;
    }
    measure(&plain(rope, line), limit, count)
}

/// The path with its line break; of one too long the last folders, or the end of the file's name.
fn file(path: &str, limit: usize, count: Count<'_>) -> String {
    let path = one_line(path).replace('\\', "/");
    let starts = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1));
    let mut shorter = starts.map(|at| format!("{}\n", &path[at..]));
    let fits = shorter.find(|path| measure(path, limit, count).is_some());
    let name = path.rsplit('/').next().unwrap_or_default();
    fits.unwrap_or_else(|| format!("{}\n", ending(name, limit.saturating_sub(1), count)))
}

fn pieces(pieces: &[Piece], budget: usize, count: Count<'_>) -> Vec<String> {
    let mut left = budget;
    let mut texts = Vec::new();
    for Piece { path, text } in pieces {
        if left < LEAST_PIECE {
            break;
        }
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let text = format!("{}\n{text}{end}", one_line(path));
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let (fits, tokens) = first_lines(&text, left - 1, count);
        // A path alone tells nothing.
        if fits.lines().count() < 2 {
            continue;
        }
        texts.push(fits.to_owned());
        left -= tokens + 1;
    }
    texts
}

fn suffix(rope: &Rope, at: &Cursor, limit: usize, count: Count<'_>) -> String {
    if at.number + 1 >= rope.len_lines() {
        return String::new();
    }
    let start = rope.line_to_byte(at.number + 1);
    let end = floor_boundary(rope, start + limit * BYTES_PER_TOKEN);
    let text = plain(rope, start..end.max(start));
    first_lines(&text, limit, count).0.to_owned()
}

/// The first lines below that are not blank, trimmed and cut: enough to know them again, also
/// behind as many new ones.
fn lines_below(rope: &Rope, at: &Cursor) -> Vec<String> {
    let lines = rope
        .lines_at(at.number + 1)
        .take(16 * LINES_COMPARED)
        .map(|line| {
            let line = without_end(line);
            let end = line.char_to_byte(line.byte_to_char(line.len_bytes().min(OPENING)));
            line.byte_slice(..end).to_string().trim().to_owned()
        });
    lines
        .filter(|line| !line.is_empty())
        .take(2 * LINES_COMPARED)
        .collect()
}

/// Whether the lines a frozen suffix begins with still stand right below the cursor, behind at most
/// a few new ones: an auto-closed brace, a pasted line. Otherwise the cursor has jumped. Fewer
/// frozen lines than are compared mean that the document ends with them, so it must still.
fn is_same_place(frozen: &[String], below: &[String]) -> bool {
    let to_the_end = frozen.len() < LINES_COMPARED;
    (0..LINES_COMPARED)
        .filter_map(|new| below.get(new..))
        .any(|below| below.starts_with(frozen) && (!to_the_end || below.len() == frozen.len()))
}

fn one_line(path: &str) -> String {
    path.replace(['\r', '\n'], " ")
}
