//! What a prompt is told of the user's style, where the user wants that and the task writes code.

use foretoken_engine::assist::{Kind, Output, Section, Task};
use foretoken_engine::style::{Tally, described};

use super::Snapshot;
use super::gather::Gathered;
use super::tools::Tools;
use crate::memory;

/// Adds the section; a sentence where something of it had to be left out. It may travel as far as the file that is asked about, and
/// `foretoken_engine::assist::prompt::clean` takes it out again where that is not far.
pub(super) fn add(
    task: Task,
    snapshot: &Snapshot,
    tools: &Tools,
    gathered: &mut Gathered,
) -> Option<String> {
    let known = tools.memory().zip(tools.paths());
    let (known, paths) = known.filter(|_| task.output() != Output::Answer)?;
    let (mut notes, mut left_out) = (None, None);
    match memory::notes(paths) {
        Ok(found) => notes = found,
        Err(sentence) => left_out = Some(sentence),
    }
    let language = snapshot.document.language();
    let tally = known.of(language.id()).unwrap_or_else(|error| {
        left_out = Some(format!(
            "What is known of your style is left out: {}.",
            error.said
        ));
        Tally::default()
    });
    let text = described(language, &tally, notes.as_deref());
    let level = (snapshot.level)(&snapshot.path);
    let section = text.map(|text| Section::new(Kind::Style, text).at(level));
    gathered.sections.extend(section);
    left_out
}
