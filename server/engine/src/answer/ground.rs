//! What an answer rests on: its citations, the places and the names that it mentions.
//!
//! A model cites `[S3]`; we know what S3 is, so it never authors a path. What it writes of paths anyway is looked up.

use crate::assist::prompt::Placed;
use crate::assist::section::{Section, SectionId};

/// What an answer may rest on.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The sections of the prompt.
    pub sections: &'a [Placed],
    /// The address at which an editor opens a section's source; `None` for text without links.
    pub link: &'a dyn Fn(&Section) -> Option<String>,
    /// Whether a line of a file is there: workspace-relative path, line from 1.
    pub line_exists: &'a dyn Fn(&str, u32) -> bool,
    /// Whether a name stands in the document or is defined in the workspace; the prompt's own text is looked at first.
    pub name_exists: &'a dyn Fn(&str) -> bool,
    /// Claims without a source are hidden.
    pub strict: bool,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("sections", &self.sections.len())
            .field("strict", &self.strict)
            .finish_non_exhaustive()
    }
}

/// How well an answer is founded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Grounding {
    /// Paragraphs and items of more than four words.
    pub claims: usize,
    /// Those with a citation of a section that exists.
    pub supported: usize,
    /// Citations of sections that exist, each once.
    pub cited: Vec<SectionId>,
    /// Citations of sections that do not.
    pub false_citations: usize,
    /// Places in files that the model wrote itself and that are there.
    pub places: usize,
    /// Those that are not.
    pub false_places: usize,
    /// Names in back-ticks that stand in the prompt or are known.
    pub names: usize,
    /// Those that are nowhere.
    pub false_names: usize,
}

/// Below this score the answer carries a note. A guess, to be calibrated.
pub const LOW: f32 = 0.5;

/// Weights of the parts of [`Grounding::score`]: claims, names, places, the best hit, the mean probability. Guesses.
const WEIGHTS: [f32; 5] = [0.4, 0.25, 0.15, 0.1, 0.1];

impl Grounding {
    /// From 0 to 1: the weighted mean of the shares of supported claims, of known names, of true places and citations,
    /// of the best hit's score and of the model's mean probability per token, as far as each of them is there.
    pub fn score(&self, best_hit: Option<f32>, mean_probability: Option<f32>) -> f32 {
        let share = |good: usize, bad: usize| match good + bad {
            0 => None,
            all => Some(good as f32 / all as f32),
        };
        let true_places = self.places + self.cited.len();
        let parts = [
            share(self.supported, self.claims - self.supported),
            share(self.names, self.false_names),
            share(true_places, self.false_places + self.false_citations),
            best_hit,
            mean_probability,
        ];
        let there = || {
            let pairs = parts.iter().zip(WEIGHTS);
            pairs.filter_map(|(part, weight)| part.map(|part| (part.clamp(0.0, 1.0), weight)))
        };
        let weights: f32 = there().map(|(_, weight)| weight).sum();
        match weights > 0.0 {
            true => there().map(|(part, weight)| part * weight).sum::<f32>() / weights,
            false => 0.0,
        }
    }

    pub(super) fn cite(&mut self, id: SectionId) {
        if !self.cited.contains(&id) {
            self.cited.push(id);
        }
    }
}

/// The section of this number.
pub(super) fn section(sections: &[Placed], number: u32) -> Option<&Placed> {
    sections.iter().find(|placed| placed.id.0 == number)
}

/// A citation at the start of `text`, which begins with `[`: its numbers and its bytes. `[S3]` or `[S1, S4]`.
pub(super) fn citation(text: &str) -> Option<(Vec<u32>, usize)> {
    let near = &text[..text.floor_char_boundary(60)];
    let end = near.find(']')?;
    let mut numbers = Vec::new();
    for part in text[1..end].split([',', ';']) {
        let digits = part.trim().strip_prefix('S')?;
        if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        numbers.push(digits.parse().ok()?);
    }
    Some((numbers, end + 1))
}

