//! Look-ups that a model asks for, by one that asks for everything it must not have.

use foretoken_tests::faultd::{self, Script};
use serde_json::{Value, json};

use super::Desk;

/// A stream in which the model calls these tools.
fn calls(calls: &[(&str, String)]) -> Script {
    let mut body = String::new();
    for (index, (name, arguments)) in calls.iter().enumerate() {
        let function = json!({"name": name, "arguments": arguments});
        let call = json!({"index": index, "id": format!("call-{index}"), "type": "function", "function": function});
        let delta = json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
        body += &format!("data: {delta}\n\n");
    }
    body += "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n";
    body += "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20}}\n\ndata: [DONE]\n\n";
    faultd::streamed(&body)
}

/// The same on the other wire.
fn uses(name: &str, input: &Value) -> Script {
    let start = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "use-0", "name": name, "input": {}}});
    let part = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": input.to_string()}});
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 20}});
    let events = [
        json!({"type": "message_start", "message": {"model": "fault-2", "usage": {"input_tokens": 10, "output_tokens": 1}}}),
        start,
        part,
        json!({"type": "content_block_stop", "index": 0}),
        end,
        json!({"type": "message_stop"}),
    ];
    let lines = events.iter().map(|event| {
        let name = event["type"].as_str().unwrap();
        format!("event: {name}\ndata: {event}\n\n")
    });
    faultd::streamed(&lines.collect::<String>())
}

/// The switch of the look-ups.
const TOOLS: &str = "FORETOKEN_REMOTE_TOOLS";

async fn desk(scripts: Vec<Script>, wire: &str) -> Desk {
    let mut desk = Desk::new(scripts).await;
    desk.endpoint = json!({
        "wire": wire,
        "models": [{"name": "coder", "tier": "large", "tools": true, "price": {"input": 1.0, "output": 2.0}}],
    });
    desk.environment.push((TOOLS, "true".into()));
    desk.allow();
    desk
}

