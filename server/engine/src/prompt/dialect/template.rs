//! A template of the user's or of a manifest: `<|pre|>{prefix}<|suf|>{suffix}<|mid|>`. What stands
//! between two braces is one of four places; everything that the vocabulary holds as a control token is
//! one; the rest is text.

use std::borrow::Cow;
use std::fmt;

use super::{Files, Format, Order, Part};

/// Why a template cannot be used. [`fmt::Display`] is the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// `{prefix}` must stand in it exactly once, `{suffix}` at most once.
    Places,
    /// Braces around something else, which is given.
    Unknown(String),
    /// Nothing in it is a control token of this vocabulary.
    NoTokens,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TemplateError::Places => {
                f.write_str("a template needs {prefix} once and {suffix} at most once")
            }
            TemplateError::Unknown(place) => write!(
                f,
                "a template knows {{prefix}}, {{suffix}}, {{path}} and {{language}}, not {{{place}}}"
            ),
            TemplateError::NoTokens => {
                f.write_str("the template names no control token of this model's vocabulary")
            }
        }
    }
}

impl std::error::Error for TemplateError {}

impl Format {
    /// Reads a template. `controls` are the control tokens of the vocabulary; `stop` are further tokens
    /// that end an answer. What follows `{prefix}` decides the order: nothing but tokens is SPM, a
    /// suffix is PSM, whose text at the cursor is not moved.
    ///
    /// # Errors
    /// What is wrong with the template.
    pub fn from_template(
        template: &str,
        stop: &[String],
        controls: &[&str],
    ) -> Result<Format, TemplateError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(first) = rest.chars().next() {
            let spelled = controls
                .iter()
                .filter(|token| !token.is_empty() && rest.starts_with(**token))
                .max_by_key(|token| token.len());
            let place = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let part = match (spelled, place) {
                (Some(token), _) => {
                    rest = &rest[token.len()..];
                    Part::Token(Cow::Owned((*token).to_owned()))
                }
                (None, Some((place, behind))) => {
                    rest = behind;
                    match place {
                        "prefix" => Part::Prefix,
                        "suffix" => Part::Suffix,
                        "path" => Part::Path,
                        "language" => Part::Language,
                        _ => return Err(TemplateError::Unknown(place.to_owned())),
                    }
                }
                (None, None) => {
                    text.push(first);
                    rest = &rest[first.len_utf8()..];
                    continue;
                }
            };
            if !text.is_empty() {
                parts.push(Part::Text(Cow::Owned(std::mem::take(&mut text))));
            }
            parts.push(part);
        }
        if !text.is_empty() {
            parts.push(Part::Text(Cow::Owned(text)));
        }
        Format::of_parts(parts, stop)
    }

    fn of_parts(parts: Vec<Part>, stop: &[String]) -> Result<Format, TemplateError> {
        let count = |wanted: &Part| parts.iter().filter(|part| *part == wanted).count();
        if count(&Part::Prefix) != 1 || count(&Part::Suffix) > 1 {
            return Err(TemplateError::Places);
        }
        let tokens = parts.iter().filter_map(|part| match part {
            Part::Token(token) => Some(token.clone()),
            _ => None,
        });
        let mut controls: Vec<Cow<'static, str>> = tokens.collect();
        if controls.is_empty() {
            return Err(TemplateError::NoTokens);
        }
        controls.extend(stop.iter().cloned().map(Cow::Owned));
        let at = |wanted: &Part| parts.iter().position(|part| part == wanted);
        let order = match (at(&Part::Prefix), at(&Part::Suffix)) {
            (_, None) => Order::Plain,
            (prefix, suffix) if suffix < prefix => Order::Spm,
            _ => Order::Psm,
        };
        Ok(Format {
            name: Cow::Borrowed("custom"),
            order,
            parts: Cow::Owned(parts),
            files: Files::Comments,
            controls,
            stop_text: None,
        })
    }
}
