//! Latency as somebody sees it who types: at rest, in the flow of keys, where the text was at hand
//! already, and what an edit waits for while a request runs.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{ANSWER_LIMIT, Client};
use super::endpoint::{Endpoint, Pace};
use super::script::Script;
use crate::typist::{self, Gaps};

/// A place where the endpoint knows how the line goes on: all but the last key are there.
#[derive(Debug, Clone)]
pub struct Place {
    /// File name and the editor's id of the language.
    pub name: &'static str,
    /// See `name`.
    pub language: &'static str,
    /// The document before the key.
    pub text: String,
    /// Where the key goes.
    pub at: usize,
    /// The key.
    pub key: String,
}

/// The samples that are typed, whole.
#[must_use]
pub fn texts() -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for hunk in typist::scripts() {
        let mut text = hunk.text;
        text.insert_str(hunk.at, &hunk.keys.concat());
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// One place in the middle of each line that is typed in the samples, if the script knows its rest.
#[must_use]
pub fn places(script: &Script) -> Vec<Place> {
    let mut found = Vec::new();
    for hunk in typist::scripts() {
        let typed = hunk.keys.concat();
        let mut start = 0;
        for line in typed.split_inclusive('\n') {
            let blank = line.len() - line.trim_start().len();
            let middle = line.floor_char_boundary(blank + (line.trim().len()) / 2);
            let head = &line[..middle];
            let key = head.chars().next_back().filter(|c| !c.is_whitespace());
            if let Some(key) = key
                && !script.answer(head).is_empty()
            {
                let before = start + middle - key.len_utf8();
                let mut text = hunk.text.clone();
                text.insert_str(hunk.at, &typed[..before]);
                found.push(Place {
                    name: hunk.name,
                    language: hunk.language,
                    text,
                    at: hunk.at + before,
                    key: key.to_string(),
                });
            }
            start += line.len();
        }
    }
    found
}

/// What was seen at rest: one key at each place, and nothing more until its answer.
#[derive(Debug, Default)]
pub struct Rest {
    /// Places.
    pub keys: usize,
    /// From the key to its text, ms, where there was one.
    pub ms: Vec<f64>,
}

/// Types one key at each place, waits as its client does, asks.
pub async fn rest(client: &mut Client, places: &[Place], wait: Duration, turn: &str) -> Rest {
    let mut rest = Rest::default();
    for (number, place) in places.iter().enumerate() {
        let name = format!("{turn}{number}/{}", place.name);
        let uri = client.open(&name, place.language, &place.text).await;
        // Whatever a server does at an opening is done by then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begun = Instant::now();
        client
            .session
            .change(&uri, place.at, place.at, &place.key)
            .await;
        tokio::time::sleep(wait).await;
        let question = client.ask(&uri, place.at + place.key.len()).await;
        let answer = client.answer(question, ANSWER_LIMIT).await;
        rest.keys += 1;
        if let Some(answer) = answer.filter(|answer| answer.ghost.is_some()) {
            rest.ms.push(ms(answer.at - begun));
        }
        client.session.close(&uri).await;
    }
    rest
}

/// What was seen while typing.
#[derive(Debug, Default)]
pub struct Flow {
    /// From each key to its text, ms; infinite where the next key came first, or none was shown. Only
    /// keys at which the endpoint has a text.
    pub ms: Vec<f64>,
    /// Requests sent and answered, the ones that were taken back included.
    pub requests: usize,
    /// See `requests`.
    pub replies: usize,
    /// Tokens of all answers that the endpoint was asked for, and those it computed of them.
    pub asked: usize,
    /// See `asked`.
    pub computed: usize,
}

impl Flow {
    /// Keys whose text came before the next key.
    #[must_use]
    pub fn shown(&self) -> usize {
        self.ms.iter().filter(|ms| ms.is_finite()).count()
    }
}

/// How somebody types.
#[derive(Debug, Clone, Copy)]
pub struct Habit {
    /// Keys.
    pub keys: usize,
    /// Median of the gaps between them, ms.
    pub gap_ms: f64,
    /// Of the gaps.
    pub seed: u64,
    /// What the client waits before it asks.
    pub wait: Duration,
}

/// Types hunks key by key; asks after each wait that no further key cuts short, and takes a request
/// back that is still open at the next key.
pub async fn flow(client: &mut Client, endpoint: &Endpoint, habit: Habit, turn: &str) -> Flow {
    let mut flow = Flow::default();
    let (mark, from) = (endpoint.count(), client.session.trace().len());
    let hunks = typist::scripts();
    let mut typed = 0;
    for (number, hunk) in hunks.iter().cycle().enumerate() {
        if typed >= habit.keys {
            break;
        }
        typed += hunk.keys.len();
        let mut gaps = Gaps::new(habit.seed + number as u64, habit.gap_ms);
        let name = format!("{turn}{number}/{}", hunk.name);
        let uri = client.open(&name, hunk.language, &hunk.text).await;
        let mut at = hunk.at;
        for key in &hunk.keys {
            let begun = Instant::now();
            let next = begun + Duration::from_secs_f64(gaps.after(key) / 1000.0);
            client.session.change(&uri, at, at, key).await;
            at += key.len();
            let took = one_key(client, &uri, at, (begun, next, habit.wait)).await;
            if endpoint.knows(&client.session.text(&uri)[..at]) {
                flow.ms.push(took);
            }
            tokio::time::sleep_until(next.into()).await;
        }
        client.session.close(&uri).await;
    }
    // The last answers, and those of servers that answer late, still count as replies.
    tokio::time::sleep(Duration::from_secs(2)).await;
    (flow.requests, flow.replies) = client.replies(from);
    for asked in endpoint.since(mark) {
        flow.asked += asked.tokens;
        flow.computed += asked.computed;
    }
    flow
}

/// From a key to its text, ms.
async fn one_key(
    client: &mut Client,
    uri: &str,
    at: usize,
    (begun, next, wait): (Instant, Instant, Duration),
) -> f64 {
    if begun + wait >= next {
        return f64::INFINITY;
    }
    tokio::time::sleep_until((begun + wait).into()).await;
    let question = client.ask(uri, at).await;
    let id = question.id;
    let left = next.saturating_duration_since(Instant::now());
    match client.answer(question, left).await {
        Some(answer) if answer.ghost.is_some() => ms(answer.at - begun),
        Some(_) => f64::INFINITY,
        None => {
            client.session.cancel(id).await;
            f64::INFINITY
        }
    }
}

/// What was seen where the text was at hand.
#[derive(Debug, Default)]
pub struct Hits {
    /// From asking again at the same place to the text, ms.
    pub same: Vec<f64>,
    /// From typing the first character of the text to the rest of it, ms.
    pub through: Vec<f64>,
    /// How often the endpoint was asked for these, of twice the number of places.
    pub asked_anew: usize,
    /// Places that had a text at first.
    pub places: usize,
}

/// Asks at a place, asks once more, types the text's first character and asks again.
pub async fn hits(client: &mut Client, endpoint: &Endpoint, places: &[Place]) -> Hits {
    let mut hits = Hits::default();
    for (number, place) in places.iter().enumerate() {
        let name = format!("hit{number}/{}", place.name);
        let mut text = place.text.clone();
        text.insert_str(place.at, &place.key);
        let at = place.at + place.key.len();
        let uri = client.open(&name, place.language, &text).await;
        let question = client.ask(&uri, at).await;
        let first = client.answer(question, ANSWER_LIMIT).await;
        let Some(ghost) = first.and_then(|answer| answer.ghost) else {
            client.session.close(&uri).await;
            continue;
        };
        hits.places += 1;
        // What a server prefetches is not what is counted here.
        tokio::time::sleep(Duration::from_millis(400)).await;
        let mark = endpoint.count();
        hits.same
            .extend(again(client, &uri, at, Instant::now()).await);
        let next = ghost.chars().next().map_or(String::new(), String::from);
        let begun = Instant::now();
        client.session.change(&uri, at, at, &next).await;
        hits.through
            .extend(again(client, &uri, at + next.len(), begun).await);
        let line = |asked: &str| {
            let document = &client.session.documents[&uri].text;
            [at, at + next.len()].iter().any(|end| {
                let line = document[..*end].rsplit('\n').next();
                line == asked.rsplit(['\n', '\r']).next()
            })
        };
        let anew = endpoint.since(mark);
        hits.asked_anew += anew.iter().filter(|asked| line(&asked.prefix)).count();
        client.session.close(&uri).await;
    }
    hits
}

async fn again(client: &mut Client, uri: &str, at: usize, begun: Instant) -> Option<f64> {
    let question = client.ask(uri, at).await;
    let answer = client.answer(question, ANSWER_LIMIT).await?;
    answer.ghost.map(|_| ms(answer.at - begun))
}

/// What an edit and the question behind it waited for before the endpoint saw them, ms.
#[derive(Debug, Default)]
pub struct Stall {
    /// While the request before was still running for a second.
    pub busy: Vec<f64>,
    /// While none was.
    pub idle: Vec<f64>,
}

/// How long the endpoint takes meanwhile, so that a server that waits for it is seen.
const SLOW: Duration = Duration::from_millis(1000);

/// Longest wait for the changed text to reach the endpoint.
const STALL_LIMIT: Duration = Duration::from_secs(5);

/// Edits a document, with and without a request that still runs there and is not taken back, and looks
/// when the endpoint is asked with the new text.
pub async fn stall(client: &mut Client, endpoint: &Endpoint, rounds: usize) -> Stall {
    let mut stall = Stall::default();
    let usual = endpoint.pace(Pace {
        first: SLOW,
        token: Duration::from_millis(1),
    });
    for number in 0..2 * rounds {
        let busy = number % 2 == 0;
        let head = format!("    let probe_{number} = ");
        let begin = "fn probe() {\n";
        let text = format!("{begin}{}\n}}\n", &head[..head.len() - 1]);
        let at = begin.len() + head.len() - 1;
        let uri = client
            .open(&format!("probe{number}.rs"), "rust", &text)
            .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        endpoint.set(&head, "first();");
        endpoint.set(&format!("{head}s"), "econd();");
        let mut open = Vec::new();
        client.session.change(&uri, at, at, " ").await;
        if busy {
            open.push(client.ask(&uri, at + 1).await);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (mark, begun) = (endpoint.count(), Instant::now());
        client.session.change(&uri, at + 1, at + 1, "s").await;
        open.push(client.ask(&uri, at + 2).await);
        let line = format!("{head}s");
        let seen = endpoint
            .asked(mark, STALL_LIMIT, |asked| asked.prefix.ends_with(&line))
            .await;
        let took = seen.map_or(f64::INFINITY, |asked| ms(asked.at - begun));
        if busy {
            stall.busy.push(took);
        } else {
            stall.idle.push(took);
        }
        for question in open {
            client.answer(question, ANSWER_LIMIT).await;
        }
        client.session.close(&uri).await;
    }
    endpoint.pace(usual);
    stall
}

/// A duration in ms.
#[must_use]
pub fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}

/// Milliseconds as JSON; null for an infinite one.
#[must_use]
pub fn json_ms(ms: f64) -> Value {
    match ms.is_finite() {
        true => Value::from((ms * 100.0).round() / 100.0),
        false => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stand_in_lines_whose_rest_is_known() {
        let texts = texts();
        let script = Script::knowing(texts.iter().map(String::as_str));
        let places = places(&script);
        assert!(places.len() >= 20, "{}", places.len());
        for place in places {
            let mut text = place.text.clone();
            text.insert_str(place.at, &place.key);
            let end = place.at + place.key.len();
            assert_ne!(script.answer(&text[..end]), "", "{place:?}");
            assert!(text[end..].starts_with('\n'), "nothing stands behind it");
        }
    }
}
