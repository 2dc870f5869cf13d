//! Documentation apart from what it documents: questions of set D and pairs that the embedder learns from.
//!
//! *Documentation* is the comment above a definition, or the string that a Python body begins with. It is
//! told by its marks, line by line; what is no comment (attributes, decorators) belongs to the code.

use foretoken_engine::chunk::{Chunk, Kind, chunks};

/// A definition of a file with what its documentation says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documented {
    /// Its number among the chunks of the file.
    pub chunk: usize,
    /// The first paragraph, its marks taken off, on one line.
    pub paragraph: String,
    /// The lines of the file, from 0, that hold documentation.
    pub lines: Vec<usize>,
    /// The line of the definition's head, from 0.
    pub head: usize,
}

/// A paragraph with fewer words asks for nothing in particular.
const FEWEST_WORDS: usize = 4;
/// Characters of a paragraph; a person asks in fewer.
const LONGEST: usize = 300;
/// Lines below a definition's head within which a Python body begins.
const HEAD_LINES: usize = 15;

/// The documented definitions of a file, in order.
#[must_use]
pub fn documented(path: &str, text: &str, chunks: &[Chunk]) -> Vec<Documented> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let python = path.ends_with(".py") || path.ends_with(".pyi");
    let one = |(number, chunk): (usize, &Chunk)| {
        let defines = matches!(chunk.kind, Kind::Function | Kind::Type | Kind::Value);
        if !defines || chunk.name.is_empty() || chunk.signature.start < chunk.bytes.start {
            return None;
        }
        let first = chunk.lines.start as usize;
        let head = first
            + text[chunk.bytes.start..chunk.signature.start]
                .matches('\n')
                .count();
        let end = (chunk.lines.end as usize).min(lines.len());
        let found = if python {
            docstring(&lines, head, end)
        } else {
            above(&lines, first, head)
        };
        let (said, held) = found?;
        let paragraph = paragraph(&said)?;
        Some(Documented {
            chunk: number,
            paragraph,
            lines: held,
            head,
        })
    };
    chunks.iter().enumerate().filter_map(one).collect()
}

/// A file without the documentation of its definitions, and their paragraphs, each with the line, from 0,
/// on which its definition's head stands now.
#[must_use]
pub fn undocumented(path: &str, text: &str) -> (String, Vec<(String, u32)>) {
    let found = documented(path, text, &chunks(path, text, &mut || false));
    let mut gone = vec![false; text.split_inclusive('\n').count()];
    for line in found.iter().flat_map(|one| one.lines.iter().copied()) {
        if let Some(gone) = gone.get_mut(line) {
            *gone = true;
        }
    }
    let kept = text.split_inclusive('\n').zip(&gone);
    let kept: String = kept.filter(|(_, gone)| !**gone).map(|(l, _)| l).collect();
    let moved = |head: usize| gone[..head].iter().filter(|gone| !**gone).count() as u32;
    let questions = found
        .into_iter()
        .map(|one| (one.paragraph, moved(one.head)))
        .collect();
    (kept, questions)
}

/// The lines of a documentation without their marks, and their numbers.
type Said = (Vec<String>, Vec<usize>);

/// The lines of comment directly above a head.
fn above(lines: &[&str], first: usize, head: usize) -> Option<Said> {
    let mut said = Vec::new();
    let mut held = Vec::new();
    let mut inside = false;
    for (number, line) in lines.iter().enumerate().take(head).skip(first) {
        let line = line.trim();
        let opens = line.starts_with("/*");
        let comment = inside || opens || line.starts_with("//") || line.starts_with("--");
        if !comment {
            continue;
        }
        inside = (inside || opens) && !line.contains("*/");
        let bare = line
            .trim_end_matches("*/")
            .trim_start_matches(['/', '*', '!', '-']);
        said.push(bare.trim().to_owned());
        held.push(number);
    }
    (!said.is_empty()).then_some((said, held))
}

