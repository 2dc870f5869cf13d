//! Whether typing notices the rest of the server: `cargo bench -p foretoken-benches --bench busy
//! [-- FOLDER --keys N --rounds N --only answer|index --slow MS --gate]`.
//!
//! The built program over stdio, as shipped, twice. Both are typed the same keys in phases that take turns, so that
//! a key that is dear is dear in both: one is *idle*; in the other, *busy*, an answer of a remote model streams and
//! the index reads a copy of FOLDER (this repository's server where none is named) anew, all of whose files have just
//! changed. The ratio of both 99th percentiles is the figure; the machine is the same for both.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foretoken_benches::stats::{machine, quantile, table};
use foretoken_tests::desk::{Desk, actions, choose};
use foretoken_tests::faultd::{Script, Step, openai_text, stream_head};
use foretoken_tests::persona::Persona;
use foretoken_tests::process::root;
use foretoken_tests::session::Session;
use serde_json::json;

/// Busy over idle, at the 99th percentile.
const GATE: f64 = 1.2;
/// Between two keys of a quick typist.
const GAP: Duration = Duration::from_millis(130);
/// What is typed, from its middle on.
const SAMPLE: &str = include_str!("samples/inventory.rs.txt");

struct Arguments {
    folder: PathBuf,
    keys: usize,
    rounds: usize,
    /// Whether an answer streams while it is busy, and whether the index reads.
    burden: (bool, bool),
    /// Keys of the busy one that take longer are printed with what the server says of them, ms.
    slow: f64,
    gate: bool,
}

#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a bench ends with its verdict"
)]
fn main() {
    let arguments = arguments();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let measured = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(measure(&arguments)));
    match measured {
        Ok(ratio) if ratio > GATE && arguments.gate => std::process::exit(1),
        Ok(_) => {}
        Err(sentence) => {
            eprintln!("busy: {sentence}");
            std::process::exit(1);
        }
    }
}

fn arguments() -> Arguments {
    let mut found = Arguments {
        folder: root().join("server"),
        keys: 60,
        rounds: 6,
        burden: (true, true),
        slow: f64::INFINITY,
        gate: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo adds this one.
            "--bench" => {}
            "--gate" => found.gate = true,
            "--keys" => found.keys = number(words.next(), found.keys),
            "--only" => {
                let word = words.next();
                let is = |name| word.as_deref() == Some(name);
                found.burden = (is("answer"), is("index"));
            }
            "--slow" => found.slow = number(words.next(), 0.0),
            "--rounds" => found.rounds = number(words.next(), found.rounds),
            folder => found.folder = PathBuf::from(folder),
        }
    }
    found
}

fn number<T: std::str::FromStr>(word: Option<String>, default: T) -> T {
    word.and_then(|word| word.parse().ok()).unwrap_or(default)
}

/// A server with its project and its typist.
struct Side {
    desk: Desk,
    session: Session,
    typist: Typist,
    /// The files of the copy.
    files: Vec<PathBuf>,
}

impl Side {
    async fn new(folder: &Path) -> Result<Side, String> {
        let mut desk = Desk::new(vec![endless()]).await;
        desk.environment.clear();
        desk.allow();
        let files = copy(folder, &desk.project().join("copy"))?;
        let mut persona = Persona::named("vscode");
        persona.initialize["capabilities"]["experimental"] = json!({"foretoken": {"assist": 1}});
        let mut session = desk.serve(persona).await;
        let model = session.model_settled().await;
        if model["state"] != "ready" {
            return Err(format!("the model is not there: {model}"));
        }
        indexed(&mut session).await?;
        let typist = Typist::new(&desk, &mut session).await;
        Ok(Side {
            desk,
            session,
            typist,
            files,
        })
    }

    async fn types(&mut self, keys: usize) -> Vec<f64> {
        self.typist.types(&mut self.session, keys).await
    }

    /// A remote model begins to answer, every file of the copy has changed, or both.
    async fn burden(&mut self, round: usize, which: (bool, bool)) -> Result<(), String> {
        let (answer, index) = which;
        if answer {
            let uri = self.desk.uri("src/sum.rs");
            let at = self.session.text(&uri).len();
            let question = "// another question\n";
            self.session.change(&uri, at, at, question).await;
            let found = actions(&mut self.session, &uri, json!([])).await;
            choose(&mut self.session, &found, "foretoken.explain").await;
        }
        if index {
            rewrite(&self.desk, &mut self.session, &self.files, round).await?;
        }
        Ok(())
    }

    /// Whether an answer streamed since a mark in the trace, and whether the index still reads.
    async fn burdened(&mut self, from: usize) -> (bool, bool) {
        let blocks = |said: &serde_json::Value| said["params"]["kind"] == "block";
        let streamed = self.session.trace().find(from, blocks).is_some();
        let state = self.session.status(false).await;
        (streamed, state["index"]["state"] == "reading")
    }

    async fn unburden(&mut self) -> Result<(), String> {
        let cancel = json!({"command": "foretoken.cancel"});
        let cancelled = self.session.request("workspace/executeCommand", cancel);
        cancelled.await.result().await;
        indexed(&mut self.session).await
    }
}

