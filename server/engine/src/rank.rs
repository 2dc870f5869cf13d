//! Ranking: from chunks that hold a question's words to the order in which a person wants them.
//!
//! Pure: the lexical scores come from the index, everything else is read from names and paths. The
//! weights are start values after the published ones of semble and the first ablation of this
//! project's design; none is tuned on the sets that report.

use std::collections::HashMap;
use std::ops::Range;

use crate::chunk::Kind;
use crate::terms::Query;

/// A chunk that holds words of the question.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// From the workspace's root, with slashes.
    pub path: &'a str,
    /// Its own name, as it is spelt.
    pub name: &'a str,
    /// Further names that it defines.
    pub names: &'a [String],
    /// What it is.
    pub kind: Kind,
    /// Its lines, from 0.
    pub lines: &'a Range<u32>,
    /// BM25 summed over the fields, 0 or more.
    pub words: f32,
}

/// A candidate in its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Ranked {
    /// Its number among the candidates.
    pub at: usize,
    /// Comparable within one answer only.
    pub score: f32,
    /// The factors that made the score of the words this one, those of 1 left out.
    pub why: Vec<(&'static str, f32)>,
    /// Whether the question names this definition exactly.
    pub exact: bool,
}

/// A definition that the question spells in a way only names are spelt.
const DEFINITION: f32 = 3.0;
/// A definition named by a word that may be just a word.
const NAMED: f32 = 1.3;
/// On top of either, when the file is called like the definition.
const STEM: f32 = 1.5;
/// A file that the question mentions, and the chunk that holds the mentioned line.
const MENTIONED: f32 = 2.0;
const MENTIONED_LINE: f32 = 2.0;
/// What each further chunk of a file adds to the file, and what each further one keeps.
const DECAY: f32 = 0.5;
/// The share of its file's score that a chunk gets.
const FILE_SHARE: f32 = 0.5;

/// Orders candidates, best first; equals by path and line, so that an answer is always the same.
pub fn rank(query: &Query, candidates: &[Candidate]) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = (0..candidates.len())
        .map(|at| judge(query, candidates, at))
        .collect();
    let place = |r: &Ranked| (candidates[r.at].path, candidates[r.at].lines.start);
    let order = |a: &Ranked, b: &Ranked| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| place(a).cmp(&place(b)))
    };
    ranked.sort_by(order);
    let mut files: HashMap<&str, (f32, f32)> = HashMap::new();
    for one in &ranked {
        let (sum, weight) = files.entry(candidates[one.at].path).or_insert((0.0, 1.0));
        *sum += one.score * *weight;
        *weight *= DECAY;
    }
    let mut met: HashMap<&str, f32> = HashMap::new();
    for one in &mut ranked {
        let path = candidates[one.at].path;
        let kept = met.entry(path).or_insert(1.0);
        let before = one.score;
        one.score = (one.score + files[path].0 * FILE_SHARE) * *kept;
        if before > 0.0 {
            one.why.push(("file", one.score / before));
        }
        *kept *= DECAY;
    }
    ranked.sort_by(order);
    ranked
}

fn judge(query: &Query, candidates: &[Candidate], at: usize) -> Ranked {
    let candidate = &candidates[at];
    let mut one = Ranked {
        at,
        score: candidate.words,
        why: Vec::new(),
        exact: false,
    };
    let mut factor = |name, factor: f32| {
        if factor != 1.0 {
            one.score *= factor;
            one.why.push((name, factor));
        }
    };
    let own = std::iter::once(candidate.name);
    let named = own
        .chain(candidate.names.iter().map(String::as_str))
        .find(|name| query.names.contains(&name.to_lowercase()));
    let lower = candidate.path.to_lowercase();
    if let Some(name) = named.filter(|name| !name.is_empty()) {
        let spelt = name.contains('_') || name.chars().skip(1).any(char::is_uppercase);
        let only = query.names.len() == 1;
        factor("definition", if spelt || only { DEFINITION } else { NAMED });
        if stem(&lower) == name.to_lowercase() {
            factor("stem", STEM);
        }
    }
    if let Some(mention) = query.mentions.iter().find(|m| mentions(&m.path, &lower)) {
        factor("mentioned", MENTIONED);
        let line = mention.line.map(|line| line.saturating_sub(1));
        if line.is_some_and(|line| candidate.lines.contains(&line)) {
            factor("mentioned line", MENTIONED_LINE);
        }
    }
    let (name, prior) = prior(&lower, query);
    factor(name, prior);
    one.exact = named.is_some_and(|name| !name.is_empty());
    one
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split('.').next().unwrap_or_default()
}

