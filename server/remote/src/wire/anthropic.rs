//! Anthropic's messages.
//!
//! Source of the format: Anthropic's API reference, "Messages" and "Streaming messages"; the leniencies were
//! met with LiteLLM.

use serde_json::{Value, json};

use super::json::{content, count, text};
use super::{
    ChatRequest, Delta, Dialect, Finish, Message, Role, Tool, ToolCall, ToolResult, Usage,
};

pub(super) fn body(request: &ChatRequest, dialect: Dialect) -> String {
    let messages: Vec<Value> = request.messages.iter().map(message).collect();
    let mut body = json!({
        "model": request.model,
        "system": [{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}],
        "messages": messages,
        "max_tokens": request.max_tokens,
        "stream": true,
    });
    if !dialect.no_temperature {
        body["temperature"] = temperature(request);
    }
    if let Some(user) = request.user.as_ref().filter(|_| !dialect.no_user) {
        body["metadata"] = json!({"user_id": user});
    }
    if !request.tools.is_empty() {
        body["tools"] = request.tools.iter().map(tool).collect();
        let choice = if request.tools_spent { "none" } else { "auto" };
        body["tool_choice"] = json!({"type": choice});
    }
    body.to_string()
}

fn tool(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.about, "input_schema": tool.schema()})
}

fn call(call: &ToolCall) -> Value {
    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.object()})
}

fn result(result: &ToolResult) -> Value {
    json!({
        "type": "tool_result",
        "tool_use_id": result.id,
        "content": result.text,
        "is_error": result.failed,
    })
}

/// In hundredths, since 0.2 as a 32-bit float would be written with nine digits.
pub(super) fn temperature(request: &ChatRequest) -> Value {
    json!((f64::from(request.temperature) * 100.0).round() / 100.0)
}

fn message(message: &Message) -> Value {
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    if !message.results.is_empty() {
        let results: Vec<Value> = message.results.iter().map(result).collect();
        return json!({"role": role, "content": results});
    }
    if !message.calls.is_empty() {
        // An empty text is refused.
        let text =
            (!message.text.is_empty()).then(|| json!({"type": "text", "text": message.text}));
        let parts: Vec<Value> = text
            .into_iter()
            .chain(message.calls.iter().map(call))
            .collect();
        return json!({"role": role, "content": parts});
    }
    match message.text.split_at_checked(message.stable) {
        Some((stable, rest)) if !stable.is_empty() && !rest.is_empty() => {
            json!({"role": role, "content": [
                {"type": "text", "text": stable, "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": rest},
            ]})
        }
        _ => json!({"role": role, "content": message.text}),
    }
}

pub(super) fn event(value: &Value, deltas: &mut Vec<Delta>) {
    match text(value, "/type") {
        "message_start" => {
            let model = text(value, "/message/model");
            if !model.is_empty() {
                deltas.push(Delta::Model(model.to_owned()));
            }
            deltas.extend(usage(&value["message"]["usage"]));
        }
        "content_block_start" => block(&value["content_block"], count(value, "/index"), deltas),
        "content_block_delta" => {
            let said = text(value, "/delta/text");
            if !said.is_empty() {
                deltas.push(Delta::Text(said.to_owned()));
            }
            let arguments = text(value, "/delta/partial_json");
            if !arguments.is_empty() {
                deltas.push(Delta::ToolCall {
                    index: count(value, "/index").unwrap_or(0),
                    id: String::new(),
                    name: String::new(),
                    arguments: arguments.to_owned(),
                });
            }
        }
        "message_delta" => {
            deltas.extend(usage(&value["usage"]));
            finish(text(value, "/delta/stop_reason"), deltas);
        }
        "message_stop" => deltas.push(Delta::End),
        // A whole message where an event was due.
        "message" => whole(value, deltas),
        _ => {}
    }
}

pub(super) fn whole(value: &Value, deltas: &mut Vec<Delta>) {
    let model = text(value, "/model");
    if !model.is_empty() {
        deltas.push(Delta::Model(model.to_owned()));
    }
    match &value["content"] {
        Value::Array(blocks) => {
            for (at, part) in blocks.iter().enumerate() {
                block(part, Some(at as u64), deltas);
            }
        }
        other => block(
            &json!({"type": "text", "text": content(other)}),
            None,
            deltas,
        ),
    }
    deltas.extend(usage(&value["usage"]));
    finish(text(value, "/stop_reason"), deltas);
    deltas.push(Delta::End);
}

fn block(block: &Value, index: Option<u64>, deltas: &mut Vec<Delta>) {
    match text(block, "/type") {
        "text" if !text(block, "/text").is_empty() => {
            deltas.push(Delta::Text(text(block, "/text").to_owned()))
        }
        "tool_use" => deltas.push(Delta::ToolCall {
            index: index.unwrap_or(0),
            id: text(block, "/id").to_owned(),
            name: text(block, "/name").to_owned(),
            // Streamed blocks begin with an empty object, and the parts follow.
            arguments: match &block["input"] {
                Value::Object(fields) if !fields.is_empty() => block["input"].to_string(),
                _ => String::new(),
            },
        }),
        _ => {}
    }
}

/// Anthropic counts cached tokens beside the input; we count them in it.
fn usage(value: &Value) -> Option<Delta> {
    let cached = count(value, "/cache_read_input_tokens");
    let written = count(value, "/cache_creation_input_tokens").unwrap_or(0);
    // Zero in `message_start` means "later" with some servers.
    let input = count(value, "/input_tokens")
        .map(|i| i + cached.unwrap_or(0) + written)
        .filter(|i| *i > 0);
    let usage = Usage {
        input,
        cached,
        output: count(value, "/output_tokens"),
    };
    (usage != Usage::default()).then_some(Delta::Usage(usage))
}

fn finish(reason: &str, deltas: &mut Vec<Delta>) {
    let finish = match reason {
        "" => return,
        "end_turn" | "stop_sequence" => Finish::Stop,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "refusal" => Finish::Filter,
        "tool_use" => Finish::Tool,
        _ => Finish::Other,
    };
    deltas.push(Delta::Finish(finish));
}
