//! Definitions: chunks by the language's own query, members apart from what encloses them.

use std::ops::{ControlFlow, Range};

use foretoken_grammars::{Language, captures};
use tree_sitter::{Parser, QueryCursor, StreamingIterator, Tree};

use super::{Chunk, Kind, LEAST_BYTES, Lines, MOST, MOST_BYTES, chunk, windows};

/// Definitions inside definitions deeper than this stay parts of what encloses them.
const DEEPEST: usize = 16;
/// No tree for a longer text; the walk leaves such files out anyway.
const LONGEST: usize = 2 * 1024 * 1024;

/// One definition of the file; lines with the comments and attributes above it.
struct Definition {
    name: String,
    kind: Kind,
    lines: Range<usize>,
    // The line of the definition itself, below its comments.
    head: usize,
    // Definitions directly inside, by number.
    members: Vec<usize>,
}

/// The chunks of a file; `None` when its structure could not be read.
pub(super) fn of(
    text: &str,
    lines: &Lines,
    language: Language,
    stop: &mut dyn FnMut() -> bool,
) -> Option<Vec<Chunk>> {
    let tree = parse(text, language, stop)?;
    if is_mostly_broken(&tree, text.len()) {
        return None;
    }
    let mut all = find(text, lines, language, &tree)?;
    let top = nest(&mut all, text, lines);
    let mut out = Emitter {
        text,
        lines,
        all: &all,
        found: Vec::new(),
    };
    let mut cursor = 0;
    for at in top {
        out.rest(cursor..all[at].lines.start.max(cursor), "");
        out.definition(at, "", 0);
        cursor = all[at].lines.end.max(cursor);
    }
    out.rest(cursor..lines.count(), "");
    Some(join(out.found))
}

fn parse(text: &str, language: Language, stop: &mut dyn FnMut() -> bool) -> Option<Tree> {
    if text.len() > LONGEST {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&language.grammar()?).ok()?;
    let mut ask = |_: &tree_sitter::ParseState| match stop() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let options = tree_sitter::ParseOptions::new().progress_callback(&mut ask);
    let bytes = text.as_bytes();
    parser.parse_with_options(
        &mut |at, _| bytes.get(at..).unwrap_or(&[]),
        None,
        Some(options),
    )
}

/// Over 30 % of the text inside errors: another language, or a dialect.
fn is_mostly_broken(tree: &Tree, length: usize) -> bool {
    let mut broken = 0;
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        if node.is_error() {
            broken += node.byte_range().len();
        } else if node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return broken * 10 > length * 3;
            }
        }
    }
}

fn find(text: &str, lines: &Lines, language: Language, tree: &Tree) -> Option<Vec<Definition>> {
    let query = language.chunks()?;
    let whole = query.capture_index_for_name(captures::CHUNK)?;
    let named = query.capture_index_for_name(captures::NAME)?;
    let mut cursor = QueryCursor::new();
    let mut matches = cursor.matches(query, tree.root_node(), text.as_bytes());
    let mut found: Vec<Definition> = Vec::new();
    while let Some(one) = matches.next() {
        let node = |index| {
            one.captures
                .iter()
                .find(|c| c.index == index)
                .map(|c| c.node)
        };
        let (Some(definition), Some(name)) = (node(whole), node(named)) else {
            continue;
        };
        if found.len() >= MOST {
            break;
        }
        let (start, end) = (definition.start_byte(), definition.end_byte());
        let head = lines.at(start);
        let last = lines.at(end.saturating_sub(1).max(start));
        found.push(Definition {
            name: text
                .get(name.byte_range())
                .unwrap_or_default()
                .chars()
                .take(120)
                .collect(),
            // A decorator says nothing of what it decorates.
            kind: kind(
                definition
                    .child_by_field_name("definition")
                    .unwrap_or(definition)
                    .kind(),
            ),
            lines: head..last + 1,
            head,
            members: Vec::new(),
        });
    }
    Some(found)
}

/// The kind of a definition by the name of its node; grammars differ, these syllables do not.
fn kind(node: &str) -> Kind {
    let has = |parts: &[&str]| parts.iter().any(|part| node.contains(part));
    if has(&["function", "method", "constructor", "macro"]) {
        Kind::Function
    } else if has(&[
        "class",
        "struct",
        "enum",
        "union",
        "trait",
        "interface",
        "impl",
        "mod_item",
        "module",
        "namespace",
        "record",
        "object",
        "type_spec",
        "type_declaration",
        "annotation_type",
    ]) {
        Kind::Type
    } else {
        Kind::Value
    }
}

