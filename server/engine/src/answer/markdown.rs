//! A model's Markdown, read by a real parser and written anew from what is allowed.
//!
//! Paragraphs, headings, quotes, lists, tables, code, emphasis and links to the web stay. Pictures become text, HTML is
//! shown as it was typed, other links lose their address. Citations become links to their sources. Nothing of the
//! original text is copied without passing through here, so what is not known is not let through.

use std::ops::Range;

use pulldown_cmark::{
    Alignment, CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd,
    TextMergeWithOffset,
};

use super::Removed;
use super::emit::{self, Block, Item};
use super::ground::{Grounding, Sources};

mod grow;
mod inline;

pub use grow::finished;
use inline::Inline;

/// Markdown that may be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Safe {
    /// The text.
    pub markdown: String,
    /// What it rests on.
    pub grounding: Grounding,
    /// What was taken out; controls and secrets are not looked at here.
    pub removed: Removed,
}

/// Deeper quotes and lists are shown at this depth: nobody needs them, and every level costs stack.
const DEEPEST: usize = 8;
/// A block of at least so many bytes that was there before is where a model began to repeat itself.
const REPEATED: usize = 60;
/// A claim has at least so many words.
const CLAIM: usize = 5;
/// Stands at the end of an answer that was cut.
const CUT: &str = "(The answer repeated itself from here on.)";

/// What is read beyond CommonMark.
const OPTIONS: Options = Options::ENABLE_TABLES;

/// Passes until a text no longer changes. One is enough for what people and models write; the others are for marks that
/// come to stand beside each other only by what was taken out between them.
const PASSES: usize = 6;

/// See the module's header. The result goes through unchanged: `safe(safe(x)) = safe(x)`.
pub fn safe(text: &str, sources: &Sources<'_>) -> Safe {
    let first = pass(text, sources);
    let calm = Sources {
        strict: false,
        ..*sources
    };
    let mut markdown = first.markdown;
    for _ in 0..PASSES {
        let again = pass(&markdown, &calm).markdown;
        if again == markdown {
            return Safe { markdown, ..first };
        }
        markdown = again;
    }
    // Code is the same however often it is read.
    let block = Block::Code {
        language: String::new(),
        text: markdown,
    };
    Safe {
        markdown: emit::document(&[block]),
        ..first
    }
}

/// Reads a text once and writes it anew.
fn pass(text: &str, sources: &Sources<'_>) -> Safe {
    let text = grow::undefined(text);
    let mut reader = Reader {
        sources,
        text: &text,
        frames: vec![Frame::new(Shape::Root, false)],
        inline: Inline::new(sources),
        hidden: 0,
        apart: None,
        line: (0..0, false),
    };
    let parser = Parser::new_ext(&text, OPTIONS).into_offset_iter();
    let events: Vec<_> = TextMergeWithOffset::new(parser).collect();
    for (at, (event, range)) in events.iter().enumerate() {
        let next = match events.get(at + 1) {
            Some((Event::Text(next), _)) => next,
            _ => "",
        };
        reader.read(event, range.start, next);
    }
    reader.flush();
    let root = reader.frames.swap_remove(0);
    let (blocks, repeated) = without_repetition(root.blocks);
    let (grounding, removed) = reader.inline.finish();
    Safe {
        markdown: emit::document(&blocks),
        grounding,
        removed: Removed {
            claims: reader.hidden,
            repeated,
            ..removed
        },
    }
}

/// Up to the first block that says once more what an earlier one said.
fn without_repetition(blocks: Vec<Block>) -> (Vec<Block>, bool) {
    let texts: Vec<String> = blocks
        .iter()
        .map(|block| emit::document(std::slice::from_ref(block)))
        .collect();
    let again = (0..texts.len())
        .find(|&at| texts[at].len() >= REPEATED && texts[..at].contains(&texts[at]));
    match again {
        None => (blocks, false),
        Some(at) => {
            let mut kept = blocks;
            kept.truncate(at);
            kept.push(Block::Paragraph(CUT.to_owned()));
            (kept, true)
        }
    }
}

