//! What the reply to `initialize` has to say.

use serde_json::Value;

use super::Check;
use crate::mirror::Encoding;

impl Check<'_> {
    pub(super) fn initialized(&mut self, message: &Value) {
        let Some(result) = message.get("result") else {
            return;
        };
        let capabilities = &result["capabilities"];
        if capabilities["inlineCompletionProvider"] != true
            && !capabilities["inlineCompletionProvider"].is_object()
        {
            self.broke(
                "R1",
                "inlineCompletionProvider stands in every initialize reply",
                message,
            );
        }
        let inline =
            self.persona.can("/textDocument/inlineCompletion") || self.persona.name == "lsp-mode";
        let menu = self.persona.initialize["initializationOptions"]["completionMenu"].as_str();
        let wanted = match menu {
            Some("always") => true,
            Some("never") => false,
            _ => !inline,
        };
        if capabilities["completionProvider"].is_object() != wanted {
            self.broke(
                "R2",
                "the menu is for clients without inline completion",
                message,
            );
        }
        if capabilities["completionProvider"]["resolveProvider"] == true {
            self.broke("R19", "no resolve", message);
        }
        match capabilities["positionEncoding"]
            .as_str()
            .and_then(Encoding::from_word)
        {
            Some(chosen) if chosen == self.encoding => {}
            _ => self.broke(
                "R4",
                &format!("the encoding has to be {:?}", self.encoding),
                message,
            ),
        }
        let sync = &capabilities["textDocumentSync"];
        if sync["change"] != 2 && *sync != 2 {
            self.broke("sync", "changes are incremental", message);
        }
        let commands = capabilities["executeCommandProvider"]["commands"].as_array();
        self.commands = commands
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
    }
}
