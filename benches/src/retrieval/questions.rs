//! Questions to one tree: subjects of commits (set A), and documentation taken out of the tree (set D).

use super::documented::undocumented;
use super::figures::Gold;
use super::git::Git;
use super::mining;
use super::tree::{self, File};
use super::truth::Query;

/// A tree with what is asked of it.
#[derive(Debug)]
pub struct Exam {
    /// What may be searched.
    pub files: Vec<File>,
    /// Questions and their answers.
    pub questions: Vec<(String, Gold)>,
}

/// Subjects of later commits, to the files that these change.
///
/// # Errors
/// What git says.
pub fn commits(git: &Git, queries: &[Query]) -> Result<Exam, String> {
    let files = tree::files(git, &queries[0].base)?;
    let ask = |query: &Query| {
        let subject = git.ask(&["log", "-1", "--format=%s", &query.commit])?;
        let question = mining::asked(&String::from_utf8_lossy(&subject));
        Ok((question, Gold::Files(query.gold.clone())))
    };
    let questions: Result<_, String> = queries.iter().map(ask).collect();
    Ok(Exam {
        files,
        questions: questions?,
    })
}

/// First paragraphs of documentation, to the definitions that they stood above; at most `count`, evenly
/// spread over the tree. The documentation of all definitions is gone from the files.
///
/// # Errors
/// What git says.
pub fn documentation(git: &Git, commit: &str, count: usize) -> Result<Exam, String> {
    let mut files = tree::files(git, commit)?;
    let mut all: Vec<(String, Gold)> = Vec::new();
    for file in &mut files {
        if !mining::is_source(&file.path) {
            continue;
        }
        let (text, found) = undocumented(&file.path, &file.text);
        file.text = text;
        if !is_aside(&file.path) {
            let gold = |line| Gold::Line(file.path.clone(), line);
            all.extend(found.into_iter().map(|(asked, line)| (asked, gold(line))));
        }
    }
    // What stands above two definitions asks for neither.
    let mut texts: Vec<&String> = all.iter().map(|(asked, _)| asked).collect();
    texts.sort();
    let twice: Vec<String> = texts
        .windows(2)
        .filter(|two| two[0] == two[1])
        .map(|two| two[0].clone())
        .collect();
    all.retain(|(asked, _)| !twice.contains(asked));
    Ok(Exam {
        files,
        questions: mining::spread(all, count),
    })
}

/// Tests, examples and foreign code: nobody looks for them by what they do.
fn is_aside(path: &str) -> bool {
    let lower = path.to_lowercase();
    let marks = [
        "test",
        "spec",
        "example",
        "vendor",
        "third_party",
        "bench",
        "fixture",
        "demo",
    ];
    marks.iter().any(|mark| lower.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_foreign_code_are_not_asked_for() {
        assert!(is_aside("src/test/java/A.java") && is_aside("vendor/a.c"));
        assert!(!is_aside("src/store.rs"));
    }
}
