//! The patterns of a `tokenizer.json`, looked at before the library compiles them: its engine
//! backtracks, and a hostile pattern could hold it for hours on a line of blanks. The patterns of real
//! vocabularies are flat, so everything that repeats a repetition is refused.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::package::PackageError;

/// Characters of one pattern; the longest known, GPT-4o's, has some 400.
const LENGTH: usize = 2_048;
/// Largest number between braces; digits are taken in threes at most.
const COUNT: u32 = 256;

/// The parts of the file in which patterns may stand; the vocabulary is passed over.
#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(default, rename = "model")]
    _model: IgnoredAny,
}

/// Checks every pattern.
///
/// # Errors
/// `Unreadable` when the file is no JSON object, `Forbidden` for a pattern that could take for ever.
pub(super) fn check(json: &[u8]) -> Result<(), PackageError> {
    let parts: Parts = serde_json::from_slice(json)
        .map_err(|error| PackageError::unreadable("tokenizer.json", &error.to_string()))?;
    for part in [&parts.normalizer, &parts.pre_tokenizer, &parts.decoder] {
        check_value(part)?;
    }
    Ok(())
}

fn check_value(value: &Value) -> Result<(), PackageError> {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(pattern) if name == "Regex" && !is_flat(pattern) => {
                        let shown: String = pattern.chars().take(60).collect();
                        return Err(PackageError::Forbidden {
                            what: format!(
                                "its tokenizer has a pattern that could take for ever ({shown})"
                            ),
                        });
                    }
                    value => check_value(value)?,
                }
            }
            Ok(())
        }
        Value::Array(values) => values.iter().try_for_each(check_value),
        _ => Ok(()),
    }
}

/// Whether nothing that is repeated without bound stands within something that is repeated, and
/// nothing refers back.
fn is_flat(pattern: &str) -> bool {
    let mut rest = pattern.chars().peekable();
    // For each open group, whether a repetition stands in it.
    let mut groups = vec![false];
    let mut atom_repeats = false;
    if pattern.chars().count() > LENGTH {
        return false;
    }
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('1'..='9' | 'k' | 'g') | None => return false,
                Some(kind) => {
                    // A class by name or number: `\p{L}`, `\x{2581}`.
                    if matches!(kind, 'p' | 'P' | 'x') && rest.peek() == Some(&'{') {
                        rest.by_ref().find(|c| *c == '}');
                    }
                    atom_repeats = false;
                }
            },
            '[' => {
                skip_class(&mut rest);
                atom_repeats = false;
            }
            '(' => groups.push(false),
            ')' => {
                let Some(inner) = (groups.len() > 1).then(|| groups.pop()).flatten() else {
                    return false;
                };
                atom_repeats = inner;
                if let (true, Some(outer)) = (inner, groups.last_mut()) {
                    *outer = true;
                }
            }
            '*' | '+' | '{' | '?' => {
                // A question mark behind a bracket names a kind of group.
                let bounded = match c {
                    '{' => match count(&mut rest) {
                        Some(most) => most <= 1,
                        None => return false,
                    },
                    '?' => true,
                    _ => false,
                };
                if !bounded {
                    if atom_repeats {
                        return false;
                    }
                    if let Some(group) = groups.last_mut() {
                        *group = true;
                    }
                }
                // Lazy and possessive forms.
                rest.next_if(|next| matches!(next, '?' | '+'));
                atom_repeats = atom_repeats || !bounded;
            }
            _ => atom_repeats = false,
        }
    }
    groups.len() == 1
}

/// Passes over a class of characters, with the classes in it.
fn skip_class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let mut depth = 1;
    while let (true, Some(c)) = (depth > 0, rest.next()) {
        match c {
            '\\' => {
                rest.next();
            }
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
    }
}

/// The largest number between braces, 2 for one without bound that is not nested; `None` beyond
/// [`COUNT`].
fn count(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<u32> {
    let inside: String = rest.by_ref().take_while(|c| *c != '}').collect();
    let numbers = inside.split(',').map(|number| match number.trim() {
        "" => Some(2),
        digits => digits.parse().ok().filter(|count| *count <= COUNT),
    });
    numbers.collect::<Option<Vec<u32>>>()?.into_iter().max()
}

#[cfg(test)]
mod tests {
    use super::{check, is_flat};

    #[test]
    fn the_patterns_of_known_families_are_flat() {
        for pattern in [
            // GPT-2, GPT-4, GPT-4o, Qwen, DeepSeek, Llama 3.
            r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            "[\r\n]",
            r"\s?\p{L}+",
            "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+",
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        ] {
            assert!(is_flat(pattern), "{pattern}");
        }
    }

    #[test]
    fn what_repeats_a_repetition_is_not() {
        for pattern in [
            "(a+)+$",
            "(a*)*b",
            "((a+)b)*",
            "(?:a+|b)+",
            "(a{2,}){2,}",
            "(a+){30}",
            r"(\s+)*x",
            r"(a)\1+",
            "a{100000}",
            "(((a",
            "a)",
        ] {
            assert!(!is_flat(pattern), "{pattern}");
        }
        assert!(!is_flat(&"a".repeat(5_000)));
    }

    #[test]
    fn patterns_are_found_wherever_they_stand() {
        let json = |place: &str| format!("{{\"model\": {{\"vocab\": {{\"Regex\": 1}}}}, {place}}}");
        let hostile = r#"{"type": "Sequence", "parts": [{"pattern": {"Regex": "(a+)+$"}}]}"#;
        for place in ["normalizer", "pre_tokenizer", "decoder"] {
            let error = check(json(&format!("\"{place}\": {hostile}")).as_bytes());
            assert_eq!(error.expect_err("hostile").code(), "bad-package");
        }
        check(json(r#""pre_tokenizer": {"pattern": {"Regex": "a+"}}"#).as_bytes()).expect("flat");
        check(json(r#""pre_tokenizer": {"pattern": {"String": "(a+)+"}}"#).as_bytes())
            .expect("text");
        assert!(check(b"\x80\x04pickle").is_err());
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(check(json(&format!("\"decoder\": {deep}")).as_bytes()).is_err());
    }
}
