//! Writing a prompt in a foreign format. What stays from key to key is the same [`Window`] as for the
//! embedded model; only the order and the tokens differ.

use super::{Files, Format, Order, Part};
use crate::prompt::fim::{self, Cursor, Input, Window};
use crate::prompt::{Budget, Count, Prompt, Section};

/// Tokens of the suffix where it is run anew with each new line or key.
const SHORT_SUFFIX: usize = 128;

/// The prompt at the cursor in `format`, and the window to hand in with the next one; see
/// [`fim::fim`], which this is for the embedded model's format.
///
/// The rest of the cursor's line is shown to nobody but plain PSM, in which every key runs the suffix
/// anew anyway: elsewhere it would cost the prefix with each closer that an editor adds.
pub fn write(
    format: &Format,
    input: &Input<'_>,
    window: &Window,
    count: Count<'_>,
) -> (Prompt, Window) {
    if format.is_own() {
        return fim::fim(input, window, count);
    }
    let budget = Budget {
        suffix: match format.order {
            Order::Spm => input.budget.suffix,
            Order::Plain => 0,
            Order::Psm | Order::PsmHead => input.budget.suffix.min(SHORT_SUFFIX),
        },
        ..*input.budget
    };
    let input = Input {
        budget: &budget,
        ..*input
    };
    let at = Cursor::of(&input);
    let window = window.follow(&input, &at, count);
    let rope = input.doc.rope();
    let texts = Texts {
        path: window.file().trim_end_matches('\n'),
        language: input.doc.language().name(),
        comment: input.doc.language().syntax().line_comment.unwrap_or("#"),
        lines: fim::plain(rope, window.start().min(at.line)..at.line),
        head: fim::plain(rope, window.start().max(at.line)..at.offset),
        suffix: match format.order {
            Order::Psm => format!(
                "{}\n{}",
                fim::plain(rope, at.offset..at.end),
                window.suffix()
            ),
            _ => window.suffix().to_owned(),
        },
        pieces: window.pieces(),
    };
    let sections = texts.sections(format);
    (Prompt { sections }, window)
}

/// The prompt between two short texts of no document in particular, to try which format a model was
/// trained on.
pub fn between(format: &Format, prefix: &str, suffix: &str) -> Prompt {
    let line = prefix.rfind('\n').map_or(0, |at| at + 1);
    let below = suffix.split_once('\n').map_or("", |(_, below)| below);
    let texts = Texts {
        path: "src/main",
        language: "Text",
        comment: "#",
        lines: prefix[..line].to_owned(),
        head: prefix[line..].to_owned(),
        suffix: match format.order {
            Order::Psm => suffix.to_owned(),
            _ => below.to_owned(),
        },
        pieces: &[],
    };
    Prompt {
        sections: texts.sections(format),
    }
}

/// What the places of a format are filled with.
struct Texts<'a> {
    path: &'a str,
    language: &'static str,
    comment: &'static str,
    lines: String,
    head: String,
    suffix: String,
    /// Each with its path in the first line.
    pieces: &'a [String],
}

/// Sections under construction: texts that touch are one, since they are encoded alone.
#[derive(Default)]
struct Sections {
    done: Vec<Section>,
    text: String,
    opens: bool,
}

impl Sections {
    fn token(&mut self, spelling: &str) {
        self.end_text();
        self.done.push(Section::Token(spelling.to_owned()));
    }

    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn end_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            self.done.push(match self.opens {
                true => Section::Opening(text),
                false => Section::Text(text),
            });
        }
        self.opens = false;
    }
}

impl Texts<'_> {
    fn sections(&self, format: &Format) -> Vec<Section> {
        let mut out = Sections::default();
        for part in format.parts.iter() {
            match part {
                Part::Files => self.files(&format.files, &mut out),
                Part::Prefix => {
                    // The text that a vocabulary with a blank before each text begins anew with.
                    out.opens = true;
                    out.text(&self.lines);
                    if format.order != Order::PsmHead {
                        out.text(&self.head);
                    }
                }
                part => self.part(part, &mut out),
            }
        }
        if format.order == Order::PsmHead {
            out.text(&self.head);
        }
        out.end_text();
        out.done
    }

    fn part(&self, part: &Part, out: &mut Sections) {
        match part {
            Part::Token(spelling) => out.token(spelling),
            Part::Text(text) => out.text(text),
            Part::Suffix => out.text(&self.suffix),
            Part::Path => out.text(self.path),
            Part::Language => out.text(self.language),
            Part::Files | Part::Prefix => {}
        }
    }

    fn parts(&self, parts: &[Part], out: &mut Sections) {
        for part in parts {
            self.part(part, out);
        }
    }

    fn files(&self, files: &Files, out: &mut Sections) {
        if self.pieces.is_empty() {
            return;
        }
        let Files::Form {
            before,
            path: named,
            between,
            behind,
            document,
        } = files
        else {
            return self.as_comments(out);
        };
        self.parts(before, out);
        for piece in self.pieces {
            let (path, text) = piece.split_once('\n').unwrap_or(("", piece));
            if let Some(named) = named {
                self.parts(named, out);
                out.text(path);
                self.parts(between, out);
            }
            out.text(text);
            self.parts(behind, out);
        }
        self.parts(document, out);
    }

    /// Each line behind the language's sign for a comment.
    fn as_comments(&self, out: &mut Sections) {
        for piece in self.pieces {
            for line in piece.lines() {
                out.text(self.comment);
                out.text(" ");
                out.text(line);
                out.text("\n");
            }
        }
    }
}
