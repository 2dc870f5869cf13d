//! Ranking: from chunks that hold a question's words to the order in which a person wants them.
//!
//! Pure: what words and vectors say comes from the index, everything else is read from names and paths.
//! The two are *fused* as a weighted sum of scores that were brought to 0..1 (Bruch et al., arXiv
//! 2210.11934), which the factors of names and places then multiply.

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
    /// BM25 summed over the fields, 0 or more; 0 for what was found by its vector alone.
    pub words: f32,
    /// The cosine of its vector with the question's; `None` while it has no vector.
    pub vector: Option<f32>,
}

/// A candidate in its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Ranked {
    /// Its number among the candidates.
    pub at: usize,
    /// Words and vectors together, 0 to 1.
    pub fused: f32,
    /// Comparable within one answer only.
    pub score: f32,
    /// The factors that made the fused score this one, those of 1 left out.
    pub why: Vec<(&'static str, f32)>,
    /// Whether the question names this definition exactly.
    pub exact: bool,
}

/// What the ranking believes. The defaults are what `foretoken search` uses; they were chosen on the
/// tuning set of the bench `retrieval` alone, and its table says what each of them is worth.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Weights {
    /// BM25 of body, names, head and path.
    pub fields: [f32; 4],
    /// A definition that the question spells in a way only names are spelt.
    pub definition: f32,
    /// A definition named by a word that may be just a word.
    pub named: f32,
    /// On top of either, when the file is called like the definition.
    pub stem: f32,
    /// A file that the question mentions, and again the chunk that holds the mentioned line.
    pub mentioned: f32,
    /// What each further chunk of a file adds to the file, as a share of the one before.
    pub decay: f32,
    /// The share of its file's score that a chunk gets.
    pub share: f32,
    /// What each further chunk of a file keeps of its own score, so that no file fills an answer.
    pub spread: f32,
    /// Tests, unless the question speaks of them.
    pub test: f32,
    /// Documents, unless the question speaks of them.
    pub docs: f32,
    /// Examples, vendored code, declarations without code, the part of a file that only gathers others.
    pub places: [f32; 4],
    /// Files that nobody wrote.
    pub generated: f32,
    /// The vectors' part of the fused score: for a lone name, for a sentence that names a definition,
    /// for any other sentence. 0 leaves words alone, 1 leaves vectors alone.
    pub vectors: [f32; 3],
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            fields: [1.0, 1.7, 0.7, 1.05],
            definition: 2.1,
            named: 1.0,
            stem: 1.05,
            mentioned: 2.0,
            decay: 0.6,
            share: 0.425,
            spread: 0.75,
            test: 0.3,
            docs: 0.35,
            places: [0.3, 0.3, 0.7, 0.5],
            generated: 0.2,
            vectors: [0.15, 0.3, 0.3],
        }
    }
}

/// Orders candidates, best first; equals by path and line, so that an answer is always the same.
pub fn rank(query: &Query, candidates: &[Candidate], weights: &Weights) -> Vec<Ranked> {
    let named: Vec<Option<f32>> = candidates
        .iter()
        .map(|candidate| named(query, candidate, weights))
        .collect();
    let fused = fused(query, candidates, &named, weights);
    let mut ranked: Vec<Ranked> = (0..candidates.len())
        .map(|at| judge(query, &candidates[at], (at, fused[at], named[at]), weights))
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
        *weight *= weights.decay;
    }
    let mut met: HashMap<&str, f32> = HashMap::new();
    for one in &mut ranked {
        let path = candidates[one.at].path;
        let kept = met.entry(path).or_insert(1.0);
        let before = one.score;
        one.score = (one.score + files[path].0 * weights.share) * *kept;
        if before > 0.0 {
            one.why.push(("file", one.score / before));
        }
        *kept *= weights.spread;
    }
    ranked.sort_by(order);
    ranked
}

/// Words and vectors as one score, 0 to 1, before names and places are looked at.
///
/// Words are divided by the best of them, since their 0 means something; cosines are stretched over what
/// lies between the least and the greatest. A chunk without a vector is taken for one in the middle.
fn fused(
    query: &Query,
    candidates: &[Candidate],
    named: &[Option<f32>],
    weights: &Weights,
) -> Vec<f32> {
    let best = candidates.iter().map(|c| c.words).fold(0.0, f32::max);
    let words = |c: &Candidate| if best > 0.0 { c.words / best } else { 0.0 };
    let mut cosines: Vec<f32> = candidates.iter().filter_map(|c| c.vector).collect();
    cosines.sort_by(f32::total_cmp);
    let (Some(low), Some(high)) = (cosines.first(), cosines.last()) else {
        return candidates.iter().map(words).collect();
    };
    let middle = cosines[cosines.len() / 2];
    let [name, naming, other] = weights.vectors;
    let part = if query.names.len() <= 1 && query.terms.iter().filter(|t| !t.whole).count() < 4 {
        name
    } else if named
        .iter()
        .flatten()
        .any(|factor| *factor >= weights.definition)
    {
        naming
    } else {
        other
    };
    let cosine = |c: &Candidate| {
        let span = (high - low).max(f32::EPSILON);
        ((c.vector.unwrap_or(middle) - low) / span).clamp(0.0, 1.0)
    };
    candidates
        .iter()
        .map(|c| (1.0 - part) * words(c) + part * cosine(c))
        .collect()
}

/// The factor of a definition that the question names; `None` where it names it not.
fn named(query: &Query, candidate: &Candidate, weights: &Weights) -> Option<f32> {
    let name = std::iter::once(candidate.name)
        .chain(candidate.names.iter().map(String::as_str))
        .find(|name| !name.is_empty() && query.names.contains(&name.to_lowercase()))?;
    let spelt = name.contains('_') || name.chars().skip(1).any(char::is_uppercase);
    let factor = match spelt || query.names.len() == 1 {
        true => weights.definition,
        false => weights.named,
    };
    let file = stem(candidate.path).to_lowercase();
    let stem = if file == name.to_lowercase() {
        weights.stem
    } else {
        1.0
    };
    Some(factor * stem)
}

