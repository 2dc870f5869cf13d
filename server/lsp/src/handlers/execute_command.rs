//! `workspace/executeCommand`: reads which command is meant. Every name stands in the capabilities,
//! because Neovim runs only those that it finds there.

use serde_json::Value;

use crate::main_loop::Refusal;
use crate::proto::from::CommandAsk;

/// The item's own command: the suggestion with this id was accepted.
pub(crate) const ACCEPTED: &str = "foretoken.accepted";
/// What the server is doing and has done, as JSON.
pub(crate) const STATUS: &str = "foretoken.status";
/// Ends every running attempt.
pub(crate) const CANCEL: &str = "foretoken.cancel";

/// All of them.
pub(crate) const COMMANDS: &[&str] = &[ACCEPTED, STATUS, CANCEL];

/// A command with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Accepted {
        id: String,
    },
    /// `hashes`, by the argument `{documents: true}`: with a hash of each open text.
    Status {
        hashes: bool,
    },
    Cancel,
}

/// Reads the command; malformed arguments are refused with a sentence.
pub(crate) fn read(ask: Option<CommandAsk>) -> Result<Command, Refusal> {
    let ask = ask.ok_or_else(|| bad("`command` must be a string"))?;
    match ask.command.as_str() {
        ACCEPTED => {
            let id = ask
                .id()
                .ok_or_else(|| bad("the first argument must be a suggestion's id"))?;
            Ok(Command::Accepted { id })
        }
        STATUS => {
            let documents = ask
                .arguments
                .first()
                .and_then(|first| first.get("documents"));
            Ok(Command::Status {
                hashes: documents.and_then(Value::as_bool) == Some(true),
            })
        }
        CANCEL => Ok(Command::Cancel),
        other => Err(bad(&format!("there is no command {other:?}"))),
    }
}

fn bad(what: &str) -> Refusal {
    Refusal::BadParameters(format!("workspace/executeCommand: {what}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn command(value: Value) -> Result<Command, Refusal> {
        read(serde_json::from_value(value).ok())
    }

    #[test]
    fn commands_and_their_arguments() {
        let id = "7".to_owned();
        assert_eq!(
            command(json!({"command": "foretoken.accepted", "arguments": ["7"]})),
            Ok(Command::Accepted { id: id.clone() })
        );
        assert_eq!(
            command(json!({"command": "foretoken.accepted", "arguments": [7]})),
            Ok(Command::Accepted { id })
        );
        assert_eq!(
            command(json!({"command": "foretoken.status", "arguments": null})),
            Ok(Command::Status { hashes: false })
        );
        assert_eq!(
            command(json!({"command": "foretoken.status", "arguments": [{"documents": true}]})),
            Ok(Command::Status { hashes: true })
        );
        for bad in [
            json!({"command": "foretoken.accepted"}),
            json!({"command": "foretoken.accepted", "arguments": [null]}),
            json!({"command": "rm"}),
            json!({"command": 1}),
            json!({}),
        ] {
            assert!(
                matches!(command(bad.clone()), Err(Refusal::BadParameters(_))),
                "{bad}"
            );
        }
    }
}
