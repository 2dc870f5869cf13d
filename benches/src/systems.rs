//! One item through the program's own pipeline: what the model alone, the look-up alone and both together
//! say at that place, ungated and gated.

use std::time::{Duration, Instant};

use foretoken::pipeline::choose::{Spot, Written, choose, with_minimum};
use foretoken::pipeline::complete::{self, Attempt, Inputs, Model};
use foretoken::pipeline::report::Reason;
use foretoken_engine::document::Document;
use foretoken_engine::lookup::LOOKUP_GATE;
use foretoken_engine::place::Place;
use foretoken_engine::prompt::Window;
use foretoken_engine::suggestion::{Flow, Gate, Suggestion, Token, Watch};
use foretoken_engine::trigger::{History, Kind};
use foretoken_grammars::Language;
use foretoken_infer::{Infer, Options, State};

use crate::floor;
use crate::items::Item;
use crate::score::{Score, marks};

/// Who answers, in the order of the table: somebody who knows what to copy from the same text, somebody who
/// copies what followed last time, the n-gram look-up, the network alone, and what a user gets.
pub const SYSTEMS: [&str; 5] = ["context", "copy", "lookup", "network", "both"];

/// The place of `both` among them.
pub const BOTH: usize = 4;

/// Least probabilities at which the curve of what is shown is taken.
pub const LEVELS: [f32; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// Longest time on one item: far more than an answer may take, so that a busy machine changes no figure.
const BUDGET: Duration = Duration::from_secs(30);

/// One system's answer at one place.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The first choice without a gate, filtered as users see it, and its estimated probability.
    pub whole: Option<(f32, Score)>,
    /// What would be shown.
    pub shown: Option<Score>,
    /// Time of this system's share of the completion, ms, nothing cached.
    pub ms: f64,
}

/// All systems' answers at one place.
#[derive(Debug, Clone)]
pub struct Answers {
    /// Where.
    pub item: Item,
    /// What, in the order of [`SYSTEMS`].
    pub by_system: [Answer; 5],
    /// What would be shown of both together at each of [`LEVELS`]. Empty for public sets.
    pub curve: Vec<Option<Score>>,
    /// Tokens the model may generate at most.
    pub most: usize,
    /// What the model wrote.
    pub said: Option<Written>,
    /// What the look-up proposed.
    pub guess: Option<Written>,
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

/// Asks all systems in one run: the model writes without a gate, and everything else is judged on that text.
pub async fn ask(item: &Item, model: Result<&Model, &str>) -> Answers {
    let document = document(item);
    let byte = item.prefix.len();
    let inputs = Inputs {
        document: document.clone(),
        byte,
        kind: Kind::Invoked,
        history: History::default(),
        window: Window::default(),
        idle: true,
        lookup: None,
        minimum_probability: Some(0.0),
    };
    let reason = |sentence: &str| Reason::NoModel(sentence.to_owned());
    let run = complete::run(inputs, model.map_err(reason), Attempt::alone(BUDGET));
    let done = run.await;
    let [said, guess] = done.written;
    let most = model.map_or(0, |model| model.info.budget.generate);
    let place = Place::at(&document, byte);
    let judges = Judges {
        spot: Spot {
            document: &document,
            place: &place,
            mode: place.mode(),
        },
        gate: model.ok().map(|model| model.info.gate),
        lookup: LOOKUP_GATE,
        most,
        said: said.as_ref(),
        guess: guess.as_ref(),
    };
    let of = |text: &str| marks(text, &item.middle, item.rule());
    let (open, gated) = (judges.at(Some(0.0)), judges.at(None));
    let copied = floor::copied(&item.prefix, &item.suffix);
    let ms = done.report.ms;
    let times = [0.0, 0.0, ms.lookup, ms.total - ms.lookup, ms.total];
    let mut by_system: [Answer; 5] = std::array::from_fn(|system| Answer {
        ms: times[system],
        ..Answer::default()
    });
    if floor::stands_elsewhere(item) {
        by_system[0].whole = Some((0.0, of(&item.middle)));
    }
    by_system[1].whole = (!copied.trim().is_empty()).then(|| (0.0, of(copied)));
    for (answer, (open, gated)) in by_system[2..].iter_mut().zip(open.iter().zip(&gated)) {
        answer.whole = open.as_ref().map(|s| (s.probability, of(&s.text)));
        answer.shown = gated.as_ref().map(|s| of(&s.text));
    }
    let levels = if item.is_own() { &LEVELS[..] } else { &[] };
    let curve = judges.curve(item, levels);
    Answers {
        item: item.clone(),
        by_system,
        curve,
        most,
        said,
        guess,
    }
}

/// What would be shown of both together at each of `levels`, with these gates of network and look-up.
#[must_use]
pub fn shown_with(
    answers: &Answers,
    [gate, lookup]: [Gate; 2],
    levels: &[f32],
) -> Vec<Option<Score>> {
    let item = &answers.item;
    let document = document(item);
    let place = Place::at(&document, item.prefix.len());
    let judges = Judges {
        spot: Spot {
            document: &document,
            place: &place,
            mode: place.mode(),
        },
        gate: Some(gate),
        lookup,
        most: answers.most,
        said: answers.said.as_ref(),
        guess: answers.guess.as_ref(),
    };
    judges.curve(item, levels)
}

/// What is judged at one place.
struct Judges<'a> {
    spot: Spot<'a>,
    /// The model's; `None` without a model.
    gate: Option<Gate>,
    /// The look-up's.
    lookup: Gate,
    /// Tokens the model may generate.
    most: usize,
    said: Option<&'a Written>,
    guess: Option<&'a Written>,
}

