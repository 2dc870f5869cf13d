//! The filters against the truth: real code with a piece taken out is asked for the piece. Whatever is generated, what is
//! shown is a beginning of the truth or nothing, and a model that runs on into the text below never shows any of that.
//!
//! The files are those of the latency bench, one in each style of blocks.

use foretoken_grammars::Language::{self, Go, Java, Python, Rust, TypeScript};

use super::tests::at;
use super::*;

const SAMPLES: &[(Language, &str)] = &[
    (
        Rust,
        include_str!("../../../../benches/samples/inventory.rs.txt"),
    ),
    (
        Python,
        include_str!("../../../../benches/samples/report.py.txt"),
    ),
    (Go, include_str!("../../../../benches/samples/queue.go.txt")),
    (
        TypeScript,
        include_str!("../../../../benches/samples/cart.ts.txt"),
    ),
    (
        Java,
        include_str!("../../../../benches/samples/Matrix.java.txt"),
    ),
];

/// Without the marks that the bench puts around what is typed.
fn samples() -> impl Iterator<Item = (Language, String)> {
    let plain = |(language, text): &(Language, &str)| (*language, text.replace(['«', '»'], ""));
    SAMPLES.iter().map(plain)
}

/// A file with a piece taken out: where the cursor stands, what is missing there, what follows.
struct Hole<'a> {
    language: Language,
    before: &'a str,
    missing: &'a str,
    after: &'a str,
}

impl Hole<'_> {
    /// What is shown of `text`, with `\n` for every line end.
    fn shown(&self, text: &str, ended: bool) -> Result<String, Reject> {
        let (doc, place) = at(self.language, &format!("{}$0{}", self.before, self.after));
        let raw = Raw {
            text,
            tokens: &[],
            ended,
        };
        finish(&raw, &doc, &place, place.mode(), None).map(|shown| plain(&shown.text))
    }

    /// Fails unless what is shown of `text` is a beginning of what is missing.
    fn check(&self, text: &str, ended: bool) -> Result<String, Reject> {
        let shown = self.shown(text, ended);
        if let Ok(shown) = &shown {
            assert!(
                plain(self.missing).starts_with(shown.as_str()),
                "{text:?} gave {shown:?} for {:?}, between {:?} and {:?}",
                self.missing,
                last(self.before),
                self.after.lines().next(),
            );
        }
        shown
    }
}

fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn last(text: &str) -> &str {
    text.rsplit('\n').next().unwrap_or_default()
}

/// Holes of one and of three lines at every other line, from the start of a line's text, from within it, and from the end of the line before.
fn holes(each: &mut dyn FnMut(&Hole<'_>)) {
    for (language, text) in samples() {
        let text = &text;
        let lines: Vec<(usize, &str)> = lines::lines(text).collect();
        for (number, (start, line)) in lines.iter().enumerate().step_by(2) {
            let text_start = start + line.len() - line.trim_start().len();
            let within = line
                .char_indices()
                .map(|(at, _)| start + at)
                .find(|at| *at > text_start + 3 && is_start(text, *at));
            let line_before = start.checked_sub(1);
            for from in [Some(text_start), within, line_before]
                .into_iter()
                .flatten()
            {
                for (end, last) in lines[number..].iter().take(3).step_by(2) {
                    let to = end + last.len();
                    if from < to && !text[from..to].trim().is_empty() {
                        each(&Hole {
                            language,
                            before: &text[..from],
                            missing: &text[from..to],
                            after: &text[to..],
                        });
                    }
                }
            }
        }
    }
}

/// A word, or what is none, begins here.
fn is_start(text: &str, at: usize) -> bool {
    lines::is_word_start(text, at)
}

/// The truth itself comes through: most of it whole, and what is missing of it is missing at its end.
#[test]
fn the_truth_is_kept() {
    let (mut all, mut kept, mut whole) = (0, 0, 0);
    holes(&mut |hole| {
        let wanted = match at(hole.language, &format!("{}$0{}", hole.before, hole.after)) {
            (_, place) if place.mode() == Mode::Block => hole.missing.trim_end(),
            _ => hole.missing.lines().next().unwrap_or_default().trim_end(),
        };
        if wanted.is_empty() {
            // A line was asked for that is complete.
            return;
        }
        all += 1;
        if let Ok(shown) = hole.check(hole.missing, true) {
            kept += 1;
            whole += usize::from(shown == wanted);
        }
    });
    assert!(all > 300, "{all}");
    assert!(kept * 100 >= all * 90, "{kept} of {all}");
    assert!(whole * 100 >= kept * 60, "{whole} of {kept}");
}

/// A model that does not stop says the text below as well. None of it is shown, however far it runs.
#[test]
fn running_on_shows_nothing_of_what_follows() {
    holes(&mut |hole| {
        for further in [1, 4] {
            let more: Vec<&str> = hole.after.split_inclusive('\n').take(further + 1).collect();
            let text = format!("{}{}", hole.missing, more.concat());
            let _ = hole.check(&text, true);
        }
    });
}

/// Broken off anywhere by a budget: still a beginning of the truth, and no half word of it unless that is all there is.
#[test]
fn broken_off_shows_no_half_word() {
    holes(&mut |hole| {
        for share in [3, 5, 8] {
            let end = lines::floor(hole.missing, hole.missing.len() * share / 10);
            if let Ok(shown) = hole.check(&hole.missing[..end], false) {
                let missing = plain(hole.missing);
                let rest = &missing[shown.len()..];
                let torn = rest.starts_with(lines::is_word) && shown.ends_with(lines::is_word);
                assert!(!torn || !shown.trim().contains(' '), "{shown:?} {rest:?}");
            }
        }
    });
}

/// With other line ends the same is shown.
#[test]
fn line_ends_do_not_matter() {
    holes(&mut |hole| {
        let dos = |text: &str| text.replace('\n', "\r\n");
        let (before, missing, after) = (dos(hole.before), dos(hole.missing), dos(hole.after));
        let other = Hole {
            language: hole.language,
            before: &before,
            missing: &missing,
            after: &after,
        };
        let shown = hole.shown(hole.missing, true);
        // Models write `\n`; a text copied from the document has its own.
        for text in [hole.missing, &missing] {
            assert_eq!(other.shown(text, true), shown, "{text:?}");
        }
    });
}

/// Nothing is missing, and the model says what follows: as it stands, indented otherwise, and with the line broken off.
#[test]
fn what_follows_is_never_shown_again() {
    for (language, text) in samples() {
        let lines: Vec<(usize, &str)> = lines::lines(&text).collect();
        for (number, (start, line)) in lines.iter().enumerate() {
            let blank = line.len() - line.trim_start().len();
            let (before, after) = text.split_at(*start);
            let fixture = format!("{before}{}$0\n{after}", &line[..blank]);
            let (doc, place) = at(language, &fixture);
            let below: Vec<&str> = lines[number..]
                .iter()
                .take(3)
                .map(|(_, line)| *line)
                .collect();
            // A lone closer may be what the model wants to say; the balance is tested elsewhere.
            if lines::is_weak(below[0]) {
                continue;
            }
            let shifted: Vec<String> = below.iter().map(|line| format!("  {line}")).collect();
            for said in [
                below[0].trim_start().to_owned(),
                below.join("\n").trim_start().to_owned(),
                shifted.join("\n"),
            ] {
                let raw = Raw {
                    text: &said,
                    tokens: &[],
                    ended: true,
                };
                let shown = finish(&raw, &doc, &place, place.mode(), None);
                assert!(shown.is_err(), "{said:?} gave {shown:?} before {below:?}");
            }
        }
    }
}
