//! What is played: files without their hunks, and the strokes that bring these back.

use foretoken_tests::random::Random;

use super::history::{Repository, language};
use super::hunks::Hunk;
use super::steps::{self, Closing, Step, Stroke};

/// What a trace is an example of. The figures of the classes are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Inserted lines, typed key by key; what all gates are about.
    Type,
    /// With wrong characters taken back, and keys deleted and typed again.
    Retype,
    /// With words and whole suggestions accepted where they are right.
    Accept,
    /// The first half pasted.
    Paste,
    /// Two places of one commit in turn, line by line: the first visit is cold, the others warm.
    Jump,
    /// Blocks whose closing bracket the editor writes before their lines are typed.
    Enter,
    /// So many lines that the prompt's window has to move.
    Long,
    /// With several keys undone as one change.
    Undo,
}

impl Class {
    /// All of them in the order of the report.
    pub const ALL: [Class; 8] = [
        Class::Type,
        Class::Retype,
        Class::Accept,
        Class::Paste,
        Class::Jump,
        Class::Enter,
        Class::Long,
        Class::Undo,
    ];

    /// Its word on the command line and in the report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Class::Type => "type",
            Class::Retype => "retype",
            Class::Accept => "accept",
            Class::Paste => "paste",
            Class::Jump => "jump",
            Class::Enter => "enter",
            Class::Long => "long",
            Class::Undo => "undo",
        }
    }
}

/// One open file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Relative to its repository.
    pub path: String,
    /// The editor's word for its language.
    pub language: &'static str,
    /// The language that it is reported under.
    pub group: &'static str,
    /// Its text with an empty line in place of each hunk.
    pub text: String,
}

/// One empty line and what belongs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Number of the document.
    pub document: usize,
    /// The byte of the empty line in the text as opened.
    pub at: usize,
    /// What is written there.
    pub target: String,
}

/// One trace.
#[derive(Debug, Clone)]
pub struct Trace {
    /// What it is an example of.
    pub class: Class,
    /// Repository, commit and place, for whoever wants to look.
    pub place: String,
    /// Its files.
    pub documents: Vec<Document>,
    /// Its places; writing begins in the first one.
    pub regions: Vec<Region>,
    /// Its keys.
    pub strokes: Vec<Stroke>,
    /// What the gaps and choices of its typist come from.
    pub seed: u64,
}

/// Lines of a hunk at most, but for the class `long`.
const LINES: usize = 12;

/// Lines of a hunk of the class `long`: enough to move a window of 800 tokens.
const LONG: std::ops::RangeInclusive<usize> = 60..=300;

/// Characters of a hunk, blanks not counted, at least: less is no typing.
const CHARACTERS: usize = 8;

/// Bytes of a file at most, and of a line: larger ones are data.
const FILE: usize = 200_000;
const LINE: usize = 400;

/// Strokes of a trace of the class `long` at most.
pub const LONGEST: usize = 2000;

/// Whether a hunk may become a trace of this class, before its file is looked at.
#[must_use]
pub fn suits(class: Class, hunk: &Hunk) -> bool {
    let lines = hunk.lines.len();
    let characters: usize = hunk.lines.iter().map(|line| line.trim().len()).sum();
    let plain = |line: &String| line.len() <= LINE && !line.contains(['\r', '\u{fffd}']);
    let long_enough = match class {
        Class::Long => LONG.contains(&lines),
        Class::Paste => (3..=LINES).contains(&lines),
        _ => lines <= LINES && !hunk.new_file,
    };
    long_enough && characters >= CHARACTERS && hunk.lines.iter().all(plain)
}

/// The trace of one hunk, or for [`Class::Jump`] of two of one commit. `None` where the files do not
/// fit: too large, no UTF-8, or nothing in the hunk that the class is about.
///
/// # Errors
/// What git says, as a sentence.
pub fn trace(
    class: Class,
    repository: &Repository,
    hunks: &[&Hunk],
    seed: u64,
) -> Result<Option<Trace>, String> {
    let (mut documents, mut regions) = (Vec::new(), Vec::new());
    let mut paths: Vec<&str> = hunks.iter().map(|hunk| hunk.path.as_str()).collect();
    paths.dedup();
    for path in paths {
        let of_file: Vec<&Hunk> = hunks.iter().copied().filter(|h| h.path == path).collect();
        let Some(text) = repository.text(&of_file[0].commit, path)? else {
            return Ok(None);
        };
        let (Some((text, places)), Some((id, group))) = (without(&text, &of_file), language(path))
        else {
            return Ok(None);
        };
        for (hunk, at) in of_file.iter().zip(places) {
            regions.push(Region {
                document: documents.len(),
                at,
                target: hunk.lines.join("\n").trim_end_matches('\n').to_owned(),
            });
        }
        documents.push(Document {
            path: path.to_owned(),
            language: id,
            group,
            text,
        });
    }
    let strokes = strokes(class, &regions, seed);
    let first = hunks[0];
    let (commit, line) = (first.commit.get(..8).unwrap_or_default(), first.line + 1);
    let trace = Trace {
        class,
        place: format!("{} {commit} {}:{line}", repository.name, first.path),
        documents,
        regions,
        strokes,
        seed,
    };
    Ok(trace.shows_its_class().then_some(trace))
}

fn strokes(class: Class, regions: &[Region], seed: u64) -> Vec<Stroke> {
    let text = &regions[0].target;
    let random = &mut Random::new(seed);
    match class {
        Class::Type => steps::strokes(text, Closing::Pairs),
        Class::Accept => steps::strokes(text, Closing::None),
        Class::Enter => steps::strokes(text, Closing::Blocks),
        Class::Retype => steps::with_slips(text, random),
        Class::Undo => steps::with_undos(text, random),
        Class::Paste => steps::with_paste(text),
        Class::Jump => in_turn(regions),
        Class::Long => {
            let mut strokes = steps::strokes(text, Closing::None);
            strokes.truncate(LONGEST);
            strokes
        }
    }
}