/// Whether `path` ends in what was written, with or without an ending: `a/b` means `src/a/b.py`.
fn mentions(written: &str, path: &str) -> bool {
    let ends = |path: &str| {
        path.strip_suffix(written)
            .is_some_and(|before| before.is_empty() || before.ends_with('/'))
            || written.ends_with(path)
    };
    ends(path)
        || path
            .rsplit_once('.')
            .is_some_and(|(bare, _)| written.contains('/') && ends(bare))
}

/// How likely a file of this place is what is looked for, before the question is known.
fn prior(path: &str, query: &Query) -> (&'static str, f32) {
    let name = path.rsplit('/').next().unwrap_or_default();
    let folder = |names: &[&str]| {
        let mut folders = path.split('/');
        folders.next_back();
        folders.any(|folder| names.contains(&folder))
    };
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let is_test = folder(&[
        "test",
        "tests",
        "testing",
        "__tests__",
        "spec",
        "fixtures",
        "testdata",
    ]) || name.starts_with("test_")
        || stem(path) == "tests"
        || ["_test.", ".test.", ".spec.", "_spec."]
            .iter()
            .any(|part| name.contains(part));
    if folder(&["vendor", "third_party", "node_modules", "dist", "external"]) {
        ("vendored", 0.3)
    } else if is_test && !query.tests {
        ("test", 0.3)
    } else if folder(&["examples", "example", "demo", "samples"]) {
        ("example", 0.3)
    } else if ends(&[".md", ".rst", ".mdx", ".txt"]) && !query.docs {
        ("docs", 0.5)
    } else if ends(&[".d.ts"]) {
        ("declarations", 0.7)
    } else if ["__init__.py", "index.ts", "index.js", "mod.rs"].contains(&name) {
        ("barrel", 0.5)
    } else {
        ("", 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::query;
    use expect_test::{Expect, expect};

    /// Rows of `path name words`.
    fn check(question: &str, rows: &[(&str, &str, f32)], expected: Expect) {
        let lines = 0..9;
        let candidates: Vec<Candidate> = rows
            .iter()
            .map(|(path, name, words)| Candidate {
                path,
                name,
                names: &[],
                kind: Kind::Function,
                lines: &lines,
                words: *words,
            })
            .collect();
        let shown: Vec<String> = rank(&query(question), &candidates)
            .iter()
            .map(|one| {
                let (path, name, _) = rows[one.at];
                let why: Vec<&str> = one.why.iter().map(|(name, _)| *name).collect();
                format!("{path} {name} ({})", why.join(", "))
            })
            .collect();
        expected.assert_eq(&shown.join("\n"));
    }

    #[test]
    fn the_definition_before_its_uses() {
        check(
            "where is parse_header used",
            &[
                ("src/a.rs", "caller", 9.0),
                ("src/b.rs", "parse_header", 6.0),
            ],
            expect![[r#"
                src/b.rs parse_header (definition, file)
                src/a.rs caller (file)"#]],
        );
    }

    #[test]
    fn tests_behind_code_unless_asked_for() {
        let rows = [("tests/a.rs", "cache", 5.0), ("src/a.rs", "other", 4.0)];
        check(
            "stale cache entry",
            &rows,
            expect![[r#"
            src/a.rs other (file)
            tests/a.rs cache (definition, test, file)"#]],
        );
        check(
            "test of the stale cache entry",
            &rows,
            expect![[r#"
            tests/a.rs cache (definition, file)
            src/a.rs other (file)"#]],
        );
    }

    #[test]
    fn a_mentioned_line_finds_its_chunk() {
        check(
            "panicked at src/b.rs:5:1",
            &[("src/a.rs", "x", 3.0), ("src/b.rs", "y", 2.0)],
            expect![[r#"
                src/b.rs y (mentioned, mentioned line, file)
                src/a.rs x (file)"#]],
        );
    }

    #[test]
    fn many_hits_in_a_file_speak_for_it_but_do_not_fill_the_answer() {
        check(
            "merge segments policy",
            &[
                ("a.rs", "one", 5.0),
                ("b.rs", "two", 4.5),
                ("b.rs", "three", 4.4),
                ("b.rs", "four", 4.3),
            ],
            expect![[r#"
                b.rs two (file)
                a.rs one (file)
                b.rs three (file)
                b.rs four (file)"#]],
        );
    }
}