/// The first citation in a text: where, and which numbers.
pub(super) fn first_citation(text: &str) -> Option<(std::ops::Range<usize>, Vec<u32>)> {
    let mut brackets = text.match_indices('[');
    brackets.find_map(|(at, _)| {
        let (numbers, length) = citation(&text[at..])?;
        Some((at..at + length, numbers))
    })
}

/// A place such as `src/a.rs:10` or `a.rs:3-7` in a text.
pub(super) struct Place<'a> {
    /// Where it ends.
    pub(super) end: usize,
    pub(super) path: &'a str,
    pub(super) lines: (u32, u32),
}

/// The first place in a text: a path whose last part has an extension, a colon, a line, perhaps a last line.
pub(super) fn place(text: &str) -> Option<Place<'_>> {
    let of_path = |c: char| c.is_alphanumeric() || "_-./\\".contains(c);
    for (colon, _) in text.match_indices(':') {
        let number = |from: usize| {
            let digits = text[from..].bytes().take_while(u8::is_ascii_digit).count();
            let number = text[from..from + digits].parse::<u32>().ok();
            number.map(|number| (number, from + digits))
        };
        let Some((first, end)) = number(colon + 1) else {
            continue;
        };
        let before = text[..colon].rfind(|c| !of_path(c));
        let start = before.map_or(0, |at| {
            text[at..].chars().next().map_or(at, |c| at + c.len_utf8())
        });
        let path = text[start..colon].trim_start_matches(['.', '/', '\\']);
        let named = path.rsplit_once('.').is_some_and(|(stem, extension)| {
            let letters = extension.bytes().all(|b| b.is_ascii_alphanumeric());
            !stem.is_empty()
                && (1..=8).contains(&extension.len())
                && letters
                && extension.starts_with(|c: char| c.is_ascii_alphabetic())
        });
        // A host with a port is no place.
        if !named || text[..start].ends_with("//") {
            continue;
        }
        let last = match text[end..].starts_with('-') {
            true => number(end + 1),
            false => None,
        };
        let (last, end) = last.unwrap_or((first, end));
        return Some(Place {
            end,
            path,
            lines: (first, last),
        });
    }
    None
}

/// Whether a place is shown in the prompt or there in the workspace, its last line too.
pub(super) fn is_there(place: &Place<'_>, sources: &Sources<'_>) -> bool {
    let (first, last) = place.lines;
    let shown = sources.sections.iter().any(|placed| {
        placed.section.source.as_ref().is_some_and(|source| {
            source.path == place.path
                && source.lines.contains(&first)
                && source.lines.contains(&last)
        })
    });
    let there = |line| (sources.line_exists)(place.path, line);
    first > 0 && first <= last && (shown || there(first) && there(last))
}

/// The name in a code span, if it is one: `Cache::put`, `self.map`, `put()`, reduced to its last part.
pub(super) fn name(code: &str) -> Option<&str> {
    let code = code
        .strip_suffix("()")
        .unwrap_or(code)
        .trim_start_matches(['&', '*', '@']);
    let code = code.strip_suffix('!').unwrap_or(code);
    let last = code.rsplit([':', '.', '>']).next()?;
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let whole = code.chars().all(|c| part(c) || ":.->".contains(c));
    let named = last.len() >= 3 && last.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (whole && named && last.chars().all(part)).then_some(last)
}

/// Whether a name stands in the prompt, or is known otherwise.
pub(super) fn is_known(name: &str, sources: &Sources<'_>) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let stands = |text: &str| {
        text.match_indices(name).any(|(at, _)| {
            !text[..at].ends_with(part) && !text[at + name.len()..].starts_with(part)
        })
    };
    let mut texts = sources
        .sections
        .iter()
        .map(|placed| placed.section.text.as_str());
    texts.any(stands) || (sources.name_exists)(name)
}
