//! Blocks of Markdown to text, in one form for each: what is written here reads back as the same blocks.

/// A block that is allowed. Inline content is Markdown already, see [`super::markdown`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Block {
    Paragraph(String),
    Heading(usize, String),
    Quote(Vec<Block>),
    Code {
        language: String,
        text: String,
    },
    List {
        start: Option<u64>,
        items: Vec<Item>,
    },
    Table {
        rules: Vec<&'static str>,
        rows: Vec<Vec<String>>,
    },
    Rule,
}

/// An item of a list. Blank lines stand where they stood, not in the whole list or nowhere in it: an item that comes later
/// does not move those that a reader has seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Item {
    /// A blank line stands before it.
    pub(super) apart: bool,
    /// Its blocks, each with whether a blank line stands before it.
    pub(super) blocks: Vec<(bool, Block)>,
}

/// The text of these blocks, each line ended.
pub(super) fn document(blocks: &[Block]) -> String {
    let mut text = lines(blocks.iter().map(|block| (true, block)), false).join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The lines of blocks that stand below each other, with a blank line before those that say so or need it; `nested` in
/// another block.
fn lines<'a>(blocks: impl Iterator<Item = (bool, &'a Block)>, nested: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut marker = 0;
    let mut before: Option<&Block> = None;
    for (apart, block) in blocks {
        let joins = matches!(block, Block::List { .. } | Block::Code { .. });
        if before.is_some() && (apart || !joins) {
            out.push(String::new());
        }
        // Two lists in a row take different marks, or they would be one.
        let follows = matches!((before, block), (Some(Block::List { start: a, .. }), Block::List { start: b, .. }) if a.is_some() == b.is_some());
        marker = if follows { 1 - marker } else { 0 };
        of_block(block, marker, nested, &mut out);
        before = Some(block);
    }
    out
}

fn of_block(block: &Block, marker: usize, nested: bool, out: &mut Vec<String>) {
    match block {
        Block::Paragraph(text) => out.extend(text.split('\n').map(str::to_owned)),
        Block::Heading(level, text) => out.push(format!("{} {text}", "#".repeat(*level))),
        Block::Quote(blocks) => {
            for line in lines(blocks.iter().map(|block| (true, block)), true) {
                out.push(match line.is_empty() {
                    true => ">".to_owned(),
                    false => format!("> {line}"),
                });
            }
        }
        Block::Code { language, text } => {
            let fence = "`".repeat(longest_run(text).max(2) + 1);
            out.push(format!("{fence}{language}"));
            let body = text.strip_suffix('\n').unwrap_or(text);
            if !text.is_empty() {
                out.extend(body.split('\n').map(|line| match nested {
                    true => spaced(line),
                    false => line.to_owned(),
                }));
            }
            out.push(fence);
        }
        Block::List { start, items } => of_list(*start, items, marker, out),
        Block::Table { rules, rows } => {
            for (at, row) in rows.iter().enumerate() {
                out.push(format!("| {} |", row.join(" | ")));
                if at == 0 {
                    out.push(format!("| {} |", rules.join(" | ")));
                }
            }
        }
        Block::Rule => out.push("___".to_owned()),
    }
}

fn of_list(start: Option<u64>, items: &[Item], marker: usize, out: &mut Vec<String>) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 && item.apart {
            out.push(String::new());
        }
        let mark = match start {
            Some(start) => format!("{}{} ", start.saturating_add(at as u64), [".", ")"][marker]),
            None => format!("{} ", ["-", "*"][marker]),
        };
        let indent = " ".repeat(mark.len());
        let blocks = item.blocks.iter().map(|(apart, block)| (*apart, block));
        let inner = lines(blocks, true);
        if inner.is_empty() {
            out.push(mark.trim_end().to_owned());
        }
        for (at, line) in inner.into_iter().enumerate() {
            out.push(match (at, line.is_empty()) {
                (0, _) => format!("{mark}{line}"),
                (_, true) => line,
                (_, false) => format!("{indent}{line}"),
            });
        }
    }
}

/// A line of code within another block: a tab at its start would be measured from the margin.
fn spaced(line: &str) -> String {
    let body = line.trim_start_matches(['\t', ' ']);
    let blanks = &line[..line.len() - body.len()];
    format!("{}{body}", blanks.replace('\t', "    "))
}

/// The longest run of back-ticks.
pub(super) fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`');
    runs.map(str::len).max().unwrap_or(0)
}
