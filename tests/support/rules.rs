//! What every session has to keep, whatever it tests. The text of a failure names the rule.
//!
//! R-numbers are those of the house's editor rules; those that need words only are written out:
//! R1 inline completion is announced, R2 the menu is for editors without it, R4 the encoding, R9 the shape
//! of an item, R11 no blank and no doubled text, R12 an empty answer is an empty list, R13 how many items,
//! R14 one reply, in order, -32800 only, R19 the shape of a menu item, R23 the status is asked for.
//! The checks replay the client's side with the plain-text [`Mirror`], never with the server's code.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::mirror::{Encoding, Mirror};
use crate::persona::Persona;
use crate::trace::{Entry, From};

mod handshake;
mod items;

/// The two methods that carry suggestions.
pub const COMPLETION: [&str; 2] = ["textDocument/inlineCompletion", "textDocument/completion"];

/// What a test does on purpose, so that the rules do not count it.
#[derive(Debug, Clone, Default)]
pub struct Tolerance {
    /// Error codes that may stand on completion paths beside -32800.
    pub codes: Vec<i64>,
    /// The session was cut off, so requests may be open.
    pub cut_off: bool,
}

/// A request as it was sent, with the text that it was sent for.
#[derive(Clone)]
struct Asked {
    method: String,
    params: Value,
    /// The document at that moment, for completion requests.
    text: Option<Mirror>,
    replies: usize,
}

struct Check<'a> {
    persona: &'a Persona,
    tolerance: &'a Tolerance,
    encoding: Encoding,
    documents: HashMap<String, Mirror>,
    asked: HashMap<String, Asked>,
    asked_by_server: HashSet<String>,
    tokens: HashMap<String, u8>,
    commands: Vec<String>,
    /// Number of the newest completion that was served with success, per document.
    served: HashMap<String, usize>,
    order: HashMap<String, usize>,
    shut_down: bool,
    found: Vec<String>,
}

/// Every rule that this session broke, in words. Empty is good.
#[must_use]
pub fn violations(entries: &[Entry], persona: &Persona, tolerance: &Tolerance) -> Vec<String> {
    let mut check = Check {
        persona,
        tolerance,
        encoding: persona.expected_encoding(),
        documents: HashMap::new(),
        asked: HashMap::new(),
        asked_by_server: HashSet::new(),
        tokens: HashMap::new(),
        commands: Vec::new(),
        served: HashMap::new(),
        order: HashMap::new(),
        shut_down: false,
        found: Vec::new(),
    };
    for (number, entry) in entries.iter().enumerate() {
        match entry.from {
            From::Client => check.client(number, entry),
            From::Server => check.server(entry),
        }
    }
    check.end();
    check.found
}