/// Orders the definitions, finds who is inside whom, draws comments to what they stand above.
/// Returns the outermost ones.
fn nest(all: &mut Vec<Definition>, text: &str, lines: &Lines) -> Vec<usize> {
    all.sort_by_key(|d| (d.lines.start, std::cmp::Reverse(d.lines.end)));
    // A decorated definition and the definition itself, a declaration and its only declarator.
    all.dedup_by(|inner, outer| inner.lines.end == outer.lines.end && inner.name == outer.name);
    let mut top = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut floor = 0;
    for at in 0..all.len() {
        while open
            .last()
            .is_some_and(|o| all[*o].lines.end <= all[at].lines.start)
        {
            open.pop();
        }
        let outer = open.last().copied();
        // Definitions that share a line cannot be told apart by lines: the first one has them.
        let crossing = all[at].lines.start < floor
            || outer.is_some_and(|o| all[at].lines.end > all[o].lines.end);
        let inside_head = outer.is_some_and(|o| all[at].lines.start <= all[o].head);
        if crossing || inside_head || open.len() >= DEEPEST {
            continue;
        }
        let lowest = outer.map_or(floor, |o| floor.max(all[o].head + 1));
        let above = comments_above(text, lines, lowest, all[at].head);
        all[at].lines.start = above;
        floor = all[at].head + 1;
        match outer {
            Some(outer) => all[outer].members.push(at),
            None => top.push(at),
        }
        if !matches!(all[at].kind, Kind::Type) {
            floor = all[at].lines.end;
        }
        open.push(at);
    }
    top
}

/// The first of the lines of comment, attribute or decorator that stand directly above a line.
fn comments_above(text: &str, lines: &Lines, lowest: usize, head: usize) -> usize {
    let mut from = head;
    while from > lowest {
        let line = text[lines.bytes(&(from - 1..from))].trim();
        let is_comment = ["//", "/*", "*", "#", "--", "@", "\"\"\"", ";", "%"]
            .iter()
            .any(|mark| line.starts_with(mark))
            || line.ends_with("*/");
        if !is_comment {
            break;
        }
        from -= 1;
    }
    from
}

struct Emitter<'a> {
    text: &'a str,
    lines: &'a Lines,
    all: &'a [Definition],
    found: Vec<Chunk>,
}

impl Emitter<'_> {
    /// A definition and, where it is too large to be one chunk, its members apart.
    fn definition(&mut self, at: usize, outer: &str, depth: usize) {
        let all = self.all;
        let this = &all[at];
        let qualified = match outer {
            "" => this.name.clone(),
            outer => format!("{outer}.{}", this.name),
        };
        let size = self.lines.bytes(&this.lines).len();
        let apart = this.kind == Kind::Type && size > LEAST_BYTES * 2 || size > MOST_BYTES;
        if this.members.is_empty() || !apart || depth >= DEEPEST {
            let from = self.found.len();
            self.parts(this, &this.lines, &qualified);
            let inner = this.members.iter().map(|member| all[*member].name.clone());
            if let Some(first) = self.found.get_mut(from) {
                first.names.extend(inner);
            }
            return;
        }
        let mut cursor = this.lines.start;
        for member in &this.members {
            let start = all[*member].lines.start.max(cursor);
            if cursor == this.lines.start {
                self.parts(this, &(cursor..start), &qualified);
            } else {
                self.rest(cursor..start, &qualified);
            }
            self.definition(*member, &qualified, depth + 1);
            cursor = all[*member].lines.end.max(cursor);
        }
        self.rest(cursor..this.lines.end, &qualified);
    }

    fn parts(&mut self, of: &Definition, lines: &Range<usize>, qualified: &str) {
        let signature = self.lines.bytes(&(of.head..of.head + 1));
        for part in windows::cut(self.text, self.lines, lines.clone()) {
            self.found.push(Chunk {
                name: of.name.clone(),
                qualified: qualified.to_owned(),
                signature: signature.clone(),
                ..chunk(of.kind, self.lines, part)
            });
        }
    }

    fn rest(&mut self, lines: Range<usize>, outer: &str) {
        let bytes = self.lines.bytes(&lines);
        if !self.text[bytes].contains(char::is_alphanumeric) {
            // A closing bracket belongs to what it closes.
            return;
        }
        for part in windows::cut(self.text, self.lines, lines) {
            self.found.push(Chunk {
                qualified: outer.to_owned(),
                ..chunk(Kind::Rest, self.lines, part)
            });
        }
    }
}

/// Joins neighbours that are small, of one kind and of one enclosing name.
fn join(chunks: Vec<Chunk>) -> Vec<Chunk> {
    let outer = |chunk: &Chunk| {
        let end = chunk.qualified.len().saturating_sub(chunk.name.len());
        chunk.qualified[..end].to_owned()
    };
    let mut found: Vec<Chunk> = Vec::with_capacity(chunks.len());
    for next in chunks {
        if let Some(last) = found.last_mut() {
            let small = last.bytes.len() < LEAST_BYTES && next.bytes.len() < LEAST_BYTES;
            let kin = last.kind == next.kind && outer(last) == outer(&next);
            let near = next.bytes.start.saturating_sub(last.bytes.end) < LEAST_BYTES;
            if small && kin && near && next.bytes.start >= last.bytes.end {
                last.bytes.end = next.bytes.end;
                last.lines.end = next.lines.end;
                last.names
                    .extend(Some(next.name).filter(|name| !name.is_empty()));
                last.names.extend(next.names);
                continue;
            }
        }
        found.push(next);
    }
    found
}
