//! Plays traces on one server as one editor does: types, asks, waits as long as that editor waits, and
//! keeps the log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use foretoken_tests::random::Random;
use foretoken_tests::server::sha256;
use serde_json::{Value, json};

use super::client::{Client, Start};
use super::log::{Answer, Key, Kind, Played, Served};
use super::pace::Pace;
use super::steps::{Step, Stroke};
use super::traces::{Class, Trace};
use crate::typist::Gaps;

mod asking;
mod counters;
mod writing;

use asking::Asking;
pub use counters::Counters;
use writing::Writing;

/// Time from opening a file or going to another place to the first key there, of a person.
const LOOKING_MS: f64 = 600.0;

/// The same at a quick pace: enough for a server that starts at the sight of a place.
const GLANCE: Duration = Duration::from_millis(200);

/// Says when to end: a key for it, or a time.
#[derive(Debug)]
pub struct Stop {
    asked: AtomicBool,
    at: Option<Instant>,
}

impl Stop {
    /// Ends after this time, or when asked.
    #[must_use]
    pub fn after(limit: Option<Duration>) -> Stop {
        Stop {
            asked: AtomicBool::new(false),
            at: limit.map(|limit| Instant::now() + limit),
        }
    }

    /// Asks.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// It is time.
    pub fn is_due(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.at.is_some_and(|at| Instant::now() >= at)
    }
}

/// One editor with its server.
#[derive(Debug)]
pub struct Player {
    /// The wire.
    pub client: Client,
    asking: Asking,
    pace: Pace,
    /// The server tells its counters.
    status: bool,
    /// Those after the last answer.
    seen: Counters,
    /// What is on the screen.
    visible: Option<String>,
    /// The command of the item that is on the screen.
    command: Value,
}

impl Player {
    /// Starts the server and waits until its model answers.
    ///
    /// # Errors
    /// Why it cannot be measured, as a sentence.
    pub async fn start(start: &Start, how: &How) -> Result<Player, String> {
        let persona = foretoken_tests::persona::Persona::named(&how.persona);
        let client = Client::start(start, persona).await?;
        let status = client.has_command("foretoken.status");
        let mut player = Player {
            asking: Asking::of(&client, how.ask_delay, &how.pace),
            client,
            pace: how.pace.clone(),
            status,
            seen: Counters::default(),
            visible: None,
            command: Value::Null,
        };
        if status {
            player.ready(how.without_model).await?;
        }
        Ok(player)
    }

