//! What is computed before it is asked for, over the wire and with the embedded model: the text behind
//! an accepted one, texts met again after a deletion or an undo, other texts on request, and that one
//! document's work ahead takes nothing from another's. Where this build found no ONNX Runtime the tests
//! print SKIP.

use std::time::{Duration, Instant};

use foretoken::ServeOptions;
use foretoken_tests::persona::Persona;
use foretoken_tests::process::skip;
use foretoken_tests::server;
use foretoken_tests::session::{LIMIT, Session};
use serde_json::Value;

const URI: &str = "file:///project/src/lib.rs";

/// A file that goes on as it began, so that every model has something to say.
fn repeated(lines: &str, times: usize) -> String {
    format!("fn main() {{\n{}", lines.repeat(times))
}

const LINES: &str =
    "    registry.register_handler(name, handler);\n    registry.unregister_handler(name);\n";

async fn ready() -> Option<Session> {
    let mut session = server::start(Persona::named("vscode"), ServeOptions::default());
    session.initialize().await;
    let state = session.model_settled().await;
    if state["state"] == "ready" {
        return Some(session);
    }
    assert_eq!(
        state["code"], "no-library",
        "a package that is there must load: {state}"
    );
    session.finish().await;
    skip(&state.to_string());
    None
}

/// All texts of an answer.
fn texts(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().unwrap();
    let text = |item: &Value| item["insertText"].as_str().unwrap().to_owned();
    items.iter().map(text).collect()
}

async fn counts(session: &mut Session) -> Value {
    session.status(false).await["counts"].take()
}

/// Waits until the status says so.
async fn until(session: &mut Session, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        let status = session.status(false).await;
        if wanted(&status) {
            return status;
        }
        // Only the pace of asking; the answer decides.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never came: {what}: {}", session.status(false).await);
}

/// Opens the file, types the beginning of a further line and asks; returns cursor and text.
async fn offered(session: &mut Session) -> (usize, String) {
    let text = repeated(LINES, 6);
    session.open(URI, "rust", &text).await;
    session
        .change(URI, text.len(), text.len(), "    registry.reg")
        .await;
    let at = text.len() + "    registry.reg".len();
    let first = texts(&session.inline(URI, at).await.result().await);
    session.report(URI).await;
    // An early answer may have been the beginning only.
    let whole = texts(&session.inline(URI, at).await.result().await);
    assert!(whole[0].starts_with(&first[0]), "{first:?} {whole:?}");
    (at, whole[0].clone())
}

/// Accepting a text: the next one is at hand, and no model is asked for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_behind_an_accepted_one_is_at_hand() {
    let Some(mut session) = ready().await else {
        return;
    };
    let (at, text) = offered(&mut session).await;
    let finished = |status: &Value| status["counts"]["speculation"]["ahead"]["finished"] == 1;
    until(&mut session, "the continuation", finished).await;
    let before = counts(&mut session).await;
    session.change(URI, at, at, &text).await;
    let at = at + text.len();
    let next = texts(&session.inline(URI, at).await.result().await);
    let after = counts(&mut session).await;
    let report = session.report(URI).await;
    assert_eq!(next.len(), 1, "{report}");
    assert!(next[0].contains("registry."), "{next:?}");
    assert_eq!(report["source"], "cache", "{report}");
    assert_eq!(report["atHand"]["kind"], "ahead", "{report}");
    assert!(report["probability"].is_number(), "{report}");
    assert_eq!(
        before["flights"], after["flights"],
        "the model was not asked"
    );
    let used = &after["speculation"]["ahead"];
    assert_eq!(
        (&used["used"], &used["hits"]),
        (&1.into(), &1.into()),
        "{used}"
    );
    // Enter writes how the text begins; what is left of it is still there.
    let end = next[0].len() - next[0].trim_start().len();
    session.change(URI, at, at, &next[0][..end]).await;
    let rest = texts(&session.inline(URI, at + end).await.result().await);
    assert_eq!(rest, [&next[0][end..]]);
    session.finish().await;
}

/// Deleting what was typed along, typing it again, and undoing meet the same text without the model.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_and_undoing_meet_the_same_text() {
    let Some(mut session) = ready().await else {
        return;
    };
    let (at, text) = offered(&mut session).await;
    let typed = &text[..4];
    session.change(URI, at, at, typed).await;
    let rest = texts(&session.inline(URI, at + 4).await.result().await);
    assert_eq!(rest, [&text[4..]]);
    let before = counts(&mut session).await;
    session.change(URI, at, at + 4, "").await;
    assert_eq!(
        texts(&session.inline(URI, at).await.result().await),
        [text.as_str()]
    );
    session.change(URI, at, at, typed).await;
    assert_eq!(
        texts(&session.inline(URI, at + 4).await.result().await),
        rest
    );
    // Something else is typed, and undone in one step.
    session.change(URI, at, at + 4, "zzz(").await;
    session.inline(URI, at + 4).await.reply().await.ok();
    let flights = counts(&mut session).await["flights"].clone();
    session.change(URI, at, at + 4, typed).await;
    assert_eq!(
        texts(&session.inline(URI, at + 4).await.result().await),
        rest
    );
    let after = counts(&mut session).await;
    assert_eq!(after["flights"], flights, "the undo asked no model");
    let hits = |counts: &Value| counts["hits"].as_u64().unwrap();
    assert!(hits(&after) >= hits(&before) + 3, "{before} {after}");
    session.finish().await;
}

