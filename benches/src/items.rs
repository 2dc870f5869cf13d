//! Items: places in files nobody trained on, with what was really written there.
//!
//! One JSON object a line: `{"language", "path", "prefix", "suffix", "middle", "kind"}`. `kind` is `eol`
//! (to the end of the line), `block` (to the end of a block), `arg` (an argument or an identifier) or
//! `chars`. Items are other people's text: they are read from a path and never kept here.

use std::path::Path;

use serde::Deserialize;

/// A place and its truth.
#[derive(Debug, Clone, Deserialize)]
pub struct Item {
    /// Id of the language, such as `rust`.
    pub language: String,
    /// Path of the file inside its repository.
    pub path: String,
    /// Text before the cursor.
    pub prefix: String,
    /// Text after the middle.
    pub suffix: String,
    /// What was written between the two.
    pub middle: String,
    /// How the place was chosen.
    pub kind: String,
}

/// The items of a file; at most `limit`, spread evenly over the whole file so that each language keeps
/// its share.
///
/// # Errors
/// A file that cannot be read; a line that is no item, with its number.
pub fn read(path: &Path, limit: Option<usize>) -> Result<Vec<Item>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return Err(format!("{}: holds no items", path.display()));
    }
    let wanted = limit.unwrap_or(lines.len()).clamp(1, lines.len());
    (0..wanted)
        .map(|number| lines[number * lines.len() / wanted])
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|e| format!("{}:{}: {e}", path.display(), number + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_spreads_over_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("items.jsonl");
        let line = |n: usize| {
            format!(
                r#"{{"language":"c","path":"{n}","prefix":"","suffix":"","middle":"","kind":"eol"}}"#
            )
        };
        std::fs::write(&path, (0..10).map(line).collect::<Vec<_>>().join("\n")).unwrap();
        let paths = |limit| {
            read(&path, limit)
                .unwrap()
                .into_iter()
                .map(|i| i.path)
                .collect::<Vec<_>>()
        };
        assert_eq!(paths(Some(3)), ["0", "3", "6"]);
        assert_eq!(paths(None).len(), 10);
        assert_eq!(paths(Some(99)).len(), 10);
        std::fs::write(&path, "{}\n").unwrap();
        assert!(read(&path, None).unwrap_err().contains(":1: "));
    }
}
