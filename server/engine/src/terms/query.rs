//! A question as terms: title counted twice, places it mentions, and only as many terms as pay.

use std::collections::HashMap;

use super::{TermKind, each_term};

/// A term of a query with how often the query says it.
#[derive(Clone, PartialEq, Debug)]
pub struct QueryTerm {
    /// The term as [`each_term`] writes it.
    pub text: String,
    /// Occurrences, those of the first of several lines counted twice; above 0.
    pub weight: f32,
    /// Whether it is an identifier of several parts.
    pub whole: bool,
    /// Whether the question points at it: a whole identifier, or a part of a path or of a quoted name.
    pub pointed: bool,
}

/// A file, or a dotted module, that the question names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mention {
    /// Lowercased, with slashes: `src/main.rs`, `a/b` of `a.b`.
    pub path: String,
    /// The 1-based line that stands behind it, as in a stack trace.
    pub line: Option<u32>,
}

/// A question to the index.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Query {
    /// Distinct terms, in the order in which they first occur.
    pub terms: Vec<QueryTerm>,
    /// Words as the question spells them, lowercased, that may name a definition: mixed case, an
    /// underscore, or four characters at least.
    pub names: Vec<String>,
    /// Paths and modules it mentions.
    pub mentions: Vec<Mention>,
    /// Whether it speaks of tests, and so wants them.
    pub tests: bool,
    /// Whether it speaks of documentation.
    pub docs: bool,
}

/// Bytes of a question that are looked at; what is longer is a paste, and its head says what it is.
const LONGEST_QUERY: usize = 64 * 1024;

/// Reads a question: free words, an identifier, an error message, a stack trace.
pub fn query(text: &str) -> Query {
    let mut end = text.len().min(LONGEST_QUERY);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text[..end].trim();
    let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
    // A lone line has no body to weigh more than.
    let title_weight = if rest.is_empty() { 1.0 } else { 2.0 };
    let mut query = Query::default();
    let mut known = HashMap::new();
    for (part, weight) in [(title, title_weight), (rest, 1.0)] {
        each_term(part, &mut |term, kind| {
            let at = *known.entry(term.to_owned()).or_insert_with(|| {
                query.terms.push(QueryTerm {
                    text: term.to_owned(),
                    weight: 0.0,
                    whole: kind == TermKind::Whole,
                    pointed: kind == TermKind::Whole,
                });
                query.terms.len() - 1
            });
            query.terms[at].weight += weight;
        });
    }
    for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        let lower = word.to_lowercase();
        query.tests |= ["test", "tests", "testing", "spec"].contains(&lower.as_str());
        query.docs |= ["doc", "docs", "documentation", "readme"].contains(&lower.as_str());
        let mixed = word.contains('_') || word.chars().skip(1).any(char::is_uppercase);
        let nameable = word.len() <= super::LONGEST && (mixed || word.chars().count() >= 4);
        if nameable && !query.names.contains(&lower) && query.names.len() < 64 {
            query.names.push(lower);
        }
    }
    query.mentions = mentions(text);
    let paths = query.mentions.iter().map(|mention| mention.path.as_str());
    let pointed: Vec<&str> = paths.chain(quoted(text)).collect();
    for part in pointed {
        each_term(part, &mut |term, _| {
            if let Some(at) = known.get(term) {
                query.terms[*at].pointed = true;
            }
        });
    }
    query
}

/// Words in backticks or quotes, when they stand there alone: names, not sentences.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let quote = |c: char| "`\"'".contains(c);
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(quote)?;
            let mark = rest[start..].chars().next()?;
            let inner = &rest[start + mark.len_utf8()..];
            // The apostrophe of `don't` opens nothing: what it would quote holds a blank.
            let end = inner.find(|c: char| c == mark || c.is_whitespace())?;
            rest = &inner[end..];
            if rest.starts_with(mark) {
                rest = &rest[mark.len_utf8()..];
                if end > 0 {
                    return Some(&inner[..end]);
                }
            }
        }
    })
}

impl Query {
    /// Keeps the `limit` terms with the highest idf × weight, and among equals the earlier. Those that the
    /// question points at go last: of them, twice as many stay before any is dropped, and no other stays
    /// beside them once they are `limit`.
    pub fn prune(&mut self, limit: usize, idf: &dyn Fn(&str) -> f32) {
        if self.terms.len() <= limit {
            return;
        }
        let worth = |term: &QueryTerm| (term.pointed, term.weight * idf(&term.text));
        let mut ranked: Vec<((bool, f32), usize)> = self.terms.iter().map(worth).zip(0..).collect();
        ranked.sort_by(|((a_pointed, a), a_at), ((b_pointed, b), b_at)| {
            let by_worth = b_pointed.cmp(a_pointed).then(b.total_cmp(a));
            by_worth.then(a_at.cmp(b_at))
        });
        let pointed = self.terms.iter().filter(|term| term.pointed).count();
        ranked.truncate(pointed.clamp(limit, 2 * limit));
        let mut kept: Vec<usize> = ranked.into_iter().map(|(_, at)| at).collect();
        kept.sort_unstable();
        self.terms = kept.iter().map(|at| self.terms[*at].clone()).collect();
    }
}