impl Check<'_> {
    fn client(&mut self, number: usize, entry: &Entry) {
        let params = &entry.message["params"];
        let uri = params["textDocument"]["uri"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        match entry.method() {
            Some("textDocument/didOpen") => {
                let document = &params["textDocument"];
                let text = document["text"].as_str().unwrap_or_default();
                self.documents.insert(
                    uri.clone(),
                    Mirror::new(text, document["version"].as_i64().unwrap_or(0)),
                );
            }
            Some("textDocument/didChange") => self.change(&uri, params),
            Some("textDocument/didClose") => drop(self.documents.remove(&uri)),
            _ => {}
        }
        let (true, Some(id), Some(method)) = (entry.is_request(), entry.id(), entry.method())
        else {
            return;
        };
        let text = COMPLETION
            .contains(&method)
            .then(|| self.documents.get(&uri).cloned())
            .flatten();
        let asked = Asked {
            method: method.to_owned(),
            params: params.clone(),
            text,
            replies: 0,
        };
        self.order.insert(id.clone(), number);
        if self.asked.insert(id.clone(), asked).is_some() {
            self.found
                .push(format!("the test itself used id {id} twice"));
        }
    }

    fn change(&mut self, uri: &str, params: &Value) {
        let Some(document) = self.documents.get_mut(uri) else {
            return;
        };
        for change in params["contentChanges"].as_array().into_iter().flatten() {
            let text = change["text"].as_str().unwrap_or_default();
            let range = &change["range"];
            if range.is_null() {
                text.clone_into(&mut document.text);
                continue;
            }
            let from = document.byte(&range["start"], self.encoding);
            let to = document.byte(&range["end"], self.encoding);
            if let (Some(from), Some(to)) = (from, to)
                && from <= to
            {
                document.replace(from, to, text);
            }
        }
    }

    fn server(&mut self, entry: &Entry) {
        if entry.message["jsonrpc"] != "2.0" {
            self.broke(
                "JSON-RPC",
                "a message without \"jsonrpc\": \"2.0\"",
                &entry.message,
            );
        }
        if self.shut_down {
            self.broke(
                "shutdown",
                "a message after the reply to shutdown",
                &entry.message,
            );
        }
        if entry.is_reply() {
            self.reply(entry);
        } else {
            self.said(entry);
        }
    }

    /// A request or notification of the server.
    fn said(&mut self, entry: &Entry) {
        let method = entry.method().unwrap_or_default().to_owned();
        let params = &entry.message["params"];
        if let Some(id) = entry.id()
            && !self.asked_by_server.insert(id)
        {
            self.broke("ids", "the server used an id twice", &entry.message);
        }
        let advertised = match method.as_str() {
            "window/logMessage" | "window/showMessage" => true,
            // A part of the protocol that no capability speaks of; a client that cannot answers an error.
            "window/showMessageRequest" => true,
            "foretoken/assist" => self.persona.can("/experimental/foretoken/assist"),
            "window/showDocument" => {
                if params["selection"].is_null() {
                    self.broke("R24", "showDocument without a selection", &entry.message);
                }
                self.persona.can("/window/showDocument/support")
            }
            "window/workDoneProgress/create" => {
                self.tokens.insert(params["token"].to_string(), 0);
                self.persona.can("/window/workDoneProgress")
            }
            "$/progress" => self.progress(entry),
            "workspace/configuration" => self.persona.can("/workspace/configuration"),
            "client/registerCapability" => self.registers_what_is_advertised(params),
            "workspace/applyEdit" => self.persona.can("/workspace/applyEdit"),
            "didChangeStatus" => {
                let options = &self.persona.initialize["initializationOptions"];
                options["status"] == true || !options["editorInfo"].is_null()
            }
            _ => false,
        };
        if !advertised {
            self.broke(
                "R8, R23",
                &format!("the client never advertised {method}"),
                &entry.message,
            );
        }
    }

    fn registers_what_is_advertised(&self, params: &Value) -> bool {
        params["registrations"]
            .as_array()
            .into_iter()
            .flatten()
            .all(|registration| {
                let method = registration["method"].as_str().unwrap_or_default();
                self.persona.can(&format!("/{method}/dynamicRegistration"))
            })
    }

    /// One token begins once and ends once, after it was created or handed over.
    fn progress(&mut self, entry: &Entry) -> bool {
        let params = &entry.message["params"];
        let token = params["token"].to_string();
        let given = self.asked.values().any(|a| {
            !a.params["workDoneToken"].is_null() && a.params["workDoneToken"] == params["token"]
        });
        let state = self.tokens.get(&token).copied().or(given.then_some(0));
        let next = match (state, params["value"]["kind"].as_str()) {
            (Some(0), Some("begin")) => 1,
            (Some(1), Some("report")) => 1,
            (Some(1), Some("end")) => 2,
            _ => {
                self.broke(
                    "progress",
                    "out of its order (created, begin, report, end)",
                    &entry.message,
                );
                2
            }
        };
        self.tokens.insert(token, next);
        true
    }

    fn reply(&mut self, entry: &Entry) {
        let message = &entry.message;
        let Some(id) = entry.id() else {
            // An answer to something that had no readable id: allowed by JSON-RPC for parse errors only.
            if message["error"]["code"] != -32700 && message["error"]["code"] != -32600 {
                self.broke("ids", "a reply without an id", message);
            }
            return;
        };
        let Some(asked) = self.asked.get_mut(&id) else {
            return self.broke("R14", "a reply to nothing", message);
        };
        asked.replies += 1;
        let asked = asked.clone();
        if asked.replies > 1 {
            return self.broke("R14", "a second reply to one request", message);
        }
        if message.get("result").is_some() == message.get("error").is_some() {
            self.broke("JSON-RPC", "a reply has a result or an error", message);
        }
        match asked.method.as_str() {
            "initialize" => self.initialized(message),
            "shutdown" => self.shut_down = message.get("result").is_some(),
            method if COMPLETION.contains(&method) => self.completion(&id, &asked, message),
            _ => {}
        }
    }

    fn completion(&mut self, id: &str, asked: &Asked, message: &Value) {
        if let Some(code) = message["error"]["code"].as_i64() {
            if code != -32800 && !self.tolerance.codes.contains(&code) {
                self.broke("R14", "only -32800 on the completion paths", message);
            }
            return;
        }
        let uri = asked.params["textDocument"]["uri"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let number = self.order[id];
        if self
            .served
            .insert(uri, number)
            .is_some_and(|before| before > number)
        {
            self.broke(
                "R14",
                "answers leave in the order of their requests",
                message,
            );
        }
        let place = items::Place {
            method: &asked.method,
            params: &asked.params,
            text: asked.text.as_ref(),
            encoding: self.encoding,
        };
        let problems = items::problems(&place, &message["result"]);
        for (rule, problem) in problems {
            self.broke(rule, &problem, message);
        }
        let empty = Vec::new();
        let result = &message["result"];
        for item in result["items"].as_array().unwrap_or(&empty) {
            let Some(command) = item["command"]["command"].as_str() else {
                continue;
            };
            if !self.commands.iter().any(|listed| listed == command) {
                self.broke(
                    "R28",
                    "an item carries a command that is not listed",
                    message,
                );
            }
        }
    }

    fn end(&mut self) {
        let tokens: Vec<String> = self
            .tokens
            .iter()
            .filter(|(_, state)| **state == 1)
            .map(|(t, _)| t.clone())
            .collect();
        if self.tolerance.cut_off {
            return;
        }
        for token in tokens {
            self.found
                .push(format!("progress: token {token} began and never ended"));
        }
        let open: Vec<String> = self
            .asked
            .iter()
            .filter(|(_, a)| a.replies == 0)
            .map(|(id, a)| format!("R14: {} (id {id}) got no reply", a.method))
            .collect();
        self.found.extend(open);
    }

    fn broke(&mut self, rule: &str, what: &str, message: &Value) {
        let mut shown = message.to_string();
        if let Some((at, _)) = shown.char_indices().nth(600) {
            shown.truncate(at);
        }
        self.found.push(format!("{rule}: {what}: {shown}"));
    }
}
