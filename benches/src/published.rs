//! What larger models are published to reach on the public sets: `published.csv`, each figure with its
//! source. They are put beside ours and never measured here.

use serde::Serialize;

/// One published figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// The set, as our items name it.
    pub set: String,
    /// The language, or `all` for the whole set.
    pub language: String,
    /// Name of the model.
    pub model: String,
    /// `exact match`, or `pass@1`, which is higher: another text may do the same.
    pub metric: String,
    /// Percent.
    pub value: f64,
    /// Where it stands.
    pub source: String,
}

const TABLE: &str = include_str!("../published.csv");

/// All figures that are kept.
///
/// # Errors
/// The first line that is no figure.
pub fn figures() -> Result<Vec<Figure>, String> {
    parse(TABLE)
}

fn parse(text: &str) -> Result<Vec<Figure>, String> {
    let of = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let [set, language, model, _, metric, value, source] = cells[..] else {
            return None;
        };
        Some(Figure {
            set: set.to_owned(),
            language: language.to_owned(),
            model: model.to_owned(),
            metric: metric.to_owned(),
            value: value.parse().ok()?,
            source: source.to_owned(),
        })
    };
    text.lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(|line| of(line).ok_or_else(|| format!("published.csv: \"{line}\" is no figure")))
        .collect()
}

/// The models in the order of the file.
#[must_use]
pub fn models(figures: &[Figure]) -> Vec<&str> {
    let mut models: Vec<&str> = Vec::new();
    for figure in figures {
        if !models.contains(&figure.model.as_str()) {
            models.push(&figure.model);
        }
    }
    models
}

/// A model's figure for a set and language, with a star where it is pass@1.
#[must_use]
pub fn find(figures: &[Figure], (set, language): (&str, &str), model: &str) -> Option<String> {
    let found = figures
        .iter()
        .find(|f| f.set == set && f.language == language && f.model == model)?;
    let star = if found.metric == "pass@1" { "*" } else { "" };
    Some(format!("{:.1}{star}", found.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kept_figure_has_a_source_and_a_metric() {
        let figures = figures().unwrap();
        assert!(figures.len() >= 20);
        for figure in &figures {
            assert!(["exact match", "pass@1"].contains(&figure.metric.as_str()));
            assert!(!figure.source.is_empty() && (0.0..100.0).contains(&figure.value));
        }
        let of = |set, model| find(&figures, (set, "all"), model);
        assert_eq!(of("santacoder-fim", "StarCoder-15B"), Some("80.2".into()));
        assert_eq!(of("humaneval-single", "Mellum-4B"), Some("66.2*".into()));
        assert_eq!(of("safim-api", "Mellum-4B"), None);
        assert!(parse("header\na,b,c\n").is_err());
    }
}