/// An open block.
#[derive(Debug)]
struct Frame {
    shape: Shape,
    // A blank line stands before it.
    apart: bool,
    blocks: Vec<Block>,
    // For each of `blocks`, whether a blank line stands before it.
    gaps: Vec<bool>,
    items: Vec<Item>,
    rows: Vec<Vec<String>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Shape {
    Root,
    Quote,
    List(Option<u64>),
    Item,
    Table(Vec<&'static str>),
    Code(String),
}

impl Frame {
    fn new(shape: Shape, apart: bool) -> Frame {
        Frame {
            shape,
            apart,
            blocks: Vec::new(),
            gaps: Vec::new(),
            items: Vec::new(),
            rows: Vec::new(),
        }
    }
}

struct Reader<'a> {
    sources: &'a Sources<'a>,
    text: &'a str,
    // The open blocks, the root first; never empty.
    frames: Vec<Frame>,
    inline: Inline<'a>,
    // Claims left out.
    hidden: usize,
    // Whether a blank line stands before the paragraph that is being written.
    apart: Option<bool>,
    // The line that was looked at last, and whether a blank one stands above it.
    line: (Range<usize>, bool),
}

impl Reader<'_> {
    /// One event that begins at this byte; `next` is the text that follows it.
    fn read(&mut self, event: &Event<'_>, at: usize, next: &str) {
        let inline = match event {
            Event::Start(tag) => is_inline(tag),
            Event::End(_) | Event::Rule => false,
            _ => true,
        };
        let apart = self.is_apart(at);
        if inline && self.apart.is_none() {
            self.apart = Some(apart);
        }
        match event {
            Event::Start(tag) => self.start(tag, apart),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match self.code() {
                Some(code) => code.push_str(text),
                None => self.inline.text(text),
            },
            Event::Code(code) => self.inline.code(code, next),
            Event::InlineHtml(html) | Event::Html(html) => self.inline.html(html),
            Event::SoftBreak => self.inline.soft_break(),
            Event::HardBreak => self.inline.hard_break(),
            Event::Rule => {
                self.flush();
                self.push(Block::Rule, apart);
            }
            // Their extensions are off.
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.inline.text(text);
            }
            Event::TaskListMarker(_) => (),
        }
    }

    fn start(&mut self, tag: &Tag<'_>, apart: bool) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock | Tag::Heading { .. } => {
                self.flush();
                self.apart = Some(apart);
                self.inline.heading = matches!(tag, Tag::Heading { .. });
            }
            Tag::BlockQuote(_) => self.open(Shape::Quote, apart),
            Tag::List(start) => self.open(Shape::List(*start), apart),
            Tag::Item => self.open(Shape::Item, apart),
            Tag::CodeBlock(kind) => {
                self.flush();
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.as_ref(),
                    CodeBlockKind::Indented => "",
                };
                self.frames
                    .push(Frame::new(Shape::Code(language(info)), apart));
            }
            Tag::Table(alignments) => {
                self.flush();
                let rules = alignments.iter().map(|alignment| match alignment {
                    Alignment::None => "---",
                    Alignment::Left => ":--",
                    Alignment::Center => ":-:",
                    Alignment::Right => "--:",
                });
                self.frames
                    .push(Frame::new(Shape::Table(rules.collect()), apart));
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = self.frames.last_mut() {
                    table.rows.push(Vec::new());
                }
            }
            Tag::TableCell => self.inline.cell = true,
            Tag::Emphasis => self.inline.open_mark("*"),
            Tag::Strong => self.inline.open_mark("**"),
            Tag::Link {
                link_type,
                dest_url,
                ..
            } => self.inline.open_link(
                dest_url,
                matches!(link_type, LinkType::Autolink | LinkType::Email),
            ),
            Tag::Image { .. } => self.inline.open_image(),
            _ => (),
        }
    }

    fn end(&mut self, tag: &TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.flush(),
            TagEnd::Heading(level) => {
                self.inline.heading = false;
                let (text, _) = self.inline.take();
                let apart = self.apart.take().unwrap_or(true);
                if !text.is_empty() {
                    self.push(Block::Heading(depth(*level), text), apart);
                }
            }
            TagEnd::BlockQuote(_) => self.close(&Shape::Quote),
            TagEnd::List(ordered) => self.close(&Shape::List(ordered.then_some(1))),
            TagEnd::Item => self.close(&Shape::Item),
            TagEnd::CodeBlock | TagEnd::Table => self.close_leaf(),
            TagEnd::TableCell => {
                self.inline.cell = false;
                let (text, _) = self.inline.take();
                if let Some(row) = self.frames.last_mut().and_then(|t| t.rows.last_mut()) {
                    row.push(text);
                }
            }
            TagEnd::Emphasis | TagEnd::Strong => self.inline.close_mark(),
            TagEnd::Link => self.inline.close_link(),
            TagEnd::Image => self.inline.close_image(),
            _ => (),
        }
    }

    /// Opens a container, where that is not too deep.
    fn open(&mut self, shape: Shape, apart: bool) {
        self.flush();
        if self.frames.len() <= DEEPEST {
            self.frames.push(Frame::new(shape, apart));
        } else {
            self.inline.too_deep += 1;
        }
    }

    fn close(&mut self, shape: &Shape) {
        self.flush();
        if self.inline.too_deep > 0 {
            self.inline.too_deep -= 1;
            return;
        }
        let same =
            |frame: &Frame| std::mem::discriminant(&frame.shape) == std::mem::discriminant(shape);
        if self.frames.len() < 2 || !self.frames.last().is_some_and(same) {
            return;
        }
        let Some(frame) = self.frames.pop() else {
            return;
        };
        match frame.shape {
            Shape::Quote if !frame.blocks.is_empty() => {
                self.push(Block::Quote(frame.blocks), frame.apart);
            }
            Shape::Item => {
                if let Some(list) = self.frames.last_mut() {
                    list.items.push(Item {
                        apart: frame.apart,
                        blocks: frame.gaps.into_iter().zip(frame.blocks).collect(),
                    });
                }
            }
            Shape::List(start) if !frame.items.is_empty() => {
                let items = frame.items;
                self.push(Block::List { start, items }, frame.apart);
            }
            _ => (),
        }
    }

    fn close_leaf(&mut self) {
        // What was read within it is no paragraph.
        self.apart = None;
        if self.frames.len() < 2 {
            return;
        }
        match self.frames.pop() {
            Some(Frame {
                shape: Shape::Table(rules),
                apart,
                rows,
                ..
            }) => self.push(Block::Table { rules, rows }, apart),
            Some(Frame {
                shape: Shape::Code(language),
                apart,
                mut blocks,
                ..
            }) => {
                let text = match blocks.pop() {
                    Some(Block::Paragraph(text)) => text,
                    _ => String::new(),
                };
                self.push(Block::Code { language, text }, apart);
            }
            _ => (),
        }
    }

    /// The text of the open code block.
    fn code(&mut self) -> Option<&mut String> {
        let frame = self.frames.last_mut()?;
        if !matches!(frame.shape, Shape::Code(_)) {
            return None;
        }
        if frame.blocks.is_empty() {
            frame.blocks.push(Block::Paragraph(String::new()));
        }
        match frame.blocks.last_mut() {
            Some(Block::Paragraph(text)) => Some(text),
            _ => None,
        }
    }

    /// Ends the paragraph that is open, if it holds anything.
    fn flush(&mut self) {
        let (text, supported) = self.inline.take();
        let apart = self.apart.take().unwrap_or(true);
        if text.is_empty() {
            return;
        }
        let claim = text.split_whitespace().count() >= CLAIM && text != CUT && !text.ends_with(':');
        let grounding = &mut self.inline.grounding;
        grounding.claims += usize::from(claim);
        grounding.supported += usize::from(claim && supported);
        if claim && !supported && self.sources.strict {
            self.hidden += 1;
            return;
        }
        self.push(Block::Paragraph(text), apart);
    }

    fn push(&mut self, block: Block, apart: bool) {
        if let Some(frame) = self.frames.last_mut() {
            frame.blocks.push(block);
            frame.gaps.push(apart);
        }
    }

    /// Whether a blank line stands above the line of this byte.
    fn is_apart(&mut self, at: usize) -> bool {
        if !self.line.0.contains(&at) {
            let start = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
            let end = self.text[at..]
                .find('\n')
                .map_or(self.text.len(), |len| at + len + 1);
            let above = self.text[..start].lines().next_back().unwrap_or_default();
            let blank = above.trim_start_matches([' ', '\t', '>']).trim().is_empty();
            self.line = (start..end, start > 0 && blank);
        }
        self.line.1
    }
}

fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. }
    )
}

/// The language of a code block: one plain word.
fn language(info: &str) -> String {
    let word = info.split([' ', ',', '\t']).next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "+#_.-".contains(c);
    match word.len() <= 20 && word.chars().all(plain) {
        true => word.to_owned(),
        false => String::new(),
    }
}

fn depth(level: HeadingLevel) -> usize {
    level as usize
}
