//! Answers that were given before, to exactly the same question in the same workspace.
//!
//! A *key* is a hash over everything that the answer depends on: a change of one field is another question.
//! The cache holds no reference to a workspace that it could mix up, because the workspace is part of the
//! key; a removed workspace takes its answers along. In memory only, so nothing outlives the process.
//!
//! A question that only means the same is another one here. An answer by likeness could be that to a question
//! which differs in one name, and what would show how often, labelled pairs of near misses, does not exist for
//! the embedder at hand, whose vectors are off by default.

use std::time::Duration;

use moka::sync::Cache as Memory;

use crate::client::{Done, End};

/// What an answer depends on. Each field is a part of the key, with its length, so that no two questions
/// share their bytes.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Names the workspace: its canonical root.
    pub workspace: &'a str,
    /// The models that may answer, as the plan has them.
    pub models: &'a str,
    /// The template's name, version and hash.
    pub template: &'a str,
    /// The sections before they are fenced, in the order of the prompt. A fence differs by conversation.
    pub sections: &'a [&'a str],
    /// Task, output cap and temperature.
    pub parameters: &'a str,
    /// The version of privacy and routing policy.
    pub policy: &'a str,
}

/// Names a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    workspace: [u8; 32],
    question: [u8; 32],
}

impl Asked<'_> {
    /// The question's key.
    #[must_use]
    pub fn key(&self) -> Key {
        let mut hasher = blake3::Hasher::new();
        let mut part = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        for field in [
            self.workspace,
            self.models,
            self.template,
            self.parameters,
            self.policy,
        ] {
            part(field);
        }
        for section in self.sections {
            part(section);
        }
        Key {
            workspace: *blake3::hash(self.workspace.as_bytes()).as_bytes(),
            question: *hasher.finalize().as_bytes(),
        }
    }
}

/// An answer as it came, before any check: a hit goes through the same checks as a new answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// Who gave it: the endpoint's name and the model.
    pub by: (String, String),
}

/// The answers of this process; clones share them.
#[derive(Debug, Clone)]
pub struct Cache {
    memory: Memory<Key, Answer>,
}

/// How long an answer serves. A day later the code around it has usually changed, and so has the key.
const LIFE: Duration = Duration::from_secs(24 * 3_600);
/// All answers together, in bytes.
const SIZE: u64 = 8 << 20;

impl Default for Cache {
    fn default() -> Cache {
        let weigh =
            |_: &Key, answer: &Answer| u32::try_from(answer.text.len() + 128).unwrap_or(u32::MAX);
        // Needed to forget one workspace.
        let builder = Memory::builder()
            .max_capacity(SIZE)
            .weigher(weigh)
            .time_to_live(LIFE)
            .support_invalidation_closures();
        Cache {
            memory: builder.build(),
        }
    }
}

