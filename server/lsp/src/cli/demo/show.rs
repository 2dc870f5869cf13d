//! The course of the demo: what the typist does, what the editor shows, what is counted. It holds
//! the client, the buffer and the screen together and decides nothing about suggestions but whether
//! to press Tab.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::{sleep, timeout_at};

use super::super::Failure;
use super::buffer::Buffer;
use super::client::{Answer, Client};
use super::paint::{self, Frame, Scene};
use super::sample::{Gap, Sample};
use super::screen::Screen;
use super::svg::Recording;
use super::tally::Tally;
use super::typist::{self, Typist};

/// Shortest suggestion worth the Tab key, characters.
const WORTH: usize = 3;

/// Longest wait for one answer, and for the model to load.
const PATIENCE: Duration = Duration::from_secs(2);
const LOADING: Duration = Duration::from_secs(30);

/// What is left when it is over.
pub(super) struct Ended {
    pub(super) tally: Tally,
    /// The server's account of itself.
    pub(super) status: Value,
    pub(super) recording: Recording,
    pub(super) interrupted: bool,
}

/// A suggestion on the screen.
#[derive(Clone, Debug, Default)]
struct Ghost {
    text: String,
    /// The command that tells the server of its acceptance.
    command: Value,
}

/// One run of the demo.
pub(super) struct Show<'a> {
    client: Client,
    screen: Screen<'a>,
    typist: Typist,
    /// Nobody watches: wait for answers and for nothing else.
    fast: bool,
    buffer: Buffer,
    ghost: Ghost,
    /// The request under way and when its key was pressed.
    asked: Option<(u64, Instant)>,
    /// The question about the times of the last answer.
    inquiry: Option<u64>,
    tally: Tally,
    recording: Recording,
    started: Instant,
    frame: Frame,
    title: String,
    /// What the status line says beside the figures.
    note: String,
    flash: bool,
}

