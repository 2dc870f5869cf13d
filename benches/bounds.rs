//! What a token costs against what it must cost: `cargo bench -p foretoken-benches --bench bounds
//! [-- --places N --model FOLDER --json FILE --gate]`.
//!
//! Decoding reads every weight once a token, so it is held against a loop that reads as many bytes as
//! often; the prompt is matrix products, so it is held against the same products alone, in the same
//! ONNX Runtime, with nothing between them. And decoding with drafts is held against decoding without,
//! over lines of this repository's own sources, text by text. All in one process and one run, the sides
//! in turn: the model in processor time, its bounds as the quickest of many shots, since the machine may
//! be busy.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foretoken_benches::bounds::{Graph, Products, read};
use foretoken_benches::draft::{Both, places};
use foretoken_benches::stats::{machine, processor_time, quantile, table};
use foretoken_engine::prompt::{Control, Prompt, Section};
use foretoken_infer::{
    Class, Drafts, Flow, Infer, Job, Limits, ModelInfo, Options, Outcome, Source, State,
};
use serde_json::{Value, json};

/// Tokens of one product on the prompt's side: the chunk that the worker takes when it is quick.
const CHUNK: usize = 64;

/// Parts of the memory read in one round; a round and the next read other parts.
const FAR: usize = 16;

/// Times each side is taken; the least is what the machine can do, the median what it did.
const ROUNDS: usize = 15;

/// Decode against the bound, prefill against the bound, drafts against none.
const GATES: [f64; 3] = [1.5, 2.0, 1.5];

struct Arguments {
    places: usize,
    model: Option<PathBuf>,
    json: Option<PathBuf>,
    gate: bool,
}

