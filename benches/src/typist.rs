//! Somebody who types: samples with hunks cut out, keys with human gaps, the editor's own indentation.
//!
//! A *hunk* is what stands between `«` and `»` in a sample; it is typed into the file that lacks it. The
//! samples were written for this purpose.

use foretoken_tests::random::Random;

/// One hunk and the file that it is typed into.
#[derive(Debug, Clone)]
pub struct Script {
    /// File name, such as `cart.ts`.
    pub name: &'static str,
    /// The editor's id of the language.
    pub language: &'static str,
    /// The file with an empty line in place of this hunk.
    pub text: String,
    /// The byte where typing begins.
    pub at: usize,
    /// What is typed: one character each, but a new line with its indentation is one key, because the
    /// editor indents by itself.
    pub keys: Vec<String>,
}

const SAMPLES: &[(&str, &str, &str)] = &[
    (
        "inventory.rs",
        "rust",
        include_str!("../samples/inventory.rs.txt"),
    ),
    (
        "report.py",
        "python",
        include_str!("../samples/report.py.txt"),
    ),
    (
        "cart.ts",
        "typescript",
        include_str!("../samples/cart.ts.txt"),
    ),
    ("queue.go", "go", include_str!("../samples/queue.go.txt")),
    (
        "Matrix.java",
        "java",
        include_str!("../samples/Matrix.java.txt"),
    ),
];

/// Every hunk of every sample; the other hunks of its file are in place. Hunks of different files
/// alternate, so that a run that is cut short has seen every language.
#[must_use]
pub fn scripts() -> Vec<Script> {
    let of_file: Vec<Vec<Script>> = SAMPLES
        .iter()
        .map(|(name, language, marked)| of_sample(name, language, marked))
        .collect();
    let most = of_file.iter().map(Vec::len).max().unwrap_or(0);
    (0..most)
        .flat_map(|number| {
            of_file
                .iter()
                .filter_map(move |scripts| scripts.get(number).cloned())
        })
        .collect()
}

fn of_sample(name: &'static str, language: &'static str, marked: &str) -> Vec<Script> {
    let parts: Vec<&str> = marked.split(['«', '»']).collect();
    let hunks = (1..parts.len()).step_by(2);
    let script = |hunk: usize| {
        let before = parts[..hunk].concat();
        let text = format!("{before}\n{}", parts[hunk + 1..].concat());
        Script {
            name,
            language,
            at: before.len(),
            keys: keys(parts[hunk]),
            text,
        }
    };
    hunks.map(script).collect()
}

/// The keys of a hunk. Its last line end is left out: the cursor stays on the last line.
#[must_use]
pub fn keys(hunk: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut rest = hunk.trim_end_matches('\n');
    while let Some(c) = rest.chars().next() {
        let is_line = c == '\n' || (keys.is_empty() && c.is_whitespace());
        let blanks = if is_line {
            rest[c.len_utf8()..]
                .find(|c| c != ' ' && c != '\t')
                .unwrap_or(0)
        } else {
            0
        };
        let (key, left) = rest.split_at(c.len_utf8() + blanks);
        keys.push(key.to_owned());
        rest = left;
    }
    keys
}

/// Waits between keys: lognormal around a median, with a pause before each new line's first key and one
/// key in ten in a burst of 40 to 60 ms.
#[derive(Debug)]
pub struct Gaps {
    random: Random,
    median: f64,
}

/// Standard deviation of the logarithm of a gap.
const SIGMA: f64 = 0.45;

impl Gaps {
    /// Gaps around `median` ms.
    #[must_use]
    pub fn new(seed: u64, median: f64) -> Self {
        Self {
            random: Random::new(seed),
            median,
        }
    }

    /// The wait after `key`, in ms.
    pub fn after(&mut self, key: &str) -> f64 {
        if self.random.unit() < 0.1 {
            return 40.0 + 20.0 * self.random.unit();
        }
        // Box and Muller.
        let (u, v) = (1.0 - self.random.unit(), self.random.unit());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        let pause = if key.starts_with('\n') { 2.0 } else { 1.0 };
        pause * self.median * (SIGMA * normal).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hunk_typed_gives_its_sample_back() {
        let scripts = scripts();
        assert!(scripts.len() >= 10);
        for script in scripts {
            let (_, _, marked) = SAMPLES
                .iter()
                .find(|(name, ..)| *name == script.name)
                .unwrap();
            let whole = marked.replace(['«', '»'], "");
            let mut text = script.text.clone();
            text.insert_str(script.at, &script.keys.concat());
            assert_eq!(text, whole, "{}", script.name);
        }
    }

    #[test]
    fn a_seed_gives_the_same_gaps_around_its_median() {
        let draw = |seed| {
            let mut gaps = Gaps::new(seed, 130.0);
            (0..1000).map(|_| gaps.after("x")).collect::<Vec<f64>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        // A tenth is in bursts, which moves the median down a little.
        let median = crate::stats::quantile(&draw(1), 0.5);
        assert!((105.0..140.0).contains(&median), "{median}");
    }

    #[test]
    fn a_new_line_and_its_indentation_are_one_key() {
        assert_eq!(keys("  ab\n    c\n"), ["  ", "a", "b", "\n    ", "c"]);
    }
}
