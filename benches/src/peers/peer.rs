//! One *peer*: how its process is started, what it is told at the start, how it is asked, and how its
//! answer is read. The protocols differ in all four; everything else here is the same for all.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use foretoken_infer::library::{self, Places};
use foretoken_tests::process::program;
use serde_json::{Value, json};

use super::script::{MIDDLE, PREFIX, SUFFIX};

/// Tokens that a server may ask for and hold in its prompt; the same numbers for all.
const MAX_TOKENS: u32 = 64;
const CONTEXT: u32 = 1024;

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours, with the endpoint in place of its network.
    Foretoken,
    /// Ours as it is shipped, with its own network; it asks no endpoint.
    Shipped,
    /// huggingface/llm-ls.
    LlmLs,
    /// SilasMarvin/lsp-ai with its default of one request a second, or as many as come.
    LspAi {
        /// `max_requests_per_second`.
        per_second: u32,
    },
    /// TabbyML/tabby, `clients/tabby-agent`.
    Tabby,
    /// kurnevsky/famulus.
    Famulus,
}

/// A program to measure.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Which one.
    pub kind: Kind,
    /// Its executable; the script `cli.js` for the one that Node runs.
    pub program: PathBuf,
}

/// What a server offers: replace this range by this text.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Where the replaced text begins and ends, as LSP positions.
    pub range: (Value, Value),
    /// What takes its place.
    pub text: String,
}

impl Peer {
    /// The heading of its column.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Foretoken => "Foretoken (scripted)",
            Kind::Shipped => "Foretoken (shipped)",
            Kind::LlmLs => "llm-ls",
            Kind::LspAi { per_second: 1 } => "lsp-ai",
            Kind::LspAi { .. } => "lsp-ai, unthrottled",
            Kind::Tabby => "tabby-agent",
            Kind::Famulus => "famulus",
        }
    }

    /// What the client that the server's own project ships, or recommends, waits after a key before it
    /// asks. llm-ls: `debounce_ms` of huggingface/llm.nvim. The others are asked at once by the editors
    /// that they name; lsp-ai and tabby-agent then wait by themselves.
    #[must_use]
    pub fn wait(&self) -> Duration {
        match self.kind {
            Kind::LlmLs => Duration::from_millis(150),
            _ => Duration::ZERO,
        }
    }

    /// The process, with a home of its own and nothing of the caller's environment but the path.
    ///
    /// # Errors
    /// Where the home cannot be written.
    pub fn command(&self, home: &Path, url: &str) -> std::io::Result<Command> {
        let mut command = match self.kind {
            Kind::Tabby => {
                let folder = home.join(".tabby-client/agent");
                std::fs::create_dir_all(&folder)?;
                let config = format!("[server]\nendpoint = \"{url}\"\n");
                std::fs::write(folder.join("config.toml"), config)?;
                let mut command = program("node");
                command.arg(&self.program).args(["--lsp", "--stdio"]);
                command
            }
            _ => program(&self.program),
        };
        command.current_dir(home).env_clear().env("HOME", home);
        for name in ["PATH", "LANG", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        match self.kind {
            Kind::Foretoken => command.args(["--endpoint", url]),
            Kind::Shipped => {
                // It may lie in the real home, which a program with a home of its own does not see.
                let places = Places {
                    executable: self.program.parent().map(Path::to_owned),
                    ..Places::of_process(None, None)
                };
                if let Ok(found) = library::find(&places) {
                    command.env("ORT_DYLIB_PATH", found.path);
                }
                command.arg("--stdio")
            }
            Kind::LlmLs => command.arg("--stdio"),
            Kind::Tabby => command.env("TABBY_DISABLE_USAGE_COLLECTION", "1"),
            Kind::LspAi { .. } | Kind::Famulus => &mut command,
        };
        Ok(command)
    }

    /// `initializationOptions`.
    #[must_use]
    pub fn options(&self, url: &str) -> Value {
        match self.kind {
            Kind::Foretoken | Kind::Shipped | Kind::LlmLs | Kind::Tabby => json!({}),
            Kind::LspAi { per_second } => json!({
                "memory": {"file_store": {}},
                "models": {"m": {
                    "type": "open_ai", "completions_endpoint": format!("{url}/v1/completions"),
                    "model": "scripted", "auth_token": "x", "max_requests_per_second": per_second,
                }},
                "completion": {"model": "m", "parameters": {
                    "max_context": CONTEXT, "max_tokens": MAX_TOKENS,
                    "fim": {"start": PREFIX, "middle": SUFFIX, "end": MIDDLE},
                }},
            }),
            Kind::Famulus => json!({"infill": {"provider": "LlamaCpp", "config": {
                "url": format!("{url}/infill"), "max_tokens": MAX_TOKENS,
            }}}),
        }
    }

    /// The method that asks for a text.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self.kind {
            Kind::Foretoken | Kind::Shipped | Kind::Famulus => "textDocument/inlineCompletion",
            Kind::LlmLs => "llm-ls/getCompletions",
            Kind::LspAi { .. } | Kind::Tabby => "textDocument/completion",
        }
    }

    /// The parameters of that request.
    #[must_use]
    pub fn params(&self, uri: &str, position: &Value, url: &str) -> Value {
        let document = json!({"uri": uri});
        match self.kind {
            Kind::Foretoken | Kind::Shipped | Kind::Famulus => json!({
                "textDocument": document, "position": position, "context": {"triggerKind": 2},
            }),
            Kind::LlmLs => json!({
                "textDocument": document, "position": position, "ide": "vscode",
                "fim": {"enabled": true, "prefix": PREFIX, "middle": MIDDLE, "suffix": SUFFIX},
                "model": "scripted", "backend": "openai", "url": url, "apiToken": null,
                "tokensToClear": [], "tokenizerConfig": null, "contextWindow": CONTEXT,
                "tlsSkipVerifyInsecure": false, "requestBody": {"max_tokens": MAX_TOKENS},
            }),
            Kind::LspAi { .. } | Kind::Tabby => json!({
                "textDocument": document, "position": position, "context": {"triggerKind": 1},
            }),
        }
    }

    /// The first text of an answer that was asked for at this position; `None` where it offers none.
    #[must_use]
    pub fn offer(&self, result: &Value, position: &Value) -> Option<Offer> {
        let here = || (position.clone(), position.clone());
        let list = |result: &Value| result.get("items").unwrap_or(result)[0].clone();
        let (range, text) = match self.kind {
            Kind::Foretoken | Kind::Shipped | Kind::Famulus => {
                let item = list(result);
                let range = range(&item["range"]).unwrap_or_else(here);
                (range, item["insertText"].as_str()?.to_owned())
            }
            Kind::LlmLs => {
                let text = result["completions"][0]["generated_text"].as_str()?;
                (here(), text.to_owned())
            }
            Kind::LspAi { .. } | Kind::Tabby => {
                let edit = &list(result)["textEdit"];
                let range = range(&edit["range"]).unwrap_or_else(here);
                (range, edit["newText"].as_str()?.to_owned())
            }
        };
        Some(Offer { range, text }).filter(|offer| !offer.text.is_empty())
    }
}

