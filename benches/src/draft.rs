//! Decoding with drafts against decoding without, over lines of this repository's own sources typed key
//! by key: how many tokens a second of processor time, and that not a token differs. As in the server a
//! key that the last text foresaw asks for nothing, and the last texts are the first source of drafts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::stats::processor_time;
use foretoken_engine::document::Document;
use foretoken_engine::lookup::{Lookup, ProposalLimits};
use foretoken_engine::place::Place;
use foretoken_engine::prompt::{self, Window};
use foretoken_engine::suggestion::{self, Watch};
use foretoken_grammars::Language;
use foretoken_infer::{Class, Drafts, Flow, Infer, Job, Limits, ModelInfo, Outcome};
use serde_json::{Value, json};

/// Files typed in.
const FILES: usize = 12;

/// Keys typed in one place.
const KEYS: usize = 12;

/// Lines of the model that are remembered as a source of drafts, as in the server.
const REMEMBERED: usize = 16;

/// A file with the rest of one line taken out, where, and that rest.
#[derive(Debug)]
pub struct Spot {
    document: Document,
    byte: usize,
    rest: String,
}

/// Places spread evenly over the sources, each in the middle of a line whose rest is to be written.
///
/// # Errors
/// Sources that cannot be read.
pub fn places(count: usize) -> Result<Vec<Spot>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["server", "grammars", "tests", "training", "editors"] {
        walk(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut lines = Vec::new();
    // One who types stays in a file for a while.
    let step = files.len().div_ceil(FILES).max(1);
    for path in files.into_iter().step_by(step) {
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut start = 0;
        let text: Arc<str> = text.into();
        for line in text.split_inclusive('\n') {
            let code = line.trim();
            if code.len() > 12 && code.is_ascii() && !code.starts_with("//") {
                lines.push((path.clone(), Arc::clone(&text), start, line.len()));
            }
            start += line.len();
        }
    }
    let spot = |number: usize| {
        let (path, text, start, length) = &lines[number * lines.len() / count];
        let line = &text[*start..start + length];
        let indent = line.len() - line.trim_start().len();
        // From the line's beginning to near its end, in turn.
        let share = number % 4 * (line.trim().len() - 4) / 4;
        let byte = start + indent + share;
        let end = start + line.trim_end().len();
        let rest = format!("{}{}", &text[..byte], &text[end..]);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let language = Language::detect("", &name);
        Spot {
            document: Document::open(&name, language, 1, &rest),
            byte,
            rest: text[byte..end].to_owned(),
        }
    };
    Ok((0..count.min(lines.len())).map(spot).collect())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let skipped = path
            .file_name()
            .is_some_and(|name| name == "node_modules" || name == "target");
        if path.is_dir() && !skipped {
            walk(&path, files)?;
        }
        let wanted = path.extension().and_then(|extension| extension.to_str());
        if matches!(wanted, Some("rs" | "py" | "ts" | "lua")) {
            files.push(path);
        }
    }
    Ok(())
}

/// What both sides did.
#[derive(Debug, Default)]
pub struct Both {
    keys: usize,
    asked: usize,
    tokens: usize,
    plain: Side,
    drafting: Side,
    drafted: usize,
    accepted: usize,
}

#[derive(Debug, Default)]
struct Side {
    /// Processor time of all threads.
    time: Duration,
    steps: usize,
}

impl Side {
    fn take(&mut self, (outcome, time): &(Outcome, Duration)) {
        self.time += *time;
        self.steps += outcome.counts.steps;
    }
}

impl Both {
    /// Writes each place with both models. Each is asked once before, so that what is timed begins with
    /// the whole prompt in the cache, as it is after a key.
    ///
    /// # Errors
    /// A place where the two differ, and a model that fails.
    pub fn over(
        spots: &[Spot],
        (plain, drafting): (&Infer, &Infer),
        info: &ModelInfo,
    ) -> Result<Both, String> {
        let mut both = Both::default();
        let mut written = Vec::new();
        let mut path = "";
        for spot in spots {
            // What was written in one file says little of another.
            if std::mem::replace(&mut path, spot.document.path()) != path {
                written.clear();
            }
            both.type_line(spot, (plain, drafting), info, &mut written)?;
        }
        Ok(both)
    }

