//! Canaries at a provider that exchanges the model behind a name.

use foretoken_tests::faultd::{self, Script};
use serde_json::Value;

use super::Desk;

/// An answer that is right for two of the questions, by this model.
fn answered(model: &str) -> Script {
    let text = faultd::openai(&["It is 6."]);
    faultd::streamed(&text.replace("fault-1", model))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_was_exchanged_is_told_and_the_same_one_is_not() {
    // Two runs by the same model, then another one.
    let mut scripts = vec![answered("fault-1"); 40];
    scripts.push(answered("fault-2"));
    let desk = Desk::new(scripts).await;
    let (code, out, err) = desk.run(&["canary"]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    let (code, _, err) = desk.run(&["canary", "--ask"]);
    assert_eq!(code, 1);
    assert!(err.contains("foretoken consent allow house"), "{err}");
    assert_eq!(desk.provider.connections(), 0);
    desk.allow();
    for _ in 0..2 {
        let (code, out, err) = desk.run(&["canary", "--ask"]);
        assert_eq!(code, 0, "{out}{err}");
        assert!(
            out.starts_with("house/coder (fault-1): 2 of 20 right on "),
            "{out}"
        );
        assert_eq!(out.lines().count(), 1, "{out}");
    }
    let (code, out, err) = desk.run(&["canary", "--ask", "--endpoint", "house"]);
    assert_eq!(code, 1, "{out}{err}");
    let sentence = "another model answers under the name: \"fault-2\", before \"fault-1\"";
    assert!(out.contains(sentence), "{out}");
    let (code, out, _) = desk.run(&["canary", "--json"]);
    assert_eq!(code, 1);
    let line: Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!(line["newest"]["served"], "fault-2");
    assert_eq!(desk.provider.requests().len(), 60);
    let sent = desk.sent();
    assert!(
        !sent.contains("for row in rows") && !sent.contains("sum.rs"),
        "nothing of the project"
    );
    assert_eq!(desk.run(&["canary", "--ask", "--endpoint", "nobody"]).0, 2);
    // All of it was paid for and stands in the books.
    let (_, costs, _) = desk.run(&["audit", "costs", "--json"]);
    let costs: Value = serde_json::from_str(costs.trim()).unwrap();
    assert_eq!(
        (&costs["task"], costs["requests"].as_u64()),
        (&"canary".into(), Some(60))
    );
}
