//! Commits as questions: which ones say in words what they change, and which files that is. The tree that is
//! searched is older than all of them, so no answer stands in it.

use std::collections::HashSet;

use super::git::Git;
use super::truth::Query;

/// How much of a history is looked at and taken.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Commits of the main line between the searched tree and the newest commit; at most half of the line.
    pub window: usize,
    /// Queries taken, evenly spread over the window.
    pub queries: usize,
}

/// A commit with more source files than this has no one place that its subject could be about.
const MOST_FILES: usize = 3;

/// A subject with fewer words says too little to search with.
const FEWEST_WORDS: usize = 4;

/// Endings of source files.
const SOURCES: &[&str] = &[
    "rs", "py", "pyi", "ts", "mts", "cts", "tsx", "js", "mjs", "cjs", "jsx", "go", "java", "kt",
    "c", "h", "cc", "cpp", "cxx", "hpp", "cs", "rb", "php", "lua", "sh", "vue", "svelte",
];

/// First words of subjects that are housekeeping: no reader would search with them.
const HOUSEKEEPING: &[&str] = &[
    "revert",
    "reverts",
    "merge",
    "chore",
    "release",
    "releases",
    "bump",
    "bumps",
    "build",
    "ci",
    "style",
    "version",
    "prepare",
    "deps",
    "backport",
    "changelog",
    "rustfmt",
    "fmt",
    "lint",
    "format",
    "v",
    "upgrade",
    "updated",
    "fixup",
    "squash",
    "wip",
];

/// Words anywhere in a subject or an author's name that say the same.
const MARKS: &[&str] = &[
    "[bot]",
    "dependabot",
    "renovate",
    "changelog",
    "release v",
    "release version",
    "prepare release",
    "prepare for next",
    "next development iteration",
    "[maven-release",
    "bump ",
    "submodule",
    "pre-commit",
    "translations",
    "auto-update",
    "autoupdate",
    "cargo update",
    "update dependencies",
    "version packages",
];

struct Commit {
    id: String,
    author: String,
    subject: String,
    /// Status letter and path.
    changes: Vec<(char, String)>,
}

/// The questions that a repository's history gives, oldest first.
///
/// # Errors
/// What git says, as a sentence; a history that is too short.
pub fn mine(git: &Git, repository: &str, limits: Limits) -> Result<Vec<Query>, String> {
    let line = git.ask(&["rev-list", "--first-parent", "HEAD"])?;
    let line = String::from_utf8_lossy(&line).into_owned();
    let line: Vec<&str> = line.lines().collect();
    let base = *line
        .get(limits.window.min(line.len() / 2))
        .filter(|_| line.len() > 20)
        .ok_or(format!("{repository}: the history is too short"))?;
    // No commit of this range is an ancestor of the base, so its tree has none of their changes.
    let range = format!("{base}..HEAD");
    let log = git.ask(&[
        "log",
        "--no-merges",
        "--no-renames",
        "--name-status",
        "--reverse",
        "--format=%x00%H%x1f%an%x1f%s",
        &range,
    ])?;
    let files = git.ask(&["ls-tree", "-r", "-z", "--name-only", base])?;
    let files = String::from_utf8_lossy(&files).into_owned();
    let files: HashSet<&str> = files.split('\0').collect();
    let log = String::from_utf8_lossy(&log).into_owned();
    let queries = commits(&log)
        .filter_map(|commit| question(&commit, &files))
        .map(|(commit, gold)| Query {
            repository: repository.to_owned(),
            base: base.to_owned(),
            commit,
            gold,
        });
    Ok(spread(queries.collect(), limits.queries))
}

/// The subject as it is asked: without the number of its pull request, which no source file contains.
#[must_use]
pub fn asked(subject: &str) -> String {
    let words = subject.split_whitespace();
    let number = |word: &str| {
        let inner = word.trim_matches(['(', ')', '[', ']', ',', '.']);
        let digits = inner.strip_prefix('#').or(inner.strip_prefix("gh-"));
        digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    let kept: Vec<&str> = words.filter(|word| !number(word)).collect();
    kept.join(" ")
}

fn commits(log: &str) -> impl Iterator<Item = Commit> + '_ {
    log.split('\0').filter_map(|entry| {
        let mut lines = entry.lines();
        let mut head = lines.next()?.splitn(3, '\u{1f}');
        let (id, author, subject) = (head.next()?, head.next()?, head.next()?);
        let changes = lines.filter_map(|line| {
            let (status, path) = line.split_once('\t')?;
            Some((status.chars().next()?, path.to_owned()))
        });
        Some(Commit {
            id: id.to_owned(),
            author: author.to_owned(),
            subject: subject.to_owned(),
            changes: changes.collect(),
        })
    })
}

