//! The embedded model behind the real worker: reuse, rewinding, drafts, stopping, golden values. Where
//! this build holds no model or finds no ONNX Runtime every test prints SKIP and why, and with
//! `FORETOKEN_REQUIRE_MODEL` set fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use foretoken_engine::prompt::{Control, Prompt, Section};
use foretoken_infer::{
    Branches, Class, Drafts, End, Errand, Flow, Infer, Job, Limits, ModelInfo, Options, Outcome,
    State,
};

/// A loaded model, or `None` with a visible line.
#[expect(clippy::print_stdout, reason = "a skipped test must be seen")]
fn start(options: Options) -> Option<(Infer, Arc<ModelInfo>)> {
    let (tell, told) = mpsc::channel();
    let infer = Infer::start(
        options,
        Box::new(move |state| {
            // The test may have ended already.
            let _ = tell.send(state);
        }),
    );
    loop {
        match told.recv_timeout(Duration::from_secs(60)).expect("a state") {
            State::Loading { .. } => {}
            State::Ready(info) => return Some((infer, info)),
            State::Unavailable(why) => {
                println!("SKIP: {} ({})", why.sentence, why.code);
                let must = std::env::var_os("FORETOKEN_REQUIRE_MODEL").is_some();
                assert!(!must, "FORETOKEN_REQUIRE_MODEL is set: {why}");
                assert!(
                    matches!(why.code, "no-library" | "no-package"),
                    "a package that is there must load: {why}"
                );
                return None;
            }
        }
    }
}

const ABOVE: &str = "use std::collections::HashMap;\n\n/// Counts words.\npub struct Counter {\n    \
    counts: HashMap<String, usize>,\n}\n\nimpl Counter {\n    pub fn new() -> Self {\n        Counter \
    { counts: HashMap::new() }\n    }\n\n    pub fn add(&mut self, word: &str) {\n        \
    *self.counts.entry(word.to_owned()).or_insert(0) += 1;\n    }\n\n    pub fn len(&self) -> usize {\n        \
    self.counts.len()\n    }\n}\n\nfn main() {\n    let mut counter = Counter::new();\n";

fn prompt(before: &str) -> Prompt {
    Prompt {
        sections: vec![
            Section::Control(Control::Bos),
            Section::Control(Control::Language(foretoken_grammars::Language::Rust)),
            Section::Control(Control::File),
            Section::Text("src/main.rs\n".into()),
            Section::Control(Control::Suffix),
            Section::Text("}\n".into()),
            Section::Control(Control::Prefix),
            Section::Text(before.into()),
        ],
    }
}

fn job(before: &str, max_tokens: usize) -> Job {
    Job {
        class: Class::Request,
        prompt: prompt(before),
        limits: Limits {
            max_tokens,
            budget: Duration::from_secs(60),
        },
        drafts: Drafts::default(),
        stop: Box::new(|| false),
        watch: Box::new(|_| Flow::Continue),
    }
}

fn run(infer: &Infer, job: Job) -> Outcome {
    infer.submit(job).blocking_recv().expect("an outcome")
}

/// Ends at which a person may have stopped typing.
const HEADS: [&str; 7] = [
    "",
    "    ",
    "    coun",
    "    counter.add(\"",
    "    for word in [\"a\", \"b\"] {\n        counter.a",
    "    let total = counter.le",
    "    // \u{6f22}\u{5b57}\u{6f22}\u{5b57}\u{6f22}\u{5b57}\u{6f22}\u{5b57}",
];

#[test]
fn the_same_prompt_gives_the_same_answer() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    for head in HEADS {
        let before = format!("{ABOVE}{head}");
        let first = run(&infer, job(&before, 12));
        let second = run(&infer, job(&before, 12));
        assert_eq!(first.text, second.text, "{head:?}");
        assert_eq!(first.tokens, second.tokens, "{head:?}");
        assert_eq!(first.end, second.end);
        assert!(second.counts.reused + 2 >= second.counts.prompt, "{head:?}");
    }
}

