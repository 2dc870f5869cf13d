//! What is computed before it is asked for: which kinds are switched on, and what each of them cost and
//! brought. The switches are for measurements; users have no reason to touch them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::flight::Flight;
use crate::pipeline::cache::{Kind, Origin};

/// Names the kinds that are switched off, separated by commas, for measurements: `edit`, `attach`,
/// `ahead`, `drafts`, `cache`, `reuse`.
const VARIABLE: &str = "FORETOKEN_BENCH_OFF";

/// Jobs remembered until their text is shown or never will be; an editor's memory of a text is shorter.
const REMEMBERED: usize = 512;

/// What is switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Off {
    /// Starting at the edit, before the request.
    pub(crate) edit: bool,
    /// Going on with a flight through what is typed.
    pub(crate) attach: bool,
    /// Computing what comes behind a text that is shown.
    pub(crate) ahead: bool,
    /// Verifying drafts.
    pub(crate) drafts: bool,
    /// Answering from earlier texts.
    pub(crate) cache: bool,
    /// Starting behind what the model has in its cache.
    pub(crate) reuse: bool,
}

impl Off {
    /// As the environment of this process says. The one place that reads it.
    pub(crate) fn of_environment() -> Off {
        let (off, unknown) = Off::read(&std::env::var(VARIABLE).unwrap_or_default());
        if !unknown.is_empty() {
            tracing::warn!(
                "{VARIABLE} names what does not exist: {}",
                unknown.join(", ")
            );
        }
        off
    }

    /// Reads a list; also returns the words that mean nothing.
    fn read(list: &str) -> (Off, Vec<String>) {
        let mut off = Off::default();
        let mut unknown = Vec::new();
        for word in list
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            match word {
                "edit" => off.edit = true,
                "attach" => off.attach = true,
                "ahead" => off.ahead = true,
                "drafts" => off.drafts = true,
                "cache" => off.cache = true,
                "reuse" => off.reuse = true,
                _ => unknown.push(word.to_owned()),
            }
        }
        (off, unknown)
    }

    /// For the status: the names of what is off.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let all = [
            (self.edit, "edit"),
            (self.attach, "attach"),
            (self.ahead, "ahead"),
            (self.drafts, "drafts"),
            (self.cache, "cache"),
            (self.reuse, "reuse"),
        ];
        all.into_iter()
            .filter(|(off, _)| *off)
            .map(|(_, name)| name)
            .collect()
    }
}

/// Texts that the model wrote lately, whether they were shown or not. The next one in the same line often
/// ends as they do, also where the user has typed something else between, so they are drafts.
#[derive(Debug, Default)]
pub(crate) struct Written(VecDeque<(String, String)>);

impl Written {
    /// Lines of all documents that are kept, and of one that are used.
    const KEPT: usize = 48;
    const USED: usize = 16;

    /// Notes what a flight has written.
    pub(crate) fn note(&mut self, uri: &str, flight: &Flight) {
        if let Some(line) = flight.line() {
            self.add(uri, line);
        }
    }

    fn add(&mut self, uri: &str, line: String) {
        self.0.retain(|(known, text)| known != uri || *text != line);
        self.0.push_back((uri.to_owned(), line));
        if self.0.len() > Self::KEPT {
            self.0.pop_front();
        }
    }

    /// Those of a document as one text, the newest last, where it is found first.
    pub(crate) fn of(&self, uri: &str) -> Option<Arc<str>> {
        let own = self.0.iter().rev().filter(|(known, _)| known == uri);
        let mut lines: Vec<&str> = own
            .map(|(_, text)| text.as_str())
            .take(Self::USED)
            .collect();
        lines.reverse();
        (!lines.is_empty()).then(|| lines.join("\n").into())
    }
}

/// The jobs of each kind, and the tokens of those whose text was shown.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kinds: BTreeMap<Kind, Row>,
    /// By number, so that the first one is the oldest.
    jobs: BTreeMap<u64, Job>,
    tokens_shown: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    started: u64,
    /// Of these, ended by themselves.
    finished: u64,
    /// Of these, with a text that was shown.
    used: u64,
    tokens: u64,
    tokens_shown: u64,
    /// Answers from a text of this kind that was at hand.
    hits: u64,
}

#[derive(Clone, Copy, Debug)]
struct Job {
    kind: Kind,
    /// What it ran, once it has ended.
    tokens: Option<u64>,
    shown: bool,
}

