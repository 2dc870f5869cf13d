//! Memory of a worker that answers many requests: it is taken at load and grows no more. Alone in its
//! process, because the system counts memory by process.
#![cfg(target_os = "linux")]

use std::sync::mpsc;
use std::time::Duration;

use foretoken_engine::prompt::{Control, Prompt, Section};
use foretoken_infer::{Class, Drafts, Flow, Infer, Job, Limits, Options, State};

/// Resident memory of this process in kB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("a line");
    let number = line.split_whitespace().nth(1).expect("a number");
    number.parse().expect("kB")
}

#[test]
fn many_requests_take_no_more_memory_than_few() {
    let (tell, told) = mpsc::channel();
    let infer = Infer::start(
        Options::default(),
        Box::new(move |state| {
            // The test may be over.
            let _ = tell.send(state);
        }),
    );
    loop {
        match told.recv().expect("a state") {
            State::Loading { .. } => {}
            State::Ready(_) => break,
            State::Unavailable(why) => {
                println!("SKIP: {why}");
                return;
            }
        }
    }
    // Different lengths, places and draft sizes: every shape of buffer the worker will ever need.
    let answer = |round: usize| {
        let before = format!("fn f{}() {{\n", round % 7) + &"    g();\n".repeat(round % 13);
        let outcome = infer.submit(Job {
            class: Class::Request,
            prompt: Prompt {
                sections: vec![
                    Section::Control(Control::Bos),
                    Section::Text(before.clone()),
                ],
            },
            limits: Limits {
                max_tokens: 4,
                budget: Duration::from_secs(60),
            },
            drafts: Drafts {
                texts: vec![before.repeat(2).into()],
                proposal: None,
            },
            stop: Box::new(|| false),
            watch: Box::new(|_| Flow::Continue),
        });
        outcome.blocking_recv().expect("an outcome");
    };
    (0..150).for_each(answer);
    let before = resident();
    (0..450).for_each(answer);
    let grown = resident().saturating_sub(before);
    // One logits row is 32 kB: a leak of one a request would be 14 MB.
    assert!(grown < 4_000, "{grown} kB in 450 requests");
}
