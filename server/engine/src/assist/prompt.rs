//! What a chat model is sent: a locked system text and the sections as data, all of it plain strings.

use super::section::{Section, SectionId};
use super::task::{Output, Task};
use crate::privacy::Level;

/// Who a message is from, on every wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Us, for the user.
    User,
    /// The model.
    Assistant,
}

/// One message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Who it is from.
    pub role: Role,
    /// All of its text.
    pub text: String,
    /// So many bytes from its start are the same in the next request of the conversation as long as the project's facts
    /// are: where a provider wants to be told what to cache, its mark goes here. At a character boundary, 0 for none.
    pub stable: usize,
}

/// A section as it stands in the prompt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// What a citation names it by.
    pub id: SectionId,
    /// Redacted, disarmed.
    pub section: Section,
}

/// Everything that a wire codec needs to know, and nothing that it has to decide.
#[derive(Clone, PartialEq, Debug)]
pub struct Prompt {
    /// What is asked for.
    pub task: Task,
    /// Goes into the wire's own field for it; byte for byte the one of the task.
    pub system: String,
    /// In order; the last one is from the user.
    pub messages: Vec<Message>,
    /// Which template made it: name, version and hash, `explain/1/0123456789abcdef`.
    pub template_id: String,
    /// What the messages hold, in their order.
    pub sections: Vec<Placed>,
    /// The strictest level of the sections.
    pub level: Level,
    /// What becomes of the answer.
    pub output: Output,
    /// 0 to 1.
    pub temperature: f64,
    /// Most tokens of the answer.
    pub output_cap: usize,
    /// Estimated tokens of system text and messages.
    pub tokens: usize,
}