/// A line of each region in turn, with a jump in between.
fn in_turn(regions: &[Region]) -> Vec<Stroke> {
    let lines_of = |region: &Region| {
        let mut lines: Vec<Vec<Stroke>> = vec![Vec::new()];
        for stroke in steps::strokes(&region.target, Closing::None) {
            let breaks = matches!(&stroke.step, Step::Write { text, .. } if text.starts_with('\n'));
            if breaks {
                lines.push(Vec::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(stroke);
            }
        }
        lines
    };
    let lines: Vec<Vec<Vec<Stroke>>> = regions.iter().map(lines_of).collect();
    let rounds = lines.iter().map(Vec::len).max().unwrap_or(0);
    let (mut made, mut here): (Vec<Stroke>, usize) = (Vec::new(), 0);
    for round in 0..rounds {
        for (region, lines) in lines.iter().enumerate() {
            let Some(line) = lines.get(round).filter(|line| !line.is_empty()) else {
                continue;
            };
            if region != here {
                let warm = round > 0 || region == 0;
                let at = line[0].clone();
                made.push(Stroke {
                    step: Step::Jump { region, warm },
                    ..at
                });
                here = region;
            }
            made.extend(line.iter().cloned());
        }
    }
    made
}

/// The file without these hunks of it and the bytes of the empty lines in their places; `None` where it
/// is none to type in, or the hunks are not in it.
fn without(text: &str, hunks: &[&Hunk]) -> Option<(String, Vec<usize>)> {
    if text.len() > FILE || text.contains('\r') {
        return None;
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let (mut made, mut places, mut from) = (String::new(), Vec::new(), 0);
    for hunk in hunks {
        let end = hunk.line + hunk.lines.len();
        let theirs = lines.get(hunk.line..end)?;
        if hunk.line < from || theirs != hunk.lines {
            return None;
        }
        for line in &lines[from..hunk.line] {
            made.push_str(line);
            made.push('\n');
        }
        places.push(made.len());
        made.push('\n');
        from = end;
    }
    made.push_str(&lines[from..].join("\n"));
    Some((made, places))
}

impl Trace {
    /// Keys pressed, commands and jumps not counted.
    #[must_use]
    pub fn keys(&self) -> usize {
        let is_key = |stroke: &&Stroke| !matches!(stroke.step, Step::Jump { .. });
        self.strokes.iter().filter(is_key).count()
    }

    /// It does at least once what its class is about.
    fn shows_its_class(&self) -> bool {
        let has = |wanted: fn(&Step) -> bool| self.strokes.iter().any(|s| wanted(&s.step));
        match self.class {
            Class::Type | Class::Accept | Class::Long => !self.strokes.is_empty(),
            Class::Retype => has(|s| matches!(s, Step::Delete(_))),
            Class::Undo => has(|s| matches!(s, Step::Undo(_))),
            Class::Paste => has(|s| matches!(s, Step::Paste(_))),
            Class::Jump => has(|s| matches!(s, Step::Jump { .. })),
            Class::Enter => has(|s| matches!(s, Step::Skip(_))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunk(line: usize, lines: &[&str]) -> Hunk {
        Hunk {
            commit: "c".to_owned(),
            path: "a.rs".to_owned(),
            line,
            lines: lines.iter().map(|&l| l.to_owned()).collect(),
            new_file: false,
        }
    }

    #[test]
    fn hunks_leave_empty_lines() {
        let text = "a\nb\nc\nd\ne\n";
        let (b, d) = (hunk(1, &["b"]), hunk(3, &["d", "e"]));
        let (made, places) = without(text, &[&b, &d]).unwrap();
        assert_eq!((made.as_str(), places), ("a\n\nc\n\n", vec![2, 5]));
        assert_eq!(without(text, &[&d, &b]), None, "not in order");
        assert_eq!(without(text, &[&hunk(1, &["x"])]), None, "not there");
        assert_eq!(without("a\r\n", &[&hunk(0, &["a"])]), None);
        let whole = without("a\nb", &[&hunk(1, &["b"])]).unwrap();
        assert_eq!(whole.0, "a\n\n", "a last line without an end");
    }

    #[test]
    fn classes_take_the_hunks_that_suit_them() {
        let short = hunk(0, &["let a = 1;"]);
        assert!(suits(Class::Type, &short) && !suits(Class::Paste, &short));
        assert!(!suits(Class::Type, &hunk(0, &["}"])));
        assert!(!suits(Class::Type, &hunk(0, &["some line"; 13])));
        assert!(suits(Class::Long, &hunk(0, &["some line"; 70])));
        assert!(!suits(Class::Type, &hunk(0, &["a line\r"])));
    }

    #[test]
    fn places_are_visited_in_turn() {
        let region = |target: &str| Region {
            document: 0,
            at: 0,
            target: target.to_owned(),
        };
        let made = in_turn(&[region("a\nb"), region("c\nd\ne")]);
        let seen: String = made
            .iter()
            .map(|stroke| match &stroke.step {
                Step::Write { text, .. } => text.replace('\n', "/"),
                Step::Jump { region, warm } => {
                    format!("[{region}{}]", if *warm { "w" } else { "c" })
                }
                _ => unreachable!("nothing else was asked for"),
            })
            .collect();
        assert_eq!(seen, "a[1c]c[0w]/b[1w]/d/e");
    }
}
