//! What counting costs a key: `cargo bench -p foretoken-benches --bench metrics [-- --keys N --seed N --without-model --gate]`.
//!
//! Two servers in one process share one model; one keeps figures of its session (`metrics.keep`), the other has nowhere to keep any.
//! Each key is typed into both, one right after the other, and who comes first changes with each key, so that whatever else the machine
//! does falls on both. The figure is the geometric mean of the ratios of their times, a tenth of the ratios cut off at each end,
//! with an interval that holds 95 of 100 resamples of the scripts (Efron's bootstrap, percentiles): keys of one script are alike.

use std::path::Path;
use std::time::{Duration, Instant};

use foretoken::ServeOptions;
use foretoken_benches::stats::{machine, quantile};
use foretoken_benches::typist::{Gaps, scripts};
use foretoken_infer::{Infer, Options};
use foretoken_tests::persona::Persona;
use foretoken_tests::server;
use foretoken_tests::session::Session;

/// The most that counting may add to a key's time.
const MOST: f64 = 1.01;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Resamples of the interval.
const RESAMPLES: usize = 2_000;

/// Share of the ratios that is cut off at each end: what a pause of the machine does to one key.
const TRIMMED: f64 = 0.1;

struct Arguments {
    keys: usize,
    seed: u64,
    model: bool,
    gate: bool,
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
    eprintln!("metrics: {sentence}");
    std::process::exit(1);
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        keys: 2_000,
        seed: 1,
        model: true,
        gate: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            let text = words.next().ok_or(format!("{word} needs a value"))?;
            text.parse::<u64>()
                .map_err(|_| format!("{text} is no whole number"))
        };
        match word.as_str() {
            // Cargo adds this one.
            "--bench" => {}
            "--keys" => found.keys = number()? as usize,
            "--seed" => found.seed = number()?,
            "--without-model" => found.model = false,
            "--gate" => found.gate = true,
            _ => {
                return Err(format!(
                    "{word} is unknown; known are --keys, --seed, --without-model, --gate"
                ));
            }
        }
    }
    Ok(found)
}

async fn measure(arguments: &Arguments) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let kept = folder.path().join("metrics");
    let model = arguments
        .model
        .then(|| Infer::start(Options::default(), Box::new(|_| ())));
    let mut with = started(&model, Some(&kept)).await?;
    let mut without = started(&model, None).await?;
    let before = machine();
    let mut pairs: Vec<Vec<f64>> = Vec::new();
    let (mut unanswered, mut first) = (0, false);
    let mut times = [Vec::new(), Vec::new()];
    for (number, script) in scripts().iter().cycle().enumerate() {
        if pairs.iter().map(Vec::len).sum::<usize>() + unanswered >= arguments.keys {
            break;
        }
        let uri = format!("file:///project/{number}/{}", script.name);
        for session in [&mut with, &mut without] {
            session.open(&uri, script.language, &script.text).await;
        }
        let mut gaps = Gaps::new(arguments.seed + number as u64, 20.0);
        let mut ratios = Vec::new();
        let mut at = script.at;
        for key in &script.keys {
            let ours = (uri.as_str(), at, key.as_str());
            let (a, b) = if first {
                let a = typed(&mut with, ours).await;
                (a, typed(&mut without, ours).await)
            } else {
                let b = typed(&mut without, ours).await;
                (typed(&mut with, ours).await, b)
            };
            first = !first;
            at += key.len();
            match (a, b) {
                (Some(a), Some(b)) => {
                    ratios.push((a / b).ln());
                    times[0].push(a);
                    times[1].push(b);
                }
                _ => unanswered += 1,
            }
            tokio::time::sleep(Duration::from_secs_f64(gaps.after(key) / 1_000.0)).await;
        }
        for session in [&mut with, &mut without] {
            session.close(&uri).await;
        }
        pairs.push(ratios);
    }
    with.finish().await;
    without.finish().await;
    let files = std::fs::read_dir(&kept).map_or(0, Iterator::count);
    if files == 0 {
        return Err("the one that should has kept nothing".to_owned());
    }
    report(arguments, (&pairs, &times, unanswered), &before)
}

async fn started(model: &Option<Infer>, metrics: Option<&Path>) -> Result<Session, String> {
    let nowhere = Options {
        package: foretoken_infer::Source::Folder("/nowhere".into()),
        ..Options::default()
    };
    let options = ServeOptions {
        model: model.clone(),
        infer: model.is_none().then_some(nowhere),
        metrics: metrics.map(Path::to_owned),
        ..ServeOptions::default()
    };
    let mut session = server::start(Persona::named("vscode"), options);
    session.initialize().await;
    session.model_settled().await;
    let state = session.status(false).await["model"]["state"].clone();
    match model.is_some() && state != "ready" {
        true => Err(format!("there is no model to measure: {state}")),
        false => Ok(session),
    }
}

/// Types a key and asks behind it; ms until the answer was parsed, `None` where it did not come.
async fn typed(session: &mut Session, (uri, at, key): (&str, usize, &str)) -> Option<f64> {
    let begun = Instant::now();
    let change = session.edit(uri, at, at, key);
    let params = session.ask_params(uri, at + key.len(), 2);
    let (ask, pending) = session.prepare("textDocument/inlineCompletion", params);
    session.send_all(&[change, ask]).await;
    let answer = tokio::time::timeout(PATIENCE, pending.timed()).await;
    matches!(answer, Ok((_, Ok(_)))).then(|| begun.elapsed().as_secs_f64() * 1_000.0)
}

/// The logarithm of the trimmed mean ratio.
fn center(ratios: &mut [f64]) -> f64 {
    ratios.sort_by(f64::total_cmp);
    let cut = (ratios.len() as f64 * TRIMMED) as usize;
    let kept = &ratios[cut..ratios.len() - cut];
    kept.iter().sum::<f64>() / kept.len() as f64
}

#[expect(clippy::print_stdout, reason = "the figure is what the bench is for")]
fn report(
    arguments: &Arguments,
    (pairs, times, unanswered): (&[Vec<f64>], &[Vec<f64>; 2], usize),
    before: &str,
) -> Result<(), String> {
    let mut all = pairs.concat();
    if all.len() < 100 {
        return Err(format!("{} pairs of keys are too few", all.len()));
    }
    // A linear congruential sequence (Knuth, MMIX): the same interval for the same run.
    let mut state = arguments.seed;
    let mut draw = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    let resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut sample: Vec<f64> = (0..pairs.len())
                .flat_map(|_| pairs[draw(pairs.len())].iter().copied())
                .collect();
            center(&mut sample)
        })
        .collect();
    let ratio = center(&mut all).exp();
    let (low, high) = (
        quantile(&resampled, 0.025).exp(),
        quantile(&resampled, 0.975).exp(),
    );
    println!("machine: {before} before, {} after", machine());
    println!(
        "{} keys in {} scripts, {unanswered} without both answers",
        all.len(),
        pairs.len()
    );
    for (name, times) in ["with", "without"].iter().zip(times) {
        let (p50, p95) = (quantile(times, 0.5), quantile(times, 0.95));
        println!("{name:<8} p50 {p50:.3} ms, p95 {p95:.3} ms");
    }
    let verdict = match () {
        () if high <= MOST => "at most 1 %, shown",
        () if low > MOST => "more than 1 %, shown",
        () => "not shown either way; type more keys on a quieter machine",
    };
    println!("with / without: {ratio:.4} [{low:.4}, {high:.4}]: {verdict}");
    if arguments.gate && low > MOST {
        return Err(format!("counting costs a key more than 1 %: {ratio:.4}"));
    }
    Ok(())
}