    async fn ready(&mut self, without_model: bool) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < super::client::LIMIT {
            let model = self.status(false).await?["model"].take();
            match model["state"].as_str() {
                Some("loading") => tokio::time::sleep(Duration::from_millis(20)).await,
                Some("unavailable") if !without_model => {
                    let why = model["message"].as_str().unwrap_or_default();
                    return Err(format!(
                        "the server has no model, so there is nothing to measure: {why}"
                    ));
                }
                _ => return Ok(()),
            }
        }
        Err("the server's model was not ready after a minute".to_owned())
    }

    /// What a server with our status says of itself.
    ///
    /// # Errors
    /// No answer, as a sentence.
    pub async fn status(&mut self, documents: bool) -> Result<Value, String> {
        let arguments = json!([{"documents": documents}]);
        let params = json!({"command": "foretoken.status", "arguments": arguments});
        self.client
            .request("workspace/executeCommand", params)
            .await
    }

    /// The server tells its counters.
    #[must_use]
    pub fn tells(&self) -> bool {
        self.status
    }

    /// Plays one trace; `number` makes its files its own.
    ///
    /// # Errors
    /// A server that ended or does not answer, as a sentence.
    pub async fn play(
        &mut self,
        trace: &Trace,
        number: usize,
        stop: &Stop,
    ) -> Result<Played, String> {
        let mut writing = Writing::open(&mut self.client, trace, number);
        let mut random = Random::new(trace.seed);
        let mut gaps = Gaps::new(trace.seed, self.pace.median(number));
        let mut keys = Vec::new();
        let (mut next, mut jumped) = (0, None);
        self.show(None);
        self.look(false).await;
        while next < trace.strokes.len() && !stop.is_due() {
            let accepted = (trace.class == Class::Accept)
                .then(|| self.acceptable(&writing, &mut random))
                .flatten();
            let stroke = match &accepted {
                Some(text) => writing.accept(text),
                None => writing.rest_of(&trace.strokes[next]),
            };
            let Some(stroke) = stroke else {
                next += 1;
                continue;
            };
            if let Step::Jump { region, warm } = stroke.step {
                self.asking.finish(&self.client, &writing);
                writing.region = region;
                jumped = Some(warm);
                self.show(None);
                self.asking.moved(&mut self.client, &writing);
                self.look(true).await;
                next += 1;
                continue;
            }
            let whole = accepted.is_some() && accepted == self.visible;
            let gap = self.pace.gap(gaps.after(writing::text_of(&stroke.step)));
            let mut key = self.press(&mut writing, &stroke, gap).await?;
            if accepted.is_some() {
                key.kind = if whole {
                    Kind::AcceptedAll
                } else {
                    Kind::AcceptedWord
                };
            } else {
                next += 1;
            }
            key.jumped = jumped.take();
            keys.push(key);
        }
        let same_text = self.close(&writing).await?;
        Ok(Played {
            trace: number,
            class: trace.class,
            target: trace.regions[0].target.clone(),
            keys,
            same_text,
        })
    }

    /// The pause of somebody who looks at a new place.
    async fn look(&self, jumped: bool) {
        let pause = match self.pace.gap(LOOKING_MS) {
            Some(pause) => pause,
            None if jumped => GLANCE,
            None => Duration::ZERO,
        };
        tokio::time::sleep(pause).await;
    }

    fn show(&mut self, text: Option<String>) {
        self.visible = text;
    }

    /// What of the text on the screen somebody takes who takes words and whole texts, one as often as
    /// the other, and only what is right.
    fn acceptable(&self, writing: &Writing<'_>, random: &mut Random) -> Option<String> {
        let shown = self.visible.as_deref()?;
        let right = |text: &str| writing.rest().starts_with(text);
        if random.below(2) == 0 && shown.chars().count() >= 3 && right(shown) {
            return Some(shown.to_owned());
        }
        let word = first_word(shown);
        (word.chars().count() >= 2 && right(word)).then(|| word.to_owned())
    }

    /// One key with its answer. The log's entry.
    async fn press(
        &mut self,
        writing: &mut Writing<'_>,
        stroke: &Stroke,
        gap: Option<Duration>,
    ) -> Result<Key, String> {
        let begun = Instant::now();
        let carried = self.carried(&stroke.step);
        let whole =
            matches!(&stroke.step, Step::Paste(text) if Some(text) == self.visible.as_ref());
        self.show(carried.clone());
        let change = writing.apply(&mut self.client, stroke);
        let asked = self
            .asking
            .ask(&mut self.client, writing, change, gap)
            .await?;
        if whole {
            self.asking.accepted(&mut self.client, &self.command.take());
        }
        let served = match &asked.answer {
            Answer::None => Served::Model,
            Answer::Empty | Answer::Text(_) if self.status => {
                let status = self.status(false).await?;
                let now = Counters::read(&status["counts"]);
                let empty = asked.answer == Answer::Empty;
                let served = now.since(&self.seen).served(empty);
                self.seen = now;
                served
            }
            _ => Served::Unknown,
        };
        self.command = asked.command;
        let key = Key {
            kind: kind(&stroke.step),
            ms: asked.ms,
            answer: asked.answer,
            served,
            carried,
            end: stroke.end,
            limit: stroke.limit,
            jumped: None,
        };
        self.show(key.visible().map(str::to_owned));
        if let Some(gap) = gap {
            tokio::time::sleep(gap.saturating_sub(begun.elapsed())).await;
        }
        Ok(key)
    }

    /// What is left of the text on the screen when this is typed.
    fn carried(&self, step: &Step) -> Option<String> {
        let shown = self.visible.as_deref()?;
        let rest = match step {
            // What the editor closes by itself is no longer to be suggested; where the text goes on
            // behind that, whatever comes next is explained.
            Step::Write { text, behind, .. } => shown
                .strip_prefix(text.as_str())?
                .strip_suffix(behind.as_str())?,
            // A word of it was taken.
            Step::Paste(text) => shown.strip_prefix(text.as_str())?,
            _ => return None,
        };
        (!rest.is_empty()).then(|| rest.to_owned())
    }

    /// Ends a trace: nothing is owed, the texts are compared, the files closed.
    async fn close(&mut self, writing: &Writing<'_>) -> Result<Option<bool>, String> {
        self.asking.finish(&self.client, writing);
        self.client.settled(Duration::from_secs(5)).await;
        let mut same = None;
        if self.status {
            let status = self.status(true).await?;
            let theirs = status["documents"]
                .as_array()
                .map_or(&[][..], Vec::as_slice);
            let is_same = |uri: &String| {
                let ours = &self.client.documents[uri];
                let found = theirs.iter().find(|document| document["uri"] == *uri);
                found.is_some_and(|document| {
                    document["sha256"] == sha256(&ours.text) && document["version"] == ours.version
                })
            };
            same = Some(writing.uris.iter().all(is_same));
        }
        for uri in &writing.uris {
            self.client.close(uri);
        }
        if self.status {
            self.seen = Counters::read(&self.status(false).await?["counts"]);
        }
        Ok(same)
    }
}

/// How an editor is played.
#[derive(Debug, Clone)]
pub struct How {
    /// Name of a persona.
    pub persona: String,
    /// How fast.
    pub pace: Pace,
    /// Time from a change to the request about it, for an editor that does not wait.
    pub ask_delay: Duration,
    /// A server that says it has no model is measured all the same.
    pub without_model: bool,
}

fn kind(step: &Step) -> Kind {
    match step {
        Step::Write { .. } => Kind::Typed,
        Step::Paste(_) => Kind::Pasted,
        Step::Delete(_) | Step::Undo(_) => Kind::Deleted,
        Step::Skip(_) | Step::Jump { .. } => Kind::Moved,
    }
}

/// What an editor takes as the next word: blanks, then a word or a run of signs.
fn first_word(text: &str) -> &str {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let start = text.len() - text.trim_start_matches([' ', '\t']).len();
    let rest = &text[start..];
    let word = rest.chars().next().is_some_and(is_word);
    let end = rest.find(|c: char| c.is_whitespace() || is_word(c) != word);
    &text[..start + end.unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_blanks_and_a_word_or_signs() {
        for (text, word) in [
            (" foo(bar)", " foo"),
            ("(bar)", "("),
            ("  += 1", "  +="),
            ("\nx", ""),
            ("größe = 1", "größe"),
        ] {
            assert_eq!(first_word(text), word);
        }
    }

    #[test]
    fn a_run_ends_when_asked_or_when_its_time_is_over() {
        let stop = Stop::after(None);
        assert!(!stop.is_due());
        stop.ask();
        assert!(stop.is_due());
        assert!(Stop::after(Some(Duration::ZERO)).is_due());
    }
}
