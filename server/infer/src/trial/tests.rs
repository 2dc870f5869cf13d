//! Tests on the tiny packages of `tests/models`: what other exporters wrote is loaded, gets the prompt that
//! the family's reference code makes, and generates the ids that the exporter's own framework generates.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use foretoken_engine::document::Document;
use foretoken_engine::prompt::dialect::{self, Order};
use foretoken_engine::prompt::{Budget, Format, Input, Prompt, Window};
use foretoken_grammars::Language;
use serde::Deserialize;

use crate::graph::{Element, Mode, Rows};
use crate::job::{Class, Drafts, End, Flow, Job, Limits};
use crate::load::Model;
use crate::package::{self, Inspection, Layout};
use crate::session::Running;
use crate::state::{Options, Source, State};
use crate::tokenizer::Tokens;
use crate::trial::{Reuse, trial};
use crate::worker::Infer;

mod prompts;

/// What `training/tiny/make.py` wrote beside each package.
#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    prefix: String,
    suffix: String,
    prompt: Vec<u32>,
    ids: Vec<u32>,
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/models")
        .join(name)
}

fn expected(name: &str) -> Vec<Case> {
    let json = std::fs::read(folder(name).join("expected.json")).expect("committed");
    let expected: Expected = serde_json::from_slice(&json).expect("written by the script");
    expected.cases
}

