//! The words of commits, ranked by BM25 with the search library's k1 and b; in memory, since two thousand
//! messages are a few hundred kilobytes.

use std::collections::HashMap;

use foretoken_engine::terms::{self, Query};

use super::Commit;

/// The search library's: k1 and b of Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009.
const K1: f32 = 1.2;
const B: f32 = 0.75;
/// What the subject counts more than the rest.
const SUBJECT: u32 = 2;

/// Which commits say which term how often.
#[derive(Clone, Default)]
pub(super) struct Words {
    postings: HashMap<Box<str>, Vec<(u32, u32)>>,
    lengths: Vec<u32>,
    mean: f32,
}

impl Words {
    pub(super) fn of(commits: &[Commit]) -> Words {
        let mut words = Words::default();
        for (at, commit) in commits.iter().enumerate() {
            let mut length = 0;
            let (subject, body) = (commit.subject(), commit.message.as_str());
            let paths = commit.paths.iter().map(|path| (&**path, 1));
            let parts = [(subject, SUBJECT - 1), (body, 1)].into_iter();
            for (part, count) in parts.chain(paths) {
                terms::each_term(part, &mut |term, _| {
                    length += count;
                    let postings = match words.postings.get_mut(term) {
                        Some(postings) => postings,
                        None => words.postings.entry(term.into()).or_default(),
                    };
                    match postings.last_mut() {
                        Some((last, times)) if *last == at as u32 => *times += count,
                        _ => postings.push((at as u32, count)),
                    }
                });
            }
            words.lengths.push(length);
        }
        let all: u32 = words.lengths.iter().sum();
        words.mean = all as f32 / words.lengths.len().max(1) as f32;
        words
    }

    /// Commits by their numbers, best first.
    pub(super) fn search(&self, query: &Query) -> Vec<(usize, f32)> {
        let all = self.lengths.len() as f32;
        // The score, and how many terms are there.
        let mut scores: HashMap<u32, (f32, usize)> = HashMap::new();
        for term in &query.terms {
            let postings = self.postings.get(term.text.as_str());
            let Some(postings) = postings else { continue };
            let holding = postings.len() as f32;
            let idf = (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln();
            for (at, count) in postings {
                let length = self.lengths[*at as usize] as f32 / self.mean;
                let count = *count as f32;
                let part = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length));
                let score = scores.entry(*at).or_default();
                score.0 += idf * term.weight * part;
                score.1 += 1;
            }
        }
        let least = query.terms.len().min(2);
        let found = scores.into_iter().filter(|(_, (_, held))| *held >= least);
        let mut found: Vec<(usize, f32)> =
            found.map(|(at, (score, _))| (at as usize, score)).collect();
        found.sort_by(|(a_at, a), (b_at, b)| b.total_cmp(a).then(a_at.cmp(b_at)));
        found
    }
}