#[test]
fn a_key_reuses_nearly_all_of_the_prompt() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    let line = "    counter.add(word);";
    run(&infer, job(ABOVE, 4));
    for end in 1..=line.len() {
        let outcome = run(&infer, job(&format!("{ABOVE}{}", &line[..end]), 4));
        let counts = outcome.counts;
        assert!(
            counts.reused * 10 >= counts.prompt * 9,
            "{:?}: {counts:?}",
            &line[..end]
        );
    }
}

#[test]
fn reuse_changes_speed_and_nothing_else() {
    let Some((warm, info)) = start(Options::default()) else {
        return;
    };
    let Some((cold, _)) = start(Options {
        kv_reuse: false,
        ..Options::default()
    }) else {
        return;
    };
    assert!(info.exact_reuse);
    // Forwards key by key, then back: appending, rewinding, and appending behind a rewind.
    let line = "    counter.add(\"x\"); // é";
    let keys: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
    for end in keys.iter().chain(keys.iter().rev()).chain(&keys) {
        let before = format!("{ABOVE}{}", &line[..*end]);
        let reused = run(&warm, job(&before, 6));
        let fresh = run(&cold, job(&before, 6));
        assert_eq!(fresh.counts.reused, 0);
        assert!(fresh.counts.prefilled >= fresh.counts.prompt, "{fresh:?}");
        assert_eq!(reused.text, fresh.text, "{:?}", &line[..*end]);
        assert_eq!(reused.tokens, fresh.tokens, "{:?}", &line[..*end]);
    }
}

#[test]
fn drafts_change_speed_and_nothing_else() {
    let Some((drafting, _)) = start(Options::default()) else {
        return;
    };
    let Some((plain, _)) = start(Options {
        drafts: false,
        ..Options::default()
    }) else {
        return;
    };
    let (mut drafted, mut accepted) = (0, 0);
    for head in HEADS {
        let before = format!("{ABOVE}{head}");
        let expected = run(&plain, job(&before, 16));
        assert_eq!(expected.counts.drafted, 0);
        let proposals = [
            None,
            Some(expected.text.clone()),
            Some(format!("{}!", &expected.text)),
            Some("counter.add(word);\n".to_owned()),
            Some("\u{1F980}".to_owned()),
        ];
        for proposal in proposals {
            let mut job = job(&before, 16);
            job.drafts = Drafts {
                texts: vec![Arc::from(ABOVE), Arc::from(expected.text.as_str())],
                proposal: proposal.clone(),
            };
            let outcome = run(&drafting, job);
            assert_eq!(outcome.text, expected.text, "{head:?} {proposal:?}");
            assert_eq!(outcome.tokens, expected.tokens, "{head:?} {proposal:?}");
            assert_eq!(outcome.end, expected.end, "{head:?} {proposal:?}");
            drafted += outcome.counts.drafted;
            accepted += outcome.counts.accepted;
        }
    }
    assert!(drafted > 0 && accepted > 0, "{accepted} of {drafted}");
    println!("{accepted} of {drafted} drafted tokens accepted");
}