impl Cache {
    /// The answer to this very question.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Answer> {
        self.memory.get(key)
    }

    /// Keeps an answer if it is one: finished and with text. `flagged` says that a check found something in it.
    pub fn put(&self, key: Key, text: &str, done: &Done, flagged: bool) {
        let (End::Finished, Some(by), false) = (&done.end, &done.by, flagged || text.is_empty())
        else {
            return;
        };
        self.memory.insert(
            key,
            Answer {
                text: text.to_owned(),
                by: by.clone(),
            },
        );
    }

    /// Forgets the answers of a workspace.
    pub fn forget(&self, workspace: &str) {
        let gone = *blake3::hash(workspace.as_bytes()).as_bytes();
        // The closure cannot be refused: the builder allows them.
        let _ = self
            .memory
            .invalidate_entries_if(move |key, _| key.workspace == gone);
    }

    /// How many answers there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.memory.run_pending_tasks();
        self.memory.entry_count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::failure::{Failure, Kind};
    use crate::wire::Usage;

    const ASKED: Asked<'_> = Asked {
        workspace: "/home/u/a",
        models: "work/m",
        template: "explain.1",
        sections: &["target", "question"],
        parameters: "explain 600 0.2",
        policy: "1",
    };

    fn done(end: End) -> Done {
        Done {
            end,
            by: Some(("work".to_owned(), "m".to_owned())),
            usage: Usage::default(),
            estimated: false,
            cost: None,
            tries: Vec::new(),
        }
    }

    #[test]
    fn the_same_question_hits_and_any_changed_field_misses() {
        let cache = Cache::default();
        cache.put(ASKED.key(), "because", &done(End::Finished), false);
        assert_eq!(
            cache.get(&ASKED.key()).map(|a| a.text),
            Some("because".to_owned())
        );
        let others = [
            Asked {
                workspace: "/home/u/b",
                ..ASKED
            },
            Asked {
                models: "work/n",
                ..ASKED
            },
            Asked {
                template: "explain.2",
                ..ASKED
            },
            Asked {
                sections: &["target", "question "],
                ..ASKED
            },
            Asked {
                sections: &["question", "target"],
                ..ASKED
            },
            Asked {
                sections: &["targetq", "uestion"],
                ..ASKED
            },
            Asked {
                sections: &["target"],
                ..ASKED
            },
            Asked {
                sections: &["target", "question", ""],
                ..ASKED
            },
            Asked {
                parameters: "explain 600 0.3",
                ..ASKED
            },
            Asked {
                policy: "2",
                ..ASKED
            },
        ];
        for other in others {
            assert_eq!(cache.get(&other.key()), None, "{other:?}");
        }
    }

    #[test]
    fn only_complete_and_unflagged_answers_are_kept() {
        let cache = Cache::default();
        let cut = || Failure::new(Kind::Cut, "");
        for end in [
            End::Cut(cut()),
            End::Failed(cut()),
            End::Length,
            End::Filtered,
            End::Unclean,
            End::Tool,
        ] {
            cache.put(ASKED.key(), "half", &done(end), false);
        }
        cache.put(ASKED.key(), "flagged", &done(End::Finished), true);
        cache.put(ASKED.key(), "", &done(End::Finished), false);
        cache.put(
            ASKED.key(),
            "nobody",
            &Done {
                by: None,
                ..done(End::Finished)
            },
            false,
        );
        assert!(cache.is_empty());
    }

    #[test]
    fn a34_no_answer_of_another_workspace_is_ever_served() {
        let cache = Cache::default();
        let questions: Vec<String> = (0..100).map(|n| format!("question {n}")).collect();
        for question in &questions {
            let poisoned = Asked {
                workspace: "/evil",
                sections: &[question],
                ..ASKED
            };
            cache.put(poisoned.key(), "CANARY", &done(End::Finished), false);
        }
        for n in 0..10_000 {
            let workspace = format!("/home/u/project-{}", n / 100);
            let asked = Asked {
                workspace: &workspace,
                sections: &[&questions[n % 100]],
                ..ASKED
            };
            assert_eq!(cache.get(&asked.key()), None);
        }
    }

    #[test]
    fn a_workspace_is_forgotten_alone() {
        let cache = Cache::default();
        let other = Asked {
            workspace: "/home/u/b",
            ..ASKED
        };
        for asked in [ASKED, other] {
            cache.put(asked.key(), "because", &done(End::Finished), false);
        }
        cache.forget("/home/u/a");
        assert_eq!(cache.get(&ASKED.key()), None);
        assert!(cache.get(&other.key()).is_some());
    }

    #[test]
    fn its_size_is_bounded() {
        let cache = Cache::default();
        let text = "x".repeat(200_000);
        for n in 0..200 {
            let policy = n.to_string();
            cache.put(
                Asked {
                    policy: &policy,
                    ..ASKED
                }
                .key(),
                &text,
                &done(End::Finished),
                false,
            );
        }
        assert!(cache.len() <= SIZE / 200_000, "{}", cache.len());
    }

    proptest! {
        #[test]
        fn different_sections_have_different_keys(a in prop::collection::vec("[ab]{0,3}", 0..4), b in prop::collection::vec("[ab]{0,3}", 0..4)) {
            let key = |s: &[String]| {
                let sections: Vec<&str> = s.iter().map(String::as_str).collect();
                Asked { sections: &sections, ..ASKED }.key()
            };
            prop_assert_eq!(a == b, key(&a) == key(&b));
        }
    }
}
