//! Every reason for which nothing is asked, through a whole session: it answers with nothing, is counted in the status,
//! and stands there as the document's last one. Only tests are here.

use foretoken_engine::document::Change;
use foretoken_engine::place::Place;
use foretoken_engine::position::{Position, Range};
use foretoken_engine::suggestion::{Source, Suggestion};
use foretoken_engine::trigger::Skip;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::flight::Answer;
use crate::main_loop::Reply;
use crate::pipeline::cache::Origin;
use crate::state::tests::{URI, session};
use crate::state::{Item, State};

/// A session with one document, which held `text` and was edited by `edits`, and the answer to a request at a position of
/// it. `invoked` is a key pressed for a suggestion.
struct Case {
    state: State,
    uri: &'static str,
    at: (u32, u32),
}

impl Case {
    fn new(text: &str, at: (u32, u32)) -> Case {
        let (state, _) = session(text);
        Case {
            state,
            uri: URI,
            at,
        }
    }

    /// The same after one change of these stretches, each a line, two columns and the text put there.
    fn edited(mut self, edits: &[(u32, u32, u32, &str)]) -> Case {
        let changes: Vec<Change> = edits
            .iter()
            .map(|&(line, from, to, text)| Change {
                range: Some(Range {
                    start: Position {
                        line,
                        character: from,
                    },
                    end: Position {
                        line,
                        character: to,
                    },
                }),
                text: text.to_owned(),
            })
            .collect();
        self.state.change(URI, 2, Some(2), &changes);
        self
    }

    fn ask(&mut self, invoked: bool) {
        let (sender, _reply) = oneshot::channel();
        let (answer, _interest) = Reply::new(sender);
        let (line, character) = self.at;
        let ask = json!({
            "textDocument": {"uri": self.uri},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": if invoked { 1 } else { 2 }},
        });
        let ask = serde_json::from_value(ask).ok();
        self.state.ask(9, ask, Answer::Inline(answer));
    }

    fn status(&mut self) -> Value {
        let ask = serde_json::from_value(json!({"command": "foretoken.status"})).ok();
        self.state.command(ask).expect("the status has an answer")
    }

    /// How often this reason was counted, and whether it is the document's last.
    fn told(&mut self, skip: Skip) -> (u64, bool) {
        let status = self.status();
        let count = status["counts"]["empty"][skip.code()].as_u64();
        let last = status["documents"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|document| document["uri"] == self.uri)
            .map(|document| document["last"]["reason"] == skip.code());
        (count.unwrap_or_default(), last.unwrap_or_default())
    }
}

const CODE: &str = "let total = \nlet width = 2;\nlet height = 3;\n";

/// A session in which this reason applies.
fn case(skip: Skip) -> Case {
    match skip {
        Skip::Excluded => {
            let mut case = Case::new(CODE, (0, 12));
            case.uri = "file:///project/.env";
            let item = Item {
                version: 1,
                text: CODE,
            };
            case.state.open(case.uri.to_owned(), 2, "plaintext", item);
            case
        }
        Skip::OutOfStep => Case::new(CODE, (0, 12)).edited(&[(77, 0, 0, "x")]),
        Skip::FileTooLarge => Case::new(&"let a = 1;\n".repeat(100_000), (0, 0)),
        Skip::LineTooLong => Case::new(&format!("{CODE}// {}\n", "a".repeat(10_001)), (0, 12)),
        Skip::TextToTheRight => Case::new("let total = + width * height;\n", (0, 12)),
        Skip::AfterDeletion => Case::new("let total = ab\n", (0, 12)).edited(&[(0, 12, 14, "")]),
        Skip::InsideWord => Case::new("let total = width;\n", (0, 14)),
        Skip::InsideComment => Case::new("// the total is .. of\n", (0, 12)),
        Skip::Dismissed => {
            let case = Case::new(CODE, (0, 12));
            let place = Place::at(&case.state.documents[URI].document, 12);
            let shown = Suggestion {
                text: "width * height;".to_owned(),
                probability: 0.9,
                source: Source::Model,
            };
            case.state.cache.put(URI, &place, &shown, Origin::default());
            case.state.cache.dismiss(URI, &place, 0);
            case
        }
        Skip::SeveralPlaces => {
            Case::new(CODE, (1, 15)).edited(&[(2, 15, 15, " "), (1, 14, 14, " ")])
        }
        Skip::TooLittleText => Case::new("a = 1;\n", (0, 6)),
    }
}

/// Reasons of the document itself, which a key pressed for a suggestion does not overrule.
const FINAL: &[Skip] = &[
    Skip::Excluded,
    Skip::OutOfStep,
    Skip::FileTooLarge,
    Skip::LineTooLong,
];

#[tokio::test]
async fn every_skip_is_counted_and_told() {
    for skip in Skip::ALL {
        let mut case = case(*skip);
        case.ask(false);
        assert_eq!(case.told(*skip), (1, true), "{}", skip.code());
    }
}

#[tokio::test]
async fn a_key_pressed_for_it_overrules_the_reasons_of_the_moment() {
    for skip in Skip::ALL {
        let mut case = case(*skip);
        case.ask(true);
        let told = u64::from(FINAL.contains(skip));
        assert_eq!(case.told(*skip).0, told, "{}", skip.code());
    }
}
