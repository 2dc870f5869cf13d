//! From nothing to the first ghost text: `cargo bench -p foretoken-benches --bench start [-- --runs N --json FILE
//! --gate]`.
//!
//! Each run starts the built program anew, in a home of its own, as VS Code would: `initialize`, one file of a
//! small project opened, and typing that begins at once. *Cold* means that process, model and index start with
//! the run; the program's file is in the system's memory from the run before. Keys come every 130 ms, each with
//! its request, until one is answered with a text. A model does not suggest something at every place, so typing
//! begins where a server that has been running answers the first key with a text.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use foretoken_benches::stats::{machine, quantile, table};
use foretoken_benches::typist::{Script, scripts};
use foretoken_tests::persona::Persona;
use foretoken_tests::process::Home;
use foretoken_tests::session::Session;
use serde_json::{Value, json};

/// What a user is promised, ms, at the 95th percentile.
const INITIALIZE_MS: f64 = 50.0;
const FIRST_TEXT_MS: f64 = 1000.0;

/// Between two keys.
const GAP: Duration = Duration::from_millis(130);

struct Arguments {
    runs: usize,
    json: Option<PathBuf>,
    gate: bool,
}

/// What one start took, ms.
struct Start {
    /// From starting the process to the reply to `initialize`.
    initialize: f64,
    /// From the first edit to the first text; infinite where no key of the hunk got one.
    text: f64,
    /// The keys until then.
    keys: usize,
    /// Whether the network was loaded by then; without it the look-up model answers.
    network: bool,
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
    eprintln!("start: {sentence}");
    std::process::exit(1);
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        runs: 20,
        json: None,
        gate: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            // Cargo adds this one.
            "--bench" => {}
            "--runs" => {
                let text = value()?;
                found.runs = text.parse().map_err(|_| format!("{text} is no number"))?;
            }
            "--json" => found.json = Some(PathBuf::from(value()?)),
            "--gate" => found.gate = true,
            _ => {
                return Err(format!(
                    "{word} is unknown; known are --runs, --json, --gate"
                ));
            }
        }
    }
    Ok(found)
}

async fn measure(arguments: &Arguments) -> Result<(), String> {
    // Brings the program's file into memory, too, and says what is wrong before anything is counted.
    let scripts = answered().await?;
    let mut starts = Vec::new();
    for number in 0..arguments.runs {
        starts.push(start(&scripts[number % scripts.len()]).await?);
    }
    report(arguments, &starts)
}

/// The scripts from where a warm server answers their first key with a text.
async fn answered() -> Result<Vec<Script>, String> {
    let home = Home::default();
    let mut session = home.serve(Persona::named("vscode"), &[]);
    session.initialize().await;
    let mut found = Vec::new();
    for (number, script) in scripts().into_iter().enumerate() {
        let path = |part: &str| {
            let path = home.path().join(format!("{number}/{part}/{}", script.name));
            format!("file://{}", path.display())
        };
        let Some(keys) = keys_to_text(&mut session, &path("whole"), &script).await? else {
            continue;
        };
        let (typed, rest) = script.keys.split_at(keys - 1);
        let typed = typed.concat();
        let mut text = script.text.clone();
        text.insert_str(script.at, &typed);
        let later = Script {
            text,
            at: script.at + typed.len(),
            keys: rest.to_vec(),
            ..script.clone()
        };
        if keys_to_text(&mut session, &path("rest"), &later).await? == Some(1) {
            found.push(later);
        }
    }
    session.finish().await;
    match found.is_empty() {
        true => Err("a warm server suggests nothing anywhere".to_owned()),
        false => Ok(found),
    }
}

