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
        tight: bool,
        items: Vec<Vec<Block>>,
    },
    Table {
        rules: Vec<&'static str>,
        rows: Vec<Vec<String>>,
    },
    Rule,
}

/// The text of these blocks, each line ended.
pub(super) fn document(blocks: &[Block]) -> String {
    let mut text = lines(blocks, false, false).join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The lines of blocks that stand below each other; `tight` without blank lines between, `nested` in another block.
fn lines(blocks: &[Block], tight: bool, nested: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut marker = 0;
    for (at, block) in blocks.iter().enumerate() {
        if at > 0 && !tight {
            out.push(String::new());
        }
        // Two lists in a row take different marks, or they would be one.
        let follows = at > 0
            && matches!((&blocks[at - 1], block), (Block::List { start: a, .. }, Block::List { start: b, .. }) if a.is_some() == b.is_some());
        marker = if follows { 1 - marker } else { 0 };
        of_block(block, marker, nested, &mut out);
    }
    out
}

fn of_block(block: &Block, marker: usize, nested: bool, out: &mut Vec<String>) {
    match block {
        Block::Paragraph(text) => out.extend(text.split('\n').map(str::to_owned)),
        Block::Heading(level, text) => out.push(format!("{} {text}", "#".repeat(*level))),
        Block::Quote(blocks) => {
            for line in lines(blocks, false, true) {
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
        Block::List {
            start,
            tight,
            items,
        } => of_list(*start, *tight, items, (marker, out)),
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

fn of_list(
    start: Option<u64>,
    tight: bool,
    items: &[Vec<Block>],
    (marker, out): (usize, &mut Vec<String>),
) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 && !tight {
            out.push(String::new());
        }
        let mark = match start {
            Some(start) => format!("{}{} ", start.saturating_add(at as u64), [".", ")"][marker]),
            None => format!("{} ", ["-", "*"][marker]),
        };
        let indent = " ".repeat(mark.len());
        let inner = lines(item, tight, true);
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
