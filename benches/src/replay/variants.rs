//! The ways in which one server is started: as shipped, without the gate, and with each kind of
//! speculation switched off.
//!
//! Switches that no user needs are in `FORETOKEN_BENCH_OFF`, a list of words that the server reads at
//! its start; the others are ordinary settings.

/// One way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its word on the command line and in the report.
    pub word: &'static str,
    /// The kinds that are off.
    pub off: Vec<&'static str>,
    /// What is set in the environment.
    pub environment: Vec<(String, String)>,
}

/// As shipped; the first of every run.
pub const SHIPPED: &str = "shipped";

/// With the confidence gate off.
pub const UNGATED: &str = "ungated";

/// Everything computed for each key alone, with and without drafts: where the texts must be equal.
pub const PLAIN: [&str; 2] = ["plain", "plain-no-drafts"];

/// Word, kinds that are off, other variables.
type Row = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const ALL: &[Row] = &[
    (SHIPPED, "", &[]),
    (
        UNGATED,
        "",
        &[("FORETOKEN_COMPLETION_MINIMUM_PROBABILITY", "0")],
    ),
    ("no-edit", "edit", &[]),
    ("no-attach", "attach", &[]),
    ("no-ahead", "ahead", &[]),
    ("no-drafts", "drafts", &[]),
    ("no-cache", "cache", &[]),
    ("no-reuse", "reuse", &[]),
    (PLAIN[0], "edit,attach,ahead,cache", &[]),
    (PLAIN[1], "edit,attach,ahead,cache,drafts", &[]),
];

/// Settings that do what a word of `FORETOKEN_BENCH_OFF` does.
const SETTINGS: &[(&str, &str)] = &[
    ("drafts", "FORETOKEN_RUNTIME_DRAFTS"),
    ("reuse", "FORETOKEN_RUNTIME_KV_REUSE"),
];

/// All words.
#[must_use]
pub fn words() -> Vec<&'static str> {
    ALL.iter().map(|(word, ..)| *word).collect()
}

/// The variant of a word.
#[must_use]
pub fn variant(word: &str) -> Option<Variant> {
    let (word, off, others) = ALL.iter().find(|(known, ..)| *known == word)?;
    let set = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut environment: Vec<(String, String)> = others.iter().map(set).collect();
    if !off.is_empty() {
        environment.push(set(&("FORETOKEN_BENCH_OFF", *off)));
    }
    let off: Vec<&str> = off.split(',').filter(|kind| !kind.is_empty()).collect();
    for (kind, name) in SETTINGS {
        if off.contains(kind) {
            environment.push(set(&(*name, "false")));
        }
    }
    Some(Variant {
        word,
        off,
        environment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_variant_and_kinds_are_switched_off_by_name() {
        for word in words() {
            assert_eq!(variant(word).unwrap().word, word);
        }
        assert_eq!(variant("none"), None);
        assert!(variant(SHIPPED).unwrap().environment.is_empty());
        let drafts = variant("no-drafts").unwrap().environment;
        let names: Vec<&str> = drafts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["FORETOKEN_BENCH_OFF", "FORETOKEN_RUNTIME_DRAFTS"]);
    }
}
