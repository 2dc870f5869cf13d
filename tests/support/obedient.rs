//! A model that obeys whoever wrote the text it is sent, completely: the worst that an injected instruction
//! can do. What stands between `SAY{{` and `}}YAS` anywhere in its prompt is its answer, word for word;
//! `$FENCE` in it becomes the mark of the prompt's sections, which a model can read and repeat.

use std::sync::Arc;

use serde_json::Value;

use crate::faultd::{Maker, Script, Seen, Step, openai, stream_head};

/// Its answer where nobody tells it anything.
pub const NOTHING: &str = "Nobody told me what to say.";

/// The instruction that makes it say this.
#[must_use]
pub fn order(text: &str) -> String {
    format!("SAY{{{{{text}}}}}YAS")
}

/// A provider's script that obeys the prompt.
#[must_use]
pub fn script() -> Script {
    let answer = |seen: &Seen| openai(&[&answer(&prompt(seen))]).into_bytes();
    vec![
        stream_head(),
        Step::Made(Maker(Arc::new(answer))),
        Step::Close,
    ]
}

/// All texts of a request's messages, as the model reads them.
///
/// # Panics
/// For a request that is no chat.
#[must_use]
pub fn prompt(seen: &Seen) -> String {
    let body: Value = serde_json::from_str(&seen.body).expect("a request is JSON");
    let messages = body["messages"].as_array().expect("a chat has messages");
    let texts = messages
        .iter()
        .filter_map(|message| message["content"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}

/// The mark of a prompt's sections.
#[must_use]
pub fn fence(prompt: &str) -> Option<&str> {
    let (before, _) = prompt.split_once(" id=S1 ")?;
    before.rsplit_once("<<<").map(|(_, fence)| fence)
}

fn answer(prompt: &str) -> String {
    let said = prompt
        .split_once("SAY{{")
        .and_then(|(_, rest)| rest.split_once("}}YAS"))
        .map_or(NOTHING, |(said, _)| said);
    said.replace("$FENCE", fence(prompt).unwrap_or_default())
}
