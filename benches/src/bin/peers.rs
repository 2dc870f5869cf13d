//! Completion servers side by side on the same work: `cargo run --release -p foretoken-benches --bin peers
//! -- [--llm-ls PROGRAM] [--lsp-ai PROGRAM] [--tabby-agent CLI.JS] [--famulus PROGRAM] [--json FILE]`.
//!
//! A server that is not named, or does not start, is left out with a sentence. One after the other is
//! measured on a machine that should do nothing else; compare within one run only. Ours is built here,
//! unless `--scripted-foretoken PROGRAM` and `--foretoken PROGRAM` name what was built already.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use foretoken_benches::peers::endpoint::Pace;
use foretoken_benches::peers::peer::{Kind, Peer};
use foretoken_benches::peers::rows::{self, Effort, Figures};
use foretoken_benches::peers::table;
use foretoken_benches::peers::typing;
use foretoken_benches::stats::{self, machine, quantile};
use foretoken_tests::process::{self, program, root};
use serde_json::{Value, json};

struct Arguments {
    peers: Vec<(&'static str, Option<PathBuf>)>,
    scripted: Option<PathBuf>,
    shipped: Option<PathBuf>,
    json: Option<PathBuf>,
    effort: Effort,
}

fn main() -> ExitCode {
    let done = arguments().and_then(|arguments| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| format!("no threads: {error}"))?;
        runtime.block_on(compare(&arguments))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            tell(&format!("peers: {sentence}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "what is left out is told beside the table"
)]
fn tell(sentence: &str) {
    eprintln!("{sentence}");
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        peers: ["--llm-ls", "--lsp-ai", "--tabby-agent", "--famulus"]
            .map(|name| (name, None))
            .to_vec(),
        scripted: None,
        shipped: None,
        json: None,
        effort: Effort {
            places: 30,
            keys: 200,
            gap_ms: 130.0,
            seed: 1,
            idle: Duration::from_secs(30),
            pace: Pace {
                first: Duration::from_millis(40),
                token: Duration::from_millis(5),
            },
        },
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        if let Some((_, path)) = found.peers.iter_mut().find(|(name, _)| *name == word) {
            *path = Some(PathBuf::from(value));
            continue;
        }
        let number = || {
            value
                .parse::<u32>()
                .map_err(|_| format!("{value} is no number"))
        };
        let ms = || Ok::<_, String>(Duration::from_millis(number()?.into()));
        match word.as_str() {
            "--scripted-foretoken" => found.scripted = Some(PathBuf::from(value)),
            "--foretoken" => found.shipped = Some(PathBuf::from(value)),
            "--json" => found.json = Some(PathBuf::from(value)),
            "--keys" => found.effort.keys = number()? as usize,
            "--places" => found.effort.places = number()? as usize,
            "--gap" => found.effort.gap_ms = f64::from(number()?),
            "--seed" => found.effort.seed = u64::from(number()?),
            "--idle" => found.effort.idle = Duration::from_secs(number()?.into()),
            "--first-ms" => found.effort.pace.first = ms()?,
            "--token-ms" => found.effort.pace.token = ms()?,
            _ => {
                return Err(format!(
                    "{word} is unknown; known are --llm-ls, --lsp-ai, --tabby-agent, --famulus, \
                     --scripted-foretoken, --foretoken, --json, --keys, --places, --gap, --seed, --idle, --first-ms, --token-ms"
                ));
            }
        }
    }
    Ok(found)
}

async fn compare(arguments: &Arguments) -> Result<(), String> {
    let texts = typing::texts();
    let mut all = Vec::new();
    for peer in peers(arguments)? {
        tell(&format!("measuring {} …", peer.name()));
        match rows::measure(&peer, &texts, arguments.effort).await {
            Ok(figures) => all.push(figures),
            Err(sentence) => tell(&format!("{} is left out: {sentence}.", peer.name())),
        }
    }
    let shipped = Peer {
        kind: Kind::Shipped,
        program: match &arguments.shipped {
            Some(program) => absolute(program)?,
            None => process::binary().to_owned(),
        },
    };
    tell(&format!("measuring {} …", shipped.name()));
    let shipped = rows::alone(&shipped, &texts, arguments.effort).await;
    report(arguments, &all, &shipped)
}

/// Ours first, then whoever was named; lsp-ai twice, with its own limit and without.
fn peers(arguments: &Arguments) -> Result<Vec<Peer>, String> {
    let mut peers = vec![Peer {
        kind: Kind::Foretoken,
        program: match &arguments.scripted {
            Some(program) => absolute(program)?,
            None => scripted()?,
        },
    }];
    for (name, path) in &arguments.peers {
        let Some(path) = path else {
            tell(&format!(
                "{} is left out: {name} does not name it.",
                &name[2..]
            ));
            continue;
        };
        let kinds = match *name {
            "--llm-ls" => vec![Kind::LlmLs],
            "--lsp-ai" => vec![
                Kind::LspAi { per_second: 1 },
                Kind::LspAi { per_second: 1000 },
            ],
            "--tabby-agent" => vec![Kind::Tabby],
            _ => vec![Kind::Famulus],
        };
        let program = absolute(path)?;
        peers.extend(kinds.into_iter().map(|kind| Peer {
            kind,
            program: program.clone(),
        }));
    }
    Ok(peers)
}

/// A server's home is another working directory.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Builds our server with the script in place of its network; Cargo says where it lies.
fn scripted() -> Result<PathBuf, String> {
    let name = "scripted-foretoken";
    let arguments = [
        "build",
        "--release",
        "--quiet",
        "--package",
        "foretoken-benches",
        "--features",
        "scripted-model",
        "--bin",
        name,
        "--message-format",
        "json",
    ];
    let output = program(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    let lines = String::from_utf8_lossy(&output.stdout);
    let built = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|artifact| artifact["target"]["name"] == name)
        .find_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    built.ok_or_else(|| {
        let why = String::from_utf8_lossy(&output.stderr);
        format!("{name} does not build:\n{why}")
    })
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn report(
    arguments: &Arguments,
    all: &[Figures],
    shipped: &Result<(typing::Flow, foretoken_benches::peers::resources::Used), String>,
) -> Result<(), String> {
    let effort = &arguments.effort;
    println!(
        "machine {}; {} keys at a median gap of {} ms, seed {}; endpoint: {} ms to the first token, {} ms for each further one",
        machine(),
        effort.keys,
        effort.gap_ms,
        effort.seed,
        effort.pace.first.as_millis(),
        effort.pace.token.as_millis(),
    );
    println!(
        "Foretoken (scripted) asks the same endpoint in place of running its network, token by token; it has no remote completions.\n"
    );
    let rows = table::rows(all, effort.idle.as_secs());
    println!("{}", stats::table(&rows));
    println!("{}", table::markdown(&rows));
    for figures in all {
        for line in table::details(figures) {
            println!("{}: {line}", figures.name);
        }
    }
    match shipped {
        Ok((flow, used)) => println!(
            "Foretoken as shipped, with its own model, on the same keys: key → text p50 {:.1} ms where there was one ({} of {}), peak memory {:.0} MB, {:.0} ms of processor time in {} s of rest",
            quantile(
                &flow
                    .ms
                    .iter()
                    .copied()
                    .filter(|ms| ms.is_finite())
                    .collect::<Vec<_>>(),
                0.5
            ),
            flow.shown(),
            flow.ms.len(),
            used.peak_mb,
            used.cpu_ms,
            effort.idle.as_secs(),
        ),
        Err(sentence) => println!("Foretoken as shipped was not measured: {sentence}."),
    }
    let Some(path) = &arguments.json else {
        return Ok(());
    };
    let shipped = shipped.as_ref().ok().map(|(flow, used)| {
        json!({"keys": flow.ms.len(), "shown": flow.shown(), "peak_mb": used.peak_mb, "idle_cpu_ms": used.cpu_ms})
    });
    let whole = json!({
        "metrics": all.iter().map(Figures::json).collect::<Vec<_>>(), "shipped": shipped,
        "machine": machine(), "keys": effort.keys, "gap_ms": effort.gap_ms, "seed": effort.seed,
        "first_ms": typing::ms(effort.pace.first), "token_ms": typing::ms(effort.pace.token),
    });
    std::fs::write(path, format!("{whole:#}\n")).map_err(|e| format!("{}: {e}", path.display()))
}