/// The commit's id and gold files, if it is a question.
fn question(commit: &Commit, files: &HashSet<&str>) -> Option<(String, Vec<String>)> {
    let changed: Vec<&(char, String)> = commit
        .changes
        .iter()
        .filter(|(_, path)| is_source(path))
        .collect();
    if changed.len() > MOST_FILES || !speaks(&commit.subject, &commit.author) {
        return None;
    }
    if changed.iter().any(|(_, path)| names(&commit.subject, path)) {
        return None;
    }
    let mut gold: Vec<String> = changed
        .into_iter()
        .filter(|(status, path)| *status != 'A' && files.contains(path.as_str()))
        // The list separates paths by it.
        .filter(|(_, path)| !path.contains([';', '\n']))
        .map(|(_, path)| path.clone())
        .collect();
    gold.sort();
    gold.dedup();
    (!gold.is_empty()).then(|| (commit.id.clone(), gold))
}

/// Whether a file is source that somebody of the project wrote.
#[must_use]
pub fn is_source(path: &str) -> bool {
    let foreign = ["vendor", "node_modules", "third_party", "dist", "generated"];
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    SOURCES.contains(&ending)
        && !path.contains(".min.")
        && !path.split('/').any(|part| foreign.contains(&part))
}

/// Whether a person says in words what the commit does.
fn speaks(subject: &str, author: &str) -> bool {
    let lower = subject.to_lowercase();
    let first = lower
        .split(|c: char| !c.is_alphabetic())
        .find(|word| !word.is_empty())
        .unwrap_or_default();
    let words = asked(subject);
    let words = words
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphabetic));
    let author = author.to_lowercase();
    words.count() >= FEWEST_WORDS
        && !HOUSEKEEPING.contains(&first)
        && !MARKS
            .iter()
            .any(|mark| lower.contains(mark) || author.contains(mark))
        && !author.ends_with("bot")
}

/// Whether the subject gives a file away: its name with the ending, or its path.
fn names(subject: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    subject.contains(name)
        || path
            .rsplit_once('.')
            .is_some_and(|(p, _)| p.contains('/') && subject.contains(p))
}

/// At most `count` of them, at even distances.
#[must_use]
pub fn spread<T: Clone>(all: Vec<T>, count: usize) -> Vec<T> {
    if all.len() <= count {
        return all;
    }
    (0..count)
        .filter_map(|i| all.get(i * all.len() / count).cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gold(subject: &str, changes: &[(char, &str)]) -> Option<Vec<String>> {
        let commit = Commit {
            id: "1".to_owned(),
            author: "Ada".to_owned(),
            subject: subject.to_owned(),
            changes: changes.iter().map(|(c, p)| (*c, (*p).to_owned())).collect(),
        };
        let files = ["src/parse.rs", "src/lib.rs", "README.md"];
        question(&commit, &HashSet::from(files)).map(|(_, gold)| gold)
    }

    #[test]
    fn sentences_about_few_files_are_questions() {
        let found = gold(
            "Keep the order of nested lists (#12)",
            &[
                ('M', "src/parse.rs"),
                ('A', "src/order.rs"),
                ('M', "README.md"),
            ],
        );
        assert_eq!(found, Some(vec!["src/parse.rs".to_owned()]));
    }

    #[test]
    fn housekeeping_and_giveaways_are_none() {
        for subject in [
            "Revert \"Keep the order of lists\"",
            "chore: keep the order of lists",
            "Bump serde from 1.0 to 1.1 for everyone",
            "fix(deps): update by renovate in the night",
            "Fix the parser (#123)",
            "Keep the order in parse.rs as it was",
            "Keep the order in src/parse as it was",
        ] {
            assert_eq!(gold(subject, &[('M', "src/parse.rs")]), None, "{subject}");
        }
        let good = "Keep the order of nested lists";
        assert_eq!(
            gold(good, &[('A', "src/order.rs")]),
            None,
            "not in the tree"
        );
        assert_eq!(gold(good, &[('M', "README.md")]), None, "no source");
        let many = ["a.rs", "b.rs", "c.rs", "src/lib.rs"].map(|path| ('M', path));
        assert_eq!(gold(good, &many), None, "too many files");
    }

    #[test]
    fn numbers_of_pull_requests_are_not_asked() {
        assert_eq!(asked("Fix C# (#12) in #7 places"), "Fix C# in places");
    }

    #[test]
    fn a_choice_is_spread() {
        assert_eq!(spread((0..10).collect(), 3), [0, 3, 6]);
        assert_eq!(spread(vec![1, 2], 3), [1, 2]);
    }
}
