//! A model's edit, kept within the place that was fixed before the model was asked.
//!
//! The model returns replacement text for a target and nothing else: no path, no diff, no place. That text is compared
//! with the snapshot and becomes the fewest changes of whole lines that make it. Everything here can only refuse or
//! shrink: no reply reaches another file, or a byte outside the target and the import block that was fixed with it.

use std::ops::Range;

use foretoken_grammars::Language;

use super::deny::{Denied, denied};
use super::{diff, links, packages, text};
use crate::assist::control::rearm;
use crate::assist::task::Task;
use crate::redact::{Finding, Redacted, Redactor, Scope, Vault};
use crate::syntax;
use crate::target::is_imports;

mod shape;

use shape::{Spot, blocks, shaped};

/// Where an edit may go.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// What was asked for.
    pub task: Task,
    /// The file, workspace-relative.
    pub path: &'a str,
    /// Its language.
    pub language: Language,
    /// Its whole text when the model was asked.
    pub document: &'a str,
    /// Bytes from the start of the target to its end; empty where the text is to be inserted, at the start of a line.
    pub start: usize,
    /// See `start`.
    pub end: usize,
    /// What the model was shown of it, secrets and all: see [`crate::assist::prompt::clean`].
    pub sent: &'a Redacted,
    /// A part of it was left out for its size.
    pub elided: bool,
    /// The import block, which may change too, as [`crate::target::import_block`] gives it. It does not touch the target.
    pub imports: Option<Range<usize>>,
    /// What each line begins with where the reply indents nothing; `None` is as deep as what is there.
    pub indent: Option<&'a str>,
}

/// What an edit is checked against.
pub struct Checks<'a> {
    /// Puts secrets back.
    pub vault: &'a Vault,
    /// Finds new ones.
    pub redactor: &'a mut Redactor,
    /// Whether a package stands in the manifest or the lock file, or is a module of the project.
    pub package_exists: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Checks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checks")
            .field("vault", self.vault)
            .finish_non_exhaustive()
    }
}

/// An edit that the user may be asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// Changes of the snapshot in order, not touching each other.
    pub changes: Vec<Change>,
    /// What the user should see before saying yes.
    pub flags: Vec<Flag>,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Bytes of the snapshot.
    pub bytes: Range<usize>,
    /// What takes their place.
    pub text: String,
}

/// Something in an edit that deserves a look.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Flag {
    /// It imports a package that the project does not have. Nothing adds it.
    UnknownPackage(String),
    /// It brings a web address that was not in the file.
    NewAddress(String),
    /// Whether it parses could not be told.
    Unparsed,
}

/// Why there is no edit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refused {
    /// The file may not be changed by an answer.
    Path(Denied),
    /// The target is no place in the snapshot.
    Place,
    /// The answer broke off.
    Incomplete,
    /// The model did not see all of the target.
    Elided,
    /// There is no code block in the answer.
    NoBlock,
    /// There are several, and which one is meant is anybody's guess.
    SeveralBlocks,
    /// It says what is there already.
    NoChange,
    /// It names a secret of another place.
    ForeignSecret,
    /// It brings a secret of its own.
    NewSecret,
    /// Documentation was asked for, and code came.
    NotDocumentation,
    /// Imports were asked for, and other code came.
    NotImports,
    /// It parses worse than before.
    MoreErrors,
    /// The detector of secrets does not work.
    Detector,
}

impl Refused {
    /// The name to count under.
    pub fn code(self) -> &'static str {
        match self {
            Refused::Path(_) => "path",
            Refused::Place => "place",
            Refused::Incomplete => "incomplete",
            Refused::Elided => "elided",
            Refused::NoBlock => "no-block",
            Refused::SeveralBlocks => "several-blocks",
            Refused::NoChange => "no-change",
            Refused::ForeignSecret => "foreign-secret",
            Refused::NewSecret => "new-secret",
            Refused::NotDocumentation => "not-documentation",
            Refused::NotImports => "not-imports",
            Refused::MoreErrors => "more-errors",
            Refused::Detector => "detector",
        }
    }

    /// The sentence for the user.
    pub fn sentence(self) -> &'static str {
        match self {
            Refused::Path(Denied::Listed) => {
                "Files that editors, shells or build servers run are never changed by an answer."
            }
            Refused::Path(_) => "Only files of this workspace can be changed.",
            Refused::Place => "The place has gone; ask again.",
            Refused::Incomplete => "The answer broke off, so there is no edit; ask again.",
            Refused::Elided => "The selection is too long to be changed as a whole; select less.",
            Refused::NoBlock => {
                "The model answered without code; ask again or ask for an explanation."
            }
            Refused::SeveralBlocks => {
                "The model gave several pieces of code, so none is applied; ask again."
            }
            Refused::NoChange => "The model would change nothing here.",
            Refused::ForeignSecret => {
                "The edit would use a secret from another place, so it was refused."
            }
            Refused::NewSecret => {
                "The edit holds something that looks like a secret, so it was refused."
            }
            Refused::NotDocumentation => {
                "The model wrote code where only documentation may go; ask again."
            }
            Refused::NotImports => {
                "The model wrote other code where only imports may go; ask again."
            }
            Refused::MoreErrors => {
                "The edit would break the syntax of the file, so it was refused."
            }
            Refused::Detector => {
                "The detector of secrets does not work, so nothing is changed; please report this."
            }
        }
    }
}