/// The string that a body begins with, and the lines it takes.
fn docstring(lines: &[&str], head: usize, end: usize) -> Option<Said> {
    let below = head + 1..end.min(head + HEAD_LINES);
    let start = below.into_iter().find(|at| {
        let bare = lines[*at].trim_start().trim_start_matches(['r', 'R', 'u']);
        let ends_head = lines[..*at].iter().rev().find(|l| !l.trim().is_empty());
        (bare.starts_with("\"\"\"") || bare.starts_with("'''"))
            && ends_head.is_some_and(|line| line.trim_end().ends_with(':'))
    })?;
    let bare = lines[start].trim().trim_start_matches(['r', 'R', 'u']);
    let mark = &bare[..3];
    let mut said = Vec::new();
    let mut line = bare[3..].to_owned();
    let mut at = start;
    loop {
        if let Some((before, _)) = line.split_once(mark) {
            said.push(before.trim().to_owned());
            return Some((said, (start..=at).collect()));
        }
        said.push(line.trim().to_owned());
        at += 1;
        if at >= end {
            return None;
        }
        line = lines[at].to_owned();
    }
}

/// The first paragraph of a documentation; none of what says too little or is no description.
fn paragraph(said: &[String]) -> Option<String> {
    let ends = |line: &str| {
        line.is_empty()
            || line.starts_with(['@', ':', '#', '\\'])
            || [
                "Args:",
                "Arguments:",
                "Parameters",
                "Returns",
                "Example",
                "---",
                "===",
            ]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    let lines: Vec<&str> = said
        .iter()
        .map(String::as_str)
        .skip_while(|line| line.is_empty())
        .take_while(|line| !ends(line))
        .collect();
    let text = lines.join(" ");
    let text = text
        .split("{@")
        .collect::<Vec<_>>()
        .join("")
        .replace("<p>", " ");
    let lower = text.to_lowercase();
    let foreign = [
        "copyright",
        "license",
        "spdx",
        "noqa",
        "eslint",
        "todo",
        "nolint",
    ];
    let words = text
        .split_whitespace()
        .filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 1);
    let good = words.count() >= FEWEST_WORDS && !foreign.iter().any(|mark| lower.contains(mark));
    good.then(|| {
        text.chars()
            .take(LONGEST)
            .collect::<String>()
            .trim()
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_code_stays() {
        let text = "use a::b;\n\n/// Finds the user of a given name.\n///\n/// # Errors\n#[must_use]\n\
                    fn find(name: &str) -> u32 {\n    // Looks it up.\n    rows.get(name)\n}\n";
        let (kept, questions) = undocumented("a.rs", text);
        assert_eq!(
            kept,
            "use a::b;\n\n#[must_use]\nfn find(name: &str) -> u32 {\n    // Looks it up.\n    rows.get(name)\n}\n"
        );
        assert_eq!(
            questions,
            [("Finds the user of a given name.".to_owned(), 3)]
        );
    }

    #[test]
    fn blocks_and_strings_are_documentation() {
        let c = "/**\n * Closes the stream and\n * its buffer.\n * @param x no\n */\nvoid stream_close(int x) {\n  x();\n}\n";
        let (kept, questions) = undocumented("a.c", c);
        assert_eq!(kept, "void stream_close(int x) {\n  x();\n}\n");
        assert_eq!(questions[0].0, "Closes the stream and its buffer.");
        let python = "def close(a,\n          b):\n    \"\"\"Close the stream and its buffer.\n\n    More.\n    \"\"\"\n    a(b)\n";
        let (kept, questions) = undocumented("a.py", python);
        assert_eq!(kept, "def close(a,\n          b):\n    a(b)\n");
        assert_eq!(
            questions,
            [("Close the stream and its buffer.".to_owned(), 0)]
        );
    }

    #[test]
    fn what_describes_nothing_is_no_question() {
        for comment in [
            "/// Short.",
            "// Copyright of the authors, all of them",
            "// @param a the first of two",
        ] {
            let text = format!("{comment}\nfn long_enough_name() {{}}\n");
            assert_eq!(
                undocumented("a.rs", &text),
                (text.clone(), Vec::new()),
                "{comment}"
            );
        }
    }
}
