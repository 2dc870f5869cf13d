//! What goes along with a job beside its prompt: whom it is for, whether a person waits for it by now,
//! and whether other texts than the best one are wanted.

use std::fmt;
use std::sync::Arc;

use crate::job::{End, Watch};
use foretoken_engine::suggestion::Token;

/// Says whether somebody waits. Called between steps and under the queue's lock, so it only looks.
pub type Awaited = Arc<dyn Fn() -> bool + Send + Sync>;

/// See the module's header. The default is a job of nobody in particular that wants one text.
#[derive(Default)]
pub struct Errand {
    /// Whom it is for, such as a number of a document: a newer request displaces the older one of the
    /// same owner, and lets one of another owner wait.
    pub owner: u64,
    /// Whether somebody waits for a job that was begun unasked: then it counts as a request.
    pub awaited: Option<Awaited>,
    /// Other texts that are wanted.
    pub branches: Option<Branches>,
    /// The longest draft, tokens; `None` leaves it to the evidence.
    pub longest_draft: Option<usize>,
}

/// Texts that begin with another token than the best one, where the model was not certain. They start
/// from the state that the best text left, so none runs the prompt again.
pub struct Branches {
    /// How many beside the best one.
    pub most: usize,
    /// A fresh watch for each.
    pub watch: Box<dyn FnMut() -> Watch + Send>,
}

/// A text beside the best one.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// As [`crate::Outcome::text`].
    pub text: String,
    /// As [`crate::Outcome::tokens`].
    pub tokens: Vec<Token>,
    /// Why it ended.
    pub end: End,
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errand")
            .field("owner", &self.owner)
            .field("branches", &self.branches)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Branches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branches")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

/// What the queue needs to know of who a job is for.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) owner: u64,
    awaited: Option<Awaited>,
}

impl Errand {
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            owner: self.owner,
            awaited: self.awaited.clone(),
        }
    }
}

impl Caller {
    /// Whether somebody waits for a job that was begun unasked.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.as_ref().is_some_and(|awaited| awaited())
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({})", self.owner)
    }
}
