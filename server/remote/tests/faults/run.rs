//! One question to scripted endpoints, told as lines.

use std::sync::Arc;
use std::time::Duration;

use foretoken_remote::Limits;
use foretoken_remote::client::{Candidate, Done, End, Event, Question, Remote};
use foretoken_remote::egress::Gate;
use foretoken_remote::endpoint::Endpoint;
use foretoken_remote::keys::Keys;
use foretoken_remote::wire::{ChatRequest, Message};

use crate::faultd::Faultd;

/// An endpoint at an address, with more lines of settings.
pub(crate) fn endpoint(name: &str, base_url: &str, more: &str) -> Arc<Endpoint> {
    let text = format!("name = {name:?}\nbaseUrl = {base_url:?}\n{more}");
    Arc::new(toml::from_str(&text).unwrap())
}

pub(crate) fn candidate(endpoint: Arc<Endpoint>) -> Candidate {
    Candidate {
        endpoint,
        model: "m".to_owned(),
        first_text: None,
        reserved: 0,
    }
}

/// Everything is allowed.
pub(crate) fn open_gate() -> Gate {
    Gate {
        allow: Arc::new(|_, _| Ok(())),
        secret: Arc::new(|_| None),
    }
}

pub(crate) fn question(plan: Vec<Candidate>) -> Question {
    Question {
        id: "q-1".to_owned(),
        task: "explain".to_owned(),
        plan,
        request: ChatRequest {
            system: "Answer.".to_owned(),
            messages: vec![Message {
                text: "why?".to_owned(),
                ..Message::default()
            }],
            max_tokens: 100,
            ..ChatRequest::default()
        },
        input_tokens: 7,
        limits: Limits::deep(),
        retries: 0,
        gate: open_gate(),
    }
}

pub(crate) fn remote() -> Remote {
    Remote::new(Keys::new("/nonexistent/keys.toml".into()), None)
}

/// What came of a question.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) text: String,
    pub(crate) texts: usize,
    pub(crate) notes: Vec<String>,
    pub(crate) started: Option<(String, String)>,
    pub(crate) done: Done,
}

impl Told {
    /// `end | text`, the end in one word and a failure as its kind.
    pub(crate) fn line(&self) -> String {
        let end = match &self.done.end {
            End::Cut(failure) => format!("Cut({:?})", failure.kind),
            End::Failed(failure) => format!("Failed({:?})", failure.kind),
            end => format!("{end:?}"),
        };
        format!("{end} | {}", self.text)
    }
}

pub(crate) async fn ask(remote: &Remote, question: Question) -> Told {
    let mut events = remote.stream(question);
    let mut told = Told {
        text: String::new(),
        texts: 0,
        notes: Vec::new(),
        started: None,
        done: Done {
            end: End::Finished,
            by: None,
            usage: Default::default(),
            estimated: false,
            cost: None,
            tries: Vec::new(),
        },
    };
    let mut over = false;
    loop {
        let event = tokio::time::timeout(Duration::from_secs(30), events.recv())
            .await
            .expect("an answer never hangs");
        let Some(event) = event else { break };
        assert!(!over, "nothing comes behind the end");
        match event {
            Event::Started { endpoint, model } => assert!(
                told.started.replace((endpoint, model)).is_none(),
                "begun once"
            ),
            Event::Text(text) => {
                assert!(told.started.is_some() && !text.is_empty());
                told.text.push_str(&text);
                told.texts += 1;
            }
            Event::Tool(_) => {}
            Event::Note(note) => told.notes.push(note.sentence()),
            Event::Done(done) => {
                over = true;
                told.done = *done;
            }
        }
    }
    assert!(over, "every question has an end");
    told
}

/// Asks one scripted endpoint.
pub(crate) async fn ask_one(server: &Faultd, more: &str) -> Told {
    ask(
        &remote(),
        question(vec![candidate(endpoint("a", &server.url(), more))]),
    )
    .await
}

/// Waits for what another task is about to do.
pub(crate) async fn wait_until(done: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never happened");
}
