//! The *digest* of a question: what can be said about code without a model, by the engine, from the sections
//! that a prompt would have held. It is the last of every plan, so that a question always has an answer.

use foretoken_engine::assist::digest::digest;
use foretoken_engine::assist::{Kind, Section};

use super::checked::{link, uri};
use super::prepare::Prepared;

/// Places to read on.
const PLACES: usize = 3;

/// The digest and its sources, both Markdown. `why` says why no model answered.
pub(super) fn of(prepared: &Prepared, why: &str) -> (String, Vec<String>) {
    let sections: Vec<Section> = prepared
        .prompt
        .sections
        .iter()
        .map(|placed| placed.section.clone())
        .collect();
    let to = |section: &Section| section.source.as_ref().map(|source| uri(prepared, source));
    let text = digest(&sections, why, &to);
    let wanted = [
        Kind::Definition,
        Kind::Hit,
        Kind::Caller,
        Kind::Test,
        Kind::Docs,
    ];
    let places = wanted.into_iter().flat_map(|kind| {
        let found = sections.iter().filter(move |section| section.kind == kind);
        found.filter_map(move |section| {
            let source = section.source.as_ref()?;
            Some(format!("{} ({})", link(prepared, source), kind.code()))
        })
    });
    (text, places.take(PLACES).collect())
}