#[test]
fn other_texts_leave_the_best_one_as_it_is_and_run_no_prompt_again() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    let mut found = 0;
    for head in HEADS {
        let before = format!("{ABOVE}{head}");
        let line = |progress: foretoken_infer::Progress<'_>| match progress.text.contains('\n') {
            true => Flow::Stop,
            false => Flow::Continue,
        };
        let watched = || Job {
            watch: Box::new(line),
            ..job(&before, 12)
        };
        let alone = run(&infer, watched());
        let errand = Errand {
            branches: Some(Branches {
                most: 2,
                watch: Box::new(move || Box::new(line)),
            }),
            ..Errand::default()
        };
        let mut again = watched();
        again.drafts.proposal = Some(alone.text.clone());
        let outcome = infer
            .submit_for(again, errand)
            .blocking_recv()
            .expect("an outcome");
        assert_eq!(outcome.text, alone.text, "{head:?}");
        assert_eq!(outcome.tokens, alone.tokens, "{head:?}");
        assert_eq!(outcome.end, alone.end, "{head:?}");
        assert!(outcome.counts.prefilled <= 2, "{:?}", outcome.counts);
        assert!(outcome.alternatives.len() <= 2);
        let mut texts = vec![outcome.text.as_str()];
        for other in &outcome.alternatives {
            assert!(!texts.contains(&other.text.as_str()), "{head:?} {texts:?}");
            texts.push(&other.text);
            assert_eq!(
                other.tokens.last().map(|token| token.end),
                Some(other.text.len())
            );
            // What comes behind the branch is what the model says behind such a beginning.
            let from = other
                .tokens
                .iter()
                .zip(&outcome.tokens)
                .take_while(|(a, b)| a == b)
                .count();
            let begun = &other.text[..other.tokens[from.min(other.tokens.len() - 1)].end];
            assert!(!begun.is_empty());
        }
        found += outcome.alternatives.len();
    }
    assert!(found > HEADS.len() / 2, "{found} other texts");
}

#[test]
fn a_job_stopped_in_its_prefill_goes_on_where_it_was() {
    let Some((infer, info)) = start(Options::default()) else {
        return;
    };
    let mut before = String::new();
    while infer.count(&before) + 120 < info.max_positions {
        before.push_str("let value = compute(value, other, 7);\n");
    }
    before.push_str("let res");
    let Some((fresh, _)) = start(Options::default()) else {
        return;
    };
    let whole = run(&fresh, job(&before, 8));
    for steps in [1, 2, 3] {
        let Some((infer, _)) = start(Options::default()) else {
            return;
        };
        let asked = Arc::new(AtomicUsize::new(0));
        let mut stopped = job(&before, 8);
        let counter = Arc::clone(&asked);
        stopped.stop = Box::new(move || counter.fetch_add(1, Ordering::Relaxed) >= steps);
        let outcome = run(&infer, stopped);
        assert_eq!(outcome.end, End::Stopped);
        assert_eq!(outcome.counts.steps, steps);
        let resumed = run(&infer, job(&before, 8));
        assert!(resumed.counts.reused >= outcome.counts.prefilled.saturating_sub(2));
        assert!(outcome.counts.prefilled > 2);
        assert_eq!(resumed.text, whole.text);
        assert_eq!(resumed.tokens, whole.tokens);
    }
}

#[test]
fn only_what_was_run_counts_as_run() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    let behind = |class, stopped: bool| Job {
        class,
        stop: Box::new(move || stopped),
        ..job(&format!("{ABOVE}    counter.add(\"a\");\n"), 4)
    };
    let never = run(&infer, behind(Class::Prefetch, true));
    assert_eq!(never.end, End::Stopped);
    assert_eq!((never.counts.prefilled, never.counts.steps), (0, 0));
    let above = run(&infer, job(ABOVE, 4)).counts;
    // A cold start runs all that loading has not, and the last two ids again where a chunk ended there.
    let rest = above.prompt - above.reused;
    assert!(above.reused <= 2, "{above:?}");
    assert!((rest..=rest + 2).contains(&above.prefilled), "{above:?}");
    // As if accepted: the prompt goes on where that of the shown text ended.
    let ahead = run(&infer, behind(Class::Prefetch, false)).counts;
    assert!((1..=16).contains(&ahead.prefilled), "{ahead:?}");
    let again = run(&infer, behind(Class::Request, false)).counts;
    assert!((1..=2).contains(&again.prefilled), "{again:?}");
}

