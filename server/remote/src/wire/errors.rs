//! Errors of providers, in either shape on either wire, by the order of the table in [`kind`].

use serde_json::Value;

use super::json::{count, text};
use crate::failure::{Failure, Kind, Limit};
use crate::sse;

/// An error object inside a body or an event of a stream that began well.
pub(super) fn inside(value: &Value) -> Option<Failure> {
    let error = value.get("error").filter(|e| !e.is_null())?;
    // Both shapes hold the error under this name; Anthropic adds `"type": "error"` beside it.
    let status = count(error, "/code")
        .or_else(|| text(error, "/code").parse().ok())
        .or_else(|| count(value, "/code"))
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code));
    Some(from_error(error, status))
}

/// An answer with a status of 400 and above. `body` may be JSON, an event stream, or anything.
#[must_use]
pub fn of_status(status: u16, body: &str) -> Failure {
    let value = super::json::parse(body)
        .or_else(|| streamed(body))
        .unwrap_or(Value::Null);
    let mut failure = match value.get("error").filter(|e| !e.is_null()) {
        Some(error) => from_error(error, Some(status)),
        // FastAPI's and others' flat shapes.
        None => from_error(&value, Some(status)),
    };
    failure.status = Some(status);
    failure
}

/// The first JSON event of an event stream.
fn streamed(body: &str) -> Option<Value> {
    let mut decoder = sse::Decoder::new(sse::Limits::default());
    let mut events = Vec::new();
    decoder.push(body.as_bytes(), &mut events).ok()?;
    events.extend(decoder.finish().ok()?);
    events
        .iter()
        .find_map(|event| super::json::parse(&event.data))
}

fn from_error(error: &Value, status: Option<u16>) -> Failure {
    let message = match error {
        Value::String(message) => message,
        _ => match text(error, "/message") {
            "" => text(error, "/detail"),
            message => message,
        },
    };
    let facts = Facts {
        status,
        kind: text(error, "/type"),
        code: text(error, "/code"),
        message,
    };
    Failure {
        status,
        ..Failure::new(kind(&facts), message)
    }
}

struct Facts<'a> {
    status: Option<u16>,
    kind: &'a str,
    code: &'a str,
    message: &'a str,
}

impl Facts<'_> {
    fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|w| self.kind == *w || self.code == *w)
    }

    fn is(&self, statuses: &[u16]) -> bool {
        self.status.is_some_and(|s| statuses.contains(&s))
    }
}

/// The first rule that holds. A type outranks a status, because gateways change statuses: LiteLLM sends a
/// used-up budget as 400, 422 or 429 by version and setting.
fn kind(facts: &Facts) -> Kind {
    if facts.says(&["budget_exceeded", "insufficient_quota", "billing_error"]) || facts.is(&[402]) {
        return Kind::Budget;
    }
    if facts.says(&["context_length_exceeded"])
        || facts
            .message
            .starts_with("litellm.ContextWindowExceededError")
        || facts.message.starts_with("prompt is too long")
    {
        return Kind::ContextWindow;
    }
    if facts.says(&["content_filter", "content_policy_violation"]) {
        return Kind::ContentFilter;
    }
    let auth = [
        "auth_error",
        "no_db_connection",
        "authentication_error",
        "permission_error",
        "invalid_api_key",
        "token_not_found_in_db",
        "expired_key",
    ];
    if facts.is(&[401, 403]) || facts.says(&auth) {
        return Kind::Auth;
    }
    let rate = [
        "throttling_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "all_deployments_in_cooldown",
    ];
    if facts.is(&[429]) || facts.says(&rate) {
        return Kind::RateLimited;
    }
    if facts.is(&[503, 529]) || facts.says(&["overloaded_error"]) {
        return Kind::Overloaded;
    }
    if facts.is(&[408, 504]) || facts.says(&["timeout_error"]) {
        return Kind::Timeout(Limit::Theirs);
    }
    match facts.status {
        Some(400..=499) => Kind::Request,
        _ => Kind::Server,
    }
}
