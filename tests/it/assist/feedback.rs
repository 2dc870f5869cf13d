//! What an answer was worth: said once, in an editor or on a terminal, joined to its row in the books; and what is kept for
//! `foretoken export`, by consent, without secrets, until it is deleted to the last byte.

use foretoken_tests::desk::{CODE, files, shown_at};
use foretoken_tests::faultd;
use foretoken_tests::session::Session;
use serde_json::{Value, json};

use super::{Desk, actions, answering, choose, key};

async fn execute(session: &mut Session, command: &str, argument: Value) -> Value {
    let params = json!({"command": command, "arguments": [argument]});
    let answer = session.request("workspace/executeCommand", params).await;
    answer.result().await
}

fn examples(desk: &Desk) -> Vec<Value> {
    let (_, out, _) = desk.run(&["export"]);
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_rated_once_and_one_of_no_use_is_not_repeated() {
    let scripts =
        ["Of no use.\n", "Better.\n"].map(|said| faultd::streamed(&faultd::openai(&[said])));
    let desk = Desk::new(scripts.to_vec()).await;
    desk.allow();
    let uri = desk.uri("src/sum.rs");
    let mut session = desk.serve(answering("vscode", "-")).await;
    for (round, said) in ["Of no use.", "Of no use.", "Better."].iter().enumerate() {
        let from = session.trace().len();
        let found = actions(&mut session, &uri, json!([])).await;
        choose(&mut session, &found, "foretoken.explain").await;
        let path = shown_at(&session, from).await;
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(said), "{text}");
        // In the answer's own document, in every editor that has code actions.
        let document = format!("file://{}", path.display());
        session.open(&document, "markdown", &text).await;
        let found = actions(&mut session, &document, json!([])).await;
        let rate = found
            .iter()
            .find(|action| action["command"]["command"] == "foretoken.notUseful")
            .unwrap_or_else(|| panic!("{found:?}"));
        if round == 0 {
            // Nobody has said anything: the same answer again.
            continue;
        }
        if round == 1 {
            let number = rate["command"]["arguments"][0].clone();
            for rated in [true, false] {
                let answer = execute(&mut session, "foretoken.notUseful", number.clone()).await;
                assert_eq!(answer["rated"], rated);
            }
            let found = actions(&mut session, &document, json!([])).await;
            let left = found
                .iter()
                .filter(|action| action["title"].as_str().unwrap().contains("useful"));
            assert_eq!(left.count(), 0, "{found:?}");
        }
    }
    let unknown = execute(&mut session, "foretoken.useful", json!("99")).await;
    assert_eq!(unknown["rated"], false);
    let status = session.status(false).await;
    assert_eq!(status["answers"]["notUseful"], 1);
    session.finish().await;
    assert_eq!(desk.provider.requests().len(), 2);
    // On a terminal, the newest.
    let (code, _, err) = desk.run(&["feedback", "useful"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("(explain) is noted as useful"), "{err}");
    assert_eq!(desk.run(&["feedback", "not-useful"]).0, 1, "once");
    assert_eq!(desk.run(&["feedback", "useful", "nobody"]).0, 1);
    assert_eq!(desk.run(&["feedback", "perfect"]).0, 2);
    let (_, out, _) = desk.run(&["stats", "--json"]);
    let stats: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(stats["allTime"]["answers"]["not_useful"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_example_is_kept_by_consent_leaves_without_secrets_and_goes_to_the_last_byte() {
    let canary = key();
    let said = "CANARY-ANSWER adds all rows.\n";
    let desk = Desk::new(vec![faultd::streamed(&faultd::openai(&[said]))]).await;
    let with_key = format!("// token = \"{canary}\"\n{CODE}");
    desk.home.write("project/src/sum.rs", &with_key);
    desk.allow();
    assert_eq!(desk.run(&["explain", "src/sum.rs:6"]).0, 0);
    let (code, out, err) = desk.run(&["export"]);
    assert_eq!((code, out.as_str()), (1, ""), "no consent, nothing kept");
    assert!(err.contains("--allow"), "{err}");

    let (code, _, err) = desk.run(&["export", "--allow", "--licence", "MIT"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        desk.run(&["export", "--allow", "--licence", "<b>"]).0,
        2,
        "no licence"
    );
    let (code, _, err) = desk.run(&["explain", "src/sum.rs"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("kept for `foretoken export`"), "{err}");
    assert_eq!(desk.run(&["feedback", "useful"]).0, 0);
    let found = examples(&desk);
    let [example] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        (&example["schema"], &example["task"]),
        (&json!(1), &json!("explain"))
    );
    assert_eq!(example["licence"], "MIT");
    assert_eq!(example["useful"], true);
    assert_eq!(example["editApplied"], Value::Null);
    assert_eq!(example["model"], "house/fault-1", "as the endpoint says");
    assert_eq!(example["answer"], said);
    let sections = example["sections"].as_array().unwrap();
    let target = sections.iter().find(|s| s["kind"] == "target").unwrap();
    assert_eq!(target["path"], "src/sum.rs");
    assert!(
        target["text"].as_str().unwrap().contains("for row in rows"),
        "{target}"
    );
    let text = example.to_string();
    assert!(
        text.contains("FTSECRET_") && !text.contains(&canary),
        "{text}"
    );
    assert!(!text.contains(desk.home.path().to_str().unwrap()), "{text}");

    // The rules of the day of the export count.
    let rules = "[remote]\nlocalOnly = [\"src/**\"]\n";
    desk.home.write("project/.foretoken.toml", rules);
    let (code, out, err) = desk.run(&["export"]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("1 more are left out"), "{err}");
    // And what may not leave is not kept at all.
    assert_eq!(desk.run(&["explain", "src/sum.rs:6"]).0, 1);
    std::fs::remove_file(desk.project().join(".foretoken.toml")).unwrap();
    assert_eq!(examples(&desk).len(), 1);

    let state = desk.home.path().join(".local/state/foretoken");
    let holds = |text: &str| files(&state).iter().any(|(_, held)| held.contains(text));
    assert!(holds("CANARY-ANSWER") && !holds(&canary));
    assert_eq!(desk.run(&["export", "--stop"]).0, 0);
    assert!(!holds("CANARY-ANSWER"), "deleted to the last byte");
    assert_eq!(desk.run(&["export", "--stop"]).0, 1);
    assert_eq!(desk.run(&["audit", "verify"]).0, 0);
    assert_eq!(desk.run(&["explain", "src/sum.rs:7"]).0, 0);
    assert!(!holds("CANARY-ANSWER"), "no more is kept");
}