#[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
async fn measure(arguments: &Arguments) -> Result<f64, String> {
    let mut idle = Side::new(&arguments.folder).await?;
    let mut busy = Side::new(&arguments.folder).await?;
    busy.typist.slow = arguments.slow;
    // The first keys warm the caches up.
    idle.types(arguments.keys).await;
    busy.types(arguments.keys).await;
    let mut times: [Vec<f64>; 2] = Default::default();
    let (mut read, mut streamed) = (0, 0);
    for round in 0..arguments.rounds {
        // What the machine does beside falls on both: neither is always the first.
        for side in [round % 2, 1 - round % 2] {
            if side == 0 {
                times[0].extend(idle.types(arguments.keys).await);
                continue;
            }
            let from = busy.session.trace().len();
            busy.burden(round, arguments.burden).await?;
            times[1].extend(busy.types(arguments.keys).await);
            let (answer, index) = busy.burdened(from).await;
            streamed += usize::from(answer);
            read += usize::from(index);
            busy.unburden().await?;
        }
    }
    idle.session.finish().await;
    busy.session.finish().await;
    println!("{}", machine());
    println!(
        "{} files; in {} phases an answer streamed in {streamed}, and at the end of {read} the index still read",
        busy.files.len(),
        arguments.rounds
    );
    let row = |name: &str, times: &[f64]| {
        let at = |share| format!("{:.1}", quantile(times, share));
        vec![
            name.to_owned(),
            times.len().to_string(),
            at(0.5),
            at(0.95),
            at(0.99),
        ]
    };
    let head = ["ms", "keys", "p50", "p95", "p99"]
        .map(str::to_owned)
        .to_vec();
    println!(
        "{}",
        table(&[head, row("idle", &times[0]), row("busy", &times[1])])
    );
    let ratio = quantile(&times[1], 0.99) / quantile(&times[0], 0.99);
    println!("busy over idle at p99: {ratio:.2} (limit {GATE})");
    Ok(ratio)
}

/// A model that writes a word every 10 ms for as long as anybody listens.
fn endless() -> Script {
    let word = Step::Send(openai_text("another word\n\n").into_bytes());
    let pause = Step::Pause(Duration::from_millis(10));
    let words = (0..6_000).flat_map(|_| [word.clone(), pause.clone()]);
    std::iter::once(stream_head()).chain(words).collect()
}

/// Waits until all files were looked at.
async fn indexed(session: &mut Session) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let state = session.status(false).await["index"].take();
        match state["state"].as_str() {
            Some("ready") => return Ok(()),
            Some("failed" | "off") => return Err(format!("there is no index: {state}")),
            _ if begun.elapsed() > Duration::from_secs(300) => return Err("it reads on".to_owned()),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Copies the source files below a folder; returns where they lie now.
fn copy(from: &Path, to: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", from.display());
    std::fs::create_dir_all(to).map_err(failed)?;
    let mut copied = Vec::new();
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(failed)?.is_dir() {
            copied.extend(copy(&path, &target)?);
        } else if foretoken_grammars::Language::from_path(&path.to_string_lossy()).is_some() {
            std::fs::copy(&path, &target).map_err(failed)?;
            copied.push(target);
        }
    }
    Ok(copied)
}

/// Changes every file and tells the server, as a checkout does.
async fn rewrite(
    desk: &Desk,
    session: &mut Session,
    files: &[PathBuf],
    round: usize,
) -> Result<(), String> {
    use std::io::Write as _;
    for file in files {
        let open = std::fs::OpenOptions::new().append(true).open(file);
        let mut open = open.map_err(|error| error.to_string())?;
        writeln!(open, "\n// round {round}").map_err(|error| error.to_string())?;
    }
    // The rules' own file makes the server look at all of them.
    let rules = desk
        .home
        .write("project/.gitignore", format!("# {round}\n"));
    let changed = files.iter().chain([&rules]);
    let changes: Vec<_> = changed
        .map(|file| json!({"uri": format!("file://{}", file.display()), "type": 2}))
        .collect();
    session
        .notify(
            "workspace/didChangeWatchedFiles",
            json!({"changes": changes}),
        )
        .await;
    Ok(())
}

fn middle() -> usize {
    SAMPLE.floor_char_boundary(SAMPLE.len() / 2)
}

/// Types the second half of the sample behind its first half, again and again.
struct Typist {
    uri: String,
    typed: usize,
    /// Keys that take longer are printed, ms.
    slow: f64,
}

impl Typist {
    async fn new(desk: &Desk, session: &mut Session) -> Typist {
        let uri = desk.uri("src/typed.rs");
        let middle = middle();
        session.open(&uri, "rust", &SAMPLE[..middle]).await;
        Typist {
            uri,
            typed: middle,
            slow: f64::INFINITY,
        }
    }

    /// Milliseconds of each key, from the change to the answer.
    #[expect(clippy::print_stdout, reason = "slow keys are part of the report")]
    async fn types(&mut self, session: &mut Session, keys: usize) -> Vec<f64> {
        let mut times = Vec::new();
        for _ in 0..keys {
            if self.typed >= SAMPLE.len() {
                self.typed = middle();
                let end = session.text(&self.uri).len();
                session.change(&self.uri, self.typed, end, "").await;
            }
            let after = &SAMPLE[self.typed..];
            let length = after.chars().next().map_or(1, char::len_utf8);
            let key = &after[..length];
            let begun = Instant::now();
            session.change(&self.uri, self.typed, self.typed, key).await;
            self.typed += length;
            let asked = session.inline(&self.uri, self.typed).await;
            // Whatever it is, it is an answer.
            let _ = asked.reply().await;
            let took = begun.elapsed().as_secs_f64() * 1e3;
            times.push(took);
            if took > self.slow {
                println!("{took:.1} ms: {}", session.status(false).await["last"]);
            }
            tokio::time::sleep(GAP.saturating_sub(begun.elapsed())).await;
        }
        times
    }
}