/// Words that hold a slash or a dot between names, with a line number behind a colon.
fn mentions(text: &str) -> Vec<Mention> {
    let mut found: Vec<Mention> = Vec::new();
    let outside = |c: char| c.is_whitespace() || "\"'`()[]{}<>,;=".contains(c);
    for word in text.split(outside) {
        let word = word.trim_matches(|c: char| ".:!?#*".contains(c));
        let mut fields = word.split(':');
        let path = fields.next().unwrap_or_default().trim_start_matches("./");
        let line = fields.next().and_then(|line| line.parse().ok());
        let slashed = path.contains('/');
        let dotted = path.split('.').count() > 1
            && path.split('.').all(|name| {
                !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            })
            && path.chars().any(char::is_alphabetic);
        if !(slashed || dotted) || path.len() < 3 || path.len() > 256 || found.len() >= 32 {
            continue;
        }
        let path = if slashed || line.is_some() || has_extension(path) {
            path.to_lowercase()
        } else {
            path.to_lowercase().replace('.', "/")
        };
        let mention = Mention { path, line };
        if !found.contains(&mention) {
            found.push(mention);
        }
    }
    found
}

/// `name.rs` is a file, `package.module` is not: one dot and a short ending.
fn has_extension(path: &str) -> bool {
    path.split_once('.')
        .is_some_and(|(_, end)| end.len() <= 4 && !end.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        let query = query(text);
        let terms: Vec<String> = query
            .terms
            .iter()
            .map(|term| format!("{}×{}", term.text, term.weight))
            .collect();
        let mentions: Vec<String> = query
            .mentions
            .iter()
            .map(|m| {
                format!(
                    "{}{}",
                    m.path,
                    m.line.map_or(String::new(), |l| format!(":{l}"))
                )
            })
            .collect();
        expected.assert_eq(&format!("{} | {}", terms.join(" "), mentions.join(" ")));
    }

    #[test]
    fn a_title_counts_twice() {
        check(
            "Fix ghost text\n\nThe ghost was stale.",
            expect!["fix×2 ghost×3 text×2 stal×1 | "],
        );
        check("ghost text", expect!["ghost×1 text×1 | "]);
    }

    #[test]
    fn places_are_read_from_traces_and_prose() {
        check(
            "at src/Main.rs:12:5, in os.path.join and main.py. See 1.5",
            expect![
                "src×1 main×2 rs×1 os×1 path×1 join×1 py×1 see×1 | src/main.rs:12 os/path/join main.py"
            ],
        );
    }

    #[test]
    fn pruning_keeps_names_and_rare_words() {
        let mut query = query("common getUserName rare common2");
        query.prune(2, &|term| if term == "common" { 0.1 } else { 1.0 });
        let left: Vec<&str> = query.terms.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(left, ["getusername", "common2"]);
    }

    #[test]
    fn what_the_question_points_at_is_never_pruned() {
        let prose = "seldom words that are rarer than names and fill any list ".repeat(2);
        let question =
            format!("{prose} at src/Frame.rs:12 `lease` isn't 'held' by getUserName {prose} don't");
        let mut query = query(&question);
        // The words pointed at are the commonest of all.
        let common = [
            "src",
            "fram",
            "rs",
            "leas",
            "held",
            "getusername",
            "get",
            "user",
            "name",
        ];
        query.prune(6, &|term| if common.contains(&term) { 0.1 } else { 9.0 });
        let left: Vec<&str> = query.terms.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(left, ["src", "fram", "rs", "leas", "held", "getusername"]);
    }

    #[test]
    fn many_names_stay_and_very_many_are_bounded() {
        let names = |count: usize| -> String {
            (0..count)
                .map(|at| format!("user_name_{at} word{at} "))
                .collect()
        };
        let mut few = query(&names(10));
        few.prune(8, &|_| 1.0);
        assert!(few.terms.iter().all(|term| term.whole));
        assert_eq!(few.terms.len(), 16);
        let mut hostile = query(&names(5_000));
        hostile.prune(8, &|_| 1.0);
        assert_eq!(hostile.terms.len(), 16);
    }

    proptest::proptest! {
        #[test]
        fn any_question_is_read(text in "\\PC{0,300}") {
            let mut query = query(&text);
            query.prune(8, &|_| 1.0);
            assert!(query.terms.len() <= 16);
            assert!(query.terms.len() <= 8 || query.terms.iter().all(|term| term.pointed));
        }
    }
}
