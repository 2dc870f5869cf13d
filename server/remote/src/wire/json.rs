//! Untyped JSON, read so that a missing or oddly typed field is just absent.

use serde_json::Value;

pub(super) fn parse(text: &str) -> Option<Value> {
    // Depth is limited to 128 by the parser itself.
    serde_json::from_str(text).ok()
}

/// The text at a path, empty where there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The count at a path; some servers write whole numbers as `12.0`.
pub(super) fn count(value: &Value, pointer: &str) -> Option<u64> {
    let number = value.pointer(pointer)?;
    number.as_u64().or_else(|| {
        let float = number.as_f64()?;
        // Not a token count that anybody can have; and the conversion below is exact.
        (0.0..=1e15).contains(&float).then_some(float as u64)
    })
}

/// A text, or the texts of a list of parts `{"type": "text", "text": …}`.
pub(super) fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(|p| text(p, "/text")).collect(),
        _ => String::new(),
    }
}

/// Every text in a JSON body, field names left out: what a last look for secrets reads. What people and files
/// said comes first and in order, so that neighbours there are neighbours here; a body that is no JSON is one
/// text.
#[must_use]
pub fn texts(body: &str) -> Vec<String> {
    let Some(value) = parse(body) else {
        return vec![body.to_owned()];
    };
    let (mut said, mut other) = (Vec::new(), Vec::new());
    collect("", value, (&mut said, &mut other));
    said.append(&mut other);
    said
}

fn collect(field: &str, value: Value, (said, other): (&mut Vec<String>, &mut Vec<String>)) {
    match value {
        Value::String(text) if matches!(field, "content" | "text") => said.push(text),
        Value::String(text) => other.push(text),
        Value::Array(values) => {
            for value in values {
                collect(field, value, (said, other));
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                collect(&field, value, (said, other));
            }
        }
        _ => {}
    }
}