/// Keys until the first text of a server that has its model; `None` where none comes.
async fn keys_to_text(
    session: &mut Session,
    uri: &str,
    script: &Script,
) -> Result<Option<usize>, String> {
    loop {
        let model = session.status(false).await["model"].clone();
        match model["state"].as_str() {
            Some("ready") => break,
            Some("unavailable") => return Err(format!("there is no model to wait for: {model}")),
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    session.open(uri, script.language, &script.text).await;
    let mut at = script.at;
    for (number, key) in script.keys.iter().enumerate() {
        let change = session.edit(uri, at, at, key);
        at += key.len();
        let params = session.ask_params(uri, at, 2);
        let (ask, pending) = session.prepare("textDocument/inlineCompletion", params);
        session.send_all(&[change, ask]).await;
        if is_text(&pending.reply().await) {
            session.close(uri).await;
            return Ok(Some(number + 1));
        }
    }
    session.close(uri).await;
    Ok(None)
}

fn is_text<E>(answer: &Result<Value, E>) -> bool {
    let items = answer
        .as_ref()
        .ok()
        .and_then(|list| list["items"].as_array());
    items.is_some_and(|items| !items.is_empty())
}

/// One start, to its first text.
async fn start(script: &Script) -> Result<Start, String> {
    let home = Home::default();
    home.write("project/.git/HEAD", "ref: refs/heads/main\n");
    let file = home.write(&format!("project/{}", script.name), &script.text);
    let (project, uri) = (
        format!("file://{}", home.path().join("project").display()),
        format!("file://{}", file.display()),
    );
    let mut persona = Persona::named("vscode");
    persona.initialize["rootUri"] = project.clone().into();
    persona.initialize["workspaceFolders"] = json!([{"uri": project, "name": "project"}]);

    let begun = Instant::now();
    let mut session = home.serve(persona, &[]);
    session.initialize().await;
    let initialize = milliseconds(begun);

    session.open(&uri, script.language, &script.text).await;
    let (edited, mut at) = (Instant::now(), script.at);
    let (mut text, mut keys) = (f64::INFINITY, 0);
    for key in &script.keys {
        let pressed = Instant::now();
        let change = session.edit(&uri, at, at, key);
        at += key.len();
        keys += 1;
        let params = session.ask_params(&uri, at, 2);
        let (ask, pending) = session.prepare("textDocument/inlineCompletion", params);
        session.send_all(&[change, ask]).await;
        // An answer that comes after the next key would be of no use to anybody.
        let answer = tokio::time::timeout(GAP, pending.reply()).await;
        if answer.as_ref().is_ok_and(is_text) {
            text = milliseconds(edited);
            break;
        }
        tokio::time::sleep(GAP.saturating_sub(pressed.elapsed())).await;
    }
    let status = session.status(false).await;
    if status["model"]["state"] == "unavailable" {
        return Err(format!(
            "there is no model to wait for: {}",
            status["model"]
        ));
    }
    session.finish().await;
    Ok(Start {
        initialize,
        text,
        keys,
        network: status["model"]["state"] == "ready",
    })
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn report(arguments: &Arguments, starts: &[Start]) -> Result<(), String> {
    let of = |value: fn(&Start) -> f64| starts.iter().map(value).collect::<Vec<f64>>();
    let figures = [
        (
            "start to the reply to `initialize`, ms",
            of(|s| s.initialize),
        ),
        ("first edit to the first ghost text, ms", of(|s| s.text)),
        ("keys until then", of(|s| s.keys as f64)),
    ];
    let mut rows = vec![["", "p50", "p95", "most"].map(str::to_owned).to_vec()];
    for (name, values) in &figures {
        let cell = |share| format!("{:.0}", quantile(values, share));
        rows.push(vec![(*name).to_owned(), cell(0.5), cell(0.95), cell(1.0)]);
    }
    let network = starts.iter().filter(|start| start.network).count();
    println!(
        "machine {}, {} cold starts of the program",
        machine(),
        starts.len()
    );
    println!("{}", table(&rows));
    println!(
        "the network was loaded at the first text in {network} of {} starts, else the look-up model answered",
        starts.len()
    );
    let held = [
        ("initialize", quantile(&figures[0].1, 0.95), INITIALIZE_MS),
        ("first text", quantile(&figures[1].1, 0.95), FIRST_TEXT_MS),
    ];
    for (name, is, limit) in held {
        let verdict = if is <= limit { "holds" } else { "MISSED" };
        println!("{name}: p95 {is:.0} ms, at most {limit:.0} ms: {verdict}");
    }
    if let Some(path) = &arguments.json {
        let metrics: serde_json::Map<String, Value> = [("initialize_ms", 0), ("first_text_ms", 1)]
            .iter()
            .flat_map(|(name, at)| {
                let values = &figures[*at].1;
                [
                    (format!("{name}_p50"), quantile(values, 0.5).into()),
                    (format!("{name}_p95"), quantile(values, 0.95).into()),
                ]
            })
            .collect();
        let whole = json!({"metrics": metrics, "runs": starts.len(), "machine": machine()});
        std::fs::write(path, format!("{whole:#}\n"))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    match held.iter().find(|(_, is, limit)| is > limit) {
        Some((name, ..)) if arguments.gate => Err(format!("{name} takes too long")),
        _ => Ok(()),
    }
}
