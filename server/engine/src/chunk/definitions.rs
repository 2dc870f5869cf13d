//! Definitions: chunks by the language's own query, members apart from what encloses them.

use std::ops::{ControlFlow, Range};

use foretoken_grammars::{Language, captures};
use tree_sitter::{Node, Parser, QueryCursor, StreamingIterator, Tree};

use super::windows::{self, Border};
use super::{Chunk, Kind, LEAST_BYTES, Lines, MOST, MOST_BYTES, MOST_MEMBERS, chunk};

/// Definitions inside definitions deeper than this stay parts of what encloses them.
const DEEPEST: usize = 16;
/// No tree for a longer text; the walk leaves such files out anyway.
const LONGEST: usize = 2 * 1024 * 1024;

/// One definition of the file; lines with the comments and attributes above it.
struct Definition {
    // As it is spelt: `Store::find`, `Cache<K>`.
    name: String,
    kind: Kind,
    lines: Range<usize>,
    // The line of the definition itself, below its comments.
    head: usize,
    // The byte and the line of its name; attributes of the definition may stand above it.
    spelt: usize,
    named: usize,
    // Definitions directly inside, by number.
    members: Vec<usize>,
    // Where it may be cut, if it is too long to stay whole.
    borders: Vec<Border>,
}

/// A chunk with the length of what its qualified name has of the enclosing ones.
struct Emitted {
    chunk: Chunk,
    outer: usize,
}

/// The chunks of a file; `None` when its structure could not be read.
pub(super) fn of(text: &str, lines: &Lines, language: Language, tree: &Tree) -> Option<Vec<Chunk>> {
    if is_mostly_broken(tree, text.len()) {
        return None;
    }
    let mut all = find(text, lines, language, tree)?;
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

/// A definition by itself, whatever chunk it is in.
pub(crate) struct Outlined {
    pub(crate) name: String,
    pub(crate) qualified: String,
    pub(crate) kind: Kind,
    // With its comments; the lines of its head alone; the byte of its name.
    pub(crate) lines: Range<usize>,
    pub(crate) head: Range<usize>,
    pub(crate) spelt: usize,
}

/// All definitions of a tree in their order, members included.
pub(crate) fn outline(
    text: &str,
    lines: &Lines,
    language: Language,
    tree: &Tree,
) -> Option<Vec<Outlined>> {
    let mut all = find(text, lines, language, tree)?;
    let top = nest(&mut all, text, lines);
    let mut found = Vec::with_capacity(all.len());
    let mut open: Vec<(usize, String)> = top
        .into_iter()
        .rev()
        .map(|at| (at, String::new()))
        .collect();
    while let Some((at, outer)) = open.pop() {
        let this = &all[at];
        let qualified = within(&outer, &this.name);
        let members = this.members.iter().rev();
        open.extend(members.map(|member| (*member, qualified.clone())));
        found.push(Outlined {
            name: own_name(&this.name).to_owned(),
            qualified,
            kind: this.kind,
            lines: this.lines.clone(),
            head: this.named..this.named + 1,
            spelt: this.spelt,
        });
    }
    Some(found)
}

/// A name with that of what encloses it.
fn within(outer: &str, name: &str) -> String {
    match outer {
        "" => name.to_owned(),
        outer => format!("{outer}.{name}"),
    }
}

/// The tree of a text; `None` once `stop` says so, and for a text that is too long.
pub(crate) fn parse(
    text: &str,
    language: Language,
    stop: &mut dyn FnMut() -> bool,
) -> Option<Tree> {
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
    let kinded = query.capture_index_for_name(captures::KIND);
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
        // A decorator says nothing of what it decorates.
        let told = kinded
            .and_then(node)
            .or_else(|| definition.child_by_field_name("definition"))
            .unwrap_or(definition);
        found.push(Definition {
            name: text.get(name.byte_range()).map(spell).unwrap_or_default(),
            kind: kind(told.kind()),
            lines: head..last + 1,
            head,
            spelt: name.start_byte(),
            named: lines.at(name.start_byte()).clamp(head, last),
            borders: match end - start > MOST_BYTES {
                true => borders(definition, lines),
                false => Vec::new(),
            },
            members: Vec::new(),
        });
    }
    Some(found)
}

