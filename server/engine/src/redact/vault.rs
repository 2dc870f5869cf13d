//! Which placeholder stands for which secret, in one conversation, and how it is put back.
//!
//! A placeholder is `FTSECRET_<KIND>_<n>_<4 hex>`; the hexadecimal digits are part of the conversation's fence, so a file
//! cannot know them beforehand. Text of a file that is shaped like one is bent (`FTSECRET¦_`) before anything is issued,
//! so what is shaped like a placeholder in a redacted text is one of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;

use super::{Finding, Secret, signals};
use crate::privacy::ContentSignals;

/// How every placeholder begins.
pub const PLACEHOLDER: &str = "FTSECRET_";
/// The same, bent: what stood in the source like that.
const BENT: &str = "FTSECRET¦_";
/// Shorter parts of a split secret are too common to be replaced wherever they stand.
const SHORTEST_LEARNT: usize = 6;

/// See the module's header. Its debug form shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Vault {
    tag: u16,
    // The placeholder of each secret, and back.
    placeholders: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    // How many of each kind there are.
    numbers: BTreeMap<Secret, usize>,
    learnt: Vec<String>,
}

/// A text without its secrets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Redacted {
    /// What may be sent.
    pub text: String,
    /// The placeholders in it: those that may be put back in an edit of this text.
    pub issued: BTreeSet<String>,
    /// Kinds with the number of their findings, by kind.
    pub kinds: Vec<(Secret, usize)>,
    /// What the findings say about the text as a whole.
    pub signals: ContentSignals,
    /// Characters that nobody sees, left out.
    pub invisible: usize,
    /// The text held something shaped like a placeholder.
    pub bent: bool,
}

/// An edit with its secrets put back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The text for the document.
    pub text: String,
    /// Placeholders that were put back.
    pub restored: usize,
    /// Placeholders of ours that did not stand in the target: they stay as they are, and the edit is no good.
    pub foreign: usize,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("placeholders", &self.secrets.keys().collect::<Vec<_>>())
            .field("learnt", &self.learnt.len())
            .finish()
    }
}

impl Vault {
    /// Without secrets. `tag` is 16 bits of the conversation's fence.
    pub fn new(tag: u16) -> Vault {
        Vault {
            tag,
            placeholders: BTreeMap::new(),
            secrets: BTreeMap::new(),
            numbers: BTreeMap::new(),
            learnt: Vec::new(),
        }
    }

    /// Replaces this text from now on wherever it stands: a part of a secret that was split over sections and seen only
    /// in the whole. Short parts are ignored; then only a refusal helps.
    pub fn learn(&mut self, part: &str) {
        if part.len() >= SHORTEST_LEARNT && !self.learnt.iter().any(|known| known == part) {
            self.learnt.push(part.to_owned());
        }
    }

    /// Where learnt parts stand in a text.
    pub(super) fn learnt(&self, text: &str) -> Vec<Finding> {
        let places = self.learnt.iter().flat_map(|part| {
            let at = text.match_indices(part.as_str());
            at.map(|(at, part)| at..at + part.len())
        });
        let secret = Secret("SPLIT");
        places.map(|span| Finding { secret, span }).collect()
    }

    /// The text with a placeholder for each finding; findings are in order and do not overlap.
    pub(super) fn replace(&mut self, text: &str, found: &[Finding]) -> Redacted {
        let mut redacted = Redacted {
            signals: signals(found),
            ..Redacted::default()
        };
        let mut done = 0;
        for finding in found {
            redacted.keep(&text[done..finding.span.start]);
            let placeholder = self.placeholder(finding.secret, &text[finding.span.clone()]);
            redacted.text.push_str(&placeholder);
            redacted.issued.insert(placeholder);
            redacted.count(finding.secret);
            done = finding.span.end;
        }
        redacted.keep(&text[done..]);
        redacted
    }

    /// The same for the same secret, a new number for a new one.
    fn placeholder(&mut self, secret: Secret, text: &str) -> String {
        if let Some(known) = self.placeholders.get(text) {
            return known.clone();
        }
        let number = self.numbers.entry(secret).or_default();
        *number += 1;
        let placeholder = format!("{PLACEHOLDER}{}_{number}_{:04x}", secret.0, self.tag);
        self.placeholders
            .insert(text.to_owned(), placeholder.clone());
        self.secrets.insert(placeholder.clone(), text.to_owned());
        placeholder
    }

    /// Puts back what stood in the target, and unbends what was bent there. Nothing else: an answer cannot ask for a
    /// secret of another section by its placeholder.
    pub fn restore(&self, edit: &str, target: &Redacted) -> Restored {
        let mut text = String::with_capacity(edit.len());
        let (mut restored, mut foreign) = (0, 0);
        let mut rest = edit;
        while let Some(at) = rest.find(PLACEHOLDER) {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            // The one that the rest begins with is the last that sorts before it: none begins with another.
            let upto = (Bound::Unbounded, Bound::Included(rest));
            let known = self.secrets.range::<str, _>(upto).next_back();
            let known = known.filter(|(name, _)| rest.starts_with(name.as_str()));
            let end = match known {
                Some((name, secret)) if target.issued.contains(name) => {
                    text.push_str(secret);
                    restored += 1;
                    name.len()
                }
                _ => {
                    foreign += 1;
                    text.push_str(PLACEHOLDER);
                    PLACEHOLDER.len()
                }
            };
            rest = &rest[end..];
        }
        text.push_str(rest);
        if target.bent {
            text = text.replace(BENT, PLACEHOLDER);
        }
        Restored {
            text,
            restored,
            foreign,
        }
    }
}

impl Redacted {
    fn keep(&mut self, text: &str) {
        self.bent |= text.contains(PLACEHOLDER);
        self.text.push_str(&text.replace(PLACEHOLDER, BENT));
    }

    fn count(&mut self, secret: Secret) {
        match self.kinds.iter_mut().find(|(kind, _)| *kind == secret) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((secret, 1)),
        }
        self.kinds.sort_unstable();
    }
}