fn judge(
    query: &Query,
    candidate: &Candidate,
    (at, score, named): (usize, f32, Option<f32>),
    weights: &Weights,
) -> Ranked {
    let mut one = Ranked {
        at,
        fused: score,
        score,
        why: Vec::new(),
        exact: named.is_some(),
    };
    let mut factor = |name, factor: f32| {
        if factor != 1.0 {
            one.score *= factor;
            one.why.push((name, factor));
        }
    };
    factor("definition", named.unwrap_or(1.0));
    let lower = candidate.path.to_lowercase();
    if let Some(mention) = query.mentions.iter().find(|m| mentions(&m.path, &lower)) {
        factor("mentioned", weights.mentioned);
        let line = mention.line.map(|line| line.saturating_sub(1));
        if line.is_some_and(|line| candidate.lines.contains(&line)) {
            factor("mentioned line", weights.mentioned);
        }
    }
    let (name, prior) = prior(&lower, candidate.kind, query, weights);
    factor(name, prior);
    one
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split('.').next().unwrap_or_default()
}

/// Whether `path` ends in what was written, with or without an ending, or the other way round:
/// `a/b` and `/home/ada/src/a/b.py` mean `src/a/b.py`, but `foobar.rs` never means `bar.rs`.
fn mentions(written: &str, path: &str) -> bool {
    let ends_in = |long: &str, short: &str| {
        long.strip_suffix(short)
            .is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    let ends = |path: &str| ends_in(path, written) || ends_in(written, path);
    ends(path)
        || path
            .rsplit_once('.')
            .is_some_and(|(bare, _)| written.contains('/') && ends(bare))
}

/// Whether a file's folders are among these.
pub(crate) fn is_below(path: &str, folders: &[&str]) -> bool {
    let mut parts = path.split('/');
    parts.next_back();
    parts.any(|folder| folders.contains(&folder))
}

/// Whether a file holds tests, by its lowercased path.
pub(crate) fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let folders = [
        "test",
        "tests",
        "testing",
        "__tests__",
        "spec",
        "fixtures",
        "testdata",
    ];
    let parts = ["_test.", ".test.", ".spec.", "_spec."];
    is_below(path, &folders)
        || name.starts_with("test_")
        || stem(path) == "tests"
        || parts.iter().any(|part| name.contains(part))
}

/// How likely a chunk of this kind and place is what is looked for, before the question is known.
fn prior(path: &str, kind: Kind, query: &Query, weights: &Weights) -> (&'static str, f32) {
    let [example, vendored, declarations, barrel] = weights.places;
    let name = path.rsplit('/').next().unwrap_or_default();
    let folder = |names: &[&str]| is_below(path, names);
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if kind == Kind::Generated {
        ("generated", weights.generated)
    } else if folder(&["vendor", "third_party", "node_modules", "dist", "external"]) {
        ("vendored", vendored)
    } else if is_test(path) && !query.tests {
        ("test", weights.test)
    } else if folder(&["examples", "example", "demo", "samples"]) {
        ("example", example)
    } else if ends(&[".md", ".rst", ".mdx", ".txt"]) && !query.docs {
        ("docs", weights.docs)
    } else if ends(&[".d.ts"]) {
        ("declarations", declarations)
    } else if ["__init__.py", "index.ts", "index.js", "mod.rs"].contains(&name)
        && matches!(kind, Kind::Rest | Kind::Window)
    {
        // What such a file defines itself is as good as anywhere.
        ("barrel", barrel)
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
                vector: None,
            })
            .collect();
        let shown: Vec<String> = rank(&query(question), &candidates, &Weights::default())
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
                tests/a.rs cache (test, file)"#]],
        );
        check(
            "test of the stale cache entry",
            &rows,
            expect![[r#"
                tests/a.rs cache (file)
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
    fn the_place_and_the_kind_of_a_chunk_say_how_likely_it_is() {
        let asked = query("segments");
        let told = |path, kind| prior(path, kind, &asked, &Weights::default()).0;
        for (path, kind, expected) in [
            ("src/mod.rs", Kind::Rest, "barrel"),
            ("src/mod.rs", Kind::Function, ""),
            ("app/__init__.py", Kind::Type, ""),
            ("app/index.ts", Kind::Rest, "barrel"),
            ("src/api.rs", Kind::Generated, "generated"),
            ("vendor/a.js", Kind::Generated, "generated"),
            ("vendor/a.js", Kind::Function, "vendored"),
            ("third_party/a/b.c", Kind::Type, "vendored"),
            ("src/a.rs", Kind::Rest, ""),
        ] {
            assert_eq!(told(path, kind), expected, "{path} {kind:?}");
        }
    }

    #[test]
    fn a_mention_ends_at_the_border_of_a_name() {
        for (written, path) in [
            ("src/b.rs", "src/b.rs"),
            ("b.rs", "src/b.rs"),
            ("/home/ada/src/b.rs", "src/b.rs"),
            ("/home/ada/b.rs", "b.rs"),
            ("a/b", "src/a/b.py"),
        ] {
            assert!(mentions(written, path), "{written} {path}");
        }
        for (written, path) in [
            ("foobar.rs", "bar.rs"),
            ("src/foobar.rs", "bar.rs"),
            ("bar.rs", "src/foobar.rs"),
            ("a/foob", "oob.py"),
            ("b.rs", "src/b.rsx"),
        ] {
            assert!(!mentions(written, path), "{written} {path}");
        }
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
