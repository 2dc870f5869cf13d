//! The systems that are compared: two configurations that others ship, and our own words with one step of
//! the ranking after the other. All of them see the same chunks, so only words and ranking differ.

use std::collections::HashMap;

use foretoken_engine::{chunk, terms};
use tantivy::tokenizer::TokenizerManager;

use super::ranked::{FIELDS, Ranked, Words};
use super::tree::File;

/// The rows of the table, each with what it adds to the row before.
pub const STEPS: [&str; 7] = [
    "Tabby's configuration (\\w+, tf = 1)",
    "tantivy's default words",
    "our words",
    "+ fields",
    "+ priors of tests and docs",
    "+ files added up",
    "+ named definitions",
];

/// Hits that the ranking looks at (chunks).
const HITS: usize = 200;

/// Weights of the ranking. The defaults are first guesses, set by hand and fitted to nothing yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Of body, name, signature and path.
    pub boosts: [f32; FIELDS],
    /// A test's score is multiplied by this, unless tests are asked for.
    pub test: f32,
    /// The same for documentation.
    pub docs: f32,
    /// What each further chunk of a file counts, as a share of the one before.
    pub decay: f32,
    /// A chunk's score is multiplied by this where the question names what it defines.
    pub defined: f32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            boosts: [1.0, 2.0, 1.0, 1.5],
            test: 0.3,
            docs: 0.5,
            decay: 0.5,
            defined: 1.5,
        }
    }
}

/// What the ranking knows of a chunk beside its words.
struct Row {
    path: usize,
    name: String,
}

/// A tree, indexed in four ways.
#[expect(missing_debug_implementations, reason = "tantivy's searcher has none")]
pub struct Ladder {
    paths: Vec<String>,
    rows: Vec<Row>,
    tabby: Ranked,
    default: Ranked,
    whole: Ranked,
    fields: Ranked,
}

impl Ladder {
    /// Cuts a tree into chunks and indexes it.
    ///
    /// # Errors
    /// What tantivy says.
    pub fn build(files: &[File]) -> Result<Ladder, String> {
        let mut rows = Vec::new();
        let mut words: [Vec<Words>; 4] = Default::default();
        for (number, file) in files.iter().enumerate() {
            for chunk in chunk::chunks(&file.path, &file.text, &mut || false) {
                let body = file.text.get(chunk.bytes.clone()).unwrap_or_default();
                let head = file.text.get(chunk.signature.clone()).unwrap_or_default();
                let both = format!("{}\n{body}", file.path);
                words[0].push(body_only(tabby(body)));
                words[1].push(body_only(usual(&both)));
                words[2].push(body_only(ours(&both)));
                let names = format!(
                    "{} {} {}",
                    chunk.name,
                    chunk.qualified,
                    chunk.names.join(" ")
                );
                words[3].push([ours(body), ours(&names), ours(head), ours(&file.path)]);
                let name = chunk.name.to_lowercase();
                rows.push(Row { path: number, name });
            }
        }
        let [first, second, third, fourth] = words;
        Ok(Ladder {
            paths: files.iter().map(|file| file.path.clone()).collect(),
            rows,
            tabby: Ranked::build(first.into_iter(), false)?,
            default: Ranked::build(second.into_iter(), true)?,
            whole: Ranked::build(third.into_iter(), true)?,
            fields: Ranked::build(fourth.into_iter(), true)?,
        })
    }

