//! Packages that read, loaded as a user's would be: two tiny ones that `training/tiny_encoders.py` made, and
//! what becomes of broken ones. Skipped, with a sentence, where there is no ONNX Runtime.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "all of this is test code, of which the lints only know the functions marked as tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

use foretoken_infer::encoder::{Encoder, Role};
use foretoken_infer::library::Places;
use foretoken_infer::package::encoder::Purpose;

fn package(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/encoders")
        .join(kind)
}

/// `None`, with a sentence, where no library can be loaded.
fn load(folder: &Path, purpose: Purpose) -> Option<Result<Encoder, String>> {
    match Encoder::load(folder, purpose, &Places::of_process(None, None)) {
        Ok(encoder) => Some(Ok(encoder)),
        Err(why) if why.code == "no-library" => {
            eprintln!("skipped: {}", why.sentence);
            None
        }
        Err(why) => Some(Err(why.sentence)),
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn what_means_the_same_is_near() {
    let Some(encoder) = load(&package("embed"), Purpose::Embed) else {
        return;
    };
    let mut encoder = encoder.unwrap();
    let mut embed = |text: &str, role| encoder.embed(text, role).unwrap().unwrap();
    let question = embed("Close the stream!", Role::Question);
    let length = cosine(&question, &question);
    assert!((length - 1.0).abs() < 1e-5, "{length}");
    let (near, far) = (
        embed("fn shutdown", Role::Passage),
        embed("fn paint", Role::Passage),
    );
    assert!(cosine(&question, &near) > 0.9, "{near:?}");
    assert!(cosine(&question, &far) < 0.6, "{far:?}");
    // A text that spells a control token is text; one of any length is read to its limit.
    assert_ne!(
        embed("[SEP] close", Role::Passage),
        embed("close", Role::Passage)
    );
    let long = "close ".repeat(10_000);
    assert!(cosine(&embed(&long, Role::Passage), &near) > 0.9);
    assert!(encoder.embed("", Role::Passage).unwrap().is_some());
}

#[test]
fn an_answer_scores_higher_than_another_text() {
    let Some(encoder) = load(&package("rerank"), Purpose::Rerank) else {
        return;
    };
    let mut encoder = encoder.unwrap();
    let mut score = |text: &str| encoder.score("close the stream", text).unwrap();
    assert!(score("shutdown") > score("draw") + 1.0);
}

/// A copy of the package with a file changed.
fn changed(kind: &str, file: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["manifest.toml", "model.onnx", "tokenizer.json"] {
        let bytes = fs::read(package(kind).join(name)).unwrap();
        let bytes = if name == file { change(bytes) } else { bytes };
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn refused(folder: &Path, purpose: Purpose, sentence: &str) {
    if let Some(loaded) = load(folder, purpose) {
        let why = loaded.map(|_| ()).unwrap_err();
        assert!(why.contains(sentence), "{why}");
    }
}

#[test]
fn a_broken_package_is_refused_with_its_reason() {
    let flip = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    for file in ["model.onnx", "tokenizer.json"] {
        let folder = changed("embed", file, flip);
        refused(
            folder.path(),
            Purpose::Embed,
            "is not the file that the package's manifest",
        );
    }
    let manifest = |from: &'static str, to: &'static str| {
        changed("embed", "manifest.toml", move |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1).into_bytes()
        })
    };
    for (from, to, sentence) in [
        (
            "dimension = 8",
            "dimension = 9",
            "not with vectors of 9 numbers",
        ),
        ("dimension = 8", "dimension = 0", "vectors of 0 numbers"),
        ("max_tokens = 32", "max_tokens = 0", "makes no sense"),
        ("floor = 0.6", "floor = nan", "makes no sense"),
        ("format = 1", "format = 2", "format 2"),
        (
            "numbers = [-",
            "numbers = [",
            "does not answer as its manifest says",
        ),
        ("[encoder]", "[encoding]", "manifest.toml is damaged"),
        (
            "\"tokenizer.json\" =",
            "\"other.json\" =",
            "no hash of tokenizer.json",
        ),
    ] {
        refused(manifest(from, to).path(), Purpose::Embed, sentence);
    }
    refused(
        &package("embed"),
        Purpose::Rerank,
        "a package for \"embed\"",
    );
    refused(
        &package("rerank"),
        Purpose::Embed,
        "a package for \"rerank\"",
    );
    refused(Path::new("/nowhere"), Purpose::Embed, "lacks");
}
