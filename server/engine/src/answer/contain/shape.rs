//! From a reply to text that fits its place: the code blocks of the reply, and the indentation, line ends and
//! unseen characters of the place.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::Refused;
use crate::redact::without_invisible;

/// The info string of a block that holds the new import block.
const IMPORTS: &str = "imports";

/// The code of a reply.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// For the target.
    pub(super) target: Option<String>,
    /// For the import block.
    pub(super) imports: Option<String>,
}

/// Where a text goes.
pub(super) struct Spot<'a> {
    /// Bytes of the document; empty for an insertion.
    pub(super) at: Range<usize>,
    /// What each line begins with where the text indents nothing; `None` is as deep as what is there.
    pub(super) indent: Option<&'a str>,
    /// What is inserted is parted from its neighbours by a blank line.
    pub(super) apart: bool,
}

/// The code blocks of a reply: one for the target, and where the import block may change, one for that, or that
/// alone.
pub(super) fn blocks(reply: &str, with_imports: bool) -> Result<Blocks, Refused> {
    let mut found: Vec<(bool, String)> = Vec::new();
    let mut open = false;
    for event in Parser::new(reply) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                open = true;
                let imports = info.split_whitespace().next() == Some(IMPORTS);
                found.push((with_imports && imports, String::new()));
            }
            Event::End(TagEnd::CodeBlock) => open = false,
            Event::Text(text) if open => {
                if let Some((_, block)) = found.last_mut() {
                    block.push_str(&text);
                }
            }
            _ => (),
        }
    }
    if found.is_empty() {
        return Err(Refused::NoBlock);
    }
    let mut blocks = Blocks::default();
    for (imports, block) in found {
        let place = match imports {
            true => &mut blocks.imports,
            false => &mut blocks.target,
        };
        if place.replace(block).is_some() {
            return Err(Refused::SeveralBlocks);
        }
    }
    Ok(blocks)
}

/// The new text as it will stand: indentation, line ends, the end of the last line and unseen characters as before.
pub(super) fn shaped(new: &str, old: &str, spot: &Spot<'_>, document: &str) -> String {
    let (before, after) = (&document[..spot.at.start], &document[spot.at.end..]);
    let here = match old.is_empty() {
        // An insertion is as deep as the line that it stands before.
        true => after.lines().next().unwrap_or_default(),
        false => old,
    };
    let deep = spot.indent.unwrap_or_else(|| least_indent(here));
    let missing = match least_indent(new) {
        "" => deep,
        _ => "",
    };
    // What was left out as unseen comes back where a line is otherwise as it was.
    let kept: Vec<(String, &str)> = old
        .lines()
        .map(|line| (without_invisible(line), line))
        .filter(|((_, unseen), _)| *unseen > 0)
        .map(|((seen, _), line)| (seen.into_owned(), line))
        .collect();
    let end = match old.contains("\r\n") || old.is_empty() && document.contains("\r\n") {
        true => "\r\n",
        false => "\n",
    };
    let lines: Vec<String> = new
        .lines()
        .map(|line| match line.trim().is_empty() {
            true => String::new(),
            false => format!("{missing}{line}"),
        })
        .map(|line| match kept.iter().find(|(seen, _)| *seen == line) {
            Some((_, original)) => (*original).to_owned(),
            None => line,
        })
        .collect();
    let mut text = lines.join(end);
    if (old.is_empty() || old.ends_with('\n')) && !text.is_empty() {
        text += end;
    }
    match old.is_empty() && !text.is_empty() {
        true => parted(&text, (before, after), end, spot.apart),
        false => text,
    }
}

/// An insertion on lines of its own, and where it is to stand apart, with a blank line on either side.
fn parted(text: &str, (before, after): (&str, &str), end: &str, apart: bool) -> String {
    let mut head = String::new();
    if !before.is_empty() && !before.ends_with('\n') {
        head += end;
    }
    let above = before.lines().next_back().unwrap_or_default().trim_end();
    if apart && !above.is_empty() && !above.ends_with(['{', ':']) {
        head += end;
    }
    let below = after.lines().next().unwrap_or_default().trim();
    let closes = below.is_empty() || below.starts_with(['}', ')', ']']) || below == "end";
    let tail = if apart && !closes { end } else { "" };
    format!("{head}{text}{tail}")
}

/// The indentation that all lines that say something have in common.
fn least_indent(text: &str) -> &str {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let indents = lines.map(|line| &line[..line.len() - line.trim_start().len()]);
    indents
        .min_by_key(|indent| indent.len())
        .unwrap_or_default()
}
