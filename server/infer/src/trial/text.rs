//! Hand-written code that models are tried on.

use crate::load::Model;

/// Places with a known middle, of a kind that every model of code has seen: prefix, middle, suffix.
pub(super) const PLACES: [(&str, &str, &str); 3] = [
    (
        "def largest(values):\n    best = values[0]\n    for value in values:\n        if value > ",
        "best:\n            best = value",
        "\n    return best\n\n\nprint(largest([3, 1, 2]))\n",
    ),
    (
        "class Stack {\n  constructor() {\n    this.items = [];\n  }\n\n  push(item) {\n    this.items.",
        "push(item);",
        "\n  }\n\n  pop() {\n    return this.items.pop();\n  }\n}\n",
    ),
    (
        "use std::collections::HashMap;\n\nfn count(words: &[&str]) -> HashMap<String, usize> {\n    let mut \
         counts = HashMap::new();\n    for word in ",
        "words {\n        *counts.entry(word.to_string()).or_insert(0) += 1;",
        "\n    }\n    counts\n}\n",
    ),
];

/// So many ids of ordinary code, behind what begins a prompt.
pub(super) fn ids(model: &Model, count: usize) -> Vec<u32> {
    let mut ids: Vec<u32> = model.tokens.begin().into_iter().collect();
    let code: Vec<String> = PLACES
        .iter()
        .map(|(prefix, middle, suffix)| [*prefix, middle, suffix].concat())
        .collect();
    let code = model.tokens.encode(&code.concat());
    let code = code.iter().cycle().take(count.saturating_sub(ids.len()));
    ids.extend(code.copied().collect::<Vec<u32>>());
    ids
}
