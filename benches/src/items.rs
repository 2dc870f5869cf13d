//! Items: places in files nobody trained on, with what was really written there.
//!
//! One JSON object a line: `{"set", "id", "language", "path", "prefix", "suffix", "reference", "kind"}`;
//! our own lack `set` and `id` and call the reference `middle`. `kind` says how the place was chosen and so
//! when an answer counts: see [`Item::rule`]. Items are other people's text: they are read from a path and
//! never kept here.

use std::path::Path;

use foretoken_tests::random::Random;
use serde::Deserialize;

use crate::score::Rule;

/// A place and its truth.
#[derive(Debug, Clone, Deserialize)]
pub struct Item {
    /// Name of the set; the file's stem where the line has none.
    #[serde(default)]
    pub set: String,
    /// Id of the language, such as `rust`.
    pub language: String,
    /// Path of the file inside its repository.
    pub path: String,
    /// Text before the cursor.
    pub prefix: String,
    /// Text after the middle.
    pub suffix: String,
    /// What was written between the two.
    #[serde(alias = "reference")]
    pub middle: String,
    /// How the place was chosen.
    pub kind: String,
}

impl Item {
    /// Drawn from our own repositories, where the gate is judged too.
    #[must_use]
    pub fn is_own(&self) -> bool {
        matches!(self.rule(), Rule::Rest | Rule::Block)
    }

    /// When an answer counts as exact here.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self.kind.as_str() {
            "line" => Rule::Line,
            "lines" | "chars" => Rule::Whole,
            "block" => Rule::Block,
            "control" if self.language == "python" => Rule::Header,
            "control" => Rule::Condition,
            "call" => Rule::Call,
            _ => Rule::Rest,
        }
    }
}

/// A seeded choice of some items.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// How many of each file.
    pub count: usize,
    /// Of the choice.
    pub seed: u64,
}

/// The items of a file in its order, or as many of them as `sample` says.
///
/// # Errors
/// A file that cannot be read or is empty; a line that is no item, with its number.
pub fn read(path: &Path, sample: Option<Sample>) -> Result<Vec<Item>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return Err(format!("{}: holds no items", path.display()));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    chosen(lines.len(), sample)
        .into_iter()
        .map(|number| lines[number])
        .map(|(number, line)| {
            let mut item: Item = serde_json::from_str(line)
                .map_err(|e| format!("{}:{}: {e}", path.display(), number + 1))?;
            if item.set.is_empty() {
                item.set = stem.clone().into_owned();
            }
            Ok(item)
        })
        .collect()
}

/// Numbers below `of` in ascending order, without repetition.
fn chosen(of: usize, sample: Option<Sample>) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..of).collect();
    let Some(Sample { count, seed }) = sample else {
        return numbers;
    };
    let mut random = Random::new(seed);
    let count = count.min(of);
    for place in 0..count {
        numbers.swap(place, place + random.below(of - place));
    }
    numbers.truncate(count);
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_seeded_choice_in_order() {
        let sample = |count, seed| chosen(1_000, Some(Sample { count, seed }));
        assert_eq!(sample(20, 1), sample(20, 1));
        assert_ne!(sample(20, 1), sample(20, 2));
        assert_eq!(sample(5_000, 1), chosen(1_000, None));
        let some = sample(500, 3);
        assert!(some.is_sorted_by(|a, b| a < b) && some.len() == 500);
    }

    #[test]
    fn both_forms_of_a_line_are_items() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heldout.jsonl");
        let own =
            r#"{"language":"c","path":"a.c","prefix":"","suffix":"","middle":"x","kind":"eol"}"#;
        let public = r#"{"set":"s","id":"1","language":"java","path":"M.java","prefix":"","suffix":"","reference":"y","kind":"control"}"#;
        std::fs::write(&path, format!("{own}\n\n{public}\n")).unwrap();
        let items = read(&path, None).unwrap();
        let told = |i: &Item| (i.set.clone(), i.middle.clone(), i.rule());
        assert_eq!(told(&items[0]), ("heldout".into(), "x".into(), Rule::Rest));
        assert_eq!(told(&items[1]), ("s".into(), "y".into(), Rule::Condition));
        std::fs::write(&path, "{}\n").unwrap();
        assert!(read(&path, None).unwrap_err().contains(":1: "));
    }
}
