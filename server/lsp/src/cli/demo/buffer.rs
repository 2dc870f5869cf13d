//! The text as the demo's editor holds it. The cursor stands at the end of its line, because a gap is
//! typed as whole lines; ghost text is no part of the text.

use std::ops::Range;

/// An open file with a cursor.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer {
    pub(super) lines: Vec<Line>,
    /// Index of the line whose end is the cursor.
    pub(super) row: usize,
}

/// One line with what came from suggestions.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) text: String,
    /// Byte ranges of accepted text, in order.
    pub(super) accepted: Vec<Range<usize>>,
}

impl Buffer {
    pub(super) fn new(lines: &[String]) -> Buffer {
        let lines = lines.iter().map(|text| Line {
            text: text.clone(),
            accepted: Vec::new(),
        });
        Buffer {
            lines: lines.collect(),
            row: 0,
        }
    }

    /// The line of the cursor.
    pub(super) fn line(&self) -> &Line {
        &self.lines[self.row]
    }

    /// Inserts at the cursor, which moves behind the text.
    pub(super) fn insert(&mut self, text: &str, accepted: bool) {
        for (index, part) in text.split('\n').enumerate() {
            if index > 0 {
                self.row += 1;
                self.lines.insert(self.row, Line::default());
            }
            let line = &mut self.lines[self.row];
            let start = line.text.len();
            line.text.push_str(part);
            if accepted && !part.trim().is_empty() {
                let indent = part.len() - part.trim_start().len();
                line.accepted.push(start + indent..line.text.len());
            }
        }
    }

    #[cfg(test)]
    fn text(&self) -> String {
        self.lines
            .iter()
            .map(|line| format!("{}\n", line.text))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_in_at_the_cursor_and_what_was_accepted_is_known() {
        let mut buffer = Buffer::new(&["a".to_owned(), "d".to_owned()]);
        buffer.insert("\n  ", false);
        buffer.insert("b(", false);
        buffer.insert("1)\n  c", true);
        assert_eq!(buffer.text(), "a\n  b(1)\n  c\nd\n");
        assert_eq!((buffer.row, buffer.line().text.as_str()), (2, "  c"));
        assert_eq!(buffer.lines[1].accepted, vec![4..6]);
        assert_eq!(buffer.line().accepted, vec![2..3]);
    }
}
