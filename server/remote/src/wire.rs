//! The wire formats: request bodies out, answers in, as one stream of [`Delta`]s.
//!
//! A *wire* is a provider's dialect of HTTP and JSON. Decoding is lenient: what is unknown is passed over,
//! what is absent is absent, an error is found in either provider's shape on either wire. Untyped JSON
//! stays in this folder.

use serde::Deserialize;

use crate::failure::{Failure, Kind};
use crate::sse;

mod anthropic;
mod errors;
mod json;
mod openai;
pub mod tools;

pub use errors::of_status;
pub use json::texts;
pub use tools::{Tool, ToolCall, ToolResult};

/// A provider's dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// OpenAI's chat completions: also vLLM, Ollama, the server of llama.cpp, LiteLLM.
    #[default]
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

/// Where servers of one dialect differ. The defaults fit the provider that the dialect is named after, but
/// for `max_tokens`, which more servers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Dialect {
    /// Send the output cap as `max_completion_tokens`.
    pub max_completion_tokens: bool,
    /// Leave out `stream_options`, which some servers refuse.
    pub no_stream_options: bool,
    /// The server's template has no system role: the system text goes in front of the first message.
    pub no_system_role: bool,
    /// Leave out `temperature`, which reasoning models refuse.
    pub no_temperature: bool,
    /// Leave out the number of the installation, which some servers refuse and some users do not want.
    pub no_user: bool,
}

/// A question to a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatRequest {
    /// As the endpoint names it.
    pub model: String,
    /// Our own constant text; no content of the workspace.
    pub system: String,
    /// Alternating, the user's first and last.
    pub messages: Vec<Message>,
    /// Output cap in tokens.
    pub max_tokens: u32,
    /// 0 to 1.
    pub temperature: f32,
    /// A number of the installation, for the provider's abuse counters; the client writes it, another one for
    /// each origin.
    pub user: Option<String>,
    /// What the model may call. Sent to models that are declared to know tools, and to no other.
    pub tools: Vec<Tool>,
    /// It has called enough: it sees the tools, and must answer without.
    pub tools_spent: bool,
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What they say.
    pub text: String,
    /// How many bytes of `text` stay the same over the requests of a session; the provider may cache up to
    /// there. On a character boundary; 0 for none.
    pub stable: usize,
    /// What the model called in this turn.
    pub calls: Vec<ToolCall>,
    /// What the calls of the turn before gave; such a turn has no text of its own.
    pub results: Vec<ToolResult>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// The user, and the context that we gather for them.
    #[default]
    User,
    /// The model, in an earlier turn.
    Assistant,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// The name of the model that answers, once it says so.
    Model(String),
    /// More text.
    Text(String),
    /// A part of a tool call; parts with one `index` belong together.
    ToolCall {
        /// Which call.
        index: u64,
        /// Set in the first part.
        id: String,
        /// Set in the first part.
        name: String,
        /// More of the arguments' JSON.
        arguments: String,
    },
    /// Tokens so far; a later one replaces what it names.
    Usage(Usage),
    /// The model stopped.
    Finish(Finish),
    /// The stream says that it is over.
    End,
}

/// Tokens, as the provider counts them. `None` is "it did not say".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Read, cached ones included.
    pub input: Option<u64>,
    /// Those of `input` that came out of the provider's cache.
    pub cached: Option<u64>,
    /// Written.
    pub output: Option<u64>,
}

impl Usage {
    /// Takes over what `later` says.
    pub fn update(&mut self, later: Usage) {
        self.input = later.input.or(self.input);
        self.cached = later.cached.or(self.cached);
        self.output = later.output.or(self.output);
    }
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finish {
    /// It had said all.
    Stop,
    /// The output cap.
    Length,
    /// The provider's filter.
    Filter,
    /// It waits for a tool's result.
    Tool,
    /// A reason that we do not know, which is an end all the same.
    Other,
}

impl Wire {
    /// Path below the endpoint's base address.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Wire::OpenAi => "chat/completions",
            Wire::Anthropic => "messages",
        }
    }

    /// The request's body: JSON in one line.
    #[must_use]
    pub fn body(self, request: &ChatRequest, dialect: Dialect) -> String {
        match self {
            Wire::OpenAi => openai::body(request, dialect),
            Wire::Anthropic => anthropic::body(request, dialect),
        }
    }

    /// What one event of a stream says, in order, behind `deltas`.
    ///
    /// # Errors
    /// The provider's error inside the stream, or an event that is no JSON.
    pub fn event(self, event: &sse::Event, deltas: &mut Vec<Delta>) -> Result<(), Failure> {
        if event.data.trim() == "[DONE]" {
            deltas.push(Delta::End);
            return Ok(());
        }
        if event.data.trim().is_empty() {
            return Ok(());
        }
        let value = json::parse(&event.data).ok_or_else(|| {
            // An error event may carry plain words.
            if event.name == "error" {
                return Failure::new(Kind::Server, &event.data);
            }
            Failure::new(Kind::Protocol, "an event of the stream is no JSON")
        })?;
        if let Some(failure) = errors::inside(&value) {
            return Err(failure);
        }
        match self {
            Wire::OpenAi => openai::event(&value, deltas),
            Wire::Anthropic => anthropic::event(&value, deltas),
        }
        Ok(())
    }

    /// What a complete JSON body says, as if it had been streamed.
    ///
    /// # Errors
    /// The provider's error, or a body that is no JSON.
    pub fn whole(self, body: &str, deltas: &mut Vec<Delta>) -> Result<(), Failure> {
        let value = json::parse(body)
            .ok_or_else(|| Failure::new(Kind::Protocol, "the answer is no JSON"))?;
        if let Some(failure) = errors::inside(&value) {
            return Err(failure);
        }
        let before = deltas.len();
        match self {
            Wire::OpenAi => openai::whole(&value, deltas),
            Wire::Anthropic => anthropic::whole(&value, deltas),
        }
        let said = |d: &Delta| {
            matches!(
                d,
                Delta::Text(_) | Delta::ToolCall { .. } | Delta::Finish(_)
            )
        };
        if deltas[before..].iter().any(said) {
            Ok(())
        } else {
            Err(Failure::new(
                Kind::Protocol,
                "the answer holds neither text nor an end",
            ))
        }
    }
}

#[cfg(test)]
mod tests;