fn inspect(name: &str) -> Inspection {
    package::inspect(&folder(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn options(name: &str) -> Options {
    Options {
        package: Source::Folder(folder(name)),
        ..Options::default()
    }
}

/// A loaded model, or `None` with a visible line.
fn load(name: &str) -> Option<Model> {
    let loaded = Model::load(
        &options(name),
        Running::default(),
        &OnceLock::new(),
        &|_, _| {},
    );
    match loaded {
        Ok(model) => Some(model),
        Err(why) => {
            crate::tokenizer::tests::skip(&why);
            assert_eq!(why.code, "no-library", "{name}: {why}");
            None
        }
    }
}

/// The prompt at the end of `prefix`, with `suffix` below its line.
fn prompt(format: &Format, tokens: &Tokens, case: &Case) -> Prompt {
    let text = format!("{}\n{}", case.prefix, case.suffix);
    let doc = Document::open("src/a.py", Language::Python, 1, &text);
    let budget = Budget {
        file: 48,
        context: 0,
        suffix: 120,
        prefix: 200,
        tail: 0,
        generate: 64,
    };
    let input = Input {
        doc: &doc,
        byte: case.prefix.len(),
        pieces: &[],
        budget: &budget,
        idle: false,
    };
    dialect::write(format, &input, &Window::default(), &|text| {
        tokens.count(text)
    })
    .0
}

fn assembled(tokens: &Tokens, prompt: &Prompt) -> Vec<u32> {
    let mut ids: Vec<u32> = tokens.front(&prompt.sections).into_iter().collect();
    ids.extend(tokens.assemble(&prompt.sections));
    ids
}

/// The best ids behind `ids`, by chunks, reuse and all that serving does.
fn greedy(model: &mut Model, ids: &[u32], count: usize) -> Vec<u32> {
    let mut all = ids.to_vec();
    for _ in 0..count {
        let at = model.slots.acquire(&all, Class::Request);
        loop {
            let past = model.slots.slot(at).ids.len();
            let most = model.session.most_new().min(16);
            let new = &all[past..all.len().min(past + most)];
            let row = model
                .session
                .run(model.slots.slot(at), new, 1)
                .expect("a run");
            if past + new.len() == all.len() {
                let (best, _) = crate::sample::pick(row, None).expect("numbers");
                all.push(best);
                break;
            }
        }
    }
    all.split_off(ids.len())
}

/// Layout, dialect and graph of a package, its prompt and its ids.
fn check(name: &str, layout: Layout, (dialect, order): (&str, Order)) -> Option<Model> {
    let inspection = inspect(name);
    assert_eq!(inspection.layout, layout, "{name}");
    let candidates = &inspection.detected.candidates;
    let format = candidates
        .iter()
        .find(|format| (&*format.name, format.order) == (dialect, order));
    let format = format.unwrap_or_else(|| panic!("{name}: {candidates:?}"));
    let mut model = load(name)?;
    for case in expected(name) {
        let ids = assembled(&model.tokens, &prompt(format, &model.tokens, &case));
        assert_eq!(ids, case.prompt, "{name}: the reference's prompt");
        model.slots.forget();
        assert_eq!(greedy(&mut model, &ids, case.ids.len()), case.ids, "{name}");
        // Half of the way back and forth again, in the same slot and in a copy.
        let mut other = case.prompt[..case.prompt.len() / 2].to_vec();
        other.extend(case.prompt.iter().rev().take(20));
        greedy(&mut model, &other, 2);
        assert_eq!(
            greedy(&mut model, &ids, 12),
            case.ids[..12],
            "{name}: behind a rewind"
        );
    }
    Some(model)
}

#[test]
fn qwen_from_optimum() {
    let Some(model) = check("qwen-a", Layout::Single, ("qwen", Order::Psm)) else {
        return;
    };
    let graph = model.session.graph();
    assert_eq!((graph.mode, &graph.rows), (Mode::Concat, &Rows::All));
    assert_eq!(model.tokens.begin(), None, "Qwen begins with nothing");
    assert!(!model.drafts, "until reuse was measured");
}

#[test]
fn qwen_in_half_precision() {
    let Some(model) = check("qwen-f16", Layout::Single, ("qwen", Order::Psm)) else {
        return;
    };
    assert_eq!(model.session.graph().pasts[0].element, Element::F16);
    assert_eq!(model.session.graph().logits_element, Element::F16);
}

#[test]
fn starcoder_from_optimum() {
    check("starcoder-a", Layout::Single, ("starcoder", Order::Spm));
}

#[test]
fn codegemma_from_optimum() {
    let Some(model) = check("codegemma-a", Layout::Single, ("codegemma", Order::Psm)) else {
        return;
    };
    assert!(
        model.tokens.begin().is_some(),
        "its post-processor puts one in front"
    );
}

#[test]
fn code_llama_behind_a_switch() {
    let Some(model) = check("codellama-b", Layout::Merged, ("codellama", Order::Spm)) else {
        return;
    };
    assert!(model.session.graph().branch.is_some());
}

#[test]
fn mellum_as_transformers_js_has_it() {
    let Some(model) = check("mellum-c", Layout::Variants, ("mellum", Order::Spm)) else {
        return;
    };
    let package = package::open(&folder("mellum-c")).expect("opened above");
    assert!(!package.external.is_empty() && package.facts.operators.contains("MatMulNBits"));
    assert_eq!(model.info.format.order, Order::Spm);
}

#[test]
fn deepseek_from_genai() {
    let Some(model) = check("deepseek-d", Layout::Genai, ("deepseek", Order::Psm)) else {
        return;
    };
    assert_eq!(model.session.graph().mode, Mode::Shared);
}

#[test]
fn code_llama_from_genai() {
    check("codellama-d", Layout::Genai, ("codellama", Order::Spm));
}

#[test]
fn qwen_with_a_past_of_fixed_length() {
    let Some(model) = check("qwen-e", Layout::Static, ("qwen", Order::Psm)) else {
        return;
    };
    assert_eq!(model.session.graph().positions, 256);
}

const ALL: [&str; 9] = [
    "qwen-a",
    "qwen-f16",
    "starcoder-a",
    "codegemma-a",
    "codellama-b",
    "mellum-c",
    "deepseek-d",
    "codellama-d",
    "qwen-e",
];

#[test]
fn a_trial_tells_what_a_manifest_needs_and_the_model_runs_by_it() {
    for name in ALL {
        let inspection = inspect(name);
        let trial = match trial(&folder(name), &inspection, &options(name)) {
            Ok(trial) => trial,
            Err(why) => {
                crate::tokenizer::tests::skip(&why);
                assert_eq!(why.code, "no-library", "{name}: {why}");
                return;
            }
        };
        assert!(trial.speed.decode > Duration::ZERO, "{name}: {trial:?}");
        let bits = matches!(trial.reuse, Reuse::Exact { .. } | Reuse::Near { .. });
        assert!(bits, "{name}: {:?}", trial.reuse);
        let manifest = trial.apply(&inspection.manifest);
        let read = package::Manifest::parse(&manifest.to_toml()).expect("written to be read");
        assert_eq!(read, manifest, "{name}");
        let models = tempfile::tempdir().expect("a folder");
        let added = package::add(&folder(name), &manifest, models.path()).expect("added");
        let again = package::verify(&Source::Folder(added.clone())).expect("hashes hold");
        assert_eq!(again, manifest, "{name}");
        // The added package answers through the worker, with drafts where reuse is exact.
        let case = expected(name).remove(0);
        let (infer, info) = started(Options {
            package: Source::Folder(added),
            ..Options::default()
        });
        assert_eq!(info.exact_reuse, manifest.exact_reuse);
        let tokens = load(name).expect("loaded before").tokens;
        let outcomes: Vec<String> = (0..2)
            .map(|_| {
                let outcome = infer.submit(job(prompt(&info.format, &tokens, &case)));
                let outcome = outcome.blocking_recv().expect("an outcome");
                let ended = matches!(outcome.end, End::Eom | End::Budget);
                assert!(ended && outcome.counts.generated > 0, "{name}: {outcome:?}");
                outcome.text
            })
            .collect();
        assert_eq!(
            outcomes[0], outcomes[1],
            "{name}: what is reused changes nothing"
        );
        infer.shutdown();
    }
}

fn started(options: Options) -> (Infer, Arc<crate::state::ModelInfo>) {
    let (tell, told) = std::sync::mpsc::channel();
    let infer = Infer::start(
        options,
        Box::new(move |state| {
            // The test may be over.
            let _ = tell.send(state);
        }),
    );
    loop {
        match told.recv_timeout(Duration::from_secs(60)).expect("a state") {
            State::Loading { .. } => {}
            State::Ready(info) => return (infer, info),
            State::Unavailable(why) => panic!("{why}"),
        }
    }
}

fn job(prompt: Prompt) -> Job {
    Job {
        class: Class::Request,
        prompt,
        limits: Limits {
            max_tokens: 24,
            budget: Duration::from_secs(60),
        },
        drafts: Drafts::default(),
        stop: Box::new(|| false),
        watch: Box::new(|_| Flow::Continue),
    }
}

#[test]
fn a_prefill_that_is_cut_short_is_not_lost() {
    for name in ["qwen-a", "deepseek-d"] {
        let Some(model) = load(name) else { return };
        let case = expected(name).remove(0);
        let (infer, info) = started(options(name));
        let prompt = || prompt(&info.format, &model.tokens, &case);
        let run = |job| infer.submit(job).blocking_recv().expect("an outcome");
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let stopped = run(Job {
            stop: Box::new(move || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1),
            ..job(prompt())
        });
        assert_eq!(stopped.end, End::Stopped, "{name}");
        let prefilled = stopped.counts.prefilled;
        assert!(
            (1..stopped.counts.prompt).contains(&prefilled),
            "{name}: {stopped:?}"
        );
        // A budget that is spent at once shows what there is, which is nothing yet.
        let spent = run(Job {
            limits: Limits {
                max_tokens: 24,
                budget: Duration::ZERO,
            },
            ..job(prompt())
        });
        assert_eq!(
            (spent.end, spent.text.as_str()),
            (End::Budget, ""),
            "{name}"
        );
        let whole = run(job(prompt()));
        assert!(whole.counts.reused + 2 >= prefilled, "{name}: {whole:?}");
        assert!(
            whole.counts.reused + whole.counts.prefilled >= whole.counts.prompt,
            "{name}"
        );
        infer.shutdown();
    }
}

#[test]
fn what_somebody_wrote_down_wins_over_what_was_detected() {
    let told = inspect("qwen-a").speak(package::Fim {
        template: Some("<|fim_suffix|>{suffix}<|fim_prefix|>{prefix}".into()),
        stop: vec!["<|file_sep|>".into()],
        ..package::Fim::default()
    });
    assert!(told.is_told);
    let copy = tempfile::tempdir().expect("a folder");
    let added = package::add(&folder("qwen-a"), &told.manifest, copy.path()).expect("added");
    // A folder that has a manifest keeps its word when it is looked at again.
    let again = package::inspect(&added).expect("a package");
    assert!(again.is_told && again.manifest.fim == told.manifest.fim);
    let trial = match trial(&added, &again, &options("qwen-a")) {
        Ok(trial) => trial,
        Err(why) => return crate::tokenizer::tests::skip(&why),
    };
    assert_eq!(trial.scores, []);
    assert_eq!(trial.apply(&again.manifest).fim, told.manifest.fim);
    let (infer, info) = started(Options {
        package: Source::Folder(added),
        ..Options::default()
    });
    assert_eq!(
        (&*info.format.name, info.format.order),
        ("custom", Order::Spm)
    );
    infer.shutdown();
    // A template of tokens that the vocabulary does not have is refused when it is looked at.
    let foreign = inspect("starcoder-a").speak(package::Fim {
        template: Some("<|fim_prefix|>{prefix}".into()),
        ..package::Fim::default()
    });
    let added =
        package::add(&folder("starcoder-a"), &foreign.manifest, copy.path()).expect("added");
    let refusal = package::inspect(&added).expect_err("no such token");
    assert!(
        refusal.to_string().contains("no control token"),
        "{refusal}"
    );
}

#[test]
fn an_inspection_says_what_is_slower_than_it_could_be() {
    assert!(inspect("qwen-a").notes[0].contains("GroupQueryAttention"));
    assert_eq!(inspect("codellama-d").notes, [] as [String; 0]);
    let inspection = inspect("starcoder-a");
    assert_eq!(inspection.model_type.as_deref(), Some("gpt_bigcode"));
    assert_eq!(inspection.graph.positions, 512, "as the configuration says");
    let sum: usize = {
        let budget = inspection.manifest.budget;
        budget.file + budget.context + budget.suffix + budget.prefix + budget.generate
    };
    assert!((400..=512).contains(&sum), "{sum}");
}
