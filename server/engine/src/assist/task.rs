//! What can be asked for, and what follows from it alone: the action's kind, how long an answer may take and be, and
//! whether it is text to read or an edit.

/// What the user asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Task {
    /// What does this do?
    Explain,
    /// Why does this fail?
    Debug,
    /// Make this diagnostic go away.
    Fix,
    /// Write the doc comment of this item.
    Document,
    /// Write tests for this item.
    Test,
    /// What is in this file?
    Summarise,
    /// A question in the user's own words, first or following up.
    Ask,
}

/// How long the user waits for the first text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// First text within 1 s, from the fallback within 2 s.
    Brief,
    /// First text within 2 s, from the fallback within 4 s.
    Deep,
    /// Nobody waits.
    Batch,
}

/// What becomes of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Output {
    /// Markdown to read.
    Answer,
    /// Replacement text for the target.
    Edit,
    /// An edit of the document that was chosen before asking; where there is none, Markdown with a code block.
    EditOrAnswer,
}

/// What the class of a request depends on besides its task.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Extent {
    /// Lines of the target.
    pub lines: usize,
    /// Diagnostics on it.
    pub diagnostics: usize,
    /// Points of [`crate::route::complexity`].
    pub complexity: u32,
}

/// Targets with at most so many lines and no diagnostic are explained briefly.
pub const BRIEF_LINES: usize = 40;
/// Questions below this many points are answered by a small model, and briefly.
pub const BRIEF_COMPLEXITY: u32 = 30;

impl Task {
    /// All tasks, in the order in which menus list them.
    pub const ALL: [Task; 7] = [
        Task::Explain,
        Task::Debug,
        Task::Fix,
        Task::Document,
        Task::Test,
        Task::Summarise,
        Task::Ask,
    ];

    /// The name in commands, templates, tags and counters.
    pub fn code(self) -> &'static str {
        match self {
            Task::Explain => "explain",
            Task::Debug => "debug",
            Task::Fix => "fix",
            Task::Document => "document",
            Task::Test => "test",
            Task::Summarise => "summarise",
            Task::Ask => "ask",
        }
    }

    /// The task of this name.
    pub fn from_code(code: &str) -> Option<Task> {
        Task::ALL.into_iter().find(|task| task.code() == code)
    }

    /// The kind of the code action (LSP 3.17, `CodeActionKind`) that offers the task; `None` where no action does.
    /// `quickfix` stands on a diagnostic only, because some clients filter it out elsewhere.
    pub fn action_kind(self, on_diagnostic: bool) -> Option<&'static str> {
        match self {
            Task::Explain => Some("refactor.foretoken.explain"),
            Task::Debug if on_diagnostic => Some("quickfix"),
            Task::Debug => Some("refactor.foretoken.debug"),
            Task::Fix => on_diagnostic.then_some("quickfix"),
            Task::Document => Some("refactor.foretoken.document"),
            Task::Test => Some("refactor.foretoken.test"),
            Task::Summarise => Some("source.foretoken.summarise"),
            Task::Ask => None,
        }
    }

    /// How long the user waits for the first text of this request.
    pub fn class(self, extent: Extent) -> Class {
        let brief = match self {
            Task::Document => true,
            Task::Explain => extent.lines <= BRIEF_LINES && extent.diagnostics == 0,
            Task::Ask => extent.complexity < BRIEF_COMPLEXITY,
            Task::Debug | Task::Fix | Task::Test | Task::Summarise => false,
        };
        if brief { Class::Brief } else { Class::Deep }
    }

    /// Sampling temperature as the wire takes it, 0 to 1.
    pub fn temperature(self) -> f64 {
        match self {
            Task::Fix => 0.0,
            Task::Ask => 0.3,
            _ => 0.2,
        }
    }

    /// Most tokens of the answer; a fix is as long as what it replaces, and a half more.
    pub fn output_cap(self, target_tokens: usize) -> usize {
        match self {
            Task::Explain | Task::Summarise => 600,
            Task::Debug => 1_000,
            Task::Fix => (target_tokens.saturating_mul(3) / 2)
                .saturating_add(256)
                .min(1_500),
            Task::Document => 300,
            Task::Test => 1_500,
            Task::Ask => 800,
        }
    }

    /// What becomes of the answer.
    pub fn output(self) -> Output {
        match self {
            Task::Fix | Task::Document => Output::Edit,
            Task::Test => Output::EditOrAnswer,
            Task::Explain | Task::Debug | Task::Summarise | Task::Ask => Output::Answer,
        }
    }
}

impl Class {
    /// The name in reports.
    pub fn code(self) -> &'static str {
        match self {
            Class::Brief => "brief",
            Class::Deep => "deep",
            Class::Batch => "batch",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;

    #[test]
    fn the_table_of_tasks() {
        let mut table = String::new();
        for task in Task::ALL {
            let small = Extent {
                lines: 40,
                diagnostics: 0,
                complexity: 29,
            };
            let large = Extent {
                lines: 41,
                diagnostics: 1,
                complexity: 30,
            };
            writeln!(
                table,
                "{}: {} | {}; {} to {}; {:.1}; {} to {} tokens; {:?}",
                task.code(),
                task.action_kind(false).unwrap_or("-"),
                task.action_kind(true).unwrap_or("-"),
                task.class(small).code(),
                task.class(large).code(),
                task.temperature(),
                task.output_cap(100),
                task.output_cap(usize::MAX),
                task.output(),
            )
            .unwrap();
            assert_eq!(Task::from_code(task.code()), Some(task));
        }
        expect![[r#"
            explain: refactor.foretoken.explain | refactor.foretoken.explain; brief to deep; 0.2; 600 to 600 tokens; Answer
            debug: refactor.foretoken.debug | quickfix; deep to deep; 0.2; 1000 to 1000 tokens; Answer
            fix: - | quickfix; deep to deep; 0.0; 406 to 1500 tokens; Edit
            document: refactor.foretoken.document | refactor.foretoken.document; brief to brief; 0.2; 300 to 300 tokens; Edit
            test: refactor.foretoken.test | refactor.foretoken.test; deep to deep; 0.2; 1500 to 1500 tokens; EditOrAnswer
            summarise: source.foretoken.summarise | source.foretoken.summarise; deep to deep; 0.2; 600 to 600 tokens; Answer
            ask: - | -; brief to deep; 0.3; 800 to 800 tokens; Answer
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn one_diagnostic_or_one_line_more_makes_an_explanation_deep() {
        let extent = |lines, diagnostics| Extent {
            lines,
            diagnostics,
            complexity: 0,
        };
        assert_eq!(Task::Explain.class(extent(40, 0)), Class::Brief);
        assert_eq!(Task::Explain.class(extent(41, 0)), Class::Deep);
        assert_eq!(Task::Explain.class(extent(1, 1)), Class::Deep);
    }
}
