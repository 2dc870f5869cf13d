//! Takes secrets and personal data out of texts before they leave, and puts a placeholder where each one stood.
//!
//! A [`Redactor`] finds; a [`Vault`] remembers, for one conversation, which placeholder stands for which secret, and is
//! the only place that can put a secret back. Keywords are looked for first, all in one pass; a rule's pattern is compiled
//! when its first keyword turns up, so a text without keywords costs nothing else. What is wrapped (base64, encryption)
//! is not seen.

mod assigned;
mod body;
mod invisible;
mod personal;
mod rules;
mod vault;

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use regex::{Regex, RegexBuilder};

pub use body::Leak;
pub use invisible::{is_invisible, without_invisible};
pub use vault::{PLACEHOLDER, Redacted, Restored, Vault};

use crate::privacy::ContentSignals;

/// What kind of secret was found: the code that stands in its placeholder, such as `AWS_KEY`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Secret(pub(crate) &'static str);

/// Which things are looked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// Keys, tokens and passwords.
    Secrets,
    /// These, and e-mail addresses, bank accounts and card numbers: for what leaves the machine.
    Everything,
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What it is.
    pub secret: Secret,
    /// Bytes of the text.
    pub span: Range<usize>,
}

/// The detector itself does not work. Nothing may be sent then.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fault {
    /// The rule whose pattern could not be compiled.
    pub rule: &'static str,
}

/// The detector; it keeps what it has compiled, so one is made for a session.
#[derive(Debug)]
pub struct Redactor {
    keywords: AhoCorasick,
    // The rule of each keyword.
    rules_of: Vec<usize>,
    compiled: Vec<Option<Regex>>,
}

/// No pattern of ours needs more; what would is a mistake in the table.
const MOST_COMPILED: usize = 4 << 20;

impl Secret {
    /// The code: capitals, digits and `_`.
    pub fn code(self) -> &'static str {
        self.0
    }

    /// A private key in a block of its own.
    pub fn is_private_key(self) -> bool {
        self == rules::PRIVATE_KEY
    }

    /// About a person rather than a machine's secret.
    pub fn is_personal(self) -> bool {
        [personal::EMAIL, personal::IBAN, personal::CARD].contains(&self)
    }
}

impl Redactor {
    /// A detector with nothing compiled yet.
    ///
    /// # Errors
    /// The table of keywords cannot be built.
    pub fn new() -> Result<Redactor, Fault> {
        let mut words = Vec::new();
        let mut rules_of = Vec::new();
        for (at, rule) in rules::RULES.iter().enumerate() {
            for word in rule.keywords {
                words.push(*word);
                rules_of.push(at);
            }
        }
        let keywords = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .build(&words)
            .map_err(|_| Fault { rule: "keywords" })?;
        Ok(Redactor {
            keywords,
            rules_of,
            compiled: vec![None; rules::RULES.len()],
        })
    }

    /// Everything in the text, in its order, without overlaps; of two that overlap the longer one.
    ///
    /// # Errors
    /// A pattern cannot be compiled.
    pub fn scan(&mut self, text: &str, scope: Scope) -> Result<Vec<Finding>, Fault> {
        let mut wanted = vec![false; rules::RULES.len()];
        for hit in self.keywords.find_overlapping_iter(text) {
            wanted[self.rules_of[hit.pattern().as_usize()]] = true;
        }
        let mut found = Vec::new();
        for at in (0..wanted.len()).filter(|&at| wanted[at]) {
            let rule = &rules::RULES[at];
            for groups in self.pattern(at)?.captures_iter(text) {
                // The first group that took part is the secret; without groups all of it is.
                let part = groups.iter().skip(1).flatten().next();
                let Some(part) = part.or_else(|| groups.get(0)) else {
                    continue;
                };
                let matched = rules::Matched {
                    text,
                    whole: groups.get_match().range(),
                    part: part.range(),
                };
                if !part.is_empty() && (rule.holds)(&matched) {
                    found.push(Finding {
                        secret: rule.secret,
                        span: part.range(),
                    });
                }
            }
        }
        if scope == Scope::Everything {
            // A password before a host looks like an address: what is a secret is nothing else besides.
            found = without_overlaps(found);
            let secrets = found.len();
            for finding in personal::find(text) {
                let next = found[..secrets].partition_point(|f| f.span.end <= finding.span.start);
                let free = found[..secrets]
                    .get(next)
                    .is_none_or(|secret| finding.span.end <= secret.span.start);
                if free {
                    found.push(finding);
                }
            }
        }
        Ok(without_overlaps(found))
    }

    /// The text with placeholders, which `vault` remembers; characters that nobody sees are left out.
    ///
    /// # Errors
    /// A pattern cannot be compiled: the text may not be sent.
    pub fn redact(&mut self, text: &str, vault: &mut Vault) -> Result<Redacted, Fault> {
        let (visible, invisible) = without_invisible(text);
        let mut found = self.scan(&visible, Scope::Everything)?;
        found.extend(vault.learnt(&visible));
        let mut redacted = vault.replace(&visible, &without_overlaps(found));
        redacted.invisible = invisible;
        Ok(redacted)
    }

    /// A model's text with every secret blotted out, and how many there were. Placeholders are no secrets.
    ///
    /// # Errors
    /// A pattern cannot be compiled: the text may not be shown.
    pub fn hold_back(&mut self, text: &str) -> Result<(String, usize), Fault> {
        let found = self.scan(text, Scope::Secrets)?;
        let mut shown = String::with_capacity(text.len());
        let mut done = 0;
        for finding in &found {
            shown.push_str(&text[done..finding.span.start]);
            shown.push_str(HELD_BACK);
            done = finding.span.end;
        }
        shown.push_str(&text[done..]);
        Ok((shown, found.len()))
    }

    fn pattern(&mut self, at: usize) -> Result<&Regex, Fault> {
        if self.compiled[at].is_none() {
            let rule = &rules::RULES[at];
            let regex = RegexBuilder::new(rule.pattern)
                .size_limit(MOST_COMPILED)
                .build()
                .map_err(|_| Fault {
                    rule: rule.secret.0,
                })?;
            self.compiled[at] = Some(regex);
        }
        self.compiled[at].as_ref().ok_or(Fault {
            rule: rules::RULES[at].secret.0,
        })
    }
}

/// Stands where a model's answer held a secret.
pub const HELD_BACK: &str = "(secret held back)";

/// What the findings say about the text as a whole.
pub fn signals(found: &[Finding]) -> ContentSignals {
    ContentSignals {
        secrets: found.iter().filter(|f| !f.secret.is_personal()).count(),
        private_key: found.iter().any(|f| f.secret.is_private_key()),
    }
}

fn without_overlaps(mut found: Vec<Finding>) -> Vec<Finding> {
    // The longest first, so that it wins wherever it overlaps; of two of one length the rule that stands first.
    found.sort_by_key(|f| (usize::MAX - f.span.len(), f.span.start));
    // What is kept, by its start; none overlaps another, so only the neighbours matter.
    let mut kept: BTreeMap<usize, Finding> = BTreeMap::new();
    for finding in found {
        let before = kept.range(..finding.span.end).next_back();
        if before.is_none_or(|(_, other)| other.span.end <= finding.span.start) {
            kept.insert(finding.span.start, finding);
        }
    }
    kept.into_values().collect()
}

#[cfg(test)]
mod tests;