impl<'a> Show<'a> {
    pub(super) fn new(client: Client, screen: Screen<'a>, typist: Typist, fast: bool) -> Show<'a> {
        Show {
            client,
            screen,
            typist,
            fast,
            buffer: Buffer::default(),
            ghost: Ghost::default(),
            asked: None,
            inquiry: None,
            tally: Tally::default(),
            recording: Recording::default(),
            started: Instant::now(),
            frame: Frame::default(),
            title: String::new(),
            note: String::new(),
            flash: false,
        }
    }

    /// The whole show; the terminal is given back however it ends.
    pub(super) async fn run(mut self, sample: &Sample) -> Result<Ended, Failure> {
        self.screen.enter()?;
        let played = tokio::select! {
            played = self.play(sample) => played.map(|()| false),
            _ = tokio::signal::ctrl_c() => Ok(true),
        };
        let last = self.frame.clone();
        self.screen.leave(&last)?;
        let interrupted = played?;
        let status = self.client.status().await?;
        self.client.shut_down().await?;
        Ok(Ended {
            tally: self.tally,
            status,
            recording: self.recording,
            interrupted,
        })
    }

    /// Handshake, model, then one gap after the other.
    async fn play(&mut self, sample: &Sample) -> Result<(), Failure> {
        self.buffer = Buffer::new(&sample.lines);
        self.client.initialize().await?;
        let uri = format!("file:///foretoken-demo/{}", sample.name);
        self.client
            .open(&uri, sample.language_id, &sample.text())
            .await?;
        let model = self.load(sample.name).await?;
        self.title = format!("{}  ·  {model}", sample.name);
        self.screen.say(&self.title.clone())?;
        let mut added = 0;
        for gap in &sample.gaps {
            self.buffer.row = gap.line + added - 1;
            self.fill(gap).await?;
            added += gap.text.split('\n').count();
        }
        Ok(())
    }

    /// Waits for the model and says which one it is, or why there is none.
    async fn load(&mut self, name: &str) -> Result<String, Failure> {
        let limit = Instant::now() + LOADING;
        loop {
            let status = self.client.status().await?;
            let model = &status["model"];
            let text = |key: &str| model[key].as_str().unwrap_or_default().to_owned();
            match text("state").as_str() {
                "ready" => return Ok(format!("{} {}", text("name"), text("version"))),
                "loading" if Instant::now() < limit => {
                    self.title = format!("{name}  ·  loading the model");
                    self.draw()?;
                    sleep(Duration::from_millis(30)).await;
                }
                _ => return Ok(format!("no model: {}", text("message"))),
            }
        }
    }

    /// Types one gap, taking the suggestions that are right.
    async fn fill(&mut self, gap: &Gap) -> Result<(), Failure> {
        let text = format!("\n{}", gap.text);
        let mut rest = text.as_str();
        self.note.clear();
        self.draw()?;
        self.client
            .hint((self.buffer.row, &self.buffer.line().text))
            .await?;
        self.rest(self.typist.look()).await;
        while !rest.is_empty() {
            let right = self.ghost.text.len();
            if self.is_worth_accepting(rest) {
                self.accept().await?;
                rest = &rest[right..];
            } else {
                let key = typist::next_key(rest);
                rest = &rest[key.len()..];
                self.press(key).await?;
            }
        }
        self.ghost = Ghost::default();
        self.flash = false;
        self.report_finished(self.buffer.row)?;
        self.draw()
    }

    /// A suggestion is right when it is what comes next, to its end.
    fn is_worth_accepting(&self, rest: &str) -> bool {
        let ghost = &self.ghost.text;
        ghost.trim().chars().count() >= WORTH && rest.starts_with(ghost.as_str())
    }

    /// One key, and the time until the next one.
    async fn press(&mut self, key: &str) -> Result<(), Failure> {
        // An editor shows what is left of a suggestion that the key agrees with.
        let left = self
            .ghost
            .text
            .strip_prefix(key)
            .unwrap_or_default()
            .to_owned();
        self.ghost.text = left;
        self.flash = false;
        let gap = self.typist.gap(key);
        self.change(key, false).await?;
        self.pause(gap).await
    }

    /// Tab: the suggestion becomes text.
    async fn accept(&mut self) -> Result<(), Failure> {
        let read = self.typist.read();
        self.draw()?;
        self.rest(read).await;
        let ghost = std::mem::take(&mut self.ghost);
        self.tally.accepts += 1;
        self.note = format!(
            "⇥ accepted {} characters",
            ghost.text.trim().chars().count()
        );
        self.flash = true;
        self.change(&ghost.text, true).await?;
        if ghost.command.is_object() {
            self.client.command(&ghost.command).await?;
        }
        let gap = self.typist.gap("\t");
        self.pause(gap).await
    }

    /// Inserts at the cursor, tells the server, and asks it what comes next.
    async fn change(&mut self, text: &str, accepted: bool) -> Result<(), Failure> {
        self.tally.keys += 1;
        self.tally.keys_without += typist::count_keys(text);
        let row = self.buffer.row;
        let before = self.buffer.line().text.clone();
        self.buffer.insert(text, accepted);
        let pressed = Instant::now();
        self.client.insert((row, &before), text).await?;
        if let Some((older, _)) = self.asked.take() {
            self.tally.overtaken += 1;
            self.client.cancel(older).await?;
        }
        let id = self
            .client
            .ask((self.buffer.row, &self.buffer.line().text))
            .await?;
        self.asked = Some((id, pressed));
        for row in row..self.buffer.row {
            self.report_finished(row)?;
        }
        self.draw()
    }

    /// Lets time pass and takes the answer up when it comes; without waits, until it comes.
    async fn pause(&mut self, gap: Duration) -> Result<(), Failure> {
        let wait = if self.fast { PATIENCE } else { gap };
        let end = tokio::time::Instant::now() + wait;
        while !(self.fast && self.asked.is_none()) {
            match timeout_at(end, self.client.answer()).await {
                Ok(answer) => self.take(answer?).await?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Lets time pass in which nothing is expected.
    async fn rest(&self, time: Duration) {
        if !self.fast {
            sleep(time).await;
        }
    }

    /// An answer becomes ghost text, unless a newer key has made it void.
    async fn take(&mut self, answer: Answer) -> Result<(), Failure> {
        if self.inquiry.take_if(|id| *id == answer.id).is_some() {
            self.tally.stages(&answer.result["last"]);
            return Ok(());
        }
        let Some((_, pressed)) = self.asked.take_if(|(id, _)| *id == answer.id) else {
            return Ok(());
        };
        let waited = pressed.elapsed();
        let item = &answer.result["items"][0];
        let text = item["insertText"].as_str().unwrap_or_default();
        if text.is_empty() {
            self.tally.empty.push(waited);
        } else {
            self.tally.shown.push(waited);
            self.note = format!("{:.0} ms", waited.as_secs_f64() * 1000.0);
        }
        self.ghost = Ghost {
            text: text.to_owned(),
            command: item["command"].clone(),
        };
        self.draw()?;
        // Where the time went; asked after the clock was read.
        self.inquiry = Some(self.client.inquire().await?);
        Ok(())
    }

    fn report_finished(&mut self, row: usize) -> Result<(), Failure> {
        Ok(self.screen.finished(row + 1, &self.buffer.lines[row])?)
    }

    /// Shows how things stand, on the screen and in the recording.
    fn draw(&mut self) -> Result<(), Failure> {
        let saved = 100.0 * self.tally.saved();
        let mut status = format!("{saved:.0} % of the keys saved");
        if !self.note.is_empty() {
            status += &format!("  ·  {}", self.note);
        }
        let scene = Scene {
            title: &self.title,
            ghost: &self.ghost.text,
            status: &status,
            flash: self.flash,
        };
        self.frame = paint::frame(&self.buffer, &scene);
        self.recording.push(self.started.elapsed(), &self.frame);
        Ok(self.screen.draw(&self.frame)?)
    }
}