    /// How many chunks there are.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.rows.len()
    }

    /// Files in the order in which a step of [`STEPS`] ranks them, best first.
    ///
    /// # Errors
    /// What tantivy says.
    pub fn ask(
        &self,
        step: usize,
        question: &str,
        weights: &Weights,
    ) -> Result<Vec<String>, String> {
        let plain = [1.0, 0.0, 0.0, 0.0];
        let cut = |text: String| -> Vec<(String, f32)> {
            let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            words.sort();
            words.dedup();
            words.into_iter().map(|word| (word, 1.0)).collect()
        };
        let query = terms::query(question);
        let own = || {
            query
                .terms
                .iter()
                .map(|t| (t.text.clone(), t.weight))
                .collect::<Vec<_>>()
        };
        let hits = match step {
            0 => self.tabby.search(&cut(tabby(question)), plain, HITS)?,
            1 => self.default.search(&cut(usual(question)), plain, HITS)?,
            2 => self.whole.search(&own(), plain, HITS)?,
            _ => self.fields.search(&own(), weights.boosts, HITS)?,
        };
        Ok(self.order(step, hits, &query, weights))
    }

    fn order(
        &self,
        step: usize,
        mut hits: Vec<(usize, f32)>,
        query: &terms::Query,
        weights: &Weights,
    ) -> Vec<String> {
        for (chunk, score) in &mut hits {
            let row = &self.rows[*chunk];
            if step >= 4 {
                *score *= prior(&self.paths[row.path], query, weights);
            }
            if step >= 6 && !row.name.is_empty() && query.names.contains(&row.name) {
                *score *= weights.defined;
            }
        }
        hits.sort_by(|a, b| b.1.total_cmp(&a.1));
        let decay = if step >= 5 { weights.decay } else { 0.0 };
        // Score, share of the file's next chunk.
        let mut files: HashMap<usize, (f32, f32)> = HashMap::new();
        for (chunk, score) in hits {
            let file = files.entry(self.rows[chunk].path).or_insert((0.0, 1.0));
            file.0 += score * file.1;
            file.1 *= decay;
        }
        let mut files: Vec<(f32, &String)> = files
            .into_iter()
            .map(|(path, (score, _))| (score, &self.paths[path]))
            .collect();
        files.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        files.into_iter().map(|(_, path)| path.clone()).collect()
    }
}

fn prior(path: &str, query: &terms::Query, weights: &Weights) -> f32 {
    let lower = path.to_lowercase();
    let tests = [
        "test",
        "tests",
        "__tests__",
        "spec",
        "testdata",
        "fixtures",
        "e2e",
    ];
    let parts = |words: &[&str]| {
        lower
            .split(['/', '.', '_', '-'])
            .any(|p| words.contains(&p))
    };
    let camel = path.contains("Test.java") || path.contains("Tests.java");
    let docs = [".md", ".mdx", ".rst", ".txt", ".adoc", ".3", ".1"];
    if (parts(&tests) || camel) && !query.tests {
        weights.test
    } else if docs.iter().any(|ending| lower.ends_with(ending)) && !query.docs {
        weights.docs
    } else {
        1.0
    }
}

fn body_only(words: String) -> Words {
    [words, String::new(), String::new(), String::new()]
}

/// Words as Tabby cuts them: `\w+`, case kept (TabbyML/tabby 21b2904, `crates/tabby/src/services/code.rs`).
fn tabby(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Words as tantivy's tokenizer named `default` cuts them.
fn usual(text: &str) -> String {
    let mut words = Vec::new();
    if let Some(mut analyzer) = TokenizerManager::default().get("default") {
        analyzer
            .token_stream(text)
            .process(&mut |token| words.push(token.text.clone()));
    }
    words.join(" ")
}

fn ours(text: &str) -> String {
    let mut words = String::new();
    terms::each_term(text, &mut |term, _| {
        words.push_str(term);
        words.push(' ');
    });
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_finds_more() {
        let file = |path: &str, text: &str| File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let files = [
            file(
                "src/users.rs",
                "pub fn get_user_name() -> String {\n    lookup()\n}\n",
            ),
            file(
                "tests/users.rs",
                "fn user_names() {\n    get_user_name();\n    user(name);\n}\n",
            ),
            file("src/other.rs", "fn other() {}\n"),
        ];
        let ladder = Ladder::build(&files).unwrap();
        let best = |step, question: &str| {
            ladder
                .ask(step, question, &Weights::default())
                .unwrap()
                .first()
                .cloned()
        };
        assert_eq!(best(0, "names of getUserName"), None);
        assert_eq!(
            best(0, "get_user_name lookup").as_deref(),
            Some("src/users.rs")
        );
        assert_eq!(best(6, "wrong user names").as_deref(), Some("src/users.rs"));
    }
}