impl Judges<'_> {
    fn curve(&self, item: &Item, levels: &[f32]) -> Vec<Option<Score>> {
        let of = |s: &Suggestion| marks(&s.text, &item.middle, item.rule());
        levels
            .iter()
            .map(|least| self.at(Some(*least))[2].as_ref().map(of))
            .collect()
    }

    /// Look-up, network and both, with this least probability or the fitted one.
    fn at(&self, least: Option<f32>) -> [Option<Suggestion>; 3] {
        let guess = self
            .guess
            .map(|guess| self.spot.judge(guess, &with_minimum(self.lookup, least)));
        let said = match (self.said, self.gate) {
            (Some(said), Some(gate)) => {
                let gate = with_minimum(gate, least);
                self.spot
                    .judge(&served(said, self.spot, (gate, self.most)), &gate)
            }
            _ => Err(Reason::Loading),
        };
        let both = choose(said.clone(), guess.clone());
        [guess.and_then(Result::ok), said.ok(), both.ok()]
    }
}

/// The text as far as it is generated with this gate and token limit: the server stops where nothing longer
/// could be shown any more, and what it has then is judged as broken off.
#[must_use]
pub fn served(written: &Written, spot: Spot<'_>, (gate, most): (Gate, usize)) -> Written {
    let mut watch = Watch::new(spot.place, spot.mode).with_gate(gate, most);
    let stops = |(number, token): (usize, &Token)| {
        let text = written.text.get(..token.end)?;
        match watch.step(text, &written.tokens[..=number]) {
            Flow::Stop(reason) => Some((number + 1, text, reason.is_boundary())),
            Flow::Continue => None,
        }
    };
    match written.tokens.iter().enumerate().find_map(stops) {
        Some((count, text, ended)) => Written {
            text: text.to_owned(),
            tokens: written.tokens[..count].to_vec(),
            ended,
            ..*written
        },
        None => written.clone(),
    }
}

#[cfg(test)]
mod tests {
    use foretoken_engine::place::Mode;
    use foretoken_engine::suggestion::{Logistic, Source};

    use super::*;

    fn checked(logps: &[f32], most: usize) -> (String, bool) {
        let document = Document::open("a.rs", Language::Rust, 1, "let a = ");
        let place = Place::at(&document, 8);
        let spot = Spot {
            document: &document,
            place: &place,
            mode: Mode::Line,
        };
        let text = "one + two;\n".to_owned();
        let ends = [3, 5, 9, 10, 11];
        let token = |(end, logp): (&usize, &f32)| Token {
            end: *end,
            logp: *logp,
        };
        let written = Written {
            text,
            tokens: ends.iter().zip(logps).map(token).collect(),
            ended: true,
            source: Source::Model,
        };
        let curve = Logistic {
            a: 0.0,
            b: 1.0,
            c: 0.0,
        };
        // Half is passed at a sum of zero, a third at -0.7.
        let gate = Gate {
            line: curve,
            word: curve,
            show: 0.33,
        };
        let served = served(&written, spot, (gate, most));
        (served.text, served.ended)
    }

    #[test]
    fn a_text_ends_where_the_server_would_stop() {
        let sure = [-0.1; 5];
        assert_eq!(checked(&sure, 24), ("one + two;\n".to_owned(), true));
        let doubtful = [-0.1, -0.1, -3.0, -0.1, -0.1];
        assert_eq!(checked(&doubtful, 24), ("one + two".to_owned(), false));
    }
}
