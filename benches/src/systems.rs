//! One item through the program's own pipeline: what the model alone, the look-up alone and both together
//! say at that place, ungated and gated.

use std::time::{Duration, Instant};

use foretoken::pipeline::complete::{self, Attempt, Inputs, Model};
use foretoken::pipeline::report::Reason;
use foretoken_engine::document::Document;
use foretoken_engine::prompt::Window;
use foretoken_engine::suggestion::Suggestion;
use foretoken_engine::trigger::{History, Kind};
use foretoken_grammars::Language;
use foretoken_infer::{Infer, Options, State};

use crate::items::Item;
use crate::score::{Score, score};

/// Who answers.
pub const SYSTEMS: [&str; 3] = ["model", "lookup", "both"];

/// Longest time on one item: far more than an answer may take, so that a busy machine changes no figure.
const BUDGET: Duration = Duration::from_secs(10);

/// One system's answer at one place.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The whole text without a gate and its estimated probability; `None` where a filter took it.
    pub whole: Option<(f32, Score)>,
    /// What would be shown.
    pub shown: Option<Score>,
    /// Time of this system's share of the completion, ms, nothing cached.
    pub ms: f64,
}

/// All systems' answers at one place, in the order of [`SYSTEMS`].
#[derive(Debug, Clone)]
pub struct Answers {
    /// Where.
    pub item: Item,
    /// What.
    pub by_system: [Answer; 3],
}

/// The model, loaded. The error says why there is none.
///
/// # Errors
/// Whatever keeps the model from loading, as a sentence.
pub async fn load(options: Options) -> Result<Model, String> {
    let infer = Infer::start(options, Box::new(|_| {}));
    let begun = Instant::now();
    loop {
        match infer.state() {
            State::Ready(info) => return Ok(Model { infer, info }),
            State::Unavailable(why) => return Err(why.sentence),
            State::Loading { .. } if begun.elapsed() > Duration::from_secs(60) => {
                return Err("The model was not ready after a minute.".to_owned());
            }
            State::Loading { .. } => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// The document of an item, with the cursor at the end of its prefix.
#[must_use]
pub fn document(item: &Item) -> Document {
    let language = Language::detect(&item.language, &item.path);
    let text = format!("{}{}", item.prefix, item.suffix);
    let mut document = Document::open(&item.path, language, 1, &text);
    // A long file's tree is left to somebody who has time; a bench has.
    document.reparse(&mut || false);
    document
}

/// Asks all systems.
pub async fn ask(item: &Item, model: Result<&Model, &str>) -> Answers {
    let document = document(item);
    let run = async |minimum_probability| {
        let inputs = Inputs {
            document: document.clone(),
            byte: item.prefix.len(),
            kind: Kind::Invoked,
            history: History::default(),
            window: Window::default(),
            idle: true,
            lookup: None,
            minimum_probability,
        };
        let model = model.map_err(|sentence| Reason::NoModel(sentence.to_owned()));
        complete::run(inputs, model, Attempt::alone(BUDGET)).await
    };
    // Without a gate first: that run pays for the prompt, so its times are those of a cold place.
    let open = run(Some(0.0)).await;
    let gated = run(None).await;

    let mark = |suggestion: &Suggestion| score(of_kind(&suggestion.text, item), &item.middle);
    let whole = |s: Option<&Suggestion>| s.map(|s| (s.probability, mark(s)));
    let shown = |s: Option<&Suggestion>| s.map(mark);
    let guess = |c: &complete::Completed| c.guess.clone();
    let said = |c: &complete::Completed| c.said.clone();
    let ms = open.report.ms;
    let by_system = [
        Answer {
            whole: whole(said(&open).as_ref()),
            shown: shown(said(&gated).as_ref()),
            ms: ms.total - ms.lookup,
        },
        Answer {
            whole: whole(guess(&open).as_ref()),
            shown: shown(guess(&gated).as_ref()),
            ms: ms.lookup,
        },
        Answer {
            whole: whole(open.suggestion.as_ref()),
            shown: shown(gated.suggestion.as_ref()),
            ms: ms.total,
        },
    ];
    Answers {
        item: item.clone(),
        by_system,
    }
}

/// The part of a text that an item asks for: as many lines as its middle has. A block's whole text.
fn of_kind<'a>(text: &'a str, item: &Item) -> &'a str {
    if item.kind == "block" {
        return text;
    }
    let lines = item.middle.lines().count().max(1);
    let end = text
        .match_indices('\n')
        .nth(lines - 1)
        .map_or(text.len(), |(at, _)| at);
    &text[..end]
}