/// A name on one line, at most 120 characters: selectors and keys may be spread over several.
fn spell(name: &str) -> String {
    let mut spelt = String::new();
    for word in name.trim_matches(['"', '\'']).split_whitespace() {
        if !spelt.is_empty() {
            spelt.push(' ');
        }
        spelt.extend(word.chars().take(120));
    }
    spelt.chars().take(120).collect()
}

/// The name alone, without the types that it is inside of and without type arguments: what a question calls it.
fn own_name(spelt: &str) -> &str {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let bare = spelt
        .split_once('<')
        .map_or(spelt, |(bare, _)| bare.trim_end());
    let path = |c: char| is_word(c) || ".:".contains(c);
    if !bare.starts_with(is_word) || !bare.ends_with(is_word) || !bare.chars().all(path) {
        return spelt;
    }
    bare.rsplit(['.', ':']).next().unwrap_or(spelt)
}

/// The lines on which the parts of a long definition begin; parts that are too long themselves are opened.
fn borders(of: Node, lines: &Lines) -> Vec<Border> {
    let mut found = Vec::new();
    let mut open = vec![(of, 0)];
    while let Some((node, depth)) = open.pop() {
        let mut cursor = node.walk();
        // Where a comment stands above, the part begins with it.
        let mut commented = None;
        for child in node.named_children(&mut cursor) {
            let line = lines.at(child.start_byte());
            if commented != Some(line) && commented.is_none_or(|below| line > below) {
                found.push(Border { line, depth });
            }
            commented = child
                .kind()
                .contains("comment")
                .then(|| lines.at(child.end_byte().saturating_sub(1)) + 1);
            if child.byte_range().len() > MOST_BYTES && depth < DEEPEST {
                open.push((child, depth + 1));
            }
        }
    }
    found.sort_unstable_by_key(|border| (border.line, border.depth));
    found.dedup_by_key(|border| border.line);
    found
}

/// The kind of a definition by the name of its node; grammars differ, these syllables do not.
fn kind(node: &str) -> Kind {
    let has = |parts: &[&str]| parts.iter().any(|part| node.contains(part));
    let functions = [
        "function",
        "method",
        "constructor",
        "destructor",
        "operator",
        "init_declaration",
        "macro",
        "test",
    ];
    if has(&functions) {
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
        "protocol",
    ]) {
        Kind::Type
    } else if ["element", "media_statement", "supports_statement"].contains(&node) {
        Kind::Section
    } else {
        Kind::Value
    }
}

