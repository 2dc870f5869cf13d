//! What an operator needs beside the figures, as files that fit this version: rules and their tests, a dashboard, a configuration.

use std::io;
use std::path::{Path, PathBuf};

/// The files by name.
pub const FILES: &[(&str, &str)] = &[
    ("rules.yml", include_str!("../../ops/rules.yml")),
    ("rules_test.yml", include_str!("../../ops/rules_test.yml")),
    ("dashboard.json", include_str!("../../ops/dashboard.json")),
    ("prometheus.yml", include_str!("../../ops/prometheus.yml")),
];

/// Writes them into a folder, which is made where it is not there; their paths.
///
/// # Errors
/// When one cannot be written, or is there already with other content: it may be the user's own by now.
pub fn write(folder: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let all = FILES.iter().map(|(name, text)| (folder.join(name), *text));
    for (path, text) in all.clone() {
        if std::fs::read(&path).is_ok_and(|there| there != text.as_bytes()) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{} is there already and differs", path.display()),
            ));
        }
    }
    for (path, text) in all.clone() {
        std::fs::write(path, text)?;
    }
    Ok(all.map(|(path, _)| path).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::metrics::names;

    fn text(name: &str) -> &'static str {
        FILES.iter().find(|(file, _)| *file == name).unwrap().1
    }

    /// Words of a query that look like series of ours, without those that a rule records.
    fn series(query: &str) -> BTreeSet<String> {
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':');
        query
            .split(word)
            .filter(|word| word.starts_with("foretoken_") || word.starts_with("gen_ai_client"))
            .map(str::to_owned)
            .collect()
    }

    fn queries_of_dashboard() -> Vec<String> {
        fn collect(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(query)) = map.get("expr") {
                        found.push(query.clone());
                    }
                    map.values().for_each(|value| collect(value, found));
                }
                Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        collect(
            &serde_json::from_str(text("dashboard.json")).unwrap(),
            &mut found,
        );
        found
    }

    #[test]
    fn dashboard_and_rules_name_only_what_there_is() {
        let known: BTreeSet<String> = names::ALL.iter().flat_map(names::Metric::series).collect();
        let dashboard = queries_of_dashboard();
        assert!(dashboard.len() >= 10, "{}", dashboard.len());
        for query in dashboard
            .iter()
            .map(String::as_str)
            .chain([text("rules.yml")])
        {
            for series in series(query) {
                assert!(known.contains(&series), "{series} in {query}");
            }
        }
    }

    #[test]
    fn every_alert_has_a_test_that_makes_it_fire_and_one_that_keeps_it_quiet() {
        let alerts = text("rules.yml")
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- alert: "));
        let mut count = 0;
        for alert in alerts {
            let tests = text("rules_test.yml");
            let uses = tests.matches(&format!("alertname: {alert}\n")).count();
            assert!(uses >= 2, "{alert}: {uses}");
            count += 1;
        }
        assert!(count >= 6, "{count}");
    }

    #[test]
    fn a_file_that_the_user_changed_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("ops");
        assert_eq!(write(&folder).unwrap().len(), FILES.len());
        assert_eq!(write(&folder).unwrap().len(), FILES.len());
        std::fs::write(folder.join("rules.yml"), "groups: []\n").unwrap();
        let error = write(&folder).unwrap_err();
        assert!(error.to_string().contains("rules.yml"), "{error}");
    }
}
