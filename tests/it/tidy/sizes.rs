//! How long files and functions are, how many parameters, how much is said about them.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::Figure;
use super::source::{CRATES, Source};

/// All figures of the sources.
pub(crate) fn figures(sources: &[Source]) -> Vec<Figure> {
    let mut found = Vec::new();
    for source in sources {
        let root = source.path.ends_with("/lib.rs") || source.path.ends_with("/main.rs");
        let (habit, limit) = if root { (100, 120) } else { (400, 600) };
        found.push(Figure {
            measure: "file",
            of: source.path.clone(),
            value: source.lines(),
            habit,
            limit,
        });
        for function in source.nodes(&["function_item"]) {
            let of = format!("{} {}", source.path, name(source, function));
            let parameters = parameters(function);
            found.push(Figure {
                measure: "function",
                of: of.clone(),
                value: lines(function),
                habit: 60,
                limit: 100,
            });
            found.push(Figure {
                measure: "parameters",
                of,
                value: parameters,
                habit: 4,
                limit: 5,
            });
        }
    }
    for (_, package) in CRATES {
        let own: Vec<&Source> = sources.iter().filter(|s| s.package == package).collect();
        found.extend(of_crate(package, &own));
    }
    found
}

fn of_crate(package: &str, sources: &[&Source]) -> Vec<Figure> {
    let figure = |measure, value, habit, limit| Figure {
        measure,
        of: package.to_owned(),
        value,
        habit,
        limit,
    };
    let mut found = vec![figure("function p90", p90(sources), 45, 100)];
    // Tests and benches say in their names what they do.
    if package == "foretoken-tests" || package == "foretoken-benches" {
        return found;
    }
    let lines: usize = sources.iter().map(|s| s.lines()).sum();
    let comments: usize = sources.iter().map(|s| comment_lines(s)).sum();
    let share = comments * 100 / lines.max(1);
    // A share can be too small as well as too large, and a figure only knows "too large".
    found.push(figure("comment share %", share, 20, 35));
    found.push(figure("uncommented share %", 100 - share, 88, 92));
    let (all, silent) = public_items(sources);
    let complete = [
        "foretoken-engine",
        "foretoken-index",
        "foretoken-infer",
        "foretoken-remote",
    ]
    .contains(&package);
    let limit = if complete { 0 } else { all / 5 };
    found.push(figure("undocumented items", silent.len(), limit, limit));
    if complete {
        let each = silent.into_iter().map(|of| Figure {
            measure: "undocumented",
            of,
            value: 1,
            habit: 0,
            limit: 0,
        });
        found.extend(each);
    }
    found
}

/// Length of the function that is longer than nine in ten, tests left out.
fn p90(sources: &[&Source]) -> usize {
    let mut lengths = Vec::new();
    for source in sources {
        let functions = source.nodes(&["function_item"]);
        lengths.extend(
            functions
                .into_iter()
                .filter(|f| !source.is_test(f.start_byte()))
                .map(lines),
        );
    }
    lengths.sort_unstable();
    lengths.get(lengths.len() * 9 / 10).copied().unwrap_or(0)
}

fn name<'a>(source: &'a Source, item: Node) -> &'a str {
    item.child_by_field_name("name")
        .map(|n| source.of(n))
        .unwrap_or_default()
}

fn lines(node: Node) -> usize {
    node.end_position().row - node.start_position().row + 1
}

/// Without `self`.
fn parameters(function: Node) -> usize {
    let Some(list) = function.child_by_field_name("parameters") else {
        return 0;
    };
    let mut cursor = list.walk();
    list.named_children(&mut cursor)
        .filter(|n| n.kind() == "parameter")
        .count()
}

fn comment_lines(source: &Source) -> usize {
    let comments = source.nodes(&["line_comment", "block_comment"]);
    let rows: BTreeSet<usize> = comments
        .into_iter()
        .flat_map(|c| {
            // A doc comment's node ends at the start of the next line.
            let last = c.end_position().row - usize::from(c.end_position().column == 0);
            c.start_position().row..=last.max(c.start_position().row)
        })
        .collect();
    rows.len()
}

/// How many items other crates can name, and which of them have no doc comment.
fn public_items(sources: &[&Source]) -> (usize, Vec<String>) {
    let kinds = [
        "function_item",
        "struct_item",
        "enum_item",
        "trait_item",
        "const_item",
        "static_item",
        "type_item",
        "union_item",
        "field_declaration",
    ];
    let (mut all, mut silent) = (0, Vec::new());
    for source in sources {
        for item in source.nodes(&kinds) {
            let mut cursor = item.walk();
            let public = item
                .children(&mut cursor)
                .any(|c| c.kind() == "visibility_modifier" && source.of(c) == "pub");
            if !public {
                continue;
            }
            let path = format!("{} {}", source.path, name(source, item));
            if !documented(source, item) {
                silent.push(path);
            }
            all += 1;
        }
    }
    (all, silent)
}

fn documented(source: &Source, item: Node) -> bool {
    let mut before = item.prev_sibling();
    while let Some(node) = before {
        let text = source.of(node);
        if text.starts_with("///") || text.starts_with("/**") || text.starts_with("#[doc") {
            return true;
        }
        // Attributes and plain comments may stand between an item and its doc.
        if node.kind() != "attribute_item" && !node.kind().ends_with("comment") {
            return false;
        }
        before = node.prev_sibling();
    }
    false
}