#[test]
fn the_place_before_a_jump_stays_warm() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    let there = "struct Point {\n    x: f64,\n    y: f64,\n}\n\n".repeat(6);
    run(&infer, job(ABOVE, 4));
    let jumped = run(&infer, job(&there, 4));
    assert!(jumped.counts.reused < jumped.counts.prompt / 2);
    let back = run(&infer, job(&format!("{ABOVE}    counter"), 4));
    assert!(
        back.counts.reused * 10 >= back.counts.prompt * 9,
        "{:?}",
        back.counts
    );
    let again = run(&infer, job(&format!("{there}impl"), 4));
    assert!(
        again.counts.reused * 10 >= again.counts.prompt * 9,
        "{:?}",
        again.counts
    );
}

#[test]
fn half_a_word_is_spelled_again_and_not_answered_twice() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    // `coun` is half a pre-token: tokens that only spell it again give no text and are not in the answer.
    let whole = run(&infer, job(&format!("{ABOVE}    counter"), 8));
    let half = run(&infer, job(&format!("{ABOVE}    coun"), 8));
    assert!(half.counts.prompt <= whole.counts.prompt);
    assert!(half.counts.generated >= half.tokens.len());
    assert!(
        half.tokens
            .iter()
            .all(|token| token.end <= half.text.len() && token.logp <= 0.0)
    );
    assert_eq!(
        half.tokens.last().map_or(0, |token| token.end),
        half.text.len()
    );
}

#[test]
fn a_word_beyond_ascii_is_spelled_again_in_few_steps() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    let word = "\u{6f22}\u{5b57}".repeat(6);
    let outcome = run(&infer, job(&format!("{ABOVE}    // {word}"), 1));
    assert!(outcome.counts.generated > 8, "{outcome:?}");
    assert!(
        outcome.counts.accepted * 2 > outcome.counts.drafted,
        "{outcome:?}"
    );
}

#[test]
fn the_watch_ends_a_job_at_once() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    let mut ended = 0;
    for head in HEADS {
        let before = format!("{ABOVE}{head}");
        let free = run(&infer, job(&before, 16));
        let mut watched = job(&before, 16);
        watched.watch = Box::new(|progress| match progress.tokens.len() {
            3.. => Flow::Stop,
            _ => Flow::Continue,
        });
        let outcome = run(&infer, watched);
        if free.tokens.len() >= 3 {
            assert_eq!(outcome.end, End::Watched);
            assert_eq!(outcome.tokens, free.tokens[..3]);
            assert!(free.text.starts_with(&outcome.text));
            ended += 1;
        }
    }
    assert!(ended > 0, "no answer was long enough");
}

#[test]
fn a_warm_up_saves_the_request_its_prefill() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    let mut warm = job(ABOVE, 0);
    warm.class = Class::Warm;
    let outcome = run(&infer, warm);
    assert_eq!(outcome.end, End::Budget);
    assert_eq!(outcome.text, "");
    let request = run(&infer, job(ABOVE, 4));
    assert!(request.counts.reused + 2 >= request.counts.prompt);
}

#[test]
fn newer_requests_displace_older_ones_and_background_waits() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    // The first job holds the worker until everything else is handed in.
    let (let_go, wait) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel::<()>();
    let mut holding = job(ABOVE, 4);
    holding.class = Class::Prefetch;
    let mut told = false;
    holding.watch = Box::new(move |_| {
        if !std::mem::replace(&mut told, true) {
            begun.send(()).expect("the test waits");
            wait.recv().expect("the test lets go");
        }
        Flow::Continue
    });
    let holding = infer.submit(holding);
    has_begun
        .recv_timeout(Duration::from_secs(60))
        .expect("begun");
    let speculative = |head: &str| Job {
        class: Class::Speculative,
        ..job(&format!("{ABOVE}{head}"), 4)
    };
    let first = infer.submit(speculative("    a"));
    let second = infer.submit(speculative("    b"));
    let third = infer.submit(job(&format!("{ABOVE}    c"), 4));
    let fourth = infer.submit(job(&format!("{ABOVE}    d"), 4));
    let background: Vec<_> = (0..12)
        .map(|_| {
            infer.submit(Job {
                class: Class::Warm,
                ..job(ABOVE, 0)
            })
        })
        .collect();
    let_go.send(()).expect("the worker waits");
    let end = |outcome: tokio::sync::oneshot::Receiver<Outcome>| {
        outcome.blocking_recv().expect("an outcome").end
    };
    assert_eq!(end(first), End::Superseded);
    assert_eq!(end(second), End::Superseded);
    assert_eq!(end(third), End::Superseded);
    assert!(matches!(end(fourth), End::Budget | End::Eom));
    // It was paused, not lost.
    assert!(matches!(end(holding), End::Budget | End::Eom));
    let ends: Vec<End> = background.into_iter().map(end).collect();
    let dropped = ends.iter().filter(|end| **end == End::Superseded).count();
    assert_eq!(dropped, 4, "eight places wait: {ends:?}");
}

