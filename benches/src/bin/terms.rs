//! Turns texts into the terms that the index knows them by, so that training never tells them apart on its
//! own: records of `training/embed/collect.py` on stdin, one JSON object a line; pairs and chunks on stdout.
//!
//! Each chunk comes as `{kind, path, names, head, rest, doc?, subject?}`, all but `path` and `kind` as terms
//! between blanks: the names it defines, the line of its head, the rest of its text without documentation,
//! the documentation's first paragraph, and the subject of a commit that changed it.

use std::io::{BufRead, Write};

use foretoken_benches::retrieval::documented::{Documented, documented};
use foretoken_engine::chunk::{self, Chunk, Kind};
use foretoken_engine::terms;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Record {
    kind: String,
    path: String,
    text: String,
    #[serde(default)]
    subject: String,
    /// From 1, the end exclusive.
    #[serde(default)]
    lines: Vec<(u32, u32)>,
}

#[derive(Serialize)]
struct Row {
    kind: &'static str,
    path: String,
    names: String,
    head: String,
    rest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
}

#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a filter says on stderr what stopped it"
)]
fn main() {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if let Err(sentence) = run(std::io::stdin().lock(), &mut out) {
        eprintln!("terms: {sentence}");
        std::process::exit(1);
    }
}

fn run(input: impl BufRead, out: &mut impl Write) -> Result<(), String> {
    for (number, line) in input.lines().enumerate() {
        let line = line.map_err(|e| e.to_string())?;
        let record: Record =
            serde_json::from_str(&line).map_err(|e| format!("line {}: {e}", number + 1))?;
        for row in rows(&record) {
            serde_json::to_writer(&mut *out, &row).map_err(|e| e.to_string())?;
            writeln!(out).map_err(|e| e.to_string())?;
        }
    }
    out.flush().map_err(|e| e.to_string())
}

fn rows(record: &Record) -> Vec<Row> {
    let chunks = chunk::chunks(&record.path, &record.text, &mut || false);
    let docs = documented(&record.path, &record.text, &chunks);
    let doc = |number: usize| docs.iter().find(|doc| doc.chunk == number);
    let changed = |chunk: &Chunk| {
        let lines = chunk.lines.start + 1..chunk.lines.end + 1;
        let defines = matches!(chunk.kind, Kind::Function | Kind::Type | Kind::Value);
        let overlaps = |(from, to): &(u32, u32)| *from < lines.end && lines.start < *to;
        defines && record.lines.iter().any(overlaps)
    };
    let is_commit = record.kind == "commit";
    let numbered = chunks.iter().enumerate();
    numbered
        .filter(|(_, chunk)| !is_commit || changed(chunk))
        .map(|(number, chunk)| row(record, chunk, doc(number)))
        .collect()
}

fn row(record: &Record, chunk: &Chunk, doc: Option<&Documented>) -> Row {
    let names = format!("{} {}", chunk.qualified, chunk.names.join(" "));
    let head = &record.text[chunk.signature.clone()];
    let mut rest = String::new();
    let mut at = chunk.bytes.start;
    let lines = record.text[chunk.bytes.clone()].split_inclusive('\n');
    for (line, text) in (chunk.lines.start as usize..).zip(lines) {
        let documents = doc.is_some_and(|doc| doc.lines.contains(&line));
        if !documents && !chunk.signature.contains(&at) {
            rest.push_str(text);
        }
        at += text.len();
    }
    Row {
        kind: chunk.kind.word(),
        path: record.path.clone(),
        names: cut(&names),
        head: cut(head),
        rest: cut(&rest),
        doc: doc.map(|doc| cut(&doc.paragraph)),
        subject: (record.kind == "commit").then(|| cut(&record.subject)),
    }
}

fn cut(text: &str) -> String {
    let mut all = String::new();
    terms::each_term(text, &mut |term, _| {
        all.push_str(term);
        all.push(' ');
    });
    all.pop();
    all
}