/// Orders the definitions, finds who is inside whom, draws comments to what they stand above.
/// Returns the outermost ones.
fn nest(all: &mut Vec<Definition>, text: &str, lines: &Lines) -> Vec<usize> {
    // Of two readings of one node the more telling one stays: a constant that holds a type is a type.
    all.sort_by_key(|d| (d.lines.start, std::cmp::Reverse(d.lines.end), d.kind));
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
        if !matches!(all[at].kind, Kind::Type | Kind::Section) {
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
        let is_comment = ["//", "/*", "*", "#", "--", "@", "\"\"\"", ";", "%", "<!--"]
            .iter()
            .any(|mark| line.starts_with(mark))
            || line.ends_with("*/")
            || line.ends_with("-->");
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
    found: Vec<Emitted>,
}

impl Emitter<'_> {
    /// A definition and, where it is too large to be one chunk, its members apart.
    fn definition(&mut self, at: usize, outer: &str, depth: usize) {
        let all = self.all;
        let this = &all[at];
        let qualified = within(outer, &this.name);
        let size = self.lines.bytes(&this.lines).len();
        let apart = this.kind == Kind::Type && size > LEAST_BYTES * 2 || size > MOST_BYTES;
        if this.members.is_empty() || !apart || depth >= DEEPEST {
            let from = self.found.len();
            self.parts(this, &this.lines, &qualified);
            let inner = this.members.iter().map(|member| &all[*member].name);
            if let Some(first) = self.found.get_mut(from) {
                let inner = inner.map(|name| own_name(name).to_owned());
                first.chunk.names.extend(inner);
            }
            return;
        }
        let mut cursor = this.lines.start;
        for member in &this.members {
            let start = all[*member].lines.start.max(cursor);
            if cursor == this.lines.start {
                let from = self.found.len();
                self.parts(this, &(cursor..start), &qualified);
                let heads = this.members.iter().map(|member| all[*member].named);
                let heads = heads.map(|line| self.lines.bytes(&(line..line + 1)));
                if let Some(first) = self.found.get_mut(from) {
                    first.chunk.members = heads.take(MOST_MEMBERS).collect();
                }
            } else {
                self.rest(cursor..start, &qualified);
            }
            self.definition(*member, &qualified, depth + 1);
            cursor = all[*member].lines.end.max(cursor);
        }
        self.rest(cursor..this.lines.end, &qualified);
    }

    fn parts(&mut self, of: &Definition, lines: &Range<usize>, qualified: &str) {
        let signature = self.lines.bytes(&(of.named..of.named + 1));
        for part in windows::cut(self.text, self.lines, lines.clone(), &of.borders) {
            let chunk = Chunk {
                name: own_name(&of.name).to_owned(),
                qualified: qualified.to_owned(),
                signature: signature.clone(),
                ..chunk(of.kind, self.lines, part)
            };
            self.found.push(Emitted {
                chunk,
                outer: qualified.len() - of.name.len(),
            });
        }
    }

    fn rest(&mut self, lines: Range<usize>, outer: &str) {
        let bytes = self.lines.bytes(&lines);
        let text = &self.text[bytes.clone()];
        if !text.contains(char::is_alphanumeric) {
            // A closing bracket belongs to what it closes.
            return;
        }
        let last = self.found.last_mut();
        let last = last.filter(|last| last.chunk.bytes.end == bytes.start);
        if let Some(last) = last.filter(|_| text.split_whitespace().all(|word| word == "end")) {
            // So does a closing word.
            last.chunk.bytes.end = bytes.end;
            last.chunk.lines.end = lines.end as u32;
            return;
        }
        for part in windows::cut(self.text, self.lines, lines, &[]) {
            let chunk = Chunk {
                qualified: outer.to_owned(),
                ..chunk(Kind::Rest, self.lines, part)
            };
            self.found.push(Emitted {
                chunk,
                outer: outer.len(),
            });
        }
    }
}

/// Joins neighbours that are small, of one kind and of one enclosing name.
fn join(chunks: Vec<Emitted>) -> Vec<Chunk> {
    let mut found: Vec<Emitted> = Vec::with_capacity(chunks.len());
    for one in chunks {
        if let Some(before) = found.last_mut() {
            let kin =
                before.chunk.qualified.get(..before.outer) == one.chunk.qualified.get(..one.outer);
            let (last, next) = (&mut before.chunk, &one.chunk);
            let small = last.bytes.len() < LEAST_BYTES && next.bytes.len() < LEAST_BYTES;
            let near = next.bytes.start.saturating_sub(last.bytes.end) < LEAST_BYTES;
            let same = last.kind == next.kind && kin;
            if small && same && near && next.bytes.start >= last.bytes.end {
                last.bytes.end = next.bytes.end;
                last.lines.end = next.lines.end;
                let named = Some(one.chunk.name).filter(|name| !name.is_empty());
                last.names.extend(named);
                last.names.extend(one.chunk.names);
                last.members.extend(one.chunk.members);
                continue;
            }
        }
        found.push(one);
    }
    found.into_iter().map(|one| one.chunk).collect()
}