/// The edit in a reply. `complete` says that the stream came to its proper end.
///
/// # Errors
/// Each [`Refused`] says why not; the whole edit is refused then.
pub fn contain(
    target: &Target<'_>,
    reply: &str,
    complete: bool,
    checks: &mut Checks<'_>,
) -> Result<Proposal, Refused> {
    if let Some(denied) = denied(target.path) {
        return Err(Refused::Path(denied));
    }
    let at = target.start..target.end;
    let old = target.document.get(at.clone()).ok_or(Refused::Place)?;
    let imports = match &target.imports {
        Some(block) if block.start < at.end && at.start < block.end => return Err(Refused::Place),
        Some(block) => Some((
            block,
            target.document.get(block.clone()).ok_or(Refused::Place)?,
        )),
        None => None,
    };
    if !complete {
        return Err(Refused::Incomplete);
    }
    if target.elided && !old.is_empty() {
        return Err(Refused::Elided);
    }
    let (reply, _) = text::without_controls(reply);
    let blocks = blocks(&reply, imports.is_some())?;
    let mut pieces = Vec::new();
    if let Some(block) = blocks.target {
        let new = restored(&block, old, (target.sent, checks.vault))?;
        let spot = Spot {
            at: at.clone(),
            indent: target.indent,
            apart: target.task == Task::Test,
        };
        let new = shaped(&new, old, &spot, target.document);
        if target.task == Task::Document && !is_documentation(&new, target.language) {
            return Err(Refused::NotDocumentation);
        }
        pieces.push(Piece { at, old, new });
    }
    if let (Some(block), Some((at, old))) = (blocks.imports, imports) {
        // Nobody keeps a secret among imports.
        let new = restored(&block, old, (&Redacted::default(), checks.vault))?;
        let spot = Spot {
            at: at.clone(),
            indent: Some(""),
            apart: true,
        };
        let new = shaped(&new, old, &spot, target.document);
        if !is_imports(target.language, &new) {
            return Err(Refused::NotImports);
        }
        pieces.push(Piece {
            at: at.clone(),
            old,
            new,
        });
    }
    pieces.sort_by_key(|piece| piece.at.start);
    proposal(target, &pieces, checks)
}

/// What one stretch of the document becomes.
struct Piece<'a> {
    at: Range<usize>,
    old: &'a str,
    new: String,
}