fn range(value: &Value) -> Option<(Value, Value)> {
    let range = (value["start"].clone(), value["end"].clone());
    Some(range).filter(|(start, end)| start.is_object() && end.is_object())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(kind: Kind, result: &Value) -> Option<(Value, Value, String)> {
        let program = PathBuf::new();
        let position = json!({"line": 3, "character": 9});
        let offer = Peer { kind, program }.offer(result, &position)?;
        let column = |position: &Value| position["character"].clone();
        let (start, end) = &offer.range;
        Some((column(start), column(end), offer.text))
    }

    fn span(from: u32, to: u32) -> Value {
        json!({"start": {"line": 3, "character": from}, "end": {"line": 3, "character": to}})
    }

    const LSP_AI: Kind = Kind::LspAi { per_second: 1 };

    #[test]
    fn answers_are_read_in_each_form() {
        let at = |from: u32, to: u32, text: &str| Some((json!(from), json!(to), text.to_owned()));
        let inline =
            json!({"items": [{"insertText": "abc", "range": span(9, 9)}, {"insertText": "x"}]});
        assert_eq!(offered(Kind::Foretoken, &inline), at(9, 9, "abc"));
        let array = json!([{"insertText": "abc", "range": span(9, 9)}]);
        assert_eq!(offered(Kind::Famulus, &array), at(9, 9, "abc"));
        let without_range = json!([{"insertText": "abc"}]);
        assert_eq!(offered(Kind::Famulus, &without_range), at(9, 9, "abc"));
        let llm = json!({"request_id": "1", "completions": [{"generated_text": "abc"}]});
        assert_eq!(offered(Kind::LlmLs, &llm), at(9, 9, "abc"));
        let menu = json!({"isIncomplete": false, "items": [
            {"label": "ai - abc", "textEdit": {"range": span(9, 9), "newText": "abc"}}]});
        assert_eq!(offered(LSP_AI, &menu), at(9, 9, "abc"));
        let word = json!({"items": [{"label": "x", "textEdit": {"range": span(6, 11), "newText": "letabc"}}]});
        assert_eq!(offered(Kind::Tabby, &word), at(6, 11, "letabc"));
    }

    #[test]
    fn what_offers_nothing_is_nothing() {
        for kind in [
            Kind::Foretoken,
            Kind::LlmLs,
            LSP_AI,
            Kind::Tabby,
            Kind::Famulus,
        ] {
            for result in [
                json!(null),
                json!([]),
                json!({}),
                json!({"items": []}),
                json!({"completions": []}),
                json!({"items": [{"insertText": "", "textEdit": {"range": span(9, 9), "newText": ""}}]}),
                json!({"completions": [{"generated_text": ""}]}),
            ] {
                assert_eq!(offered(kind, &result), None, "{kind:?} {result}");
            }
        }
    }

    #[test]
    fn every_request_names_its_document_and_place() {
        let position = json!({"line": 3, "character": 9});
        for kind in [
            Kind::Foretoken,
            Kind::LlmLs,
            LSP_AI,
            Kind::Tabby,
            Kind::Famulus,
        ] {
            let peer = Peer {
                kind,
                program: PathBuf::from("server"),
            };
            let params = peer.params("file:///a.rs", &position, "http://127.0.0.1:1");
            assert_eq!(params["textDocument"]["uri"], "file:///a.rs");
            assert_eq!(params["position"], position);
        }
    }

    #[test]
    fn a_process_sees_its_own_home_only() {
        let home = tempfile::tempdir().unwrap();
        let peer = Peer {
            kind: Kind::Tabby,
            program: PathBuf::from("cli.js"),
        };
        let command = peer.command(home.path(), "http://127.0.0.1:1").unwrap();
        let seen = command
            .get_envs()
            .find(|(name, _)| *name == "HOME")
            .unwrap();
        assert_eq!(seen.1, Some(home.path().as_os_str()));
        let config = home.path().join(".tabby-client/agent/config.toml");
        let config = std::fs::read_to_string(config).unwrap();
        assert_eq!(config, "[server]\nendpoint = \"http://127.0.0.1:1\"\n");
    }
}
