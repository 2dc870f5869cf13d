//! Keystroke to ghost text over the LSP pipe, on the shipped model: `cargo bench -p foretoken-benches
//! --bench latency [-- --keys N --gap MS --seed N --json FILE --gate]`.
//!
//! One typist, three servers: as shipped, without KV reuse, without drafts. They type the same hunks in
//! turn, so that whatever else the machine does falls on all of them. A key without an answer before the
//! next key is infinitely late, never dropped. *Hits* are keys that were answered from what was at hand
//! (cache or a running flight); *misses* needed the model.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use foretoken::ServeOptions;
use foretoken_benches::keys::{self, Key};
use foretoken_benches::stats::{machine, quantile, table};
use foretoken_benches::typist::{Gaps, Script, scripts};
use foretoken_infer::Options;
use foretoken_tests::persona::Persona;
use foretoken_tests::server;
use foretoken_tests::session::{Pending, Session};
use serde_json::{Value, json};

/// A change must be taken within this time while a completion runs, at the 99th percentile.
const CHANGE_LIMIT_MS: f64 = 5.0;

/// Changes measured while a completion runs.
const PROBES: usize = 200;

struct Arguments {
    keys: usize,
    gap_ms: f64,
    seed: u64,
    json: Option<PathBuf>,
    gate: bool,
}

/// What one server did.
struct Run {
    name: &'static str,
    session: Session,
    keys: Vec<Key>,
}

fn main() {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(sentence) => return fail(&sentence),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("two threads can be had");
    if let Err(sentence) = runtime.block_on(measure(&arguments)) {
        fail(&sentence);
    }
}

#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is the program's only way to say that it could not measure"
)]
fn fail(sentence: &str) {
    eprintln!("latency: {sentence}");
    std::process::exit(1);
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        keys: 300,
        gap_ms: 130.0,
        seed: 1,
        json: None,
        gate: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| {
            text.parse::<f64>()
                .map_err(|_| format!("{text} is no number"))
        };
        match word.as_str() {
            // Cargo adds this one.
            "--bench" => {}
            "--keys" => found.keys = number(value()?)? as usize,
            "--gap" => found.gap_ms = number(value()?)?,
            "--seed" => found.seed = number(value()?)? as u64,
            "--json" => found.json = Some(PathBuf::from(value()?)),
            "--gate" => found.gate = true,
            _ => {
                return Err(format!(
                    "{word} is unknown; known are --keys, --gap, --seed, --json, --gate"
                ));
            }
        }
    }
    Ok(found)
}

async fn measure(arguments: &Arguments) -> Result<(), String> {
    let shipped = Options::default;
    let variants = [
        ("as shipped", shipped()),
        (
            "no KV reuse",
            Options {
                kv_reuse: false,
                ..shipped()
            },
        ),
        (
            "no drafts",
            Options {
                drafts: false,
                ..shipped()
            },
        ),
    ];
    let mut runs = Vec::new();
    for (name, options) in variants {
        let options = ServeOptions {
            infer: Some(options),
            ..ServeOptions::default()
        };
        let mut session = server::start(Persona::named("vscode"), options);
        session.initialize().await;
        ready(&mut session).await?;
        runs.push(Run {
            name,
            session,
            keys: Vec::new(),
        });
    }

    let mut typed = 0;
    for (number, script) in scripts().iter().cycle().enumerate() {
        if typed >= arguments.keys {
            break;
        }
        typed += script.keys.len();
        for run in &mut runs {
            // The same waits for each of them.
            let mut gaps = Gaps::new(arguments.seed + number as u64, arguments.gap_ms);
            run.type_script(script, number, &mut gaps).await;
        }
    }
    let changes = Changes {
        busy: runs[0].probe_changes(true).await,
        idle: runs[0].probe_changes(false).await,
    };
    let model = runs[0].session.status(false).await["model"].clone();
    report(arguments, &runs, &changes, &model)?;
    for run in runs {
        run.session.finish().await;
    }
    Ok(())
}

