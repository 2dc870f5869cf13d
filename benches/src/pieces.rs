//! One place of the bench `context`, answered without pieces of other files and with those of several
//! sources, and the tables that say what they were worth.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretoken::pipeline::complete::{self, Attempt, Completed, Inputs, Model};
use foretoken::pipeline::nearby;
use foretoken_engine::context::{Ask, Candidate, Chosen, Facts, Why, candidates, choose};
use foretoken_engine::document::Document;
use foretoken_engine::prompt::{Budget, Window};
use foretoken_engine::trigger::{History, Kind};
use foretoken_grammars::Language;
use foretoken_index::{Work, Workspace};

use crate::neighbours::Place;
use crate::score::{Score, score};
use crate::stats::{mean, quantile, share, table};

/// Longest time on one place, so that a busy machine changes no figure.
const BUDGET: Duration = Duration::from_secs(20);

/// Where pieces come from: the first is what all others are compared with.
pub const SOURCES: [&str; 4] = ["none", "open", "index", "both"];

/// The index of a checkout.
#[derive(Debug)]
pub struct Indexed {
    root: PathBuf,
    workspace: Workspace,
}

impl Indexed {
    /// Reads all of a checkout into an index in memory.
    ///
    /// # Errors
    /// A sentence of the index.
    pub fn build(root: &Path) -> Result<Indexed, String> {
        let rules = Arc::new(|_: &Path| false);
        let workspace = Workspace::open(root, None, None, rules).map_err(|e| e.to_string())?;
        let work = Work {
            threads: 2,
            rebuild: false,
            told: &|_| {},
            stop: &|| false,
        };
        workspace.refresh(work).map_err(|e| e.to_string())?;
        Ok(Indexed {
            root: workspace.root().to_owned(),
            workspace,
        })
    }

    /// What the product would be offered at this place, and how long that took. The file stands there
    /// without what was cut out of it.
    fn candidates(
        &self,
        place: &Place,
        facts: &Facts,
        open: &[Arc<Facts>],
    ) -> (Vec<Candidate>, f64) {
        let file = self.root.join(place.document.path());
        let is_open = |path: &str| open.iter().any(|facts| facts.document().path() == path);
        let asked = nearby::Asked {
            index: &self.workspace,
            file: &file,
            document: &place.document,
            facts,
            byte: place.byte,
            is_known: &is_open,
        };
        let begun = Instant::now();
        let found = nearby::candidates(asked, &[]);
        (found, begun.elapsed().as_secs_f64() * 1_000.0)
    }
}

/// One place answered with the pieces of each source.
#[derive(Debug)]
pub struct Sides {
    language: Language,
    sides: Vec<Side>,
    /// Milliseconds in which the index found what it has.
    retrieval: Option<f64>,
}

/// The answer with the pieces of one source.
#[derive(Debug)]
struct Side {
    why: Option<Why>,
    tokens: usize,
    score: Score,
    cold: Price,
    key: Price,
}

/// What one completion cost.
#[derive(Debug)]
struct Price {
    run: f64,
    prefill: f64,
    total: f64,
}

/// One figure of an answer.
type Measure = fn(&Side) -> f64;

/// Answers at one place; `tokens` gives pieces less room than the package does.
pub async fn place(
    place: &Place,
    model: &Model,
    index: Option<&Indexed>,
    tokens: Option<usize>,
) -> Sides {
    let mut files = vec![Arc::new(Facts::of(&place.document))];
    files.extend(place.neighbours.iter().cloned());
    let budget = &model.info.budget;
    let count = |text: &str| model.infer.count(text);
    let mut sets = vec![Vec::new(), pick(&files, place.byte, budget, tokens, &count)];
    let mut retrieval = None;
    if let Some(index) = index {
        let file = index.root.join(place.document.path());
        let text = place.document.rope().to_string();
        index.workspace.changed(&file, &text, place.document.tree());
        let room = tokens.unwrap_or(budget.context).min(budget.context);
        let (alone, took) = index.candidates(place, &files[0], &[]);
        retrieval = Some(took);
        sets.push(choose(&sorted(alone), &[], room, &count));
        let (mut both, _) = index.candidates(place, &files[0], &place.neighbours);
        both.extend(open_candidates(&files, place.byte, budget));
        sets.push(choose(&sorted(both), &[], room, &count));
        index.workspace.closed(&file);
    }
    let mut sides: Vec<Side> = Vec::new();
    for chosen in sets {
        sides.push(side(place, model, chosen).await);
    }
    Sides {
        language: place.document.language(),
        sides,
        retrieval,
    }
}

/// The engine's choice for the first of the files.
pub fn pick(
    files: &[Arc<Facts>],
    byte: usize,
    budget: &Budget,
    tokens: Option<usize>,
    count: &dyn Fn(&str) -> usize,
) -> Vec<Chosen> {
    let most = tokens.unwrap_or(budget.context).min(budget.context);
    choose(&open_candidates(files, byte, budget), &[], most, count)
}

fn open_candidates(files: &[Arc<Facts>], byte: usize, budget: &Budget) -> Vec<Candidate> {
    let ask = Ask {
        files,
        this: 0,
        document: files[0].document(),
        byte,
        edited: &[],
        budget,
    };
    candidates(&ask, &[])
}

fn sorted(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    candidates
}

