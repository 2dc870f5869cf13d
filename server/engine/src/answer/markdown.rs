//! A model's Markdown, read by a real parser and written anew from what is allowed.
//!
//! Paragraphs, headings, quotes, lists, tables, code, emphasis and links to the web stay. Pictures become text, HTML is
//! shown as it was typed, other links lose their address. Citations become links to their sources. Nothing of the
//! original text is copied without passing through here, so what is not known is not let through.

use pulldown_cmark::{
    Alignment, CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd,
    TextMergeStream,
};

use super::Removed;
use super::emit::{self, Block};
use super::ground::{Grounding, Sources};

mod inline;

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
    let mut options = Options::empty();
    options.insert(Options::ENABLE_TABLES);
    let mut reader = Reader {
        sources,
        frames: vec![Frame::new(Shape::Root)],
        inline: Inline::new(sources),
        hidden: 0,
    };
    let text = undefined(text);
    let events: Vec<Event<'_>> = TextMergeStream::new(Parser::new_ext(&text, options)).collect();
    for (at, event) in events.iter().enumerate() {
        let next = match events.get(at + 1) {
            Some(Event::Text(next)) => next,
            _ => "",
        };
        reader.read(event, next);
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

/// How many bytes of a growing text are blocks that will not change any more: up to the last blank line outside a code
/// block, so that each call of [`safe`] sees whole blocks.
pub fn finished(text: &str) -> usize {
    let (mut done, mut at) = (0, 0);
    let mut fence = Fence::default();
    for line in text.split_inclusive('\n') {
        at += line.len();
        let code = fence.is_code(line);
        if !code && line.ends_with('\n') && line.trim().is_empty() {
            done = at;
        }
    }
    done
}

/// The text without definitions of links, which are shown as they were typed: a definition at the end of an answer would
/// change paragraphs that the user has already read.
fn undefined(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fence = Fence::default();
    for line in text.split_inclusive('\n') {
        let code = fence.is_code(line) || line.starts_with("    ") || line.starts_with('\t');
        let start = line.find(|c: char| !" >-*+.)0123456789".contains(c));
        match start.filter(|at| !code && line[*at..].starts_with('[') && line[*at..].contains("]:"))
        {
            Some(at) => out.extend([&line[..at], "\\", &line[at..]]),
            None => out.push_str(line),
        }
    }
    out
}

/// Follows fenced code line by line.
#[derive(Default)]
struct Fence {
    // Its sign, how many there are, whether it stands in a quote.
    open: Option<(char, usize, bool)>,
}

impl Fence {
    /// Whether this line, the next one of the text, is code or the fence of code.
    fn is_code(&mut self, line: &str) -> bool {
        let body = line.trim_start_matches([' ', '>', '\t']);
        let mark = body.chars().next().filter(|c| "`~".contains(*c));
        let run = mark.map_or(0, |mark| body.chars().take_while(|c| *c == mark).count());
        let quoted = line.trim_start().starts_with('>');
        // A quote takes its code along when it ends.
        if self
            .open
            .is_some_and(|(_, _, in_quote)| in_quote && !quoted)
        {
            self.open = None;
        }
        match (self.open, mark) {
            (Some((open, least, in_quote)), Some(mark))
                if mark == open && run >= least && in_quote == quoted =>
            {
                self.open = None;
            }
            (None, Some(mark)) if run >= 3 => self.open = Some((mark, run, quoted)),
            (None, _) => return false,
            _ => (),
        }
        true
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
    blocks: Vec<Block>,
    items: Vec<Vec<Block>>,
    rows: Vec<Vec<String>>,
    loose: bool,
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
    fn new(shape: Shape) -> Frame {
        Frame {
            shape,
            blocks: Vec::new(),
            items: Vec::new(),
            rows: Vec::new(),
            loose: false,
        }
    }
}

struct Reader<'a> {
    sources: &'a Sources<'a>,
    // The open blocks, the root first; never empty.
    frames: Vec<Frame>,
    inline: Inline<'a>,
    // Claims left out.
    hidden: usize,
}

impl Reader<'_> {
    fn read(&mut self, event: &Event<'_>, next: &str) {
        match event {
            Event::Start(tag) => self.start(tag),
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
                self.push(Block::Rule);
            }
            // Their extensions are off.
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.inline.text(text);
            }
            Event::TaskListMarker(_) => (),
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => {
                self.flush();
                if let Some(list) = self.frames.iter_mut().rev().nth(1)
                    && matches!(tag, Tag::Paragraph)
                {
                    list.loose = true;
                }
            }
            Tag::Heading { .. } => {
                self.flush();
                self.inline.heading = true;
            }
            Tag::BlockQuote(_) => self.open(Shape::Quote),
            Tag::List(start) => self.open(Shape::List(*start)),
            Tag::Item => self.open(Shape::Item),
            Tag::CodeBlock(kind) => {
                self.flush();
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.as_ref(),
                    CodeBlockKind::Indented => "",
                };
                self.frames.push(Frame::new(Shape::Code(language(info))));
            }
            Tag::Table(alignments) => {
                self.flush();
                let rules = alignments.iter().map(|alignment| match alignment {
                    Alignment::None => "---",
                    Alignment::Left => ":--",
                    Alignment::Center => ":-:",
                    Alignment::Right => "--:",
                });
                self.frames.push(Frame::new(Shape::Table(rules.collect())));
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
                if !text.is_empty() {
                    self.push(Block::Heading(depth(*level), text));
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
    fn open(&mut self, shape: Shape) {
        self.flush();
        if self.frames.len() <= DEEPEST {
            self.frames.push(Frame::new(shape));
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
            Shape::Quote if !frame.blocks.is_empty() => self.push(Block::Quote(frame.blocks)),
            Shape::Item => {
                if let Some(list) = self.frames.last_mut() {
                    list.items.push(frame.blocks);
                }
            }
            Shape::List(start) if !frame.items.is_empty() => {
                // Blocks that need a blank line before them make a list loose.
                let calm = |(at, block): (usize, &Block)| {
                    at == 0 || matches!(block, Block::List { .. } | Block::Code { .. })
                };
                let loose = frame.loose
                    || !frame
                        .items
                        .iter()
                        .all(|item| item.iter().enumerate().all(calm));
                self.push(Block::List {
                    start,
                    tight: !loose,
                    items: frame.items,
                });
            }
            _ => (),
        }
    }

    fn close_leaf(&mut self) {
        if self.frames.len() < 2 {
            return;
        }
        match self.frames.pop() {
            Some(Frame {
                shape: Shape::Table(rules),
                rows,
                ..
            }) => self.push(Block::Table { rules, rows }),
            Some(Frame {
                shape: Shape::Code(language),
                mut blocks,
                ..
            }) => {
                let text = match blocks.pop() {
                    Some(Block::Paragraph(text)) => text,
                    _ => String::new(),
                };
                self.push(Block::Code { language, text });
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
        self.push(Block::Paragraph(text));
    }

    fn push(&mut self, block: Block) {
        if let Some(frame) = self.frames.last_mut() {
            frame.blocks.push(block);
        }
    }
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
