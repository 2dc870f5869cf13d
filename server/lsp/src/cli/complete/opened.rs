//! `--open`: the other files that an editor would have open, and the pieces of them that the model is
//! shown. The choice is the server's; only the pause before it is not waited for.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use foretoken_engine::context::{self, Ask, Facts};
use foretoken_engine::document::Document;
use foretoken_engine::prompt::Window;

use super::super::Failure;
use super::super::model::Started;
use super::{absolute, read};
use crate::config::Completion;
use crate::config::settings::Context;

/// The documents of those files that may be shown to the model, and for the others a sentence each.
pub(super) fn read_all(
    files: &[std::path::PathBuf],
    root: &Path,
    settings: &Completion,
    err: &mut dyn Write,
) -> Result<Vec<Document>, Failure> {
    let mut documents = Vec::new();
    for file in files {
        let path = absolute(file)?;
        let document = read(&file.display().to_string(), &path, root)?;
        let why = match () {
            () if !path.starts_with(root) => "it lies outside of the project",
            () if !settings.allows(&path, document.language()) => "a setting excludes it",
            () if settings.context == Context::Off => "`completion.context` is off",
            () => {
                documents.push(document);
                continue;
            }
        };
        writeln!(err, "{} is not shown to the model: {why}.", file.display())?;
    }
    Ok(documents)
}

/// The window for the first prompt at this place, with pieces of the other files.
pub(super) fn window(
    document: &Document,
    byte: usize,
    others: &[Document],
    (started, setting): (&Started, Context),
) -> Window {
    let info = match &started.info {
        Ok(info) if setting.shows(info.pieces) => info,
        _ => return Window::default(),
    };
    let facts = |document: &Document| Arc::new(Facts::of(document));
    let mut files = vec![facts(document)];
    let others = others.iter().map(facts);
    files.extend(
        others
            .filter(|other| files[0].is_akin(other))
            .collect::<Vec<_>>(),
    );
    let ask = Ask {
        files: &files,
        this: 0,
        document,
        byte,
        edited: &[],
        budget: &info.budget,
    };
    let candidates = context::candidates(&ask, &[]);
    let count = |text: &str| started.infer.count(text);
    let chosen = context::choose(&candidates, &[], info.budget.context, &count);
    Window::default().offering(chosen.into())
}
