//! What happened: the log of each trace on each variant, key by key. All figures are drawn from it.

use super::traces::Class;

/// What a key was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It wrote.
    Typed,
    /// A command that wrote: paste or redo.
    Pasted,
    /// It deleted, or undid.
    Deleted,
    /// It moved the cursor over text that stood there.
    Moved,
    /// It took a word of what was shown.
    AcceptedWord,
    /// It took all that was shown.
    AcceptedAll,
}

/// What came back before the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The editor did not ask: it waits longer than the gap was, or there was nothing to ask for.
    NotAsked,
    /// Nothing came in time.
    None,
    /// Nothing to show.
    Empty,
    /// A text.
    Text(String),
}

/// Who answered, by the counters of a server that has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// A text, or the knowledge that there is none, was at hand.
    Hit,
    /// A flight begun for an earlier key.
    Joined,
    /// The work was begun for this key. Also every key without an answer in time.
    Model,
    /// Nothing was asked of the model, by a rule.
    Skipped,
    /// The server does not tell.
    Unknown,
}

/// One key.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// What it was.
    pub kind: Kind,
    /// From writing the change, or for an editor that waits the request, to having parsed the reply, ms;
    /// ∞ without one before the next key.
    pub ms: f64,
    /// What came back.
    pub answer: Answer,
    /// Who answered.
    pub served: Served,
    /// What is left on the screen of the text shown before, once this key is typed.
    pub carried: Option<String>,
    /// Bytes of the target that are in place.
    pub end: usize,
    /// Up to here the target may be written in one go.
    pub limit: usize,
    /// It is the first one after a jump: to a place that is known (`true`) or not.
    pub jumped: Option<bool>,
}

impl Key {
    /// What is on the screen when the next key is pressed.
    #[must_use]
    pub fn visible(&self) -> Option<&str> {
        match &self.answer {
            Answer::Text(text) => Some(text),
            Answer::Empty => None,
            Answer::None | Answer::NotAsked => self.carried.as_deref(),
        }
    }

    /// The editor asked.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.answer != Answer::NotAsked
    }

    /// A reply came in time.
    #[must_use]
    pub fn answered(&self) -> bool {
        matches!(self.answer, Answer::Empty | Answer::Text(_))
    }
}

/// One trace as it was played.
#[derive(Debug, Clone)]
pub struct Played {
    /// Its number.
    pub trace: usize,
    /// What it is an example of.
    pub class: Class,
    /// What was written in its first place.
    pub target: String,
    /// Its keys. A trace that was cut short has fewer.
    pub keys: Vec<Key>,
    /// The server's copy of each document was the editor's at the end; `None` where it does not tell.
    pub same_text: Option<bool>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A typed key that was answered so, for events made by hand.
    pub(crate) fn key(end: usize, answer: Option<&str>) -> Key {
        Key {
            kind: Kind::Typed,
            ms: 10.0,
            answer: answer.map_or(Answer::Empty, |text| Answer::Text(text.to_owned())),
            served: Served::Model,
            carried: None,
            end,
            limit: usize::MAX,
            jumped: None,
        }
    }

    /// A trace of the class `type`.
    pub(crate) fn played(target: &str, keys: Vec<Key>) -> Played {
        Played {
            trace: 0,
            class: Class::Type,
            target: target.to_owned(),
            keys,
            same_text: None,
        }
    }

    #[test]
    fn an_empty_answer_clears_the_screen_and_none_leaves_it() {
        let mut key = key(1, None);
        key.carried = Some("old".to_owned());
        assert_eq!(key.visible(), None);
        key.answer = Answer::None;
        assert_eq!(key.visible(), Some("old"));
    }
}