/// Waits until the model answers, or says why it never will.
async fn ready(session: &mut Session) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let status = session.status(false).await;
        match status["model"]["state"].as_str() {
            Some("ready") => return Ok(()),
            Some("unavailable") => {
                return Err(format!("there is nothing to measure: {}", status["model"]));
            }
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    Err("the model was not ready after a minute".to_owned())
}

impl Run {
    async fn type_script(&mut self, script: &Script, number: usize, gaps: &mut Gaps) {
        let uri = format!("file:///project/{number}/{}", script.name);
        self.session.open(&uri, script.language, &script.text).await;
        let mut at = script.at;
        for key in &script.keys {
            let gap = Duration::from_secs_f64(gaps.after(key) / 1000.0);
            let begun = Instant::now();
            let change = self.session.edit(&uri, at, at, key);
            at += key.len();
            let params = self.session.ask_params(&uri, at, 2);
            let (ask, pending) = self
                .session
                .prepare("textDocument/inlineCompletion", params);
            self.session.send_all(&[change, ask]).await;
            let key = self.answer(&uri, pending, begun, gap).await;
            self.keys.push(key);
            tokio::time::sleep(gap.saturating_sub(begun.elapsed())).await;
        }
        self.session.close(&uri).await;
    }

    /// Waits for the answer until the next key, and takes the request back where none came.
    async fn answer(&mut self, uri: &str, pending: Pending, begun: Instant, gap: Duration) -> Key {
        let id = pending.id;
        let mut key = Key::unanswered();
        let Ok((took, Ok(result))) =
            tokio::time::timeout(gap.saturating_sub(begun.elapsed()), pending.timed()).await
        else {
            self.session.cancel(id).await;
            return key;
        };
        key.ms = took.as_secs_f64() * 1000.0;
        key.text = result["items"]
            .as_array()
            .is_some_and(|items| !items.is_empty());
        let status = self.session.status(false).await;
        let last = status["documents"]
            .as_array()
            .and_then(|all| all.iter().find(|d| d["uri"] == uri))
            .map(|d| d["last"].clone());
        let Some(last) = last else { return key };
        let tokens = |name: &str| last["tokens"][name].as_u64().unwrap_or(0);
        key.hit = Some(matches!(last["source"].as_str(), Some("cache" | "flight")));
        (key.prompt, key.reused) = (tokens("prompt"), tokens("reused"));
        (key.generated, key.steps) = (tokens("generated"), tokens("steps"));
        key
    }

    /// A change and a question that is served after it, with (`busy`) and without a completion of another
    /// document that runs meanwhile: from writing the two to having parsed the answer.
    async fn probe_changes(&mut self, busy: bool) -> Vec<f64> {
        let script = &scripts()[0];
        let folder = if busy { "busy" } else { "idle" };
        let (other, typed) = (
            format!("file:///{folder}/other.rs"),
            format!("file:///{folder}/typed.rs"),
        );
        self.session
            .open(&other, script.language, &script.text)
            .await;
        self.session
            .open(&typed, script.language, &script.text)
            .await;
        let mut found = Vec::new();
        let mut before = String::new();
        for number in 0..PROBES {
            // Another beginning each time, so that nothing is at hand for it.
            let line = format!("        let value_{number} = ");
            self.session
                .change(&other, script.at, script.at + before.len(), &line)
                .await;
            let pending = if busy {
                Some(self.session.invoke(&other, script.at + line.len()).await)
            } else {
                None
            };
            before = line;
            tokio::time::sleep(Duration::from_millis(2)).await;
            let begun = Instant::now();
            let change = self.session.edit(&typed, script.at, script.at, "x");
            // A document that is not open: the loop answers at once, in the order of the wire.
            let nowhere = json!({"textDocument": {"uri": "file:///nowhere"}, "position": {"line": 0, "character": 0}, "context": {"triggerKind": 1}});
            let (ask, echo) = self
                .session
                .prepare("textDocument/inlineCompletion", nowhere);
            self.session.send_all(&[change, ask]).await;
            let _ = echo.reply().await;
            found.push(begun.elapsed().as_secs_f64() * 1000.0);
            if let Some(pending) = pending {
                // Superseded or answered: either way it has ended before the next one begins.
                let _ = pending.reply().await;
            }
        }
        found
    }
}