fn proposal(
    target: &Target<'_>,
    pieces: &[Piece<'_>],
    checks: &mut Checks<'_>,
) -> Result<Proposal, Refused> {
    let changed = pieces
        .iter()
        .flat_map(|piece| changes(piece.old, &piece.new, piece.at.start));
    let changes: Vec<Change> = changed.collect();
    if changes.is_empty() {
        return Err(Refused::NoChange);
    }
    let mut flags = Vec::new();
    let mut unparsed = false;
    for piece in pieces {
        if has_new_secret(piece.old, &piece.new, checks.redactor)? {
            return Err(Refused::NewSecret);
        }
        flags.extend(self::flags(
            target.document,
            &piece.new,
            target.language,
            checks.package_exists,
        ));
        match more_errors(target, piece) {
            Some(true) => return Err(Refused::MoreErrors),
            Some(false) => (),
            None => unparsed = true,
        }
    }
    flags.sort();
    flags.dedup();
    flags.extend(unparsed.then_some(Flag::Unparsed));
    Ok(Proposal { changes, flags })
}

/// A block with what was taken out of its place before it was sent.
fn restored(block: &str, old: &str, (sent, vault): (&Redacted, &Vault)) -> Result<String, Refused> {
    let restored = vault.restore(&rearm(block, old), sent);
    match restored.foreign {
        0 => Ok(restored.text),
        _ => Err(Refused::ForeignSecret),
    }
}

/// Where the target stands in a newer text of the document, if nothing in it changed; `None` is stale.
pub fn moved(document: &str, target: Range<usize>, newer: &str) -> Option<Range<usize>> {
    let text = document.get(target.clone())?;
    let (old, new) = (document.as_bytes(), newer.as_bytes());
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    if target.end <= head {
        return Some(target);
    }
    let ends = old.iter().rev().zip(new.iter().rev());
    let tail = ends.take_while(|(a, b)| a == b).count();
    if target.start + tail < old.len() {
        return None;
    }
    let start = newer.len() - (document.len() - target.start);
    let moved = start..start + target.len();
    (newer.get(moved.clone()) == Some(text)).then_some(moved)
}

/// The fewest changes of whole lines, as bytes of the document.
fn changes(old: &str, new: &str, start: usize) -> Vec<Change> {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let mut at = vec![start];
    for line in &old {
        at.push(at[at.len() - 1] + line.len());
    }
    diff::changes(&old, &new)
        .into_iter()
        .map(|(from, to)| Change {
            bytes: at[from.start]..at[from.end],
            text: new[to].concat(),
        })
        .collect()
}

/// Comments alone, or where a language documents by strings, one string.
fn is_documentation(text: &str, language: Language) -> bool {
    if text.trim().is_empty() {
        return false;
    }
    let outline = syntax::outline(language, text);
    match outline {
        Some(kinds) => {
            let strings = kinds.iter().filter(|kind| **kind == "string").count();
            let comments = kinds.iter().filter(|kind| kind.contains("comment")).count();
            strings + comments == kinds.len() && strings <= 1
        }
        // Without a grammar nobody can tell code from comment.
        None => true,
    }
}

/// Whether the edit brings something secret that was not in the target.
fn has_new_secret(old: &str, new: &str, redactor: &mut Redactor) -> Result<bool, Refused> {
    let mut texts = |text: &str| -> Result<Vec<String>, Refused> {
        let found = redactor.scan(text, Scope::Secrets);
        let found: Vec<Finding> = found.map_err(|_| Refused::Detector)?;
        Ok(found.into_iter().map(|f| text[f.span].to_owned()).collect())
    };
    let known = texts(old)?;
    Ok(texts(new)?.iter().any(|secret| !known.contains(secret)))
}

/// What the user should see.
fn flags(
    document: &str,
    new: &str,
    language: Language,
    package_exists: &dyn Fn(&str) -> bool,
) -> Vec<Flag> {
    let before = packages::imported(document, language);
    let packages = packages::imported(new, language)
        .into_iter()
        .filter(|package| !before.contains(package) && !package_exists(package))
        .map(Flag::UnknownPackage);
    let mut flags: Vec<Flag> = packages.collect();
    let mut rest = new;
    while let Some(address) = links::bare(rest) {
        let url = &rest[address.clone()];
        if !document.contains(url) {
            flags.push(Flag::NewAddress(url.to_owned()));
        }
        rest = &rest[address.end..];
    }
    flags
}

/// Lines around the target that are parsed with it, in bytes at each side.
const AROUND: usize = 4 * 1024;

/// Whether the place parses worse with the new text. `None` without a grammar, or where it takes too long.
fn more_errors(target: &Target<'_>, piece: &Piece<'_>) -> Option<bool> {
    let (document, at) = (target.document, &piece.at);
    let above = document.ceil_char_boundary(at.start.saturating_sub(AROUND));
    let from = match above {
        0 => 0,
        above => document[above..at.start]
            .find('\n')
            .map_or(at.start, |line| above + line + 1),
    };
    let below = document.floor_char_boundary((at.end + AROUND).min(document.len()));
    let to = match below == document.len() {
        true => below,
        false => document[at.end..below]
            .rfind('\n')
            .map_or(at.end, |line| at.end + line + 1),
    };
    let (head, tail) = (&document[from..at.start], &document[at.end..to]);
    let before = syntax::errors_in(target.language, &document[from..to])?;
    let after = syntax::errors_in(target.language, &[head, &piece.new, tail].concat())?;
    Some(after > before)
}

#[cfg(test)]
mod tests;