/// The results of a request, by the ids of their calls.
fn results(body: &str) -> Vec<(String, String)> {
    let body: Value = serde_json::from_str(body).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let tool = messages.iter().filter(|message| message["role"] == "tool");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    tool.map(|message| (text(&message["tool_call_id"]), text(&message["content"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_reads_a_symbol_and_the_index_and_cites_what_it_read() {
    for wire in ["openai", "anthropic"] {
        let (first, last) = match wire {
            "openai" => (
                calls(&[
                    (
                        "read_symbol",
                        json!({"name": "helper", "path": "src/help.rs"}).to_string(),
                    ),
                    ("search_index", json!({"query": "helper"}).to_string()),
                ]),
                faultd::streamed(&faultd::openai(&["It calls the helper [S9].\n"])),
            ),
            _ => (
                uses(
                    "read_symbol",
                    &json!({"name": "helper", "path": "src/help.rs"}),
                ),
                faultd::streamed(&faultd::anthropic(&["It calls the helper.\n"])),
            ),
        };
        let desk = desk(vec![first, last], wire).await;
        desk.home.write(
            "project/src/help.rs",
            "/// Helps out.\npub fn helper() -> u32 {\n    let answer = 41;\n    answer + 1\n}\n",
        );
        let (code, out, err) = desk.run(&["explain", "src/sum.rs:5", "--json"]);
        assert_eq!(code, 0, "{wire}: {out}{err}");
        assert!(out.contains("It calls the helper"), "{out}");
        assert!(
            err.contains("the model looks up more (read_symbol"),
            "{err}"
        );
        let requests = desk.provider.requests();
        assert_eq!(requests.len(), 2, "{wire}");
        assert!(requests[0].body.contains("\"tools\""), "{wire}");
        assert!(!requests[0].body.contains("answer + 1"), "{wire}");
        assert!(
            requests[1].body.contains("answer + 1"),
            "{wire}: {}",
            requests[1].body
        );
        assert!(requests[1].body.contains("source=src/help.rs:"), "{wire}");
        let (_, rows, _) = desk.run(&["audit", "show", "--json"]);
        assert!(rows.contains("looked-up"), "{rows}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a15_what_a_model_must_not_have_it_does_not_get() {
    let name = json!("root").to_string();
    let hostile = [
        ("run_command", json!({"command": "id"}).to_string()),
        (
            "read_symbol",
            format!("{{\"name\": {name}, \"path\": \"/etc/passwd\"}}"),
        ),
        (
            "read_symbol",
            format!("{{\"name\": {name}, \"path\": \"../outside.rs\"}}"),
        ),
        (
            "read_symbol",
            format!("{{\"name\": {name}, \"path\": \"link.rs\"}}"),
        ),
        (
            "read_symbol",
            format!("{{\"name\": {name}, \"path\": \"away/outside.rs\"}}"),
        ),
        (
            "read_symbol",
            format!("{{\"name\": {name}, \"path\": \".env\"}}"),
        ),
        (
            "search_index",
            format!("{{\"query\": \"{}\"}}", "x".repeat(200 << 10)),
        ),
        ("read_symbol", "no json".to_owned()),
    ];
    let end = faultd::streamed(&faultd::openai(&["Nothing.\n"]));
    let desk = desk(vec![calls(&hostile), end], "openai").await;
    let outside = "pub fn root() { let canary = \"CANARY\"; }\n";
    let path = desk.home.write("outside.rs", outside);
    desk.home
        .write("project/.env", format!("root=CANARY\n{outside}"));
    let project = desk.home.path().join("project");
    std::os::unix::fs::symlink(&path, project.join("link.rs")).unwrap();
    std::os::unix::fs::symlink(desk.home.path(), project.join("away")).unwrap();
    let (code, out, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert_eq!(code, 0, "{out}{err}");
    let requests = desk.provider.requests();
    let found = results(&requests[1].body);
    assert_eq!(found.len(), hostile.len());
    for (id, text) in &found {
        assert!(text.starts_with("Nothing: "), "{id}: {text}");
    }
    assert!(found[0].1.contains("no such tool"));
    assert!(
        found[1].1.contains("no path from the project's folder"),
        "{}",
        found[1].1
    );
    assert!(
        found[3].1.contains("no such file that may be read"),
        "{}",
        found[3].1
    );
    assert!(
        requests
            .iter()
            .all(|request| !request.body.contains("CANARY"))
    );
}

/// Ten megabytes of arguments pass the limit of a stream, whatever they would say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a15_arguments_without_end_end_the_answer() {
    let part = json!({"index": 0, "function": {"arguments": "x".repeat(100 << 10)}});
    let delta = json!({"choices": [{"index": 0, "delta": {"tool_calls": [part]}}]});
    let body = format!("data: {delta}\n\n").repeat(100);
    let desk = desk(vec![faultd::streamed(&body)], "openai").await;
    let (code, out, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("passed a limit"), "{err}");
    assert_eq!(desk.provider.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a15_rounds_and_calls_have_an_end() {
    let search = || ("search_index", json!({"query": "total"}).to_string());
    let thousand: Vec<(&str, String)> = (0..1_000).map(|_| search()).collect();
    // It never answers, whatever it is given.
    let desk = desk(vec![calls(&thousand), calls(&[search()])], "openai").await;
    let (code, out, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(
        err.contains("asked for more than may be looked up"),
        "{err}"
    );
    let requests = desk.provider.requests();
    assert_eq!(requests.len(), 5, "the question and four rounds");
    let found = results(&requests[1].body);
    assert_eq!(found.len(), 64);
    let refused = found
        .iter()
        .filter(|(_, text)| text.contains("only 8 calls"));
    assert_eq!(refused.count(), 56);
    let last: Value = serde_json::from_str(&requests[4].body).unwrap();
    assert_eq!(last["tool_choice"], "none");
    let (_, rows, _) = desk.run(&["audit", "show", "--json"]);
    let row: Value = serde_json::from_str(rows.trim()).unwrap();
    assert_eq!(row["input"], 50, "the tokens of all rounds: {row}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_keys_in_what_is_looked_up_never_leave() {
    let key = super::key();
    let call = calls(&[(
        "read_symbol",
        json!({"name": "helper", "path": "src/help.rs"}).to_string(),
    )]);
    let end = faultd::streamed(&faultd::openai(&["Seen.\n"]));
    let desk = desk(vec![call, end], "openai").await;
    let code = format!("pub fn helper() {{\n    connect(\"{key}\");\n}}\n");
    desk.home.write("project/src/help.rs", code);
    let (status, out, err) = desk.run(&["explain", "src/sum.rs:5"]);
    assert_eq!(status, 0, "{out}{err}");
    let requests = desk.provider.requests();
    assert!(
        requests[1].body.contains("FTSECRET_"),
        "{}",
        requests[1].body
    );
    assert!(requests.iter().all(|request| !request.body.contains(&key)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_switch_no_tool_is_offered() {
    let mut desk = desk(
        vec![faultd::streamed(&faultd::openai(&["Yes.\n"]))],
        "openai",
    )
    .await;
    desk.environment.retain(|(name, _)| *name != TOOLS);
    assert_eq!(desk.run(&["explain", "src/sum.rs:5"]).0, 0);
    desk.environment.push((TOOLS, "true".into()));
    desk.home
        .write("project/.foretoken.toml", "[remote]\ntools = false\n");
    assert_eq!(desk.run(&["explain", "src/sum.rs:5", "--deeper"]).0, 0);
    for request in desk.provider.requests() {
        assert!(!request.body.contains("tool"), "{}", request.body);
    }
}
