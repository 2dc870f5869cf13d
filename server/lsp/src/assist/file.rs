//! Answer documents: Markdown files in the user's state directory, one for each answer, the way to show
//! one in every editor. Below `## Ask` the user may write on. Only the newest are kept; nothing is ever
//! written into the workspace, and nothing is read out of a document but what the editor sends of it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::paths::{self, Paths};

/// Answers kept.
const KEPT: usize = 50;

/// The heading below which the user writes a further question.
pub(crate) const ASK: &str = "## Ask";

/// What stands below it until the user writes.
pub(crate) const INVITATION: &str =
    "<!-- Write here and choose \"Send follow-up\" from the code actions. -->";

/// Where answers lie.
pub(crate) fn folder(paths: &Paths) -> PathBuf {
    paths.state.join("answers")
}

/// Writes one answer, whole, readable by its owner only, and takes the oldest away. `number` keeps the
/// answers of one second apart.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(paths: &Paths, number: u64, text: &str) -> io::Result<PathBuf> {
    let folder = folder(paths);
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    // Names of equal length sort by age.
    let path = folder.join(format!(
        "{seconds:010}-{:05}-{number:04}.md",
        std::process::id() % 100_000
    ));
    paths::write(&path, text.as_bytes())?;
    prune(&folder);
    Ok(path)
}

/// Takes away all but the newest. What cannot be taken away stays.
fn prune(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut answers: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    answers.sort();
    let surplus = answers.len().saturating_sub(KEPT);
    for old in &answers[..surplus] {
        let _ = std::fs::remove_file(old);
    }
}

/// What the user wrote below the last `## Ask` of a document; `None` where that is nothing.
pub(crate) fn question(text: &str) -> Option<String> {
    let at = text.rfind(&format!("\n{ASK}"))?;
    let below = &text[at + 1..];
    let below = below.split_once('\n').map_or("", |(_, below)| below);
    let question = below.replace(INVITATION, "");
    let question = question.trim();
    (!question.is_empty()).then(|| question.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_answers_are_kept_and_closed_to_others() {
        let user = tempfile::tempdir().unwrap();
        let paths = Paths::under(user.path());
        for number in 0..KEPT as u64 + 3 {
            let path = write(&paths, number, &format!("answer {number}")).unwrap();
            assert_eq!(paths::open_to_others(&path), None);
        }
        let mut kept: Vec<String> = std::fs::read_dir(folder(&paths))
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        kept.sort();
        assert_eq!(kept.len(), KEPT);
        assert!(!kept.contains(&"answer 0".to_owned()));
        assert!(kept.contains(&format!("answer {}", KEPT + 2)));
    }

    #[test]
    fn a_question_is_what_stands_below_the_last_heading() {
        let document = |below: &str| format!("# Answer\n\ntext ## Ask no\n\n{ASK}\n\n{below}");
        assert_eq!(
            question(&document("why not\na map?\n")).as_deref(),
            Some("why not\na map?")
        );
        assert_eq!(
            question(&document(&format!("{INVITATION}\nand now?"))).as_deref(),
            Some("and now?")
        );
        for nothing in [&document(INVITATION), &document("  \n"), "no heading", ""] {
            assert_eq!(question(nothing), None);
        }
    }
}
