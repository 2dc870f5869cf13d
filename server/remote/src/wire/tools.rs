//! Tools on both wires: what a model may call, its calls put together from their parts, and what they gave.
//!
//! Sources of the format: OpenAI's API reference, "Function calling"; Anthropic's, "Tool use". Whoever offers
//! a tool runs it; here is only how it is said.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Delta;
use super::json::parse;

/// A tool that a model may call. All its fields are texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// What it does, for the model.
    pub about: &'static str,
    /// What it takes.
    pub fields: &'static [Field],
}

/// One field of a tool's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it means, for the model.
    pub about: &'static str,
    /// The tool does nothing without it.
    pub required: bool,
}

/// A call, as a model wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolCall {
    /// Its own name for the call.
    pub id: String,
    /// The tool's name, which may be none that there is.
    pub name: String,
    /// JSON, if the model did as it was told.
    pub arguments: String,
}

/// What a call gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolResult {
    /// The call's.
    pub id: String,
    /// For the model.
    pub text: String,
    /// The call came to nothing, and the text says why.
    pub failed: bool,
}

/// Longest arguments that are kept, bytes; what is longer is no path, no name and no question.
pub const LONGEST_ARGUMENTS: usize = 16 << 10;
/// Most calls of one answer that are kept; further ones are dropped and never answered.
pub const MOST_CALLS: usize = 64;

/// The calls of one answer, put together from their parts.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    calls: BTreeMap<u64, ToolCall>,
}

impl Calls {
    /// Takes a part in. Other deltas are none.
    pub fn take(&mut self, part: Delta) {
        let Delta::ToolCall {
            index,
            id,
            name,
            arguments,
        } = part
        else {
            return;
        };
        if self.calls.len() >= MOST_CALLS && !self.calls.contains_key(&index) {
            return;
        }
        let call = self.calls.entry(index).or_default();
        for (whole, part) in [(&mut call.id, id), (&mut call.name, name)] {
            if whole.is_empty() {
                whole.push_str(&part[..part.floor_char_boundary(256)]);
            }
        }
        // One byte more than may be, so that it is seen to be too long.
        let left = (LONGEST_ARGUMENTS + 1).saturating_sub(call.arguments.len());
        call.arguments
            .push_str(&arguments[..arguments.floor_char_boundary(left)]);
    }

    /// All of them, in the model's order. A call without an id gets one, since its result must name it.
    #[must_use]
    pub fn finish(self) -> Vec<ToolCall> {
        let calls = self.calls.into_iter().map(|(index, mut call)| {
            if call.id.is_empty() {
                call.id = format!("call-{index}");
            }
            call
        });
        calls.collect()
    }
}

impl ToolCall {
    /// The fields of the arguments, texts as they are and other plain values as they are written.
    ///
    /// # Errors
    /// A sentence for the model, where they are too long or no flat JSON object.
    pub fn fields(&self) -> Result<BTreeMap<String, String>, String> {
        if self.arguments.len() > LONGEST_ARGUMENTS {
            return Err(format!(
                "the arguments are longer than {LONGEST_ARGUMENTS} bytes"
            ));
        }
        let nothing = self.arguments.trim().is_empty();
        let value = match nothing {
            true => json!({}),
            false => parse(&self.arguments).unwrap_or(Value::Null),
        };
        let Value::Object(fields) = value else {
            return Err("the arguments are no JSON object".to_owned());
        };
        let text = |(name, value): (String, Value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Number(number) => Ok((name, number.to_string())),
            Value::Bool(flag) => Ok((name, flag.to_string())),
            Value::Null => Ok((name, String::new())),
            Value::Array(_) | Value::Object(_) => Err("each field must be a text".to_owned()),
        };
        fields.into_iter().map(text).collect()
    }

    /// The arguments as an object, whatever the model wrote.
    pub(super) fn object(&self) -> Value {
        match parse(&self.arguments) {
            Some(object @ Value::Object(_)) => object,
            _ => json!({}),
        }
    }
}

impl Tool {
    /// The JSON schema of its arguments.
    pub(super) fn schema(&self) -> Value {
        let fields = self.fields.iter();
        let properties: serde_json::Map<String, Value> = fields
            .clone()
            .map(|field| {
                let about = json!({"type": "string", "description": field.about});
                (field.name.to_owned(), about)
            })
            .collect();
        let required: Vec<&str> = fields
            .filter(|field| field.required)
            .map(|field| field.name)
            .collect();
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(index: u64, id: &str, name: &str, arguments: &str) -> Delta {
        Delta::ToolCall {
            index,
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        }
    }

    #[test]
    fn calls_come_in_parts() {
        let mut calls = Calls::default();
        calls.take(part(1, "b", "search", "{}"));
        calls.take(part(0, "a", "read", "{\"path\": "));
        calls.take(part(0, "", "", "\"a.rs\", \"line\": 3}"));
        calls.take(Delta::Text("between".to_owned()));
        calls.take(part(2, "", "read", ""));
        let calls = calls.finish();
        let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "call-2"]);
        let fields = calls[0].fields().unwrap();
        assert_eq!(fields["path"], "a.rs");
        assert_eq!(fields["line"], "3");
        assert!(calls[2].fields().unwrap().is_empty());
    }

    #[test]
    fn a15_arguments_and_calls_have_an_end() {
        let mut calls = Calls::default();
        for _ in 0..10 {
            calls.take(part(0, "a", "read", &"x".repeat(1 << 20)));
        }
        for index in 1..1_000 {
            calls.take(part(index, "b", "read", "{}"));
        }
        let calls = calls.finish();
        assert_eq!(calls.len(), MOST_CALLS);
        assert_eq!(calls[0].arguments.len(), LONGEST_ARGUMENTS + 1);
        assert!(calls[0].fields().unwrap_err().contains("longer than"));
    }

    #[test]
    fn arguments_that_are_none_have_a_reason() {
        let fields = |arguments: &str| {
            let call = ToolCall {
                arguments: arguments.to_owned(),
                ..ToolCall::default()
            };
            call.fields()
        };
        assert!(fields("nonsense").is_err());
        assert!(fields("[1]").is_err());
        assert!(fields("{\"a\": {\"b\": 1}}").is_err());
        assert!(fields(&"[".repeat(5_000)).is_err());
    }
}
