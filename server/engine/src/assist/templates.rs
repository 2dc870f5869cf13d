//! The fixed texts of a prompt. They are part of the program: nothing is loaded, and a change of a text changes the
//! template's id. Content enters as values only and is never read as a template.

use minijinja::{Environment, UndefinedBehavior, Value};

use super::task::Task;

/// Raised when a text is meant to change or grow; a test holds each version to its size.
pub(super) const VERSION: u32 = 3;

const SYSTEM: &str = include_str!("templates/system.txt");
const SECTION: &str = include_str!("templates/section.jinja");
const ASK: &str = include_str!("templates/ask.jinja");

/// The system text of a task: a constant, so that whoever sends it can compare.
pub fn system_text(task: Task) -> String {
    format!("{SYSTEM}\n{}\n", rules(task))
}

/// How the system text is worded: what an experiment may compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Wording {
    /// As it is.
    #[default]
    Standard,
    /// With a line that asks for few words.
    Brief,
}

const BRIEF: &str = "Be brief: leave out what the user can see in the code, and say nothing twice.";

/// The system text of a task in a wording; [`system_text`] for the standard one.
pub fn worded_text(task: Task, wording: Wording) -> String {
    match wording {
        Wording::Standard => system_text(task),
        Wording::Brief => format!("{}{BRIEF}\n", system_text(task)),
    }
}

/// The template's name in a wording: `explain/1-brief/0123456789abcdef`.
pub(super) fn worded_id(task: Task, wording: Wording) -> String {
    if wording == Wording::Standard {
        return template_id(task);
    }
    let parts = [&worded_text(task, wording), SECTION, ASK, wish(task)];
    format!(
        "{}/{VERSION}-brief/{:016x}",
        task.code(),
        fnv(&parts.concat())
    )
}

/// Name, version and hash of all that is fixed: `explain/1/0123456789abcdef`.
pub fn template_id(task: Task) -> String {
    let parts = [&system_text(task), SECTION, ASK, wish(task)];
    format!("{}/{VERSION}/{:016x}", task.code(), fnv(&parts.concat()))
}

/// What the system text says of a task that writes code, besides.
const STYLE: &str = "Where a section of the kind style is shown, it says how this user likes code to be written: write new code so, unless the code around it is written in another way.";

/// What the system text says of the task.
fn rules(task: Task) -> String {
    match task {
        Task::Fix | Task::Document | Task::Test => format!("{} {STYLE}", rule(task)),
        Task::Explain | Task::Debug | Task::Summarise | Task::Ask => rule(task).to_owned(),
    }
}

fn rule(task: Task) -> &'static str {
    match task {
        Task::Explain => {
            "Explain what the target section does and why, for somebody who knows the language and not this code. Begin with one sentence that says it all, then what is not obvious."
        }
        Task::Debug => {
            "Find the cause of the failure. Say the cause first, then the steps by which the sections show it, then the smallest change that would remove it. Where several causes are possible, order them and say what would tell them apart."
        }
        Task::Fix => {
            "Answer with one fenced code block and nothing else. It holds the whole new text of the target section, with its indentation. Change only what the diagnostics need. Where the change needs other imports and a section of the kind imports is shown, add a second block whose first line is ```imports; it holds the whole new text of that section. Where nothing but imports is missing, give that block alone."
        }
        Task::Document => {
            "Answer with one fenced code block and nothing else. It holds the documentation comment of the target section, in the form and language of the comments around it, and no code. It takes the place of the one that is there."
        }
        Task::Test => {
            "Answer with one fenced code block and nothing else. It holds tests of the target section in the style of the tests that are shown: the usual case, the borders, the failures. Use only names that the sections show. Where a section of the kind place is shown, the block is put at its end: write new tests only, and nothing that stands there. Where they need other imports and a section of the kind imports is shown, add a second block whose first line is ```imports; it holds the whole new text of that section."
        }
        Task::Summarise => {
            "Summarise the target section: what it is for, its parts and how they work together, what calls it. At most fifteen lines."
        }
        Task::Ask => {
            "Answer the question from the sections. Earlier questions and answers are sections of the kind history."
        }
    }
}

/// What stands last in the message.
fn wish(task: Task) -> &'static str {
    match task {
        Task::Explain => "Explain the target.",
        Task::Debug => "Debug the target.",
        Task::Fix => "Fix the target.",
        Task::Document => "Document the target.",
        Task::Test => "Write tests of the target.",
        Task::Summarise => "Summarise the target.",
        Task::Ask => "Answer the question.",
    }
}

/// One section with its fence; `None` where a template of ours is wrong, which a test excludes.
pub(super) fn section(fence: &str, head: &str, text: &str) -> Option<String> {
    render(
        SECTION,
        [
            ("fence", fence.into()),
            ("head", head.into()),
            ("text", text.into()),
        ],
    )
}

/// The end of the message.
pub(super) fn ask(task: Task, question: Option<&str>) -> Option<String> {
    let question = question.map_or(Value::from(()), Value::from);
    render(ASK, [("task", wish(task).into()), ("question", question)])
}

fn render<const N: usize>(template: &str, values: [(&str, Value); N]) -> Option<String> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let values = Value::from_pairs(values);
    // It drops the line end that closes a template's file.
    let text = environment.render_str(template, values).ok()?;
    Some(text + "\n")
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo): tells texts apart, protects nothing.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