#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is the program's only way to say that it could not measure"
)]
fn main() {
    if let Err(sentence) = arguments().and_then(|arguments| measure(&arguments)) {
        eprintln!("bounds: {sentence}");
        std::process::exit(1);
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        places: 200,
        model: None,
        json: None,
        gate: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--places" => {
                found.places = value()?
                    .parse()
                    .map_err(|_| "--places needs a number".to_owned())?;
            }
            "--model" => found.model = Some(value()?.into()),
            "--json" => found.json = Some(value()?.into()),
            "--gate" => found.gate = true,
            // `cargo bench` says so to every bench.
            "--bench" => {}
            _ => return Err(format!("unknown argument {word}")),
        }
    }
    Ok(found)
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    let folder = arguments.model.clone();
    let embedded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/complete");
    let graph = Graph::read(&folder.as_deref().unwrap_or(&embedded).join("model.onnx"))?;
    let options = |drafts: bool| Options {
        package: folder.clone().map_or(Source::Embedded, Source::Folder),
        drafts,
        ..Options::default()
    };
    let (plain, info) = start(options(false))?;
    let (drafting, _) = start(options(true))?;
    let mut products = Products::new(&graph, CHUNK)?;
    let rounds = rounds(&plain, &info, &graph, &mut products)?;
    let both = Both::over(&places(arguments.places)?, (&plain, &drafting), &info)?;

    let least = |side: &[f64]| quantile(side, 0.0);
    let (bytes, reads) = (graph.weight_bytes(), graph.products());
    let decode = least(&rounds.step) / least(&rounds.read);
    let prefill = least(&rounds.prompt) / least(&rounds.product);
    let mut rows = vec![
        ["", "least ms", "median ms", "against"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut row = |name: &str, side: &[f64], against: String| {
        let ms = |share: f64| format!("{:.3}", quantile(side, share));
        rows.push(vec![name.to_owned(), ms(0.0), ms(0.5), against]);
    };
    row(
        "a token decoded",
        &rounds.step,
        format!("{decode:.2} x its bound"),
    );
    row(
        "its weights read",
        &rounds.read,
        gigabytes(bytes, &rounds.read),
    );
    row(
        "its weights read from memory",
        &rounds.far,
        gigabytes(bytes, &rounds.far),
    );
    row(
        "64 tokens of a prompt",
        &rounds.prompt,
        format!("{prefill:.2} x its bound"),
    );
    row(
        "their products alone",
        &rounds.product,
        operations(reads * CHUNK, &rounds.product),
    );
    let mut text = format!(
        "{}\n{} {}, {:.2} MB of weights read a token, ONNX Runtime {}\n\n{}",
        machine(),
        info.name,
        info.version,
        bytes as f64 / 1e6,
        info.library_version,
        table(&rows)
    );
    text.push_str(&both.to_string());
    say(&text);

    let values = json!({
        "machine": machine(),
        "model": {"name": info.name, "version": info.version, "sha256": info.sha256},
        "metrics": {
            "decode_over_bound": decode,
            "decode_over_memory_bound": least(&rounds.step) / least(&rounds.far),
            "prefill_over_bound": prefill,
            "draft_speedup": both.speedup(),
        },
        "drafts": both.to_json(),
    });
    finish(arguments, &values, [decode, prefill, both.speedup()])
}

/// Milliseconds of each side, one value a round.
#[derive(Default)]
struct Rounds {
    step: Vec<f64>,
    read: Vec<f64>,
    far: Vec<f64>,
    prompt: Vec<f64>,
    product: Vec<f64>,
}

fn rounds(
    infer: &Infer,
    info: &ModelInfo,
    graph: &Graph,
    products: &mut Products,
) -> Result<Rounds, String> {
    let mut rounds = Rounds::default();
    let weights = vec![7_u8; graph.weight_bytes()];
    // Many times what any cache holds.
    let memory = vec![7_u8; 256 << 20];
    for round in 0..ROUNDS {
        // Another text each time, so that nothing of it is in the model's cache.
        let line = format!("    total_{round} = compute(value_{round}, other, 7)\n");
        let mut text = String::new();
        while infer.count(&text) < (info.max_positions / 2).min(4 * CHUNK) {
            text.push_str(&line);
        }
        let (cold, prompt) = took(|| run(infer, &text, 0))?;
        let chunks = cold.counts.prefilled.max(1) as f64 / CHUNK as f64;
        rounds.prompt.push(prompt / chunks);
        let (warm, step) = took(|| run(infer, &text, 33))?;
        rounds.step.push(step / warm.counts.steps.max(1) as f64);
        rounds.read.push(quickest(50, |_| {
            read(&weights);
            Ok(())
        })?);
        let far = quickest(FAR, |shot| {
            // Round and round, so that each part has long left the caches.
            let at = (round * FAR + shot) * weights.len() % (memory.len() - weights.len());
            read(&memory[at..at + weights.len()]);
            Ok(())
        })?;
        rounds.far.push(far);
        rounds.product.push(quickest(20, |_| products.run())?);
    }
    Ok(rounds)
}

/// The quickest of some short shots by the clock, ms: what the system did in between is in the others.
fn quickest(
    shots: usize,
    mut work: impl FnMut(usize) -> Result<(), String>,
) -> Result<f64, String> {
    let mut least = f64::INFINITY;
    for shot in 0..shots {
        let begun = Instant::now();
        work(shot)?;
        least = least.min(ms(begun.elapsed()));
    }
    Ok(least)
}

/// What some work yields, and the processor time that it took, ms.
fn took<T>(work: impl FnOnce() -> Result<T, String>) -> Result<(T, f64), String> {
    let begun = processor_time();
    let yielded = work()?;
    Ok((yielded, ms(processor_time().saturating_sub(begun))))
}

/// One job that nothing but its limit ends.
fn run(infer: &Infer, text: &str, tokens: usize) -> Result<Outcome, String> {
    let job = Job {
        class: Class::Request,
        prompt: Prompt {
            sections: vec![
                Section::Control(Control::Bos),
                Section::Control(Control::Prefix),
                Section::Text(text.to_owned()),
            ],
        },
        limits: Limits {
            max_tokens: tokens,
            budget: Duration::from_secs(60),
        },
        drafts: Drafts::default(),
        stop: Box::new(|| false),
        watch: Box::new(|_| Flow::Continue),
    };
    infer
        .submit(job)
        .blocking_recv()
        .map_err(|_| "the model's thread has ended".to_owned())
}

fn start(options: Options) -> Result<(Infer, std::sync::Arc<ModelInfo>), String> {
    let (tell, told) = std::sync::mpsc::channel();
    let infer = Infer::start(
        options,
        Box::new(move |state| {
            let _ = tell.send(state);
        }),
    );
    loop {
        match told.recv() {
            Ok(State::Ready(info)) => return Ok((infer, info)),
            Ok(State::Unavailable(why)) => return Err(why.sentence),
            Ok(State::Loading { .. }) => {}
            Err(_) => return Err("the model's thread has ended".to_owned()),
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn gigabytes(bytes: usize, side: &[f64]) -> String {
    format!("{:.1} GB/s", bytes as f64 / quantile(side, 0.0) / 1e6)
}

/// A multiplication and an addition each.
fn operations(count: usize, side: &[f64]) -> String {
    format!(
        "{:.0} Gop/s",
        2.0 * count as f64 / quantile(side, 0.0) / 1e6
    )
}

/// Writes the file, and with `--gate` holds the ratios against what is promised.
fn finish(arguments: &Arguments, values: &Value, ratios: [f64; 3]) -> Result<(), String> {
    if let Some(path) = &arguments.json {
        std::fs::write(path, format!("{values:#}\n"))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let [decode, prefill, drafts] = ratios;
    let kept = decode <= GATES[0] && prefill <= GATES[1] && drafts >= GATES[2];
    match arguments.gate && !kept {
        true => Err(format!(
            "a bound is not kept: decode {decode:.2} (at most {}), prefill {prefill:.2} (at most {}), \
             drafts {drafts:.2} (at least {})",
            GATES[0], GATES[1], GATES[2]
        )),
        false => Ok(()),
    }
}

#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
fn say(text: &str) {
    println!("{text}");
}