/// What changes took while a completion ran, and while none did, ms.
struct Changes {
    busy: Vec<f64>,
    idle: Vec<f64>,
}

impl Changes {
    fn p99(&self) -> f64 {
        quantile(&self.busy, 0.99)
    }

    fn sentence(&self) -> String {
        let of = |ms: &[f64]| {
            format!(
                "p50 {:.2}, p95 {:.2}, p99 {:.2}, at most {:.2} ms",
                quantile(ms, 0.5),
                quantile(ms, 0.95),
                quantile(ms, 0.99),
                quantile(ms, 1.0)
            )
        };
        let verdict = if self.p99() <= CHANGE_LIMIT_MS {
            "holds"
        } else {
            "MISSED"
        };
        format!(
            "a change and a question behind it: {} while a completion runs ({PROBES} times; p99 at most {CHANGE_LIMIT_MS} ms: {verdict}), {} while none does",
            of(&self.busy),
            of(&self.idle)
        )
    }
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn report(
    arguments: &Arguments,
    runs: &[Run],
    changes: &Changes,
    model: &Value,
) -> Result<(), String> {
    let figures: Vec<Value> = runs.iter().map(|run| keys::figures(&run.keys)).collect();
    println!(
        "model {} {} sha256 {}",
        text(&model["name"]),
        text(&model["version"]),
        text(&model["sha256"])
    );
    println!(
        "machine {}, median gap {} ms, seed {}",
        machine(),
        arguments.gap_ms,
        arguments.seed
    );
    println!(
        "ms from writing didChange and the request to having parsed the answer; ∞: no answer before the next key\n"
    );
    println!("{}", side_by_side(runs, &figures));
    println!("{}", changes.sentence());
    if let Some(path) = &arguments.json {
        let runs: serde_json::Map<String, Value> = runs
            .iter()
            .map(|r| r.name.replace(' ', "_"))
            .zip(figures)
            .collect();
        let whole = json!({
            "metrics": runs, "did_change_p50_ms": quantile(&changes.busy, 0.5), "did_change_p99_ms": changes.p99(), "did_change_idle_p99_ms": quantile(&changes.idle, 0.99),
            "model": model, "machine": machine(), "gap_ms": arguments.gap_ms, "seed": arguments.seed,
        });
        std::fs::write(path, format!("{whole:#}\n"))
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    if arguments.gate && changes.p99() > CHANGE_LIMIT_MS {
        return Err("a completion delays didChange".to_owned());
    }
    Ok(())
}

/// One column for each server, and what it takes in units of the shipped one.
fn side_by_side(runs: &[Run], figures: &[Value]) -> String {
    let line = |name: String, cells: Vec<String>| [vec![name], cells].concat();
    let mut rows = vec![line(
        String::new(),
        runs.iter().map(|r| r.name.to_owned()).collect(),
    )];
    for name in keys::NAMES {
        rows.push(line(
            name.to_owned(),
            figures.iter().map(|f| number(&f[name])).collect(),
        ));
    }
    for name in ["l50_model_ms", "l95_model_ms"] {
        let shipped = figures[0][name].as_f64();
        let ratio = |f: &Value| {
            f[name]
                .as_f64()
                .zip(shipped)
                .map_or("∞".to_owned(), |(a, b)| format!("{:.2}", a / b))
        };
        rows.push(line(
            format!("{name} / as shipped"),
            figures.iter().map(ratio).collect(),
        ));
    }
    table(&rows)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 => format!("{number}"),
        Some(number) => format!("{number:.2}"),
        None => "∞".to_owned(),
    }
}