/// The cold place, then one more key of the truth.
async fn side(place: &Place, model: &Model, chosen: Vec<Chosen>) -> Side {
    let why = chosen.first().map(|chosen| chosen.why);
    let tokens = chosen.iter().map(|chosen| chosen.tokens).sum();
    let window = Window::default().offering(chosen.into());
    let cold = complete(&place.document, place.byte, window, model).await;
    let key = place.truth.chars().next().unwrap_or(' ');
    let text = place.document.rope().to_string();
    let typed = format!("{}{key}{}", &text[..place.byte], &text[place.byte..]);
    let document = Document::open(place.document.path(), place.document.language(), 2, &typed);
    let window = cold.window.clone().unwrap_or_default();
    let after = complete(&document, place.byte + key.len_utf8(), window, model).await;
    let said = cold.said.as_ref().map_or("", |said| said.text.as_str());
    let line = said.lines().next().unwrap_or_default();
    Side {
        why,
        tokens,
        score: score(line, &place.truth),
        cold: price(&cold),
        key: price(&after),
    }
}

async fn complete(document: &Document, byte: usize, window: Window, model: &Model) -> Completed {
    let inputs = Inputs {
        document: document.clone(),
        byte,
        kind: Kind::Invoked,
        history: History::default(),
        idle: document.version() == 1,
        window,
        lookup: None,
        minimum_probability: Some(0.0),
    };
    complete::run(inputs, Ok(model), Attempt::alone(BUDGET)).await
}

fn price(completed: &Completed) -> Price {
    let (tokens, ms) = (&completed.report.tokens, &completed.report.ms);
    Price {
        run: (tokens.prompt - tokens.reused) as f64,
        prefill: ms.prefill,
        total: ms.total,
    }
}

/// Exact match and similarity without pieces and with those of a source; won and lost count places.
#[must_use]
pub fn gains(found: &[Sides], side: usize) -> String {
    let on = SOURCES[side];
    let header = [
        "places".to_owned(),
        "count".to_owned(),
        "exact none %".to_owned(),
        format!("exact {on} %"),
        "similarity none %".to_owned(),
        format!("similarity {on} %"),
        "won".to_owned(),
        "lost".to_owned(),
    ];
    let mut rows = vec![header.to_vec()];
    let of_why = |why| move |one: &&Sides| one.sides[side].why == Some(why);
    let all = || found.iter();
    let with = |one: &&Sides| one.sides[side].why.is_some();
    let mut groups: Vec<(&str, Vec<&Sides>)> = vec![
        ("all", all().collect()),
        ("with pieces", all().filter(with).collect()),
    ];
    for (name, why) in [
        ("imported first", Why::Imported),
        ("neighbour first", Why::Neighbour),
        ("index first", Why::Index),
    ] {
        groups.push((name, all().filter(of_why(why)).collect()));
    }
    for language in Language::ALL {
        let of: Vec<&Sides> = all().filter(|one| one.language == *language).collect();
        groups.push((language.id(), of));
    }
    groups.retain(|(_, of)| !of.is_empty());
    for (name, of) in groups {
        let is_exact = |one: &Sides, side: usize| one.sides[side].score.exact;
        let exact = |side| of.iter().filter(|one| is_exact(one, side)).count();
        let similar = |side: usize| mean(of.iter().map(|one| one.sides[side].score.similarity));
        let differ = |a, b| {
            let won = |one: &&&Sides| is_exact(one, a) && !is_exact(one, b);
            of.iter().filter(won).count()
        };
        rows.push(vec![
            name.to_owned(),
            of.len().to_string(),
            fixed(100.0 * share(exact(0), of.len())),
            fixed(100.0 * share(exact(side), of.len())),
            fixed(100.0 * similar(0)),
            fixed(100.0 * similar(side)),
            differ(side, 0).to_string(),
            differ(0, side).to_string(),
        ]);
    }
    table(&rows)
}

/// Of the places that have pieces of a source: what is read and how long it takes.
#[must_use]
pub fn prices(found: &[Sides], side: usize) -> String {
    let header = [
        "price",
        "none p50",
        "none p95",
        "with p50",
        "with p95",
        "added p50",
        "added p95",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let with: Vec<&Sides> = found
        .iter()
        .filter(|one| one.sides[side].tokens > 0)
        .collect();
    let of: [(&str, Measure); 6] = [
        ("cold place: tokens run", |side| side.cold.run),
        ("cold place: prefill, ms", |side| side.cold.prefill),
        ("cold place: whole, ms", |side| side.cold.total),
        ("next key: tokens run", |side| side.key.run),
        ("next key: prefill, ms", |side| side.key.prefill),
        ("next key: whole, ms", |side| side.key.total),
    ];
    for (name, of) in of {
        let values = |side: usize| {
            let of = with.iter().map(|one| of(&one.sides[side]));
            of.collect::<Vec<f64>>()
        };
        let (off, on) = (values(0), values(side));
        let added: Vec<f64> = on.iter().zip(&off).map(|(on, off)| on - off).collect();
        let mut row = vec![name.to_owned()];
        for values in [off, on, added] {
            row.extend([0.5, 0.95].map(|at| fixed(quantile(&values, at))));
        }
        rows.push(row);
    }
    let tokens: Vec<f64> = with
        .iter()
        .map(|one| one.sides[side].tokens as f64)
        .collect();
    let [p50, p95] = [0.5, 0.95].map(|at| fixed(quantile(&tokens, at)));
    format!("{}pieces: {p50} tokens p50, {p95} p95\n", table(&rows))
}

/// How long the index took to find what it has.
#[must_use]
pub fn retrieval(found: &[Sides]) -> String {
    let took: Vec<f64> = found.iter().filter_map(|one| one.retrieval).collect();
    let q = |at| format!("{:.2}", quantile(&took, at));
    let (p50, p95, p99) = (q(0.5), q(0.95), q(0.99));
    format!("retrieval: {p50} ms p50, {p95} p95, {p99} p99\n")
}

fn fixed(value: f64) -> String {
    match value.is_finite() {
        true => format!("{value:.1}"),
        false => "-".to_owned(),
    }
}
