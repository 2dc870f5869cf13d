//! OpenAI's chat completions, as OpenAI, vLLM, Ollama, the server of llama.cpp and LiteLLM speak them.
//!
//! Source of the format: OpenAI's API reference, "Chat completions"; the leniencies were met with LiteLLM.

use serde_json::{Value, json};

use super::json::{content, count, text};
use super::{ChatRequest, Delta, Dialect, Finish, Role, Tool, ToolCall, ToolResult, Usage};

pub(super) fn body(request: &ChatRequest, dialect: Dialect) -> String {
    let mut messages: Vec<Value> = Vec::new();
    let mut in_front = request.system.as_str();
    if !dialect.no_system_role {
        messages.push(json!({"role": "system", "content": in_front}));
        in_front = "";
    }
    for message in &request.messages {
        if !message.results.is_empty() {
            messages.extend(message.results.iter().map(result));
            continue;
        }
        let role = match message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let text = match std::mem::take(&mut in_front) {
            "" => message.text.clone(),
            system => format!("{system}\n\n{}", message.text),
        };
        messages.push(json!({"role": role, "content": text}));
        if let Some(last) = messages.last_mut().filter(|_| !message.calls.is_empty()) {
            last["tool_calls"] = message.calls.iter().map(call).collect();
        }
    }
    let mut body = json!({"model": request.model, "messages": messages, "stream": true});
    let cap = if dialect.max_completion_tokens {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    body[cap] = json!(request.max_tokens);
    if !dialect.no_stream_options {
        body["stream_options"] = json!({"include_usage": true});
    }
    if !dialect.no_temperature {
        body["temperature"] = super::anthropic::temperature(request);
    }
    if let Some(user) = request.user.as_ref().filter(|_| !dialect.no_user) {
        body["user"] = json!(user);
    }
    if !request.tools.is_empty() {
        body["tools"] = request.tools.iter().map(tool).collect();
        let choice = if request.tools_spent { "none" } else { "auto" };
        body["tool_choice"] = json!(choice);
    }
    body.to_string()
}

fn tool(tool: &Tool) -> Value {
    json!({"type": "function", "function": {
        "name": tool.name,
        "description": tool.about,
        "parameters": tool.schema(),
    }})
}

fn call(call: &ToolCall) -> Value {
    // Some servers parse the arguments, so they must be JSON even where the model wrote none.
    let function = json!({"name": call.name, "arguments": call.object().to_string()});
    json!({"type": "function", "id": call.id, "function": function})
}

fn result(result: &ToolResult) -> Value {
    json!({"role": "tool", "tool_call_id": result.id, "content": result.text})
}

pub(super) fn event(value: &Value, deltas: &mut Vec<Delta>) {
    choice(value, "/choices/0/delta", deltas);
}

pub(super) fn whole(value: &Value, deltas: &mut Vec<Delta>) {
    choice(value, "/choices/0/message", deltas);
    deltas.push(Delta::End);
}

fn choice(value: &Value, pointer: &str, deltas: &mut Vec<Delta>) {
    let model = text(value, "/model");
    if !model.is_empty() {
        deltas.push(Delta::Model(model.to_owned()));
    }
    let delta = value.pointer(pointer).unwrap_or(&Value::Null);
    for said in [content(&delta["content"]), content(&delta["refusal"])] {
        if !said.is_empty() {
            deltas.push(Delta::Text(said));
        }
    }
    for (at, call) in delta["tool_calls"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        deltas.push(Delta::ToolCall {
            index: count(call, "/index").unwrap_or(at as u64),
            id: text(call, "/id").to_owned(),
            name: text(call, "/function/name").to_owned(),
            arguments: text(call, "/function/arguments").to_owned(),
        });
    }
    let usage = Usage {
        input: count(value, "/usage/prompt_tokens"),
        cached: count(value, "/usage/prompt_tokens_details/cached_tokens"),
        output: count(value, "/usage/completion_tokens"),
    };
    if usage != Usage::default() {
        deltas.push(Delta::Usage(usage));
    }
    match text(value, "/choices/0/finish_reason") {
        "" => {}
        reason => deltas.push(Delta::Finish(finish(reason))),
    }
}

fn finish(reason: &str) -> Finish {
    match reason {
        "stop" => Finish::Stop,
        "length" => Finish::Length,
        "content_filter" => Finish::Filter,
        "tool_calls" | "function_call" => Finish::Tool,
        _ => Finish::Other,
    }
}