impl Tally {
    pub(crate) fn started(&mut self, origin: Origin) {
        self.kinds.entry(origin.kind).or_default().started += 1;
        let job = Job {
            kind: origin.kind,
            tokens: None,
            shown: false,
        };
        self.jobs.insert(origin.job, job);
        if self.jobs.len() > REMEMBERED {
            self.jobs.pop_first();
        }
    }

    /// A job has ended; `finished` unless it was cut short.
    pub(crate) fn ended(&mut self, job: u64, tokens: u64, finished: bool) {
        let Some(job) = self.jobs.get_mut(&job) else {
            return;
        };
        let row = self.kinds.entry(job.kind).or_default();
        row.finished += u64::from(finished);
        row.tokens += tokens;
        if job.shown {
            // Its text left early.
            row.tokens_shown += tokens;
            self.tokens_shown += tokens;
        }
        job.tokens = Some(tokens);
    }

    /// A text of this job is on the screen.
    pub(crate) fn shown(&mut self, origin: Origin) {
        let Some(job) = self.jobs.get_mut(&origin.job) else {
            return;
        };
        if std::mem::replace(&mut job.shown, true) {
            return;
        }
        let row = self.kinds.entry(job.kind).or_default();
        row.used += 1;
        let tokens = job.tokens.unwrap_or_default();
        row.tokens_shown += tokens;
        self.tokens_shown += tokens;
    }

    /// An answer from what was at hand.
    pub(crate) fn hit(&mut self, origin: Origin) {
        self.kinds.entry(origin.kind).or_default().hits += 1;
    }

    /// Tokens of all jobs whose text was shown.
    pub(crate) fn tokens_shown(&self) -> u64 {
        self.tokens_shown
    }

    pub(crate) fn to_json(&self) -> Value {
        let rows = self.kinds.iter().map(|(kind, row)| {
            let value = json!({
                "started": row.started,
                "finished": row.finished,
                "used": row.used,
                "hits": row.hits,
                "tokens": row.tokens,
                "tokensShown": row.tokens_shown,
            });
            (name(*kind).to_owned(), value)
        });
        Value::Object(rows.collect())
    }
}

/// The name to count under.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Request => "request",
        Kind::Edit => "edit",
        Kind::Ahead => "ahead",
        Kind::Refill => "refill",
        Kind::Alternative => "alternative",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_by_name() {
        let (off, unknown) = Off::read(" edit, drafts,,nothing");
        assert_eq!(off.names(), ["edit", "drafts"]);
        assert_eq!(unknown, ["nothing"]);
        assert_eq!(Off::read(""), (Off::default(), Vec::new()));
        let all = "edit,attach,ahead,drafts,cache,reuse";
        assert_eq!(Off::read(all).0.names().join(","), all);
    }

    #[test]
    fn the_newest_texts_of_a_document_are_drafts() {
        let mut written = Written::default();
        for number in 0..40 {
            written.add("a", format!("{number}"));
            written.add("b", "same".to_owned());
        }
        let lines: Vec<String> = (24..40).map(|number| number.to_string()).collect();
        assert_eq!(written.of("a").as_deref(), Some(lines.join("\n").as_str()));
        assert_eq!(written.of("b").as_deref(), Some("same"));
        assert_eq!(written.of("c"), None);
    }

    #[test]
    fn tokens_count_as_shown_once_and_whenever_the_text_leaves() {
        let mut tally = Tally::default();
        let origin = |job, kind| Origin { job, kind };
        let early = origin(1, Kind::Request);
        tally.started(early);
        tally.shown(early);
        tally.ended(1, 10, true);
        let late = origin(2, Kind::Ahead);
        tally.started(late);
        tally.ended(2, 7, true);
        assert_eq!(tally.tokens_shown(), 10);
        for _ in 0..2 {
            tally.hit(late);
            tally.shown(late);
        }
        assert_eq!(tally.tokens_shown(), 17);
        tally.started(origin(3, Kind::Ahead));
        tally.ended(3, 5, false);
        let json = tally.to_json();
        let expected = json!({"started": 2, "finished": 1, "used": 1, "hits": 2, "tokens": 12, "tokensShown": 7});
        assert_eq!(json["ahead"], expected);
        tally.shown(origin(99, Kind::Edit));
        assert_eq!(tally.tokens_shown(), 17, "a job that is not known");
    }
}