/// Word by word: each accept leaves the rest alive, up to the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepting_word_by_word_keeps_the_rest() {
    let Some(mut session) = ready().await else {
        return;
    };
    let (mut at, mut text) = offered(&mut session).await;
    let flights = counts(&mut session).await["flights"].clone();
    let mut words = 0;
    while let Some(end) = text[1..].find(|c: char| !c.is_alphanumeric() && c != '_') {
        let (word, rest) = text.split_at(end + 1);
        let (word, rest) = (word.to_owned(), rest.to_owned());
        session.change(URI, at, at, &word).await;
        at += word.len();
        let left = texts(&session.inline(URI, at).await.result().await);
        // Near its end it may have grown.
        assert!(left[0].starts_with(&rest), "{left:?} {rest:?}");
        (text, words) = (rest, words + 1);
        if text.is_empty() {
            break;
        }
    }
    assert!(words >= 2, "one word is no test");
    assert_eq!(counts(&mut session).await["flights"], flights);
    session.finish().await;
}

/// The key for suggestions at a text that is shown: it stays first, the others differ, and what they are
/// does not change from press to press.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_texts_come_on_request_and_the_shown_one_stays_first() {
    let Some(mut session) = ready().await else {
        return;
    };
    let text =
        "fn main() {\n    let mut counter = Counter::new();\n    counter.add(1);\n    counter.";
    session.open(URI, "rust", text).await;
    let mut most = 0;
    for typed in ["", "a", "d", "zq", " = "] {
        let at = session.text(URI).len();
        session.change(URI, at, at, typed).await;
        let at = at + typed.len();
        let shown = texts(&session.inline(URI, at).await.result().await);
        session.report(URI).await;
        let shown = match shown.is_empty() {
            true => continue,
            false => texts(&session.inline(URI, at).await.result().await),
        };
        assert_eq!(shown.len(), 1, "unasked there is one: {shown:?}");
        let all = texts(&session.invoke(URI, at).await.result().await);
        assert!((1..=3).contains(&all.len()), "{all:?}");
        assert_eq!(all[0], shown[0]);
        for (at, text) in all.iter().enumerate() {
            assert!(
                !text.trim().is_empty() && !all[..at].contains(text),
                "{all:?}"
            );
        }
        assert_eq!(texts(&session.invoke(URI, at).await.result().await), all);
        assert_eq!(texts(&session.inline(URI, at).await.result().await), shown);
        most = most.max(all.len());
    }
    assert!(most > 1, "nowhere was there another text");
    session.finish().await;
}

/// A request waits for a flight that an edit began. Typing in another document begins work of its own,
/// and the request gets its answer all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_ahead_in_one_document_takes_nothing_from_a_request_in_another() {
    let Some(mut session) = ready().await else {
        return;
    };
    let other = "file:///project/src/other.rs";
    let text = repeated(LINES, 6);
    session.open(URI, "rust", &text).await;
    session
        .open(other, "rust", &format!("// another\n{text}"))
        .await;
    for round in 0..12 {
        let at = session.text(URI).len();
        let beginning = format!("    registry.r{round}");
        let there = session.text(other).len();
        let first = session.edit(URI, at, at, &beginning);
        let params = session.ask_params(URI, at + beginning.len(), 2);
        let (ask, pending) = session.prepare("textDocument/inlineCompletion", params);
        let second = session.edit(other, there, there, &format!("    registry.un{round}"));
        // In one write, and once apart, so that the request comes before and after the flight begins.
        match round % 2 {
            0 => session.send_all(&[first, ask, second]).await,
            _ => {
                session.send_all(&[first]).await;
                session.send_all(&[ask]).await;
                session.send_all(&[second]).await;
            }
        }
        let reply = pending.reply().await;
        assert!(reply.is_ok(), "round {round}: {reply:?}");
        let end = session.text(URI).len();
        session.change(URI, at, end, "").await;
    }
    session.finish().await;
}

/// A cancel over the wire ends the computing too, between two steps of the model and not at its end: the
/// model has run less of the cancelled document than of one that it was let finish.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_stops_the_model_between_two_steps() {
    let Some(mut session) = ready().await else {
        return;
    };
    let lines: String = (0..200)
        .map(|n| {
            format!(
                "    let value_{n} = compute_{}({n}, value_{});\n",
                n * 7 % 13,
                n / 2
            )
        })
        .collect();
    let steps = |report: &Value| report["tokens"]["steps"].as_u64().unwrap();
    let mut whole = u64::MAX;
    let (mut cut_short, mut tries) = (0, 0);
    // How much was run when the cancel came is the machine's affair; that it was less must be seen often.
    while cut_short < 3 && tries < 60 {
        tries += 1;
        let uri = format!("file:///project/long{tries}.rs");
        session
            .open(
                &uri,
                "rust",
                &format!("// {tries}\n{lines}    let result = "),
            )
            .await;
        let end = session.text(&uri).len();
        let params = session.ask_params(&uri, end, 1);
        if whole == u64::MAX {
            let asked = session
                .request("textDocument/inlineCompletion", params)
                .await;
            asked.result().await;
            whole = steps(&session.report(&uri).await);
            assert!(whole > 2, "a prompt of this length takes several steps");
            continue;
        }
        let pending = session
            .request("textDocument/inlineCompletion", params)
            .await;
        // Once this is answered the server has taken the request, and its work has begun or soon will.
        session.status(false).await;
        session.cancel(pending.id).await;
        let refused = pending.reply().await.is_err();
        let report = session.report(&uri).await;
        if refused && report["end"] == "stopped" {
            assert!(steps(&report) < whole, "{report} of {whole} steps");
            cut_short += 1;
        }
    }
    assert!(
        cut_short >= 3,
        "{cut_short} of {tries} cancels cut the work short"
    );
    session.finish().await;
}
