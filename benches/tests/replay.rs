//! The replay from a history to its figures, on the built program: a repository is made, one hunk of it
//! typed. The server has no model here and answers by its look-up, so nothing depends on weights.

use std::path::Path;

use foretoken_benches::replay::arguments;
use foretoken_benches::replay::figures::get;
use foretoken_benches::replay::log::Kind;
use foretoken_benches::replay::player::Stop;
use foretoken_benches::replay::report::Report;
use foretoken_benches::replay::traces::Class;
use foretoken_benches::replay::{ngram, run, select};
use foretoken_tests::process;

const BEFORE: &str = "fn main() {\n    registry.register_handler(first, handler);\n    registry.register_handler(second, handler);\n    registry.register_handler(third, handler);\n}\n";
const ADDED: &str = "    registry.register_handler(fourth, handler);\n";

fn git(folder: &Path, arguments: &[&str]) {
    let output = process::program("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@localhost"])
        .args(["-c", "commit.gpgsign=false", "-C"])
        .arg(folder)
        .args(arguments)
        .output()
        .expect("git can be started");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
}

/// A repository whose second commit adds one line.
fn history(folder: &Path) {
    git(folder, &["init", "--quiet"]);
    for text in [
        BEFORE.to_owned(),
        BEFORE.replace("}\n", &format!("{ADDED}}}\n")),
    ] {
        std::fs::write(folder.join("main.rs"), text).expect("the folder was just made");
        git(folder, &["add", "main.rs"]);
        git(folder, &["commit", "--quiet", "--message", "main"]);
    }
}

#[test]
fn a_history_is_typed_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path());
    let line = format!(
        "{} --without-model --classes type,accept --variants ungated",
        folder.path().display()
    );
    let words = line.split(' ').map(str::to_owned);
    let arguments = arguments::read(words).unwrap().unwrap();
    let (traces, notes) = select::traces(&arguments.repositories, &arguments.wish);
    // There is one hunk, and the class `type` takes it.
    assert_eq!(traces.len(), 1, "{notes:?}");
    assert_eq!(traces[0].regions[0].target, ADDED.trim_end());
    assert!(
        traces[0].documents[0]
            .text
            .contains("third, handler);\n\n}")
    );
    let mut traces = traces;
    let mut accepting = traces[0].clone();
    accepting.class = Class::Accept;
    traces.push(accepting);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let stop = Stop::after(None);
    // A folder without a package in place of the model: the look-up answers alone.
    let mut plan = arguments.plans[0].clone();
    for variant in &mut plan.variants {
        let nowhere = folder.path().join("no-model").display().to_string();
        variant
            .environment
            .push(("FORETOKEN_MODEL_FOLDER".to_owned(), nowhere));
    }
    let runs = runtime
        .block_on(run::run(&plan, &traces, &stop, &mut |_| {}))
        .unwrap();

    for run in &runs {
        assert_eq!(run.disorder(), Vec::<String>::new(), "{}", run.variant);
        assert_eq!(run.played.len(), 2);
        assert!(
            run.played
                .iter()
                .all(|played| played.same_text == Some(true))
        );
        let typed = &run.played[0];
        assert_eq!(typed.keys.len(), traces[0].strokes.len());
        assert_eq!(typed.keys.last().unwrap().end, typed.target.len());
    }
    // The line stands there three times, so something of it is offered, right, and taken.
    let accepted = |kind| runs[0].played[1].keys.iter().any(|key| key.kind == kind);
    assert!(accepted(Kind::AcceptedAll) || accepted(Kind::AcceptedWord));
    let baseline = [ngram::guesses(&traces[0]), Vec::new()];
    let report = Report {
        traces: &traces,
        baseline: &baseline,
        runs: &runs,
        conditions: Vec::new(),
        notes: &notes,
        seed: 1,
    };
    let figures = report.figures(&runs[0]);
    assert!(get(&figures, "ks_strict") > 0.05, "{figures:?}");
    assert!(get(&figures, "ks_ngram_strict") >= 0.0, "{figures:?}");
    assert_eq!(get(&figures, "replies_per_request"), 1.0);
    let json = report.json();
    assert_eq!(
        json["metrics"]["keys"].as_f64(),
        Some(traces[0].keys() as f64)
    );
    assert!(report.text().contains("order kept (texts equal"));
}