    fn type_line(
        &mut self,
        spot: &Spot,
        (plain, drafting): (&Infer, &Infer),
        info: &ModelInfo,
        written: &mut Vec<String>,
    ) -> Result<(), String> {
        // The text of the last run, without what was typed of it since.
        let mut foreseen = String::new();
        let keys = spot
            .rest
            .char_indices()
            .map(|(at, key)| (at + key.len_utf8(), key));
        for (number, (typed, key)) in keys.take(KEYS).enumerate() {
            self.keys += 1;
            if let Some(left) = foreseen.strip_prefix(key).filter(|left| !left.is_empty()) {
                foreseen = left.to_owned();
                continue;
            }
            let document = spot.typed(typed);
            let likely: Vec<Arc<str>> = (!written.is_empty())
                .then(|| written.join("\n").into())
                .into_iter()
                .collect();
            let mut sides = [None, None];
            for turn in 0..2 {
                let which = (number + turn) % 2;
                let infer = [plain, drafting][which];
                sides[which] = Some(timed(infer, (&document, spot.byte + typed), info, &likely)?);
            }
            let [Some(a), Some(b)] = sides else { continue };
            if (&a.0.text, &a.0.tokens, &a.0.end) != (&b.0.text, &b.0.tokens, &b.0.end) {
                return Err(format!(
                    "drafts changed a text at byte {} of {}: {:?} became {:?}",
                    spot.byte,
                    spot.document.path(),
                    a.0.text,
                    b.0.text
                ));
            }
            self.asked += 1;
            self.tokens += a.0.counts.generated;
            self.plain.take(&a);
            self.drafting.take(&b);
            self.drafted += b.0.counts.drafted;
            self.accepted += b.0.counts.accepted;
            let place = Place::at(&document, spot.byte + typed);
            let line = [place.head.as_str(), &a.0.text].concat();
            written.retain(|known| *known != line);
            written.push(line);
            if written.len() > REMEMBERED {
                written.remove(0);
            }
            foreseen = a.0.text;
        }
        Ok(())
    }

    /// Tokens a second with drafts by tokens a second without.
    #[must_use]
    pub fn speedup(&self) -> f64 {
        self.plain.time.as_secs_f64() / self.drafting.time.as_secs_f64()
    }

    fn rate(&self, side: &Side) -> f64 {
        self.tokens as f64 / side.time.as_secs_f64()
    }

    /// All figures.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "keys": self.keys,
            "asked": self.asked,
            "tokens": self.tokens,
            "tokens_per_second": {
                "plain": self.rate(&self.plain),
                "drafting": self.rate(&self.drafting),
            },
            "steps": {"plain": self.plain.steps, "drafting": self.drafting.steps},
            "drafted": self.drafted,
            "accepted": self.accepted,
        })
    }
}

impl fmt::Display for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} keys, {} of them asked of the model, {} tokens, every text the same with drafts and without",
            self.keys, self.asked, self.tokens
        )?;
        writeln!(
            f,
            "without drafts {:.0} tokens/s in {} steps, with drafts {:.0} in {}: {:.2} x",
            self.rate(&self.plain),
            self.plain.steps,
            self.rate(&self.drafting),
            self.drafting.steps,
            self.speedup()
        )?;
        writeln!(
            f,
            "{} of {} drafted tokens held",
            self.accepted, self.drafted
        )
    }
}

impl Spot {
    /// The document with so many bytes of the rest typed.
    fn typed(&self, bytes: usize) -> Document {
        let mut text = self.document.rope().to_string();
        text.insert_str(self.byte, &self.rest[..bytes]);
        Document::open(self.document.path(), self.document.language(), 1, &text)
    }
}

/// The outcome, and the processor time that it took from a prompt that is in the cache.
fn timed(
    infer: &Infer,
    at: (&Document, usize),
    info: &ModelInfo,
    written: &[Arc<str>],
) -> Result<(Outcome, Duration), String> {
    ask(infer, at, info, (0, written))?;
    let (job, begun) = (
        job(infer, at, info, (info.budget.generate, written)),
        processor_time(),
    );
    let outcome = infer.submit(job).blocking_recv();
    let took = processor_time().saturating_sub(begun);
    Ok((
        outcome.map_err(|_| "the model's thread has ended".to_owned())?,
        took,
    ))
}

fn ask(
    infer: &Infer,
    at: (&Document, usize),
    info: &ModelInfo,
    asked: (usize, &[Arc<str>]),
) -> Result<Outcome, String> {
    infer
        .submit(job(infer, at, info, asked))
        .blocking_recv()
        .map_err(|_| "the model's thread has ended".to_owned())
}

/// One job as the server makes it, with the same sources of drafts and the same stop rules, but no gate:
/// it would end most texts early.
fn job(
    infer: &Infer,
    (document, byte): (&Document, usize),
    info: &ModelInfo,
    (tokens, written): (usize, &[Arc<str>]),
) -> Job {
    let place = Place::at(document, byte);
    let mode = place.mode();
    let input = prompt::Input {
        doc: document,
        byte,
        pieces: &[],
        budget: &info.budget,
        idle: true,
    };
    let (prompt, _) = prompt::fim(&input, &Window::default(), &|text| infer.count(text));
    let text = document.rope().to_string();
    let lookup = Lookup::build(&[&text]);
    let proposal = lookup.propose(&place.before, &ProposalLimits::at(&place, mode));
    let mut watch = Watch::new(&place, mode);
    let mut texts = written.to_vec();
    texts.extend([text[..byte].into(), text[byte..].into()]);
    Job {
        class: Class::Request,
        prompt,
        limits: Limits {
            max_tokens: tokens,
            budget: Duration::from_secs(60),
        },
        drafts: Drafts {
            texts,
            proposal: proposal.map(|proposal| proposal.text),
        },
        stop: Box::new(|| false),
        watch: Box::new(
            move |progress| match watch.step(progress.text, progress.tokens) {
                suggestion::Flow::Stop(_) => Flow::Stop,
                suggestion::Flow::Continue => Flow::Continue,
            },
        ),
    }
}
