//! Model packages of a few hand-written bytes of protobuf, for tests that need no real model. Field
//! numbers: onnx/onnx `onnx/onnx.proto`.

use std::fs;

use sha2::{Digest, Sha256};

/// A length-delimited protobuf field.
pub(crate) fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    if number > 15 {
        out = vec![(number << 3 & 0x7F) | 0x82, number >> 4];
    }
    out.extend(varint(content.len() as u64));
    out.extend_from_slice(content);
    out
}

/// A number, base 128, least significant group first.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7F {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A number's field; numbers of fields below 16 only.
pub(crate) fn number(field: u8, value: u64) -> Vec<u8> {
    [vec![field << 3], varint(value)].concat()
}

/// A node without inputs.
pub(crate) fn node(operator: &str, domain: &str) -> Vec<u8> {
    [field(4, operator.as_bytes()), field(7, domain.as_bytes())].concat()
}

/// A model of these parts of a graph.
pub(crate) fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    field(7, &graph.concat())
}

/// A tensor f32 of this shape without data.
pub(crate) fn shape(dims: &[u64]) -> Vec<u8> {
    let dims = dims.iter().map(|dim| number(1, *dim));
    [dims.collect::<Vec<_>>().concat(), number(2, 1)].concat()
}

/// A tensor of one f32 whose data lies in another file.
pub(crate) fn external(location: &str) -> Vec<u8> {
    [shape(&[]), external_data(&[("location", location)])].concat()
}

/// What a tensor says of the file that its data lies in.
pub(crate) fn external_data(entries: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(key, value): &(&str, &str)| {
        field(
            13,
            &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat(),
        )
    };
    let entries: Vec<Vec<u8>> = entries.iter().map(entry).collect();
    [entries.concat(), number(14, 1)].concat()
}

/// An input or output; a dimension of 0 is open.
pub(crate) fn port(name: &str, element: u64, dims: &[u64]) -> Vec<u8> {
    let dim = |size: &u64| match size {
        0 => field(1, &field(2, b"n")),
        size => field(1, &number(1, *size)),
    };
    let dims: Vec<Vec<u8>> = dims.iter().map(dim).collect();
    let tensor = [number(1, element), field(2, &dims.concat())].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// The ports of a model of one layer, as parts of a graph.
pub(crate) fn ports() -> Vec<u8> {
    let past = [0, 2, 0, 16];
    [
        field(11, &port("input_ids", 7, &[0, 0])),
        field(11, &port("past_key_values.0.key", 1, &past)),
        field(11, &port("past_key_values.0.value", 1, &past)),
        field(12, &port("logits", 1, &[0, 0, 300])),
        field(12, &port("present.0.key", 1, &past)),
        field(12, &port("present.0.value", 1, &past)),
    ]
    .concat()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A manifest for these files.
pub(crate) fn manifest(graph: &[u8], tokenizer: &[u8]) -> String {
    format!(
        "package = {{ format = 1, name = \"test\", version = \"1\", kind = \"generate\" }}\n\
         files = {{ \"model.onnx\" = \"{}\", \"tokenizer.json\" = \"{}\" }}\n\
         graph = {{ max_positions = 64, exact_reuse = true }}\n\
         fim = {{ dialect = \"foretoken\" }}\n\
         budget = {{ file = 4, context = 8, suffix = 8, prefix = 32, tail = 4, generate = 8 }}\n",
        sha256(graph),
        sha256(tokenizer)
    )
}

/// A folder with these three files; `change` edits the manifest.
pub(crate) fn folder(
    graph: &[u8],
    tokenizer: &[u8],
    change: impl Fn(String) -> String,
) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("write");
    write("model.onnx", graph);
    write("tokenizer.json", tokenizer);
    write(
        "manifest.toml",
        change(manifest(graph, tokenizer)).as_bytes(),
    );
    folder
}

/// A graph that passes the walk.
pub(crate) fn good() -> Vec<u8> {
    model(&[field(1, &node("GroupQueryAttention", "com.microsoft"))])
}
