//! The edit that an answer proposes: held against the place that was fixed before the model was asked, and
//! shown as a difference before the user is asked for a word.

use std::path::Path;

use foretoken_engine::answer::contain::{Change, Checks, Flag, Refused, Target, contain};
use foretoken_engine::assist::Task;
use foretoken_engine::redact::Redacted;

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

/// The edit in a model's answer, or why there is none. `complete` says that the answer came to its end.
pub(super) fn of(
    prepared: &Prepared,
    raw: &str,
    complete: bool,
    tools: &Tools,
) -> Result<Proposed, Refused> {
    let place = prepared.place.as_ref().ok_or(Refused::Place)?;
    let document = &place.document;
    let text = document.rope().to_string();
    // Tests are no place of the secrets that the tested code holds.
    let nothing = Redacted::default();
    let sent = match prepared.prompt.task {
        Task::Test => &nothing,
        _ => &prepared.shown_target,
    };
    let target = Target {
        task: prepared.prompt.task,
        path: document.path(),
        language: document.language(),
        document: &text,
        start: place.bytes.start,
        end: place.bytes.end,
        sent,
        elided: prepared.elided,
        imports: place.imports.clone(),
        indent: place.indent.as_deref(),
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
    let proposal = proposal.unwrap_or(Err(Refused::Detector))?;
    let elsewhere = (place.path != prepared.snapshot.path).then(|| document.path());
    let (changes, shown) = (proposal.changes.iter(), (text.as_str(), elsewhere));
    let (diff, mut summary) = difference(changes, shown);
    let notes: Vec<String> = proposal.flags.iter().map(note).collect();
    for note in &notes {
        summary.push(' ');
        summary += note;
    }
    let edits = proposal.changes.into_iter();
    Ok(Proposed {
        edit: Edited {
            path: place.path.clone(),
            document: document.clone(),
            on_disk: place.on_disk,
            edits: edits.map(|change| (change.bytes, change.text)).collect(),
            summary,
        },
        shown: diff,
        notes,
    })
}

/// The changes as a block of Markdown, and in a sentence. `file` names it where it is not the one asked about.
fn difference<'a>(
    changes: impl Iterator<Item = &'a Change>,
    (text, file): (&str, Option<&str>),
) -> (String, String) {
    let mut diff = file.map_or(String::new(), |file| {
        format!("--- {}\n", file.escape_debug())
    });
    let (mut removed, mut added) = (0, 0);
    for change in changes {
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
    let where_to = file.map_or(String::new(), |file| format!("In {}: ", escaped(file)));
    let summary = format!("{where_to}{removed} lines out, {added} lines in.");
    (format!("{fence}diff\n{diff}{fence}\n"), summary)
}

fn note(flag: &Flag) -> String {
    match flag {
        Flag::UnknownPackage(name) => format!(
            "It imports {}, which is no package of this project.",
            escaped(name)
        ),
        Flag::NewAddress(address) => format!("It brings the address {}.", escaped(address)),
        Flag::Unparsed => "Whether it parses could not be told.".to_owned(),
    }
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
        let text = foretoken_index::read_inside(project, Path::new(manifest), LARGEST);
        text.is_ok_and(|text| spellings.iter().any(|spelling| text.contains(spelling)))
    };
    is_module || MANIFESTS.iter().any(named)
}

#[cfg(test)]
mod tests {
    use super::*;

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
