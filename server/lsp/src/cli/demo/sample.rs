//! The bundled files that the demo types into. Between two marker comments stands a *gap*: text that
//! is not in the file when it is opened and is typed by the demo. Handwritten for this program.

/// One bundled file, split into what is opened and what is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Sample {
    /// File name without a folder.
    pub(in crate::cli) name: &'static str,
    /// The LSP language identifier.
    pub(in crate::cli) language_id: &'static str,
    /// The lines that are there at the start, without ends.
    pub(super) lines: Vec<String>,
    /// In the order in which they are typed, which is top to bottom.
    pub(super) gaps: Vec<Gap>,
}

/// Text to type as whole lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Index in `Sample::lines` of the line above which it stands; the lines of the gaps that were
    /// typed before it come on top.
    pub(super) line: usize,
    /// Its lines joined by `\n`, without a line end behind.
    pub(super) text: String,
}

/// Which bundled file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Choice {
    Rust,
    Python,
    Typescript,
}

/// The words of the two marker comments, behind the language's comment sign.
const MARKS: [&str; 2] = ["demo: type", "demo: end"];

impl Choice {
    pub(in crate::cli) fn sample(self) -> Sample {
        match self {
            Choice::Rust => split(
                "inventory.rs",
                "rust",
                include_str!("../../../demo/inventory.rs"),
            ),
            Choice::Python => split(
                "weather.py",
                "python",
                include_str!("../../../demo/weather.py"),
            ),
            Choice::Typescript => split(
                "tasks.ts",
                "typescript",
                include_str!("../../../demo/tasks.ts"),
            ),
        }
    }
}

fn split(name: &'static str, language_id: &'static str, text: &str) -> Sample {
    let (mut lines, mut gaps) = (Vec::new(), Vec::new());
    let mut open: Option<Vec<&str>> = None;
    for line in text.lines() {
        let comment = line
            .trim_start()
            .trim_start_matches(['/', '#'])
            .trim_start();
        match (MARKS.iter().position(|mark| *mark == comment), &mut open) {
            (Some(0), _) => open = Some(Vec::new()),
            (Some(_), typed) => {
                let text = typed.take().unwrap_or_default().join("\n");
                gaps.push(Gap {
                    line: lines.len(),
                    text,
                });
            }
            (None, Some(typed)) => typed.push(line),
            (None, None) => lines.push(line.to_owned()),
        }
    }
    Sample {
        name,
        language_id,
        lines,
        gaps,
    }
}

impl Sample {
    /// The text that is opened.
    pub(in crate::cli) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_leaves_the_opened_text_and_keeps_its_indentation() {
        let sample = split(
            "a.py",
            "python",
            "a\n    # demo: type\n    b\n\n    c\n    # demo: end\nd\n",
        );
        assert_eq!(sample.text(), "a\nd\n");
        assert_eq!(
            sample.gaps,
            [Gap {
                line: 1,
                text: "    b\n\n    c".to_owned()
            }]
        );
    }

    #[test]
    fn each_bundled_file_has_gaps_between_code() {
        for choice in [Choice::Rust, Choice::Python, Choice::Typescript] {
            let sample = choice.sample();
            assert!(!sample.gaps.is_empty(), "{choice:?}");
            for gap in &sample.gaps {
                assert!(gap.line > 0 && gap.line < sample.lines.len(), "{choice:?}");
                assert!(gap.text.len() > 60, "{choice:?}");
            }
            assert!(!sample.text().contains("demo:"), "{choice:?}");
            // What does not fit beside the line numbers would not be seen.
            let typed = sample.gaps.iter().flat_map(|gap| gap.text.lines());
            for line in sample.lines.iter().map(String::as_str).chain(typed) {
                assert!(line.chars().count() < 75, "{choice:?}: {line}");
            }
        }
    }
}
