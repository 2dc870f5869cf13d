//! What the scripted endpoint knows: which text follows which line, and what a request's body asks.
//!
//! The *line* is what stands between the last line break and the cursor. It is all that the answer
//! depends on, so that every server is given the same text at the same place, whatever else it sends.

use serde_json::Value;

/// Begins the text before the cursor in a prompt.
pub const PREFIX: &str = "<P>";
/// Begins the text behind the cursor.
pub const SUFFIX: &str = "<S>";
/// Ends a prompt; the answer follows.
pub const MIDDLE: &str = "<M>";

/// Characters of one scripted token; code has three to four in common vocabularies.
pub const TOKEN: usize = 4;

/// What follows a line.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Answers for whole lines; the last one added counts.
    exact: Vec<(String, String)>,
    /// Lines that it knows: the head of one is answered by its rest.
    known: Vec<String>,
}

impl Script {
    /// Knows the lines of these texts, in this order.
    pub fn knowing<'a>(texts: impl IntoIterator<Item = &'a str>) -> Script {
        let lines = texts.into_iter().flat_map(str::lines).map(str::to_owned);
        Script {
            exact: Vec::new(),
            known: lines.filter(|line| !line.trim().is_empty()).collect(),
        }
    }

    /// Answers this line by this text from now on.
    pub fn set(&mut self, line: &str, answer: &str) {
        self.exact.push((line.to_owned(), answer.to_owned()));
    }

    /// What it says behind `prefix`; an empty text where it knows nothing.
    #[must_use]
    pub fn answer(&self, prefix: &str) -> &str {
        let line = prefix.rsplit(['\n', '\r']).next().unwrap_or_default();
        let exact = self.exact.iter().rev().find(|(known, _)| known == line);
        if let Some((_, answer)) = exact {
            return answer;
        }
        if line.trim().is_empty() {
            return "";
        }
        let rest = |known: &'_ String| known.strip_prefix(line).map(str::len);
        let found = self
            .known
            .iter()
            .find_map(|known| Some((known, rest(known).filter(|rest| *rest > 0)?)));
        found.map_or("", |(known, rest)| &known[known.len() - rest..])
    }
}

/// A text in tokens.
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.char_indices().map(|(at, _)| at).step_by(TOKEN);
    let ends = starts.clone().skip(1).chain([text.len()]);
    starts
        .zip(ends)
        .map(|(from, to)| &text[from..to])
        .filter(|token| !token.is_empty())
}

/// The form in which an answer goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OpenAI's completions: `choices[].text`.
    Choices,
    /// The same, token by token.
    Stream,
    /// Tabby's: with an id, and an index for each choice.
    Segments,
    /// llama.cpp's infill: `content`.
    Content,
}

/// What a request asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Text before the cursor, as the server sees it.
    pub prefix: String,
    /// Text behind it.
    pub suffix: String,
    /// How the answer is to be told.
    pub form: Form,
}

/// Reads the body of a `POST` to this path; `None` where it asks for no completion.
#[must_use]
pub fn ask(path: &str, body: &Value) -> Option<Ask> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let given = |prefix: &Value, suffix: &Value, form| {
        Some(Ask {
            prefix: text(prefix)?,
            suffix: text(suffix).unwrap_or_default(),
            form,
        })
    };
    match path {
        "/infill" => given(&body["input_prefix"], &body["input_suffix"], Form::Content),
        "/v1/completions" if body["segments"].is_object() => {
            let segments = &body["segments"];
            given(&segments["prefix"], &segments["suffix"], Form::Segments)
        }
        "/v1/completions" => {
            let prompt = body["prompt"].as_str()?;
            let form = match body["stream"] == true {
                true => Form::Stream,
                false => Form::Choices,
            };
            // A document may hold the words themselves; the outermost ones are the prompt's.
            let inner = prompt.strip_suffix(MIDDLE).unwrap_or(prompt);
            let inner = inner.split_once(PREFIX).map_or(inner, |(_, inner)| inner);
            let (prefix, suffix) = inner.rsplit_once(SUFFIX).unwrap_or((inner, ""));
            Some(Ask {
                prefix: prefix.to_owned(),
                suffix: suffix.to_owned(),
                form,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_line_decides() {
        let mut script = Script::knowing(["fn main() {\n    let a = 1;\n    let b = 2;\n}"]);
        assert_eq!(script.answer("x\n    let"), " a = 1;");
        assert_eq!(script.answer("x\r\n    let b"), " = 2;");
        assert_eq!(script.answer("    let b = 2;"), "", "nothing is left");
        assert_eq!(script.answer("    "), "", "any line could follow");
        assert_eq!(script.answer("    var"), "");
        script.set("    let", " c;");
        assert_eq!(script.answer("x\n    let"), " c;");
    }

    #[test]
    fn tokens_are_four_characters_and_lose_nothing() {
        let text = "let 😀é = vec![1];";
        let all: Vec<_> = tokens(text).collect();
        assert_eq!(all, ["let ", "😀é =", " vec", "![1]", ";"]);
        assert_eq!(tokens("").count(), 0);
    }

    #[test]
    fn every_form_of_request_is_read() {
        let asked = |path, body: Value| {
            let ask = ask(path, &body).unwrap();
            (ask.prefix, ask.suffix, ask.form)
        };
        let seen = |form| ("ab".to_owned(), "cd".to_owned(), form);
        let prompt = "<P>ab<S>cd<M>";
        assert_eq!(
            asked("/v1/completions", json!({"prompt": prompt})),
            seen(Form::Choices)
        );
        assert_eq!(
            asked("/v1/completions", json!({"prompt": prompt, "stream": true})),
            seen(Form::Stream)
        );
        assert_eq!(
            asked(
                "/v1/completions",
                json!({"segments": {"prefix": "ab", "suffix": "cd"}})
            ),
            seen(Form::Segments)
        );
        assert_eq!(
            asked(
                "/infill",
                json!({"input_prefix": "ab", "input_suffix": "cd"})
            ),
            seen(Form::Content)
        );
    }

    #[test]
    fn what_asks_for_nothing_is_told_apart() {
        for (path, body) in [
            ("/v1/completions", json!({})),
            ("/v1/completions", json!({"segments": {}})),
            ("/infill", json!({"prompt": "a"})),
            ("/v1/chat", json!({"prompt": "a"})),
            ("/v1/completions", json!(null)),
        ] {
            assert_eq!(ask(path, &body), None, "{path} {body}");
        }
    }
}