#[test]
fn a_panic_costs_its_job_only() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    let expected = run(&infer, job(ABOVE, 4));
    let mut broken = job(ABOVE, 4);
    broken.watch = Box::new(|_| panic!("a watch that fails (expected in this test)"));
    let outcome = run(&infer, broken);
    assert!(matches!(outcome.end, End::Failed(_)), "{:?}", outcome.end);
    let after = run(&infer, job(ABOVE, 4));
    assert_eq!(after.text, expected.text);
    assert_eq!(after.tokens, expected.tokens);
}

#[test]
fn shutting_down_ends_everything_soon() {
    let Some((infer, _)) = start(Options::default()) else {
        return;
    };
    let (begun, has_begun) = mpsc::channel::<()>();
    let mut long = job(ABOVE, 400);
    long.watch = Box::new(move |_| {
        // Only the first one is awaited.
        let _ = begun.send(());
        Flow::Continue
    });
    let long = infer.submit(long);
    has_begun
        .recv_timeout(Duration::from_secs(60))
        .expect("begun");
    let asked = std::time::Instant::now();
    infer.shutdown();
    assert!(asked.elapsed() < Duration::from_secs(2));
    let end = long.blocking_recv().expect("an outcome").end;
    assert!(
        matches!(end, End::Stopped | End::Eom | End::Budget),
        "{end:?}"
    );
    assert_eq!(run(&infer, job(ABOVE, 4)).end, End::Stopped);
    assert!(matches!(infer.state(), State::Unavailable(why) if why.code == "shut-down"));
}

#[test]
fn the_last_handle_ends_the_worker() {
    let (tell, told) = mpsc::channel();
    let infer = Infer::start(
        Options::default(),
        Box::new(move |state| tell.send(state).expect("the test listens")),
    );
    let clone = infer.clone();
    drop(infer);
    let outcome = clone.submit(job(ABOVE, 2));
    drop(clone);
    let last = std::iter::from_fn(|| told.recv_timeout(Duration::from_secs(60)).ok()).last();
    let Some(State::Unavailable(why)) = last else {
        panic!("{last:?}");
    };
    let end = outcome.blocking_recv().expect("an outcome").end;
    match why.code {
        "shut-down" => assert!(
            matches!(end, End::Stopped | End::Budget | End::Eom),
            "{end:?}"
        ),
        _ => assert!(matches!(end, End::NoModel | End::Stopped), "{end:?}"),
    }
}

#[test]
fn a_prompt_that_does_not_fit_is_refused_with_its_size() {
    let Some((infer, info)) = start(Options::default()) else {
        return;
    };
    let long = "x = 1\n".repeat(info.max_positions);
    let refused = |prompt, part: &str| {
        let job = Job {
            prompt,
            ..job("", 4)
        };
        match run(&infer, job).end {
            End::Failed(sentence) => assert!(sentence.contains(part), "{sentence}"),
            end => panic!("{end:?}"),
        }
    };
    refused(prompt(&long), "does not fit");
    refused(Prompt::default(), "empty prompt");
}
