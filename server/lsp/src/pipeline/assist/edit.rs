//! The edit that an answer proposes: held against the place that was fixed before the model was asked, and
//! shown as a difference before the user is asked for a word.

use std::path::Path;

use foretoken_engine::answer::contain::{Checks, Flag, Proposal, Refused, Target, contain};
use foretoken_engine::assist::Task;
use foretoken_engine::target;
use foretoken_grammars::Language;

use super::answer::Edited;
use super::checked::escaped;
use super::prepare::Prepared;
use super::tools::Tools;

/// Files that name the packages of a project.
const MANIFESTS: [&str; 14] = [
    "Cargo.toml",
    "Cargo.lock",
    "package.json",
    "package-lock.json",
    "pyproject.toml",
    "requirements.txt",
    "setup.py",
    "uv.lock",
    "poetry.lock",
    "go.mod",
    "go.sum",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
];
/// Longest manifest that is read, bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A change that may be offered.
#[derive(Debug)]
pub(super) struct Proposed {
    pub(super) edit: Edited,
    /// Markdown that shows it.
    pub(super) shown: String,
    /// What deserves a look.
    pub(super) notes: Vec<String>,
}

/// The edit in a model's answer, or a sentence why there is none. `complete` says that the answer came to
/// its end.
pub(super) fn of(
    prepared: &Prepared,
    raw: &str,
    complete: bool,
    tools: &Tools,
) -> Result<Proposed, String> {
    let document = &prepared.snapshot.document;
    let text = document.rope().to_string();
    let place = prepared.target.as_ref().ok_or(Refused::Place.sentence())?;
    let bytes = match prepared.prompt.task {
        Task::Document => {
            let at = documentation_at(&text, place, document.language());
            at..at
        }
        _ => place.bytes.clone(),
    };
    let target = Target {
        task: prepared.prompt.task,
        path: document.path(),
        language: document.language(),
        document: &text,
        start: bytes.start,
        end: bytes.end,
        sent: &prepared.shown_target,
        elided: prepared.elided,
    };
    let project = prepared.snapshot.project.as_path();
    let proposal = tools.with_redactor(|redactor| {
        let mut checks = Checks {
            vault: &prepared.vault,
            redactor,
            package_exists: &|name| package_exists(project, name),
        };
        contain(&target, raw, complete, &mut checks)
    });
    let proposal = proposal.unwrap_or(Err(Refused::Detector));
    let proposal = proposal.map_err(|refused| refused.sentence().to_owned())?;
    Ok(proposed(&text, proposal))
}

fn proposed(text: &str, proposal: Proposal) -> Proposed {
    let mut diff = String::new();
    let (mut removed, mut added) = (0, 0);
    for change in &proposal.changes {
        let line = text[..change.bytes.start].matches('\n').count() + 1;
        diff += &format!("@@ line {line} @@\n");
        for old in text[change.bytes.clone()].lines() {
            diff += &format!("-{old}\n");
            removed += 1;
        }
        for new in change.text.lines() {
            diff += &format!("+{new}\n");
            added += 1;
        }
    }
    let runs = diff.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or(0).max(2) + 1);
    let notes = proposal.flags.iter().map(|flag| match flag {
        Flag::UnknownPackage(name) => format!(
            "It imports {}, which is no package of this project.",
            escaped(name)
        ),
        Flag::NewAddress(address) => format!("It brings the address {}.", escaped(address)),
        Flag::Unparsed => "Whether it parses could not be told.".to_owned(),
    });
    let notes: Vec<String> = notes.collect();
    let mut summary = format!("{removed} lines out, {added} lines in.");
    for note in &notes {
        summary.push(' ');
        summary += note;
    }
    Proposed {
        edit: Edited {
            edits: proposal
                .changes
                .into_iter()
                .map(|change| (change.bytes, change.text))
                .collect(),
            summary,
        },
        shown: format!("{fence}diff\n{diff}{fence}\n"),
        notes,
    }
}

/// Where documentation of a definition goes: above it and what belongs to it; in Python, below its head.
fn documentation_at(text: &str, place: &target::Target, language: Language) -> usize {
    if language != Language::Python {
        return place.bytes.start;
    }
    let lines = text.split_inclusive('\n');
    let mut at = 0;
    for (number, line) in lines.enumerate() {
        at += line.len();
        if number >= place.head as usize && line.trim_end().ends_with(':') {
            return at;
        }
    }
    place.bytes.start
}

/// Whether the project has a package or a module of this name. Registries write `_` and `-` for another.
fn package_exists(project: &Path, name: &str) -> bool {
    let spellings = [
        name.to_owned(),
        name.replace('_', "-"),
        name.replace('-', "_"),
    ];
    let first = name.split(['.', '/']).next().unwrap_or(name);
    let is_module = ["", "src", "lib"].iter().any(|folder| {
        let at = project.join(folder).join(first);
        at.is_dir() || at.with_extension("py").is_file() || at.with_extension("rs").is_file()
    });
    let named = |manifest: &&'static str| {
        let path = project.join(manifest);
        let small = std::fs::symlink_metadata(&path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LARGEST);
        let text = small.then(|| std::fs::read_to_string(&path).ok()).flatten();
        text.is_some_and(|text| spellings.iter().any(|spelling| text.contains(spelling)))
    };
    is_module || MANIFESTS.iter().any(named)
}

#[cfg(test)]
mod tests {
    use foretoken_engine::document::Document;

    use super::*;

    #[test]
    fn documentation_stands_above_and_in_python_below_the_head() {
        let at = |language, text: &str, cursor: usize| {
            let document = Document::open("a", language, 1, text);
            let place = target::target(&document, cursor..cursor).unwrap();
            documentation_at(text, &place, language)
        };
        let rust = "struct A;\n\n#[inline]\nfn f() {}\n";
        assert_eq!(at(Language::Rust, rust, 24), rust.find("#[").unwrap());
        let python = "class A:\n    def f(\n        self,\n    ):\n        return 1\n";
        let body = python.find("        return").unwrap();
        assert_eq!(at(Language::Python, python, body + 9), body);
    }

    #[test]
    fn packages_are_looked_for_in_manifests_and_among_modules() {
        let project = tempfile::tempdir().unwrap();
        std::fs::write(project.path().join("Cargo.toml"), "tower-lsp = \"1\"\n").unwrap();
        std::fs::create_dir_all(project.path().join("src/engine")).unwrap();
        for (name, there) in [("tower_lsp", true), ("engine", true), ("left_pad", false)] {
            assert_eq!(package_exists(project.path(), name), there, "{name}");
        }
    }
}
