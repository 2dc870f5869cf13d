//! `workspace/executeCommand`: reads which command is meant. Every name stands in the capabilities,
//! because Neovim runs only those that it finds there.

use foretoken_engine::assist::Task;
use serde_json::Value;

use crate::main_loop::Refusal;
use crate::proto::action::About;
use crate::proto::from::CommandAsk;

/// The item's own command: the suggestion with this id was accepted.
pub(crate) const ACCEPTED: &str = "foretoken.accepted";
/// What the server is doing and has done, as JSON.
pub(crate) const STATUS: &str = "foretoken.status";
/// Ends every running attempt and answer.
pub(crate) const CANCEL: &str = "foretoken.cancel";
/// Asks a better model the same question again, by the answer's number.
pub(crate) const DEEPER: &str = "foretoken.deeper";
/// Goes on with an answer that broke off, by the answer's number.
pub(crate) const CONTINUE: &str = "foretoken.continue";
/// Forgets a conversation, by the URI of one of its answers.
pub(crate) const FORGET: &str = "foretoken.forget";
/// The user found an answer useful, by the answer's number.
pub(crate) const USEFUL: &str = "foretoken.useful";
/// The user did not, likewise.
pub(crate) const NOT_USEFUL: &str = "foretoken.notUseful";
/// Has an endpoint asked again that is left alone, by its name; without one, all.
pub(crate) const RESUME: &str = "foretoken.resume";
/// In front of the name of a task.
const PREFIX: &str = "foretoken.";

/// All of them.
pub(crate) const COMMANDS: &[&str] = &[
    ACCEPTED,
    STATUS,
    CANCEL,
    DEEPER,
    CONTINUE,
    FORGET,
    RESUME,
    USEFUL,
    NOT_USEFUL,
    "foretoken.explain",
    "foretoken.debug",
    "foretoken.fix",
    "foretoken.document",
    "foretoken.test",
    "foretoken.summarise",
    "foretoken.ask",
];

/// A command with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Accepted {
        id: String,
    },
    /// `hashes`, by the argument `{documents: true}`: with a hash of each open text.
    Status {
        hashes: bool,
    },
    Cancel,
    /// A question about code.
    Assist {
        task: Task,
        about: About,
    },
    Deeper {
        answer: u64,
    },
    Continue {
        answer: u64,
    },
    Forget {
        uri: String,
    },
    Rate {
        answer: u64,
        useful: bool,
    },
    Resume {
        endpoint: Option<String>,
    },
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
        DEEPER => Ok(Command::Deeper {
            answer: number(&ask)?,
        }),
        CONTINUE => Ok(Command::Continue {
            answer: number(&ask)?,
        }),
        USEFUL | NOT_USEFUL => Ok(Command::Rate {
            answer: number(&ask)?,
            useful: ask.command == USEFUL,
        }),
        FORGET => {
            let about = About::read(ask.arguments.first()).map_err(|what| bad(&what))?;
            Ok(Command::Forget { uri: about.uri })
        }
        RESUME => match ask.arguments.first() {
            None | Some(Value::Null) => Ok(Command::Resume { endpoint: None }),
            Some(Value::String(name)) => Ok(Command::Resume {
                endpoint: Some(name.clone()),
            }),
            Some(_) => Err(bad("the first argument must be an endpoint's name")),
        },
        other => match other.strip_prefix(PREFIX).and_then(Task::from_code) {
            Some(task) => {
                let about = About::read(ask.arguments.first()).map_err(|what| bad(&what))?;
                Ok(Command::Assist { task, about })
            }
            None => Err(bad(&format!("there is no command {other:?}"))),
        },
    }
}

fn number(ask: &CommandAsk) -> Result<u64, Refusal> {
    let answer = ask.id().and_then(|id| id.parse().ok());
    answer.ok_or_else(|| bad("the first argument must be an answer's number"))
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
    fn every_task_is_a_command() {
        for task in Task::ALL {
            let name = format!("foretoken.{}", task.code());
            assert!(COMMANDS.contains(&name.as_str()), "{name}");
            let read = command(json!({"command": name, "arguments": [{"uri": "file:///a"}]}));
            assert!(matches!(read, Ok(Command::Assist { task: read, .. }) if read == task));
        }
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
        assert_eq!(
            command(json!({"command": "foretoken.notUseful", "arguments": ["3"]})),
            Ok(Command::Rate {
                answer: 3,
                useful: false
            })
        );
        for bad in [
            json!({"command": "foretoken.accepted"}),
            json!({"command": "foretoken.explain"}),
            json!({"command": "foretoken.explain", "arguments": [{"uri": 3}]}),
            json!({"command": "foretoken.deeper", "arguments": ["x"]}),
            json!({"command": "foretoken.continue"}),
            json!({"command": "foretoken.resume", "arguments": [7]}),
            json!({"command": "foretoken.useful", "arguments": ["last"]}),
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
